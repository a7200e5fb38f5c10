/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_DETECT_H
#define TCS_DETECT_H

/*
 * detect.h - what is wrong with this host, by rules whose every number is an option
 *
 * Fed with one look at the host after another (audit.h), it raises a finding once, tells it again
 * when it has become worse, and clears it when it is over (standing.h). To stay it is enough that
 * the rule holds with thresholds a tenth lower; if it is about handshakes, with half of them.
 *
 * The rules:
 *
 *   syn_flood, syn_backlog_small, accept_queue_full, handshake_loss
 *                     what happens to handshakes at a service: detect_syn.h. They need two looks
 *                     in a row, so that the beginning of a rush is not taken for a flood:
 *                     CADENCE_SECOND_NS apart, or an interval.
 *   syn_scan          one source tried scan_ports closed ports within ten seconds (Linux 6.12).
 *   close_wait_leak   a process has close_wait_count sockets in CLOSE_WAIT for audit_config.old_ns
 *                     or longer, and has sent nothing on them for as long: a connection that its
 *                     client half-closed and reads on is in use. One that is slow for a moment has
 *                     many young ones; one that leaks has old ones. Critical when CLOSE_WAIT holds
 *                     half of its descriptors or more and nine tenths of its limit are taken, or
 *                     the rest is gone within a minute.
 *   fin_wait2_held    a process has fin_wait2_count sockets in FIN_WAIT2, which it has shut down
 *                     and not closed, for audit_config.fin_old_ns or longer, and has received
 *                     nothing on them for as long. Critical as close_wait_leak is.
 *   port_exhaustion   connections from one address to one address and port have taken
 *                     ports_percent of the local port range, or of a program's own; TIME_WAIT that
 *                     connect() would take over now (tcp_tw_reuse) is not counted. Or ports that
 *                     bind() chose have, of one address toward all. Critical from 95 % on, and when
 *                     connects have failed for want of a port (port_failures.h).
 *   time_wait_buildup the time-wait table has reached time_wait_percent of tcp_max_tw_buckets.
 *                     Critical when it overflows: connections then close without TIME_WAIT.
 *   dead_peer         dead_peer_count connections to one address had dead_peer_timeouts timeouts in
 *                     a row and no word from the peer for audit_config.dead_ns (a path that is
 *                     switched over loses three segments within 1.4 s), or were closed by a timeout
 *                     within the last minute (timeouts.h). Or connections to dead_peer_hosts
 *                     addresses of one /24 or /64, however few to each: that is one finding. A
 *                     reset is an answer, and ends them.
 *   connect_failing   connects to one destination, or from one source address, fail or are not
 *                     answered: detect_connect.h. Any snapshot judges it, for connects.h counts
 *                     ends as they happen; what waits is that of the last walk.
 *
 * Pure: no I/O, no clock; time comes with the looks. Owner: the caller. Bounds: STANDING_MAX
 * findings at once; what comes beyond is counted (detect_skipped()). A finding that is told lives
 * until the function that tells it returns.
 */
#include <stdbool.h>
#include <stdint.h>

#include "audit.h"
#include "finding.h"

struct detect_config {
	/*
	 * A handful may be one that waits for a person; a program that forgets to close comes to
	 * ten, whatever its rate. The age that goes with it is a minute: longer than what keeps a
	 * program busy for a moment, as long as the timeouts of most servers.
	 */
	uint64_t close_wait_count;
	/*
	 * The same for the other end: proxies wait for a peer's FIN by timeouts of half a minute to
	 * a minute (nginx lingering_time, HAProxy timeout client-fin).
	 */
	uint64_t fin_wait2_count;
	/* At a steady rate what is taken by TIME_WAIT is a minute's: a fifth is twelve seconds. */
	uint32_t ports_percent;
	uint32_t time_wait_percent;  /* the same minute */
	uint64_t dead_peer_count;    /* one now and then is a laptop that was closed */
	uint32_t dead_peer_timeouts; /* the census marks the sockets (audit_config.stalled) */
	uint32_t dead_peer_hosts;    /* half a rack: those who roam are of many networks */
	/*
	 * Failing handshakes a second. A request lives for 63 s (tcp_synack_retries 5), so 10
	 * make 630 half-open ones, which most queues do not hold; what floats about in the
	 * Internet makes one in some seconds.
	 */
	uint32_t syn_per_s;
	/*
	 * Of those asked again so many come late at least when a path is lossy: 32 % with 60 % of
	 * the SYN-ACKs and 20 % of the ACKs lost (0.4 * 0.8; tests/e2e/flood.table, very_lossy).
	 * In a flood none do.
	 */
	uint32_t syn_late_percent;
	uint32_t loss_percent; /* of what completes; a few per thousand are usual */
	/*
	 * Within audit_config.connect_ns: two a second, more than a health check of a port that is
	 * down. Half of all, so that one of two addresses of a service is enough.
	 */
	uint64_t connect_fail_count;
	uint32_t connect_fail_percent;
	uint32_t connect_fail_hosts; /* destinations: more than one service has */
	uint32_t scan_ports;	     /* a client that looks for a service tries a handful */
	bool at_once;		     /* there is one look, or two for rates: nothing to wait for */
};

struct detect;

int detect_new(const struct detect_config *config, struct detect **ret); /* 0 or -ENOMEM */
void detect_free(struct detect *d);					 /* accepts NULL */

/*
 * One settled look. judge: enum audit_covers, what of it is to be judged. fn is told what was
 * raised, became worse, or is over.
 */
void detect_look(struct detect *d, const struct audit *look, uint32_t judge, finding_fn fn,
		 void *ctx);

/* The last look met something stuck or refused in a SYN queue. */
bool detect_strange(const struct detect *d);

/*
 * Namespaces where that is so: a walk there would tell where it comes from. Not those where it has
 * been told already and a walk was not DETECT_EXPLAINED_NS ago: who attacks with 100,000 requests
 * a second must not be able to spend our time on walks over what is left of them. Returns how many,
 * up to DETECT_WANTED; of more, those that were not walked over for longest.
 */
#define DETECT_WANTED	    16
#define DETECT_EXPLAINED_NS 10000000000ull
uint32_t detect_wanted(const struct detect *d, const uint32_t **ret);

void detect_each(const struct detect *d, finding_fn fn, void *ctx); /* that is raised now */
uint32_t detect_open(const struct detect *d);	    /* findings that are raised now */
enum severity detect_worst(const struct detect *d); /* of these */
uint64_t detect_skipped(const struct detect *d);

#endif /* TCS_DETECT_H */
