// SPDX-License-Identifier: GPL-2.0-only
#include "handshakes.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../bpf/tcs_wire.h"
#include "bpf_map.h"
#include "feature.h"
#include "handshakes.skel.h"
#include "loader.h"

#define SCAN_NS 10000000000ull /* a source is counted anew after so long */

struct handshakes {
	struct handshakes_bpf *skel;
};

static int load(struct handshakes *h, const char *btf_path)
{
	struct bpf_object_open_opts open_opts = loader_open(btf_path);
	struct handshake_maps maps;
	int err;

	h->skel = handshakes_bpf__open_opts(&open_opts);
	if (!h->skel)
		return -errno;
	bpf_program__set_autoload(h->skel->progs.tcs_handshake_reset,
				  feature_get()->btf.reset != 0);
	err = handshakes_bpf__load(h->skel);
	if (err)
		return err;
	handshakes_maps(h, &maps);
	err = handshakes_seed(&maps);
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
	ret->scanners = bpf_map__fd(h->skel->maps.scanners);
	ret->devices = bpf_map__fd(h->skel->maps.devices);
}

int handshakes_seed(const struct handshake_maps *maps)
{
	static const struct tcs_handshake_place nowhere;
	static const struct tcs_handshakes none;
	static const struct tcs_scanner_key nobody;
	static const struct tcs_scanner nothing;
	int err = bpf_map_update_elem(maps->handshakes, &nowhere, &none, BPF_ANY);

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
};

static int add_handshakes(void *ctx, const void *key, const void *value)
{
	struct out *o = ctx;
	const struct tcs_handshake_place *at = key;
	const struct tcs_handshakes *counts = value;
	struct record_handshakes r = {
		.head.kind = RECORD_HANDSHAKES,
		.handshakes = {
			.done = counts->done,
			.late = counts->late,
			.resent = counts->resent,
			.failing = counts->failing,
			.netns = at->netns,
			.lport = at->lport,
		},
	};

	if (!at->netns) {
		o->skipped += counts->done;
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
		.map = maps->handshakes, .now_ns = now_ns, .netns = netns, .fn = fn, .ctx = ctx
	};
	int err = bpf_map_each(o.map, add_handshakes, &o);

	o.map = maps->scanners;
	if (!err)
		err = bpf_map_each(o.map, add_scanner, &o);
	*ret_skipped = o.skipped;
	return err;
}
