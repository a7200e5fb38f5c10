/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_WATCH_H
#define TCS_WATCH_H

/*
 * watch.h - a run on the living kernel: what `watch` is, and `record` with a capture beside it
 *
 * Prints its own errors; returns an enum exit_code.
 */
#include "opts.h"
#include "present.h"

/* path: record everything into this capture, NULL: into none. */
int watch_run(const struct opts *opts, const char *path);

/* A sink for what the user asked for. 0 or -ENOMEM. */
int watch_sink_new(const struct opts *opts, const struct sink_world *world,
		   const struct output *output, struct sink **ret);

/* On standard error, at the end; what comes first in the line, if anything, in `before`. */
void watch_tell_totals(const struct opts *opts, const struct engine *engine,
		       const struct present *present, uint64_t duration_ns, const char *before);

/* Of a run that has come to its end. */
int watch_exit_status(const struct opts *opts, const struct engine *engine);

#endif /* TCS_WATCH_H */
