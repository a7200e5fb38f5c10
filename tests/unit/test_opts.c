// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command line: what is accepted and what it means, what is refused and with which sentence,
 * and that --help keeps to a screen.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "opts.h"
#include "opts_secure.h"

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define WORDS_MAX 8
#define WORDS(...)                          \
	{                                   \
		"tcpconnstate", __VA_ARGS__ \
	}

static struct opts opts;
static struct opts_error error;

/* Parse words that end with NULL. getopt must not reorder or change them. */
static int parse(const char *const words[WORDS_MAX])
{
	char *argv[WORDS_MAX + 1] = { NULL };
	int argc = 0;

	while (argc < WORDS_MAX && words[argc]) {
		/* main()'s argv is not const either */
		memcpy(&argv[argc], &words[argc], sizeof(argv[argc]));
		argc++;
	}
	memset(&opts, 0x5a, sizeof(opts));
	memset(&error, 0x5a, sizeof(error));
	return opts_parse(argc, argv, &opts, &error);
}

static void must_parse(const char *const words[WORDS_MAX])
{
	if (parse(words))
		fail_msg("%s", error.text);
	assert_string_equal(error.text, "");
}

static void defaults_are_the_documented_ones(void **unused)
{
	static const char *const words[WORDS_MAX] = { "tcpconnstate" };

	(void)unused;
	must_parse(words);
	assert_int_equal(opts.action, OPTS_RUN);
	assert_int_equal(opts.command, CMD_WATCH);
	assert_int_equal(opts.format, OPTS_TEXT);
	assert_int_equal(opts.interval_ms, 1000);
	assert_int_equal(opts.duration_ms, 0);
	assert_int_equal(opts.count, 0);
	assert_int_equal(opts.buffer_bytes, 16 << 20);
	assert_int_equal(opts.max_sockets, 1048576);
	assert_int_equal(opts.verbose, 0);
	assert_string_equal(opts.netns_spec, "all");
	assert_null(opts.cgroup_path);
	assert_null(opts.user_name);
	assert_null(opts.btf_path);
	assert_false(opts.wall_clock || opts.since_start || opts.wide || opts.extended ||
		     opts.no_header || opts.lifecycle || opts.strict);
	assert_int_equal(opts.filter.family, 0);
	assert_false(opts.filter.has_pid || opts.filter.has_comm || opts.filter.has_uid);
	assert_false(opts.filter.lport.any_set || opts.filter.rport.any_set);
	assert_false(opts.filter.src.set || opts.filter.dst.set);
	assert_int_equal(opts.filter.states.include | opts.filter.states.exclude, 0);
}

static void an_empty_argv_is_the_default(void **unused)
{
	char *argv[] = { NULL };

	(void)unused;
	assert_int_equal(opts_parse(0, argv, &opts, &error), 0);
	assert_int_equal(opts.command, CMD_WATCH);
}

static void flags_set_their_field(void **unused)
{
	static const struct {
		const char *words[WORDS_MAX];
		const bool *field;
	} want[] = {
		{ WORDS("-4"), &opts.ipv4 },
		{ WORDS("--ipv4"), &opts.ipv4 },
		{ WORDS("-6"), &opts.ipv6 },
		{ WORDS("--ipv6"), &opts.ipv6 },
		{ WORDS("-T"), &opts.wall_clock },
		{ WORDS("--time"), &opts.wall_clock },
		{ WORDS("-t"), &opts.since_start },
		{ WORDS("--timestamp"), &opts.since_start },
		{ WORDS("-w"), &opts.wide },
		{ WORDS("--wide"), &opts.wide },
		{ WORDS("-x"), &opts.extended },
		{ WORDS("--extended"), &opts.extended },
		{ WORDS("-H"), &opts.no_header },
		{ WORDS("--no-header"), &opts.no_header },
		{ WORDS("--lifecycle"), &opts.lifecycle },
		{ WORDS("--life"), &opts.lifecycle },
		{ WORDS("--strict"), &opts.strict },
		{ WORDS("watch", "-w"), &opts.wide },
		{ WORDS("-vTx"), &opts.extended },
		{ WORDS("--comm", "-q", "-w"), &opts.wide },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(want); i++) {
		must_parse(want[i].words);
		if (!*want[i].field)
			fail_msg("%s", want[i].words[1]);
	}
}

