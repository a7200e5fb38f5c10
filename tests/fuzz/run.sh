#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh: look for inputs that break a promise
#
#	run.sh [--runs N] [--seconds S] [TARGET...]
#
# Each target (a .c file here) starts from seeds: the golden captures, and the lines of
# seeds/TARGET.txt. What it learns is kept in build/fuzz/corpus/TARGET, so the next run begins
# where this one ended. A finding is kept as build/fuzz/finding-TARGET-...; the target takes its
# name as an argument and shows it again. One line a target; exit status 1 when there is a finding.

set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
out=${BUILD:-$root/build}/fuzz
runs=10000000 seconds=0 max_len=2048
while [[ ${1-} == --* ]]; do
	case $1 in
	--runs) runs=$2 ;;
	--seconds) seconds=$2 ;;
	*)
		sed -n 's/^# \{0,1\}//; 3,/^$/p' "$0" >&2
		exit 2
		;;
	esac
	shift 2
done
cd "$root/tests/fuzz" || exit 1
targets=("$@")
(($#)) || for c in *.c; do
	targets+=("${c%.c}")
done

# seeds TARGET FOLDER
seeds() {
	local n=0 line
	case $1 in
	capture | records) "$out/$1" --seeds "$2" "$root"/tests/golden/*.tcs || exit 1 ;;
	esac
	[[ -e seeds/$1.txt ]] || return 0
	while IFS= read -r line; do
		n=$((n + 1))
		case $1 in
		# a word a line
		options) tr ' ' '\n' <<<"$line" >"$2/seed-$n" ;;
		# \xNN and the like are written as such
		*) printf '%b' "$line" >"$2/seed-$n" ;;
		esac
	done <"seeds/$1.txt"
}

failed=0
for target in "${targets[@]}"; do
	[[ -x $out/$target ]] || { echo "$target: $out/$target is not built (make fuzz)"; exit 1; }
	mkdir -p "$out/corpus/$target"
	seeds "$target" "$out/corpus/$target"
	log=$out/$target.log
	# (weighing inputs by how rare their features are takes a sixth of the time)
	args=(-runs="$runs" -max_len="$max_len" -entropic=0 -timeout=20 -rss_limit_mb=4096 -print_final_stats=1
		-artifact_prefix="$out/finding-$target-")
	((seconds)) && args+=(-max_total_time="$seconds")
	if "$out/$target" "${args[@]}" "$out/corpus/$target" >"$log" 2>&1; then
		made=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
		echo "$target: $made executions, no finding"
	else
		failed=1
		echo "$target: FINDING; $log says:"
		grep -E '^==|ERROR|SUMMARY|runtime error|Test unit written|#[0-9] .* (in|0x)' "$log" |
			head -n 30 | sed 's/^/    /'
	fi
done
exit $failed
