// SPDX-License-Identifier: GPL-2.0-only
/* sink_text.c - lines for people: columns from the field table, fitted to the terminal */
#include <errno.h>
#include <stdlib.h>

#include "fields.h"
#include "sink.h"
#include "state.h"

#define COLUMNS_MAX    24
#define ADDRESS_WIDE   39 /* the longest IPv6 address; an endpoint adds "[]:65535" */
#define ENDPOINT_WIDE  47
#define ADDRESS_NARROW 7

struct column {
	const struct field *field;
	unsigned int width;
	bool dropped; /* while fitting; gone afterwards */
	bool may_cut; /* never a number: half a PID is another PID */
};

struct sink_text {
	struct sink sink;
	struct sink_text_config config;
	struct column columns[COLUMNS_MAX];
	unsigned int n_columns;
};

static struct sink_text *text_of(struct sink *s)
{
	return (struct sink_text *)s;
}

/* ---- fitting the columns --------------------------------------------------------------------- */

static unsigned int shown_now(const struct sink_text_config *c)
{
	unsigned int show = SHOW_ALWAYS;

	if (c->wall_clock)
		show |= SHOW_WALL_CLOCK;
	if (c->since_start)
		show |= SHOW_SINCE_START;
	if (c->extended)
		show |= SHOW_EXTENDED;
	return show;
}

static unsigned int full_width(const struct field *f, const struct sink_text_config *c)
{
	if (!c->wide || !f->address)
		return f->width;
	return c->lifecycle ? ENDPOINT_WIDE : ADDRESS_WIDE;
}

static unsigned int total_width(const struct sink_text *t)
{
	unsigned int i, total = 0;

	for (i = 0; i < t->n_columns; i++) {
		const struct column *c = &t->columns[i];

		if (!c->dropped)
			total += (c->width ? c->width : c->field->min_width) + 1;
	}
	return total ? total - 1 : 0;
}

/* Take what is missing from the columns that can be narrower, evenly; -w keeps addresses whole. */
static void shrink(struct sink_text *t)
{
	bool any = true;

	while (any && total_width(t) > t->config.columns) {
		struct column *widest = NULL;
		unsigned int i, most = 0;

		for (i = 0; i < t->n_columns; i++) {
			struct column *c = &t->columns[i];
			unsigned int spare = c->width - c->field->min_width;

			if (c->dropped || c->width <= c->field->min_width ||
			    (t->config.wide && c->field->address))
				continue;
			if (spare > most) {
				most = spare;
				widest = c;
			}
		}
		any = widest;
		if (widest)
			widest->width--;
	}
}

static bool drop_one(struct sink_text *t)
{
	struct column *first = NULL;
	unsigned int i;

	for (i = 0; i < t->n_columns; i++) {
		struct column *c = &t->columns[i];

		if (!c->dropped && c->field->drop &&
		    (!first || c->field->drop < first->field->drop))
			first = c;
	}
	if (first)
		first->dropped = true;
	return first;
}

static void reset_widths(struct sink_text *t)
{
	unsigned int i;

	for (i = 0; i < t->n_columns; i++)
		t->columns[i].width = full_width(t->columns[i].field, &t->config);
}

/* Nothing is left to drop: addresses give up what a very narrow terminal lacks. */
static void squeeze_addresses(struct sink_text *t)
{
	unsigned int i;

	for (i = 0; total_width(t) > t->config.columns && i < t->n_columns * ADDRESS_WIDE; i++) {
		struct column *c = &t->columns[i % t->n_columns];

		if (c->field->address && c->width > ADDRESS_NARROW)
			c->width--;
	}
}

/* Keep what is shown, with what the printing of each line need not ask again. */
static void settle(struct sink_text *t)
{
	bool whole = t->config.wide && !t->config.columns;
	unsigned int i, n = 0;

	for (i = 0; i < t->n_columns; i++) {
		const struct field *f = t->columns[i].field;

		if (t->columns[i].dropped)
			continue;
		t->columns[n] = t->columns[i];
		t->columns[n++].may_cut = !whole && (f->min_width < f->width || f->address);
	}
	t->n_columns = n;
}

