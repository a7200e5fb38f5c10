// SPDX-License-Identifier: GPL-2.0-only
/*
 * cmd_watch.c - `tcpconnstate watch`, the default: every TCP state change of the host as it happens
 *
 * Read this first: it is the whole program at once. A source (the kernel), the pipeline with the
 * core in it, a sink (text or JSON), and what is told at the end.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "census.h"
#include "cgroup_names.h"
#include "confine.h"
#include "device_names.h"
#include "handshakes.h"
#include "host.h"
#include "mono.h"
#include "netns.h"
#include "netns_scope.h"
#include "opts.h"
#include "paint.h"
#include "pipeline.h"
#include "recorder.h"
#include "resolve.h"
#include "secure.h"
#include "source_live.h"
#include "tell.h"
#include "watch.h"

#define NETNS_CHECK_NS 1000000000ull
#define NETNS_WAIT_NS  100000000ull /* for a namespace that has ended: one open() that fails */

struct watch {
	const struct opts *opts;
	const char *path;	   /* of the capture; NULL none */
	struct filter filter;	   /* its namespace may change: see check_netns() */
	struct netns_scope *scope; /* NULL: not needed (all, self), or known by number only */
	struct recorder *recorder;
	struct rights_user file_user; /* owner of its files; uid 0: the user of the process */
	struct source *source;
	struct census *census;
	struct engine *engine;
	struct present present;
	struct cgroup_names *cgroups;
	uint64_t last_cgroup; /* neighbours in the stream are mostly of one cgroup */
	const char *last_cgroup_path;
	struct device_names *devices;
	struct sink *sink;
	struct output output;
	struct sink_world world;
	struct pipeline pipeline;
	bool interrupted; /* before it ran */
};

static const char *cgroup_path(void *ctx, uint64_t id)
{
	struct watch *w = ctx;

	/* What is printed beside a recording is what a replay of it will print. */
	if (w->recorder)
		return recorder_cgroup_path(w->recorder, id);
	if (id != w->last_cgroup || !w->last_cgroup_path) {
		w->last_cgroup = id;
		w->last_cgroup_path = cgroup_names_find(w->cgroups, id, mono_now_ns() / 1000000);
	}
	return w->last_cgroup_path;
}

static const char *device_name(void *ctx, uint64_t netns_cookie, uint32_t netns, uint32_t ifindex)
{
	struct watch *w = ctx;
	const struct device_name *device;

	if (w->recorder)
		return recorder_device_name(w->recorder, netns_cookie, netns, ifindex);
	device = device_names_find(w->devices, netns_cookie, netns, ifindex,
				   mono_now_ns() / 1000000);
	return device ? device->name : NULL;
}

static int open_source(struct watch *w)
{
	const struct opts *o = w->opts;
	struct source_live_config config = {
		.filter = &w->filter,
		.buffer_bytes = o->buffer_bytes,
		.btf_path = o->btf_path,
		.max_sockets = o->max_sockets,
		.totals = o->lifecycle || w->path,
		.filter_states = !o->lifecycle && !w->path,
		.verbose = o->verbose > 0,
	};
	struct failure why;

	return source_live_new(&config, &w->source, &why) ? cmd_failed(&why) : TCS_EXIT_OK;
}

static int open_census(struct watch *w, const struct source_live_info *info)
{
	const struct opts *o = w->opts;
	struct census_config config = {
		.filter = &w->filter,
		.scope = w->scope,
		.audit = opts_audit_config(o),
		.maps = &info->maps,
		.handshakes = handshakes_seed(&info->handshakes) ? NULL : &info->handshakes,
		.each_half_open = w->path, /* a replay may be asked for them */
		.btf_path = o->btf_path,
		.verbose = o->verbose > 0,
		.slice = 4096,
		.between = pipeline_between,
		.between_ctx = &w->pipeline,
	};
	struct failure why;

	return census_new(&config, &w->census, &why) ? cmd_failed(&why) : TCS_EXIT_OK;
}

