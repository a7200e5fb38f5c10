/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_SOURCE_H
#define TCS_SOURCE_H

/*
 * source.h - where wire records come from
 *
 * A source hands over records in an order in which every socket's own events are in sequence. The
 * rest of the program cannot tell one source from another. What a source loses it counts, by cause
 * (struct source_stats); draining cannot fail.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a source could not hand over, and what its filters kept back. All count from its start. */
struct source_stats {
	uint64_t lost_ring_full;
	uint64_t lost_recursion;  /* events that no program was run for */
	uint64_t lost_table_full; /* no kernel memory for a socket's note */
	uint64_t filtered;
	uint64_t lost_corrections; /* no events: an emitted close keeps its first reason */
};

/* One record, aligned to 8 bytes; it dies when the function returns. False stops the drain. */
typedef bool (*source_fn)(void *ctx, const void *record, size_t len);

struct source;

struct source_ops {
	/*
	 * Hand over what is there; with `last`, nothing more will come and nothing is held back.
	 * Returns the number of records. *ret_now_ns: everything up to this time has been handed
	 * over (CLOCK_MONOTONIC of the records).
	 */
	size_t (*drain)(struct source *s, source_fn fn, void *ctx, bool last, uint64_t *ret_now_ns);
	void (*stop)(struct source *s); /* nothing new comes in from now on */
	void (*stats)(struct source *s, struct source_stats *ret);
	void (*set_epoch)(struct source *s, uint8_t epoch); /* all facts are to be told anew */
	/* How soon to drain again, in milliseconds, after a drain that handed over n records. */
	unsigned int (*pause_ms)(struct source *s, size_t n);
	/* Half of what holds undrained records is in use: waiting longer will lose some. */
	bool (*is_half_full)(struct source *s);
	void (*free)(struct source *s);
};

struct source {
	const struct source_ops *ops;
};

#endif /* TCS_SOURCE_H */
