// SPDX-License-Identifier: GPL-2.0-only
#include "census.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../bpf/tcs_wire.h"
#include "census.skel.h"
#include "checks.h"
#include "feature.h"
#include "handshakes.h"
#include "host.h"
#include "loader.h"
#include "netns.h"
#include "older.h"
#include "scan.h"
#include "select.h"
#include "sketch.h"

#define NS_PER_S   1000000000ull
#define BATCH	   512
#define ALL_STATES ((1u << TCS_STATE_MAX) - 2)
#define ROWS_MAX   131072 /* that wait for their owners: 15 MB */
#define OWNERS_MAX 4096	  /* processes whose descriptors are counted, at about 20 us each */
#define NO_OWNER   (1u << TCS_TIME_WAIT | 1u << TCS_NEW_SYN_RECV)

/* A socket whose owner is not known yet. */
struct waiting {
	struct tcs_wire_census row;
	uint32_t netns;
};

struct census {
	struct census_config config;
	struct census_bpf *skel;
	struct scan *scan; /* NULL: open files cannot be walked */
	uint64_t *marks;   /* of the files that have a row in this look */
	struct netns_list list;
	uint64_t hz; /* jiffies a second; 0 not known yet */
	bool pids_are_ours;
	bool found; /* a namespace, in any look so far */
	struct handshake_maps counts;
	uint32_t wanted[CENSUS_WANTED]; /* namespaces; of the next look */
	uint32_t n_wanted;

	/* of the look at hand */
	record_fn fn;
	void *fn_ctx;
	uint64_t now_ns;
	struct audit_blind blind;
	struct hash half_open; /* by the listener's address, of one namespace: which */
	uint32_t n_half_open;
	struct waiting *waiting;
	uint32_t n_waiting, cap_waiting;
	struct hash seen; /* processes with CLOSE_WAIT, of which holders[] are the numbers */
	uint32_t holders[OWNERS_MAX];
	uint32_t n_holders;

	/* of the namespace at hand */
	struct host_net net;
	struct audit_netns here;
};

/* ---- loading --------------------------------------------------------------------------------- */

static bool counts_by_owner(const struct audit_config *config)
{
	return config->count_rows || config->by == AUDIT_BY_COMM;
}

static uint32_t row_states(const struct census_config *config)
{
	if (counts_by_owner(&config->audit))
		return ALL_STATES & ~NO_OWNER;
	return 1u << TCS_LISTEN | 1u << TCS_CLOSE_WAIT |
	       (config->each_half_open ? 1u << TCS_SYN_RECV : 0);
}

static void set_up(struct census *c)
{
	const struct filter *f = c->config.filter;
	struct tcs_census_settings *set = (struct tcs_census_settings *)&c->skel->rodata->set;

	set->count = filter_counted_states(f);
	if (set->count >> TCS_NEW_SYN_RECV & 1)
		set->count |= 1u << TCS_SYN_RECV;
	set->rows = row_states(&c->config);
	/* Where a walk that goes on may miss a socket, or meet it again, it is not cut for us. */
	set->slice = feature_get()->btf.batches ? c->config.slice : 0;
	set->stalled = c->config.audit.stalled;
	set->family = f->family;
	set->has_uid = f->has_uid;
	set->uid = f->uid;
	set->cgroup = f->cgroup;
	set->cgroup_level = f->cgroup_level;
	set->src_bits = f->src.set ? f->src.bits : 0;
	set->dst_bits = f->dst.set ? f->dst.bits : 0;
	memcpy(set->src, f->src.addr, sizeof(set->src));
	memcpy(set->dst, f->dst.addr, sizeof(set->dst));
	set->notes = c->config.maps != NULL;
	set->by_lport = f->lport.any_set;
	set->by_rport = f->rport.any_set;
	memcpy((void *)c->skel->rodata->lports, f->lport.bits, sizeof(f->lport.bits));
	memcpy((void *)c->skel->rodata->rports, f->rport.bits, sizeof(f->rport.bits));
	set->places = set->count >> TCS_TIME_WAIT & 1;
	set->half_open = set->count >> TCS_SYN_RECV & 1;
	if (c->config.audit.count_rows)
		return; /* groups are made of rows too */
	if (c->config.audit.by == AUDIT_BY_LPORT)
		set->group = 1;
	else if (c->config.audit.by == AUDIT_BY_RADDR)
		set->group = 2;
}

