# SPDX-License-Identifier: GPL-2.0-only
#
# What `watch` tells at each interval: sums that are those of ss, findings raised once and cleared,
# and at what price. hold.c makes the sockets, in namespaces of its own.

# shellcheck disable=SC2030,SC2031 # each test is a subshell
# shellcheck disable=SC2016 # what until_true evaluates again and again

load lib.bash
load hold.bash

# sums NAME: the summary lines of a run so far
sums() { jq -c 'select(.type == "summary")' "$1.out"; }
sums_are() { (($(sums tool | wc -l) >= $1)); }
# is NAME FILTER: true of the lines of NAME.out, as one array
is() {
	jq -es "$2" "$1.out" >/dev/null || {
		echo "not so: $2" >&2
		cat "$1.out" >&2
		return 1
	}
}
alerts() { jq -c 'select(.type == "alert")' tool.out; }
alerts_are() { (($(alerts | wc -l) >= $1)); }
last_connections() { sums tool | tail -n 1 | jq -c .connections; }
same_as_ss() { [[ $(last_connections) == "$(by_ss 0)" ]]; }

# netns_stay I: when its sockets end the namespace does not; its number would be another's at once
netns_stay() {
	nsenter -t "${HOLD_PIDS[$1]}" -n sleep 30 </dev/null >/dev/null 2>&1 3>&- &
	TOOL_PIDS["stay"]=$!
	until_true 5 stays "${TOOL_PIDS["stay"]}" "${HOLD_NETNS[$1]}"
}
stays() { [[ $(stat -Lc %i "/proc/$1/ns/net") == "$2" ]]; }

@test "sums are those of ss, of sockets older than the program too" {
	hold established=50 close_wait=30 orphan=20 time_wait=40 unaccepted=15 syn_recv=12 syn_sent=4
	tool_start --json -N "${HOLD_NETNS[0]}" -i 0.2
	until_true 5 sums_are 2
	same_as_ss
	tool_stop
	tool_ended 0
	is tool '[.[] | select(.type == "summary")] | all(keys_unsorted == ["type", "ts",
		"connections", "transitions", "rates", "time_wait", "close_wait", "half_open", "lost",
		"age_us", "namespaces", "sockets_walked", "owners_known", "host_processes",
		"namespaces_hidden", "sockets_hidden", "namespaces_unseen", "listeners_complete"])'
}

@test "sums follow what happens, whoever told it" {
	hold established=5
	tool_start --json -N "${HOLD_NETNS[0]}" -i 0.2
	until_true 5 sums_are 1
	hold_more 0 close_wait=7
	hold_more 0 time_wait=9
	until_true 10 same_as_ss
	is tool '[.[] | select(.type == "summary").transitions] | add > 0'
	tool_stop
	is tool '[.[] | select(.type == "state")] as $states
		| ([.[] | select(.type == "summary").transitions] | add) <= ($states | length)'
}

@test "rates are the transitions of the interval" {
	hold established=1
	tool_start --json -N "${HOLD_NETNS[0]}" -i 0.5
	until_true 5 sums_are 1
	hold_more 0 time_wait=20
	until_true 5 saw_transitions
	until_true 5 sums_are "$(($(sums tool | wc -l) + 1))"
	tool_stop
	is tool '[.[] | select(.type == "state")] as $s
		| [.[] | select(.type == "summary")] as $sums
		| ([$sums[] | .rates.opens_per_s * .rates.window_us / 1e6] | add | round)
			== ([$s[] | select(.new_state == "syn_sent" or
				(.old_state == "listen" and .new_state == "syn_recv"))] | length)
		and ([$sums[] | .rates.closes_per_s * .rates.window_us / 1e6] | add | round)
			== ([$s[] | select(.kernel_new_state == "close")] | length)
		and ([$sums[] | .rates.time_wait_per_s * .rates.window_us / 1e6] | add | round)
			== ([$s[] | select(.new_state == "time_wait")] | length)'
}
saw_transitions() {
	local before
	before=$(jq -s '[.[] | select(.type == "state")] | length' tool.out)
	((before >= 100)) && (($(jq -s '[.[] | select(.type == "summary").transitions] | add' \
		tool.out) >= before))
}

@test "a leak is raised once, with its owner, and cleared when it is over" {
	hold close_wait=25
	tool_start --json -N "${HOLD_NETNS[0]}" -i 0.2 --close-wait-age 0.5 --close-wait-count 20
	until_true 10 alerts_are 1
	is tool "[.[] | select(.type == \"alert\")][0] | .kind == \"close_wait_leak\" and
		.status == \"raised\" and .severity == \"warning\" and
		.subject.pid == ${HOLD_PIDS[0]} and .subject.comm == \"hold\" and
		.evidence.count == 25 and .evidence.fd_used > 25 and (.advice | length > 20)"
	until_true 5 sums_are "$(($(sums tool | wc -l) + 8))"
	[[ $(alerts | wc -l) == 1 ]]
	netns_stay 0
	hold_end 0
	until_true 10 alerts_are 2
	# the wall clock is read anew each second: the same moment to within its steps
	is tool 'def at: (.[0:19] + "Z" | fromdate) + ("0" + .[19:29] | tonumber);
		[.[] | select(.type == "alert")] | length == 2 and .[1].status == "cleared" and
		((.[1].since | at) - (.[0].since | at) | fabs) < 0.01 and
		.[1].subject == .[0].subject'
	tool_stop
	tool_ended 0
}

