/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_PIPELINE_H
#define TCS_PIPELINE_H

/*
 * pipeline.h - one source, the core, one sink, and the loop that drives them
 *
 *     source -> event_decode -> track -> select -> sink -> output
 *
 * One thread. It sleeps for a few milliseconds while the rings fill, drains them, writes one batch,
 * and looks at signals and deadlines in between. It ends on SIGINT, SIGTERM or SIGHUP, when the
 * duration or the number of lines is reached, or when nobody reads the output any more.
 *
 * Memory: what track.h and output.h say; nothing is allocated per event.
 */
#include <stdbool.h>
#include <stdint.h>

#include "filter.h"
#include "output.h"
#include "sink.h"
#include "source.h"
#include "track.h"

struct pipeline_config {
	const struct filter *filter;
	uint32_t max_sockets;
	bool lifecycle;	      /* tell connections, not changes */
	uint64_t count;	      /* stop after so many lines; 0 no limit */
	uint64_t duration_ms; /* 0 no limit */
	uint64_t interval_ms; /* how often losses are told */
	bool (*older)(void *ctx, uint64_t id, const struct tcs_wire_facts *facts, uint16_t lport,
		      struct track_older *ret);
	void *older_ctx;
};

enum pipeline_end {
	PIPELINE_DONE = 1,    /* duration or count reached */
	PIPELINE_INTERRUPTED, /* a signal */
	PIPELINE_CLOSED,      /* the reader of the output has gone */
	PIPELINE_FAILED,      /* the output cannot be written: output.error_number */
};

struct pipeline {
	struct pipeline_config config;
	struct source *source;
	struct sink *sink;
	struct output *output;
	struct sink_world *world;
	struct track *track;
	struct sink_totals totals;
	uint64_t told_lost[LOST_MAX];
	uint64_t decode_errors;
	uint64_t filtered_here;
	uint8_t epoch;
};

/*
 * A descriptor that becomes readable when SIGINT, SIGTERM, SIGHUP or SIGWINCH has come; none of
 * them interrupts anything from now on, and SIGPIPE is ignored. -1: they act as usual.
 */
int pipeline_signals(void);

/* All pointers stay the caller's. 0 or -ENOMEM. */
int pipeline_init(struct pipeline *p, const struct pipeline_config *config, struct source *source,
		  struct sink *sink, struct output *output, struct sink_world *world);
void pipeline_release(struct pipeline *p);

/* Runs to the end; totals are then complete and the sink has told its end. */
enum pipeline_end pipeline_run(struct pipeline *p);

/* The clock of the records, and how far the wall clock is ahead of it. */
uint64_t pipeline_now_ns(void);
int64_t pipeline_wall_offset_ns(void);

#endif /* TCS_PIPELINE_H */
