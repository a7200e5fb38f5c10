# SPDX-License-Identifier: GPL-2.0-only
#
# Every scenario of dance: the tool shows exactly the kernel's transitions, and each with the
# state names, reason, direction and owner that the one who made it happen vouches for.
# `dance --list` says what each of them does. Every second one runs with -N, the others without
# any filter.

load lib.bash

setup_file() { e2e_setup_file; }

@test "every scenario has a test" {
	local name
	"$DANCE" --list | cut -f1 >names
	while read -r name; do
		grep -Eq "(scenario|dance_start) $name( |\$)" "$E2E_DIR"/*.bats || {
			echo "no test runs $name"
			return 1
		}
	done <names
}

@test "close_client_first: both ends here; the client closes first" {
	scenario close_client_first
}

@test "close_server_first: both ends here; the server closes first" {
	scenario close_server_first -N NETNS
}

@test "shutdown_wr: half close, data the other way, then the other FIN" {
	scenario shutdown_wr
}

@test "linger0: SO_LINGER 0: close() resets" {
	scenario linger0 -N NETNS
}

@test "unread_data: close() with data unread resets" {
	scenario unread_data
}

@test "af_unspec: connect(AF_UNSPEC), then the same socket connects again" {
	scenario af_unspec -N NETNS
}

@test "killed: SOCK_DESTROY, as ss -K does, from another process" {
	scenario killed
}

@test "listener_children: listener closed with two in its queue" {
	scenario listener_children -N NETNS
}

@test "listen_close: listen() and close()" {
	scenario listen_close
}

@test "listener_shutdown: shutdown() of a listener, then close()" {
	scenario listener_shutdown -N NETNS
}

@test "listen_taken: listen() on an address that is taken" {
	scenario listen_taken
}

@test "ipv6: both ends IPv6" {
	scenario ipv6 -N NETNS
}

@test "v4_mapped: IPv4 over dual-stack sockets, either side" {
	scenario v4_mapped
}

@test "refused: nobody listens" {
	scenario refused -N NETNS
}

@test "no_local_port: the local port range is used up" {
	scenario no_local_port
}

@test "bound_taken: the port of bind() has that connection already" {
	scenario bound_taken -N NETNS
}

@test "bound_taken6: the same over IPv6" {
	scenario bound_taken6 -N NETNS
}

@test "source_prohibited: a rule prohibits the source port" {
	command -v ip >/dev/null || skip "needs ip"
	scenario source_prohibited -N NETNS
}

@test "source_unreachable: a rule makes it unreachable" {
	command -v ip >/dev/null || skip "needs ip"
	scenario source_unreachable -N NETNS
}

@test "source_blackhole: a rule drops it" {
	command -v ip >/dev/null || skip "needs ip"
	scenario source_blackhole -N NETNS
}

@test "no_route: no route: not a single transition" {
	scenario no_route -N NETNS
}

@test "tfo: TCP Fast Open, both ends" {
	scenario tfo
}

@test "mptcp: MPTCP beside TCP" {
	scenario mptcp -N NETNS
}

@test "fork_server: the parent listens, its child accepts and closes" {
	scenario fork_server
}

@test "prefork: three workers accept nine connections" {
	scenario prefork -N NETNS
}

@test "inetd: an exec'd server with another name" {
	scenario inetd
}

@test "scm_rights: a socket passed to another process, which closes it" {
	scenario scm_rights -N NETNS
}

@test "process_killed: the owner dies" {
	scenario process_killed
}

@test "netns_gone: a namespace is made, used and gone" {
	scenario netns_gone
}

@test "older_connection: a connection older than the tool" {
	scenario older_connection
}

@test "older_listener: a listener older than the tool" {
	scenario older_listener -N NETNS
}

@test "older_reset: an older connection on which nobody acts" {
	scenario older_reset
}

@test "three_segment: the FIN of the far end acknowledges ours" {
	scenario three_segment -N NETNS
}

@test "three_segment6: the same over IPv6" {
	scenario three_segment6
}

@test "sim_open: simultaneous open" {
	scenario sim_open -N NETNS
}

@test "sim_open_close: close() in SYN_RECV" {
	scenario sim_open_close
}

@test "sim_close: simultaneous close" {
	scenario sim_close -N NETNS
}

@test "sim_close_open_fd: simultaneous close with the socket held" {
	scenario sim_close_open_fd
}

@test "rst_syn_sent: RST in SYN_SENT" {
	scenario rst_syn_sent -N NETNS
}

@test "rst_request: RST to a request socket, then a good handshake" {
	scenario rst_request
}

@test "rst_syn_recv: RST in SYN_RECV (a full socket)" {
	scenario rst_syn_recv -N NETNS
}

@test "rst_established: RST in ESTABLISHED" {
	scenario rst_established
}

@test "rst_fin_wait1: RST in FIN_WAIT1" {
	scenario rst_fin_wait1 -N NETNS
}

@test "rst_fin_wait2: RST in FIN_WAIT2" {
	scenario rst_fin_wait2
}

@test "rst_closing: RST in CLOSING" {
	scenario rst_closing -N NETNS
}

@test "rst_close_wait: RST in CLOSE_WAIT" {
	scenario rst_close_wait
}

@test "rst_last_ack: RST in LAST_ACK" {
	scenario rst_last_ack -N NETNS
}

@test "rst_time_wait: RST in TIME_WAIT: nothing more" {
	scenario rst_time_wait
}

@test "passive_close_wire: the far end opens and closes first" {
	scenario passive_close_wire -N NETNS
}

@test "data_after_close: data with the ACK of our FIN" {
	scenario data_after_close
}

@test "data_after_close_unacked: data after close(), our FIN not acknowledged" {
	scenario data_after_close_unacked -N NETNS
}

@test "orphan_fin_wait2: the far end never closes" {
	scenario orphan_fin_wait2
}

@test "orphan_fin_wait2_timer: the same with TCP_LINGER2 61 s" {
	scenario orphan_fin_wait2_timer -N NETNS
}

@test "late_fin: FIN after the hand-over: nothing more" {
	scenario late_fin
}

@test "data_to_time_wait: data after the hand-over: still normal" {
	scenario data_to_time_wait -N NETNS
}

@test "linger2_negative: TCP_LINGER2 < 0: no FIN_WAIT2" {
	scenario linger2_negative
}

@test "fin_wait2_close: close() in FIN_WAIT2" {
	scenario fin_wait2_close -N NETNS
}

@test "connect_timeout: SYN unanswered" {
	scenario connect_timeout
}

@test "user_timeout: data unacknowledged" {
	scenario user_timeout -N NETNS
}

@test "keepalive: keepalive probes unanswered" {
	scenario keepalive
}

@test "fin_wait1_timeout: FIN unanswered, active side" {
	scenario fin_wait1_timeout -N NETNS
}

@test "last_ack_timeout: FIN unanswered, passive side" {
	scenario last_ack_timeout
}

@test "halfopen_syn: SYN to an established tuple, then RST" {
	scenario halfopen_syn -N NETNS
}

@test "halfopen_data: we send, the far end has forgotten us" {
	scenario halfopen_data
}

@test "unreachable: ICMP host unreachable" {
	scenario unreachable -N NETNS
}

@test "unreachable_net: ICMP network unreachable" {
	scenario unreachable_net
}

@test "unreachable6: ICMPv6 address unreachable" {
	scenario unreachable6 -N NETNS
}

@test "prohibited6: ICMPv6 administratively prohibited" {
	scenario prohibited6
}

@test "cancelled: close() in SYN_SENT" {
	scenario cancelled
}

@test "defer_accept: TCP_DEFER_ACCEPT: the data makes the child" {
	scenario defer_accept -N NETNS
}

@test "accept_queue_full: third ACK on a full accept queue" {
	scenario accept_queue_full
}

@test "synack_lost: the first SYN-ACK is lost" {
	scenario synack_lost -N NETNS
}

@test "syncookie: a child made from a SYN cookie" {
	scenario syncookie
}

@test "syn_over_time_wait: a new SYN over a TIME_WAIT tuple" {
	scenario syn_over_time_wait -N NETNS
}

@test "tfo_rst: TFO child reset in SYN_RECV" {
	scenario tfo_rst
}

@test "tfo_close: TFO child closed in SYN_RECV" {
	scenario tfo_close -N NETNS
}

@test "tfo_listener: listener closed with a TFO child in SYN_RECV" {
	scenario tfo_listener
}

@test "tfo_fin: FIN arrives with the ACK of a TFO child" {
	scenario tfo_fin
}

@test "mix: three different connections, for filters" {
	scenario mix -N NETNS
}

@test "hostile_comm: a process name full of control characters" {
	scenario hostile_comm
}

@test "time_wait_full: no room for another TIME_WAIT" {
	scenario time_wait_full
}

@test "time_wait_full6: the same over IPv6" {
	scenario time_wait_full6 -N NETNS
}

@test "time_wait_full_sim_close: the same out of CLOSING" {
	scenario time_wait_full_sim_close
}

@test "repair: close() in TCP_REPAIR, and a restored socket" {
	scenario repair -N NETNS
}

@test "old_error_passive: an ICMP error that ended nothing, then a close in order" {
	scenario old_error_passive
}

@test "old_error_active6: the same over IPv6, closed by us" {
	scenario old_error_active6 -N NETNS
}

@test "old_error_linger0: the same, reset by us" {
	scenario old_error_linger0
}

@test "unreachable_data: an ICMP error that ends it" {
	scenario unreachable_data -N NETNS
}
