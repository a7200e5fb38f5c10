// SPDX-License-Identifier: GPL-2.0-only
#include "opts.h"

#include <argp.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "explain.h"
#include "resolve.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/*
 * The table
 */

struct parse;
struct option_row;

/* Returns 0, or what complain() returned. arg is NULL when the row has no argument. */
typedef int option_parser(struct parse *parse, const struct option_row *row, const char *arg);

static option_parser parse_addr, parse_by, parse_comm, parse_fail_on, parse_completion, parse_help,
	parse_json, parse_moment, parse_output, parse_ports, parse_state, parse_uid, parse_version;

enum option_type {
	OPT_FLAG = 1, /* bool */
	OPT_COUNT,    /* unsigned int, one more each time */
	OPT_STRING,   /* const char *, not empty */
	OPT_U32,      /* uint32_t, whole number */
	OPT_U64,      /* uint64_t, whole number */
	OPT_SECONDS,  /* uint64_t milliseconds, typed as seconds with a fraction */
	OPT_SIZE,     /* uint64_t bytes, typed with K, M or G */
	OPT_PARSER,   /* row->parser; field may say which one of several */
	OPT_TYPE_MAX,
};

enum option_group {
	GROUP_FILTER = 1,
	GROUP_OUTPUT,
	GROUP_RUN,
	GROUP_FINDING,
	GROUP_MAX,
};

static const char *const group_titles[GROUP_MAX] = {
	[GROUP_FILTER] = "Filters (all must hold)",
	[GROUP_OUTPUT] = "Output",
	[GROUP_RUN] = "Run",
	[GROUP_FINDING] = "Findings",
};

#define FIELD(name) offsetof(struct opts, name)
#define ON(id)	    (1U << CMD_##id)
#define ON_ALL	    (~0U)

struct option_row {
	const char *name; /* long name */
	char letter;	  /* 0 = none */
	const char *arg;  /* what --help calls the value; NULL = takes none */
	enum option_type type;
	size_t field; /* FIELD() it is stored in */
	option_parser *parser;
	size_t has;	       /* FIELD() of a bool that says "was given"; 0 = none */
	uint64_t min, max;     /* of numbers, in the field's unit */
	unsigned int commands; /* ON(...), or'ed: the commands it applies to */
	enum option_group group;
	const char *takes;  /* completes "--name takes ..."; numbers: their range is added */
	const char *values; /* words for the completion; "<file>" = files */
	const char *help;   /* for --help; NULL = the next row's line speaks for both */
	bool live;	    /* of watch and record, but not of replay */
	bool look;	    /* of watch and replay, but not of record */
	bool rare;	    /* not in the program's --help, which is one screen */
};

/* Every word of --state worth completing. */
#define X(number, id, name, json, words, meaning) words " "
static const char state_words[] =
#include "state.def"
	"all connected synchronized bucket big";
#undef X

static const char moment_words[] =
	"seconds from the recording's start, or a time such as 2026-11-21T04:41:42Z";
static const char cidr_words[] = "an address or prefix such as 10.0.0.0/8 or 2001:db8::/32";

/*
 * In the order of --help. To add an option: a row here, a field in struct opts, a paragraph in
 * man/tcpconnstate.8.
 */
