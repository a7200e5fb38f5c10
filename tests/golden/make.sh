#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make.sh: record the golden captures again, all or those named; as root
#
# Each is a scenario of tests/e2e (dance.c, hold.c, flood.c) in network namespaces of its own, recorded
# from there only. The expected files follow with `make golden`. New recordings have other addresses,
# times and numbers; what the expected files say about states, reasons and findings must not change.

set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
here=tests/golden
tmp=$(mktemp -d) || exit 1
pids=()
cleanup() {
	local p
	for p in "${pids[@]}"; do
		kill -KILL "$p" 2>/dev/null
	done
	wait 2>/dev/null
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

die() {
	echo "make.sh: $*" >&2
	exit 1
}
until_true() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		((SECONDS <= end)) || return 1
		sleep 0.02
	done
}

# record NAME NETNS SECONDS OPTION...: starts it, and waits until it is attached
record() {
	local netns=$2

	name=$1
	shift 2
	./tcpconnstate record --force --json -N "$netns" "$@" "$tmp/$name.tcs" >"$tmp/live.$name" 2>"$tmp/err" &
	recorder=$!
	pids+=("$recorder")
	until_true 10 test -s "$tmp/live.$name" || die "$name: $(cat "$tmp/err")"
}
stop() {
	kill -INT "$recorder"
	wait "$recorder" || die "$1: $(cat "$tmp/err")"
	(($(stat -c %s "$tmp/$1.tcs") < 100000)) || die "$1.tcs is too large"
	mv "$tmp/$1.tcs" "$here/$1.tcs"
	echo "$here/$1.tcs: $(stat -c %s "$here/$1.tcs") bytes"
}

# begin NAME COMMAND...: until its first line is there; $gate feeds it, $pid is its process
begin() {
	local name=$1
	shift
	mkfifo "$tmp/gate.$name"
	"$@" <"$tmp/gate.$name" >"$tmp/held.$name" 2>"$tmp/err" &
	pid=$!
	pids+=("$pid")
	exec {gate}>"$tmp/gate.$name"
	until_true 30 test -s "$tmp/held.$name" || die "$name: $(cat "$tmp/err")"
}
# dance NAME SCENARIO
dance() {
	local gate pid
	begin "$1" build/e2e/dance --gate "$2"
	record "$1" "$(head -n 1 "$tmp/held.$1" | jq .netns)" -i 0.5
	echo go >&"$gate"
	exec {gate}>&-
	wait "$pid" || die "$1: $(cat "$tmp/err")"
	stop "$1"
}

