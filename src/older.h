/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_OLDER_H
#define TCS_OLDER_H

/*
 * older.h - who holds the sockets that were found among open files
 *
 * A sorted table of 8 bytes a socket plus one entry a process. Listeners are kept with their
 * address too: a connection that nobody had accepted has no file, and gets its listener's owner.
 * Filled row by row in the order of the walk (of several holders the first counts), then settled,
 * then only read.
 *
 * Pure. Bounds: OLDER_MAX sockets, then `skipped` counts. Ids are kept in 44 bits: cookies, which
 * the kernel counts from 1, are whole; of ids of our own, which are hashes, two among a million are
 * taken for one with a chance of one in thirty. Errors: 0 or -ENOMEM.
 */
#include <stdbool.h>
#include <stdint.h>

#include "track.h"

#define OLDER_MAX (8u << 20)

struct older; /* opaque */

int older_new(struct older **ret);
void older_free(struct older *o); /* accepts NULL */

int older_add(struct older *o, const struct tcs_wire_scan *row);
/* Sort; a row that comes later needs another one. */
void older_settle(struct older *o);

/* Forget the sockets, not those that listen. */
void older_forget(struct older *o);

uint32_t older_sockets(const struct older *o);
uint64_t older_skipped(const struct older *o);

/*
 * Who holds this socket: found among open files, or else the listener it came through, for one that
 * nobody has accepted. False: nobody.
 */
bool older_owner(const struct older *o, uint64_t id, uint32_t netns, const uint8_t laddr[16],
		 uint16_t lport, struct owner *ret);

/* For struct track_config.older; ctx is a struct older. */
bool older_find(void *ctx, uint64_t id, const struct tcs_wire_facts *facts, uint16_t lport,
		struct track_older *ret);

#endif /* TCS_OLDER_H */