static const struct option_row table[] = {
	{ "ipv4", '4', .type = OPT_FLAG, .field = FIELD(ipv4), .commands = ON(WATCH) | ON(AUDIT),
	  .group = GROUP_FILTER },
	{ "ipv6", '6', .type = OPT_FLAG, .field = FIELD(ipv6), .commands = ON(WATCH) | ON(AUDIT),
	  .group = GROUP_FILTER, .help = "IPv4 only, IPv6 only" },
	{ "localport", 'L', "PORTS", OPT_PARSER, FIELD(filter.lport), parse_ports,
	  .commands = ON(WATCH) | ON(AUDIT), .group = GROUP_FILTER,
	  .takes = "ports such as 80,8000-8080", .help = "local ports: 80,8000-8080" },
	{ "remoteport", 'D', "PORTS", OPT_PARSER, FIELD(filter.rport), parse_ports,
	  .commands = ON(WATCH) | ON(AUDIT), .group = GROUP_FILTER,
	  .takes = "ports such as 443,8000-8080", .help = "remote ports" },
	{ "src", 0, "CIDR", OPT_PARSER, FIELD(filter.src), parse_addr,
	  .commands = ON(WATCH) | ON(AUDIT), .group = GROUP_FILTER, .takes = cidr_words },
	{ "dst", 0, "CIDR", OPT_PARSER, FIELD(filter.dst), parse_addr,
	  .commands = ON(WATCH) | ON(AUDIT), .group = GROUP_FILTER, .takes = cidr_words,
	  .help = "local, remote address or prefix: 10.0.0.0/8" },
	{ "pid", 'p', "PID", OPT_U32, FIELD(filter.pid), .has = FIELD(filter.has_pid), .min = 1,
	  .max = 1U << 22 /* PID_MAX_LIMIT */, .commands = ON(WATCH) | ON(AUDIT),
	  .group = GROUP_FILTER, .takes = "a process id" },
	{ "comm", 0, "NAME", OPT_PARSER, FIELD(filter.comm), parse_comm,
	  .commands = ON(WATCH) | ON(AUDIT), .group = GROUP_FILTER,
	  .takes = "the name of a process", .help = "sockets of this process, of this name" },
	{ "uid", 'u', "UID", OPT_PARSER, FIELD(filter.uid), parse_uid,
	  .commands = ON(WATCH) | ON(AUDIT), .group = GROUP_FILTER,
	  .takes = "a user's number or name", .help = "sockets of this user, number or name",
	  .rare = true },
	{ "netns", 'N', "NETNS", OPT_STRING, FIELD(netns_spec), .commands = ON(WATCH) | ON(AUDIT),
	  .group = GROUP_FILTER, .takes = "all, self, a path, a name or an inode number",
	  .values = "all self <file>", .help = "namespace: all, self, a path, name or inode" },
	{ "cgroup", 0, "PATH", OPT_STRING, FIELD(cgroup_path), .commands = ON(WATCH) | ON(AUDIT),
	  .group = GROUP_FILTER, .takes = "the path of a cgroup (v2)", .values = "<file>",
	  .help = "sockets created inside this cgroup (v2)", .rare = true },
	{ "state", 0, "LIST", OPT_PARSER, FIELD(filter.states), parse_state,
	  .commands = ON(WATCH) | ON(AUDIT), .group = GROUP_FILTER, .values = state_words,
	  .takes = "states such as established,time-wait, ss's groups (all connected synchronized "
		   "bucket big), and either with '!' to exclude it",
	  .help = "into or out of these: time-wait,!listen" },

	{ "output", 'o', "FORMAT", OPT_PARSER, FIELD(format), parse_output,
	  .commands = ON(WATCH) | ON(AUDIT) | ON(EXPLAIN) | ON(DOCTOR), .group = GROUP_OUTPUT,
	  .takes = "text or json", .values = "text json" },
	{ "json", 0, .type = OPT_PARSER, .field = FIELD(format), .parser = parse_json,
	  .commands = ON(WATCH) | ON(AUDIT) | ON(EXPLAIN) | ON(DOCTOR), .group = GROUP_OUTPUT,
	  .help = "text (default) or json, one object a line" },
	{ "time", 'T', .type = OPT_FLAG, .field = FIELD(wall_clock), .commands = ON(WATCH),
	  .look = true, .group = GROUP_OUTPUT },
	{ "timestamp", 't', .type = OPT_FLAG, .field = FIELD(since_start), .commands = ON(WATCH),
	  .look = true, .group = GROUP_OUTPUT,
	  .help = "add the time of day, the seconds since start" },
	{ "wide", 'w', .type = OPT_FLAG, .field = FIELD(wide), .commands = ON(WATCH), .look = true,
	  .group = GROUP_OUTPUT },
	{ "extended", 'x', .type = OPT_FLAG, .field = FIELD(extended),
	  .commands = ON(WATCH) | ON(AUDIT) | ON(DOCTOR), .look = true, .group = GROUP_OUTPUT,
	  .help = "whole IPv6 addresses, more columns" },
	{ "no-header", 'H', .type = OPT_FLAG, .field = FIELD(no_header), .commands = ON(WATCH),
	  .look = true, .group = GROUP_OUTPUT, .help = "no header line" },
	{ "lifecycle", 0, .type = OPT_FLAG, .field = FIELD(lifecycle), .commands = ON(WATCH),
	  .group = GROUP_OUTPUT, .help = "one line for each finished connection" },

	{ "interval", 'i', "S", OPT_SECONDS, FIELD(interval_ms), .min = 50, .max = 3600000,
	  .commands = ON(WATCH), .live = true, .group = GROUP_RUN, .takes = "seconds",
	  .help = "how often sums and findings are made (default 1)" },
	{ "duration", 'd', "S", OPT_SECONDS, FIELD(duration_ms), .min = 1,
	  .max = UINT64_C(1000000000) * 1000, .commands = ON(WATCH), .live = true,
	  .group = GROUP_RUN, .takes = "seconds", .help = "stop after S seconds" },
	{ "count", 0, "N", OPT_U64, FIELD(count), .min = 1, .max = UINT64_MAX,
	  .commands = ON(WATCH), .look = true, .group = GROUP_RUN, .takes = "a whole number",
	  .help = "stop after N printed events" },
	{ "buffer", 0, "SIZE", OPT_SIZE, FIELD(buffer_bytes), .min = 4096,
	  .max = UINT64_C(64) << 30, .commands = ON(WATCH), .live = true, .group = GROUP_RUN,
	  .takes = "a size in bytes, or with K, M or G,",
	  .help = "ring buffers, all CPUs together (default 16M)", .rare = true },
	{ "max-sockets", 0, "N", OPT_U32, FIELD(max_sockets), .min = 1, .max = 1U << 26,
	  .commands = ON(WATCH), .group = GROUP_RUN, .takes = "a whole number",
	  .help = "bound of the socket table (default 1048576)", .rare = true },
	{ "btf", 0, "FILE", OPT_STRING, FIELD(btf_path), .commands = ON(WATCH) | ON(AUDIT),
	  .live = true, .group = GROUP_RUN, .takes = "the path of a BTF file", .values = "<file>",
	  .help = "take the kernel's types from this file", .rare = true },
	{ "strict", 0, .type = OPT_FLAG, .field = FIELD(strict), .commands = ON(WATCH),
	  .group = GROUP_RUN, .help = "exit 4 if any event was lost" },
	{ "window", 0, "S", OPT_SECONDS, FIELD(window_ms), .min = 0, .max = 3600000,
	  .commands = ON(AUDIT), .group = GROUP_RUN, .takes = "seconds",
	  .help = "rates: watched so long (default 1; 0: one look)" },
	{ "by", 0, "KEY", OPT_PARSER, FIELD(by), parse_by, .commands = ON(WATCH) | ON(AUDIT),
	  .live = true, .group = GROUP_OUTPUT, .takes = "comm, lport, raddr or netns",
	  .values = "comm lport raddr netns", .help = "states by comm, lport, raddr or netns",
	  .rare = true },
	{ "fail-on", 0, "LEVEL", OPT_PARSER, FIELD(fail_on), parse_fail_on,
	  .commands = ON(WATCH) | ON(AUDIT), .group = GROUP_RUN,
	  .takes = "info, warning or critical", .values = "info warning critical",
	  .help = "exit 3 from this severity on (warning)", .rare = true },
	{ "close-wait-count", 0, "N", OPT_U64, FIELD(detect.close_wait_count), .min = 1,
	  .max = UINT32_MAX, .commands = ON(WATCH) | ON(AUDIT), .group = GROUP_FINDING,
	  .takes = "a whole number", .help = "a leak: so many old CLOSE_WAIT (default 10)" },
	{ "close-wait-age", 0, "S", OPT_SECONDS, FIELD(close_wait_age_ms), .min = 1,
	  .max = UINT64_C(1000000000) * 1000, .commands = ON(WATCH) | ON(AUDIT),
	  .group = GROUP_FINDING, .takes = "seconds", .help = "and old is so long (default 60)" },
	{ "ports-percent", 0, "P", OPT_U32, FIELD(detect.ports_percent), .min = 1, .max = 100,
	  .commands = ON(WATCH) | ON(AUDIT), .group = GROUP_FINDING, .takes = "a percentage",
	  .help = "of the local port range in use (default 80)" },
	{ "time-wait-percent", 0, "P", OPT_U32, FIELD(detect.time_wait_percent), .min = 1,
	  .max = 100, .commands = ON(WATCH) | ON(AUDIT), .group = GROUP_FINDING,
	  .takes = "a percentage", .help = "of tcp_max_tw_buckets in use (default 80)" },
	{ "dead-peer-count", 0, "N", OPT_U64, FIELD(detect.dead_peer_count), .min = 1,
	  .max = UINT32_MAX, .commands = ON(WATCH) | ON(AUDIT), .group = GROUP_FINDING,
	  .takes = "a whole number", .help = "connections that hear nothing (default 5)" },
	{ "dead-peer-timeouts", 0, "N", OPT_U32, FIELD(detect.dead_peer_timeouts), .min = 1,
	  .max = 255, .commands = ON(WATCH) | ON(AUDIT), .group = GROUP_FINDING,
	  .takes = "a whole number", .help = "timeouts in a row of each (default 3)" },
	{ "syn-rate", 0, "N", OPT_U32, FIELD(detect.syn_per_s), .min = 1, .max = 1000000,
	  .commands = ON(WATCH) | ON(AUDIT), .group = GROUP_FINDING, .takes = "a whole number",
	  .help = "failing handshakes a second: a flood (default 10)" },
	{ "syn-late-percent", 0, "P", OPT_U32, FIELD(detect.syn_late_percent), .min = 1, .max = 100,
	  .commands = ON(WATCH) | ON(AUDIT), .group = GROUP_FINDING, .takes = "a percentage",
	  .help = "no flood if so many come late (default 15)" },
	{ "loss-percent", 0, "P", OPT_U32, FIELD(detect.loss_percent), .min = 1, .max = 100,
	  .commands = ON(WATCH) | ON(AUDIT), .group = GROUP_FINDING, .takes = "a percentage",
	  .help = "of handshakes late: packet loss (default 5)" },
	{ "scan-ports", 0, "N", OPT_U32, FIELD(detect.scan_ports), .min = 1, .max = 1000,
	  .commands = ON(WATCH) | ON(AUDIT), .group = GROUP_FINDING, .takes = "a whole number",
	  .help = "closed ports that make a scan (default 20)" },
	{ "rotate", 0, "SIZE", OPT_SIZE, FIELD(rotate_bytes), .min = 4096, .max = UINT64_C(1) << 50,
	  .commands = ON(RECORD), .group = GROUP_RUN,
	  .takes = "a size in bytes, or with K, M or G,",
	  .help = "begin a new file at this size, FILE is the last" },
	{ "keep", 0, "N", OPT_U32, FIELD(keep), .min = 0, .max = 9999, .commands = ON(RECORD),
	  .group = GROUP_RUN, .takes = "a whole number",
	  .help = "older files kept: FILE.1, FILE.2 .. (default 4)" },
	{ "since", 0, "WHEN", OPT_PARSER, FIELD(since), parse_moment, .commands = ON(REPLAY),
	  .group = GROUP_RUN, .takes = moment_words },
	{ "until", 0, "WHEN", OPT_PARSER, FIELD(until), parse_moment, .commands = ON(REPLAY),
	  .group = GROUP_RUN, .takes = moment_words,
	  .help = "seconds from the start, or a time as in JSON" },
	{ "speed", 0, "X", OPT_SECONDS, FIELD(speed_milli), .min = 1, .max = 1000000,
	  .commands = ON(REPLAY), .group = GROUP_RUN, .takes = "a factor",
	  .help = "1: as fast as it was (default: at once)" },
	{ "verdict", 0, .type = OPT_FLAG, .field = FIELD(verdict), .commands = ON(REPLAY),
	  .group = GROUP_OUTPUT, .help = "what audit says at the end, not the events" },
	{ "verbose", 'v', .type = OPT_COUNT, .field = FIELD(verbose), .commands = ON_ALL,
	  .group = GROUP_RUN, .help = "the loader's messages on stderr" },
	{ "help", 'h', .type = OPT_PARSER, .parser = parse_help, .commands = ON_ALL,
	  .group = GROUP_RUN },
	{ "version", 'V', .type = OPT_PARSER, .parser = parse_version, .commands = ON_ALL,
	  .group = GROUP_RUN, .help = "print this help, the version" },
	{ "completion", 0, "SHELL", OPT_PARSER, FIELD(shell), parse_completion, .commands = ON_ALL,
	  .group = GROUP_RUN, .takes = "bash or zsh", .values = "bash zsh",
	  .help = "print the completion for bash or zsh", .rare = true },
};

