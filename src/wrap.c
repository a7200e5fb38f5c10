// SPDX-License-Identifier: GPL-2.0-only
#include "wrap.h"

#include <string.h>

void wrap_word(struct wrap *w, const char *word, size_t len, const char *behind)
{
	size_t used = w->b->len - w->start;

	if (w->b->len > w->fresh && used + 1 + len + strlen(behind) > w->width) {
		outbuf_putc(w->b, '\n');
		w->start = w->b->len;
		outbuf_pad_to(w->b, w->start + w->indent);
	} else if (w->b->len > w->fresh) {
		outbuf_putc(w->b, ' ');
	}
	w->fresh = 0;
	outbuf_put(w->b, word, len);
	outbuf_puts(w->b, behind);
}

void wrap_text(struct wrap *w, const char *text, size_t len)
{
	for (const char *end = text + len; text < end;) {
		const char *blank = memchr(text, ' ', (size_t)(end - text));
		size_t word = (size_t)((blank ? blank : end) - text);

		wrap_word(w, text, word, "");
		text += word + (blank != NULL);
	}
}
