/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_JIFFIES_H
#define TCS_JIFFIES_H

/*
 * jiffies.h - ages from the kernel's 32-bit time stamps
 *
 * TCP keeps the time of a segment as the low 32 bits of jiffies. A difference to now is short by
 * 2^32 jiffies for each wrap: 49.7 days at 1000 Hz, 198.8 days at 250 Hz. A lower bound of the age
 * from a clock that does not wrap gives the number of wraps.
 *
 * Pure: no I/O, no clock, no state. Times are nanoseconds.
 */
#include <stdint.h>

#define JIFFIES_NS_PER_S 1000000000ull

/*
 * The age of a stamp that is `since` jiffies old modulo 2^32, and at least at_least_s seconds old:
 * the least one possible. hz: jiffies a second, not 0. The two clocks differ by less than a second.
 */
static inline uint64_t jiffies_age_ns(uint32_t since, uint32_t at_least_s, uint64_t hz)
{
	uint64_t least = at_least_s > 1 ? (at_least_s - 1) * hz : 0, age = since;

	if (age < least)
		age += (least - age + UINT32_MAX) >> 32 << 32;
	return age / hz * JIFFIES_NS_PER_S + age % hz * JIFFIES_NS_PER_S / hz;
}

#endif /* TCS_JIFFIES_H */
