// SPDX-License-Identifier: GPL-2.0-only
/*
 * cmd_record.c - `tcpconnstate record FILE`: watch, into a capture
 *
 * What is written are the records before any judgement, so that a replay may judge otherwise. With
 * an output format the lines of watch are printed as well.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "watch.h"
#include "tell.h"

int cmd_record(const struct opts *opts)
{
	const char *path = opts->names[0];

	if (!strcmp(path, "-") && isatty(STDOUT_FILENO)) {
		tell("a capture is nothing for a terminal; give a file, or send it elsewhere");
		return TCS_EXIT_USAGE;
	}
	/* A file that has become too large for its limit is an error like a full disk. */
	signal(SIGXFSZ, SIG_IGN);
	return watch_run(opts, path);
}
