/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_UNIT_H
#define TCS_UNIT_H

/*
 * unit.h - what every unit test needs: cmocka with the headers it wants, and a few small things
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Of loops over every byte or bit of a file, which take minutes with sanitizers; prime to 8. */
#ifdef __SANITIZE_ADDRESS__
#define SANITIZED_STEP 7
#else
#define SANITIZED_STEP 1
#endif

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The same numbers in every run (xorshift64*): a failure can be seen again. */
static inline uint64_t random_next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

/* clang-format off */
/* Addresses as the wire has them: IPv4 as ::ffff:a.b.c.d. For initializers of 16 bytes. */
#define V4(a, b, c, d) { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d }
/* 2001:db8::n */
#define V6(n) { 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, n }
/* clang-format on */

#endif /* TCS_UNIT_H */
