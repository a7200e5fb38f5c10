/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_GLANCE_H
#define TCS_GLANCE_H

/*
 * glance.h - has something just begun at a SYN queue, so that the next look should not wait?
 *
 * A look costs what the host is large, and comes once an interval. The queues of all listeners are
 * read in a fraction of a millisecond (census_glance()): so they are read several times in between,
 * and compared with what the last look saw. A listener is strange when requests have timed out,
 * SYNs have been dropped or a cookie has been sent since then, or its queue is full; it is news
 * when it was not so at the last look. This says when to look, never what is wrong: all that is
 * judged comes with looks, which are recorded, and a replay needs no glances.
 *
 * Pure. Memory: 24 bytes and a place in a table for each listener, twice. Errors: -ENOMEM; what
 * finds no room is not compared, and waits for the interval.
 */
#include "audit.h"
#include "hash.h"

struct glance_seen {
	uint32_t stuck, drops;
	bool strange;
};

/* The listeners of one look. */
struct glance_look {
	uint64_t ts_ns;
	struct hash by_id;
	struct glance_seen *seen;
	uint32_t n, cap;
};

struct glance {
	uint32_t least; /* requests that timed out, or drops: fewer are noise */
	struct glance_look last, now;
	bool begun;
	bool news; /* the last look met a listener that was not strange before */
};

/* per_s: so many a second are too many (detect_config.syn_per_s). 0 or -ENOMEM. */
int glance_init(struct glance *g, uint32_t per_s);
void glance_release(struct glance *g);

/* A look, and what it meets; what is no listener is passed over. */
void glance_begin(struct glance *g, uint64_t ts_ns);
int glance_take(struct glance *g, const struct audit_socket *s);
void glance_end(struct glance *g);

/* What a glance meets: is it news? */
bool glance_is_news(const struct glance *g, const struct audit_socket *s, uint64_t now_ns);

#endif /* TCS_GLANCE_H */