static int open_engine(struct watch *w)
{
	const struct opts *o = w->opts;
	struct engine_config config = {
		.filter = &w->filter,
		.max_sockets = o->max_sockets,
		.lifecycle = o->lifecycle,
		.start_ns = w->world.start_ns,
		.audit = opts_audit_config(o),
		.detect = o->detect,
		.sink = present_sink(&w->present),
	};

	return engine_new(&config, &w->engine);
}

static int take_older(void *ctx, const struct tcs_wire_scan *row)
{
	struct record_older record = { .head.kind = RECORD_OLDER, .socket = *row };
	struct watch *w = ctx;

	return pipeline_record(&w->pipeline, &record, sizeof(record));
}

/* After attaching: what changes during the walk tells its own owner. */
static void find_older(struct watch *w)
{
	struct failure why;

	if (census_walk_files(w->census, take_older, w, &why))
		tell("warning: %s", why.text);
}

/* ---- the namespace of -N --------------------------------------------------------------------- */

static int open_scope(struct watch *w)
{
	const struct opts *o = w->opts;
	struct failure why;

	if (!w->filter.netns || netns_scope_is_own(o->netns_spec, w->filter.netns))
		return TCS_EXIT_OK;
	if (netns_scope_new(o->netns_spec, &w->filter, o->btf_path, &w->scope, &why))
		return cmd_failed(&why);
	if (!w->scope)
		tell("warning: the network namespace is known by its inode number only; another "
		     "one that gets this number later is taken for it");
	return TCS_EXIT_OK;
}

static void tell_netns(const struct watch *w, enum netns_change change)
{
	bool by_name = resolve_netns_is_name(w->opts->netns_spec);
	char name[256], text[512];

	outbuf_plain(name, sizeof(name), w->opts->netns_spec);
	netns_change_text(change, by_name, name, w->filter.netns, text, sizeof(text));
	tell("%s", text);
}

/* For struct pipeline_config.check_filter. */
static uint64_t check_netns(void *ctx, bool *ret_changed)
{
	struct watch *w = ctx;
	enum netns_change change = netns_scope_check(w->scope);

	if (change != NETNS_SAME)
		tell_netns(w, change);
	if (netns_switches(change)) {
		source_live_set_netns(w->source, w->filter.netns_id);
		/* What was there before the filter changed has had no events. */
		find_older(w);
		*ret_changed = true;
	}
	return netns_scope_waits(w->scope) ? NETNS_WAIT_NS : NETNS_CHECK_NS;
}

int watch_sink_new(const struct opts *o, const struct sink_world *world,
		   const struct output *output, struct sink **ret)
{
	struct sink_text_config text = {
		.world = world,
		.wall_clock = o->wall_clock,
		.since_start = o->since_start,
		.wide = o->wide,
		.extended = o->extended,
		.no_header = o->no_header,
		.lifecycle = o->lifecycle,
		.columns = output_columns(output),
		.color = paint_wanted(o->color, output->terminal, getenv("NO_COLOR")),
	};

	if (o->format == OPTS_NONE)
		return sink_none_new(ret);
	if (o->format == OPTS_JSON)
		return sink_json_new(world, ret);
	return sink_text_new(&text, ret);
}

/* The beginning of a line for people: "recording: 18,402 events, 231.4KB, 0 lost". */
static void put_progress(void *ctx, struct outbuf *line, const struct summary *s)
{
	const struct watch *w = ctx;

	outbuf_lit(line, "recording: ");
	outbuf_put_grouped(line, recorder_events(w->recorder));
	outbuf_lit(line, " events, ");
	outbuf_put_size(line, recorder_bytes(w->recorder));
	outbuf_lit(line, "B, ");
	outbuf_put_grouped(line, engine_lost(s->totals));
	outbuf_lit(line, " lost");
}

static bool known(void *ctx, const struct event *ev, uint64_t since_ns, struct track_known *ret)
{
	return engine_known(((struct watch *)ctx)->engine, ev, since_ns, ret);
}

