/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_CHECKS_INSIDE_H
#define TCS_CHECKS_INSIDE_H

/*
 * checks_inside.h - what the parts of the checks share, and nobody else includes
 *
 * checks.c has the list, in its order, and what is made of it; checks_host.c the kernel, the rights
 * and where we are; checks_binary.c the program's own file; checks_confine.c what is given up after
 * the start; checks_bpf.c what BPF programs can do. To add one: a function in one of
 * them, its name below, a row in the list. Bounds and errors: checks.h.
 */
#include <stdbool.h>

#include "checks.h"

/* What was found; longer sentences are cut. */
void check_say(struct check *c, enum check_status status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void check_set(char to[200], const char *text);
/* What the kernel's types would tell cannot be told without them: then it says so. */
bool check_without_btf(struct check *c, const char *title);
/* Those that BPF programs need. */
bool check_has_rights(void);

typedef void check_fn(struct check *c);

check_fn check_kernel, check_btf, check_lockdown, check_user_ns, check_cap_bpf, check_cap_perfmon,
	check_cap_sys_admin, check_cap_sys_ptrace, check_no_new_privs, check_seccomp,
	check_unprivileged_bpf, check_memlock, check_tp_btf, check_synack, check_reset,
	check_programs, check_ring, check_iter_tcp, check_socket_table, check_iter_task_file,
	check_sock_from_file, check_storage, check_cookie, check_netns_cookie, check_proc,
	check_sys, check_cgroup, check_pids, check_namespaces, check_binary, check_user;

#endif /* TCS_CHECKS_INSIDE_H */
