// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a -> CLOSE means. Each row is one way to close a connection, with what the kernel leaves in
 * the socket (the scenarios were played on a real one), and what we must make of it.
 */
#include <errno.h>

#include "reason.h"
#include "states.h"
#include "unit.h"

#include "../../bpf/tcs_wire.h"

/* Flags by the names the scenarios are told in. */
#define ORPHAN	TCS_F_DEAD	  /* no descriptor refers to the socket any more */
#define FIN_IN	TCS_F_DONE	  /* the peer's FIN has come */
#define ACKED	TCS_F_ALL_ACKED	  /* all we sent was acknowledged */
#define OWNED	TCS_F_OWNED	  /* a task holds the socket */
#define TASK	TCS_F_TASK	  /* and that task did it */
#define LINGER2 TCS_F_LINGER2_NEG /* TCP_LINGER2 < 0 */
#define RST_OUT TCS_F_RESET_SENT  /* we sent a reset just before */
#define RETRANS TCS_F_RETRANS

struct row {
	const char *how;
	uint8_t old_state;
	uint8_t err;
	uint32_t flags; /* and TCS_M_* */
	bool no_port, of_listener;

	uint8_t new_state, tw_substate;
	enum reason reason;
	bool provisional;
};

#define NO_TW	TCS_M_NO_TIME_WAIT   /* the kernel made no time-wait socket */
#define TW_OPEN TCS_M_TIME_WAIT_OPEN /* not known whether it did */
#define REPAIR	TCS_M_REPAIR	     /* in TCP_REPAIR */

/* What can come out. */
#define UNDECIDED	    0, 0, REASON_NORMAL, false
#define UNDECIDED_FOR_NOW   0, 0, REASON_NORMAL, true
#define TIME_WAIT	    TCS_TIME_WAIT, TCS_TIME_WAIT, REASON_NORMAL, false
#define TIME_WAIT_FW2	    TCS_TIME_WAIT, TCS_FIN_WAIT2, REASON_NORMAL, true
#define CLOSED(why)	    TCS_CLOSE, 0, REASON_##why, false
#define CLOSED_FOR_NOW(why) TCS_CLOSE, 0, REASON_##why, true

static void check(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct row *r = &rows[i];
		struct reason_facts facts = {
			.old_state = r->old_state,
			.err = r->err,
			.flags = (uint16_t)r->flags,
			.more = r->flags & ~TCS_SRTT_MASK,
			.has_port = !r->no_port,
			.of_listener = r->of_listener,
		};
		struct reason_verdict v = reason_of_close(&facts);

		if (v.new_state != r->new_state || v.tw_substate != r->tw_substate ||
		    v.reason != r->reason || v.provisional != r->provisional)
			fail_msg("%s: %s (%s), %s%s; not %s (%s), %s%s", r->how,
				 state_name(v.new_state),
				 v.tw_substate ? state_name(v.tw_substate) : "-",
				 v.reason ? reason_name(v.reason) : "-",
				 v.provisional ? ", provisional" : "", state_name(r->new_state),
				 r->tw_substate ? state_name(r->tw_substate) : "-",
				 reason_name(r->reason), r->provisional ? ", provisional" : "");
	}
}

/* clang-format off */

