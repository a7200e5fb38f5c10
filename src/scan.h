/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_SCAN_H
#define TCS_SCAN_H

/*
 * scan.h - a walk over the open files of all processes, for the owners of TCP sockets
 *
 * Loads bpf/scan.bpf.c once and walks as often as it is asked to: every full TCP socket of every
 * network namespace with its holder, at about half a microsecond a file. older.h keeps what comes.
 * Connections that wait to be accepted come with the holder of their listener (TCS_SCAN_QUEUED),
 * subflows and the socket above them with the holder of an MPTCP socket (TCS_SCAN_MPTCP).
 *
 * The event programs walk once after they are attached (what changes meanwhile tells its owner
 * itself) and leave notes at listeners; a census walks for the sockets it has rows for, and
 * corrects the owners in the notes of listeners that it meets (bpf/tcs_owners.h).
 *
 * Bounds: TCS_FOUND sockets without a file of their own; before Linux 5.17 256 of an accept queue.
 */
#include <stdbool.h>
#include <stdint.h>

#include "../bpf/tcs_wire.h"
#include "failure.h"
#include "socket_maps.h"

struct scan; /* opaque */

/*
 * maps: of the event programs, for notes; NULL: there are none. marks: the descriptor of the
 * census's map of files. 0, or -errno with the sentence in *reterr.
 */
int scan_new(const struct socket_maps *maps, int marks, struct scan **ret, struct failure *reterr);
void scan_free(struct scan *s); /* accepts NULL */

enum scan_what {
	SCAN_MARKED = 1, /* sockets whose file the census has marked */
	SCAN_NOTES,	 /* every socket; they are left notes (needs maps) */
};

/* Not 0: the walk ends with it. */
typedef int (*scan_fn)(void *ctx, const struct tcs_wire_scan *row);

/*
 * Rows of netns only (0: of all); what listens has its place in its row, others have not. 0, what
 * fn said, or -errno with the sentence in *reterr.
 */
int scan_walk(struct scan *s, enum scan_what what, uint32_t netns, scan_fn fn, void *ctx,
	      struct failure *reterr);

/* Of the last scan, as in the notes of listeners whose holder it has met (owner_scan). */
uint32_t scan_number(const struct scan *s);
/* Owners in notes of listeners that scans have corrected so far. */
uint32_t scan_corrected(const struct scan *s);

#endif /* TCS_SCAN_H */
