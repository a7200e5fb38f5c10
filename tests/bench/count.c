// SPDX-License-Identifier: GPL-2.0-only
/*
 * count: count the state changes in a monitor's output, fast enough not to hold the monitor up.
 *
 *	count json  [--ports A-B] [--ready FILE]	tcpconnstate's JSON lines
 *	count text  [--ports A-B]			tcpconnstate's or tcpstates' table
 *	count lines [--ports A-B]			any table: lines (ports: not looked at)
 *
 * --ports counts a change when its local or remote port is in the range. --ready creates FILE
 * when the first line (meta) arrives: the monitor is attached. json counts what the kernel said
 * (kernel_new_state), so that the result can be compared with truth's, and lines that truth
 * cannot have (no kernel_new_state) apart, as "inferred".
 *
 * Why not jq or awk: a million lines are 500 MB and pass in half a second.
 * It looks for the contract's keys in the line; a key cannot occur inside a string, because
 * quotes are escaped there. Output: JSON lines as truth's, then {"type":"end",..}.
 * Bounds: a line of more than 1 MiB is an error, exit status 1.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATES	 13
#define BUF_SIZE (1 << 20)

enum format { FORMAT_JSON = 1, FORMAT_TEXT, FORMAT_LINES };

static const char *const state_name[STATES] = {
	"unknown", "established", "syn_sent", "syn_recv", "fin_wait1", "fin_wait2",    "time_wait",
	"close",   "close_wait",  "last_ack", "listen",	  "closing",   "new_syn_recv",
};

static unsigned int port_first, port_last = 65535;
static const char *ready_file;

static struct {
	uint64_t pair[STATES][STATES];
	uint64_t lines, bytes, states, inferred, recovered, bad, lost_lines;
	uint64_t events, shown, filtered, lost;
	bool end;
} c;

static bool ports_match(unsigned long local, unsigned long remote)
{
	return (local >= port_first && local <= port_last) ||
	       (remote >= port_first && remote <= port_last);
}

/* The text after "key": searched from *at to the end, then from the line's begin; or NULL. */
static const char *value(const char *line, const char *end, const char **at, const char *key,
			 size_t key_len)
{
	const char *hit = memmem(*at, (size_t)(end - *at), key, key_len);

	if (!hit)
		hit = memmem(line, (size_t)(end - line), key, key_len);
	if (!hit)
		return NULL;
	*at = hit + key_len;
	return *at;
}

#define VALUE(line, end, at, key) value(line, end, at, "\"" key "\":", sizeof("\"" key "\":") - 1)

static uint64_t number(const char *text)
{
	return text ? strtoull(text, NULL, 10) : 0;
}

/* The state's number, 0 when unknown, -1 for null. */
static int state(const char *text)
{
	size_t len;
	int i;

	if (!text || *text != '"')
		return -1;
	for (i = 1; i < STATES; i++) {
		len = strlen(state_name[i]);
		if (!memcmp(text + 1, state_name[i], len) && text[1 + len] == '"')
			return i;
	}
	return 0;
}

static uint64_t sum_object(const char *text)
{
	uint64_t sum = 0;

	if (!text || *text != '{')
		return number(text);
	while (*text && *text != '}') {
		if (*text == ':')
			sum += number(text + 1);
		text++;
	}
	return sum;
}

static void touch(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
}

#define STARTS(line, what) (!strncmp(line, "{\"type\":\"" what "\"", sizeof(what) + 9))

/* The line is ended by a 0 at end. */
static void json_line(const char *line, const char *end)
{
	const char *at = line, *old_text, *new_text, *local, *remote;
	int old, new;

	if (STARTS(line, "state")) {
		local = VALUE(line, end, &at, "lport");
		remote = VALUE(line, end, &at, "rport");
		if (!ports_match(number(local), number(remote)))
			return;
		old_text = VALUE(line, end, &at, "old_state");
		new_text = VALUE(line, end, &at, "kernel_new_state");
		old = state(old_text);
		new = state(new_text);
		if (new < 0) {
			c.inferred++;
			return;
		}
		if (old < 0)
			old = 0;
		c.pair[old][new]++;
		c.states++;
		if (memmem(at, (size_t)(end - at), "\"recovered\":true", 16))
			c.recovered++;
	} else if (STARTS(line, "meta")) {
		if (ready_file)
			touch(ready_file);
	} else if (STARTS(line, "lost")) {
		c.lost_lines += number(VALUE(line, end, &at, "count"));
	} else if (STARTS(line, "end")) {
		c.end = true;
		c.events = number(VALUE(line, end, &at, "events"));
		c.shown = number(VALUE(line, end, &at, "shown"));
		c.filtered = number(VALUE(line, end, &at, "filtered"));
		c.lost = sum_object(VALUE(line, end, &at, "lost"));
	} else if (*line != '{' || end[-1] != '}') {
		c.bad++;
	}
}

