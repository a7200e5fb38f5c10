// SPDX-License-Identifier: GPL-2.0-only
#include "source_live.h"

#include <assert.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../bpf/tcs_wire.h"
#include "checks.h"
#include "cpus.h"
#include "events.skel.h"
#include "feature.h"
#include "loader.h"
#include "mono.h"
#include "ring.h"

/*
 * Records younger than this wait for the next drain, so that lines of different sockets come out in
 * order too (an event is stamped a little before it is visible). A socket's own order never
 * depends on it.
 */
#define HOLD_BACK_NS (1 * 1000 * 1000ull)

#define PAUSE_BUSY_MS 5
#define PAUSE_IDLE_MS 40

#define PREFETCH_BYTES 320

/* Of one more than the CPUs have, for the ends of sockets that find theirs full. */
#define SPARE_RING_BYTES (256u << 10)

struct cpu_ring {
	struct ring ring;
	int fd;
	uint64_t head_ts; /* of the record at the cursor */
	const void *head;
	size_t head_len;
	uint64_t clear_ns; /* when we last saw that nothing was hidden */
};

struct source_live {
	struct source source;
	struct events_bpf *skel;
	struct cpu_ring *rings; /* of CPUs, and the spare one */
	struct cpus cpus;
	unsigned int n_rings; /* with the spare one */
	unsigned int *heap;   /* rings with a record at the cursor, oldest first */
	unsigned int n_heap;
	size_t ring_bytes;
	unsigned int programs;
	unsigned int pause_ms;
	bool has_reset;
};

static struct source_live *live_of(struct source *s)
{
	return (struct source_live *)s;
}

/* ---- merging the rings ----------------------------------------------------------------------- */

static bool older(const struct source_live *l, unsigned int a, unsigned int b)
{
	return l->rings[l->heap[a]].head_ts < l->rings[l->heap[b]].head_ts;
}

static void heap_down(struct source_live *l, unsigned int at)
{
	for (;;) {
		unsigned int child = at * 2 + 1, swap;

		if (child >= l->n_heap)
			return;
		if (child + 1 < l->n_heap && older(l, child + 1, child))
			child++;
		if (!older(l, child, at))
			return;
		swap = l->heap[at];
		l->heap[at] = l->heap[child];
		l->heap[child] = swap;
		at = child;
	}
}

/* Every kind of record has its time in the second word. */
static uint64_t record_ts(const void *record)
{
	return ((const uint64_t *)record)[1];
}

static enum ring_head load_head(struct cpu_ring *r)
{
	enum ring_head head = ring_peek(&r->ring, &r->head, &r->head_len);

	if (head != RING_RECORD)
		return head;
	r->head_ts = r->head_len >= 16 ? record_ts(r->head) : 0;
	/* Records were written on another CPU: fetch a few ahead while this one is dealt with. */
	__builtin_prefetch((const char *)r->head + PREFETCH_BYTES);
	return head;
}

/* Look at all rings; returns the time up to which everything is visible. */
static uint64_t look(struct source_live *l, uint64_t now, bool last)
{
	uint64_t limit = last ? UINT64_MAX : now - HOLD_BACK_NS;
	unsigned int i;

	l->n_heap = 0;
	for (i = 0; i < l->n_rings; i++) {
		struct cpu_ring *r = &l->rings[i];

		ring_sync(&r->ring);
		switch (load_head(r)) {
		case RING_RECORD:
			l->heap[l->n_heap++] = i;
			break;
		case RING_EMPTY:
			r->clear_ns = now;
			break;
		case RING_BUSY:
			if (!last && r->clear_ns < limit)
				limit = r->clear_ns;
			break;
		}
	}
	for (i = l->n_heap / 2; i-- > 0;)
		heap_down(l, i);
	return limit;
}

static size_t live_drain(struct source *s, source_fn fn, void *ctx, bool last, uint64_t *ret_now_ns)
{
	struct source_live *l = live_of(s);
	uint64_t limit = look(l, mono_now_ns(), last);
	bool more = true;
	unsigned int i;
	size_t n = 0;

	while (more && l->n_heap) {
		struct cpu_ring *r = &l->rings[l->heap[0]];
		uint64_t ts = r->head_ts;
		enum ring_head next;

		if (ts > limit)
			break;
		more = fn(ctx, r->head, r->head_len);
		n++;
		ring_next(&r->ring, r->head_len);
		/* Give back early: a full ring must not wait for a long batch to end. */
		if (!(n & 255))
			ring_release(&r->ring);
		next = load_head(r);
		if (next != RING_RECORD)
			l->heap[0] = l->heap[--l->n_heap];
		if (next == RING_BUSY && !last) {
			r->clear_ns = ts;
			limit = ts;
		}
		heap_down(l, 0);
	}
	for (i = 0; i < l->n_rings; i++)
		ring_release(&l->rings[i].ring);
	/* What was not handed over has not been seen. */
	if (!more && l->n_heap)
		limit = l->rings[l->heap[0]].head_ts;
	*ret_now_ns = limit;
	return n;
}

