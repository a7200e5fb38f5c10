/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_AUDIT_SINK_H
#define TCS_AUDIT_SINK_H

/*
 * audit_sink.h - a look at the host and its verdict, for people and for programs
 *
 * Both renderings write into an output, which leaves in batches as it fills; what becomes of it
 * stands in output.end. Order: the verdict first for people, as JSON: meta, summary, rows, alerts,
 * verdict. Untrusted names are escaped by outbuf.
 */
#include <stdbool.h>
#include <stdint.h>

#include "audit.h"
#include "finding.h"
#include "output.h"
#include "sink.h"

struct audit_report {
	const struct audit *look; /* settled */
	const struct finding *findings;
	uint32_t n_findings;
	uint64_t findings_skipped;
	enum severity worst;
	uint64_t window_ns;   /* between the two looks; 0: there was one */
	int exit_status;      /* that follows */
	unsigned int columns; /* text: of the terminal; 0 none */
	bool color;	      /* text: paint.h */
	bool all_rows;	      /* text: not only the first of each table */
	bool owned_only;      /* filtered by owner: TIME_WAIT and half-open ones have none */
	const struct sink_world *world;
	const struct sink_meta *meta; /* JSON */
};

void audit_text(struct output *out, const struct audit_report *report);
void audit_json(struct output *out, const struct audit_report *report);

#endif /* TCS_AUDIT_SINK_H */
