// SPDX-License-Identifier: GPL-2.0-only
#include "census.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bpf_map.h"
#include "census_inside.h"
#include "connect_counts.h"
#include "feature.h"
#include "loader.h"
#include "scan.h"

/* A look takes 3 us for a listener, a glance 1 us: with more they would come less often. */
#define LISTENERS_MANY 1024
#define SWEEP_SLICE    16384 /* sockets of one run where no event waits: 4 ms */

/* Jiffies a second: the coarse clocks advance by one (KTIME_LOW_RES). 0: unknown. */
static uint64_t jiffies_rate(void)
{
	struct timespec tick;

	if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) || tick.tv_sec || !tick.tv_nsec)
		return 0;
	return (NS_PER_S + (uint64_t)tick.tv_nsec / 2) / (uint64_t)tick.tv_nsec;
}

static int netns_tables_init(struct census *c)
{
	c->hidden = calloc(TCS_CENSUS_NETNS, sizeof(*c->hidden));
	c->covered = calloc(TCS_CENSUS_NETNS, sizeof(*c->covered));
	c->covers = calloc(TCS_CENSUS_NETNS, sizeof(*c->covers));
	return c->hidden && c->covered && c->covers ? hash_init(&c->shown) : -ENOMEM;
}

int census_new(const struct census_config *config, struct census **ret, struct failure *reterr)
{
	struct census *c = calloc(1, sizeof(*c));
	struct failure no_owners;
	int err;

	if (!c || hash_init(&c->seen) || hash_init(&c->half_open) || netns_tables_init(c)) {
		failure_set(reterr, false, "out of memory");
		census_free(c);
		return -ENOMEM;
	}
	c->config = *config;
	c->hz = jiffies_rate();
	c->counts = config->handshakes ? *config->handshakes : (struct handshake_maps){ 0 };
	c->list.own = -1;
	c->pids_are_ours = host_pids_are_ours();
	c->sees_all = c->pids_are_ours && feature_capable(CAP_SYS_ADMIN) &&
		      feature_capable(CAP_SYS_PTRACE);
	/* Read at the start: the sandbox denies capget() later. */
	c->ptrace = feature_capable(CAP_SYS_PTRACE) ? AUDIT_RIGHT_HELD : AUDIT_RIGHT_MISSING;
	loader_verbose(config->verbose);
	err = census_load(c, reterr);
	if (err) {
		census_free(c);
		return err;
	}
	if (scan_new(c->config.maps, bpf_map__fd(c->skel->maps.marks), &c->scan, &no_owners))
		c->scan = NULL; /* every look says so */
	*ret = c;
	return 0;
}

uint32_t census_pruned(const struct census *c)
{
	return c->skel->bss->n_pruned;
}

int census_devices(const struct census *c)
{
	return bpf_map__fd(c->skel->maps.devices);
}

void census_free(struct census *c)
{
	if (!c)
		return;
	netns_list_release(&c->list);
	hash_release(&c->seen);
	hash_release(&c->half_open);
	scan_free(c->scan);
	sweep_free(c->sweep);
	census_ports_free(c);
	if (c->marks)
		munmap(c->marks, TCS_MARKS * sizeof(*c->marks));
	census_bpf__destroy(c->skel);
	older_free(c->owners);
	free(c->to_read);
	free(c->waiting);
	hash_release(&c->shown);
	free(c->hidden);
	free(c->covered);
	free(c->covers);
	free(c);
}

bool census_want(struct census *c, uint32_t netns)
{
	if (c->n_wanted == CENSUS_WANTED)
		return false;
	c->wanted[c->n_wanted++] = netns;
	return true;
}

void census_verify_owners(struct census *c)
{
	c->verify = c->config.maps != NULL;
}

static bool is_wanted(const struct census *c, uint32_t netns)
{
	uint32_t i;

	for (i = 0; i < c->n_wanted; i++)
		if (c->wanted[i] == netns)
			return true;
	return false;
}

