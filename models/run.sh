#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Check the models with spin: each must hold in every interleaving as it is, and each variant with
# one rule broken must be refused. doc/models.md says what they are.
#	models/run.sh [--tap | --trace] [MODEL...]	default: all models
#	models/run.sh --help
# --tap	report in the Test Anything Protocol
# --trace	after each refused variant the shortest way to what goes wrong, step by step
# The last line is "N passed, N failed"; exit status 0: some ran, and none failed. With --tap and
# without spin there is a skip instead, and the exit status is 0 too.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

# model, what must come of it, the variant's name, what it is
table='
biased	holds	-	as it is
biased	refused	NO_FENCE	no fence
biased	refused	CLOSE_FOR_FENCE	no fence, but the list closed
biased	refused	SWAP_BACK	swapped back after a failed fence
shared	holds	-	as it is
shared	holds	NO_OPS	ops never advanced: as good
shared	refused	NO_LOOK	sections do not look at closed
shared	refused	NO_CLOSE	drains do not close
shared	refused	PLAIN_COMMIT	commit by a plain store
shared	refused	PLAIN_CLOSE	closed by a load and a store
mode	holds	-	as it is
mode	holds	SHARED_LP_FIRST	shared_lp set before the fence: as good
mode	refused	UNFENCED_HIDE	isolated without a fence
mode	refused	BOTH_SHOWN	back, and shared_lp left as it was
divert	holds	-	as it is
divert	refused	UNFENCED_HIDE	no fence
divert	refused	NO_CLOSE	shared: the list is not closed
divert	refused	NO_LOOK	shared: sections do not look at closed
divert	refused	NOT_NESTED	shown again by the first undivert of two
divert	refused	DIVERTS_FORGOTTEN	shown again by a change of mode
divert	refused	BOTH_SHOWN	back, and shared_lp left as it was
divert	refused	REOPENED_IF_SHARED	biased: not opened again by the undivert
merge	holds	-	as it is
merge	refused	COUNTED_AT_END	drains counted when they end
merge	refused	COUNTED_AFTER_SWAP	drains counted after their swap
merge	refused	UNFENCED_COUNTS	a drain whose fence failed counts
merge	refused	FENCED_IS_EMPTY	what a failed drain left is forgotten by a fence
depot	holds	-	as it is
depot	refused	COUNTED_FIRST	put: counted before it is written
depot	refused	FREED_FIRST	get: counted before it is read
deferred	holds	-	as it is
deferred	refused	NO_LOOK	no look after the unlock
deferred	refused	NO_TRY	no try after the push
deferred	refused	CLEAR_AFTER_SCAN	link cleared after the scan
deferred	refused	MARK_AFTER_PUSH	marked after the push
'

# The comment at the top.
help() {
	sed -n '3,/^set/{/^#/{s/^# \{0,1\}//;p}}' "$here/run.sh"
}

is_model() {
	local model
	while IFS=$'\t' read -r model _; do
		[ -z "$model" ] || [ "$model" != "$1" ] || return 0
	done <<<"$table"
	return 1
}

tap=false
trace=false
models=()
for argument; do
	case $argument in
	--tap) tap=true ;;
	--trace) trace=true ;;
	-h | --help)
		help
		exit 0
		;;
	*)
		if ! is_model "$argument"; then
			printf "models: no model '%s'; there are: %s\n" "$argument" \
				"$(cut -f1 <<<"$table" | sort -u | xargs)" >&2
			exit 1
		fi
		models+=("$argument")
		;;
	esac
done

for tool in spin gcc; do
	command -v "$tool" >/dev/null 2>&1 && continue
	if $tap; then
		printf "1..0 # SKIP no %s here; 'make deps' installs it\n" "$tool"
		exit 0
	fi
	printf 'models: no %s here. On Debian: apt-get install -y spin gcc\n' "$tool" >&2
	exit 1
done

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

# search MODEL [-DVARIANT]: what spin says, in the file result. A variant is searched breadth first,
# so that its trace is a shortest one.
search() {
	local model=$1 how=(-O1 -DCOLLAPSE)
	shift
	[ $# -eq 0 ] || how=(-O0 -DBFS)
	rm -f pan.* ./*.trail
	if [ $# -gt 0 ] && ! grep -qw "${1#-D}" "$here"/{"$model",lists,drain}.pml; then
		printf 'no model knows the variant %s\n' "${1#-D}" >result
		return 1
	fi
	spin -a "$@" "$here/$model.pml" >result 2>&1 &&
		gcc "${how[@]}" -w -DSAFETY -DMEMLIM=4096 -o pan pan.c >>result 2>&1 &&
		./pan -m10000 >>result 2>&1
}

# Says what has been found in the file result.
verdict() {
	if grep -q 'assertion violated' result; then
		echo refused
	elif grep -q 'errors: 0$' result &&
		! grep -q 'search depth too small\|out of memory' result; then
		echo holds
	else
		echo unsettled
	fi
}

# check NUMBER MODEL WANTED VARIANT WHAT
check() {
	local number=$1 model=$2 wanted=$3 variant=$4 what=$5 options=() found states began seconds
	[ "$variant" = - ] || options=("-D$variant")
	began=$EPOCHREALTIME
	search "$model" "${options[@]}" || true
	found=$(verdict)
	states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' result)
	seconds=$(awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')
	if $tap; then
		[ "$found" = "$wanted" ] || printf 'not '
		printf 'ok %d - %s: %s: %s, %s states, %s s\n' "$number" "$model" "$what" "$found" \
			"${states:-0}" "$seconds"
	else
		printf '%-8s  %-48s  %-8s %9s %8s\n' \
			"$model" "$what" "$found" "${states:-0}" "$seconds"
	fi
	if [ "$found" != "$wanted" ]; then
		printf '# wanted: %s\n' "$wanted"
		sed 's/^/# /' result
	fi
	if { $trace || [ "$found" != "$wanted" ]; } && compgen -G '*.trail' >/dev/null; then
		spin -t -B -T "${options[@]}" -k ./*.trail "$here/$model.pml" | sed 's/^/# /'
	fi
	[ "$found" = "$wanted" ]
}

wanted() {
	[ ${#models[@]} -eq 0 ] || [[ " ${models[*]} " == *" $1 "* ]]
}

rows=()
while IFS= read -r row; do
	if [ -n "$row" ] && wanted "${row%%	*}"; then
		rows+=("$row")
	fi
done <<<"$table"

if $tap; then
	printf '1..%d\n' "${#rows[@]}"
else
	printf '%-8s  %-48s  %-8s %9s %8s\n' model variant found states seconds
fi
passed=0
failed=0
for row in "${rows[@]}"; do
	IFS=$'\t' read -r model outcome variant what <<<"$row"
	if check $((passed + failed + 1)) "$model" "$outcome" "$variant" "$what"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
done
if ! $tap; then
	printf '%d passed, %d failed\n' "$passed" "$failed"
fi
[ "$passed" -gt 0 ] && [ "$failed" -eq 0 ]
