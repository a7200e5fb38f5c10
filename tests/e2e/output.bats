# SPDX-License-Identifier: GPL-2.0-only
#
# What text and JSON look like: headings, columns, widths, every field, the closing line.

# shellcheck disable=SC2016,SC2030,SC2031 # jq programs; each test is a subshell

load lib.bash

# shown SCENARIO ARGS...: what the tool prints about it is in tool.out and tool.err
shown() {
	dance_start "$1"
	tool_start -N "$LAB_NETNS" "${@:2}"
	dance_go
	tool_stop
	tool_ended 0
}

# longest FILE: columns of its longest line, without colours and rewritten status lines
longest() {
	tr '\r' '\n' <"$1" | sed 's/\x1b\[[0-9;?]*[A-Za-z]//g' |
		awk '{ if (length > max) max = length } END { print max + 0 }'
}

transitions() { grep -c -- ' -> ' "$1"; }

@test "headings are tcpstates'" {
	shown close_client_first
	local heads
	read -ra heads <<<"$(head -n1 tool.out)"
	[ "${heads[*]}" = "PID COMM LADDR LPORT RADDR RPORT OLDSTATE -> NEWSTATE MS" ]
}

@test "one line per transition, at most 110 columns" {
	shown close_client_first
	cat tool.out
	[ "$(transitions tool.out)" -eq 13 ] # 12, and the arrow in the headings
	[ "$(longest tool.out)" -le 110 ]
	grep -Eq 'FIN_WAIT2 +-> TIME_WAIT\*' tool.out
	grep -Eq ' LISTEN +-> SYN_RECV' tool.out
}

@test "unknown is -, never 0.000, 0 or swapper" {
	shown close_client_first
	not grep -Eq ' 0\.000$|swapper| 0 ' tool.out
	# the local port before it is chosen, and the time in the state before the first
	grep -Eq " - +${LAB_NET4}1 +$LAB_PORT +CLOSE +-> SYN_SENT +-\$" tool.out
}

@test "an inherited owner is marked" {
	shown fork_server
	cat tool.out
	grep -Eq "^$LAB_PID\\? +dance .*LISTEN +-> SYN_RECV" tool.out
	grep -Eq "^$LAB_PID\\? +dance .*SYN_RECV +-> ESTABLISHED" tool.out
	grep -Eq "^[0-9]+ +dance-child .*ESTABLISHED +-> FIN_WAIT1" tool.out
}

@test "-H leaves the headings out" {
	shown close_client_first -H
	not grep -q OLDSTATE tool.out
	[ "$(transitions tool.out)" -eq 12 ]
}

@test "-T adds the wall clock" {
	shown close_client_first -T
	head -n1 tool.out | grep -q TIME
	[ "$(grep -Ec '^[0-2][0-9]:[0-5][0-9]:[0-5][0-9][.0-9]* .* -> ' tool.out)" -eq 12 ]
}

@test "-t adds seconds since start" {
	shown close_client_first -t
	[ "$(grep -Ec '^ *[0-9]+\.[0-9]+ .* -> ' tool.out)" -eq 12 ]
	# and they do not run backwards within one socket's few lines
	awk 'NR > 1 && $1 > 60 { exit 1 }' tool.out
}

@test "-x adds the extended columns" {
	shown close_client_first -x
	local column
	for column in NETNS UID CGROUP DIR RTT REASON COOKIE; do
		head -n1 tool.out | grep -qw "$column"
	done
	grep -q "$LAB_NETNS" tool.out
	grep -Eq 'FIN_WAIT2 .*normal' tool.out
	grep -Eq 'active|passive' tool.out
}

@test "-w shows a whole IPv6 address, without it lines stay short" {
	shown ipv6 -w
	grep -q "${LAB_NET6}aaaa:bbbb:cccc:dddd:1 " tool.out
	shown ipv6
	not grep -q "${LAB_NET6}aaaa:bbbb:cccc:dddd:1 " tool.out
	[ "$(longest tool.out)" -le 110 ]
}

@test "no colours and no control characters in a pipe" {
	shown hostile_comm
	not env LC_ALL=C grep -q '[[:cntrl:]]' tool.out
	shown hostile_comm --json
	not env LC_ALL=C grep -q '[[:cntrl:]]' tool.out
	jq -es '[.[] | select(.type == "state")] | length == 2 and all(.comm | startswith("a\"\\"))' tool.out
}

