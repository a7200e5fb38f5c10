/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_SPELL_H
#define TCS_SPELL_H

/*
 * spell.h - names as people type them
 *
 * TIME_WAIT, time-wait and timewait are one name to a person. And a name that is nearly right
 * deserves a hint.
 *
 * Pure: no I/O, no allocation, no state. ASCII only: the locale is not asked.
 */
#include <stdbool.h>
#include <stddef.h>

/* More than two names can differ by; see spell_distance(). */
#define SPELL_FAR 100

/*
 * Is text[0..len) a way to write `name` (lower case, its parts separated by '-' or '_')? Any case;
 * a separator may be typed as '-', as '_' or not at all where the name has one, and is wrong
 * everywhere else, so that "-time-wait", typed by someone who means "!time-wait", is refused.
 */
bool spell_match(const char *name, const char *text, size_t len);

/*
 * How many letters must be added, left out, replaced, or swapped with the next one, to make the
 * name of text[0..len)? Case and separators do not count. SPELL_FAR where either has more than 40.
 */
unsigned int spell_distance(const char *name, const char *text, size_t len);

/* Do the letters of text[0..len) stand in those of the name, or the other way round? 3 at least. */
bool spell_part(const char *name, const char *text, size_t len);

#endif /* TCS_SPELL_H */
