// SPDX-License-Identifier: GPL-2.0-only
/* sink_json.c - one JSON object a line, for programs: every key always there, null for unknown */
#include <errno.h>
#include <stdlib.h>

#include "audit_sink.h"
#include "fields.h"
#include "row_cache.h"
#include "sink.h"

#define SCHEMA 1

struct sink_json {
	struct sink sink;
	const struct sink_world *world;
	struct row_cache sockets;
};

static const struct sink_world *world_of(const struct sink *s)
{
	return ((const struct sink_json *)s)->world;
}

static void put_string(struct outbuf *out, const char *s)
{
	if (s)
		outbuf_put_json(out, s, SINK_LINE_MAX);
	else
		outbuf_lit(out, "null");
}

static void put_field(struct outbuf *out, const struct field *f, const struct field_row *row)
{
	if (!f->key)
		return;
	outbuf_put(out, f->key, f->key_len);
	f->json(out, row);
}

/* The neighbouring fields that say which socket it is; returns the first one after them. */
static const struct field *put_socket(struct sink_json *j, struct outbuf *out,
				      const struct field *f, const struct field_row *row)
{
	bool known = row_cache_put(&j->sockets, row->change, out);
	size_t start = out->len;

	for (; f->of_socket; f++)
		if (!known)
			put_field(out, f, row);
	if (!known)
		row_cache_keep(&j->sockets, row->change, out, start);
	return f;
}

static void put_fields(struct sink_json *j, struct outbuf *out, const struct field *f,
		       const struct field_row *row)
{
	while (f->key || f->title) {
		if (f->of_socket)
			f = put_socket(j, out, f, row);
		else
			put_field(out, f++, row);
	}
	outbuf_lit(out, "}\n");
}

static void json_begin(struct sink *s, struct outbuf *out, const struct sink_meta *m)
{
	unsigned int i;

	outbuf_lit(out, "{\"type\":\"meta\",\"schema\":");
	outbuf_put_u64(out, SCHEMA);
	outbuf_lit(out, ",\"version\":");
	put_string(out, m->version);
	outbuf_lit(out, ",\"kernel\":");
	put_string(out, m->kernel);
	outbuf_lit(out, ",\"arch\":");
	put_string(out, m->arch);
	outbuf_lit(out, ",\"boot_id\":");
	put_string(out, m->boot_id);
	outbuf_lit(out, ",\"ts\":");
	put_rfc3339(out, world_of(s), m->ts_ns);
	outbuf_lit(out, ",\"command\":");
	put_string(out, m->command);
	outbuf_lit(out, ",\"hooks\":[");
	for (i = 0; i < m->n_hooks; i++) {
		if (i)
			outbuf_putc(out, ',');
		put_string(out, m->hooks[i]);
	}
	outbuf_lit(out, "],\"netns_scope\":");
	put_string(out, m->netns_scope);
	outbuf_lit(out, ",\"limits\":{\"buffer_bytes\":");
	outbuf_put_u64(out, m->buffer_bytes);
	outbuf_lit(out, ",\"max_sockets\":");
	outbuf_put_u64(out, m->max_sockets);
	outbuf_lit(out, ",\"programs\":");
	outbuf_put_u64(out, m->programs);
	outbuf_lit(out, ",\"older_sockets\":");
	outbuf_put_u64(out, m->older_sockets);
	outbuf_lit(out, "}}\n");
}

static void json_change(struct sink *s, struct outbuf *out, const struct change *change)
{
	struct field_row row = { .change = change, .world = world_of(s) };

	outbuf_lit(out, "{\"type\":\"state\"");
	put_fields((struct sink_json *)s, out, change_fields, &row);
}

static void json_connection(struct sink *s, struct outbuf *out, const struct connection *connection)
{
	struct field_row row = {
		.change = connection->last,
		.connection = connection,
		.world = world_of(s),
	};

	outbuf_lit(out, "{\"type\":\"connection\"");
	put_fields((struct sink_json *)s, out, connection_fields, &row);
}

