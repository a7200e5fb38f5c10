/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_OPTS_H
#define TCS_OPTS_H

/*
 * opts.h - the command line
 *
 * There is one table of options, opts_table.c. The parser, --help, the shell completions and the
 * check of the man page are all made from it, so an option is one row and cannot be half there. A
 * row names a field of struct opts (type and offset) or a small parser function, the commands it
 * belongs to, and what it accepts, in words that complete the sentence "--interval takes ...".
 *
 * Three steps, apart so that each can be tested and fuzzed alone:
 *
 *   opts_parse     argv to struct opts. Pure: no I/O, no printing, no exit, no clock.
 *   opts_resolve   what only the running host can answer: user name to number, namespace and
 *                  cgroup to inode. Reads files.
 *   opts_print_*   --help, --version, --completion, to a stream of the caller's.
 *
 * Strings in struct opts point into argv (or to constants); argv must outlive it. Nothing to free.
 * An option given twice: the later one counts.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cmd.h"
#include "detect.h"
#include "filter.h"
#include "paint.h"

#ifndef TCS_VERSION
#define TCS_VERSION "0.1.0" /* the Makefile gives the real one */
#endif

enum opts_action {
	OPTS_RUN = 1, /* run opts.command */
	OPTS_HELP,    /* print help about opts.command, CMD_NONE = the program */
	OPTS_VERSION,
	OPTS_COMPLETION,
	OPTS_ACTION_MAX,
};

enum opts_format {
	OPTS_NONE = 0, /* record, unless another is asked for */
	OPTS_TEXT,
	OPTS_JSON,
	OPTS_FORMAT_MAX,
};

/* More than there are pages to explain. */
#define OPTS_NAMES_MAX 64

enum opts_shell {
	OPTS_BASH = 1,
	OPTS_ZSH,
	OPTS_SHELL_MAX,
};

/* A point in a recording. */
struct opts_moment {
	bool set;
	bool wall;   /* at_ns is since 1970, else since the recording's start, or */
	bool of_day; /* since midnight, local time, on the first day that has it after the start */
	int64_t at_ns;
};

struct opts {
	enum opts_action action;
	enum cmd_id command;
	enum opts_shell shell; /* for OPTS_COMPLETION */

	/* filters: netns, cgroup and a uid given by name are filled in by opts_resolve() */
	struct filter filter;
	bool ipv4, ipv6;	 /* -4, -6 as typed; filter.family is the answer */
	const char *netns_spec;	 /* -N as typed; default "all" */
	const char *cgroup_path; /* --cgroup as typed; NULL = not given */
	const char *user_name;	 /* -u, when it was no number; else NULL */

	/* output */
	enum opts_format format;
	bool wall_clock;  /* -T */
	bool since_start; /* -t */
	bool wide;	  /* -w */
	bool extended;	  /* -x */
	bool no_header;	  /* -H */
	bool lifecycle;

	/* run */
	uint64_t interval_ms;  /* 50 to 3600000 */
	uint64_t duration_ms;  /* 0 = until interrupted */
	uint64_t count;	       /* stop after so many printed events; 0 = no limit */
	uint64_t buffer_bytes; /* ring buffers, the sum over all CPUs, as typed (no rounding) */
	uint32_t max_sockets;  /* bound of the socket table */
	const char *btf_path;  /* NULL = the running kernel's own */
	bool strict;	       /* exit 4 if anything was lost */
	unsigned int verbose;  /* number of -v */

	/* record, replay */
	uint64_t rotate_bytes; /* 0 = one file */
	uint32_t keep;	       /* older files */
	bool force;	       /* replace an existing file */
	struct opts_moment since, until;
	uint64_t speed_milli; /* 1000 = as it was; 0 = as fast as possible */
	bool verdict;	      /* not the events: what audit would say at the end */

	/* the words behind a command that takes some */
	const char *names[OPTS_NAMES_MAX];
	size_t n_names;

	/* audit */
	uint64_t window_ms; /* between its two looks; 0 = one look */
	enum audit_by by;   /* --by */
	enum paint_when color;
	enum severity fail_on;	      /* SEVERITY_OK = not given */
	uint64_t close_wait_age_ms;   /* from when on a CLOSE_WAIT is old */
	uint64_t fin_wait2_age_ms;    /* from when on a FIN_WAIT2 is */
	uint64_t dead_peer_age_ms;    /* and a peer that says nothing is dead */
	uint64_t connect_fail_age_ms; /* and connects have failed for long */
	struct detect_config detect;  /* the other thresholds */
};

/* One sentence without newline or program name, control bytes replaced; "" while all is well. */
struct opts_error {
	char text[320];
};

/*
 * Parse the command line. argv is main's: argv[0] is skipped, and the first word that is not an
 * option must be argv[1] and name a command. Only some commands take further words.
 *
 * 0        *ret is complete except for opts_resolve()'s part; look at ret->action first
 * -EINVAL  wrong usage; reterr->text says what is wrong and what is accepted
 * -ENOMEM  from argp; reterr->text says so
 */
int opts_parse(int argc, char **argv, struct opts *ret, struct opts_error *reterr);

/* What of the findings' thresholds is decided when a look is filled. */
struct audit_config opts_audit_config(const struct opts *o);

/*
 * Ask the host about --netns, --cgroup and --uid NAME and complete opts->filter.
 * 0, or -errno with the sentence in reterr (then opts is unchanged); the command line was wrong.
 */
int opts_resolve(struct opts *opts, struct opts_error *reterr);

/*
 * All three only write; the caller checks the stream. Help is at most 40 lines of 80 columns and
 * lists the options of `command`; CMD_NONE = the default command, with the list of all commands.
 */
void opts_print_help(FILE *out, enum cmd_id command);
void opts_print_version(FILE *out);
void opts_print_completion(FILE *out, enum opts_shell shell);

#endif /* TCS_OPTS_H */
