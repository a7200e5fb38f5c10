/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_CADENCE_H
#define TCS_CADENCE_H

/*
 * cadence.h - how often the host may be looked at, so that watching costs next to nothing
 *
 * CPU time is credited at CADENCE_PER_MILLE of the time that passes and spent on looks. At each
 * interval the counters of the namespaces are read if the credit allows; all sockets are walked
 * over when something has moved since the last walk, and what the last walk cost has been saved up.
 * When nothing moves ages grow all the same and peers die without an event: then a walk comes when
 * a thousand times its cost has passed, but at least every CADENCE_REFRESH_NS. The first walk is
 * free to come at once, since its price is not known; it is paid for before the next.
 *
 * Two things do not wait for credit, for whoever attacks the host must not be able to spend it:
 * counters and queues, once in CADENCE_RARE times what they cost, and walks that explain what they
 * show (cadence_urgent()), once in CADENCE_SELDOM times what they cost.
 *
 * Pure: times are the caller's.
 */
#include <stdbool.h>
#include <stdint.h>

#define CADENCE_PER_MILLE  15 /* of one core; the rest of 2 % is for the events of an idle host */
#define CADENCE_REFRESH_NS (60 * 1000000000ull)
#define CADENCE_RARE	   100
#define CADENCE_SELDOM	   40

struct cadence {
	uint64_t now_ns;
	int64_t credit_ns;
	uint64_t counters_cost_ns;
	uint64_t walk_cost_ns;
	uint64_t walked_ns; /* when; 0 never */
	uint64_t counted_ns;
	uint64_t urgent_ns;
	uint64_t urgent_cost_ns;
};

enum cadence_look {
	CADENCE_NONE = 0,
	CADENCE_COUNTERS,
	CADENCE_WALK,
	CADENCE_URGENT, /* counters, and a walk where they call for one */
};

void cadence_init(struct cadence *c, uint64_t now_ns);

/* An interval is over. moved: something has changed since the last walk. */
enum cadence_look cadence_next(struct cadence *c, uint64_t now_ns, bool moved);

/* Is it time for a walk that is wanted at once? */
bool cadence_urgent(struct cadence *c, uint64_t now_ns);

/* What was decided has taken so much CPU time. */
void cadence_spent(struct cadence *c, enum cadence_look look, uint64_t cpu_ns);

#endif /* TCS_CADENCE_H */