/* Is more than one part of `parts` of any ring in use? */
static bool is_fuller(struct source_live *l, size_t parts)
{
	unsigned int i;

	for (i = 0; i < l->n_rings; i++) {
		struct ring *r = &l->rings[i].ring;

		ring_sync(r);
		if (ring_used(r) > r->size / parts)
			return true;
	}
	return false;
}

static bool live_is_half_full(struct source *s)
{
	return is_fuller(live_of(s), 2);
}

static unsigned int live_pause_ms(struct source *s, size_t n)
{
	struct source_live *l = live_of(s);

	if (is_fuller(l, 4))
		return 0;
	if (n)
		l->pause_ms = PAUSE_BUSY_MS;
	else if (l->pause_ms < PAUSE_IDLE_MS)
		l->pause_ms *= 2;
	return l->pause_ms;
}

/* ---- counters -------------------------------------------------------------------------------- */

static uint64_t misses_of(const struct bpf_program *prog)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	if (!prog || bpf_program__fd(prog) < 0 ||
	    bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len))
		return 0;
	return info.recursion_misses;
}

static void live_stats(struct source *s, struct source_stats *ret)
{
	struct source_live *l = live_of(s);
	uint64_t missed, caught = 0;
	unsigned int i, n = l->cpus.numbers, cpus = n < TCS_MAX_CPUS ? n : TCS_MAX_CPUS;

	*ret = (struct source_stats){ 0 };
	/* Misses first: what is caught meanwhile must not be taken for more than was missed. */
	missed = misses_of(l->skel->progs.tcs_state_1);
	for (i = 0; i < cpus; i++) {
		const struct tcs_percpu *c = (const void *)&l->skel->bss->percpu[i];

		ret->lost_ring_full += __atomic_load_n(&c->lost_state, __ATOMIC_RELAXED) +
				       __atomic_load_n(&c->lost_synack, __ATOMIC_RELAXED);
		ret->lost_corrections += __atomic_load_n(&c->lost_reset, __ATOMIC_RELAXED);
		ret->lost_table_full += __atomic_load_n(&c->lost_note, __ATOMIC_RELAXED);
		ret->filtered += __atomic_load_n(&c->filtered, __ATOMIC_RELAXED);
		caught += __atomic_load_n(&c->caught, __ATOMIC_RELAXED);
	}
	ret->lost_recursion = missed > caught ? missed - caught : 0;
	ret->lost_recursion += misses_of(l->skel->progs.tcs_synack);
	ret->lost_corrections += misses_of(l->skel->progs.tcs_reset);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void live_stop(struct source *s)
{
	struct source_live *l = live_of(s);
	unsigned int i, tries;

	events_bpf__detach(l->skel);
	/* A program that was running when it was detached finishes its record: wait for that. */
	for (tries = 0; tries < 100; tries++) {
		bool busy = false;

		usleep(1000);
		for (i = 0; i < l->n_rings; i++) {
			ring_sync(&l->rings[i].ring);
			busy |= load_head(&l->rings[i]) == RING_BUSY;
		}
		if (!busy && tries)
			return;
	}
}

static void live_set_epoch(struct source *s, uint8_t epoch)
{
	live_of(s)->skel->data->epoch = epoch;
}

static void live_free(struct source *s)
{
	struct source_live *l = live_of(s);
	unsigned int i;

	for (i = 0; l->rings && i < l->n_rings; i++) {
		ring_unmap(&l->rings[i].ring);
		if (l->rings[i].fd >= 0)
			close(l->rings[i].fd);
	}
	events_bpf__destroy(l->skel);
	free(l->rings);
	free(l->heap);
	free(l);
}

static const struct source_ops live_ops = {
	.drain = live_drain,
	.stop = live_stop,
	.stats = live_stats,
	.set_epoch = live_set_epoch,
	.pause_ms = live_pause_ms,
	.is_half_full = live_is_half_full,
	.free = live_free,
};

/* ---- loading --------------------------------------------------------------------------------- */

static void set_filters(struct tcs_settings *set, const struct source_live_config *config,
			struct events_bpf *skel)
{
	const struct filter *f = config->filter;

	set->family = f->family;
	set->by_lport = f->lport.any_set;
	set->by_rport = f->rport.any_set;
	memcpy((void *)skel->rodata->lports, f->lport.bits, sizeof(f->lport.bits));
	memcpy((void *)skel->rodata->rports, f->rport.bits, sizeof(f->rport.bits));
	set->src_bits = f->src.set ? f->src.bits : 0;
	set->dst_bits = f->dst.set ? f->dst.bits : 0;
	memcpy(set->src, f->src.addr, sizeof(set->src));
	memcpy(set->dst, f->dst.addr, sizeof(set->dst));
	set->has_uid = f->has_uid;
	set->uid = f->uid;
	set->has_pid = f->has_pid;
	set->pid = f->pid;
	set->has_comm = f->has_comm;
	memcpy(set->comm, f->comm, sizeof(set->comm));
	set->netns = !f->netns	 ? TCS_BY_NETNS_NONE :
		     f->netns_id ? TCS_BY_NETNS_ID :
				   TCS_BY_NETNS_INODE;
	skel->data->wanted_netns = f->netns_id ? f->netns_id : f->netns;
	set->cgroup = f->cgroup;
	set->cgroup_level = f->cgroup_level;
	if (config->filter_states) {
		set->states = f->states.include;
		set->not_states = f->states.exclude;
	}
	set->totals = config->totals;
}

static int make_ring(struct cpu_ring *r, size_t bytes)
{
	r->fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "tcs_ring", 0, 0, (__u32)bytes, NULL);
	return r->fd < 0 ? r->fd : ring_map(&r->ring, r->fd, bytes);
}