/* What watch has, record and replay have too. */
static unsigned int commands_of(const struct option_row *row)
{
	if (!(row->commands & ON(WATCH)))
		return row->commands;
	return row->commands | (row->look ? 0 : ON(RECORD)) | (row->live ? 0 : ON(REPLAY));
}

static const char *explained_name(size_t i)
{
	const struct explanation *page = explain_at(i);

	return page ? page->title->key : NULL;
}

static const struct {
	const char *name;
	const char *summary;
} commands[CMD_MAX] = {
#define X(name_, id, summary_) [CMD_##id] = { #name_, summary_ },
#include "command.def"
#undef X
};

/* The commands that take words of their own: one, or none up to OPTS_NAMES_MAX of them. */
static const struct {
	const char *usage; /* NULL: takes none */
	bool one;
	const char *help; /* what the words are */
	/* The i-th word worth completing; NULL behind the last. NULL: none is. */
	const char *(*word)(size_t i);
} operands[CMD_MAX] = {
	[CMD_RECORD] = { .usage = "FILE",
			 .one = true,
			 .help = "The capture is written to FILE (-: stdout); with -o the lines of "
				 "watch are\n  printed as well." },
	[CMD_REPLAY] = { .usage = "FILE",
			 .one = true,
			 .help = "FILE was made by tcpconnstate record (-: stdin); it is shown as "
				 "watch shows\n  a live run." },
	[CMD_EXPLAIN] = { .usage = "[NAME...]",
			  .help = "NAME is a state in any spelling, a finding or a close reason; "
				  "without one\n  all names are listed",
			  .word = explained_name },
};

/* argp wants a number for each option: its letter, or one no letter can have. */
static int key_of(const struct option_row *row)
{
	return row->letter ? row->letter : 0x100 + (int)(row - table);
}

static const struct option_row *row_by_key(int key)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (key_of(&table[i]) == key)
			return &table[i];
	return NULL;
}

static enum cmd_id command_by_name(const char *name)
{
	for (int id = CMD_NONE + 1; id < CMD_MAX; id++)
		if (!strcmp(commands[id].name, name))
			return (enum cmd_id)id;
	return CMD_NONE;
}

