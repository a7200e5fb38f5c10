// SPDX-License-Identifier: GPL-2.0-only
#include "present.h"

#include <unistd.h>

#include "errout.h"
#include "summary_text.h"
#include "tell.h"

#define RETRY_EVERY 256 /* lines without room between two attempts to write */

bool present_full(const struct present *p)
{
	return p->count && p->shown >= p->count;
}

/*
 * On one terminal a row may follow only where the status line has been erased. A live run does not
 * wait for that: rows stay in the buffer.
 */
static bool status_is_gone(struct present *p)
{
	if (!p->status.terminal || !errout_is_waiting())
		return true;
	errout_flush();
	if (!errout_is_waiting())
		return true;
	if (p->output->waits)
		(void)errout_wait(p->output->signal_fd); /* after a signal output_flush() decides */
	else
		p->output->is_stalled = p->output->buf.len;
	return p->output->waits;
}

void present_flush(struct present *p)
{
	bool moves = p->output->terminal && p->output->buf.len && p->status.visible;

	if (moves)
		status_hide(&p->status);
	if (p->output->terminal && !status_is_gone(p))
		return;
	output_flush(p->output);
	errout_flush();
	if (moves && !p->output->is_stalled)
		status_again(&p->status);
}

bool present_is_stalled(const struct present *p)
{
	return p->output->is_stalled && p->output->buf.len > OUTPUT_BATCH;
}

/*
 * Make room for a line; NULL: more than max bytes of the buffer are in use, and the line is counted
 * in *left_out. (One that the reader does not want any more, or that cannot be written, is not.)
 */
static struct outbuf *room_below(struct present *p, size_t max, uint64_t *left_out)
{
	struct output *o = p->output;

	if (o->buf.len > OUTPUT_BATCH && (!o->is_stalled || !(p->refused++ % RETRY_EVERY)))
		present_flush(p);
	if (o->end == OUTPUT_OPEN && o->buf.len <= max)
		return &o->buf;
	*left_out += o->end == OUTPUT_OPEN || o->end == OUTPUT_INTERRUPTED;
	return NULL;
}

/* For a line that is no event's: findings, sums, losses. */
static struct outbuf *line(struct present *p)
{
	return room_below(p, OUTPUT_BYTES - SINK_LINE_MAX, &p->other_unprinted);
}

static bool in_time(const struct present *p, uint64_t ts_ns)
{
	return ts_ns >= p->from_ns && ts_ns < p->to_ns;
}

/* Is there still somebody to show an event to? Then make room for its line and count it. */
static struct outbuf *next_line(struct present *p, uint64_t ts_ns)
{
	struct outbuf *out;

	if (present_full(p))
		return NULL;
	if (!in_time(p, ts_ns)) {
		p->outside++;
		return NULL;
	}
	/* While the reader takes nothing, the room that is left is for the other lines. */
	out = room_below(p, OUTPUT_BATCH, &p->unprinted);
	p->shown += out != NULL;
	return out;
}

static void on_change(void *ctx, const struct change *change)
{
	struct present *p = ctx;
	struct outbuf *out = next_line(p, change->ts_ns);

	if (out)
		p->sink->ops->change(p->sink, out, change);
}

static void on_connection(void *ctx, const struct connection *connection)
{
	struct present *p = ctx;
	struct outbuf *out = next_line(p, connection->last->ts_ns);

	if (out)
		p->sink->ops->connection(p->sink, out, connection);
}

static void on_synack(void *ctx, const struct tcs_wire_synack *synack)
{
	struct present *p = ctx;
	struct outbuf *out = next_line(p, synack->ts_ns);

	if (out)
		p->sink->ops->synack(p->sink, out, synack);
}

static void on_lost(void *ctx, enum lost_reason reason, uint64_t count, uint64_t ts_ns)
{
	struct present *p = ctx;
	struct outbuf *out;

	if (!in_time(p, ts_ns))
		return;
	if (p->sink->ops->lost) {
		out = line(p);
		if (out)
			p->sink->ops->lost(p->sink, out, reason, count, ts_ns);
		return;
	}
	status_hide(&p->status);
	tell("%llu events lost (%s)%s", (unsigned long long)count, lost_reason_name(reason),
	     reason == LOST_RING_FULL	? "; a larger --buffer holds more" :
	     reason == LOST_TABLE_FULL	? "; see --max-sockets" :
	     reason == LOST_OUTPUT_FULL ? "; standard output was not read" :
					  "");
}

static void on_finding(void *ctx, const struct finding *finding, uint64_t ts_ns)
{
	struct present *p = ctx;
	struct outbuf *out = in_time(p, ts_ns) ? line(p) : NULL;

	if (out)
		p->sink->ops->finding(p->sink, out, finding, ts_ns);
}

static void show_status(struct present *p, const struct summary *s)
{
	struct outbuf line;

	if ((p->progress && !p->status.terminal) || outbuf_init(&line, STATUS_MAX))
		return;
	if (p->progress)
		p->progress(p->progress_ctx, &line, s);
	else
		summary_text(&line, s, p->status.terminal ? output_columns_of(STDERR_FILENO) : 0);
	status_show(&p->status, line.data, line.len);
	outbuf_release(&line);
}

static void on_summary(void *ctx, const struct summary *s)
{
	struct present *p = ctx;
	struct outbuf *out = NULL;
	uint32_t i;

	if (!in_time(p, s->ts_ns))
		return;
	if (!p->sink->ops->summary || p->progress)
		show_status(p, s);
	else if ((out = line(p)))
		p->sink->ops->summary(p->sink, out, s);
	for (i = 0; s->look && i < s->look->n_groups && (out = line(p)); i++)
		p->sink->ops->group(p->sink, out, s->look, i);
}

static void on_clock(void *ctx, int64_t wall_offset_ns)
{
	struct present *p = ctx;

	p->world->wall_offset_ns = wall_offset_ns;
}

void present_init(struct present *p, struct sink *sink, struct output *output,
		  struct sink_world *world, uint64_t count)
{
	*p = (struct present){
		.sink = sink,
		.output = output,
		.world = world,
		.count = count,
		.to_ns = UINT64_MAX,
	};
	status_init(&p->status, STDERR_FILENO);
}

struct engine_sink present_sink(struct present *p)
{
	return (struct engine_sink){
		.ctx = p,
		.change = on_change,
		.connection = on_connection,
		.synack = on_synack,
		.lost = on_lost,
		.finding = on_finding,
		.summary = on_summary,
		.clock = on_clock,
	};
}

void present_end(struct present *p, const struct engine *engine, uint64_t ts_ns)
{
	struct outbuf *out;
	struct sink_totals totals = {
		.engine = engine_totals(engine),
		.shown = p->shown,
		.ts_ns = ts_ns,
		.duration_ns = ts_ns - p->world->start_ns,
	};

	status_hide(&p->status);
	out = p->sink->ops->end ? line(p) : NULL;
	if (out)
		p->sink->ops->end(p->sink, out, &totals);
	present_flush(p);
}