/* Under sudo a file is its caller's where the caller may make it, else root's. */
static int make_as_caller(struct watch *w, const struct recorder_config *config,
			  const struct record_meta *meta, struct failure *reterr)
{
	struct rights_user user;
	int err = -EACCES;

	if (rights_sudo_user(&user) && !rights_act_as(&user)) {
		err = recorder_new(config, meta, &w->recorder, reterr);
		if (rights_act_as_root())
			return -EPERM;
		if (!err)
			w->file_user = user;
	}
	return err == -EACCES || err == -EPERM ? recorder_new(config, meta, &w->recorder, reterr) :
						 err;
}

/* The file is made with the user's rights, not with those of the binary or of sudo. */
static int make_recorder(struct watch *w, const struct recorder_config *config,
			 const struct record_meta *meta)
{
	struct failure why = { .text = "the user's rights cannot be restored" };
	int err;

	if (secure_lower())
		return cmd_failed(&why);
	err = make_as_caller(w, config, meta, &why);
	w->interrupted = err == -EINTR; /* while it waited for a reader */
	if (err)
		return cmd_failed(&why);
	secure_raise();
	return TCS_EXIT_OK;
}

static int open_recorder(struct watch *w)
{
	const struct opts *o = w->opts;
	struct recorder_config config = {
		.file = {
			.path = w->path,
			.rotate_bytes = o->rotate_bytes,
			.keep = o->keep,
			.force = o->force,
			.signal_fd = w->output.signal_fd,
		},
		.devices = w->devices,
		.known = known,
		.known_ctx = w,
	};
	struct source_live_info info;
	struct record_meta meta;
	struct utsname uts = { 0 };
	unsigned int i;

	source_live_info(w->source, &info);
	uname(&uts);
	meta = (struct record_meta){
		.head.kind = RECORD_META,
		.ts_ns = w->world.start_ns,
		.run_ns = w->world.start_ns,
		.wall_offset_ns = w->world.wall_offset_ns,
		.buffer_bytes = info.ring_bytes * info.rings,
		.max_sockets = o->max_sockets,
		.programs = info.programs,
		.n_hooks = info.n_hooks,
		.by = (uint8_t)o->by,
		.count_rows = opts_audit_config(o).count_rows,
	};
	host_boot_id(meta.boot_id, sizeof(meta.boot_id));
	snprintf(meta.version, sizeof(meta.version), "%s", TCS_VERSION);
	snprintf(meta.kernel, sizeof(meta.kernel), "%s", uts.release);
	snprintf(meta.arch, sizeof(meta.arch), "%s", uts.machine);
	snprintf(meta.netns_scope, sizeof(meta.netns_scope), "%s", o->netns_spec);
	for (i = 0; i < info.n_hooks; i++)
		snprintf(meta.hooks[i], sizeof(meta.hooks[i]), "%s", info.hooks[i]);
	if (o->format == OPTS_NONE) {
		w->present.progress = put_progress;
		w->present.progress_ctx = w;
	}
	return make_recorder(w, &config, &meta);
}

static void tell_meta(struct watch *w)
{
	char boot_id[64];
	struct source_live_info info;
	struct utsname uts = { 0 };
	struct sink_meta meta;

	source_live_info(w->source, &info);
	uname(&uts);
	meta = (struct sink_meta){
		.version = TCS_VERSION,
		.kernel = uts.release,
		.arch = uts.machine,
		.boot_id = host_boot_id(boot_id, sizeof(boot_id)),
		.command = w->path ? "record" : "watch",
		.netns_scope = w->opts->netns_spec,
		.hooks = info.hooks,
		.n_hooks = info.n_hooks,
		.programs = info.programs,
		.max_sockets = w->opts->max_sockets,
		.buffer_bytes = info.ring_bytes * info.rings,
		.older_sockets = engine_older_sockets(w->engine),
		.ts_ns = w->world.start_ns,
	};
	w->sink->ops->begin(w->sink, &w->output.buf, &meta);
	output_flush(&w->output);
}

