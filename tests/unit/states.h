/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_STATES_H
#define TCS_STATES_H

/*
 * states.h - the states by the kernel's names, for tests that say what was wrong
 */
#include "state.h"

static inline const char *state_name(unsigned int state)
{
	static const char *const names[TCS_STATE_MAX] = {
#define X(number, id, name, json, words, meaning) [number] = (name),
#include "state.def"
#undef X
	};

	return state < TCS_STATE_MAX && names[state] ? names[state] : "?";
}

#endif /* TCS_STATES_H */
