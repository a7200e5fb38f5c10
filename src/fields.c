// SPDX-License-Identifier: GPL-2.0-only
#include "fields.h"

#include "device_put.h"
#include "reason.h"
#include "state.h"
#include "when.h"

/* A name with its length, for what is printed with every event. */
struct name {
	const char *text;
	uint8_t len;
};

/* clang-format off */
#define NAME(s) { s, sizeof(s) - 1 }

static const struct name state_names[TCS_STATE_MAX] = {
#define X(number, id, name, json, words, meaning) [number] = NAME(name),
#include "state.def"
#undef X
};

static const struct name state_keys[TCS_STATE_MAX] = {
#define X(number, id, name, json, words, meaning) [number] = NAME("\"" json "\""),
#include "state.def"
#undef X
};

static const struct name directions[DIRECTION_MAX] = {
	[DIRECTION_UNKNOWN] = NAME("null"),
	[DIRECTION_ACTIVE] = NAME("\"active\""),
	[DIRECTION_PASSIVE] = NAME("\"passive\""),
	[DIRECTION_LISTENER] = NAME("\"listener\""),
};

static const struct name owner_sources[OWNER_SOURCE_MAX] = {
	[OWNER_UNKNOWN] = NAME("null"),
	[OWNER_TASK] = NAME("\"task\""),
	[OWNER_CACHED] = NAME("\"cached\""),
	[OWNER_LISTENER] = NAME("\"listener\""),
	[OWNER_SCAN] = NAME("\"scan\""),
};

static const struct name closers[CLOSED_BY_MAX] = {
	[CLOSED_BY_UNKNOWN] = NAME("null"),
	[CLOSED_BY_US] = NAME("\"us\""),
	[CLOSED_BY_PEER] = NAME("\"peer\""),
	[CLOSED_BY_BOTH] = NAME("\"both\""),
};

/* clang-format on */

static void put_name(struct outbuf *b, const struct name *name)
{
	outbuf_put(b, name->text, name->len);
}

/* ---- values that text and JSON share --------------------------------------------------------- */

static void put_unknown(struct outbuf *b)
{
	outbuf_putc(b, '-');
}

static void put_null(struct outbuf *b)
{
	outbuf_lit(b, "null");
}

static void put_state_key(struct outbuf *b, unsigned int state)
{
	if (state)
		put_name(b, &state_keys[state]);
	else
		put_null(b);
}

static void put_number_or_null(struct outbuf *b, uint64_t n)
{
	if (n)
		outbuf_put_u64(b, n);
	else
		put_null(b);
}

static void put_us_or_null(struct outbuf *b, uint64_t ns)
{
	if (ns == TRACK_UNKNOWN_NS)
		put_null(b);
	else
		outbuf_put_u64(b, ns / 1000);
}

static void put_pid(struct outbuf *b, const struct owner *owner)
{
	if (!owner->pid) {
		put_unknown(b);
		return;
	}
	outbuf_put_u64(b, owner->pid);
	if (owner->source == OWNER_LISTENER || owner->source == OWNER_SCAN)
		outbuf_putc(b, '?');
}

void field_put_id(struct outbuf *b, uint64_t id)
{
	if (!event_id_is_cookie(id)) {
		put_null(b);
		return;
	}
	outbuf_putc(b, '"');
	outbuf_put_u64(b, id);
	outbuf_putc(b, '"');
}

static void put_reason(struct outbuf *b, const struct change *c)
{
	const char *name;

	outbuf_puts(b, reason_name(c->reason));
	if (c->reason != REASON_OTHER)
		return;
	name = strerrorname_np(c->err);
	outbuf_putc(b, ':');
	if (name)
		outbuf_puts(b, name);
	else
		outbuf_put_u64(b, c->err);
}

/* ---- the fields ------------------------------------------------------------------------------ */

#define CONN(row) ((row)->change->conn)

static void text_time(struct outbuf *b, const struct field_row *r)
{
	when_put_wall_clock(b, r->world, r->change->ts_ns);
}

static void text_since(struct outbuf *b, const struct field_row *r)
{
	when_put_since_start(b, r->world, r->change->ts_ns);
}

