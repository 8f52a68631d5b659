#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# List the project's files, tracked or not yet, one a line, relative to the root; without git, what
# is not in a build directory.
#	scripts/sources.sh [SUFFIX...]		default: c h cc hpp
set -euo pipefail
cd "$(dirname "$0")/.."

[ $# -gt 0 ] || set -- c h cc hpp
pattern="\\.($(
	IFS='|'
	printf '%s' "$*"
))\$"

all() {
	if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
		git ls-files --cached --others --exclude-standard
	else
		find . \( -path './build*' -o -path './.git' \) -prune -o -type f -print |
			sed 's|^\./||'
	fi
}

all | grep -E "$pattern" | LC_ALL=C sort -u | while IFS= read -r file; do
	# A file that was deleted but is still in the index is none.
	[ -e "$file" ] && printf '%s\n' "$file"
done
true