static void numbers_are_read_with_their_unit(void **unused)
{
	static const struct {
		const char *words[WORDS_MAX];
		const uint64_t *field;
		uint64_t value;
	} want[] = {
		{ WORDS("-i", "0.05"), &opts.interval_ms, 50 },
		{ WORDS("-i0.25"), &opts.interval_ms, 250 },
		{ WORDS("-i", ".5"), &opts.interval_ms, 500 },
		{ WORDS("--interval=3600"), &opts.interval_ms, 3600000 },
		{ WORDS("-i", "1.2349"), &opts.interval_ms, 1234 },
		{ WORDS("-i", "001"), &opts.interval_ms, 1000 },
		{ WORDS("-i", "2", "-i", "3"), &opts.interval_ms, 3000 },
		{ WORDS("-d", "0.001"), &opts.duration_ms, 1 },
		{ WORDS("--duration", "1000000000"), &opts.duration_ms, 1000000000000 },
		{ WORDS("--count", "1"), &opts.count, 1 },
		{ WORDS("--count", "18446744073709551615"), &opts.count, UINT64_MAX },
		{ WORDS("--buffer", "4096"), &opts.buffer_bytes, 4096 },
		{ WORDS("--buffer", "4K"), &opts.buffer_bytes, 4096 },
		{ WORDS("--buffer", "4k"), &opts.buffer_bytes, 4096 },
		{ WORDS("--buffer", "32M"), &opts.buffer_bytes, 32 << 20 },
		{ WORDS("--buffer", "64G"), &opts.buffer_bytes, UINT64_C(64) << 30 },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(want); i++) {
		must_parse(want[i].words);
		if (*want[i].field != want[i].value)
			fail_msg("%s %s", want[i].words[1], want[i].words[2]);
	}
}

static void filters_are_filled_in(void **unused)
{
	static const char *const words[WORDS_MAX] =
		WORDS("-L80,443", "-D", "1024-65535", "--dst=10.0.0.0/8", "-p", "7");
	static const char *const more[WORDS_MAX] =
		WORDS("--comm", "systemd-networkd", "-u", "4294967294", "--state", "estab,!listen");

	(void)unused;
	must_parse(words);
	assert_true(portset_has(&opts.filter.lport, 443));
	assert_false(portset_has(&opts.filter.lport, 444));
	assert_true(portset_has(&opts.filter.rport, 1024));
	assert_false(portset_has(&opts.filter.rport, 1023));
	assert_false(opts.filter.src.set);
	assert_true(opts.filter.dst.set);
	assert_int_equal(opts.filter.dst.bits, 104);
	assert_true(opts.filter.has_pid);
	assert_int_equal(opts.filter.pid, 7);

	must_parse(more);
	assert_true(opts.filter.has_comm);
	assert_string_equal(opts.filter.comm, "systemd-network"); /* as the kernel cuts it */
	assert_true(opts.filter.has_uid);
	assert_int_equal(opts.filter.uid, 4294967294);
	assert_int_equal(opts.filter.states.include, 1U << TCS_ESTABLISHED);
	assert_int_equal(opts.filter.states.exclude, 1U << TCS_LISTEN);
}

static void a_shorter_name_leaves_nothing_of_a_longer_one(void **unused)
{
	static const char *const words[WORDS_MAX] = WORDS("--comm", "longer-name", "--comm", "sh");
	static const char sh[FILTER_COMM_LEN] = "sh";

	(void)unused;
	must_parse(words);
	assert_memory_equal(opts.filter.comm, sh, sizeof(sh));
}

static void family_is_what_the_flags_say_together(void **unused)
{
	static const struct {
		const char *words[WORDS_MAX];
		unsigned int family;
	} want[] = {
		{ WORDS("-4"), 4 },
		{ WORDS("-6"), 6 },
		{ WORDS("-4", "-6"), 0 },
		{ WORDS("-64"), 0 },
		{ WORDS("-46", "--src", "::1"), 0 },
		{ WORDS("-4", "--src", "::ffff:192.0.2.1"), 4 },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(want); i++) {
		must_parse(want[i].words);
		assert_int_equal(opts.filter.family, want[i].family);
	}
}

