#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# record.sh: what does recording a million events cost, and how fast are they replayed?
#
# What: churn.c makes state changes in a namespace of its own while `tcpconnstate record` keeps
# them (in memory: /dev/shm if it is there); then the capture is replayed to a verdict, to JSON
# and to text. Best of --runs, each run with a churn of its own.
#
#	cpu_s         user and system time of the recorder, from exec to exit (bash's times)
#	bytes_event   size of the capture by the number of events in it
#	verdict_s ... time of a replay from exec to exit, output to /dev/null
#	rss_kb        the most memory a replay took; of its first eighth: eighth_kb
#
# Exit status 1 when a target is missed: 1.0 s, 20 bytes, nothing lost, 0.5 s and 1.5 s for a
# million events; and no more memory for the whole than for an eighth, but for 800 KB:
# a byte for each event more would be 875 KB (tables of sockets and chance make up to 300).

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

usage() {
	echo "usage: record.sh [--runs N] [--connections M] (ten events each; default 3, 100000)"
	exit "$1"
}

runs=3 connections=100000
while (($#)); do
	case $1 in
	--runs) runs=${2-} ;;
	--connections) connections=${2-} ;;
	-h | --help) usage 0 ;;
	*) usage 2 >&2 ;;
	esac
	(($# > 1)) || usage 2 >&2
	shift 2
done

lib_begin
trap lib_cleanup EXIT
[[ -x $tool ]] || die "$tool is not there: run make, or set TCPCONNSTATE"
[[ -w /dev/shm ]] && { rm -rf "$tmp"; tmp=$(mktemp -d -p /dev/shm) || exit 1; }

# timed COMMAND...: seconds into $real
timed() {
	local from=$EPOCHREALTIME

	"$@" >/dev/null 2>"$tmp/timed.err"
	real=$(awk -v a="$from" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.2f", b - a }')
}
# peak COMMAND...: the most memory it takes, in kB: sampled, since what has ended cannot be asked
peak() {
	local kb most=0

	"$@" >/dev/null 2>&1 &
	while kb=$(awk '/^VmHWM/ { print $2 }' "/proc/$!/status" 2>/dev/null) && [[ -n $kb ]]; do
		((kb > most)) && most=$kb
	done
	wait $!
	rss=$most
}
least() {
	awk -v a="$1" -v b="$2" 'BEGIN { print a == "" || b < a ? b : a }'
}

best_cpu='' best_verdict='' best_json='' best_text='' lost_total=0 grown=0
for ((i = 1; i <= runs; i++)); do
	rm -f "$tmp/c.tcs"
	churn_open --threads 4 --connections "$connections" --close mix --bytes 100
	spawn "$tmp/rec.out" "$tmp/rec.err" /dev/null "$tool" record --force -N "$netns" "$tmp/c.tcs"
	recorder=$pid
	# attached when its capture has a first part: after about a second
	wait_for 20 test -s "$tmp/c.tcs" || die "no capture: $(cat "$tmp/rec.err")"
	churn_run 120 || die "churn: $(cat "$tmp/churn.err")"
	sleep 1.2
	before=$(awk '{ print $16 + $17 }' /proc/$$/stat)
	finish "$recorder" 30 INT
	((status == 0)) || die "record: $(cat "$tmp/rec.err")"
	after=$(awk '{ print $16 + $17 }' /proc/$$/stat)
	cpu_s=$(awk -v n=$((after - before)) -v hz="$(getconf CLK_TCK)" 'BEGIN { printf "%.2f", n / hz }')

	"$tool" replay --json "$tmp/c.tcs" 2>/dev/null | tail -n 1 >"$tmp/end"
	shown=$(field "$tmp/end" end shown)
	lost=$(sed 's/.*"lost":{\([^}]*\)}.*/\1/; s/[^0-9,]//g; s/,/+/g' "$tmp/end")
	lost=$((lost))
	lost_total=$((lost_total + lost))
	size=$(stat -c %s "$tmp/c.tcs")
	timed "$tool" replay --verdict "$tmp/c.tcs"
	verdict=$real
	timed "$tool" replay --json "$tmp/c.tcs"
	json=$real
	timed "$tool" replay "$tmp/c.tcs"
	text=$real
	# Cut at about an eighth: it ends in the middle, which is said and does not matter.
	head -c $((size / 8)) "$tmp/c.tcs" >"$tmp/eighth.tcs"
	peak "$tool" replay --json "$tmp/eighth.tcs"
	eighth=$rss
	peak "$tool" replay --json "$tmp/c.tcs"
	((rss <= eighth + 800)) || grown=1
	per_event=$(awk -v s="$size" -v n="$shown" 'BEGIN { printf "%.1f", s / n }')
	echo "run $i: events=$shown lost=$lost cpu_s=$cpu_s bytes=$size bytes_event=$per_event" \
		"verdict_s=$verdict json_s=$json text_s=$text rss_kb=$rss eighth_kb=$eighth" \
		"conns_per_s=$(field "$tmp/churn.out" result conns_per_s)"
	best_cpu=$(least "$best_cpu" "$cpu_s")
	best_verdict=$(least "$best_verdict" "$verdict")
	best_json=$(least "$best_json" "$json")
	best_text=$(least "$best_text" "$text")
done
echo "best of $runs: cpu_s=$best_cpu bytes_event=$per_event verdict_s=$best_verdict json_s=$best_json" \
	"text_s=$best_text lost=$lost_total"
awk -v n="$shown" -v cpu="$best_cpu" -v b="$per_event" -v v="$best_verdict" -v j="$best_json" \
	-v lost="$lost_total" -v grown="$grown" 'BEGIN {
		m = n / 1e6
		exit !(cpu <= 1.0 * m && b <= 20 && v <= 0.5 * m && j <= 1.5 * m && !lost && !grown)
	}'