/* With the event programs; without them there is nobody who knows of new listeners. */
static int share_maps(struct census *c)
{
	const struct socket_maps *maps = c->config.maps;
	struct census_bpf *skel = c->skel;
	int err;

	bpf_program__set_autoload(skel->progs.tcs_listeners, maps != NULL);
	bpf_program__set_autoattach(skel->progs.tcs_listeners, false);
	/* Of bpf/tcs_note.h, for others. */
	bpf_map__set_autocreate(skel->maps.listeners, false);
	bpf_map__set_autocreate(skel->maps.parents, false);
	if (!maps) {
		err = bpf_map__set_max_entries(skel->maps.notes, 1);
		return err ? err : bpf_map__set_max_entries(skel->maps.watched, 1);
	}
	err = bpf_map__reuse_fd(skel->maps.notes, maps->notes);
	return err ? err : bpf_map__reuse_fd(skel->maps.watched, maps->watched);
}

static int attach_listeners(struct census *c)
{
	union bpf_iter_link_info info = { .map.map_fd = bpf_map__fd(c->skel->maps.watched) };
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &info, .link_info_len = sizeof(info));

	c->skel->links.tcs_listeners =
		bpf_program__attach_iter(c->skel->progs.tcs_listeners, &opts);
	return c->skel->links.tcs_listeners ? 0 : -errno;
}

static int map_marks(struct census *c)
{
	void *marks = mmap(NULL, TCS_MARKS * sizeof(*c->marks), PROT_READ | PROT_WRITE, MAP_SHARED,
			   bpf_map__fd(c->skel->maps.marks), 0);

	if (marks == MAP_FAILED)
		return -errno;
	c->marks = marks;
	return 0;
}

static int load(struct census *c, struct failure *reterr)
{
	struct bpf_object_open_opts open_opts = loader_open(c->config.btf_path);
	const struct features *can = feature_get();
	int err;

	if (can->btf.error) {
		checks_explain(CHECK_AUDIT, "load the census", can->btf.error, reterr);
		return can->btf.error;
	}
	c->skel = census_bpf__open_opts(&open_opts);
	if (!c->skel) {
		err = -errno;
		failure_set(reterr, false, "cannot open the census program (%s)%s%s",
			    strerror(-err), c->config.btf_path ? ": is this a BTF file? " : "",
			    c->config.btf_path ? c->config.btf_path : "");
		return err;
	}
	*(struct tcs_kernel *)&c->skel->rodata->kernel = can->kernel;
	set_up(c);
	err = share_maps(c);
	if (!err)
		err = census_bpf__load(c->skel);
	if (!err)
		err = loader_attach(c->skel->skeleton);
	if (!err && c->config.maps)
		err = attach_listeners(c);
	if (!err)
		err = map_marks(c);
	if (err)
		checks_explain(CHECK_AUDIT, "load the census", err, reterr);
	return err;
}

int census_new(const struct census_config *config, struct census **ret, struct failure *reterr)
{
	struct census *c = calloc(1, sizeof(*c));
	struct failure no_owners;
	int err;

	if (!c || hash_init(&c->seen) || hash_init(&c->half_open)) {
		failure_set(reterr, false, "out of memory");
		census_free(c);
		return -ENOMEM;
	}
	c->config = *config;
	c->counts = config->handshakes ? *config->handshakes : (struct handshake_maps){ 0 };
	c->list.own = -1;
	c->pids_are_ours = host_pids_are_ours();
	loader_verbose(config->verbose);
	err = load(c, reterr);
	if (err) {
		census_free(c);
		return err;
	}
	if (scan_new(c->config.maps, bpf_map__fd(c->skel->maps.marks), &c->scan, &no_owners))
		c->scan = NULL; /* every look says so */
	*ret = c;
	return 0;
}

