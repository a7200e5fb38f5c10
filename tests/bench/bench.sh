#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# bench.sh: what does watching cost? tcpconnstate beside libbpf-tools' tcpstates and tcplife.
#
# What: makes TCP connections as fast as this machine can (churn.c), without a monitor and under
# each, in turns, and prints the figures side by side. README.md says how each is taken.
# Why in one run: machines differ, and a machine differs from one hour to the next; only the
# figures of one run can be compared.
#
# Bounds: about 100 seconds, --quick about 40. kernel.bpf_stats_enabled is on only where time
# inside the programs is taken, as it costs itself, and is put back however the script ends.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

usage() {
	cat <<-END
	usage: bench.sh [--quick] [--rounds N] [--seconds S] [--threads N] [--hold N] [--tsv FILE]
	The tool is \$TCPCONNSTATE, or tcpconnstate of this tree; tcpstates and tcplife are looked
	for in PATH (Debian: libbpf-tools). What is missing is left out.
	END
	exit "$1"
}

rounds=3 seconds=2 threads=4 hold=50000 tsv='' starts=5
while (($#)); do
	case $1 in
	--quick) rounds=1 seconds=1 hold=5000 starts=1; shift; continue ;;
	--rounds) rounds=${2-} ;;
	--seconds) seconds=${2-} ;;
	--threads) threads=${2-} ;;
	--hold) hold=${2-} ;;
	--tsv) tsv=${2-} ;;
	-h | --help) usage 0 ;;
	*) usage 2 >&2 ;;
	esac
	(($# > 1)) || usage 2 >&2
	shift 2
done

PATH=$PATH:/usr/sbin:/sbin
stats=/proc/sys/kernel/bpf_stats_enabled
stats_before=
# shellcheck disable=SC2317 # called by the trap
bench_end() {
	[[ -n $stats_before ]] && echo "$stats_before" >"$stats"
	lib_cleanup
}
lib_begin
trap bench_end EXIT

# who: the columns of the table, in the order of the rounds. A monitor's command, the format its
# output is counted in, the lines a connection should give, and the signal that ends it well.
who=()
declare -A command format per_conn signal
if [[ -x $tool ]]; then
	who+=(tcpconnstate tcpconnstate_json)
	command[tcpconnstate]="$tool watch"
	command[tcpconnstate_json]="$tool watch --json"
	format[tcpconnstate]=text format[tcpconnstate_json]=json
	per_conn[tcpconnstate]=10 per_conn[tcpconnstate_json]=10
	signal[tcpconnstate]=TERM signal[tcpconnstate_json]=TERM
else
	echo "bench.sh: $tool is not there (run make): the others only" >&2
fi
for name in tcpstates tcplife; do
	if ! path=$(command -v "$name"); then
		echo "bench.sh: no $name (Debian: apt install libbpf-tools): left out" >&2
		continue
	fi
	who+=("$name")
	command[$name]=$path
	signal[$name]=INT
done
format[tcpstates]=text format[tcplife]=lines
per_conn[tcpstates]=10 per_conn[tcplife]=2

# v[NAME,FIGURE]: everything measured; where there are rounds, a list
declare -A v

note() {
	[[ -t 2 ]] && printf '\r\033[K%s' "$*" >&2
	return 0
}

# monitor_start NAME OUT [PREFIX...]: sets $monitor
monitor_start() {
	local words

	read -ra words <<<"${*:3} ${command[$1]}"
	monitor_spawn "$1" "$2" "${words[@]}"
}

# cpu_ticks PID: user and system time of all its threads
cpu_ticks() {
	local stat

	read -r stat <"/proc/$1/stat"
	# shellcheck disable=SC2086 # the words of it
	set -- ${stat##*) }
	echo "${12} ${13}"
}

# memory PID: resident kB without buffers shared with the kernel, those buffers' kB, and the kB
# of all its BPF maps
memory() {
	awk '/^[0-9a-f]+-[0-9a-f]+ / { shared = /anon_inode:.*(bpf|perf)/ }
	     /^Rss:/ { if (shared) buffers += $2; else rss += $2 }
	     END { printf "%d %d ", rss, buffers }' "/proc/$1/smaps"
	cat "/proc/$1"/fdinfo/* 2>/dev/null | awk '/^map_type:/ { map = 1 } /^pos:/ { map = 0 }
	     map && /^memlock:/ { mem = $2 } /^map_id:/ && !seen[$2]++ { sum += mem }
	     END { printf "%d\n", sum / 1024 }'
}

result() {
	field "$tmp/churn.out" result "$1"
}

# lost NAME: what the monitor itself says on stderr that it has lost, 0 when it says nothing
lost() {
	sed -n 's/\([0-9]\),\([0-9]\)/\1\2/g;
		s/^lost \([0-9]*\) events on CPU.*/\1/p
		s/.*[ :]\([0-9]*\) lost.*/\1/p' "$tmp/$1.err" |
		awk '{ n += $1 } END { print n + 0 }'
}

# rate NAME: connections per second, and the monitor's CPU time meanwhile
rate() {
	local before after events share

	churn_open --threads "$threads" --seconds "$seconds"
	if [[ $1 != bare ]]; then
		monitor_start "$1" /dev/null
		before=$(cpu_ticks "$monitor")
	fi
	churn_run 60 || die "churn: $(cat "$tmp/churn.err")"
	v[$1,rate]+=" $(result conns_per_s)"
	[[ $1 = bare ]] && return
	sleep 0.3
	after=$(cpu_ticks "$monitor")
	finish "$monitor" 20 "${signal[$1]}"
	# an event that is lost costs the loader nothing: count those that it has dealt with
	share=$(calc %.6f "1 - $(lost "$1") / ($(result connections) * ${per_conn[$1]})")
	events=$(calc %.0f "$(result transitions) * ($share > 0.001 ? $share : 0.001)")
	v[$1,lost]+=" $(calc %.2f "(1 - $share) * 100")"
	# shellcheck disable=SC2086 # pairs of numbers
	set -- "$1" $before $after
	v[$1,user]+=" $(calc %.3f "($4 - $2) / $hz / $events * 1e6")"
	v[$1,sys]+=" $(calc %.3f "($5 - $3) / $hz / $events * 1e6")"
}

# inside NAME FIGURE [PREFIX...]: nanoseconds in all its programs together per event
# (bpf_stats_enabled)
inside() {
	churn_open --threads "$threads" --seconds "$seconds"
	monitor_start "$1" /dev/null "${@:3}"
	programs_watch
	read -r v["$1,$2"] v["$1,programs"] v["$1,missed"] < <(programs_cost)
	finish "$monitor" 20 "${signal[$1]}"
}

# delivered NAME: lines of output for what happened
delivered() {
	local counter want

	rm -f "$tmp/out"
	mkfifo "$tmp/out" || exit 1
	churn_open --threads "$threads" --seconds "$seconds"
	spawn "$tmp/count" "$tmp/count.err" "$tmp/out" "$bin/count" "${format[$1]}" \
		--ports "$ports"
	counter=$pid
	monitor_start "$1" "$tmp/out"
	churn_run 60 || die "churn: $(cat "$tmp/churn.err")"
	sleep 0.5
	finish "$monitor" 20 "${signal[$1]}"
	finish "$counter" 20
	# the listeners' own end is a change each as well
	want=$(($(result connections) * ${per_conn[$1]}))
	((per_conn[$1] == 10)) && want=$((want + threads))
	v[$1,delivered]=$(awk -v got="$(field "$tmp/count" end states)" -v want="$want" '
		BEGIN { printf got == want ? "all" : "%.3f%%", got / want * 100 }')
}

# resident NAME: memory when 2 * hold sockets are open and tracked
resident() {
	churn_open --threads 1 --connections 1 --hold "$hold"
	monitor_start "$1" /dev/null
	churn_step
	wait_for 60 has '"ready"' "$tmp/churn.out" || die "churn: $(cat "$tmp/churn.err")"
	sleep 1
	read -r v["$1,rss"] v["$1,buffers"] v["$1,maps"] < <(memory "$monitor")
	churn_step
	wait_for 60 has '"result"' "$tmp/churn.out" || die "churn: $(cat "$tmp/churn.err")"
	# the monitor first: closing the held sockets is not part of this
	finish "$monitor" 20 "${signal[$1]}"
	churn_run 60 || die "churn: $(cat "$tmp/churn.err")"
}

starting() {
	local words out key=last_link_ms

	read -ra words <<<"${command[$1]}"
	out=$("$bin/attach" --runs "$starts" -- "${words[@]}" 2>/dev/null)
	# its first JSON line says that it is attached
	[[ $1 = tcpconnstate_json ]] && key=first_line_ms
	echo "$out" >"$tmp/attach.out"
	v[$1,start]=$(field "$tmp/attach.out" attach "$key")
}

hz=$(getconf CLK_TCK)
read -r load _ </proc/loadavg
echo "$(uname -sr), $(nproc) CPUs, load $load before;" \
	"$threads client and $threads server processes," \
	"$rounds rounds of $seconds s, medians"
awk "BEGIN { exit !($load > 1) }" &&
	echo "bench.sh: warning: the machine is not idle, the figures will be off" >&2

for ((round = 1; round <= rounds; round++)); do
	for name in bare "${who[@]}"; do
		note "round $round of $rounds: $name"
		rate "$name"
	done
done
stats_before=$(<"$stats")
echo 1 >"$stats" || die "cannot set kernel.bpf_stats_enabled"
for name in "${who[@]}"; do
	note "time in the programs: $name"
	# a full buffer makes an event cheap: once as it is, and once with a loader that is
	# served before the traffic and so keeps up
	inside "$name" ns
	inside "$name" ns_first nice -n -20
done
echo "$stats_before" >"$stats"
for name in "${who[@]}"; do
	note "delivered: $name"
	delivered "$name"
	note "memory: $name"
	resident "$name"
	note "start: $name"
	starting "$name"
done
note

bare=$(median "${v[bare,rate]}")
heading=(monitor conns/s slower ns/event ns/first progs missed user sys CPU lost delivered RSS_kB
	maps_kB start_ms)
table=("${heading[*]}" "bare $bare 0.0% - - - - - - - - - - - -")
for name in "${who[@]}"; do
	r=$(median "${v[$name,rate]}")
	u=$(median "${v[$name,user]}")
	s=$(median "${v[$name,sys]}")
	figures=("$name" "$r" "$(calc %.1f%% "(1 - $r / $bare) * 100")"
		"${v[$name,ns]}" "${v[$name,ns_first]}" "${v[$name,programs]}" "${v[$name,missed]}"
		"$u" "$s" "$(calc %.2f "$u + $s")" "$(median "${v[$name,lost]}")%"
		"${v[$name,delivered]}" "${v[$name,rss]}" "${v[$name,maps]}" "${v[$name,start]}")
	table+=("${figures[*]}")
done
printf '%s\n' "${table[@]}" | awk '{
	printf "%-18s %7s %6s %8s %8s %5s %8s ", $1, $2, $3, $4, $5, $6, $7
	printf "%6s %6s %5s %7s %9s %7s %8s %8s\n", $8, $9, $10, $11, $12, $13, $14, $15
}'
[[ -n $tsv ]] && printf '%s\n' "${table[@]}" | tr ' ' '\t' >"$tsv"
cat <<END
ns/event: in all its BPF programs together; ns/first: the same with the loader at nice -20, so that
it keeps up (a full buffer makes events cheap). missed: calls of its first program that the kernel
refused. user, sys, CPU: the loader's seconds per million events that it has dealt with; lost: what
it said it lost meanwhile. delivered: lines that came through a pipe. RSS: with $((2 * hold))
sockets open, without buffers shared with the kernel; maps: all BPF maps, those buffers included.
start: from exec to attached, ms.
END
for f in ns ns_first; do
	[[ -n ${v[tcpstates,$f]-} && ${v[tcpconnstate,$f]-0} -gt 0 ]] &&
		calc '%.1f' "${v[tcpstates,$f]} / ${v[tcpconnstate,$f]}" &&
		echo " times: tcpstates' $f over tcpconnstate's"
done
exit 0