static int hand_out_singly(int map, const __u32 *cpus, const int *rings, __u32 n)
{
	__u32 i;
	int err = 0;

	for (i = 0; !err && i < n; i++)
		err = bpf_map_update_elem(map, &cpus[i], &rings[i], BPF_ANY);
	return err;
}

/*
 * Each change of a map of maps ends with a wait for RCU (maybe_wait_bpf_programs()), 10 ms or more.
 * Kernels that take many changes at once wait once (seen on 6.18), and others do not take them.
 */
static int hand_out_rings(const struct source_live *l)
{
	int map = bpf_map__fd(l->skel->maps.rings), err = -ENOMEM;
	__u32 i, n = l->cpus.numbers + 1, spare = l->n_rings - 1;
	__u32 *cpus = calloc(n, sizeof(*cpus)), *share = calloc(n, sizeof(*share));
	int *rings = calloc(n, sizeof(*rings));

	if (cpus && share && rings) {
		cpus_share_out(&l->cpus, spare, share);
		share[n - 1] = spare;
		for (i = 0; i < n; i++) {
			cpus[i] = i;
			rings[i] = l->rings[share[i]].fd;
		}
		if (!bpf_map_update_batch(map, cpus, rings, &n, NULL))
			err = 0;
		else
			err = hand_out_singly(map, cpus, rings, l->cpus.numbers + 1);
	}
	free(cpus);
	free(share);
	free(rings);
	return err;
}

/* As many files as are allowed; a ring is one. Returns how many. */
static uint64_t raise_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files))
		return 1024;
	if (files.rlim_cur < files.rlim_max) {
		struct rlimit all = { files.rlim_max, files.rlim_max };

		if (!setrlimit(RLIMIT_NOFILE, &all))
			files = all;
	}
	return files.rlim_cur;
}

static int make_rings(struct source_live *l, uint64_t buffer_bytes, struct failure *reterr)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const struct ring_plan plan =
		cpus_plan(l->cpus.online.n, buffer_bytes, page, raise_files());
	unsigned int i;
	int err = 0;

	l->n_rings = plan.rings + 1;
	l->ring_bytes = plan.bytes;
	l->rings = calloc(l->n_rings, sizeof(*l->rings));
	l->heap = calloc(l->n_rings, sizeof(*l->heap));
	if (!l->rings || !l->heap) {
		failure_set(reterr, false, "out of memory");
		return -ENOMEM;
	}
	for (i = 0; i < l->n_rings; i++)
		l->rings[i].fd = -1;
	for (i = 0; !err && i < plan.rings; i++)
		err = make_ring(&l->rings[i], l->ring_bytes);
	if (!err)
		err = make_ring(&l->rings[i], cpus_round_to_ring(SPARE_RING_BYTES, page));
	if (!err)
		err = hand_out_rings(l);
	if (err)
		failure_set(reterr, false, "cannot make %u rings of %zu bytes (%s); try %s",
			    plan.rings, l->ring_bytes, strerror(-err),
			    err == -EMFILE ? "ulimit -n 1024" : "a smaller --buffer");
	return err;
}

/* The first, as many as are wanted in between, and the last (events.bpf.c). */
static void choose_programs(struct events_bpf *skel, unsigned int n)
{
	struct bpf_program *between[] = { skel->progs.tcs_state_2, skel->progs.tcs_state_3,
					  skel->progs.tcs_state_4, skel->progs.tcs_state_5 };
	unsigned int i;

	static_assert(sizeof(between) / sizeof(between[0]) == TCS_PROGRAMS_MAX - 2,
		      "the first and the last are not among them");
	for (i = 0; i < TCS_PROGRAMS_MAX - 2; i++)
		bpf_program__set_autoload(between[i], n > i + 2);
	bpf_program__set_autoload(skel->progs.tcs_state_last, n > 1);
}

