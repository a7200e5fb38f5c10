// SPDX-License-Identifier: GPL-2.0-only
#include "scan.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "feature.h"
#include "scan.skel.h"
#include "state.h"

#define READ_BYTES (64u << 10)

struct holder {
	uint32_t pid;
	char comm[TCS_COMM_LEN];
};

struct held_socket {
	uint64_t id;
	uint32_t holder;
	uint32_t order; /* of the walk: of several holders the first counts */
};

struct listener {
	uint8_t laddr[16];
	uint32_t netns;
	uint32_t holder;
	uint16_t lport;
};

struct scan {
	struct held_socket *sockets;
	struct listener *listeners;
	struct holder *holders;
	uint32_t n_sockets, cap_sockets;
	uint32_t n_listeners, cap_listeners;
	uint32_t n_holders, cap_holders;
	uint64_t skipped;
};

/* Room for one more element; 0 or -ENOMEM. */
static int reserve(void **array, uint32_t n, uint32_t *cap, size_t size)
{
	uint32_t more = *cap ? *cap * 2 : 256;
	void *grown;

	if (n < *cap)
		return 0;
	grown = realloc(*array, more * size);
	if (!grown)
		return -ENOMEM;
	*array = grown;
	*cap = more;
	return 0;
}

/* Rows of one process come one after another. */
static int holder_of(struct scan *s, const struct tcs_wire_scan *row, uint32_t *ret)
{
	struct holder *last = s->n_holders ? &s->holders[s->n_holders - 1] : NULL;

	if (!last || last->pid != row->pid) {
		if (reserve((void **)&s->holders, s->n_holders, &s->cap_holders,
			    sizeof(*s->holders)))
			return -ENOMEM;
		last = &s->holders[s->n_holders++];
		last->pid = row->pid;
		memcpy(last->comm, row->comm, sizeof(last->comm));
	}
	*ret = s->n_holders - 1;
	return 0;
}

static int add_row(struct scan *s, const struct tcs_wire_scan *row)
{
	uint32_t holder;

	if (s->n_sockets == SCAN_MAX) {
		s->skipped++;
		return 0;
	}
	if (holder_of(s, row, &holder) ||
	    reserve((void **)&s->sockets, s->n_sockets, &s->cap_sockets, sizeof(*s->sockets)))
		return -ENOMEM;
	s->sockets[s->n_sockets] =
		(struct held_socket){ .id = row->id, .holder = holder, .order = s->n_sockets };
	s->n_sockets++;
	if (row->state != TCS_LISTEN)
		return 0;
	if (reserve((void **)&s->listeners, s->n_listeners, &s->cap_listeners,
		    sizeof(*s->listeners)))
		return -ENOMEM;
	s->listeners[s->n_listeners] =
		(struct listener){ .netns = row->netns, .holder = holder, .lport = row->lport };
	memcpy(s->listeners[s->n_listeners++].laddr, row->laddr, sizeof(row->laddr));
	return 0;
}

