// SPDX-License-Identifier: GPL-2.0-only
#include "tell.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "errout.h"
#include "output.h"
#include "wrap.h"

#define INDENT 2

/* Its length with a line feed, which is put in place of what does not fit. */
static size_t end_line(char *text, size_t size)
{
	size_t len = strlen(text);

	if (len + 1 == size)
		len--;
	text[len] = '\n';
	return len + 1;
}

__attribute__((format(printf, 2, 0))) static void put(const char *before, const char *format,
						      va_list args)
{
	unsigned int columns = output_columns_of(STDERR_FILENO);
	char text[TELL_MAX];
	struct outbuf line;
	int n = snprintf(text, sizeof(text), "%s", before);

	vsnprintf(text + n, sizeof(text) - (size_t)n, format, args);
	if (!columns || outbuf_init(&line, (size_t)TELL_MAX * 2)) {
		errout_write(text, end_line(text, sizeof(text)));
		return;
	}
	wrap_text(&(struct wrap){ &line, 0, 0, INDENT, wrap_width(columns) }, text, strlen(text));
	outbuf_putc(&line, '\n');
	errout_write(line.data, line.len);
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
