/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_OUTPUT_H
#define TCS_OUTPUT_H

/*
 * output.h - standard output: batches out, without ever being stuck in a write
 *
 * Lines gather in an outbuf and leave in batches. A reader that does not read must not make us deaf
 * to signals: we wait for room or for a signal, never in write(). One that reads, if slowly, gets
 * OUTPUT_GRACE_MS more once a signal waits, so that the usual end does not cut a line. A pipe is
 * opened anew for that, not to block (its own flags belong to whoever made it), and made large;
 * where that cannot be, as for a terminal, a piece is no larger than what poll() promised.
 *
 * Bounds: OUTPUT_BYTES of buffer. While the reader is stuck nothing else is taken in; the kernel's
 * rings fill and count what they lose.
 */
#include <stdbool.h>

#include "outbuf.h"

#define OUTPUT_BYTES	(64u << 10) /* stays in the CPU's own cache */
#define OUTPUT_GRACE_MS 1000

enum output_end {
	OUTPUT_OPEN = 0,
	OUTPUT_CLOSED,	    /* the reader has gone away: end quietly */
	OUTPUT_FAILED,	    /* error_number says why */
	OUTPUT_INTERRUPTED, /* a signal is waiting while the reader is not reading */
};

struct output {
	struct outbuf buf;
	int fd;
	int signal_fd;	/* readable: a signal is waiting; -1 none */
	bool reopened;	/* fd is our own, and does not block */
	bool in_pieces; /* at most what poll() promised */
	bool terminal;
	enum output_end end;
	int error_number;
};

int output_init(struct output *o, int fd, int signal_fd); /* 0 or -ENOMEM */
void output_release(struct output *o);

/* Write everything out; on failure o->end says so and the rest is dropped. */
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
