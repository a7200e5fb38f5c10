/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_MONO_H
#define TCS_MONO_H

/*
 * mono.h - the clock that BPF programs stamp their records with
 *
 * bpf_ktime_get_ns() is the host's CLOCK_MONOTONIC. In a time namespace (time_namespaces(7)) ours
 * is another by a fixed offset, which is taken off here, so that both are always comparable.
 *
 * That offset is read once; where /proc does not have it, there is none.
 */
#include <stdint.h>

uint64_t mono_now_ns(void);

/*
 * How far CLOCK_REALTIME is ahead of mono_now_ns(), in ns. The kernel changes it only when the
 * clock is set (clock_settime(2), a leap second): a slew by adjtimex(2) moves both clocks. The two
 * cannot be read at once, so one value is kept until a reading excludes it: times of one recording
 * then differ by exactly what lies between them.
 */
int64_t mono_wall_offset_ns(void);

/* CLOCK_REALTIME and, around it, mono_now_ns(): the offset is between the two differences. */
struct mono_reading {
	uint64_t before_ns;
	uint64_t wall_ns;
	uint64_t after_ns;
};

/* KNOWN_NS where the reading allows it, else the middle of what it allows. */
int64_t mono_wall_offset_by(int64_t known_ns, const struct mono_reading *r);

/* The line "monotonic SECONDS NANOSECONDS" of /proc/PID/timens_offsets, in ns; 0: there is none. */
int64_t mono_parse_offset(const char *text);

#endif /* TCS_MONO_H */