/* "18,402 events seen, 18,402 shown, 0 filtered, 0 lost in 42.1 s" */
void watch_tell_totals(const struct opts *opts, const struct engine *engine,
		       const struct present *present, uint64_t duration_ns, const char *before)
{
	const struct engine_totals *t = engine_totals(engine);
	uint64_t tenths = duration_ns / 100000000;
	bool first = true;
	struct outbuf line;
	int i;

	if (outbuf_init(&line, 512))
		return;
	outbuf_puts(&line, before);
	outbuf_put_grouped(&line, t->events);
	outbuf_lit(&line, " events seen, ");
	if (opts->format != OPTS_NONE) {
		outbuf_put_grouped(&line, present->shown);
		outbuf_puts(&line, opts->lifecycle ? " connections shown, " : " shown, ");
	}
	if (present->outside) {
		outbuf_put_grouped(&line, present->outside);
		outbuf_lit(&line, " at another time, ");
	}
	outbuf_put_grouped(&line, t->filtered);
	outbuf_lit(&line, " filtered, ");
	outbuf_put_grouped(&line, engine_lost(t));
	outbuf_lit(&line, " lost");
	for (i = 0; i < LOST_MAX; i++) {
		if (!t->lost[i])
			continue;
		outbuf_puts(&line, first ? " (" : ", ");
		outbuf_puts(&line, lost_reason_name((enum lost_reason)i));
		outbuf_putc(&line, ' ');
		outbuf_put_grouped(&line, t->lost[i]);
		first = false;
	}
	outbuf_puts(&line, first ? " in " : ") in ");
	outbuf_put_grouped(&line, tenths / 10);
	outbuf_putc(&line, '.');
	outbuf_put_u64(&line, tenths % 10);
	outbuf_lit(&line, " s");
	tell_bare("%.*s", (int)line.len, line.data);
	outbuf_release(&line);
}

/* "231.4KB recorded, 18,402 events seen, ..." */
static void tell_totals(const struct watch *w)
{
	char before[32] = "";
	struct outbuf size;

	if (w->recorder && !outbuf_init(&size, sizeof(before))) {
		outbuf_put_size(&size, recorder_bytes(w->recorder));
		snprintf(before, sizeof(before), "%.*sB recorded, ", (int)size.len, size.data);
		outbuf_release(&size);
	}
	watch_tell_totals(w->opts, w->engine, &w->present, mono_now_ns() - w->world.start_ns,
			  before);
}

/* A rotation goes on as the user who owns its files; all else as the user who owns none. */
static void confine_watch(struct watch *w, bool is_own)
{
	unsigned int keep = RIGHTS_BPF | RIGHTS_FDS | (is_own ? RIGHTS_NONE : RIGHTS_NETNS);
	bool rotates = w->path && w->opts->rotate_bytes;
	const struct rights_user *as = &rights_nobody;

	netns_keep_names();
	if (rotates) {
		as = w->file_user.uid ? &w->file_user : NULL;
		if (!as && !secure_mode() && !recorder_may_rotate(w->recorder))
			keep |= RIGHTS_FILES;
	}
	confine(keep, as, rotates);
}

/* Everything that needs a right; the order matters. */
static int open_all(struct watch *w)
{
	bool is_own = netns_scope_is_own(w->opts->netns_spec, w->filter.netns);
	struct source_live_info info;
	int status;

	secure_raise();
	status = open_scope(w);
	if (status == TCS_EXIT_OK)
		status = open_source(w);
	if (status != TCS_EXIT_OK)
		return status;
	source_live_info(w->source, &info);
	status = open_census(w, &info);
	if (status != TCS_EXIT_OK)
		return status;
	if (device_names_new(info.maps.devices, &w->devices))
		return cmd_no_memory();
	w->world.start_ns = mono_now_ns();
	w->world.wall_offset_ns = mono_wall_offset_ns();
	present_init(&w->present, w->sink, &w->output, &w->world, w->opts->count);
	if (w->path) {
		status = open_recorder(w);
		if (status != TCS_EXIT_OK)
			return status;
	}
	if (open_engine(w) ||
	    pipeline_init(&w->pipeline,
			  &(struct pipeline_config){
				  .source = w->source,
				  .engine = w->engine,
				  .present = &w->present,
				  .census = w->census,
				  .start_ns = w->world.start_ns,
				  .duration_ms = w->opts->duration_ms,
				  .interval_ms = w->opts->interval_ms,
				  .syn_per_s = w->opts->detect.syn_per_s,
				  .tap = w->path ? recorder_tap : NULL,
				  .tap_ctx = w->recorder,
				  .tap_is_behind = w->path ? recorder_is_behind : NULL,
				  .tap_flush = w->path ? recorder_flush : NULL,
				  .check_filter = w->scope ? check_netns : NULL,
				  .check_ctx = w,
			  }))
		return cmd_no_memory();
	find_older(w);
	if (host_processes_hidden())
		tell("%s; sockets that are older than this start have no owner",
		     host_processes_hidden());
	rights_go_first();
	confine_watch(w, is_own);
	return TCS_EXIT_OK;
}

