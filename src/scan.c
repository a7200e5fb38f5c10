// SPDX-License-Identifier: GPL-2.0-only
#include "scan.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "feature.h"
#include "loader.h"
#include "scan.skel.h"

#define READ_BYTES  (64u << 10)
#define FOUND_BATCH (READ_BYTES / sizeof(struct tcs_wire_scan))

struct scan {
	struct scan_bpf *skel;
	bool fast; /* there is bpf_loop(), and with it the faster program for marked files */
	bool all;  /* the program for all files is loaded */
	int marks;
	char buf[READ_BYTES];
};

static int read_rows(struct scan *s, int fd, scan_fn fn, void *ctx)
{
	const size_t size = sizeof(struct tcs_wire_scan);
	size_t have = 0, at;
	int err = 0;

	while (!err) {
		ssize_t n = read(fd, s->buf + have, READ_BYTES - have);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue; /* nothing put out among many files: the walk goes on */
		if (n <= 0)
			return n ? -errno : 0;
		have += (size_t)n;
		for (at = 0; !err && have - at >= size; at += size) {
			struct tcs_wire_scan row;

			memcpy(&row, s->buf + at, size);
			err = fn(ctx, &row);
		}
		memmove(s->buf, s->buf + at, have - at);
		have -= at;
	}
	return err;
}

static int complain(struct failure *reterr, int err)
{
	failure_set(reterr, false,
		    "cannot walk the open files of this host (%s): owners of sockets older than "
		    "this program stay unknown",
		    strerror(-err));
	return err;
}

static int walk(struct scan *s, const struct bpf_link *link, scan_fn fn, void *ctx)
{
	int fd = bpf_iter_create(bpf_link__fd(link)), err;

	if (fd < 0)
		return -errno;
	err = read_rows(s, fd, fn, ctx);
	close(fd);
	return err;
}

/* Rows `from` on, as many as one call gives; how many in *ret_n. */
static int take_found(struct scan *s, uint32_t from, uint32_t n, uint32_t *ret_n)
{
	uint32_t before = from - 1, last, keys[FOUND_BATCH];
	int err;

	*ret_n = n - from < FOUND_BATCH ? n - from : FOUND_BATCH;
	err = bpf_map_lookup_batch(bpf_map__fd(s->skel->maps.found), from ? &before : NULL, &last,
				   keys, s->buf, ret_n, NULL);
	return err == -ENOENT ? 0 : err; /* those were the last there may be */
}

/* The rows in the map. */
static int take_all_found(struct scan *s, scan_fn fn, void *ctx)
{
	uint32_t at, i, n = s->skel->bss->n_found, got = 0;
	int err = 0;

	if (n > TCS_FOUND)
		n = TCS_FOUND;
	for (at = 0; !err && at < n; at += got) {
		err = take_found(s, at, n, &got);
		for (i = 0; !err && i < got; i++) {
			struct tcs_wire_scan row;

			memcpy(&row, s->buf + i * sizeof(row), sizeof(row));
			err = fn(ctx, &row);
		}
	}
	return err;
}

static void begin(struct scan *s)
{
	struct scan_bpf__bss *bss = s->skel->bss;

	bss->n_found = 0;
	bss->scan_number++;
	if (!(bss->scan_number & TCS_OWNER_SCANNED))
		bss->scan_number++;
}

/* -E2BIG, and fn was not called: more was found than there is room for. */
static int walk_marked(struct scan *s, scan_fn fn, void *ctx)
{
	int err;

	begin(s);
	err = walk(s, s->skel->links.tcs_scan_marked, fn, ctx);
	if (!err && s->skel->bss->n_found > TCS_FOUND)
		return -E2BIG;
	return err ? err : take_all_found(s, fn, ctx);
}

/* Sockets without a file of their own are in the map; beyond its room they are left out. */
static int walk_all(struct scan *s, scan_fn fn, void *ctx)
{
	int err;

	begin(s);
	err = walk(s, s->fast ? s->skel->links.tcs_scan : s->skel->links.tcs_scan_bounded, fn, ctx);
	return err ? err : take_all_found(s, fn, ctx);
}

uint32_t scan_number(const struct scan *s)
{
	return s->skel->bss->scan_number;
}

