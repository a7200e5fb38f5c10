// SPDX-License-Identifier: GPL-2.0-only
#include "opts_table.h"

#include <stddef.h>
#include <string.h>

#include "explain.h"

const char *const opts_group_titles[GROUP_MAX] = {
	[GROUP_FILTER] = "Filters (all must hold)",
	[GROUP_OUTPUT] = "Output",
	[GROUP_RUN] = "Run",
	[GROUP_FINDING] = "Findings",
};

#define FIELD(name) offsetof(struct opts, name)
#define ON(id)	    (1U << CMD_##id)
#define ON_ALL	    (~0U)
#define OF_FILTERS  .commands = ON(WATCH) | ON(AUDIT), .group = GROUP_FILTER
#define OF_FINDINGS .commands = ON(WATCH) | ON(AUDIT), .group = GROUP_FINDING

/* Every word of --state worth completing. */
#define X(number, id, name, json, words, meaning) words " "
const char opts_state_words[] =
#include "state.def"
	"all connected synchronized bucket big";
#undef X

static const char moment_words[] =
	"seconds from the recording's start, or a time such as 04:41 or 2026-11-21T04:41:42Z";
static const char cidr_words[] = "an address or prefix such as 10.0.0.0/8 or 2001:db8::/32";

/*
 * In the order of --help. To add an option: a row here, a field in struct opts, a paragraph in
 * man/tcpconnstate.8.
 */