# hold NAME WORD...: until there are three looks, the last of them after ${more[NAME]}
hold() {
	local gate name=$1 looks=3
	shift
	local pid
	begin "$name" build/e2e/hold "$@"
	until_true 30 "${ready[$name]-true}" "$pid" || die "$name: it does not get ready"
	record "$name" "$(jq .netns "$tmp/held.$name")" -i 0.5
	until_true 60 looks 2
	[[ -z ${more[$name]-} ]] || {
		echo "${more[$name]}" >&"$gate"
		looks=6
	}
	until_true 60 looks "$looks"
	stop "$name"
	exec {gate}>&-
	kill -KILL "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
}
# twins NAME SITUATION WORD -- WORDS...: words of the start, and lines of the input while it is recorded;
# until there are two looks more
twins() {
	local gate name=$1 pid start=() lines=1
	shift
	while [[ $1 != -- ]]; do
		start+=("$1")
		shift
	done
	shift
	begin "$name" build/e2e/twins "${start[@]}"
	record "$name" "$(head -n 1 "$tmp/held.$name" | jq .netns)" -i 0.5
	for words; do
		lines=$((lines + 1))
		echo "${words//_/ }" >&"$gate"
		until_true 30 has_lines "$tmp/held.$name" $lines || die "$name: $(cat "$tmp/err")"
	done
	until_true 60 looks $(($(looks_so_far) + 2))
	stop "$name"
	exec {gate}>&-
	kill -KILL "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
}
has_lines() { (($(wc -l <"$1") >= $2)); }
# race NAME WORD...: requests that have a cookie, whose last ACKs race
race() {
	local gate name=$1 pid
	shift
	begin "$name" build/e2e/race "$@"
	record "$name" "$(head -n 1 "$tmp/held.$name" | jq .netns)" -i 0.5
	echo go >&"$gate"
	exec {gate}>&-
	wait "$pid" || die "$name: $(cat "$tmp/err")"
	stop "$name"
}
# part NAME WORD...: in another file than that in which they began they all end
part() {
	local gate name=$1 pid
	shift
	begin "$name" build/e2e/hold listen=1
	record "$name" "$(jq .netns "$tmp/held.$name")" -i 0.5 --rotate 4K --keep 1
	printf '%s\n' "$@" time_wait=100 >&"$gate" # more than 4K
	until_true 30 test -e "$tmp/$name.tcs.1" || die "$name: $(cat "$tmp/err")"
	kill -KILL "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	exec {gate}>&-
	stop "$name"
}
# flood NAME FINDING LAB SERVE TRAFFIC...: each a list of words for flood; until it is found, and a
# second longer
flood() {
	local name=$1 finding=$2 lab=$3 serve=$4 alive words i=0 mine=() server client
	shift 4
	mkfifo "$tmp/alive.$name"
	# shellcheck disable=SC2086 # words
	build/e2e/flood lab $lab <"$tmp/alive.$name" >"$tmp/lab.$name" 2>"$tmp/err" &
	mine+=($!)
	exec {alive}>"$tmp/alive.$name"
	until_true 10 grep -qs server_pid "$tmp/lab.$name" || die "$name: $(cat "$tmp/err")"
	read -r server client < <(jq -r '"\(.server_pid) \(.client_pid)"' "$tmp/lab.$name")
	# shellcheck disable=SC2086
	nsenter -t "$server" -n build/e2e/flood serve $serve <"$tmp/alive.$name" \
		>"$tmp/serve.$name" 2>"$tmp/err" &
	mine+=($!)
	until_true 10 grep -qs ready "$tmp/serve.$name" || die "$name: $(cat "$tmp/err")"
	record "$name" "$(jq .server_netns "$tmp/lab.$name")" -i 0.5
	for words; do
		i=$((i + 1))
		# shellcheck disable=SC2086
		nsenter -t "$client" -n build/e2e/flood $words <"$tmp/alive.$name" \
			>"$tmp/traffic.$name.$i" 2>"$tmp/err" &
		mine+=($!)
	done
	pids+=("${mine[@]}")
	until_true 20 grep -qs "\"kind\":\"$finding\"" "$tmp/live.$name" || die "$name: no $finding"
	until_true 20 looks $(($(looks_so_far) + 2))
	stop "$name"
	exec {alive}>&-
	kill -KILL "${mine[@]}" 2>/dev/null
	wait "${mine[@]}" 2>/dev/null
}
# fails NAME WORD...: connects that fail, until that is found; then something listens there, until it
# is over
fails() {
	local gate name=$1 pid
	shift
	begin "$name" build/e2e/hold "$@"
	record "$name" "$(jq .netns "$tmp/held.$name")" -i 0.5 --connect-fail-age 1
	until_true 20 grep -qs '"kind":"connect_failing"' "$tmp/live.$name" || die "$name: not found"
	echo serve=1 >&"$gate"
	until_true 20 grep -qs '"status":"cleared"' "$tmp/live.$name" || die "$name: not over"
	stop "$name"
	exec {gate}>&-
	kill -KILL "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
}
# unanswered PID: every SYN has been sent again
unanswered() {
	(($(nsenter -t "$1" -n ss -tnoH state syn-sent | grep -c 'timer:(on,[^,]*,[1-9]') >= 25))
}
# dead_enough PID: six connections have timed out three times in a row
dead_enough() {
	(($(nsenter -t "$1" -n ss -tno | grep -c 'timer:(on,[^,]*,[3-9])') >= 6))
}
# Walks over all sockets: sums that are of different age.
looks_so_far() {
	jq -n '[inputs | select(.type == "summary" and .age_us != null) |
		(.ts[0:19] + "Z" | fromdate) + ("0" + .ts[19:29] | tonumber) - .age_us / 1e6 | . * 20 |
		round] | unique | length' "$tmp/live.$name" 2>/dev/null || echo 0
}
looks() { (($(looks_so_far) >= $1)); }

