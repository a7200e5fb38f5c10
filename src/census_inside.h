/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_CENSUS_INSIDE_H
#define TCS_CENSUS_INSIDE_H

/*
 * census_inside.h - what the parts of the census share, and nobody else includes
 *
 * census_load.c puts the programs into the kernel; census.c enters namespaces and has them walked,
 * census_netns.c those that cannot be entered; census_rows.c hands on the sockets that get a row,
 * with their owners, census_tables.c what the kernel has counted, and census_ports.c what the table
 * of local ports has. Bounds and errors: census.h.
 */
#include <stdbool.h>
#include <stdint.h>

#include "../bpf/tcs_wire.h"
#include "audit.h"
#include "census.h"
#include "census.skel.h"
#include "handshakes.h"
#include "hash.h"
#include "host.h"
#include "netns.h"
#include "older.h"
#include "sweep.h"

#define NS_PER_S	   1000000000ull
#define CENSUS_ROWS_MAX	   32768 /* that wait for their owners: 6 MB */
#define CENSUS_HOLDERS_MAX 4096	 /* processes whose descriptors are counted, at about 20 us each */

/* A socket whose owner is not known yet. */
struct census_waiting {
	struct tcs_wire_census row;
	uint32_t netns;
};

/* A namespace of a look, or one that is hidden from it (census_netns.c). */
struct census_netns {
	uint64_t cookie;  /* 0 unknown */
	uint64_t net;	  /* of hidden ones: address in the kernel */
	uint64_t sockets; /* of hidden ones: in the last walk */
	uint32_t inode;
	bool walked; /* of hidden ones: in this look */
};

struct census {
	struct census_config config;
	struct census_bpf *skel;
	struct sweep *sweep;	    /* NULL: the walk is iter/tcp's */
	struct scan *scan;	    /* NULL: open files cannot be walked */
	uint64_t *marks;	    /* of the files that have a row in this look */
	struct census_ports *ports; /* NULL: the table of local ports is not read */
	struct netns_list list;
	uint32_t list_of; /* the filter's namespace when it was made */
	uint64_t hz;	  /* jiffies a second; 0 unknown */
	bool pids_are_ours;
	uint8_t ptrace; /* enum audit_right: CAP_SYS_PTRACE, at the start */
	bool found;	/* a namespace, in any look so far */
	/*
	 * Tables of TCS_CENSUS_NETNS, of looks at all sockets. hidden: in the kernel's list, but
	 * shown by no process or name. covered, covers: entered, hidden and walked, or unseen; in
	 * the last look and in the present one.
	 */
	struct census_netns *hidden, *covered, *covers;
	uint32_t n_hidden, n_covered, n_covers;
	struct hash shown; /* inodes of the list */
	uint32_t n_whole;  /* hidden ones for which the whole table was walked, in this look */
	bool covers_full;
	bool sees_all;	     /* a namespace that no process shows has none */
	bool children_named; /* handshakes_of_netns() was called in every namespace */
	struct handshake_maps counts;
	uint32_t wanted[CENSUS_WANTED]; /* namespaces; of the next look */
	uint32_t n_wanted;
	uint32_t n_ask;			/* listeners to be read by the next run */
	struct tcs_census_ask *to_read; /* listeners, of the current look or glance */
	uint32_t n_read, cap_read;
	bool has_pruned;	     /* some may have been, since the start */
	uint64_t left_out_seen;	     /* census_left_out(), when a walk met all listeners */
	uint64_t skipped_handshakes; /* that had no room, up to the last look */
	uint64_t doubts;	     /* of owners of listeners, that have been looked into */
	bool verify;		     /* the owners of listeners, in the current look or the next */

	/* of the current look */
	bool ended; /* the filter's namespace */
	record_fn fn;
	void *fn_ctx;
	uint64_t now_ns;
	struct audit_blind blind;
	struct hash half_open; /* by the listener's address, of one namespace: which */
	uint32_t n_half_open;
	struct census_waiting *waiting;
	uint32_t n_waiting, cap_waiting;
	struct older *owners; /* NULL: nobody has been asked for yet */
	struct hash seen;     /* processes with half-closed sockets; holders[] are the numbers */
	uint32_t holders[CENSUS_HOLDERS_MAX];
	uint32_t n_holders;

	/* of the current namespace */
	struct host_net net;
	uint64_t here_net; /* address in the kernel, of a hidden one; 0: we are inside it */
	struct audit_netns here;
};

/* ---- census_load.c --------------------------------------------------------------------------- */

/* c->config is set. 0, or -errno with the sentence in *reterr. */
int census_load(struct census *c, struct failure *reterr);

/* Sums are made from rows, for each of which an owner is looked for. */
bool census_counts_by_owner(const struct census *c);

/* ---- census_rows.c; 0, -errno, or what the receiver said ------------------------------------- */

int census_emit(struct census *c, const void *record, size_t len);

/* A row of the namespace at hand; its owner may have to wait until census_emit_waiting(). */
int census_add_row(struct census *c, const struct tcs_wire_census *walked);
/* A listener of any namespace, with the owner in its note; where owners are verified it waits. */
int census_add_listener(struct census *c, const struct tcs_wire_census *row);

/* The owners of all that wait, by one walk over the open files of those that are marked. */
int census_emit_waiting(struct census *c);
/* At the end of a look. */
void census_forget_owners(struct census *c);

/* ---- census.c, for census_netns.c ------------------------------------------------------------ */

int census_emit_netns(struct census *c); /* c->here */
/* All sockets of the current namespace: c->net, c->here, c->here_net. */
int census_walk(struct census *c);

/* ---- census_netns.c; of looks at all sockets ------------------------------------------------- */

/* Before the namespaces that processes and names show are listed. */
void census_read_netns(struct census *c);
/* After it. 0 or -ENOMEM. */
int census_find_hidden(struct census *c);
/* Their sockets are put aside by the walks over the others. 0 or -errno. */
int census_expect_hidden(struct census *c);
/* This look has it. */
void census_cover(struct census *c, uint32_t inode, uint64_t cookie, uint64_t sockets);
/* After those that were entered; in looks at counters alone their records without counters. */
int census_look_hidden(struct census *c, uint32_t covers);
/* After that: what was covered before, exists, and is not covered now. */
int census_emit_unseen(struct census *c);

/* ---- census_tables.c; all of them are empty afterwards --------------------------------------- */

int census_take_places(struct census *c);
int census_take_groups(struct census *c);
int census_take_half_open(struct census *c);
int census_take_pending(struct census *c);

uint64_t census_ns_of_us(uint64_t us); /* TCS_CENSUS_UNKNOWN: AUDIT_UNKNOWN */

/* ---- census_ports.c -------------------------------------------------------------------------- */

/* c->skel is loaded. 0 or -errno. */
int census_ports_new(struct census *c);
void census_ports_free(struct census *c);

/* The table, once for each look. 0 or -errno. */
int census_ports_read(struct census *c);
/*
 * Of the current namespace, before the walk over its sockets, which has to know its bound ports and
 * ranges; c->net is filled. A row for each local address that has many bound ports. 0, -ENOMEM, or
 * what the receiver said.
 */
int census_ports_look(struct census *c);
/* Range and bound ports of a destination; ports_used is that of ports that are not bound. */
void census_ports_fill(const struct census *c, uint8_t range, struct audit_place *row);

#endif /* TCS_CENSUS_INSIDE_H */
