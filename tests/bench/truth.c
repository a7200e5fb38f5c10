// SPDX-License-Identifier: GPL-2.0-only
/*
 * truth: what the kernel's own tracepoint says happened, to compare a monitor with.
 *
 * What: counts every (old state, new state) pair of sock:inet_sock_set_state for IPPROTO_TCP,
 * from a tracefs instance of its own. No BPF is involved, so BPF's blind spots are not shared.
 *
 *	truth start NAME [--ports A-B] [--events N]	begin; no process stays
 *	truth stop NAME					print the counts, clean up
 *	truth run NAME [--ports A-B] [--events N]	start, wait for stdin to end, stop
 *
 * --ports keeps events whose local or remote port is in the range (the record has no network
 * namespace to filter by), so other traffic of the host does not disturb. --events is the most
 * that can be kept (default 2 000 000).
 *
 * How: the buffer of each CPU is made large enough for all events, and read only at the end
 * (raw pages, as hist triggers are not in every kernel), so counting takes no CPU while the
 * measured thing runs. It is the truth only if nothing was overwritten: overrun, dropped and
 * missed are printed, and anything but 0 is exit status 1.
 *
 * "invisible" counts events that fired while a thread of process 1 was current. One kind of
 * kernel runs no tp_btf program then (in a soft interrupt that lands there): a comparison may
 * subtract them. "run" looks at process 1's threads all the time, "stop" at the end only.
 *
 * Output: JSON lines {"old":..,"new":..,"count":..,"invisible":..}, states as the monitor's JSON
 * spells them, then {"type":"end",..}. Memory: 92 bytes per event and CPU, given back at stop.
 * tracefs is reached through a detached mount: nothing is mounted where others could see it.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define EVENTS_DEFAULT 2000000
#define EVENTS_MAX     20000000
#define EVENT_BYTES    92 /* 76 and a 4 byte head, a time extend now and then, page ends */
#define STATES	       13
#define CPUS_MAX       1024
#define TIDS_MAX       4096

/* ring buffer entries, include/linux/ring_buffer.h: enum ring_buffer_type */
#define RB_PADDING     29
#define RB_TIME_EXTEND 30
#define RB_TIME_STAMP  31
#define RB_MISSED      (1UL << 31) /* in a page's commit word, kernel/trace/ring_buffer.c */
#define RB_FLAGS       (3UL << 30)

#define IPPROTO_IS_TCP 6

static const char *const state_name[STATES] = {
	"unknown", "established", "syn_sent", "syn_recv", "fin_wait1", "fin_wait2",    "time_wait",
	"close",   "close_wait",  "last_ack", "listen",	  "closing",   "new_syn_recv",
};

struct layout {
	unsigned int common_type, common_pid, oldstate, newstate, protocol;
	unsigned int id;
	unsigned int page_data;
};

struct counts {
	uint64_t all[STATES][STATES];
	uint64_t invisible[STATES][STATES];
	uint64_t total, unseen, missed, overrun, dropped;
};

static int tids[TIDS_MAX];
static int ntids;