int watch_exit_status(const struct opts *o, const struct engine *engine)
{
	if (o->strict && engine_lost(engine_totals(engine)))
		return TCS_EXIT_LOST;
	/* Ctrl-C ends well even after findings, unless it was asked for. */
	if (o->fail_on && engine_worst(engine) >= o->fail_on)
		return TCS_EXIT_FINDING;
	return TCS_EXIT_OK;
}

static int run(struct watch *w)
{
	enum pipeline_end end;

	tell_meta(w);
	end = pipeline_run(&w->pipeline);
	if (w->recorder)
		recorder_finish(w->recorder);
	if (w->recorder && recorder_error(w->recorder)) {
		tell("%s", recorder_error(w->recorder));
		return TCS_EXIT_RUN;
	}
	if (w->recorder && recorder_looks_left_out(w->recorder))
		tell("warning: %llu looks at all sockets were too large to be repeated in the next "
		     "file",
		     (unsigned long long)recorder_looks_left_out(w->recorder));
	if (w->recorder && recorder_left_out(w->recorder))
		tell("warning: the recording lacks %llu records: its reader took no more",
		     (unsigned long long)recorder_left_out(w->recorder));
	cmd_tell_cut(&w->output);
	if (end == PIPELINE_FAILED)
		return cmd_not_written(&w->output, w->recorder ? "; the recording is complete" :
								 "; what came after is not in it");
	if (end == PIPELINE_STUCK) {
		tell("%s", strerror(-w->pipeline.error));
		return TCS_EXIT_RUN;
	}
	if (end == PIPELINE_CLOSED)
		return TCS_EXIT_OK;
	if (w->output.end == OUTPUT_CLOSED)
		tell("the reader of the printed lines has gone; the recording went on");
	if (w->output.terminal && end == PIPELINE_INTERRUPTED)
		tell_bare("%s", ""); /* after the terminal's ^C */
	tell_totals(w);
	return watch_exit_status(w->opts, w->engine);
}

int watch_run(const struct opts *opts, const char *path)
{
	struct watch w = {
		.opts = opts,
		.path = path,
		.filter = opts->filter,
		.world = { .cgroup_path = cgroup_path,
			   .cgroup_ctx = &w,
			   .device_name = device_name,
			   .device_ctx = &w },
	};
	int signal_fd = pipeline_signals();
	int status = TCS_EXIT_RUN;

	if (cgroup_names_new(&w.cgroups) || output_init(&w.output, STDOUT_FILENO, signal_fd) ||
	    watch_sink_new(opts, &w.world, &w.output, &w.sink))
		status = cmd_no_memory();
	else
		status = open_all(&w);
	if (status == TCS_EXIT_OK)
		status = run(&w);
	if (w.interrupted)
		status = TCS_EXIT_OK;
	engine_free(w.engine);
	recorder_free(w.recorder);
	if (w.sink)
		w.sink->ops->free(w.sink);
	output_release(&w.output);
	cgroup_names_free(w.cgroups);
	device_names_free(w.devices);
	census_free(w.census);
	netns_scope_free(w.scope);
	pipeline_release(&w.pipeline);
	if (w.source)
		w.source->ops->free(w.source);
	if (signal_fd >= 0)
		close(signal_fd);
	return status;
}

int cmd_watch(const struct opts *opts)
{
	return watch_run(opts, NULL);
}