@test "JSON: every line is compact, type first" {
	shown close_client_first --json
	local line
	while IFS= read -r line; do
		jq -e 'keys_unsorted[0] == "type"' <<<"$line" >/dev/null
		# no blank outside strings
		not grep -q "[[:space:]]" <<<"$(sed -E 's/"([^"\\]|\\.)*"//g' <<<"$line")"
	done <tool.out
	[ "$(head -n1 tool.out | jq -r .type)" = meta ]
	[ "$(tail -n1 tool.out | jq -r .type)" = end ]
}

@test "JSON: -o json is --json" {
	shown close_client_first -o json
	[ "$(head -n1 tool.out | jq -r .type)" = meta ]
	[ "$(jq -s '[.[]|select(.type=="state")]|length' tool.out)" -eq 12 ]
}

@test "JSON: all fields of each type" {
	shown synack_lost --json
	jq -es '
	def has_all($fields): . as $o | $fields | split(" ") | map(. as $f | $o | has($f)) | all;
	def of($type): [.[] | select(.type == $type)];
	(of("meta") | length == 1 and all(has_all("schema version kernel arch boot_id ts command hooks netns_scope limits"))
		and .[0].schema == 1 and (.[0].hooks | type) == "array" and (.[0].limits | type) == "object"
		and .[0].command == "watch")
	and (of("state") | length > 0 and all(has_all("ts mono_ns cookie netns family laddr lport raddr rport old_state new_state kernel_new_state tw_substate duration_us direction pid comm uid cgroup owner_source rtt_us reason recovered")))
	and (of("synack_retransmit") | length > 0 and [.[].retransmits] == [range(1; length + 1)] and all(has_all("ts mono_ns netns family laddr lport raddr rport retransmits acked syn_queue syn_queue_young accept_queue queue_limit listener_cookie"))
		and (.[0].listener_cookie | type) == "string" and .[0].syn_queue == 1)
	and (of("end") | length == 1 and all(has_all("ts events shown filtered lost duration_s")))' tool.out
}

@test "JSON: forms of the values" {
	shown mix --json
	jq -es --argjson n "$LAB_NETNS" '[.[] | select(.type == "state")] | length >= 30 and all(
		(.ts | test("^20[0-9-]{8}T[0-9:]{8}\\.[0-9]{9}Z$"))
		and (.cookie | type == "string" and test("^[0-9]+$"))
		and .netns == $n
		and (.family == 4 or .family == 6)
		and (.lport | type == "number" and . > 0 or type == "null")
		and (.rport | type == "number" and . > 0 or type == "null")
		and (.uid | type == "number")
		and (.cgroup == null or (.cgroup | startswith("/")))
		and (.rtt_us == null or .rtt_us > 0)
		and (.duration_us == null or .duration_us >= 0)
		and ([.old_state, .new_state] | all(IN("established", "syn_sent", "syn_recv", "fin_wait1",
			"fin_wait2", "time_wait", "close", "close_wait", "last_ack", "listen", "closing")))
		and (.owner_source | IN("task", "cached", "listener", "scan", null))
		and (.direction | IN("active", "passive", "listener", null))
		and (.recovered | type == "boolean" or . == null))' tool.out
}

@test "JSON: the clock is now" {
	shown close_client_first --json
	local first now
	first=$(jq -rs '[.[]|select(.type=="state")][0].ts | sub("\\.[0-9]+Z"; "Z") | fromdate' tool.out)
	now=$EPOCHSECONDS
	((first <= now && first > now - 20))
}

@test "the closing line on stderr" {
	shown close_client_first
	cat tool.err
	[ "$(grep -Ec '^[0-9,]+ events seen, 12 shown, [0-9,]+ filtered, 0 lost in [0-9.]+ s$' tool.err)" -eq 1 ]
}

@test "--count N prints N events and ends" {
	dance_start close_client_first
	tool_start -N "$LAB_NETNS" --json --count 5
	dance_go
	tool_wait
	tool_ended 0
	[ "$(jq -s '[.[]|select(.type=="state")]|length' tool.out)" -eq 5 ]
}

@test "-d S ends after S seconds" {
	local start=${EPOCHREALTIME/./} took
	run -0 --separate-stderr "$TCPCONNSTATE" -d 0.5 -N self
	took=$((${EPOCHREALTIME/./} - start))
	((took >= 500000 && took < 2500000))
}

@test "output is flushed while it runs, also into a pipe" {
	dance_start older_reset
	mkfifo pipe
	cat pipe >piped.out 3>&- &
	"$TCPCONNSTATE" -N "$LAB_NETNS" --json >pipe 2>tool.err </dev/null 3>&- &
	TOOL_PIDS["tool"]=$!
	until_true "$DEADLINE_S" test -s piped.out
	dance_go
	until_true 3 grep -q reset_by_peer piped.out
	tool_stop
	tool_ended 0
}

# on_terminal COLUMNS SCENARIO ARGS...: both streams on a terminal of that width, in typed.out
on_terminal() {
	local columns=$1 name=$2 n
	e2e_need script
	rm -f typed.out # the last one has headings, too
	dance_start "$name"
	script -qfec "stty cols $columns rows 24; exec $TCPCONNSTATE -N $LAB_NETNS ${*:3}" typed.out \
		>/dev/null 2>&1 </dev/null 3>&- &
	TOOL_PIDS["script"]=$!
	until_true "$DEADLINE_S" grep -qs OLDSTATE typed.out
	TERMINAL_TOOL=$(pgrep -P "$(pgrep -P "${TOOL_PIDS["script"]}" | head -n1)" | head -n1)
	[ -n "$TERMINAL_TOOL" ] || TERMINAL_TOOL=$(pgrep -P "${TOOL_PIDS["script"]}" | head -n1)
	[ "${GATED:-}" ] || dance_go
	[ "${GATED:-}" ] || terminal_end
}

terminal_end() {
	kill -INT "$TERMINAL_TOOL"
	tool_wait_as script
	# script brackets what was typed with lines of its own
	sed -i -e "/^Script started/d" -e "/^Script done/d" typed.out
	# the farewell is no part of the table
	sed -i "/ events seen, /d" typed.out
}

@test "a terminal of 110, 80 and 60 columns never wraps" {
	local columns
	for columns in 110 80 60; do
		on_terminal "$columns" close_client_first
		cat -v typed.out
		(($(longest typed.out) <= columns))
		[ "$(grep -c 'TIME_WAIT' typed.out)" -ge 1 ]
	done
	on_terminal 80 ipv6
	(($(longest typed.out) <= 80))
}

# The status line that was printed last fits into 60 columns.
is_narrow() {
	tr '\r' '\n' <typed.out | grep '^ESTAB' | tail -n 1 >status.out
	[ -s status.out ] && (($(longest status.out) <= 60))
}

@test "a terminal that is resized changes the width and nothing else" {
	local tty before
	GATED=yes on_terminal 110 close_client_first
	tty=$(readlink "/proc/$TERMINAL_TOOL/fd/1")
	stty -F "$tty" cols 60
	until_true "$DEADLINE_S" is_narrow
	before=$(sed '/^Script started/d' typed.out | wc -c)
	dance_go
	terminal_end
	cat -v typed.out
	[ "$(grep -c -- ' -> ' typed.out)" -ge 12 ]
	tail -c "+$((before + 1))" typed.out >after.out
	(($(longest after.out) <= 60))
}

@test "colour: on a terminal, not with NO_COLOR, and as --color says" {
	local when
	on_terminal 110 close_client_first
	grep -q $'\x1b\[32mESTABLISHED\x1b\[0m' typed.out
	NO_COLOR=1 on_terminal 110 close_client_first
	not grep -q $'\x1b\[[0-9;]*m' typed.out
	for when in auto never always; do
		NO_COLOR='' "$TCPCONNSTATE" replay --color "$when" "$E2E_DIR/../golden/mix.tcs" >"$when.out"
	done
	not grep -q $'\x1b' auto.out
	cmp auto.out never.out
	# the words are all that differs
	grep -q $'\x1b\[2mCLOSE\x1b\[0m' always.out
	sed $'s/\x1b\\[[0-9;]*m//g' always.out | cmp - never.out
	"$TCPCONNSTATE" replay --color always --json "$E2E_DIR/../golden/mix.tcs" >always.json
	not grep -q $'\x1b' always.json
}
