#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Make sure that a build directory is configured, with these options among others.
#	scripts/setup.sh DIR [-Doption=value...]
# Quick when it is so already: the options of the last call are kept in DIR/setup-options. Options
# that were set by other means and are not named here stay as they are.
set -euo pipefail

dir=${1:?usage: scripts/setup.sh DIR [-Doption=value...]}
shift
source=$(cd "$(dirname "$0")/.." && pwd)
log=$dir/meson-logs/setup.txt
wanted=$*

run_meson() {
	mkdir -p "$dir/meson-logs"
	if ! meson "$@" >"$log" 2>&1; then
		cat "$log" >&2
		printf 'setup: meson %s failed (above)\n' "$1" >&2
		exit 1
	fi
}

# Debian's own libdir. Meson asks dpkg-dev for it, and where that is not installed it takes lib64,
# which on Debian neither the dynamic linker nor CMake looks into.
debian_libdir() {
	local triplet
	[ -e /etc/debian_version ] && ! command -v dpkg-architecture >/dev/null 2>&1 || return 0
	triplet=$("${CC:-cc}" -print-multiarch 2>/dev/null || true)
	[ -z "$triplet" ] || printf -- '-Dlibdir=lib/%s' "$triplet"
}

if [ ! -e "$dir/build.ninja" ]; then
	printf 'setup: %s %s\n' "$dir" "$wanted"
	libdir=$(debian_libdir)
	run_meson setup ${libdir:+"$libdir"} "$@" "$dir" "$source"
elif [ $# -gt 0 ] && [ "$(cat "$dir/setup-options" 2>/dev/null || true)" != "$wanted" ]; then
	printf 'setup: %s %s\n' "$dir" "$wanted"
	run_meson configure "$dir" "$@"
else
	exit 0
fi
printf '%s\n' "$wanted" >"$dir/setup-options"
