/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_SOCKET_MAPS_H
#define TCS_SOCKET_MAPS_H

/*
 * socket_maps.h - the maps of bpf/tcs_note.h, as descriptors that two BPF objects share
 *
 * The event programs own them (source_live.c); scans of open files write into them (scan.c).
 */
#include <stdint.h>

#include "../bpf/tcs_wire.h"

struct socket_maps {
	int notes;
	int listeners;
	int parents;	/* -1: this kernel's programs may not use it */
	int handshakes; /* of each listener; bpf/tcs_parents.h, as `parents` is */
	int watched;	/* bpf/tcs_listeners.h: filled by the census, too */
	int devices;	/* bpf/tcs_device.h: the same */
	int owners;	/* these three: bpf/tcs_owners.h */
	int owner_changes;
	struct tcs_owner_state *owner_state; /* shared with the programs */
	const uint64_t *watched_left_out;    /* listeners that `watched` has no room for, so far */
};

/* Those of bpf/tcs_handshake.h, owned by the event programs or by handshakes.c. */
struct handshake_maps {
	int handshakes; /* of each listener */
	int places;	/* of those whose listener is not known */
	int scanners;
	int devices; /* bpf/tcs_device.h */
	/* These three: bpf/tcs_connects.h, for an audit. */
	const uint64_t *connects_added; /* NULL: connects are not counted */
	uint64_t since_ns;		/* when counting began */
	int connects;
};

#endif /* TCS_SOCKET_MAPS_H */
