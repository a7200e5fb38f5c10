/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_PIPELINE_H
#define TCS_PIPELINE_H

/*
 * pipeline.h - the loop of a live run: what the kernel says, as records, to whoever takes them
 *
 *     source (events) --+
 *     census (looks) ---+--> records --> tap (NULL: none) --> engine --> present
 *     clocks, counters -+
 *
 * One thread. It sleeps for a few milliseconds while the rings fill, drains them, writes one batch,
 * and looks at signals and deadlines in between. At each interval it reads the counters, walks over
 * all sockets when cadence.h says so (draining the rings between two slices), and ticks. In between
 * it glances at the queues of listeners, and looks at once when something has begun there. It ends
 * on SIGINT, SIGTERM or SIGHUP, when the duration or the number of lines is reached, or, without a
 * tap, when standard output has no reader any more.
 *
 * No output keeps it waiting. While standard output is not read, the rings are the buffer: they are
 * not drained until half full, and then lines are left out and counted (LOST_OUTPUT_FULL) while the
 * engine goes on, so that states, times and findings stay right. With a tap they are drained at
 * once. While the tap's own output is behind (a recording into a pipe that is not read) they are
 * not drained, and the kernel counts what they lose.
 *
 * Memory: what engine.h, census.h and output.h say; nothing is allocated per event.
 */
#include <stdbool.h>
#include <stdint.h>

#include "cadence.h"
#include "census.h"
#include "engine.h"
#include "glance.h"
#include "present.h"
#include "record.h"
#include "source.h"

struct pipeline_config {
	struct source *source;
	struct engine *engine;
	struct present *present;
	struct census *census; /* NULL: events only */
	uint64_t start_ns;
	uint64_t duration_ms; /* 0 no limit */
	uint64_t interval_ms;
	uint32_t syn_per_s; /* glance.h */
	/*
	 * Called between two drains: looks whether the filter has to change. When to call it again,
	 * in ns from now; *ret_changed: it has changed, and a snapshot is due. NULL: none.
	 */
	uint64_t (*check_filter)(void *ctx, bool *ret_changed);
	void *check_ctx;
	record_fn tap; /* sees every record before the engine does */
	void *tap_ctx;
	bool (*tap_is_behind)(void *ctx); /* it wants no events now */
	void (*tap_flush)(void *ctx);	  /* once a turn of the loop */
};

enum pipeline_end {
	PIPELINE_DONE = 1,    /* duration or count reached */
	PIPELINE_INTERRUPTED, /* a signal */
	PIPELINE_CLOSED,      /* the reader of the output has gone, and there is no tap */
	PIPELINE_FAILED,      /* the output could not be written: output.error_number */
	PIPELINE_STUCK,	      /* the tap or the engine wants no more: pipeline.error */
};

struct pipeline {
	struct pipeline_config config;
	struct cadence cadence;
	struct glance glance;
	bool news;		/* the glance at hand has met some */
	bool owes_walk;		/* it was put off until the second look */
	bool filter_changed;	/* since the last walk */
	uint64_t events;	/* taken in */
	uint64_t walked_events; /* of these, when the last walk began */
	uint64_t counters;	/* of all namespaces, mixed into one number */
	uint64_t walked_counters;
	uint64_t checked;      /* records met while standard output was not read */
	bool is_half_full;     /* the source was, when last checked */
	bool is_last;	       /* drain: all of it, and outputs wait */
	bool is_held;	       /* the last drain was ended since an output is not read */
	int resize_fd;	       /* readable: SIGWINCH has come; -1 none */
	uint64_t drain_cpu_ns; /* spent on events while a look was under way */
	uint64_t seen_ns;      /* all events up to here have been handed over */
	uint8_t epoch;
	bool look_failed; /* and it has been told */
	int error;	  /* -errno */
};

/*
 * A descriptor that is readable once SIGINT, SIGTERM or SIGHUP has come, and stays so; none of them
 * interrupts anything from now on, and SIGPIPE is ignored. -1: they act as usual.
 */
int pipeline_signals(void);

/* All pointers stay the caller's. 0 or -ENOMEM. */
int pipeline_init(struct pipeline *p, const struct pipeline_config *config);
void pipeline_release(struct pipeline *p);

/* For struct census_config.between; ctx is a struct pipeline. */
void pipeline_between(void *ctx);

/* A record from elsewhere (the scan at start), to tap and engine; a record_fn. */
int pipeline_record(void *ctx, const void *bytes, size_t len);

/* Runs to the end; the sink has then told its end. */
enum pipeline_end pipeline_run(struct pipeline *p);

#endif /* TCS_PIPELINE_H */
