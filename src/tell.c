// SPDX-License-Identifier: GPL-2.0-only
#include "tell.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "output.h"
#include "wrap.h"

#define INDENT 2

__attribute__((format(printf, 2, 0))) static void put(const char *before, const char *format,
						      va_list args)
{
	unsigned int columns = output_columns_of(STDERR_FILENO);
	char text[TELL_MAX];
	struct outbuf line;
	int n = snprintf(text, sizeof(text), "%s", before);

	vsnprintf(text + n, sizeof(text) - (size_t)n, format, args);
	if (!columns || outbuf_init(&line, (size_t)TELL_MAX * 2)) {
		fprintf(stderr, "%s\n", text);
		return;
	}
	wrap_text(&(struct wrap){ &line, 0, 0, INDENT, wrap_width(columns) }, text, strlen(text));
	fprintf(stderr, "%.*s\n", (int)line.len, line.data);
	outbuf_release(&line);
}

void tell(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put("tcpconnstate: ", format, args);
	va_end(args);
}

void tell_bare(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put("", format, args);
	va_end(args);
}