void census_free(struct census *c)
{
	if (!c)
		return;
	netns_list_release(&c->list);
	hash_release(&c->seen);
	hash_release(&c->half_open);
	scan_free(c->scan);
	if (c->marks)
		munmap(c->marks, TCS_MARKS * sizeof(*c->marks));
	census_bpf__destroy(c->skel);
	free(c->waiting);
	free(c);
}

bool census_want(struct census *c, uint32_t netns)
{
	if (c->n_wanted == CENSUS_WANTED)
		return false;
	c->wanted[c->n_wanted++] = netns;
	return true;
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
		return scan_walk(c->scan, SCAN_NOTES, fn, ctx, reterr);
	failure_set(reterr, false,
		    "cannot walk the open files of this host: owners of sockets older than this "
		    "program stay unknown");
	return -ENOENT;
}

/* ---- owners ---------------------------------------------------------------------------------- */

static int keep_owner(void *ctx, const struct tcs_wire_scan *row)
{
	return older_add(ctx, row);
}

/* The holders of all sockets that have a mark; an empty table where they stay unknown. */
static int find_owners(struct census *c, struct older **ret)
{
	struct failure why;
	struct older *owners;

	if (older_new(&owners))
		return -ENOMEM;
	if (!c->scan || scan_walk(c->scan, SCAN_MARKED, keep_owner, owners, &why))
		c->blind.owners_unknown = true;
	c->blind.skipped += older_skipped(owners);
	older_settle(owners);
	*ret = owners;
	return 0;
}

/* ---- rows ------------------------------------------------------------------------------------ */

/*
 * The kernel counts in jiffies and does not say how many make a second; but tcp_fin_timeout is in
 * jiffies there and in seconds in /proc (proc_dointvec_jiffies()).
 */
static void learn_hz(struct census *c)
{
	uint64_t jiffies = c->skel->bss->out.fin_timeout;

	if (!c->hz && jiffies && c->net.fin_timeout_s)
		c->hz = jiffies / c->net.fin_timeout_s;
}

static void take_row(const struct census *c, const struct tcs_wire_census *row, uint32_t netns,
		     struct audit_socket *ret)
{
	*ret = (struct audit_socket){
		.id = row->id,
		.netns = netns,
		.lport = row->lport,
		.rport = row->rport,
		.state = row->state,
		.family = row->family,
		.stalled = row->stalled,
		.quiet_ns = AUDIT_UNKNOWN,
		.in_state_ns = AUDIT_UNKNOWN,
		.cookie_age_ns = AUDIT_UNKNOWN,
		.uid = row->uid,
		.cgroup = row->cgroup,
		.syn_queue = row->syn_queue,
		.syn_queue_young = row->syn_queue_young,
		.accept_queue = row->accept_queue,
		.queue_limit = row->queue_limit,
		.drops = row->drops,
	};
	memcpy(ret->laddr, row->laddr, sizeof(ret->laddr));
	memcpy(ret->raddr, row->raddr, sizeof(ret->raddr));
	if (c->hz && row->state != TCS_LISTEN)
		ret->quiet_ns = row->quiet * NS_PER_S / c->hz;
	if (c->hz && row->state == TCS_LISTEN && row->cookie_age != TCS_CENSUS_NEVER)
		ret->cookie_age_ns = row->cookie_age * NS_PER_S / c->hz;
	if (row->since_ns && row->since_ns <= c->now_ns)
		ret->in_state_ns = c->now_ns - row->since_ns;
	owner_of_wire(&row->owner, &ret->owner);
}

static int emit(struct census *c, const void *record, size_t len)
{
	return c->fn(c->fn_ctx, record, len);
}

/* Its descriptors are counted when the look is over. */
static int note_holder(struct census *c, uint32_t pid)
{
	uint32_t at;

	if (!pid || !c->pids_are_ours || hash_find(&c->seen, pid, &at))
		return 0;
	if (c->n_holders == OWNERS_MAX)
		return 0; /* their descriptors stay unknown */
	c->holders[c->n_holders++] = pid;
	return hash_add(&c->seen, pid, 0);
}

