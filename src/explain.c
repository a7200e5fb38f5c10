// SPDX-License-Identifier: GPL-2.0-only
#include "explain.h"

#include <stdbool.h>
#include <string.h>

#include "reason.h"
#include "spell.h"
#include "state.h"

static const struct explain_title states[TCS_STATE_MAX] = {
#define X(number, id, name_, json, words, meaning_) \
	[number] = { .name = (name_), .key = (json), .summary = (meaning_) },
#include "state.def"
#undef X
};

static const struct explain_title reasons[REASON_MAX] = {
#define X(id, name_, meaning_) \
	[REASON_##id] = { .name = (name_), .key = (name_), .summary = (meaning_) },
#include "reason.def"
#undef X
};

/* clang-format off */
#define PAGE(group_, title_, meaning_, normal_, advice_, see_) \
	{ .group = (group_), .title = (title_), .meaning = (meaning_), .normal = (normal_), \
	  .advice = (advice_), .see_also = (see_) },
#define STATE(id, ...)  PAGE(EXPLAIN_STATE, &states[TCS_##id], __VA_ARGS__)
#define REASON(id, ...) PAGE(EXPLAIN_REASON, &reasons[REASON_##id], __VA_ARGS__)
#define FINDING(name, summary, ...) \
	PAGE(EXPLAIN_FINDING, (&(const struct explain_title){ (name), (name), (summary) }), \
	     __VA_ARGS__)
static const struct explanation pages[] = {
#include "explain.def"
};
#undef PAGE
#undef STATE
#undef REASON
#undef FINDING
/* clang-format on */

#define N_PAGES (sizeof(pages) / sizeof(pages[0]))

const char *explain_group_name(enum explain_group group)
{
	static const char *const names[EXPLAIN_GROUP_MAX] = {
		[EXPLAIN_STATE] = "state",
		[EXPLAIN_FINDING] = "finding",
		[EXPLAIN_REASON] = "reason",
	};

	return group < EXPLAIN_GROUP_MAX ? names[group] : NULL;
}

const struct explanation *explain_at(size_t i)
{
	return i < N_PAGES ? &pages[i] : NULL;
}

/* "TIME_WAIT*" marks a substate, and "other:EACCES" carries an error: as we print them. */
static size_t plain_length(const char *text, size_t len)
{
	static const char other[] = "other:";

	if (len >= sizeof(other) - 1 && spell_match("other:", text, sizeof(other) - 1))
		return sizeof(other) - 2;
	return len && text[len - 1] == '*' ? len - 1 : len;
}

const struct explanation *explain_find(const char *text, size_t len)
{
	unsigned int state;

	len = plain_length(text, len);
	state = state_by_word(text, len);
	if (state == TCS_SYN_RECV)
		state = TCS_NEW_SYN_RECV; /* what people see under that name is half-open */
	for (size_t i = 0; i < N_PAGES; i++) {
		bool is_it = pages[i].group == EXPLAIN_STATE ?
				     state && pages[i].title == &states[state] :
				     spell_match(pages[i].title->key, text, len);

		if (is_it)
			return &pages[i];
	}
	return NULL;
}

size_t explain_near(const char *text, size_t len, const struct explanation **ret, size_t max)
{
	/* Of a short word few letters may be wrong, or it is another word. */
	unsigned int limit = len < 4 ? 1 : len < 7 ? 2 : 3;
	size_t n = 0;

	for (unsigned int distance = 0; distance <= limit; distance++)
		for (size_t i = 0; i < N_PAGES && n < max; i++)
			if (spell_distance(pages[i].title->key, text, len) == distance)
				ret[n++] = &pages[i];
	for (size_t i = 0; i < N_PAGES && n < max; i++)
		if (spell_distance(pages[i].title->key, text, len) > limit &&
		    spell_part(pages[i].title->key, text, len))
			ret[n++] = &pages[i];
	return n;
}

const char *explain_advice(const struct explanation *page, unsigned int step, size_t *ret_len)
{
	const char *begin = page->advice, *end;

	for (; step && strchr(begin, '\n'); step--)
		begin = strchr(begin, '\n') + 1;
	end = begin;
	while (*end && *end != '\n' && !(*end == '.' && (end[1] == ' ' || end[1] == '\n')))
		end++;
	*ret_len = (size_t)(end - begin) + (*end == '.');
	return begin;
}