int census_walk_files(struct census *c, scan_fn fn, void *ctx, struct failure *reterr)
{
	if (c->scan)
		return scan_walk(c->scan, SCAN_NOTES, c->config.filter->netns, fn, ctx, reterr);
	failure_set(reterr, false,
		    "cannot walk the open files of this host: owners of sockets older than this "
		    "program stay unknown");
	return -ENOENT;
}

/* ---- a namespace ----------------------------------------------------------------------------- */

static int read_rows(struct census *c, int fd,
		     int (*add)(struct census *c, const struct tcs_wire_census *row))
{
	const size_t size = sizeof(struct tcs_wire_census);
	char buf[TCS_CENSUS_READ + sizeof(struct tcs_wire_census)];
	size_t have = 0, at;
	int err = 0;

	while (!err) {
		ssize_t n = read(fd, buf + have, TCS_CENSUS_READ);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue; /* nothing put out among many sockets: the walk goes on */
		if (n <= 0)
			return n ? -errno : 0;
		have += (size_t)n;
		for (at = 0; !err && have - at >= size; at += size) {
			struct tcs_wire_census row;

			memcpy(&row, buf + at, size);
			err = add(c, &row);
		}
		memmove(buf, buf + at, have - at);
		have -= at;
		if (c->config.between)
			c->config.between(c->config.between_ctx);
	}
	return err;
}

static void take_counts(struct census *c)
{
	const struct tcs_census_out *out = &c->skel->bss->out;
	int i;

	for (i = 0; i < TCS_STATE_MAX && !c->config.audit.count_rows; i++)
		c->here.states[i] = out->states[i];
	if (c->net.counters.time_wait == HOST_UNKNOWN)
		c->here.time_wait_table = out->time_wait_table;
	c->blind.sockets += out->sockets;
	c->blind.skipped += out->places_full + out->groups_full + out->pending_full;
}

/* A listener without a row may have half-open connections all the same. */
static void take_crowded(struct census *c)
{
	uint64_t full = c->skel->bss->out.half_open_full;

	c->blind.skipped += full;
	c->here.crowded = full > 0;
	c->here.walked &= !full;
}

static int take_sweep_row(void *ctx, const struct tcs_wire_census *row)
{
	return census_add_row(ctx, row);
}

/*
 * Every socket that is marked has handed over its row: owners can be looked up, and the marks are
 * used up. What listens was met before what came through it, and is remembered (older_forget()).
 */
static int between_runs(void *ctx)
{
	struct census *c = ctx;
	int err = 0;

	if (c->n_waiting > CENSUS_ROWS_MAX - TCS_CENSUS_ROWS) {
		err = census_emit_waiting(c);
		memset(c->marks, 0, TCS_MARKS * sizeof(*c->marks));
	}
	if (c->config.between)
		c->config.between(c->config.between_ctx);
	return err;
}

static int walk_sweep(struct census *c)
{
	const struct sweep_walk walk = {
		.net = c->here_net,
		.slice = c->config.slice ? c->config.slice : SWEEP_SLICE,
		.row = take_sweep_row,
		.between = between_runs,
		.ctx = c,
	};
	int err = sweep_walk(c->sweep, c->here.netns, &walk);

	c->blind.skipped += c->skel->bss->sweep.left_out;
	return err;
}

static int read_walk(struct census *c)
{
	struct census_bpf *skel = c->skel;
	int err, fd;

	memset(&skel->bss->out, 0, sizeof(skel->bss->out));
	skel->bss->sources_full = skel->bss->prefixes_full = false;
	if (c->sweep)
		return walk_sweep(c);
	fd = bpf_iter_create(bpf_link__fd(skel->links.tcs_census));
	if (fd < 0)
		return -errno;
	err = read_rows(c, fd, census_add_row);
	close(fd);
	return err;
}

