// SPDX-License-Identifier: GPL-2.0-only
#include "resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <pwd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define CGROUP_ROOT_INO	  1	      /* cgroup_setup_root() insists on it */
#define CGROUP_NS_INITIAL 0xEFFFFFFBU /* PROC_CGROUP_INIT_INO, include/linux/proc_ns.h */

/*
 * Network namespaces
 */

/* Only digits, the whole text, at most 32 bits, not 0. */
static bool inode_number(const char *text, size_t len, uint32_t *ret)
{
	uint64_t value = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(text[i] - '0');
		if (value > UINT32_MAX)
			return false;
	}
	if (!value)
		return false;
	*ret = (uint32_t)value;
	return true;
}

static const char *why_not_opened(int err)
{
	switch (err) {
	case ENOENT:
	case ENOTDIR:
		return "no such file";
	case EACCES:
	case EPERM:
		return "no permission; other users' namespaces need CAP_SYS_PTRACE";
	default:
		return "it cannot be opened";
	}
}

static int netns_at(const char *path, uint32_t *ret_inode, const char **reterr_why)
{
	struct statfs fs;
	struct stat st;
	int fd, type, err = 0;

	/* Not blocking: the path may be a FIFO. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		err = -errno;
		*reterr_why = why_not_opened(-err);
		return err;
	}

	/* An ip-netns name without its mount (after a failed "ip netns add") is a plain file. */
	if (fstatfs(fd, &fs) || fs.f_type != NSFS_MAGIC) {
		*reterr_why = "this is not a namespace";
		err = -EINVAL;
		goto out;
	}
	type = ioctl(fd, NS_GET_NSTYPE);
	if (type >= 0 && type != CLONE_NEWNET) {
		*reterr_why = "this is a namespace, but not a network namespace";
		err = -EINVAL;
		goto out;
	}
	if (fstat(fd, &st)) {
		err = -errno;
		*reterr_why = "it cannot be examined";
		goto out;
	}
	*ret_inode = (uint32_t)st.st_ino;
out:
	close(fd);
	return err;
}

int resolve_netns(const char *spec, uint32_t *ret_inode, const char **reterr_why)
{
	static const char *const dirs[] = { "/run/netns", "/var/run/netns" };
	size_t len = strlen(spec);

	if (!strcmp(spec, "all")) {
		*ret_inode = 0;
		return 0;
	}
	if (!strcmp(spec, "self"))
		return netns_at("/proc/self/ns/net", ret_inode, reterr_why);
	if (strchr(spec, '/'))
		return netns_at(spec, ret_inode, reterr_why);

	if (!strncmp(spec, "net:[", 5) && spec[len - 1] == ']') {
		if (inode_number(spec + 5, len - 6, ret_inode))
			return 0;
		*reterr_why = "the number in net:[...] is no inode of a network namespace";
		return -EINVAL;
	}
	if (len && strspn(spec, "0123456789") == len) {
		if (inode_number(spec, len, ret_inode))
			return 0;
		*reterr_why = "this number is no inode of a network namespace";
		return -EINVAL;
	}
	if (!len || !strcmp(spec, ".") || !strcmp(spec, "..")) {
		*reterr_why = "all, self, a path, a name or an inode number is expected";
		return -EINVAL;
	}

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		char path[PATH_MAX];
		int err, n;

		n = snprintf(path, sizeof(path), "%s/%s", dirs[i], spec);
		if (n < 0 || (size_t)n >= sizeof(path))
			break;
		err = netns_at(path, ret_inode, reterr_why);
		if (err != -ENOENT)
			return err;
	}
	*reterr_why = "no such network namespace in /run/netns";
	return -ENOENT;
}

bool resolve_netns_is_name(const char *spec)
{
	static const char of_process[] = "/ns/net";
	const size_t tail = sizeof(of_process) - 1;
	size_t len = strlen(spec);

	if (strchr(spec, '/'))
		return len < tail || strncmp(spec, "/proc/", 6) ||
		       strcmp(spec + len - tail, of_process);
	return strcmp(spec, "all") && strcmp(spec, "self") && strncmp(spec, "net:[", 5) &&
	       strspn(spec, "0123456789") != len;
}

/*
 * Cgroups
 */

#define MOUNTS_MAX 32 /* hosts have one; containers' bind mounts may add a few */

struct mount {
	char *line; /* what the other two point into */
	char *point;
	char *root; /* the directory of the hierarchy that is mounted there */
};

