// SPDX-License-Identifier: GPL-2.0-only
#include "census.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../bpf/tcs_wire.h"
#include "census.skel.h"
#include "host.h"
#include "netns.h"
#include "scan.h"
#include "sketch.h"

#define NS_PER_S   1000000000ull
#define BATCH	   512
#define ALL_STATES ((1u << TCS_STATE_MAX) - 2)
#define OWNERS_MAX 4096 /* processes whose descriptors are counted, at about 20 us each */
#define NO_OWNER   (1u << TCS_TIME_WAIT | 1u << TCS_NEW_SYN_RECV)

struct census {
	struct census_config config;
	struct census_bpf *skel;
	struct netns_list list;
	struct host_net net; /* of the namespace at hand */
	struct scan *scan;   /* of the look at hand; NULL: no owners */
	struct audit *audit;
	struct audit_netns *here;
	struct hash half_open; /* row in the look by the listener's address; of this namespace */
	uint64_t hz;	       /* jiffies a second; 0 not known yet */
	bool pids_are_ours;
};

static bool print_libbpf;

static int libbpf_message(enum libbpf_print_level level, const char *format, va_list args)
{
	return print_libbpf && level != LIBBPF_DEBUG ? vfprintf(stderr, format, args) : 0;
}

/* ---- loading --------------------------------------------------------------------------------- */

/* States that --state leaves, as bits. A half-open request counts as SYN_RECV. */
static uint32_t wanted_states(const struct filter *f)
{
	uint32_t bits = 0, state;

	for (state = 1; state < TCS_STATE_MAX; state++)
		if (state_set_match(&f->states, state, state))
			bits |= 1u << state;
	if (bits >> TCS_NEW_SYN_RECV & 1)
		bits |= 1u << TCS_SYN_RECV;
	return bits;
}

static uint32_t row_states(const struct census_config *config)
{
	if (config->audit.count_rows || config->audit.by == AUDIT_BY_COMM)
		return ALL_STATES & ~NO_OWNER;
	return 1u << TCS_LISTEN | 1u << TCS_CLOSE_WAIT |
	       (config->each_half_open ? 1u << TCS_SYN_RECV : 0);
}

static void set_up(struct census *c)
{
	const struct filter *f = c->config.filter;
	struct tcs_census_settings *set = (struct tcs_census_settings *)&c->skel->rodata->set;

	set->count = wanted_states(f);
	set->rows = row_states(&c->config);
	set->stalled = c->config.audit.stalled;
	set->family = f->family;
	set->by_lport = f->lport.any_set;
	set->by_rport = f->rport.any_set;
	memcpy((void *)c->skel->rodata->lports, f->lport.bits, sizeof(f->lport.bits));
	memcpy((void *)c->skel->rodata->rports, f->rport.bits, sizeof(f->rport.bits));
	/* Neither TIME_WAIT nor ports have an owner. */
	set->places = set->count >> TCS_TIME_WAIT & 1 && !c->config.audit.count_rows;
	set->half_open = set->count >> TCS_SYN_RECV & 1;
	if (c->config.audit.count_rows)
		return; /* groups are made of rows too */
	if (c->config.audit.by == AUDIT_BY_LPORT)
		set->group = 1;
	else if (c->config.audit.by == AUDIT_BY_RADDR)
		set->group = 2;
}

static void explain_load(struct failure *reterr, int err)
{
	if (err == -EPERM)
		failure_set(reterr, true,
			    "the kernel refuses to load BPF programs (%s): CAP_BPF and CAP_PERFMON "
			    "are needed; run with sudo, or in a privileged container",
			    strerror(-err));
	else
		failure_set(reterr, true,
			    "this kernel cannot load the census (%s): it lacks something it needs "
			    "(Linux 5.12 or later with BTF); -v shows libbpf's messages",
			    strerror(-err));
}

