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

static void keep_if_had(bool had, unsigned int capability)
{
	if (had)
		(void)capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, capability);
}

int rights_drop(bool namespaces, bool files)
{
	bool enter, find, create;

	if (capng_get_caps_process())
		return -EPERM;
	enter = namespaces && capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_ADMIN);
	find = namespaces && capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_PTRACE);
	create = files && capng_have_capability(CAPNG_EFFECTIVE, CAP_DAC_OVERRIDE);
	capng_clear(CAPNG_SELECT_CAPS);
	keep_if_had(enter, CAP_SYS_ADMIN);
	keep_if_had(find, CAP_SYS_PTRACE);
	keep_if_had(create, CAP_DAC_OVERRIDE);
	if (capng_apply(CAPNG_SELECT_CAPS))
		return -EPERM;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return 0;
}
