# SPDX-License-Identifier: GPL-2.0-only
#
# The finding `connect_failing`: raised by connects that fail or are not answered, live, in a
# recording and by an audit, cleared when they succeed, and not raised by what looks like it. hold.c
# makes the connects, in namespaces of its own; a second takes the place of the default ten.

# shellcheck disable=SC2030,SC2031 # each test is a subshell

load lib.bash
load hold.bash

AGE=(--connect-fail-age 1)

# is FILE FILTER: true of its lines, as one array
is() {
	jq -es "$2" "$1" >/dev/null || {
		echo "not so: $2" >&2
		grep -v '"type":"s\(tate\|ummary\)' "$1" >&2
		return 1
	}
}
# raised I STATUS: the last alert of connect_failing in I.out
raised() { jq -s 'map(select(.kind == "connect_failing")) | last | .status' "$1.out" | grep -qx "\"$2\""; }
summaries_are() { (($(grep -c '"type":"summary"' "$1.out") >= $2)); }

# audit STATUS ARGS...: into out
audit() {
	local got=0 want=$1
	shift
	timeout 30 "$TCPCONNSTATE" audit --json "$@" >out 2>err </dev/null || got=$?
	((got == want)) || {
		echo "audit $*: exit status $got, expected $want" >&2
		cat err out >&2
		return 1
	}
}
# every unanswered SYN has been sent again
resent() {
	(($(nsenter -t "${HOLD_PIDS[$1]}" -n ss -tnoH state syn-sent | grep -c 'timer:(on,[^,]*,[1-9]') >= $2))
}

