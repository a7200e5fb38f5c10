/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_CPUS_H
#define TCS_CPUS_H

/*
 * cpus.h - which CPUs a host has, and how the memory of --buffer is divided among them
 *
 * A virtual machine may name hundreds of possible CPUs with two of them online. Rings are made for
 * those online; every other CPU that may come up shares one of theirs, so that its events are kept
 * from the first on.
 *
 * Bounds: CPUs below CPUS_MAX; rings of a power of two of bytes, a page at least and 1 GB at most,
 * together twice the buffer at most, and a page at least. Errors: none; a mask that cannot be read
 * is taken from what the kernel and the C library say without it.
 */
#include <stddef.h>
#include <stdint.h>

#define CPUS_MAX	8192
#define CPUS_WORDS	(CPUS_MAX / 64)
#define CPUS_FILES_KEPT 256 /* descriptors left for all but the rings */

struct cpu_set {
	uint64_t words[CPUS_WORDS];
	uint32_t n;	/* how many there are */
	uint32_t bound; /* the highest number, and one */
};

/* "0-1,4,6-7\n", as /sys has it. 0, or -EINVAL (also for no CPU at all, or a number too high). */
int cpus_parse(const char *text, struct cpu_set *ret);

struct cpus {
	struct cpu_set online;
	uint32_t numbers; /* CPUs have numbers below */
};

void cpus_read(struct cpus *ret);

struct ring_plan {
	uint32_t rings; /* without the spare one */
	size_t bytes;	/* of each */
};

/* files: descriptors that may be open; bytes of a ring are a multiple of the page. */
struct ring_plan cpus_plan(uint32_t online, uint64_t buffer_bytes, size_t page, uint64_t files);

size_t cpus_round_to_ring(uint64_t bytes, size_t page);

/* The ring of each CPU's number, `numbers` of them: online CPUs have one of their own if enough. */
void cpus_share_out(const struct cpus *cpus, uint32_t rings, uint32_t *ret_ring);

#endif /* TCS_CPUS_H */
