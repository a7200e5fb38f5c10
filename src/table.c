// SPDX-License-Identifier: GPL-2.0-only
#include "table.h"

#define NEXT_INDENT 4 /* of what goes on in the next line */

static unsigned int gap_of(const struct table *t, const struct table_column *c)
{
	return c->left ? 2 : t->layout->gap;
}

static unsigned int room_of(const struct table *t, const struct table_column *c)
{
	return c->width + gap_of(t, c);
}

static unsigned int room_of_all(const struct table *t)
{
	unsigned int i, sum = 0;

	for (i = 0; i < t->n; i++)
		if (t->ends[i])
			sum += room_of(t, &t->layout->columns[i]);
	return sum;
}

static bool drop_one(struct table *t)
{
	const struct table_column *c = t->layout->columns;
	unsigned int i, first = t->n;

	for (i = 0; i < t->n; i++)
		if (t->ends[i] && c[i].drop && (first == t->n || c[i].drop < c[first].drop))
			first = i;
	if (first == t->n)
		return false;
	t->ends[first] = 0;
	return true;
}

unsigned int table_width(unsigned int columns)
{
	if (!columns)
		return TABLE_DEFAULT;
	return columns < WRAP_LEAST ? WRAP_LEAST : columns;
}

void table_init(struct table *t, const struct table_layout *layout, unsigned int columns)
{
	unsigned int i, end;

	*t = (struct table){ .layout = layout, .width = table_width(columns) };
	while (t->n < TABLE_COLUMNS_MAX && layout->columns[t->n].title)
		t->ends[t->n++] = 1;
	while (room_of_all(t) + layout->name_least > t->width && drop_one(t))
		;
	end = room_of_all(t);
	t->name = end < t->width ? t->width - end : 0;
	if (t->name > layout->name_most)
		t->name = layout->name_most;
	for (i = 0, end = t->name; i < t->n; i++) {
		if (!t->ends[i])
			continue;
		end += room_of(t, &layout->columns[i]);
		t->ends[i] = end;
	}
}

void table_row(struct table *t, struct outbuf *b)
{
	t->line = (struct wrap){ b, b->len, b->len, NEXT_INDENT, t->width };
	t->cell = b->len;
	t->at = 0;
}

/* Blanks up to the first number, or a line of its own. */
static void end_name(struct table *t)
{
	struct outbuf *b = t->line.b;

	if (b->len - t->cell > t->name) {
		wrap_again(&t->line, t->cell);
		outbuf_putc(b, '\n');
		t->line.start = b->len;
	}
	outbuf_pad_to(b, t->line.start + t->name);
}

/* At the right edge of its column, or where there is room behind a number that was too long. */
static void end_number(struct table *t, const struct table_column *c, unsigned int end)
{
	struct outbuf *b = t->line.b;
	size_t len = b->len - t->cell, to = t->line.start + end;
	size_t least = len + gap_of(t, c);

	if (!end) {
		b->len = t->cell;
		return;
	}
	outbuf_pad_left(b, t->cell, !c->left && to > t->cell + least ? to - t->cell : least);
	wrap_whole(&t->line, t->cell);
}

void table_cell(struct table *t)
{
	if (!t->at)
		end_name(t);
	else
		end_number(t, &t->layout->columns[t->at - 1], t->ends[t->at - 1]);
	t->at++;
	t->cell = t->line.b->len;
}

void table_end(struct table *t)
{
	struct outbuf *b = t->line.b;

	while (b->len > t->line.start && b->data[b->len - 1] == ' ')
		b->len--;
	outbuf_putc(b, '\n');
}

void table_header(struct table *t, struct outbuf *b)
{
	unsigned int i;

	table_row(t, b);
	outbuf_puts(b, t->layout->title);
	table_cell(t);
	for (i = 0; i < t->n; i++) {
		outbuf_puts(b, t->layout->columns[i].title);
		table_cell(t);
	}
	table_end(t);
}