/*
 * Errors
 */

struct parse {
	struct opts opts;
	struct opts_error *err;
	bool done;	 /* parsing stops, with or without an error in err */
	int words_taken; /* state->next after the last option that was parsed */
};

/* Store the sentence. What the user typed is in it, so control bytes become '?'. */
__attribute__((format(printf, 2, 0))) static void say_v(struct opts_error *err, const char *fmt,
							va_list ap)
{
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	for (char *p = err->text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
}

__attribute__((format(printf, 2, 3))) static void say(struct opts_error *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say_v(err, fmt, ap);
	va_end(ap);
}

/* argp passes errors on as positive numbers. */
__attribute__((format(printf, 2, 3))) static int complain(struct parse *parse, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say_v(parse->err, fmt, ap);
	va_end(ap);
	parse->done = true;
	return EINVAL;
}

/* Values as they are typed: 50 ms is 0.05, 4096 bytes are 4K. */
static void print_value(char *buf, size_t size, const struct option_row *row, uint64_t value)
{
	static const char *const units[] = { "", "K", "M", "G" };
	unsigned int shift = 0;
	int n;

	switch (row->type) {
	case OPT_SECONDS:
		n = snprintf(buf, size, "%llu.%03llu", (unsigned long long)value / 1000,
			     (unsigned long long)value % 1000);
		while (n > 0 && buf[n - 1] == '0')
			buf[--n] = '\0';
		if (n > 0 && buf[n - 1] == '.')
			buf[--n] = '\0';
		break;
	case OPT_SIZE:
		while (shift < 30 && value && !(value & 1023)) {
			value >>= 10;
			shift += 10;
		}
		snprintf(buf, size, "%llu%s", (unsigned long long)value, units[shift / 10]);
		break;
	default:
		snprintf(buf, size, "%llu", (unsigned long long)value);
	}
}

static int refuse(struct parse *parse, const struct option_row *row, const char *arg)
{
	char from[32], to[32];

	if (!row->max)
		return complain(parse, "--%s takes %s, not '%.60s'", row->name, row->takes, arg);
	print_value(from, sizeof(from), row, row->min);
	print_value(to, sizeof(to), row, row->max);
	return complain(parse, "--%s takes %s from %s to %s, not '%.60s'", row->name, row->takes,
			from, to, arg);
}

/*
 * Values
 */

/*
 * Decimal digits at *text, moved behind them; *ret = digits * unit. False: no digit, or an
 * overflow.
 */
static bool take_digits(const char **text, uint64_t unit, uint64_t *ret)
{
	const char *p = *text;
	uint64_t value = 0;

	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
			return false;
	if (__builtin_mul_overflow(value, unit, &value))
		return false;
	*text = p;
	*ret = value;
	return true;
}

static bool read_whole(const char *text, uint64_t *ret)
{
	return take_digits(&text, 1, ret) && !*text;
}

/* "2", "0.25", ".5" seconds; what is below a millisecond is cut off. */
static bool read_seconds(const char *text, uint64_t *ret)
{
	uint64_t ms = 0;

	if (*text != '.' && !take_digits(&text, 1000, &ms))
		return false;
	if (*text == '.') {
		uint64_t place = 100; /* ms that a 1 stands for */

		if (*++text < '0' || *text > '9')
			return false;
		for (; *text >= '0' && *text <= '9'; text++, place /= 10)
			if (__builtin_add_overflow(ms, place * (uint64_t)(*text - '0'), &ms))
				return false;
	}
	if (*text)
		return false;
	*ret = ms;
	return true;
}

static bool read_size(const char *text, uint64_t *ret)
{
	static const char units[] = "KkMmGg";
	uint64_t bytes;

	if (!take_digits(&text, 1, &bytes))
		return false;
	if (*text) {
		const char *unit = strchr(units, *text);
		uint64_t scale = 1024;

		if (!unit || text[1])
			return false;
		scale <<= (unit - units) / 2 * 10;
		if (__builtin_mul_overflow(bytes, scale, &bytes))
			return false;
	}
	*ret = bytes;
	return true;
}

static int parse_number(struct parse *parse, const struct option_row *row, const char *arg)
{
	void *field = (char *)&parse->opts + row->field;
	uint64_t value;
	bool ok;

	if (row->type == OPT_SECONDS)
		ok = read_seconds(arg, &value);
	else if (row->type == OPT_SIZE)
		ok = read_size(arg, &value);
	else
		ok = read_whole(arg, &value);
	if (!ok || value < row->min || value > row->max)
		return refuse(parse, row, arg);

	if (row->type == OPT_U32)
		*(uint32_t *)field = (uint32_t)value;
	else
		*(uint64_t *)field = value;
	if (row->has)
		*(bool *)((char *)&parse->opts + row->has) = true;
	return 0;
}

static int parse_ports(struct parse *parse, const struct option_row *row, const char *arg)
{
	struct portset *set = (void *)((char *)&parse->opts + row->field);
	const char *why;

	if (filter_parse_ports(arg, set, &why))
		return complain(parse, "--%s takes %s, not '%.60s': %s", row->name, row->takes, arg,
				why);
	return 0;
}

static int parse_addr(struct parse *parse, const struct option_row *row, const char *arg)
{
	struct prefix *prefix = (void *)((char *)&parse->opts + row->field);
	const char *why;

	if (filter_parse_prefix(arg, prefix, &why))
		return complain(parse, "--%s takes %s, not '%.60s': %s", row->name, row->takes, arg,
				why);
	return 0;
}

static int parse_state(struct parse *parse, const struct option_row *row, const char *arg)
{
	const char *item;

	switch (state_parse_list(arg, &parse->opts.filter.states, &item)) {
	case 0:
		return 0;
	case -ERANGE:
		return complain(parse, "--%s '%.60s' leaves no state to show", row->name, arg);
	default:
		return complain(parse, "--%s takes %s, not '%.*s'", row->name, row->takes,
				(int)strcspn(item, ",") > 60 ? 60 : (int)strcspn(item, ","), item);
	}
}

static int parse_comm(struct parse *parse, const struct option_row *row, const char *arg)
{
	struct filter *filter = &parse->opts.filter;

	if (!*arg)
		return refuse(parse, row, arg);
	memset(filter->comm, 0, sizeof(filter->comm));
	/* The kernel cuts names at 15 bytes, so somebody who types the whole name means this. */
	memcpy(filter->comm, arg, strnlen(arg, sizeof(filter->comm) - 1));
	filter->has_comm = true;
	return 0;
}

static int parse_uid(struct parse *parse, const struct option_row *row, const char *arg)
{
	struct filter *filter = &parse->opts.filter;
	uint64_t uid;

	if (!*arg || *arg == '-')
		return refuse(parse, row, arg);
	if (strspn(arg, "0123456789") != strlen(arg)) {
		parse->opts.user_name = arg;
		filter->has_uid = false;
		return 0;
	}
	/* (uid_t)-1 is no user, see chown(2). */
	if (!read_whole(arg, &uid) || uid >= UINT32_MAX)
		return complain(parse, "--%s takes a user's number from 0 to %u, not '%.60s'",
				row->name, UINT32_MAX - 1, arg);
	parse->opts.user_name = NULL;
	filter->uid = (uint32_t)uid;
	filter->has_uid = true;
	return 0;
}

static int parse_string(struct parse *parse, const struct option_row *row, const char *arg)
{
	if (!*arg)
		return refuse(parse, row, arg);
	*(const char **)((char *)&parse->opts + row->field) = arg;
	return 0;
}

static int parse_output(struct parse *parse, const struct option_row *row, const char *arg)
{
	if (!strcmp(arg, "text"))
		parse->opts.format = OPTS_TEXT;
	else if (!strcmp(arg, "json"))
		parse->opts.format = OPTS_JSON;
	else
		return refuse(parse, row, arg);
	return 0;
}

static int parse_json(struct parse *parse, const struct option_row *row, const char *arg)
{
	(void)row;
	(void)arg;
	parse->opts.format = OPTS_JSON;
	return 0;
}

static int parse_by(struct parse *parse, const struct option_row *row, const char *arg)
{
	int by;

	for (by = AUDIT_BY_COMM; by < AUDIT_BY_MAX; by++) {
		if (strcmp(arg, audit_by_name((enum audit_by)by)))
			continue;
		parse->opts.by = (enum audit_by)by;
		return 0;
	}
	return refuse(parse, row, arg);
}

static int parse_fail_on(struct parse *parse, const struct option_row *row, const char *arg)
{
	return severity_parse(arg, &parse->opts.fail_on) ? 0 : refuse(parse, row, arg);
}

/* "2026-11-21T04:41:42.5Z" as nanoseconds since 1970. */
static bool read_time(const char *text, int64_t *ret)
{
	struct tm tm = { 0 };
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	int64_t seconds, fraction = 0, place = 100000000;

	if (!rest || tm.tm_year < 70 || tm.tm_year > 200)
		return false;
	seconds = timegm(&tm);
	if (*rest == '.')
		for (rest++; *rest >= '0' && *rest <= '9'; rest++, place /= 10)
			fraction += place * (*rest - '0');
	if (strcmp(rest, "Z"))
		return false;
	*ret = seconds * 1000000000 + fraction;
	return true;
}

static int parse_moment(struct parse *parse, const struct option_row *row, const char *arg)
{
	struct opts_moment *moment = (void *)((char *)&parse->opts + row->field),
			   m = { .set = true };
	uint64_t ms;

	if (read_seconds(arg, &ms) && ms < INT64_MAX / 1000000)
		m.at_ns = (int64_t)ms * 1000000;
	else if (read_time(arg, &m.at_ns))
		m.wall = true;
	else
		return refuse(parse, row, arg);
	*moment = m;
	return 0;
}

/* These three end the parsing: "--help" must help, whatever follows it. */
static int stop(struct parse *parse, enum opts_action action)
{
	parse->opts.action = action;
	parse->done = true;
	return ECANCELED;
}

static int parse_help(struct parse *parse, const struct option_row *row, const char *arg)
{
	(void)row;
	(void)arg;
	return stop(parse, OPTS_HELP);
}

static int parse_version(struct parse *parse, const struct option_row *row, const char *arg)
{
	(void)row;
	(void)arg;
	return stop(parse, OPTS_VERSION);
}

static int parse_completion(struct parse *parse, const struct option_row *row, const char *arg)
{
	if (!strcmp(arg, "bash"))
		parse->opts.shell = OPTS_BASH;
	else if (!strcmp(arg, "zsh"))
		parse->opts.shell = OPTS_ZSH;
	else
		return refuse(parse, row, arg);
	return stop(parse, OPTS_COMPLETION);
}

/*
 * The command line
 */

static int parse_row(struct parse *parse, const struct option_row *row, const char *arg)
{
	void *field = (char *)&parse->opts + row->field;

	if (!(commands_of(row) & 1U << parse->opts.command))
		return complain(parse, "--%s does not apply to %s", row->name,
				commands[parse->opts.command].name);

	switch (row->type) {
	case OPT_FLAG:
		*(bool *)field = true;
		return 0;
	case OPT_COUNT:
		++*(unsigned int *)field;
		return 0;
	case OPT_STRING:
		return parse_string(parse, row, arg);
	case OPT_PARSER:
		return row->parser(parse, row, arg);
	default:
		return parse_number(parse, row, arg);
	}
}

/* "watch, audit": the commands in one line of words. */
static const char *command_list(char *buf, size_t size)
{
	size_t used = 0;

	for (int id = CMD_NONE + 1; id < CMD_MAX && used < size; id++)
		used += (size_t)snprintf(buf + used, size - used, "%s%s", used ? ", " : "",
					 commands[id].name);
	return buf;
}

static int take_word(struct parse *parse, const char *word)
{
	struct opts *opts = &parse->opts;
	char list[160];

	if (operands[opts->command].usage) {
		if (opts->n_names && operands[opts->command].one)
			return complain(parse, "%s takes one file; '%.60s' is one too many",
					commands[opts->command].name, word);
		if (opts->n_names == OPTS_NAMES_MAX)
			return complain(parse, "%s takes at most %d names",
					commands[opts->command].name, OPTS_NAMES_MAX);
		opts->names[opts->n_names++] = word;
		return 0;
	}
	if (command_by_name(word))
		return complain(parse, "the command stands before its options: tcpconnstate %s ...",
				word);
	return complain(parse, "unexpected word '%.60s'; a command stands first and is one of: %s",
			word, command_list(list, sizeof(list)));
}

/* A word "--name" or "--name=value" that getopt refused: find out why. */
static int complain_about_long(struct parse *parse, const char *word)
{
	const struct option_row *first = NULL, *second = NULL, *exact = NULL;
	const char *name = word + 2;
	size_t len = strcspn(name, "=");

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (strncmp(table[i].name, name, len))
			continue;
		if (!table[i].name[len])
			exact = &table[i];
		if (!first)
			first = &table[i];
		else if (!second)
			second = &table[i];
	}
	if (exact) {
		first = exact;
		second = NULL;
	}
	if (!first || !len)
		return complain(parse, "unknown option '%.60s'; tcpconnstate --help lists them all",
				word);
	if (second)
		return complain(parse, "option '%.60s' is ambiguous: --%s or --%s", word,
				first->name, second->name);
	if (!first->arg)
		return complain(parse, "--%s takes no value", first->name);
	return complain(parse, "--%s needs a value: it takes %s", first->name, first->takes);
}

