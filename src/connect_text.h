/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_CONNECT_TEXT_H
#define TCS_CONNECT_TEXT_H

/*
 * connect_text.h - a finding connect_failing, for people: what it is about, and its evidence
 *
 * Nothing here can fail.
 */
#include "finding.h"
#include "outbuf.h"
#include "sink.h"

/* " to 10.0.0.5:5432", " from 10.0.0.7" */
void connect_text_subject(struct outbuf *b, const struct sink_world *world,
			  const struct finding *f);
/* A sentence. */
void connect_text_evidence(struct outbuf *b, const struct finding *f);

#endif /* TCS_CONNECT_TEXT_H */
