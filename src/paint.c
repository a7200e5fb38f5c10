// SPDX-License-Identifier: GPL-2.0-only
#include "paint.h"

#include <string.h>

#include "state.h"

#define PAINT_END "\033[0m"

/* ECMA-48, SGR. */
static const char *const sequences[] = {
	[PAINT_OPENING] = "\033[36m", [PAINT_OPEN] = "\033[32m",    [PAINT_CLOSING] = "\033[35m",
	[PAINT_CLOSED] = "\033[2m",   [PAINT_WARNING] = "\033[33m", [PAINT_CRITICAL] = "\033[1;31m",
	[PAINT_INFO] = "\033[34m",    [PAINT_STRONG] = "\033[1m",
};

bool paint_wanted(enum paint_when when, bool terminal, const char *no_color)
{
	if (when != PAINT_AUTO)
		return when == PAINT_ALWAYS;
	return terminal && !(no_color && *no_color);
}

enum paint paint_state(unsigned int state)
{
	static const uint8_t of[TCS_STATE_MAX] = {
		[TCS_ESTABLISHED] = PAINT_OPEN,	 [TCS_SYN_SENT] = PAINT_OPENING,
		[TCS_SYN_RECV] = PAINT_OPENING,	 [TCS_FIN_WAIT1] = PAINT_CLOSING,
		[TCS_FIN_WAIT2] = PAINT_CLOSING, [TCS_TIME_WAIT] = PAINT_CLOSED,
		[TCS_CLOSE] = PAINT_CLOSED,	 [TCS_CLOSE_WAIT] = PAINT_WARNING,
		[TCS_LAST_ACK] = PAINT_CLOSING,	 [TCS_LISTEN] = PAINT_INFO,
		[TCS_CLOSING] = PAINT_CLOSING,	 [TCS_NEW_SYN_RECV] = PAINT_OPENING,
	};

	return state < TCS_STATE_MAX ? of[state] : PAINT_NONE;
}

enum paint paint_severity(enum severity severity)
{
	switch (severity) {
	case SEVERITY_CRITICAL:
		return PAINT_CRITICAL;
	case SEVERITY_WARNING:
		return PAINT_WARNING;
	case SEVERITY_INFO:
		return PAINT_INFO;
	default:
		return PAINT_NONE;
	}
}

void paint_word(struct paint_words *words, const struct outbuf *b, size_t start, enum paint how)
{
	size_t end;

	while (start < b->len && b->data[start] == ' ')
		start++;
	for (end = start; end < b->len && b->data[end] != ' ' && b->data[end] != '\n';)
		end++;
	if (!how || end == start || words->n == PAINT_WORDS_MAX)
		return;
	words->at[words->n].start = start;
	words->at[words->n].end = end;
	words->at[words->n++].how = how;
}

static void insert(struct outbuf *b, size_t at, const char *text, size_t n)
{
	memmove(b->data + at + n, b->data + at, b->len - at);
	memcpy(b->data + at, text, n);
	b->len += n;
}

void paint_apply(struct paint_words *words, struct outbuf *b)
{
	while (words->n) {
		const char *sequence = sequences[words->at[--words->n].how];
		size_t start = words->at[words->n].start, end = words->at[words->n].end;

		/* A narrow terminal may have cut the line. */
		if (end > b->len || outbuf_room(b) < strlen(sequence) + sizeof(PAINT_END) - 1)
			continue;
		insert(b, end, PAINT_END, sizeof(PAINT_END) - 1);
		insert(b, start, sequence, strlen(sequence));
	}
}

void paint_finding(struct outbuf *b, size_t start, enum severity severity)
{
	const char *name = severity_name(severity), *at = b->data + start;
	bool alert = b->len - start > 6 && !memcmp(at, "ALERT ", 6);
	bool clear = b->len - start > 6 && !memcmp(at, "CLEAR ", 6);
	struct paint_words words = { 0 };
	size_t kind = start + (alert || clear ? 6 : 0), i = kind;

	if (alert || clear)
		paint_word(&words, b, start, clear ? PAINT_OPEN : PAINT_STRONG);
	while (i < b->len && b->data[i] != ' ')
		i++;
	if (!clear && b->len - i > strlen(name) + 1 && !memcmp(b->data + i + 1, name, strlen(name)))
		paint_word(&words, b, i, paint_severity(severity));
	paint_apply(&words, b);
}
