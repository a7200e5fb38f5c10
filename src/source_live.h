/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_SOURCE_LIVE_H
#define TCS_SOURCE_LIVE_H

/*
 * source_live.h - the running kernel as a source of records
 *
 * Loads bpf/events.bpf.c with the filters built in, attaches it, and merges the rings of all CPUs.
 *
 * Order. A record is complete before its socket's next event is time-stamped on any CPU, since both
 * happen under the socket's lock. So if we have looked at every ring after time T, each socket's
 * records up to T are all visible, and taking the oldest head first keeps every socket's order.
 * Where a record is still being written, what lies behind it in that ring is not visible, and
 * nothing newer than the last clear look at that ring is taken.
 *
 * Loss. Two kinds exist and both are exact: a full ring, counted by the programs, and events no
 * program was run for: the misses of the first one, less those that the others caught.
 *
 * Everything in the kernel belongs to file descriptors of this process: it is gone when we are,
 * however we end.
 */
#include <stdbool.h>
#include <stdint.h>

#include "failure.h"
#include "filter.h"
#include "socket_maps.h"
#include "source.h"

struct source_live_config {
	const struct filter *filter;
	uint64_t buffer_bytes; /* all rings together */
	uint32_t max_sockets;  /* bound of the kernel's table */
	const char *btf_path;  /* NULL: the kernel's own */
	bool totals;	       /* bytes and retransmits with each -> CLOSE */
	bool filter_states;    /* let the kernel drop transitions by state */
	bool verbose;	       /* libbpf's messages to stderr */
};

/* What was attached, for the meta line; strings live as long as the source. */
struct source_live_info {
	const char *hooks[4];
	unsigned int n_hooks;
	unsigned int programs; /* that share the state tracepoint */
	uint64_t ring_bytes;   /* of one CPU */
	unsigned int rings;
	struct socket_maps maps; /* for the scan */
	struct handshake_maps handshakes;
};

/* 0, or -errno with the sentence in *reterr. */
int source_live_new(const struct source_live_config *config, struct source **ret,
		    struct failure *reterr);
/* From now on events of the namespace with this identity, where the filter was given one. */
void source_live_set_netns(struct source *s, uint64_t id);
void source_live_info(const struct source *s, struct source_live_info *ret);

#endif /* TCS_SOURCE_LIVE_H */