static void output_and_names_are_kept(void **unused)
{
	static const char *const json[WORDS_MAX] = WORDS("--json");
	static const char *const output[WORDS_MAX] = WORDS("-o", "json");
	static const char *const text[WORDS_MAX] = WORDS("--json", "-otext");
	static const char *const names[WORDS_MAX] =
		WORDS("-N", "web", "--cgroup", "/x", "-u", "bob");
	static const char *const last[WORDS_MAX] =
		WORDS("-u", "bob", "-u", "5", "-vv", "--verb", "--btf=/b");

	(void)unused;
	must_parse(json);
	assert_int_equal(opts.format, OPTS_JSON);
	must_parse(output);
	assert_int_equal(opts.format, OPTS_JSON);
	must_parse(text);
	assert_int_equal(opts.format, OPTS_TEXT);

	must_parse(names);
	assert_string_equal(opts.netns_spec, "web");
	assert_string_equal(opts.cgroup_path, "/x");
	assert_string_equal(opts.user_name, "bob");
	assert_false(opts.filter.has_uid);

	must_parse(last);
	assert_null(opts.user_name);
	assert_int_equal(opts.filter.uid, 5);
	assert_int_equal(opts.verbose, 3);
	assert_string_equal(opts.btf_path, "/b");
}

static void actions_end_the_parsing(void **unused)
{
	static const struct {
		const char *words[WORDS_MAX];
		enum opts_action action;
		enum cmd_id command;
	} want[] = {
		{ WORDS("--help"), OPTS_HELP, CMD_NONE },
		{ WORDS("-h"), OPTS_HELP, CMD_NONE },
		{ WORDS("--help", "--no-such-option"), OPTS_HELP, CMD_NONE },
		{ WORDS("-h4Z"), OPTS_HELP, CMD_NONE },
		{ WORDS("-4", "--help"), OPTS_HELP, CMD_NONE },
		{ WORDS("watch", "--help"), OPTS_HELP, CMD_WATCH },
		{ WORDS("--version", "x"), OPTS_VERSION, CMD_WATCH },
		{ WORDS("-V"), OPTS_VERSION, CMD_WATCH },
		{ WORDS("--completion", "zsh"), OPTS_COMPLETION, CMD_WATCH },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(want); i++) {
		must_parse(want[i].words);
		assert_int_equal(opts.action, want[i].action);
		assert_int_equal(opts.command, want[i].command);
	}
	assert_int_equal(opts.shell, OPTS_ZSH);
}

static void words_belong_to_the_command_that_takes_them(void **unused)
{
	static const char *const plain[WORDS_MAX] = WORDS("explain");
	static const char *const mixed[WORDS_MAX] =
		WORDS("explain", "time-wait", "--json", "watch", "--", "-v", "");
	char *argv[OPTS_NAMES_MAX + 4] = { NULL };
	static char program[] = "tcpconnstate", explain[] = "explain", name[] = "close";

	(void)unused;
	must_parse(plain);
	assert_int_equal(opts.command, CMD_EXPLAIN);
	assert_int_equal(opts.n_names, 0);

	must_parse(mixed);
	assert_int_equal(opts.command, CMD_EXPLAIN);
	assert_int_equal(opts.format, OPTS_JSON);
	assert_int_equal(opts.verbose, 0);
	assert_int_equal(opts.n_names, 4);
	assert_string_equal(opts.names[0], "time-wait");
	assert_string_equal(opts.names[1], "watch");
	assert_string_equal(opts.names[2], "-v");
	assert_string_equal(opts.names[3], "");

	argv[0] = program;
	argv[1] = explain;
	for (int i = 2; i < OPTS_NAMES_MAX + 3; i++)
		argv[i] = name;
	assert_int_equal(opts_parse(OPTS_NAMES_MAX + 2, argv, &opts, &error), 0);
	assert_int_equal(opts.n_names, OPTS_NAMES_MAX);
	assert_int_equal(opts_parse(OPTS_NAMES_MAX + 3, argv, &opts, &error), -EINVAL);
	assert_string_equal(error.text, "explain takes at most 64 names");
}