static void json_ts(struct outbuf *b, const struct field_row *r)
{
	when_put_rfc3339(b, r->world, r->change->ts_ns);
}

static void json_mono(struct outbuf *b, const struct field_row *r)
{
	outbuf_put_u64(b, r->change->ts_ns);
}

static void text_pid(struct outbuf *b, const struct field_row *r)
{
	put_pid(b, &r->change->owner);
}

static void json_pid(struct outbuf *b, const struct field_row *r)
{
	put_number_or_null(b, r->change->owner.pid);
}

static void text_comm(struct outbuf *b, const struct field_row *r)
{
	if (r->change->owner.pid)
		outbuf_put_term(b, r->change->owner.comm, TCS_COMM_LEN);
	else
		put_unknown(b);
}

static void json_comm(struct outbuf *b, const struct field_row *r)
{
	if (r->change->owner.pid)
		outbuf_put_json(b, r->change->owner.comm, TCS_COMM_LEN);
	else
		put_null(b);
}

static void json_owner_source(struct outbuf *b, const struct field_row *r)
{
	put_name(b, &owner_sources[r->change->owner.pid ? r->change->owner.source : OWNER_UNKNOWN]);
}

static struct device_ref device_of(const struct field_row *r)
{
	return (struct device_ref){ r->world, CONN(r)->netns_cookie, CONN(r)->netns,
				    CONN(r)->device };
}

static struct device_ref local_device(const struct field_row *r)
{
	struct device_ref d = device_of(r);

	return device_of_local(&d, CONN(r)->laddr, CONN(r)->rport ? CONN(r)->raddr : NULL);
}

static struct device_ref remote_device(const struct field_row *r)
{
	struct device_ref d = device_of(r);

	return device_of_remote(&d, CONN(r)->raddr);
}

/* After an address that has been put; most sockets have none. */
static void text_device(struct outbuf *b, const struct field_row *r,
			struct device_ref (*of)(const struct field_row *r))
{
	struct device_ref d;

	if (!CONN(r)->device)
		return;
	d = of(r);
	device_put_text(b, &d);
}

static void text_laddr(struct outbuf *b, const struct field_row *r)
{
	if (!CONN(r)->family) {
		put_unknown(b);
		return;
	}
	outbuf_put_addr(b, CONN(r)->laddr, CONN(r)->family);
	text_device(b, r, local_device);
}

static void text_raddr(struct outbuf *b, const struct field_row *r)
{
	if (!CONN(r)->family || !CONN(r)->rport) {
		put_unknown(b);
		return;
	}
	outbuf_put_addr(b, CONN(r)->raddr, CONN(r)->family);
	text_device(b, r, remote_device);
}

static void json_addr(struct outbuf *b, const uint8_t addr[16], unsigned int family)
{
	outbuf_putc(b, '"');
	outbuf_put_addr(b, addr, family);
	outbuf_putc(b, '"');
}

static void json_laddr(struct outbuf *b, const struct field_row *r)
{
	if (CONN(r)->family)
		json_addr(b, CONN(r)->laddr, CONN(r)->family);
	else
		put_null(b);
}

static void json_raddr(struct outbuf *b, const struct field_row *r)
{
	if (CONN(r)->family && CONN(r)->rport)
		json_addr(b, CONN(r)->raddr, CONN(r)->family);
	else
		put_null(b);
}

static void text_port(struct outbuf *b, uint16_t port)
{
	if (port)
		outbuf_put_u64(b, port);
	else
		put_unknown(b);
}

static void text_lport(struct outbuf *b, const struct field_row *r)
{
	text_port(b, r->change->lport);
}

static void text_rport(struct outbuf *b, const struct field_row *r)
{
	text_port(b, CONN(r)->rport);
}

static void json_lport(struct outbuf *b, const struct field_row *r)
{
	put_number_or_null(b, r->change->lport);
}

static void json_rport(struct outbuf *b, const struct field_row *r)
{
	put_number_or_null(b, CONN(r)->rport);
}

static void text_old(struct outbuf *b, const struct field_row *r)
{
	size_t start = b->len;

	put_name(b, &state_names[r->change->old_state]);
	outbuf_pad_right(b, start, 11);
	outbuf_lit(b, " ->");
}

static enum paint paint_old(const struct field_row *r)
{
	return paint_state(r->change->old_state);
}

