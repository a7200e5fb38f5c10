/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_CADENCE_H
#define TCS_CADENCE_H

/*
 * cadence.h - how often the host may be looked at, so that watching costs next to nothing
 *
 * CPU time is credited at CADENCE_PER_MILLE of the time that passes and spent on looks. At each
 * interval the counters of the namespaces are read if the credit allows; all sockets are walked
 * over when something has moved since the last walk (or CADENCE_REFRESH_NS have passed: ages grow
 * and peers die without an event), and what the last walk cost has been saved up. The first walk is
 * free to come at once, since its price is not known; it is paid for before the next.
 *
 * Pure: times are the caller's.
 */
#include <stdbool.h>
#include <stdint.h>

#define CADENCE_PER_MILLE  15 /* of one core; the rest of 2 % is for the events of an idle host */
#define CADENCE_REFRESH_NS (60 * 1000000000ull)

struct cadence {
	uint64_t now_ns;
	int64_t credit_ns;
	uint64_t counters_cost_ns;
	uint64_t walk_cost_ns;
	uint64_t walked_ns; /* when; 0 never */
};

enum cadence_look {
	CADENCE_NONE = 0,
	CADENCE_COUNTERS,
	CADENCE_WALK,
};

void cadence_init(struct cadence *c, uint64_t now_ns);

/* An interval is over. moved: something has changed since the last walk. */
enum cadence_look cadence_next(struct cadence *c, uint64_t now_ns, bool moved);

/* What was decided has taken so much CPU time. */
void cadence_spent(struct cadence *c, enum cadence_look look, uint64_t cpu_ns);

#endif /* TCS_CADENCE_H */
