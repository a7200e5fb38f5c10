/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_WRAP_H
#define TCS_WRAP_H

/*
 * wrap.h - words that fill lines of a width, and how wide that is
 *
 * Nothing is longer than the width: a word that is goes on in the next line. All lines but the
 * first are indented. The caller ends the last line, and has made room in the outbuf for a text of
 * at most WRAP_TEXT_MAX bytes, and for an indent and a newline with each word. One byte is one
 * column: untrusted text is plain before it comes here (outbuf_put_term()).
 */
#include <stddef.h>

#include "outbuf.h"

#define WRAP_TEXT_MAX 4096

/* Sentences: narrower cannot be read, nor can wider; where there is no terminal, the last. */
#define WRAP_LEAST   40
#define WRAP_MOST    100
#define WRAP_DEFAULT 80

struct wrap {
	struct outbuf *b;
	size_t start; /* of the line, in b */
	size_t fresh; /* no blank is due here: nothing, or a mark, stands before it */
	unsigned int indent;
	unsigned int width;
};

/* How wide sentences are; columns: of the terminal, 0 none. */
unsigned int wrap_width(unsigned int columns);

/* A word, and with it what must not be parted from it. */
void wrap_word(struct wrap *w, const char *word, size_t len, const char *behind);

/* All words of a text, parted at blanks. */
void wrap_text(struct wrap *w, const char *text, size_t len);

/* What was put since `at` is a text: part it. */
void wrap_again(struct wrap *w, size_t at);

/*
 * What was put since `at`, with blanks in front, stays together: where the line is too long with it
 * it begins the next one, without those blanks.
 */
void wrap_whole(struct wrap *w, size_t at);

#endif /* TCS_WRAP_H */
