// SPDX-License-Identifier: GPL-2.0-only
#include "checks.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cgroup_names.h"
#include "feature.h"
#include "host.h"
#include "netns.h"
#include "sandbox.h"

/* What the defaults lock: the rings, and a million notes of 152 bytes with a bucket each. */
#define MEMLOCK_BYTES (256ull << 20)

#define RING_BYTES 65536 /* of a try; a power of two and of pages, whatever a page is */

/* ---- writing a check ------------------------------------------------------------------------- */

static __attribute__((format(printf, 3, 4))) void say(struct check *c, enum check_status status,
						      const char *format, ...)
{
	va_list args;

	c->status = status;
	va_start(args, format);
	vsnprintf(c->found, sizeof(c->found), format, args);
	va_end(args);
}

static void set(char to[200], const char *text)
{
	snprintf(to, 200, "%s", text);
}

/* What the kernel's types would tell cannot be told without them. */
static bool without_btf(struct check *c, const char *title)
{
	if (!feature_get()->btf.error)
		return false;
	say(c, CHECK_UNKNOWN, "%s", title);
	set(c->path, "not tried: that needs the kernel's types (BTF)");
	return true;
}

/* ---- the kernel ------------------------------------------------------------------------------ */

static void check_kernel(struct check *c)
{
	struct utsname uts = { 0 };

	uname(&uts);
	say(c, CHECK_OK, "Linux %s %s", uts.release, uts.machine);
}

static bool is_mounted(const char *path, unsigned long magic)
{
	struct statfs fs;

	return !statfs(path, &fs) && (unsigned long)fs.f_type == magic;
}

static void check_btf(struct check *c)
{
	int err = feature_get()->btf.error;

	if (!err) {
		say(c, CHECK_OK, "BTF present");
		return;
	}
	if (err == -ENOENT)
		say(c, CHECK_NO, "this kernel carries no BTF (/sys/kernel/btf/vmlinux)");
	else
		say(c, CHECK_NO, "the kernel's BTF (/sys/kernel/btf/vmlinux) cannot be read: %s",
		    strerror(-err));
	set(c->fix, is_mounted("/sys", SYSFS_MAGIC) ?
			    "a kernel built with CONFIG_DEBUG_INFO_BTF is needed" :
			    "mount sysfs on /sys; in a container, bring in the host's /sys");
}

static void check_lockdown(struct check *c)
{
	if (without_btf(c, "lockdown"))
		return;
	switch (feature_try_peek()) {
	case FEATURE_YES:
		say(c, CHECK_OK, "not locked down for confidentiality");
		break;
	case FEATURE_NO:
		say(c, CHECK_NO,
		    "the kernel is locked down for confidentiality: programs may not "
		    "read its memory");
		set(c->fix, "boot without lockdown=confidentiality");
		break;
	case FEATURE_UNKNOWN:
		say(c, CHECK_UNKNOWN, "lockdown");
		set(c->path, "not tried, for lack of rights");
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

static void check_user_ns(struct check *c)
{
	if (in_first_user_ns()) {
		say(c, CHECK_OK, "the host's user namespace");
		return;
	}
	say(c, CHECK_NO,
	    "this is a user namespace of its own, whose capabilities do not count for "
	    "BPF");
	set(c->fix, "run it as the host's root: not in a rootless container or under unshare -U");
}

static void capability(struct check *c, unsigned int cap, const char *name)
{
	if (feature_capable(cap))
		say(c, CHECK_OK, "%s", name);
	else if (feature_capable(CAP_SYS_ADMIN))
		say(c, CHECK_OK, "%s (in CAP_SYS_ADMIN)", name);
	else
		say(c, CHECK_NO, "%s is missing", name);
	if (c->status == CHECK_NO)
		set(c->fix, "run with sudo, or: setcap cap_bpf,cap_perfmon+ep ./tcpconnstate");
}

static void check_cap_bpf(struct check *c)
{
	capability(c, CAP_BPF, "CAP_BPF");
}

static void check_cap_perfmon(struct check *c)
{
	capability(c, CAP_PERFMON, "CAP_PERFMON");
}

static void capability_of_namespaces(struct check *c, unsigned int cap, const char *name)
{
	if (feature_capable(cap)) {
		say(c, CHECK_OK, "%s", name);
		return;
	}
	say(c, CHECK_PART, "%s is missing", name);
	set(c->path, "audit looks at its own namespace, or those it may enter");
	set(c->fix, "run with sudo, or add cap_sys_admin,cap_sys_ptrace");
}

static void check_cap_sys_admin(struct check *c)
{
	capability_of_namespaces(c, CAP_SYS_ADMIN, "CAP_SYS_ADMIN");
}

static void check_cap_sys_ptrace(struct check *c)
{
	capability_of_namespaces(c, CAP_SYS_PTRACE, "CAP_SYS_PTRACE");
}

/* What is left of them once everything is attached (rights_keep(), sandbox_enter()). */
static void check_no_new_privs(struct check *c)
{
	bool enters = feature_capable(CAP_SYS_ADMIN) || feature_capable(CAP_SYS_PTRACE);

	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) < 0) {
		say(c, CHECK_PART, "no_new_privs: %s", strerror(errno));
		set(c->path, "watch runs on without");
		return;
	}
	say(c, CHECK_OK, "no_new_privs once attached");
	set(c->path, enters ? "watch gives up all capabilities then, but those that enter "
			      "namespaces: CAP_SYS_ADMIN and CAP_SYS_PTRACE" :
			      "watch gives up all capabilities then, but CAP_BPF where each bpf() "
			      "asks for it");
}

