// SPDX-License-Identifier: GPL-2.0-only
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf_map.h"
#include "census_inside.h"
#include "select.h"
#include "sketch.h"

#define SHARE_LEAST 10 /* of a range: more than a tenth of it */

uint64_t census_ns_of_us(uint64_t us)
{
	return us == TCS_CENSUS_UNKNOWN ? AUDIT_UNKNOWN : us * 1000;
}

static bool loopback(const struct tcs_census_place *p)
{
	static const uint8_t one[16] = { [15] = 1 };

	if (p->device == 1) /* LOOPBACK_IFINDEX */
		return true;
	if (p->family == 4)
		return p->laddr[12] == 127 || p->raddr[12] == 127;
	return !memcmp(p->laddr, one, 16) || !memcmp(p->raddr, one, 16);
}

/* tcp_twsk_unique(): 1 for everybody, 2 on loopback. */
static bool may_reuse(const struct census *c, const struct tcs_census_place *p)
{
	return c->net.tw_reuse == 1 || (c->net.tw_reuse == 2 && loopback(p));
}

static struct audit_place row_of_place(const struct census *c, const struct tcs_census_place *p,
				       const struct tcs_census_held *held)
{
	struct audit_place row = {
		.netns = c->here.netns,
		.family = p->family,
		.rport = p->rport,
		.lport = p->lport,
		.device = p->device,
		.time_wait = held->time_wait,
		.fin_wait2 = held->fin_wait2,
		.ports_used = held->ports,
		.reusable = may_reuse(c, p) ? (uint16_t)held->reusable : 0,
		.next_free_ns = AUDIT_UNKNOWN,
		.all_free_ns = AUDIT_UNKNOWN,
	};

	memcpy(row.laddr, p->laddr, sizeof(row.laddr));
	memcpy(row.raddr, p->raddr, sizeof(row.raddr));
	if (p->rport)
		census_ports_fill(c, p->range, &row);
	if (c->hz && held->time_wait) {
		row.next_free_ns = held->first_end * NS_PER_S / c->hz;
		row.all_free_ns = held->last_end * NS_PER_S / c->hz;
	}
	return row;
}

static int emit_place(struct census *c, const struct tcs_census_place *p,
		      const struct tcs_census_held *held)
{
	struct record_place record = { .head.kind = RECORD_PLACE,
				       .place = row_of_place(c, p, held) };

	/* In a program's range: its TIME_WAIT is counted in the row of the whole range, too. */
	if (p->range && record.place.ports_used < record.place.ports_range / SHARE_LEAST)
		return 0;
	if (!select_place(c->config.filter, &record.place))
		return 0;
	return census_emit(c, &record, sizeof(record));
}

/* ---- TIME_WAIT of a server whose listener is gone -------------------------------------------- */

/* A place whose sockets all had one local port that connect() does not choose, or a server's. */
struct odd_place {
	struct tcs_census_place key;
	struct tcs_census_held held;
	uint16_t lport;
};

/* Of the current namespace; the rest has been emitted. */
struct odd_places {
	struct census *c;
	struct odd_place *at;
	uint32_t n, cap;
};

