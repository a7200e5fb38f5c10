// SPDX-License-Identifier: GPL-2.0-only
#include "opts.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "opts_secure.h"
#include "opts_table.h"
#include "resolve.h"
#include "secure.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static int parse_row(struct parse *parse, const struct option_row *row, const char *arg)
{
	void *field = (char *)&parse->opts + row->field;

	if (!(opts_commands_of(row) & 1U << parse->opts.command))
		return opts_complain(parse, "--%s does not apply to %s", row->name,
				     opts_commands[parse->opts.command].name);

	switch (row->type) {
	case OPT_FLAG:
		*(bool *)field = true;
		return 0;
	case OPT_COUNT:
		++*(unsigned int *)field;
		return 0;
	case OPT_STRING:
		return opts_value_string(parse, row, arg);
	case OPT_PARSER:
		return row->parser(parse, row, arg);
	default:
		return opts_value_number(parse, row, arg);
	}
}

/* "watch, audit": the commands in one line of words. */
static const char *command_list(char *buf, size_t size)
{
	size_t used = 0;

	for (int id = CMD_NONE + 1; id < CMD_MAX && used < size; id++)
		used += (size_t)snprintf(buf + used, size - used, "%s%s", used ? ", " : "",
					 opts_commands[id].name);
	return buf;
}

static int take_word(struct parse *parse, const char *word)
{
	struct opts *opts = &parse->opts;
	char list[160];

	if (opts_operands[opts->command].usage) {
		if (opts->n_names && opts_operands[opts->command].one)
			return opts_complain(parse, "%s takes one file; '%.60s' is one too many",
					     opts_commands[opts->command].name, word);
		if (opts->n_names == OPTS_NAMES_MAX)
			return opts_complain(parse, "%s takes at most %d names",
					     opts_commands[opts->command].name, OPTS_NAMES_MAX);
		opts->names[opts->n_names++] = word;
		return 0;
	}
	if (opts_command_by_name(word))
		return opts_complain(
			parse, "the command stands before its options: tcpconnstate %s ...", word);
	if (parse->named)
		return opts_complain(parse, "%s takes options only; '%.60s' is one word too many",
				     opts_commands[opts->command].name, word);
	return opts_complain(parse,
			     "unexpected word '%.60s'; a command stands first and is one of: %s",
			     word, command_list(list, sizeof(list)));
}

/* A word "--name" or "--name=value" that getopt refused: find out why. */
static int complain_about_long(struct parse *parse, const char *word)
{
	const struct option_row *first = NULL, *second = NULL, *exact = NULL;
	const char *name = word + 2;
	size_t len = strcspn(name, "=");

	for (size_t i = 0; i < opts_table_len; i++) {
		if (strncmp(opts_table[i].name, name, len))
			continue;
		if (!opts_table[i].name[len])
			exact = &opts_table[i];
		if (!first)
			first = &opts_table[i];
		else if (!second)
			second = &opts_table[i];
	}
	if (exact) {
		first = exact;
		second = NULL;
	}
	if (!first || !len)
		return opts_complain(
			parse, "unknown option '%.60s'; tcpconnstate --help lists them all", word);
	if (second)
		return opts_complain(parse, "option '%.60s' is ambiguous: --%s or --%s", word,
				     first->name, second->name);
	if (!first->arg)
		return opts_complain(parse, "--%s takes no value", first->name);
	return opts_complain(parse, "--%s needs a value: it takes %s", first->name, first->takes);
}

