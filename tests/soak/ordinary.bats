# SPDX-License-Identifier: GPL-2.0-only
#
# An ordinary host raises nothing: its traffic (tests/e2e/ordinary.c says what it is made of) is
# recorded as it happens, and the recording replays without a finding.
#
#   TCS_SOAK_SECONDS   how long (default 60; `make soak` says 1200; 3600 for an hour)
#   TCS_ORDINARY_KEEP  a folder that gets the recording
#
# Others may misbehave on this machine meanwhile: only findings about these namespaces count that began
# while they were ours, for a later namespace has the number of an earlier one.

# shellcheck disable=SC2016 # jq programs

load ../e2e/lib.bash

setup_file() {
	((EUID == 0)) || { skip_file "needs root"; return 0; }
	e2e_need jq || return 0
	e2e_build ordinary
}
setup() {
	e2e_setup
	MAKER=
}
teardown() {
	[[ -z $MAKER ]] || kill -KILL "$MAKER" 2>/dev/null || true
	e2e_teardown
}

@test "ordinary traffic, recorded and replayed: no finding" {
	local seconds=${TCS_SOAK_SECONDS:-60} status=0
	"$TCPCONNSTATE" record ordinary.tcs >rec.out 2>rec.err </dev/null 3>&- &
	TOOL_PIDS["rec"]=$!
	until_true "$DEADLINE_S" test -s ordinary.tcs
	"$ORDINARY" seconds="$seconds" >netns.json 2>maker.err 3>&- &
	MAKER=$!
	wait "$MAKER" || status=$?
	MAKER=
	! grep '^skip: ' maker.err || skip "$(sed -n 's/^skip: //p' maker.err)"
	((status == 0)) || {
		cat maker.err >&2
		return 1
	}
	tool_stop_as rec INT
	tool_ended 0 rec
	[[ -z ${TCS_ORDINARY_KEEP-} ]] || cp ordinary.tcs "$TCS_ORDINARY_KEEP"

	# millions of changes, which jq would take minutes to read
	"$TCPCONNSTATE" replay --json ordinary.tcs 2>replay.err 3>&- |
		grep -v '^{"type":"s\(tate\|ynack\)' >replay.json
	jq -cn --slurpfile ours netns.json --arg seconds "$seconds" '
		($ours | map(select(.from))) as $began | ($ours | map(select(.to))) as $ended |
		def is_ours: . as $a | ($a.since | sub("\\.[0-9]+Z$"; "Z") | fromdate) as $t |
			any($began[]; . as $b | .netns == $a.netns and .from <= $t and
				all($ended[]; .netns != $a.netns or .to < $b.from or .to >= $t));
		reduce inputs as $l ({changes: 0, looks: 0, time_wait: 0, close_wait: 0, half_open: 0,
				findings: []};
			if $l.type == "end" then .changes = $l.events
			elif $l.type == "summary" and $l.connections then .looks += 1
				| .time_wait = ([.time_wait, $l.connections.time_wait // 0] | max)
				| .close_wait = ([.close_wait, $l.connections.close_wait // 0] | max)
				| .half_open = ([.half_open, $l.half_open // 0] | max)
			elif $l.type == "alert" and (($l.since | not) or ($l | is_ours)) then .findings += [$l]
			else . end)' replay.json | tee sum.json
	# each part of it happened, by the kernel's counters and by its own
	jq -cs --argjson s "$seconds" 'map(select(.table)) | map({(.table): .}) | add |
		. as {Tcp: $tcp, TcpExt: $ext, roles: $roles} |
		{connections: $tcp.ActiveOpens, missing: ([
			["200 connections a second", $tcp.ActiveOpens >= 200 * $s],
			["connects that fail", $tcp.AttemptFails > 0],
			["connections that are reset", $tcp.EstabResets > 0],
			["SYNs that are lost", $ext.TCPSynRetrans > 0],
			["segments that are lost", $ext.TCPTimeouts > 0],
			["an accept queue that is not full", $ext.ListenOverflows == 0],
			($roles | del(.table) | to_entries[] | [.key, .value > 0])
		] | map(select(.[1] | not)[0]))}' netns.json | tee truth.json
	jq -e '.missing == []' truth.json
	# it was there to be judged
	jq -e --argjson s "$seconds" '.changes > 500 * $s and .looks >= $s / 2 and
		.time_wait > 1000 and .close_wait > 5 and .half_open > 1' sum.json
	jq -e '.findings == []' sum.json
}