static void recordings_have_a_file_and_moments(void **unused)
{
	static const char *const record[WORDS_MAX] =
		WORDS("record", "--rotate", "2M", "f", "--keep", "0");
	static const char *const quiet[WORDS_MAX] = WORDS("record", "-"),
				 *const printing[WORDS_MAX] = WORDS("record", "--json", "f");
	static const char *const replay[WORDS_MAX] = WORDS(
		"replay", "-", "--since", "1.5", "--until", "2026-11-21T04:41:42.25Z", "--verdict");
	static const char *const of_day[WORDS_MAX] =
		WORDS("replay", "--since", "04:41", "--until", "23:59:59.5", "a");
	static const char *const speed[WORDS_MAX] = WORDS("replay", "f", "--speed", "0.5");

	(void)unused;
	must_parse(record);
	assert_int_equal(opts.command, CMD_RECORD);
	assert_string_equal(opts.names[0], "f");
	assert_int_equal(opts.rotate_bytes, 2 << 20);
	assert_int_equal(opts.keep, 0);
	assert_int_equal(opts.format, OPTS_NONE);
	must_parse(quiet);
	assert_int_equal(opts.format, OPTS_NONE);
	must_parse(printing);
	assert_int_equal(opts.format, OPTS_JSON);

	must_parse(replay);
	assert_int_equal(opts.command, CMD_REPLAY);
	assert_int_equal(opts.format, OPTS_TEXT);
	assert_true(opts.verdict);
	assert_true(opts.since.set && !opts.since.wall);
	assert_int_equal(opts.since.at_ns, 1500000000);
	assert_true(opts.until.set && opts.until.wall);
	assert_int_equal(opts.until.at_ns, 1795236102250000000);
	assert_false(opts.since.of_day || opts.until.of_day);
	assert_int_equal(opts.speed_milli, 0);
	must_parse(speed);
	assert_int_equal(opts.speed_milli, 500);
	assert_false(opts.since.set);

	must_parse(of_day);
	assert_true(opts.since.set && opts.since.of_day && !opts.since.wall);
	assert_int_equal(opts.since.at_ns, (4 * 3600 + 41 * 60) * INT64_C(1000000000));
	assert_true(opts.until.of_day);
	assert_int_equal(opts.until.at_ns, 86399500 * INT64_C(1000000));
}

