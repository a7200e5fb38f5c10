// SPDX-License-Identifier: GPL-2.0-only
#include "opts_secure.h"

#include <errno.h>
#include <string.h>

#include "opts_table.h"

/* "/proc/1234/ns/net" or "/proc/self/ns/net", and nothing else. */
static bool is_of_process(const char *path)
{
	static const char begins[] = "/proc/", ends[] = "/ns/net";
	size_t len;

	if (strncmp(path, begins, sizeof(begins) - 1))
		return false;
	path += sizeof(begins) - 1;
	len = strspn(path, "0123456789");
	if (!len && !strncmp(path, "self", 4))
		len = 4;
	return len && !strcmp(path + len, ends);
}

int opts_secure_check(const struct opts *opts, struct opts_error *reterr)
{
	static const char because[] = "this binary has capabilities that its user has not";

	if (opts->btf_path)
		opts_say(reterr, "--btf is refused: %s, and types decide which memory it reads",
			 because);
	else if (strchr(opts->netns_spec, '/') && !is_of_process(opts->netns_spec))
		opts_say(reterr,
			 "--netns '%.60s' is refused: %s, and of paths it takes /proc/PID/ns/net "
			 "only",
			 opts->netns_spec, because);
	else if (opts->buffer_bytes > OPTS_SECURE_BUFFER)
		opts_say(reterr, "--buffer takes at most 256M here: %s", because);
	else if (opts->max_sockets > OPTS_SECURE_SOCKETS)
		opts_say(reterr, "--max-sockets takes at most %u here: %s", OPTS_SECURE_SOCKETS,
			 because);
	else
		return 0;
	return -EPERM;
}