/* Columns shrink first; one that still does not fit goes, and the others get their room back. */
static void fit(struct sink_text *t)
{
	const struct field *f = t->config.lifecycle ? connection_fields : change_fields;
	unsigned int show = shown_now(&t->config);

	t->n_columns = 0;
	for (; f->key || f->title; f++)
		if (f->title && f->show & show && t->n_columns < COLUMNS_MAX)
			t->columns[t->n_columns++] = (struct column){ .field = f };
	do {
		reset_widths(t);
		if (t->config.columns)
			shrink(t);
	} while (t->config.columns && total_width(t) > t->config.columns && drop_one(t));
	if (t->config.columns)
		squeeze_addresses(t);
	settle(t);
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* Ends a line: no blanks at its end, and never wider than the terminal. */
static void end_line(const struct sink_text *t, struct outbuf *out, size_t start)
{
	if (t->config.columns && out->len - start > t->config.columns)
		out->len = start + t->config.columns;
	while (out->len > start && out->data[out->len - 1] == ' ')
		out->len--;
	outbuf_putc(out, '\n');
}

static inline void put_column(struct outbuf *out, const struct column *c, size_t start)
{
	if (c->may_cut && out->len - start > c->width)
		outbuf_shorten(out, start, c->width);
	if (c->field->right)
		outbuf_pad_left(out, start, c->width);
	else
		outbuf_pad_right(out, start, c->width);
}

static void put_header(const struct sink_text *t, struct outbuf *out)
{
	size_t line = out->len;
	unsigned int i;

	for (i = 0; i < t->n_columns; i++) {
		const struct column *c = &t->columns[i];
		size_t start = out->len;

		outbuf_puts(out, c->field->title);
		put_column(out, c, start);
		outbuf_putc(out, ' ');
	}
	end_line(t, out, line);
}

static void put_row(const struct sink_text *t, struct outbuf *out, const struct field_row *row)
{
	size_t line = out->len;
	unsigned int i;

	for (i = 0; i < t->n_columns; i++) {
		const struct column *c = &t->columns[i];
		size_t start = out->len;

		c->field->text(out, row);
		put_column(out, c, start);
		outbuf_putc(out, ' ');
	}
	end_line(t, out, line);
}

static void text_begin(struct sink *s, struct outbuf *out, const struct sink_meta *meta)
{
	struct sink_text *t = text_of(s);

	(void)meta;
	if (!t->config.no_header)
		put_header(t, out);
}

static void text_change(struct sink *s, struct outbuf *out, const struct change *change)
{
	struct sink_text *t = text_of(s);
	struct field_row row = { .change = change, .world = t->config.world };

	if (!t->config.lifecycle)
		put_row(t, out, &row);
}

static void text_connection(struct sink *s, struct outbuf *out, const struct connection *connection)
{
	struct sink_text *t = text_of(s);
	struct field_row row = {
		.change = connection->last,
		.connection = connection,
		.world = t->config.world,
	};

	put_row(t, out, &row);
}

static void put_ordinal(struct outbuf *out, unsigned int n)
{
	static const char *const endings[] = { "th", "st", "nd", "rd" };
	bool teen = n % 100 >= 11 && n % 100 <= 13;

	outbuf_put_u64(out, n);
	outbuf_puts(out, endings[!teen && n % 10 < 4 ? n % 10 : 0]);
}

static void put_synack_story(struct outbuf *out, const struct tcs_wire_synack *s)
{
	outbuf_lit(out, "SYN-ACK resent (");
	put_ordinal(out, s->retransmits);
	outbuf_lit(out, "), SYN queue ");
	outbuf_put_u64(out, s->syn_queue);
	outbuf_putc(out, '/');
	outbuf_put_u64(out, s->queue_limit);
	if (!s->acked)
		return;
	outbuf_lit(out, ", peer had answered: accept queue ");
	outbuf_put_u64(out, s->accept_queue);
	outbuf_putc(out, '/');
	outbuf_put_u64(out, s->queue_limit);
}

/* The columns of a change up to RPORT, then what happened in words. */
static void text_synack(struct sink *s, struct outbuf *out, const struct tcs_wire_synack *synack)
{
	struct sink_text *t = text_of(s);
	struct conn conn = {
		.netns = synack->netns,
		.family = synack->family,
		.lport = synack->lport,
		.rport = synack->rport,
	};
	struct change change = { .conn = &conn, .ts_ns = synack->ts_ns, .lport = synack->lport };
	struct field_row row = { .change = &change, .world = t->config.world };
	size_t line = out->len;
	unsigned int i;

	memcpy(conn.laddr, synack->laddr, sizeof(conn.laddr));
	memcpy(conn.raddr, synack->raddr, sizeof(conn.raddr));
	if (synack->owner.pid) {
		change.owner.pid = synack->owner.pid;
		change.owner.source = OWNER_LISTENER;
		memcpy(change.owner.comm, synack->owner.comm, sizeof(change.owner.comm));
	}
	for (i = 0; i < t->n_columns; i++) {
		const struct column *c = &t->columns[i];
		size_t start = out->len;

		if (c->field->of_transition)
			break;
		c->field->text(out, &row);
		put_column(out, c, start);
		outbuf_putc(out, ' ');
	}
	put_synack_story(out, synack);
	end_line(t, out, line);
}

static void text_width(struct sink *s, unsigned int columns)
{
	struct sink_text *t = text_of(s);

	t->config.columns = columns;
	fit(t);
}

static void text_free(struct sink *s)
{
	free(s);
}

static const struct sink_ops text_ops = {
	.begin = text_begin,
	.change = text_change,
	.connection = text_connection,
	.synack = text_synack,
	.width = text_width,
	.free = text_free,
};

int sink_text_new(const struct sink_text_config *config, struct sink **ret)
{
	struct sink_text *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->sink.ops = &text_ops;
	t->config = *config;
	fit(t);
	*ret = &t->sink;
	return 0;
}
