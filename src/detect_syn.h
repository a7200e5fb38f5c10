/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_DETECT_SYN_H
#define TCS_DETECT_SYN_H

/*
 * detect_syn.h - is this a SYN flood? One service of one look, by rules for half-open connections
 *
 * A flood, a rush, a lossy path and a program that does not accept all fill the same queues and
 * resend the same SYN-ACKs. What tells them apart is how handshakes end:
 *
 *   syn_flood         they do not: their clients never answer. So many a second are failing (a
 *                     SYN-ACK resent and nobody came late instead, cookies nobody returned, SYNs
 *                     dropped because the queue is full), and of those that wait only a few
 *                     complete. A lossy path fails as often for a moment, but completes the next.
 *   accept_queue_full the client answered, the program did not accept(): requests are `acked`, or
 *                     SYNs and last ACKs were dropped between two snapshots, though the queue has
 *                     room again by the second (a program that accepts after each burst).
 *   syn_backlog_small cookies or drops as in a flood, but what was begun completes.
 *   handshake_loss    SYN-ACKs resent, and then completed.
 *
 * With a full accept queue the kernel drops every SYN before it looks at the SYN queue, cookies
 * included (tcp_conn_request()), and a last ACK leaves its request `acked` (tcp_check_req()). So a
 * queue that is full, or that is being filled by a program that accepts less than half of what
 * completes, explains last ACKs that come late, and requests that were not acknowledged yet when it
 * became full. It is a flood beside that only where requests stay that were never acknowledged,
 * past their second timeout.
 *
 * A service has at most one of them, the first that holds; syn_scan is about a source. Of a group
 * of listeners each is judged by itself, and those together whose accept queue does not explain
 * what is seen (detect.c); accept_queue_full is always about one listener.
 *
 * With tcp_syncookies 2 there is no queue to be seen, and the kernel counts cookies for the whole
 * namespace. Of its services then only those are suspected whose mark of cookies is renewed as
 * often as such a flood makes it, and before all those where nobody completes; where these are
 * several, the finding names them all.
 *
 * What a second of each was seen to look like (Linux 6.18, tests/e2e/flood.table; the scenarios'
 * names; "failing" without those that came late):
 *
 *                               SYN queue  stuck acked failing late done cookies back drops
 *   spoofed_cookies               129/128    129     0       0    0    0    2001    0     0
 *   spoofed_drops                 129/128    129     0       0    0    0       0    0  2000
 *   spoofed_always_cookies          0/128      0     0       0    0    0    2000    0     0
 *   slow_under_limit             197/1024    157     0      40    0    0       0    0     0
 *   beside_clients                129/128    129     0       0    0  100    2084  100     0
 *   flash_crowd_small_backlog     129/128      0     0       0    0 4983    3729 3714     0
 *   flash_crowd_small_no_cookies  129/128      0     0       0    0 1259       0    0  5260
 *   very_lossy                   315/1024    150     0      53  102  164       0    0   199
 *   late_last_ack                304/1024     98     0       0  200  200       0    0     0
 *   accepts_slowly                  32/32      0    31       0    9   20      77   77   200
 *   idle_health_checks           252/1024    150     0     100    0    0       0    0     0
 *
 * Pure. How much is too much are options (struct detect_config), with their sources; what the
 * kernel or arithmetic fixes stands beside its rule.
 */
#include "detect.h"

/* What is known of one service, and what follows. Rates are thousandths a second. */
struct syn_facts {
	const struct audit_service *service;
	int64_t failing; /* resent for the first time, less those that completed late */
	int64_t cookies; /* sent and not returned; of this service as far as can be told */
	int64_t done, done_before; /* as the service has them; of all that are possible */
	bool possible;	   /* the cookies may be of this service, and as well of others ... */
	bool speaks;	   /* ... and this one represents all of them */
	int64_t drops;	   /* of SYNs, because the SYN queue is full */
	int64_t overflows; /* of SYNs and last ACKs, because the accept queue is full */
	int64_t resets;	   /* of half-open connections, in the whole namespace */
	bool cookies_now;
	bool visible; /* any of the three has been seen, here or where it may be of here */
};

/*
 * Cookies are counted per namespace: what its services are asked together, so that a host with
 * thousands of them is not gone through once for each. The kernel's mark of them is one for a whole
 * group, which is asked in place of its members. Rates are thousandths a second.
 */
struct syn_cookies {
	int64_t out;			   /* sent and not returned */
	int64_t least_done;		   /* that one of those completes that send any */
	uint32_t suspicion;		   /* how much speaks against some of them at most */
	uint32_t suspects;		   /* against how many */
	const struct audit_service *first; /* of these */
	int64_t done, done_before;	   /* of these together */
};

/* One for each row of look->netns. */
void syn_cookies_read(const struct audit *look, struct syn_cookies *ret);
void syn_facts_read(const struct audit *look, const struct syn_cookies *cookies,
		    const struct audit_service *s, struct syn_facts *ret);
/* Nothing but cookies can tell of a flood there, and they are counted per namespace. */
bool syn_by_cookies(const struct audit *look, const struct audit_service *s);

/*
 * The rule that holds; 0: none, or they cannot be judged. With `tenths` 10 by the thresholds as
 * they are; with less it is enough to stay raised.
 */
enum finding_kind syn_judge(const struct detect_config *config, const struct audit *look,
			    const struct syn_facts *f, uint32_t tenths);
enum severity syn_severity(const struct syn_facts *f, enum finding_kind kind);

enum syn_pressure syn_pressure_of(const struct syn_facts *f);
/* Of the handshakes that were begun, how many completed; per mille; AUDIT_UNKNOWN. */
uint64_t syn_done_permille(const struct syn_facts *f);

#endif /* TCS_DETECT_SYN_H */
