# SPDX-License-Identifier: GPL-2.0-only
#
# Half-closed sockets that a process keeps, and the rule that says which of them are a finding: the
# same in watch, in audit, and in a replay of what was recorded at the same time.

# shellcheck disable=SC2030,SC2031 # each test is a subshell

load lib.bash
load hold.bash

ages=(--close-wait-age 1 --fin-wait2-age 1)

# is FILE FILTER: true of the lines of FILE, as one array
is() {
	jq -es "$2" "$1" >/dev/null || {
		echo "not so: $2" >&2
		cat "$1" >&2
		return 1
	}
}

# look_live NETNS...: a recording of it begins, with its lines in live.out
look_live() {
	rm -f live.tcs
	tool_start_as live record --force --json -N "$1" -i 0.2 "${ages[@]}" live.tcs
}
# Snapshots of all sockets so far: sums that are of different age.
walks() {
	jq -s '[.[] | select(.type == "summary" and .age_us != null) |
		(.ts[0:19] + "Z" | fromdate) + ("0" + .ts[19:29] | tonumber) - .age_us / 1e6 | . * 20 |
		round] | unique | length' live.out 2>/dev/null || echo 0
}
walked() { (($(walks) >= $1)); }
# has FILTER: of one of the lines so far; the last one may be half there
has() { jq -nR "any(inputs | fromjson?; $1)" live.out | grep -q true; }

# active: those raised and not cleared at the end, of the alerts in $1, by kind and process
active='[.[] | select(.type == "alert")] | group_by([.kind, .subject]) | map(.[-1]) |
	map(select(.status != "cleared") | [.kind, .severity, .subject]) | sort'

# same_findings: watch, audit, replay and replay --verdict; the recording ends
same_findings() {
	timeout 30 "$TCPCONNSTATE" audit --json -N "${HOLD_NETNS[0]}" --window 0.2 "${ages[@]}" \
		>audit.out </dev/null || (($? == 3))
	tool_stop_as live
	"$TCPCONNSTATE" replay --json "${ages[@]}" live.tcs >replay.out
	"$TCPCONNSTATE" replay --verdict --json "${ages[@]}" live.tcs >verdict.out || (($? == 3))
	jq -c 'select(.type == "alert")' live.out >live.alerts
	jq -c 'select(.type == "alert")' replay.out | cmp - live.alerts
	local name
	for name in live replay verdict audit; do
		jq -cs "$active" $name.out >$name.active
		cmp live.active $name.active || {
			cat live.active $name.active >&2
			return 1
		}
	done
}
kinds() { jq -r '[.[][0]] | unique | join(" ")' live.active; }

@test "half-closed connections in use are no finding" {
	hold in_use=12
	look_live "${HOLD_NETNS[0]}"
	hold_more 0 in_use=12
	# older than the ages that are asked for
	until_true 30 has '.close_wait.count? == 24 and .close_wait.oldest_us >= 1500000'
	same_findings
	[[ $(kinds) == "" ]]
	is audit.out "[.[] | select(.type == \"close_wait\")] | length == 1 and (.[0] | .count == 24 and
		.pid == ${HOLD_PIDS[0]} and .old == 0 and .unaccepted == 0)"
	is audit.out "[.[] | select(.type == \"fin_wait2\")] | length == 1 and (.[0] | .count == 24 and
		.pid == ${HOLD_PIDS[0]} and .old == 0)"
}

