// SPDX-License-Identifier: GPL-2.0-only
#include "cgroup_names.h"

#include <errno.h>
#include <fts.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "hash.h"

#define WALK_PAUSE_MS 1000

struct name {
	uint64_t id;
	char *path;
};

struct cgroup_names {
	char *root; /* of the v2 mount; NULL: there is none */
	struct name *names;
	uint32_t n, cap;
	struct hash by_id;
	size_t bytes; /* of all paths */
	uint64_t last_walk_ms;
	bool walked;
};

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* /proc/self/mounts writes blanks and the like as \ooo. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && is_octal(s[2]) &&
		    is_octal(s[3])) {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

bool cgroup_names_parse_mount(const char *line, char ret[CGROUP_NAMES_MOUNT])
{
	char type[64];

	if (sscanf(line, "%*s %4095s %63s", ret, type) != 2 || strcmp(type, "cgroup2"))
		return false;
	unescape(ret);
	return true;
}

static char *find_root(void)
{
	FILE *mounts = fopen("/proc/self/mounts", "re");
	char line[CGROUP_NAMES_MOUNT], path[CGROUP_NAMES_MOUNT], *root = NULL;

	if (!mounts)
		return NULL;
	while (!root && fgets(line, sizeof(line), mounts))
		if (cgroup_names_parse_mount(line, path))
			root = strdup(path);
	fclose(mounts);
	return root;
}

static void add(struct cgroup_names *names, uint64_t id, const char *path)
{
	size_t len = strlen(path);
	uint32_t known;

	if (hash_find(&names->by_id, id, &known) || names->n == CGROUP_NAMES_MAX ||
	    len > CGROUP_NAMES_BYTES - names->bytes)
		return;
	if (names->n == names->cap) {
		uint32_t cap = names->cap ? names->cap * 2 : 64;
		struct name *grown = realloc(names->names, cap * sizeof(*grown));

		if (!grown)
			return;
		names->names = grown;
		names->cap = cap;
	}
	names->names[names->n] = (struct name){ .id = id, .path = strdup(*path ? path : "/") };
	if (names->names[names->n].path && !hash_add(&names->by_id, id, names->n)) {
		names->n++;
		names->bytes += len;
	} else
		free(names->names[names->n].path);
}

static void walk(struct cgroup_names *names)
{
	char *roots[] = { names->root, NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	size_t prefix = strlen(names->root);
	FTSENT *e;

	if (!fts)
		return;
	while ((e = fts_read(fts)))
		if (e->fts_info == FTS_D)
			add(names, e->fts_statp->st_ino, e->fts_path + prefix);
	fts_close(fts);
}

int cgroup_names_new_empty(struct cgroup_names **ret)
{
	struct cgroup_names *names = calloc(1, sizeof(*names));

	if (!names || hash_init(&names->by_id)) {
		free(names);
		return -ENOMEM;
	}
	*ret = names;
	return 0;
}

int cgroup_names_new(struct cgroup_names **ret)
{
	int err = cgroup_names_new_empty(ret);

	if (!err)
		(*ret)->root = find_root();
	return err;
}

void cgroup_names_tell(struct cgroup_names *names, uint64_t id, const char *path)
{
	add(names, id, path);
}

void cgroup_names_free(struct cgroup_names *names)
{
	uint32_t i;

	if (!names)
		return;
	for (i = 0; i < names->n; i++)
		free(names->names[i].path);
	free(names->names);
	free(names->root);
	hash_release(&names->by_id);
	free(names);
}

const char *cgroup_names_root(const struct cgroup_names *names)
{
	return names->root;
}

const char *cgroup_names_find(struct cgroup_names *names, uint64_t id, uint64_t now_ms)
{
	uint32_t index;

	if (!id)
		return NULL;
	if (hash_find(&names->by_id, id, &index))
		return names->names[index].path;
	if (!names->root)
		return NULL;
	if (names->walked && now_ms - names->last_walk_ms < WALK_PAUSE_MS)
		return NULL;
	names->walked = true;
	names->last_walk_ms = now_ms;
	walk(names);
	return hash_find(&names->by_id, id, &index) ? names->names[index].path : NULL;
}