static int load(struct census *c, struct failure *reterr)
{
	LIBBPF_OPTS(bpf_object_open_opts, open_opts, .btf_custom_path = c->config.btf_path);
	int err;

	if (access("/sys/kernel/btf/vmlinux", R_OK)) {
		failure_set(reterr, true,
			    "this kernel carries no BTF (/sys/kernel/btf/vmlinux: %s); a kernel "
			    "built with CONFIG_DEBUG_INFO_BTF is needed",
			    strerror(errno));
		return -ENOENT;
	}
	c->skel = census_bpf__open_opts(&open_opts);
	if (!c->skel) {
		err = -errno;
		failure_set(reterr, false, "cannot open the census program (%s)%s%s",
			    strerror(-err), c->config.btf_path ? ": is this a BTF file? " : "",
			    c->config.btf_path ? c->config.btf_path : "");
		return err;
	}
	set_up(c);
	err = census_bpf__load(c->skel);
	if (!err)
		err = census_bpf__attach(c->skel);
	if (err)
		explain_load(reterr, err);
	return err;
}

int census_new(const struct census_config *config, struct census **ret, struct failure *reterr)
{
	struct census *c = calloc(1, sizeof(*c));
	int err;

	if (!c) {
		failure_set(reterr, false, "out of memory");
		return -ENOMEM;
	}
	c->config = *config;
	c->list.own = -1;
	c->pids_are_ours = host_pids_are_ours();
	print_libbpf = config->verbose;
	libbpf_set_print(libbpf_message);
	err = hash_init(&c->half_open);
	if (err)
		failure_set(reterr, false, "out of memory");
	else
		err = load(c, reterr);
	if (err) {
		census_free(c);
		return err;
	}
	*ret = c;
	return 0;
}

void census_free(struct census *c)
{
	if (!c)
		return;
	census_bpf__destroy(c->skel);
	hash_release(&c->half_open);
	free(c);
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

static void take_row(struct census *c, const struct tcs_wire_census *row, struct audit_socket *ret)
{
	*ret = (struct audit_socket){
		.id = row->id,
		.netns = c->here->netns,
		.lport = row->lport,
		.rport = row->rport,
		.state = row->state,
		.family = row->family,
		.stalled = row->stalled,
		.quiet_ns = AUDIT_UNKNOWN,
		.syn_queue = row->syn_queue,
		.syn_queue_young = row->syn_queue_young,
		.accept_queue = row->accept_queue,
		.queue_limit = row->queue_limit,
		.drops = row->drops,
		.cookie_age_ns = AUDIT_UNKNOWN,
	};
	memcpy(ret->laddr, row->laddr, sizeof(ret->laddr));
	memcpy(ret->raddr, row->raddr, sizeof(ret->raddr));
	if (c->hz && row->state != TCS_LISTEN)
		ret->quiet_ns = row->quiet * NS_PER_S / c->hz;
	if (c->hz && row->state == TCS_LISTEN && row->cookie_age != TCS_CENSUS_NEVER)
		ret->cookie_age_ns = row->cookie_age * NS_PER_S / c->hz;
	if (c->scan && row->id)
		(void)scan_owner(c->scan, row->id, ret->netns, ret->laddr, ret->lport, &ret->owner);
}

static bool owner_wanted(const struct filter *f, const struct owner *o)
{
	if (f->has_pid && o->pid != f->pid)
		return false;
	return !f->has_comm || !strncmp(o->comm, f->comm, sizeof(o->comm));
}

static uint64_t ns_of_us(uint64_t us)
{
	return us == TCS_CENSUS_UNKNOWN ? AUDIT_UNKNOWN : us * 1000;
}

static int add_request(struct census *c, const struct tcs_wire_census *row)
{
	struct audit_request r = {
		.netns = c->here->netns,
		.family = row->family,
		.lport = row->lport,
		.rport = row->rport,
		.retransmits = row->retransmits,
		.acked = row->acked,
		.age_ns = ns_of_us(row->age_us),
	};

	memcpy(r.laddr, row->laddr, sizeof(r.laddr));
	memcpy(r.raddr, row->raddr, sizeof(r.raddr));
	return audit_add_request(c->audit, &r);
}

static int add_row(struct census *c, const struct tcs_wire_census *row)
{
	struct audit_socket s;
	int err = 0;

	if (!row->state)
		return 0; /* only filled the buffer */
	learn_hz(c);
	take_row(c, row, &s);
	if (!owner_wanted(c->config.filter, &s.owner))
		return 0;
	if (row->state == TCS_SYN_RECV && c->config.each_half_open)
		err = add_request(c, row);
	return err ? err : audit_add_socket(c->audit, &s);
}

static int read_rows(struct census *c, int fd)
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
			err = add_row(c, &row);
		}
		memmove(buf, buf + at, have - at);
		have -= at;
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