static int load(struct source_live *l, const struct source_live_config *config,
		struct failure *reterr)
{
	struct bpf_object_open_opts open_opts = loader_open(config->btf_path);
	const struct features *can = feature_get();
	struct tcs_settings *set;
	int err;

	if (can->btf.error) {
		checks_explain(CHECK_WATCH, "load the event programs", can->btf.error, reterr);
		return can->btf.error;
	}
	l->skel = events_bpf__open_opts(&open_opts);
	if (!l->skel) {
		err = -errno;
		failure_set(reterr, false, "cannot open the event programs: %s", strerror(-err));
		return err;
	}
	*(struct tcs_kernel *)&l->skel->rodata->kernel = can->kernel;
	l->programs = can->programs;
	set = (struct tcs_settings *)&l->skel->rodata->set;
	set->programs = (__u8)l->programs;
	set->spare_ring = l->cpus.numbers;
	set_filters(set, config, l->skel);
	choose_programs(l->skel, l->programs);
	l->has_reset = can->btf.reset != 0;
	bpf_program__set_autoload(l->skel->progs.tcs_reset, l->has_reset);
	/* Without them a snapshot of all sockets corrects the owners of listeners. */
	bpf_program__set_autoload(l->skel->progs.tcs_exit, can->btf.process_exit != 0);
	bpf_program__set_autoload(l->skel->progs.tcs_rename, can->btf.task_rename != 0);
	bpf_map__set_max_entries(l->skel->maps.rings, l->cpus.numbers + 1);
	bpf_map__set_max_entries(l->skel->maps.notes, config->max_sockets);
	bpf_map__set_autocreate(l->skel->maps.parents, can->kernel.storage);
	bpf_map__set_autocreate(l->skel->maps.passed_over, l->programs > 2);
	err = events_bpf__load(l->skel);
	if (err && config->btf_path)
		failure_set(reterr, true,
			    "cannot load the event programs with the types in %s; are they those "
			    "of this kernel?",
			    config->btf_path);
	else if (err)
		checks_explain(CHECK_WATCH, "load the event programs", err, reterr);
	if (err)
		return err;
	l->skel->data->epoch = 1;
	return make_rings(l, config->buffer_bytes, reterr);
}

int source_live_new(const struct source_live_config *config, struct source **ret,
		    struct failure *reterr)
{
	struct source_live *l = calloc(1, sizeof(*l));
	int err;

	if (!l) {
		failure_set(reterr, false, "out of memory");
		return -ENOMEM;
	}
	l->source.ops = &live_ops;
	l->pause_ms = PAUSE_BUSY_MS;
	cpus_read(&l->cpus);
	loader_verbose(config->verbose);
	err = load(l, config, reterr);
	if (!err) {
		err = loader_attach(l->skel->skeleton);
		if (err)
			checks_explain(CHECK_WATCH, "attach to the tracepoints", err, reterr);
	}
	if (err) {
		live_free(&l->source);
		return err;
	}
	*ret = &l->source;
	return 0;
}

void source_live_set_netns(struct source *s, uint64_t id)
{
	live_of(s)->skel->data->wanted_netns = id;
}

void source_live_info(const struct source *s, struct source_live_info *ret)
{
	const struct source_live *l = (const struct source_live *)s;

	*ret = (struct source_live_info){
		.hooks = { "sock:inet_sock_set_state", "tcp:tcp_retransmit_synack",
			   "tcp:tcp_send_reset" },
		.n_hooks = l->has_reset ? 3 : 2,
		.programs = l->programs,
		.ring_bytes = l->ring_bytes,
		.rings = l->n_rings - 1,
		.maps = {
			.notes = bpf_map__fd(l->skel->maps.notes),
			.listeners = bpf_map__fd(l->skel->maps.listeners),
			.parents = bpf_map__fd(l->skel->maps.parents),
			.handshakes = bpf_map__fd(l->skel->maps.handshakes),
			.watched = bpf_map__fd(l->skel->maps.watched),
			.devices = bpf_map__fd(l->skel->maps.devices),
			.owners = bpf_map__fd(l->skel->maps.owners),
			.owner_changes = bpf_map__fd(l->skel->maps.owner_changes),
			.owner_state = (struct tcs_owner_state *)&l->skel->bss->owner_state,
			.watched_left_out = (const uint64_t *)&l->skel->bss->watched_left_out,
		},
		.handshakes = {
			.handshakes = bpf_map__fd(l->skel->maps.handshakes),
			.places = bpf_map__fd(l->skel->maps.handshake_places),
			.scanners = bpf_map__fd(l->skel->maps.scanners),
			.devices = bpf_map__fd(l->skel->maps.devices),
		},
	};
}
