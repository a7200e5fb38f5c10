# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# lib.sh: what exact.sh and bench.sh share: the helper programs, a scratch folder, the churn's
# gate, and the way a program is started, awaited and always ended.
#
# Sourced, by a script that has its arguments still. Sets root, bin (helper programs), tool, tmp. Every
# process started with "spawn" is killed and $tmp removed when the script ends, however it ends.
#
# libbpf attaches the programs of tcpstates and tcplife by numbers that it reads from tracefs. Where
# that is not mounted the script begins again in a mount namespace of its own, with one.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${BUILD:-$root/build}
[[ $build = /* ]] || build=$root/$build
bin=$build/bench
# shellcheck disable=SC2034 # the callers'
tool=${TCPCONNSTATE:-$root/tcpconnstate}
tmp=
spawned=()
instances=()
me=${0##*/}

die() {
	echo "$me: $*" >&2
	exit 1
}

# with_tracefs ARGUMENT...: of the script
with_tracefs() {
	[[ -e /sys/kernel/tracing/events/sock || $EUID -ne 0 ]] && return
	[[ -z ${BENCH_MOUNTS-} ]] || die "tracefs cannot be mounted, which tcpstates and tcplife need: $BENCH_MOUNTS"
	# shellcheck disable=SC2016 # of the inner shell
	exec unshare --mount --propagation private -- bash -c '
		BENCH_MOUNTS=$(mount -t tracefs tracefs /sys/kernel/tracing 2>&1)
		export BENCH_MOUNTS=${BENCH_MOUNTS:-no tracepoint of sockets in it}
		exec bash "$@"' bash "$0" "$@"
}
with_tracefs "$@"

lib_cleanup() {
	local pid name

	for pid in "${spawned[@]}"; do
		kill -KILL "$pid" 2>/dev/null
	done
	wait 2>/dev/null
	# truth removes its own instance at the end; this is for a truth that was killed
	for name in "${instances[@]}"; do
		"$bin/truth" stop "$name" >/dev/null 2>&1
	done
	[[ -n $tmp ]] && rm -rf "$tmp"
	return 0
}

# lib_begin: to be called once, after the options are read. The caller's own trap, if it has
# one, calls lib_cleanup.
lib_begin() {
	local name

	((EUID == 0)) || { echo "$me: needs root (a network namespace, tracefs)" >&2; exit 77; }
	mkdir -p "$bin" || exit 1
	for name in churn truth count attach once; do
		[[ $bin/$name -nt $here/$name.c ]] && continue
		"${CC:-cc}" -O2 -g -std=gnu11 -Wall -Wextra -o "$bin/$name" "$here/$name.c" ||
			die "cannot build $name"
	done
	tmp=$(mktemp -d) || exit 1
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
}

# spawn OUT ERR IN COMMAND...: in the background, its pid in $pid. None of the script's own
# descriptors (the gates) is left open in it.
spawn() {
	local out=$1 err=$2 in=$3

	shift 3
	"$@" <"$in" >"$out" 2>"$err" 6>&- 7>&- &
	pid=$!
	spawned+=("$pid")
}

forget() {
	local p rest=()

	for p in "${spawned[@]}"; do
		[[ $p = "$1" ]] || rest+=("$p")
	done
	spawned=("${rest[@]}")
}

# wait_for SECONDS COMMAND...: until it succeeds; 1 when it has not within SECONDS
wait_for() {
	local until=$((SECONDS + $1))

	shift
	until "$@"; do
		((SECONDS > until)) && return 1
		sleep 0.02
	done
}

gone() {
	# a child that has ended is a zombie until it is waited for
	local stat

	read -r stat 2>/dev/null <"/proc/$1/stat" || return 0
	[[ ${stat##*) } = Z* ]]
}

# finish PID SECONDS [SIGNAL]: (signal and) wait for its end, at most SECONDS; sets $status
finish() {
	[[ -n ${3-} ]] && kill "-$3" "$1" 2>/dev/null
	wait_for "$2" gone "$1" || kill -KILL "$1" 2>/dev/null
	wait "$1" 2>/dev/null
	status=$?
	forget "$1"
}

has() {
	grep -q -- "$1" "$2" 2>/dev/null
}

# field FILE TYPE KEY: a number or a word of the JSON line {"type":"TYPE",..}
field() {
	sed -n "/^{\"type\":\"$2\"/s/.*\"$3\":\"\\{0,1\\}\\([^,}\"]*\\).*/\\1/p" "$1" | tail -n 1
}

# churn_open ARG...: start it, up to the first gate (fd 6); sets $churn_pid $netns $ports.
# Ports of this script's own: two runs at a time on one host are not counted for each other.
churn_open() {
	rm -f "$tmp/gate"
	mkfifo "$tmp/gate" || exit 1
	: >"$tmp/churn.out"
	exec 6<>"$tmp/gate"
	spawn "$tmp/churn.out" "$tmp/churn.err" "$tmp/gate" "$bin/churn" --gate \
		--port $((10000 + $$ % 150 * 70)) "$@"
	churn_pid=$pid
	wait_for 10 has '"netns"' "$tmp/churn.out" || die "churn: $(cat "$tmp/churn.err")"
	# shellcheck disable=SC2034 # the callers'
	netns=$(field "$tmp/churn.out" netns netns)
	ports=$(field "$tmp/churn.out" netns ports)
	[[ -n $ports ]] || die "churn did not start"
}

churn_step() {
	echo >&6
}

# churn_run SECONDS: opens the last gate and waits for the end; 1 when it failed
churn_run() {
	churn_step
	finish "$churn_pid" "$1"
	exec 6>&-
	((status == 0)) && has '"failed":false' "$tmp/churn.out"
}

median() {
	# shellcheck disable=SC2048,SC2086 # a list of numbers
	printf '%s\n' $* | sort -g | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'
}

calc() {
	awk "BEGIN { printf \"$1\", $2 }"
}

# shellcheck disable=SC2317 # called by attached
links() {
	# BPF links among its files
	local fd n=0

	for fd in "/proc/$1"/fd/*; do
		[[ $(readlink "$fd") = anon_inode:*bpf[-_]link* ]] && n=$((n + 1))
	done
	echo "$n"
}

# shellcheck disable=SC2317 # called by wait_for
attached() {
	# it has links, and for 0.3 s no new ones: what it does right after it has attached (a scan
	# of what exists) belongs to the start
	local n i

	n=$(links "$1")
	for ((i = 0; i < 3 && n > 0; i++)); do
		sleep 0.1
		(($(links "$1") == n)) || return 1
	done
	((n > 0))
}

# monitor_spawn NAME OUT COMMAND...: start it and wait until it is attached; sets $monitor
monitor_spawn() {
	local name=$1 out=$2

	shift 2
	spawn "$out" "$tmp/$name.err" /dev/null "$@"
	# shellcheck disable=SC2034 # the callers'
	monitor=$pid
	wait_for 10 attached "$monitor" || die "$name does not attach: $(cat "$tmp/$name.err")"
}

# programs PID: a line per BPF program it has: id, run_time_ns, run_cnt, recursion_misses
programs() {
	local id

	cat "/proc/$1"/fdinfo/* 2>/dev/null | awk '
		/^pos:/ { id = "" } /^prog_id:/ { id = $2; all[id] }
		/^run_time_ns:/ { time[id] = $2 } /^run_cnt:/ { cnt[id] = $2 }
		/^recursion_misses:/ { miss[id] = $2 }
		END { for (id in all) print id, time[id], cnt[id], miss[id] + 0 }' |
	while read -r id figures; do
		if [[ $figures = *' '*' '* || ! -x $(command -v bpftool) ]]; then
			echo "$id $figures"
		else
			# it has closed the program and kept the link
			bpftool -j prog show id "$id" | awk -v id="$id" '
				function get(key) {
					if (!match($0, "\"" key "\":[0-9]+"))
						return 0
					return substr($0, RSTART + length(key) + 3,
						      RLENGTH - length(key) - 3)
				}
				{ print id, get("run_time_ns"), get("run_cnt"),
					get("recursion_misses") }'
		fi
	done
}

# programs_watch: run the churn to its end, with the figures of $monitor's programs before and after
programs_watch() {
	programs "$monitor" | sort >"$tmp/before"
	churn_run 60 || die "churn: $(cat "$tmp/churn.err")"
	programs "$monitor" | sort >"$tmp/after"
}

# programs_cost: of what programs_watch saw, the nanoseconds in all programs together for an event, how
# many programs ran, and the share of events that the busiest of them was not called for. An event is
# a call of the program that is called for each, done or refused.
programs_cost() {
	awk '
		NR == FNR { time[$1] = $2; cnt[$1] = $3; miss[$1] = $4; next }
		{
			n = $3 - cnt[$1]
			m = $4 - miss[$1]
			sum += $2 - time[$1]
			if (n > 0)
				used++
			if (n + m > events) {
				events = n + m
				missed = m
			}
		}
		END { printf "%.1f %d %.4f%%\n", events ? sum / events : 0, used,
			     events ? missed / events * 100 : 0 }' "$tmp/before" "$tmp/after"
}