static bool place_wanted(const struct filter *f, const struct tcs_census_place *p)
{
	if (f->family && f->family != p->family)
		return false;
	if (f->lport.any_set && (!p->lport || !portset_has(&f->lport, p->lport)))
		return false;
	return portset_has(&f->rport, p->rport);
}

static int add_place(struct census *c, const void *key, const void *value)
{
	const struct tcs_census_place *p = key;
	const struct tcs_census_held *held = value;
	struct audit_place row = {
		.netns = c->here->netns,
		.family = p->family,
		.rport = p->rport,
		.lport = p->lport,
		.time_wait = held->time_wait,
		.fin_wait2 = held->fin_wait2,
		.ports_used = held->ports,
		.ports_range = p->rport ? c->net.ports.count : 0,
		.reusable = may_reuse(c, p) ? held->reusable : 0,
	};

	if (!place_wanted(c->config.filter, p))
		return 0;
	memcpy(row.laddr, p->laddr, sizeof(row.laddr));
	memcpy(row.raddr, p->raddr, sizeof(row.raddr));
	return audit_add_place(c->audit, &row);
}

static int add_group(struct census *c, const void *key, const void *value)
{
	const struct tcs_census_group *k = key;
	const struct tcs_census_states *v = value;
	struct audit_group g = { .lport = k->port };
	int i;

	(void)c;
	memcpy(g.raddr, k->addr, sizeof(g.raddr));
	for (i = 0; i < TCS_STATE_MAX; i++)
		g.states[i] = v->n[i];
	return audit_add_group(c->audit, &g);
}

static int add_half_open(struct census *c, const void *key, const void *value)
{
	const struct tcs_census_half_open *h = value;
	struct audit_half_open row = {
		.listener = h->listener,
		.netns = c->here->netns,
		.family = h->family,
		.lport = h->lport,
		.count = h->count,
		.full = h->full,
		.acked = h->acked,
		.stuck = h->stuck,
		.recent = h->recent,
		.newest_ns = ns_of_us(h->newest_us),
		.sources = sketch_estimate(h->sources.rank, sizeof(h->sources.rank)),
		.prefixes = sketch_estimate(h->prefixes.rank, sizeof(h->prefixes.rank)),
		.sources_exact = !h->sources_left_out,
		.prefixes_exact = !h->prefixes_left_out,
	};
	uint64_t listener;
	int err;

	memcpy(&listener, key, sizeof(listener));
	memcpy(row.laddr, h->laddr, sizeof(row.laddr));
	row.oldest_ns = row.newest_ns == AUDIT_UNKNOWN ? AUDIT_UNKNOWN : ns_of_us(h->oldest_us);
	err = hash_add(&c->half_open, listener, c->audit->n_half_open);
	return err ? err : audit_add_half_open(c->audit, &row);
}