static int emit_socket(struct census *c, const struct audit_socket *s)
{
	struct record_socket record = { .head.kind = RECORD_SOCKET, .socket = *s };
	int err = s->state == TCS_CLOSE_WAIT ? note_holder(c, s->owner.pid) : 0;

	if (err || !select_owner(c->config.filter, &s->owner))
		return err;
	return emit(c, &record, sizeof(record));
}

/* The one who acted on the socket is its holder; one that is inherited may have passed it on. */
static bool owner_is_sure(const struct audit_socket *s)
{
	return s->owner.source == OWNER_CACHED || (s->state == TCS_LISTEN && s->owner.pid);
}

/*
 * The open files are walked when the sockets have been: only those of the rows are looked at, and
 * a host where no row needs it is not walked at all.
 */
static int emit_waiting(struct census *c)
{
	struct older *owners = NULL;
	struct audit_socket s;
	uint32_t i;
	int err = c->n_waiting ? find_owners(c, &owners) : 0;

	for (i = 0; !err && i < c->n_waiting; i++) {
		take_row(c, &c->waiting[i].row, c->waiting[i].netns, &s);
		if (s.id)
			(void)older_owner(owners, s.id, s.netns, s.laddr, s.lport, &s.owner);
		err = emit_socket(c, &s);
	}
	c->n_waiting = 0;
	older_free(owners);
	return err;
}

static int grow_waiting(struct census *c)
{
	uint32_t more = c->cap_waiting ? c->cap_waiting * 2 : 1024;
	void *grown = realloc(c->waiting, more * sizeof(*c->waiting));

	if (!grown)
		return -ENOMEM;
	c->waiting = grown;
	c->cap_waiting = more;
	return 0;
}

static uint64_t ns_of_us(uint64_t us)
{
	return us == TCS_CENSUS_UNKNOWN ? AUDIT_UNKNOWN : us * 1000;
}

static int emit_request(struct census *c, const struct tcs_wire_census *row)
{
	struct record_request record = {
		.head.kind = RECORD_REQUEST,
		.request = {
			.age_ns = ns_of_us(row->age_us),
			.netns = c->here.netns,
			.lport = row->lport,
			.rport = row->rport,
			.family = row->family,
			.retransmits = row->retransmits,
			.acked = row->acked,
		},
	};

	memcpy(record.request.laddr, row->laddr, sizeof(record.request.laddr));
	memcpy(record.request.raddr, row->raddr, sizeof(record.request.raddr));
	return emit(c, &record, sizeof(record));
}

static int add_row(struct census *c, const struct tcs_wire_census *row)
{
	struct audit_socket s;
	int err = 0;

	if (!row->state)
		return 0; /* only filled the buffer */
	learn_hz(c);
	take_row(c, row, c->here.netns, &s);
	if (row->state == TCS_SYN_RECV && c->config.each_half_open && !c->config.audit.count_rows)
		err = emit_request(c, row);
	if (err || (row->state == TCS_SYN_RECV && !counts_by_owner(&c->config.audit)))
		return err;
	if (owner_is_sure(&s))
		return emit_socket(c, &s);
	if (c->n_waiting == ROWS_MAX)
		err = emit_waiting(c);
	if (!err && c->n_waiting == c->cap_waiting)
		err = grow_waiting(c);
	if (!err)
		c->waiting[c->n_waiting++] =
			(struct waiting){ .row = *row, .netns = c->here.netns };
	return err;
}

/* A listener that was read without a walk; the owner its note has will do. */
static int add_listener(struct census *c, const struct tcs_wire_census *row)
{
	uint32_t netns = c->config.filter->netns;
	struct audit_socket s;

	if (!row->state || (netns && netns != row->netns))
		return 0;
	take_row(c, row, row->netns, &s);
	return emit_socket(c, &s);
}

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

/* ---- tables ---------------------------------------------------------------------------------- */

static bool loopback(const struct tcs_census_place *p)
{
	static const uint8_t one[16] = { [15] = 1 };

	if (p->family == 4)
		return p->laddr[12] == 127 || p->raddr[12] == 127;
	return !memcmp(p->laddr, one, 16) || !memcmp(p->raddr, one, 16);
}

