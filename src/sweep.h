/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_SWEEP_H
#define TCS_SWEEP_H

/*
 * sweep.h - walks over the kernel's table of sockets, which all network namespaces share
 *
 * Runs the programs of bpf/tcs_sweep.h. Walking over the table for each namespace would cost the
 * whole table each time; so while one namespace is walked, the sockets of those that come later
 * are put aside, as many as find room, and these namespaces are then walked without the others.
 *
 * The caller loads and owns the BPF object, and is inside the namespace it walks (netns.h), or
 * gives its address in the kernel: to walk over the shared table no namespace need be entered.
 * Bounds: TCS_CENSUS_ASIDE sockets are put aside in a look; namespaces beyond walk over the table.
 * Errors: 0 or -errno.
 */
#include <stdbool.h>
#include <stdint.h>

#include "../bpf/tcs_wire.h"

struct sweep;
struct census_bpf;

/* -EOPNOTSUPP: this kernel's tables are not as we know them. */
int sweep_new(struct census_bpf *skel, struct sweep **ret);
void sweep_free(struct sweep *t); /* accepts NULL */

/* A look begins: nothing is put aside. */
int sweep_begin(struct sweep *t);

/*
 * A namespace will be walked: net, its address in the kernel; 0: the one we are in. sockets: about
 * how many it has.
 */
int sweep_expect(struct sweep *t, uint32_t netns, uint64_t net, uint64_t sockets);

/* Can the namespace at this address be walked from elsewhere: is it in the table that all share? */
bool sweep_reaches(struct sweep *t, uint64_t net);

/* Have its sockets been put aside: are they walked without the others? */
bool sweep_is_aside(struct sweep *t, uint32_t netns, uint64_t net);

struct sweep_walk {
	uint64_t net;	/* as in sweep_expect() */
	uint32_t slice; /* sockets of one run */
	int (*row)(void *ctx, const struct tcs_wire_census *row);
	int (*between)(void *ctx); /* two runs, and behind the last */
	void *ctx;
};

/*
 * Not 0: -errno, or what row() said. -EOPNOTSUPP: a namespace given by its address has a table of
 * its own (net.ipv4.tcp_child_ehash_entries), which may be freed meanwhile; nothing was walked.
 */
int sweep_walk(struct sweep *t, uint32_t netns, const struct sweep_walk *walk);

#endif /* TCS_SWEEP_H */
