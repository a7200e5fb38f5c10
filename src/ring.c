// SPDX-License-Identifier: GPL-2.0-only
#include "ring.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

/* The producer's page, the data, and of its second copy what a record at the end goes on into. */
static size_t mapped_bytes(size_t page, size_t size)
{
	return page + size + page;
}

int ring_map(struct ring *r, int fd, size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *consumer, *producer;

	consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (consumer == MAP_FAILED)
		return -errno;
	producer = mmap(NULL, mapped_bytes(page, size), PROT_READ, MAP_SHARED, fd, (off_t)page);
	if (producer == MAP_FAILED) {
		int err = -errno;

		munmap(consumer, page);
		return err;
	}
	*r = (struct ring){
		.consumer = consumer,
		.producer = producer,
		.data = (const char *)producer + page,
		.size = size,
		.page = page,
	};
	return 0;
}

void ring_unmap(struct ring *r)
{
	if (!r->consumer)
		return;
	munmap((void *)r->producer, mapped_bytes(r->page, r->size));
	munmap(r->consumer, r->page);
	*r = (struct ring){ 0 };
}
