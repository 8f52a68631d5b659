#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Build and run the tests, in one or several variants of the build, and count them.
#	scripts/test.sh DIR [plain|asan|tsan|soak]...		default: plain
# plain	every suite but soak, in DIR
# asan	AddressSanitizer and UBSan, with Quire's own assertions on, in DIR-asan
# tsan	ThreadSanitizer, in DIR-tsan
# soak	the suite soak, in DIR
# TEST_ARGS goes to `meson test` as it is: TEST_ARGS='--suite unit', or a test's name.
# The last line is "N passed, N failed" (", N skipped"); exit status 0: some ran, none failed.
set -euo pipefail

dir=${1:?usage: scripts/test.sh DIR [plain|asan|tsan|soak]...}
shift
[ $# -gt 0 ] || set -- plain
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$dir"
results=$dir/test-results.txt
: >"$results"

export ASAN_OPTIONS=${ASAN_OPTIONS:-abort_on_error=1:detect_stack_use_after_return=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-halt_on_error=1:abort_on_error=1:print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:abort_on_error=1:second_deadlock_stack=1}

# The sanitizers of GCC 12 and Clang 14 cannot start where the kernel scatters mappings over more
# bits than they foresaw.
unscattered=()
if setarch "$(uname -m)" -R true 2>/dev/null; then
	unscattered=(setarch "$(uname -m)" -R)
fi

# record LABEL KIND WHERE STATUS; what summary.py reads
record() {
	printf '%s\t%s\t%s\t%s\n' "$@" >>"$results"
}

# run LABEL BUILD-DIR OPTIONS -- MESON-TEST-ARGUMENTS
run() {
	local label=$1 build=$2 options=() status=0
	shift 2
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	printf '== %s\n' "$label"
	if ! "$here/build.sh" "$build" -Dtests=true "${options[@]}"; then
		record "$label" broken 'does not build' 1
		return
	fi
	rm -f "$build/meson-logs/$label.json"
	local before=()
	[ "$label" = plain ] || before=("${unscattered[@]}")
	# shellcheck disable=SC2086
	"${before[@]}" meson test -C "$build" --no-rebuild --print-errorlogs --logbase "$label" "$@" \
		${TEST_ARGS:-} </dev/null || status=$?
	record "$label" meson "$build/meson-logs/$label.json" "$status"
}

sanitized=(-Doptimization=1 -Ddebug=true -Ddebug_asserts=true -Db_lundef=false)
for variant; do
	case $variant in
	plain)
		run plain "$dir" --
		;;
	asan)
		run asan "$dir-asan" "${sanitized[@]}" -Db_sanitize=address,undefined -- \
			--suite unit --suite core --suite property --suite stress --suite uses
		;;
	tsan)
		run tsan "$dir-tsan" "${sanitized[@]}" -Db_sanitize=thread -- \
			--suite unit --suite core --suite stress --suite uses
		;;
	soak)
		run soak "$dir" -- --suite soak
		;;
	*)
		printf "test: unknown variant '%s'; there are: plain, asan, tsan, soak\n" "$variant" >&2
		record "$variant" broken 'no such variant' 1
		;;
	esac
done

printf '\n'
exec python3 "$here/summary.py" "$results"
