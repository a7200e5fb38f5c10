// SPDX-License-Identifier: GPL-2.0-only
#include "scan.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scan.skel.h"

#define READ_BYTES (64u << 10)

struct scan {
	struct scan_bpf *skel;
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

int scan_walk(struct scan *s, scan_fn fn, void *ctx, struct failure *reterr)
{
	int fd = bpf_iter_create(bpf_link__fd(s->skel->links.tcs_scan)), err;

	if (fd < 0)
		return complain(reterr, -errno);
	err = read_rows(s, fd, fn, ctx);
	close(fd);
	return err ? complain(reterr, err) : 0;
}

static int share_notes(struct scan_bpf *skel, const struct socket_maps *maps)
{
	int err = bpf_map__reuse_fd(skel->maps.notes, maps->notes);

	if (!err)
		err = bpf_map__reuse_fd(skel->maps.listeners, maps->listeners);
	if (!err)
		err = bpf_map__reuse_fd(skel->maps.parents, maps->parents);
	return err ? err : bpf_map__set_max_entries(skel->maps.marks, 1);
}

static int share_marks(struct scan_bpf *skel, int marks)
{
	int err = bpf_map__reuse_fd(skel->maps.marks, marks);

	return err ? err : bpf_map__set_max_entries(skel->maps.notes, 1);
}

static int load(struct scan_bpf *skel, const struct socket_maps *maps, int marks)
{
	int err;

	skel->rodata->leave_notes = maps != NULL;
	skel->rodata->marked_only = !maps;
	err = maps ? share_notes(skel, maps) : share_marks(skel, marks);
	if (!err)
		err = scan_bpf__load(skel);
	return err ? err : scan_bpf__attach(skel);
}

int scan_new(const struct socket_maps *maps, int marks, struct scan **ret, struct failure *reterr)
{
	struct scan *s = calloc(1, sizeof(*s));
	int err = s ? 0 : -ENOMEM;

	if (!err) {
		s->skel = scan_bpf__open();
		err = s->skel ? load(s->skel, maps, marks) : -errno;
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
