#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Write the golden files anew: what the tests of the suite "golden" compare with.
#	scripts/golden.sh DIR
# DIR is a build directory with release options; the change is to be looked at, and committed with
# what caused it.
set -euo pipefail

dir=${1:?usage: scripts/golden.sh DIR}
here=$(cd "$(dirname "$0")" && pwd)
file=$here/../tests/pcp/instructions.txt

"$here/setup.sh" "$dir" -Dtests=true
if ! ninja -C "$dir" -t query tests/pcp/test-pcp-instructions >/dev/null 2>&1; then
	printf 'golden: %s has no such test: it is for x86-64, without sanitizers or debug_asserts\n' \
		"$dir" >&2
	exit 1
fi
ninja -C "$dir" --quiet tests/pcp/test-pcp-instructions
QUIRE_UPDATE=1 "$dir/tests/pcp/test-pcp-instructions" "$file"
printf 'golden: tests/pcp/instructions.txt is written\n'
