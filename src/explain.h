/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_EXPLAIN_H
#define TCS_EXPLAIN_H

/*
 * explain.h - what every TCP state, finding and close reason means, and what to do about it
 *
 * One table, explain.def, joined with the names and summaries of state.def and reason.def. The
 * command `explain`, the completion, the man page (checked by tests/check/docs.sh) and the advice
 * of alerts take their words from here.
 *
 * The two rows of SYN_RECV (state.def) share one page.
 *
 * Pure: no I/O, no allocation, no state. All texts are constants and plain ASCII.
 */
#include <stddef.h>

enum explain_group {
	EXPLAIN_STATE = 1,
	EXPLAIN_FINDING,
	EXPLAIN_REASON,
	EXPLAIN_GROUP_MAX,
};

struct explain_title {
	const char *name;    /* as text output prints it: "TIME_WAIT", "syn_flood" */
	const char *key;     /* as JSON spells it, lower case: "time_wait", "syn_flood" */
	const char *summary; /* one line */
};

struct explanation {
	enum explain_group group;
	const struct explain_title *title;
	const char *meaning;
	const char *normal;
	const char *advice;   /* steps, '\n' between them */
	const char *see_also; /* keys, ' ' between them */
};

/* "state", "finding", "reason"; NULL: no group. */
const char *explain_group_name(enum explain_group group);

/* Every page, by groups, in the order of the list; NULL from the number of pages on. */
const struct explanation *explain_at(size_t i);

/*
 * The page of text[0..len): a state in every spelling that state_by_word() takes, or as printed
 * ("TIME_WAIT*"); a finding or a reason in any case, with '_', '-' or nothing between its words; a
 * reason with its error ("other:EACCES"). NULL: there is none.
 */
const struct explanation *explain_find(const char *text, size_t len);

/*
 * Up to `max` pages whose name is near to text[0..len), the nearest first: mistyped, or one is a
 * part of the other ("wait"). Returns how many.
 */
size_t explain_near(const char *text, size_t len, const struct explanation **ret, size_t max);

/*
 * The first sentence of a step of a page's advice, from 0; after the last step, that of the last.
 * The sentence of the first step, and of each that an alert may show, is understood by itself.
 */
const char *explain_advice(const struct explanation *page, unsigned int step, size_t *ret_len);

#endif /* TCS_EXPLAIN_H */
