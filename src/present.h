/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_PRESENT_H
#define TCS_PRESENT_H

/*
 * present.h - from the engine to what the user sees: a sink, standard output, the status line
 *
 * The same for a live run and for a replay. Counts the lines shown and stops at --count. Makes room
 * for each line (SINK_LINE_MAX) before the sink prints it; where there is no room, since standard
 * output is not read, the line is left out and counted. What becomes of standard output is in
 * output.end.
 */
#include <stdbool.h>
#include <stdint.h>

#include "engine.h"
#include "output.h"
#include "sink.h"
#include "status.h"

struct present {
	struct sink *sink;
	struct output *output;
	struct sink_world *world;
	uint64_t count; /* stop after so many lines of events; 0 no limit */
	uint64_t shown;
	uint64_t unprinted; /* lines of events for which there was no room */
	uint64_t other_unprinted;
	uint64_t refused;
	uint64_t from_ns, to_ns; /* what happened in between is shown */
	uint64_t outside;	 /* events that were not, for that */
	struct status status;
	/* Puts another text than that of a summary on the status line of a terminal; NULL: none. */
	void (*progress)(void *ctx, struct outbuf *line, const struct summary *s);
	void *progress_ctx;
};

/* All pointers stay the caller's. */
void present_init(struct present *p, struct sink *sink, struct output *output,
		  struct sink_world *world, uint64_t count);

/* For struct engine_config.sink. */
struct engine_sink present_sink(struct present *p);

/* As many lines as were asked for. */
bool present_full(const struct present *p);

/* There is no room for lines of events, and a flush has not made any. */
bool present_is_stalled(const struct present *p);

/* Write the batch out; and what waits for standard error. */
void present_flush(struct present *p);

/* The end of the stream; ts_ns: now. */
void present_end(struct present *p, const struct engine *engine, uint64_t ts_ns);

#endif /* TCS_PRESENT_H */
