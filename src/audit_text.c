// SPDX-License-Identifier: GPL-2.0-only
/* audit_text.c - an audit for people: the verdict in the first line, evidence beside it */
#include <string.h>

#include "audit_page.h"
#include "finding_text.h"
#include "paint.h"
#include "summary_text.h"
#include "syn_text.h"
#include "table.h"
#include "text_put.h"

/* ---- the page -------------------------------------------------------------------------------- */

void page_rest(const struct page *p, uint32_t n)
{
	struct outbuf *b = page_line(p);

	if (n == page_shown(p, n))
		return;
	outbuf_lit(b, "  ... and ");
	outbuf_put_grouped(b, n - page_shown(p, n));
	outbuf_lit(b, " more (-x shows all)\n");
}

void page_netns(const struct page *p, struct outbuf *b, uint32_t netns)
{
	if (!p->many)
		return;
	outbuf_lit(b, " net:");
	outbuf_put_u64(b, netns);
}

struct device_ref page_device(const struct page *p, uint32_t netns, uint32_t ifindex)
{
	return (struct device_ref){ p->report->world, audit_netns_cookie(p->report->look, netns),
				    netns, ifindex };
}

void page_fold(const struct page *p, struct outbuf *b, size_t at, unsigned int indent)
{
	struct wrap w = { b, at, at, indent, wrap_width(p->columns) };

	wrap_again(&w, at);
	outbuf_putc(b, '\n');
}

/* ---- the verdict ----------------------------------------------------------------------------- */

static void tell_verdict(const struct page *p)
{
	const struct audit_report *r = p->report;
	struct outbuf *b = page_line(p);
	size_t start = b->len;
	uint32_t i;

	outbuf_put_grouped(b, r->n_findings);
	outbuf_lit(b, " finding");
	if (r->n_findings != 1)
		outbuf_putc(b, 's');
	for (i = 0; i < r->n_findings && i < 3; i++) {
		outbuf_puts(b, i ? ", " : ": ");
		outbuf_puts(b, finding_name(r->findings[i].kind));
		outbuf_lit(b, " (");
		outbuf_puts(b, severity_name(r->findings[i].severity));
		outbuf_putc(b, ')');
		finding_text_subject(b, r->world, &r->findings[i]);
	}
	if (i < r->n_findings)
		outbuf_lit(b, ", ...");
	outbuf_lit(b, "  (exit ");
	outbuf_put_u64(b, (uint64_t)r->exit_status);
	outbuf_putc(b, ')');
	page_fold(p, b, start, 2);
}

/* A sentence about what the numbers below leave out; n stands in its middle, before `rest`. */
static void tell_limit(const struct page *p, const char *sentence, uint64_t n, const char *rest)
{
	struct outbuf *b = page_line(p);
	size_t start = b->len;

	outbuf_puts(b, sentence);
	if (rest) {
		outbuf_put_grouped(b, n);
		outbuf_puts(b, rest);
	}
	page_fold(p, b, start, 2);
}

static void put_hidden(const struct page *p)
{
	const struct audit *a = p->report->look;
	struct outbuf *b = page_line(p);
	size_t start = b->len;
	uint64_t n, sockets;

	n = audit_hidden(a, &sockets);
	if (n) {
		outbuf_lit(b, "Network namespaces that cannot be entered, since no process or name "
			      "shows them: ");
		outbuf_put_grouped(b, n);
		outbuf_lit(b, ". Their sockets are counted below: ");
		text_put_count(b, sockets);
		outbuf_lit(b, "; their counters and limits are unknown.");
		page_fold(p, b, start, 2);
	}
	if (a->n_unseen)
		tell_limit(p, "Network namespaces that exist and cannot be looked into any more: ",
			   a->n_unseen, ". What was found in them is neither confirmed nor over.");
}

