// SPDX-License-Identifier: GPL-2.0-only
#include "summary_json.h"

#include "device_put.h"
#include "filter.h"
#include "json_put.h"
#include "standing.h"
#include "state.h"

#define SCHEMA 1

void summary_json_meta(struct outbuf *b, const struct sink_world *world, const struct sink_meta *m,
		       const struct summary_limits *audit)
{
	unsigned int i;

	json_put_type(b, "meta");
	json_put_number(b, "schema", SCHEMA);
	json_put_text(b, "version", m->version);
	json_put_text(b, "kernel", m->kernel);
	json_put_text(b, "arch", m->arch);
	json_put_text(b, "boot_id", m->boot_id);
	json_put_time(b, "ts", world, m->ts_ns);
	json_put_text(b, "command", m->command);
	json_put_key(b, "hooks");
	outbuf_putc(b, '[');
	for (i = 0; i < m->n_hooks; i++) {
		if (i)
			outbuf_putc(b, ',');
		outbuf_put_json(b, m->hooks[i], SINK_LINE_MAX);
	}
	outbuf_putc(b, ']');
	json_put_text(b, "netns_scope", m->netns_scope);
	json_put_open(b, "limits");
	json_put_known(b, "buffer_bytes", m->buffer_bytes);
	json_put_known(b, "max_sockets", m->max_sockets);
	json_put_known(b, "programs", m->programs);
	json_put_number(b, "older_sockets", audit ? AUDIT_UNKNOWN : m->older_sockets);
	json_put_number(b, "rows", AUDIT_ROWS_MAX);
	json_put_number(b, "sources", audit ? audit->sources : AUDIT_UNKNOWN);
	json_put_number(b, "findings", STANDING_MAX);
	json_put_us(b, "window_us", audit ? audit->window_ns : AUDIT_UNKNOWN);
	json_put_close(b);
	json_put_end(b);
}

/* The keys of one state each; the two kinds of SYN_RECV are one. look NULL: unknown. */
static void put_states(struct outbuf *b, const struct audit *look,
		       const uint64_t states[TCS_STATE_MAX])
{
	unsigned int i;

	json_put_open(b, "connections");
	for (i = 1; i < TCS_NEW_SYN_RECV; i++)
		/* CLOSE is in no table that can be walked. */
		json_put_number(b, state_json(i),
				look && i != TCS_CLOSE ? audit_count(look, states, i) :
							 AUDIT_UNKNOWN);
	json_put_close(b);
}

/* n in the interval, a second. */
static void put_counted(struct outbuf *b, const char *key, const struct summary *s, uint64_t n)
{
	json_put_rate(b, key, s->counted ? audit_rate_milli(n, 0, s->interval_ns) : AUDIT_NO_RATE);
}

static void put_rates(struct outbuf *b, const struct summary *s)
{
	json_put_number(b, "transitions", s->counted ? s->transitions : AUDIT_UNKNOWN);
	json_put_open(b, "rates");
	json_put_us(b, "window_us", s->interval_ns ? s->interval_ns : AUDIT_UNKNOWN);
	put_counted(b, "opens_per_s", s, s->opens);
	put_counted(b, "closes_per_s", s, s->closes);
	put_counted(b, "time_wait_per_s", s, s->handed_over);
	json_put_close(b);
}

static const struct audit_half_closed *oldest_close_wait(const struct audit *a)
{
	const struct audit_half_closed *oldest = NULL;
	uint32_t i;

	for (i = 0; i < a->n_close_wait; i++)
		if (a->close_wait[i].oldest_ns != AUDIT_UNKNOWN &&
		    (!oldest || a->close_wait[i].oldest_ns > oldest->oldest_ns))
			oldest = &a->close_wait[i];
	return oldest;
}

static uint64_t count_of(const struct audit *a, unsigned int state)
{
	return a ? audit_count(a, a->states, state) : AUDIT_UNKNOWN;
}

