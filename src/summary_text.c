// SPDX-License-Identifier: GPL-2.0-only
#include "summary_text.h"

#include "device_put.h"
#include "filter.h"
#include "state.h"
#include "table.h"
#include "text_put.h"

#define GROUP_INDENT 18
#define OLD_NS	     (5 * 1000000000ull) /* younger numbers are told without their age */

static int64_t rate_of(const struct summary *s, uint64_t n)
{
	return s->counted ? audit_rate_milli(n, 0, s->interval_ns) : AUDIT_NO_RATE;
}

/* "  opens 410/s" */
static void put_event_rate(struct outbuf *b, const char *name, const struct summary *s, uint64_t n)
{
	outbuf_lit(b, "  ");
	outbuf_puts(b, name);
	outbuf_putc(b, ' ');
	text_put_plain_rate(b, rate_of(s, n));
}

static void put_count(struct outbuf *b, const char *name, const struct summary *s, int state)
{
	outbuf_puts(b, name);
	outbuf_putc(b, ' ');
	text_put_count(b, s->look ? audit_count(s->look, s->look->states, (unsigned int)state) :
				    AUDIT_UNKNOWN);
}

/* How much of a summary is told. */
enum detail {
	ONLY_COUNTS,
	AND_GROWTH,
	AND_EVENTS,
	AND_HOLDER,
};

/* " (+2/s, app(991))": all of them together, and who has most. */
static void put_holders(struct outbuf *b, const struct audit *a, enum detail detail)
{
	int64_t growth = 0;
	uint32_t i;
	bool grows;

	if (!a || !a->n_close_wait)
		return;
	for (i = 0; i < a->n_close_wait; i++) {
		if (a->close_wait[i].growth_milli == AUDIT_NO_RATE)
			growth = AUDIT_NO_RATE;
		if (growth != AUDIT_NO_RATE)
			audit_add_rate(&growth, a->close_wait[i].growth_milli);
	}
	grows = growth != AUDIT_NO_RATE && growth;
	if (detail < AND_HOLDER && !grows)
		return;
	outbuf_lit(b, " (");
	if (grows)
		text_put_rate(b, growth);
	if (grows && detail >= AND_HOLDER)
		outbuf_lit(b, ", ");
	if (detail >= AND_HOLDER)
		text_put_owner(b, &a->close_wait[0].owner);
	outbuf_putc(b, ')');
}

static void put_handed_over(struct outbuf *b, const struct summary *s)
{
	int64_t rate = rate_of(s, s->handed_over);

	if (rate == AUDIT_NO_RATE || !rate)
		return;
	outbuf_lit(b, " (");
	text_put_rate(b, rate);
	outbuf_putc(b, ')');
}

static void put_summary(struct outbuf *b, const struct summary *s, enum detail detail)
{
	put_count(b, "ESTAB", s, TCS_ESTABLISHED);
	put_count(b, "  TIME_WAIT", s, TCS_TIME_WAIT);
	if (detail >= AND_GROWTH)
		put_handed_over(b, s);
	put_count(b, "  CLOSE_WAIT", s, TCS_CLOSE_WAIT);
	if (detail >= AND_GROWTH)
		put_holders(b, s->look, detail);
	put_count(b, "  half-open", s, TCS_SYN_RECV);
	if (detail >= AND_EVENTS) {
		put_event_rate(b, "opens", s, s->opens);
		put_event_rate(b, "closes", s, s->closes);
	}
	if (s->totals->undecided && detail >= AND_GROWTH) {
		outbuf_lit(b, "  undecided ");
		outbuf_put_grouped(b, s->totals->undecided);
	}
	outbuf_lit(b, "  lost ");
	outbuf_put_grouped(b, engine_lost(s->totals));
	if (!s->look || s->look_age_ns < OLD_NS)
		return;
	outbuf_lit(b, "  (counted ");
	outbuf_put_span(b, s->look_age_ns);
	outbuf_lit(b, " ago)");
}

void summary_text(struct outbuf *b, const struct summary *s, unsigned int columns)
{
	enum detail detail = AND_HOLDER;
	size_t start = b->len;

	put_summary(b, s, detail);
	while (columns && b->len - start >= columns && detail != ONLY_COUNTS) {
		b->len = start;
		put_summary(b, s, --detail);
	}
}

static const uint8_t state_order[] = {
	TCS_ESTABLISHED, TCS_SYN_RECV,	TCS_TIME_WAIT, TCS_CLOSE_WAIT, TCS_FIN_WAIT2,
	TCS_LISTEN,	 TCS_FIN_WAIT1, TCS_SYN_SENT,  TCS_LAST_ACK,   TCS_CLOSING,
};

void summary_text_states(struct wrap *w, const struct audit *look,
			 const uint64_t states[TCS_STATE_MAX], bool zeros)
{
	size_t i, at;

	for (i = 0; i < sizeof(state_order); i++) {
		uint64_t n = audit_count(look, states, state_order[i]);

		/* The first six are always told; the rest only if there is one. */
		if ((!n || n == AUDIT_UNKNOWN) && (!zeros || i > 5))
			continue;
		at = w->b->len;
		outbuf_lit(w->b, "  ");
		outbuf_puts(w->b, state_json(state_order[i]));
		outbuf_putc(w->b, ' ');
		text_put_count(w->b, n);
		wrap_whole(w, at);
	}
}

void summary_text_group(struct outbuf *b, const struct sink_world *world, const struct audit *look,
			uint32_t i, const char *before, unsigned int columns)
{
	struct wrap w = { b, b->len, b->len, GROUP_INDENT + 2, table_width(columns) };
	const struct audit_group *g = &look->groups[i];
	struct device_ref d = { world, audit_netns_cookie(look, g->netns), g->netns, g->device };
	size_t start;

	outbuf_puts(b, before);
	start = b->len;

	if (look->config.by == AUDIT_BY_LPORT)
		outbuf_put_u64(b, g->lport);
	else if (look->config.by == AUDIT_BY_NETNS)
		outbuf_put_u64(b, g->netns);
	else if (look->config.by == AUDIT_BY_RADDR)
		device_put_addr(b, g->raddr, addr_is_mapped(g->raddr) ? 4 : 6, &d);
	else if (g->comm[0])
		outbuf_put_term(b, g->comm, sizeof(g->comm));
	else
		outbuf_putc(b, '-');
	wrap_again(&w, w.start);
	outbuf_pad_to(b, start + GROUP_INDENT);
	summary_text_states(&w, look, g->states, false);
	outbuf_putc(b, '\n');
}