uint32_t scan_corrected(const struct scan *s)
{
	return s->skel->bss->n_corrected;
}

static int share(struct scan_bpf *skel, const struct socket_maps *maps, int marks)
{
	int err = bpf_map__reuse_fd(skel->maps.marks, marks);

	if (!err)
		err = bpf_map__set_autocreate(skel->maps.owner_changes, false);
	if (!err && maps)
		err = bpf_map__reuse_fd(skel->maps.owners, maps->owners);
	if (!err && !feature_get()->kernel.storage)
		err = bpf_map__set_autocreate(skel->maps.parents, false);
	else if (!err && maps)
		err = bpf_map__reuse_fd(skel->maps.parents, maps->parents);
	if (!err && !maps) {
		err = bpf_map__set_max_entries(skel->maps.notes, 1);
		if (!err)
			err = bpf_map__set_max_entries(skel->maps.handshakes, 1);
		if (!err)
			err = bpf_map__set_max_entries(skel->maps.owners, 1);
		return err ? err : bpf_map__set_max_entries(skel->maps.listeners, 1);
	}
	if (!err)
		err = bpf_map__reuse_fd(skel->maps.notes, maps->notes);
	if (!err)
		err = bpf_map__reuse_fd(skel->maps.handshakes, maps->handshakes);
	return err ? err : bpf_map__reuse_fd(skel->maps.listeners, maps->listeners);
}

static int load(struct scan *s, const struct socket_maps *maps, bool fast)
{
	struct bpf_object_open_opts opts = loader_open(NULL);
	struct scan_bpf *skel = s->skel = scan_bpf__open_opts(&opts);
	int err;

	if (!skel)
		return -errno;
	*(struct tcs_kernel *)&skel->rodata->kernel = feature_get()->kernel;
	*(bool *)&skel->rodata->has_notes = maps != NULL;
	err = share(skel, maps, s->marks);
	if (!err)
		err = bpf_program__set_autoload(skel->progs.tcs_scan_marked, fast);
	if (!err)
		err = bpf_program__set_autoload(skel->progs.tcs_scan, fast && s->all);
	if (!err)
		err = bpf_program__set_autoload(skel->progs.tcs_scan_bounded, !fast);
	if (!err)
		err = scan_bpf__load(skel);
	if (!err)
		err = loader_attach(skel->skeleton);
	s->fast = fast;
	return err;
}

/* For more marked sockets than the map has room for; without notes (audit) that is rare. */
static int load_all(struct scan *s)
{
	struct scan_bpf *before = s->skel;
	int err;

	s->all = true;
	err = load(s, NULL, true);
	scan_bpf__destroy(err ? s->skel : before);
	if (err) {
		s->skel = before;
		s->all = false;
	}
	return err;
}

static void set_up(struct scan *s, enum scan_what what, uint32_t netns)
{
	s->skel->bss->leave_notes = what == SCAN_NOTES;
	s->skel->bss->marked_only = what == SCAN_MARKED;
	s->skel->bss->only_netns = netns;
}

int scan_walk(struct scan *s, enum scan_what what, uint32_t netns, scan_fn fn, void *ctx,
	      struct failure *reterr)
{
	int err = -E2BIG;

	set_up(s, what, netns);
	if (s->fast && what == SCAN_MARKED)
		err = walk_marked(s, fn, ctx);
	if (err != -E2BIG)
		return err ? complain(reterr, err) : 0;
	err = s->fast && !s->all ? load_all(s) : 0;
	set_up(s, what, netns);
	if (!err)
		err = walk_all(s, fn, ctx);
	return err ? complain(reterr, err) : 0;
}

int scan_new(const struct socket_maps *maps, int marks, struct scan **ret, struct failure *reterr)
{
	struct scan *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return complain(reterr, -ENOMEM);
	s->marks = marks;
	s->all = maps != NULL;
	err = load(s, maps, true);
	if (err) {
		/* Before 5.17 there is no bpf_loop(). */
		scan_bpf__destroy(s->skel);
		err = load(s, maps, false);
	}
	if (err) {
		scan_free(s);
		return complain(reterr, err);
	}
	*ret = s;
	return 0;
}

void scan_free(struct scan *s)
{
	if (!s)
		return;
	scan_bpf__destroy(s->skel);
	free(s);
}