static int walk_half_open(struct census *c)
{
	struct census_bpf *skel = c->skel;
	int err;

	skel->bss->half_open_only = true;
	err = read_walk(c);
	skel->bss->half_open_only = false;
	if (err)
		return err;
	c->blind.sockets += skel->bss->out.sockets;
	take_crowded(c);
	return skel->bss->out.states[TCS_SYN_RECV] ? census_take_half_open(c) : 0;
}

int census_walk(struct census *c)
{
	struct census_bpf *skel = c->skel;
	int err;

	memset(skel->bss->listening, 0, sizeof(skel->bss->listening));
	memcpy(skel->bss->local_range, c->net.ports.bits, sizeof(skel->bss->local_range));
	skel->bss->reuse_delay_ms = c->net.tw_reuse_delay_ms;
	err = read_walk(c);
	if (err)
		return err;
	take_counts(c);
	take_crowded(c);
	err = census_take_places(c);
	if (!err)
		err = census_take_groups(c);
	if (!err && skel->bss->out.states[TCS_SYN_RECV])
		err = census_take_half_open(c);
	if (!err && skel->bss->out.states[TCS_SYN_SENT])
		err = census_take_pending(c);
	return err;
}

/* The program, with the first n in ask[]. */
static int run_asked(struct census *c, uint32_t n)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct census_bpf__bss *bss = c->skel->bss;

	memset(&bss->ask[n], 0, (TCS_CENSUS_ASK - n) * sizeof(bss->ask[0]));
	if (n && bpf_prog_test_run_opts(bpf_program__fd(c->skel->progs.tcs_listeners), &opts))
		return -errno;
	return 0;
}

/* Read the listeners that have been asked for. */
static int run_listeners(struct census *c)
{
	struct census_bpf__bss *bss = c->skel->bss;
	uint32_t i, n = c->n_ask;
	int err;

	c->n_ask = 0;
	err = run_asked(c, n);
	for (i = 0; !err && i < n; i++)
		err = census_add_listener(c, (const struct tcs_wire_census *)&bss->answers[i]);
	if (c->config.between)
		c->config.between(c->config.between_ctx);
	return err;
}

static int ask_listener(void *ctx, const void *key, const void *value)
{
	struct census *c = ctx;
	struct tcs_census_ask *ask = (void *)&c->skel->bss->ask[c->n_ask++];

	memcpy(&ask->sk, key, sizeof(ask->sk));
	memcpy(&ask->id, value, sizeof(ask->id));
	return c->n_ask == TCS_CENSUS_ASK ? run_listeners(c) : 0;
}

/* Listeners that found no room among those that are read without a walk, so far. */
static uint64_t left_out(const struct census *c)
{
	const uint64_t *by_events = c->config.maps ? c->config.maps->watched_left_out : NULL;

	return c->skel->bss->watched_left_out +
	       (by_events ? __atomic_load_n(by_events, __ATOMIC_RELAXED) : 0);
}

/* All of them first: how many there are decides how they are read. */
static int collect_listener(void *ctx, const void *key, const void *value)
{
	struct census *c = ctx;

	if (c->n_read == c->cap_read) {
		uint32_t more = c->cap_read ? c->cap_read * 2 : 64;
		void *grown = realloc(c->to_read, more * sizeof(*c->to_read));

		if (!grown)
			return -ENOMEM;
		c->to_read = grown;
		c->cap_read = more;
	}
	memcpy(&c->to_read[c->n_read].sk, key, sizeof(c->to_read->sk));
	memcpy(&c->to_read[c->n_read++].id, value, sizeof(c->to_read->id));
	return 0;
}

/*
 * The queues of all listeners of all namespaces; but of those that found no room, and where they
 * are many, of those that nothing happens to.
 */
static int read_listeners(struct census *c)
{
	bool many;
	uint32_t i;
	int err;

	c->blind.listeners_missing = left_out(c) != c->left_out_seen;
	c->n_ask = c->n_read = 0;
	err = bpf_map_each(c->config.maps->watched, collect_listener, c);
	many = c->n_read > LISTENERS_MANY;
	c->has_pruned |= many;
	c->skel->bss->mark_listeners = c->verify;
	c->skel->bss->prune_idle = many;
	for (i = 0; !err && i < c->n_read; i++)
		err = ask_listener(c, &c->to_read[i].sk, &c->to_read[i].id);
	return err ? err : run_listeners(c);
}

