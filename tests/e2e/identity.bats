# SPDX-License-Identifier: GPL-2.0-only
#
# Sockets that share a cookie, and destinations that share an address: every one is counted and
# printed as itself. race.c and twins.c make them; the kernel's own trace has the expected lines.

# shellcheck disable=SC2016,SC2030,SC2031 # jq programs; each test is a subshell

load lib.bash
load twins.bash

# ---- two children of one request share its cookie -------------------------------------------

# Of the lab: "addresses and ports: old>new ..." for each 4-tuple, in the order of the events; in
# alphabetical order where two sockets had the tuple at the same time. $keep: a jq condition on
# .old, .new, .laddr, .lport, .raddr, .rport. Before a port is chosen the address is left out.
PATHS='
	def place($a; $p): if ($p // 0) == 0 then "-" else "\($a):\($p)" end;
	def is_of_lab: ["\(.laddr)", "\(.raddr)"] | any(startswith($net4) or startswith($net6));
	def is_listener: (.rport // 0) == 0 and (.lport // 0) >= $port and (.lport // 0) < $port + 50;
	[.[] | select(.type == "state" and (.blind | not))
		| .old = (.old // .old_state) | .new = (.new // .kernel_new_state)
		| select(is_of_lab or is_listener)]
	| group_by([place(.laddr; .lport), place(.raddr; .rport)])[]
	| "\(.[0] | place(.laddr; .lport)) \(.[0] | place(.raddr; .rport)): " +
		(map("\(.old)>\(.new)") | if index("listen>syn_recv") != rindex("listen>syn_recv")
			then sort else . end | join(" "))'

# paths FILE [CONDITION]
paths() {
	jq -rs --arg net4 "$LAB_NET4" --arg net6 "$LAB_NET6" --argjson port "$LAB_PORT" \
		"map(select(.type == \"state\") | .old = (.old // .old_state)
			| .new = (.new // .kernel_new_state) | select(${2:-true})) | $PATHS" "$1"
}

# Process 1 hid an event from all BPF programs.
blind() { grep -q '"blind":true' truth.json; }

# The 4-tuples that have such an event, as paths prints them; of no socket, a pattern that never is.
blind_tuples() {
	jq -r 'def place($a; $p): if $p == 0 then "-" else "\($a):\($p)" end;
		select(.type == "state" and .blind) |
		"\(place(.laddr; .lport)) \(place(.raddr; .rport)): "' truth.json
	echo "no such tuple"
}

# as_traced NAME [CONDITION]: what NAME printed of the lab is what the kernel's trace has
as_traced() {
	blind_tuples >blind
	paths truth.json "${2:-true}" | grep -vFf blind >traced || true
	paths "$1.out" | grep -vFf blind >printed || true
	[[ -s traced ]]
	diff traced printed >different || {
		echo "$1: < traced, > printed; of $(wc -l <traced) paths" >&2
		head -n 20 different >&2
		return 1
	}
}

# counts_as_traced NAME: by (old, new); names what differs
counts_as_traced() {
	truth_counts >traced
	jq -r --arg net4 "$LAB_NET4" --arg net6 "$LAB_NET6" --argjson port "$LAB_PORT" '
		select(.type == "state" and (("\(.laddr) \(.raddr)" | contains($net4) or contains($net6))
			or ((.rport // 0) == 0 and (.lport // 0) >= $port and (.lport // 0) < $port + 50)))
		| "\(.old_state) \(.kernel_new_state)"' "$1.out" | sort | uniq -c >printed
	diff traced printed >different || {
		echo "$1: < traced, > printed" >&2
		cat different >&2
		return 1
	}
}

nothing_lost() { blind || same 0 "$1.out" '.[-1].lost | add'; }

# ends FILE: connections that ended in ESTABLISHED
ends_are() {
	local n
	n=$(jq -s '[.[] | select((.old // .old_state) == "established")] | length' "$2")
	((n == $1)) || {
		echo "$2: $n ends, expected $1" >&2
		return 1
	}
}

# children_in TRUTH: of requests whose other child was given up
children_given_up() {
	jq -s '[.[] | select(.type == "state" and .old == "syn_recv" and .new == "close")] | length' truth.json
}

# raced FUNCTION: once more, twice at most, if no two ACKs met or process 1 hid an event; MET is how
# many met. Comparisons leave out the 4-tuples of hidden events, and hold where no two ACKs met; a test
# ends with `met`, which reports that there were none.
raced() {
	local _
	for _ in 1 2 3; do
		TWINS_FIRST=${#TWINS_PIDS[@]}
		"$@" || return
		MET=$(children_given_up)
		if blind; then continue; fi
		((MET == 0)) || return 0
	done
}
met() { ((MET > 0)) || skip "in three attempts no two ACKs met"; }

listed_race() {
	twins_program "$RACE" "$@" 300 || return
	lab_is "$TWINS_FIRST"
	truth_start || return
	tool_start --json -N "$LAB_NETNS" || return
	twins_finish "$TWINS_FIRST" || return
	tool_stop || return
	tool_ended 0 || return
	truth_stop
}

whole_race() {
	raced listed_race "$@"
	blind || ends_are 300 truth.json
	blind || ends_are 300 tool.out
	blind || counts_as_traced tool
	as_traced tool
	nothing_lost tool
	met
}

@test "two ACKs race for a request that has a cookie: all changes of both children are printed" {
	whole_race --listed
}

@test "two ACKs race for a request that has a cookie, over IPv6" {
	whole_race --listed --ipv6
}

@test "two ACKs race for a request that was listed before the program started" {
	whole_race --listed --early
}

@test "two ACKs race for a request that was listed before the program started, over IPv6" {
	whole_race --listed --early --ipv6
}

filtered_race() {
	twins_program "$RACE" --listed 300 || return
	lab_is "$TWINS_FIRST"
	truth_start || return
	tool_start_as port --json -N "$LAB_NETNS" -L "$LAB_PORT" || return
	tool_start_as ended --json -N "$LAB_NETNS" --state close || return
	tool_start_as other --json -N "$LAB_NETNS" -L $((LAB_PORT + 1)) || return
	twins_finish "$TWINS_FIRST" || return
	tool_stop_as port || return
	tool_stop_as ended || return
	tool_stop_as other || return
	truth_stop
}

@test "filters on sockets that share a cookie: port, state, another port" {
	raced filtered_race
	as_traced port
	as_traced ended '.old == "close" or .new == "close"'
	same 0 other.out 'map(select(.type == "state")) | length'
	nothing_lost port
	nothing_lost ended
	nothing_lost other
	met
}

# Both at once: their sockets come and go beside each other, at equal source ports. Each has two
# processes that spin, so there are fewer of them.
two_races() {
	local first=$TWINS_FIRST port
	twins_program "$RACE" --listed 100 || return
	twins_program "$RACE" --listed 100 || return
	lab_is $((first + 1))
	port=$LAB_PORT
	lab_is "$first"
	truth_start "$port" || return
	tool_start --json || return
	echo go >&"${TWINS_FDS[first]}"
	twins_finish $((first + 1)) || return
	twins_finish "$first" || return
	tool_stop || return
	tool_ended 0 || return
	truth_stop
}

@test "two namespaces at once" {
	raced two_races
	blind || counts_as_traced tool
	as_traced tool
	lab_is $((TWINS_FIRST + 1))
	truth_json
	as_traced tool
	met
}

lifecycle_race() {
	twins_program "$RACE" --listed 300 || return
	lab_is "$TWINS_FIRST"
	truth_start || return
	tool_start --json --lifecycle -N "$LAB_NETNS" || return
	twins_finish "$TWINS_FIRST" || return
	tool_stop || return
	truth_stop
}

@test "one line per connection, also of children that share a cookie" {
	raced lifecycle_race
	blind || same 300 tool.out 'map(select(.type == "connection" and
		[.path[][0]] == ["syn_recv", "established", "close"] and .reason == "reset_by_peer")) | length'
	blind || same "$(children_given_up)" tool.out 'map(select(.type == "connection" and
		[.path[][0]] == ["syn_recv", "close"])) | length'
	nothing_lost tool
	met
}

# ---- SYN-ACKs are lost, so that a client acknowledges twice ----------------------------------

# requests_listed PID: again and again, so that each request gets its cookie
requests_listed() {
	while nsenter -t "$1" -n ss -tanH state syn-recv; do
		read -rt 0.05 -u "$NAP_FD" || true
	done >/dev/null 2>&1 3>&-
}

lossy_run() {
	twins lossy "$@" || return
	lab_is "$TWINS_FIRST"
	truth_start || return
	tool_start --json -N "$LAB_NETNS" || return
	tool_start_as client --json -N "$(twins_get "$TWINS_FIRST" .client_netns)" || return
	requests_listed "$(twins_get "$TWINS_FIRST" .server_pid)" &
	TOOL_PIDS["ss"]=$!
	twins_word "$TWINS_FIRST" run "${TWINS_CONNECTIONS:-300}" || return
	tool_kill_as ss
	tool_stop || return
	tool_stop_as client || return
	truth_stop
}
tool_kill_as() {
	kill -KILL "${TOOL_PIDS[$1]}"
	wait "${TOOL_PIDS[$1]}" 2>/dev/null || true
	unset "TOOL_PIDS[$1]"
}

whole_lossy() {
	# shellcheck disable=SC2034 # truth_start has it
	local TRACE_KB=16384 n=${TWINS_CONNECTIONS:-300}
	raced lossy_run "$@"
	as_traced tool ".lport == $LAB_PORT"
	as_traced client ".rport == $LAB_PORT"
	nothing_lost tool
	nothing_lost client
	# each connection ends at its client and at its server; its client had no port at first
	blind || same "$n" tool.out 'map(select(.type == "state" and .old_state == "established")) | length'
	blind || same "$n" client.out 'map(select(.type == "state" and .old_state == "established")) | length'
	blind || same "$n" client.out 'map(select(.type == "state" and .new_state == "syn_sent")) | length'
	met
}

@test "40 % of the SYN-ACKs lost: every change of state is printed" {
	whole_lossy
}

@test "40 % of the SYN-ACKs lost, over IPv6" {
	whole_lossy ipv6
}

# ---- one address on two links ---------------------------------------------------------------

time_waits() { jq -cs 'map(select(.type == "time_wait"))' audit.out; }

# fill LEFT RIGHT: so many ports towards each, a third of them in TIME_WAIT
fill() {
	twins_word 0 connect 0 $(($1 - $1 / 3))
	twins_word 0 time_wait 0 $(($1 / 3))
	twins_word 0 connect 1 $(($2 - $2 / 3))
	twins_word 0 time_wait 1 $(($2 / 3))
	NS=$(twins_get 0 .netns) RADDR=$(twins_get 0 .raddr)
}

# two_rows LEFT RIGHT: ports_used and count of each, and nothing else
two_rows() {
	same "[[$1, $(($1 / 3)), 100], [$2, $(($2 / 3)), 100]] | sort" audit.out \
		"map(select(.type == \"time_wait\" and .raddr == \"$RADDR\" and .rport == 8000) |
			[.ports_used, .count, .ports_range]) | sort"
	same "[[\"left\", $1], [\"right\", $2]]" audit.out \
		'map(select(.type == "time_wait") | [.device, .ports_used]) | sort'
}

no_exhaustion() {
	same '[]' "$1" 'map(select(.type == "alert" and .kind == "port_exhaustion"))'
}

@test "one link-local address on two links: ports are used up on neither" {
	twins links ipv6
	fill 60 66
	audit '[03]' -N "$NS" --window 0
	no_exhaustion audit.out
	two_rows 60 66
	audit '[03]' -N "$NS" --window 0.2
	no_exhaustion audit.out
	audit '[03]' -N "$NS" --window 0 -6 -D 8000 --dst fe80::/10
	no_exhaustion audit.out
	two_rows 60 66
	audit 0 -N "$NS" --window 0 -4
	same '[]' audit.out 'map(select(.type == "time_wait"))'
	audit 0 -N "$NS" --window 0 -D 8001
	same '[]' audit.out 'map(select(.type == "time_wait"))'
}

@test "one IPv4 address on two devices: ports are used up on neither" {
	twins links
	fill 60 66
	audit '[03]' -N "$NS" --window 0
	no_exhaustion audit.out
	two_rows 60 66
}

@test "the device is in the text of audit, after the address" {
	twins links ipv6
	fill 60 66
	"$TCPCONNSTATE" audit -N "$NS" --window 0 >text || true
	cat text
	not grep -q '^port_exhaustion' text
	(($(grep -Ec '^.*fe80::[12]%left.*:8000 .* 60/100' text) == 1))
	(($(grep -Ec '^.*fe80::[12]%right.*:8000 .* 66/100' text) == 1))
}

@test "one of two links is used up: the finding is about that device" {
	twins links ipv6
	fill 96 30
	audit 3 -N "$NS" --window 0 --fail-on critical
	same '[["critical", 96, 4, 100]]' audit.out 'map(select(.type == "alert") |
		[.severity, .evidence.ports_used, .evidence.ports_left, .evidence.ports_range])'
	two_rows 96 30
	same '["fe80::2", 8000, "left"]' audit.out \
		'map(select(.type == "alert"))[0].subject | [.raddr, .rport, .device]'
	"$TCPCONNSTATE" audit -N "$NS" --window 0 >text || true
	tr '\n' ' ' <text | grep -E 'port_exhaustion critical .*fe80::[12]%left.*:8000'
}

@test "one of two devices is used up, over IPv4" {
	twins links
	fill 30 96
	audit 3 -N "$NS" --window 0 --fail-on critical
	same '[["critical", 96, 4, 100]]' audit.out 'map(select(.type == "alert") |
		[.severity, .evidence.ports_used, .evidence.ports_left, .evidence.ports_range])'
	two_rows 30 96
	same '"right"' audit.out 'map(select(.type == "alert"))[0].subject.device'
}

@test "two namespaces with the same link-local addresses and devices" {
	twins links ipv6
	fill 60 66
	local ns=$NS
	twins links ipv6
	twins_word 1 connect 0 51
	audit '[03]' --window 0
	same '[]' audit.out "map(select(.type == \"alert\" and .kind == \"port_exhaustion\" and
		(.netns == $ns or .netns == $(twins_get 1 .netns))))"
	same '[60, 66]' audit.out \
		"map(select(.type == \"time_wait\" and .netns == $ns).ports_used) | sort"
	same '[51]' audit.out \
		"map(select(.type == \"time_wait\" and .netns == $(twins_get 1 .netns)).ports_used)"
	same '["left", "right"]' audit.out \
		"map(select(.type == \"time_wait\" and .netns == $ns).device) | sort"
	# an inode number of a namespace may be given to another one; its cookie is not
	same 2 audit.out "map(select(.type == \"time_wait\" and
		(.netns == $ns or .netns == $(twins_get 1 .netns))).netns_cookie) | unique | length"
}

