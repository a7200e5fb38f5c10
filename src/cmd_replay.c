// SPDX-License-Identifier: GPL-2.0-only
/*
 * cmd_replay.c - `tcpconnstate replay FILE`: a capture, shown as watch shows a live run
 *
 * The engine is told what it was told when the recording was made, so it says the same; what is
 * different are the filters, thresholds and formats that the user asks for now. Neither rights nor
 * BPF are needed, and nothing is asked of this host.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "confine.h"
#include "capture.h"
#include "cgroup_names.h"
#include "device_names.h"
#include "mono.h"
#include "opts.h"
#include "pipeline.h"
#include "tell.h"
#include "verdict.h"
#include "watch.h"

#define POLL_EVERY 64	      /* records between two looks for a signal */
#define COST_FREE  (1u << 22) /* rows */
#define COST_EACH  512	      /* rows for each byte of the file */

struct replay {
	const struct opts *opts;
	char name[160]; /* of the file, for people */
	struct capture_reader *reader;
	struct cgroup_names *cgroups;
	struct device_names *devices;
	struct engine *engine;
	struct present present;
	struct sink *sink;
	struct output output;
	struct sink_world world;
	struct record_meta meta;
	bool has_meta;
	bool begun;	    /* the first line has been printed */
	bool known_already; /* earlier files have printed what this one begins with */
	bool past;	    /* what comes is later than the user wants */
	uint64_t costly;    /* records that were skipped since they cost more than the file pays */
	uint64_t spent;	    /* engine_cost() so far */
	uint64_t taken;	    /* records */
	uint64_t unknown;   /* records of kinds that a newer version may know */
	uint64_t now_ns;    /* on the records' clock */
	uint64_t real_ns;   /* ours, when the first record came: for --speed */
	uint64_t real_for_ns; /* the records' then */
};

/* ---- names ----------------------------------------------------------------------------------- */

static const char *cgroup_path(void *ctx, uint64_t id)
{
	struct replay *r = ctx;

	return cgroup_names_find(r->cgroups, id, 0);
}

static const char *device_name(void *ctx, uint64_t netns_cookie, uint32_t netns, uint32_t ifindex)
{
	struct replay *r = ctx;
	const struct device_name *device =
		device_names_find(r->devices, netns_cookie, netns, ifindex, 0);

	return device ? device->name : NULL;
}

static void take_device(struct replay *r, const struct record_device *record)
{
	struct device_name device = { .netns_cookie = record->netns_cookie,
				      .netns = record->netns,
				      .ifindex = record->ifindex };

	memcpy(device.name, record->name, sizeof(device.name));
	device_names_tell(r->devices, &device);
}

/* Inside the one that was asked for, by name: ids are another host's. */
static bool in_cgroup(void *ctx, uint64_t id)
{
	struct replay *r = ctx;
	const char *path = cgroup_path(r, id), *wanted = r->opts->cgroup_path;
	size_t len = strlen(wanted);

	while (len && wanted[len - 1] == '/')
		len--;
	return path && !strncmp(path, wanted, len) && (!path[len] || path[len] == '/' || !len);
}

/* ---- time ------------------------------------------------------------------------------------ */

/* Local time of a day, the first one after the recording's start, since 1970. */
static int64_t first_at(const struct replay *r, int64_t of_day_ns)
{
	int64_t start_ns = (int64_t)(r->world.start_ns + (uint64_t)r->world.wall_offset_ns);
	time_t start = start_ns / 1000000000;
	int64_t at_ns = INT64_MIN;
	struct tm tm;
	int day;

	if (start < 0 || start > INT32_MAX * INT64_C(4)) /* the file may say anything */
		return start_ns;
	for (day = 0; day < 2 && at_ns < start_ns; day++) {
		localtime_r(&start, &tm);
		tm.tm_mday += day;
		tm.tm_hour = tm.tm_min = 0;
		tm.tm_sec = (int)(of_day_ns / 1000000000);
		tm.tm_isdst = -1;
		at_ns = (int64_t)mktime(&tm) * 1000000000 + of_day_ns % 1000000000;
	}
	return at_ns;
}