/* "Rule at -> CLOSE", line by line. */
static void the_rule_line_by_line(void **unused)
{
	static const struct row rows[] = {
		{ "old FW2 && DONE", TCS_FIN_WAIT2, 0, FIN_IN, 0, 0, TIME_WAIT },
		{ "the same, independent of sk_err: 113",
		  TCS_FIN_WAIT2, EHOSTUNREACH, FIN_IN | ORPHAN, 0, 0,
		  TIME_WAIT },
		{ "the same, independent of sk_err: 104", TCS_FIN_WAIT2, ECONNRESET, FIN_IN, 0, 0,
		  TIME_WAIT },
		{ "old CLOSING && snd_una == write_seq", TCS_CLOSING, 0, ACKED | FIN_IN, 0, 0,
		  TIME_WAIT },
		{ "the same, independent of sk_err",
		  TCS_CLOSING, EHOSTUNREACH, ACKED | FIN_IN, 0, 0,
		  TIME_WAIT },
		{ "old FW2 && !DONE && DEAD && linger2 >= 0 && err == 0",
		  TCS_FIN_WAIT2, 0, ORPHAN | ACKED, 0, 0,
		  TIME_WAIT_FW2 },
		{ "the same, but linger2 < 0", TCS_FIN_WAIT2, 0, ORPHAN | LINGER2, 0, 0,
		  CLOSED(RESET_BY_US) },
		{ "the same, but not DEAD", TCS_FIN_WAIT2, 0, ACKED, 0, 0, CLOSED(RESET_BY_US) },
		{ "the same, but err", TCS_FIN_WAIT2, ETIMEDOUT, ORPHAN, 0, 0, CLOSED(TIMEOUT) },
		{ "err 104", TCS_ESTABLISHED, ECONNRESET, 0, 0, 0, CLOSED(RESET_BY_PEER) },
		{ "err 32 with old CW", TCS_CLOSE_WAIT, EPIPE, FIN_IN, 0, 0,
		  CLOSED(RESET_BY_PEER) },
		{ "err 32 with another state", TCS_ESTABLISHED, EPIPE, 0, 0, 0, CLOSED(OTHER) },
		{ "err 111 with old SYN_SENT", TCS_SYN_SENT, ECONNREFUSED, 0, 0, 0,
		  CLOSED(REFUSED) },
		{ "err 111 with another state", TCS_ESTABLISHED, ECONNREFUSED, 0, 0, 0,
		  CLOSED(OTHER) },
		{ "err 110", TCS_ESTABLISHED, ETIMEDOUT, 0, 0, 0, CLOSED(TIMEOUT) },
		{ "err 103", TCS_ESTABLISHED, ECONNABORTED, OWNED, 0, 0, CLOSED(KILLED) },
		{ "err 101", TCS_ESTABLISHED, ENETUNREACH, 0, 0, 0, CLOSED(UNREACHABLE) },
		{ "err 113", TCS_ESTABLISHED, EHOSTUNREACH, 0, 0, 0, CLOSED(UNREACHABLE) },
		{ "other err", TCS_ESTABLISHED, ENOPROTOOPT, 0, 0, 0, CLOSED(OTHER) },
		{ "an err that is no errno", TCS_ESTABLISHED, 255, 0, 0, 0, CLOSED(OTHER) },
		{ "old LISTEN", TCS_LISTEN, 0, OWNED | TASK, 0, 0, CLOSED(LISTENER_CLOSED) },
		{ "old LA, err 0", TCS_LAST_ACK, 0, ORPHAN | FIN_IN | ACKED, 0, 0, CLOSED(NORMAL) },
		{ "old SYN_SENT, err 0", TCS_SYN_SENT, 0, OWNED | TASK, 0, 0, CLOSED(CANCELLED) },
		{ "old SYN_SENT, err 0, sport 0", TCS_SYN_SENT, 0, OWNED, true, 0,
		  CLOSED(NO_LOCAL_PORT) },
		{ "old SYN_SENT, connect() from a bound port returned EADDRNOTAVAIL", TCS_SYN_SENT,
		  EADDRNOTAVAIL, OWNED | TASK, 0, 0, CLOSED(NO_LOCAL_PORT) },
		{ "old SYN_SENT, no port and EADDRNOTAVAIL", TCS_SYN_SENT, EADDRNOTAVAIL,
		  OWNED | TASK, true, 0, CLOSED(NO_LOCAL_PORT) },
		{ "old SYN_SENT, a rule refused the source port", TCS_SYN_SENT, EACCES,
		  OWNED | TASK, 0, 0, CLOSED(OTHER) },
		{ "old SYN_SENT, a rule made it unreachable", TCS_SYN_SENT, ENETUNREACH,
		  OWNED | TASK, 0, 0, CLOSED(UNREACHABLE) },
		{ "err 99 with another state", TCS_ESTABLISHED, EADDRNOTAVAIL, 0, 0, 0,
		  CLOSED(OTHER) },
		{ "anything else with err 0: ESTABLISHED", TCS_ESTABLISHED, 0, OWNED | TASK, 0, 0,
		  CLOSED(RESET_BY_US) },
		{ "anything else with err 0: SYN_RECV", TCS_SYN_RECV, 0, OWNED, 0, 0,
		  CLOSED(RESET_BY_US) },
		{ "anything else with err 0: FIN_WAIT1", TCS_FIN_WAIT1, 0, OWNED, 0, 0,
		  CLOSED(RESET_BY_US) },
		{ "anything else with err 0: CLOSE_WAIT", TCS_CLOSE_WAIT, 0, OWNED | FIN_IN, 0, 0,
		  CLOSED(RESET_BY_US) },
	};

	(void)unused;
	check(rows, COUNT(rows));
}

