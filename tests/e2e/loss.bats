# SPDX-License-Identifier: GPL-2.0-only
#
# No event is lost, and with a buffer that must overflow none is lost unseen: a hundred thousand
# transitions of processes that do nothing else, counted against the kernel's trace.

# shellcheck disable=SC2016,SC2030,SC2031 # jq programs; each test is a subshell

load lib.bash

setup_file() {
	tool_setup_file
	export TRACE_KB=16384
}

@test "churn: every (old, new) count is the kernel's, nothing lost" {
	dance_start churn
	truth_start
	tool_start --json -N "$LAB_NETNS" --strict
	dance_go
	tool_stop
	truth_stop
	truth_counts >want
	tool_counts >have
	[ "$(awk '{ n += $1 } END { print n }' want)" -gt 100000 ]
	diff want have
	tool_ended 0
	tail -n1 tool.out | jq -e '[.lost[]] | add == 0'
	# each socket's chain is whole
	jq -r 'select(.type == "state") | "\(.cookie) \(.old_state) \(.kernel_new_state)"' tool.out |
		awk '$1 in at && at[$1] != $2 { broken++ } { at[$1] = $3 } END { exit broken > 0 }'
}

# in_lab COMMAND...: in the namespace of the scenario, which LAB_FD keeps
in_lab() { nsenter --net="/proc/self/fd/$LAB_FD" "$@"; }

@test "churn beyond tcp_max_tw_buckets: each TIME_WAIT is one that the kernel made" {
	local handed blind overflows
	dance_start churn
	exec {LAB_FD}<"/proc/$LAB_PID/ns/net"
	in_lab sh -c 'echo 2000 >/proc/sys/net/ipv4/tcp_max_tw_buckets'
	truth_start
	tool_start --json -N "$LAB_NETNS"
	dance_go
	tool_stop
	tool_ended 0
	overflows=$(in_lab awk '/^TcpExt:/ && !n { n = split($0, name); next }
		/^TcpExt:/ { for (i = 1; i <= n; i++) if (name[i] == "TCPTimeWaitOverflow") print $i }' \
		/proc/net/netstat)
	exec {LAB_FD}<&-
	truth_stop
	handed='select(.type == "state" and .new == "close" and .old == "fin_wait2")'
	blind=$(jq "$handed | select(.blind)" truth.json | jq -s length)
	handed=$(jq "$handed" truth.json | jq -s length)
	echo "$handed handed over, $overflows without a time-wait socket, $blind that no program saw"
	((overflows > 1000 && handed - overflows > 1000))
	jq -es --argjson made $((handed - overflows)) --argjson blind "$blind" '
		[.[] | select(.type == "state" and .old_state == "fin_wait2")] |
		(map(select(.new_state == "time_wait")) | length) as $n |
		$n <= $made and $n >= $made - $blind and all(.new_state != null and .reason == "normal")' \
		tool.out
	tail -n1 tool.out | jq -e '.time_wait_undecided == 0'
}

@test "churn: owners are right" {
	dance_start churn
	tool_start --json -N "$LAB_NETNS"
	dance_go
	tool_stop
	jq -es '[.[] | select(.type == "state" and .direction == "active")]
		| length > 10000 and all(.comm == "dance-client")' tool.out
	# a child is the listener's (dance) until the server closes it
	jq -es '[.[] | select(.type == "state" and .direction == "passive")]
		| length > 10000 and all(if .owner_source == "listener" then .comm == "dance"
			else .comm == "dance-server" end)' tool.out
}

@test "a tiny buffer while the tool stands still: seen + lost is the truth, --strict says 4" {
	dance_start churn
	truth_start
	tool_start --json -N "$LAB_NETNS" --strict --buffer 64K
	kill -STOP "${TOOL_PIDS["tool"]}"
	dance_go
	kill -CONT "${TOOL_PIDS["tool"]}"
	tool_stop
	truth_stop
	all_accounted_for
	((LOST > 10000))
	jq -es '[.[] | select(.type == "lost" and .reason == "ring_full")] | length > 0
		and ((map(.count) | add) > 0)' tool.out
	tool_ended 4
	grep -Eq '[1-9][0-9,]* lost' tool.err
}

# Neither the filtered events nor the resets that belong to them take room in the buffer.
@test "a tiny buffer and ten thousand resets of filtered connections: nothing is lost, --strict says 0" {
	local row
	for row in "--comm none" "--state closing"; do
		dance_start churn_resets
		# shellcheck disable=SC2086 # an option and its argument
		tool_start --json -N "$LAB_NETNS" --strict --buffer 64K $row
		kill -STOP "${TOOL_PIDS["tool"]}"
		dance_go
		kill -CONT "${TOOL_PIDS["tool"]}"
		tool_stop
		tool_ended 0
		tail -n1 tool.out | jq -e \
			'.filtered > 60000 and .corrections_lost == 0 and ([.lost[]] | add == 0)'
	done
}

@test "after a loss the next connections are right again" {
	dance_start churn
	exec {LAB_FD}<"/proc/$LAB_PID/ns/net" # or the next one gets its inode number and addresses
	tool_start --json -N all --buffer 64K
	kill -STOP "${TOOL_PIDS["tool"]}"
	dance_go
	kill -CONT "${TOOL_PIDS["tool"]}"
	# a fresh namespace, the same tool
	dance_start close_client_first
	truth_start
	dance_go
	tool_stop
	tool_ended 0 # no --strict
	truth_stop
	exec {LAB_FD}<&-
	compare
}