/* tcp_twsk_unique(): 1 for everybody, 2 on loopback. */
static bool may_reuse(const struct census *c, const struct tcs_census_place *p)
{
	return c->net.tw_reuse == 1 || (c->net.tw_reuse == 2 && loopback(p));
}

static int add_place(struct census *c, const void *key, const void *value)
{
	const struct tcs_census_place *p = key;
	const struct tcs_census_held *held = value;
	struct record_place record = { .head.kind = RECORD_PLACE };
	struct audit_place row = {
		.netns = c->here.netns,
		.family = p->family,
		.rport = p->rport,
		.lport = p->lport,
		.time_wait = held->time_wait,
		.fin_wait2 = held->fin_wait2,
		.ports_used = held->ports,
		.ports_range = p->rport ? c->net.ports.count : 0,
		.reusable = may_reuse(c, p) ? held->reusable : 0,
		.next_free_ns = AUDIT_UNKNOWN,
		.all_free_ns = AUDIT_UNKNOWN,
	};

	if (c->hz && held->time_wait) {
		row.next_free_ns = held->first_end * NS_PER_S / c->hz;
		row.all_free_ns = held->last_end * NS_PER_S / c->hz;
	}
	memcpy(row.laddr, p->laddr, sizeof(row.laddr));
	memcpy(row.raddr, p->raddr, sizeof(row.raddr));
	if (!select_place(c->config.filter, &row))
		return 0;
	record.place = row;
	return emit(c, &record, sizeof(record));
}

static int add_group(struct census *c, const void *key, const void *value)
{
	const struct tcs_census_group *k = key;
	const struct tcs_census_states *v = value;
	struct record_group record = {
		.head.kind = RECORD_GROUP,
		.group = { .netns = c->here.netns, .lport = k->port },
	};
	int i;

	memcpy(record.group.raddr, k->addr, sizeof(record.group.raddr));
	for (i = 0; i < TCS_STATE_MAX; i++)
		record.group.states[i] = v->n[i];
	return emit(c, &record, sizeof(record));
}

static int add_half_open(struct census *c, const void *key, const void *value)
{
	const struct tcs_census_half_open *h = value;
	struct record_half_open record = {
		.head.kind = RECORD_HALF_OPEN,
		.half_open = {
			.listener = h->listener,
			.netns = c->here.netns,
			.family = h->family,
			.lport = h->lport,
			.count = h->count,
			.full = h->full,
			.acked = h->acked,
			.stuck = h->stuck,
			.recent = h->recent,
			.plain = h->plain,
			.oldest_ns = AUDIT_UNKNOWN,
			.newest_ns = ns_of_us(h->newest_us),
			.sources = sketch_estimate(h->sources.rank, sizeof(h->sources.rank)),
			.prefixes = sketch_estimate(h->prefixes.rank, sizeof(h->prefixes.rank)),
			.sources_exact = !h->sources_left_out,
			.prefixes_exact = !h->prefixes_left_out,
		},
	};
	uint64_t listener;
	int err;

	if (h->newest_us != TCS_CENSUS_UNKNOWN)
		record.half_open.oldest_ns = ns_of_us(h->oldest_us);
	memcpy(record.half_open.laddr, h->laddr, sizeof(record.half_open.laddr));
	memcpy(&listener, key, sizeof(listener));
	err = hash_add(&c->half_open, listener, c->n_half_open++);
	return err ? err : emit(c, &record, sizeof(record));
}

static int add_source(struct census *c, const void *key, const void *value, bool prefix)
{
	const struct tcs_census_source *k = key;
	const struct tcs_census_source_held *held = value;
	struct record_source record = {
		.head.kind = RECORD_SOURCE,
		.source = {
			.count = held->count,
			.oldest_ns = ns_of_us(held->oldest_us),
			.family = k->family,
			.bits = k->family == 4 ? (prefix ? 24 : 32) : (prefix ? 64 : 128),
		},
	};

	if (!hash_find(&c->half_open, k->listener, &record.source.half_open))
		return 0; /* its listener found no room, which is counted there */
	memcpy(record.source.addr, k->addr, sizeof(record.source.addr));
	return emit(c, &record, sizeof(record));
}

static int add_address(struct census *c, const void *key, const void *value)
{
	return add_source(c, key, value, false);
}

