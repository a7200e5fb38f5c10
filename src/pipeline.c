// SPDX-License-Identifier: GPL-2.0-only
#include "pipeline.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "event.h"
#include "mono.h"
#include "select.h"

#define WALL_REFRESH_NS 1000000000ull

uint64_t pipeline_now_ns(void)
{
	return mono_now_ns();
}

int64_t pipeline_wall_offset_ns(void)
{
	struct timespec wall;

	clock_gettime(CLOCK_REALTIME, &wall);
	return (int64_t)wall.tv_sec * 1000000000 + wall.tv_nsec - (int64_t)mono_now_ns();
}

/* ---- from the core to the sink --------------------------------------------------------------- */

static bool full(const struct pipeline *p)
{
	return p->config.count && p->totals.shown >= p->config.count;
}

/* Is there still somebody to show this to? Then make room for a line and count it. */
static bool show(struct pipeline *p, bool selected)
{
	if (!selected) {
		p->filtered_here++;
		return false;
	}
	if (full(p))
		return false;
	output_reserve(p->output, SINK_LINE_MAX);
	p->totals.shown++;
	return true;
}

static void on_change(void *ctx, const struct change *change)
{
	struct pipeline *p = ctx;

	if (!p->config.lifecycle && show(p, select_change(p->config.filter, change)))
		p->sink->ops->change(p->sink, &p->output->buf, change);
}

static void on_connection(void *ctx, const struct connection *connection)
{
	struct pipeline *p = ctx;

	if (show(p, select_connection(p->config.filter, connection)))
		p->sink->ops->connection(p->sink, &p->output->buf, connection);
}

static void on_synack(void *ctx, const struct tcs_wire_synack *synack)
{
	struct pipeline *p = ctx;

	if (!p->config.lifecycle && show(p, select_synack(p->config.filter, synack)))
		p->sink->ops->synack(p->sink, &p->output->buf, synack);
}

static bool on_record(void *ctx, const void *record, size_t len)
{
	struct pipeline *p = ctx;
	struct event ev;

	if (event_decode(record, len, &ev))
		p->decode_errors++;
	else
		track_event(p->track, &ev);
	return !full(p) && p->output->end == OUTPUT_OPEN;
}

/* ---- counting -------------------------------------------------------------------------------- */

static void refresh_totals(struct pipeline *p)
{
	const struct track_totals *t = track_totals(p->track);
	struct source_stats s;

	p->source->ops->stats(p->source, &s);
	p->totals.lost[LOST_RING_FULL] = s.lost_ring_full;
	p->totals.lost[LOST_RECURSION] = s.lost_recursion;
	p->totals.lost[LOST_TABLE_FULL] = s.lost_table_full + t->unknown;
	p->totals.lost[LOST_DECODE] = p->decode_errors;
	p->totals.filtered = s.filtered + p->filtered_here;
	p->totals.events = t->events - t->unknown + s.filtered;
	p->totals.ts_ns = pipeline_now_ns();
	p->totals.duration_ns = p->totals.ts_ns - p->world->start_ns;
}

static void tell_lost(struct pipeline *p)
{
	int i;

	refresh_totals(p);
	for (i = 0; i < LOST_MAX; i++) {
		uint64_t more = p->totals.lost[i] - p->told_lost[i];

		/* Misses and catches are read one after the other: a sum may fall by one or two. */
		if (p->totals.lost[i] <= p->told_lost[i])
			continue;
		p->told_lost[i] = p->totals.lost[i];
		if (p->sink->ops->lost) {
			output_reserve(p->output, SINK_LINE_MAX);
			p->sink->ops->lost(p->sink, &p->output->buf, (enum lost_reason)i, more,
					   p->totals.ts_ns);
		} else {
			fprintf(stderr, "tcpconnstate: %llu events lost (%s)%s\n",
				(unsigned long long)more, lost_reason_name((enum lost_reason)i),
				i == LOST_RING_FULL  ? "; a larger --buffer holds more" :
				i == LOST_TABLE_FULL ? "; see --max-sockets" :
						       "");
		}
	}
}

/* ---- the loop -------------------------------------------------------------------------------- */

