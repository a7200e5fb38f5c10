// SPDX-License-Identifier: GPL-2.0-only
/* checks_binary.c - capabilities of this program's file, and which users may run it with them */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "checks_inside.h"
#include "secure.h"

#define SELF "/proc/self/exe"

void check_binary(struct check *c)
{
	struct stat st;

	if (stat(SELF, &st)) {
		check_say(c, CHECK_UNKNOWN, "capabilities of the program's file: %s",
			  strerror(errno));
		return;
	}
	if (getxattr(SELF, "security.capability", NULL, 0) <= 0) {
		check_say(c, CHECK_OK, "no file capabilities");
		return;
	}
	if (st.st_mode & S_IXOTH) {
		check_say(c, CHECK_PART,
			  "the program's file has capabilities, and every user may run it");
		check_set(c->path, "every user sees the connections of all users");
		check_set(c->fix, "chgrp GROUP and chmod 750 of the file, then setcap again, which "
				  "chgrp has undone");
		return;
	}
	check_say(c, CHECK_OK, "file capabilities, for its group only");
	check_set(c->path, secure_mode() ? "paths are opened with the user's rights; --btf and "
					   "other paths of -N than /proc/PID/ns/net are refused" :
					   "this user has its capabilities without it");
}
