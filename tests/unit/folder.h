/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_FOLDER_H
#define TCS_FOLDER_H

/*
 * folder.h - a folder of a test program's own, and a file in it; both are gone when it ends
 */
#include <dirent.h>
#include <unistd.h>

#include "unit.h"

static char folder[] = "/tmp/tcs-test-XXXXXX";
static char path[64]; /* "c" in it; others may stand beside it */

static inline int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/c", folder);
	return 0;
}

static inline int remove_folder(void **state)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	char name[512];

	(void)state;
	while (dir && (entry = readdir(dir))) {
		snprintf(name, sizeof(name), "%s/%s", folder, entry->d_name);
		unlink(name); /* "." and ".." stay */
	}
	if (dir)
		closedir(dir);
	return rmdir(folder);
}

#endif /* TCS_FOLDER_H */
