// SPDX-License-Identifier: GPL-2.0-only
#include "pipeline.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "hash.h"
#include "mono.h"
#include "tell.h"

#define CHECK_EVERY 256		  /* records between two checks of how full the source is */
#define HELD_MS	    10		  /* until an output that is not read is tried again */
#define CLOCK_NS    1000000000ull /* the wall clock may be set while we run */

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* ---- records --------------------------------------------------------------------------------- */

/* Any of them moving changes the sum. */
static uint64_t mix_counters(uint64_t sum, const struct audit_netns *n)
{
	sum = hash_mix(sum ^ n->netns) + n->in_use;
	sum = hash_mix(sum) + n->time_wait_table;
	sum = hash_mix(sum) + n->overflows;
	sum = hash_mix(sum) + n->counters[COUNTER_COOKIES_SENT];
	sum = hash_mix(sum) + n->counters[COUNTER_LISTEN_DROPS];
	return hash_mix(sum) + n->counters[COUNTER_SYN_RETRANS];
}

/* What the last look saw of listeners is what a glance compares with. */
static void tell_glance(struct pipeline *p, const void *bytes)
{
	switch (*(const uint8_t *)bytes) {
	case RECORD_LOOK:
		if (((const struct record_look *)bytes)->covers & AUDIT_LISTENERS)
			glance_begin(&p->glance, ((const struct record_look *)bytes)->ts_ns);
		break;
	case RECORD_SOCKET:
		/* One that finds no room has to wait for the interval. */
		(void)glance_take(&p->glance, &((const struct record_socket *)bytes)->socket);
		break;
	case RECORD_LOOK_END:
		glance_end(&p->glance);
		break;
	default:
		break;
	}
}

int pipeline_record(void *ctx, const void *bytes, size_t len)
{
	struct pipeline *p = ctx;
	uint8_t kind = *(const uint8_t *)bytes;
	int err = p->config.tap ? p->config.tap(p->config.tap_ctx, bytes, len) : 0;

	if (kind == TCS_WIRE_STATE)
		p->events++;
	else if (kind == RECORD_LOOK)
		p->counters = 0;
	else if (kind == RECORD_NETNS)
		p->counters =
			mix_counters(p->counters, &((const struct record_netns *)bytes)->netns);
	tell_glance(p, bytes);
	if (!err)
		err = engine_record(p->config.engine, bytes, len);
	if (err && !p->error)
		p->error = err;
	return err;
}

static bool is_behind(const struct pipeline *p)
{
	return p->config.tap_is_behind && p->config.tap_is_behind(p->config.tap_ctx);
}

static enum pipeline_end ended_by_output(const struct pipeline *p)
{
	const struct output *output = p->config.present->output;

	if (output->end == OUTPUT_INTERRUPTED)
		return PIPELINE_INTERRUPTED;
	/* A recording goes on without printed lines. */
	if (output->end != OUTPUT_OPEN && !p->config.tap)
		return output->end == OUTPUT_CLOSED ? PIPELINE_CLOSED : PIPELINE_FAILED;
	return p->error ? PIPELINE_STUCK : 0;
}

/* Are more events to be drained, whatever the outputs take? (See pipeline.h.) */
static bool takes_more(struct pipeline *p)
{
	struct source *s = p->config.source;

	p->is_held = !p->is_last && is_behind(p);
	if (p->is_last || p->is_held || !present_is_stalled(p->config.present))
		return !p->is_held;
	if (!p->config.tap && !(p->checked++ % CHECK_EVERY))
		p->is_half_full = s->ops->is_half_full(s);
	p->is_held = !p->config.tap && !p->is_half_full;
	return !p->is_held;
}

static bool on_record(void *ctx, const void *bytes, size_t len)
{
	struct pipeline *p = ctx;

	return !pipeline_record(p, bytes, len) && !present_full(p->config.present) &&
	       !ended_by_output(p) && takes_more(p);
}

static void tell_clock(struct pipeline *p)
{
	struct record_clock r = {
		.head.kind = RECORD_CLOCK,
		.ts_ns = mono_now_ns(),
		.wall_offset_ns = mono_wall_offset_ns(),
	};

	(void)pipeline_record(p, &r, sizeof(r));
}

