/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_RESOLVE_H
#define TCS_RESOLVE_H

/*
 * resolve.h - names that only the running host can turn into numbers
 *
 * The kernel side knows a network namespace and a cgroup by inode number and a user by uid; people
 * type names and paths. This module asks /proc, /run/netns, the cgroup mount and the user database.
 *
 * Nothing is kept: no open files, no state. Each function returns 0 or -errno, writes its results
 * only on success, and on failure puts a constant half sentence into *reterr_why (never NULL),
 * made to follow the name that was typed: "'web': no such network namespace in /run/netns".
 */
#include <stdbool.h>
#include <stdint.h>

/*
 * A network namespace: "all" (inode 0), "self", a path (anything with a '/', such as
 * /proc/PID/ns/net), a number or "net:[NUMBER]" (the inode itself, taken as it is), else a name
 * known to ip-netns(8). A name made of digits only must be given as its path.
 *
 * -EINVAL  not a namespace, or not a network namespace
 * others   what open(2) said
 */
int resolve_netns(const char *spec, uint32_t *ret_inode, const char **reterr_why);

/*
 * Is this a name that may lead to another namespace later: a name known to ip-netns(8), or a path
 * but for /proc/PID/ns/net?
 */
bool resolve_netns_is_name(const char *spec);

/*
 * A cgroup v2 directory, given by its path in the file system or below the v2 mount
 * ("/system.slice/x.service", "system.slice"). The id is the directory's inode number, which is
 * what bpf_get_current_cgroup_id() returns; the level is its depth below the root of the whole
 * hierarchy (0 = the root itself), the index the kernel keeps a cgroup's ancestors by.
 *
 * -ENODEV      no cgroup v2 mount on this host
 * -EINVAL      it exists, but is no directory of a cgroup v2 hierarchy
 * -EOPNOTSUPP  we are inside a cgroup namespace that hides how deep its root lies
 * others       what stat(2) said
 */
int resolve_cgroup(const char *path, uint64_t *ret_id, uint32_t *ret_level,
		   const char **reterr_why);

/*
 * A file with types (BTF), raw or in an ELF file; whether they are those of this kernel is seen
 * when a program is loaded. -EINVAL: it is neither; others: what open(2) said.
 */
int resolve_btf(const char *path, const char **reterr_why);

/* A user name to its number; -ENOENT when nobody has it. */
int resolve_user(const char *name, uint32_t *ret_uid, const char **reterr_why);

#endif /* TCS_RESOLVE_H */
