#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# exact.sh: is every state change counted, exactly?
#
# What: runs tcpconnstate, and the kernel's tracepoint in tracefs (truth.c), while churn.c makes
# at least a million state changes; then compares the count of each (old, new) pair.
#
#	exact.sh			one run, default buffer: every pair equal, nothing lost
#	exact.sh --runs 10		ten in a row
#	exact.sh --buffer 64K		a buffer that must overflow: seen + lost is the truth
#
# A run passes when every pair's count is the truth's (with loss: at most the truth's), seen and
# lost together are the truth, at most --max-lost percent are lost, and tcpconnstate ended well.
# Subtracted from the truth: events that fired while a thread of process 1 was current, where
# the tool has not seen them either (some kernels run no tp_btf program then; the number is
# printed as invisible), and changes from a state to itself.
# Bounds: each run ends by itself (churn has an alarm); default 120 000 connections, 3 seconds.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

usage() {
	cat <<-END
	usage: exact.sh [--runs N] [--connections M] [--threads N] [--close client|server|mix|race]
	                [--bytes N] [--workers N] [--buffer SIZE] [--max-lost PERCENT]
	                [--min-rate CONNECTIONS_PER_S] [--filter none|netns] [--keep FOLDER]
	                [-- TOOL-ARGUMENT...]
	The tool is \$TCPCONNSTATE, or tcpconnstate of this tree. Exit status 0 exact, 1 not.
	END
	exit "$1"
}

runs=1 connections=120000 threads=4 close=mix bytes=0 workers=1 buffer='' max_lost='' min_rate=0
filter='' keep='' extra=()
while (($#)); do
	case $1 in
	--runs) runs=${2-} ;;
	--connections) connections=${2-} ;;
	--threads) threads=${2-} ;;
	--close) close=${2-} ;;
	--bytes) bytes=${2-} ;;
	--workers) workers=${2-} ;;
	--buffer) buffer=${2-} ;;
	--max-lost) max_lost=${2-} ;;
	--min-rate) min_rate=${2-} ;;
	--filter) filter=${2-} ;;
	--keep) keep=${2-} ;;
	-h | --help) usage 0 ;;
	--) shift; extra=("$@"); break ;;
	*) usage 2 >&2 ;;
	esac
	(($# > 1)) || usage 2 >&2
	shift 2
done
# What is lost has no port: only with the churn's namespace alone in view is it all the churn's.
[[ -n $filter ]] || { [[ -n $buffer ]] && filter=netns || filter=none; }
[[ -n $max_lost ]] || { [[ -n $buffer ]] && max_lost=100 || max_lost=0; }

lib_begin
trap lib_cleanup EXIT
[[ -x $tool ]] || die "$tool is not there: run make, or set TCPCONNSTATE"

one_run() {
	local name=tcpconnstate_exact_$$_$1 args tool_pid count_pid truth_pid tool_status ok=1
	local limit=$((connections / 2000 + 60)) result made total

	rm -f "$tmp"/{out,ready,stdin.truth,count,truth.out}
	mkfifo "$tmp/out" "$tmp/stdin.truth" || exit 1
	churn_open --threads "$threads" --connections "$connections" --close "$close" \
		--bytes "$bytes" --workers "$workers"

	# the truth begins before the tool and ends after it; in between only the churn moves
	exec 7<>"$tmp/stdin.truth"
	instances+=("$name")
	spawn "$tmp/truth.out" "$tmp/truth.err" "$tmp/stdin.truth" "$bin/truth" run "$name" \
		--ports "$ports" --events "$((connections * 11 + 1000))"
	truth_pid=$pid
	wait_for 20 has started "$tmp/truth.out" || die "truth: $(cat "$tmp/truth.err")"

	args=(watch --json)
	[[ -n $buffer ]] && args+=(--buffer "$buffer")
	[[ $filter = netns ]] && args+=(-N "$netns")
	# the reader of the pipe is not what is tested: it must not be what holds the tool up
	spawn "$tmp/count" "$tmp/count.err" "$tmp/out" nice -n -20 \
		"$bin/count" json --ports "$ports" --ready "$tmp/ready"
	count_pid=$pid
	spawn "$tmp/out" "$tmp/tool.err" /dev/null "$tool" "${args[@]}" "${extra[@]}"
	tool_pid=$pid
	wait_for 10 test -e "$tmp/ready" || die "no first line: $(cat "$tmp/tool.err")"

	churn_run "$limit" || die "churn: $(cat "$tmp/churn.err")"
	sleep 0.5
	finish "$tool_pid" 60 TERM
	tool_status=$status
	finish "$count_pid" 60
	# an end of file is what truth waits for
	exec 7>&-
	finish "$truth_pid" 60
	((status == 0)) || ok=0

	result=$(awk -v max_lost="$max_lost" -f "$here/compare.awk" "$tmp/truth.out" \
		"$tmp/count") || ok=0
	((tool_status == 0)) || { ok=0; result+=" exit_status=$tool_status"; }
	# not a fault of the tool: a resent segment, say, takes a connection another way to its end
	made=$(field "$tmp/churn.out" result transitions)
	total=$(field "$tmp/truth.out" end events)
	# (the listeners' own end is a change each)
	[[ $made = null ]] || ((total == made + threads)) ||
		result+=" (unusual: $((total - made - threads)) changes more than planned)"
	if [[ -n $keep ]]; then
		mkdir -p "$keep" && cp "$tmp"/{truth.out,count,churn.out,tool.err} "$keep"
	fi
	result+=" conns_per_s=$(field "$tmp/churn.out" result conns_per_s)"
	if (($(field "$tmp/churn.out" result conns_per_s) < min_rate)); then
		ok=0
		result+="(<$min_rate)"
	fi
	if ((ok)); then
		echo "run $1: exact $result"
		return 0
	fi
	echo "run $1: NOT EXACT $result"
	sed 's/^/    tool: /' "$tmp/tool.err" | tail -n 5
	return 1
}

good=0
for ((i = 1; i <= runs; i++)); do
	one_run "$i" && good=$((good + 1))
done
echo "$good of $runs runs exact (close=$close threads=$threads buffer=${buffer:-default}" \
	"max_lost=$max_lost%)"
((good == runs))
