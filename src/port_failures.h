/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_PORT_FAILURES_H
#define TCS_PORT_FAILURES_H

/*
 * port_failures.h - connects that found no free local port, by destination
 *
 * A snapshot may show ports as free, or as TIME_WAIT that connect() takes over, a moment after
 * hundreds of connects have failed. The failures are counted here as their events come, and each
 * snapshot of all sockets gets those since the one before.
 *
 * A failure from a port that the program was bound to is not counted: other ports are free.
 *
 * Pure. Bounds: PORT_FAILURES_MAX destinations of 80 bytes; failures toward more are counted in the
 * snapshot's blind.skipped.
 */
#include <stdbool.h>
#include <stdint.h>

#include "audit.h"
#include "hash.h"
#include "track.h"

#ifndef PORT_FAILURES_MAX /* smaller where a fuzz target fills it */
#define PORT_FAILURES_MAX 1024
#endif

struct port_failure {
	uint64_t netns_cookie; /* 0 unknown */
	uint8_t laddr[16];
	uint8_t raddr[16];
	uint32_t netns;
	uint32_t device; /* ifindex; 0 none */
	uint32_t count;
	uint16_t rport;
	uint8_t family;
	bool done; /* these two: while it goes into a snapshot */
	bool has_row;
};

struct port_failures {
	struct port_failure *at;
	uint32_t n;
	struct hash by_place;
	uint64_t skipped;
};

int port_failures_init(struct port_failures *f); /* 0 or -ENOMEM */
void port_failures_release(struct port_failures *f);

/* Takes the change if it is such a failure. */
void port_failures_change(struct port_failures *f, const struct change *change);

/*
 * Into a snapshot that is not finalized yet, whose rows get them; then none is left. A destination
 * without a row gets one whose ports are unknown. 0 or -ENOMEM.
 */
int port_failures_into_audit(struct port_failures *f, struct audit *look);

#endif /* TCS_PORT_FAILURES_H */
