// SPDX-License-Identifier: GPL-2.0-only
#include "handshakes.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../bpf/tcs_wire.h"
#include "handshakes.skel.h"

#define BATCH 256

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
	err = h->skel ? handshakes_bpf__load(h->skel) : -errno;
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

int handshakes_look(const struct handshakes *h, struct audit *ret)
{
	ret->skipped += h->skel->bss->handshakes_full;
	return handshakes_read(bpf_map__fd(h->skel->maps.handshakes), ret);
}
