/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * judge.h - a snapshot a second that a test fills, and the findings that follow from it
 *
 * begin_look() begins the next snapshot, judge() finalizes it and passes it to the rules.
 */
#ifndef UNIT_JUDGE_H
#define UNIT_JUDGE_H

#include <stdlib.h>

#include "defaults.h"
#include "detect.h"
#include "unit.h"

#define SECOND 1000000000ull

struct emitted {
	uint32_t n;
	struct finding last;
};

struct fixture {
	struct detect *detect;
	struct audit look;
	struct emitted emitted;
	uint64_t now_ns;
};

static inline void begin_look(struct fixture *f)
{
	struct audit_config config = opts_audit_config(default_opts());

	audit_release(&f->look);
	assert_int_equal(audit_init(&f->look, &config), 0);
	f->now_ns += SECOND;
	f->look.ts_ns = f->now_ns;
	f->look.covers = AUDIT_SOCKETS;
	f->look.blind.netns_listed = 1;
}

static inline int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(detect_new(&default_opts()->detect, &f->detect), 0);
	begin_look(f);
	*state = f;
	return 0;
}

static inline int tear_down(void **state)
{
	struct fixture *f = *state;

	audit_release(&f->look);
	detect_free(f->detect);
	free(f);
	return 0;
}

static inline void on_finding(void *ctx, const struct finding *finding)
{
	struct emitted *emitted = ctx;

	emitted->n++;
	emitted->last = *finding;
}

/* Judge the look; returns how many findings were emitted. */
static inline uint32_t judge(struct fixture *f)
{
	f->emitted.n = 0;
	assert_int_equal(audit_settle(&f->look, NULL, NULL), 0);
	detect_look(f->detect, &f->look, UINT32_MAX, on_finding, &f->emitted);
	return f->emitted.n;
}

#endif /* UNIT_JUDGE_H */
