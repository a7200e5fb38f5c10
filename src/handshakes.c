// SPDX-License-Identifier: GPL-2.0-only
#include "handshakes.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../bpf/tcs_wire.h"
#include "bpf_map.h"
#include "feature.h"
#include "handshakes.skel.h"
#include "loader.h"
#include "mono.h"

#define SCAN_NS	      10000000000ull /* after that a source is counted anew */
/*
 * Where half of the table is taken, sources with few ports make room: at each look those that have
 * no more than half of them have, once they have had SCAN_LIGHT_NS to try more.
 */
#define SCAN_CROWDED  (TCS_SCANNERS / 2)
#define SCAN_LIGHT_NS 500000000ull
#define SCAN_LIGHT    16 /* ports; with more, a source stays */
/* Of an address and port, which is forgotten when nothing has been counted there for so long. */
#define IDLE_NS	      30000000000ull

struct handshakes {
	struct handshakes_bpf *skel;
	uint64_t since_ns; /* when counting began */
};

static int load(struct handshakes *h, const char *btf_path)
{
	struct bpf_object_open_opts open_opts = loader_open(btf_path);
	struct handshake_maps maps;
	int err;

	h->skel = handshakes_bpf__open_opts(&open_opts);
	if (!h->skel)
		return -errno;
	*(struct tcs_kernel *)&h->skel->rodata->kernel = feature_get()->kernel;
	bpf_map__set_autocreate(h->skel->maps.parents, feature_get()->kernel.storage);
	bpf_program__set_autoload(h->skel->progs.tcs_handshake_listeners,
				  feature_get()->kernel.storage);
	bpf_program__set_autoload(h->skel->progs.tcs_handshake_reset,
				  feature_get()->btf.reset != 0);
	err = handshakes_bpf__load(h->skel);
	if (err)
		return err;
	handshakes_maps(h, &maps);
	err = handshakes_seed(&maps);
	h->since_ns = mono_now_ns();
	return err ? err : loader_attach(h->skel->skeleton);
}

int handshakes_new(const char *btf_path, struct handshakes **ret, struct failure *reterr)
{
	struct handshakes *h = calloc(1, sizeof(*h));
	int err = h ? load(h, btf_path) : -ENOMEM;

	if (err) {
		failure_set(reterr, true, "cannot count handshakes (%s): their rates stay unknown",
			    strerror(-err));
		handshakes_free(h);
		return err;
	}
	*ret = h;
	return 0;
}

void handshakes_free(struct handshakes *h)
{
	if (!h)
		return;
	handshakes_bpf__destroy(h->skel);
	free(h);
}

void handshakes_maps(const struct handshakes *h, struct handshake_maps *ret)
{
	ret->handshakes = bpf_map__fd(h->skel->maps.handshakes);
	ret->places = bpf_map__fd(h->skel->maps.handshake_places);
	ret->scanners = bpf_map__fd(h->skel->maps.scanners);
	ret->devices = bpf_map__fd(h->skel->maps.devices);
	ret->connects = bpf_map__fd(h->skel->maps.connects);
	ret->connects_added = (const uint64_t *)&h->skel->bss->connects_added;
	ret->since_ns = h->since_ns;
}

int handshakes_of_netns(const struct handshakes *h)
{
	uint64_t end;
	ssize_t n;
	int fd;

	if (!h->skel->links.tcs_handshake_listeners)
		return 0;
	fd = bpf_iter_create(bpf_link__fd(h->skel->links.tcs_handshake_listeners));
	if (fd < 0)
		return -errno;
	do
		n = read(fd, &end, sizeof(end));
	while (n < 0 && (errno == EAGAIN || errno == EINTR));
	close(fd);
	return n < 0 ? -errno : 0;
}

int handshakes_seed(const struct handshake_maps *maps)
{
	static const struct tcs_handshake_place nowhere;
	static const struct tcs_handshakes_at none;
	static const struct tcs_scanner_key nobody;
	static const struct tcs_scanner nothing;
	int err = bpf_map_update_elem(maps->places, &nowhere, &none, BPF_ANY);

	return err ? err : bpf_map_update_elem(maps->scanners, &nobody, &nothing, BPF_ANY);
}

/* ---- records --------------------------------------------------------------------------------- */

struct out {
	int map;
	uint64_t now_ns;
	uint32_t netns; /* 0: of all */
	record_fn fn;
	void *ctx;
	uint64_t skipped;
	uint32_t n_scanners, light[SCAN_LIGHT]; /* sources, by the ports they have tried */
	uint32_t most_light;			/* ports of those that make room */
};

