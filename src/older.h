/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_OLDER_H
#define TCS_OLDER_H

/*
 * older.h - who holds the sockets that were found among open files
 *
 * A sorted table of 8 bytes a socket plus one entry a process. Filled row by row in the order of
 * the walk (of several holders the first counts), then settled, then only read.
 *
 * A connection that nobody had accepted has no file. It is in a row all the same (TCS_SCAN_QUEUED)
 * and gets its listener's owner. Where there is no row for it, the listener is looked for by where
 * it listens, as the kernel does (inet_lookup_listener()): its own address before every address,
 * then its device and its family; an IPv6 listener takes IPv4 unless it is IPV6_V6ONLY. Several
 * that match equally well (SO_REUSEPORT) and have different holders: the owner is unknown.
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
/*
 * Sort; a row that comes later needs another one. False: not done, since that has been asked for
 * after too few rows too often, as only a made-up recording does; what is found then is incomplete.
 */
bool older_settle(struct older *o);

/* Forget the sockets, not those that listen, nor what waits in their queues. */
void older_forget(struct older *o);

uint32_t older_sockets(const struct older *o);
uint64_t older_skipped(const struct older *o);

/* A socket whose owner is asked for. */
struct older_socket {
	uint64_t id;
	const uint8_t *laddr; /* 16 bytes, IPv4 mapped */
	uint32_t netns;
	uint32_t device; /* ifindex of the bound device; 0 none or unknown */
	uint16_t lport;
};

/*
 * Who holds this socket: found among open files (OWNER_SCAN), or else the listener it came through,
 * for one that nobody has accepted (OWNER_LISTENER). False: unknown, and *ret is untouched.
 */
bool older_owner(const struct older *o, const struct older_socket *s, struct owner *ret);

/* For struct track_config.older; ctx is a struct older. */
bool older_find(void *ctx, uint64_t id, const struct tcs_wire_facts *facts, uint16_t lport,
		struct track_older *ret);

#endif /* TCS_OLDER_H */