struct mounts {
	size_t count;
	struct mount at[MOUNTS_MAX];
};

/* /proc/self/mountinfo writes blank, tab, newline and backslash as \ooo (mangle()). In place. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++) {
		if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' &&
		    from[2] <= '7' && from[3] >= '0' && from[3] <= '7') {
			*to = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

/*
 * One line, see proc_pid_mountinfo(5):
 *   41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw
 * False: no cgroup v2 mount. The line is cut up.
 */
static bool cgroup2_mount(char *line, struct mount *ret)
{
	char *type = strstr(line, " - ");
	char *fields[5], *next = line;

	if (!type || strncmp(type + 3, "cgroup2 ", 8))
		return false;
	*type = '\0';
	for (size_t i = 0; i < 5; i++) {
		fields[i] = strsep(&next, " ");
		if (!fields[i])
			return false;
	}
	unescape(fields[3]);
	unescape(fields[4]);
	*ret = (struct mount){ .line = line, .root = fields[3], .point = fields[4] };
	return true;
}

static void mounts_release(struct mounts *mounts)
{
	for (size_t i = 0; i < mounts->count; i++)
		free(mounts->at[i].line);
}

/* All cgroup v2 mounts that we can see, into a list that is empty. */
static int mounts_read(struct mounts *ret)
{
	FILE *mountinfo = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t size = 0;

	if (!mountinfo)
		return -errno;
	while (ret->count < MOUNTS_MAX && getline(&line, &size, mountinfo) > 0) {
		if (!cgroup2_mount(line, &ret->at[ret->count]))
			continue;
		ret->count++;
		line = NULL;
		size = 0;
	}
	free(line);
	fclose(mountinfo);
	return 0;
}

/* How many components; -1 when one of them is "..", which a mount root outside our view shows. */
static int depth(const char *path)
{
	int count = 0;

	while (*(path += strspn(path, "/"))) {
		size_t len = strcspn(path, "/");

		if (len == 2 && !strncmp(path, "..", 2))
			return -1;
		count++;
		path += len;
	}
	return count;
}

/* Where `path` continues below the directory `top`; NULL if it is not inside. Both canonical. */
static const char *below(const char *top, const char *path)
{
	size_t len = strlen(top);

	if (len == 1)
		return path;
	if (strncmp(top, path, len) || (path[len] && path[len] != '/'))
		return NULL;
	return path + len;
}

/* Depth of a mount's top directory in the whole hierarchy, -1 if unknowable. */
static int mount_depth(const struct mount *mount)
{
	struct stat st;

	if (!stat(mount->point, &st) && st.st_ino == CGROUP_ROOT_INO)
		return 0;
	/* mountinfo gives roots as seen from our cgroup namespace: right only in the first one. */
	if (!stat("/proc/self/ns/cgroup", &st) && st.st_ino != CGROUP_NS_INITIAL)
		return -1;
	return depth(mount->root);
}

/*
 * A path in the file system. -EINVAL: there is something, but not in a v2 hierarchy; -EOPNOTSUPP:
 * unknown depth; other errors as stat(2).
 */
static int cgroup_at(const char *path, const struct mounts *mounts, uint64_t *ret_id,
		     uint32_t *ret_level)
{
	size_t longest = 0;
	char real[PATH_MAX];
	struct statfs fs;
	struct stat st;
	int level = -1;

	if (!realpath(path, real) || stat(real, &st) || statfs(real, &fs))
		return -errno;
	if (fs.f_type != CGROUP2_SUPER_MAGIC || !S_ISDIR(st.st_mode))
		return -EINVAL;

	/* The mount that holds it is the longest match; the last of equals lies on top. */
	for (size_t i = 0; i < mounts->count; i++) {
		const struct mount *mount = &mounts->at[i];
		const char *rest = below(mount->point, real);
		size_t len = strlen(mount->point);
		int top;

		if (!rest || len < longest)
			continue;
		longest = len;
		top = mount_depth(mount);
		level = top < 0 ? -1 : top + depth(rest);
	}
	if (level < 0)
		return -EOPNOTSUPP;
	*ret_id = st.st_ino;
	*ret_level = (uint32_t)level;
	return 0;
}