/* One that is forgotten is not emitted: what it counts next is then counted from 0. */
static int add_place(void *ctx, const void *key, const void *value)
{
	struct out *o = ctx;
	const struct tcs_handshake_place *at = key;
	const struct tcs_handshakes_at *held = value;
	struct record_handshakes r = {
		.head.kind = RECORD_HANDSHAKES,
		.handshakes = {
			.done = held->counts.done,
			.late = held->counts.late,
			.resent = held->counts.resent,
			.failing = held->counts.failing,
			.netns = at->netns,
			.device = at->device,
			.lport = at->lport,
			.inet4 = at->inet4,
			.unsure = at->unsure,
		},
	};

	if (!at->netns) {
		o->skipped += held->counts.done;
		return held->counts.done ? o->fn(o->ctx, &r, sizeof(r)) : 0;
	}
	if (o->now_ns > held->last_ns + IDLE_NS) {
		(void)bpf_map_delete_elem(o->map, key);
		return 0;
	}
	if (o->netns && o->netns != at->netns)
		return 0;
	memcpy(r.handshakes.laddr, at->laddr, sizeof(r.handshakes.laddr));
	return o->fn(o->ctx, &r, sizeof(r));
}

/*
 * How many different ports set so many of the bits (linear counting, Whang and others, 1990); no
 * more than there were SYNs.
 */
static uint64_t ports_of(const struct tcs_scanner *s)
{
	double m = TCS_SCAN_WORDS * 64, empty = m;
	uint64_t n;
	int i;

	for (i = 0; i < TCS_SCAN_WORDS; i++)
		empty -= __builtin_popcountll(s->ports[i]);
	n = (uint64_t)(empty > 0 ? m * log(m / empty) + 0.5 : m * log(m));
	return n < s->resets ? n : s->resets;
}

/* Bits that are set, or SCAN_LIGHT if they are more. */
static uint32_t few_ports(const struct tcs_scanner *s)
{
	uint32_t n = 0;
	int i;

	for (i = 0; i < TCS_SCAN_WORDS && n < SCAN_LIGHT; i++)
		n += (uint32_t)__builtin_popcountll(s->ports[i]);
	return n < SCAN_LIGHT ? n : SCAN_LIGHT;
}

static int drop_light(void *ctx, const void *key, const void *value)
{
	const struct tcs_scanner_key *k = key;
	const struct tcs_scanner *held = value;
	struct out *o = ctx;

	if (k->netns && few_ports(held) <= o->most_light &&
	    o->now_ns > held->since_ns + SCAN_LIGHT_NS)
		(void)bpf_map_delete_elem(o->map, key);
	return 0;
}

/* A new source finds room, whichever source has filled the table. */
static int make_room(struct out *o)
{
	uint32_t sum = 0;

	if (o->n_scanners < SCAN_CROWDED)
		return 0;
	for (o->most_light = 0; o->most_light < SCAN_LIGHT - 1; o->most_light++) {
		sum += o->light[o->most_light];
		if (sum * 2 >= o->n_scanners)
			break;
	}
	return bpf_map_each(o->map, drop_light, o);
}

static int add_scanner(void *ctx, const void *key, const void *value)
{
	struct out *o = ctx;
	const struct tcs_scanner_key *k = key;
	const struct tcs_scanner *held = value;
	struct record_scanner r = {
		.head.kind = RECORD_SCANNER,
		.scanner = {
			.resets = held->resets,
			.ports = ports_of(held),
			.since_ns = held->since_ns,
			.netns = k->netns,
			.family = k->family,
			.device = k->device,
		},
	};

	if (!k->netns) {
		o->skipped += held->resets;
		return 0;
	}
	o->n_scanners++;
	if (few_ports(held) < SCAN_LIGHT)
		o->light[few_ports(held)]++;
	if (o->now_ns > held->since_ns + SCAN_NS)
		(void)bpf_map_delete_elem(o->map, key);
	if (o->netns && o->netns != k->netns)
		return 0;
	memcpy(r.scanner.addr, k->addr, sizeof(r.scanner.addr));
	return o->fn(o->ctx, &r, sizeof(r));
}

int handshakes_look(const struct handshake_maps *maps, uint64_t now_ns, uint32_t netns,
		    record_fn fn, void *ctx, uint64_t *ret_skipped)
{
	struct out o = {
		.map = maps->places, .now_ns = now_ns, .netns = netns, .fn = fn, .ctx = ctx
	};
	int err = bpf_map_each(o.map, add_place, &o);

	o.map = maps->scanners;
	if (!err)
		err = bpf_map_each(o.map, add_scanner, &o);
	if (!err)
		err = make_room(&o);
	*ret_skipped = o.skipped;
	return err;
}