static void tell_stats(struct pipeline *p)
{
	struct record_stats r = { .kind = RECORD_STATS, .ts_ns = mono_now_ns() };
	struct source_stats s;

	engine_unprinted(p->config.engine, p->config.present->unprinted);
	p->config.source->ops->stats(p->config.source, &s);
	r.lost_ring_full = s.lost_ring_full;
	r.lost_recursion = s.lost_recursion;
	r.lost_table_full = s.lost_table_full;
	r.filtered = s.filtered;
	r.lost_corrections =
		s.lost_corrections < UINT32_MAX ? (uint32_t)s.lost_corrections : UINT32_MAX;
	(void)pipeline_record(p, &r, sizeof(r));
}

/* RECORD_TICK, RECORD_SEEN, RECORD_END; returns when that was. */
static uint64_t tell_tick(struct pipeline *p, enum record_kind kind)
{
	struct record_tick r = {
		.head.kind = (uint8_t)kind,
		.ts_ns = mono_now_ns(),
		.seen_ns = p->seen_ns,
	};

	(void)pipeline_record(p, &r, sizeof(r));
	return r.ts_ns;
}

/* ---- events ---------------------------------------------------------------------------------- */

/* Whenever the engine has forgotten its sockets. */
static void set_epoch(struct pipeline *p)
{
	uint8_t epoch = engine_epoch(p->config.engine);

	if (epoch == p->epoch)
		return;
	p->epoch = epoch;
	p->config.source->ops->set_epoch(p->config.source, epoch);
}

static size_t drain(struct pipeline *p, bool last)
{
	struct source *s = p->config.source;
	size_t n = 0;

	p->checked = 0;
	p->is_last = last;
	if (takes_more(p))
		n = s->ops->drain(s, on_record, p, last, &p->seen_ns);
	if (last)
		engine_advance(p->config.engine, UINT64_MAX);
	else if (engine_waits(p->config.engine))
		tell_tick(p, RECORD_SEEN);
	set_epoch(p);
	return n;
}

void pipeline_between(void *ctx)
{
	struct pipeline *p = ctx;
	uint64_t before = cpu_ns();

	drain(p, false);
	p->drain_cpu_ns += cpu_ns() - before;
}

/* ---- looks ----------------------------------------------------------------------------------- */

static uint64_t interval_ns(const struct pipeline *p)
{
	return p->config.interval_ms * 1000000;
}

static bool moved(const struct pipeline *p)
{
	/* What has been raised is to be cleared soon after it is over. */
	return p->events != p->walked_events || p->counters != p->walked_counters ||
	       p->filter_changed || engine_findings(p->config.engine);
}

/* The next look, or glance, costs less than the one that began with `pruned` of them. */
static bool cost_once(struct pipeline *p, uint32_t pruned, uint64_t cost_ns)
{
	return census_pruned(p->config.census) != pruned &&
	       cadence_once(&p->cadence, mono_now_ns(), cost_ns);
}

static void look(struct pipeline *p, enum cadence_look what)
{
	bool walk = what == CADENCE_WALK;
	uint32_t covers = AUDIT_COUNTERS | (walk ? AUDIT_SOCKETS : 0);
	uint32_t pruned = census_pruned(p->config.census);
	uint64_t before = cpu_ns(), cost;
	struct failure why;

	p->drain_cpu_ns = 0;
	cadence_looks(&p->cadence, mono_now_ns());
	if (walk) {
		p->walked_events = p->events;
		p->filter_changed = false;
	}
	/* One that fails leaves the numbers as old as they are, which they say. */
	if (census_look(p->config.census, covers, mono_now_ns(), pipeline_record, p, &why) &&
	    !p->error && !p->look_failed) {
		p->look_failed = true;
		tell("warning: %s; sums and findings stand still", why.text);
	}
	if (walk)
		p->walked_counters = p->counters;
	cost = cpu_ns() - before - p->drain_cpu_ns;
	cadence_spent(&p->cadence, cost_once(p, pruned, cost) ? CADENCE_NONE : what, cost);
}

/* What all that follows is compared with; what is wrong already is told by the second. */
static void first_look(struct pipeline *p)
{
	if (cadence_next(&p->cadence, mono_now_ns(), true) == CADENCE_WALK)
		look(p, CADENCE_WALK);
	if (p->glance.news || engine_strange(p->config.engine))
		cadence_follow(&p->cadence, mono_now_ns());
}