static void wrong_usage_is_told_in_a_sentence(void **unused)
{
	static const struct {
		const char *words[WORDS_MAX];
		const char *says; /* part of the sentence */
	} want[] = {
		/* words */
		{ WORDS("wat"), "'wat' is not a command; the commands are: watch" },
		{ WORDS(""), "'' is not a command" },
		{ WORDS("watch", "x"), "watch takes options only; 'x' is one word too many" },
		{ WORDS("-"), "unexpected word '-'" },
		{ WORDS("explain", "-w"), "--wide does not apply to explain" },
		{ WORDS("explain", "--state", "listen"), "--state does not apply to explain" },
		{ WORDS("-w", "watch"), "before its options: tcpconnstate watch" },
		{ WORDS("--", "x"), "unexpected word 'x'" },
		{ WORDS("record"), "record needs a file" },
		{ WORDS("replay", "--json"), "replay needs a file" },
		{ WORDS("replay", "a", "b"), "'b' is one too many" },
		{ WORDS("replay", "-d", "1", "a"), "--duration does not apply to replay" },
		{ WORDS("record", "-w", "a"), "--wide does not apply to record" },
		{ WORDS("record", "--json", "-"), "cannot both go to stdout" },
		{ WORDS("record", "--rotate", "1M", "-"), "--rotate needs a file" },
		{ WORDS("--rotate", "1M"), "--rotate does not apply to watch" },
		{ WORDS("replay", "--since", "2026-11-21", "a"), "seconds from the recording" },
		{ WORDS("replay", "--since", "2026-11-21T04:41:42", "a"), "not '2026-11-21T04" },
		{ WORDS("replay", "--since", "24:00", "a"), "not '24:00'" },
		{ WORDS("replay", "--since", "4:41pm", "a"), "not '4:41pm'" },
		{ WORDS("replay", "--until", "1969-12-31T00:00:00Z", "a"), "--until takes" },
		/* options */
		{ WORDS("-Z"), "unknown option '-Z'" },
		{ WORDS("-Zw"), "unknown option '-Z'" },
		{ WORDS("-wZx"), "unknown option '-Z'" },
		{ WORDS("-w", "-Zx"), "unknown option '-Z'" },
		{ WORDS("-w", "-wZ"), "unknown option '-Z'" },
		{ WORDS("--comm", "-q", "-Zx"), "unknown option '-Z'" },
		{ WORDS("watch", "-Zx"), "unknown option '-Z'" },
		{ WORDS("--foo"), "unknown option '--foo'" },
		{ WORDS("--foo=1"), "unknown option '--foo=1'" },
		{ WORDS("--=1"), "unknown option '--=1'" },
		{ WORDS("--st"), "'--st' is ambiguous: --state or --strict" },
		{ WORDS("--json=1"), "--json takes no value" },
		{ WORDS("-L"), "--localport needs a value: it takes ports" },
		{ WORDS("-wxL"), "--localport needs a value" },
		{ WORDS("--state"), "--state needs a value" },
		{ WORDS("--a\033[31mb"), "unknown option '--a?[31mb'" },
		/* values */
		{ WORDS("-i", "0.049"), "--interval takes seconds from 0.05 to 3600, not '0.049'" },
		{ WORDS("-i", "3600.001"), "from 0.05 to 3600" },
		{ WORDS("-i", "0"), "from 0.05 to 3600" },
		{ WORDS("-i", "1."), "not '1.'" },
		{ WORDS("-i", "."), "not '.'" },
		{ WORDS("-i", ""), "not ''" },
		{ WORDS("-i", "1e3"), "not '1e3'" },
		{ WORDS("-i", "1,5"), "not '1,5'" },
		{ WORDS("-i", "-1"), "not '-1'" },
		{ WORDS("-i", "nan"), "not 'nan'" },
		{ WORDS("-d", "0"), "--duration takes seconds from 0.001 to 1000000000" },
		{ WORDS("-d", "18446744073709551616"), "--duration takes" },
		{ WORDS("-d", "18446744073709551.615"), "--duration takes" },
		{ WORDS("--count", "0"), "--count takes a whole number from 1" },
		{ WORDS("--count", "18446744073709551616"), "--count takes" },
		{ WORDS("--count", "12abc"), "not '12abc'" },
		{ WORDS("--count", " 1"), "not ' 1'" },
		{ WORDS("--count", "+1"), "not '+1'" },
		{ WORDS("--count", "0x10"), "not '0x10'" },
		{ WORDS("--buffer", "4095"), "--buffer takes a size" },
		{ WORDS("--buffer", "3K"), "from 4K to 64G, not '3K'" },
		{ WORDS("--buffer", "65G"), "from 4K to 64G" },
		{ WORDS("--buffer", "17179869185G"), "from 4K to 64G" },
		{ WORDS("--buffer", "16MB"), "not '16MB'" },
		{ WORDS("--buffer", "M"), "not 'M'" },
		{ WORDS("--max-sockets", "0"), "--max-sockets takes a whole number from 1" },
		{ WORDS("-p", "0"), "--pid takes a process id from 1 to 4194304" },
		{ WORDS("-p", "4194305"), "--pid takes" },
		{ WORDS("-p", "self"), "--pid takes" },
		{ WORDS("-u", "4294967295"), "from 0 to 4294967294" },
		{ WORDS("-u", "-1"), "--uid takes a user's number or name, not '-1'" },
		{ WORDS("-u", ""), "--uid takes" },
		{ WORDS("--comm", ""), "--comm takes the name of a process" },
		{ WORDS("-N", ""), "--netns takes all, self, a path" },
		{ WORDS("--cgroup="), "--cgroup takes the path" },
		{ WORDS("--btf", ""), "--btf takes" },
		{ WORDS("-o", "xml"), "--output takes text or json, not 'xml'" },
		{ WORDS("--completion", "fish"), "--completion takes bash or zsh" },
		{ WORDS("-L", "80-70"), "not '80-70': a range runs backwards" },
		{ WORDS("-L", "-D"), "--localport takes ports" },
		{ WORDS("--src", "1.2.3.4/33"), "from 0 to 32" },
		{ WORDS("--state", "estab,foo,x"), "not 'foo'" },
		{ WORDS("--state", "!all"), "leaves no state" },
		/* what cannot be together */
		{ WORDS("-4", "--src", "::1"), "-4 is IPv4 and --src is IPv6" },
		{ WORDS("-6", "--dst", "10.0.0.1"), "-6 is IPv6 and --dst is IPv4" },
		{ WORDS("--src", "10.0.0.0/8", "--dst", "::1"), "--src is IPv4 and --dst is IPv6" },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(want); i++) {
		int err = parse(want[i].words);

		if (err != -EINVAL)
			fail_msg("row %zu, '%s', is accepted", i, want[i].says);
		if (!strstr(error.text, want[i].says))
			fail_msg("'%s' does not say '%s'", error.text, want[i].says);
		assert_null(strchr(error.text, '\n'));
		/* the result is untouched */
		assert_int_equal(opts.command, 0x5a5a5a5a);
	}
}