/*
 * .. LADDR LPORT RADDR RPORT OLDSTATE -> NEWSTATE MS: read from the arrow, as COMM before these
 * may have blanks in it.
 */
static void text_line(char *line, char *end)
{
	char *arrow = memmem(line, (size_t)(end - line), " -> ", 4), *at, *word[4];
	int i;

	if (!arrow)
		return;
	for (i = 0, at = arrow; i < 4; i++) {
		while (at > line && at[-1] == ' ')
			at--;
		while (at > line && at[-1] != ' ')
			at--;
		word[i] = at;
	}
	/* word: OLDSTATE RPORT RADDR LPORT; the heading has no number there */
	if (ports_match(strtoul(word[3], NULL, 10), strtoul(word[1], NULL, 10)))
		c.states++;
}

static __attribute__((noreturn)) void usage(void)
{
	fputs("usage: count json|text|lines [--ports A-B] [--ready FILE]\n", stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	static char buf[BUF_SIZE + 1];
	size_t have = 0;
	char *line, *nl;
	enum format f;
	int i, old, new;
	ssize_t n;

	if (argc < 2)
		usage();
	f = !strcmp(argv[1], "json")  ? FORMAT_JSON :
	    !strcmp(argv[1], "text")  ? FORMAT_TEXT :
	    !strcmp(argv[1], "lines") ? FORMAT_LINES :
					0;
	if (!f)
		usage();
	for (i = 2; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--ready"))
			ready_file = argv[i + 1];
		else if (strcmp(argv[i], "--ports") ||
			 sscanf(argv[i + 1], "%u-%u", &port_first, &port_last) != 2)
			usage();
	}
	if (i < argc)
		usage();
	fcntl(STDIN_FILENO, F_SETPIPE_SZ, 1 << 20);
	for (;;) {
		n = read(STDIN_FILENO, buf + have, BUF_SIZE - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		c.bytes += (uint64_t)n;
		have += (size_t)n;
		for (line = buf; (nl = memchr(line, '\n', (size_t)(buf + have - line)));
		     line = nl + 1) {
			*nl = 0;
			c.lines++;
			if (nl == line)
				continue;
			if (f == FORMAT_JSON)
				json_line(line, nl);
			else if (f == FORMAT_TEXT)
				text_line(line, nl);
			else
				c.states++;
		}
		have = (size_t)(buf + have - line);
		if (have == BUF_SIZE) {
			fputs("count: a line is too long\n", stderr);
			return 1;
		}
		memmove(buf, line, have);
	}
	if (have)
		c.bad++;
	for (old = 0; old < STATES; old++)
		for (new = 0; new < STATES; new ++)
			if (c.pair[old][new])
				printf("{\"old\":\"%s\",\"new\":\"%s\",\"count\":%" PRIu64 "}\n",
				       state_name[old], state_name[new], c.pair[old][new]);
	printf("{\"type\":\"end\",\"states\":%" PRIu64 ",\"lines\":%" PRIu64 ",\"bytes\":%" PRIu64
	       ",\"inferred\":%" PRIu64 ",\"recovered\":%" PRIu64 ",\"bad\":%" PRIu64
	       ",\"ended\":%s,\"events\":%" PRIu64 ",\"shown\":%" PRIu64 ",\"filtered\":%" PRIu64
	       ",\"lost\":%" PRIu64 ",\"lost_lines\":%" PRIu64 "}\n",
	       c.states, c.lines, c.bytes, c.inferred, c.recovered, c.bad, c.end ? "true" : "false",
	       c.events, c.shown, c.filtered, c.lost, c.lost_lines);
	return 0;
}