/* A cluster "-wxL": the first letter that is wrong. */
static int complain_about_short(struct parse *parse, const char *word)
{
	for (const char *p = word + 1; *p; p++) {
		const struct option_row *row = row_by_key((unsigned char)*p);

		if (!row)
			return complain(parse,
					"unknown option '-%c'; tcpconnstate --help lists them all",
					*p);
		if (row->arg)
			return complain(parse, "--%s needs a value: it takes %s", row->name,
					row->takes);
	}
	return complain(parse, "the option '%.60s' cannot be understood", word);
}

/*
 * argp says that an option was refused, but not which. getopt has moved behind the word, unless it
 * stopped inside a cluster of letters.
 */
static int complain_about_option(struct parse *parse, const struct argp_state *state)
{
	int at = state->next > parse->words_taken ? state->next - 1 : state->next;
	const char *word = at < state->argc && state->argv[at] ? state->argv[at] : "";

	if (!strncmp(word, "--", 2))
		return complain_about_long(parse, word);
	return complain_about_short(parse, word);
}

static error_t on_key(int key, char *arg, struct argp_state *state)
{
	struct parse *parse = state->input;
	const struct option_row *row;
	int err;

	switch (key) {
	case ARGP_KEY_ARG:
		return take_word(parse, arg);
	case ARGP_KEY_ERROR:
		return parse->done ? 0 : complain_about_option(parse, state);
	default:
		row = row_by_key(key);
		if (!row)
			return ARGP_ERR_UNKNOWN; /* other ARGP_KEY_...: nothing to do */
		err = parse_row(parse, row, arg);
		parse->words_taken = state->next;
		return err;
	}
}

