#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Check the model of deferred frees with spin (Debian: apt-get install spin gcc): every interleaving
# of deferred.pml must hold, and each broken variant must be refused.
#	models/run.sh
# The last line is "N passed, N failed"; exit status 0: none failed.
set -euo pipefail
cd "$(dirname "$0")"

for tool in spin gcc; do
	if ! command -v "$tool" >/dev/null 2>&1; then
		printf 'models: no %s here. On Debian: apt-get install -y spin gcc\n' "$tool" >&2
		exit 1
	fi
done
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
passed=0
failed=0

# check WANTED WHAT [-DVARIANT]: every interleaving "holds", or some is "refused"
check() {
	local wanted=$1 what=$2 found errors states
	shift 2
	(
		cd "$scratch"
		spin -a "$@" "$OLDPWD/deferred.pml" >spin.txt
		gcc -O2 -w -DSAFETY -DCOLLAPSE -o pan pan.c
		./pan -m100000 >pan.txt
	)
	errors=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' "$scratch/pan.txt")
	states=$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' "$scratch/pan.txt")
	found=unsettled
	if grep -q 'assertion violated' "$scratch/pan.txt"; then
		found=refused
	elif [ "$errors" = 0 ] &&
		! grep -q 'max search depth too small\|out of memory' "$scratch/pan.txt"; then
		found=holds
	fi
	if [ "$found" = "$wanted" ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
	printf '%-44s %-8s %8s states\n' "$what" "$found" "$states"
	if [ "$found" != "$wanted" ]; then
		printf 'wanted: %s\n' "$wanted"
		cat "$scratch/pan.txt"
	fi
}

check holds 'as it is'
check refused 'no look after the unlock' -DNO_LOOK
check refused 'no try after the push' -DNO_TRY
check refused 'link cleared after the scan' -DCLEAR_AFTER_SCAN
check refused 'marked after the push' -DMARK_AFTER_PUSH
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
