// SPDX-License-Identifier: GPL-2.0-only
/* sink_text.c - lines for people: columns from the field table, fitted to the terminal */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "fields.h"
#include "finding_text.h"
#include "paint.h"
#include "row_cache.h"
#include "sink.h"
#include "state.h"
#include "summary_text.h"

#define COLUMNS_MAX    24
#define ADDRESS_WIDE   39 /* the longest IPv6 address; an endpoint adds "[]:65535" */
#define ENDPOINT_WIDE  47
#define ADDRESS_NARROW 7
#define GROUPS_SHOWN   12

struct column {
	const struct field *field;
	unsigned int width;
	unsigned int end; /* where it ends in the line, and one blank follows */
	bool dropped;	  /* while fitting; gone afterwards */
	bool may_cut;	  /* never a number: half a PID is another PID */
};

struct sink_text {
	struct sink sink;
	struct sink_text_config config;
	struct column columns[COLUMNS_MAX];
	unsigned int n_columns;
	struct row_cache sockets; /* of the widths in force */
	struct paint_words words; /* of the line that is made */
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
	unsigned int i, n = 0, end = 0;

	for (i = 0; i < t->n_columns; i++) {
		const struct field *f = t->columns[i].field;

		if (t->columns[i].dropped)
			continue;
		end += t->columns[i].width;
		t->columns[n] = t->columns[i];
		t->columns[n].end = end++;
		t->columns[n++].may_cut = !(whole || (t->config.wide && f->address)) &&
					  (f->min_width < f->width || f->address);
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
	if (t->config.columns && !t->config.wide)
		squeeze_addresses(t);
	settle(t);
	row_cache_clear(&t->sockets);
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* Ends a line: no blanks at its end, and no wider than the terminal unless -w asks for it. */
static void end_line(const struct sink_text *t, struct outbuf *out, size_t start)
{
	if (t->config.columns && !t->config.wide && out->len - start > t->config.columns)
		out->len = start + t->config.columns;
	while (out->len > start && out->data[out->len - 1] == ' ')
		out->len--;
	outbuf_putc(out, '\n');
}

/*
 * The cell that began at `start` is too long. A longer number takes room from the blanks of the
 * cells after it; where a terminal has none left its decimals go, and then '~' says that it does
 * not fit.
 */
static void fit_long_cell(const struct sink_text *t, struct outbuf *out, const struct column *c,
			  size_t line, size_t start)
{
	size_t end = line + c->end, room = end > start ? end - start : 0;
	const char *point;

	if (!c->field->width) {
		end = line + t->config.columns;
		if (t->config.columns && !t->config.wide && out->len > end && start < end)
			outbuf_shorten(out, start, end - start);
		return;
	}
	if (c->may_cut) {
		outbuf_shorten(out, start, room > c->field->min_width ? room : c->width);
		return;
	}
	if (!t->config.columns || c != &t->columns[t->n_columns - 1])
		return;
	end = line + t->config.columns;
	point = memchr(out->data + start, '.', out->len - start);
	if (out->len > end && point)
		out->len = (size_t)(point - out->data);
	if (out->len > end) {
		out->len = start;
		outbuf_putc(out, '~');
	}
}

/* Fill the cell up to its end, and one blank behind it. */
static inline void fit_cell(const struct sink_text *t, struct outbuf *out, const struct column *c,
			    size_t line, size_t start)
{
	size_t end = line + c->end;

	if (__builtin_expect(out->len > end, 0)) {
		fit_long_cell(t, out, c, line, start);
		outbuf_putc(out, ' ');
	} else if (c->field->right) {
		outbuf_pad_left(out, start, end - start);
		outbuf_putc(out, ' ');
	} else {
		outbuf_pad_to(out, end + 1);
	}
}

static void put_header(const struct sink_text *t, struct outbuf *out)
{
	size_t line = out->len;
	unsigned int i;

	for (i = 0; i < t->n_columns; i++) {
		const struct column *c = &t->columns[i];
		size_t start = out->len;

		outbuf_puts(out, c->field->title);
		fit_cell(t, out, c, line, start);
	}
	end_line(t, out, line);
}

static void put_cell(struct sink_text *t, struct outbuf *out, const struct column *c, size_t line,
		     const struct field_row *row)
{
	size_t start = out->len;

	c->field->text(out, row);
	fit_cell(t, out, c, line, start);
	if (t->config.color && c->field->paint)
		paint_word(&t->words, out, start, c->field->paint(row));
}

/*
 * The neighbouring columns that say which socket it is; returns the first one after them. They
 * look the same in each of its lines only if they begin where they should.
 */
static unsigned int put_socket(struct sink_text *t, struct outbuf *out, unsigned int i, size_t line,
			       const struct field_row *row)
{
	size_t start = out->len;
	bool in_place = start == line + (i ? t->columns[i - 1].end + 1 : 0);
	bool known = in_place && row_cache_put(&t->sockets, row->change, out);

	for (; i < t->n_columns && t->columns[i].field->of_socket; i++)
		if (!known)
			put_cell(t, out, &t->columns[i], line, row);
	if (!known && in_place)
		row_cache_keep(&t->sockets, row->change, out, start);
	return i;
}

static void put_row(struct sink_text *t, struct outbuf *out, const struct field_row *row)
{
	size_t line = out->len;
	unsigned int i = 0;

	while (i < t->n_columns) {
		if (t->columns[i].field->of_socket)
			i = put_socket(t, out, i, line, row);
		else
			put_cell(t, out, &t->columns[i++], line, row);
	}
	end_line(t, out, line);
	paint_apply(&t->words, out);
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

static void put_queue(struct outbuf *out, const char *name, uint32_t length, uint32_t limit)
{
	outbuf_puts(out, name);
	outbuf_put_u64(out, length);
	outbuf_putc(out, '/');
	outbuf_put_u64(out, limit);
}

/* room: characters left in the line; 0 no limit */
static void put_synack_story(struct outbuf *out, const struct tcs_wire_synack *s, size_t room)
{
	size_t start = out->len, brief;

	outbuf_lit(out, "SYN-ACK resent (");
	put_ordinal(out, s->retransmits);
	put_queue(out, "), SYN queue ", s->syn_queue, s->queue_limit);
	if (s->acked)
		put_queue(out, ", peer had answered: accept queue ", s->accept_queue,
			  s->queue_limit);
	if (!room || out->len - start <= room)
		return;
	/* The queue that matters, in fewer words. */
	out->len = start;
	outbuf_lit(out, "SYN-ACK (");
	put_ordinal(out, s->retransmits);
	brief = out->len;
	if (s->acked)
		put_queue(out, "), accept queue ", s->accept_queue, s->queue_limit);
	else
		put_queue(out, "), SYN queue ", s->syn_queue, s->queue_limit);
	if (out->len - start > room) { /* half a number is another number */
		out->len = brief;
		outbuf_putc(out, ')');
	}
}

/* The columns of a change up to RPORT, then what happened in words. */
static void text_synack(struct sink *s, struct outbuf *out, const struct tcs_wire_synack *synack)
{
	struct sink_text *t = text_of(s);
	struct conn conn = {
		.netns_cookie = synack->netns_cookie,
		.netns = synack->netns,
		.device = synack->device,
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
		if (t->columns[i].field->of_transition)
			break;
		put_cell(t, out, &t->columns[i], line, &row);
	}
	put_synack_story(
		out, synack,
		t->config.columns > out->len - line ? t->config.columns - (out->len - line) : 0);
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

static void text_finding(struct sink *s, struct outbuf *out, const struct finding *finding,
			 uint64_t ts_ns)
{
	const struct sink_text_config *config = &text_of(s)->config;

	size_t start = out->len;

	finding_text_alert(out, config->world, finding, ts_ns, config->columns);
	if (config->color)
		paint_finding(out, start, finding->severity);
}

static void text_group(struct sink *s, struct outbuf *out, const struct audit *look, uint32_t i)
{
	const struct sink_text_config *config = &text_of(s)->config;
	char before[32];

	if (i >= GROUPS_SHOWN)
		return;
	snprintf(before, sizeof(before), "BY %s ", audit_by_name(look->config.by));
	summary_text_group(out, config->world, look, i, before, config->columns);
}

static const struct sink_ops text_ops = {
	.begin = text_begin,
	.change = text_change,
	.connection = text_connection,
	.synack = text_synack,
	.finding = text_finding,
	.group = text_group,
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