static int add_prefix(struct census *c, const void *key, const void *value)
{
	return add_source(c, key, value, true);
}

/* Everything out of a table, which is empty afterwards. */
static int take_out(struct census *c, const struct bpf_map *map,
		    int (*add)(struct census *c, const void *key, const void *value))
{
	size_t ksize = bpf_map__key_size(map), vsize = bpf_map__value_size(map);
	char *keys = malloc(BATCH * ksize), *values = malloc(BATCH * vsize);
	uint32_t batch = 0, size = BATCH, n, i;
	void *from = NULL;
	int err = keys && values ? 0 : -ENOMEM;
	bool last = false;

	while (!err && !last) {
		n = size;
		err = bpf_map_lookup_and_delete_batch(bpf_map__fd(map), from, &batch, keys, values,
						      &n, NULL);
		if (err == -ENOSPC && size < BATCH * 64) {
			/* More in one bucket than there is room for: a larger batch. */
			free(keys);
			free(values);
			size *= 2;
			keys = malloc(size * ksize);
			values = malloc(size * vsize);
			err = keys && values ? 0 : -ENOMEM;
			continue;
		}
		last = err == -ENOENT;
		if (last)
			err = 0;
		for (i = 0; !err && i < n; i++)
			err = add(c, keys + i * ksize, values + i * vsize);
		from = &batch;
	}
	free(keys);
	free(values);
	return err;
}

/* ---- a namespace ----------------------------------------------------------------------------- */

static void take_counts(struct census *c)
{
	const struct tcs_census_out *out = &c->skel->bss->out;
	int i;

	for (i = 0; i < TCS_STATE_MAX && !c->config.audit.count_rows; i++)
		c->here.states[i] = out->states[i];
	if (c->net.counters.time_wait == HOST_UNKNOWN)
		c->here.time_wait_table = out->time_wait_table;
	c->blind.sockets += out->sockets;
	c->blind.skipped += out->places_full + out->groups_full + out->half_open_full;
}

/* Half-open connections are joined by the kernel's address of their listener. */
static int take_half_open(struct census *c)
{
	int err;

	hash_clear(&c->half_open);
	err = take_out(c, c->skel->maps.half_open, add_half_open);
	if (!err)
		err = take_out(c, c->skel->maps.sources, add_address);
	if (!err)
		err = take_out(c, c->skel->maps.prefixes, add_prefix);
	return err;
}

static int read_walk(struct census *c)
{
	struct census_bpf *skel = c->skel;
	int err, fd;

	memset(&skel->bss->out, 0, sizeof(skel->bss->out));
	skel->bss->sources_full = skel->bss->prefixes_full = false;
	fd = bpf_iter_create(bpf_link__fd(skel->links.tcs_census));
	if (fd < 0)
		return -errno;
	err = read_rows(c, fd, add_row);
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
	c->blind.skipped += skel->bss->out.half_open_full;
	return skel->bss->out.states[TCS_SYN_RECV] ? take_half_open(c) : 0;
}

static int walk(struct census *c)
{
	struct census_bpf *skel = c->skel;
	int err;

	memset(skel->bss->listening, 0, sizeof(skel->bss->listening));
	memcpy(skel->bss->local_range, c->net.ports.bits, sizeof(skel->bss->local_range));
	err = read_walk(c);
	if (err)
		return err;
	take_counts(c);
	if (skel->rodata->set.places)
		err = take_out(c, skel->maps.places, add_place);
	if (!err && skel->rodata->set.group)
		err = take_out(c, skel->maps.groups, add_group);
	if (!err && skel->bss->out.states[TCS_SYN_RECV])
		err = take_half_open(c);
	return err;
}

/* The queues of all listeners of all namespaces. */
static int read_listeners(struct census *c)
{
	int fd = bpf_iter_create(bpf_link__fd(c->skel->links.tcs_listeners)), err;

	if (fd < 0)
		return -errno;
	err = read_rows(c, fd, add_listener);
	close(fd);
	return err;
}

static uint32_t known(uint64_t n)
{
	return n == HOST_UNKNOWN ? 0 : (uint32_t)n;
}

