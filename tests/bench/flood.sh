#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# flood.sh: what does a flood cost the watcher, and what does it miss meanwhile?
#
#	flood.sh [--rate N] [--seconds N] [--half-open N] [--runs N]
#
# What: (1) N SYNs a second (default 100,000, for 30 seconds) against one listener, once with an
# ordinary SYN queue and once with one that holds 65,535, while real clients come and go at the
# same port. Prints the CPU time of `tcpconnstate watch --json` as a share of one core, its
# resident memory early and late, and how many of the clients' state changes came out. (2) With so
# many half-open connections held (default 100,000): the time of `audit --window 0` and of
# `ss -tan state syn-recv`, and what both count.
# Why: who watches a flood must not be its victim, and must not go blind for the honest ones.
#
# Passes when CPU is at most 5 % of a core, memory does not grow by more than 2 MiB after the
# first third, nothing of the clients is missing, the audit takes at most 0.5 s (best of --runs)
# and counts what ss counts. The traffic is that of tests/e2e/flood.c, in namespaces of its own.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

usage() {
	sed -n '/^# flood.sh:/,/^$/s/^#\( \|$\)//p' "$0"
	exit "$1"
}

rate=100000 seconds=30 held=100000 runs=5
while (($#)); do
	case $1 in
	--rate) rate=${2-} ;;
	--seconds) seconds=${2-} ;;
	--half-open) held=${2-} ;;
	--runs) runs=${2-} ;;
	-h | --help) usage 0 ;;
	*) usage 2 >&2 ;;
	esac
	(($# > 1)) || usage 2 >&2
	shift 2
done

lib_begin
trap lab_cleanup EXIT
[[ -x $tool ]] || die "$tool is not there: run make, or set TCPCONNSTATE"
flood=$build/e2e/flood
[[ -x $flood ]] || die "$flood is not there: run make helpers"
hz=$(getconf CLK_TCK)
bad=0

lab_cleanup() {
	exec 8>&-
	lib_cleanup
}

# lab_open SERVER-WORDS...: a laboratory; sets $server $client $netns
lab_open() {
	rm -f "$tmp/alive" "$tmp"/lab* "$tmp"/serve*
	mkfifo "$tmp/alive" || exit 1
	exec 8<>"$tmp/alive"
	spawn "$tmp/lab" "$tmp/lab.err" "$tmp/alive" "$flood" lab cookies=1 somaxconn=1048576 8>&-
	wait_for 10 has server_pid "$tmp/lab" || die "lab: $(cat "$tmp/lab.err")"
	server=$(field "$tmp/lab" lab server_pid)
	client=$(field "$tmp/lab" lab client_pid)
	netns=$(field "$tmp/lab" lab server_netns)
	spawn "$tmp/serve" "$tmp/serve.err" "$tmp/alive" nsenter -t "$server" -n "$flood" serve "$@" 8>&-
	wait_for 10 has ready "$tmp/serve" || die "serve: $(cat "$tmp/serve.err")"
}

lab_close() {
	exec 8>&-
	finish "${spawned[0]}" 10
	finish "${spawned[0]}" 10
}

# cpu_ticks PID: all its threads have used
cpu_ticks() {
	local stat

	read -r stat <"/proc/$1/stat"
	# shellcheck disable=SC2086 # the words of it
	set -- ${stat##*) }
	echo $((${12} + ${13}))
}

rss_kb() {
	awk '/^VmRSS:/ { print $2 }' "/proc/$1/status"
}

# judge WHAT OK...: one line, counted when the test after it fails
judge() {
	local what=$1

	shift
	if "$@"; then
		echo "    ok      $what"
	else
		echo "    NOT OK  $what"
		bad=$((bad + 1))
	fi
}

at_most() {
	awk -v n="$1" -v most="$2" 'BEGIN { exit !(n <= most) }'
}

# states NEW: the clients' changes into it that came out
states() {
	grep -c "^{\"type\":\"state\".*\"netns\":$netns,.*\"lport\":8000,.*\"new_state\":\"$1\"" "$tmp/out"
}

# watched NAME BACKLOG
watched() {
	local watch syn connect before early late up change

	lab_open backlog="$2" listen=8000
	spawn "$tmp/out" "$tmp/watch.err" /dev/null "$tool" watch --json -N "$netns"
	watch=$pid
	wait_for 10 has '"meta"' "$tmp/out" || die "watch: $(cat "$tmp/watch.err")"
	spawn "$tmp/connect" "$tmp/connect.err" /dev/null nsenter -t "$client" -n "$flood" connect \
		n=$((seconds * 200)) rate=200 hold_ms=100
	connect=$pid
	before=$(cpu_ticks "$watch")
	spawn "$tmp/syn" "$tmp/syn.err" /dev/null nsenter -t "$client" -n "$flood" syn \
		rate="$rate" seconds="$seconds"
	syn=$pid
	sleep $((seconds / 3))
	early=$(rss_kb "$watch")
	finish "$syn" $((seconds * 3))
	((status == 0)) || die "syn: $(cat "$tmp/syn.err")"
	used=$(($(cpu_ticks "$watch") - before))
	late=$(rss_kb "$watch")
	finish "$connect" 60
	sleep 1
	finish "$watch" 20 INT
	judge "$1: watch ended with 0" test "$status" = 0
	took=$(field "$tmp/syn" last seconds)
	cpu=$(awk -v t="$used" -v hz="$hz" -v s="$took" 'BEGIN { printf "%.2f", t / hz / s * 100 }')
	echo "$1: $(field "$tmp/syn" last sent) SYNs in $took s," \
		"$(nsenter -t "$server" -n nstat -asz | awk '/SyncookiesSent/ { print $2 }') cookies," \
		"$(grep -c '^{"type":"synack_retransmit"' "$tmp/out") SYN-ACK lines," \
		"$(grep -c '^{"type":"alert"' "$tmp/out") alert lines"
	judge "CPU $cpu % of a core (at most 5)" at_most "$cpu" 5
	judge "resident $early kB after a third, $late kB at the end (2048 kB more at most)" \
		at_most $((late - early)) 2048
	up=$(field "$tmp/connect" connected up)
	judge "$up of $((seconds * 200)) clients were connected (all)" test "$up" = $((seconds * 200))
	for change in syn_recv established close_wait last_ack close; do
		judge "$(states $change) changes to $change for $up connections" \
			test "$(states $change)" = "$up"
	done
	judge "lost: $(sed -n 's/.*"lost":\({[^}]*}\).*/\1/p' "$tmp/out" | tail -n 1)" \
		grep -q '^{"type":"end".*"lost":{"ring_full":0,"recursion":0,"table_full":0,"decode":0' "$tmp/out"
	lab_close
}

# now_us, and best VARIABLE SINCE: the smaller
best_of() {
	local us=$((${EPOCHREALTIME/./} - $2))

	((${!1:-0} && ${!1} <= us)) || printf -v "$1" %d "$us"
}

audited() {
	local audit_us=0 ss_us=0 start before after mine i agreed=

	lab_open backlog=$((held * 3)) listen=8000
	spawn "$tmp/syn" "$tmp/syn.err" /dev/null nsenter -t "$client" -n "$flood" syn \
		rate="$rate" count="$held"
	finish "$pid" 60
	for ((i = 0; i < runs; i++)); do
		start=${EPOCHREALTIME/./}
		before=$(nsenter -t "$server" -n ss -tanH state syn-recv | wc -l)
		best_of ss_us "$start"
		start=${EPOCHREALTIME/./}
		"$tool" audit --json --window 0 -N "$netns" >"$tmp/audit" 2>"$tmp/audit.err"
		best_of audit_us "$start"
		after=$(nsenter -t "$server" -n ss -tanH state syn-recv | wc -l)
		mine=$(sed -n 's/^{"type":"summary".*"syn_recv":\([0-9]*\).*/\1/p' "$tmp/audit")
		[[ $before = "$after" && $mine = "$before" ]] && agreed="$mine"
	done
	echo "audit --window 0: $mine half-open, $(sed -n \
		's/^{"type":"listener".*"sources":\([0-9a-z]*\).*/\1/p' "$tmp/audit") sources, ss: $before"
	judge "audit $((audit_us / 1000)) ms (at most 500), ss $((ss_us / 1000)) ms; best of $runs" \
		test "$audit_us" -le 500000
	judge "both count ${agreed:-not the same}" test -n "$agreed"
	judge "at least $((held * 99 / 100)) are held" test "${before:-0}" -ge $((held * 99 / 100))
	lab_close
}

echo "$(uname -sr), $(nproc) CPUs, load $(cut -d ' ' -f 1 /proc/loadavg) before"
watched "SYN queue of 1,024" 1024
watched "SYN queue of 65,535" 65535
audited
((bad == 0)) || { echo "$bad not ok" && exit 1; }