static void check_seccomp(struct check *c)
{
	int err = sandbox_available();

	if (!err) {
		say(c, CHECK_OK, "a seccomp filter once attached");
		set(c->path, "watch can make only the system calls that it takes then: no new "
			     "program, socket or mount");
		return;
	}
	say(c, CHECK_PART, "no seccomp filter: %s", strerror(-err));
	set(c->path, "watch runs on without one; nothing depends on it");
	set(c->fix, err == -EOPNOTSUPP ? "a filter is known for x86_64 and arm64" :
					 "a kernel with CONFIG_SECCOMP_FILTER");
}

static void check_unprivileged_bpf(struct check *c)
{
	char text[32];

	if (!host_read_text("/proc/sys/kernel/unprivileged_bpf_disabled", text, sizeof(text)))
		snprintf(text, sizeof(text), "unknown");
	text[strcspn(text, "\n")] = '\0';
	say(c, CHECK_OK, "unprivileged_bpf_disabled %s", text);
	set(c->path, "tracing programs need CAP_BPF and CAP_PERFMON whatever it says");
}

static void check_memlock(struct check *c)
{
	const struct features *f = feature_get();
	struct rlimit limit;

	if (f->btf.memory_cgroups) {
		say(c, CHECK_OK, "no memlock limit on BPF");
		set(c->path, "BPF memory is charged to the memory cgroup");
		return;
	}
	if (without_btf(c, "memlock"))
		return;
	if (getrlimit(RLIMIT_MEMLOCK, &limit)) {
		say(c, CHECK_UNKNOWN, "memlock: %s", strerror(errno));
		return;
	}
	if (limit.rlim_cur == RLIM_INFINITY) {
		say(c, CHECK_OK, "memlock unlimited");
		set(c->path, "BPF memory counts as locked memory; the limit was lifted");
		return;
	}
	say(c, limit.rlim_cur < MEMLOCK_BYTES ? CHECK_NO : CHECK_PART,
	    "BPF memory counts as locked memory, of which %llu KB are allowed",
	    (unsigned long long)limit.rlim_cur >> 10);
	set(c->path, "enough for the default --buffer and --max-sockets would be 256 MB");
	set(c->fix, "ulimit -l unlimited, or add cap_sys_resource; else a smaller --buffer and "
		    "--max-sockets");
}

/* ---- BPF ------------------------------------------------------------------------------------- */

static bool has_rights(void)
{
	bool both = feature_capable(CAP_BPF) && feature_capable(CAP_PERFMON);

	return in_first_user_ns() && (both || feature_capable(CAP_SYS_ADMIN));
}

/* err: of a try. Without rights the names in BTF have to do. */
static void tried(struct check *c, int err, bool in_btf, const char *title, const char *missing)
{
	if (err && without_btf(c, title))
		return;
	if (!err) {
		say(c, CHECK_OK, "%s", title);
	} else if (!in_btf) {
		say(c, CHECK_NO, "%s: %s", title, missing);
		set(c->fix, "Linux 5.10 or later is needed");
	} else if (err == -EPERM && !has_rights()) {
		say(c, CHECK_UNKNOWN, "%s", title);
		set(c->path, "not tried, for lack of rights");
	} else {
		say(c, CHECK_NO, "%s: %s", title, strerror(-err));
		set(c->fix, err == -EPERM ? "something forbids bpf() in spite of the rights: in a "
					    "container, --security-opt seccomp=unconfined" :
					    "`tcpconnstate -v` shows the loader's messages");
	}
}

