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

uint64_t census_ns_of_us(uint64_t us)
{
	return us == TCS_CENSUS_UNKNOWN ? AUDIT_UNKNOWN : us * 1000;
}

static bool loopback(const struct tcs_census_place *p)
{
	static const uint8_t one[16] = { [15] = 1 };

	if (p->family == 4)
		return p->laddr[12] == 127 || p->raddr[12] == 127;
	return !memcmp(p->laddr, one, 16) || !memcmp(p->raddr, one, 16);
}

/* tcp_twsk_unique(): 1 for everybody, 2 on loopback. */
static bool may_reuse(const struct census *c, const struct tcs_census_place *p)
{
	return c->net.tw_reuse == 1 || (c->net.tw_reuse == 2 && loopback(p));
}

static int add_place(void *ctx, const void *key, const void *value)
{
	struct census *c = ctx;
	const struct tcs_census_place *p = key;
	const struct tcs_census_held *held = value;
	struct record_place record = { .head.kind = RECORD_PLACE };
	struct audit_place row = {
		.netns = c->here.netns,
		.family = p->family,
		.rport = p->rport,
		.lport = p->lport,
		.device = p->device,
		.time_wait = held->time_wait,
		.fin_wait2 = held->fin_wait2,
		.ports_used = held->ports,
		.ports_range = p->rport ? c->net.ports.count : 0,
		.reusable = may_reuse(c, p) ? held->reusable : 0,
		.next_free_ns = AUDIT_UNKNOWN,
		.all_free_ns = AUDIT_UNKNOWN,
	};

	if (c->hz && held->time_wait) {
		row.next_free_ns = held->first_end * NS_PER_S / c->hz;
		row.all_free_ns = held->last_end * NS_PER_S / c->hz;
	}
	memcpy(row.laddr, p->laddr, sizeof(row.laddr));
	memcpy(row.raddr, p->raddr, sizeof(row.raddr));
	if (!select_place(c->config.filter, &row))
		return 0;
	record.place = row;
	return census_emit(c, &record, sizeof(record));
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
	return c->skel->rodata->set.places ? take_out(c, c->skel->maps.places, add_place) : 0;
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
