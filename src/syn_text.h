/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_SYN_TEXT_H
#define TCS_SYN_TEXT_H

/*
 * syn_text.h - handshakes for people: listeners, half-open connections, counters, what was found
 *
 * Parts of an audit and of alerts (audit_text.c); no line is wider than 100 columns by itself.
 */
#include "audit_sink.h"

/* " on 0.0.0.0:80 nginx(1180)", " from 198.51.100.4" */
void syn_put_subject(struct outbuf *b, const struct finding *f);
/* One sentence or two with the numbers that made the finding; not folded. */
void syn_put_evidence(struct outbuf *b, const struct finding *f);

/* What was found at the listener's service, FINDING_MAX where nothing was. */
enum finding_kind syn_verdict(const struct audit_report *r, const struct audit_listener *l);
/* Its name; "ok"; NULL where one look could not tell. */
const char *syn_verdict_name(const struct audit_report *r, const struct audit_listener *l);

/* Tables, with their titles; nothing where there is nothing. */
void syn_text_listeners(struct output *out, const struct audit_report *r);
void syn_text_counters(struct output *out, const struct audit_report *r);
void syn_text_half_open(struct output *out, const struct audit_report *r);

#endif /* TCS_SYN_TEXT_H */
