/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_DETECT_CONNECT_H
#define TCS_DETECT_CONNECT_H

/*
 * detect_connect.h - the rule of connect_failing: do connects to a destination, or from a source
 * address, fail?
 *
 * A destination fails when within the window connect_fail_count connects to it have failed or wait
 * without an answer, when these are connect_fail_percent of all, and when that has lasted for
 * audit_config.connect_ns: a peer that restarts is back by then. A source address fails when that
 * holds for its connects to connect_fail_hosts destinations or more, of which only those count that
 * were tried repeatedly: a scan tries each port or host once.
 *
 * A finding stays while connects still fail and nine tenths of that part do.
 *
 * Severity: a warning; critical where fewer than one in twenty connects from a source address
 * succeed. Info where the program gets to the same port by the other address family as often, and
 * where an audit does not know how long it has lasted; there a missing local port is a warning all
 * the same, for no peer that restarts explains it.
 *
 * Pure. Bounds and errors: none.
 */
#include "detect.h"

/* By the whole thresholds, and by those that are enough to stay; SEVERITY_OK: it does not hold. */
enum severity connect_judge(const struct detect_config *config, const struct audit_connect *c);
enum severity connect_stays(const struct detect_config *config, const struct audit_connect *c);

/*
 * Local ports in use from its source address to its destination, at the last walk: evidence,
 * AUDIT_UNKNOWN.
 */
void connect_ports(const struct audit *walk, const struct audit_connect *c, uint64_t *ret_used,
		   uint64_t *ret_range);

#endif /* TCS_DETECT_CONNECT_H */
