// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_types.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- reading --------------------------------------------------------------------------------- */

static int read_all(int fd, char *to, size_t len)
{
	size_t have = 0;

	while (have < len) {
		ssize_t n = read(fd, to + have, len - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EINVAL;
		have += (size_t)n;
	}
	return 0;
}

/* NULL: not possible. */
static char *map(size_t len, int flags, int fd)
{
	void *at = mmap(NULL, len, PROT_READ | (fd < 0 ? PROT_WRITE : 0), flags, fd, 0);

	return at == MAP_FAILED ? NULL : at;
}

/* Since Linux 6.16 the kernel lends its own pages; before that it copies one in each read. */
static int take_file(int fd, struct kernel_types *t)
{
	struct stat st;

	if (fstat(fd, &st))
		return -EIO;
	if (st.st_size < (off_t)sizeof(struct btf_header) || st.st_size > UINT32_MAX)
		return -EINVAL;
	t->n_bytes = (size_t)st.st_size;
	t->bytes = map(t->n_bytes, MAP_PRIVATE, fd);
	if (t->bytes)
		return 0;
	t->bytes = map(t->n_bytes, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1);
	return t->bytes ? read_all(fd, t->bytes, t->n_bytes) : -ENOMEM;
}

/* Bytes that follow the head of a type (Documentation/bpf/btf.rst); -1: nobody knows. */
static long tail_of(const struct btf_type *type)
{
	long n = btf_vlen(type);

	switch (btf_kind(type)) {
	case BTF_KIND_PTR:
	case BTF_KIND_FWD:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_FUNC:
	case BTF_KIND_FLOAT:
	case BTF_KIND_TYPE_TAG:
		return 0;
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return sizeof(uint32_t);
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return n * (long)sizeof(struct btf_member);
	case BTF_KIND_ENUM:
		return n * (long)sizeof(struct btf_enum);
	case BTF_KIND_ENUM64:
		return n * (long)sizeof(struct btf_enum64);
	case BTF_KIND_FUNC_PROTO:
		return n * (long)sizeof(struct btf_param);
	case BTF_KIND_DATASEC:
		return n * (long)sizeof(struct btf_var_secinfo);
	default:
		return -1;
	}
}

/* Where each type begins. A type is 12 bytes or more, so there cannot be more than that. */
static int index_types(struct kernel_types *t, size_t from, size_t to)
{
	size_t head = sizeof(struct btf_type), at = from;

	t->at = malloc(((to - from) / head + 1) * sizeof(*t->at));
	if (!t->at)
		return -ENOMEM;
	t->at[0] = 0;
	for (t->n = 1; at < to; t->n++) {
		long tail = to - at < head ? 0 : tail_of((const struct btf_type *)(t->bytes + at));

		if (tail < 0)
			return -ENOTSUP;
		if (to - at < head + (size_t)tail)
			return -EINVAL;
		t->at[t->n] = (uint32_t)at;
		at += head + (size_t)tail;
	}
	return 0;
}

static int index_file(struct kernel_types *t)
{
	const struct btf_header *h = (const struct btf_header *)t->bytes;
	uint64_t types, names;

	if (h->magic != BTF_MAGIC || h->version != BTF_VERSION || h->hdr_len < sizeof(*h))
		return -EINVAL;
	types = (uint64_t)h->hdr_len + h->type_off;
	names = (uint64_t)h->hdr_len + h->str_off;
	if (types % sizeof(uint32_t) || types + h->type_len > t->n_bytes || !h->str_len ||
	    names + h->str_len > t->n_bytes || t->bytes[names + h->str_len - 1])
		return -EINVAL;
	t->names = t->bytes + names;
	t->n_names = h->str_len;
	return index_types(t, types, types + h->type_len);
}

int kernel_types_read(const char *path, struct kernel_types *ret)
{
	struct kernel_types t = { 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	err = take_file(fd, &t);
	close(fd);
	if (!err)
		err = index_file(&t);
	if (err)
		kernel_types_release(&t);
	else
		*ret = t;
	return err;
}

void kernel_types_release(struct kernel_types *t)
{
	if (t->bytes)
		munmap(t->bytes, t->n_bytes);
	free(t->at);
	*t = (struct kernel_types){ 0 };
}

const struct btf_type *kernel_types_at(const struct kernel_types *t, uint32_t id)
{
	return (const struct btf_type *)(t->bytes + t->at[id]);
}

const char *kernel_types_name(const struct kernel_types *t, uint32_t name_off)
{
	return name_off < t->n_names ? t->names + name_off : "";
}

/* ---- what an excerpt has --------------------------------------------------------------------- */

struct excerpt {
	const struct kernel_types *all;
	uint32_t *number; /* of a type in here, by its number in all; 0: not in here */
	uint32_t *from;	  /* the other way round; [0] means void */
	uint32_t n;
	char *types;
	size_t n_types;
	char *names;
	size_t n_names, room_names;
	int err; /* of what was written so far */
};

/* Its number in here. Types that nothing holds by value have none. */
static uint32_t number_of(struct excerpt *e, uint32_t id)
{
	if (!id || id >= e->all->n)
		return 0;
	if (!e->number[id]) {
		e->number[id] = e->n;
		e->from[e->n++] = id;
	}
	return e->number[id];
}

static bool has_name(const struct btf_type *type)
{
	switch (btf_kind(type)) {
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
	case BTF_KIND_TYPEDEF:
		return type->name_off;
	default:
		return false;
	}
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
	for (id = 1; id < e->all->n; id++) {
		const struct btf_type *type = kernel_types_at(e->all, id);
		const char *name;

		if (!has_name(type))
			continue;
		name = kernel_types_name(e->all, type->name_off);
		if (sieve.starts[start_of(name) >> 6] >> (start_of(name) & 63) & 1 &&
		    bsearch(name, names, n, sizeof(*names), compare))
			(void)number_of(e, id);
	}
}

/* ---- writing it ------------------------------------------------------------------------------ */

static void renumber(struct excerpt *e, uint32_t *id)
{
	*id = number_of(e, *id);
}

static void rename_to(struct excerpt *e, uint32_t *name_off)
{
	const char *name = kernel_types_name(e->all, *name_off);
	size_t len = strlen(name) + 1;

	*name_off = 0; /* "" */
	if (len == 1)
		return;
	if (len > e->room_names - e->n_names) {
		size_t room = e->room_names * 2 + len;
		char *more = realloc(e->names, room);

		if (!more) {
			e->err = -ENOMEM;
			return;
		}
		e->names = more;
		e->room_names = room;
	}
	*name_off = (uint32_t)e->n_names;
	memcpy(e->names + e->n_names, name, len);
	e->n_names += len;
}

/* What it refers to gets its number here; only that of a pointer is lost. */
static void translate(struct excerpt *e, struct btf_type *type)
{
	uint32_t i, n = btf_vlen(type);

	rename_to(e, &type->name_off);
	switch (btf_kind(type)) {
	case BTF_KIND_INT:
	case BTF_KIND_FLOAT:
	case BTF_KIND_FWD:
		break;
	case BTF_KIND_PTR:
		type->type = 0;
		break;
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_TYPE_TAG:
		renumber(e, &type->type);
		break;
	case BTF_KIND_ARRAY:
		renumber(e, &btf_array(type)->type);
		renumber(e, &btf_array(type)->index_type);
		break;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		for (i = 0; i < n; i++) {
			rename_to(e, &btf_members(type)[i].name_off);
			renumber(e, &btf_members(type)[i].type);
		}
		break;
	case BTF_KIND_ENUM:
		for (i = 0; i < n; i++)
			rename_to(e, &((struct btf_enum *)(type + 1))[i].name_off);
		break;
	case BTF_KIND_ENUM64:
		for (i = 0; i < n; i++)
			rename_to(e, &((struct btf_enum64 *)(type + 1))[i].name_off);
		break;
	default:
		e->err = -EINVAL; /* no value is of such a type */
	}
}

/* One after another; more join meanwhile. Each at most once, so there is room for them. */
static void write_types(struct excerpt *e)
{
	uint32_t i;

	for (i = 1; !e->err && i < e->n; i++) {
		const struct btf_type *type = kernel_types_at(e->all, e->from[i]);
		size_t size = sizeof(*type) + (size_t)tail_of(type);

		memcpy(e->types + e->n_types, type, size);
		translate(e, (struct btf_type *)(e->types + e->n_types));
		e->n_types += size;
	}
}

static int write_all(int fd, const void *bytes, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = write(fd, (const char *)bytes + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		done += (size_t)n;
	}
	return 0;
}

static int write_file(const struct excerpt *e)
{
	struct btf_header head = {
		.magic = BTF_MAGIC,
		.version = BTF_VERSION,
		.hdr_len = sizeof(head),
		.type_len = (uint32_t)e->n_types,
		.str_off = (uint32_t)e->n_types,
		.str_len = (uint32_t)e->n_names,
	};
	int fd = memfd_create("kernel types", MFD_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	err = write_all(fd, &head, sizeof(head));
	if (!err)
		err = write_all(fd, e->types, e->n_types);
	if (!err)
		err = write_all(fd, e->names, e->n_names);
	if (!err)
		return fd;
	close(fd);
	return err;
}

int kernel_types_excerpt(const struct kernel_types *t, const char *const *names, size_t n_names)
{
	struct excerpt e = {
		.all = t,
		.number = calloc(t->n, sizeof(*e.number)),
		.from = malloc(t->n * sizeof(*e.from)),
		.n = 1,
		.types = malloc(t->n_bytes),
		.names = calloc(1, 1),
		.n_names = 1,
		.room_names = 1,
	};
	int ret = -ENOMEM;

	if (e.number && e.from && e.types && e.names) {
		take_names(&e, names, n_names);
		write_types(&e);
		ret = e.err ? e.err : write_file(&e);
	}
	free(e.number);
	free(e.from);
	free(e.types);
	free(e.names);
	return ret;
}
