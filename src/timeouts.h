/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_TIMEOUTS_H
#define TCS_TIMEOUTS_H

/*
 * timeouts.h - the connections that a timeout has ended lately
 *
 * A walk finds connections whose peer is silent; it cannot find those that were given up between
 * two walks, which with TCP_USER_TIMEOUT or few retries is soon. They are kept here, as their ends
 * are told, and each look at all sockets gets those of the TIMEOUTS_NS before it: that is as long
 * as two walks may lie apart (cadence.h).
 *
 * Only connections count, whose peer was there once. Who never answered our SYN is no such peer,
 * and one that did not close after we had (FIN_WAIT2) has answered all we said.
 *
 * Pure. Bounds: TIMEOUTS_MAX connections of 88 bytes; more are counted in the look's blind.skipped.
 */
#include <stdbool.h>
#include <stdint.h>

#include "audit.h"
#include "track.h"

#define TIMEOUTS_NS (60 * 1000000000ull)
#ifndef TIMEOUTS_MAX /* smaller where a fuzz target fills it */
#define TIMEOUTS_MAX 8192
#endif

struct timeouts {
	struct audit_timeout *at; /* a ring, by time */
	uint32_t first, n;
	uint64_t skipped; /* since the last look */
};

int timeouts_init(struct timeouts *t); /* 0 or -ENOMEM */
void timeouts_release(struct timeouts *t);

/* Takes the change if it is such an end. */
void timeouts_change(struct timeouts *t, const struct change *change);

/* Into a look that is not settled yet. 0 or -ENOMEM. */
int timeouts_into_audit(struct timeouts *t, struct audit *look);

#endif /* TCS_TIMEOUTS_H */
