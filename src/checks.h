/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_CHECKS_H
#define TCS_CHECKS_H

/*
 * checks.h - what this host gives us: each thing we use, what we do without it, and how to get it
 *
 * `doctor` prints all of it; a start that failed asks for the first thing that is missing. Both
 * look with the functions that the start itself uses (feature.h, netns.h, host.h).
 *
 * Nothing here needs a right. What cannot be looked at for lack of one is CHECK_UNKNOWN, and says
 * so. A check changes nothing: what it loads is gone when it returns, it comes back to the
 * network namespace it was in, and rights are given up by a child.
 *
 * Bounds: CHECKS_MAX checks, texts as long as below. The calling thread must be the only one.
 */
#include <stddef.h>
#include <stdint.h>

#include "failure.h"

#define CHECKS_MAX 32

enum check_status {
	CHECK_OK = 1,
	CHECK_PART,    /* it is done in another way, or less is seen */
	CHECK_NO,      /* and what needs it cannot run */
	CHECK_UNKNOWN, /* it could not be looked at */
	CHECK_STATUS_MAX,
};

/* What cannot run where the check says no. */
enum check_for {
	CHECK_WATCH = 1 << 0,
	CHECK_AUDIT = 1 << 1,
};

struct check {
	const char *name;  /* for programs: "ring_buffer" */
	const char *group; /* for people: "rights" */
	enum check_status status;
	unsigned int needed_for; /* enum check_for */
	char found[200];	 /* completes a sentence: "CAP_BPF is missing" */
	char path[200];		 /* what is done here because of it; "" nothing to say */
	char fix[200];		 /* ""; or how to get it */
};

/* All of them; ret has room for CHECKS_MAX. Returns how many. */
size_t checks_run(struct check *ret);

/*
 * Why `what` ("load the census") failed with err, in the words of the first thing missing that this
 * command needs; that it is of the host, for the exit status.
 */
void checks_explain(enum check_for command, const char *what, int err, struct failure *reterr);

#endif /* TCS_CHECKS_H */
