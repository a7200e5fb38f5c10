// SPDX-License-Identifier: GPL-2.0-only
#include "explain_print.h"

#include <stdbool.h>
#include <string.h>

#include "wrap.h"

#define LIST_COLUMN 28 /* where the summaries begin: behind the longest name */
#define INDENT	    2

/* A heading, and below it one paragraph a line of text; steps are marked if there are several. */
static void put_part(struct outbuf *b, const char *heading, const char *text, unsigned int width)
{
	unsigned int indent = strchr(text, '\n') ? INDENT + 2 : INDENT;

	outbuf_putc(b, '\n');
	outbuf_puts(b, heading);
	outbuf_putc(b, '\n');
	while (*text) {
		size_t len = strcspn(text, "\n"), start = b->len;
		struct wrap w;

		outbuf_pad_to(b, start + INDENT);
		if (indent > INDENT)
			outbuf_lit(b, "* ");
		w = (struct wrap){ b, start, b->len, indent, width };
		wrap_text(&w, text, len);
		outbuf_putc(b, '\n');
		text += len + (text[len] == '\n');
	}
}

/* The next of the keys at *text, moved behind it; NULL: there is none. */
static const struct explanation *next_key(const char **text)
{
	size_t len = strcspn(*text, " ");
	const struct explanation *page = explain_find(*text, len);

	*text += len + ((*text)[len] == ' ');
	return page;
}

static void put_see_also(struct outbuf *b, const char *keys, unsigned int width)
{
	const struct explanation *page;
	struct wrap w;

	outbuf_putc(b, '\n');
	w = (struct wrap){ b, b->len, 0, INDENT, width };
	outbuf_lit(b, "See also:");
	while ((page = next_key(&keys)))
		wrap_word(&w, page->title->name, strlen(page->title->name), *keys ? "," : "");
	outbuf_putc(b, '\n');
}

void explain_print_text(struct outbuf *b, const struct explanation *page, unsigned int width)
{
	struct wrap w = { b, b->len, 0, INDENT, width };

	outbuf_puts(b, page->title->name);
	outbuf_lit(b, " (");
	outbuf_puts(b, explain_group_name(page->group));
	outbuf_lit(b, "):");
	wrap_text(&w, page->title->summary, strlen(page->title->summary));
	outbuf_putc(b, '\n');

	put_part(b, "What it is", page->meaning, width);
	put_part(b, "When it is normal", page->normal, width);
	put_part(b, "What to do", page->advice, width);
	put_see_also(b, page->see_also, width);
}

void explain_print_list(struct outbuf *b, unsigned int width)
{
	static const char *const titles[EXPLAIN_GROUP_MAX] = {
		[EXPLAIN_STATE] = "States:",
		[EXPLAIN_FINDING] = "\nFindings:",
		[EXPLAIN_REASON] = "\nClose reasons:",
	};
	const struct explanation *page;
	int group = 0;

	for (size_t i = 0; (page = explain_at(i)); i++) {
		struct wrap w = { .b = b, .indent = LIST_COLUMN, .width = width };

		if ((int)page->group != group) {
			group = (int)page->group;
			outbuf_puts(b, titles[group]);
			outbuf_putc(b, '\n');
		}
		w.start = b->len;
		outbuf_pad_to(b, w.start + INDENT);
		outbuf_puts(b, page->title->name);
		outbuf_pad_to(b, w.start + LIST_COLUMN);
		w.fresh = b->len;
		wrap_text(&w, page->title->summary, strlen(page->title->summary));
		outbuf_putc(b, '\n');
	}
}

static void put_json(struct outbuf *b, const char *key, const char *value)
{
	outbuf_lit(b, ",\"");
	outbuf_puts(b, key);
	outbuf_lit(b, "\":");
	outbuf_put_json(b, value, strlen(value));
}

void explain_print_json(struct outbuf *b, const struct explanation *page)
{
	const char *keys = page->see_also;
	const struct explanation *other;
	bool first = true;

	outbuf_lit(b, "{\"type\":\"explanation\"");
	put_json(b, "name", page->title->key);
	put_json(b, "group", explain_group_name(page->group));
	put_json(b, "meaning", page->meaning);
	put_json(b, "normal", page->normal);
	put_json(b, "advice", page->advice);
	outbuf_lit(b, ",\"see_also\":[");
	while ((other = next_key(&keys))) {
		if (!first)
			outbuf_putc(b, ',');
		first = false;
		outbuf_put_json(b, other->title->key, strlen(other->title->key));
	}
	outbuf_lit(b, "]}\n");
}
