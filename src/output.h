/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_OUTPUT_H
#define TCS_OUTPUT_H

/*
 * output.h - standard output: batches out, without ever being stuck in a write
 *
 * Lines gather in an outbuf and leave in batches (stream.h). A reader that does not read must not
 * make us deaf. Where there is nothing else to do (`waits`: replay, audit, the end of a live run) a
 * flush waits for room or for a signal; one that reads, if slowly, gets STREAM_GRACE_MS more once a
 * signal waits, so that the usual end does not cut a line. A live run does not wait: what is not
 * taken stays in the buffer, and the next flush tries again.
 *
 * Bounds: OUTPUT_BYTES of buffer. More than OUTPUT_BATCH are in it only while the reader takes
 * nothing.
 */
#include <stdbool.h>

#include "outbuf.h"
#include "stream.h"

#define OUTPUT_BATCH (32u << 10) /* stays in the CPU's own cache */
#define OUTPUT_BYTES (128u << 10)

enum output_end {
	OUTPUT_OPEN = 0,
	OUTPUT_CLOSED,	    /* the reader has gone away: end quietly */
	OUTPUT_FAILED,	    /* error_number says why */
	OUTPUT_INTERRUPTED, /* a signal is waiting while the reader is not reading */
};

struct output {
	struct outbuf buf;
	struct stream stream;
	int signal_fd; /* readable: a signal is waiting; -1 none */
	bool waits;    /* a flush does, for room or for a signal */
	bool terminal;
	bool is_stalled; /* the last flush left something in the buffer */
	enum output_end end;
	int error_number;
	uint64_t dropped_bytes; /* of the buffer when it ended */
};

/* It waits until the caller sets `waits` to false. 0 or -ENOMEM. */
int output_init(struct output *o, int fd, int signal_fd);
void output_release(struct output *o);

/*
 * Write everything out, or what is taken now where it does not wait; on failure o->end says so and
 * the rest is dropped.
 */
void output_flush(struct output *o);

/* Make room for at least n bytes. */
static inline void output_reserve(struct output *o, size_t n)
{
	if (outbuf_room(&o->buf) < n)
		output_flush(o);
}

/* Columns of the terminal; 0: it is none. The one place where anybody asks. */
unsigned int output_columns(const struct output *o);
unsigned int output_columns_of(int fd);

#endif /* TCS_OUTPUT_H */
