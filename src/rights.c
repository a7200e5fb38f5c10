// SPDX-License-Identifier: GPL-2.0-only
#include "rights.h"

#include <cap-ng.h>
#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define NICE -10

void rights_go_first(void)
{
	(void)setpriority(PRIO_PROCESS, 0, NICE);
}

int rights_drop(void)
{
	capng_clear(CAPNG_SELECT_CAPS);
	if (capng_apply(CAPNG_SELECT_CAPS))
		return -EPERM;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return 0;
}