/* A cluster "-wxL": the first letter that is wrong. */
static int complain_about_short(struct parse *parse, const char *word)
{
	for (const char *p = word + 1; *p; p++) {
		const struct option_row *row = opts_row_by_key((unsigned char)*p);

		if (!row)
			return opts_complain(
				parse, "unknown option '-%c'; tcpconnstate --help lists them all",
				*p);
		if (row->arg)
			return opts_complain(parse, "--%s needs a value: it takes %s", row->name,
					     row->takes);
	}
	return opts_complain(parse, "the option '%.60s' cannot be understood", word);
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
		row = opts_row_by_key(key);
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
			return opts_complain(parse,
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

	if (opts_operands[opts->command].one && !opts->n_names)
		return opts_complain(parse, "%s needs a file: tcpconnstate %s FILE",
				     opts_commands[opts->command].name,
				     opts_commands[opts->command].name);
	if (!opts->format && opts->command != CMD_RECORD)
		opts->format = OPTS_TEXT;
	if (opts->command == CMD_RECORD && opts->format && !strcmp(opts->names[0], "-"))
		return opts_complain(parse,
				     "the capture and what is printed cannot both go to stdout");
	if (opts->command == CMD_RECORD && opts->rotate_bytes && !strcmp(opts->names[0], "-"))
		return opts_complain(parse, "--rotate needs a file, not stdout");
	return 0;
}

struct audit_config opts_audit_config(const struct opts *o)
{
	return (struct audit_config){
		.old_ns = o->close_wait_age_ms * 1000000,
		.fin_old_ns = o->fin_wait2_age_ms * 1000000,
		.dead_ns = o->dead_peer_age_ms * 1000000,
		.connect_ns = o->connect_fail_age_ms * 1000000,
		.stalled = (uint8_t)o->detect.dead_peer_timeouts,
		.count_rows = o->filter.has_pid || o->filter.has_comm,
		.by_remote = o->filter.rport.any_set || (o->filter.dst.set && o->filter.dst.bits),
		.by = o->by,
		.uncounted = ~filter_counted_states(&o->filter),
	};
}

static const struct opts defaults = {
	.action = OPTS_RUN,
	.command = CMD_NONE + 1,
	.netns_spec = "all",
	.keep = 4,
	.interval_ms = 1000,
	.buffer_bytes = UINT64_C(16) << 20,
	.max_sockets = 1U << 20,
	.window_ms = 1000,
	.close_wait_age_ms = 60000,
	.fin_wait2_age_ms = 60000,
	.dead_peer_age_ms = 10000,
	.connect_fail_age_ms = 10000,
	.detect = {
		.close_wait_count = 10,
		.fin_wait2_count = 10,
		.ports_percent = 80,
		.time_wait_percent = 80,
		.dead_peer_count = 5,
		.dead_peer_timeouts = 3,
		.dead_peer_hosts = 20,
		.connect_fail_count = 20,
		.connect_fail_percent = 50,
		.connect_fail_hosts = 8,
		.syn_per_s = 10,
		.syn_late_percent = 15,
		.loss_percent = 5,
		.scan_ports = 20,
	},
};

/* Does the first word name a command? 0 none, or the default, -EINVAL for another word. */
static int take_command(struct parse *parse, const char *word)
{
	char list[160];

	if (!word || word[0] == '-')
		return 0;
	parse->opts.command = opts_command_by_name(word);
	if (!parse->opts.command) {
		opts_say(parse->err, "'%.60s' is not a command; the commands are: %s", word,
			 command_list(list, sizeof(list)));
		return -EINVAL;
	}
	parse->named = true;
	return 0;
}

static error_t parse_options(struct parse *parse, int argc, char **argv)
{
	struct argp_option options[OPTS_TABLE_MAX + 1] = { 0 };
	const struct argp argp = { .options = options, .parser = on_key };
	error_t err;

	for (size_t i = 0; i < opts_table_len; i++)
		options[i] = (struct argp_option){
			.name = opts_table[i].name,
			.key = opts_key_of(&opts_table[i]),
			.arg = opts_table[i].arg,
			.doc = opts_table[i].help,
		};
	/* In order: getopt would otherwise reorder argv, which is the caller's. */
	err = argp_parse(&argp, (unsigned int)argc, argv,
			 ARGP_IN_ORDER | ARGP_NO_HELP | ARGP_NO_ERRS | ARGP_NO_EXIT, NULL, parse);
	if (!err)
		err = check_family(parse);
	if (!err)
		err = check_operands(parse);
	return err == ECANCELED && parse->opts.action != OPTS_RUN ? 0 : err;
}

int opts_parse(int argc, char **argv, struct opts *ret, struct opts_error *reterr)
{
	struct parse parse = { .opts = defaults, .err = reterr, .words_taken = 1 };
	int err;

	reterr->text[0] = '\0';
	err = take_command(&parse, argc > 1 ? argv[1] : NULL);
	if (err)
		return err;
	/* No argv at all (execve(2) allows it) is no option either. */
	if (argc > 0)
		err = parse_options(&parse, argc - parse.named, argv + parse.named);
	if (err) {
		if (!reterr->text[0])
			opts_say(reterr, "the command line cannot be read: %s", strerror(err));
		return err == ENOMEM ? -ENOMEM : -EINVAL;
	}
	if (parse.opts.action == OPTS_HELP && !parse.named)
		parse.opts.command = CMD_NONE;
	*ret = parse.opts;
	return 0;
}

/* This host says nothing about another one's names. (A cgroup is found by its path.) */
static int resolve_recorded(struct opts *opts, struct opts_error *reterr)
{
	uint64_t netns = 0;

	if (strcmp(opts->netns_spec, "all") &&
	    (!opts_read_whole(opts->netns_spec, &netns) || !netns || netns > UINT32_MAX)) {
		opts_say(reterr,
			 "--netns '%.80s': a recording knows namespaces by their inode numbers",
			 opts->netns_spec);
		return -EINVAL;
	}
	if (opts->user_name) {
		opts_say(reterr, "--uid '%.80s': a recording knows users by their numbers",
			 opts->user_name);
		return -EINVAL;
	}
	opts->filter.netns = (uint32_t)netns;
	return 0;
}

static int resolve_spec(const char *spec, uint32_t *ret, struct opts_error *reterr)
{
	const char *why = "its user's rights cannot be restored";
	int err;

	/* For /proc/PID/ns/net of other users; opts_secure_check() has let no other path pass. */
	secure_raise();
	err = resolve_netns(spec, ret, &why);
	if (secure_lower())
		err = -EPERM;
	if (err)
		opts_say(reterr, "--netns '%.80s': %s", spec, why);
	return err;
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
	err = secure_mode() ? opts_secure_check(opts, reterr) : 0;
	if (!err)
		err = resolve_spec(opts->netns_spec, &netns, reterr);
	if (err)
		return err;
	if (opts->cgroup_path) {
		err = resolve_cgroup(opts->cgroup_path, &cgroup, &level, &why);
		if (err) {
			opts_say(reterr, "--cgroup '%.80s': %s", opts->cgroup_path, why);
			return err;
		}
	}
	if (opts->btf_path) {
		err = resolve_btf(opts->btf_path, &why);
		if (err) {
			opts_say(reterr, "--btf '%.80s': %s", opts->btf_path, why);
			return err;
		}
	}
	if (opts->user_name) {
		err = resolve_user(opts->user_name, &uid, &why);
		if (err) {
			opts_say(reterr, "--uid '%.80s': %s", opts->user_name, why);
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
