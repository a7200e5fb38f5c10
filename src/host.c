// SPDX-License-Identifier: GPL-2.0-only
#include "host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_MAX	  16384
#define PID_NS_INITIAL	  0xEFFFFFFCU /* PROC_PID_INIT_INO, include/linux/proc_ns.h */
#define RESERVED_MAX	  65536
#define FDS_COUNTED_ONCE  (1u << 20)
#define TW_REUSE_DELAY_MS 1000 /* before net.ipv4.tcp_tw_reuse_delay */

bool host_read_text(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t have = 0;
	ssize_t n = 0;

	if (fd < 0)
		return false;
	while (have < size - 1 && (n = read(fd, buf + have, size - 1 - have)) > 0)
		have += (size_t)n;
	close(fd);
	buf[have] = '\0';
	return n >= 0 && have < size - 1;
}

/* ---- parsers --------------------------------------------------------------------------------- */

static bool take_port(const char **p, uint32_t *ret)
{
	uint32_t value = 0;

	while (**p == ' ' || **p == '\t')
		++*p;
	if (**p < '0' || **p > '9')
		return false;
	for (; **p >= '0' && **p <= '9'; ++*p) {
		value = value * 10 + (uint32_t)(**p - '0');
		if (value > 65535)
			return false;
	}
	*ret = value;
	return true;
}

static int leave_out(const char *reserved, struct host_ports *ports)
{
	const char *p = reserved;
	uint32_t first, last;

	while (*p && *p != '\n') {
		if (!take_port(&p, &first))
			return -EINVAL;
		last = first;
		if (*p == '-') {
			p++;
			if (!take_port(&p, &last))
				return -EINVAL;
		}
		for (; first <= last; first++)
			ports->bits[first / 64] &= ~(UINT64_C(1) << first % 64);
		if (*p == ',')
			p++;
		else if (*p && *p != '\n')
			return -EINVAL;
	}
	return 0;
}

int host_parse_ports(const char *range, const char *reserved, struct host_ports *ret)
{
	struct host_ports ports = { 0 };
	uint32_t range_first, range_last, i;

	if (!take_port(&range, &range_first) || !take_port(&range, &range_last))
		return -EINVAL;
	for (i = range_first; i <= range_last; i++)
		ports.bits[i / 64] |= UINT64_C(1) << i % 64;
	if (leave_out(reserved, &ports))
		return -EINVAL;
	for (i = 0; i < 1024; i++)
		ports.count += (uint32_t)__builtin_popcountll(ports.bits[i]);
	ports.first = (uint16_t)range_first;
	ports.last = (uint16_t)range_last;
	*ret = ports;
	return 0;
}

/* The line that begins so; *ret_next is where the one after it begins. */
static const char *line_of(const char *text, const char *begins, const char **ret_next)
{
	size_t n = strlen(begins);

	while (text && *text) {
		const char *end = strchr(text, '\n');

		if (!strncmp(text, begins, n)) {
			*ret_next = end ? end + 1 : text + strlen(text);
			return text + n;
		}
		text = end ? end + 1 : NULL;
	}
	return NULL;
}

uint64_t host_parse_netstat(const char *text, const char *group, const char *name)
{
	const char *next, *names = line_of(text, group, &next);
	const char *values = names ? line_of(next, group, &next) : NULL;
	size_t n = strlen(name), len;

	while (values && *names && *names != '\n' && *values && *values != '\n') {
		names += strspn(names, " ");
		values += strspn(values, " ");
		len = strcspn(names, " \n");
		if (len == n && !memcmp(names, name, n))
			return *values >= '0' && *values <= '9' ? strtoull(values, NULL, 10) :
								  HOST_UNKNOWN;
		names += len;
		values += strcspn(values, " \n");
	}
	return HOST_UNKNOWN;
}

/* "TCP: inuse 5 orphan 0 tw 2 ...": the number behind a word. */
static uint64_t number_behind(const char *line, const char *word)
{
	const char *end = line ? strchrnul(line, '\n') : NULL;
	const char *at = line ? strstr(line, word) : NULL;

	return at && at < end ? strtoull(at + strlen(word), NULL, 10) : HOST_UNKNOWN;
}

void host_parse_sockstat(const char *sockstat, const char *sockstat6, struct host_counters *ret)
{
	const char *next, *tcp = line_of(sockstat, "TCP:", &next);
	uint64_t in_use6 = number_behind(line_of(sockstat6, "TCP6:", &next), " inuse ");

	ret->time_wait = number_behind(tcp, " tw ");
	ret->in_use = number_behind(tcp, " inuse ");
	if (ret->in_use != HOST_UNKNOWN && in_use6 != HOST_UNKNOWN)
		ret->in_use += in_use6;
}

uint64_t host_parse_limit(const char *text, const char *name)
{
	const char *next, *at = line_of(text, name, &next);

	if (!at)
		return HOST_UNKNOWN;
	at += strspn(at, " ");
	return *at >= '0' && *at <= '9' ? strtoull(at, NULL, 10) : HOST_UNKNOWN;
}

/* ---- reading --------------------------------------------------------------------------------- */

static uint32_t read_number(const char *path)
{
	char text[64];

	return host_read_text(path, text, sizeof(text)) ? (uint32_t)strtoul(text, NULL, 10) : 0;
}

