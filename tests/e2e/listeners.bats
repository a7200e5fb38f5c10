# SPDX-License-Identifier: GPL-2.0-only
#
# Listeners that share a port: SO_REUSEPORT workers, tenants of two devices, IPv4 beside IPv6, a
# transparent proxy beside an application. Each one's queue, rates, verdict and connections are its
# own. twins.c makes them, and says how many connections each has.

# shellcheck disable=SC2030,SC2031 # each test is a subshell

load lib.bash
load twins.bash

# start SITUATION...: index 0; NS, PORT
start() {
	twins "$@"
	NS=$(twins_get 0 .netns) PORT=$(twins_get 0 .port)
}

ALERTS='map(select(.type == "alert" and .kind == "accept_queue_full"))'

alerts_are() { (($(grep -c '"kind":"accept_queue_full"' "${2:-tool}.out") >= $1)); }
summaries_are() { (($(grep -c '"type":"summary"' "${2:-tool}.out") >= $1)); }
# More summaries than now: a finding would have been raised.
some_summaries() { until_true 10 summaries_are $(($(grep -c '"type":"summary"' "${1:-tool}.out") + 4)) "${1:-tool}"; }

# owners_are '{"PID NAME": COUNT ...}': of the rows of audit.out, in the namespaces of this test
owners_are() {
	local netns
	netns=$(cat twins.?.json | jq -cs 'map(.netns // empty)')
	same "$1" audit.out "map(select(.type == \"close_wait\" and (.netns | IN(${netns}[]))) |
		{key: \"\(.pid) \(.comm)\", value: .count}) | from_entries"
}
# owner INDEX NAME: "PID NAME", as above
owner() { echo "$(pid_of "$1" "$2") $2"; }

# ---- SO_REUSEPORT workers -------------------------------------------------------------------

# full_one WHICH ARGS...: worker WHICH does not accept and its queue is full, 0 and another have
# clients, one is idle; further clients come to WHICH
full_one() {
	local stuck=$1 i rates=(20 0 0 0)
	shift
	start workers "$@"
	for i in 0 1 2 3; do
		((i == stuck)) || twins_word 0 accept "$i"
	done
	twins_word 0 connect "$stuck" 17
	rates[stuck]=20
	rates[stuck == 1 ? 2 : 1]=10
	twins_word 0 steady "${rates[@]}"
	same '[17, 16]' <(twins_get 0 ".listeners[$stuck] | [.accept_queue, .queue_limit]") .[0]
	STUCK=worker-$stuck BUSY=worker-0 SLOW=worker-$((stuck == 1 ? 2 : 1)) IDLE=worker-$((stuck == 3 ? 2 : 3))
}

# the finding, wherever it is
names_the_stuck_one() {
	same "[\"$STUCK\", $(pid_of 0 "$STUCK"), $PORT, 17, 16]" "$1" \
		"${ALERTS}[0] | [.subject.comm, .subject.pid, .subject.lport, .evidence.accept_queue,
			.evidence.queue_limit]"
}

