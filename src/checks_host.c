// SPDX-License-Identifier: GPL-2.0-only
#include "checks_inside.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cgroup_names.h"
#include "feature.h"
#include "host.h"
#include "netns.h"

/* What the defaults lock: the rings, and a million notes of 152 bytes with a bucket each. */
#define MEMLOCK_BYTES (256ull << 20)

/* ---- the kernel ------------------------------------------------------------------------------ */

void check_kernel(struct check *c)
{
	struct utsname uts = { 0 };

	uname(&uts);
	check_say(c, CHECK_OK, "Linux %s %s", uts.release, uts.machine);
}

static bool is_mounted(const char *path, unsigned long magic)
{
	struct statfs fs;

	return !statfs(path, &fs) && (unsigned long)fs.f_type == magic;
}

void check_btf(struct check *c)
{
	int err = feature_get()->btf.error;

	if (!err) {
		check_say(c, CHECK_OK, "BTF present");
		return;
	}
	if (err == -ENOENT)
		check_say(c, CHECK_NO, "this kernel carries no BTF (/sys/kernel/btf/vmlinux)");
	else
		check_say(c, CHECK_NO,
			  "the kernel's BTF (/sys/kernel/btf/vmlinux) cannot be read: %s",
			  strerror(-err));
	check_set(c->fix, is_mounted("/sys", SYSFS_MAGIC) ?
				  "a kernel built with CONFIG_DEBUG_INFO_BTF is needed" :
				  "mount sysfs on /sys; in a container, bring in the host's /sys");
}

void check_lockdown(struct check *c)
{
	if (check_without_btf(c, "lockdown"))
		return;
	switch (feature_try_peek()) {
	case FEATURE_YES:
		check_say(c, CHECK_OK, "not locked down for confidentiality");
		break;
	case FEATURE_NO:
		check_say(c, CHECK_NO,
			  "the kernel is locked down for confidentiality: programs may not "
			  "read its memory");
		check_set(c->fix, "boot without lockdown=confidentiality");
		break;
	case FEATURE_UNKNOWN:
		check_say(c, CHECK_UNKNOWN, "lockdown");
		check_set(c->path, "not tried, for lack of rights");
		break;
	}
}

/* ---- rights ---------------------------------------------------------------------------------- */

/* The inode of the first user namespace (PROC_USER_INIT_INO). */
#define USER_NS_INITIAL 0xEFFFFFFDu

/* BPF asks for capabilities of the first user namespace; a container's own root has none there. */
static bool in_first_user_ns(void)
{
	struct stat st;

	return stat("/proc/self/ns/user", &st) || (uint32_t)st.st_ino == USER_NS_INITIAL;
}

bool check_has_rights(void)
{
	bool both = feature_capable(CAP_BPF) && feature_capable(CAP_PERFMON);

	return in_first_user_ns() && (both || feature_capable(CAP_SYS_ADMIN));
}

void check_user_ns(struct check *c)
{
	if (in_first_user_ns()) {
		check_say(c, CHECK_OK, "the host's user namespace");
		return;
	}
	check_say(c, CHECK_NO,
		  "this is a user namespace of its own, whose capabilities do not count for "
		  "BPF");
	check_set(c->fix,
		  "run it as the host's root: not in a rootless container or under unshare -U");
}

static void capability(struct check *c, unsigned int cap, const char *name)
{
	if (feature_capable(cap))
		check_say(c, CHECK_OK, "%s", name);
	else if (feature_capable(CAP_SYS_ADMIN))
		check_say(c, CHECK_OK, "%s (in CAP_SYS_ADMIN)", name);
	else
		check_say(c, CHECK_NO, "%s is missing", name);
	if (c->status == CHECK_NO)
		check_set(c->fix,
			  "run with sudo, or as a group G: chgrp G ./tcpconnstate; chmod 750 "
			  "./tcpconnstate; setcap cap_bpf,cap_perfmon+ep ./tcpconnstate");
}

void check_cap_bpf(struct check *c)
{
	capability(c, CAP_BPF, "CAP_BPF");
}

void check_cap_perfmon(struct check *c)
{
	capability(c, CAP_PERFMON, "CAP_PERFMON");
}

static void capability_of_namespaces(struct check *c, unsigned int cap, const char *name)
{
	if (feature_capable(cap)) {
		check_say(c, CHECK_OK, "%s", name);
		return;
	}
	check_say(c, CHECK_PART, "%s is missing", name);
	check_set(c->path, "audit looks at its own namespace, or those it may enter");
	check_set(c->fix, "run with sudo, or add cap_sys_admin,cap_sys_ptrace");
}

void check_cap_sys_admin(struct check *c)
{
	capability_of_namespaces(c, CAP_SYS_ADMIN, "CAP_SYS_ADMIN");
}

void check_cap_sys_ptrace(struct check *c)
{
	capability_of_namespaces(c, CAP_SYS_PTRACE, "CAP_SYS_PTRACE");
}

void check_unprivileged_bpf(struct check *c)
{
	char text[32];

	if (!host_read_text("/proc/sys/kernel/unprivileged_bpf_disabled", text, sizeof(text)))
		snprintf(text, sizeof(text), "unknown");
	text[strcspn(text, "\n")] = '\0';
	check_say(c, CHECK_OK, "unprivileged_bpf_disabled %s", text);
	check_set(c->path, "tracing programs need CAP_BPF and CAP_PERFMON whatever it says");
}

