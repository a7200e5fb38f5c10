/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_BPF_MAP_H
#define TCS_BPF_MAP_H

/*
 * bpf_map.h - every entry of a BPF hash map, in batches
 *
 * The kernel hands out hash maps bucket by bucket (BPF_MAP_LOOKUP_BATCH): an entry that exists all
 * the while is seen once, one that is added or deleted meanwhile may be seen or not.
 *
 * Memory: one batch, for the time of the call; it grows while a bucket holds more. Errors: 0,
 * -errno, or the first value of the callback that is not 0.
 */
#include <stdbool.h>

typedef int (*bpf_map_fn)(void *ctx, const void *key, const void *value);

/* map: a descriptor. The callback may delete entries. */
int bpf_map_each(int map, bpf_map_fn fn, void *ctx);

/* The same, and the entries are deleted as they are read. */
int bpf_map_take_out(int map, bpf_map_fn fn, void *ctx);

#endif /* TCS_BPF_MAP_H */
