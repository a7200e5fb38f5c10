/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_HANDSHAKES_H
#define TCS_HANDSHAKES_H

/*
 * handshakes.h - handshakes of the whole host, counted in the kernel for each listener
 *
 * The counts of a listener are in its row (census.h). Those of connections whose listener is not
 * known are counted by local address and port, and are records of a look (RECORD_HANDSHAKES).
 *
 * And who sends SYNs to ports where nobody listens, with how many ports (from Linux 6.12 on).
 *
 * The counts are in three maps, filled by watch's event programs or, for a look without them, by
 * small programs of our own (handshakes_new()) for as long as they are loaded. Two looks make
 * rates.
 *
 * Bounds: TCS_HANDSHAKE_PLACES addresses and ports, TCS_SCANNERS sources; what found no room is
 * counted under a key of zeros, which handshakes_seed() puts there, and is a record with netns 0.
 * An address and port is forgotten when nothing has been counted there for 30 s, a source after
 * 10 s, or when half of the table is taken and it has tried few ports. Errors: -errno, with a
 * sentence where there is a struct failure.
 */
#include <stdint.h>

#include "failure.h"
#include "record.h"
#include "socket_maps.h"

struct handshakes;

int handshakes_new(const char *btf_path, struct handshakes **ret, struct failure *reterr);
void handshakes_free(struct handshakes *h); /* accepts NULL */
void handshakes_maps(const struct handshakes *h, struct handshake_maps *ret);

/*
 * Before counting: so that children name their listener, in the namespace we are in. What listens
 * later is met by the programs. 0 or -errno.
 */
int handshakes_of_netns(const struct handshakes *h);

/* Once, when the maps have been made. */
int handshakes_seed(const struct handshake_maps *maps);
/*
 * All counts of a namespace (0: of all) as records; *ret_skipped: what found no room so far. What
 * fn returns, or -errno.
 */
int handshakes_look(const struct handshake_maps *maps, uint64_t now_ns, uint32_t netns,
		    record_fn fn, void *ctx, uint64_t *ret_skipped);

#endif /* TCS_HANDSHAKES_H */