static enum paint paint_new(const struct field_row *r)
{
	return paint_state(r->change->new_state);
}

/* The star: handed to the time-wait table while still in FIN_WAIT2. */
static void text_new(struct outbuf *b, const struct field_row *r)
{
	if (!r->change->new_state) {
		put_unknown(b);
		return;
	}
	put_name(b, &state_names[r->change->new_state]);
	if (r->change->tw_substate == TCS_FIN_WAIT2)
		outbuf_putc(b, '*');
}

static void json_old(struct outbuf *b, const struct field_row *r)
{
	put_state_key(b, r->change->old_state);
}

static void json_new(struct outbuf *b, const struct field_row *r)
{
	put_state_key(b, r->change->new_state);
}

static void json_kernel_new(struct outbuf *b, const struct field_row *r)
{
	put_state_key(b, r->change->kernel_new_state);
}

static void json_tw_substate(struct outbuf *b, const struct field_row *r)
{
	put_state_key(b, r->change->tw_substate);
}

/* Three decimals, as bcc has them; none after 28 hours, to stay within the line. */
static void put_ms(struct outbuf *b, uint64_t ns)
{
	if (ns / 1000000 < 100000000)
		outbuf_put_ms(b, ns);
	else
		outbuf_put_u64(b, ns / 1000000);
}

static void text_ms(struct outbuf *b, const struct field_row *r)
{
	if (r->change->in_old_ns == TRACK_UNKNOWN_NS)
		put_unknown(b);
	else
		put_ms(b, r->change->in_old_ns);
}

static void json_duration(struct outbuf *b, const struct field_row *r)
{
	put_us_or_null(b, r->change->in_old_ns);
}

static void text_netns(struct outbuf *b, const struct field_row *r)
{
	if (CONN(r)->family)
		outbuf_put_u64(b, CONN(r)->netns);
	else
		put_unknown(b);
}

static void json_netns(struct outbuf *b, const struct field_row *r)
{
	put_number_or_null(b, CONN(r)->netns);
}

static void json_netns_cookie(struct outbuf *b, const struct field_row *r)
{
	field_put_id(b, CONN(r)->netns_cookie);
}

static void json_device(struct outbuf *b, const struct field_row *r)
{
	struct device_ref d = device_of(r);

	device_put_json(b, &d);
}

static void json_family(struct outbuf *b, const struct field_row *r)
{
	put_number_or_null(b, CONN(r)->family);
}

static void text_uid(struct outbuf *b, const struct field_row *r)
{
	if (CONN(r)->family)
		outbuf_put_u64(b, CONN(r)->uid);
	else
		put_unknown(b);
}

static void json_uid(struct outbuf *b, const struct field_row *r)
{
	if (CONN(r)->family)
		outbuf_put_u64(b, CONN(r)->uid);
	else
		put_null(b);
}

static const char *cgroup_of(const struct field_row *r)
{
	return r->world->cgroup_path ?
		       r->world->cgroup_path(r->world->cgroup_ctx, CONN(r)->cgroup) :
		       NULL;
}

static void text_cgroup(struct outbuf *b, const struct field_row *r)
{
	const char *path = cgroup_of(r);

	if (path)
		outbuf_put_term(b, path, 4096);
	else
		put_unknown(b);
}

static void json_cgroup(struct outbuf *b, const struct field_row *r)
{
	const char *path = cgroup_of(r);

	if (path)
		outbuf_put_json(b, path, 4096);
	else
		put_null(b);
}

static void text_direction(struct outbuf *b, const struct field_row *r)
{
	const struct name *quoted = &directions[CONN(r)->direction];

	if (CONN(r)->direction)
		outbuf_put(b, quoted->text + 1, quoted->len - 2u);
	else
		put_unknown(b);
}

static void json_direction(struct outbuf *b, const struct field_row *r)
{
	put_name(b, &directions[CONN(r)->direction]);
}

static void text_rtt(struct outbuf *b, const struct field_row *r)
{
	if (r->change->rtt_us)
		outbuf_put_ms(b, r->change->rtt_us * 1000ull);
	else
		put_unknown(b);
}