/* ---- owners of listeners --------------------------------------------------------------------- */

enum census_owners census_owners(const struct census *c)
{
	const volatile struct tcs_owner_state *state =
		c->config.maps ? c->config.maps->owner_state : NULL;

	if (state && state->changed != state->settled)
		return CENSUS_OWNERS_CHANGED;
	return state && state->doubts != c->doubts ? CENSUS_OWNERS_DOUBTFUL : CENSUS_OWNERS_KNOWN;
}

static int run_owners(struct census *c)
{
	uint32_t n = c->n_ask;

	c->n_ask = 0;
	return run_asked(c, n);
}

static int ask_owner(void *ctx, const void *key, const void *value)
{
	struct census *c = ctx;
	struct tcs_census_ask *ask = (void *)&c->skel->bss->ask[c->n_ask++];

	memcpy(&ask->sk, key, sizeof(ask->sk));
	memcpy(&ask->id, value, sizeof(ask->id));
	return c->n_ask == TCS_CENSUS_ASK ? run_owners(c) : 0;
}

/* Those that are not read, too: by their address, which their notes have. */
static int ask_owner_at(void *ctx, const void *key, const void *value)
{
	static const uint64_t no_id;

	(void)value;
	return ask_owner(ctx, key, &no_id);
}

/* Every listener: is its owner one that has changed? In n_stale, how many. */
static int each_owner(struct census *c)
{
	int err;

	c->n_ask = 0;
	c->skel->bss->n_stale = 0;
	c->skel->bss->renew_owners = true;
	err = c->has_pruned ? bpf_map_each(c->config.maps->handshakes, ask_owner_at, c) :
			      bpf_map_each(c->config.maps->watched, ask_owner, c);
	if (!err)
		err = run_owners(c);
	c->skel->bss->renew_owners = false;
	return err;
}

static int pass_over(void *ctx, const struct tcs_wire_scan *row)
{
	(void)ctx;
	(void)row;
	return 0;
}

/* What has been read; one that has changed again since stays. */
struct owner_changes {
	int map;
	uint32_t n;
	uint32_t pids[TCS_OWNER_CHANGES];
	struct tcs_owner_change changes[TCS_OWNER_CHANGES];
};

static int keep_change(void *ctx, const void *key, const void *value)
{
	struct owner_changes *to = ctx;

	if (to->n == TCS_OWNER_CHANGES)
		return 0;
	memcpy(&to->pids[to->n], key, sizeof(to->pids[0]));
	memcpy(&to->changes[to->n++], value, sizeof(to->changes[0]));
	return 0;
}

static void forget_changes(const struct owner_changes *of)
{
	struct tcs_owner_change now;
	uint32_t i;

	for (i = 0; i < of->n; i++)
		if (!bpf_map_lookup_elem(of->map, &of->pids[i], &now) &&
		    !memcmp(&now, &of->changes[i], sizeof(now)))
			(void)bpf_map_delete_elem(of->map, &of->pids[i]);
}

/* The scan corrects the notes of listeners that it meets; the others have no owner from then on. */
static int renew(struct census *c)
{
	struct census_bpf__bss *bss = c->skel->bss;
	struct failure why;
	int err;

	bss->forget_owners = false;
	err = each_owner(c);
	if (err || !bss->n_stale)
		return err;
	bss->owners_scan = 0;
	if (c->scan && !scan_walk(c->scan, SCAN_MARKED, 0, pass_over, NULL, &why))
		bss->owners_scan = scan_number(c->scan);
	bss->forget_owners = true;
	return each_owner(c);
}

