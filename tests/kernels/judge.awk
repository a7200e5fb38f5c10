# SPDX-License-Identifier: GPL-2.0-only
#
# Was a guest's run right? Reads what came out of the guest, prints what was wrong ("# ...") and one
# line "verdict ok|bad key=value ...".
#
#   awk -f judge.awk lossy=0.0001 cookies=1 part=acts acts part=truth truth.tsv part=events events.tsv
#
# lossy: the share of events that may be counted as lost on this kernel (0: none).
# cookies: whether sockets have cookies there; where they have none, none may be shown.
# synretrans: SYNs and SYN-ACKs that the guest's kernel counts as sent again (TCPSynRetrans). In a
# guest that is starved for a second some are of scenes where nobody is silent, and may make a
# connection more.

function wrong(what) {
	if (!(what in seen_wrong))
		order[++wrongs] = what
	seen_wrong[what]++
}

# a,b,c holds x
function has(list, x) {
	return index("," list ",", "," x ",") > 0
}

part == "acts" {
	scene[$2] = $1
	addr[$2] = $3
	family[$2] = $4
	conns[$2] = $5
	closer[$2] = $6
	listener[$2] = $7
	servers[$2] = $8
	clients[$2] = $9
	overflows[$2] = $10
	next
}

part == "truth" && $1 == "end" {
	truth_total = $2
	truth_lost = $3
	truth_ended = 1
	next
}

part == "truth" {
	truth[$1 " " $2] = $3
	next
}

$1 == "M" {
	programs = $2
	next
}

$1 == "E" {
	ended = 1
	lost = $2
	next
}

# R laddr lport raddr rport retransmits acked
$1 == "R" {
	synacks++
	if (!($3 in scene) || $2 != addr[$3])
		wrong("SYN-ACK resent to " $4 " by no listener of a scene")
	else if (closer[$3] != "silent")
		late++
	else if ($6 == 1 && $7 == "false" && !(($4, $5) in resent)) {
		resent[$4, $5] = 1
		silent[$3]++
	}
	next
}

# S old new kernel_new family laddr lport raddr rport pid comm source reason tw direction recovered cookie
$1 == "S" {
	old = $2
	new = $3
	pid = $10
	comm = $11
	source = $12
	total++
	seen[old " " $4]++
	if ($16 == "true")
		recovered++
	if ($7 in scene) {
		port = $7
		side = old == "listen" && new == "close" || new == "listen" ? "listener" : "server"
	} else if ($9 in scene) {
		port = $9
		side = "client"
	} else {
		wrong("a change of no scene: " old " -> " new)
		next
	}
	step = old "->" new
	at = scene[port] ", " side ", " step ": "
	steps[port, side, step]++
	if (cookies != ($17 != "-"))
		wrong(at "cookie " ($17 == "-" ? "none" : "where there are none"))
	if (!((port, side, $17) in seen_cookies)) {
		seen_cookies[port, side, $17] = 1
		sockets[port, side]++
	}

	if (new == "close" || new == "time_wait")
		ends[port, side, step, $13]++
	else if ($13 != "-")
		wrong(at "reason " $13)

	if (side == "listener") {
		if (pid != listener[port] || source != "task" || $15 != "listener")
			wrong(at "owner " source " " comm " " $15)
		next
	}

	# Addresses: whole, on every line, but for the port that a client has not got yet.
	if ($6 != addr[port] || $8 != addr[port] || $5 != family[port])
		wrong(at "addresses " $6 " " $8 " family " $5)
	if ($9 == "-" || ($7 == "-") != (new == "syn_sent"))
		wrong(at "ports " ($7 == "-" ? "none" : "local") " " ($9 == "-" ? "none" : "remote"))
	if ($15 != (side == "client" ? "active" : "passive"))
		wrong(at "direction " $15)

	# Owners: the acting task where a task acts, and nobody but the scene's processes anywhere.
	acts = new == "syn_sent" || new == "fin_wait1" || new == "last_ack" ||
		side == "client" && old == "established" && new == "close"
	if (side == "client") {
		if (!has(clients[port], pid) || comm != "tcs-client" ||
		    source != (acts ? "task" : "cached"))
			wrong(at "owner " source " " comm (has(clients[port], pid) ? "" : ", another pid"))
	} else if (acts || old == "last_ack" || old ~ /^fin_wait/) {
		if (!has(servers[port], pid) || comm != "tcs-server" ||
		    source != (acts ? "task" : "cached"))
			wrong(at "owner " source " " comm (has(servers[port], pid) ? "" : ", another pid"))
	} else if (pid != listener[port] || comm != "tcs-listen" || source != "listener") {
		wrong(at "owner " source " " comm (pid == listener[port] ? "" : ", another pid"))
	}

	if (new == "time_wait" && $14 != "time_wait" && $14 != "fin_wait2")
		wrong(at "tw_substate " $14)
	next
}