static size_t drain(struct pipeline *p, bool last)
{
	uint64_t seen_ns;
	size_t n = p->source->ops->drain(p->source, on_record, p, last, &seen_ns);

	track_advance(p->track, last ? UINT64_MAX : seen_ns);
	if (track_epoch(p->track) != p->epoch) {
		p->epoch = track_epoch(p->track);
		p->source->ops->set_epoch(p->source, p->epoch);
	}
	return n;
}

int pipeline_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGWINCH);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* True when a signal says that it is time to end. */
static bool take_signals(struct pipeline *p, int signal_fd)
{
	struct signalfd_siginfo info;
	bool ended = false;

	while (read(signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo != SIGWINCH)
			ended = true;
		else if (p->sink->ops->width)
			p->sink->ops->width(p->sink, output_columns(p->output));
	}
	return ended;
}

/* Sleep until there may be something to do; true when a signal is waiting. */
static bool pause_for(struct pipeline *p, int signal_fd, size_t drained, uint64_t deadline_ns)
{
	struct pollfd fd = { .fd = signal_fd, .events = POLLIN };
	uint64_t ms = p->source->ops->pause_ms(p->source, drained), now = pipeline_now_ns();

	if (deadline_ns <= now)
		ms = 0;
	else if ((deadline_ns - now) / 1000000 < ms)
		ms = (deadline_ns - now) / 1000000 + 1;
	return poll(&fd, 1, (int)ms) > 0;
}

static enum pipeline_end run_loop(struct pipeline *p, int signal_fd)
{
	uint64_t start = p->world->start_ns, interval = p->config.interval_ms * 1000000;
	uint64_t end = p->config.duration_ms ? start + p->config.duration_ms * 1000000 : UINT64_MAX;
	uint64_t next_look = start + interval, next_wall = start + WALL_REFRESH_NS;

	for (;;) {
		size_t n = drain(p, false);
		uint64_t now = pipeline_now_ns();

		if (now >= next_look) {
			tell_lost(p);
			next_look = now + interval;
		}
		if (now >= next_wall) {
			p->world->wall_offset_ns = pipeline_wall_offset_ns();
			next_wall = now + WALL_REFRESH_NS;
		}
		output_flush(p->output);
		if (p->output->end == OUTPUT_CLOSED)
			return PIPELINE_CLOSED;
		if (p->output->end == OUTPUT_FAILED)
			return PIPELINE_FAILED;
		if (full(p) || now >= end)
			return PIPELINE_DONE;
		if (pause_for(p, signal_fd, n, end) && take_signals(p, signal_fd))
			return PIPELINE_INTERRUPTED;
		if (p->output->end == OUTPUT_INTERRUPTED)
			return PIPELINE_INTERRUPTED;
	}
}

static void finish(struct pipeline *p)
{
	p->source->ops->stop(p->source);
	if (p->output->end == OUTPUT_OPEN && !full(p))
		drain(p, true);
	tell_lost(p);
	if (p->sink->ops->end) {
		output_reserve(p->output, SINK_LINE_MAX);
		p->sink->ops->end(p->sink, &p->output->buf, &p->totals);
	}
	output_flush(p->output);
}

enum pipeline_end pipeline_run(struct pipeline *p)
{
	enum pipeline_end end = run_loop(p, p->output->signal_fd);

	finish(p);
	return p->output->end == OUTPUT_FAILED ? PIPELINE_FAILED : end;
}

int pipeline_init(struct pipeline *p, const struct pipeline_config *config, struct source *source,
		  struct sink *sink, struct output *output, struct sink_world *world)
{
	struct track_config track = {
		.max_sockets = config->max_sockets,
		.sink = {
			.ctx = p,
			.change = on_change,
			.connection = config->lifecycle ? on_connection : NULL,
			.synack = on_synack,
		},
		.older = config->older,
		.older_ctx = config->older_ctx,
	};

	*p = (struct pipeline){
		.config = *config,
		.source = source,
		.sink = sink,
		.output = output,
		.world = world,
		.epoch = 1,
	};
	return track_new(&track, &p->track);
}

void pipeline_release(struct pipeline *p)
{
	track_free(p->track);
}