declare -A how=(
	[mix]='dance mix mix'
	[older]='dance older older_connection'
	[corrected]='dance corrected data_after_close'
	[resent]='dance resent synack_lost'
	[hostile]='dance hostile hostile_comm'
	[full]='dance full time_wait_full'
	[repair]='dance repair repair'
	[icmp]='dance icmp old_error_passive'
	[leak]='hold leak close_wait=30 leak=40'
	[in_use]='hold in_use established=1'
	[half_closed]='hold half_closed close_wait=12'
	[given_up]='hold given_up given_up=15'
	[hidden]='hold hidden close_wait=12'
	[ports]='hold ports ports=40 tw_reuse=0 established=20 time_wait=13'
	[bound]='hold bound ports=40 bound=36 established=4'
	[dead]='hold dead established=10 dead=6'
	[overflow]='hold overflow buckets=20 time_wait=18'
	[fastopen]='dance fastopen tfo'
	[shared]='race shared --listed 60'
	[links]='twins links links ipv6 -- connect_0_96 connect_1_30'
	[workers]='twins workers workers -- accept_0 accept_2 accept_3 connect_1_17 steady_4_4_0_0'
	[refused]='fails refused refused=60'
	[silent]='hold silent syn_sent=25'
	[part]='part part established=2 close_wait=2 ipv6=1 established=1'
)
declare -A ready=([dead]=dead_enough [silent]=unanswered)
declare -A more=([overflow]=server_tw=12 [hidden]=leave=1 [in_use]=in_use=12 [bound]=lost=12
	[silent]=listen=1)
# finding | laboratory | server | traffic ...
declare -A floods=(
	[cookies]='syn_flood|cookies=1|backlog=128 listen=8000|syn rate=2000'
	[slow]='syn_flood|cookies=1|backlog=1024 listen=8000 listen=8001|syn rate=40'
	[ipv6]='syn_flood|cookies=1|v6=1 backlog=256 listen=8000|syn rate=1000 from=2001:db8:8000::/33'
	[stuck]='accept_queue_full|cookies=1|accept=0 backlog=16 listen=8000|connect rate=50 hold_ms=9000'
	[rush]='syn_backlog_small|cookies=1 rtt_ms=100|backlog=8 listen=8000|connect rate=200 sources=99'
	[lossy]='handshake_loss|cookies=1 drop_synack=40|backlog=1024 listen=8000|connect rate=60 sources=60'
	[scan]='syn_scan|cookies=1|backlog=128 listen=8000|syn from=198.18.9.9/32 port=7000 ports=500 rate=100'
)
((EUID == 0)) || die "needs root"
for name in ./tcpconnstate build/e2e/{dance,hold,flood,twins,race}; do
	[[ -x $name ]] || die "run make all helpers"
done
(($#)) || set -- "${!how[@]}" "${!floods[@]}"
for name; do
	if [[ -n ${floods[$name]-} ]]; then
		IFS='|' read -ra parts <<<"${floods[$name]}"
		flood "$name" "${parts[@]}"
		continue
	fi
	[[ -n ${how[$name]-} ]] || die "there is no $name; there are: ${!how[*]} ${!floods[*]}"
	# shellcheck disable=SC2086 # words
	${how[$name]}
done
echo "Now: make golden"