static void a_long_value_fits_into_the_sentence(void **unused)
{
	static char value[4096];
	const char *const words[WORDS_MAX] = WORDS("--state", value);
	const char *const option[WORDS_MAX] = WORDS(value);

	(void)unused;
	memset(value, '-', sizeof(value) - 1);
	assert_int_equal(parse(words), -EINVAL);
	assert_in_range(strlen(error.text), 1, sizeof(error.text) - 2);
	assert_int_equal(parse(option), -EINVAL);
	assert_in_range(strlen(error.text), 1, sizeof(error.text) - 2);
}

static void the_host_is_asked_afterwards(void **unused)
{
	static const char *const good[WORDS_MAX] = WORDS("-N", "net:[4026531840]", "-u", "root");
	static const char *const bad[][WORDS_MAX] = {
		WORDS("-N", "no-such-namespace"),
		WORDS("--cgroup", "/no/such/cgroup"),
		WORDS("-u", "no such user: here"),
	};

	(void)unused;
	must_parse(good);
	assert_int_equal(opts_resolve(&opts, &error), 0);
	assert_int_equal(opts.filter.netns, 4026531840);
	assert_true(opts.filter.has_uid);
	assert_int_equal(opts.filter.uid, 0);
	assert_int_equal(opts.filter.cgroup, 0);

	for (size_t i = 0; i < COUNT(bad); i++) {
		must_parse(bad[i]);
		assert_true(opts_resolve(&opts, &error) < 0);
		assert_non_null(strstr(error.text, bad[i][2]));
	}
}

/* What a print function writes; the caller frees. */
static char *printed(void (*print)(FILE *out))
{
	char *text = NULL, *copy;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	print(out);
	assert_int_equal(fclose(out), 0);
	copy = strdup(text); /* gcc 12 takes what open_memstream() gave for a local */
	free(text);
	assert_non_null(copy);
	return copy;
}

static void print_help(FILE *out)
{
	opts_print_help(out, CMD_NONE);
}

static void print_watch_help(FILE *out)
{
	opts_print_help(out, CMD_WATCH);
}

static void print_explain_help(FILE *out)
{
	opts_print_help(out, CMD_EXPLAIN);
}

static void print_record_help(FILE *out)
{
	opts_print_help(out, CMD_RECORD);
}

static void print_replay_help(FILE *out)
{
	opts_print_help(out, CMD_REPLAY);
}

static void print_bash(FILE *out)
{
	opts_print_completion(out, OPTS_BASH);
}

static void print_zsh(FILE *out)
{
	opts_print_completion(out, OPTS_ZSH);
}

static void help_fits_a_screen(void **unused)
{
	static void (*const prints[])(FILE *) = { print_help, print_watch_help, print_explain_help,
						  print_record_help, print_replay_help };

	(void)unused;
	for (size_t i = 0; i < COUNT(prints); i++) {
		char *text = printed(prints[i]);
		size_t lines = 0;

		for (const char *line = text; *line; lines++) {
			size_t len = strcspn(line, "\n");

			if (len > 80 || (len && line[len - 1] == ' '))
				fail_msg("%.*s", (int)len, line);
			line += len + 1;
		}
		assert_in_range(lines, 10, 42);
		free(text);
	}
}

static void version_is_one_line(void **unused)
{
	char *text = printed(opts_print_version);

	(void)unused;
	assert_int_equal(strncmp(text, "tcpconnstate 0.", 15), 0);
	assert_int_equal(strcspn(text, "\n"), strlen(text) - 1);
	free(text);
}

