/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_PAINT_H
#define TCS_PAINT_H

/*
 * paint.h - colour for words of a finished line: states, severities, ALERT and CLEAR
 *
 * Escape sequences have no width, so they are inserted after all columns are filled and folded. A
 * word keeps its text: no meaning is in the colour alone.
 *
 * Bounds: PAINT_WORDS_MAX words a line; more, and words for which the buffer has no room, stay
 * plain.
 */
#include <stdbool.h>
#include <stddef.h>

#include "finding.h"
#include "outbuf.h"

#define PAINT_WORDS_MAX 8

enum paint {
	PAINT_NONE = 0,
	PAINT_OPENING,	/* cyan: a handshake */
	PAINT_OPEN,	/* green */
	PAINT_CLOSING,	/* magenta */
	PAINT_CLOSED,	/* dim */
	PAINT_WARNING,	/* yellow */
	PAINT_CRITICAL, /* bold red */
	PAINT_INFO,	/* blue */
	PAINT_STRONG,	/* bold */
};

/* --color */
enum paint_when {
	PAINT_AUTO = 0,
	PAINT_ALWAYS,
	PAINT_NEVER,
};

/* Words to be painted, in the order in which they are in the line. All zero is empty. */
struct paint_words {
	unsigned int n;
	struct {
		size_t start, end; /* in the buffer */
		enum paint how;
	} at[PAINT_WORDS_MAX];
};

/* auto: on a terminal, and not where the environment has NO_COLOR (no_color, may be NULL) set. */
bool paint_wanted(enum paint_when when, bool terminal, const char *no_color);

enum paint paint_state(unsigned int state); /* enum tcs_state; 0 none */
enum paint paint_severity(enum severity severity);

/* The first word of b from start on. */
void paint_word(struct paint_words *words, const struct outbuf *b, size_t start, enum paint how);

/* Inserts the sequences, and empties the list. */
void paint_apply(struct paint_words *words, struct outbuf *b);

/*
 * A finding as finding_text.h prints it from start on: its first word where that is ALERT or CLEAR,
 * and its severity.
 */
void paint_finding(struct outbuf *b, size_t start, enum severity severity);

#endif /* TCS_PAINT_H */
