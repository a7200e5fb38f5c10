# SPDX-License-Identifier: GPL-2.0-only
#
# Owners of sockets that change hands: passed with SCM_RIGHTS, inherited by fork, kept by MPTCP, killed
# by `ss -K`. Findings and events name the process that has the socket among its open files, as `ss -p`
# has it. heirs.c makes the processes, in namespaces of its own.

# shellcheck disable=SC2030,SC2031 # each test is a subshell

load lib.bash
load heirs.bash

# ---- CLOSE_WAIT that changed hands ----

# giver_new I: process "giver" exists; GIVER
giver_new() {
	say "$1" new giver
	GIVER[$1]=$ANSWER_PID
}

# close_wait_made I PORT [ARG...]: process "giver" has 12 connections to PORT whose peer has closed
close_wait_made() {
	local i=$1 port=$2
	shift 2
	[[ -n ${GIVER[i]:-} ]] || giver_new "$i"
	say "$i" new srv
	say "$i" srv listen "port=$port" "$@"
	say "$i" giver connect "port=$port" n=12 "$@"
	say "$i" srv accept n=12
	say "$i" srv close what=sockets
	say "$i" giver eof
}

# close_wait_passed I NAME: by SCM_RIGHTS to a new process; the giver closes its own
close_wait_passed() {
	say "$1" new "$2"
	HEIR[$1]=$ANSWER_PID
	say "$1" giver give "to=$2" what=sockets
	say "$1" giver close what=sockets
	[[ $(holders "$1" state close-wait) == "${HEIR[$1]}" ]]
}

# raised NAME I [KIND]: the condition that a finding was raised in namespace I
raised() {
	has "$1" "any(.type == \"alert\" and .status == \"raised\" and .netns == ${HEIRS_NETNS[$2]} and
		.kind == \"${3:-close_wait_leak}\")"
}

