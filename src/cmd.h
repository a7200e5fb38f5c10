/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_CMD_H
#define TCS_CMD_H

/*
 * cmd.h - the commands of the program and how they end
 *
 * A command is about a hundred lines in its own cmd_<name>.c that connect one source, the core and
 * some sinks. To add one: write that file and add a row to command.def; enum, prototype, dispatch
 * (main.c), --help, completion and error messages follow from the row.
 *
 * A command is given options that are complete and checked (opts.h). It prints its own errors, one
 * sentence each, and returns an enum exit_code; only main() turns that into the process's status.
 */
struct opts; /* opts.h */

/*
 * Exit status, a promise to scripts. Where several apply the first of
 * TCS_EXIT_HOST, _USAGE, _RUN, _LOST, _FINDING wins.
 */
enum exit_code {
	TCS_EXIT_OK = 0,      /* done, or interrupted by the user */
	TCS_EXIT_RUN = 1,     /* failed while running */
	TCS_EXIT_USAGE = 2,   /* wrong usage */
	TCS_EXIT_FINDING = 3, /* a finding at or above --fail-on */
	TCS_EXIT_LOST = 4,    /* something was lost, with --strict */
	TCS_EXIT_HOST = 77,   /* this host cannot run it: no BTF, no rights, kernel too old */
};

enum cmd_id {
	CMD_NONE = 0,
#define X(name, id, summary) CMD_##id,
#include "command.def"
#undef X
	CMD_MAX,
};

struct command {
	const char *name;
	int (*run)(const struct opts *opts); /* returns an enum exit_code */
	const char *summary;
};

/* int cmd_watch(const struct opts *opts); and so on, one for each row */
#define X(name, id, summary) int cmd_##name(const struct opts *opts);
#include "command.def"
#undef X

/* What several commands say in the same words before they end; each returns the exit code. */
struct failure; /* failure.h */
struct output;	/* output.h */
int cmd_failed(const struct failure *why);
int cmd_no_memory(void);
/* output->end is OUTPUT_FAILED; behind: what else there is to say of it. */
int cmd_not_written(const struct output *output, const char *behind);
/* A sentence where a signal came while standard output was not read, and some of it is missing. */
void cmd_tell_cut(const struct output *output);
/* Everything is in it: write, release; status, unless it could not be written. */
int cmd_end_output(struct output *output, int status);

#endif /* TCS_CMD_H */
