// SPDX-License-Identifier: GPL-2.0-only
/*
 * main.c - find the command, run it, turn its result into an exit status
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "errout.h"
#include "opts.h"
#include "output.h"
#include "pipeline.h"
#include "secure.h"
#include "tell.h"

static const struct command commands[CMD_MAX] = {
#define X(name_, id, summary_) \
	[CMD_##id] = { .name = #name_, .run = cmd_##name_, .summary = (summary_) },
#include "command.def"
#undef X
};

/*
 * Started with a standard stream closed, the first BPF map would become stdout and be written to.
 * The stand-in cannot be written, so output still fails as it should.
 */
static void occupy_standard_streams(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDONLY | O_NOCTTY);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* --help and the like. A closed pipe is no failure. */
static enum exit_code print(const struct opts *opts)
{
	struct output output;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out || output_init(&output, STDOUT_FILENO, pipeline_signals()))
		return cmd_no_memory();
	if (opts->action == OPTS_HELP)
		opts_print_help(out, opts->command);
	else if (opts->action == OPTS_VERSION)
		opts_print_version(out);
	else
		opts_print_completion(out, opts->shell);
	if (fclose(out))
		return cmd_no_memory();
	for (size_t at = 0; at < len; at += OUTPUT_BATCH) {
		output_reserve(&output, OUTPUT_BATCH);
		outbuf_put(&output.buf, text + at,
			   len - at < OUTPUT_BATCH ? len - at : OUTPUT_BATCH);
	}
	free(text);
	return cmd_end_output(&output, TCS_EXIT_OK);
}

static int run(int argc, char **argv)
{
	struct opts_error error;
	struct opts opts;
	int err;

	err = opts_parse(argc, argv, &opts, &error);
	if (!err && opts.action == OPTS_RUN)
		err = opts_resolve(&opts, &error);
	if (err) {
		tell("%s", error.text);
		return err == -ENOMEM ? TCS_EXIT_RUN : TCS_EXIT_USAGE;
	}

	if (opts.action != OPTS_RUN)
		return print(&opts);
	return commands[opts.command].run(&opts);
}

int main(int argc, char **argv)
{
	int status, err;

	occupy_standard_streams();
	err = secure_begin();
	if (err) {
		tell("cannot hold back this binary's capabilities: %s", strerror(-err));
		errout_finish();
		return TCS_EXIT_RUN;
	}
	/* A reader that goes away shows as EPIPE where we write, and ends the program quietly. */
	signal(SIGPIPE, SIG_IGN);
	errout_open();
	status = run(argc, argv);
	errout_finish();
	return status;
}