static void json_rtt(struct outbuf *b, const struct field_row *r)
{
	put_number_or_null(b, r->change->rtt_us);
}

static void text_reason(struct outbuf *b, const struct field_row *r)
{
	if (r->change->reason)
		put_reason(b, r->change);
	else
		put_unknown(b);
}

static void json_reason(struct outbuf *b, const struct field_row *r)
{
	if (!r->change->reason) {
		put_null(b);
		return;
	}
	outbuf_putc(b, '"');
	put_reason(b, r->change);
	outbuf_putc(b, '"');
}

static void text_cookie(struct outbuf *b, const struct field_row *r)
{
	if (CONN(r)->cookie)
		outbuf_put_u64(b, CONN(r)->cookie);
	else
		put_unknown(b);
}

static void json_cookie(struct outbuf *b, const struct field_row *r)
{
	field_put_id(b, CONN(r)->cookie);
}

static void json_recovered(struct outbuf *b, const struct field_row *r)
{
	if (r->change->recovered)
		outbuf_lit(b, "true");
	else
		outbuf_lit(b, "false");
}

/* ---- of a finished connection ---------------------------------------------------------------- */

static void put_span_or_unknown(struct outbuf *b, uint64_t ns)
{
	if (ns == TRACK_UNKNOWN_NS)
		put_unknown(b);
	else
		outbuf_put_span(b, ns);
}

static void text_endpoint(struct outbuf *b, const struct field_row *r, const uint8_t addr[16],
			  const struct device_ref *d, uint16_t port)
{
	unsigned int family = CONN(r)->family;

	if (!family) {
		put_unknown(b);
		return;
	}
	device_put_host(b, addr, family, d);
	outbuf_putc(b, ':');
	text_port(b, port);
}

static void text_local(struct outbuf *b, const struct field_row *r)
{
	struct device_ref d = local_device(r);

	text_endpoint(b, r, CONN(r)->laddr, &d, r->change->lport);
}

static void text_remote(struct outbuf *b, const struct field_row *r)
{
	struct device_ref d = remote_device(r);

	text_endpoint(b, r, CONN(r)->raddr, &d, CONN(r)->rport);
}

static void text_setup(struct outbuf *b, const struct field_row *r)
{
	put_span_or_unknown(b, CONN(r)->handshake_us ? CONN(r)->handshake_us * 1000ull :
						       TRACK_UNKNOWN_NS);
}

static void text_life(struct outbuf *b, const struct field_row *r)
{
	put_span_or_unknown(b, r->connection->duration_ns);
}

static void text_sent(struct outbuf *b, const struct field_row *r)
{
	if (r->change->has_totals)
		outbuf_put_size(b, r->change->totals.bytes_sent);
	else
		put_unknown(b);
}

static void text_received(struct outbuf *b, const struct field_row *r)
{
	if (r->change->has_totals)
		outbuf_put_size(b, r->change->totals.bytes_received);
	else
		put_unknown(b);
}

static void text_retx(struct outbuf *b, const struct field_row *r)
{
	if (r->change->has_totals)
		outbuf_put_u64(b, r->change->totals.retransmits);
	else
		put_unknown(b);
}

/* "we closed first -> TIME_WAIT, normal", "SYN_SENT -> CLOSE, refused" */
static void text_story(struct outbuf *b, const struct field_row *r)
{
	static const char *const who[CLOSED_BY_MAX] = {
		[CLOSED_BY_US] = "we closed first",
		[CLOSED_BY_PEER] = "peer closed first",
		[CLOSED_BY_BOTH] = "both closed at once",
	};
	const char *closer = who[r->connection->closed_by];

	if (closer && r->change->reason == REASON_NORMAL)
		outbuf_puts(b, closer);
	else
		put_name(b, &state_names[r->change->old_state]);
	outbuf_lit(b, " -> ");
	text_new(b, r);
	outbuf_lit(b, ", ");
	put_reason(b, r->change);
	if (CONN(r)->path_broken)
		outbuf_lit(b, " (part of it was missed)");
}

static void json_closed_by(struct outbuf *b, const struct field_row *r)
{
	put_name(b, &closers[r->connection->closed_by]);
}

