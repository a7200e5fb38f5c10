// SPDX-License-Identifier: GPL-2.0-only
#include "cpus.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RING_MAX ((size_t)1 << 30)

static bool is_in(const struct cpu_set *set, uint32_t cpu)
{
	return cpu < CPUS_MAX && set->words[cpu / 64] >> (cpu % 64) & 1;
}

static void add(struct cpu_set *set, uint32_t cpu)
{
	if (is_in(set, cpu))
		return;
	set->words[cpu / 64] |= 1ULL << (cpu % 64);
	set->n++;
	if (cpu >= set->bound)
		set->bound = cpu + 1;
}

static bool take_number(const char **at, uint32_t *ret)
{
	char *end;
	unsigned long n;

	if (**at < '0' || **at > '9')
		return false;
	n = strtoul(*at, &end, 10);
	*at = end;
	*ret = (uint32_t)n;
	return n < CPUS_MAX;
}

int cpus_parse(const char *text, struct cpu_set *ret)
{
	uint32_t first, last;

	memset(ret, 0, sizeof(*ret));
	do {
		if (!take_number(&text, &first))
			return -EINVAL;
		last = first;
		if (*text == '-' && (text++, !take_number(&text, &last) || last < first))
			return -EINVAL;
		for (; first <= last; first++)
			add(ret, first);
	} while (*text == ',' && text++);
	return *text && *text != '\n' ? -EINVAL : 0;
}

static int read_mask(const char *path, struct cpu_set *ret)
{
	char text[24576]; /* every second CPU of CPUS_MAX is the longest */
	FILE *f = fopen(path, "re");
	int err = -EINVAL;

	if (!f)
		return -errno;
	if (fgets(text, sizeof(text), f))
		err = cpus_parse(text, ret);
	fclose(f);
	return err;
}

/* The kernel copies its mask of CPUs out as long as it is: their number, rounded up to words. */
static uint32_t numbers_of_kernel(void)
{
	uint64_t mask[CPUS_WORDS];
	long bytes = syscall(SYS_sched_getaffinity, 0, sizeof(mask), mask);

	return bytes > 0 ? (uint32_t)bytes * 8 : 1;
}

void cpus_read(struct cpus *ret)
{
	struct cpu_set possible = { 0 };
	long n, i;

	if (read_mask("/sys/devices/system/cpu/online", &ret->online)) {
		memset(&ret->online, 0, sizeof(ret->online));
		n = sysconf(_SC_NPROCESSORS_ONLN); /* goes by other files as well */
		for (i = 0; i < n && i < CPUS_MAX; i++)
			add(&ret->online, (uint32_t)i);
		if (!ret->online.n)
			add(&ret->online, 0);
	}
	if (read_mask("/sys/devices/system/cpu/possible", &possible))
		ret->numbers = numbers_of_kernel();
	else
		ret->numbers = possible.bound;
	if (ret->online.bound > ret->numbers)
		ret->numbers = ret->online.bound;
}

size_t cpus_round_to_ring(uint64_t bytes, size_t page)
{
	size_t size = page;

	while (size < bytes && size < RING_MAX)
		size *= 2;
	return size;
}

struct ring_plan cpus_plan(uint32_t online, uint64_t buffer_bytes, size_t page, uint64_t files)
{
	uint64_t rings = online, most = files > CPUS_FILES_KEPT ? files - CPUS_FILES_KEPT : 1;

	if (rings > most)
		rings = most;
	if (rings > buffer_bytes / page)
		rings = buffer_bytes / page;
	if (!rings)
		rings = 1;
	return (struct ring_plan){
		.rings = (uint32_t)rings,
		.bytes = cpus_round_to_ring(buffer_bytes / rings, page),
	};
}

void cpus_share_out(const struct cpus *cpus, uint32_t rings, uint32_t *ret_ring)
{
	uint32_t cpu, up = 0, down = 0;

	for (cpu = 0; cpu < cpus->numbers; cpu++)
		ret_ring[cpu] = (is_in(&cpus->online, cpu) ? up++ : down++) % rings;
}
