/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_SOCKET_MAPS_H
#define TCS_SOCKET_MAPS_H

/*
 * socket_maps.h - the maps of bpf/tcs_note.h, as descriptors that two BPF objects share
 *
 * The event programs own them (source_live.c); the scan at start writes into them (scan.c).
 */
struct socket_maps {
	int notes;
	int listeners;
	int parents;	/* -1: this kernel's programs may not use it */
	int handshakes; /* of each listener; bpf/tcs_parents.h, as `parents` is */
	int watched;	/* bpf/tcs_listeners.h: filled by the census, too */
};

/* Those of bpf/tcs_handshake.h, owned by the event programs or by handshakes.c. */
struct handshake_maps {
	int handshakes; /* of each listener */
	int places;	/* of those whose listener is not known */
	int scanners;
};

#endif /* TCS_SOCKET_MAPS_H */
