// SPDX-License-Identifier: GPL-2.0-only
/* options: any command line, a word a line, is taken or refused in one printable sentence */
#include <errno.h>

#include "fuzz.h"
#include "opts.h"

#define WORDS_MAX 24

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_string(data, size), *words[WORDS_MAX + 1], *at = text;
	static char program[] = "tcpconnstate";
	struct opts_error error;
	struct opts opts;
	int n = 1, err;

	words[0] = program;
	while (n < WORDS_MAX && *at) {
		words[n++] = at;
		at += strcspn(at, "\n");
		if (*at)
			*at++ = '\0';
	}
	words[n] = NULL;
	err = opts_parse(n, words, &opts, &error);
	REQUIRE(!err || err == -EINVAL);
	if (err)
		REQUIRE(*error.text && strlen(error.text) < sizeof(error.text) - 1);
	else
		REQUIRE(opts.action >= OPTS_RUN && opts.action < OPTS_ACTION_MAX &&
			opts.command < CMD_MAX);
	for (at = error.text; *at; at++)
		REQUIRE((unsigned char)*at >= ' ' && *at != 0x7f);
	free(text);
	return 0;
}
