/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_CGROUP_NAMES_H
#define TCS_CGROUP_NAMES_H

/*
 * cgroup_names.h - from a cgroup's id to its path
 *
 * The kernel gives a socket's cgroup as the inode number of its cgroup v2 directory. Directories
 * are walked when an unknown id is first asked for, at most once a second, and remembered: a
 * cgroup that is gone before we looked stays without a name, one that went away later keeps it.
 *
 * Bounds: CGROUP_NAMES_MAX directories and CGROUP_NAMES_BYTES of paths; beyond, ids stay without a
 * name. Errors: -ENOMEM; a host without cgroup v2 is no error, every name is then unknown.
 */
#include <stdbool.h>
#include <stdint.h>

#define CGROUP_NAMES_MAX   65536
#define CGROUP_NAMES_BYTES (16u << 20) /* of all paths together */

struct cgroup_names;

int cgroup_names_new(struct cgroup_names **ret);
/* Knows only what it is told; of this host nothing is asked. */
int cgroup_names_new_empty(struct cgroup_names **ret);
void cgroup_names_free(struct cgroup_names *names); /* accepts NULL */

/* Where cgroup v2 is mounted; NULL: nowhere. */
const char *cgroup_names_root(const struct cgroup_names *names);
/* What is known already stays. */
void cgroup_names_tell(struct cgroup_names *names, uint64_t id, const char *path);

/*
 * The path below the v2 mount ("/system.slice/nginx.service", "/"), or NULL. Lives as long as
 * `names`. now_ms: any clock that does not go backwards.
 */
const char *cgroup_names_find(struct cgroup_names *names, uint64_t id, uint64_t now_ms);

/* A line of /proc/PID/mounts: true, with where it is, when it mounts cgroup v2. Pure. */
#define CGROUP_NAMES_MOUNT 4096
bool cgroup_names_parse_mount(const char *line, char ret[CGROUP_NAMES_MOUNT]);

#endif /* TCS_CGROUP_NAMES_H */
