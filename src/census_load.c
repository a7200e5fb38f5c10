// SPDX-License-Identifier: GPL-2.0-only
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "census_inside.h"
#include "checks.h"
#include "feature.h"
#include "loader.h"

#define ALL_STATES ((1u << TCS_STATE_MAX) - 2)
#define NO_OWNER   (1u << TCS_TIME_WAIT | 1u << TCS_NEW_SYN_RECV)

bool census_counts_by_owner(const struct census *c)
{
	return c->config.audit.count_rows || c->config.audit.by == AUDIT_BY_COMM;
}

static uint32_t row_states(const struct census *c)
{
	if (census_counts_by_owner(c))
		return ALL_STATES & ~NO_OWNER;
	return 1u << TCS_LISTEN | 1u << TCS_CLOSE_WAIT | 1u << TCS_FIN_WAIT2 |
	       (c->config.each_half_open ? 1u << TCS_SYN_RECV : 0);
}

static void set_up(struct census *c)
{
	const struct filter *f = c->config.filter;
	struct tcs_census_settings *set = (struct tcs_census_settings *)&c->skel->rodata->set;

	set->count = filter_counted_states(f);
	if (set->count >> TCS_NEW_SYN_RECV & 1)
		set->count |= 1u << TCS_SYN_RECV;
	set->rows = row_states(c);
	set->orphans = census_counts_by_owner(c); /* states are counted from rows */
	/* Where iter/tcp that goes on may miss a socket, or meet it again, it is not cut for us. */
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
	/* By owner nothing can be counted in the kernel. */
	set->pending = set->count >> TCS_SYN_SENT & 1 && !c->config.audit.count_rows;
	if (c->config.audit.count_rows)
		return; /* groups are made of rows too */
	if (c->config.audit.by == AUDIT_BY_LPORT)
		set->group = 1;
	else if (c->config.audit.by == AUDIT_BY_RADDR)
		set->group = 2;
}

/* Names of devices come from the event programs, too, or from those that count handshakes. */
static int share_devices(struct census *c)
{
	const struct handshake_maps *counts = c->config.handshakes;

	if (c->config.maps)
		return bpf_map__reuse_fd(c->skel->maps.devices, c->config.maps->devices);
	return counts ? bpf_map__reuse_fd(c->skel->maps.devices, counts->devices) : 0;
}

