/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_FINDING_TEXT_H
#define TCS_FINDING_TEXT_H

/*
 * finding_text.h - findings in sentences: what it is about, the numbers that made it, the advice
 *
 * The same for the alerts of watch and for an audit. Sentences are folded to `columns`, the
 * terminal's (0: none), and a line that goes on is indented. The caller has made room for a line
 * (SINK_LINE_MAX). To say something of a new kind: a case in each of the two switches.
 */
#include "finding.h"
#include "outbuf.h"
#include "sink.h"

/* " on 0.0.0.0:80 nginx(1180)", " in app(991)", " at 10.0.0.5" */
void finding_text_subject(struct outbuf *b, const struct sink_world *world,
			  const struct finding *f);
/* "syn_flood critical   evidence", and a line of advice. */
void finding_text_tell(struct outbuf *b, const struct sink_world *world, const struct finding *f,
		       unsigned int columns);
/* The same between the lines of events: "ALERT ..." or "CLEAR ...". ts_ns: now. */
void finding_text_alert(struct outbuf *b, const struct sink_world *world, const struct finding *f,
			uint64_t ts_ns, unsigned int columns);

#endif /* TCS_FINDING_TEXT_H */
