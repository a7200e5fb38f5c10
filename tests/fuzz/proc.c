// SPDX-License-Identifier: GPL-2.0-only
/*
 * proc: the texts of /proc, which another kernel may write otherwise, or a container's own
 *
 * The first byte says which. Nothing is refused loudly: what is not there is unknown.
 */
#include "cgroup_names.h"
#include "fuzz.h"
#include "host.h"
#include "mono.h"

/* Two texts of one: its parts before and behind the first '|'. */
static char *second_of(char *text)
{
	char *bar = strchr(text, '|');

	if (!bar)
		return text + strlen(text);
	*bar = '\0';
	return bar + 1;
}

static void try_ports(char *text)
{
	static struct host_ports ports;
	const char *reserved = second_of(text);
	unsigned int port, n = 0;

	if (host_parse_ports(text, reserved, &ports))
		return;
	for (port = 0; port < 65536; port += 64)
		n += (unsigned int)__builtin_popcountll(ports.bits[port / 64]);
	REQUIRE(n == ports.count);
}

static void try_counters(char *text)
{
	int i;

	for (i = 0; i < COUNTER_MAX; i++)
		(void)host_parse_netstat(text, counter_name((enum counter)i).group,
					 counter_name((enum counter)i).name);
	(void)host_parse_netstat(text, "TcpExt:", "TCPTimeWaitOverflow");
}

static void try_sockstat(char *text)
{
	const char *of_6 = second_of(text);
	struct host_counters counters;

	host_parse_sockstat(text, of_6, &counters);
}

static void try_limits(char *text)
{
	(void)host_parse_limit(text, "Max open files");
}

static void try_mounts(char *text)
{
	char path[CGROUP_NAMES_MOUNT];

	if (cgroup_names_parse_mount(text, path))
		REQUIRE(strlen(path) < sizeof(path));
}

static void try_offset(char *text)
{
	(void)mono_parse_offset(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const parsers[])(char *) = {
		try_ports, try_counters, try_sockstat, try_limits, try_mounts, try_offset,
	};

	return fuzz_one_of(parsers, sizeof(parsers) / sizeof(parsers[0]), data, size);
}