/* One table: an option that --help names is completed as well. */
static void completions_have_what_help_has(void **unused)
{
	char *help = printed(print_watch_help), *bash = printed(print_bash),
	     *zsh = printed(print_zsh);
	size_t options = 0;

	(void)unused;
	for (const char *p = strstr(help, "\n  -4"); (p = strstr(p, "--")); p++) {
		char name[32];
		size_t len = 2 + strspn(p + 2, "abcdefghijklmnopqrstuvwxyz0123456789-");

		snprintf(name, sizeof(name), "%.*s", (int)len, p);
		if (!strstr(bash, name) || !strstr(zsh, name))
			fail_msg("%s", name);
		options++;
	}
	assert_in_range(options, 30, 60);
	assert_non_null(strstr(bash, "complete -F _tcpconnstate tcpconnstate\n"));
	assert_int_equal(strncmp(zsh, "#compdef tcpconnstate\n", 22), 0);
	free(help);
	free(bash);
	free(zsh);
}

static void a_binary_with_rights_of_its_own_refuses(void **state)
{
	static const struct {
		const char *words[WORDS_MAX];
		const char *says; /* NULL: accepted */
	} cases[] = {
		{ WORDS("--btf", "types"), "--btf is refused" },
		{ WORDS("audit", "--btf", "types"), "--btf is refused" },
		{ WORDS("-N", "all"), NULL },
		{ WORDS("-N", "self"), NULL },
		{ WORDS("-N", "web"), NULL },
		{ WORDS("-N", "4026531840"), NULL },
		{ WORDS("-N", "/proc/1/ns/net"), NULL },
		{ WORDS("-N", "/proc/self/ns/net"), NULL },
		{ WORDS("-N", "/proc/1/ns/../root/x/ns/net"), "--netns" },
		{ WORDS("-N", "/proc//ns/net"), "--netns" },
		{ WORDS("-N", "/proc/1/ns/net/"), "--netns" },
		{ WORDS("-N", "/proc/1/root/run/netns/web"), "--netns" },
		{ WORDS("-N", "/proc/1/task/1/ns/net"), "--netns" },
		{ WORDS("-N", "/run/netns/web"), "--netns" },
		{ WORDS("-N", "../web"), "--netns" },
		{ WORDS("--buffer", "256M"), NULL },
		{ WORDS("--buffer", "268435457"), "--buffer takes at most 256M" },
		{ WORDS("--max-sockets", "4194304"), NULL },
		{ WORDS("--max-sockets", "4194305"), "--max-sockets takes at most 4194304" },
	};
	struct opts_error refusal;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		must_parse(cases[i].words);
		refusal.text[0] = '\0';
		assert_int_equal(opts_secure_check(&opts, &refusal), cases[i].says ? -EPERM : 0);
		if (cases[i].says)
			assert_non_null(strstr(refusal.text, cases[i].says));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_the_documented_ones),
		cmocka_unit_test(an_empty_argv_is_the_default),
		cmocka_unit_test(flags_set_their_field),
		cmocka_unit_test(numbers_are_read_with_their_unit),
		cmocka_unit_test(filters_are_filled_in),
		cmocka_unit_test(a_shorter_name_leaves_nothing_of_a_longer_one),
		cmocka_unit_test(family_is_what_the_flags_say_together),
		cmocka_unit_test(output_and_names_are_kept),
		cmocka_unit_test(actions_end_the_parsing),
		cmocka_unit_test(words_belong_to_the_command_that_takes_them),
		cmocka_unit_test(recordings_have_a_file_and_moments),
		cmocka_unit_test(wrong_usage_is_told_in_a_sentence),
		cmocka_unit_test(a_long_value_fits_into_the_sentence),
		cmocka_unit_test(the_host_is_asked_afterwards),
		cmocka_unit_test(a_binary_with_rights_of_its_own_refuses),
		cmocka_unit_test(help_fits_a_screen),
		cmocka_unit_test(version_is_one_line),
		cmocka_unit_test(completions_have_what_help_has),
	};

	return cmocka_run_group_tests_name("opts", tests, NULL, NULL);
}