int census_renew_owners(struct census *c, bool *ret_corrected)
{
	struct tcs_owner_state *state = c->config.maps->owner_state;
	const uint64_t changed = __atomic_load_n(&state->changed, __ATOMIC_ACQUIRE);
	const uint64_t doubts = __atomic_load_n(&state->doubts, __ATOMIC_ACQUIRE);
	struct owner_changes changes = { .map = c->config.maps->owner_changes };
	uint32_t corrected = c->scan ? scan_corrected(c->scan) : 0;
	int err;

	memset(c->marks, 0, TCS_MARKS * sizeof(*c->marks));
	c->skel->bss->owners_overflow = __atomic_exchange_n(&state->overflow, 0, __ATOMIC_ACQ_REL);
	c->skel->bss->owners_doubtful = doubts != c->doubts;
	err = bpf_map_each(changes.map, keep_change, &changes);
	if (!err)
		err = renew(c);
	if (err)
		return err;
	forget_changes(&changes);
	__atomic_store_n(&state->settled, changed, __ATOMIC_RELEASE);
	c->doubts = doubts;
	*ret_corrected = c->scan && corrected != scan_corrected(c->scan);
	return 0;
}

/* ---- namespaces ------------------------------------------------------------------------------ */

static uint32_t known(uint64_t n)
{
	return n == HOST_UNKNOWN ? 0 : (uint32_t)n;
}

static bool may_have_sockets(const struct host_counters *counters)
{
	return counters->in_use || counters->time_wait; /* or unknown */
}

int census_emit_netns(struct census *c)
{
	struct record_netns record = { .head.kind = RECORD_NETNS, .netns = c->here };

	return census_emit(c, &record, sizeof(record));
}

static_assert(HOST_UNKNOWN == AUDIT_UNKNOWN, "handed on as it is");
static_assert(HOST_NO_COOKIES == AUDIT_NO_COOKIES, "handed on as it is");

/* The cookie of the namespace that we are in; 0 unknown. */
static uint64_t cookie_here(const struct census *c)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	c->skel->bss->here_cookie = 0;
	if (bpf_prog_test_run_opts(bpf_program__fd(c->skel->progs.tcs_netns_here), &opts))
		return 0;
	return c->skel->bss->here_cookie;
}

/* We are inside it. */
static int look_here(struct census *c, uint32_t inode, uint32_t covers)
{
	int err = 0;

	if (covers & AUDIT_SOCKETS)
		host_net_read(&c->net);
	else
		host_counters_read(&c->net.counters);
	c->here = (struct audit_netns){
		.netns = inode,
		.netns_cookie = cookie_here(c),
		.in_use = c->net.counters.in_use, /* HOST_UNKNOWN is AUDIT_UNKNOWN */
		.time_wait_table = known(c->net.counters.time_wait),
		.overflows = c->net.counters.time_wait_overflow,
		.cookies = c->net.counters.cookies,
		.syn_backlog = c->net.counters.syn_backlog,
	};
	memcpy(c->here.counters, c->net.counters.handshakes, sizeof(c->here.counters));
	if (covers & AUDIT_SOCKETS) {
		census_cover(c, inode, c->here.netns_cookie, 0);
		c->here.time_wait_limit = c->net.time_wait_limit;
		c->here.ports_range = c->net.ports.count;
		c->here.tw_reuse = c->net.tw_reuse;
	}
	c->here.walked =
		c->skel->rodata->set.half_open && (covers & AUDIT_SOCKETS || is_wanted(c, inode));
	/* Where the states are counted from rows, the rows find their namespace there. */
	if (c->config.audit.count_rows)
		err = census_emit_netns(c);
	if (!err && covers & AUDIT_SOCKETS)
		err = census_ports_look(c); /* bound sockets are not among those in_use */
	if (!err && covers & AUDIT_SOCKETS && may_have_sockets(&c->net.counters))
		err = census_walk(c);
	else if (!err && !(covers & AUDIT_SOCKETS) && c->here.walked)
		err = walk_half_open(c);
	if (!err && !c->config.audit.count_rows)
		err = census_emit_netns(c);
	return err;
}

