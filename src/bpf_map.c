// SPDX-License-Identifier: GPL-2.0-only
#include "bpf_map.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#define BATCH	  512
#define BATCH_MAX (BATCH * 64) /* entries of one bucket */

struct batch {
	char *keys, *values;
	size_t key_bytes, value_bytes;
	uint32_t size;
};

static int batch_alloc(struct batch *b, uint32_t size)
{
	free(b->keys);
	free(b->values);
	b->size = size;
	b->keys = malloc(size * b->key_bytes);
	b->values = malloc(size * b->value_bytes);
	return b->keys && b->values ? 0 : -ENOMEM;
}

static int batch_init(struct batch *b, int map)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);

	*b = (struct batch){ 0 };
	if (bpf_obj_get_info_by_fd(map, &info, &len))
		return -errno;
	b->key_bytes = info.key_size;
	b->value_bytes = info.value_size;
	return batch_alloc(b, BATCH);
}

static int walk(int map, bool take_out, bpf_map_fn fn, void *ctx)
{
	uint32_t position = 0, n, i;
	void *from = NULL;
	struct batch b;
	int err = batch_init(&b, map);
	bool last = false;

	while (!err && !last) {
		n = b.size;
		err = take_out ? bpf_map_lookup_and_delete_batch(map, from, &position, b.keys,
								 b.values, &n, NULL) :
				 bpf_map_lookup_batch(map, from, &position, b.keys, b.values, &n,
						      NULL);
		/* A bucket holds more than there is room for: again, with a larger batch. */
		if (err == -ENOSPC && b.size < BATCH_MAX) {
			err = batch_alloc(&b, b.size * 2);
			continue;
		}
		last = err == -ENOENT;
		if (last)
			err = 0;
		for (i = 0; !err && i < n; i++)
			err = fn(ctx, b.keys + i * b.key_bytes, b.values + i * b.value_bytes);
		from = &position;
	}
	free(b.keys);
	free(b.values);
	return err;
}

int bpf_map_each(int map, bpf_map_fn fn, void *ctx)
{
	return walk(map, false, fn, ctx);
}

int bpf_map_take_out(int map, bpf_map_fn fn, void *ctx)
{
	return walk(map, true, fn, ctx);
}
