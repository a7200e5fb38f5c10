/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_OPTS_TABLE_H
#define TCS_OPTS_TABLE_H

/*
 * opts_table.h - the table of options, and what the files made from it share
 *
 *   opts_table.c     the rows: options, commands, the words that commands take
 *   opts_value.c     a value of the command line into struct opts, or a sentence that refuses it
 *   opts.c           the command line as a whole; what only the host can answer
 *   opts_print.c     --help and --version
 *   opts_complete.c  the completions of bash and zsh
 *
 * To add an option: a row in opts_table.c, a field in struct opts, a paragraph in
 * man/tcpconnstate.8. Everybody else includes opts.h.
 */
#include "opts.h"

#define OPTS_TABLE_MAX 96 /* rows */

struct parse {
	struct opts opts;
	struct opts_error *err;
	bool named;	 /* the command was, else it is the first one */
	bool done;	 /* parsing stops, with or without an error in err */
	int words_taken; /* state->next after the last option that was parsed */
};

struct option_row;

/* Returns 0, or what opts_complain() returned. arg is NULL when the row has no argument. */
typedef int option_parser(struct parse *parse, const struct option_row *row, const char *arg);

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
	const char *alone;  /* the same where a command has only the second of the two */
	bool live;	    /* of watch and record, but not of replay */
	bool look;	    /* of watch and replay, but not of record */
	bool rare;	    /* not in the program's --help, which is one screen */
};

/* In the order of --help. */
extern const struct option_row opts_table[];
extern const size_t opts_table_len;
extern const char *const opts_group_titles[GROUP_MAX];
/* Every word of --state worth completing; the row of --state has it as its values. */
extern const char opts_state_words[];

struct command_row {
	const char *name;
	const char *summary;
};

extern const struct command_row opts_commands[CMD_MAX];

/* What a command takes as words of its own: one, or none up to OPTS_NAMES_MAX of them. */
struct operand_row {
	const char *usage; /* NULL: takes none */
	bool one;
	const char *help; /* what the words are */
	/* The i-th word worth completing; NULL behind the last. NULL: none is. */
	const char *(*word)(size_t i);
};

extern const struct operand_row opts_operands[CMD_MAX];

/* The commands that an option belongs to, as bits. */
unsigned int opts_commands_of(const struct option_row *row);
/* argp wants a number for each option: its letter, or one no letter can have. */
int opts_key_of(const struct option_row *row);
const struct option_row *opts_row_by_key(int key);
enum cmd_id opts_command_by_name(const char *name);

/* ---- opts_value.c ---------------------------------------------------------------------------- */

/* Store the sentence. What the user typed is in it, so control bytes become '?'. */
void opts_say(struct opts_error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same, and parsing ends with this error; returns it as argp wants it. */
int opts_complain(struct parse *parse, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

bool opts_read_whole(const char *text, uint64_t *ret);

option_parser opts_value_addr, opts_value_by, opts_value_color, opts_value_comm, opts_value_fail_on,
	opts_value_completion, opts_value_help, opts_value_json, opts_value_moment,
	opts_value_number, opts_value_output, opts_value_ports, opts_value_state, opts_value_string,
	opts_value_uid, opts_value_version;

#endif /* TCS_OPTS_TABLE_H */
