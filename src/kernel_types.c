// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_types.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct excerpt {
	const struct btf *all;
	uint32_t n_all;
	uint32_t *number; /* of a type in here, by its number in all; 0: not in here */
	uint32_t *from;	  /* the other way round; [0] means void */
	uint32_t n;
	struct btf *some;
};

/* ---- what is in it --------------------------------------------------------------------------- */

/* Its number in here. Types that nothing holds by value have none. */
static uint32_t number_of(struct excerpt *e, uint32_t id)
{
	if (!id || id >= e->n_all)
		return 0;
	if (!e->number[id]) {
		e->number[id] = e->n;
		e->from[e->n++] = id;
	}
	return e->number[id];
}

static bool can_be_named(const struct btf_type *type)
{
	return type->name_off &&
	       (btf_is_composite(type) || btf_is_any_enum(type) || btf_is_typedef(type));
}

/* One in a hundred gets as far as a search. */
struct sieve {
	uint64_t starts[1024]; /* the first two characters of the names */
};

static uint16_t start_of(const char *name)
{
	return (uint16_t)((uint8_t)name[0] | (name[0] ? (uint8_t)name[1] << 8 : 0));
}

static int compare(const void *name, const void *at)
{
	return strcmp(name, *(const char *const *)at);
}

static void take_names(struct excerpt *e, const char *const *names, size_t n)
{
	struct sieve sieve = { { 0 } };
	uint32_t id;
	size_t i;

	for (i = 0; i < n; i++)
		sieve.starts[start_of(names[i]) >> 6] |= 1ull << (start_of(names[i]) & 63);
	for (id = 1; id < e->n_all; id++) {
		const struct btf_type *type = btf__type_by_id(e->all, id);
		const char *name;

		if (!can_be_named(type))
			continue;
		name = btf__name_by_offset(e->all, type->name_off);
		if (name && sieve.starts[start_of(name) >> 6] >> (start_of(name) & 63) & 1 &&
		    bsearch(name, names, n, sizeof(*names), compare))
			(void)number_of(e, id);
	}
}

/* ---- writing it ------------------------------------------------------------------------------ */

/* What it refers to gets its number here; only that of a pointer is lost. */
static int renumber(struct excerpt *e, struct btf_type *type)
{
	uint32_t i;

	switch (btf_kind(type)) {
	case BTF_KIND_INT:
	case BTF_KIND_FLOAT:
	case BTF_KIND_FWD:
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		return 0;
	case BTF_KIND_PTR:
		type->type = 0;
		return 0;
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_TYPE_TAG:
		type->type = number_of(e, type->type);
		return 0;
	case BTF_KIND_ARRAY:
		btf_array(type)->type = number_of(e, btf_array(type)->type);
		btf_array(type)->index_type = number_of(e, btf_array(type)->index_type);
		return 0;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		for (i = 0; i < btf_vlen(type); i++)
			btf_members(type)[i].type = number_of(e, btf_members(type)[i].type);
		return 0;
	default:
		return -EINVAL; /* no value is of such a type */
	}
}

/* One after another; more join meanwhile. Each at most once. */
static int add_types(struct excerpt *e)
{
	uint32_t i;

	for (i = 1; i < e->n; i++) {
		const struct btf_type *type = btf__type_by_id(e->all, e->from[i]);
		int id = btf__add_type(e->some, e->all, type), err;

		if (id < 0)
			return id;
		/* (What has been added may be written to: libbpf hands out its own copy.) */
		err = renumber(e, (struct btf_type *)btf__type_by_id(e->some, (uint32_t)id));
		if (err)
			return err;
	}
	return 0;
}

static int write_file(const struct btf *btf)
{
	uint32_t len;
	const char *bytes = btf__raw_data(btf, &len);
	int fd = bytes ? memfd_create("kernel types", MFD_CLOEXEC) : -1, err;

	if (fd < 0)
		return bytes ? -errno : -ENOMEM;
	/* Memory takes all at once, or has no room. */
	if (write(fd, bytes, len) == (ssize_t)len)
		return fd;
	err = errno ? -errno : -EIO;
	close(fd);
	return err;
}

int kernel_types_excerpt(const struct btf *all, const char *const *names, size_t n_names)
{
	uint32_t n = btf__type_cnt(all);
	struct excerpt e = {
		.all = all,
		.n_all = n,
		.number = calloc(n, sizeof(*e.number)),
		.from = malloc(n * sizeof(*e.from)),
		.n = 1,
		.some = btf__new_empty(),
	};
	int ret = -ENOMEM;

	if (e.number && e.from && e.some) {
		take_names(&e, names, n_names);
		ret = add_types(&e);
		if (!ret)
			ret = write_file(e.some);
	}
	free(e.number);
	free(e.from);
	btf__free(e.some);
	return ret;
}
