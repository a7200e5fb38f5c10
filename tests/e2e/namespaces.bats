# SPDX-License-Identifier: GPL-2.0-only
#
# The identity of a network namespace: it ends, its inode number goes to another one, its name is made
# again. `ip netns` names the namespaces, heirs.c makes the traffic and takes the inode number.

# shellcheck disable=SC2030,SC2031 # each test is a subshell

load lib.bash
load heirs.bash

# name_add NAME: a new namespace of that name, with lo up
name_add() {
	ip netns add "$1"
	NAMES+=("$1")
	ip -n "$1" link set lo up
}

# The server's name is this test's own: the same test may run elsewhere on the host.
SRV=srv-$$

# netns_processes I: processes $SRV and "client" of controller I
netns_processes() {
	say "$1" new "$SRV"
	say "$1" new client
}

# name_heirs NAME: one more controller, in that namespace; MINE is its index
name_heirs() {
	MINE=${#HEIRS_PIDS[@]}
	HEIRS_PREFIX=(nsenter "--net=/run/netns/$1")
	heirs here
	HEIRS_PREFIX=()
	netns_processes "$MINE"
}

# number_heirs INODE: one more controller, in a new namespace with that number; OTHER is its index
number_heirs() {
	OTHER=${#HEIRS_PIDS[@]}
	heirs "inode=$1"
	[[ ${HEIRS_NETNS[OTHER]} == "$1" && ${HEIRS_COOKIE[OTHER]} != "${HEIRS_COOKIE[0]}" ]]
	netns_processes "$OTHER"
}

# name_del NAME I: the processes of controller I end, then the name: the namespace ends
name_del() {
	heirs_quit "$2"
	ip netns del "$1"
}

# talk I PORT [ARG...]: one connection from its start to its end
talk() {
	local i=$1 port=$2
	shift 2
	say "$i" "$SRV" listen "port=$port" "$@"
	say "$i" client connect "port=$port" "$@"
	say "$i" "$SRV" accept
	say "$i" client close what=sockets
	say "$i" "$SRV" eof
	say "$i" "$SRV" close what=sockets
	say "$i" "$SRV" close what=listener
}

# at_port PORT: a filter of the lines of a connection or a listener of this port
at_port() { echo "(.type == \"state\" or .type == \"connection\") and (.lport == $1 or .rport == $1)"; }
# ended_at NAME PORT: the listener that talk() closes last is printed
ended_at() { has "$1" "any(.type == \"state\" and .lport == $2 and .old_state == \"listen\" and .new_state == \"close\")"; }
# printed NAME I PORT [N]: all N lines of talk() (12), with the namespace of controller I
printed() {
	until_true "$DEADLINE_S" ended_at "$1" "$3" || true
	is "$1" "[.[] | select($(at_port "$3"))] | length == ${4:-12} and
		all(.netns == ${HEIRS_NETNS[$2]} and .netns_cookie == ${HEIRS_COOKIE[$2]})"
}
# not_printed NAME PORT...
not_printed() {
	local name=$1 port
	shift
	for port; do is "$name" "any($(at_port "$port")) | not"; done
}

# stderr_has NAME NETNS WORDS: its messages have the namespace's name and one of the words
stderr_has() { tr '\n' ' ' <"$1.err" | grep -F -- "$2" | grep -qiE "$3"; }
# A message about the end of a namespace, and about the return of its name.
ENDED='ended|is gone|no longer exists|was deleted'
AGAIN='again|is back|is followed'
says_ended() { until_true "$DEADLINE_S" stderr_has "$1" "$2" "$ENDED"; }
says_again() { until_true "$DEADLINE_S" stderr_has "$1" "$2" "$AGAIN"; }

name_of() { echo "tcs-$BASHPID-$1"; }

# The witness takes every namespace. It is bounded by a name, for a busy host prints gigabytes: 7 of
# the 12 lines are the server's.
WITNESS=(-i 0.2 --comm "$SRV")

# number_reused ARG: an argument of talk(). The programs "tool" (-N) and "all" (the witness) run.
number_reused() {
	local family=$1
	talk 0 8001 "$family"
	until_true "$DEADLINE_S" ended_at tool 8001
	name_del "$NAME" 0
	number_heirs "${HEIRS_NETNS[0]}"
	talk "$OTHER" 8002 "$family"
	talk "$OTHER" 8003 "$family"
	until_true "$DEADLINE_S" ended_at all 8003
	tool_stop
	tool_stop_as all
	not_printed tool 8002 8003
	printed tool 0 8001
	printed all 0 8001 7
	printed all "$OTHER" 8002 7
	printed all "$OTHER" 8003 7
}

# watch_both OPTION: with -N OPTION, and the witness without
watch_both() {
	tool_start --json -i 0.2 -N "$1"
	tool_start_as all --json "${WITNESS[@]}"
}

@test "-N NAME: a namespace that gets the inode number is another one" {
	NAME=$(name_of a)
	name_add "$NAME"
	name_heirs "$NAME"
	watch_both "$NAME"
	number_reused family=4
}

@test "-N PATH: a namespace that gets the inode number is another one, IPv6" {
	NAME=$(name_of a)
	name_add "$NAME"
	name_heirs "$NAME"
	watch_both "/run/netns/$NAME"
	number_reused family=6
}

@test "-N INODE: a namespace that gets the inode number is another one" {
	NAME=$(name_of a)
	name_add "$NAME"
	name_heirs "$NAME"
	watch_both "${HEIRS_NETNS[0]}"
	number_reused family=4
}

@test "-N INODE: an unnamed namespace ends with its last process" {
	local inode
	heirs
	netns_processes 0
	inode=${HEIRS_NETNS[0]}
	watch_both "$inode"
	talk 0 8001
	until_true "$DEADLINE_S" ended_at tool 8001
	heirs_quit 0
	number_heirs "$inode"
	talk "$OTHER" 8002
	until_true "$DEADLINE_S" ended_at all 8002
	tool_stop
	not_printed tool 8002
	printed tool 0 8001
}

@test "-N NAME: sockets of the namespace that got the inode number are in no sum and no finding" {
	NAME=$(name_of a)
	name_add "$NAME"
	name_heirs "$NAME"
	tool_start --json -i 0.2 -N "$NAME" --close-wait-age 1
	tool_start_as all --json "${WITNESS[@]}" --close-wait-age 1
	talk 0 8001
	name_del "$NAME" 0
	number_heirs "${HEIRS_NETNS[0]}"
	say "$OTHER" "$SRV" listen port=8002
	say "$OTHER" client connect port=8002 n=12
	say "$OTHER" "$SRV" accept n=12
	say "$OTHER" client close what=sockets
	say "$OTHER" "$SRV" eof
	until_true 60 has all "any(.type == \"alert\" and .netns == ${HEIRS_NETNS[OTHER]})"
	local since
	printf -v since '%(%FT%TZ)T' -1
	# a snapshot, where there still is one
	until_true 5 has tool "any(.type == \"summary\" and .ts > \"$since\" and .age_us < 150000)" || true
	tool_stop
	is tool 'all(.type != "alert")'
	is tool 'all(.type != "summary" or ((.close_wait.count // 0) == 0 and
		(.connections.close_wait // 0) == 0))'
	cookie_in all "$OTHER" '.type == "alert"'
}

@test "-N NAME: a message when the namespace ends, and it is followed when its name is made again" {
	NAME=$(name_of a)
	name_add "$NAME"
	name_heirs "$NAME"
	watch_both "$NAME"
	talk 0 8001
	until_true "$DEADLINE_S" ended_at tool 8001
	not stderr_has tool "$NAME" "$ENDED|$AGAIN"
	name_del "$NAME" 0
	number_heirs "${HEIRS_NETNS[0]}"
	says_ended tool "$NAME"
	talk "$OTHER" 8002
	not stderr_has tool "$NAME" "$AGAIN"
	name_add "$NAME"
	name_heirs "$NAME"
	says_again tool "$NAME"
	talk "$MINE" 8003
	printed tool "$MINE" 8003
	talk "$OTHER" 8004
	until_true "$DEADLINE_S" ended_at all 8004
	tool_stop
	printed tool 0 8001
	not_printed tool 8002 8004
	# it ends with the reader's status, not with an error
	tool_ended 0
}

@test "-N NAME: a namespace made again at once is followed" {
	NAME=$(name_of a)
	name_add "$NAME"
	name_heirs "$NAME"
	tool_start --json -i 0.2 -N "$NAME"
	talk 0 8001 family=6
	until_true "$DEADLINE_S" ended_at tool 8001
	name_del "$NAME" 0
	name_add "$NAME"
	name_heirs "$NAME"
	[[ ${HEIRS_COOKIE[MINE]} != "${HEIRS_COOKIE[0]}" ]]
	says_again tool "$NAME"
	talk "$MINE" 8002 family=6
	printed tool "$MINE" 8002
	# and a second time
	name_del "$NAME" "$MINE"
	name_add "$NAME"
	name_heirs "$NAME"
	until_true "$DEADLINE_S" is_followed tool "$MINE" 8009
	talk "$MINE" 8003
	printed tool "$MINE" 8003
	tool_stop
	printed tool 0 8001
}
# is_followed NAME I PORT: a connection is printed
is_followed() {
	talk "$2" "$3"
	until_true 0 ended_at "$1" "$3"
}

@test "-N NAME: two names whose namespaces exchange their inode numbers" {
	local a b
	a=$(name_of a)
	b=$(name_of b)
	name_add "$a"
	name_add "$b"
	name_heirs "$a"
	name_heirs "$b"
	tool_start_as first --json -i 0.2 -N "$a"
	tool_start_as second --json -i 0.2 -N "$b"
	tool_start_as all --json "${WITNESS[@]}"
	talk 0 8001
	talk 1 8002
	until_true "$DEADLINE_S" ended_at first 8001
	until_true "$DEADLINE_S" ended_at second 8002
	name_del "$a" 0
	# the other name is not concerned
	says_ended first "$a"
	talk 1 8003
	printed second 1 8003
	not stderr_has second "$a" "$ENDED|$AGAIN"
	not stderr_has second "$b" "$ENDED|$AGAIN"
	name_del "$b" 1
	says_ended second "$b"
	name_add "$b"
	name_add "$a"
	name_heirs "$a"
	says_again first "$a"
	talk "$MINE" 8004
	printed first "$MINE" 8004
	name_heirs "$b"
	says_again second "$b"
	talk "$MINE" 8005
	printed second "$MINE" 8005
	until_true "$DEADLINE_S" ended_at all 8005
	tool_stop_as first
	tool_stop_as second
	not_printed first 8002 8003 8005
	not_printed second 8001 8004
}

# cookie_in FILTER: the lines of NAME.out that the filter selects exist, and have the cookie of I
cookie_in() {
	is "$1" "[.[] | select(.netns == ${HEIRS_NETNS[$2]} and ($3))] | length > 0 and
		all(.netns_cookie == ${HEIRS_COOKIE[$2]})"
}

@test "netns_cookie is the kernel's, in every kind of line that names a namespace" {
	local i kind
	heirs
	heirs
	tool_start --json -i 0.2 -L 7000-7030 --close-wait-age 1
	tool_start_as life --json -i 0.2 -L 7000-7030 --lifecycle
	for i in 0 1; do
		netns_processes "$i"
		say "$i" "$SRV" listen "port=$((7000 + i))" backlog=4
		say "$i" client connect "port=$((7000 + i))" n=12 nonblock=1
		say "$i" client close what=sockets
		say "$i" new keeper
		say "$i" keeper listen "port=$((7010 + i))"
		say "$i" client connect "port=$((7010 + i))" n=14
		say "$i" keeper accept n=12
		say "$i" client close what=sockets
		say "$i" keeper eof
		talk "$i" "$((7020 + i))" family=6
	done
	for i in 0 1; do
		until_true 60 has tool "any(.type == \"alert\" and .netns == ${HEIRS_NETNS[i]})"
		cookie_in tool "$i" '.type == "alert"'
		cookie_in tool "$i" '.type == "state"'
		comes life "any(.type == \"connection\" and .netns == ${HEIRS_NETNS[i]})"
		cookie_in life "$i" '.type == "connection"'
	done
	audit --window 0 -x --close-wait-age 1
	for i in 0 1; do
		for kind in listener close_wait time_wait counters alert; do
			cookie_in audit "$i" ".type == \"$kind\""
		done
	done
}

@test "netns_cookie of half-open connections and of retransmitted SYN-ACKs" {
	local i kind
	heirs
	heirs
	tool_start --json -i 0.2 -L 7000-7001
	for i in 0 1; do
		netns_processes "$i"
		say "$i" "$SRV" listen "port=$((7000 + i))"
		say "$i" client connect "port=$((7000 + i))" n=3 nonblock=1 deaf=1
	done
	audit --window 0 -x
	for i in 0 1; do
		for kind in half_open source; do cookie_in audit "$i" ".type == \"$kind\""; done
		comes tool "any(.type == \"synack_retransmit\" and .netns == ${HEIRS_NETNS[i]})"
		cookie_in tool "$i" '.type == "synack_retransmit"'
	done
}

@test "record -N NAME: the recording has one namespace, and its cookie" {
	NAME=$(name_of a)
	name_add "$NAME"
	name_heirs "$NAME"
	tool_start_as tool record -o json -i 0.2 -N "$NAME" rec.tcs
	tool_start_as all record -o json "${WITNESS[@]}" all.tcs
	number_reused family=4
	"$TCPCONNSTATE" replay --json rec.tcs >one.out 2>one.err
	not_printed one 8002 8003
	printed one 0 8001
	"$TCPCONNSTATE" replay --json all.tcs >both.out 2>both.err
	printed both 0 8001 7
	printed both "$OTHER" 8002 7
	printed both "$OTHER" 8003 7
	"$TCPCONNSTATE" replay --lifecycle --json all.tcs >life.out 2>life.err
	is life "[.[] | select(.type == \"connection\" and .lport == 8001)] | length == 1 and
		(.[0].netns_cookie == ${HEIRS_COOKIE[0]})"
	is life "[.[] | select(.type == \"connection\" and .lport == 8002)] | length == 1 and
		(.[0].netns_cookie == ${HEIRS_COOKIE[OTHER]})"
}

@test "record -N NAME goes on when its name is made again" {
	NAME=$(name_of a)
	name_add "$NAME"
	name_heirs "$NAME"
	tool_start_as tool record -o json -i 0.2 -N "$NAME" rec.tcs
	talk 0 8001
	until_true "$DEADLINE_S" ended_at tool 8001
	name_del "$NAME" 0
	says_ended tool "$NAME"
	name_add "$NAME"
	name_heirs "$NAME"
	says_again tool "$NAME"
	talk "$MINE" 8002
	until_true "$DEADLINE_S" ended_at tool 8002
	tool_stop
	"$TCPCONNSTATE" replay --json rec.tcs >one.out 2>one.err
	printed one 0 8001
	printed one "$MINE" 8002
}
