/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_HOST_H
#define TCS_HOST_H

/*
 * host.h - limits and counters of the host that only /proc tells
 *
 * Those of networking are the ones of the namespace the caller is in (netns.h). Nothing is kept.
 * What cannot be read is unknown (the values named below), never 0: a container may hide /proc/sys.
 *
 * The parsers take the whole text of a file and are pure.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "counter.h"

#define HOST_UNKNOWN	COUNTER_UNKNOWN
#define HOST_NO_COOKIES 0xff

/* Ports connect() may take by itself. */
struct host_ports {
	uint64_t bits[1024];  /* port p: bits[p / 64] & (1 << p % 64) */
	uint32_t count;	      /* of them; 0 unknown */
	uint16_t first, last; /* of the range, reserved ports included */
};

struct host_range {
	uint16_t first, last;
};

/* What moves; HOST_UNKNOWN. */
struct host_counters {
	uint64_t in_use;	     /* full sockets, listeners included */
	uint64_t time_wait;	     /* mini-sockets, in whichever sub-state */
	uint64_t time_wait_overflow; /* TCPTimeWaitOverflow */
	uint64_t handshakes[COUNTER_MAX];
	uint32_t syn_backlog; /* tcp_max_syn_backlog, where tcp_syncookies is 0; else 0 */
	uint8_t cookies;      /* tcp_syncookies, which decides what they mean; HOST_NO_COOKIES */
};

struct host_net {
	struct host_ports ports;    /* ip_local_port_range without ip_local_reserved_ports */
	uint32_t time_wait_limit;   /* tcp_max_tw_buckets; 0 unknown */
	uint8_t tw_reuse;	    /* tcp_tw_reuse; 0 also where unknown */
	uint32_t tw_reuse_delay_ms; /* tcp_tw_reuse_delay; before 6.14: 1,000 */
	struct host_range resvport; /* of NFS: min_resvport, max_resvport; first 0: not there */
	struct host_counters counters;
};

void host_net_read(struct host_net *ret);
/* in_use and time_wait alone. */
void host_sockets_read(struct host_counters *ret);
/* Only the counters: three files instead of eight. */
void host_counters_read(struct host_counters *ret);

/* Descriptors of a process: how many, and its soft limit. HOST_UNKNOWN where it cannot be told. */
void host_fds_read(uint32_t pid, uint64_t *ret_used, uint64_t *ret_limit);
/* Do process numbers of the initial pid namespace mean the same in our /proc? */
bool host_pids_are_ours(void);
/* What we do not see of the host's processes and why, as a clause; NULL: nothing is hidden. */
const char *host_processes_hidden(void);

/* The whole file with a NUL behind it; false: it cannot be read, or is longer. */
bool host_read_text(const char *path, char *buf, size_t size);

/* Which boot of the host this is, into buf; NULL: unknown. */
const char *host_boot_id(char *buf, size_t size);

/* "32768\t60999", "8080,9148-9150" (may be empty). 0 or -EINVAL. */
int host_parse_ports(const char *range, const char *reserved, struct host_ports *ret);
/* A counter of netstat: pairs of lines, names and values. HOST_UNKNOWN: it is not there. */
uint64_t host_parse_netstat(const char *text, const char *group, const char *name);
/* sockstat and sockstat6 (may be empty): fills in_use and time_wait. */
void host_parse_sockstat(const char *sockstat, const char *sockstat6, struct host_counters *ret);
/* The soft limit in the line of this name in /proc/PID/limits; HOST_UNKNOWN also for unlimited. */
uint64_t host_parse_limit(const char *text, const char *name);

#endif /* TCS_HOST_H */