/* On the records' clock. */
static uint64_t moment_ns(const struct replay *r, const struct opts_moment *m)
{
	uint64_t start = r->world.start_ns, since_1970 = (uint64_t)m->at_ns, at;

	if (!m->wall && !m->of_day)
		return start + since_1970 < start ? UINT64_MAX : start + since_1970;
	if (m->of_day)
		since_1970 = (uint64_t)first_at(r, m->at_ns);
	at = since_1970 - (uint64_t)r->world.wall_offset_ns;
	return (int64_t)at < 0 ? 0 : at; /* before the clock began */
}

/* Whenever the wall clock has been set, too. */
static void set_times(struct replay *r)
{
	if (r->opts->since.set)
		r->present.from_ns = moment_ns(r, &r->opts->since);
	if (r->opts->until.set)
		r->present.to_ns = moment_ns(r, &r->opts->until);
}

/*
 * Is this later than the user wants? Events come in the order of time; other records when they are
 * made, which is before some events that are older: after the first that is too late, more follow.
 */
static bool is_past(struct replay *r, const struct record *record, uint64_t ts_ns)
{
	uint64_t to_ns = r->present.to_ns;

	if (ts_ns < to_ns || !r->opts->until.set)
		return false;
	if (to_ns > r->now_ns && r->now_ns)
		r->now_ns = to_ns;
	r->past = record->kind < RECORD_CLOCK;
	if (record->kind == RECORD_TICK || record->kind == RECORD_SEEN)
		r->past = record->tick->seen_ns >= to_ns;
	return true;
}

/* Real time goes on until it is this record's turn; false: a signal came first. */
static bool wait_for_turn(struct replay *r, uint64_t ts_ns)
{
	struct pollfd fd = { .fd = r->output.signal_fd, .events = POLLIN };
	uint64_t due, now = mono_now_ns();

	if (!r->real_ns) {
		r->real_ns = now;
		r->real_for_ns = ts_ns;
	}
	if (ts_ns <= r->real_for_ns)
		return true;
	due = r->real_ns +
	      (uint64_t)((double)(ts_ns - r->real_for_ns) * 1000.0 / (double)r->opts->speed_milli);
	if (due < now + 1000000)
		return true;
	present_flush(&r->present);
	for (; now < due && r->output.end == OUTPUT_OPEN; now = mono_now_ns()) {
		uint64_t ms = (due - now) / 1000000 + 1;

		if (poll(&fd, 1, ms < 1000000 ? (int)ms : 1000000) > 0)
			return false;
	}
	return true;
}

/* ---- records --------------------------------------------------------------------------------- */

/* hooks: room for those of a recording. */
static struct sink_meta sink_meta(const struct replay *r, const char *hooks[4])
{
	const struct record_meta *m = &r->meta;
	uint32_t i;

	for (i = 0; i < m->n_hooks; i++)
		hooks[i] = m->hooks[i];
	return (struct sink_meta){
		.version = TCS_VERSION,
		.kernel = m->kernel,
		.arch = m->arch,
		.boot_id = *m->boot_id ? m->boot_id : NULL,
		.command = "replay",
		.netns_scope = m->netns_scope,
		.hooks = hooks,
		.n_hooks = m->n_hooks,
		.programs = m->programs,
		.max_sockets = m->max_sockets,
		.buffer_bytes = m->buffer_bytes,
		.older_sockets = m->part ? m->older_sockets : engine_older_sockets(r->engine),
		.ts_ns = r->world.start_ns,
	};
}

static void begin(struct replay *r)
{
	const char *hooks[4];
	struct sink_meta meta = sink_meta(r, hooks);

	r->begun = true;
	if (!r->opts->verdict)
		r->sink->ops->begin(r->sink, &r->output.buf, &meta);
}