static int add_source(struct census *c, const void *key, const void *value, bool prefix)
{
	const struct tcs_census_source *k = key;
	const struct tcs_census_source_held *held = value;
	struct audit_source row = {
		.family = k->family,
		.bits = k->family == 4 ? (prefix ? 24 : 32) : (prefix ? 64 : 128),
		.count = held->count,
		.oldest_ns = ns_of_us(held->oldest_us),
	};

	if (!hash_find(&c->half_open, k->listener, &row.half_open) ||
	    row.half_open >= c->audit->n_half_open)
		return 0; /* its listener found no room, which is counted there */
	memcpy(row.addr, k->addr, sizeof(row.addr));
	return audit_add_source(c->audit, &row);
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
		c->here->states[i] = out->states[i];
	c->here->time_wait_table = out->time_wait_table;
	c->audit->sockets += out->sockets;
	c->audit->skipped += out->places_full + out->groups_full + out->half_open_full;
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

static int walk(struct census *c)
{
	struct census_bpf *skel = c->skel;
	int err, fd;

	memset(&skel->bss->out, 0, sizeof(skel->bss->out));
	memset(skel->bss->listening, 0, sizeof(skel->bss->listening));
	memcpy(skel->bss->local_range, c->net.ports.bits, sizeof(skel->bss->local_range));
	fd = bpf_iter_create(bpf_link__fd(skel->links.tcs_census));
	if (fd < 0)
		return -errno;
	err = read_rows(c, fd);
	close(fd);
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

static int add_netns_group(struct census *c)
{
	struct audit_group g = { .netns = c->here->netns };
	int i;

	for (i = 0; i < TCS_STATE_MAX; i++)
		g.states[i] = c->here->states[i];
	return audit_add_group(c->audit, &g);
}

/* We are inside it. */
static int look_here(struct census *c, uint32_t inode)
{
	int err = audit_add_netns(c->audit, inode, &c->here);

	if (err)
		return err;
	host_net_read(&c->net);
	c->here->time_wait_limit = c->net.time_wait_limit;
	c->here->overflows = c->net.time_wait_overflow == HOST_UNKNOWN ? AUDIT_UNKNOWN :
									 c->net.time_wait_overflow;
	c->here->ports_range = c->net.ports.count;
	c->here->tw_reuse = c->net.tw_reuse;
	c->here->cookies = c->net.cookies;
	memcpy(c->here->counters, c->net.counters, sizeof(c->here->counters));
	if (c->net.may_have_sockets)
		err = walk(c);
	if (!err && c->config.audit.by == AUDIT_BY_NETNS)
		err = add_netns_group(c);
	return err;
}

/* ---- the host -------------------------------------------------------------------------------- */

static int look_everywhere(struct census *c)
{
	uint32_t i;
	int err = 0;

	for (i = 0; !err && i < c->list.n; i++) {
		int entered = netns_enter(&c->list, i);

		if (entered) {
			c->audit->netns_only_own |= entered == -EPERM;
			c->audit->netns_vanished++;
			continue;
		}
		err = look_here(c, c->list.at[i].inode);
	}
	if (c->list.own >= 0)
		(void)netns_return(&c->list);
	return err;
}

static void count_descriptors(struct audit *a)
{
	uint32_t i;

	for (i = 0; i < a->n_close_wait && i < OWNERS_MAX; i++) {
		struct audit_close_wait *w = &a->close_wait[i];

		if (w->owner.pid)
			host_fds_read(w->owner.pid, &w->fd_used, &w->fd_limit);
	}
}

int census_look(struct census *c, uint64_t now_ns, struct audit *ret, struct failure *reterr)
{
	int err;

	c->audit = ret;
	ret->ts_ns = now_ns;
	if (scan_owners_new(row_states(&c->config) | 1u << TCS_LISTEN, c->config.audit.stalled,
			    &c->scan, reterr)) {
		ret->owners_unknown = true;
		c->scan = NULL;
	}
	err = netns_list_init(&c->list, c->config.filter->netns);
	if (!err)
		err = look_everywhere(c);
	ret->netns_denied = c->list.denied;
	ret->netns_vanished += c->list.vanished;
	if (!err && !c->list.n) {
		failure_set(reterr, false,
			    "no namespace of this number can be entered: it has no "
			    "process we may look at, and no name");
		err = -ENOENT;
	} else if (err) {
		failure_set(reterr, false, "cannot walk the sockets of this host (%s)",
			    strerror(-err));
	}
	netns_list_release(&c->list);
	scan_free(c->scan);
	c->scan = NULL;
	if (!err && c->pids_are_ours)
		count_descriptors(ret);
	return err;
}