/*
 * The rule's last line again: "anything else with err 0: aborted by us". It is not `cancelled`,
 * which means that it was given up before the handshake was done.
 */
static void a_closing_socket_that_is_disconnected_was_aborted_by_us(void **unused)
{
	static const struct row rows[] = {
		{ "CLOSING, our FIN not acknowledged", TCS_CLOSING, 0, OWNED | FIN_IN, 0, 0,
		  CLOSED(RESET_BY_US) },
	};

	(void)unused;
	check(rows, COUNT(rows));
}

static void closes_in_order(void **unused)
{
	static const struct row rows[] = {
		{ "active close, the peer ACKs, then sends its FIN",
		  TCS_FIN_WAIT2, 0, ORPHAN | ACKED, 0, 0,
		  TIME_WAIT_FW2 },
		{ "shutdown(WR), ACK, FIN", TCS_FIN_WAIT2, 0, FIN_IN | ACKED, 0, 0, TIME_WAIT },
		{ "shutdown(WR), ACK, close() in FIN_WAIT2",
		  TCS_FIN_WAIT2, 0, ORPHAN | OWNED | ACKED, 0, 0,
		  TIME_WAIT_FW2 },
		{ "three segments: the peer's FIN acknowledges ours",
		  TCS_FIN_WAIT2, 0, ORPHAN | FIN_IN | ACKED, 0, 0,
		  TIME_WAIT },
		{ "three segments, descriptor still open", TCS_FIN_WAIT2, 0, FIN_IN | ACKED, 0, 0,
		  TIME_WAIT },
		{ "simultaneous close, orphan", TCS_CLOSING, 0, ORPHAN | FIN_IN | ACKED, 0, 0,
		  TIME_WAIT },
		{ "simultaneous close, descriptor still open", TCS_CLOSING, 0, FIN_IN | ACKED, 0, 0,
		  TIME_WAIT },
		{ "passive close", TCS_LAST_ACK, 0, ORPHAN | FIN_IN | ACKED, 0, 0, CLOSED(NORMAL) },
		{ "passive close, the ACK waits in the backlog",
		  TCS_LAST_ACK, 0, ORPHAN | FIN_IN | ACKED | OWNED, 0, 0,
		  CLOSED(NORMAL) },
		{ "orphan in FIN_WAIT2, tcp_fin_timeout above 60 s",
		  TCS_FIN_WAIT2, 0, ORPHAN | ACKED, 0, 0,
		  TIME_WAIT_FW2 },
		{ "active close of an accepted connection",
		  TCS_FIN_WAIT2, 0, ORPHAN | ACKED, 0, true,
		  TIME_WAIT_FW2 },
		{ "retransmits do not matter", TCS_FIN_WAIT2, 0, FIN_IN | ACKED | RETRANS, 0, 0,
		  TIME_WAIT },
	};

	(void)unused;
	check(rows, COUNT(rows));
}

static void resets_by_the_peer(void **unused)
{
	static const struct row rows[] = {
		{ "in SYN_SENT", TCS_SYN_SENT, ECONNREFUSED, ACKED, 0, 0, CLOSED(REFUSED) },
		{ "in SYN_RECV, simultaneous open or Fast Open", TCS_SYN_RECV, ECONNRESET, 0, 0, 0,
		  CLOSED(RESET_BY_PEER) },
		{ "in ESTABLISHED", TCS_ESTABLISHED, ECONNRESET, ACKED, 0, 0,
		  CLOSED(RESET_BY_PEER) },
		{ "half-open, our data is answered with a reset",
		  TCS_ESTABLISHED, ECONNRESET, 0, 0, 0,
		  CLOSED(RESET_BY_PEER) },
		{ "in the accept queue", TCS_ESTABLISHED, ECONNRESET, ACKED, 0, true,
		  CLOSED(RESET_BY_PEER) },
		{ "in FIN_WAIT1, descriptor open", TCS_FIN_WAIT1, ECONNRESET, 0, 0, 0,
		  CLOSED(RESET_BY_PEER) },
		{ "in FIN_WAIT2, descriptor open", TCS_FIN_WAIT2, ECONNRESET, ACKED, 0, 0,
		  CLOSED(RESET_BY_PEER) },
		{ "in CLOSING, our FIN not acknowledged", TCS_CLOSING, ECONNRESET, FIN_IN, 0, 0,
		  CLOSED(RESET_BY_PEER) },
		{ "in CLOSE_WAIT", TCS_CLOSE_WAIT, EPIPE, FIN_IN | ACKED, 0, 0,
		  CLOSED(RESET_BY_PEER) },
		/* An orphan's looks like data after close() until no reset of ours follows. */
		{ "in FIN_WAIT1, orphan", TCS_FIN_WAIT1, ECONNRESET, ORPHAN, 0, 0,
		  CLOSED_FOR_NOW(RESET_BY_PEER) },
		{ "in LAST_ACK", TCS_LAST_ACK, ECONNRESET, ORPHAN | FIN_IN, 0, 0,
		  CLOSED_FOR_NOW(RESET_BY_PEER) },
	};

	(void)unused;
	check(rows, COUNT(rows));
}