/* Another file behind the first: -EPROTO when it is not one that continues it. */
static int take_next_meta(struct replay *r, const struct record_meta *meta)
{
	bool same = meta->run_ns == r->meta.run_ns && !strcmp(meta->boot_id, r->meta.boot_id);

	if (!same)
		tell("%s: here begins another recording; replay them one by one", r->name);
	else if (meta->part <= r->meta.part)
		tell("%s: file %u of the recording comes after file %u; join them oldest first",
		     r->name, meta->part + 1, r->meta.part + 1);
	else if (meta->part > r->meta.part + 1)
		tell("warning: %s: between file %u and file %u of the recording some are missing",
		     r->name, r->meta.part + 1, meta->part + 1);
	if (!same || meta->part <= r->meta.part)
		return -EPROTO;
	r->meta.part = meta->part;
	r->known_already = true;
	return 0;
}

static int take_meta(struct replay *r, const struct record_meta *meta)
{
	if (r->has_meta)
		return take_next_meta(r, meta);
	r->has_meta = true;
	r->meta = *meta;
	r->world.start_ns = meta->ts_ns;
	r->world.wall_offset_ns = meta->wall_offset_ns;
	engine_start(r->engine, meta);
	set_times(r);
	if (r->present.from_ns < r->present.to_ns)
		return 0;
	tell("--until is not after --since");
	return -ERANGE;
}

/*
 * A recording pays for the work it asks for with its own bytes, so that the time is linear in its
 * size: an end of a look may cost 2^17 rows and need not have one. A recording that was made by
 * this program has a chunk of more than 150 bytes for each second, and so for each look.
 */
static bool can_pay(struct replay *r, const struct record *record)
{
	uint64_t cost = engine_cost(r->engine, record);

	if (r->spent + cost > COST_FREE + capture_reader_bytes(r->reader) * COST_EACH)
		return false;
	r->spent += cost;
	return true;
}

/* Also while there is nothing to wait for. */
static bool is_interrupted(struct replay *r)
{
	struct pollfd fd = { .fd = r->output.signal_fd, .events = POLLIN };

	return !(r->taken++ % POLL_EVERY) && poll(&fd, 1, 0) > 0;
}

static int take_record(struct replay *r, const void *bytes, size_t len)
{
	const struct opts *o = r->opts;
	struct record record = { 0 };
	uint64_t ts_ns;
	int err = 0;

	if (is_interrupted(r))
		return -EINTR;
	if (!record_is_known(*(const uint8_t *)bytes)) {
		r->unknown++;
		return 0;
	}
	/* What is not as it should be is the engine's to count. */
	if (record_decode(bytes, len, &record))
		return engine_record(r->engine, bytes, len);
	ts_ns = record_ts_ns(&record);
	if (record.kind == RECORD_META)
		err = take_meta(r, record.meta);
	else if (record.kind == RECORD_CGROUP)
		cgroup_names_tell(r->cgroups, record.cgroup->id, record.cgroup->path);
	else if (record.kind == RECORD_DEVICE)
		take_device(r, record.device);
	else if (ts_ns && !r->begun)
		begin(r);
	r->known_already &= record.kind != RECORD_CLOCK;
	if (err || r->known_already)
		return err;
	if (ts_ns && is_past(r, &record, ts_ns))
		return 0;
	if (ts_ns && o->speed_milli && ts_ns >= r->present.from_ns && !wait_for_turn(r, ts_ns))
		return -EINTR;
	if (ts_ns > r->now_ns)
		r->now_ns = ts_ns;
	if (!can_pay(r, &record)) {
		r->costly++;
		return 0;
	}
	err = engine_take(r->engine, &record);
	if (record.kind == RECORD_CLOCK)
		set_times(r);
	return err;
}

/* ---- the end --------------------------------------------------------------------------------- */

