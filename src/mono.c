// SPDX-License-Identifier: GPL-2.0-only
#include "mono.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define NS_PER_S 1000000000ll
#define READINGS 8 /* of which the narrowest: one of them may be interrupted */

int64_t mono_parse_offset(const char *text)
{
	static const char name[] = "monotonic";
	const char *line = strstr(text, name);
	int64_t s, ns;
	char *end;

	if (!line)
		return 0;
	s = strtoll(line + sizeof(name) - 1, &end, 10);
	ns = strtoll(end, NULL, 10);
	return __builtin_mul_overflow(s, NS_PER_S, &s) || __builtin_add_overflow(s, ns, &ns) ? 0 :
											       ns;
}

/* The file tells of what children get: after unshare(2) without fork() not our own. */
static bool file_is_ours(void)
{
	struct stat own, children;

	return !stat("/proc/self/ns/time", &own) &&
	       !stat("/proc/self/ns/time_for_children", &children) && own.st_ino == children.st_ino;
}

static int64_t read_offset(void)
{
	FILE *f = file_is_ours() ? fopen("/proc/self/timens_offsets", "re") : NULL;
	char text[256];
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	if (f)
		fclose(f);
	text[n] = '\0';
	return mono_parse_offset(text);
}

uint64_t mono_now_ns(void)
{
	static int64_t offset_ns;
	static bool known;
	struct timespec ts;

	if (!known) {
		offset_ns = read_offset();
		known = true;
	}
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)((int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec - offset_ns);
}

static struct mono_reading read_both(void)
{
	struct mono_reading r = { .before_ns = mono_now_ns() };
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	r.wall_ns = (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
	r.after_ns = mono_now_ns();
	return r;
}

int64_t mono_wall_offset_by(int64_t known_ns, const struct mono_reading *r)
{
	int64_t least = (int64_t)(r->wall_ns - r->after_ns);
	int64_t most = (int64_t)(r->wall_ns - r->before_ns);

	return known_ns >= least && known_ns <= most ? known_ns : least + (most - least) / 2;
}

int64_t mono_wall_offset_ns(void)
{
	static int64_t known_ns;
	struct mono_reading best = read_both(), r;

	for (int i = 1; i < READINGS; i++) {
		r = read_both();
		if (r.after_ns - r.before_ns < best.after_ns - best.before_ns)
			best = r;
	}
	known_ns = mono_wall_offset_by(known_ns, &best);
	return known_ns;
}
