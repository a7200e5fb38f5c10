/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_WHEN_H
#define TCS_WHEN_H

/*
 * when.h - times of records, as people and programs read them
 *
 * Records have the time since boot (bpf_ktime_get_ns()); what the wall clock is ahead of it is in
 * the sink's world, and may change while we run. Events come in bursts, so the text of the last
 * second is kept: printing the next time of it costs no calendar. Any time can be printed, also one
 * that a damaged capture made up. One thread.
 */
#include <stdint.h>

#include "outbuf.h"
#include "sink.h"

/* Local HH:MM:SS */
void when_put_wall_clock(struct outbuf *b, const struct sink_world *world, uint64_t ts_ns);
/* RFC 3339, UTC, nanoseconds, in quotes */
void when_put_rfc3339(struct outbuf *b, const struct sink_world *world, uint64_t ts_ns);
/* "0.123456" seconds since the run began */
void when_put_since_start(struct outbuf *b, const struct sink_world *world, uint64_t ts_ns);

#endif /* TCS_WHEN_H */
