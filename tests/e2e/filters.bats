# SPDX-License-Identifier: GPL-2.0-only
#
# Every filter shows exactly what it should: the same traffic is watched twice, without and with
# the filter, and the second must be what a jq predicate leaves of the first.

# shellcheck disable=SC2016,SC2030,SC2031 # jq programs; each test is a subshell

load lib.bash

teardown() {
	e2e_teardown
	[[ -z ${CGROUP:-} ]] || until_true 2 rmdir "$CGROUP"
	[[ -z ${NETNS_NAME:-} ]] || ip netns del "$NETNS_NAME"
}

# filter PREDICATE ARGS...: about one line; $lab is the scenario's first line
filter() {
	dance_start "${SCENARIO:-mix}"
	watch_both "$@"
}

watch_both() {
	local predicate=$1
	shift
	tool_start_as all --json -N "$LAB_NETNS"
	tool_start --json "${@//LAB_PORT/$LAB_PORT}"
	# other sockets of the host at the same time; what they did is nobody's concern
	"$DANCE" close_server_first >other.json 3>&-
	dance_go
	tool_stop
	tool_ended 0
	tool_stop_as all
	tool_ended 0 all
	jq -rn --argjson lab "$(head -n1 expect.json)" --slurpfile all all.out --slurpfile tool tool.out "
		def line: [.cookie, .old_state, .new_state, .lport, .rport];
		def wanted: $predicate;
		[\$all[] | select(.type == \"state\") | select(wanted) | line] as \$want
		| [\$tool[] | select(.type == \"state\")] as \$have
		| (\$have[] | select(wanted | not) | \"should not be shown: \\(.)\"),
		  ([\$have[] | select(.netns == \$lab.netns) | line] as \$ours
			| (\$want - \$ours | .[] | \"is not shown: \\(.)\"),
			  (\$ours - \$want | .[] | \"is not in the unfiltered output: \\(.)\"),
			  (select((\$ours | length) != (\$want | length)) | \"shown twice\")),
		  (select((\$want | length) == 0) | \"this test tests nothing\"),
		  (\$tool[] | select(.type == \"end\")
			| select(.shown != ([\$tool[] | select(.type == \"state\"
				or .type == \"synack_retransmit\")] | length))
			| \"end says \\(.shown) shown\")" >differences
	[[ ! -s differences ]] || {
		cat differences >&2
		return 1
	}
}

@test "-4" { filter '.family == 4' -4; }
@test "-6" { filter '.family == 6' -6; }
@test "-L PORT" { filter '.lport == $lab.port' -L LAB_PORT; }
@test "-L LIST,RANGE" {
	dance_start mix
	watch_both '.lport == $lab.port + 1' --localport "1-9,$((LAB_PORT + 1))-$((LAB_PORT + 2)),70"
}
@test "-D PORT" { filter '.rport == $lab.port' -D LAB_PORT; }
@test "-D RANGE" {
	dance_start mix
	watch_both '.rport != null and .rport >= $lab.port and .rport < $lab.port + 50' \
		"--remoteport=$LAB_PORT-$((LAB_PORT + 49))"
}
@test "-L and -D of one connection" {
	SCENARIO=sim_open filter '.rport == 1000' -D 1000
}
@test "--src IPv4 prefix" {
	dance_start mix
	watch_both '.laddr != null and (.laddr | startswith($lab.net4))' --src "${LAB_NET4}0/24"
}
@test "--src IPv6 prefix" {
	dance_start mix
	watch_both '.laddr != null and (.laddr | startswith($lab.net6))' --src "${LAB_NET6}:/48"
}
@test "--dst IPv4 address" {
	dance_start mix
	watch_both '.raddr == $lab.net4 + "1"' --dst "${LAB_NET4}1"
}
@test "--dst IPv6 prefix" {
	dance_start mix
	watch_both '.raddr != null and (.raddr | startswith($lab.net6))' --dst "${LAB_NET6}:/48"
}
@test "--dst ::/0 is IPv6 only" {
	filter '.family == 6 and .raddr != null' --dst ::/0 -D 1-65535
}
@test "-p PID" {
	dance_start mix
	watch_both '.pid == $lab.pid' -p "$LAB_PID"
}
@test "-p PID of a worker that inherits its connections" {
	dance_start prefork
	watch_both '.pid == $lab.pid' --pid "$LAB_PID"
}
@test "--comm NAME" { filter '.comm == "dance-other"' --comm dance-other; }
@test "--comm NAME of workers" {
	SCENARIO=prefork filter '.comm == "dance-worker1"' --comm dance-worker1
}
@test "-u UID" { filter '.uid == 12345' -u 12345; }
@test "-u 0" { filter '.uid == 0' --uid 0 -N all; }
@test "-N INODE" {
	dance_start mix
	watch_both '.netns == $lab.netns' -N "$LAB_NETNS"
}
@test "-N PATH" {
	dance_start mix
	watch_both '.netns == $lab.netns' -N "/proc/$LAB_PID/ns/net"
}
@test "-N NAME" {
	e2e_need ip
	dance_start mix
	NETNS_NAME=e2e_$$
	ip netns attach "$NETNS_NAME" "$LAB_PID"
	watch_both '.netns == $lab.netns' --netns "$NETNS_NAME"
}
@test "-N self" {
	local inside=(nsenter -t PID -n)
	dance_start mix
	tool_start_as all --json -N "$LAB_NETNS"
	inside[2]=$LAB_PID
	TOOL_PREFIX=("${inside[@]}")
	tool_start --json -N self
	"$DANCE" close_server_first >other.json 3>&-
	dance_go
	tool_stop
	tool_ended 0
	tool_stop_as all
	[ "$(jq -c 'select(.type=="state")|[.cookie,.old_state,.new_state]' tool.out | sort)" = \
		"$(jq -c 'select(.type=="state")|[.cookie,.old_state,.new_state]' all.out | sort)" ]
	[ "$(jq -s '[.[]|select(.type=="state")]|length' tool.out)" -ge 30 ]
}
@test "-N all is the default" {
	dance_start mix
	tool_start_as all --json -N all
	tool_start --json
	"$DANCE" close_server_first >other.json 3>&-
	dance_go
	tool_stop
	tool_stop_as all
	local other
	other=$(head -n1 other.json | jq .netns)
	for out in tool.out all.out; do
		[ "$(jq -s --argjson n "$LAB_NETNS" '[.[]|select(.netns==$n)]|length' "$out")" -ge 30 ]
		[ "$(jq -s --argjson n "$other" '[.[]|select(.netns==$n)]|length' "$out")" -ge 12 ]
	done
}
@test "--cgroup PATH" {
	local root
	root=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
	[ -n "$root" ] || skip "no cgroup v2"
	CGROUP=$root/e2e_$$_$BATS_TEST_NUMBER
	mkdir "$CGROUP" || skip "cannot make a cgroup"
	dance_start mix
	echo "$LAB_PID" >"$CGROUP/cgroup.procs"
	watch_both ".cgroup != null and (.cgroup | endswith(\"/${CGROUP##*/}\"))" --cgroup "$CGROUP"
	# all that the scenario did was done inside
	[ "$(jq -s '[.[]|select(.type=="state")]|length' tool.out)" -ge 30 ]
}

# touches STATES: the predicate of --state
touches() {
	local set='[]' s
	for s; do set+="+[\"$s\"]"; done
	echo "($set) as \$set | (.old_state | IN(\$set[])) or (.new_state | IN(\$set[]))"
}

state_test() {
	filter "$(touches "${@:2}")" --state "$1" -N all
}

@test "--state, every spelling of TIME_WAIT" {
	state_test time-wait time_wait
	state_test TIME_WAIT time_wait
	state_test timewait time_wait
}
@test "--state, spellings of SYN_RECV and others" {
	state_test syn-received syn_recv
	state_test SYN_RECV syn_recv
	state_test syn-recv syn_recv
	state_test FIN-WAIT-1,estab fin_wait1 established
	state_test close_wait,LISTEN close_wait listen
	state_test closed close
}
@test "--state all" {
	state_test all established syn_sent syn_recv fin_wait1 fin_wait2 time_wait close close_wait \
		last_ack listen closing
}
@test "--state connected" {
	state_test connected established syn_sent syn_recv fin_wait1 fin_wait2 time_wait close_wait \
		last_ack closing
}
@test "--state synchronized" {
	state_test synchronized established syn_recv fin_wait1 fin_wait2 time_wait close_wait \
		last_ack closing
}
@test "--state bucket" { state_test bucket syn_recv time_wait; }
@test "--state big" {
	state_test big established syn_sent fin_wait1 fin_wait2 close close_wait last_ack listen closing
}
@test "--state !STATE" {
	filter 'all(.old_state, .new_state; . != "time_wait")' --state '!time-wait' -N all
	filter 'all(.old_state, .new_state; . != "established" and . != "listen")' \
		--state '!established,!LISTEN' -N all
}
@test "--state connected,!STATE" {
	filter "($(touches established syn_sent syn_recv fin_wait1 fin_wait2 time_wait close_wait \
		last_ack closing)) and all(.old_state, .new_state; . != \"close_wait\")" \
		--state 'connected,!close-wait' -N all
}
@test "several filters at once" {
	dance_start mix
	watch_both '.family == 4 and .lport == $lab.port + 1 and .pid == $lab.pid
		and (.old_state == "established" or .new_state == "established")' \
		-4 -L "$((LAB_PORT + 1))" -p "$LAB_PID" -N "$LAB_NETNS" --state established
}