/* Which processes, by what error, why if that is known, and what it means. */
static void tell_denied(const struct page *p, const struct audit_blind *blind)
{
	static const char *const causes[] = {
		[AUDIT_RIGHT_UNKNOWN] = ".",
		[AUDIT_RIGHT_MISSING] = ": CAP_SYS_PTRACE is missing.",
		[AUDIT_RIGHT_HELD] = " though CAP_SYS_PTRACE is held: a security module denies it, "
				     "or they are of another user namespace.",
	};
	struct outbuf *b = page_line(p);
	const char *name = blind->netns_errno ? strerrorname_np(blind->netns_errno) : NULL;
	size_t start = b->len;

	outbuf_lit(b, "Processes whose network namespace cannot be read: ");
	outbuf_put_grouped(b, blind->netns_denied);
	if (name) {
		outbuf_lit(b, " (");
		outbuf_puts(b, name);
		outbuf_putc(b, ')');
	}
	outbuf_puts(b, causes[blind->netns_ptrace <= AUDIT_RIGHT_HELD ? blind->netns_ptrace : 0]);
	outbuf_lit(b, " A namespace that nothing else shows is covered in part only, or not at "
		      "all.");
	page_fold(p, b, start, 2);
}

/* Nothing where they are whole. */
static void tell_limits(const struct page *p)
{
	const struct audit_blind *blind = &p->report->look->blind;

	if (blind->netns_only_own)
		tell_limit(p,
			   "Only this network namespace: entering others failed (EPERM); it takes "
			   "CAP_SYS_ADMIN in the user namespace that owns them.",
			   0, NULL);
	if (blind->netns_denied)
		tell_denied(p, blind);
	if (blind->processes_hidden)
		tell_limit(p,
			   "Only the processes of this container are seen, and their namespaces: "
			   "--pid=host shows all.",
			   0, NULL);
	if (blind->owners_unknown)
		tell_limit(p, "Owners are unknown: open files cannot be walked here.", 0, NULL);
	put_hidden(p);
	if (blind->listeners_missing)
		tell_limit(p,
			   "Listeners are missing: there are more than the table of watched "
			   "listeners or the rows of a snapshot have room for.",
			   0, NULL);
	if (p->report->look->blank & AUDIT_BLANK_LISTENERS)
		tell_limit(p,
			   "Listeners are missing: the recording has only sums of their half-open "
			   "connections, of which the filter selects a part.",
			   0, NULL);
	if (blind->skipped)
		tell_limit(p, "Rows that had no room and are missing below: ", blind->skipped,
			   "; counts of states are whole.");
	if (p->report->owned_only)
		tell_limit(
			p,
			"Only sockets with an owner are counted: TIME_WAIT and half-open ones have "
			"none.",
			0, NULL);
}

/* ---- tables ---------------------------------------------------------------------------------- */

static void tell_states(const struct page *p)
{
	const struct audit *a = p->report->look;
	struct outbuf *b = page_line(p);
	struct wrap w;
	size_t at;

	outbuf_putc(b, '\n');
	w = (struct wrap){ b, b->len, b->len, 8, table_width(p->columns) };
	outbuf_lit(b, "STATES");
	summary_text_states(&w, a, a->states, true);
	at = b->len;
	outbuf_lit(b, "  (");
	outbuf_put_grouped(b, a->n_netns);
	outbuf_lit(b, " namespace");
	outbuf_puts(b, a->n_netns == 1 ? ")" : "s)");
	wrap_whole(&w, at);
	outbuf_putc(b, '\n');
}

static void tell_groups(const struct page *p)
{
	const struct audit *a = p->report->look;
	uint32_t i;

	if (!a->n_groups)
		return;
	outbuf_lit(page_line(p), "\nSTATES by ");
	outbuf_puts(page_line(p), audit_by_name(a->config.by));
	outbuf_putc(page_line(p), '\n');
	for (i = 0; i < page_shown(p, a->n_groups); i++)
		summary_text_group(page_line(p), p->report->world, a, i, "", p->columns);
	page_rest(p, a->n_groups);
}

#define HALF_CLOSED_LAYOUT(heading)                                                   \
	{                                                                             \
		.title = heading, .name_least = 19, .name_most = 30, .gap = 2,        \
		.columns = {                                                          \
			{ "COUNT", 6, 0, false },  { "OLDEST", 7, 0, false },         \
			{ "GROWTH", 7, 1, false }, { "FD USED/LIMIT", 20, 0, false }, \
			{ "PORTS", 8, 0, true },                                      \
		},                                                                    \
	}

static const struct table_layout close_wait_layout = HALF_CLOSED_LAYOUT("CLOSE_WAIT by owner");
static const struct table_layout fin_wait2_layout = HALF_CLOSED_LAYOUT("FIN_WAIT2 by owner");