static bool may_have_sockets(const struct host_counters *counters)
{
	return counters->in_use || counters->time_wait; /* or unknown */
}

static int emit_netns(struct census *c)
{
	struct record_netns record = { .head.kind = RECORD_NETNS, .netns = c->here };

	return emit(c, &record, sizeof(record));
}

static_assert(HOST_UNKNOWN == AUDIT_UNKNOWN, "handed on as it is");

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
		.in_use = c->net.counters.in_use, /* HOST_UNKNOWN is AUDIT_UNKNOWN */
		.time_wait_table = known(c->net.counters.time_wait),
		.overflows = c->net.counters.time_wait_overflow,
		.cookies = c->net.counters.cookies,
	};
	memcpy(c->here.counters, c->net.counters.handshakes, sizeof(c->here.counters));
	if (covers & AUDIT_SOCKETS) {
		c->here.time_wait_limit = c->net.time_wait_limit;
		c->here.ports_range = c->net.ports.count;
		c->here.tw_reuse = c->net.tw_reuse;
	}
	c->here.walked =
		c->skel->rodata->set.half_open && (covers & AUDIT_SOCKETS || is_wanted(c, inode));
	/* Where the states are counted from rows, the rows find their namespace there. */
	if (c->config.audit.count_rows)
		err = emit_netns(c);
	if (!err && covers & AUDIT_SOCKETS && may_have_sockets(&c->net.counters))
		err = walk(c);
	else if (!err && !(covers & AUDIT_SOCKETS) && c->here.walked)
		err = walk_half_open(c);
	if (!err && !c->config.audit.count_rows)
		err = emit_netns(c);
	return err;
}

/* ---- the host -------------------------------------------------------------------------------- */

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
	return err;
}

static int emit_holders(struct census *c)
{
	struct record_holder record = { .head.kind = RECORD_HOLDER };
	uint32_t i;
	int err = 0;

	for (i = 0; !err && i < c->n_holders; i++) {
		record.holder.pid = c->holders[i];
		host_fds_read(c->holders[i], &record.holder.fd_used, &record.holder.fd_limit);
		err = emit(c, &record, sizeof(record));
	}
	return err;
}

static int emit_handshakes(struct census *c)
{
	uint64_t skipped = 0;
	int err = handshakes_look(&c->counts, c->now_ns, c->config.filter->netns, c->fn, c->fn_ctx,
				  &skipped);

	c->blind.skipped += skipped;
	return err;
}

static int list_again(struct census *c, struct failure *reterr)
{
	int err;

	netns_list_release(&c->list);
	err = netns_list_init(&c->list, c->config.filter->netns);
	c->blind.netns_denied = c->list.denied;
	c->blind.netns_vanished = c->list.vanished;
	c->found |= c->list.n > 0;
	if (err == -ENOENT)
		failure_set(reterr, true,
			    "there is no /proc here: it shows the network namespaces, and their "
			    "limits; mount it");
	if (err || c->list.n || c->found)
		return err; /* one that has gone has no sockets */
	failure_set(reterr, false,
		    "no namespace of this number can be entered: it has no process we may look "
		    "at, and no name");
	return -ENOENT;
}

static int look(struct census *c, uint32_t covers)
{
	struct record_look begin = { .head.kind = RECORD_LOOK,
				     .ts_ns = c->now_ns,
				     .covers = covers };
	struct record_look_end end = { .head.kind = RECORD_LOOK_END, .ts_ns = c->now_ns };
	int err = emit(c, &begin, sizeof(begin));

	if (!err && covers & AUDIT_HANDSHAKES)
		err = emit_handshakes(c);
	if (!err && covers & AUDIT_LISTENERS && !(covers & AUDIT_SOCKETS))
		err = read_listeners(c);
	if (!err)
		err = look_everywhere(c, covers);
	if (!err)
		err = emit_waiting(c);
	if (!err)
		err = emit_holders(c);
	end.blind = c->blind;
	return err ? err : emit(c, &end, sizeof(end));
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
	if (covers & AUDIT_SOCKETS)
		err = list_again(c, reterr);
	if (!err)
		err = look(c, covers);
	c->n_wanted = 0;
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
