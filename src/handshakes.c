// SPDX-License-Identifier: GPL-2.0-only
#include "handshakes.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../bpf/tcs_wire.h"
#include "handshakes.skel.h"

#define BATCH	256
#define SCAN_NS 10000000000ull /* a source is counted anew after so long */

struct handshakes {
	struct handshakes_bpf *skel;
};

int handshakes_new(const char *btf_path, struct handshakes **ret, struct failure *reterr)
{
	LIBBPF_OPTS(bpf_object_open_opts, open_opts, .btf_custom_path = btf_path);
	struct handshakes *h = calloc(1, sizeof(*h));
	int err;

	if (!h) {
		failure_set(reterr, false, "out of memory");
		return -ENOMEM;
	}
	h->skel = handshakes_bpf__open_opts(&open_opts);
	err = h->skel ? 0 : -errno;
	if (!err) {
		bpf_program__set_autoload(h->skel->progs.tcs_handshake_reset,
					  libbpf_find_vmlinux_btf_id("tcp_send_reset",
								     BPF_TRACE_RAW_TP) > 0);
		err = handshakes_bpf__load(h->skel);
	}
	if (!err)
		err = handshakes_bpf__attach(h->skel);
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

static int add(struct audit *to, const struct tcs_handshake_place *at,
	       const struct tcs_handshakes *counts)
{
	struct audit_handshakes row = {
		.netns = at->netns,
		.lport = at->lport,
		.done = counts->done,
		.late = counts->late,
		.resent = counts->resent,
		.failing = counts->failing,
	};

	memcpy(row.laddr, at->laddr, sizeof(row.laddr));
	return audit_add_handshakes(to, &row);
}

int handshakes_read(int map, struct audit *ret)
{
	struct tcs_handshake_place keys[BATCH];
	struct tcs_handshakes counts[BATCH];
	uint32_t batch = 0, n, i;
	void *from = NULL;
	bool last = false;
	int err = 0;

	while (!err && !last) {
		n = BATCH;
		err = bpf_map_lookup_batch(map, from, &batch, keys, counts, &n, NULL);
		last = err == -ENOENT;
		if (last)
			err = 0;
		for (i = 0; !err && i < n; i++)
			err = add(ret, &keys[i], &counts[i]);
		from = &batch;
	}
	ret->handshakes_known = !err;
	return err;
}

/* ---- SYNs to closed ports -------------------------------------------------------------------- */

/* How many different ports set so many of the bits (linear counting, Whang and others, 1990). */
static uint64_t ports_of(const __u64 words[TCS_SCAN_WORDS])
{
	double m = TCS_SCAN_WORDS * 64, empty = m;
	int i;

	for (i = 0; i < TCS_SCAN_WORDS; i++)
		empty -= __builtin_popcountll(words[i]);
	return (uint64_t)(empty > 0 ? m * log(m / empty) + 0.5 : m * log(m));
}

static int add_scanner(struct audit *to, const struct tcs_scanner_key *key,
		       const struct tcs_scanner *held)
{
	struct audit_scanner row = {
		.netns = key->netns,
		.family = key->family,
		.resets = held->resets,
		.ports = ports_of(held->ports),
		.since_ns = held->since_ns,
	};

	memcpy(row.addr, key->addr, sizeof(row.addr));
	return audit_add_scanner(to, &row);
}

int scanners_read(int map, uint64_t now_ns, struct audit *ret)
{
	struct tcs_scanner_key keys[BATCH];
	struct tcs_scanner *held = calloc(BATCH, sizeof(*held));
	uint32_t batch = 0, n, i;
	void *from = NULL;
	bool last = false;
	int err = held ? 0 : -ENOMEM;

	while (!err && !last) {
		n = BATCH;
		err = bpf_map_lookup_batch(map, from, &batch, keys, held, &n, NULL);
		last = err == -ENOENT;
		if (last)
			err = 0;
		for (i = 0; !err && i < n; i++) {
			err = add_scanner(ret, &keys[i], &held[i]);
			if (now_ns > held[i].since_ns + SCAN_NS)
				(void)bpf_map_delete_elem(map, &keys[i]);
		}
		from = &batch;
	}
	free(held);
	return err;
}

int handshakes_look(const struct handshakes *h, uint64_t now_ns, struct audit *ret)
{
	int err = handshakes_read(bpf_map__fd(h->skel->maps.handshakes), ret);

	ret->skipped += h->skel->bss->handshakes_full;
	return err ? err : scanners_read(bpf_map__fd(h->skel->maps.scanners), now_ns, ret);
}
