/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_DEFAULTS_H
#define TCS_DEFAULTS_H

/*
 * defaults.h - the thresholds of those who give no options: what the tests of findings are about
 */
#include "opts.h"
#include "unit.h"

static inline const struct opts *default_opts(void)
{
	static char name[] = "tcpconnstate", *argv[] = { name, NULL };
	static struct opts opts;
	struct opts_error error;

	assert_int_equal(opts_parse(1, argv, &opts, &error), 0);
	return &opts;
}

#endif /* TCS_DEFAULTS_H */
