/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_FINDING_JSON_H
#define TCS_FINDING_JSON_H

/*
 * finding_json.h - a finding as a line of JSON: what it is about, its evidence, the advice
 *
 * The same for the alerts of watch and for an audit. `subject` and `evidence` have the same keys
 * for all kinds; what a kind does not know is null. The caller has made room (SINK_LINE_MAX).
 */
#include "finding.h"
#include "outbuf.h"
#include "sink.h"

/* ts_ns: now. */
void finding_json(struct outbuf *b, const struct sink_world *world, const struct finding *f,
		  uint64_t ts_ns);

/* Ports that bind() chose; AUDIT_UNKNOWN. */
uint64_t finding_ports_bound(const struct audit_place *p);

/* "port_range":"512-1023"; null: ip_local_port_range, or p is NULL. */
void finding_json_port_range(struct outbuf *b, const struct audit_place *p);

#endif /* TCS_FINDING_JSON_H */
