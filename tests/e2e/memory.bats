# SPDX-License-Identifier: GPL-2.0-only
#
# It remembers a socket until it ends, and also when that end is nothing it is told: filtered, or
# lost. An entry takes some 250 bytes, and thousands of them would be seen.

# shellcheck disable=SC2030,SC2031 # each test is a subshell

load lib.bash
load hold.bash

teardown() {
	local i
	for i in "${!HOLD_PIDS[@]}"; do hold_end "$i"; done
	e2e_teardown
}

rss() { awk '/^VmRSS:/ { print $2 }' "/proc/${TOOL_PIDS["tool"]}/status"; }

# told N: so many -> ESTABLISHED
told() { (($(ups) >= $1)); }
ups() { grep -c '"new_state":"established"' tool.out || true; }

# filtered SOCKETS ARGS...: of so many the beginning is told, and no end
filtered() {
	local want=$1 before after
	shift
	dance_start churn
	tool_start --json -N "$LAB_NETNS" "$@"
	before=$(rss)
	dance_go
	until_true "$DEADLINE_S" told "$want"
	after=$(rss)
	tool_stop
	tool_ended 0
	not grep -q '"direction":"[pa].*"kernel_new_state":"close"' tool.out
	echo "$*: $before KB, then $after KB"
	((after - before < 1024))
}

@test "sockets whose end is filtered are forgotten" {
	e2e_build dance
	filtered 20000 --state established
	# the listener's process is wanted, those that close its connections are not
	filtered 10000 --comm dance
}

# A round: 3,000 sockets begin, and while they end it stands still, with its rings full.
round() {
	local before held
	before=$(ups)
	hold comm="$NAME" established=1500
	until_true "$DEADLINE_S" told $((before + 2500))
	kill -STOP "${TOOL_PIDS["tool"]}"
	hold comm="$NAME" time_wait=15000
	for held in "${!HOLD_PIDS[@]}"; do hold_end "$held"; done
	HOLD_PIDS=()
	rm -f hold.*
	kill -CONT "${TOOL_PIDS["tool"]}"
}

@test "sockets whose end is lost are forgotten" {
	local NAME=tcs_$$ i before after
	tool_start --json --buffer 4M --comm "$NAME"
	for ((i = 1; i <= 6; i++)); do
		round
		((i != 2)) || before=$(rss)
	done
	after=$(rss)
	tool_stop
	tool_ended 0
	tail -n 1 tool.out | jq -e '.lost.ring_full > 40000'
	echo "$before KB, then $after KB"
	((after - before < 1024))
}