@test "a process that is slow for a moment is no leak" {
	hold slow=40
	tool_start --json -N "${HOLD_NETNS[0]}" -i 0.2 --close-wait-age 1 --close-wait-count 20
	until_true 10 sums_are 15
	tool_stop
	is tool '([.[] | select(.type == "alert")] | length == 0) and
		([.[] | select(.type == "summary").close_wait.count] | max >= 20)'
}

@test "connections that timed out have a dead peer, though no walk met them; reset ones have none" {
	hold established=3
	tool_start --json -N "${HOLD_NETNS[0]}" -i 0.2
	until_true 5 sums_are 1
	hold_more 0 reset=20
	hold_more 0 timed_out=4
	until_true 5 sums_are "$(($(sums tool | wc -l) + 4))"
	[[ $(alerts | wc -l) == 0 ]]
	hold_more 0 timed_out=3
	until_true 5 alerts_are 1
	tool_stop
	tool_ended 0
	is tool "([.[] | select(.type == \"state\" and .reason == \"timeout\")] | length == 7) and
		([.[] | select(.type == \"alert\")] | length == 1 and (.[0] | .kind == \"dead_peer\" and
			.subject.raddr == \"127.0.0.1\" and .subject.pid == null and
			.evidence.count == .evidence.timed_out and .evidence.count >= 5 and
			.evidence.hosts == 1 and .evidence.oldest_us == null))"
}

@test "ALERT and CLEAR stand between the lines, whole and within the screen" {
	hold close_wait=25
	tool_start -N "${HOLD_NETNS[0]}" -i 0.2 --close-wait-age 0.3 --close-wait-count 20
	until_true 10 grep -q '^ALERT' tool.out
	netns_stay 0
	hold_end 0
	until_true 10 grep -q '^CLEAR' tool.out
	tool_stop
	grep -qx "ALERT close_wait_leak warning in hold(${HOLD_PIDS[0]}): hold(${HOLD_PIDS[0]}) holds 25 .*" \
		tool.out
	grep -qxE "CLEAR close_wait_leak in hold\(${HOLD_PIDS[0]}\) after [0-9.]+m?s" tool.out
	# the lines of an alert behind its first are indented
	awk '/^ALERT/ { a = 1; next } a && /^  / { n++; next } { a = 0 } END { exit n < 1 }' tool.out
	awk 'length > 110 { exit 1 }' tool.out
}

@test "how long a socket has been in CLOSE_WAIT is exact when its event was seen" {
	hold established=1
	tool_start --json -N "${HOLD_NETNS[0]}" -i 0.2
	until_true 5 sums_are 1
	hold_more 0 close_wait=3
	until_true 10 eval 'sums tool | tail -n 1 | jq -e ".close_wait.count == 3" >/dev/null'
	is tool '[.[] | select(.type == "summary")][-1].close_wait | .oldest_exact'
	until_true 10 eval 'sums tool | tail -n 1 | jq -e ".age_us > 600000" >/dev/null'
	tool_stop
	# as long ago as the event says
	is tool '([.[] | select(.type == "state" and .new_state == "close_wait").mono_ns] | min) as $at
		| [.[] | select(.type == "summary" and .close_wait.count == 3)][0].close_wait.oldest_us
		| . >= 0 and . < 5000000'
}

@test "a lower bound is no exact age" {
	hold close_wait=3
	tool_start --json -N "${HOLD_NETNS[0]}" -i 0.2
	until_true 5 sums_are 1
	tool_stop
	is tool '[.[] | select(.type == "summary")][0].close_wait
		| .count == 3 and .oldest_us > 0 and (.oldest_exact | not)'
}

@test "groups: whole, by every key" {
	hold established=6 close_wait=4 time_wait=5
	tool_start --json -N "${HOLD_NETNS[0]}" -i 0.2 --by lport
	until_true 5 sums_are 2
	tool_stop
	is tool '(map(.type) | index("summary")) as $i
		| (.[$i + 1:] | map(.type) | index("summary")) as $n
		| .[$i].connections as $all
		| .[$i + 1:$i + 1 + $n] | map(select(.type == "group"))
		| length > 1 and all(.by == "lport")
		and (map(.connections.established) | add) == $all.established
		and (map(.connections.time_wait) | add) == $all.time_wait
		and any(.key == 8000 and .connections.close_wait == 4)'
	tool_start_as text -N "${HOLD_NETNS[0]}" -i 0.2 --by comm
	until_true 5 grep -q '^BY comm hold ' text.out
	tool_stop_as text
}

@test "filters hold for sums too" {
	hold established=6 close_wait=4
	tool_start --json -N "${HOLD_NETNS[0]}" -i 0.2 -L 8000
	until_true 5 sums_are 1
	tool_stop
	is tool '[.[] | select(.type == "summary")][0].connections
		| .established == 6 and .close_wait == 4 and .fin_wait2 == 0'
	tool_start --json -N "${HOLD_NETNS[0]}" -i 0.2 --dst 10.0.0.0/8
	until_true 5 sums_are 1
	tool_stop
	is tool '[.[] | select(.type == "summary")][0].connections | [.[] | numbers] | add == 0'
	tool_start --json -N "${HOLD_NETNS[0]}" -i 0.2 -p "${HOLD_PIDS[0]}"
	until_true 5 sums_are 1
	tool_stop
	is tool '[.[] | select(.type == "summary")][0].connections
		| .established == 12 and .close_wait == 4 and .time_wait == null and .syn_recv == null'
}

@test "what --state leaves out is not counted: null and -, not 0" {
	hold established=6 close_wait=4 time_wait=3
	tool_start --json -N "${HOLD_NETNS[0]}" -i 0.2 --state established
	until_true 5 sums_are 1
	tool_stop
	is tool '[.[] | select(.type == "summary")][0] | .connections.established == 12 and
		(.connections | del(.established) | [.[] | values] == []) and
		.time_wait.count == null and .close_wait.count == null and .half_open == null'
	tool_start -N "${HOLD_NETNS[0]}" -i 0.2 --state established
	until_true 5 grep -q '^ESTAB 12  TIME_WAIT -  CLOSE_WAIT -  half-open -' tool.err
	tool_stop
}

@test "--fail-on: 3 after a finding, also when it is over" {
	hold close_wait=25
	tool_start --json -N "${HOLD_NETNS[0]}" -i 0.1 --close-wait-age 0.2 --close-wait-count 20 \
		-d 2 --fail-on warning
	tool_wait
	tool_ended 3
	tool_start --json -N "${HOLD_NETNS[0]}" -i 0.1 --close-wait-age 0.2 --close-wait-count 20 \
		-d 1 --fail-on critical
	tool_wait
	tool_ended 0
	# Ctrl-C ends with 0 where it was not asked for
	tool_start --json -N "${HOLD_NETNS[0]}" -i 0.1 --close-wait-age 0.2 --close-wait-count 20
	until_true 10 alerts_are 1
	tool_stop
	tool_ended 0
}

@test "the sums of a terminal are one line, rewritten, that never wraps" {
	e2e_need script
	hold established=6
	local columns
	for columns in 80 200; do
		script -qfec "stty cols $columns rows 24; exec $TCPCONNSTATE -N ${HOLD_NETNS[0]} -i 0.1 -d 1.5" \
			typed.$columns </dev/null >/dev/null
		tr '\r' '\n' <typed.$columns | grep -a '^ESTAB 12' >sums.$columns
		(($(wc -l <sums.$columns) >= 5))
		awk -v c="$columns" '{ sub(/\033\[K.*/, "") } length >= c { exit 1 }' sums.$columns
		# it makes room for the closing line and is gone then
		tail -n 1 typed.$columns | grep -q 'done\|COMMAND_EXIT\|in [0-9.]* s' || tail -n 2 typed.$columns
	done
	grep -q 'lost 0' sums.200
}

@test "elsewhere they are plain lines of standard error" {
	hold established=6
	tool_start -N "${HOLD_NETNS[0]}" -i 0.2
	until_true 5 grep -q '^ESTAB 12  TIME_WAIT 0' tool.err
	tool_stop
	not grep -q "$(printf '[\r\033]')" tool.err
	not grep -q '^ESTAB' tool.out
}

@test "what cannot be entered is not counted, and the rest goes on" {
	e2e_need setpriv
	hold established=6
	TOOL_PREFIX=(setpriv --bounding-set "-all,+bpf,+perfmon" --inh-caps "-all,+bpf,+perfmon")
	tool_start --json -i 0.2
	TOOL_PREFIX=()
	until_true 5 sums_are 1
	hold_more 0 close_wait=3
	until_true 5 eval 'grep -q "\"new_state\":\"close_wait\"" tool.out'
	tool_stop
	is tool '[.[] | select(.type == "summary")][0] | .namespaces <= 1 and
		(.lost.netns_denied > 0 or .lost.netns_vanished > 0)'
}

@test "rights: only what entering namespaces needs is kept" {
	tool_start --json -i 0.2
	until_true 5 sums_are 1
	local pid=${TOOL_PIDS[tool]} caps
	caps=$(awk '/^Cap(Prm|Eff)/ { print $2 }' "/proc/$pid/status" | sort -u)
	# CAP_SYS_PTRACE is 19, CAP_SYS_ADMIN 21
	[[ $caps == 0000000000280000 ]]
	grep -q '^NoNewPrivs:[[:space:]]*1' "/proc/$pid/status"
	tool_stop
	tool_start_as own --json -i 0.2 -N self
	pid=${TOOL_PIDS[own]}
	caps=$(awk '/^Cap(Prm|Eff)/ { print $2 }' "/proc/$pid/status" | sort -u)
	[[ $caps == 0000000000000000 ]]
	tool_stop_as own
}
