// SPDX-License-Identifier: GPL-2.0-only
#include "netns.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

static bool known(const struct netns_list *l, uint32_t inode)
{
	uint32_t i;

	for (i = 0; i < l->n; i++)
		if (l->at[i].inode == inode)
			return true;
	return false;
}

/* A path that is a namespace we have not yet; `name` is a mount and may be a plain file as well. */
static void add_path(struct netns_list *l, const char *path, uint32_t only, bool of_process)
{
	struct statfs fs;
	struct stat st;
	int fd;

	if (stat(path, &st)) {
		l->denied += of_process && (errno == EACCES || errno == EPERM);
		return;
	}
	if ((only && (uint32_t)st.st_ino != only) || known(l, (uint32_t)st.st_ino))
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	/* Whoever has this number now may be somebody else. */
	if (fd < 0 || fstat(fd, &st) || fstatfs(fd, &fs) || l->n == NETNS_MAX) {
		l->vanished += fd >= 0 || errno != ENOENT;
		if (fd >= 0)
			close(fd);
		return;
	}
	if (fs.f_type != NSFS_MAGIC || known(l, (uint32_t)st.st_ino) ||
	    (only && (uint32_t)st.st_ino != only)) {
		close(fd);
		return;
	}
	l->at[l->n++] = (struct netns_at){ .inode = (uint32_t)st.st_ino, .fd = fd };
}

static void add_processes(struct netns_list *l, uint32_t only)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	char path[64];

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%.20s/ns/net", entry->d_name);
		add_path(l, path, only, true);
	}
	if (dir)
		closedir(dir);
}

static void add_names(struct netns_list *l, const char *at, uint32_t only)
{
	DIR *dir = opendir(at);
	struct dirent *entry;
	char path[PATH_MAX];

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", at, entry->d_name);
		add_path(l, path, only, false);
	}
	if (dir)
		closedir(dir);
}

/* A descriptor for each namespace: the usual soft limit of 1024 may be too low. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= NETNS_MAX + 256)
		return;
	limit.rlim_cur = limit.rlim_max < NETNS_MAX + 256 ? limit.rlim_max : NETNS_MAX + 256;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

int netns_list_init(struct netns_list *l, uint32_t inode)
{
	static const char *const names[] = { "/run/netns", "/run/docker/netns", "/var/run/netns" };
	size_t i;

	l->n = 0;
	l->denied = l->vanished = 0;
	raise_limit();
	l->own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (l->own < 0)
		return -errno;
	add_path(l, "/proc/self/ns/net", inode, false);
	if (inode && l->n)
		return 0;
	add_processes(l, inode);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		add_names(l, names[i], inode);
	return 0;
}

void netns_list_release(struct netns_list *l)
{
	uint32_t i;

	for (i = 0; i < l->n; i++)
		close(l->at[i].fd);
	if (l->own >= 0)
		close(l->own);
	l->n = 0;
	l->own = -1;
}

int netns_enter(const struct netns_list *l, uint32_t i)
{
	struct stat own;

	/* Where we are already no right is needed. */
	if (!fstat(l->own, &own) && (uint32_t)own.st_ino == l->at[i].inode)
		return netns_return(l);
	return setns(l->at[i].fd, CLONE_NEWNET) ? -errno : 0;
}

int netns_return(const struct netns_list *l)
{
	struct stat own, now;

	if (!fstat(l->own, &own) && !stat("/proc/self/ns/net", &now) && own.st_ino == now.st_ino)
		return 0;
	return setns(l->own, CLONE_NEWNET) ? -errno : 0;
}