static int keep_odd(struct odd_places *o, const struct tcs_census_place *p,
		    const struct tcs_census_held *held)
{
	if (o->n == o->cap) {
		uint32_t more = o->cap ? o->cap * 2 : 64;
		struct odd_place *grown = realloc(o->at, more * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		o->at = grown;
		o->cap = more;
	}
	o->at[o->n++] = (struct odd_place){ *p, *held, p->lport ? p->lport : held->odd_lport };
	return 0;
}

/* A server has one local port for all: what has several, or chosen ones too, is a client's. */
static int take_place(void *ctx, const void *key, const void *value)
{
	struct odd_places *o = ctx;
	const struct tcs_census_place *p = key;
	const struct tcs_census_held *held = value;

	if (!p->rport || (held->odd && held->odd_lport && !held->ports))
		return keep_odd(o, p, held);
	return emit_place(o->c, p, held);
}

static int compare_odd(const void *left, const void *right)
{
	const struct odd_place *a = left, *b = right;
	int order = memcmp(a->key.laddr, b->key.laddr, sizeof(a->key.laddr));

	if (order)
		return order;
	if (a->key.device != b->key.device)
		return a->key.device < b->key.device ? -1 : 1;
	return (int)a->lport - (int)b->lport;
}

static bool same_port(const struct odd_place *a, const struct odd_place *b)
{
	return !compare_odd(a, b);
}

/*
 * Peers at different ports that all have to do with one local port: clients. (A client that binds
 * to one port reaches its peers at the same port, as NFS does.) Or it is known already: by a peer
 * whose port was given, or by a listener.
 */
static bool is_served(const struct odd_place *group, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		if (!group[i].key.rport || group[i].key.rport != group[0].key.rport)
			return true;
	return false;
}

static void add_held(struct tcs_census_held *to, const struct tcs_census_held *held)
{
	if (held->time_wait && (!to->time_wait || held->first_end < to->first_end))
		to->first_end = held->first_end;
	if (held->last_end > to->last_end)
		to->last_end = held->last_end;
	to->time_wait += held->time_wait;
	to->fin_wait2 += held->fin_wait2;
}

static int emit_group(struct census *c, const struct odd_place *group, uint32_t n)
{
	struct tcs_census_place key = group->key;
	struct tcs_census_held sum = { 0 };
	uint32_t i;
	int err = 0;

	if (!is_served(group, n)) {
		for (i = 0; !err && i < n; i++)
			err = emit_place(c, &group[i].key, &group[i].held);
		return err;
	}
	for (i = 0; i < n; i++)
		add_held(&sum, &group[i].held);
	key.rport = 0;
	key.lport = group->lport;
	memset(key.raddr, 0, sizeof(key.raddr));
	return emit_place(c, &key, &sum);
}

static int emit_odd(struct odd_places *o)
{
	uint32_t i, n;
	int err = 0;

	if (o->n > 1)
		qsort(o->at, o->n, sizeof(*o->at), compare_odd);
	for (i = 0; !err && i < o->n; i += n) {
		for (n = 1; i + n < o->n && same_port(&o->at[i], &o->at[i + n]);)
			n++;
		err = emit_group(o->c, &o->at[i], n);
	}
	return err;
}

static int add_group(void *ctx, const void *key, const void *value)
{
	struct census *c = ctx;
	const struct tcs_census_group *k = key;
	const struct tcs_census_states *v = value;
	struct record_group record = {
		.head.kind = RECORD_GROUP,
		.group = { .netns = c->here.netns, .lport = k->port, .device = k->device },
	};
	int i;

	memcpy(record.group.raddr, k->addr, sizeof(record.group.raddr));
	for (i = 0; i < TCS_STATE_MAX; i++)
		record.group.states[i] = v->n[i];
	return census_emit(c, &record, sizeof(record));
}

static int add_half_open(void *ctx, const void *key, const void *value)
{
	struct census *c = ctx;
	const struct tcs_census_half_open *h = value;
	struct record_half_open record = {
		.head.kind = RECORD_HALF_OPEN,
		.half_open = {
			.listener = h->listener,
			.netns = c->here.netns,
			.family = h->family,
			.lport = h->lport,
			.device = h->device,
			.count = h->count,
			.full = h->full,
			.acked = h->acked,
			.stuck = h->stuck,
			.recent = h->recent,
			.plain = h->plain,
			.oldest_ns = AUDIT_UNKNOWN,
			.newest_ns = census_ns_of_us(h->newest_us),
			.sources = sketch_estimate(h->sources.rank, sizeof(h->sources.rank)),
			.prefixes = sketch_estimate(h->prefixes.rank, sizeof(h->prefixes.rank)),
			.sources_exact = !h->sources_left_out,
			.prefixes_exact = !h->prefixes_left_out,
		},
	};
	uint64_t listener;
	int err;

	if (h->newest_us != TCS_CENSUS_UNKNOWN)
		record.half_open.oldest_ns = census_ns_of_us(h->oldest_us);
	memcpy(record.half_open.laddr, h->laddr, sizeof(record.half_open.laddr));
	memcpy(&listener, key, sizeof(listener));
	err = hash_add(&c->half_open, listener, c->n_half_open++);
	return err ? err : census_emit(c, &record, sizeof(record));
}

static int add_source(struct census *c, const void *key, const void *value, bool prefix)
{
	const struct tcs_census_source *k = key;
	const struct tcs_census_source_held *held = value;
	struct record_source record = {
		.head.kind = RECORD_SOURCE,
		.source = {
			.count = held->count,
			.oldest_ns = census_ns_of_us(held->oldest_us),
			.family = k->family,
			.device = k->device,
			.bits = k->family == 4 ? (prefix ? 24 : 32) : (prefix ? 64 : 128),
		},
	};

	if (!hash_find(&c->half_open, k->listener, &record.source.half_open))
		return 0; /* its listener found no room, which is counted there */
	memcpy(record.source.addr, k->addr, sizeof(record.source.addr));
	return census_emit(c, &record, sizeof(record));
}

static int add_address(void *ctx, const void *key, const void *value)
{
	struct census *c = ctx;
	return add_source(c, key, value, false);
}

static int add_prefix(void *ctx, const void *key, const void *value)
{
	struct census *c = ctx;
	return add_source(c, key, value, true);
}

static int take_out(struct census *c, const struct bpf_map *map, bpf_map_fn add)
{
	return bpf_map_take_out(bpf_map__fd(map), add, c);
}

int census_take_places(struct census *c)
{
	struct odd_places odd = { .c = c };
	int err;

	if (!c->skel->rodata->set.places)
		return 0;
	err = bpf_map_take_out(bpf_map__fd(c->skel->maps.places), take_place, &odd);
	if (!err)
		err = emit_odd(&odd);
	free(odd.at);
	return err;
}

int census_take_groups(struct census *c)
{
	return c->skel->rodata->set.group ? take_out(c, c->skel->maps.groups, add_group) : 0;
}

/* Half-open connections are joined by the kernel's address of their listener. */
int census_take_half_open(struct census *c)
{
	int err;

	hash_clear(&c->half_open);
	err = take_out(c, c->skel->maps.half_open, add_half_open);
	if (!err)
		err = take_out(c, c->skel->maps.sources, add_address);
	if (!err)
		err = take_out(c, c->skel->maps.prefixes, add_prefix);
	return err;
}

static int add_pending(void *ctx, const void *key, const void *value)
{
	struct census *c = ctx;
	const struct tcs_pending_key *k = key;
	const struct tcs_pending *held = value;
	struct record_connect record = { .head.kind = RECORD_CONNECT,
					 .connect = audit_no_connect() };
	struct audit_connect *to = &record.connect;

	to->netns_cookie = c->here.netns_cookie;
	to->netns = c->here.netns;
	to->device = k->device;
	to->rport = k->rport;
	to->family = k->family;
	to->pending = held->count;
	to->oldest_ns = census_ns_of_us(held->oldest_us);
	memcpy(to->laddr, k->laddr, sizeof(to->laddr));
	memcpy(to->raddr, k->raddr, sizeof(to->raddr));
	return census_emit(c, &record, sizeof(record));
}

int census_take_pending(struct census *c)
{
	return c->skel->rodata->set.pending ? take_out(c, c->skel->maps.pending, add_pending) : 0;
}