alerts_are() { (($(grep -c '"type":"alert"' tool.out) >= $1)); }
summaries_are() { (($(grep -c '"type":"summary"' tool.out) >= $1)); }

@test "watch: one link-local address on two links, before the start and after it" {
	twins links ipv6
	fill 30 66
	tool_start --json -N "$NS" -i 0.2
	until_true 10 summaries_are 2
	twins_word 0 connect 0 30
	until_true 10 summaries_are "$(($(grep -c '"type":"summary"' tool.out) + 3))"
	no_exhaustion tool.out
	# then all of one of them
	twins_word 0 connect 0 36
	until_true 10 alerts_are 1
	tool_stop
	tool_ended 0
	same '["raised", "critical", "port_exhaustion", "fe80::2", 96]' tool.out \
		'map(select(.type == "alert"))[0] |
		[.status, .severity, .kind, .subject.raddr, .evidence.ports_used]'
	same '["left"]' tool.out 'map(select(.type == "alert").subject.device) | unique'
}

@test "watch: lines have the device" {
	local ports
	twins links ipv6
	NS=$(twins_get 0 .netns)
	tool_start --json -N "$NS"
	tool_start_as text -N "$NS" -w
	tool_start_as life --json -N "$NS" --lifecycle
	tool_start_as dst --json -N "$NS" --dst fe80::2
	tool_start_as none --json -N "$NS" --dst fe80::3
	twins_word 0 time_wait 0 2
	ports=$(twins_get 0 .ports)
	twins_word 0 time_wait 1 3
	local name
	for name in "${!TOOL_PIDS[@]}"; do tool_stop_as "$name"; done
	# two and three clients of five changes, of which four are made with a local port
	same '[["left", 10], ["right", 15]]' tool.out 'map(select(.type == "state").device) |
		group_by(.) | map([.[0], length])'
	same "$ports | sort" tool.out \
		'map(select(.type == "state" and .device == "left" and .lport).lport) | unique'
	same '[["left", 10], ["right", 15]]' dst.out 'map(select(.type == "state").device) |
		group_by(.) | map([.[0], length])'
	same 0 none.out 'map(select(.type == "state")) | length'
	same '[["left", 2], ["right", 3]]' life.out 'map(select(.type == "connection").device) |
		group_by(.) | map([.[0], length])'
	same 0 tool.out '.[-1].lost | add'
	(($(grep -Ec ' fe80::[12]%left ' text.out) == 10))
	(($(grep -Ec ' fe80::[12]%right ' text.out) == 15))
}
