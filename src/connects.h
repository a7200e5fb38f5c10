/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_CONNECTS_H
#define TCS_CONNECTS_H

/*
 * connects.h - how connects ended lately, by destination and by source address
 *
 * Fed with every change of a run, live or replayed. A SYN_SENT -> ESTABLISHED is a connect that
 * succeeded; a SYN_SENT -> CLOSE is one that failed, by its reason (reason.h); one that the program
 * gave up before its SYN was sent again is neither. Each snapshot gets a row for each destination
 * with failures, and for its source addresses (struct audit_connect).
 *
 * Counts are those of a window of connect_ns, kept in two halves; the failing time of a row
 * begins with a failure, and begins anew after a half in which most connects succeeded, or after
 * connect_ns without a failure. Successes to a destination are counted from its first failure
 * on, or from the first snapshot with a connect that it does not answer.
 *
 * A program that tries the addresses of one family and then those of the other (RFC 8305) gets
 * where it wants to: the failures of a destination count as `elsewhere` while its process connects
 * to the same port by the other family as often.
 *
 * Pure: no clock; time comes with changes and snapshots. Nothing is allocated after
 * connects_init(). Bounds: CONNECTS_MAX entries of 256 bytes, in sets of CONNECTS_WAYS. Where a set
 * is full the entry with the fewest failures makes room: what fails often stays, whatever else
 * fails once. Each entry that made room is counted in the snapshot's blind.skipped.
 */
#include <stdbool.h>
#include <stdint.h>

#include "audit.h"
#include "track.h"

#define CONNECTS_WAYS 8
#ifndef CONNECTS_MAX /* smaller where a fuzz target fills it */
#define CONNECTS_MAX 8192
#endif

struct connects_config {
	uint64_t window_ns; /* audit_config.connect_ns */
	uint32_t percent;   /* of the connects fail: the rest is no success (detect_config) */
};

struct connects; /* opaque */

int connects_new(const struct connects_config *config, struct connects **ret); /* 0, -ENOMEM */
void connects_free(struct connects *t);					       /* accepts NULL */

/*
 * Why a connect failed that ended for this reason; unanswered: its SYN had been sent again.
 * CONNECT_FAILURES: it did not fail, or was given up before an answer was due.
 */
enum connect_failure connects_failure(enum reason reason, bool unanswered);

/* Takes the change if it is the end of a connect. */
void connects_change(struct connects *t, const struct change *change);

/* Rows into a snapshot whose pending connects are complete, and that is not settled. 0, -ENOMEM. */
int connects_into_audit(struct connects *t, struct audit *look);

#endif /* TCS_CONNECTS_H */
