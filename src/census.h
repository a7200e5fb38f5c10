/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_CENSUS_H
#define TCS_CENSUS_H

/*
 * census.h - which TCP sockets exist at this moment, counted in the kernel
 *
 * Loads bpf/census.bpf.c once and then looks at the host as often as it is asked to: every network
 * namespace is entered, its tables are walked, and the owners of the sockets that get a row are
 * looked up among the open files of all processes (scan.h), in one walk for all namespaces, or come
 * from the notes of the event programs. What is seen goes out as records (record.h).
 *
 * Cost: 0.2 to 0.5 us for each socket of the host (sweep.h): what its memory costs to reach. Before
 * 6.1 it is twice that, for each namespace that has sockets, since the kernel keeps those of all in
 * one table. Namespaces without any are found by sockstat and not walked. With rows whose owner no
 * event reported, a pointer is read for each open file. The table of local ports (census_ports.c)
 * costs 0.2 us for each port in use and local address of the host, in runs of 0.3 ms. Slices cost
 * more; between two of them the caller may do something else.
 *
 * Memory: 192 bytes for each socket that waits for its owner (at most 6 MB, then they are looked
 * up), 1 MiB of marks, half a MiB of rows, 0.4 MB for ports and 104 bytes for each local address;
 * in the kernel tables of TCS_CENSUS_PLACES destinations, of TCS_CENSUS_PORTS local ports (2 MB),
 * of TCS_CENSUS_ASIDE sockets (sweep.h) and of TCS_FOUND owners (scan.h: 4 MB). Overflow is counted
 * as skipped.
 *
 * Namespaces that no process or name shows cannot be entered. Their sockets are counted all the
 * same where the table of sockets is walked (6.1) and we see all processes; their counters are
 * unknown. A look at all sockets reports which namespaces of earlier ones exist and are not in it
 * (RECORD_UNSEEN). Memory: 96 KiB of the kernel's list, 0.5 MiB of tables; cost: 0.1 us for each
 * namespace.
 *
 * A look is not an instant: what opens or closes during a walk may be in it or not; what lives
 * through it is in it once.
 *
 * The calling thread must be the only one (it changes namespaces) and keep its capabilities.
 */
#include <stdbool.h>
#include <stdint.h>

#include "audit.h"
#include "failure.h"
#include "filter.h"
#include "handshakes.h"
#include "netns_scope.h"
#include "record.h"
#include "scan.h"
#include "socket_maps.h"

struct census_config {
	const struct filter *filter; /* family, ports, states, namespace, owner */
	struct netns_scope *scope;   /* of the filter's namespace; NULL: its number must do */
	struct audit_config audit;
	const struct socket_maps *maps;		 /* of the event programs; NULL: there are none */
	const struct handshake_maps *handshakes; /* to look at as well; NULL: nobody counts them */
	const struct handshakes *counter;	 /* that fills them; NULL: the event programs */
	bool each_half_open;			 /* a record for each half-open connection, too */
	const char *btf_path;			 /* NULL: the kernel's own */
	uint32_t slice;		    /* sockets of one read; a power of two, 0: no bound */
	bool verbose;		    /* libbpf's messages to stderr */
	void (*between)(void *ctx); /* called between two reads; may be NULL */
	void *between_ctx;
};

struct census;

/* 0, or -errno with the sentence in *reterr. */
int census_new(const struct census_config *config, struct census **ret, struct failure *reterr);
void census_free(struct census *c); /* accepts NULL */

/*
 * Look at the host now, from RECORD_LOOK to RECORD_LOOK_END. covers: enum audit_covers, bits;
 * without AUDIT_SOCKETS only counters are read, of the namespaces the last look with them found.
 */
int census_look(struct census *c, uint32_t covers, uint64_t now_ns, record_fn fn, void *ctx,
		struct failure *reterr);

/*
 * The next look that does not cover AUDIT_SOCKETS walks over the half-open connections of this
 * namespace all the same. Up to CENSUS_WANTED of them; false: no room.
 */
#define CENSUS_WANTED 16
bool census_want(struct census *c, uint32_t netns);

/*
 * The owners of listeners in the next look are looked up among the open files, as they are in every
 * look that covers AUDIT_SOCKETS. Without it a look that does not has the owners of events.
 */
void census_verify_owners(struct census *c);

/* How well the owners of listeners are known from which new connections inherit theirs. */
enum census_owners {
	CENSUS_OWNERS_KNOWN = 0,
	CENSUS_OWNERS_DOUBTFUL, /* other processes use children: was a listener passed on? */
	CENSUS_OWNERS_CHANGED,	/* owners have exited, or got another name */
};

enum census_owners census_owners(const struct census *c);

/*
 * Look these listeners up among the open files, so that connections have their present owner; not
 * during a look. It costs half a microsecond for each listener, and for each open file the reading
 * of a pointer if there is such a listener. *ret_corrected: a listener has another owner now. 0 or
 * -errno.
 */
int census_renew_owners(struct census *c, bool *ret_corrected);

/*
 * The queues of all listeners, as a RECORD_SOCKET each, between two looks: it costs a fraction of a
 * millisecond. Needs config.maps.
 */
int census_glance(struct census *c, uint64_t now_ns, record_fn fn, void *ctx);

/*
 * Listeners that looks and glances have taken out of those that are read, so far (tcs_listeners.h):
 * one that took out thousands costs many times as much as the next. May wrap.
 */
uint32_t census_pruned(const struct census *c);

/* The map of names of devices (bpf/tcs_device.h). */
int census_devices(const struct census *c);

/* Every open TCP socket and its holder; notes are left. Needs config.maps. */
int census_walk_files(struct census *c, scan_fn fn, void *ctx, struct failure *reterr);

#endif /* TCS_CENSUS_H */
