// SPDX-License-Identifier: GPL-2.0-only
#include "netns.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define TRIES 3 /* processes that end while we look at them */

bool netns_known(const struct netns_list *l, uint32_t inode)
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
	char *copy;

	if (stat(path, &st)) {
		if (of_process && (errno == EACCES || errno == EPERM))
			l->denied_errno = l->denied++ ? l->denied_errno : errno;
		return;
	}
	if ((only && (uint32_t)st.st_ino != only) || netns_known(l, (uint32_t)st.st_ino) ||
	    statfs(path, &fs) || fs.f_type != NSFS_MAGIC)
		return;
	copy = l->n < NETNS_MAX ? strdup(path) : NULL;
	if (copy)
		l->at[l->n++] = (struct netns_at){ .inode = (uint32_t)st.st_ino, .path = copy };
	else
		l->vanished++;
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

static char docker_names[32] = "/run/docker/netns";

void netns_keep_names(void)
{
	int fd = open(docker_names, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		snprintf(docker_names, sizeof(docker_names), "/proc/self/fd/%d", fd);
}

static void add_everywhere(struct netns_list *l, uint32_t only)
{
	static const char *const names[] = { "/run/netns", "/var/run/netns" };
	size_t i;

	add_processes(l, only);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		add_names(l, names[i], only);
	add_names(l, docker_names, only);
}

uint32_t netns_own(void)
{
	struct stat st;

	return stat("/proc/self/ns/net", &st) ? 0 : (uint32_t)st.st_ino;
}

int netns_list_init(struct netns_list *l, uint32_t inode)
{
	l->n = 0;
	l->denied = l->vanished = 0;
	l->denied_errno = 0;
	l->own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (l->own < 0)
		return -errno;
	l->own_inode = netns_own();
	add_path(l, "/proc/self/ns/net", inode, false);
	if (inode && l->n)
		return 0;
	add_everywhere(l, inode);
	return 0;
}

void netns_list_release(struct netns_list *l)
{
	uint32_t i;

	for (i = 0; i < l->n; i++)
		free(l->at[i].path);
	if (l->own >= 0)
		close(l->own);
	l->n = 0;
	l->own = -1;
}

static int enter(const struct netns_at *at)
{
	struct stat st;
	int fd, err = 0;

	fd = open(at->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	/* Whoever has this process number now may be somebody else. */
	if (fstat(fd, &st) || (uint32_t)st.st_ino != at->inode)
		err = -ENOENT;
	else if (setns(fd, CLONE_NEWNET))
		err = -errno;
	close(fd);
	return err;
}

/* The process that showed it has ended; another may still be there. */
static bool find_again(struct netns_at *at)
{
	struct netns_list *found = calloc(1, sizeof(*found));

	at->gone = true;
	if (!found)
		return false;
	found->own = -1;
	add_everywhere(found, at->inode);
	if (found->n) {
		free(at->path);
		at->path = found->at[0].path;
		found->at[0].path = NULL;
		at->gone = false;
	}
	netns_list_release(found);
	free(found);
	return !at->gone;
}

int netns_enter(struct netns_list *l, uint32_t i)
{
	struct netns_at *at = &l->at[i];
	int err = -ENOENT, tries = 0;

	/* Where we are already no right is needed. */
	if (at->inode == l->own_inode)
		return netns_return(l);
	while (!at->gone) {
		err = enter(at);
		if ((err != -ENOENT && err != -ESRCH) || ++tries == TRIES || !find_again(at))
			break;
	}
	return err;
}

int netns_return(const struct netns_list *l)
{
	if (l->own_inode && netns_own() == l->own_inode)
		return 0;
	return setns(l->own, CLONE_NEWNET) ? -errno : 0;
}
