// SPDX-License-Identifier: GPL-2.0-only
#include "confine.h"

#include <string.h>

#include "sandbox.h"
#include "tell.h"

void confine(unsigned int keep, const struct rights_user *as, bool files)
{
	unsigned int allow = SANDBOX_READER;
	int err = as && rights_is_root() ? rights_leave_root(as) : 0;

	if (err)
		tell("warning: could not give up uid 0 (%s: CAP_SETUID or CAP_SETGID is missing); "
		     "going on",
		     strerror(-err));
	if (rights_keep(keep))
		tell("warning: could not give up capabilities; going on");
	if (keep & RIGHTS_NETNS)
		allow |= SANDBOX_NETNS;
	if (files)
		allow |= SANDBOX_FILES;
	(void)sandbox_enter(allow); /* where there is one: nothing depends on it */
}

void confine_all(void)
{
	confine(RIGHTS_NONE, &rights_nobody, false);
}
