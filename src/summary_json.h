/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_SUMMARY_JSON_H
#define TCS_SUMMARY_JSON_H

/*
 * summary_json.h - the lines of JSON that a stream and an audit have both: meta, summary, group
 *
 * The caller has made room (SINK_LINE_MAX).
 */
#include "outbuf.h"
#include "sink.h"

/* What an audit adds to the limits of a stream. */
struct summary_limits {
	uint64_t sources;   /* rows of each kind of each service */
	uint64_t window_ns; /* between the two looks; 0: there was one */
};

/* The first line; audit: NULL for a stream. */
void summary_json_meta(struct outbuf *b, const struct sink_world *world, const struct sink_meta *m,
		       const struct summary_limits *audit);
void summary_json(struct outbuf *b, const struct sink_world *world, const struct summary *s);
/* Row i of look->groups. */
void summary_json_group(struct outbuf *b, const struct sink_world *world, const struct audit *look,
			uint32_t i);
/* ,"lost":{..}: of events, NULL unknown. Open; what else is lost is the caller's to add. */
void summary_json_lost(struct outbuf *b, const uint64_t *lost);

#endif /* TCS_SUMMARY_JSON_H */