static bool read_known(const char *path, uint32_t *ret)
{
	char text[64];

	if (!host_read_text(path, text, sizeof(text)))
		return false;
	*ret = (uint32_t)strtoul(text, NULL, 10);
	return true;
}

/* xs_get_random_port() */
static void read_resvport(struct host_range *ret)
{
	uint32_t first = read_number("/proc/sys/sunrpc/min_resvport");
	uint32_t last = read_number("/proc/sys/sunrpc/max_resvport");

	if (!first || last < first || last > UINT16_MAX)
		return;
	ret->first = (uint16_t)first;
	ret->last = (uint16_t)last;
}

static void read_ports(struct host_ports *ret)
{
	static char reserved[RESERVED_MAX];
	char range[64];

	ret->count = 0;
	if (!host_read_text("/proc/sys/net/ipv4/ip_local_port_range", range, sizeof(range)))
		return;
	if (!host_read_text("/proc/sys/net/ipv4/ip_local_reserved_ports", reserved,
			    sizeof(reserved)))
		reserved[0] = '\0';
	(void)host_parse_ports(range, reserved, ret);
}

static void read_counters(const char *text, const char *group, uint64_t counters[COUNTER_MAX])
{
	int i;

	for (i = 0; i < COUNTER_MAX; i++)
		if (!strcmp(counter_name((enum counter)i).group, group))
			counters[i] =
				host_parse_netstat(text, group, counter_name((enum counter)i).name);
}

void host_sockets_read(struct host_counters *ret)
{
	char text[1024], text6[1024];

	if (!host_read_text("/proc/self/net/sockstat", text, sizeof(text)))
		text[0] = '\0';
	if (!host_read_text("/proc/self/net/sockstat6", text6, sizeof(text6)))
		text6[0] = '\0';
	host_parse_sockstat(text, text6, ret);
}

void host_counters_read(struct host_counters *ret)
{
	char text[TEXT_MAX];
	int i;

	for (i = 0; i < COUNTER_MAX; i++)
		ret->handshakes[i] = HOST_UNKNOWN;
	ret->time_wait_overflow = HOST_UNKNOWN;
	if (host_read_text("/proc/self/net/netstat", text, sizeof(text))) {
		ret->time_wait_overflow =
			host_parse_netstat(text, "TcpExt:", "TCPTimeWaitOverflow");
		read_counters(text, "TcpExt:", ret->handshakes);
	}
	if (host_read_text("/proc/self/net/snmp", text, sizeof(text)))
		read_counters(text, "Tcp:", ret->handshakes);
	ret->cookies = HOST_NO_COOKIES;
	if (host_read_text("/proc/sys/net/ipv4/tcp_syncookies", text, sizeof(text)))
		ret->cookies = (uint8_t)strtoul(text, NULL, 10);
	ret->syn_backlog = ret->cookies ? 0 : read_number("/proc/sys/net/ipv4/tcp_max_syn_backlog");
	host_sockets_read(ret);
}

void host_net_read(struct host_net *ret)
{
	memset(ret, 0, sizeof(*ret));
	read_ports(&ret->ports);
	ret->time_wait_limit = read_number("/proc/sys/net/ipv4/tcp_max_tw_buckets");
	ret->tw_reuse = (uint8_t)read_number("/proc/sys/net/ipv4/tcp_tw_reuse");
	if (!read_known("/proc/sys/net/ipv4/tcp_tw_reuse_delay", &ret->tw_reuse_delay_ms))
		ret->tw_reuse_delay_ms = TW_REUSE_DELAY_MS;
	read_resvport(&ret->resvport);
	host_counters_read(&ret->counters);
}

/* Since 6.2 the size of the directory is the number; before, they are counted. */
static uint64_t count_fds(const char *path)
{
	struct stat st;
	uint64_t n = 0;
	DIR *dir;

	if (stat(path, &st))
		return HOST_UNKNOWN;
	if (st.st_size)
		return (uint64_t)st.st_size;
	dir = opendir(path);
	if (!dir)
		return HOST_UNKNOWN;
	while (n < FDS_COUNTED_ONCE && readdir(dir))
		n++;
	closedir(dir);
	return n > 2 ? n - 2 : 0; /* without "." and ".." */
}

void host_fds_read(uint32_t pid, uint64_t *ret_used, uint64_t *ret_limit)
{
	char path[64], text[4096];

	snprintf(path, sizeof(path), "/proc/%u/fd", pid);
	*ret_used = count_fds(path);
	snprintf(path, sizeof(path), "/proc/%u/limits", pid);
	*ret_limit = host_read_text(path, text, sizeof(text)) ?
			     host_parse_limit(text, "Max open files") :
			     HOST_UNKNOWN;
}

bool host_pids_are_ours(void)
{
	struct stat st;

	return !stat("/proc/self/ns/pid", &st) && (uint32_t)st.st_ino == PID_NS_INITIAL;
}

const char *host_processes_hidden(void)
{
	if (access("/proc/self/ns/pid", F_OK))
		return "there is no /proc here: processes are not seen";
	return host_pids_are_ours() ? NULL :
				      "only the processes of this container are seen (--pid=host "
				      "shows the host's)";
}

const char *host_boot_id(char *buf, size_t size)
{
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
	const char *line = f ? fgets(buf, (int)size, f) : NULL;

	if (f)
		fclose(f);
	if (line)
		buf[strcspn(buf, "\n")] = '\0';
	return line;
}
