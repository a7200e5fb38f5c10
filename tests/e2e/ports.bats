# SPDX-License-Identifier: GPL-2.0-only
#
# Local ports that run out in each way there is, and what looks like it: `audit` and `watch` name the
# address or destination once, with the ports in use. hold.c makes the sockets.

# shellcheck disable=SC2030,SC2031 # each test is a subshell
# shellcheck disable=SC2016 # what until_true evaluates again and again

load lib.bash
load hold.bash

# audit STATUS ARG...: of the namespace of the last hold, one snapshot, into out
audit() {
	local got=0 want=$1
	shift
	timeout 30 "$TCPCONNSTATE" audit --json --window 0 -N "${HOLD_NETNS[-1]}" "$@" \
		>out 2>err </dev/null || got=$?
	[[ $got == "$want" ]] || {
		echo "audit $*: exit status $got, expected $want" >&2
		cat err out >&2
		return 1
	}
}
# is FILTER: true of the lines of out, as one array
is() {
	jq -es "def alerts: map(select(.type == \"alert\" and .kind == \"port_exhaustion\"));
		def rows: map(select(.type == \"time_wait\")); $1" out >/dev/null || {
		echo "not so: $1" >&2
		cat out >&2
		return 1
	}
}
# one_alert SEVERITY LADDR RADDR USED RANGE PORT_RANGE: as JSON
one_alert() {
	is "alerts | length == 1 and .[0].severity == $1 and .[0].subject.laddr == $2 and
		.[0].subject.raddr == $3 and .[0].evidence.ports_used == $4 and
		.[0].evidence.ports_range == $5 and .[0].evidence.port_range == $6"
}
needs_bound() { # 6.1: the table of local ports
	local major minor
	IFS=. read -r major minor _ <<<"$(uname -r)"
	((major > 6 || (major == 6 && minor >= 1))) || skip "Linux 6.1"
}

@test "bind() before connect(), over many destinations" {
	needs_bound
	hold ports=100 bound=97
	audit 3
	one_alert '"critical"' '"127.0.0.1"' null 97 100 null
	is 'alerts[0] | .evidence.ports_bound == 97 and .evidence.ports_left == 3 and
		(.advice | contains("IP_BIND_ADDRESS_NO_PORT"))'
	hold ports=100 tw_reuse=0 bound_tw=85
	audit 3
	one_alert '"warning"' '"127.0.0.1"' null 85 100 null
	"$TCPCONNSTATE" audit --window 0 -N "${HOLD_NETNS[-1]}" >text || true
	grep -q 'port_exhaustion warning *85/100 local ports from 127.0.0.1 -> \* are taken, 85 by bind()' \
		<(tr '\n' ' ' <text | sed 's/  */ /g')
}

@test "sockets that are bound, and nothing else" {
	needs_bound
	hold ports=100 bound_only=80
	audit 3
	one_alert '"warning"' '"127.0.0.1"' null 80 100 null
	hold ports=100 bound_only=70
	audit 0
	is 'alerts == [] and (rows | length == 1 and .[0].ports_bound == 70 and .[0].count == null and
		.[0].lport == null and .[0].rport == null)'
}

@test "listeners inside the range" {
	needs_bound
	hold ports=40 in_range=38
	audit 3
	one_alert '"critical"' '"0.0.0.0"' null 38 40 null
	# with them a destination that has few connections has no port left either: one finding
	hold_more 0 established=2
	hold_more 0 lost=1
	audit 3
	one_alert '"critical"' '"0.0.0.0"' null 38 40 null
	# half of the range is listeners', half is used towards one destination
	hold ports=40 in_range=20 established=20
	audit 3
	one_alert '"critical"' '"127.0.0.1"' '"127.0.0.1"' 40 40 null
	is 'alerts[0].evidence.ports_bound == 20'
}

@test "a range of the program's own" {
	needs_bound
	hold ports=1000 own_range=20 own=20
	hold_more 0 own_lost=1
	audit 3
	one_alert '"critical"' '"127.0.0.1"' '"127.0.0.1"' 20 20 '"40000-40019"'
	# the same ports, and no program that is limited to them
	hold ports=1000 established=20
	audit 0
	is 'alerts == []'
}

@test "reserved ports, as NFS and bindresvport() use them" {
	needs_bound
	hold reserved=500
	audit 3
	is 'alerts | map(select(.evidence.port_range == "512-1023")) | length == 1 and
		.[0].severity == "critical" and .[0].subject.laddr == "127.0.0.1" and
		.[0].evidence.ports_used == 500 and .[0].evidence.ports_range == 512 and
		(.[0].advice | startswith("Reserved ports"))'
}

@test "IPv6: bound ports and listeners of ::1" {
	needs_bound
	hold ports=40 ipv6=1 in_range=20 established=20
	audit 3
	one_alert '"critical"' '"::1"' '"::1"' 40 40 null
}

@test "TIME_WAIT that is too young to be taken over is taken" {
	[[ -e /proc/sys/net/ipv4/tcp_tw_reuse_delay ]] || skip "Linux 6.14"
	hold ports=100 tw_reuse=2
	nsenter -t "${HOLD_PIDS[0]}" -n sh -c 'echo 3000 >/proc/sys/net/ipv4/tcp_tw_reuse_delay'
	hold_more 0 time_wait=100
	hold_more 0 lost=1
	audit 3
	one_alert '"critical"' '"127.0.0.1"' '"127.0.0.1"' 100 100 null
	is 'alerts[0].evidence | .ports_reusable == 0 and .ports_left == 0'
	nsenter -t "${HOLD_PIDS[0]}" -n sh -c 'echo 1 >/proc/sys/net/ipv4/tcp_tw_reuse_delay'
	audit 0
	is 'alerts == [] and rows[0].ports_reusable == 100'
}

@test "connects without a port are reported, whatever a snapshot finds" {
	[[ -e /proc/sys/net/ipv4/tcp_tw_reuse_delay ]] || skip "Linux 6.14"
	hold ports=100 tw_reuse=2
	tool_start --json -N "${HOLD_NETNS[0]}" -i 1
	until_true 5 eval '(($(grep -c "^{.type.:.summary" tool.out) >= 2))'
	# between two snapshots
	hold_more 0 time_wait=100
	hold_more 0 lost=12
	nsenter -t "${HOLD_PIDS[0]}" -n sh -c 'echo 1 >/proc/sys/net/ipv4/tcp_tw_reuse_delay'
	until_true 10 raised
	jq -es 'map(select(.type == "alert"))[0] | .kind == "port_exhaustion" and
		.severity == "critical" and .subject.laddr == "127.0.0.1" and
		.subject.rport == 8000 and .evidence.connects_failed == 12' tool.out
	tool_stop
}
raised() { jq -es 'any(.[]; .type == "alert" and .status == "raised")' tool.out >/dev/null; }

@test "TIME_WAIT of a server that has stopped is one row" {
	hold server_tw=1500 stop=1
	audit 0
	is 'rows | length == 1 and .[0].count == 1500 and .[0].lport == 8000 and .[0].raddr == null and
		.[0].ports_used == null'
	# its port in the range that connect() takes, clients at low ports (behind NAT)
	needs_bound
	hold ports=100 far_tw=300
	audit 0
	is 'rows | length == 1 and .[0].count == 300 and .[0].lport == 40000 and .[0].raddr == null'
}

@test "TIME_WAIT of a client that is bound to one port is by destination" {
	hold nfs_tw=5
	audit 0
	is 'rows | length == 5 and all(.count == 1 and .rport == 2049 and .lport == null)'
}
