// SPDX-License-Identifier: GPL-2.0-only
#include "checks.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "checks_inside.h"
#include "feature.h"

void check_say(struct check *c, enum check_status status, const char *format, ...)
{
	va_list args;

	c->status = status;
	va_start(args, format);
	vsnprintf(c->found, sizeof(c->found), format, args);
	va_end(args);
}

void check_set(char to[200], const char *text)
{
	snprintf(to, 200, "%s", text);
}

bool check_without_btf(struct check *c, const char *title)
{
	if (!feature_get()->btf.error)
		return false;
	check_say(c, CHECK_UNKNOWN, "%s", title);
	check_set(c->path, "not tried: that needs the kernel's types (BTF)");
	return true;
}

/* ---- the list -------------------------------------------------------------------------------- */

/* In an order in which the first that says no is the cause, and the others may be its effects. */
static const struct {
	const char *name;
	const char *group;
	unsigned int needed_for;
	check_fn *run;
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
	{ "file_capabilities", "rights", CHECK_WATCH | CHECK_AUDIT, check_binary },
	{ "user", "rights", CHECK_WATCH, check_user },
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
	{ "netns_cookie", "BPF", CHECK_WATCH | CHECK_AUDIT, check_netns_cookie },
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