# idle WORD...: both ends are held by one process and not in use
idle() {
	hold "$@"
	look_live "${HOLD_NETNS[0]}"
	until_true 30 grep -q '"kind":"fin_wait2_held"' live.out
	until_true 30 grep -q '"kind":"close_wait_leak"' live.out
	hold_more 0 close_wait=6
	until_true 30 has '.close_wait.count? == 18'
	same_findings
	[[ $(kinds) == "close_wait_leak fin_wait2_held" ]]
	local fds=("/proc/${HOLD_PIDS[0]}/fd/"*) type
	for type in close_wait fin_wait2; do
		is audit.out "[.[] | select(.type == \"$type\")] | length == 1 and (.[0] | .count == 18 and
			.pid == ${HOLD_PIDS[0]} and .comm == \"hold\" and .old >= 12 and .oldest_us > 1000000 and
			(.oldest_exact | not) and .fd_used == ${#fds[@]} and .fd_limit > 0 and .ports != \"\")"
		is verdict.out "[.[] | select(.type == \"$type\")] | length == 1 and (.[0] | .count == 18 and
			.pid == ${HOLD_PIDS[0]} and .fd_used > 36)"
	done
}

@test "FIN_WAIT2 that a process holds: owner, age and a finding" { idle close_wait=12; }
@test "FIN_WAIT2 that a process holds, IPv6" { idle ipv6=1 close_wait=12; }

@test "orphans in FIN_WAIT2 are no finding, whatever their number" {
	hold established=1
	nsenter -t "${HOLD_PIDS[0]}" -n sh -c 'echo 120 >/proc/sys/net/ipv4/tcp_fin_timeout'
	hold_more 0 orphan=30 # full sockets for a minute, then mini-sockets
	look_live "${HOLD_NETNS[0]}"
	until_true 30 grep -q '"kind":"close_wait_leak"' live.out
	same_findings
	[[ $(kinds) == close_wait_leak ]]
	is audit.out '.[1].connections.fin_wait2 == 30 and all(.type != "fin_wait2")'
}

@test "connections that were never accepted: accept() is missing, not close()" {
	hold established=1
	hold_more 0 given_up=15
	look_live "${HOLD_NETNS[0]}"
	until_true 30 grep -q '"kind":"close_wait_leak"' live.out
	same_findings
	local name
	for name in live replay verdict audit; do
		is $name.out '[.[] | select(.type == "alert")] | length == 1 and (.[0] |
			.evidence.count == 15 and .evidence.unaccepted == 15 and
			(.advice | contains("accept()") and (contains("close()") | not)))'
	done
	is audit.out "map(select(.type == \"close_wait\"))[0] | .unaccepted == 15 and .count == 15 and
		.pid == ${HOLD_PIDS[0]}"
}

@test "a leak in a namespace that its process has left stays active until its sockets are closed" {
	hold established=1 close_wait=12
	tool_start_as all --json -i 0.2 "${ages[@]}" -L 8000
	look_live "${HOLD_NETNS[0]}"
	until_true 30 grep -q '"kind":"close_wait_leak"' live.out
	until_true 30 grep -q "\"close_wait_leak\".*\"netns\":${HOLD_NETNS[0]}" all.out
	hold_more 0 leave=1
	until_true 60 has '.namespaces_hidden? == 1'
	# three without its sockets would clear it
	until_true 30 walked $(($(walks) + 3))
	for name in live all; do
		is $name.out "[.[] | select(.type == \"alert\" and .netns == ${HOLD_NETNS[0]} and
			.kind == \"close_wait_leak\")] | length == 1 and .[0].status == \"raised\""
	done
	is live.out "[.[] | select(.type == \"summary\")][-1] | .namespaces_hidden == 1 and
		.sockets_hidden == 27 and .connections.close_wait == 12"
	same_findings
	is audit.out "map(select(.type == \"close_wait\")) | length == 1 and (.[0] | .count == 12 and
		.pid == ${HOLD_PIDS[0]} and .netns == ${HOLD_NETNS[0]})"
	timeout 30 "$TCPCONNSTATE" audit -N "${HOLD_NETNS[0]}" --window 0 >text
	tr -s '\n ' ' ' <text | grep -q 'since no process or name shows them: 1\. Their sockets are counted below: 27;'
	hold_end 0
	until_true 30 eval "is all.out 'any(.[]; .type == \"alert\" and .status == \"cleared\" and
		.netns == ${HOLD_NETNS[0]} and .kind == \"close_wait_leak\")' 2>/dev/null"
}
