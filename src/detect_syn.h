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
 *   accept_queue_full the client answered, the program did not accept(): requests are `acked`.
 *   syn_backlog_small cookies or drops as in a flood, but what was begun completes.
 *   handshake_loss    SYN-ACKs resent, and then completed.
 *
 * A service has at most one of them, the first that holds; syn_scan is about a source.
 *
 * What the rules were seen to do (Linux 6.18, 200 sources in a namespace of their own, listener
 * with a backlog of 64 unless said; "failing" and "late" a second):
 *   1,000 SYN/s, cookies 1     first second: cookies 1,000/s sent, 0 returned, queue 65/64 all
 *                              young; then all 65 stuck, failing 0 to 65, late 0
 *   1,000 SYN/s, cookies 0     drops 990/s, the rest the same
 *   1,000 SYN/s, cookies 2     queue 0, cookies 1,000/s sent, 0 returned
 *   loss of 30 % both ways     failing 49 %, late 47 % of the arrivals; stuck a third of a second's
 *   program never accepts      accept queue 65/64, requests all acked, stuck 0, drops on the rise
 *
 * Pure. Every number is an option (struct detect_config); their sources stand beside them.
 */
#include "detect.h"

/* What is known of one service, and what follows. Rates are thousandths a second. */
struct syn_facts {
	const struct audit_service *service;
	int64_t failing; /* resent for the first time, less those that completed late */
	int64_t cookies; /* sent and not returned; of this service as far as can be told */
	int64_t drops;	 /* of SYNs, because the SYN queue is full */
	bool cookies_now;
	bool visible; /* any of the three has been seen */
};

void syn_facts_read(const struct audit *look, const struct audit_service *s, struct syn_facts *ret);

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