static void put_build_up(struct outbuf *b, const struct audit *a)
{
	const struct audit_half_closed *oldest = a ? oldest_close_wait(a) : NULL;
	uint64_t table = 0;
	uint32_t i;

	for (i = 0; a && i < a->n_netns; i++)
		table += a->netns[i].time_wait_table;
	json_put_open(b, "time_wait");
	json_put_number(b, "count", count_of(a, TCS_TIME_WAIT));
	json_put_number(b, "table", a ? table : AUDIT_UNKNOWN);
	json_put_close(b);
	json_put_open(b, "close_wait");
	json_put_number(b, "count", count_of(a, TCS_CLOSE_WAIT));
	json_put_us(b, "oldest_us", oldest ? oldest->oldest_ns : AUDIT_UNKNOWN);
	json_put_bool(b, "oldest_exact", oldest && oldest->oldest_exact);
	json_put_close(b);
	json_put_number(b, "half_open", count_of(a, TCS_SYN_RECV));
}

void summary_json_lost(struct outbuf *b, const uint64_t *lost)
{
	int i;

	json_put_open(b, "lost");
	for (i = 0; i < LOST_MAX; i++)
		json_put_number(b, lost_reason_name((enum lost_reason)i),
				lost ? lost[i] : AUDIT_UNKNOWN);
}

static void put_lost(struct outbuf *b, const struct summary *s)
{
	const struct audit_blind *seen = s->look ? &s->look->blind : NULL;

	summary_json_lost(b, s->totals ? s->totals->lost : NULL);
	json_put_number(b, "rows", seen ? seen->skipped : AUDIT_UNKNOWN);
	json_put_number(b, "findings", s->findings_skipped);
	json_put_number(b, "netns_denied", seen ? seen->netns_denied : AUDIT_UNKNOWN);
	json_put_number(b, "netns_vanished", seen ? seen->netns_vanished : AUDIT_UNKNOWN);
	json_put_close(b);
}

/* Namespaces that cannot be entered: whose sockets are counted all the same, and the others. */
static void put_hidden(struct outbuf *b, const struct audit *a)
{
	uint64_t sockets, n = a ? audit_hidden(a, &sockets) : AUDIT_UNKNOWN;

	json_put_number(b, "namespaces_hidden", n);
	json_put_number(b, "sockets_hidden", a ? sockets : AUDIT_UNKNOWN);
	json_put_number(b, "namespaces_unseen", a ? a->n_unseen : AUDIT_UNKNOWN);
}

void summary_json(struct outbuf *b, const struct sink_world *world, const struct summary *s)
{
	const struct audit *a = s->look;

	json_put_type(b, "summary");
	json_put_time(b, "ts", world, s->ts_ns);
	put_states(b, a, a ? a->states : NULL);
	put_rates(b, s);
	put_build_up(b, a);
	put_lost(b, s);
	json_put_number(b, "age_us", a ? s->look_age_ns / 1000 : AUDIT_UNKNOWN);
	json_put_number(b, "namespaces", a ? a->n_netns : AUDIT_UNKNOWN);
	json_put_number(b, "sockets_walked", a ? a->blind.sockets : AUDIT_UNKNOWN);
	json_put_bool(b, "owners_known", a && !a->blind.owners_unknown);
	json_put_bool(b, "host_processes", a && !a->blind.processes_hidden);
	put_hidden(b, a);
	json_put_bool(b, "listeners_complete", a && audit_has_all_listeners(a));
	json_put_end(b);
}

static void put_group_key(struct outbuf *b, const struct sink_world *world,
			  const struct audit *look, const struct audit_group *g)
{
	struct device_ref d = { world, audit_netns_cookie(look, g->netns), g->netns, g->device };
	enum audit_by by = look->config.by;

	json_put_key(b, "key");
	if (by == AUDIT_BY_LPORT) {
		outbuf_put_u64(b, g->lport);
	} else if (by == AUDIT_BY_NETNS) {
		outbuf_put_u64(b, g->netns);
	} else if (by == AUDIT_BY_COMM && !g->comm[0]) {
		outbuf_lit(b, "null");
	} else if (by == AUDIT_BY_COMM) {
		outbuf_put_json(b, g->comm, sizeof(g->comm));
	} else {
		outbuf_putc(b, '"');
		device_put_addr(b, g->raddr, addr_is_mapped(g->raddr) ? 4 : 6, &d);
		outbuf_putc(b, '"');
	}
}

void summary_json_group(struct outbuf *b, const struct sink_world *world, const struct audit *look,
			uint32_t i)
{
	json_put_type(b, "group");
	json_put_text(b, "by", audit_by_name(look->config.by));
	put_group_key(b, world, look, &look->groups[i]);
	put_states(b, look, look->groups[i].states);
	json_put_end(b);
}
