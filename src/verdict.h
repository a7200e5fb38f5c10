/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_VERDICT_H
#define TCS_VERDICT_H

/*
 * verdict.h - a settled look, judged and told: what audit ends with, and a replay may
 *
 * Prints its own errors; returns an enum exit_code.
 */
#include "audit_sink.h"
#include "engine.h"
#include "opts.h"

struct verdict {
	const struct audit *look;
	/* That has just ended: the findings are those it has raised and not cleared. NULL none. */
	const struct engine *run;
	const struct sink_world *world;
	const struct sink_meta *meta;
	bool interrupted; /* the user ended it: no finding is a failure unless it was asked for */
};

int verdict_tell(const struct opts *opts, const struct verdict *v, struct output *out);

#endif /* TCS_VERDICT_H */
