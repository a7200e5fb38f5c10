/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_WRAP_H
#define TCS_WRAP_H

/*
 * wrap.h - words that fill lines of a width
 *
 * Nothing is longer than the width but a word that is. All lines but the first are indented. The
 * caller ends the last line, and has made room in the outbuf.
 */
#include <stddef.h>

#include "outbuf.h"

struct wrap {
	struct outbuf *b;
	size_t start; /* of the line, in b */
	size_t fresh; /* no blank is due here: nothing, or a mark, stands before it */
	unsigned int indent;
	unsigned int width;
};

/* A word, and with it what must not be parted from it. */
void wrap_word(struct wrap *w, const char *word, size_t len, const char *behind);

/* All words of a text, parted at blanks. */
void wrap_text(struct wrap *w, const char *text, size_t len);

#endif /* TCS_WRAP_H */