# leak_is NAME I COMM PID: one leak was raised in namespace I; it is this process's, with its files
leak_is() {
	local fds=("/proc/$4/fd/"*)
	until_true "${LEAK_S:-20}" raised "$1" "$2" || true
	is "$1" "[.[] | select(.type == \"alert\" and .netns == ${HEIRS_NETNS[$2]})] |
		map(select(.status == \"raised\")) | length == 1 and (.[0] | .kind == \"close_wait_leak\" and
			.subject.comm == \"$3\" and .subject.pid == $4 and .evidence.count == 12 and
			.evidence.old == 12 and .evidence.fd_used == ${#fds[@]})"
}

# never_accused NAME PID: no alert names it
never_accused() { is "$1" "all(.type != \"alert\" or .subject.pid != $2)"; }

# audit_leak_is I COMM PID
audit_leak_is() {
	local fds=("/proc/$3/fd/"*)
	audit -N "${HEIRS_NETNS[$1]}" --window 0 --close-wait-age 1
	is audit "[.[] | select(.type == \"close_wait\")] | length == 1 and (.[0] |
		.comm == \"$2\" and .pid == $3 and .count == 12 and .fd_used == ${#fds[@]})"
	is audit "[.[] | select(.type == \"alert\")] | length == 1 and (.[0] |
		.kind == \"close_wait_leak\" and .subject.comm == \"$2\" and .subject.pid == $3)"
}

leak_watch() { tool_start_as "$1" --json -i 0.2 --close-wait-age 1 "${@:2}"; }

@test "a leak of sockets passed with SCM_RIGHTS is their holder's" {
	heirs
	leak_watch tool -N "${HEIRS_NETNS[0]}"
	close_wait_made 0 8000
	close_wait_passed 0 heir
	leak_is tool 0 heir "${HEIR[0]}"
	never_accused tool "${GIVER[0]}"
	audit_leak_is 0 heir "${HEIR[0]}"
}

@test "a leak of sockets passed before their connector exited is their holder's" {
	heirs
	leak_watch tool -N "${HEIRS_NETNS[0]}"
	close_wait_made 0 9000 family=6
	close_wait_passed 0 heir
	say 0 giver exit
	leak_is tool 0 heir "${HEIR[0]}"
	never_accused tool "${GIVER[0]}"
	audit_leak_is 0 heir "${HEIR[0]}"
}

@test "a leak of inherited sockets whose connector exited is the child's" {
	heirs
	leak_watch tool -N "${HEIRS_NETNS[0]}"
	close_wait_made 0 8000
	say 0 giver fork name=child
	HEIR[0]=$ANSWER_PID
	say 0 giver exit
	leak_is tool 0 child "${HEIR[0]}"
	never_accused tool "${GIVER[0]}"
}

@test "a leak of sockets kept across fork and execve has the new name" {
	heirs
	leak_watch tool -N "${HEIRS_NETNS[0]}"
	close_wait_made 0 8000 family=6
	say 0 giver fork name=child
	HEIR[0]=$ANSWER_PID
	say 0 child exec name=daemon
	say 0 giver exit
	leak_is tool 0 daemon "${HEIR[0]}"
	never_accused tool "${GIVER[0]}"
}

@test "a leak of pre-existing sockets that change hands later is their holder's" {
	heirs
	close_wait_made 0 8000
	leak_watch tool -N "${HEIRS_NETNS[0]}" --close-wait-age 3
	close_wait_passed 0 heir
	say 0 giver exit
	leak_is tool 0 heir "${HEIR[0]}"
	never_accused tool "${GIVER[0]}"
}

@test "a leak of sockets that changed hands before the program started is their holder's" {
	heirs
	close_wait_made 0 8000
	close_wait_passed 0 heir
	leak_watch tool -N "${HEIRS_NETNS[0]}"
	leak_is tool 0 heir "${HEIR[0]}"
	never_accused tool "${GIVER[0]}"
}

@test "leaks of two namespaces are each their own holder's" {
	heirs
	heirs
	# A snapshot of every namespace of the host: the more sockets there are, the rarer it is.
	local LEAK_S=60
	leak_watch tool -D 7100,7200
	close_wait_made 0 7100
	close_wait_made 1 7200 family=6
	close_wait_passed 0 heir
	close_wait_passed 1 other
	say 1 giver exit
	leak_is tool 0 heir "${HEIR[0]}"
	leak_is tool 1 other "${HEIR[1]}"
	never_accused tool "${GIVER[0]}"
	never_accused tool "${GIVER[1]}"
}

# walked_since NAME TIME: a snapshot was taken after TIME (RFC 3339, UTC)
walked_since() {
	has "$1" "any(.type == \"summary\" and .age_us < 150000 and .ts > \"$2\")"
}

@test "owner filters of a leak go by the holder, not by the connector" {
	heirs
	heirs
	local netns=${HEIRS_NETNS[0]} name since
	say 0 new heir
	HEIR[0]=$ANSWER_PID
	giver_new 0
	leak_watch pid -N "$netns" -p "${HEIR[0]}"
	leak_watch comm -N "$netns" --comm heir
	leak_watch giver -N "$netns" -p "${GIVER[0]}"
	leak_watch connector -N "$netns" --comm giver
	leak_watch elsewhere -N "${HEIRS_NETNS[1]}"
	close_wait_made 0 8000
	say 0 giver give to=heir what=sockets
	say 0 giver close what=sockets
	leak_is pid 0 heir "${HEIR[0]}"
	leak_is comm 0 heir "${HEIR[0]}"
	printf -v since '%(%FT%TZ)T' -1
	for name in giver connector elsewhere; do
		until_true 20 walked_since "$name" "$since"
		is "$name" 'all(.type != "alert")'
	done
}

@test "an active leak follows its sockets to the next holder" {
	heirs
	leak_watch tool -N "${HEIRS_NETNS[0]}"
	close_wait_made 0 8000
	leak_is tool 0 giver "${GIVER[0]}"
	close_wait_passed 0 heir
	# the last line of the snapshot that finds it: the other finding is over
	until_true 20 has tool "any(.type == \"alert\" and .subject.pid == ${HEIR[0]}) and
		any(.type == \"alert\" and .status == \"cleared\")" || true
	is tool "[.[] | select(.type == \"alert\") | [.status, .subject.pid, .subject.comm]] |
		map(select(.[0] != \"updated\")) | sort == ([[\"raised\", ${GIVER[0]}, \"giver\"],
			[\"cleared\", ${GIVER[0]}, \"giver\"], [\"raised\", ${HEIR[0]}, \"heir\"]] | sort)"
}

@test "a recording of a leak names the holder when it is replayed" {
	heirs
	tool_start_as rec record -o json -i 0.2 --close-wait-age 1 -N "${HEIRS_NETNS[0]}" rec.tcs
	close_wait_made 0 8000
	close_wait_passed 0 heir
	say 0 giver exit
	leak_is rec 0 heir "${HEIR[0]}"
	tool_stop_as rec
	"$TCPCONNSTATE" replay --json --close-wait-age 1 rec.tcs >replay.out 2>replay.err
	leak_is replay 0 heir "${HEIR[0]}"
	never_accused replay "${GIVER[0]}"
}

@test "a leak whose connector is the holder is the connector's" {
	heirs
	leak_watch tool -N "${HEIRS_NETNS[0]}"
	close_wait_made 0 8000
	say 0 new heir
	leak_is tool 0 giver "${GIVER[0]}"
	never_accused tool "$ANSWER_PID"
	audit_leak_is 0 giver "${GIVER[0]}"
}

@test "a leak that two processes hold is one finding, of one of them" {
	heirs
	leak_watch tool -N "${HEIRS_NETNS[0]}"
	close_wait_made 0 8000
	say 0 giver fork name=child
	local pid
	until_true 20 raised tool 0
	pid=$(jq -s '[.[] | select(.type == "alert")][0].subject.pid' tool.out)
	holders 0 state close-wait | grep -qx "$pid"
	is tool '[.[] | select(.type == "alert" and .status == "raised")] | length == 1'
}

# ---- listeners that changed hands ----

# round I SERVER PORT [ARG...]: SERVER accepts a connection; the client closes it first. CLIENT_PORT
round() {
	local i=$1 server=$2 port=$3
	shift 3
	say "$i" client connect "port=$port" "$@"
	CLIENT_PORT=${ANSWER_PORTS//[^0-9]/}
	say "$i" "$server" accept
	say "$i" client close what=sockets
	say "$i" "$server" eof
	say "$i" "$server" close what=sockets
}

# start_of I PORT...: a filter of the lines LISTEN -> SYN_RECV of the connections from these ports
start_of() {
	local i=$1
	shift
	echo ".type == \"state\" and .netns == ${HEIRS_NETNS[$i]} and .old_state == \"listen\" and
		.new_state == \"syn_recv\" and (.rport | IN($(IFS=,; echo "$*")))"
}

# server_of I PORT PORT...: a filter of every line of the server's ends of these connections
server_of() {
	local i=$1 port=$2
	shift 2
	echo ".type == \"state\" and .netns == ${HEIRS_NETNS[$i]} and .lport == $port and
		(.rport | IN($(IFS=,; echo "$*")))"
}

# names NAME I SERVER PID PORT [ARG...]: of new connections SERVER is named within the deadline, and
# then of each of twenty
names() {
	local name=$1 i=$2 server=$3 pid=$4 port=$5 end=$((EPOCHSECONDS + DEADLINE_S)) ports=() n
	shift 5
	while :; do
		round "$i" "$server" "$port" "$@"
		# a line that an owner filter leaves out does not come
		until_true 0 has "$name" "any($(start_of "$i" "$CLIENT_PORT"))" || true
		! has "$name" "any($(start_of "$i" "$CLIENT_PORT") and .pid == $pid)" || break
		((EPOCHSECONDS <= end)) || {
			is "$name" "any($(start_of "$i" "$CLIENT_PORT") and .pid == $pid)"
			return 1
		}
	done
	NAMED_NS=$ANSWER_NS
	for ((n = 0; n < 20; n++)); do
		round "$i" "$server" "$port" "$@"
		ports+=("$CLIENT_PORT")
	done
	comes "$name" "[.[] | select($(start_of "$i" "${ports[@]}"))] | length == 20"
	comes "$name" "[.[] | select($(server_of "$i" "$port" "${ports[@]}") and
		.kernel_new_state == \"close\")] | length == 20"
	is "$name" "[.[] | select($(start_of "$i" "${ports[@]}"))] |
		all(.pid == $pid and .comm == \"$server\" and .owner_source == \"listener\")"
	is "$name" "[.[] | select($(server_of "$i" "$port" "${ports[@]}"))] |
		all(.pid == $pid and .comm == \"$server\")"
}

# silent_since NAME NS PID: no event after NS names it
silent_since() { is "$1" "all(.type != \"state\" or .mono_ns <= $2 or .pid != $3)"; }

# queue_full I PORT [ARG...]: more clients than the accept queue takes, and nobody accepts
queue_full() {
	local i=$1 port=$2
	shift 2
	say "$i" new crowd
	say "$i" crowd connect "port=$port" n=20 nonblock=1 "$@"
}

# queue_full_is NAME I COMM PID PORT: the alert names this process
queue_full_is() {
	until_true 20 raised "$1" "$2" accept_queue_full || true
	is "$1" "[.[] | select(.type == \"alert\" and .netns == ${HEIRS_NETNS[$2]} and
		.kind == \"accept_queue_full\")] | length > 0 and all(.subject.comm == \"$3\" and
			.subject.pid == $4 and .subject.lport == $5)"
}

# master_listens I PORT [ARG...]: process "master" listens, "client" exists
master_listens() {
	local i=$1 port=$2
	shift 2
	say "$i" new client
	say "$i" new master
	MASTER[i]=$ANSWER_PID
	say "$i" master listen "port=$port" backlog=4 "$@"
}

# master_leaves I NAME: fork, and the parent exits; EXIT_NS
master_leaves() {
	say "$1" master fork "name=$2"
	WORKER[$1]=$ANSWER_PID
	say "$1" master exit
	EXIT_NS=$ANSWER_NS
	[[ $(holders "$1" -l) == "${WORKER[$1]}" ]]
}

@test "connections of a daemon's listener are the daemon's, not its parent's" {
	heirs
	tool_start --json -N "${HEIRS_NETNS[0]}" -i 0.2
	master_listens 0 8000
	master_leaves 0 worker
	names tool 0 worker "${WORKER[0]}" 8000
	queue_full 0 8000
	queue_full_is tool 0 worker "${WORKER[0]}" 8000
	silent_since tool "$EXIT_NS" "${MASTER[0]}"
	audit -N "${HEIRS_NETNS[0]}" --window 0
	is audit "[.[] | select(.type == \"listener\")] | length == 1 and
		(.[0] | .pid == ${WORKER[0]} and .comm == \"worker\")"
}

@test "connections of a pre-existing listener whose parent exits later are the daemon's" {
	heirs
	master_listens 0 8080 family=6
	tool_start --json -N "${HEIRS_NETNS[0]}" -i 0.2
	round 0 master 8080 family=6
	master_leaves 0 worker
	names tool 0 worker "${WORKER[0]}" 8080 family=6
	queue_full 0 8080 family=6
	queue_full_is tool 0 worker "${WORKER[0]}" 8080
	silent_since tool "$EXIT_NS" "${MASTER[0]}"
}

@test "connections of a listener that changed hands before the program started are the daemon's" {
	heirs
	master_listens 0 8000
	master_leaves 0 worker
	tool_start --json -N "${HEIRS_NETNS[0]}" -i 0.2
	names tool 0 worker "${WORKER[0]}" 8000
	queue_full 0 8000
	queue_full_is tool 0 worker "${WORKER[0]}" 8000
	silent_since tool 0 "${MASTER[0]}"
}

@test "connections of a daemon that execve(2) renamed have its new name" {
	heirs
	tool_start --json -N "${HEIRS_NETNS[0]}" -i 0.2
	master_listens 0 8000
	say 0 master fork name=worker
	WORKER[0]=$ANSWER_PID
	say 0 worker exec name=served
	say 0 master exit
	EXIT_NS=$ANSWER_NS
	names tool 0 served "${WORKER[0]}" 8000
	queue_full 0 8000
	queue_full_is tool 0 served "${WORKER[0]}" 8000
	silent_since tool "$EXIT_NS" "${MASTER[0]}"
}

# A process that lives on may have closed its copy at any time, which no event shows: the first
# connections may still have the name that was true before.
@test "hot restart: connections after the hand-over are the successor's" {
	heirs
	tool_start --json -N "${HEIRS_NETNS[0]}" -i 0.2
	master_listens 0 8000
	round 0 master 8000
	say 0 new heir
	local heir=$ANSWER_PID
	say 0 master give to=heir what=listener
	say 0 master close what=listener
	[[ $(holders 0 -l) == "$heir" ]]
	names tool 0 heir "$heir" 8000
	queue_full 0 8000
	queue_full_is tool 0 heir "$heir" 8000
	silent_since tool "$NAMED_NS" "${MASTER[0]}"
}

@test "hot restart of a pre-existing listener: connections are the successor's" {
	heirs
	master_listens 0 9443 family=6
	tool_start --json -N "${HEIRS_NETNS[0]}" -i 0.2
	say 0 new heir
	local heir=$ANSWER_PID
	say 0 master give to=heir what=listener
	say 0 master close what=listener
	names tool 0 heir "$heir" 9443 family=6
	queue_full 0 9443 family=6
	queue_full_is tool 0 heir "$heir" 9443
	silent_since tool "$NAMED_NS" "${MASTER[0]}"
}

@test "two namespaces with the same port: connections are each their own daemon's" {
	heirs
	heirs
	tool_start --json -i 0.2 -L 7300
	master_listens 0 7300
	master_listens 1 7300
	master_leaves 0 first
	master_leaves 1 second
	names tool 0 first "${WORKER[0]}" 7300
	names tool 1 second "${WORKER[1]}" 7300
	silent_since tool "$EXIT_NS" "${MASTER[0]}"
	silent_since tool "$EXIT_NS" "${MASTER[1]}"
}

@test "owner filters of connections go by the daemon, not by its parent" {
	heirs
	heirs
	local netns=${HEIRS_NETNS[0]}
	master_listens 0 8000
	say 0 master fork name=worker
	WORKER[0]=$ANSWER_PID
	tool_start_as pid --json -N "$netns" -i 0.2 -p "${WORKER[0]}"
	tool_start_as comm --json -N "$netns" -i 0.2 --comm worker
	tool_start_as master --json -N "$netns" -i 0.2 -p "${MASTER[0]}"
	tool_start_as parent --json -N "$netns" -i 0.2 --comm master
	tool_start_as elsewhere --json -N "${HEIRS_NETNS[1]}" -i 0.2
	say 0 master exit
	EXIT_NS=$ANSWER_NS
	names pid 0 worker "${WORKER[0]}" 8000
	names comm 0 worker "${WORKER[0]}" 8000
	local name
	for name in master parent elsewhere; do
		tool_stop_as "$name"
		is "$name" "all(.type != \"state\" or .mono_ns <= $EXIT_NS)"
	done
}

# ---- MPTCP ----

# mptcp_listens I PORT [ARG...]: process "srv" listens with MPTCP, "client" exists; SRV
mptcp_listens() {
	local i=$1 port=$2
	shift 2
	say "$i" new client
	say "$i" new srv
	SRV[i]=$ANSWER_PID
	say "$i" srv listen "port=$port" mptcp=1 "$@"
}

# mptcp_close_wait I PORT N [ARG...]: N connections that "srv" keeps though their peer has closed
mptcp_close_wait() {
	local i=$1 port=$2 n=$3
	shift 3
	say "$i" client connect "port=$port" "n=$n" "$@"
	say "$i" srv accept "n=$n"
	say "$i" client close what=sockets
	say "$i" srv eof
}
close_wait_by_ss() { in_netns "$1" ss -MnH state close-wait | wc -l; }

@test "a pre-existing MPTCP listener has the owner that ss -p has" {
	heirs
	heirs
	mptcp_listens 0 8000
	mptcp_listens 1 8800 family=6
	local i port
	for i in 0 1; do
		[[ $(in_netns "$i" ss -tlnpH) == *"((\"srv\",pid=${SRV[i]},"* ]]
		port=$((8000 + 800 * i))
		audit -N "${HEIRS_NETNS[i]}" --window 0
		is audit "[.[] | select(.type == \"listener\")] | length == 1 and
			(.[0] | .lport == $port and .pid == ${SRV[i]} and .comm == \"srv\")"
		audit -N "${HEIRS_NETNS[i]}" --window 0 --comm srv
		is audit "[.[] | select(.type == \"listener\") | [.lport, .pid]] == [[$port, ${SRV[i]}]]"
		audit -N "${HEIRS_NETNS[i]}" --window 0 -p "${SRV[i]}"
		is audit "[.[] | select(.type == \"listener\") | [.lport, .pid]] == [[$port, ${SRV[i]}]]"
		audit -N "${HEIRS_NETNS[i]}" --window 0 --comm client
		is audit 'all(.type != "listener")'
	done
}

# starts_of NAME I PID PORT...: each connection has its start, and it is that process's
starts_of() {
	local name=$1 i=$2 pid=$3
	shift 3
	comes "$name" "[.[] | select($(start_of "$i" "$@"))] | length == $#"
	is "$name" "[.[] | select($(start_of "$i" "$@"))] |
		all(.pid == $pid and .comm == \"srv\" and .owner_source == \"listener\")"
}

# mptcp_starts PORT [ARG...]: without and with owner filters, of plain and of MPTCP clients
mptcp_starts() {
	local netns=${HEIRS_NETNS[0]} port=$1 name ports
	shift
	mptcp_listens 0 "$port" "$@"
	tool_start_as all --json -N "$netns"
	tool_start_as pid --json -N "$netns" -p "${SRV[0]}"
	tool_start_as comm --json -N "$netns" --comm srv
	tool_start_as other --json -N "$netns" -p "${HEIRS_PIDS[0]}"
	say 0 client connect "port=$port" n=3 "$@"
	ports=$ANSWER_PORTS
	say 0 client connect "port=$port" n=3 mptcp=1 "$@"
	ports=$(jq -r '.[]' <<<"$ports$ANSWER_PORTS")
	for name in all pid comm; do
		# shellcheck disable=SC2086 # a list
		starts_of "$name" 0 "${SRV[0]}" $ports
	done
	tool_stop_as other
	is other 'all(.type != "state")'
}

@test "connections to a pre-existing MPTCP listener begin with its owner" {
	heirs
	mptcp_starts 8000
}

@test "connections to a pre-existing MPTCP listener begin with its owner, IPv6" {
	heirs
	mptcp_starts 8443 family=6
}

@test "connections to an MPTCP listener made while the program runs begin with its owner" {
	heirs
	tool_start --json -N "${HEIRS_NETNS[0]}"
	mptcp_listens 0 8000
	say 0 client connect port=8000 n=2
	local ports=$ANSWER_PORTS
	say 0 client connect port=8000 n=2 mptcp=1
	# shellcheck disable=SC2046 # a list
	starts_of tool 0 "${SRV[0]}" $(jq -r '.[]' <<<"$ports$ANSWER_PORTS")
}

@test "events of pre-existing MPTCP connections have their owners" {
	heirs
	mptcp_listens 0 8000
	say 0 client connect port=8000 n=3 mptcp=1
	local client=$ANSWER_PID ports=$ANSWER_PORTS
	say 0 srv accept n=3
	tool_start --json -N "${HEIRS_NETNS[0]}"
	say 0 client close what=sockets
	say 0 srv eof
	say 0 srv close what=sockets
	comes tool '[.[] | select(.type == "state" and .lport == 8000 and .new_state == "close")] | length == 3'
	is tool "[.[] | select(.type == \"state\" and .lport == 8000 and (.rport | IN(${ports}[])))] |
		length >= 6 and all(.pid == ${SRV[0]} and .comm == \"srv\")"
	is tool "[.[] | select(.type == \"state\" and .rport == 8000 and (.lport | IN(${ports}[])))] |
		length >= 6 and all(.pid == $client and .comm == \"client\")"
}

# mptcp_leak_is NAME...: as leak_is, of "srv"; with the row of audit
mptcp_leak_is() {
	local fds=("/proc/${SRV[0]}/fd/"*)
	audit -N "${HEIRS_NETNS[0]}" --window 0 --close-wait-age 1 "$@"
	is audit "[.[] | select(.type == \"close_wait\")] | length == 1 and (.[0] | .count == 12 and
		.pid == ${SRV[0]} and .comm == \"srv\" and .fd_used == ${#fds[@]})"
	is audit "[.[] | select(.type == \"alert\")] | length == 1 and (.[0] |
		.kind == \"close_wait_leak\" and .subject.pid == ${SRV[0]} and .evidence.count == 12)"
}

@test "CLOSE_WAIT at MPTCP level is its owner's, in watch and audit" {
	heirs
	leak_watch tool -N "${HEIRS_NETNS[0]}"
	leak_watch other -N "${HEIRS_NETNS[0]}" -p "${HEIRS_PIDS[0]}"
	mptcp_listens 0 8000
	mptcp_close_wait 0 8000 12 mptcp=1
	[[ $(close_wait_by_ss 0) == 12 ]]
	leak_is tool 0 srv "${SRV[0]}"
	mptcp_leak_is
	mptcp_leak_is --comm srv
	mptcp_leak_is -p "${SRV[0]}"
	audit -N "${HEIRS_NETNS[0]}" --window 0 --close-wait-age 1 --comm client
	is audit 'all(.type != "close_wait" and .type != "alert")'
	tool_stop_as other
	is other 'all(.type != "alert")'
}

@test "pre-existing CLOSE_WAIT at MPTCP level is its owner's, IPv6" {
	heirs
	mptcp_listens 0 8443 family=6
	mptcp_close_wait 0 8443 12 mptcp=1 family=6
	leak_watch tool -N "${HEIRS_NETNS[0]}"
	leak_is tool 0 srv "${SRV[0]}"
	mptcp_leak_is
}

@test "CLOSE_WAIT of an MPTCP socket whose peer shut down and lives on" {
	heirs
	mptcp_listens 0 8000
	say 0 client connect port=8000 n=12 mptcp=1
	local client=$ANSWER_PID
	say 0 srv accept n=12
	say 0 client shut
	say 0 srv eof
	[[ $(close_wait_by_ss 0) == 12 ]]
	leak_watch tool -N "${HEIRS_NETNS[0]}"
	leak_is tool 0 srv "${SRV[0]}"
	mptcp_leak_is
	is audit "[.[] | select(.type == \"fin_wait2\")] | length == 1 and (.[0] | .count == 12 and
		.pid == $client and .comm == \"client\")"
}

@test "CLOSE_WAIT of MPTCP and of plain TCP connections to one listener is one leak" {
	heirs
	mptcp_listens 0 8000
	mptcp_close_wait 0 8000 5 # plain TCP: accept(2) returns the TCP socket
	say 0 client connect port=8000 n=7 mptcp=1
	say 0 srv accept n=7
	say 0 client close what=sockets
	say 0 srv eof
	[[ $(close_wait_by_ss 0) == 7 ]]
	[[ $(in_netns 0 ss -tnH state close-wait | wc -l) == 5 ]]
	leak_watch tool -N "${HEIRS_NETNS[0]}"
	leak_is tool 0 srv "${SRV[0]}"
	mptcp_leak_is
}

# ---- listeners killed by ss -K ----

# listener_killed I PORT: by SOCK_DESTROY
listener_killed() {
	in_netns "$1" ss -K state listening "sport = :$2" >/dev/null 2>&1 || true
	[[ -z $(in_netns "$1" ss -tlnH "sport = :$2") ]] ||
		skip "this kernel has no SOCK_DESTROY (CONFIG_INET_DIAG_DESTROY)"
}

# srv_listens I PORT [ARG...]
srv_listens() {
	local i=$1 port=$2
	shift 2
	say "$i" new srv
	SRV[i]=$ANSWER_PID
	say "$i" srv listen "port=$port" "$@"
}

# end_of I PORT: a filter of the line LISTEN -> CLOSE
end_of() {
	echo ".type == \"state\" and .netns == ${HEIRS_NETNS[$1]} and .lport == $2 and
		.old_state == \"listen\" and .new_state == \"close\""
}

# killed_is NAME I PORT: the listener's owner stays, and the reason is killed
killed_is() {
	comes "$1" "any($(end_of "$2" "$3"))"
	is "$1" "[.[] | select($(end_of "$2" "$3"))] | length == 1 and (.[0] | .pid == ${SRV[$2]} and
		.comm == \"srv\" and .owner_source != \"task\" and .owner_source != null and
		.reason == \"killed\")"
	is "$1" 'all(.type != "state" or .comm != "ss")'
}

@test "a listener killed by ss -K ends with its owner, as killed" {
	heirs
	tool_start --json -N "${HEIRS_NETNS[0]}"
	srv_listens 0 8000
	listener_killed 0 8000
	killed_is tool 0 8000
}

@test "a pre-existing listener killed by ss -K ends with its owner, IPv6" {
	heirs
	srv_listens 0 8443 family=6
	tool_start --json -N "${HEIRS_NETNS[0]}"
	listener_killed 0 8443
	killed_is tool 0 8443
}

@test "a listener killed by ss -K while connections wait in its accept queue" {
	heirs
	tool_start --json -N "${HEIRS_NETNS[0]}"
	srv_listens 0 8000
	say 0 new client
	say 0 client connect port=8000 n=3
	local ports=$ANSWER_PORTS
	listener_killed 0 8000
	killed_is tool 0 8000
	comes tool "[.[] | select(.type == \"state\" and .lport == 8000 and .new_state == \"close\" and
		(.rport | IN(${ports}[])))] | length == 3"
	is tool "[.[] | select(.type == \"state\" and .lport == 8000 and (.rport | IN(${ports}[])))] |
		all(.pid == ${SRV[0]} and .owner_source == \"listener\" and
			(.new_state != \"close\" or .reason == \"listener_closed\"))"
}

@test "listeners of two namespaces killed by ss -K are each their owner's" {
	heirs
	heirs
	srv_listens 0 7400
	tool_start --json -L 7400
	srv_listens 1 7400
	listener_killed 0 7400
	listener_killed 1 7400
	killed_is tool 0 7400
	killed_is tool 1 7400
}

@test "owner filters of a killed listener go by its owner, not by ss" {
	heirs
	local netns=${HEIRS_NETNS[0]}
	tool_start_as all --json -N "$netns"
	tool_start_as comm --json -N "$netns" --comm srv
	tool_start_as killer --json -N "$netns" --comm ss
	srv_listens 0 8000
	tool_start_as pid --json -N "$netns" -p "${SRV[0]}"
	listener_killed 0 8000
	local name
	for name in all comm pid; do killed_is "$name" 0 8000; done
	tool_stop_as killer
	is killer 'all(.type != "state")'
}

@test "a listener that its owner closes or shuts down ends by its owner, as closed" {
	heirs
	srv_listens 0 8000
	tool_start --json -N "${HEIRS_NETNS[0]}"
	say 0 srv close what=listener
	say 0 srv listen port=8001 family=6
	say 0 srv stop
	say 0 srv close what=listener
	say 0 srv listen port=8002
	say 0 new client
	say 0 client connect port=8002 n=2
	say 0 srv close what=listener
	say 0 srv listen port=8003
	say 0 srv exit
	local port
	for port in 8000 8001 8002 8003; do
		comes tool "any($(end_of 0 "$port"))"
		is tool "[.[] | select($(end_of 0 "$port"))] | length == 1 and (.[0] | .pid == ${SRV[0]} and
			.comm == \"srv\" and .owner_source == \"task\" and .reason == \"listener_closed\")"
	done
}
