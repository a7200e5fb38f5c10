/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_STATE_H
#define TCS_STATE_H

/*
 * state.h - the TCP states: numbers, spellings, and sets of them
 *
 * One table, state.def, gives every layer the same names. Numbers are the kernel's own, so a state
 * out of a wire record indexes an array of TCS_STATE_MAX directly once it has been range-checked.
 *
 * There are two rows for SYN_RECV (see state.def). They print alike; a set made from the word
 * "syn-recv" holds both.
 *
 * Pure: no I/O, no allocation, no state. Errors are 0 / -errno.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tcs_state {
#define X(number, id, name, json, words, meaning) TCS_##id = number,
#include "state.def"
#undef X
	TCS_STATE_MAX, /* 13: one more than the largest; 0 is never a state */
};

/* "fin_wait1", as JSON has it. NULL: no state. */
const char *state_json(unsigned int state);

/*
 * The one state that text[0..len) names, in any spelling that state_parse_list() takes; SYN_RECV
 * for both of its rows. 0: unknown, or a group.
 */
unsigned int state_by_word(const char *text, size_t len);

/*
 * A selection of states, bit n = state n. All zero selects everything.
 */
struct state_set {
	uint32_t include; /* 0 = all */
	uint32_t exclude;
};

/*
 * Does a transition pass? Yes when its old or its new state is included and neither is excluded.
 * A single state (a socket met by a scan) is asked for as old == new. Numbers that are no state
 * are in no set.
 */
bool state_set_match(const struct state_set *set, unsigned int old_state, unsigned int new_state);

/*
 * Parse a comma-separated list: states in any spelling in use and in any case ("time-wait",
 * "TIME_WAIT", "timewait", "estab", "syn-received"), the groups of ss(8) (all, connected,
 * synchronized, bucket, big), each with '!' in front to exclude. No blanks, no empty items.
 *
 * -EINVAL  an item is unknown or empty; *reterr_item points at it, inside `list`, up to the next
 *          ',' or the end
 * -ERANGE  the list leaves no state to show ("estab,!estab"); *reterr_item = list
 *
 * *ret is untouched on failure; reterr_item may be NULL.
 */
int state_parse_list(const char *list, struct state_set *ret, const char **reterr_item);

#endif /* TCS_STATE_H */