/* ---- the host -------------------------------------------------------------------------------- */

/*
 * Before the walks: so that one serves several namespaces (what cannot be counted is walked by
 * itself), and so that the children of what listens name it; otherwise their handshakes are counted
 * by address and port, and may be of several listeners.
 */
static int prepare_all(struct census *c, uint32_t covers)
{
	bool expect = c->sweep && covers & AUDIT_SOCKETS && c->list.n + c->n_hidden > 1;
	bool name = c->config.counter && !c->children_named;
	struct host_counters n;
	uint32_t i;
	int err = c->sweep ? sweep_begin(c->sweep) : 0;

	for (i = 0; !err && (expect || name) && i < c->list.n; i++) {
		if (netns_enter(&c->list, i))
			continue;
		host_sockets_read(&n);
		if (name && n.in_use)
			(void)handshakes_of_netns(c->config.counter);
		if (expect && n.in_use != HOST_UNKNOWN && n.time_wait != HOST_UNKNOWN &&
		    may_have_sockets(&n))
			err = sweep_expect(c->sweep, c->list.at[i].inode, 0,
					   n.in_use + n.time_wait);
	}
	if (!err && expect && c->sees_all)
		err = census_expect_hidden(c);
	c->children_named |= name;
	if (err)
		(void)netns_return(&c->list);
	return err;
}

static int look_everywhere(struct census *c, uint32_t covers)
{
	uint32_t i;
	int err = 0;

	for (i = 0; !err && i < c->list.n; i++) {
		int entered = netns_enter(&c->list, i);

		if (entered) {
			c->blind.netns_only_own |= entered == -EPERM;
			c->blind.netns_vanished++;
			continue;
		}
		err = look_here(c, c->list.at[i].inode, covers);
	}
	if (c->list.own >= 0)
		(void)netns_return(&c->list);
	if (!err)
		err = census_look_hidden(c, covers);
	return err || !(covers & AUDIT_SOCKETS) ? err : census_emit_unseen(c);
}

static int emit_holders(struct census *c)
{
	struct record_holder record = { .head.kind = RECORD_HOLDER };
	uint32_t i;
	int err = 0;

	for (i = 0; !err && i < c->n_holders; i++) {
		record.holder.pid = c->holders[i];
		host_fds_read(c->holders[i], &record.holder.fd_used, &record.holder.fd_limit);
		err = census_emit(c, &record, sizeof(record));
	}
	return err;
}

static bool counts_connects(const struct census *c)
{
	return c->config.handshakes && c->counts.connects_added &&
	       connect_counts_apply(c->config.filter);
}

static int emit_connects(struct census *c)
{
	uint64_t skipped = 0;
	int err = connect_counts_look(&c->counts, c->now_ns, c->config.filter, c->fn, c->fn_ctx,
				      &skipped);

	c->blind.skipped += skipped;
	return err;
}

static int emit_handshakes(struct census *c)
{
	uint64_t skipped = 0;
	int err;

	if (c->ended)
		return 0; /* its number may be another one's */
	err = handshakes_look(&c->counts, c->now_ns, c->config.filter->netns, c->fn, c->fn_ctx,
			      &skipped);

	c->blind.skipped += skipped - (skipped < c->skipped_handshakes ? 0 : c->skipped_handshakes);
	c->skipped_handshakes = skipped;
	return err;
}

/* A list of another namespace, or of one whose number may be another one's by now, is not used. */
static void check_list(struct census *c)
{
	c->ended = c->config.scope && !netns_scope_exists(c->config.scope);
	if (c->ended || c->list_of != c->config.filter->netns)
		netns_list_release(&c->list);
	if (c->list_of != c->config.filter->netns)
		c->n_covered = c->n_hidden = 0;
}

static bool is_found(const struct census *c)
{
	return c->list.n || (c->sees_all && c->sweep && c->n_hidden);
}