static __attribute__((noreturn)) void die(const char *what)
{
	fprintf(stderr, "truth: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* A file descriptor of tracefs' root: a mount of our own that no path leads to. */
static int tracefs_open(void)
{
	int fs, fd;

	fs = fsopen("tracefs", FSOPEN_CLOEXEC);
	if (fs >= 0 && !fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0)) {
		fd = fsmount(fs, FSMOUNT_CLOEXEC, 0);
		close(fs);
		if (fd >= 0)
			return fd;
	}
	fd = open("/sys/kernel/tracing/instances", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		die("cannot reach tracefs");
	close(fd);
	return open("/sys/kernel/tracing", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void put(int dir, const char *path, const char *text)
{
	int fd = openat(dir, path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die(path);
	close(fd);
}

static size_t get(int dir, const char *path, char *buf, size_t size)
{
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	size_t got = 0;
	ssize_t n = 0;

	if (fd < 0)
		die(path);
	while (got < size - 1 && (n = read(fd, buf + got, size - 1 - got)) > 0)
		got += (size_t)n;
	if (n < 0)
		die(path);
	buf[got] = 0;
	close(fd);
	return got;
}

#define EVENT "events/sock/inet_sock_set_state/"

static unsigned int field(const char *format, const char *name)
{
	char pattern[64];
	const char *at;
	unsigned int offset;

	snprintf(pattern, sizeof(pattern), " %s;\toffset:", name);
	at = strstr(format, pattern);
	if (!at || sscanf(at + strlen(pattern), "%u", &offset) != 1) {
		fprintf(stderr, "truth: the event's format has no field %s\n", name);
		exit(1);
	}
	return offset;
}

static void layout_read(int dir, int root, struct layout *ret)
{
	char text[16384], *at;

	get(dir, EVENT "format", text, sizeof(text));
	ret->common_type = field(text, "common_type");
	ret->common_pid = field(text, "common_pid");
	ret->oldstate = field(text, "oldstate");
	ret->newstate = field(text, "newstate");
	ret->protocol = field(text, "protocol");
	at = strstr(text, "ID: ");
	if (!at || sscanf(at, "ID: %u", &ret->id) != 1)
		die("the event's id");
	get(root, "events/header_page", text, sizeof(text));
	ret->page_data = field(text, "data");
}

static void name_check(const char *name)
{
	const char *c;

	for (c = name; isalnum((unsigned char)*c) || *c == '_' || *c == '-'; c++)
		;
	if (c == name || *c) {
		fputs("truth: NAME is of letters, digits, - and _\n", stderr);
		exit(2);
	}
}

static int instance_open(int root, const char *name)
{
	char path[256];
	int dir;

	snprintf(path, sizeof(path), "instances/%s", name);
	dir = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		die(path);
	return dir;
}

static void start(const char *name, unsigned int first, unsigned int last, uint64_t events)
{
	int root = tracefs_open(), dir;
	char text[512];

	snprintf(text, sizeof(text), "instances/%s", name);
	if (mkdirat(root, text, 0700))
		die(text);
	dir = instance_open(root, name);
	put(dir, "tracing_on", "0");
	snprintf(text, sizeof(text), "%" PRIu64, events * EVENT_BYTES / 1024 + 64);
	put(dir, "buffer_size_kb", text);
	put(dir, "options/overwrite", "0");
	if (last) {
		snprintf(text, sizeof(text),
			 "(sport >= %u && sport <= %u) || (dport >= %u && dport <= %u)", first,
			 last, first, last);
		put(dir, EVENT "filter", text);
	}
	put(dir, EVENT "enable", "1");
	put(dir, "tracing_on", "1");
	close(dir);
	close(root);
}

/* Adds the present threads of process 1 to those seen before. */
static void tids_add(void)
{
	DIR *dir = opendir("/proc/1/task");
	struct dirent *e;
	int tid, i;

	if (!dir)
		return;
	while ((e = readdir(dir))) {
		tid = atoi(e->d_name);
		for (i = 0; i < ntids && tids[i] != tid; i++)
			;
		if (tid > 0 && i == ntids && ntids < TIDS_MAX)
			tids[ntids++] = tid;
	}
	closedir(dir);
}

static bool tid_is_init(int tid)
{
	int i;

	for (i = 0; i < ntids; i++)
		if (tids[i] == tid)
			return true;
	return false;
}

static void record_count(const struct layout *lay, const uint8_t *rec, struct counts *c)
{
	uint16_t type, protocol;
	int pid, old, new;

	memcpy(&type, rec + lay->common_type, sizeof(type));
	if (type != lay->id)
		return;
	memcpy(&protocol, rec + lay->protocol, sizeof(protocol));
	if (protocol != IPPROTO_IS_TCP)
		return;
	memcpy(&pid, rec + lay->common_pid, sizeof(pid));
	memcpy(&old, rec + lay->oldstate, sizeof(old));
	memcpy(&new, rec + lay->newstate, sizeof(new));
	if (old < 0 || old >= STATES || new < 0 || new >= STATES)
		old = new = 0;
	c->all[old][new]++;
	c->total++;
	if (tid_is_init(pid)) {
		c->invisible[old][new]++;
		c->unseen++;
	}
}

static void page_count(const struct layout *lay, const uint8_t *page, size_t size, struct counts *c)
{
	const uint8_t *at = page + lay->page_data, *end;
	uint32_t head, type, len;
	unsigned long commit;

	memcpy(&commit, page + 8, sizeof(commit));
	if (commit & RB_MISSED)
		c->missed++;
	commit &= ~RB_FLAGS;
	if (commit > size - lay->page_data)
		commit = size - lay->page_data;
	for (end = at + commit; at + 4 <= end; at += len) {
		memcpy(&head, at, sizeof(head));
		type = head & 31;
		if (type == RB_TIME_EXTEND || type == RB_TIME_STAMP) {
			len = 8;
		} else if (type == RB_PADDING || !type) {
			if (type && !(head >> 5))
				return;
			memcpy(&len, at + 4, sizeof(len));
			if (!type)
				record_count(lay, at + 8, c);
			len = 4 + ((len + 3) & ~3U);
		} else {
			len = 4 + type * 4;
			record_count(lay, at + 4, c);
		}
	}
}

static uint64_t stat_value(const char *stats, const char *key)
{
	const char *at = strstr(stats, key);
	uint64_t n = 0;

	if (at)
		sscanf(at + strlen(key), ": %" SCNu64, &n);
	return n;
}

static int stop(const char *name)
{
	int root = tracefs_open(), dir = instance_open(root, name), cpu, fd, old, new;
	static uint8_t page[1 << 16];
	static struct counts c;
	struct layout lay;
	char text[1024];
	ssize_t n;

	put(dir, "tracing_on", "0");
	put(dir, EVENT "enable", "0");
	tids_add();
	layout_read(dir, root, &lay);
	for (cpu = 0; cpu < CPUS_MAX; cpu++) {
		snprintf(text, sizeof(text), "per_cpu/cpu%d/trace_pipe_raw", cpu);
		fd = openat(dir, text, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0)
			continue;
		/* overruns first: reading takes pages out, it does not change them */
		snprintf(text, sizeof(text), "per_cpu/cpu%d/stats", cpu);
		get(dir, text, text, sizeof(text));
		c.overrun += stat_value(text, "\noverrun") + stat_value(text, "\ncommit overrun");
		c.dropped += stat_value(text, "\ndropped events");
		while ((n = read(fd, page, sizeof(page))) > 0)
			page_count(&lay, page, (size_t)n, &c);
		if (n < 0 && errno != EAGAIN)
			die("trace_pipe_raw");
		close(fd);
	}
	close(dir);
	snprintf(text, sizeof(text), "instances/%s", name);
	if (unlinkat(root, text, AT_REMOVEDIR))
		die(text);
	close(root);
	for (old = 0; old < STATES; old++)
		for (new = 0; new < STATES; new ++)
			if (c.all[old][new])
				printf("{\"old\":\"%s\",\"new\":\"%s\",\"count\":%" PRIu64
				       ",\"invisible\":%" PRIu64 "}\n",
				       state_name[old], state_name[new], c.all[old][new],
				       c.invisible[old][new]);
	printf("{\"type\":\"end\",\"events\":%" PRIu64 ",\"invisible\":%" PRIu64
	       ",\"overrun\":%" PRIu64 ",\"dropped\":%" PRIu64 ",\"missed\":%" PRIu64 "}\n",
	       c.total, c.unseen, c.overrun, c.dropped, c.missed);
	return c.overrun || c.dropped || c.missed;
}

/* Threads of process 1 come and go: look every 50 ms until standard input ends. */
static void watch_stdin(void)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
	char buf[256];

	for (;;) {
		tids_add();
		if (poll(&p, 1, 50) > 0 && read(STDIN_FILENO, buf, sizeof(buf)) <= 0)
			return;
	}
}

static __attribute__((noreturn)) void usage(void)
{
	fputs("usage: truth start|run NAME [--ports A-B] [--events N]\n"
	      "       truth stop NAME\n",
	      stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	uint64_t events = EVENTS_DEFAULT;
	unsigned int first = 0, last = 0;
	int i;

	if (argc < 3)
		usage();
	name_check(argv[2]);
	for (i = 3; i < argc; i += 2) {
		if (i + 1 == argc)
			usage();
		if (!strcmp(argv[i], "--ports")) {
			if (sscanf(argv[i + 1], "%u-%u", &first, &last) != 2 || last > 65535 ||
			    first > last || !last)
				usage();
		} else if (!strcmp(argv[i], "--events")) {
			events = strtoull(argv[i + 1], NULL, 10);
			if (!events || events > EVENTS_MAX)
				usage();
		} else {
			usage();
		}
	}
	if (!strcmp(argv[1], "start") || !strcmp(argv[1], "run")) {
		start(argv[2], first, last, events);
		if (!strcmp(argv[1], "start"))
			return 0;
		puts("{\"type\":\"started\"}");
		fflush(stdout);
		watch_stdin();
		return stop(argv[2]);
	}
	if (strcmp(argv[1], "stop") || argc != 3)
		usage();
	return stop(argv[2]);
}
