/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_FAILURE_H
#define TCS_FAILURE_H

/*
 * failure.h - why something could not be done, in the one sentence the user will read
 *
 * For failures where an errno says too little. The module that fails writes the sentence (what
 * failed, why, what to do); only a command prints it and chooses the exit status.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

struct failure {
	bool of_host; /* this host cannot do it at all: exit 77 */
	char text[400];
};

static inline void __attribute__((format(printf, 3, 4)))
failure_set(struct failure *f, bool of_host, const char *format, ...)
{
	va_list args;

	f->of_host = of_host;
	va_start(args, format);
	vsnprintf(f->text, sizeof(f->text), format, args);
	va_end(args);
}

#endif /* TCS_FAILURE_H */