/* The same for a path below a v2 mount. -ENODEV: there is no such mount. */
static int cgroup_below_mounts(const char *path, const struct mounts *mounts, uint64_t *ret_id,
			       uint32_t *ret_level)
{
	int err = -ENODEV;

	for (size_t i = 0; i < mounts->count; i++) {
		char whole[PATH_MAX];
		int n;

		n = snprintf(whole, sizeof(whole), "%s/%s", mounts->at[i].point, path);
		if (n < 0 || (size_t)n >= sizeof(whole))
			return -ENAMETOOLONG;
		err = cgroup_at(whole, mounts, ret_id, ret_level);
		if (!err)
			break;
	}
	return err;
}

static const char *why_no_cgroup(int err)
{
	switch (err) {
	case ENODEV:
		return "this host has no cgroup v2 mount";
	case EINVAL:
		return "this is not a directory of a cgroup v2 hierarchy";
	case EOPNOTSUPP:
		return "a container sees cgroups without their place in the tree; run on the host";
	case ENOENT:
	case ENOTDIR:
		return "no such cgroup, neither as a path nor below the cgroup v2 mount";
	case EACCES:
		return "no permission to look into it";
	default:
		return "it cannot be examined";
	}
}

int resolve_cgroup(const char *path, uint64_t *ret_id, uint32_t *ret_level, const char **reterr_why)
{
	struct mounts mounts = { 0 };
	int err, second = 0;

	if (!*path) {
		*reterr_why = "an empty path";
		return -EINVAL;
	}
	err = mounts_read(&mounts);
	if (err) {
		*reterr_why = "/proc/self/mountinfo cannot be read";
		return err;
	}

	/*
	 * "/" and "/user.slice" may exist in the file system as well, but only a v2 directory
	 * counts there; a relative path is first of all one below the mount.
	 */
	if (path[0] == '/') {
		err = cgroup_at(path, &mounts, ret_id, ret_level);
		if (err)
			second = cgroup_below_mounts(path, &mounts, ret_id, ret_level);
	} else {
		err = cgroup_below_mounts(path, &mounts, ret_id, ret_level);
		if (err)
			second = cgroup_at(path, &mounts, ret_id, ret_level);
	}
	/* Of two failures, "there is no v2 at all" and then "it is something else" say most. */
	if (err && (!second || err == -ENOENT || err == -ENOTDIR || second == -ENODEV ||
		    second == -EOPNOTSUPP))
		err = second;
	mounts_release(&mounts);
	if (err)
		*reterr_why = why_no_cgroup(-err);
	return err;
}

/*
 * Users
 */

int resolve_user(const char *name, uint32_t *ret_uid, const char **reterr_why)
{
	size_t size = 1024;
	char *buf = NULL;
	int err;

	for (;;) {
		struct passwd pwd, *found = NULL;
		char *grown = realloc(buf, size);

		if (!grown) {
			err = -ENOMEM;
			*reterr_why = "out of memory";
			break;
		}
		buf = grown;
		err = -getpwnam_r(name, &pwd, buf, size, &found);
		if (err == -ERANGE && size < (1U << 20)) {
			size *= 2;
			continue;
		}
		if (found) {
			*ret_uid = pwd.pw_uid;
			err = 0;
			break;
		}
		/* getpwnam(3): several errno values, and 0, stand for "not found". */
		if (!err || err == -ESRCH || err == -EBADF || err == -EPERM)
			err = -ENOENT;
		*reterr_why = err == -ENOENT ? "no user of this name" :
					       "the user database cannot be read";
		break;
	}
	free(buf);
	return err;
}

/*
 * Types of the kernel
 */

int resolve_btf(const char *path, const char **reterr_why)
{
	uint8_t magic[4] = { 0 };
	int err = 0, fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0) {
		err = -errno;
		*reterr_why = err == -ENOENT || err == -ENOTDIR ? "no such file" :
			      err == -EACCES || err == -EPERM	? "no permission" :
								  "it cannot be opened";
		return err;
	}
	/* BTF_MAGIC, in this machine's order of bytes or in the other, or ELFMAG */
	if (read(fd, magic, sizeof(magic)) != (ssize_t)sizeof(magic) ||
	    !((magic[0] == 0x9f && magic[1] == 0xeb) || (magic[0] == 0xeb && magic[1] == 0x9f) ||
	      !memcmp(magic, "\177ELF", 4))) {
		*reterr_why = "this is no BTF, neither raw nor in an ELF file; the kernel's own is "
			      "/sys/kernel/btf/vmlinux";
		err = -EINVAL;
	}
	close(fd);
	return err;
}