static void aborts_by_us(void **unused)
{
	static const struct row rows[] = {
		{ "SO_LINGER 0", TCS_ESTABLISHED, 0, OWNED | TASK | ACKED, 0, 0,
		  CLOSED(RESET_BY_US) },
		{ "SO_LINGER 0 in CLOSE_WAIT",
		  TCS_CLOSE_WAIT, 0, OWNED | TASK | FIN_IN | ACKED, 0, 0,
		  CLOSED(RESET_BY_US) },
		{ "close() with unread data", TCS_ESTABLISHED, 0, OWNED | TASK | ACKED, 0, 0,
		  CLOSED(RESET_BY_US) },
		{ "connect(AF_UNSPEC)", TCS_ESTABLISHED, 0, OWNED | TASK | ACKED, 0, 0,
		  CLOSED(RESET_BY_US) },
		{ "connect(AF_UNSPEC) in FIN_WAIT2", TCS_FIN_WAIT2, 0, OWNED | ACKED, 0, 0,
		  CLOSED(RESET_BY_US) },
		{ "TCP_LINGER2 < 0, ACK of our FIN after close()",
		  TCS_FIN_WAIT2, 0, ORPHAN | LINGER2 | ACKED, 0, 0,
		  CLOSED(RESET_BY_US) },
		{ "close() in SYN_SENT", TCS_SYN_SENT, 0, OWNED | TASK, 0, 0, CLOSED(CANCELLED) },
		{ "connect() finds no free local port", TCS_SYN_SENT, 0, OWNED | TASK, true, 0,
		  CLOSED(NO_LOCAL_PORT) },
		{ "ss -K", TCS_ESTABLISHED, ECONNABORTED, OWNED | RST_OUT | ACKED, 0, 0,
		  CLOSED(KILLED) },
		{ "ss -K in CLOSE_WAIT",
		  TCS_CLOSE_WAIT, ECONNABORTED, OWNED | RST_OUT | FIN_IN, 0, 0,
		  CLOSED(KILLED) },
		{ "ss -K in SYN_SENT", TCS_SYN_SENT, ECONNABORTED, OWNED, 0, 0, CLOSED(KILLED) },
		{ "ss -K of an orphan in FIN_WAIT2",
		  TCS_FIN_WAIT2, ECONNABORTED, OWNED | ORPHAN | ACKED, 0, 0,
		  CLOSED(KILLED) },
	};

	(void)unused;
	check(rows, COUNT(rows));
}

static void listeners(void **unused)
{
	static const struct row rows[] = {
		{ "close(listener)", TCS_LISTEN, 0, OWNED | TASK | ACKED, 0, 0,
		  CLOSED(LISTENER_CLOSED) },
		{ "shutdown(listener)", TCS_LISTEN, 0, OWNED | TASK, 0, 0,
		  CLOSED(LISTENER_CLOSED) },
		{ "listen() on a taken port", TCS_LISTEN, 0, OWNED | TASK, true, 0,
		  CLOSED(LISTENER_CLOSED) },
		{ "close(listener) with a child in its queue", TCS_ESTABLISHED, 0, ACKED, 0, true,
		  CLOSED(LISTENER_CLOSED) },
		{ "the same, and the child's peer has closed",
		  TCS_CLOSE_WAIT, 0, FIN_IN | ACKED, 0, true,
		  CLOSED(LISTENER_CLOSED) },
		{ "close(listener) with a Fast Open child", TCS_SYN_RECV, 0, TCS_F_FAST_OPEN, 0,
		  true, CLOSED(LISTENER_CLOSED) },
		{ "the second child of a doubled ACK", TCS_SYN_RECV, 0, ACKED, 0, true,
		  CLOSED(CANCELLED) },
	};

	(void)unused;
	check(rows, COUNT(rows));
}