static void check_tp_btf(struct check *c)
{
	tried(c, feature_try_tracepoint(), feature_get()->btf.state_change,
	      "tp_btf on sock:inet_sock_set_state", "this kernel has no such tracepoint");
}

static void check_synack(struct check *c)
{
	if (without_btf(c, "tcp:tcp_retransmit_synack"))
		return;
	if (feature_get()->btf.synack) {
		say(c, CHECK_OK, "tcp:tcp_retransmit_synack");
		return;
	}
	say(c, CHECK_NO, "tcp:tcp_retransmit_synack: this kernel has no such tracepoint");
	set(c->fix, "Linux 5.10 or later is needed");
}

static void check_reset(struct check *c)
{
	if (without_btf(c, "tcp:tcp_send_reset"))
		return;
	if (feature_get()->btf.reset) {
		say(c, CHECK_OK, "tcp:tcp_send_reset");
		return;
	}
	say(c, CHECK_PART, "no tracepoint tcp:tcp_send_reset");
	set(c->path, "a close that ends in a reset of our own may be told as TIME_WAIT");
	set(c->fix, "a newer kernel");
}

static void check_programs(struct check *c)
{
	static const char *const paths[] = {
		"this kernel runs a program also while it interrupts itself: none is skipped",
		"the kernel skips a program that interrupts itself; the second takes what the "
		"first was not run for, and nothing is lost",
		"as programs can be preempted here, more of them catch what two would lose; what "
		"is lost all the same is counted",
	};
	unsigned int n = feature_get()->programs;

	if (without_btf(c, "how many programs are needed"))
		return;
	say(c, CHECK_OK, "%u program%s for each state change", n, n == 1 ? "" : "s");
	set(c->path, paths[n < 3 ? n - 1 : 2]);
}

static void check_ring(struct check *c)
{
	int err = feature_try_ring(RING_BYTES);

	tried(c, err, true, "ring buffer", "");
	if (err != -EPERM || feature_get()->btf.memory_cgroups || !has_rights())
		return;
	c->status = CHECK_UNKNOWN;
	set(c->found, "ring buffer");
	set(c->path, "not tried: no more memory may be locked");
	set(c->fix, "");
}

static void check_iter_tcp(struct check *c)
{
	const struct features *f = feature_get();

	tried(c, feature_try_iter_tcp(), f->btf.iter_tcp, "iter/tcp",
	      "this kernel cannot list its sockets to a program");
	if (c->status == CHECK_NO || f->btf.error || f->btf.batches)
		return;
	c->status = c->status == CHECK_OK ? CHECK_PART : c->status;
	set(c->found, "iter/tcp without batches");
	set(c->path, "audit on a busy host: a socket may be missed or counted twice each time the "
		     "walk is read, which is every 128 rows");
	set(c->fix, "Linux 5.15 or later");
}

static void check_socket_table(struct check *c)
{
	const struct feature_btf *btf = &feature_get()->btf;
	bool at_once = btf->loops && btf->nulls_listeners;

	if (without_btf(c, "how the table of sockets is read"))
		return;
	say(c, CHECK_OK, at_once ? "one walk for all namespaces" : "a walk for each namespace");
	set(c->path, at_once ? "the table of sockets is read under RCU" :
			       "iter/tcp walks over all sockets for each namespace that has any");
}

static void check_iter_task_file(struct check *c)
{
	const struct features *f = feature_get();

	tried(c, feature_try_iter_task_file(), f->btf.iter_task_file, "iter/task_file",
	      "not there");
	if (c->status != CHECK_NO)
		return;
	c->status = CHECK_PART;
	set(c->path, "owners of sockets older than the program stay unknown");
}

static void check_sock_from_file(struct check *c)
{
	bool there = feature_get()->btf.sock_from_file;

	if (without_btf(c, "bpf_sock_from_file"))
		return;
	say(c, CHECK_OK, "%s", there ? "bpf_sock_from_file" : "sockets by their file system");
	set(c->path, there ? "a file's socket is asked for" :
			     "no bpf_sock_from_file here: a file of sockfs is known by its magic");
}

