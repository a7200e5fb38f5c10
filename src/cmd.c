// SPDX-License-Identifier: GPL-2.0-only
#include "cmd.h"

#include <string.h>

#include "failure.h"
#include "output.h"
#include "tell.h"

int cmd_failed(const struct failure *why)
{
	tell("%s", why->text);
	return why->of_host ? TCS_EXIT_HOST : TCS_EXIT_RUN;
}

int cmd_no_memory(void)
{
	tell("out of memory");
	return TCS_EXIT_RUN;
}

int cmd_not_written(const struct output *output, const char *behind)
{
	tell("cannot write the output: %s%s", strerror(output->error_number), behind);
	return TCS_EXIT_RUN;
}

void cmd_tell_cut(const struct output *output)
{
	if (output->end == OUTPUT_INTERRUPTED)
		tell("interrupted: standard output is not read, and its last %zu bytes are missing",
		     (size_t)output->dropped_bytes);
}

int cmd_end_output(struct output *output, int status)
{
	output_flush(output);
	if (output->end == OUTPUT_FAILED)
		status = cmd_not_written(output, "");
	cmd_tell_cut(output);
	if (output->end == OUTPUT_INTERRUPTED)
		status = TCS_EXIT_OK;
	output_release(output);
	return status;
}
