// SPDX-License-Identifier: GPL-2.0-only
/*
 * census_netns.c - namespaces that no process or name shows, which only their sockets keep alive
 *
 * They are in the kernel's list of namespaces (bpf/tcs_netns.h), and their sockets in the table
 * that all share, so that a walk counts them as those of any other; what /proc shows inside a
 * namespace (counters, limits, the range of local ports) is unknown.
 *
 * Where we see only a part of the host (no right to enter, a PID namespace) most of the list is
 * hidden from us for that reason. Then they are not walked, as outputs say. A namespace that an
 * earlier look covered and that still exists is reported as unseen.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "census_inside.h"

#define HIDDEN_WHOLE_MAX 16

/* ---- the kernel's list ----------------------------------------------------------------------- */

static const struct tcs_netns_list *kernel_list(const struct census *c)
{
	return (const struct tcs_netns_list *)&c->skel->bss->netns_list;
}

void census_read_netns(struct census *c)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct tcs_netns_list *list = (struct tcs_netns_list *)&c->skel->bss->netns_list;

	if (bpf_prog_test_run_opts(bpf_program__fd(c->skel->progs.tcs_netns_listed), &opts))
		list->n = list->left_out = list->complete = 0;
	c->n_hidden = c->n_covers = c->n_whole = 0;
	c->covers_full = false;
}

static bool is_same(const struct census_netns *n, uint32_t inode, uint64_t cookie)
{
	return cookie && n->cookie ? n->cookie == cookie : n->inode == inode;
}

static const struct census_netns *find_in(const struct census_netns *at, uint32_t n, uint32_t inode,
					  uint64_t cookie)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		if (is_same(&at[i], inode, cookie))
			return &at[i];
	return NULL;
}

static bool exists(const struct census *c, const struct census_netns *n)
{
	const struct tcs_netns_list *list = kernel_list(c);
	uint32_t i;

	for (i = 0; i < list->n; i++)
		if (is_same(n, list->at[i].inode, list->at[i].cookie))
			return true;
	return !list->complete;
}

int census_find_hidden(struct census *c)
{
	const struct tcs_netns_list *list = kernel_list(c);
	uint32_t i, at, only = c->config.filter->netns;
	int err = 0;

	c->n_hidden = 0;
	hash_clear(&c->shown);
	for (i = 0; !err && i < c->list.n; i++)
		err = hash_add(&c->shown, c->list.at[i].inode, i);
	for (i = 0; !err && i < list->n; i++) {
		const struct tcs_netns_listed *n = &list->at[i];
		const struct census_netns *before;

		if ((only && only != n->inode) || hash_find(&c->shown, n->inode, &at))
			continue;
		before = find_in(c->covered, c->n_covered, n->inode, n->cookie);
		c->hidden[c->n_hidden++] = (struct census_netns){
			.cookie = n->cookie,
			.net = n->net,
			.inode = n->inode,
			.sockets = before ? before->sockets : 0,
		};
	}
	return err;
}

/* ---- a look ---------------------------------------------------------------------------------- */

void census_cover(struct census *c, uint32_t inode, uint64_t cookie, uint64_t sockets)
{
	c->covers_full |= c->n_covers == TCS_CENSUS_NETNS;
	if (c->n_covers < TCS_CENSUS_NETNS)
		c->covers[c->n_covers++] = (struct census_netns){ .inode = inode,
								  .cookie = cookie,
								  .sockets = sockets };
}

int census_expect_hidden(struct census *c)
{
	uint32_t i;
	int err = 0;

	for (i = 0; !err && i < c->n_hidden; i++)
		if (sweep_reaches(c->sweep, c->hidden[i].net))
			err = sweep_expect(c->sweep, c->hidden[i].inode, c->hidden[i].net,
					   c->hidden[i].sockets);
	return err;
}