static int compare_sockets(const void *left, const void *right)
{
	const struct held_socket *a = left, *b = right;

	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

/* Sort by id and keep the first holder of each. */
static void settle(struct scan *s)
{
	uint32_t from, to = 0;

	if (s->n_sockets)
		qsort(s->sockets, s->n_sockets, sizeof(*s->sockets), compare_sockets);
	for (from = 0; from < s->n_sockets; from++)
		if (!to || s->sockets[to - 1].id != s->sockets[from].id)
			s->sockets[to++] = s->sockets[from];
	s->n_sockets = to;
}

static int read_rows(struct scan *s, int fd)
{
	const size_t row = sizeof(struct tcs_wire_scan);
	char *buf = malloc(READ_BYTES);
	size_t have = 0, at;
	int err = buf ? 0 : -ENOMEM;

	while (!err) {
		ssize_t n = read(fd, buf + have, READ_BYTES - have);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue; /* nothing put out among many files: the walk goes on */
		if (n <= 0) {
			err = n ? -errno : 0;
			break;
		}
		have += (size_t)n;
		for (at = 0; !err && have - at >= row; at += row) {
			struct tcs_wire_scan r;

			memcpy(&r, buf + at, row);
			err = add_row(s, &r);
		}
		memmove(buf, buf + at, have - at);
		have -= at;
	}
	free(buf);
	return err;
}

/* maps NULL: leave no notes. */
static int walk(struct scan *s, const struct socket_maps *maps, uint32_t states, uint8_t stalled)
{
	struct scan_bpf *skel = scan_bpf__open();
	int err = 0, fd;

	if (!skel)
		return -errno;
	skel->rodata->scan_states = states;
	skel->rodata->scan_stalled = stalled;
	skel->rodata->scan_notes = maps != NULL;
	*(struct tcs_kernel *)&skel->rodata->kernel = feature_get()->kernel;
	if (maps)
		err = bpf_map__reuse_fd(skel->maps.notes, maps->notes);
	else
		err = bpf_map__set_max_entries(skel->maps.notes, 1);
	if (!err && maps)
		err = bpf_map__reuse_fd(skel->maps.listeners, maps->listeners);
	if (!err && maps && maps->parents >= 0)
		err = bpf_map__reuse_fd(skel->maps.parents, maps->parents);
	else if (!err)
		err = bpf_map__set_autocreate(skel->maps.parents, false);
	if (!err)
		err = scan_bpf__load(skel);
	if (!err)
		err = scan_bpf__attach(skel);
	if (!err) {
		fd = bpf_iter_create(bpf_link__fd(skel->links.tcs_scan));
		err = fd < 0 ? -errno : read_rows(s, fd);
		if (fd >= 0)
			close(fd);
	}
	scan_bpf__destroy(skel);
	return err;
}

static int make(const struct socket_maps *maps, uint32_t states, uint8_t stalled, struct scan **ret,
		struct failure *reterr)
{
	struct scan *s = calloc(1, sizeof(*s));
	int err = s ? walk(s, maps, states, stalled) : -ENOMEM;

	if (err) {
		failure_set(reterr, false,
			    "cannot walk the open files of this host (%s): owners of sockets older "
			    "than this program stay unknown",
			    strerror(-err));
		scan_free(s);
		return err;
	}
	settle(s);
	*ret = s;
	return 0;
}

int scan_new(const struct socket_maps *maps, struct scan **ret, struct failure *reterr)
{
	return make(maps, UINT32_MAX, 0, ret, reterr);
}

int scan_owners_new(uint32_t states, uint8_t stalled, struct scan **ret, struct failure *reterr)
{
	return make(NULL, states, stalled, ret, reterr);
}

void scan_free(struct scan *s)
{
	if (!s)
		return;
	free(s->sockets);
	free(s->listeners);
	free(s->holders);
	free(s);
}

uint32_t scan_sockets(const struct scan *s)
{
	return s->n_sockets;
}

uint64_t scan_skipped(const struct scan *s)
{
	return s->skipped;
}

static const struct held_socket *find_socket(const struct scan *s, uint64_t id)
{
	uint32_t low = 0, high = s->n_sockets;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (s->sockets[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < s->n_sockets && s->sockets[low].id == id ? &s->sockets[low] : NULL;
}

/* Bound to every address: :: and 0.0.0.0 (mapped). */
static bool is_any(const uint8_t addr[16])
{
	static const uint8_t any6[16], any4[16] = { [10] = 0xff, [11] = 0xff };

	return !memcmp(addr, any6, 16) || !memcmp(addr, any4, 16);
}

static const struct listener *find_listener(const struct scan *s, uint32_t netns,
					    const uint8_t laddr[16], uint16_t lport)
{
	uint32_t i;

	for (i = 0; i < s->n_listeners; i++) {
		const struct listener *l = &s->listeners[i];

		if (l->lport == lport && l->netns == netns &&
		    (is_any(l->laddr) || !memcmp(l->laddr, laddr, 16)))
			return l;
	}
	return NULL;
}

static void put_owner(const struct scan *s, uint32_t holder, enum owner_source source,
		      struct owner *ret)
{
	ret->pid = s->holders[holder].pid;
	ret->source = source;
	memcpy(ret->comm, s->holders[holder].comm, sizeof(ret->comm));
}

bool scan_owner(const struct scan *s, uint64_t id, uint32_t netns, const uint8_t laddr[16],
		uint16_t lport, struct owner *ret)
{
	const struct held_socket *held = find_socket(s, id);
	const struct listener *l = held ? NULL : find_listener(s, netns, laddr, lport);

	if (held)
		put_owner(s, held->holder, OWNER_SCAN, ret);
	else if (l)
		put_owner(s, l->holder, OWNER_LISTENER, ret);
	return held || l;
}

bool scan_older(void *ctx, uint64_t id, const struct tcs_wire_facts *facts, uint16_t lport,
		struct track_older *ret)
{
	const struct scan *s = ctx;
	const struct held_socket *held = find_socket(s, id);
	const struct listener *l = find_listener(s, facts->netns, facts->laddr, lport);

	if (!held && !l)
		return false;
	*ret = (struct track_older){
		.id = id,
		.direction = l && facts->rport ? DIRECTION_PASSIVE : DIRECTION_UNKNOWN,
	};
	if (held)
		put_owner(s, held->holder, OWNER_SCAN, &ret->owner);
	else
		put_owner(s, l->holder, OWNER_LISTENER, &ret->owner);
	return true;
}
