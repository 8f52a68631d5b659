#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Configure if need be, and compile: a line when something is done, the errors when it fails.
#	scripts/build.sh DIR [-Doption=value...]
# A new build directory leaves the tests out, as they need more than the rest; test.sh adds them.
set -euo pipefail

dir=${1:?usage: scripts/build.sh DIR [-Doption=value...]}
shift
here=$(dirname "$0")

if [ $# -eq 0 ] && [ ! -e "$dir/build.ninja" ]; then
	set -- -Dtests=false
fi
"$here/setup.sh" "$dir" "$@"

if ninja -C "$dir" -n | grep -q 'no work to do'; then
	exit 0
fi
printf 'build: %s\n' "$dir"
if [ -t 1 ]; then
	exec ninja -C "$dir"
fi
log=$dir/meson-logs/build.txt
if ! ninja -C "$dir" >"$log" 2>&1; then
	grep -v '^\[[0-9]*/[0-9]*\] ' "$log" >&2 || cat "$log" >&2
	printf 'build: %s failed (above)\n' "$dir" >&2
	exit 1
fi