static void silence_and_the_network(void **unused)
{
	static const struct row rows[] = {
		{ "connect() times out", TCS_SYN_SENT, ETIMEDOUT, RETRANS, 0, 0, CLOSED(TIMEOUT) },
		{ "connect(), ICMP unreachable", TCS_SYN_SENT, EHOSTUNREACH, RETRANS, 0, 0,
		  CLOSED(UNREACHABLE) },
		{ "keepalive, its reset goes before the close",
		  TCS_ESTABLISHED, ETIMEDOUT, RST_OUT | ACKED, 0, 0,
		  CLOSED(TIMEOUT) },
		{ "TCP_USER_TIMEOUT, retransmits exhausted",
		  TCS_ESTABLISHED, ETIMEDOUT, RETRANS, 0, 0,
		  CLOSED(TIMEOUT) },
		{ "retransmits exhausted after ICMP", TCS_ESTABLISHED, EHOSTUNREACH, RETRANS, 0, 0,
		  CLOSED(UNREACHABLE) },
		{ "orphan in FIN_WAIT1 unanswered",
		  TCS_FIN_WAIT1, ETIMEDOUT, ORPHAN | RETRANS, 0, 0,
		  CLOSED(TIMEOUT) },
		{ "LAST_ACK unanswered", TCS_LAST_ACK, ETIMEDOUT, ORPHAN | FIN_IN | RETRANS, 0, 0,
		  CLOSED(TIMEOUT) },
		{ "Fast Open child unanswered", TCS_SYN_RECV, ETIMEDOUT, 0, 0, true,
		  CLOSED(TIMEOUT) },
		/* tcp_keepalive_timer(): its reset goes first, and there is no TIME_WAIT */
		{ "orphan in FIN_WAIT2, its timer ends it",
		  TCS_FIN_WAIT2, 0, ORPHAN | ACKED | RST_OUT, 0, 0,
		  CLOSED(TIMEOUT) },
	};

	(void)unused;
	check(rows, COUNT(rows));
}

/* tcp_max_tw_buckets is reached: tcp_time_wait() only closes. */
static void a_time_wait_that_was_not_made(void **unused)
{
	static const struct row rows[] = {
		{ "FIN_WAIT2, the peer's FIN", TCS_FIN_WAIT2, 0, FIN_IN | ACKED | NO_TW, 0, 0,
		  CLOSED(NORMAL) },
		{ "FIN_WAIT2, orphan", TCS_FIN_WAIT2, 0, ORPHAN | ACKED | NO_TW, 0, 0,
		  CLOSED_FOR_NOW(NORMAL) },
		{ "CLOSING", TCS_CLOSING, 0, ACKED | FIN_IN | NO_TW, 0, 0, CLOSED(NORMAL) },
		{ "CLOSING, orphan, an old error", TCS_CLOSING, EHOSTUNREACH,
		  ACKED | FIN_IN | ORPHAN | NO_TW, 0, 0, CLOSED(NORMAL) },
		{ "open: FIN_WAIT2, FIN", TCS_FIN_WAIT2, 0, FIN_IN | ACKED | TW_OPEN, 0, 0,
		  UNDECIDED },
		{ "open: FIN_WAIT2, orphan", TCS_FIN_WAIT2, 0, ORPHAN | ACKED | TW_OPEN, 0, 0,
		  UNDECIDED_FOR_NOW },
		{ "open: CLOSING", TCS_CLOSING, 0, ACKED | FIN_IN | TW_OPEN, 0, 0, UNDECIDED },
		/* Closes that make no TIME_WAIT find none, either. */
		{ "reset in FIN_WAIT2", TCS_FIN_WAIT2, ECONNRESET, ACKED | NO_TW, 0, 0,
		  CLOSED(RESET_BY_PEER) },
		{ "TCP_LINGER2 < 0", TCS_FIN_WAIT2, 0, ORPHAN | LINGER2 | ACKED | NO_TW, 0, 0,
		  CLOSED(RESET_BY_US) },
		{ "ss -K in CLOSING", TCS_CLOSING, ECONNABORTED, FIN_IN | OWNED | NO_TW, 0, 0,
		  CLOSED(KILLED) },
		{ "an orphan's timer", TCS_FIN_WAIT2, 0, ORPHAN | ACKED | RST_OUT | TW_OPEN, 0, 0,
		  CLOSED(TIMEOUT) },
	};

	(void)unused;
	check(rows, COUNT(rows));
}

