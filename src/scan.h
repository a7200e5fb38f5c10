/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_SCAN_H
#define TCS_SCAN_H

/*
 * scan.h - the owners of TCP sockets that are older than the program
 *
 * Reads bpf/scan.bpf.c's walk over all open files once, after the event programs are attached (what
 * changes meanwhile tells its owner itself), and keeps a sorted table of 16 bytes a socket plus one
 * entry a process. Listeners are kept with their address too: a connection that nobody had
 * accepted at start has no file, and gets its listener's owner.
 *
 * A census asks again and again, and only for the sockets that it has marked (bpf/census.bpf.c): a
 * scanner is the loaded program, each of its walks makes a table. Files without a mark cost 0.2 us.
 *
 * Bounds: memory is 16 bytes for each socket found; SCAN_MAX of them, then `skipped` counts. A
 * table is read-only. Owner: the caller.
 */
#include <stdbool.h>
#include <stdint.h>

#include "failure.h"
#include "socket_maps.h"
#include "track.h"

#define SCAN_MAX (8u << 20)

struct scan;
struct scanner;

/* maps: of the event programs. 0, or -errno with the sentence in *reterr. */
int scan_new(const struct socket_maps *maps, struct scan **ret, struct failure *reterr);

/* marks: the descriptor of the census's map. 0, or -errno with the sentence in *reterr. */
int scanner_new(int marks, struct scanner **ret, struct failure *reterr);
int scanner_walk(const struct scanner *w, struct scan **ret, struct failure *reterr);
void scanner_free(struct scanner *w); /* accepts NULL */

/*
 * Who holds this socket: found among open files, or else the listener it came through, for one that
 * nobody has accepted. False: nobody.
 */
bool scan_owner(const struct scan *s, uint64_t id, uint32_t netns, const uint8_t laddr[16],
		uint16_t lport, struct owner *ret);

void scan_free(struct scan *s); /* accepts NULL */

uint32_t scan_sockets(const struct scan *s);
uint64_t scan_skipped(const struct scan *s);

/* For struct track_config.older; ctx is a struct scan. */
bool scan_older(void *ctx, uint64_t id, const struct tcs_wire_facts *facts, uint16_t lport,
		struct track_older *ret);

#endif /* TCS_SCAN_H */
