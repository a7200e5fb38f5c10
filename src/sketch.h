/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_SKETCH_H
#define TCS_SKETCH_H

/*
 * sketch.h - about how many different keys a sketch has seen
 *
 * The kernel side fills the registers (struct tcs_sketch, bpf/tcs_half_open.h): each key's hash
 * chooses one, which keeps the longest run of zeros that was met. The estimate is HyperLogLog's
 * (Flajolet and others, 2007): standard error 1.04 / sqrt(registers), 3.3 % here; while registers
 * are still empty, by their number (linear counting), which is nearer. Pure.
 */
#include <stddef.h>
#include <stdint.h>

uint64_t sketch_estimate(const uint8_t *ranks, size_t n);

#endif /* TCS_SKETCH_H */
