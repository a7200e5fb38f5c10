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
 * free to come at once, since its price is not known; it is paid for before the next, which comes
 * as soon as that is done: older sockets have an age then, and findings. CADENCE_CREDIT_NS
 * are there from the beginning, so that on a small host this is the next interval: the first walk
 * touches each table for the first time, and costs several times as much as the next.
 *
 * The start has been paid for when the program begins to look: a look that waits for it gives none
 * of it back, and findings come late. So the start is no debt. But it counts: until it has become
 * CADENCE_START_PER_MILLE of the time since, looks have CADENCE_FIRST_PER_MILLE. Start and looks
 * together take 2 % from then on, and of a first minute if the start took 500 ms or less, which is
 * also the cost of a program that is started anew each minute. A walk of 5 ms comes twice a second
 * at the lower rate, too.
 *
 * Two things do not wait for credit, for whoever attacks the host must not be able to spend it:
 * counters and queues, once in CADENCE_RARE times what they cost, and walks that explain what they
 * show (cadence_urgent()), once in CADENCE_SELDOM times what they cost.
 *
 * Nor do they wait for the interval. The queues are glanced at (glance.h) every CADENCE_GLANCE_NS;
 * on news a look comes at once, and CADENCE_SECOND_NS after the first look that found something the
 * one that decides what it is. That is time enough for a client behind a satellite to have answered
 * (0.6 to 0.7 s for a round trip), and little enough for an alarm: an attack is told 1.1 s after it
 * has become visible on an idle machine, where two whole intervals would be 2 s. Looks of the
 * interval that would come in between, or just after, are left out.
 *
 * Pure: times are the caller's.
 */
#include <stdbool.h>
#include <stdint.h>

#define CADENCE_PER_MILLE	14 /* of one core; the rest of 2 %: glances, events */
#define CADENCE_FIRST_PER_MILLE 10 /* while the start is more than ... */
#define CADENCE_START_PER_MILLE 10 /* ... of the time since */
#define CADENCE_CREDIT_NS	(60 * 1000000ull)
#define CADENCE_REFRESH_NS	(60 * 1000000000ull)
#define CADENCE_GLANCE_NS	(250 * 1000000ull)
#define CADENCE_SECOND_NS	(750 * 1000000ull)
#define CADENCE_GLANCES		500 /* times what they cost is the least time between two */
#define CADENCE_RENEWALS	50
#define CADENCE_DOUBT_NS	(1000 * 1000000ull)
#define CADENCE_RARE		100
#define CADENCE_SELDOM		40
#define CADENCE_ONCE_NS		(250 * 1000000ull)

struct cadence {
	uint64_t now_ns;
	uint64_t start_paid_ns; /* when the start is CADENCE_START_PER_MILLE of the time */
	int64_t credit_ns;
	uint64_t counters_cost_ns;
	uint64_t walk_cost_ns;
	uint64_t walked_ns; /* when; 0 never */
	uint32_t walks;	    /* so far */
	uint64_t counted_ns;
	uint64_t urgent_ns;
	uint64_t urgent_cost_ns;
	uint64_t looked_ns; /* the last look of any kind */
	uint64_t early_ns;  /* the last that did not wait for the interval */
	uint64_t second_ns; /* when the next of those is due; 0: none */
	uint64_t glanced_ns;
	bool rested; /* the last interval had no look of its own */
	uint64_t glance_cost_ns;
	uint64_t once_ns;    /* when what cadence_once() has granted is paid for; 0 never */
	uint64_t renewed_ns; /* owners of listeners; 0 never */
	uint64_t renew_cost_ns;
	bool renews_doubt; /* the last renewal was for a doubt */
	uint64_t doubt_ns; /* the least time between two for a doubt; 0 none */
};

enum cadence_look {
	CADENCE_NONE = 0,
	CADENCE_COUNTERS,
	CADENCE_WALK,
	CADENCE_URGENT, /* counters, and a walk where they call for one */
};

/* start_cpu_ns: CPU time that has been spent before. */
void cadence_init(struct cadence *c, uint64_t now_ns, uint64_t start_cpu_ns);

/* An interval is over. moved: something has changed since the last walk. */
enum cadence_look cadence_next(struct cadence *c, uint64_t now_ns, bool moved);

/* Is there a look so near to the end of this interval, before or after, that it needs none? Not
 * twice in a row. */
bool cadence_rests(struct cadence *c, uint64_t now_ns, uint64_t interval_ns);

/* Is it time for a glance? Not while a second look is due. */
bool cadence_glance(struct cadence *c, uint64_t now_ns);
void cadence_glanced(struct cadence *c, uint64_t cpu_ns);

/*
 * Owners of listeners have changed (certain), or may have: may they be looked up again? At once,
 * but not within CADENCE_RENEWALS times what the last time cost; for a mere doubt not within
 * CADENCE_DOUBT_NS either, and twice as long each time that it was none, up to CADENCE_REFRESH_NS.
 */
bool cadence_renew(struct cadence *c, uint64_t now_ns, bool certain);
/* corrected: an owner was another one. */
void cadence_renewed(struct cadence *c, uint64_t cpu_ns, bool corrected);

/* There is news: may a look be taken at once? */
bool cadence_early(struct cadence *c, uint64_t now_ns);

/* Something has been found that was not there before: a second look is due, if it is not yet. */
void cadence_follow(struct cadence *c, uint64_t now_ns);
/* It is time for it; true once. */
bool cadence_second(struct cadence *c, uint64_t now_ns);

/* Is it time for a walk that is wanted at once? */
bool cadence_urgent(struct cadence *c, uint64_t now_ns);

/* A look begins. */
void cadence_looks(struct cadence *c, uint64_t now_ns);

/*
 * A look, or a glance, took listeners out of those that are read: does it tell nothing of what the
 * next one costs? True while such looks take a CADENCE_RAREth of the time, and CADENCE_ONCE_NS more
 * at once (a crowd of 100,000 listeners): new listeners without end are paid for.
 */
bool cadence_once(struct cadence *c, uint64_t now_ns, uint64_t cpu_ns);

/*
 * What was decided has taken that CPU time. CADENCE_NONE: the next look will not
 * (cadence_once()).
 */
void cadence_spent(struct cadence *c, enum cadence_look look, uint64_t cpu_ns);

#endif /* TCS_CADENCE_H */
