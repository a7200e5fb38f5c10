/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_CONNECT_COUNTS_H
#define TCS_CONNECT_COUNTS_H

/*
 * connect_counts.h - how connects of the whole host ended, counted in the kernel (tcs_connects.h)
 *
 * For an audit, which has no events. The counts are records of a snapshot (RECORD_CONNECT). How
 * long a destination has failed before counting began is not known: its rows are `open`.
 *
 * Bounds: TCS_CONNECTS entries; what made room for others is counted. Errors: -errno, or what the
 * function of the caller returned.
 */
#include <stdbool.h>
#include <stdint.h>

#include "filter.h"
#include "record.h"
#include "socket_maps.h"

/* Rows have neither owner nor local port: under a filter that asks for these there are none. */
bool connect_counts_apply(const struct filter *filter);

/* All counts as records; *ret_skipped: entries that made room so far. */
int connect_counts_look(const struct handshake_maps *maps, uint64_t now_ns,
			const struct filter *filter, record_fn fn, void *ctx,
			uint64_t *ret_skipped);

#endif /* TCS_CONNECT_COUNTS_H */