static void helper(struct check *c, enum feature_answer answer, const char *there,
		   const char *missing, const char *path, const char *fix)
{
	if (answer == FEATURE_NO) {
		say(c, CHECK_PART, "%s", missing);
		set(c->path, path);
		set(c->fix, fix);
		return;
	}
	if (without_btf(c, there))
		return;
	say(c, answer == FEATURE_YES ? CHECK_OK : CHECK_UNKNOWN, "%s", there);
	if (answer == FEATURE_UNKNOWN)
		set(c->path, "not tried, for lack of rights");
}

static void check_storage(struct check *c)
{
	helper(c, feature_get()->storage, "socket storage", "no socket storage in programs",
	       "a connection to a port that several listeners share, or that listen() chose, "
	       "has no owner until a task of its own acts",
	       "Linux 5.11 or later");
}

static void check_cookie(struct check *c)
{
	helper(c, feature_get()->cookies, "socket cookies", "no socket cookies in programs",
	       "sockets are told apart by an id of our own, which is not shown: cookie is null",
	       "Linux 5.12 or later");
}

/* ---- what is mounted, and where we are ------------------------------------------------------- */

static void check_proc(struct check *c)
{
	if (is_mounted("/proc", PROC_SUPER_MAGIC)) {
		say(c, CHECK_OK, "/proc");
		return;
	}
	say(c, CHECK_PART, "/proc is not mounted");
	set(c->path, "no other network namespace is found, no limit of the host is known, and "
		     "cgroups have no names");
	set(c->fix, "mount -t proc proc /proc");
}

static void check_sys(struct check *c)
{
	if (is_mounted("/sys", SYSFS_MAGIC)) {
		say(c, CHECK_OK, "/sys");
		return;
	}
	say(c, feature_get()->btf.error ? CHECK_NO : CHECK_PART, "/sys is not mounted");
	set(c->path, "the kernel's types are in /sys/kernel/btf/vmlinux");
	set(c->fix, "mount -t sysfs sysfs /sys; in a container, bring in the host's /sys");
}

static void check_cgroup(struct check *c)
{
	struct cgroup_names *names;
	const char *root;

	if (cgroup_names_new(&names)) {
		say(c, CHECK_UNKNOWN, "cgroup v2: out of memory");
		return;
	}
	root = cgroup_names_root(names);
	if (root) {
		say(c, CHECK_OK, "cgroup v2 on %.150s", root);
	} else {
		say(c, CHECK_PART, "no cgroup v2 is mounted");
		set(c->path, "cgroups have no names: null; --cgroup cannot be used");
		set(c->fix, "mount -t cgroup2 cgroup2 /sys/fs/cgroup; in a container, bring in the "
			    "host's /sys/fs/cgroup");
	}
	cgroup_names_free(names);
}

static void check_pids(struct check *c)
{
	if (host_pids_are_ours()) {
		say(c, CHECK_OK, "the host's process numbers");
		return;
	}
	say(c, CHECK_PART, "a pid namespace of its own");
	set(c->path,
	    "process numbers that are told are the host's; processes outside are not found "
	    "for sockets older than the program, and no descriptors are counted");
	set(c->fix, "run the container with --pid=host");
}

static uint32_t count_entered(struct netns_list *l)
{
	uint32_t i, n = 0;

	for (i = 0; i < l->n; i++)
		n += !netns_enter(l, i);
	(void)netns_return(l);
	return n;
}

static void check_namespaces(struct check *c)
{
	struct netns_list *l = calloc(1, sizeof(*l));
	uint32_t entered;

	if (!l || netns_list_init(l, 0)) {
		say(c, CHECK_UNKNOWN, "namespaces cannot be listed");
		set(c->path, "audit cannot look at any namespace");
		set(c->fix, "mount -t proc proc /proc");
		free(l);
		return;
	}
	entered = count_entered(l);
	if (entered == l->n && !l->denied) {
		say(c, CHECK_OK, "%u, all can be entered", l->n);
		netns_list_release(l);
		free(l);
		return;
	}
	say(c, CHECK_PART, "%u of %u can be entered; processes that hide theirs: %llu", entered,
	    l->n, (unsigned long long)l->denied);
	set(c->path, "audit looks at these; live events are those of all namespaces");
	set(c->fix, feature_capable(CAP_SYS_ADMIN) && feature_capable(CAP_SYS_PTRACE) ?
			    "the rest is hidden by other means (seccomp, an LSM, hidepid)" :
			    "run with sudo, or add cap_sys_admin,cap_sys_ptrace");
	netns_list_release(l);
	free(l);
}