/* IP_RECVERR: an ICMP error stays in sk_err, and the connection goes on. */
static void an_old_error_is_no_reason(void **unused)
{
	static const struct row rows[] = {
		{ "passive close", TCS_LAST_ACK, EHOSTUNREACH, ORPHAN | FIN_IN | ACKED, 0, 0,
		  CLOSED(NORMAL) },
		{ "passive close, port unreachable", TCS_LAST_ACK, ECONNREFUSED,
		  ORPHAN | FIN_IN | ACKED, 0, 0, CLOSED(NORMAL) },
		{ "passive close, prohibited (IPv6)", TCS_LAST_ACK, EACCES,
		  ORPHAN | FIN_IN | ACKED, 0, 0, CLOSED(NORMAL) },
		{ "active close, orphan", TCS_FIN_WAIT2, EHOSTUNREACH, ORPHAN | ACKED, 0, 0,
		  TIME_WAIT_FW2 },
		{ "active close, TCP_LINGER2 < 0", TCS_FIN_WAIT2, ENETUNREACH,
		  ORPHAN | LINGER2 | ACKED, 0, 0, CLOSED(RESET_BY_US) },
		/* Errors that do end it in these states. */
		{ "LAST_ACK, our FIN unanswered, ICMP before",
		  TCS_LAST_ACK, EHOSTUNREACH, ORPHAN | FIN_IN, 0, 0,
		  CLOSED(UNREACHABLE) },
		{ "FIN_WAIT2 with a descriptor, keepalive probes, ICMP before",
		  TCS_FIN_WAIT2, EHOSTUNREACH, ACKED, 0, 0, CLOSED(UNREACHABLE) },
		{ "reset in FIN_WAIT2, orphan", TCS_FIN_WAIT2, ECONNRESET, ORPHAN | ACKED, 0, 0,
		  CLOSED_FOR_NOW(RESET_BY_PEER) },
	};

	(void)unused;
	check(rows, COUNT(rows));
}

static void closed_in_repair(void **unused)
{
	static const struct row rows[] = {
		{ "close()", TCS_ESTABLISHED, 0, OWNED | TASK | ACKED | REPAIR, 0, 0,
		  CLOSED(REPAIR_CLOSED) },
		{ "close() in CLOSE_WAIT", TCS_CLOSE_WAIT, 0, OWNED | TASK | FIN_IN | REPAIR, 0, 0,
		  CLOSED(REPAIR_CLOSED) },
		{ "close() in FIN_WAIT2", TCS_FIN_WAIT2, 0, OWNED | ACKED | REPAIR, 0, 0,
		  CLOSED(REPAIR_CLOSED) },
		{ "close() in SYN_SENT", TCS_SYN_SENT, 0, OWNED | TASK | REPAIR, 0, 0,
		  CLOSED(REPAIR_CLOSED) },
		{ "close() in SYN_RECV", TCS_SYN_RECV, 0, OWNED | TCS_F_FAST_OPEN | REPAIR, 0, 0,
		  CLOSED(REPAIR_CLOSED) },
		/* Others end it while it is in repair. */
		{ "reset by the peer", TCS_ESTABLISHED, ECONNRESET, ACKED | REPAIR, 0, 0,
		  CLOSED(RESET_BY_PEER) },
		{ "ss -K", TCS_ESTABLISHED, ECONNABORTED, OWNED | REPAIR, 0, 0, CLOSED(KILLED) },
		{ "the peer's FIN in FIN_WAIT2", TCS_FIN_WAIT2, 0, FIN_IN | ACKED | REPAIR, 0, 0,
		  TIME_WAIT },
		{ "the last ACK", TCS_LAST_ACK, 0, ORPHAN | FIN_IN | ACKED | REPAIR, 0, 0,
		  CLOSED(NORMAL) },
	};

	(void)unused;
	check(rows, COUNT(rows));
}