static void json_path(struct outbuf *b, const struct field_row *r)
{
	unsigned int i;

	outbuf_putc(b, '[');
	for (i = 0; i < CONN(r)->path_len; i++) {
		const struct path_step *step = &CONN(r)->path[i];
		uint64_t ns = step->in_state_ns;

		if (i)
			outbuf_putc(b, ',');
		outbuf_putc(b, '[');
		put_state_key(b, step->state);
		outbuf_putc(b, ',');
		put_us_or_null(b, ns == PATH_UNKNOWN_NS ? TRACK_UNKNOWN_NS : ns);
		outbuf_putc(b, ']');
	}
	outbuf_putc(b, ']');
}

static void json_life(struct outbuf *b, const struct field_row *r)
{
	put_us_or_null(b, r->connection->duration_ns);
}

static void json_handshake(struct outbuf *b, const struct field_row *r)
{
	put_number_or_null(b, CONN(r)->handshake_us);
}

static void json_total(struct outbuf *b, const struct field_row *r, uint64_t n)
{
	if (r->change->has_totals)
		outbuf_put_u64(b, n);
	else
		put_null(b);
}

static void json_sent(struct outbuf *b, const struct field_row *r)
{
	json_total(b, r, r->change->totals.bytes_sent);
}

static void json_received(struct outbuf *b, const struct field_row *r)
{
	json_total(b, r, r->change->totals.bytes_received);
}

static void json_retransmits(struct outbuf *b, const struct field_row *r)
{
	json_total(b, r, r->change->totals.retransmits);
}

/* ---- the tables ------------------------------------------------------------------------------ */

/* clang-format off */
#define KEY(name) .key = ",\"" name "\":", .key_len = sizeof(",\"" name "\":") - 1
#define COLUMN(name, when, w, min, order) \
	.title = name, .show = when, .width = w, .min_width = min, .drop = order

const struct field change_fields[] = {
	{ COLUMN("TIME", SHOW_WALL_CLOCK, 8, 8, 10), .text = text_time },
	{ COLUMN("SINCE", SHOW_SINCE_START, 11, 11, 9), .text = text_since, .right = true },
	{ KEY("ts"), .json = json_ts },
	{ KEY("mono_ns"), .json = json_mono },
	{ COLUMN("PID", SHOW_ALWAYS, 7, 7, 12), .text = text_pid },
	{ COLUMN("COMM", SHOW_ALWAYS, 15, 8, 1), .text = text_comm },
	{ KEY("cookie"), .of_socket = true, .json = json_cookie },
	{ KEY("netns"), .of_socket = true, .json = json_netns },
	{ KEY("netns_cookie"), .of_socket = true, .json = json_netns_cookie },
	{ KEY("family"), .of_socket = true, .json = json_family },
	{ KEY("laddr"), .of_socket = true, COLUMN("LADDR", SHOW_ALWAYS, 16, 15, 0), .address = true,
	  .text = text_laddr, .json = json_laddr },
	{ KEY("lport"), .of_socket = true, COLUMN("LPORT", SHOW_ALWAYS, 5, 5, 0), .right = true,
	  .text = text_lport, .json = json_lport },
	{ KEY("raddr"), .of_socket = true, COLUMN("RADDR", SHOW_ALWAYS, 16, 15, 0), .address = true,
	  .text = text_raddr, .json = json_raddr },
	{ KEY("rport"), .of_socket = true, COLUMN("RPORT", SHOW_ALWAYS, 5, 5, 0), .right = true,
	  .text = text_rport, .json = json_rport },
	{ KEY("device"), .of_socket = true, .json = json_device },
	{ KEY("old_state"), COLUMN("OLDSTATE    ->", SHOW_ALWAYS, 14, 14, 0),
	  .of_transition = true, .paint = paint_old, .text = text_old, .json = json_old },
	{ KEY("new_state"), COLUMN("NEWSTATE", SHOW_ALWAYS, 11, 11, 0),
	  .paint = paint_new, .text = text_new, .json = json_new },
	{ KEY("kernel_new_state"), .json = json_kernel_new },
	{ KEY("tw_substate"), .json = json_tw_substate },
	{ KEY("duration_us"), COLUMN("MS", SHOW_ALWAYS, 8, 8, 11), .right = true,
	  .text = text_ms, .json = json_duration },
	{ COLUMN("NETNS", SHOW_EXTENDED, 10, 10, 7), .text = text_netns, .right = true },
	{ COLUMN("UID", SHOW_EXTENDED, 5, 5, 6), .text = text_uid, .right = true },
	{ COLUMN("CGROUP", SHOW_EXTENDED, 24, 8, 2), .text = text_cgroup },
	{ KEY("direction"), COLUMN("DIR", SHOW_EXTENDED, 8, 8, 5),
	  .text = text_direction, .json = json_direction },
	{ KEY("pid"), .json = json_pid },
	{ KEY("comm"), .json = json_comm },
	{ KEY("uid"), .json = json_uid },
	{ KEY("cgroup"), .json = json_cgroup },
	{ KEY("owner_source"), .json = json_owner_source },
	{ KEY("rtt_us"), COLUMN("RTT", SHOW_EXTENDED, 8, 8, 4), .right = true,
	  .text = text_rtt, .json = json_rtt },
	{ KEY("reason"), COLUMN("REASON", SHOW_EXTENDED, 24, 8, 8),
	  .text = text_reason, .json = json_reason },
	{ COLUMN("COOKIE", SHOW_EXTENDED, 12, 12, 3), .text = text_cookie, .right = true },
	{ KEY("recovered"), .json = json_recovered },
	{ 0 },
};