/*
 * Counters and queues; and a walk where the last ones were strange, if it is not too dear. True:
 * something is strange that was not so before. A second look decides what it is.
 */
static bool quick_look(struct pipeline *p)
{
	const uint32_t *wanted;
	uint32_t i, n = engine_wanted(p->config.engine, &wanted);
	bool urgent = n && cadence_urgent(&p->cadence, mono_now_ns());
	bool strange = engine_strange(p->config.engine);

	for (i = 0; urgent && i < n; i++)
		(void)census_want(p->config.census, wanted[i]);
	/* A finding needs two looks in a row (detect.h): this one may raise it, with an owner. */
	if (strange)
		census_verify_owners(p->config.census);
	look(p, urgent ? CADENCE_URGENT : CADENCE_COUNTERS);
	present_flush(p->config.present);
	return p->glance.news || (!strange && engine_strange(p->config.engine));
}

/* What is found quickly is told before the walk over everything, which may take a while. */
static void tick_looks(struct pipeline *p)
{
	enum cadence_look what;

	if (cadence_rests(&p->cadence, mono_now_ns(), interval_ns(p)))
		return;
	what = cadence_next(&p->cadence, mono_now_ns(), moved(p));
	if (what == CADENCE_NONE)
		return;
	if (quick_look(p)) {
		cadence_follow(&p->cadence, mono_now_ns());
		p->owes_walk = what == CADENCE_WALK;
		return; /* a walk must not delay what follows */
	}
	/* What they tell may call for a walk at once. */
	if (what == CADENCE_WALK ||
	    (moved(p) && cadence_next(&p->cadence, mono_now_ns(), true) == CADENCE_WALK))
		look(p, CADENCE_WALK);
}

static int on_glance(void *ctx, const void *bytes, size_t len)
{
	struct pipeline *p = ctx;
	const struct audit_socket *s = &((const struct record_socket *)bytes)->socket;

	(void)len;
	p->news |= glance_is_news(&p->glance, s, mono_now_ns());
	return 0;
}

static bool glance(struct pipeline *p)
{
	uint32_t pruned = census_pruned(p->config.census);
	uint64_t before = cpu_ns(), cost;

	p->news = false;
	p->drain_cpu_ns = 0;
	/* One that fails is no news; the looks that fail are told. */
	(void)census_glance(p->config.census, mono_now_ns(), on_glance, p);
	cost = cpu_ns() - before - p->drain_cpu_ns;
	if (!cost_once(p, pruned, cost))
		cadence_glanced(&p->cadence, cost);
	return p->news;
}

/* Looks that do not wait for the end of the interval: on news, and the one after. */
static void early_looks(struct pipeline *p)
{
	uint64_t now = mono_now_ns();

	if (cadence_second(&p->cadence, now)) {
		if (quick_look(p)) /* at another queue */
			cadence_follow(&p->cadence, now);
		if (p->owes_walk)
			look(p, CADENCE_WALK);
		p->owes_walk = false;
	} else if (cadence_glance(&p->cadence, now) && glance(p) &&
		   cadence_early(&p->cadence, now)) {
		(void)quick_look(p);
		cadence_follow(&p->cadence, now);
	}
}

/* A new connection is not to be named after a process that holds its listener no more. */
static void renew_owners(struct pipeline *p)
{
	enum census_owners owners = census_owners(p->config.census);
	uint64_t before = cpu_ns();
	bool corrected = false;

	if (!owners || !cadence_renew(&p->cadence, mono_now_ns(), owners == CENSUS_OWNERS_CHANGED))
		return;
	/* One that fails is tried again. */
	(void)census_renew_owners(p->config.census, &corrected);
	cadence_renewed(&p->cadence, cpu_ns() - before, corrected);
}

static void tick(struct pipeline *p)
{
	if (p->config.census && !is_behind(p))
		tick_looks(p);
	tell_stats(p);
	tell_tick(p, RECORD_TICK);
}

/* ---- the loop -------------------------------------------------------------------------------- */

