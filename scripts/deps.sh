#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What building, testing and linting need: name what is missing, install it by Debian package name.
#	scripts/deps.sh GROUP...	groups: build, test, lint, bench; default: the first three
# Says nothing when nothing is missing.
set -euo pipefail

# group, kind, name, Debian package. Kinds: cmd (in PATH), inc (header), lib (for gcc's linker), arm
# (the same for aarch64), pc (what pkg-config knows), rt (of clang's runtime). The group bench has
# what `quire bench --allocator` can measure beside Quire; nothing else needs it.
table='
build	cmd	cc	gcc
build	inc	stdlib.h	libc6-dev
build	cmd	make	make
build	cmd	python3	python3
build	cmd	meson	meson
build	cmd	ninja	ninja-build
build	cmd	pkg-config	pkg-config
build	inc	jansson.h	libjansson-dev
test	inc	cmocka.h	libcmocka-dev
test	inc	valgrind/memcheck.h	valgrind
test	cmd	g++	g++
test	cmd	clang	clang
test	cmd	cmake	cmake
test	cmd	nm	binutils
test	cmd	abidiff	abigail-tools
test	cmd	git	git
test	cmd	spin	spin
test	cmd	aarch64-linux-gnu-gcc	gcc-aarch64-linux-gnu
test	arm	libc.a	libc6-dev-arm64-cross
test	cmd	qemu-aarch64-static	qemu-user-static
test	lib	libasan.so	gcc
test	lib	libtsan.so	gcc
test	rt	fuzzer	libclang-rt-14-dev
lint	cmd	clang	clang
lint	cmd	clang-format	clang-format
lint	cmd	git	git
bench	cmd	pkg-config	pkg-config
bench	pc	libdpdk	libdpdk-dev
'

fail() {
	printf 'deps: %s\n' "$*" >&2
	exit 1
}

have_header() {
	# Where it nearly always is, without starting a compiler; else the compiler knows.
	[ -e "/usr/include/$1" ] && return 0
	cc=$(command -v "${CC:-cc}" || command -v gcc || true)
	[ -n "$cc" ] && printf '#include <%s>\n' "$1" | "$cc" -E -x c - >/dev/null 2>&1
}

have_library() {
	local found
	found=$("${CC:-cc}" -print-file-name="$1" 2>/dev/null || true)
	[[ -n $found && $found != "$1" ]]
}

# Part of clang's runtime, by the name of its archive.
have_clang_runtime() {
	local dir
	dir=$(clang -print-resource-dir 2>/dev/null) || return 1
	compgen -G "$dir/lib/linux/libclang_rt.$1-*.a" >/dev/null
}

have() {
	case $1 in
	cmd) command -v "$2" >/dev/null 2>&1 ;;
	inc) have_header "$2" ;;
	lib) have_library "$2" ;;
	arm) CC=aarch64-linux-gnu-gcc have_library "$2" ;;
	pc) pkg-config --exists "$2" 2>/dev/null ;;
	rt) have_clang_runtime "$2" ;;
	esac
}

# Prints "package<TAB>what is missing" for each unmet line of the wanted groups.
missing() {
	local group kind name package
	while IFS=$'\t' read -r group kind name package; do
		[[ -n $group && " $groups " == *" $group "* ]] || continue
		have "$kind" "$name" || printf '%s\t%s\n' "$package" "$name"
	done <<<"$table"
}

groups=${*:-build test lint}
for group in $groups; do
	case $group in
	build | test | lint | bench) ;;
	*) fail "unknown group '$group'; there are: build, test, lint, bench" ;;
	esac
done

lacking=$(missing)
[ -n "$lacking" ] || exit 0

mapfile -t packages < <(cut -f1 <<<"$lacking" | sort -u)
printf 'deps: missing: %s\n' "$(cut -f2 <<<"$lacking" | sort -u | paste -sd' ')"
install="apt-get install -y --no-install-recommends ${packages[*]}"
if ! command -v apt-get >/dev/null 2>&1; then
	fail "no apt-get here. On Debian this would run:
	apt-get update && $install
Install what these packages hold by your system's own means, then try again."
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null 2>&1 || fail "not root, and there is no sudo. As root, run:
	apt-get update && $install"
	as_root=(sudo)
	# Where nobody can type a password, sudo must not ask for one.
	if ! { [ -t 0 ] && [ -t 2 ]; } && ! sudo -n true 2>/dev/null; then
		fail "not root, and sudo wants a password that nobody is here to type. As root, run:
	apt-get update && $install"
	fi
fi

apt() {
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
		apt-get -q -o DPkg::Lock::Timeout=300 "$@"
}

printf 'deps: installing: %s\n' "${packages[*]}"
# An update that fails in part (one dead mirror) may still be enough: the install decides.
apt update -o Dpkg::Use-Pty=0 >/dev/null ||
	printf 'deps: apt-get update failed; trying with the lists there are\n' >&2
apt install -y --no-install-recommends -o Dpkg::Use-Pty=0 "${packages[@]}" >/dev/null ||
	fail "could not be installed. What was tried:
	apt-get update && $install"

hash -r
lacking=$(missing)
[ -z "$lacking" ] || fail "installed, but still not found: $(cut -f2 <<<"$lacking" | paste -sd' ')"