/* Filters that together let nothing pass are a mistake; say so instead of showing nothing. */
static int check_family(struct parse *parse)
{
	struct opts *opts = &parse->opts;
	unsigned int typed = opts->ipv4 ? 4 : 6;
	const struct {
		unsigned int family; /* 0 = either */
		const char *name;
	} asked[] = {
		{ opts->ipv4 == opts->ipv6 ? 0 : typed, opts->ipv4 ? "-4" : "-6" },
		{ opts->filter.src.set ? opts->filter.src.family : 0, "--src" },
		{ opts->filter.dst.set ? opts->filter.dst.family : 0, "--dst" },
	};
	size_t first = 0;

	opts->filter.family = (uint8_t)asked[0].family;
	for (size_t i = 0; i < ARRAY_SIZE(asked); i++) {
		if (!asked[i].family)
			continue;
		if (asked[first].family && asked[first].family != asked[i].family)
			return complain(parse,
					"%s is IPv%u and %s is IPv%u: nothing could pass both",
					asked[first].name, asked[first].family, asked[i].name,
					asked[i].family);
		first = i;
	}
	return 0;
}

static int check_operands(struct parse *parse)
{
	struct opts *opts = &parse->opts;

	if (operands[opts->command].one && !opts->n_names)
		return complain(parse, "%s needs a file: tcpconnstate %s FILE",
				commands[opts->command].name, commands[opts->command].name);
	if (!opts->format && opts->command != CMD_RECORD)
		opts->format = OPTS_TEXT;
	if (opts->command == CMD_RECORD && opts->format && !strcmp(opts->names[0], "-"))
		return complain(parse, "the capture and what is printed cannot both go to stdout");
	if (opts->command == CMD_RECORD && opts->rotate_bytes && !strcmp(opts->names[0], "-"))
		return complain(parse, "--rotate needs a file, not stdout");
	return 0;
}