int pipeline_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int open_resize(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void take_resize(struct pipeline *p)
{
	struct present *to = p->config.present;
	struct signalfd_siginfo info;

	while (read(p->resize_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		if (to->sink->ops->width)
			to->sink->ops->width(to->sink, output_columns(to->output));
}

/* Returns when to check again. */
static uint64_t check_filter(struct pipeline *p)
{
	bool changed = false;
	uint64_t ns = p->config.check_filter(p->config.check_ctx, &changed);

	p->filter_changed |= changed;
	return mono_now_ns() + ns;
}

/* Sleep until there may be something to do; true when a signal says that it is time to end. */
static bool pause_for(struct pipeline *p, int signal_fd, size_t drained, uint64_t deadline_ns)
{
	bool stalled = present_is_stalled(p->config.present);
	struct pollfd fds[] = {
		{ .fd = signal_fd, .events = POLLIN },
		{ .fd = p->resize_fd, .events = POLLIN },
		{ .fd = stalled ? p->config.present->output->stream.fd : -1, .events = POLLOUT },
	};
	struct source *s = p->config.source;
	uint64_t ms = p->is_held ? HELD_MS : s->ops->pause_ms(s, drained), now = mono_now_ns();

	if (deadline_ns <= now)
		ms = 0;
	else if ((deadline_ns - now) / 1000000 < ms)
		ms = (deadline_ns - now) / 1000000 + 1;
	if (poll(fds, sizeof(fds) / sizeof(fds[0]), (int)ms) <= 0)
		return false;
	if (fds[1].revents)
		take_resize(p);
	return fds[0].revents;
}

static uint64_t earliest(const struct pipeline *p, uint64_t end, uint64_t next_tick)
{
	uint64_t second = p->cadence.second_ns ? p->cadence.second_ns : UINT64_MAX;
	uint64_t at = end < next_tick ? end : next_tick;

	return at < second ? at : second;
}

static enum pipeline_end run_loop(struct pipeline *p, int signal_fd)
{
	uint64_t start = p->config.start_ns;
	uint64_t end = p->config.duration_ms ? start + p->config.duration_ms * 1000000 : UINT64_MAX;
	uint64_t next_tick = start + interval_ns(p), next_clock = start;
	uint64_t next_check = p->config.check_filter ? start : UINT64_MAX;
	enum pipeline_end why;

	cadence_init(&p->cadence, mono_now_ns(), cpu_ns());
	if (p->config.census)
		first_look(p);
	for (;;) {
		size_t n = drain(p, false);
		uint64_t now = mono_now_ns();

		if (now >= next_clock) {
			tell_clock(p);
			next_clock = now + CLOCK_NS;
		}
		if (now >= next_check)
			next_check = check_filter(p);
		if (p->config.census && !is_behind(p)) {
			renew_owners(p);
			early_looks(p);
		}
		if (now >= next_tick) {
			tick(p);
			next_tick = now + interval_ns(p);
		}
		present_flush(p->config.present);
		if (p->config.tap_flush)
			p->config.tap_flush(p->config.tap_ctx);
		why = ended_by_output(p);
		if (why)
			return why;
		if (present_full(p->config.present) || now >= end)
			return PIPELINE_DONE;
		if (pause_for(p, signal_fd, n, earliest(p, end, next_tick)))
			return PIPELINE_INTERRUPTED;
	}
}

static void finish(struct pipeline *p)
{
	struct present *to = p->config.present;

	p->config.source->ops->stop(p->config.source);
	/* Now there is nothing else to do. */
	to->output->waits = true;
	if (!ended_by_output(p) && !present_full(to))
		drain(p, true);
	tell_stats(p);
	present_end(to, p->config.engine, tell_tick(p, RECORD_END));
}

enum pipeline_end pipeline_run(struct pipeline *p)
{
	struct output *output = p->config.present->output;
	enum pipeline_end end;

	output->waits = false;
	end = run_loop(p, output->signal_fd);
	finish(p);
	return output->end == OUTPUT_FAILED ? PIPELINE_FAILED : end;
}

int pipeline_init(struct pipeline *p, const struct pipeline_config *config)
{
	*p = (struct pipeline){ .config = *config, .epoch = 1, .resize_fd = open_resize() };
	return glance_init(&p->glance, config->syn_per_s);
}

void pipeline_release(struct pipeline *p)
{
	if (p->resize_fd > STDERR_FILENO)
		close(p->resize_fd);
	glance_release(&p->glance);
}
