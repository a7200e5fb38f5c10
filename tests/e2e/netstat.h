/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef E2E_NETSTAT_H
#define E2E_NETSTAT_H

/*
 * netstat.h - counters of /proc/net/netstat, of the network namespace of this thread
 *
 * Names and values are in lines of their own, one pair of lines for each table. A counter that this
 * kernel does not have is NETSTAT_NONE.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NETSTAT_NONE UINT64_MAX

/* The whole file into buf, NUL-terminated. -1: it cannot be read. */
static inline int netstat_read(char *buf, size_t size)
{
	int fd = open("/proc/thread-self/net/netstat", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	if (fd >= 0)
		close(fd);
	buf[n < 0 ? 0 : n] = '\0';
	return n < 0 ? -1 : 0;
}

/* table: "TcpExt:". */
static inline uint64_t netstat_find(const char *text, const char *table, const char *name)
{
	const char *names = strstr(text, table), *values;
	size_t len = strlen(name);
	unsigned int column = 0;
	const char *p;

	values = names ? strstr(names + 1, table) : NULL;
	if (!values)
		return NETSTAT_NONE;
	for (p = strchr(names, ' '); p && p < values; p = strchr(p + 1, ' '), column++)
		if (!strncmp(p + 1, name, len) && (p[1 + len] == ' ' || p[1 + len] == '\n'))
			break;
	if (!p || p >= values)
		return NETSTAT_NONE;
	for (p = strchr(values, ' '); p && column; column--)
		p = strchr(p + 1, ' ');
	return p ? strtoull(p + 1, NULL, 10) : NETSTAT_NONE;
}

static inline uint64_t netstat_counter(const char *table, const char *name)
{
	char text[16384];

	return netstat_read(text, sizeof(text)) ? NETSTAT_NONE : netstat_find(text, table, name);
}

#endif /* E2E_NETSTAT_H */
