/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_SELECT_LOOK_H
#define TCS_SELECT_LOOK_H

/*
 * select_look.h - a look of a recording, as the walk would have made it with another filter
 *
 * A live walk filters in the kernel (bpf/census.bpf.c). Of what was recorded without that filter
 * rows can be left out afterwards, by the same rules; but most sockets have no row, they are only
 * counted. So each row says for certain that it is in or out, or it cannot: and a count of a state
 * is known when rows, places and half-open connections together account for every socket that was
 * counted there. LISTEN and CLOSE_WAIT always are, TIME_WAIT and half-open ones mostly. What is not
 * is unknown (AUDIT_STATE_UNKNOWN, audit.blank), never a guess.
 *
 * What the kernel keeps for a whole namespace, and counts of handshakes, are no socket's: they stay
 * as they are, as in a live run.
 *
 * Pure. Bounds: AUDIT_ROWS_MAX half-open rows, sources, listeners and namespaces of one look; what
 * comes beyond is counted as skipped, and makes unknown what depends on it. Errors: 0 or -ENOMEM.
 */
#include <stdbool.h>
#include <stdint.h>

#include "filter.h"
#include "record.h"

struct select_look;

struct select_look_config {
	const struct filter *filter;
	bool (*in_cgroup)(void *ctx, uint64_t id); /* NULL: no such filter */
	void *cgroup_ctx;
};

int select_look_new(const struct select_look_config *config, struct select_look **ret);
void select_look_free(struct select_look *s); /* accepts NULL */

/* Does the filter leave anything out of a look? Else record_into_audit() will do. */
bool select_look_needed(const struct select_look *s);

/* Its groups are by this, and made of rows where count_rows is set. */
void select_look_start(struct select_look *s, enum audit_by by, bool count_rows);

/* As record_into_audit(), from RECORD_LOOK to RECORD_LOOK_END. */
int select_look_take(struct select_look *s, const struct record *r, struct audit *to);

#endif /* TCS_SELECT_LOOK_H */