const struct option_row opts_table[] = {
	{ "ipv4", '4', .type = OPT_FLAG, .field = FIELD(ipv4), OF_FILTERS },
	{ "ipv6", '6', .type = OPT_FLAG, .field = FIELD(ipv6), OF_FILTERS,
	  .help = "IPv4 only, IPv6 only" },
	{ "localport", 'L', "PORTS", OPT_PARSER, FIELD(filter.lport), opts_value_ports, OF_FILTERS,
	  .takes = "ports such as 80,8000-8080", .help = "local ports: 80,8000-8080" },
	{ "remoteport", 'D', "PORTS", OPT_PARSER, FIELD(filter.rport), opts_value_ports, OF_FILTERS,
	  .takes = "ports such as 443,8000-8080", .help = "remote ports" },
	{ "src", 0, "CIDR", OPT_PARSER, FIELD(filter.src), opts_value_addr, OF_FILTERS,
	  .takes = cidr_words },
	{ "dst", 0, "CIDR", OPT_PARSER, FIELD(filter.dst), opts_value_addr, OF_FILTERS,
	  .takes = cidr_words, .help = "local, remote address or prefix: 10.0.0.0/8" },
	{ "pid", 'p', "PID", OPT_U32, FIELD(filter.pid), .has = FIELD(filter.has_pid), .min = 1,
	  .max = 1U << 22 /* PID_MAX_LIMIT */, OF_FILTERS, .takes = "a process id" },
	{ "comm", 0, "NAME", OPT_PARSER, FIELD(filter.comm), opts_value_comm, OF_FILTERS,
	  .takes = "the name of a process", .help = "sockets of this process, of this name" },
	{ "uid", 'u', "UID", OPT_PARSER, FIELD(filter.uid), opts_value_uid, OF_FILTERS,
	  .takes = "a user's number or name", .help = "sockets of this user, number or name",
	  .rare = true },
	{ "netns", 'N', "NETNS", OPT_STRING, FIELD(netns_spec), OF_FILTERS,
	  .takes = "all, self, a path, a name or an inode number", .values = "all self <file>",
	  .help = "namespace: all, self, a path, name or inode" },
	{ "cgroup", 0, "PATH", OPT_STRING, FIELD(cgroup_path), OF_FILTERS,
	  .takes = "the path of a cgroup (v2)", .values = "<file>",
	  .help = "sockets created inside this cgroup (v2)", .rare = true },
	{ "state", 0, "LIST", OPT_PARSER, FIELD(filter.states), opts_value_state, OF_FILTERS,
	  .values = opts_state_words,
	  .takes = "states such as established,time-wait, ss's groups (all connected synchronized "
		   "bucket big), and either with '!' to exclude it",
	  .help = "into or out of these: time-wait,!listen" },

	{ "output", 'o', "FORMAT", OPT_PARSER, FIELD(format), opts_value_output,
	  .commands = ON(WATCH) | ON(AUDIT) | ON(EXPLAIN) | ON(DOCTOR), .group = GROUP_OUTPUT,
	  .takes = "text or json", .values = "text json" },
	{ "json", 0, .type = OPT_PARSER, .field = FIELD(format), .parser = opts_value_json,
	  .commands = ON(WATCH) | ON(AUDIT) | ON(EXPLAIN) | ON(DOCTOR), .group = GROUP_OUTPUT,
	  .help = "text (default) or json, one object a line" },
	{ "color", 0, "WHEN", OPT_PARSER, FIELD(color), opts_value_color,
	  .commands = ON(WATCH) | ON(AUDIT), .look = true, .group = GROUP_OUTPUT,
	  .takes = "auto, always or never", .values = "auto always never",
	  .help = "auto (default): on a terminal without NO_COLOR", .rare = true },
	{ "time", 'T', .type = OPT_FLAG, .field = FIELD(wall_clock), .commands = ON(WATCH),
	  .look = true, .group = GROUP_OUTPUT },
	{ "timestamp", 't', .type = OPT_FLAG, .field = FIELD(since_start), .commands = ON(WATCH),
	  .look = true, .group = GROUP_OUTPUT,
	  .help = "add the time of day, the seconds since start" },
	{ "wide", 'w', .type = OPT_FLAG, .field = FIELD(wide), .commands = ON(WATCH), .look = true,
	  .group = GROUP_OUTPUT },
	{ "extended", 'x', .type = OPT_FLAG, .field = FIELD(extended),
	  .commands = ON(WATCH) | ON(AUDIT) | ON(DOCTOR), .look = true, .group = GROUP_OUTPUT,
	  .help = "whole IPv6 addresses, more columns",
	  .alone = "all that is known: every row, every check" },
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
	{ "by", 0, "KEY", OPT_PARSER, FIELD(by), opts_value_by, .commands = ON(WATCH) | ON(AUDIT),
	  .live = true, .group = GROUP_OUTPUT, .takes = "comm, lport, raddr or netns",
	  .values = "comm lport raddr netns", .help = "states by comm, lport, raddr or netns",
	  .rare = true },
	{ "fail-on", 0, "LEVEL", OPT_PARSER, FIELD(fail_on), opts_value_fail_on,
	  .commands = ON(WATCH) | ON(AUDIT), .group = GROUP_RUN,
	  .takes = "info, warning or critical", .values = "info warning critical",
	  .help = "exit 3 from this severity on (audit: warning)", .rare = true },
	{ "close-wait-count", 0, "N", OPT_U64, FIELD(detect.close_wait_count), .min = 1,
	  .max = UINT32_MAX, OF_FINDINGS, .takes = "a whole number",
	  .help = "a leak: so many old CLOSE_WAIT (default 10)" },
	{ "close-wait-age", 0, "S", OPT_SECONDS, FIELD(close_wait_age_ms), .min = 1,
	  .max = UINT64_C(1000000000) * 1000, OF_FINDINGS, .takes = "seconds",
	  .help = "and old is S seconds (default 60)" },
	{ "fin-wait2-count", 0, "N", OPT_U64, FIELD(detect.fin_wait2_count), .min = 1,
	  .max = UINT32_MAX, OF_FINDINGS, .takes = "a whole number",
	  .help = "N old FIN_WAIT2 of a process (default 10)" },
	{ "fin-wait2-age", 0, "S", OPT_SECONDS, FIELD(fin_wait2_age_ms), .min = 1,
	  .max = UINT64_C(1000000000) * 1000, OF_FINDINGS, .takes = "seconds",
	  .help = "and old is S seconds (default 60)" },
	{ "ports-percent", 0, "P", OPT_U32, FIELD(detect.ports_percent), .min = 1, .max = 100,
	  OF_FINDINGS, .takes = "a percentage",
	  .help = "of the local port range in use (default 80)" },
	{ "time-wait-percent", 0, "P", OPT_U32, FIELD(detect.time_wait_percent), .min = 1,
	  .max = 100, OF_FINDINGS, .takes = "a percentage",
	  .help = "of tcp_max_tw_buckets in use (default 80)" },
	{ "dead-peer-count", 0, "N", OPT_U64, FIELD(detect.dead_peer_count), .min = 1,
	  .max = UINT32_MAX, OF_FINDINGS, .takes = "a whole number",
	  .help = "connections that hear nothing (default 5)" },
	{ "dead-peer-timeouts", 0, "N", OPT_U32, FIELD(detect.dead_peer_timeouts), .min = 1,
	  .max = 255, OF_FINDINGS, .takes = "a whole number",
	  .help = "timeouts in a row of each (default 3)" },
	{ "dead-peer-age", 0, "S", OPT_SECONDS, FIELD(dead_peer_age_ms), .min = 0,
	  .max = UINT64_C(1000000000) * 1000, OF_FINDINGS, .takes = "seconds",
	  .help = "and so long (default 10)" },
	{ "dead-peer-hosts", 0, "N", OPT_U32, FIELD(detect.dead_peer_hosts), .min = 2, .max = 65536,
	  OF_FINDINGS, .takes = "a whole number",
	  .help = "or so many hosts of a /24 or /64 (default 20)" },
	{ "connect-fail-count", 0, "N", OPT_U64, FIELD(detect.connect_fail_count), .min = 1,
	  .max = UINT32_MAX, OF_FINDINGS, .takes = "a whole number",
	  .help = "connects to one place that fail (default 20)" },
	{ "connect-fail-percent", 0, "P", OPT_U32, FIELD(detect.connect_fail_percent), .min = 1,
	  .max = 100, OF_FINDINGS, .takes = "a percentage",
	  .help = "which are P percent of all (default 50)" },
	{ "connect-fail-age", 0, "S", OPT_SECONDS, FIELD(connect_fail_age_ms), .min = 100,
	  .max = 3600000, OF_FINDINGS, .takes = "seconds",
	  .help = "within S seconds, for S seconds (default 10)" },
	{ "connect-fail-hosts", 0, "N", OPT_U32, FIELD(detect.connect_fail_hosts), .min = 2,
	  .max = 65536, OF_FINDINGS, .takes = "a whole number",
	  .help = "or to N destinations (default 8)" },
	{ "syn-rate", 0, "N", OPT_U32, FIELD(detect.syn_per_s), .min = 1, .max = 1000000,
	  OF_FINDINGS, .takes = "a whole number",
	  .help = "failing handshakes a second: a flood (default 10)" },
	{ "syn-late-percent", 0, "P", OPT_U32, FIELD(detect.syn_late_percent), .min = 1, .max = 100,
	  OF_FINDINGS, .takes = "a percentage",
	  .help = "no flood if so many come late (default 15)" },
	{ "loss-percent", 0, "P", OPT_U32, FIELD(detect.loss_percent), .min = 1, .max = 100,
	  OF_FINDINGS, .takes = "a percentage",
	  .help = "of handshakes late: packet loss (default 5)" },
	{ "scan-ports", 0, "N", OPT_U32, FIELD(detect.scan_ports), .min = 1, .max = 1000,
	  OF_FINDINGS, .takes = "a whole number",
	  .help = "closed ports that make a scan (default 20)" },
	{ "rotate", 0, "SIZE", OPT_SIZE, FIELD(rotate_bytes), .min = 4096, .max = UINT64_C(1) << 50,
	  .commands = ON(RECORD), .group = GROUP_RUN,
	  .takes = "a size in bytes, or with K, M or G,",
	  .help = "begin a new file at this size, FILE is the last" },
	{ "keep", 0, "N", OPT_U32, FIELD(keep), .min = 0, .max = 9999, .commands = ON(RECORD),
	  .group = GROUP_RUN, .takes = "a whole number",
	  .help = "older files kept: FILE.1, FILE.2 .. (default 4)" },
	{ "force", 0, .type = OPT_FLAG, .field = FIELD(force), .commands = ON(RECORD),
	  .group = GROUP_RUN, .help = "replace FILE if it exists" },
	{ "since", 0, "WHEN", OPT_PARSER, FIELD(since), opts_value_moment, .commands = ON(REPLAY),
	  .group = GROUP_RUN, .takes = moment_words },
	{ "until", 0, "WHEN", OPT_PARSER, FIELD(until), opts_value_moment, .commands = ON(REPLAY),
	  .group = GROUP_RUN, .takes = moment_words,
	  .help = "seconds from the start, or a time (-T, JSON)" },
	{ "speed", 0, "X", OPT_SECONDS, FIELD(speed_milli), .min = 1, .max = 1000000,
	  .commands = ON(REPLAY), .group = GROUP_RUN, .takes = "a factor",
	  .help = "1: as fast as it was (default: at once)" },
	{ "verdict", 0, .type = OPT_FLAG, .field = FIELD(verdict), .commands = ON(REPLAY),
	  .group = GROUP_OUTPUT, .help = "what audit says at the end, not the events" },
	{ "verbose", 'v', .type = OPT_COUNT, .field = FIELD(verbose), .commands = ON_ALL,
	  .group = GROUP_RUN, .help = "the loader's messages on stderr" },
	{ "help", 'h', .type = OPT_PARSER, .parser = opts_value_help, .commands = ON_ALL,
	  .group = GROUP_RUN },
	{ "version", 'V', .type = OPT_PARSER, .parser = opts_value_version, .commands = ON_ALL,
	  .group = GROUP_RUN, .help = "print this help, the version" },
	{ "completion", 0, "SHELL", OPT_PARSER, FIELD(shell), opts_value_completion,
	  .commands = ON_ALL, .group = GROUP_RUN, .takes = "bash or zsh", .values = "bash zsh",
	  .help = "print the completion for bash or zsh", .rare = true },
};

const size_t opts_table_len = sizeof(opts_table) / sizeof(opts_table[0]);
_Static_assert(sizeof(opts_table) / sizeof(opts_table[0]) <= OPTS_TABLE_MAX,
	       "raise OPTS_TABLE_MAX");

/* What watch has, record and replay have too. */
unsigned int opts_commands_of(const struct option_row *row)
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

const struct command_row opts_commands[CMD_MAX] = {
#define X(name_, id, summary_) [CMD_##id] = { #name_, summary_ },
#include "command.def"
#undef X
};

const struct operand_row opts_operands[CMD_MAX] = {
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

int opts_key_of(const struct option_row *row)
{
	return row->letter ? row->letter : 0x100 + (int)(row - opts_table);
}

const struct option_row *opts_row_by_key(int key)
{
	for (size_t i = 0; i < opts_table_len; i++)
		if (opts_key_of(&opts_table[i]) == key)
			return &opts_table[i];
	return NULL;
}

enum cmd_id opts_command_by_name(const char *name)
{
	for (int id = CMD_NONE + 1; id < CMD_MAX; id++)
		if (!strcmp(opts_commands[id].name, name))
			return (enum cmd_id)id;
	return CMD_NONE;
}