static void put_number(struct outbuf *out, const char *key, uint64_t n)
{
	outbuf_puts(out, key);
	outbuf_put_u64(out, n);
}

static void json_synack(struct sink *s, struct outbuf *out, const struct tcs_wire_synack *r)
{
	outbuf_lit(out, "{\"type\":\"synack_retransmit\",\"ts\":");
	put_rfc3339(out, world_of(s), r->ts_ns);
	put_number(out, ",\"mono_ns\":", r->ts_ns);
	put_number(out, ",\"netns\":", r->netns);
	put_number(out, ",\"family\":", r->family);
	outbuf_lit(out, ",\"laddr\":\"");
	outbuf_put_addr(out, r->laddr, r->family);
	put_number(out, "\",\"lport\":", r->lport);
	outbuf_lit(out, ",\"raddr\":\"");
	outbuf_put_addr(out, r->raddr, r->family);
	put_number(out, "\",\"rport\":", r->rport);
	put_number(out, ",\"retransmits\":", r->retransmits);
	outbuf_lit(out, ",\"acked\":");
	outbuf_puts(out, r->acked ? "true" : "false");
	put_number(out, ",\"syn_queue\":", r->syn_queue);
	put_number(out, ",\"syn_queue_young\":", r->syn_queue_young);
	put_number(out, ",\"accept_queue\":", r->accept_queue);
	put_number(out, ",\"queue_limit\":", r->queue_limit);
	outbuf_lit(out, ",\"listener_cookie\":");
	put_id(out, r->listener);
	outbuf_lit(out, "}\n");
}

static void json_lost(struct sink *s, struct outbuf *out, enum lost_reason reason, uint64_t count,
		      uint64_t ts_ns)
{
	outbuf_lit(out, "{\"type\":\"lost\",\"ts\":");
	put_rfc3339(out, world_of(s), ts_ns);
	outbuf_lit(out, ",\"reason\":");
	put_string(out, lost_reason_name(reason));
	put_number(out, ",\"count\":", count);
	outbuf_lit(out, "}\n");
}

static void json_finding(struct sink *s, struct outbuf *out, const struct finding *finding,
			 uint64_t ts_ns)
{
	audit_json_alert(out, world_of(s), finding, ts_ns);
}

static void json_summary(struct sink *s, struct outbuf *out, const struct summary *summary)
{
	audit_json_summary(out, world_of(s), summary);
}

static void json_group(struct sink *s, struct outbuf *out, const struct audit *look, uint32_t i)
{
	(void)s;
	audit_json_group(out, look, i);
}

static void json_end(struct sink *s, struct outbuf *out, const struct sink_totals *t)
{
	int i;

	outbuf_lit(out, "{\"type\":\"end\",\"ts\":");
	put_rfc3339(out, world_of(s), t->ts_ns);
	put_number(out, ",\"events\":", t->engine->events);
	put_number(out, ",\"shown\":", t->shown);
	put_number(out, ",\"filtered\":", t->engine->filtered);
	outbuf_lit(out, ",\"lost\":{");
	for (i = 0; i < LOST_MAX; i++) {
		if (i)
			outbuf_putc(out, ',');
		put_string(out, lost_reason_name((enum lost_reason)i));
		outbuf_putc(out, ':');
		outbuf_put_u64(out, t->engine->lost[i]);
	}
	outbuf_lit(out, "},\"duration_s\":");
	outbuf_put_ms(out, t->duration_ns / 1000);
	outbuf_lit(out, "}\n");
}

static void json_free(struct sink *s)
{
	free(s);
}

static const struct sink_ops json_ops = {
	.begin = json_begin,
	.change = json_change,
	.connection = json_connection,
	.synack = json_synack,
	.lost = json_lost,
	.finding = json_finding,
	.summary = json_summary,
	.group = json_group,
	.end = json_end,
	.free = json_free,
};

int sink_json_new(const struct sink_world *world, struct sink **ret)
{
	struct sink_json *j = calloc(1, sizeof(*j));

	if (!j)
		return -ENOMEM;
	j->sink.ops = &json_ops;
	j->world = world;
	*ret = &j->sink;
	return 0;
}
