# SPDX-License-Identifier: GPL-2.0-only
#
# --lifecycle: one line per finished connection, with its path, who closed it, what it carried.

# shellcheck disable=SC2016,SC2030,SC2031 # jq programs; each test is a subshell

load lib.bash

# finished SCENARIO ARGS...: its connections, as {key: connection} in lives.json, keyed by the
# name that the scenario gives them
finished() {
	dance_start "$1"
	tool_start --json --lifecycle -N "$LAB_NETNS" "${@:2}"
	dance_go
	tool_stop
	tool_ended 0
	jq -n --slurpfile expect expect.json --slurpfile tool tool.out '
		[$expect[] | select(has("life") and .rport != null)] | group_by(.life)
		| map((last) as $w | {key: $w.socket, value: ([$tool[] | select(.type == "connection")
			| select(.lport == $w.lport and .rport == $w.rport)] | first)})
		| from_entries' >lives.json
	jq -c . lives.json
	[ "$(jq -s '[.[] | select(.type == "state")] | length' tool.out)" -eq 0 ]
	every_field
}

every_field() {
	jq -es '[.[] | select(.type == "connection")] | length > 0 and all(. as $c
		| ("ts cookie netns family laddr lport raddr rport direction closed_by path duration_us " +
		   "handshake_us rtt_us bytes_sent bytes_received retransmits reason pid comm uid cgroup"
		   | split(" ")) | all(. as $f | $c | has($f)))' tool.out
}

# says NAME JQ-CONDITION: about one connection
says() {
	jq -e --arg n "$1" ".[\$n] | $2" lives.json >/dev/null || {
		echo "not so: $1: $2" >&2
		jq --arg n "$1" '.[$n]' lives.json >&2
		return 1
	}
}

# walked NAME STATE...: its path, each state with a duration but perhaps the first and the last
walked() {
	local name=$1
	shift
	says "$name" "[.path[][0]] == $(printf '%s\n' "$@" | jq -Rnc '[inputs]')"
	says "$name" '.path[1:-1] | all(.[1] == null or (.[1] | type) == "number")'
}

@test "our close, both ends: path, closed_by, direction" {
	finished close_client_first
	walked client syn_sent established fin_wait1 fin_wait2 time_wait
	walked server syn_recv established close_wait last_ack close
	says client '.closed_by == "us" and .direction == "active" and .reason == "normal"'
	says server '.closed_by == "peer" and .direction == "passive" and .reason == "normal"'
	says client '.duration_us > 0 and .handshake_us > 0 and .retransmits == 0'
	says server '.duration_us > 0 and .retransmits == 0'
	says client '.bytes_sent == 0 and .bytes_received == 0'
	[ "$(jq -s '[.[] | select(.type == "connection")] | length' tool.out)" -eq 2 ]
}

@test "bytes both ways" {
	finished shutdown_wr
	says client '.bytes_sent == 0 and .bytes_received == 100'
	says server '.bytes_sent == 100 and .bytes_received == 0'
	says client '.closed_by == "us"'
	says server '.closed_by == "peer"'
}

@test "bytes that came with the SYN" {
	finished tfo
	says client '.bytes_sent == 5 and .bytes_received == 0'
	says server '.bytes_sent == 0 and .bytes_received == 5'
}

@test "simultaneous close is closed by both" {
	finished sim_close
	says client '.closed_by == "both" and .reason == "normal"'
	walked client syn_sent established fin_wait1 closing time_wait
}

@test "resets: who" {
	finished linger0
	says client '.closed_by == "us" and .reason == "reset_by_us"'
	says server '.closed_by == "peer" and .reason == "reset_by_peer"'
	walked client syn_sent established close
}

@test "closed in TCP_REPAIR: the peer got no segment; restored: no handshake" {
	finished repair
	# both have the same addresses and ports
	jq -es '[.[] | select(.type == "connection" and .direction == "active") |
		[.reason, .closed_by, .handshake_us != null, [.path[][0]]]] ==
		[["repair_closed", "us", true, ["syn_sent", "established", "close"]],
		 ["normal", "us", false, ["syn_sent", "established", "fin_wait1", "fin_wait2", "time_wait"]]]' \
		tool.out
}

@test "retransmits are counted" {
	finished connect_timeout
	says client '.retransmits >= 1 and .reason == "timeout" and .handshake_us == null'
	says client '.duration_us > 2000000 and .path[0][0] == "syn_sent" and .path[0][1] > 2000000'
	walked client syn_sent close
	finished user_timeout
	says client '.retransmits >= 1 and .reason == "timeout"'
}

@test "a lost SYN-ACK" {
	finished synack_lost
	says server '.reason == "reset_by_peer" and .direction == "passive"'
}

@test "the owner is the one who acted" {
	finished fork_server
	says server '.comm == "dance-child"'
	says client '.comm == "dance"'
}

@test "an older connection: what was not seen is unknown" {
	finished older_connection
	says client '.duration_us == null and .handshake_us == null and .closed_by == "us"'
	says server '.duration_us == null and .closed_by == "peer"'
	says client '.path[0][0] == "established" and .path[0][1] == null'
}

@test "reconnecting makes two connections" {
	finished af_unspec
	says client '.reason == "reset_by_us"'
	says again '.reason == "normal" and .closed_by == "peer"'
	says client '.lport != null'
	jq -e '.client.cookie == .again.cookie' lives.json
}

@test "text: one line per connection" {
	dance_start close_client_first
	tool_start --lifecycle -N "$LAB_NETNS"
	dance_go
	tool_stop
	tool_ended 0
	cat tool.out
	[ "$(grep -c "$LAB_NET4" tool.out)" -eq 2 ]
	grep "$LAB_NET4" tool.out | grep -q TIME_WAIT
	grep "$LAB_NET4" tool.out | grep -q normal
	not grep -q 'OLDSTATE' tool.out
}

@test "filters hold for connections" {
	finished mix -u 12345
	[ "$(jq -s '[.[] | select(.type == "connection")] | length' tool.out)" -eq 1 ]
	says client2 '.uid == 12345 and .family == 6 and .comm == "dance-other"'
}
