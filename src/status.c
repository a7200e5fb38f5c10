// SPDX-License-Identifier: GPL-2.0-only
#include "status.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "errout.h"
#include "output.h"

#define ERASE "\r\x1b[K"

void status_init(struct status *s, int fd)
{
	*s = (struct status){ .fd = fd, .terminal = isatty(fd) };
}

/* A line of a terminal is replaced soon; others are a log, and counted where they are left out. */
static void put(const struct status *s, const char *before, const char *text, size_t len,
		const char *after)
{
	char line[STATUS_MAX + 16];
	size_t n = (size_t)snprintf(line, sizeof(line), "%s%.*s%s", before, (int)len, text, after);

	if (s->terminal)
		errout_write_now(line, n);
	else
		errout_write(line, n);
}

/*
 * What fits in one line: the terminal would scroll at the last column. And behind it the terminal
 * itself writes ^C, which must not go on in the next line: that one would be wiped out instead.
 */
static size_t fitting(const struct status *s)
{
	unsigned int columns = output_columns_of(s->fd);

	return columns < 4 || s->len < columns - 2 ? s->len : columns - 3;
}

void status_again(struct status *s)
{
	if (!s->terminal || !s->len)
		return;
	put(s, "\r", s->text, fitting(s), "\x1b[K");
	s->visible = true;
}

void status_show(struct status *s, const char *text, size_t len)
{
	s->len = len < STATUS_MAX ? len : STATUS_MAX;
	memcpy(s->text, text, s->len);
	if (s->terminal)
		status_again(s);
	else
		put(s, "", s->text, s->len, "\n");
}

void status_hide(struct status *s)
{
	if (!s->visible)
		return;
	errout_write(ERASE, sizeof(ERASE) - 1);
	s->visible = false;
}
