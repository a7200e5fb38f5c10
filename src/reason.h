/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_REASON_H
#define TCS_REASON_H

/*
 * reason.h - what a -> CLOSE means
 *
 * The kernel reports -> CLOSE alike for a connection that enters TIME_WAIT (tcp_time_wait() swaps
 * the socket for a mini-socket and calls tcp_done()), one that was reset, and one that timed out.
 * What tells them apart stands in the socket at that moment and comes with the record: the state
 * left, sk_err, SOCK_DEAD, SOCK_DONE, linger2, whether everything sent was acknowledged, whether a
 * reset of ours went before it, and, near tcp_max_tw_buckets, whether there is a time-wait socket
 * (bpf/tcs_time_wait.h). A reset that follows at once corrects two of the cases.
 *
 * Not seen: a time-wait socket that the kernel could not allocate below that limit (only
 * TCPTimeWaitOverflow counts it), and data that arrive after the hand-over to a time-wait socket.
 *
 * Pure: no I/O, no allocation, no state.
 */
#include <stdbool.h>
#include <stdint.h>

enum reason {
	REASON_NONE = 0,
#define X(id, name, meaning) REASON_##id,
#include "reason.def"
#undef X
	REASON_MAX,
};

/* The facts of a -> CLOSE, as struct tcs_wire_state has them. */
struct reason_facts {
	uint8_t old_state;
	uint8_t err;	  /* sk_err, or the errno of a connect() that sent no SYN */
	uint16_t flags;	  /* enum tcs_wire_flags */
	uint32_t more;	  /* TCS_M_* */
	bool has_port;	  /* a local port was chosen */
	bool of_listener; /* a child that was never accepted: its listener is closing */
};

struct reason_verdict {
	enum reason reason;
	uint8_t new_state;   /* TCS_CLOSE, TCS_TIME_WAIT; 0: one of them, not known which */
	uint8_t tw_substate; /* TCS_TIME_WAIT or TCS_FIN_WAIT2; 0 unless new_state is TIME_WAIT */
	bool provisional;    /* reason_correct() if a reset of the same socket follows */
};

struct reason_verdict reason_of_close(const struct reason_facts *facts);

/* The verdict once a reset that answers a segment has followed a provisional one. */
struct reason_verdict reason_correct(void);

/* "normal", ...; NULL for REASON_NONE and what is no reason. OTHER is completed with an errno. */
const char *reason_name(enum reason reason);

#endif /* TCS_REASON_H */
