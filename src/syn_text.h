/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_SYN_TEXT_H
#define TCS_SYN_TEXT_H

/*
 * syn_text.h - handshakes for people: listeners, half-open connections, counters
 *
 * Parts of an audit, with its bounds (audit_page.h): the largest sources of a listener, the rows of
 * the first listeners, those with a verdict before the others.
 */
#include "audit_page.h"

/* What was found at the listener's service; "ok"; NULL where one look could not tell. */
const char *syn_verdict_name(const struct audit_report *r, const struct audit_listener *l);

/* Tables, with their titles; nothing where there is nothing. */
void syn_text_listeners(const struct page *p);
void syn_text_counters(const struct page *p);
void syn_text_half_open(const struct page *p);

#endif /* TCS_SYN_TEXT_H */
