# SPDX-License-Identifier: GPL-2.0-only
#
# The last ACK of a handshake comes twice at the same moment (race.c): the kernel makes two sockets
# and gives up one. Its end is told as what it is, and as often as the kernel's own trace has it.

load lib.bash

setup_file() {
	tool_setup_file
	e2e_build race
}

# ends REASON: SYN_RECV -> CLOSE of children, told with this reason
ends() {
	jq -s --arg reason "$1" '[.[] | select(.type == "state" and .old_state == "syn_recv" and
		.new_state == "close" and .reason == $reason and .direction == "passive")] | length' tool.out
}

all_ended() { (($(grep -c '"old_state":"established"' tool.out) >= 300)); }

@test "two ACKs race: the child that is given up was cancelled, no listener closed" {
	local lost
	DANCE=$RACE # which stands at its gate as well
	dance_start 300
	truth_start
	tool_start --json -N "$LAB_NETNS"
	dance_go
	until_true "$DEADLINE_S" all_ended
	tool_stop
	tool_ended 0
	truth_stop
	lost=$(truth_counts | awk '$2 == "syn_recv" && $3 == "close" { print $1 }')
	[[ -n $lost ]] || skip "no two ACKs met"
	echo "$lost of 300 raced"
	(($(ends cancelled) == lost))
	(($(ends listener_closed) == 0))
}
