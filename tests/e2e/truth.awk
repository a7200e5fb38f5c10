# truth.awk - a tracefs trace as JSON lines, one per event of this lab
#
# Why: the kernel's own trace is the referee of every comparison. The text of an instance is
# read twice: once printed as fields (the only print that carries the socket's address), once
# in its usual form (the only print with readable addresses). Both are the same events in the
# same order.
#
#   awk -v net4=10.1.2. -v net6=fd18:101:102:: -v port=15000 -v tids=" 1 7 " \
#       -f truth.awk FIELDS PLAIN
#
# Kept: events with one of the lab's addresses, and events without addresses on one of its ports
# (a listener on all of them). `blind` marks an event that ran while a thread of process 1 was
# current: some kernels run no BPF program then, and no tool can show the event.

function value(line, key,	at, rest) {
	at = index(line, " " key "=")
	if (!at)
		return ""
	rest = substr(line, at + length(key) + 2)
	sub(/ .*/, "", rest)
	return rest
}

function state(name) {
	sub(/^TCP_/, "", name)
	return tolower(name)
}

function plain(addr) {
	sub(/^::ffff:/, "", addr)
	return addr
}

function ours(addr) {
	return index(addr, net4) == 1 || index(addr, net6) == 1
}

/^#/ { next }

FNR == NR {
	sk[++n] = value($0, "skaddr")
	next
}

{
	m++
	at = index($0, ": inet_sock_set_state: ")
	kind = "state"
	if (!at) {
		at = index($0, ": tcp_retransmit_synack: ")
		kind = "synack"
	}
	if (!at)
		next
	body = " " substr($0, at + 2)
	count = split(substr($0, 1, at - 1), head, " ")
	task = substr($0, 1, index($0, " [") - 1)
	sub(/^ +/, "", task)
	sub(/ +$/, "", task)
	pid = task
	sub(/.*-/, "", pid)
	laddr = plain(value(body, "saddrv6"))
	raddr = plain(value(body, "daddrv6"))
	lport = value(body, "sport")
	rport = value(body, "dport")
	any = laddr == "::" || laddr == "0.0.0.0"
	if (!(ours(laddr) || ours(raddr) || (any && lport >= port && lport < port + 50)))
		next
	if (kind == "state" && index(body, "protocol=IPPROTO_TCP ") == 0)
		next
	old = state(value(body, "oldstate"))
	new = state(value(body, "newstate"))
	if (kind == "state" && old == new)
		next
	printf "{\"type\":\"%s\",\"ts_us\":%.0f,\"blind\":%s,\"current\":%d,\"sk\":\"%s\"," \
	       "\"family\":%d,\"laddr\":\"%s\",\"lport\":%d,\"raddr\":\"%s\",\"rport\":%d," \
	       "\"old\":\"%s\",\"new\":\"%s\"}\n",
	       kind, head[count] * 1000000, index(tids, " " pid " ") ? "true" : "false",
	       pid, sk[m], index(laddr, ":") ? 6 : 4,
	       laddr, lport, raddr, rport, old, new
}