# accept_queue_full in one row, "ok" in the others; queues and rates are each worker's
rows_are_each_ones() {
	same "[[\"$STUCK\", \"accept_queue_full\", 17, 16], [\"$BUSY\", \"ok\", 0, 16],
		[\"$SLOW\", \"ok\", 0, 16], [\"$IDLE\", \"ok\", 0, 16]] | sort" audit.out \
		"map(select(.type == \"listener\" and .lport == $PORT) |
			[.comm, .verdict, (if .verdict == \"ok\" then 0 else .accept_queue end),
				.accept_queue_limit]) | sort"
	same '[0, 0]' audit.out "map(select(.type == \"listener\" and .lport == $PORT and
		(.comm == \"$IDLE\" or .comm == \"$STUCK\")).done_per_s)"
	# 20 and 10 per second, within what a second of a busy host is
	same '[true, true]' audit.out "def rate(name): map(select(.type == \"listener\" and
			.comm == name).done_per_s)[0];
		[(rate(\"$BUSY\") | . >= 13 and . <= 27), (rate(\"$SLOW\") | . >= 6 and . <= 14)]"
	# drops are those of the clients that its queue has no room for
	same '[true, true]' audit.out "map(select(.type == \"listener\" and .lport == $PORT)) |
		[all(.comm == \"$STUCK\" or .drops_per_s == 0), any(.drops_per_s > 5)]"
}

workers_audit() {
	full_one "$@"
	audit 3 -N "$NS" --window 1.5
	names_the_stuck_one audit.out
	same 1 audit.out "$ALERTS | length"
	rows_are_each_ones
	same '[]' audit.out 'map(select(.type == "alert") | select(.kind == ("syn_flood",
		"syn_backlog_small", "handshake_loss")))'
	same 1 audit.out "${ALERTS}[0].subject.listeners"
	same null audit.out "${ALERTS}[0].subject.device"
}

@test "audit: one of four workers does not accept" {
	workers_audit 1
}

@test "audit: the third of four workers does not accept, on another port, over IPv6" {
	full_one 2 ipv6 port=7070
	audit 3 -N "$NS" --window 1.5
	names_the_stuck_one audit.out
	rows_are_each_ones
}

@test "audit: the last of four workers does not accept; one snapshot" {
	full_one 3
	audit 3 -N "$NS" --window 0
	names_the_stuck_one audit.out
	same 1 audit.out "$ALERTS | length"
	same '["accept_queue_full", null, null, null]' audit.out \
		"map(select(.type == \"listener\") | if .comm == \"$STUCK\" then .verdict
			elif .verdict == \"ok\" then null else \"\(.comm) \(.verdict)\" end) | sort_by(. == null)"
	same '[null, null, null, null]' audit.out 'map(select(.type == "listener").done_per_s)'
}

@test "audit: filters with and without the worker that does not accept" {
	full_one 1
	local pid other
	pid=$(pid_of 0 "$STUCK") other=$(pid_of 0 "$SLOW")
	audit 3 -N "$NS" --window 0 -p "$pid"
	names_the_stuck_one audit.out
	same "[$pid]" audit.out 'map(select(.type == "listener").pid)'
	audit 3 -N "$NS" --window 0 --comm "$STUCK"
	names_the_stuck_one audit.out
	audit '[03]' -N "$NS" --window 0 -p "$other"
	same '[]' audit.out "$ALERTS"
	same "[[$other, \"ok\"]]" audit.out 'map(select(.type == "listener") | [.pid, .verdict])'
	audit '[03]' -N "$NS" --window 0 --comm "$IDLE"
	same '[]' audit.out "$ALERTS"
	audit 3 -N "$NS" --window 0 -L "$PORT"
	names_the_stuck_one audit.out
	audit '[03]' -N "$NS" --window 0 -L $((PORT + 1))
	same '[]' audit.out "$ALERTS"
	audit '[03]' -N "$NS" --window 0 -6
	same '[]' audit.out "$ALERTS"
}

@test "audit: text names the worker, and its queue" {
	full_one 1
	"$TCPCONNSTATE" audit -N "$NS" --window 0 >text || true
	cat text
	head -n 1 text | grep "accept_queue_full .*$STUCK($(pid_of 0 "$STUCK"))"
	(($(grep -c '^LISTENERS\|accept_queue_full' text) >= 2))
	# in one row of the table
	(($(sed -n '/^LISTENERS/,/^$/p' text | grep -c accept_queue_full) == 1))
	# (a name that is too long for its column has a line of its own)
	sed -n '/^LISTENERS/,/^$/p' text | tr '\n' ' ' |
		grep -E " $STUCK\\($(pid_of 0 "$STUCK")\\) +[0-9]+/16 +[0-9]+ +17/16 [^(]*accept_queue_full"
}

@test "watch: a worker that does not accept, before the start" {
	full_one 1
	tool_start --json -N "$NS" -i 0.2
	until_true 10 alerts_are 1
	some_summaries
	tool_stop
	tool_ended 0
	names_the_stuck_one tool.out
	same 1 tool.out "$ALERTS | map(.subject | {pid, lport}) | unique | length"
	same '[1, null]' tool.out "${ALERTS}[0].subject | [.listeners, .device]"
}

@test "watch: a worker that stops to accept, after the start, over IPv6" {
	start workers ipv6 late
	tool_start --json -N "$NS" -i 0.2
	until_true 10 summaries_are 1
	twins_word 0 listen
	twins_word 0 accept 0
	twins_word 0 accept 1
	twins_word 0 accept 3
	twins_word 0 connect 2 17
	twins_word 0 steady 20 10 20 0
	STUCK=worker-2
	until_true 10 alerts_are 1
	names_the_stuck_one tool.out
	# and it is over when that one accepts
	twins_word 0 accept 2
	until_true 15 eval 'grep "\"kind\":\"accept_queue_full\"" tool.out | grep -q "\"status\":\"cleared\""'
	tool_stop
	same "[[\"raised\", \"$STUCK\"], [\"cleared\", \"$STUCK\"]]" tool.out \
		"$ALERTS | map(select(.status != \"updated\") | [.status, .subject.comm])"
}

@test "watch: filters with and without the worker that does not accept" {
	full_one 2
	tool_start --json -N "$NS" -i 0.2 -p "$(pid_of 0 "$STUCK")"
	tool_start_as other --json -N "$NS" -i 0.2 -p "$(pid_of 0 worker-1)"
	tool_start_as port --json -N "$NS" -i 0.2 -L "$PORT"
	tool_start_as none --json -N "$NS" -i 0.2 -L $((PORT + 1))
	until_true 10 alerts_are 1
	until_true 10 alerts_are 1 port
	some_summaries other
	some_summaries none
	local name
	for name in tool other port none; do tool_stop_as "$name"; done
	names_the_stuck_one tool.out
	names_the_stuck_one port.out
	same '[]' other.out "$ALERTS"
	same '[]' none.out "$ALERTS"
}

@test "two namespaces at once, each with a worker of its own that does not accept" {
	full_one 1 port=7070
	local first=$NS pid
	pid=$(pid_of 0 worker-1)
	twins workers port=7070
	twins_word 1 connect 2 17
	audit 3 --window 0
	same "[[$first, $pid, 17], [$(twins_get 1 .netns), $(pid_of 1 worker-2), 17]] | sort" audit.out \
		"$ALERTS | map(select(.subject.lport == 7070) |
			[.netns, .subject.pid, .evidence.accept_queue]) | sort"
	same 2 audit.out "$ALERTS | map(select(.subject.lport == 7070).netns_cookie) | unique | length"
}

@test "unaccepted connections whose clients have closed are their own worker's" {
	start workers
	twins_word 0 connect 0 3
	twins_word 0 connect 2 5
	twins_word 0 finish 0
	twins_word 0 finish 2
	local own
	own="{\"$(owner 0 worker-0)\": 3, \"$(owner 0 worker-2)\": 5}"
	audit '[03]' -N "$NS" --window 0
	owners_are "$own"
	audit '[03]' -N "$NS" --window 0.2
	owners_are "$own"
	audit '[03]' -N "$NS" --window 0 -p "$(pid_of 0 worker-2)"
	owners_are "{\"$(owner 0 worker-2)\": 5}"
	audit '[03]' -N "$NS" --window 0 --comm worker-0
	owners_are "{\"$(owner 0 worker-0)\": 3}"
	audit '[03]' -N "$NS" --window 0 --comm worker-1
	owners_are '{}'
}

@test "unaccepted connections of workers in two namespaces, over IPv6" {
	start workers ipv6 port=7070 members=2
	twins_word 0 connect 0 2
	twins_word 0 connect 1 4
	twins_word 0 finish 0
	twins_word 0 finish 1
	twins workers ipv6 port=7070 members=2
	twins_word 1 connect 0 6
	twins_word 1 connect 1 1
	twins_word 1 finish 0
	twins_word 1 finish 1
	audit '[03]' --window 0 -L 7070
	owners_are "{\"$(owner 0 worker-0)\": 2, \"$(owner 0 worker-1)\": 4,
		\"$(owner 1 worker-0)\": 6, \"$(owner 1 worker-1)\": 1}"
}

# ---- owners of lines ------------------------------------------------------------------------

# named NAME I LISTENER CONDITION N: N lines, all of which name LISTENER's process
named() {
	local ports have
	ports=$(jq -cs "map(select(.done == \"connect\")) | map(.ports[] |
		select(. % $(twins_get 0 '.listeners | length') == $2))" twins.0.json)
	have=$(jq -cs --argjson ports "$ports" "[.[] | select(.type == \"state\" and
		.lport == $PORT and (.rport | IN(\$ports[])) and ($4)) | \"\(.pid) \(.comm)\"] | group_by(.) |
		map({key: .[0], value: length}) | from_entries" "$1.out")
	same "{\"$(owner 0 "$3")\": $5}" <(echo "$have") .[0]
}

TO_CLOSE_WAIT='.old_state == "established" and .new_state == "close_wait"'
BEGINS='.old_state == "listen" or (.old_state == "syn_recv" and .new_state == "established")'

# own_lines FIRST SECOND ARGS...: two listeners; 3 and 5 connections older than the program, 2 and 4
# made after its start, nobody accepts, and then their clients close
own_lines() {
	local first=$1 second=$2
	shift 2
	start "$@"
	twins_word 0 connect 0 3
	twins_word 0 connect 1 5
	tool_start --json -N "$NS"
	tool_start_as second --json -N "$NS" -p "$(pid_of 0 "$second")"
	twins_word 0 connect 0 2
	twins_word 0 connect 1 4
	twins_word 0 finish 0
	twins_word 0 finish 1
	tool_stop
	tool_stop_as second
	named tool 0 "$first" "$BEGINS" 4
	named tool 1 "$second" "$BEGINS" 8
	named tool 0 "$first" "$TO_CLOSE_WAIT" 5
	named tool 1 "$second" "$TO_CLOSE_WAIT" 9
	named second 1 "$second" "$TO_CLOSE_WAIT" 9
	same 0 second.out "map(select(.type == \"state\" and .lport == $PORT and .rport and .rport % 2 == 0)) |
		length"
	audit '[03]' -N "$NS" --window 0
	owners_are "{\"$(owner 0 "$first")\": 5, \"$(owner 0 "$second")\": 9}"
	audit '[03]' -N "$NS" --window 0 -p "$(pid_of 0 "$first")"
	owners_are "{\"$(owner 0 "$first")\": 5}"
}

# own_lines_late: the listeners are started after the program
own_lines_late() {
	local first=$1 second=$2
	shift 2
	start "$@" late
	tool_start --json -N "$NS"
	twins_word 0 listen
	twins_word 0 connect 0 2
	twins_word 0 connect 1 4
	twins_word 0 finish 0
	twins_word 0 finish 1
	tool_stop
	named tool 0 "$first" "$BEGINS" 4
	named tool 1 "$second" "$BEGINS" 8
	named tool 0 "$first" "$TO_CLOSE_WAIT" 2
	named tool 1 "$second" "$TO_CLOSE_WAIT" 4
	audit '[03]' -N "$NS" --window 0
	owners_are "{\"$(owner 0 "$first")\": 2, \"$(owner 0 "$second")\": 4}"
}

@test "workers: lines of unaccepted connections name their own, or nobody" {
	start workers members=2
	twins_word 0 connect 0 3
	twins_word 0 connect 1 5
	tool_start --json -N "$NS"
	twins_word 0 connect 0 2
	twins_word 0 connect 1 4
	twins_word 0 finish 0
	twins_word 0 finish 1
	tool_stop
	named tool 0 worker-0 "$BEGINS" 4
	named tool 1 worker-1 "$BEGINS" 8
	# the kernel does not say which listener of a group an older child is of, but in its queue
	same '[]' tool.out "map(select(.type == \"state\" and .lport == $PORT and .rport and .pid and
		.pid != (if .rport % 2 == 0 then $(pid_of 0 worker-0) else $(pid_of 0 worker-1) end)) |
		\"\(.rport) \(.comm)\")"
}

