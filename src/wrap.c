// SPDX-License-Identifier: GPL-2.0-only
#include "wrap.h"

unsigned int wrap_width(unsigned int columns)
{
	if (!columns)
		return WRAP_DEFAULT;
	if (columns < WRAP_LEAST)
		return WRAP_LEAST;
	return columns < WRAP_MOST ? columns : WRAP_MOST;
}

static size_t used(const struct wrap *w)
{
	return w->b->len - w->start;
}

/* The line is full; no blanks at its end. */
static void next_line(struct wrap *w)
{
	while (used(w) && w->b->data[w->b->len - 1] == ' ')
		w->b->len--;
	outbuf_putc(w->b, '\n');
	w->start = w->b->len;
	outbuf_pad_to(w->b, w->start + w->indent);
}

void wrap_word(struct wrap *w, const char *word, size_t len, const char *behind)
{
	if (w->b->len > w->fresh && used(w) + 1 + len + strlen(behind) > w->width)
		next_line(w);
	else if (w->b->len > w->fresh)
		outbuf_putc(w->b, ' ');
	w->fresh = 0;
	while (used(w) + len > w->width && w->width > w->indent) {
		size_t part = used(w) < w->width ? w->width - used(w) : 0;

		outbuf_put(w->b, word, part);
		word += part;
		len -= part;
		next_line(w);
	}
	outbuf_put(w->b, word, len);
	outbuf_puts(w->b, behind);
}

static size_t up_to(const char *text, size_t len, char c)
{
	const char *found = memchr(text, c, len);

	return found ? (size_t)(found - text) : len;
}

/* Up to the next blank; what stands in `...` is to be typed and stays whole if it can. */
static size_t word_len(const struct wrap *w, const char *text, size_t len)
{
	size_t word = up_to(text, len, ' '), open = up_to(text, word, '`'), close;

	if (open == word)
		return word;
	close = open + 1 + up_to(text + open + 1, len - open - 1, '`');
	if (close >= len)
		return word;
	close += up_to(text + close, len - close, ' ');
	return close < w->width - w->indent ? close : word;
}

void wrap_text(struct wrap *w, const char *text, size_t len)
{
	for (size_t at = 0; at < len;) {
		size_t word = word_len(w, text + at, len - at);

		wrap_word(w, text + at, word, "");
		at += word + 1;
	}
}

/* Take what was put since `at` away, to put it again. */
static size_t take_back(struct wrap *w, size_t at, char text[WRAP_TEXT_MAX])
{
	size_t len = w->b->len - at;

	if (len > WRAP_TEXT_MAX)
		len = WRAP_TEXT_MAX;
	memcpy(text, w->b->data + at, len);
	w->b->len = at;
	return len;
}

void wrap_again(struct wrap *w, size_t at)
{
	char text[WRAP_TEXT_MAX];
	size_t len = take_back(w, at, text);

	w->fresh = at;
	wrap_text(w, text, len);
}

void wrap_whole(struct wrap *w, size_t at)
{
	char text[WRAP_TEXT_MAX];
	size_t len, blanks = 0;

	if (used(w) <= w->width)
		return;
	len = take_back(w, at, text);
	while (blanks < len && text[blanks] == ' ')
		blanks++;
	if (used(w))
		next_line(w);
	w->fresh = w->b->len;
	wrap_text(w, text + blanks, len - blanks);
}