static int list_again(struct census *c, struct failure *reterr)
{
	int err;

	netns_list_release(&c->list);
	census_read_netns(c);
	if (c->ended)
		return 0;
	c->list_of = c->config.filter->netns;
	err = netns_list_init(&c->list, c->list_of);
	if (!err)
		err = census_find_hidden(c);
	c->blind.netns_denied = c->list.denied;
	c->blind.netns_errno = (uint8_t)c->list.denied_errno;
	c->blind.netns_ptrace = c->list.denied ? c->ptrace : AUDIT_RIGHT_UNKNOWN;
	c->blind.netns_vanished = c->list.vanished;
	c->found |= is_found(c);
	if (err == -ENOENT)
		failure_set(reterr, true,
			    "there is no /proc here: it shows the network namespaces, and their "
			    "limits; mount it");
	if (err || is_found(c) || (c->found && !c->config.scope))
		return err; /* one that has gone has no sockets */
	failure_set(reterr, false,
		    "no namespace of this number can be entered: it has no process we may look "
		    "at, and no name");
	return -ENOENT;
}

/* A walk puts all listeners where they are read without one; was there room for each? */
static void see_left_out(struct census *c, uint64_t before)
{
	if (left_out(c) == before)
		c->left_out_seen = before;
}

static int look(struct census *c, uint32_t covers)
{
	const uint64_t before = left_out(c);
	struct record_look begin = { .head.kind = RECORD_LOOK,
				     .ts_ns = c->now_ns,
				     .covers = covers };
	struct record_look_end end = { .head.kind = RECORD_LOOK_END, .ts_ns = c->now_ns };
	int err = census_emit(c, &begin, sizeof(begin));

	if (!err && covers & AUDIT_SOCKETS)
		err = census_ports_read(c);
	if (!err)
		err = prepare_all(c, covers);
	if (!err && covers & AUDIT_HANDSHAKES)
		err = emit_handshakes(c);
	if (!err && covers & AUDIT_CONNECTS && !c->ended)
		err = emit_connects(c);
	if (!err && covers & AUDIT_LISTENERS && !(covers & AUDIT_SOCKETS))
		err = read_listeners(c);
	if (!err)
		err = look_everywhere(c, covers);
	if (!err && covers & AUDIT_SOCKETS)
		see_left_out(c, before);
	if (!err)
		err = census_emit_waiting(c);
	census_forget_owners(c);
	if (!err)
		err = emit_holders(c);
	end.blind = c->blind;
	return err ? err : census_emit(c, &end, sizeof(end));
}

int census_look(struct census *c, uint32_t covers, uint64_t now_ns, record_fn fn, void *ctx,
		struct failure *reterr)
{
	int err = 0;

	c->fn = fn;
	c->fn_ctx = ctx;
	c->now_ns = now_ns;
	c->blind = (struct audit_blind){ .processes_hidden = !c->pids_are_ours };
	c->n_waiting = c->n_holders = c->n_half_open = 0;
	hash_clear(&c->seen);
	memset(c->marks, 0, TCS_MARKS * sizeof(*c->marks));
	reterr->text[0] = '\0';
	if (c->config.handshakes)
		covers |= AUDIT_HANDSHAKES;
	if (c->config.maps || covers & AUDIT_SOCKETS)
		covers |= AUDIT_LISTENERS;
	if (counts_connects(c))
		covers |= AUDIT_CONNECTS;
	if (covers & AUDIT_SOCKETS && c->skel->rodata->set.pending)
		covers |= AUDIT_PENDING;
	check_list(c);
	if (covers & AUDIT_SOCKETS)
		err = list_again(c, reterr);
	if (!err)
		err = look(c, covers);
	c->n_wanted = 0;
	c->verify = false;
	if (err && !reterr->text[0])
		failure_set(reterr, false, "cannot walk the sockets of this host (%s)",
			    strerror(-err));
	return err;
}

int census_glance(struct census *c, uint64_t now_ns, record_fn fn, void *ctx)
{
	c->fn = fn;
	c->fn_ctx = ctx;
	c->now_ns = now_ns;
	return read_listeners(c);
}
