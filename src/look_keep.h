/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_LOOK_KEEP_H
#define TCS_LOOK_KEEP_H

/*
 * look_keep.h - the last look at all sockets, kept packed, to be told again
 *
 * A walk may be dear and therefore seldom, so the next file of a recording does not wait for one:
 * it begins with the last look of the file before. While a look comes in, the one before is kept.
 *
 * Bounds: LOOK_KEEP_MAX bytes of packed records a look (some 20 a row); a larger one is not kept,
 * and counted. About 0.5 MiB otherwise. Pure: no I/O. Errors: 0 or -ENOMEM.
 */
#include "record.h"

#define LOOK_KEEP_MAX (16u << 20)

struct look_keep; /* opaque */

int look_keep_new(struct look_keep **ret);
void look_keep_free(struct look_keep *k); /* accepts NULL */

/* Any record, as it comes; those that are no part of a look at all sockets are left alone. */
void look_keep_take(struct look_keep *k, const struct record *record, const void *bytes,
		    size_t len);

/* The last whole one, record by record, to fn; nothing where there is none. */
int look_keep_tell(struct look_keep *k, record_fn fn, void *ctx);

/* Looks that were too large. */
uint64_t look_keep_left_out(const struct look_keep *k);

#endif /* TCS_LOOK_KEEP_H */