static void put_half_closed_row(const struct page *p, struct table *t,
				const struct audit_half_closed *c)
{
	struct outbuf *b = page_line(p);

	table_row(t, b);
	text_put_owner(b, &c->owner);
	page_netns(p, b, c->netns);
	table_cell(t);
	outbuf_put_grouped(b, c->count);
	table_cell(t);
	text_put_age(b, c->oldest_ns, c->oldest_exact);
	table_cell(t);
	text_put_rate(b, c->growth_milli);
	table_cell(t);
	text_put_descriptors(b, c);
	table_cell(t);
	text_put_ports(b, c, p->report->world);
	table_cell(t);
	table_end(t);
}

static void put_half_closed(const struct page *p, const struct table_layout *layout,
			    const struct audit_half_closed *rows, uint32_t n)
{
	struct table t;
	uint32_t i;

	if (!n)
		return;
	table_init(&t, layout, p->columns);
	outbuf_putc(page_line(p), '\n');
	table_header(&t, page_line(p));
	for (i = 0; i < page_shown(p, n); i++)
		put_half_closed_row(p, &t, &rows[i]);
	page_rest(p, n);
}

static const struct table_layout place_layout = {
	.title = "TIME_WAIT by destination",
	.name_least = 34,
	.name_most = 54,
	.gap = 2,
	.columns = {
		{ "COUNT", 6, 0, false },
		{ "PORTS USED/RANGE", 16, 0, false },
		{ "REUSABLE", 8, 2, false },
		{ "EMPTY IN", 8, 0, false },
		{ "OVER IN", 7, 1, false },
	},
};

static void tell_place(const struct page *p, struct table *t, const struct audit_place *place)
{
	uint64_t left = audit_ports_left(place);
	struct device_ref d = page_device(p, place->netns, place->device);
	bool counted = left != AUDIT_UNKNOWN;
	struct outbuf *b = page_line(p);

	table_row(t, b);
	text_put_place(b, place, &d);
	page_netns(p, b, place->netns);
	table_cell(t);
	text_put_count(b, audit_place_is_source(place) ? AUDIT_UNKNOWN : place->time_wait);
	table_cell(t);
	if (counted)
		text_put_of(b, place->ports_used, place->ports_range);
	else
		outbuf_putc(b, '-');
	table_cell(t);
	text_put_count(b, counted && place->rport ? place->reusable : AUDIT_UNKNOWN);
	table_cell(t);
	text_put_seconds(b, audit_seconds_left(left, place->growth_milli));
	table_cell(t);
	text_put_seconds(b, audit_seconds(place->all_free_ns));
	table_cell(t);
	table_end(t);
}

static void tell_places(const struct page *p)
{
	const struct audit *a = p->report->look;
	struct table t;
	uint32_t i;

	if (!a->n_places)
		return;
	table_init(&t, &place_layout, p->columns);
	outbuf_putc(page_line(p), '\n');
	table_header(&t, page_line(p));
	for (i = 0; i < page_shown(p, a->n_places); i++)
		tell_place(p, &t, &a->places[i]);
	page_rest(p, a->n_places);
}

void audit_text(struct output *out, const struct audit_report *report)
{
	struct page p = { .out = out,
			  .report = report,
			  .columns = report->columns,
			  .many = report->look->n_netns > 1 };
	uint32_t i;

	tell_verdict(&p);
	tell_limits(&p);
	tell_states(&p);
	tell_groups(&p);
	syn_text_listeners(&p);
	syn_text_counters(&p);
	syn_text_half_open(&p);
	put_half_closed(&p, &close_wait_layout, report->look->close_wait,
			report->look->n_close_wait);
	put_half_closed(&p, &fin_wait2_layout, report->look->fin_wait2, report->look->n_fin_wait2);
	tell_places(&p);
	for (i = 0; i < report->n_findings; i++) {
		const struct finding *f = &report->findings[i];
		struct outbuf *b = page_line(&p);
		size_t start = b->len + 1;

		outbuf_putc(b, '\n');
		finding_text_tell(b, report->world, f, p.columns);
		if (report->color)
			paint_finding(b, start, f->severity);
	}
	output_flush(out);
}
