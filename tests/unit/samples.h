/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_SAMPLES_H
#define TCS_SAMPLES_H

/*
 * samples.h - what the core tells, made by hand for those who print or select it
 *
 * A sample is an ordinary HTTP connection that we accept; a test changes what it is about. Parts
 * point at each other, so a sample is set up in place and not copied.
 */
#include "track.h"
#include "unit.h"

struct sample {
	struct conn conn;
	struct change change;
	struct connection connection;
};

static inline void sample_init(struct sample *s)
{
	*s = (struct sample){
		.conn = {
			.id = TCS_ID_OWN | 1 << TCS_ID_MAKER_BITS,
			.cookie = 4711,
			.netns_cookie = 12,
			.laddr = V4(10, 0, 0, 7),
			.raddr = V4(10, 0, 0, 31),
			.cgroup = 55,
			.netns = 4026531840,
			.uid = 33,
			.lport = 80,
			.rport = 52114,
			.family = 4,
			.state = TCS_FIN_WAIT1,
			.direction = DIRECTION_PASSIVE,
			.handshake_us = 288,
			.born_ns = 1000000,
		},
		.change = {
			.conn = &s->conn,
			.ts_ns = 5000000000,
			.in_old_ns = 12907000,
			.rtt_us = 310,
			.lport = 80,
			.old_state = TCS_ESTABLISHED,
			.new_state = TCS_FIN_WAIT1,
			.kernel_new_state = TCS_FIN_WAIT1,
			.owner = { .pid = 1180, .source = OWNER_TASK, .comm = "nginx" },
		},
		.connection = {
			.conn = &s->conn,
			.last = &s->change,
			.closed_by = CLOSED_BY_US,
			.duration_ns = 3020000000,
		},
	};
}

/* The same connection at its end: we closed, the peer's FIN has come. */
static inline void sample_end(struct sample *s)
{
	static const struct path_step path[] = {
		{ .state = TCS_SYN_RECV, .in_state_ns = 288000 },
		{ .state = TCS_ESTABLISHED, .in_state_ns = 12907000 },
		{ .state = TCS_FIN_WAIT1, .in_state_ns = 301000 },
		{ .state = TCS_FIN_WAIT2, .in_state_ns = 8000 },
		{ .state = TCS_TIME_WAIT, .in_state_ns = PATH_UNKNOWN_NS },
	};

	sample_init(s);
	s->conn.state = TCS_TIME_WAIT;
	memcpy(s->conn.path, path, sizeof(path));
	s->conn.path_len = COUNT(path);
	s->change.in_old_ns = 8000;
	s->change.old_state = TCS_FIN_WAIT2;
	s->change.new_state = TCS_TIME_WAIT;
	s->change.kernel_new_state = TCS_CLOSE;
	s->change.tw_substate = TCS_TIME_WAIT;
	s->change.reason = REASON_NORMAL;
	s->change.has_totals = true;
	s->change.totals = (struct tcs_wire_totals){
		.bytes_sent = 88000,
		.bytes_received = 400,
		.retransmits = 2,
	};
}

/* Nothing is known but that it happened. */
static inline void sample_unknown(struct sample *s)
{
	sample_init(s);
	s->conn = (struct conn){ 0 };
	s->change = (struct change){
		.conn = &s->conn,
		.ts_ns = 5000000000,
		.in_old_ns = TRACK_UNKNOWN_NS,
		.old_state = TCS_ESTABLISHED,
		.new_state = TCS_CLOSE,
		.kernel_new_state = TCS_CLOSE,
		.reason = REASON_RESET_BY_PEER,
	};
	s->connection.closed_by = CLOSED_BY_UNKNOWN;
	s->connection.duration_ns = TRACK_UNKNOWN_NS;
}

static inline struct tcs_wire_synack sample_synack(void)
{
	return (struct tcs_wire_synack){
		.kind = TCS_WIRE_SYNACK,
		.family = 4,
		.retransmits = 2,
		.netns = 4026531840,
		.netns_cookie = 12,
		.ts_ns = 5000000000,
		.laddr = V4(10, 0, 0, 7),
		.raddr = V4(198, 51, 100, 4),
		.lport = 80,
		.rport = 40012,
		.uid = 33,
		.syn_queue = 212,
		.syn_queue_young = 3,
		.accept_queue = 1,
		.queue_limit = 256,
		.listener = 77,
		.owner = { .pid = 1180, .source = TCS_OWNER_TASK, .comm = "nginx" },
	};
}

#endif /* TCS_SAMPLES_H */
