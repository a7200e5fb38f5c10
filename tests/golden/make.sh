#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make.sh: record the golden captures again, all or those named; as root
#
# Each is a scenario of tests/e2e (dance.c, hold.c) in a network namespace of its own, recorded from
# there only. The expected files follow with `make golden`. New recordings have other addresses,
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
	./tcpconnstate record --json -N "$netns" "$@" "$tmp/$name.tcs" >"$tmp/live.$name" 2>"$tmp/err" &
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

# dance NAME SCENARIO
dance() {
	local gate
	mkfifo "$tmp/gate.$1"
	build/e2e/dance --gate "$2" <"$tmp/gate.$1" >"$tmp/expect.$1" 2>"$tmp/err" &
	local pid=$!
	pids+=("$pid")
	exec {gate}>"$tmp/gate.$1"
	until_true 10 test -s "$tmp/expect.$1" || die "$1: $(cat "$tmp/err")"
	record "$1" "$(head -n 1 "$tmp/expect.$1" | jq .netns)" -i 0.5
	echo go >&"$gate"
	exec {gate}>&-
	wait "$pid" || die "$1: $(cat "$tmp/err")"
	stop "$1"
}

# hold NAME WORD...: until there are three looks
hold() {
	local gate name=$1
	shift
	mkfifo "$tmp/gate.$name"
	build/e2e/hold "$@" <"$tmp/gate.$name" >"$tmp/held.$name" 2>"$tmp/err" &
	local pid=$!
	pids+=("$pid")
	exec {gate}>"$tmp/gate.$name"
	until_true 30 test -s "$tmp/held.$name" || die "$name: $(cat "$tmp/err")"
	until_true 30 "${ready[$name]-true}" "$pid" || die "$name: it does not get ready"
	record "$name" "$(jq .netns "$tmp/held.$name")" -i 0.5
	until_true 60 looks 3
	stop "$name"
	exec {gate}>&-
	kill -KILL "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
}
# dead_enough PID: six connections have timed out three times in a row
dead_enough() {
	(($(nsenter -t "$1" -n ss -tno | grep -c 'timer:(on,[^,]*,[3-9])') >= 6))
}
looks() {
	(($(jq -c 'select(.type == "summary" and .connections.listen != null) | .namespaces' \
		"$tmp/live.$name" | wc -l) >= $1))
}

declare -A how=(
	[mix]='dance mix mix'
	[older]='dance older older_connection'
	[corrected]='dance corrected data_after_close'
	[resent]='dance resent synack_lost'
	[hostile]='dance hostile hostile_comm'
	[leak]='hold leak close_wait=30 leak=40'
	[ports]='hold ports ports=40 tw_reuse=0 established=20 time_wait=13'
	[dead]='hold dead established=10 dead=6'
)
declare -A ready=([dead]=dead_enough)
((EUID == 0)) || die "needs root"
[[ -x ./tcpconnstate && -x build/e2e/dance && -x build/e2e/hold ]] || die "run make all helpers"
(($#)) || set -- "${!how[@]}"
for name; do
	[[ -n ${how[$name]-} ]] || die "there is no $name; there are: ${!how[*]}"
	# shellcheck disable=SC2086 # words
	${how[$name]}
done
echo "Now: make golden"
