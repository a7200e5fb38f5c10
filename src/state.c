// SPDX-License-Identifier: GPL-2.0-only
#include "state.h"

#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>

#include "spell.h"

static const char *const names[TCS_STATE_MAX] = {
#define X(number, id, name, json, words, meaning) [number] = (json),
#include "state.def"
#undef X
};

/* Numbers are the kernel's, not ours to choose. glibc has no TCP_NEW_SYN_RECV (12). */
static_assert((int)TCS_ESTABLISHED == TCP_ESTABLISHED, "state.def");
static_assert((int)TCS_SYN_SENT == TCP_SYN_SENT, "state.def");
static_assert((int)TCS_SYN_RECV == TCP_SYN_RECV, "state.def");
static_assert((int)TCS_FIN_WAIT1 == TCP_FIN_WAIT1, "state.def");
static_assert((int)TCS_FIN_WAIT2 == TCP_FIN_WAIT2, "state.def");
static_assert((int)TCS_TIME_WAIT == TCP_TIME_WAIT, "state.def");
static_assert((int)TCS_CLOSE == TCP_CLOSE, "state.def");
static_assert((int)TCS_CLOSE_WAIT == TCP_CLOSE_WAIT, "state.def");
static_assert((int)TCS_LAST_ACK == TCP_LAST_ACK, "state.def");
static_assert((int)TCS_LISTEN == TCP_LISTEN, "state.def");
static_assert((int)TCS_CLOSING == TCP_CLOSING, "state.def");
static_assert(TCS_STATE_MAX == 13, "state.def");

#define BIT_OF(id)  (1U << TCS_##id)
#define SET_ALL	    ((1U << TCS_STATE_MAX) - 2) /* bits 1 to 12 */
#define SET_HALF    (BIT_OF(SYN_RECV) | BIT_OF(NEW_SYN_RECV))
#define SET_BUCKET  (SET_HALF | BIT_OF(TIME_WAIT)) /* what ss(8) calls minisockets */
#define SET_CONNECT (SET_ALL & ~(BIT_OF(LISTEN) | BIT_OF(CLOSE)))

/* Every word of --state: the states, their aliases, and the groups of ss(8). */
static const struct word {
	const char *words;
	uint32_t states;
} vocabulary[] = {
#define X(number, id, name, json, words, meaning) { words, BIT_OF(id) },
#define ALIAS(words, id)			  { words, BIT_OF(id) },
#include "state.def"
#undef ALIAS
#undef X
	{ "all", SET_ALL },
	{ "connected", SET_CONNECT },
	{ "synchronized", SET_CONNECT & ~BIT_OF(SYN_SENT) },
	{ "bucket", SET_BUCKET },
	{ "big", SET_ALL & ~SET_BUCKET },
};

const char *state_json(unsigned int state)
{
	return state < TCS_STATE_MAX ? names[state] : NULL;
}

bool state_set_match(const struct state_set *set, unsigned int old_state, unsigned int new_state)
{
	uint32_t touched = 0;

	/* A shift by a number that is no state would be undefined. */
	if (old_state > 0 && old_state < TCS_STATE_MAX)
		touched |= 1U << old_state;
	if (new_state > 0 && new_state < TCS_STATE_MAX)
		touched |= 1U << new_state;
	if (touched & set->exclude)
		return false;
	return !set->include || (touched & set->include);
}

/* 0 when the word is unknown. */
static uint32_t states_of(const char *text, size_t len)
{
	for (size_t i = 0; i < sizeof(vocabulary) / sizeof(vocabulary[0]); i++) {
		uint32_t states = vocabulary[i].states;

		if (!spell_match(vocabulary[i].words, text, len))
			continue;
		/* Two numbers, one name: see state.def. */
		return (states & SET_HALF) ? states | SET_HALF : states;
	}
	return 0;
}

unsigned int state_by_word(const char *text, size_t len)
{
	uint32_t states = states_of(text, len);

	if (states == SET_HALF)
		return TCS_SYN_RECV;
	if (!states || states & (states - 1))
		return 0; /* unknown, or a group */
	return (unsigned int)__builtin_ctz(states);
}

int state_parse_list(const char *list, struct state_set *ret, const char **reterr_item)
{
	struct state_set set = { 0 };
	const char *item = list;

	for (;;) {
		size_t len = strcspn(item, ",");
		bool negated = item[0] == '!';
		uint32_t states = states_of(item + negated, len - negated);

		if (!states) {
			if (reterr_item)
				*reterr_item = item;
			return -EINVAL;
		}
		if (negated)
			set.exclude |= states;
		else
			set.include |= states;
		if (!item[len])
			break;
		item += len + 1;
	}

	if (!((set.include ? set.include : SET_ALL) & ~set.exclude)) {
		if (reterr_item)
			*reterr_item = list;
		return -ERANGE;
	}
	*ret = set;
	return 0;
}