# ---- two devices ----------------------------------------------------------------------------

@test "devices: connections of two tenants on one port, older and newer than the program" {
	own_lines tenant-left tenant-right devices
}

@test "devices: connections of two tenants on one port, over IPv6" {
	own_lines tenant-left tenant-right devices ipv6 port=7070
}

@test "devices: two tenants that are started after the program" {
	own_lines_late tenant-left tenant-right devices
}

@test "devices: equal 4-tuples on two devices" {
	start devices same_ports
	twins_word 0 connect 0 3
	twins_word 0 connect 1 5
	tool_start --json -N "$NS"
	twins_word 0 finish 0
	twins_word 0 finish 1
	tool_stop
	same "{\"$(owner 0 tenant-left)\": 3, \"$(owner 0 tenant-right)\": 5}" tool.out \
		"map(select(.type == \"state\" and $TO_CLOSE_WAIT) | \"\(.pid) \(.comm)\") | group_by(.) |
			map({key: .[0], value: length}) | from_entries"
	audit '[03]' -N "$NS" --window 0
	owners_are "{\"$(owner 0 tenant-left)\": 3, \"$(owner 0 tenant-right)\": 5}"
}

@test "devices: rows, lines and text have the device" {
	local name
	start devices
	twins_word 0 connect 0 3
	twins_word 0 connect 1 5
	tool_start --json -N "$NS"
	tool_start_as text -N "$NS" -w
	twins_word 0 finish 0
	twins_word 0 finish 1
	tool_stop
	tool_stop_as text
	audit '[03]' -N "$NS" --window 0
	same "[[\"left\", \"tenant-left\", 3], [\"right\", \"tenant-right\", 5]]" audit.out \
		"map(select(.type == \"listener\" and .lport == $PORT) |
			[.device, .comm, .accept_queue]) | sort"
	same '[["left", 3], ["right", 5]]' tool.out "map(select(.type == \"state\" and $TO_CLOSE_WAIT).device) |
		group_by(.) | map([.[0], length])"
	(($(grep -c " 10\.9\.0\.[12]%left .*ESTABLISHED  *-> CLOSE_WAIT" text.out) == 3))
	(($(grep -c " 10\.9\.0\.[12]%right .*ESTABLISHED  *-> CLOSE_WAIT" text.out) == 5))
	"$TCPCONNSTATE" audit -N "$NS" --window 0 >text || true
	grep -F "0.0.0.0%left:$PORT " text
	grep -F "0.0.0.0%right:$PORT " text
}

