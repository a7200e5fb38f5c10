/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_SPREAD_H
#define TCS_SPREAD_H

/*
 * spread.h - where the half-open connections of a service come from: one address, one prefix, many
 *
 * What can be done against a flood depends on it: one address or one prefix is dropped by a rule;
 * forged addresses from everywhere are not. The rows of a look (struct audit_source) are addresses
 * and the /24 or /64 they are of; listeners that share a port may have some in common.
 *
 * Pure, and part of settling a look (service.h). Bounds: those of the look; where a table was full
 * (sources_exact) the number of different ones is the estimate that came with it (sketch.h).
 */
#include "audit.h"

enum spread {
	SPREAD_NONE = 0, /* nothing is half-open, or nobody can tell */
	SPREAD_DISTRIBUTED,
	SPREAD_PREFIX,
	SPREAD_SINGLE_SOURCE,
	SPREAD_MAX,
};

/* "distributed", "prefix", "single_source"; NULL for none */
const char *spread_name(enum spread spread);

/*
 * One source or one prefix makes the spread when it has so many of the half-open connections: the
 * rest is what a service of this kind always has (clients on lossy paths).
 */
#define SPREAD_PERCENT 90
/*
 * The widest prefix that counts as one: what can be dropped by one rule without cutting off a
 * considerable part of the net. IPv6: what a home is given (RFC 6177). IPv4: sixteen /24, the
 * longest prefix the Internet routes.
 */
#define SPREAD_BITS_4  20
#define SPREAD_BITS_6  56

/* Before half-open connections are joined to their services: the number of different sources. */
void spread_count(struct audit *a);
/* And after that: rows are merged and sorted, each service gets its own, and its spread. */
void spread_settle(struct audit *a);
/* The same for groups of services, when their numbers are summed up. 0 or -ENOMEM. */
int spread_settle_groups(struct audit *a);
/*
 * Of a sum that some members of its group have been left out of (by their place in the group): the
 * sources of the others. Without memory they stay those of all.
 */
void spread_of_some(const struct audit *a, struct audit_service *sum, const bool *left_out);

#endif /* TCS_SPREAD_H */
