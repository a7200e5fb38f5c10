// SPDX-License-Identifier: GPL-2.0-only
#include "when.h"

#include <time.h>

/* Events come in bursts: the same second is not taken apart twice. */
struct second_text {
	int64_t second;
	bool known;
	char text[20];
};

static uint64_t wall_ns(const struct sink_world *world, uint64_t ts_ns)
{
	return ts_ns + (uint64_t)world->wall_offset_ns; /* of a file: either may be anything */
}

void when_put_wall_clock(struct outbuf *b, const struct sink_world *world, uint64_t ts_ns)
{
	static struct second_text last;
	int64_t second = (int64_t)(wall_ns(world, ts_ns) / 1000000000);

	if (!last.known || last.second != second) {
		time_t t = (time_t)second;
		struct tm tm;

		localtime_r(&t, &tm);
		strftime(last.text, sizeof(last.text), "%H:%M:%S", &tm);
		last.second = second;
		last.known = true;
	}
	outbuf_put(b, last.text, 8);
}

void when_put_rfc3339(struct outbuf *b, const struct sink_world *world, uint64_t ts_ns)
{
	static struct second_text last;
	uint64_t wall = wall_ns(world, ts_ns);
	int64_t second = (int64_t)(wall / 1000000000);

	if (!last.known || last.second != second) {
		time_t t = (time_t)second;
		struct tm tm;

		gmtime_r(&t, &tm);
		strftime(last.text, sizeof(last.text), "%Y-%m-%dT%H:%M:%S", &tm);
		last.second = second;
		last.known = true;
	}
	outbuf_putc(b, '"');
	outbuf_put(b, last.text, 19);
	outbuf_putc(b, '.');
	outbuf_put_padded(b, wall % 1000000000, 9);
	outbuf_lit(b, "Z\"");
}

void when_put_since_start(struct outbuf *b, const struct sink_world *world, uint64_t ts_ns)
{
	uint64_t us = ts_ns > world->start_ns ? (ts_ns - world->start_ns) / 1000 : 0;

	outbuf_put_u64(b, us / 1000000);
	outbuf_putc(b, '.');
	outbuf_put_padded(b, us % 1000000, 6);
}