@test "a port where nothing listens: raised and cleared, live and in the recording of it" {
	local until
	hold refused=100
	"$TCPCONNSTATE" record --force --json -N "${HOLD_NETNS[0]}" -i 0.2 "${AGE[@]}" x.tcs >tool.out 2>tool.err \
		</dev/null 3>&- &
	TOOL_PIDS["tool"]=$!
	until_true 10 raised tool raised
	hold_more 0 serve=1
	until_true 10 raised tool cleared
	tool_stop
	tool_ended 0
	is tool.out "map(select(.type == \"alert\")) | length == 2 and .[0].severity == \"warning\" and
		(.[0].subject | .raddr == \"127.0.0.1\" and .rport == 8003 and .laddr == null and
			.pid == ${HOLD_PIDS[0]} and .comm == \"hold\") and
		(.[0].evidence | .failed == .refused and .failed >= 20 and .attempts == .failed and
			.pending == 0 and .timed_out == 0 and .failing_us >= 1000000)"
	"$TCPCONNSTATE" replay --json "${AGE[@]}" x.tcs >replay.out
	diff <(grep '"type":"alert"' tool.out) <(grep '"type":"alert"' replay.out)
	# a moment at which it fails
	until=$(jq -rs '. as $all | (map(.status == "raised") | index(true)) as $i |
		$all[$i + 1:] | map(select(.type == "summary"))[1].ts' tool.out)
	"$TCPCONNSTATE" replay --json --verdict "${AGE[@]}" --until "$until" x.tcs >verdict.out ||
		(($? == 3))
	is verdict.out '.[-1] | .kinds == ["connect_failing"] and .worst == "warning"'
}

@test "connects that are not answered are found while they wait, by watch and by an audit" {
	hold syn_sent=30 ipv6=1 syn_sent=40
	tool_start --json -N "${HOLD_NETNS[0]}" -i 0.2 "${AGE[@]}"
	until_true 10 resent 0 70
	until_true 10 eval "(( \$(grep -c '\"kind\":\"connect_failing\"' tool.out) >= 2 ))"
	audit 3 -N "${HOLD_NETNS[0]}" --window 0 "${AGE[@]}"
	tool_stop
	is tool.out 'map(select(.type == "alert")) | map(.subject.raddr) | unique == ["127.0.0.1", "::1"]'
	is out 'map(select(.type == "alert")) | (map([.subject.raddr, .evidence.pending]) | sort) ==
			[["127.0.0.1", 30], ["::1", 40]] and
		all(.subject.rport == 8002 and .severity == "warning" and
			(.evidence | .attempts == null and .failed == null and .refused == null and
			.oldest_us >= 1000000 and .oldest_us < 60000000))'
	# a filter for another port leaves them out
	audit 0 -N "${HOLD_NETNS[0]}" --window 0 "${AGE[@]}" -D 8003
	audit 3 -N "${HOLD_NETNS[0]}" --window 0 "${AGE[@]}" -6
	is out 'map(select(.type == "alert").subject.raddr) == ["::1"]'
	# the kernel cannot count them by owner
	audit 0 -N "${HOLD_NETNS[0]}" --window 0 "${AGE[@]}" -p "${HOLD_PIDS[0]}"
}

@test "an audit counts what fails in its window; how long it has lasted it does not know" {
	hold refused=200
	audit 0 -N "${HOLD_NETNS[0]}" --window 0.5
	is out '(.[-1] | .kinds == ["connect_failing"] and .worst == "info") and
		(map(select(.type == "alert"))[0].evidence | .failing_us == null and .refused >= 20 and
			.attempts == .refused and .attempts_us >= 400000)'
	audit 3 -N "${HOLD_NETNS[0]}" --window 1.3 "${AGE[@]}"
	is out '.[-1].worst == "warning"'
	audit 0 -N "${HOLD_NETNS[0]}" --window 0.5 --connect-fail-count 60000
	is out '.[-1].findings == 0'
	# in text
	"$TCPCONNSTATE" audit -N "${HOLD_NETNS[0]}" --window 0.5 >out
	grep -q '^1 finding: connect_failing (info) to 127.0.0.1:8003' out
	tr -s '\n ' ' ' <out | grep -qE '[0-9]+ of [0-9]+ connects failed within [0-9.]+m?s \([0-9]+ refused\); how long'
}

@test "no local port is left, and a host of which many places are out of reach" {
	hold ports=40 established=40 connects=100
	hold hosts=20 refused=200
	tool_start_as ports --json -N "${HOLD_NETNS[0]}" -i 0.2 "${AGE[@]}"
	tool_start_as hosts --json -N "${HOLD_NETNS[1]}" -i 0.2 "${AGE[@]}"
	until_true 10 raised ports raised
	until_true 10 raised hosts raised
	tool_stop_as ports
	tool_stop_as hosts
	is ports.out 'map(select(.kind == "connect_failing"))[0] | .subject.rport == 8000 and
		(.evidence | .no_local_port == .failed and .ports_used == 40 and .ports_left == 0)'
	# one finding, not twenty
	is hosts.out 'map(select(.kind == "connect_failing")) | length == 1 and .[0].severity == "critical" and
		.[0].subject.laddr == "127.0.0.1" and .[0].subject.raddr == null and
		.[0].evidence.destinations == 20'
	# a missing port is no restart of a peer
	audit 3 -N "${HOLD_NETNS[0]}" --window 0.5 --ports-percent 100
	is out 'map(select(.kind == "connect_failing"))[0].severity == "warning"'
}

@test "a scan of ours raises nothing, ::1 before 127.0.0.1 is info" {
	hold scan=300
	hold failover=100
	tool_start_as scan --json -N "${HOLD_NETNS[0]}" -i 0.2 "${AGE[@]}"
	tool_start_as failover --json -N "${HOLD_NETNS[1]}" -i 0.2 "${AGE[@]}"
	until_true 10 raised failover raised
	until_true 10 summaries_are scan 12
	tool_stop_as scan
	tool_stop_as failover
	is scan.out '([.[] | select(.kind == "connect_failing")] == []) and
		([.[] | select(.type == "state" and .reason == "refused")] | length > 300)'
	is failover.out 'map(select(.kind == "connect_failing")) | length == 1 and .[0].severity == "info" and
		.[0].subject.raddr == "::1" and .[0].subject.rport == 8000'
}
