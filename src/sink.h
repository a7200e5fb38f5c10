/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_SINK_H
#define TCS_SINK_H

/*
 * sink.h - where results go: one interface, several renderings
 *
 * A sink turns what the core tells into text in an outbuf and does no I/O; present.h writes the
 * outbuf out as it fills, the command after each batch. A line is at most SINK_LINE_MAX bytes, and
 * the caller makes sure of that much room before each call.
 */
#include <stdbool.h>
#include <stdint.h>

#include "engine.h"
#include "outbuf.h"

#define SINK_LINE_MAX 32768 /* a cgroup path of 4096 bytes, six characters each in JSON */

/* How times and names are found; shared by all sinks, kept up to date by the pipeline. */
struct sink_world {
	int64_t wall_offset_ns; /* CLOCK_REALTIME minus the records' clock */
	uint64_t start_ns;	/* of the run, on the records' clock */
	const char *(*cgroup_path)(void *ctx, uint64_t id); /* NULL result: unknown */
	void *cgroup_ctx;
	/* Of a network device; NULL result: unknown. netns_cookie 0: not known. */
	const char *(*device_name)(void *ctx, uint64_t netns_cookie, uint32_t netns,
				   uint32_t ifindex);
	void *device_ctx;
};

/* The first line of a JSON stream: what the numbers after it rest on. */
struct sink_meta {
	const char *version;
	const char *kernel;
	const char *arch;
	const char *boot_id; /* NULL unknown */
	const char *command;
	const char *netns_scope;
	const char *const *hooks;
	unsigned int n_hooks;
	unsigned int programs; /* that share the state tracepoint */
	uint32_t max_sockets;
	uint64_t buffer_bytes;	/* all rings together, as made */
	uint64_t older_sockets; /* found open at start */
	uint64_t ts_ns;
};

struct sink_totals {
	const struct engine_totals *engine;
	uint64_t shown; /* lines printed for events */
	uint64_t ts_ns;
	uint64_t duration_ns;
};

struct sink;

struct sink_ops {
	void (*begin)(struct sink *s, struct outbuf *out, const struct sink_meta *meta);
	void (*change)(struct sink *s, struct outbuf *out, const struct change *change);
	void (*connection)(struct sink *s, struct outbuf *out, const struct connection *connection);
	void (*synack)(struct sink *s, struct outbuf *out, const struct tcs_wire_synack *synack);
	/* count more were lost for this reason since it was last told */
	void (*lost)(struct sink *s, struct outbuf *out, enum lost_reason reason, uint64_t count,
		     uint64_t ts_ns);
	void (*finding)(struct sink *s, struct outbuf *out, const struct finding *finding,
			uint64_t ts_ns);
	/* NULL: told on standard error (status.h); one line more for each group */
	void (*summary)(struct sink *s, struct outbuf *out, const struct summary *summary);
	void (*group)(struct sink *s, struct outbuf *out, const struct audit *look, uint32_t i);
	void (*end)(struct sink *s, struct outbuf *out, const struct sink_totals *totals);
	void (*width)(struct sink *s, unsigned int columns); /* of the terminal; 0 no limit */
	void (*free)(struct sink *s);
};

struct sink {
	const struct sink_ops *ops;
};

struct sink_text_config {
	const struct sink_world *world;
	bool wall_clock;  /* -T */
	bool since_start; /* -t */
	bool wide;	  /* -w */
	bool extended;	  /* -x */
	bool no_header;	  /* -H */
	bool lifecycle;
	bool color;	      /* paint.h */
	unsigned int columns; /* of the terminal; 0 no limit */
};

/* 0 or -ENOMEM. */
int sink_text_new(const struct sink_text_config *config, struct sink **ret);
int sink_json_new(const struct sink_world *world, struct sink **ret);
int sink_none_new(struct sink **ret); /* prints nothing */

#endif /* TCS_SINK_H */
