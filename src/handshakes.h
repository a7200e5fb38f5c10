/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_HANDSHAKES_H
#define TCS_HANDSHAKES_H

/*
 * handshakes.h - handshakes of the whole host, counted in the kernel per local address and port
 *
 * And who sends SYNs to ports where nobody listens, with how many ports (from Linux 6.12 on).
 *
 * A look (audit.h) is given the counts so far; two looks make rates. The programs that count are
 * our own (handshakes_new()), for as long as they are loaded; or watch's event programs, whose map
 * is read the same way.
 *
 * Bounds: TCS_HANDSHAKE_PLACES addresses and ports; more are counted in audit.skipped. Errors:
 * -errno, with a sentence where there is a struct failure.
 */
#include <stdbool.h>

#include "audit.h"
#include "failure.h"

struct handshakes;

int handshakes_new(const char *btf_path, struct handshakes **ret, struct failure *reterr);
void handshakes_free(struct handshakes *h); /* accepts NULL */

/* Their counts, into a look. */
int handshakes_look(const struct handshakes *h, uint64_t now_ns, struct audit *ret);
/* The same out of maps of these kinds, descriptors. */
int handshakes_read(int map, struct audit *ret);
int scanners_read(int map, uint64_t now_ns, struct audit *ret);

#endif /* TCS_HANDSHAKES_H */