/* With the event programs; without them there is nobody who knows of new listeners. */
static int share_maps(struct census *c)
{
	const struct socket_maps *maps = c->config.maps;
	struct census_bpf *skel = c->skel;
	int err = share_devices(c);

	if (err)
		return err;
	bpf_program__set_autoload(skel->progs.tcs_listeners, maps != NULL);
	bpf_program__set_autoattach(skel->progs.tcs_listeners, false);
	bpf_program__set_autoattach(skel->progs.tcs_netns_here, false);
	bpf_program__set_autoattach(skel->progs.tcs_netns_listed, false);
	/* Of bpf/tcs_note.h, for others. */
	bpf_map__set_autocreate(skel->maps.listeners, false);
	bpf_map__set_autocreate(skel->maps.parents, false);
	bpf_map__set_autocreate(skel->maps.owners, false);
	err = c->config.handshakes ?
		      bpf_map__reuse_fd(skel->maps.handshakes, c->counts.handshakes) :
		      bpf_map__set_max_entries(skel->maps.handshakes, 1);
	if (err)
		return err;
	if (!maps) {
		bpf_map__set_autocreate(skel->maps.owner_changes, false);
		err = bpf_map__set_max_entries(skel->maps.notes, 1);
		return err ? err : bpf_map__set_max_entries(skel->maps.watched, 1);
	}
	err = bpf_map__reuse_fd(skel->maps.notes, maps->notes);
	if (!err)
		err = bpf_map__reuse_fd(skel->maps.owner_changes, maps->owner_changes);
	return err ? err : bpf_map__reuse_fd(skel->maps.watched, maps->watched);
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

static int open_skel(struct census *c, struct failure *reterr)
{
	struct bpf_object_open_opts open_opts = loader_open(c->config.btf_path);
	int err;

	c->skel = census_bpf__open_opts(&open_opts);
	if (c->skel)
		return 0;
	err = -errno;
	failure_set(reterr, false, "cannot open the census program (%s)%s%s", strerror(-err),
		    c->config.btf_path ? ": is this a BTF file? " : "",
		    c->config.btf_path ? c->config.btf_path : "");
	return err;
}

/*
 * Tables that this filter and grouping leave empty: a table costs when it is made, by its places.
 */
static int leave_out_tables(struct census_bpf *skel)
{
	const struct {
		struct bpf_map *map;
		bool used;
	} tables[] = {
		{ skel->maps.groups, skel->rodata->set.group },
		{ skel->maps.places, skel->rodata->set.places },
		{ skel->maps.half_open, skel->rodata->set.half_open },
		{ skel->maps.sources, skel->rodata->set.half_open },
		{ skel->maps.prefixes, skel->rodata->set.half_open },
		{ skel->maps.pending, skel->rodata->set.pending },
	};
	size_t i;
	int err = 0;

	for (i = 0; !err && i < sizeof(tables) / sizeof(tables[0]); i++)
		if (!tables[i].used)
			err = bpf_map__set_max_entries(tables[i].map, 1);
	return err;
}

/* One of the two walks; maps of the other are not made. */
static int choose_walk(struct census_bpf *skel, bool by_sweep)
{
	struct bpf_program *const run_by_us[] = {
		skel->progs.tcs_sweep_find, skel->progs.tcs_sweep_run, skel->progs.tcs_sweep_ask,
		skel->progs.tcs_ports_begin, skel->progs.tcs_ports_run
	};
	struct bpf_map *const maps[] = { skel->maps.chains, skel->maps.aside, skel->maps.rows,
					 skel->maps.port_rows };
	size_t i;
	int err = bpf_program__set_autoload(skel->progs.tcs_census, !by_sweep);

	if (!err)
		err = bpf_program__set_autoload(skel->progs.tcs_sweep_cookies, by_sweep);
	for (i = 0; !err && i < sizeof(run_by_us) / sizeof(run_by_us[0]); i++) {
		err = bpf_program__set_autoload(run_by_us[i], by_sweep);
		bpf_program__set_autoattach(run_by_us[i], false);
	}
	for (i = 0; !err && i < sizeof(maps) / sizeof(maps[0]); i++)
		err = bpf_map__set_autocreate(maps[i], by_sweep);
	return err;
}

static int load_skel(struct census *c, bool by_sweep)
{
	int err;

	*(struct tcs_kernel *)&c->skel->rodata->kernel = feature_get()->kernel;
	set_up(c);
	err = share_maps(c);
	if (!err)
		err = leave_out_tables(c->skel);
	if (!err)
		err = choose_walk(c->skel, by_sweep);
	if (!err)
		err = census_bpf__load(c->skel);
	if (!err && by_sweep)
		err = sweep_new(c->skel, &c->sweep);
	if (!err && by_sweep && c->skel->rodata->set.places)
		err = census_ports_new(c);
	return err;
}

int census_load(struct census *c, struct failure *reterr)
{
	const struct features *can = feature_get();
	bool by_sweep = can->btf.loops && can->btf.nulls_listeners;
	int err;

	if (can->btf.error) {
		checks_explain(CHECK_AUDIT, "load the census", can->btf.error, reterr);
		return can->btf.error;
	}
	err = open_skel(c, reterr);
	if (err)
		return err;
	err = load_skel(c, by_sweep);
	if (err && by_sweep) {
		census_bpf__destroy(c->skel);
		c->skel = NULL;
		err = open_skel(c, reterr);
		if (err)
			return err;
		err = load_skel(c, false);
	}
	if (!err)
		err = loader_attach(c->skel->skeleton);
	if (!err)
		err = map_marks(c);
	if (err)
		checks_explain(CHECK_AUDIT, "load the census", err, reterr);
	return err;
}