@test "devices: one of two tenants does not accept" {
	start devices
	twins_word 0 accept 0
	twins_word 0 connect 0 2
	twins_word 0 connect 1 17
	STUCK=tenant-right
	audit 3 -N "$NS" --window 0
	names_the_stuck_one audit.out
	same '[["tenant-left", "ok", 0], ["tenant-right", "accept_queue_full", 17]]' audit.out \
		'map(select(.type == "listener") | [.comm, .verdict, .accept_queue]) | sort'
	same '["right", 1]' audit.out "${ALERTS}[0].subject | [.device, .listeners]"
}

# ---- IPv4 beside IPv6 -----------------------------------------------------------------------

@test "0.0.0.0 beside a v6-only [::]" {
	own_lines only-v4 only-v6 families
}

@test "0.0.0.0 beside a v6-only [::] that is older, on another port" {
	own_lines only-v6 only-v4 families six_first port=7070
}

@test "0.0.0.0 beside a dual-stack [::] by SO_REUSEPORT" {
	own_lines only-v4 only-v6 families dual
}

@test "0.0.0.0 and a v6-only [::] that are started after the program" {
	own_lines_late only-v6 only-v4 families six_first
}

@test "0.0.0.0 beside [::] in two namespaces at once, and by family" {
	start families port=7070
	twins_word 0 connect 0 3
	twins_word 0 connect 1 5
	twins families port=7070 six_first
	twins_word 1 connect 0 4
	twins_word 1 connect 1 6
	local i
	for i in 0 1; do
		twins_word "$i" finish 0
		twins_word "$i" finish 1
	done
	audit '[03]' --window 0 -L 7070
	owners_are "{\"$(owner 0 only-v4)\": 3, \"$(owner 0 only-v6)\": 5,
		\"$(owner 1 only-v6)\": 4, \"$(owner 1 only-v4)\": 6}"
	audit '[03]' -N "$NS" --window 0 -4
	owners_are "{\"$(owner 0 only-v4)\": 3}"
	audit '[03]' -N "$NS" --window 0 -6
	owners_are "{\"$(owner 0 only-v6)\": 5}"
	audit '[03]' -N "$NS" --window 0 --comm only-v4
	owners_are "{\"$(owner 0 only-v4)\": 3}"
}