static int tell_verdict(struct replay *r, bool interrupted)
{
	const char *hooks[4];
	struct sink_meta meta = sink_meta(r, hooks);
	struct verdict verdict = {
		.look = engine_look(r->engine),
		.run = r->engine,
		.world = &r->world,
		.meta = &meta,
		.interrupted = interrupted,
	};

	if (verdict.look)
		return verdict_tell(r->opts, &verdict, &r->output);
	tell("%s has no look at all sockets to judge%s", r->name,
	     r->opts->until.set ? " by then" : "");
	return TCS_EXIT_RUN;
}

static uint64_t since_start_ns(const struct replay *r)
{
	return r->now_ns > r->world.start_ns ? r->now_ns - r->world.start_ns : 0;
}

/* A time that the file does not know. */
static void tell_out_of_time(const struct replay *r)
{
	uint64_t tenths = since_start_ns(r) / 100000000;

	if (r->opts->until.set && r->present.to_ns <= r->world.start_ns)
		tell("%s begins after --until", r->name);
	else if (r->opts->since.set && r->present.from_ns > r->now_ns)
		tell("%s ends %llu.%llu s after its start, before --since", r->name,
		     (unsigned long long)tenths / 10, (unsigned long long)tenths % 10);
}

/* What the filters could not be applied to, in a sentence. */
static void tell_blank(const struct replay *r)
{
	static const char *const names[] = { "sockets in some states", "some half-open connections",
					     "some groups", "some listeners" };
	uint32_t blank = engine_blank(r->engine), i;
	char list[128] = "";
	size_t len = 0;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (blank >> i & 1)
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s",
						len ? ", " : "", names[i]);
	if (len)
		tell("unknown with this filter, since the recording has only sums of them: %s",
		     list);
}

static int finish(struct replay *r, enum capture_end end)
{
	bool interrupted = end == CAPTURE_INTERRUPTED || r->output.end == OUTPUT_INTERRUPTED;
	struct record_tick last = { .head.kind = RECORD_END, .ts_ns = r->now_ns };
	int status = TCS_EXIT_OK;

	/* Once more where it was there: it sums up what came behind the last interval. */
	(void)engine_record(r->engine, &last, sizeof(last));
	if (!r->begun && r->has_meta)
		begin(r);
	if (r->opts->verdict && r->has_meta)
		status = tell_verdict(r, interrupted);
	else if (r->has_meta)
		present_end(&r->present, r->engine, r->now_ns);
	if (r->output.end == OUTPUT_FAILED)
		return cmd_not_written(&r->output, "; what came after is not in it");
	if (r->output.end == OUTPUT_CLOSED)
		return TCS_EXIT_OK;
	cmd_tell_cut(&r->output);
	if (interrupted && !r->has_meta)
		tell("%s: interrupted before anything came from it", r->name);
	if (interrupted && r->output.terminal)
		tell_bare("%s", ""); /* after the terminal's ^C */
	if (r->has_meta && !r->opts->verdict)
		watch_tell_totals(r->opts, r->engine, &r->present, since_start_ns(r), "");
	if (r->has_meta)
		tell_out_of_time(r);
	tell_blank(r);
	if (r->costly)
		tell("%llu snapshots, rows and sums were skipped: the file asks for more work "
		     "than any recording of its size",
		     (unsigned long long)r->costly);
	if (r->unknown)
		tell("%llu records of kinds that this version does not know were skipped",
		     (unsigned long long)r->unknown);
	return status == TCS_EXIT_OK ? watch_exit_status(r->opts, r->engine) : status;
}

/* How the file ended, in a word to the user where there is one to say. */
static bool ended_well(struct replay *r, enum capture_end end, bool complete)
{
	if (end == CAPTURE_RECORD || end == CAPTURE_INTERRUPTED)
		return true; /* it was not read to its end */
	if (end == CAPTURE_DONE && complete)
		return true;
	if (end == CAPTURE_DONE)
		tell("%s: the end is missing; it is still being recorded, or was "
		     "cut off between two parts",
		     r->name);
	else
		tell("%s: %s", r->name, capture_reader_why(r->reader));
	return false;
}