# n lines of this step; fewer by what was lost, never more.
function expect(port, side, step, n, reason,	have) {
	have = reason ? ends[port, side, step, reason] : steps[port, side, step]
	expected += n
	if (have > n + late || have < n - lost)
		wrong(scene[port] ", " side ", " step (reason ? " " reason : "") ": " have + 0 \
		      " of " n)
}

# Where two processors take the last ACK, sent twice as guests are slow, each makes a child of the
# request, and the one that comes second closes its own (inet_csk_complete_hashdance()).
function twins(port) {
	return steps[port, "server", "syn_recv->close"] + 0
}

function expect_born(port, n,	more) {
	more = twins(port)
	if (more > 3)
		wrong(scene[port] ": " more " children closed in SYN_RECV")
	expect(port, "client", "close->syn_sent", n)
	expect(port, "client", "syn_sent->established", n)
	expect(port, "server", "listen->syn_recv", n + more)
	expect(port, "server", "syn_recv->close", more)
	expect(port, "server", "syn_recv->established", n)
}

function expect_close(port, n, first, second) {
	expect(port, first, "established->fin_wait1", n)
	expect(port, first, "fin_wait1->fin_wait2", n)
	expect(port, first, "fin_wait2->time_wait", n - overflows[port], "normal")
	expect(port, first, "fin_wait2->close", overflows[port], "normal")
	expect(port, second, "established->close_wait", n)
	expect(port, second, "close_wait->last_ack", n)
	# without a time-wait socket its FIN may be answered by a reset
	expect(port, second, "last_ack->close", n, overflows[port] ? "" : "normal")
}

# Each socket has a cookie of its own.
function expect_cookies(port, side, n,	have) {
	if (!cookies)
		return
	have = sockets[port, side] + 0
	if (have > n + late || have < n - lost)
		wrong(scene[port] ", " side ": " have " cookies for " n " sockets")
}

END {
	of_lines = wrongs
	for (port in scene) {
		n = conns[port]
		if (closer[port] == "refused") {
			expect(port, "client", "close->syn_sent", n)
			expect(port, "client", "syn_sent->close", n, "refused")
		} else {
			expect(port, "listener", "close->listen", 1)
			expect(port, "listener", "listen->close", 1, "listener_closed")
		}
		if (closer[port] == "silent" && silent[port] != n)
			wrong("silent: SYN-ACKs resent to " silent[port] + 0 " of " n " hosts")
		if (closer[port] == "client" || closer[port] == "server") {
			expect_born(port, n)
			expect_close(port, n, closer[port], closer[port] == "client" ? "server" : "client")
			if (scene[port] ~ /^full/ && !(overflows[port] > 0 && overflows[port] < n))
				wrong(scene[port] ": " overflows[port] " of " n " without a time-wait socket")
		}
		if (closer[port] == "linger") {
			expect_born(port, n)
			expect(port, "client", "established->close", n, "reset_by_us")
			expect(port, "server", "established->close", n, "reset_by_peer")
		}
		if (closer[port] != "silent")
			expect_cookies(port, "client", n)
		if (closer[port] != "silent" && closer[port] != "refused")
			expect_cookies(port, "server", n + twins(port))
	}

	for (pair in truth) {
		if (seen[pair] > truth[pair] || seen[pair] < truth[pair] - lost)
			wrong(pair ": " seen[pair] + 0 " seen, the kernel says " truth[pair])
	}
	for (pair in seen)
		if (!(pair in truth))
			wrong(pair ": " seen[pair] " seen, the kernel says none")
	if (!truth_ended || truth_lost)
		wrong("the kernel's own trace is not whole: nothing to compare with")
	else if (truth_total < expected || truth_total > expected + 5 * late)
		wrong("the kernel says " truth_total " changes, the scenes make " expected)
	if (synacks > synretrans)
		wrong(synacks " SYN-ACKs shown as resent, the kernel says " synretrans + 0)
	if (late)
		print "# a slow guest: " late " SYN-ACKs were resent that nobody wanted"
	if (!ended)
		wrong("the output has no end line")
	if (total + lost != truth_total)
		wrong(total + 0 " seen and " lost + 0 " lost, the kernel says " truth_total + 0)
	if (lost > truth_total * lossy)
		wrong(lost " of " truth_total " lost")

	# Sums first, then what single lines say.
	for (i = 1; i <= wrongs && i <= 15; i++) {
		what = order[(i + of_lines - 1) % wrongs + 1]
		print "# " what (seen_wrong[what] > 1 ? " (" seen_wrong[what] " times)" : "")
	}
	if (wrongs > 15)
		print "# and " wrongs - 15 " more kinds"
	printf "verdict %s changes=%d seen=%d lost=%d recovered=%d synacks=%d programs=%s\n",
		wrongs ? "bad" : "ok", truth_total, total, lost, recovered, synacks, programs
}