void check_memlock(struct check *c)
{
	const struct features *f = feature_get();
	struct rlimit limit;

	if (f->btf.memory_cgroups) {
		check_say(c, CHECK_OK, "no memlock limit on BPF");
		check_set(c->path, "BPF memory is charged to the memory cgroup");
		return;
	}
	if (check_without_btf(c, "memlock"))
		return;
	if (getrlimit(RLIMIT_MEMLOCK, &limit)) {
		check_say(c, CHECK_UNKNOWN, "memlock: %s", strerror(errno));
		return;
	}
	if (limit.rlim_cur == RLIM_INFINITY) {
		check_say(c, CHECK_OK, "memlock unlimited");
		check_set(c->path, "BPF memory counts as locked memory; the limit was lifted");
		return;
	}
	check_say(c, limit.rlim_cur < MEMLOCK_BYTES ? CHECK_NO : CHECK_PART,
		  "BPF memory counts as locked memory, of which %llu KB are allowed",
		  (unsigned long long)limit.rlim_cur >> 10);
	check_set(c->path, "enough for the default --buffer and --max-sockets would be 256 MB");
	check_set(c->fix,
		  "ulimit -l unlimited, or add cap_sys_resource; else a smaller --buffer and "
		  "--max-sockets");
}

/* ---- what is mounted, and where we are ------------------------------------------------------- */

void check_proc(struct check *c)
{
	if (is_mounted("/proc", PROC_SUPER_MAGIC)) {
		check_say(c, CHECK_OK, "/proc");
		return;
	}
	check_say(c, CHECK_PART, "/proc is not mounted");
	check_set(c->path,
		  "no other network namespace is found, no limit of the host is known, and "
		  "cgroups have no names");
	check_set(c->fix, "mount -t proc proc /proc");
}

void check_sys(struct check *c)
{
	if (is_mounted("/sys", SYSFS_MAGIC)) {
		check_say(c, CHECK_OK, "/sys");
		return;
	}
	check_say(c, feature_get()->btf.error ? CHECK_NO : CHECK_PART, "/sys is not mounted");
	check_set(c->path, "the kernel's types are in /sys/kernel/btf/vmlinux");
	check_set(c->fix, "mount -t sysfs sysfs /sys; in a container, bring in the host's /sys");
}

void check_cgroup(struct check *c)
{
	struct cgroup_names *names;
	const char *root;

	if (cgroup_names_new(&names)) {
		check_say(c, CHECK_UNKNOWN, "cgroup v2: out of memory");
		return;
	}
	root = cgroup_names_root(names);
	if (root) {
		check_say(c, CHECK_OK, "cgroup v2 on %.150s", root);
	} else {
		check_say(c, CHECK_PART, "no cgroup v2 is mounted");
		check_set(c->path, "cgroups have no names: null; --cgroup cannot be used");
		check_set(c->fix,
			  "mount -t cgroup2 cgroup2 /sys/fs/cgroup; in a container, bring in the "
			  "host's /sys/fs/cgroup");
	}
	cgroup_names_free(names);
}

void check_pids(struct check *c)
{
	if (host_pids_are_ours()) {
		check_say(c, CHECK_OK, "the host's process numbers");
		return;
	}
	check_say(c, CHECK_PART, "a pid namespace of its own");
	check_set(c->path,
		  "process numbers that are told are the host's; processes outside are not found "
		  "for sockets older than the program, and no descriptors are counted");
	check_set(c->fix, "run the container with --pid=host");
}

static uint32_t count_entered(struct netns_list *l)
{
	uint32_t i, n = 0;

	for (i = 0; i < l->n; i++)
		n += !netns_enter(l, i);
	(void)netns_return(l);
	return n;
}

void check_namespaces(struct check *c)
{
	struct netns_list *l = calloc(1, sizeof(*l));
	uint32_t entered;

	if (!l || netns_list_init(l, 0)) {
		check_say(c, CHECK_UNKNOWN, "namespaces cannot be listed");
		check_set(c->path, "audit cannot look at any namespace");
		check_set(c->fix, "mount -t proc proc /proc");
		free(l);
		return;
	}
	entered = count_entered(l);
	if (entered == l->n && !l->denied) {
		check_say(c, CHECK_OK, "%u, all can be entered", l->n);
		netns_list_release(l);
		free(l);
		return;
	}
	check_say(c, CHECK_PART, "%u of %u can be entered; processes that hide theirs: %llu%s%s%s",
		  entered, l->n, (unsigned long long)l->denied, l->denied_errno ? " (" : "",
		  l->denied_errno ? strerrorname_np(l->denied_errno) : "",
		  l->denied_errno ? ")" : "");
	if (feature_capable(CAP_SYS_ADMIN) && feature_capable(CAP_SYS_PTRACE)) {
		check_set(c->path, "audit looks at these; no right is missing here: a security "
				   "module denies the rest, or they are of another user namespace");
	} else {
		check_set(c->path, "audit looks at these; live events are those of all namespaces");
		check_set(c->fix, "run with sudo, or add cap_sys_admin,cap_sys_ptrace");
	}
	netns_list_release(l);
	free(l);
}