int opts_parse(int argc, char **argv, struct opts *ret, struct opts_error *reterr)
{
	struct argp_option options[ARRAY_SIZE(table) + 1] = { 0 };
	const struct argp argp = { .options = options, .parser = on_key };
	struct parse parse = {
		.opts = {
			.action = OPTS_RUN,
			.command = CMD_NONE + 1,
			.netns_spec = "all",
			.keep = 4,
			.interval_ms = 1000,
			.buffer_bytes = UINT64_C(16) << 20,
			.max_sockets = 1U << 20,
			.window_ms = 1000,
			.close_wait_age_ms = 60000,
			.detect = {
				.close_wait_count = 10,
				.ports_percent = 80,
				.time_wait_percent = 80,
				.dead_peer_count = 5,
				.dead_peer_timeouts = 3,
				.syn_per_s = 10,
				.syn_late_percent = 15,
				.loss_percent = 5,
				.scan_ports = 20,
			},
		},
		.err = reterr,
		.words_taken = 1,
	};
	bool named = false;
	char list[160];
	int err;

	reterr->text[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		options[i] = (struct argp_option){
			.name = table[i].name,
			.key = key_of(&table[i]),
			.arg = table[i].arg,
			.doc = table[i].help,
		};

	if (argc > 1 && argv[1][0] != '-') {
		parse.opts.command = command_by_name(argv[1]);
		if (!parse.opts.command) {
			say(reterr, "'%.60s' is not a command; the commands are: %s", argv[1],
			    command_list(list, sizeof(list)));
			return -EINVAL;
		}
		named = true;
		argc--;
		argv++;
	}

	/*
	 * In order: getopt would otherwise reorder argv, which is the caller's. No argv at all
	 * (execve(2) allows it) is no option either.
	 */
	if (argc > 0)
		err = argp_parse(&argp, (unsigned int)argc, argv,
				 ARGP_IN_ORDER | ARGP_NO_HELP | ARGP_NO_ERRS | ARGP_NO_EXIT, NULL,
				 &parse);
	else
		err = 0;
	if (!err)
		err = check_family(&parse);
	if (!err)
		err = check_operands(&parse);
	if (err == ECANCELED && parse.opts.action != OPTS_RUN)
		err = 0;
	if (err) {
		if (!reterr->text[0])
			say(reterr, "the command line cannot be read: %s", strerror(err));
		return err == ENOMEM ? -ENOMEM : -EINVAL;
	}
	if (parse.opts.action == OPTS_HELP && !named)
		parse.opts.command = CMD_NONE;
	*ret = parse.opts;
	return 0;
}

/* This host says nothing about another one's names. (A cgroup is found by its path.) */
static int resolve_recorded(struct opts *opts, struct opts_error *reterr)
{
	uint64_t netns = 0;

	if (strcmp(opts->netns_spec, "all") &&
	    (!read_whole(opts->netns_spec, &netns) || !netns || netns > UINT32_MAX)) {
		say(reterr, "--netns '%.80s': a recording knows namespaces by their inode numbers",
		    opts->netns_spec);
		return -EINVAL;
	}
	if (opts->user_name) {
		say(reterr, "--uid '%.80s': a recording knows users by their numbers",
		    opts->user_name);
		return -EINVAL;
	}
	opts->filter.netns = (uint32_t)netns;
	return 0;
}

int opts_resolve(struct opts *opts, struct opts_error *reterr)
{
	uint32_t netns, level = 0, uid = opts->filter.uid;
	bool has_uid = opts->filter.has_uid;
	uint64_t cgroup = 0;
	const char *why;
	int err;

	reterr->text[0] = '\0';
	if (opts->command == CMD_REPLAY)
		return resolve_recorded(opts, reterr);
	err = resolve_netns(opts->netns_spec, &netns, &why);
	if (err) {
		say(reterr, "--netns '%.80s': %s", opts->netns_spec, why);
		return err;
	}
	if (opts->cgroup_path) {
		err = resolve_cgroup(opts->cgroup_path, &cgroup, &level, &why);
		if (err) {
			say(reterr, "--cgroup '%.80s': %s", opts->cgroup_path, why);
			return err;
		}
	}
	if (opts->user_name) {
		err = resolve_user(opts->user_name, &uid, &why);
		if (err) {
			say(reterr, "--uid '%.80s': %s", opts->user_name, why);
			return err;
		}
		has_uid = true;
	}
	opts->filter.netns = netns;
	opts->filter.cgroup = cgroup;
	opts->filter.cgroup_level = level;
	opts->filter.uid = uid;
	opts->filter.has_uid = has_uid;
	return 0;
}

/*
 * --help and --version
 */

#define HELP_COLUMN 31

/* "-L, --localport PORTS"; returns the number of characters. */
static int print_names(FILE *out, const struct option_row *row)
{
	int n = 0;

	if (row->letter)
		n += fprintf(out, "-%c, ", row->letter);
	n += fprintf(out, "--%s", row->name);
	if (row->arg)
		n += fprintf(out, " %s", row->arg);
	return n;
}

static bool is_shown(const struct option_row *row, enum option_group group, enum cmd_id command)
{
	if (row->group != group || (!command && row->rare))
		return false;
	return commands_of(row) >> (command ? command : CMD_NONE + 1) & 1;
}

/* Where they are not what the command is about: only their names. */
static void print_thresholds(FILE *out, enum cmd_id command)
{
	int column = 0;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct option_row *row = &table[i];
		int width = 6 + (int)strlen(row->name) + (int)strlen(row->arg ? row->arg : "");

		if (!is_shown(row, GROUP_FINDING, command))
			continue;
		if (!column)
			fprintf(out, "\n%s (see tcpconnstate audit --help):",
				group_titles[GROUP_FINDING]);
		if (!column || column + width > 80)
			column = fprintf(out, "\n ") - 1;
		column += fprintf(out, " ") + print_names(out, row);
	}
	if (column)
		fputc('\n', out);
}

static void print_options(FILE *out, enum option_group group, enum cmd_id command)
{
	bool empty = true;
	int column = 0;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct option_row *row = &table[i];

		if (!is_shown(row, group, command))
			continue;
		if (empty)
			fprintf(out, "\n%s:\n", group_titles[group]);
		empty = false;
		/* A letter-less name lines up with the others, unless it shares a line. */
		if (column)
			column += fprintf(out, ", ");
		else
			column = fprintf(out, row->letter ? "  " : "      ");
		column += print_names(out, row);
		if (!row->help)
			continue;
		column = column < HELP_COLUMN ? HELP_COLUMN - column : 1;
		fprintf(out, "%*s%s\n", column, "", row->help);
		column = 0;
	}
}

/* clang-format off */
static const char *const examples[CMD_MAX] = {
	[CMD_NONE] =
		"  tcpconnstate -L 80,443 --lifecycle   finished connections of a web server\n"
		"  tcpconnstate --json -d 60 >tcp.json  a minute of everything, for a program\n",
	[CMD_EXPLAIN] =
		"  tcpconnstate explain                 all names, one line each\n"
		"  tcpconnstate explain close-wait      why it is always the application's\n",
};
/* clang-format on */

static void print_examples(FILE *out, enum cmd_id command)
{
	if (examples[command])
		fprintf(out, "\nExamples:\n%s", examples[command]);
}

void opts_print_help(FILE *out, enum cmd_id command)
{
	if (!command)
		fprintf(out, "Usage: tcpconnstate [COMMAND] [OPTION...]\nCommands:\n");
	else if (operands[command].usage)
		fprintf(out, "Usage: tcpconnstate %s [OPTION...] %s\n  %s\n  %s\n",
			commands[command].name, operands[command].usage, commands[command].summary,
			operands[command].help);
	else
		fprintf(out, "Usage: tcpconnstate %s [OPTION...]\n  %s\n", commands[command].name,
			commands[command].summary);
	for (int id = CMD_NONE + 1; !command && id < CMD_MAX; id++)
		fprintf(out, "  %-9s %s%s\n", commands[id].name, commands[id].summary,
			id == CMD_NONE + 1 ? " (default)" : "");

	for (int group = GROUP_FILTER; group < GROUP_FINDING; group++)
		print_options(out, (enum option_group)group, command);
	if (command == CMD_AUDIT)
		print_options(out, GROUP_FINDING, command);
	else if (command)
		print_thresholds(out, command);
	else
		fprintf(out, "\nMore options, and those of COMMAND: tcpconnstate COMMAND --help\n");
	print_examples(out, command);
}

void opts_print_version(FILE *out)
{
	fprintf(out, "tcpconnstate %s\n", TCS_VERSION);
}

