#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Fuzz the calls against the model for a while, under AddressSanitizer and UBSan.
#	scripts/fuzz.sh DIR [SECONDS]		default: 60
# Builds in DIR-fuzz and keeps there what it found worth keeping (corpus/), so the next run goes on from
# it, and the input of a failure (crash-*). The last line is "N passed, N failed".
set -euo pipefail

dir=${1:?usage: scripts/fuzz.sh DIR [SECONDS]}-fuzz
seconds=${2:-60}
here=$(cd "$(dirname "$0")" && pwd)
instrument=-fsanitize=fuzzer-no-link

case $seconds in
'' | *[!0-9]*)
	printf "fuzz: '%s' is not a number of seconds\n" "$seconds" >&2
	exit 2
	;;
esac
CC=clang "$here/build.sh" "$dir" -Dtests=true -Dtools=false -Dexamples=false -Dfuzz=true \
	-Db_sanitize=address,undefined -Db_lundef=false -Doptimization=1 -Ddebug_asserts=true \
	"-Dc_args=$instrument" "-Dc_link_args=$instrument"
mkdir -p "$dir/corpus"
if "$dir/tests/fuzz/fuzz-calls" -max_total_time="$seconds" -max_len=4096 -len_control=0 \
	-print_final_stats=1 \
	-artifact_prefix="$dir/" "$dir/corpus" >"$dir/fuzz.txt" 2>&1; then
	grep -E '^stat::(number_of_executed_units|average_exec_per_sec)|cov:' "$dir/fuzz.txt" | tail -3
	printf '1 passed, 0 failed\n'
else
	tail -40 "$dir/fuzz.txt"
	printf '0 passed, 1 failed\n'
	exit 1
fi
