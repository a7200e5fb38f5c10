// SPDX-License-Identifier: GPL-2.0-only
/*
 * cmd_watch.c - `tcpconnstate watch`, the default: every TCP state change of the host as it happens
 *
 * Read this first: it is the whole program at once. A source (the kernel), the pipeline with the
 * core in it, a sink (text or JSON), and what is told at the end.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cgroup_names.h"
#include "host.h"
#include "opts.h"
#include "pipeline.h"
#include "rights.h"
#include "scan.h"
#include "source_live.h"

struct watch {
	const struct opts *opts;
	struct source *source;
	struct scan *scan;
	struct cgroup_names *cgroups;
	uint64_t last_cgroup; /* neighbours in the stream are mostly of one cgroup */
	const char *last_cgroup_path;
	struct sink *sink;
	struct output output;
	struct sink_world world;
	struct pipeline pipeline;
};

static const char *cgroup_path(void *ctx, uint64_t id)
{
	struct watch *w = ctx;

	if (id != w->last_cgroup || !w->last_cgroup_path) {
		w->last_cgroup = id;
		w->last_cgroup_path =
			cgroup_names_find(w->cgroups, id, pipeline_now_ns() / 1000000);
	}
	return w->last_cgroup_path;
}

/* Attach first: what changes during the scan tells its own owner. */
static int open_source(struct watch *w)
{
	const struct opts *o = w->opts;
	struct source_live_config config = {
		.filter = &o->filter,
		.buffer_bytes = o->buffer_bytes,
		.btf_path = o->btf_path,
		.max_sockets = o->max_sockets,
		.totals = o->lifecycle,
		.filter_states = !o->lifecycle,
		.verbose = o->verbose > 0,
	};
	struct source_live_info info;
	struct failure why;

	if (source_live_new(&config, &w->source, &why)) {
		fprintf(stderr, "tcpconnstate: %s\n", why.text);
		return why.of_host ? TCS_EXIT_HOST : TCS_EXIT_RUN;
	}
	source_live_info(w->source, &info);
	if (scan_new(&info.maps, &w->scan, &why))
		fprintf(stderr, "tcpconnstate: warning: %s\n", why.text);
	if (host_processes_hidden())
		fprintf(stderr,
			"tcpconnstate: %s; sockets that are older than this start have no owner\n",
			host_processes_hidden());
	rights_go_first();
	if (rights_drop())
		fprintf(stderr,
			"tcpconnstate: warning: could not give up capabilities; going on\n");
	return TCS_EXIT_OK;
}

static int open_sink(struct watch *w)
{
	const struct opts *o = w->opts;
	struct sink_text_config text = {
		.world = &w->world,
		.wall_clock = o->wall_clock,
		.since_start = o->since_start,
		.wide = o->wide,
		.extended = o->extended,
		.no_header = o->no_header,
		.lifecycle = o->lifecycle,
		.columns = output_columns(&w->output),
	};

	w->world = (struct sink_world){
		.wall_offset_ns = pipeline_wall_offset_ns(),
		.start_ns = pipeline_now_ns(),
		.cgroup_path = cgroup_path,
		.cgroup_ctx = w,
	};
	if (o->format == OPTS_JSON)
		return sink_json_new(&w->world, &w->sink);
	return sink_text_new(&text, &w->sink);
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
		.command = "watch",
		.netns_scope = w->opts->netns_spec,
		.hooks = info.hooks,
		.n_hooks = info.n_hooks,
		.programs = info.programs,
		.max_sockets = w->opts->max_sockets,
		.buffer_bytes = info.ring_bytes * info.rings,
		.older_sockets = w->scan ? scan_sockets(w->scan) : 0,
		.ts_ns = w->world.start_ns,
	};
	w->sink->ops->begin(w->sink, &w->output.buf, &meta);
	output_flush(&w->output);
}

/* "18,402 events seen, 18,402 shown, 0 filtered, 0 lost in 42.1 s" */
static void tell_totals(const struct watch *w)
{
	const struct sink_totals *t = &w->pipeline.totals;
	uint64_t tenths = t->duration_ns / 100000000;
	bool first = true;
	struct outbuf line;
	int i;

	if (outbuf_init(&line, 512))
		return;
	outbuf_put_grouped(&line, t->events);
	outbuf_lit(&line, " events seen, ");
	outbuf_put_grouped(&line, t->shown);
	outbuf_puts(&line, w->opts->lifecycle ? " connections shown, " : " shown, ");
	outbuf_put_grouped(&line, t->filtered);
	outbuf_lit(&line, " filtered, ");
	outbuf_put_grouped(&line, sink_lost(t));
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
	fprintf(stderr, "%.*s\n", (int)line.len, line.data);
	outbuf_release(&line);
}

static int run(struct watch *w)
{
	const struct opts *o = w->opts;
	struct pipeline_config config = {
		.filter = &o->filter,
		.max_sockets = o->max_sockets,
		.lifecycle = o->lifecycle,
		.count = o->count,
		.duration_ms = o->duration_ms,
		.interval_ms = o->interval_ms,
		.older = w->scan ? scan_older : NULL,
		.older_ctx = w->scan,
	};
	enum pipeline_end end;

	if (pipeline_init(&w->pipeline, &config, w->source, w->sink, &w->output, &w->world)) {
		fprintf(stderr, "tcpconnstate: out of memory\n");
		return TCS_EXIT_RUN;
	}
	tell_meta(w);
	end = pipeline_run(&w->pipeline);
	if (end == PIPELINE_FAILED) {
		fprintf(stderr,
			"tcpconnstate: cannot write the output: %s; what came after is not in it\n",
			strerror(w->output.error_number));
		return TCS_EXIT_RUN;
	}
	if (end == PIPELINE_CLOSED)
		return TCS_EXIT_OK;
	if (w->output.terminal && end == PIPELINE_INTERRUPTED)
		fputc('\n', stderr); /* after the terminal's ^C */
	tell_totals(w);
	return o->strict && sink_lost(&w->pipeline.totals) ? TCS_EXIT_LOST : TCS_EXIT_OK;
}

int cmd_watch(const struct opts *opts)
{
	struct watch w = { .opts = opts };
	int signal_fd = pipeline_signals();
	int status = open_source(&w);

	if (status == TCS_EXIT_OK) {
		if (cgroup_names_new(&w.cgroups) ||
		    output_init(&w.output, STDOUT_FILENO, signal_fd) || open_sink(&w)) {
			fprintf(stderr, "tcpconnstate: out of memory\n");
			status = TCS_EXIT_RUN;
		} else {
			status = run(&w);
		}
	}
	pipeline_release(&w.pipeline);
	if (w.sink)
		w.sink->ops->free(w.sink);
	output_release(&w.output);
	cgroup_names_free(w.cgroups);
	scan_free(w.scan);
	if (w.source)
		w.source->ops->free(w.source);
	if (signal_fd >= 0)
		close(signal_fd);
	return status;
}