const struct field connection_fields[] = {
	{ COLUMN("TIME", SHOW_WALL_CLOCK, 8, 8, 7), .text = text_time },
	{ COLUMN("SINCE", SHOW_SINCE_START, 11, 11, 6), .text = text_since, .right = true },
	{ KEY("ts"), .json = json_ts },
	{ KEY("cookie"), .json = json_cookie },
	{ KEY("netns"), .json = json_netns },
	{ KEY("netns_cookie"), .json = json_netns_cookie },
	{ KEY("family"), .json = json_family },
	{ KEY("laddr"), .json = json_laddr },
	{ KEY("lport"), .json = json_lport },
	{ KEY("raddr"), .json = json_raddr },
	{ KEY("rport"), .json = json_rport },
	{ KEY("device"), .json = json_device },
	{ KEY("direction"), COLUMN("DIR", SHOW_ALWAYS, 7, 7, 5),
	  .text = text_direction, .json = json_direction },
	{ COLUMN("PID", SHOW_ALWAYS, 7, 7, 9), .text = text_pid },
	{ COLUMN("COMM", SHOW_ALWAYS, 12, 8, 1), .text = text_comm },
	{ COLUMN("LOCAL", SHOW_ALWAYS, 21, 16, 0), .text = text_local, .address = true },
	{ COLUMN("REMOTE", SHOW_ALWAYS, 21, 16, 0), .text = text_remote, .address = true },
	{ KEY("closed_by"), .json = json_closed_by },
	{ KEY("path"), .json = json_path },
	{ KEY("duration_us"), .json = json_life },
	{ KEY("handshake_us"), COLUMN("SETUP", SHOW_EXTENDED, 6, 6, 2), .right = true,
	  .text = text_setup, .json = json_handshake },
	{ COLUMN("LIFE", SHOW_ALWAYS, 6, 6, 8), .text = text_life, .right = true },
	{ KEY("rtt_us"), .json = json_rtt },
	{ KEY("bytes_sent"), COLUMN("SENT", SHOW_ALWAYS, 5, 5, 4), .right = true,
	  .text = text_sent, .json = json_sent },
	{ KEY("bytes_received"), COLUMN("RECV", SHOW_ALWAYS, 5, 5, 4), .right = true,
	  .text = text_received, .json = json_received },
	{ KEY("retransmits"), COLUMN("RETX", SHOW_EXTENDED, 4, 4, 3), .right = true,
	  .text = text_retx, .json = json_retransmits },
	{ KEY("reason"), .json = json_reason },
	{ COLUMN("PATH / REASON", SHOW_ALWAYS, 0, 28, 0), .text = text_story },
	{ KEY("pid"), .json = json_pid },
	{ KEY("comm"), .json = json_comm },
	{ KEY("uid"), .json = json_uid },
	{ KEY("cgroup"), .json = json_cgroup },
	{ 0 },
};
/* clang-format on */