/* ---- the list -------------------------------------------------------------------------------- */

/* In an order in which the first that says no is the cause, and the others may be its effects. */
static const struct {
	const char *name;
	const char *group;
	unsigned int needed_for;
	void (*run)(struct check *c);
} list[] = {
	{ "kernel", "kernel", CHECK_WATCH | CHECK_AUDIT, check_kernel },
	{ "btf", "kernel", CHECK_WATCH | CHECK_AUDIT, check_btf },
	{ "lockdown", "kernel", CHECK_WATCH | CHECK_AUDIT, check_lockdown },
	{ "unprivileged_bpf", "rights", CHECK_WATCH | CHECK_AUDIT, check_unprivileged_bpf },
	{ "user_namespace", "rights", CHECK_WATCH | CHECK_AUDIT, check_user_ns },
	{ "cap_bpf", "rights", CHECK_WATCH | CHECK_AUDIT, check_cap_bpf },
	{ "cap_perfmon", "rights", CHECK_WATCH | CHECK_AUDIT, check_cap_perfmon },
	{ "cap_sys_admin", "rights", CHECK_AUDIT, check_cap_sys_admin },
	{ "cap_sys_ptrace", "rights", CHECK_AUDIT, check_cap_sys_ptrace },
	{ "no_new_privs", "rights", CHECK_WATCH, check_no_new_privs },
	{ "seccomp", "rights", CHECK_WATCH, check_seccomp },
	{ "tcp_retransmit_synack", "BPF", CHECK_WATCH, check_synack },
	{ "tcp_send_reset", "BPF", CHECK_WATCH, check_reset },
	{ "programs", "BPF", CHECK_WATCH, check_programs },
	{ "sock_from_file", "BPF", CHECK_WATCH | CHECK_AUDIT, check_sock_from_file },
	{ "tp_btf", "BPF", CHECK_WATCH, check_tp_btf },
	{ "iter_tcp", "BPF", CHECK_AUDIT, check_iter_tcp },
	{ "socket_table", "BPF", CHECK_AUDIT, check_socket_table },
	{ "iter_task_file", "BPF", CHECK_WATCH | CHECK_AUDIT, check_iter_task_file },
	{ "socket_storage", "BPF", CHECK_WATCH, check_storage },
	{ "socket_cookie", "BPF", CHECK_WATCH | CHECK_AUDIT, check_cookie },
	{ "memlock", "BPF", CHECK_WATCH | CHECK_AUDIT, check_memlock },
	{ "ring_buffer", "BPF", CHECK_WATCH, check_ring },
	{ "proc", "mounts", CHECK_AUDIT, check_proc },
	{ "sys", "mounts", CHECK_WATCH | CHECK_AUDIT, check_sys },
	{ "cgroup_v2", "mounts", CHECK_WATCH, check_cgroup },
	{ "pid_namespace", "processes", CHECK_WATCH | CHECK_AUDIT, check_pids },
	{ "namespaces", "network namespaces", CHECK_AUDIT, check_namespaces },
};

#define LISTED (sizeof(list) / sizeof(list[0]))

static void run(size_t i, struct check *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->name = list[i].name;
	ret->group = list[i].group;
	ret->needed_for = list[i].needed_for;
	list[i].run(ret);
}

size_t checks_run(struct check *ret)
{
	size_t i;

	_Static_assert(LISTED <= CHECKS_MAX, "room for all");
	for (i = 0; i < LISTED; i++)
		run(i, &ret[i]);
	return LISTED;
}

void checks_explain(enum check_for command, const char *what, int err, struct failure *reterr)
{
	struct check c;
	size_t i;

	if (err == -EMFILE) {
		failure_set(reterr, true,
			    "cannot %s: this process may not open that many files; ulimit -n 1024, "
			    "or LimitNOFILE= of its service",
			    what);
		return;
	}
	for (i = 0; i < LISTED; i++) {
		if (!(list[i].needed_for & command))
			continue;
		run(i, &c);
		if (c.status != CHECK_NO)
			continue;
		failure_set(reterr, true, "cannot %s (%s): %s; %s", what, strerror(-err), c.found,
			    c.fix);
		return;
	}
	failure_set(
		reterr, true,
		"cannot %s (%s), although `tcpconnstate doctor` finds nothing missing; -v shows "
		"libbpf's messages",
		what, strerror(-err));
}
