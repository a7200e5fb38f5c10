// SPDX-License-Identifier: GPL-2.0-only
#include "sweep.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "census.skel.h"
#include "state.h"

#define ROWS_BYTES (TCS_CENSUS_ROWS * sizeof(struct tcs_wire_census))

struct expected {
	uint64_t net;
	uint64_t ehash;
	uint64_t sockets;
	uint32_t netns;
	bool aside; /* its sockets have been put aside */
};

struct sweep {
	struct census_bpf *skel;
	struct tcs_census_sweep *at; /* shared with the programs */
	const struct tcs_wire_census *rows;
	uint64_t ehash;	    /* the table of the namespace in which we were made */
	bool cookies_given; /* to listeners, in the walk at hand */
	uint32_t n_expected;
	uint64_t room; /* aside */
	struct expected expected[TCS_CENSUS_NETNS];
};

static int run(const struct bpf_program *program)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	return bpf_prog_test_run_opts(bpf_program__fd(program), &opts) ? -errno : 0;
}

/* net: 0: the one we are in. */
static int find(struct sweep *t, uint64_t net)
{
	int err;

	t->at->asked = net;
	err = run(t->skel->progs.tcs_sweep_find);
	if (!err && (!t->at->ehash || (net && t->at->ehash != t->ehash)))
		err = -EOPNOTSUPP;
	return err;
}

int sweep_new(struct census_bpf *skel, struct sweep **ret)
{
	struct sweep *t = calloc(1, sizeof(*t));
	void *rows;
	int err;

	if (!t)
		return -ENOMEM;
	t->skel = skel;
	t->at = &skel->bss->sweep;
	err = find(t, 0);
	t->ehash = t->at->ehash;
	rows = err ? MAP_FAILED :
		     mmap(NULL, ROWS_BYTES, PROT_READ, MAP_SHARED, bpf_map__fd(skel->maps.rows), 0);
	if (!err && rows == MAP_FAILED)
		err = -errno;
	if (err) {
		free(t);
		return err;
	}
	t->rows = rows;
	*ret = t;
	return 0;
}

void sweep_free(struct sweep *t)
{
	if (!t)
		return;
	munmap((void *)t->rows, ROWS_BYTES);
	free(t);
}

int sweep_begin(struct sweep *t)
{
	int fd = bpf_map__fd(t->skel->maps.chains);
	uint64_t net;

	t->n_expected = 0;
	t->at->n_aside = 0;
	t->room = TCS_CENSUS_ASIDE;
	while (!bpf_map_get_next_key(fd, NULL, &net))
		if (bpf_map_delete_elem(fd, &net))
			return -errno;
	return 0;
}

int sweep_expect(struct sweep *t, uint32_t netns, uint64_t net, uint64_t sockets)
{
	int err = find(t, net);

	if (err || t->n_expected == TCS_CENSUS_NETNS)
		return err;
	t->expected[t->n_expected++] = (struct expected){
		.net = t->at->net,
		.ehash = t->at->ehash,
		.sockets = sockets,
		.netns = netns,
	};
	return 0;
}

bool sweep_reaches(struct sweep *t, uint64_t net)
{
	return !find(t, net);
}

/* Everything that comes behind it, has its sockets in the same table, and finds room. */
static void put_aside(struct sweep *t, const struct expected *now)
{
	const struct tcs_census_chain none = { .walk = ++t->at->walk };
	struct expected *e, *end = t->expected + t->n_expected;

	for (e = t->expected + (now - t->expected) + 1; e < end; e++) {
		uint64_t need = e->sockets + e->sockets / 4 + 64; /* half-open ones nobody counts */

		if (e->aside || e->ehash != now->ehash || need > t->room)
			continue;
		if (bpf_map_update_elem(bpf_map__fd(t->skel->maps.chains), &e->net, &none, BPF_ANY))
			return;
		e->aside = true;
		t->room -= need;
	}
}

static const struct expected *is_expected(const struct sweep *t, uint32_t netns)
{
	uint32_t i;

	for (i = 0; i < t->n_expected; i++)
		if (t->expected[i].netns == netns && t->expected[i].net == t->at->net)
			return &t->expected[i];
	return NULL;
}

/* All of them. *ret: the first, or 0: there is none. */
static bool are_aside(const struct sweep *t, const struct expected *e, uint32_t *ret)
{
	struct tcs_census_chain chain;

	if (!e || !e->aside ||
	    bpf_map_lookup_elem(bpf_map__fd(t->skel->maps.chains), &e->net, &chain) ||
	    chain.left_out)
		return false;
	*ret = chain.first;
	return true;
}

bool sweep_is_aside(struct sweep *t, uint32_t netns, uint64_t net)
{
	uint32_t first;

	return !find(t, net) && are_aside(t, is_expected(t, netns), &first);
}

/* iter/tcp begins with the listeners; behind them it is not followed. */
static int give_cookies(struct sweep *t)
{
	int fd = bpf_iter_create(bpf_link__fd(t->skel->links.tcs_sweep_cookies));
	char buf[TCS_CENSUS_READ];
	ssize_t n;

	if (fd < 0)
		return -errno;
	do
		n = read(fd, buf, sizeof(buf));
	while (n < 0 && (errno == EAGAIN || errno == EINTR));
	close(fd);
	return n < 0 ? -errno : 0;
}

/* A listener's id is its cookie; one that nobody has asked about has none yet. */
static int tell_row(struct sweep *t, const struct tcs_wire_census *found,
		    const struct sweep_walk *walk)
{
	struct tcs_wire_census row = *found;
	int err = 0;

	if (row.state == TCS_LISTEN && row.id & TCS_ID_OWN) {
		if (!t->cookies_given)
			err = give_cookies(t);
		t->cookies_given = true;
		t->skel->bss->asked = row.id;
		if (!err)
			err = run(t->skel->progs.tcs_sweep_ask);
		row.id = t->skel->bss->asked;
	}
	return err ? err : walk->row(walk->ctx, &row);
}

int sweep_walk(struct sweep *t, uint32_t netns, const struct sweep_walk *walk)
{
	const struct expected *e;
	uint32_t i, first = 0;
	int err = find(t, walk->net);

	if (err)
		return err;
	e = is_expected(t, netns);
	t->at->slice = walk->slice;
	t->at->left_out = 0;
	t->cookies_given = walk->net != 0; /* they are given in the namespace we are in only */
	t->at->from_aside = are_aside(t, e, &first);
	t->at->at_aside = first;
	if (e && !t->at->from_aside)
		put_aside(t, e);
	while (!err && !t->at->over) {
		t->at->n_rows = 0;
		err = run(t->skel->progs.tcs_sweep_run);
		for (i = 0; !err && i < t->at->n_rows; i++)
			err = tell_row(t, &t->rows[i], walk);
		if (!err)
			err = walk->between(walk->ctx);
	}
	return err;
}