# ---- a transparent proxy --------------------------------------------------------------------

# not_the_application NAME N CONDITION: N lines of redirected connections; the proxy, or nobody
not_the_application() {
	same "[$2, []]" "$1.out" "[.[] | select(.type == \"state\" and .lport == $PORT and .rport and
			.rport % 2 == 1 and ($3))] |
		[length, map(select(.pid != null and .pid != $(pid_of 0 proxy)) | \"\(.pid) \(.comm)\")]"
}

proxied() {
	start tproxy "$@"
	twins_word 0 connect 0 3
	twins_word 0 connect 1 5
	tool_start --json -N "$NS"
	tool_start_as app --json -N "$NS" --comm application
	twins_word 0 connect 0 2
	twins_word 0 connect 1 4
	twins_word 0 finish 0
	twins_word 0 finish 1
	tool_stop
	tool_stop_as app
	not_the_application tool 8 "$BEGINS"
	not_the_application tool 9 "$TO_CLOSE_WAIT"
	# those that nobody took away are the application's
	named tool 0 application "$BEGINS" 4
	named tool 0 application "$TO_CLOSE_WAIT" 5
	# and are all that a filter on it shows
	same 0 app.out "map(select(.type == \"state\" and .lport == $PORT and .rport and .rport % 2 == 1)) |
		length"
	audit '[03]' -N "$NS" --window 0
	owners_are_or_none
}

# 5 of the application's, 9 of the proxy's or of nobody
owners_are_or_none() {
	same "{\"$(owner 0 application)\": 5, \"proxy or nobody\": 9}" audit.out \
		"map(select(.type == \"close_wait\") |
			{key: (if .pid == $(pid_of 0 application) then \"\(.pid) \(.comm)\"
				elif .pid == null or .pid == $(pid_of 0 proxy) then \"proxy or nobody\"
				else \"another: \(.comm)\" end), value: .count}) | from_entries"
}

@test "a transparent proxy: connections older and newer than the program" {
	proxied
}

@test "a transparent proxy, over IPv6, on another port" {
	proxied ipv6 port=7070
}

are_closed() { (($(grep -c '"old_state":"last_ack"' tool.out) >= $1)); }

@test "a transparent proxy that is started after the program" {
	start tproxy late
	tool_start --json -N "$NS"
	twins_word 0 listen
	twins_word 0 accept 1
	twins_word 0 connect 0 2
	twins_word 0 connect 1 4
	twins_word 0 finish 0
	twins_word 0 finish 1
	until_true "$DEADLINE_S" are_closed 4
	tool_stop
	not_the_application tool 8 "$BEGINS"
	not_the_application tool 4 "$TO_CLOSE_WAIT"
	named tool 0 application "$BEGINS" 4
	named tool 0 application "$TO_CLOSE_WAIT" 2
	# closed by the proxy, which is then known
	not_the_application tool 4 '.new_state == "last_ack"'
}

@test "a transparent proxy in each of two namespaces" {
	start tproxy port=7070
	twins_word 0 connect 0 3
	twins_word 0 connect 1 5
	twins_word 0 finish 0
	twins_word 0 finish 1
	twins tproxy port=7070
	twins_word 1 connect 1 6
	twins_word 1 finish 1
	audit '[03]' --window 0 -L 7070
	same "[[$(pid_of 0 application), 3]]" audit.out \
		"map(select(.type == \"close_wait\" and (.pid == $(pid_of 0 application) or
			.pid == $(pid_of 1 application))) | [.pid, .count])"
	same '[8, 6]' audit.out "map(select(.type == \"close_wait\")) as \$rows | [$NS, $(twins_get 1 .netns)] | map(. as \$ns | \$rows |
		map(select(.netns == \$ns).count) | add)"
}