/* Both look like something else until our reset follows; then reason_correct() decides. */
static void data_after_close_is_known_by_the_reset_that_follows(void **unused)
{
	static const struct row rows[] = {
		{ "data with the ACK of our FIN", TCS_FIN_WAIT2, 0, ORPHAN | ACKED, 0, 0,
		  TIME_WAIT_FW2 },
		{ "data, our FIN not acknowledged yet", TCS_FIN_WAIT1, ECONNRESET, ORPHAN, 0, 0,
		  CLOSED_FOR_NOW(RESET_BY_PEER) },
	};
	struct reason_verdict v = reason_correct();

	(void)unused;
	check(rows, COUNT(rows));
	assert_int_equal(v.reason, REASON_ABORTED_DATA_AFTER_CLOSE);
	assert_int_equal(v.new_state, TCS_CLOSE);
	assert_int_equal(v.tw_substate, 0);
	assert_false(v.provisional);
}

/* clang-format on */

/* Whatever a record says: TIME_WAIT and its substate go together, a close always has a reason. */
static void every_verdict_is_whole(void **unused)
{
	(void)unused;
	for (unsigned int state = TCS_ESTABLISHED; state <= TCS_CLOSING; state++) {
		for (unsigned int i = 0; i < 1u << 20; i++) {
			struct reason_facts facts = {
				.old_state = (uint8_t)state,
				.err = i & 0xff,
				.flags = (uint16_t)(i >> 8 & 0x3ff),
				.has_port = i >> 18 & 1,
				.of_listener = i >> 19 & 1,
				.more = i * 2654435769u & ~TCS_SRTT_MASK, /* any */
			};
			struct reason_verdict v = reason_of_close(&facts);
			bool tw = v.new_state == TCS_TIME_WAIT;

			if (!v.new_state) {
				assert_true(facts.more & TCS_M_TIME_WAIT_OPEN);
				assert_int_equal(v.reason, REASON_NORMAL);
				continue;
			}
			assert_true(tw || v.new_state == TCS_CLOSE);
			assert_false(tw && facts.more & TCS_M_NO_TIME_WAIT);
			assert_true(v.reason > REASON_NONE && v.reason < REASON_MAX);
			assert_int_equal(tw, v.tw_substate == TCS_TIME_WAIT ||
						     v.tw_substate == TCS_FIN_WAIT2);
			assert_true(tw ? v.reason == REASON_NORMAL : !v.tw_substate);
			assert_true(!tw || state == TCS_FIN_WAIT2 || state == TCS_CLOSING);
		}
	}
}

static void reasons_are_spelled_as_promised(void **unused)
{
	static const struct {
		enum reason reason;
		const char *name;
	} want[] = {
		{ REASON_NORMAL, "normal" },
		{ REASON_RESET_BY_PEER, "reset_by_peer" },
		{ REASON_RESET_BY_US, "reset_by_us" },
		{ REASON_REFUSED, "refused" },
		{ REASON_TIMEOUT, "timeout" },
		{ REASON_UNREACHABLE, "unreachable" },
		{ REASON_CANCELLED, "cancelled" },
		{ REASON_LISTENER_CLOSED, "listener_closed" },
		{ REASON_KILLED, "killed" },
		{ REASON_REPAIR_CLOSED, "repair_closed" },
		{ REASON_ABORTED_DATA_AFTER_CLOSE, "aborted_data_after_close" },
		{ REASON_NO_LOCAL_PORT, "no_local_port" },
		{ REASON_OTHER, "other" },
	};

	(void)unused;
	assert_int_equal(COUNT(want) + 1, REASON_MAX);
	for (size_t i = 0; i < COUNT(want); i++)
		assert_string_equal(reason_name(want[i].reason), want[i].name);
	assert_null(reason_name(REASON_NONE));
	assert_null(reason_name(REASON_MAX));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rule_line_by_line),
		cmocka_unit_test(a_closing_socket_that_is_disconnected_was_aborted_by_us),
		cmocka_unit_test(closes_in_order),
		cmocka_unit_test(resets_by_the_peer),
		cmocka_unit_test(aborts_by_us),
		cmocka_unit_test(listeners),
		cmocka_unit_test(silence_and_the_network),
		cmocka_unit_test(a_time_wait_that_was_not_made),
		cmocka_unit_test(an_old_error_is_no_reason),
		cmocka_unit_test(closed_in_repair),
		cmocka_unit_test(data_after_close_is_known_by_the_reset_that_follows),
		cmocka_unit_test(every_verdict_is_whole),
		cmocka_unit_test(reasons_are_spelled_as_promised),
	};

	return cmocka_run_group_tests_name("reason", tests, NULL, NULL);
}