/*
 * Completion
 */

/* "-o|--output", for a bash case. */
static void print_pattern(FILE *out, const struct option_row *row, const char *between)
{
	fprintf(out, "%s", between);
	if (row->letter)
		fprintf(out, "-%c|", row->letter);
	fprintf(out, "--%s", row->name);
}

static bool has_files(const struct option_row *row)
{
	return strstr(row->values, "<file>") != NULL;
}

/* The words of row->values without "<file>", which is last if it is there. */
static int words_len(const struct option_row *row)
{
	const char *file = strstr(row->values, "<file>");

	if (!file)
		return (int)strlen(row->values);
	return file == row->values ? 0 : (int)(file - row->values - 1);
}

/* Words of a command's own; case does not count, as it does not when they are read. */
static void print_bash_operands(FILE *out)
{
	for (int id = CMD_NONE + 1; id < CMD_MAX; id++) {
		const char *word;

		if (!operands[id].word)
			continue;
		fprintf(out,
			"\tif [[ ${COMP_WORDS[1]} == %s && $COMP_CWORD -gt 1 && "
			"$cur != -* ]]; then\n",
			commands[id].name);
		fprintf(out, "\t\tcur=${cur,,}\n"
			     "\t\tmapfile -t COMPREPLY < <(compgen -W '");
		for (size_t i = 0; (word = operands[id].word(i)); i++)
			fprintf(out, "%s%s", i ? " " : "", word);
		fprintf(out, "' -- \"${cur//-/_}\")\n\t\treturn\n\tfi\n");
	}
}

static void print_bash(FILE *out)
{
	const char *between = "\t";

	fprintf(out, "# bash completion for tcpconnstate, made by: tcpconnstate --completion bash\n"
		     "_tcpconnstate() {\n"
		     "\tlocal cur=${COMP_WORDS[COMP_CWORD]} before=\n"
		     "\tlocal prev=${COMP_WORDS[COMP_CWORD-1]}\n"
		     "\tif [[ $cur == = ]]; then\n"
		     "\t\tcur=\n"
		     "\telif [[ $prev == = ]]; then\n"
		     "\t\tprev=${COMP_WORDS[COMP_CWORD-2]}\n"
		     "\tfi\n"
		     "\tcase $prev in\n");
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct option_row *row = &table[i];

		if (!row->arg || !row->values)
			continue;
		print_pattern(out, row, "\t");
		fprintf(out, ")\n");
		/* A list is completed behind its last comma and a '!'. */
		if (row->values == state_words)
			fprintf(out, "\t\t[[ $cur == *,* ]] && before=${cur%%,*},\n"
				     "\t\tcur=${cur##*,}\n"
				     "\t\t[[ $cur == !* ]] && before+='!' && cur=${cur#!}\n");
		fprintf(out, "\t\tmapfile -t COMPREPLY < <(compgen -P \"$before\" %s-W '%.*s' -- ",
			has_files(row) ? "-f " : "", words_len(row), row->values);
		fprintf(out, "\"$cur\")\n");
		if (has_files(row))
			fprintf(out, "\t\tcompopt -o filenames\n");
		fprintf(out, "\t\treturn ;;\n");
	}
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (!table[i].arg || table[i].values)
			continue;
		print_pattern(out, &table[i], between);
		between = "|";
	}
	fprintf(out, ")\n\t\treturn ;;\n\tesac\n");
	print_bash_operands(out);
	fprintf(out, "\tlocal words='");
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		fprintf(out, "%s--%s", i ? " " : "", table[i].name);
	fprintf(out, "'\n\t((COMP_CWORD == 1)) && words+='");
	for (int id = CMD_NONE + 1; id < CMD_MAX; id++)
		fprintf(out, " %s", commands[id].name);
	fprintf(out, "'\n"
		     "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
		     "}\n"
		     "complete -F _tcpconnstate tcpconnstate\n");
}

/* Inside '...[help]...' of _arguments. */
static void print_zsh_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\'') {
			fprintf(out, "'\\''");
			continue;
		}
		if (strchr("[]:\\", *text))
			fputc('\\', out);
		fputc(*text, out);
	}
}

static const char *zsh_help(size_t i)
{
	while (!table[i].help)
		i++;
	return table[i].help;
}

static void print_zsh_operands(FILE *out)
{
	for (int id = CMD_NONE + 1; id < CMD_MAX; id++) {
		const char *word;

		if (!operands[id].word)
			continue;
		fprintf(out,
			" \\\n\t'*:name:{ [[ $words[2] == %s ]] && "
			"compadd -M \"m:{A-Z-}={a-z_}\" -",
			commands[id].name);
		for (size_t i = 0; (word = operands[id].word(i)); i++)
			fprintf(out, " %s", word);
		fprintf(out, " }'");
	}
}

static void print_zsh(FILE *out)
{
	fprintf(out, "#compdef tcpconnstate\n"
		     "# zsh completion for tcpconnstate, made by: tcpconnstate --completion zsh\n"
		     "_arguments -s -S");
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct option_row *row = &table[i];

		fprintf(out, " \\\n\t");
		/* '+' and '=': the value may follow at once, "-L80" and "--localport=80". */
		if (row->letter)
			fprintf(out, "{-%c%s,--%s%s}'[", row->letter, row->arg ? "+" : "",
				row->name, row->arg ? "=" : "");
		else
			fprintf(out, "'--%s%s[", row->name, row->arg ? "=" : "");
		print_zsh_text(out, zsh_help(i));
		fprintf(out, "]");
		if (row->arg)
			fprintf(out, ":%s:", row->arg);
		if (row->values && row->values == state_words)
			fprintf(out, "_sequence compadd - %.*s", words_len(row), row->values);
		else if (row->values && has_files(row))
			fprintf(out, "_files");
		else if (row->values)
			fprintf(out, "(%.*s)", words_len(row), row->values);
		fprintf(out, "'");
	}
	fprintf(out, " \\\n\t'1:command:(");
	for (int id = CMD_NONE + 1; id < CMD_MAX; id++)
		fprintf(out, "%s%s", id == CMD_NONE + 1 ? "" : " ", commands[id].name);
	fprintf(out, ")'");
	print_zsh_operands(out);
	fprintf(out, "\n");
}

void opts_print_completion(FILE *out, enum opts_shell shell)
{
	if (shell == OPTS_ZSH)
		print_zsh(out);
	else
		print_bash(out);
}
