/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_STATUS_H
#define TCS_STATUS_H

/*
 * status.h - the line on standard error that says how things stand
 *
 * On a terminal one line, rewritten in place and out of the way of what standard output prints on
 * the same terminal; elsewhere a plain line each time. The text comes from the caller, escaped; of
 * one that is longer than STATUS_MAX, or than the terminal is wide, the beginning is shown. What
 * standard error does not take is left out (errout.h).
 */
#include <stdbool.h>
#include <stddef.h>

#define STATUS_MAX 1024

struct status {
	int fd;
	bool terminal;
	bool visible; /* it stands there now */
	char text[STATUS_MAX];
	size_t len;
};

void status_init(struct status *s, int fd);
void status_show(struct status *s, const char *text, size_t len);
/* Out of the way; status_again() brings it back. */
void status_hide(struct status *s);
void status_again(struct status *s);

#endif /* TCS_STATUS_H */
