// SPDX-License-Identifier: GPL-2.0-only
/* sink_json.c - one JSON object a line, for programs: every key always there, null for unknown */
#include <errno.h>
#include <stdlib.h>

#include "fields.h"
#include "finding_json.h"
#include "json_put.h"
#include "row_cache.h"
#include "sink.h"
#include "summary_json.h"

struct sink_json {
	struct sink sink;
	const struct sink_world *world;
	struct row_cache sockets;
};

static const struct sink_world *world_of(const struct sink *s)
{
	return ((const struct sink_json *)s)->world;
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
	summary_json_meta(out, world_of(s), m, NULL);
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

static void json_synack(struct sink *s, struct outbuf *out, const struct tcs_wire_synack *r)
{
	struct device_ref d = { world_of(s), r->netns_cookie, r->netns, r->device };

	json_put_type(out, "synack_retransmit");
	json_put_time(out, "ts", world_of(s), r->ts_ns);
	json_put_number(out, "mono_ns", r->ts_ns);
	json_put_connection(out, &d, r->family, &(struct json_end){ r->laddr, r->lport },
			    &(struct json_end){ r->raddr, r->rport });
	json_put_number(out, "retransmits", r->retransmits);
	json_put_bool(out, "acked", r->acked);
	json_put_number(out, "syn_queue", r->syn_queue);
	json_put_number(out, "syn_queue_young", r->syn_queue_young);
	json_put_number(out, "accept_queue", r->accept_queue);
	json_put_number(out, "queue_limit", r->queue_limit);
	json_put_id(out, "listener_cookie", r->listener);
	json_put_end(out);
}

static void json_lost(struct sink *s, struct outbuf *out, enum lost_reason reason, uint64_t count,
		      uint64_t ts_ns)
{
	json_put_type(out, "lost");
	json_put_time(out, "ts", world_of(s), ts_ns);
	json_put_text(out, "reason", lost_reason_name(reason));
	json_put_number(out, "count", count);
	json_put_end(out);
}

static void json_finding(struct sink *s, struct outbuf *out, const struct finding *finding,
			 uint64_t ts_ns)
{
	finding_json(out, world_of(s), finding, ts_ns);
}

static void json_summary(struct sink *s, struct outbuf *out, const struct summary *summary)
{
	summary_json(out, world_of(s), summary);
}

static void json_group(struct sink *s, struct outbuf *out, const struct audit *look, uint32_t i)
{
	summary_json_group(out, world_of(s), look, i);
}

static void json_end(struct sink *s, struct outbuf *out, const struct sink_totals *t)
{
	json_put_type(out, "end");
	json_put_time(out, "ts", world_of(s), t->ts_ns);
	json_put_number(out, "events", t->engine->events);
	json_put_number(out, "shown", t->shown);
	json_put_number(out, "filtered", t->engine->filtered);
	summary_json_lost(out, t->engine->lost);
	json_put_close(out);
	json_put_number(out, "time_wait_undecided", t->engine->undecided);
	json_put_number(out, "corrections_lost", t->engine->lost_corrections);
	json_put_key(out, "duration_s");
	outbuf_put_ms(out, t->duration_ns / 1000);
	json_put_end(out);
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
