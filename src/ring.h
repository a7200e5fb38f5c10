/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_RING_H
#define TCS_RING_H

/*
 * ring.h - reading one BPF ring buffer in place
 *
 * libbpf's reader calls back for each record and takes it out at once. We merge one ring for each
 * CPU by time, so we must look at the head of every ring before taking any, leave the newest where
 * they are, and know whether a record is still being written. Hence these few lines over the
 * documented layout (kernel/bpf/ringbuf.c, linux/bpf.h: BPF_RINGBUF_BUSY_BIT and others): two
 * position pages, then the data, twice in a row so that no record is ever split. Of the second copy
 * only the first page is mapped here, or the rings would count twice as our memory.
 *
 * Bounds: size is a power of two and a multiple of the page size; a record is no longer than a
 * page. Errors: -errno of mmap().
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring {
	uint64_t *consumer;	  /* the page we write */
	const uint64_t *producer; /* the page the kernel writes */
	const char *data;
	size_t size;
	size_t page;
	uint64_t at;  /* our cursor */
	uint64_t end; /* the producer's position at the last sync */
};

int ring_map(struct ring *r, int fd, size_t size);
void ring_unmap(struct ring *r); /* accepts a ring that was never mapped */

enum ring_head {
	RING_EMPTY,
	RING_BUSY, /* the next record is still being written; what is behind it cannot be seen */
	RING_RECORD,
};

static inline void ring_sync(struct ring *r)
{
	r->end = __atomic_load_n(r->producer, __ATOMIC_ACQUIRE);
}

/* Step over the record that ring_peek() showed. */
static inline void ring_next(struct ring *r, size_t len)
{
	r->at += (len + 8 + 7) & ~(uint64_t)7;
}

/* Look at the next record up to the last sync; skips discarded ones. */
static inline enum ring_head ring_peek(struct ring *r, const void **ret, size_t *ret_len)
{
	while (r->at < r->end) {
		const char *head = r->data + (r->at & (r->size - 1));
		uint32_t len = __atomic_load_n((const uint32_t *)head, __ATOMIC_ACQUIRE);

		if (len & BPF_RINGBUF_BUSY_BIT)
			return RING_BUSY;
		if (!(len & BPF_RINGBUF_DISCARD_BIT)) {
			*ret = head + BPF_RINGBUF_HDR_SZ;
			*ret_len = len;
			return RING_RECORD;
		}
		ring_next(r, len & ~BPF_RINGBUF_DISCARD_BIT);
	}
	return RING_EMPTY;
}

/* Give everything up to the cursor back to the kernel. */
static inline void ring_release(struct ring *r)
{
	__atomic_store_n(r->consumer, r->at, __ATOMIC_RELEASE);
}

static inline uint64_t ring_used(const struct ring *r)
{
	return r->end - r->at;
}

#endif /* TCS_RING_H */
