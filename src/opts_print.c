// SPDX-License-Identifier: GPL-2.0-only
/* opts_print.c - --help and --version, from the table */
#include <string.h>

#include "opts_table.h"

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
	return opts_commands_of(row) >> (command ? command : CMD_NONE + 1) & 1;
}

/* Where they are not what the command is about: only their names, without their arguments. */
static void print_thresholds(FILE *out, enum cmd_id command)
{
	int column = 0;

	for (size_t i = 0; i < opts_table_len; i++) {
		const struct option_row *row = &opts_table[i];
		int width = 3 + (int)strlen(row->name);

		if (!is_shown(row, GROUP_FINDING, command))
			continue;
		if (!column)
			fprintf(out, "\n%s (see tcpconnstate audit --help):",
				opts_group_titles[GROUP_FINDING]);
		if (!column || column + width > 80)
			column = fprintf(out, "\n ") - 1;
		column += fprintf(out, " --%s", row->name);
	}
	if (column)
		fputc('\n', out);
}

static void print_options(FILE *out, enum option_group group, enum cmd_id command)
{
	bool empty = true, second;
	int column = 0;

	for (size_t i = 0; i < opts_table_len; i++) {
		const struct option_row *row = &opts_table[i];

		if (!is_shown(row, group, command))
			continue;
		if (empty)
			fprintf(out, "\n%s:\n", opts_group_titles[group]);
		empty = false;
		/* A letter-less name lines up with the others, unless it shares a line. */
		second = column;
		if (column)
			column += fprintf(out, ", ");
		else
			column = fprintf(out, row->letter ? "  " : "      ");
		column += print_names(out, row);
		if (!row->help)
			continue;
		column = column < HELP_COLUMN ? HELP_COLUMN - column : 1;
		fprintf(out, "%*s%s\n", column, "", row->alone && !second ? row->alone : row->help);
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
	else if (opts_operands[command].usage)
		fprintf(out, "Usage: tcpconnstate %s [OPTION...] %s\n  %s\n  %s\n",
			opts_commands[command].name, opts_operands[command].usage,
			opts_commands[command].summary, opts_operands[command].help);
	else
		fprintf(out, "Usage: tcpconnstate %s [OPTION...]\n  %s\n",
			opts_commands[command].name, opts_commands[command].summary);
	for (int id = CMD_NONE + 1; !command && id < CMD_MAX; id++)
		fprintf(out, "  %-9s %s%s\n", opts_commands[id].name, opts_commands[id].summary,
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