static void set_unknown(struct census *c, const struct census_netns *n)
{
	struct host_counters *counters = &c->net.counters;
	uint32_t i;

	c->net = (struct host_net){ 0 };
	counters->in_use = counters->time_wait = counters->time_wait_overflow = HOST_UNKNOWN;
	counters->cookies = HOST_NO_COOKIES;
	for (i = 0; i < COUNTER_MAX; i++)
		counters->handshakes[i] = HOST_UNKNOWN;
	c->here = (struct audit_netns){
		.netns = n->inode,
		.netns_cookie = n->cookie,
		.in_use = AUDIT_UNKNOWN,
		.overflows = AUDIT_UNKNOWN,
		.cookies = HOST_NO_COOKIES,
		.hidden = 1,
	};
	memcpy(c->here.counters, counters->handshakes, sizeof(c->here.counters));
}

/* Rows that are counted by user space find their namespace there: its record comes first. */
static int walk_one(struct census *c, struct census_netns *n)
{
	uint64_t before = c->blind.sockets;
	int err = 0;

	n->walked = true;
	c->here.walked = c->skel->rodata->set.half_open;
	if (c->config.audit.count_rows)
		err = census_emit_netns(c);
	if (!err)
		err = census_ports_look(c);
	if (!err)
		err = census_walk(c);
	n->sockets = c->blind.sockets - before;
	if (err || !n->sockets)
		return err;
	census_cover(c, n->inode, n->cookie, n->sockets);
	return c->config.audit.count_rows ? 0 : census_emit_netns(c);
}

/*
 * Who makes namespaces without end must not be able to have the whole table walked for each: those
 * whose sockets found no room aside are walked up to HIDDEN_WHOLE_MAX, the rest is counted.
 */
static bool may_walk(struct census *c, const struct census_netns *n)
{
	if (!sweep_reaches(c->sweep, n->net))
		return false;
	if (sweep_is_aside(c->sweep, n->inode, n->net) || c->n_whole++ < HIDDEN_WHOLE_MAX)
		return true;
	c->blind.netns_vanished++;
	return false;
}

static int look_at(struct census *c, struct census_netns *n, uint32_t covers)
{
	int err = 0;

	set_unknown(c, n);
	c->here_net = n->net;
	if (!(covers & AUDIT_SOCKETS))
		err = n->sockets ? census_emit_netns(c) : 0;
	else if (may_walk(c, n))
		err = walk_one(c, n);
	c->here_net = 0;
	return err;
}

int census_look_hidden(struct census *c, uint32_t covers)
{
	uint32_t i;
	int err = 0;

	for (i = 0; !err && c->sees_all && c->sweep && i < c->n_hidden; i++)
		err = look_at(c, &c->hidden[i], covers);
	return err;
}

/* In an earlier look, not in this one, and there is no evidence that it holds no socket. */
static bool is_unseen(const struct census *c, const struct census_netns *n)
{
	const struct census_netns *hidden = find_in(c->hidden, c->n_hidden, n->inode, n->cookie);

	return !find_in(c->covers, c->n_covers, n->inode, n->cookie) && exists(c, n) &&
	       !(hidden && hidden->walked);
}

int census_emit_unseen(struct census *c)
{
	struct record_unseen record = { .head.kind = RECORD_UNSEEN };
	struct census_netns *covered = c->covered;
	uint32_t i;
	int err = 0;

	for (i = 0; !err && i < c->n_covered; i++) {
		const struct census_netns *n = &covered[i];

		if (!is_unseen(c, n))
			continue;
		record.unseen =
			(struct audit_unseen){ .netns = n->inode, .netns_cookie = n->cookie };
		census_cover(c, n->inode, n->cookie, n->sockets);
		err = census_emit(c, &record, sizeof(record));
	}
	c->covered = c->covers;
	c->n_covered = c->n_covers;
	c->covers = covered;
	c->n_covers = 0;
	c->blind.netns_vanished += kernel_list(c)->left_out;
	c->blind.netns_listed = kernel_list(c)->complete && !c->covers_full;
	return err;
}