static int run(struct replay *r)
{
	enum capture_end end = CAPTURE_RECORD;
	bool complete = false;
	const void *record;
	size_t len;
	int err = 0, status;

	while (!err && !r->past && r->output.end == OUTPUT_OPEN && !present_full(&r->present)) {
		end = capture_next(r->reader, &record, &len);
		if (end)
			break;
		complete = *(const uint8_t *)record == RECORD_END ||
			   *(const uint8_t *)record == RECORD_NEXT;
		err = take_record(r, record, len);
	}
	if (err == -ENOMEM)
		return cmd_no_memory();
	if (err == -ERANGE)
		return TCS_EXIT_USAGE;
	status = finish(r, err == -EINTR ? CAPTURE_INTERRUPTED : end);
	return err != -EPROTO && ended_well(r, end, complete) ? status : TCS_EXIT_RUN;
}

/* ---- life ------------------------------------------------------------------------------------ */

static int open_all(struct replay *r, int fd, int signal_fd)
{
	const struct opts *o = r->opts;
	struct engine_config config = {
		.filter = &o->filter,
		.max_sockets = o->max_sockets,
		.lifecycle = o->lifecycle,
		.audit = opts_audit_config(o),
		.detect = o->detect,
		.in_cgroup = o->cgroup_path ? in_cgroup : NULL,
		.cgroup_ctx = r,
		.select_looks = true,
	};
	int err = output_init(&r->output, STDOUT_FILENO, signal_fd);

	config.audit.count_rows = false; /* as the recording did; engine_start() */
	if (o->cgroup_path)
		config.audit.uncounted |= FILTER_NOT_OWNED;
	if (!err)
		err = cgroup_names_new_empty(&r->cgroups);
	if (!err)
		err = device_names_new(-1, &r->devices);
	if (!err && o->verdict)
		err = sink_none_new(&r->sink);
	else if (!err)
		err = watch_sink_new(o, &r->world, &r->output, &r->sink);
	if (!err)
		err = capture_reader_new(fd, signal_fd, &r->reader);
	if (err)
		return err;
	present_init(&r->present, r->sink, &r->output, &r->world, o->verdict ? 0 : o->count);
	config.sink = present_sink(&r->present);
	return engine_new(&config, &r->engine);
}

static int replay(const struct opts *opts)
{
	const char *path = opts->names[0];
	bool from_stdin = !strcmp(path, "-");
	struct replay r = {
		.opts = opts,
		.world = { .cgroup_path = cgroup_path,
			   .cgroup_ctx = &r,
			   .device_name = device_name,
			   .device_ctx = &r },
	};
	int signal_fd = pipeline_signals(), status = TCS_EXIT_RUN;
	/* O_NONBLOCK: of a FIFO without a writer, poll() waits for one, and not open(). */
	int fd = from_stdin ? STDIN_FILENO :
			      open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	outbuf_plain(r.name, sizeof(r.name), from_stdin ? "standard input" : path);
	if (fd < 0)
		tell("cannot open %s: %s", r.name, strerror(errno));
	else if (open_all(&r, fd, signal_fd))
		status = cmd_no_memory();
	else {
		confine_all();
		status = run(&r);
	}
	engine_free(r.engine);
	capture_reader_free(r.reader);
	if (r.sink)
		r.sink->ops->free(r.sink);
	output_release(&r.output);
	cgroup_names_free(r.cgroups);
	device_names_free(r.devices);
	if (fd > STDIN_FILENO)
		close(fd);
	if (signal_fd >= 0)
		close(signal_fd);
	return status;
}

int cmd_replay(const struct opts *opts)
{
	if (!strcmp(opts->names[0], "-") && isatty(STDIN_FILENO)) {
		tell("no capture comes from a terminal; give a file, or send one here");
		return TCS_EXIT_USAGE;
	}
	return replay(opts);
}
