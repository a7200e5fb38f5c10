// SPDX-License-Identifier: GPL-2.0-only
#include "create_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define TRIES 3 /* to remove what another user has planted */

int create_place_open(const char *path, struct create_place *ret)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	struct create_place p = { .dir = -1, .name = NULL };
	char dir[PATH_MAX] = ".";
	struct statfs fs;
	int err;

	if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
		return *path ? -EISDIR : -ENOENT;
	if (slash && (size_t)(name - path) >= sizeof(dir))
		return -ENAMETOOLONG;
	if (slash)
		snprintf(dir, sizeof(dir), "%.*s", (int)(name - path), path);
	p.name = strdup(name);
	if (!p.name)
		return -ENOMEM;
	p.dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (p.dir < 0) {
		err = -errno;
		free(p.name);
		return err;
	}
	p.of_proc = !fstatfs(p.dir, &fs) && fs.f_type == PROC_SUPER_MAGIC;
	*ret = p;
	return 0;
}

void create_place_close(struct create_place *p)
{
	if (p->dir >= 0)
		close(p->dir);
	free(p->name);
	*p = (struct create_place){ .dir = -1 };
}

static bool is_stream(mode_t mode)
{
	return S_ISFIFO(mode) || S_ISCHR(mode);
}

int create_file_look(const struct create_place *p, enum create_found *ret)
{
	struct stat st;

	if (fstatat(p->dir, p->name, &st, AT_SYMLINK_NOFOLLOW)) {
		if (errno != ENOENT)
			return -errno;
		*ret = CREATE_NOTHING;
	} else if (S_ISREG(st.st_mode)) {
		*ret = st.st_size ? CREATE_FILE : CREATE_EMPTY;
	} else if (is_stream(st.st_mode)) {
		*ret = CREATE_STREAM;
	} else if (S_ISLNK(st.st_mode)) {
		*ret = p->of_proc ? CREATE_STREAM : CREATE_LINK;
	} else {
		*ret = CREATE_OTHER;
	}
	return 0;
}

bool create_file_allowed(const struct create_place *p)
{
	struct stat st;
	mode_t bits = S_IWOTH | S_IXOTH;

	if (fstat(p->dir, &st))
		return false;
	if (st.st_uid == geteuid())
		bits = S_IWUSR | S_IXUSR;
	else if (st.st_gid == getegid())
		bits = S_IWGRP | S_IXGRP;
	return (st.st_mode & bits) == bits;
}

int create_file(const struct create_place *p)
{
	int fd = openat(p->dir, p->name, CREATE_FILE_FLAGS, 0600);

	return fd < 0 ? -errno : fd;
}

int create_file_again(const struct create_place *p)
{
	int fd = create_file(p), i, err;

	for (i = 0; fd == -EEXIST && i < TRIES; i++) {
		err = create_file_remove(p);
		if (err && err != -ENOENT)
			return err;
		fd = create_file(p);
	}
	return fd;
}

int create_file_stream(const struct create_place *p)
{
	struct stat st;
	int fd = openat(p->dir, p->name,
			O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK |
				(p->of_proc ? O_TRUNC : O_NOFOLLOW));

	if (fd < 0)
		return -errno;
	if (p->of_proc || (!fstat(fd, &st) && is_stream(st.st_mode)))
		return fd;
	close(fd);
	return -EEXIST;
}

int create_file_remove(const struct create_place *p)
{
	return unlinkat(p->dir, p->name, 0) ? -errno : 0;
}

/* NAME, NAME.1 and so on. */
static void number_name(const struct create_place *p, unsigned int i, char *to, size_t size)
{
	snprintf(to, size, i ? "%s.%u" : "%s", p->name, i);
}

int create_file_move(const struct create_place *p, unsigned int keep)
{
	size_t size = strlen(p->name) + 16;
	char *from = malloc(size), *to = malloc(size);
	unsigned int i = 1;
	struct stat st;
	int err = from && to ? 0 : -ENOMEM;

	for (; !err && i < keep; i++) {
		number_name(p, i, to, size);
		if (fstatat(p->dir, to, &st, AT_SYMLINK_NOFOLLOW))
			break;
	}
	for (; !err && i > 0; i--) {
		number_name(p, i - 1, from, size);
		number_name(p, i, to, size);
		if (renameat(p->dir, from, p->dir, to) && errno != ENOENT)
			err = -errno;
	}
	free(from);
	free(to);
	return err;
}
