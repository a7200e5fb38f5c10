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

struct kernel_types {
	void *bytes; /* of the file; NULL: the caller's */
	size_t len;
	bool mapped;
	const uint8_t *types;
	const char *strings;
	uint32_t strings_len;
	uint32_t *at; /* of a type, by its number; [0] is void */
	uint32_t n;
};

/* ---- the whole ------------------------------------------------------------------------------- */

/* Behind a type: what belongs to it; UINT32_MAX: no such kind is known. */
static uint32_t more_of(const struct btf_type *type)
{
	const uint32_t n = btf_vlen(type);

	switch (btf_kind(type)) {
	case BTF_KIND_INT:
		return sizeof(uint32_t);
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return n * sizeof(struct btf_member);
	case BTF_KIND_ENUM:
		return n * sizeof(struct btf_enum);
	case BTF_KIND_ENUM64:
		return n * sizeof(struct btf_enum64);
	case BTF_KIND_FUNC_PROTO:
		return n * sizeof(struct btf_param);
	case BTF_KIND_VAR:
		return sizeof(struct btf_var);
	case BTF_KIND_DATASEC:
		return n * sizeof(struct btf_var_secinfo);
	case BTF_KIND_DECL_TAG:
		return sizeof(struct btf_decl_tag);
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
	default:
		return UINT32_MAX;
	}
}

static int number_all(struct kernel_types *t, uint32_t len)
{
	uint32_t at, more;

	t->at = malloc((len / sizeof(struct btf_type) + 1) * sizeof(*t->at));
	if (!t->at)
		return -ENOMEM;
	t->at[0] = 0;
	t->n = 1;
	for (at = 0; at < len; at += (uint32_t)sizeof(struct btf_type) + more) {
		if (len - at < sizeof(struct btf_type))
			return -EINVAL;
		more = more_of((const struct btf_type *)(t->types + at));
		if (more > len - at - sizeof(struct btf_type))
			return -EINVAL;
		t->at[t->n++] = at;
	}
	return 0;
}

/* A section of the file. */
static bool is_inside(size_t rest, uint32_t off, uint32_t len)
{
	return off <= rest && len <= rest - off;
}

static int take_apart(struct kernel_types *t, const void *bytes, size_t len)
{
	const struct btf_header *head = bytes;
	size_t rest;

	if (len < sizeof(*head) || head->magic != BTF_MAGIC || head->hdr_len < sizeof(*head) ||
	    head->hdr_len > len)
		return -EINVAL;
	rest = len - head->hdr_len;
	if (!is_inside(rest, head->type_off, head->type_len) || head->type_off % 4 ||
	    head->hdr_len % 4 || !is_inside(rest, head->str_off, head->str_len) || !head->str_len)
		return -EINVAL;
	t->types = (const uint8_t *)bytes + head->hdr_len + head->type_off;
	t->strings = (const char *)bytes + head->hdr_len + head->str_off;
	t->strings_len = head->str_len;
	if (t->strings[0] || t->strings[t->strings_len - 1])
		return -EINVAL;
	return number_all(t, head->type_len);
}

int kernel_types_new(const void *bytes, size_t len, struct kernel_types **ret)
{
	struct kernel_types *t = calloc(1, sizeof(*t));
	int err = t ? take_apart(t, bytes, len) : -ENOMEM;

	if (err)
		kernel_types_close(t);
	else
		*ret = t;
	return err;
}

/* sysfs gives a page at a time. */
static int read_all(int fd, uint8_t *to, size_t len)
{
	while (len) {
		ssize_t n = read(fd, to, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		to += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Before 6.16 the file cannot be mapped. */
static int get_bytes(int fd, size_t len, void **ret, bool *ret_mapped)
{
	void *bytes = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
	int err;

	*ret_mapped = bytes != MAP_FAILED;
	if (!*ret_mapped) {
		bytes = malloc(len);
		err = bytes ? read_all(fd, bytes, len) : -ENOMEM;
		if (err) {
			free(bytes);
			return err;
		}
	}
	*ret = bytes;
	return 0;
}

static void release_bytes(void *bytes, size_t len, bool mapped)
{
	if (mapped)
		munmap(bytes, len);
	else
		free(bytes);
}

int kernel_types_open(const char *path, struct kernel_types **ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;
	struct stat st;
	void *bytes;
	bool mapped;

	if (fd < 0)
		return -errno;
	err = fstat(fd, &st) ? -errno : 0;
	if (!err && (st.st_size <= 0 || st.st_size > UINT32_MAX))
		err = -EINVAL;
	if (!err)
		err = get_bytes(fd, (size_t)st.st_size, &bytes, &mapped);
	close(fd);
	if (err)
		return err;
	err = kernel_types_new(bytes, (size_t)st.st_size, ret);
	if (err) {
		release_bytes(bytes, (size_t)st.st_size, mapped);
		return err;
	}
	(*ret)->bytes = bytes;
	(*ret)->len = (size_t)st.st_size;
	(*ret)->mapped = mapped;
	return 0;
}

void kernel_types_close(struct kernel_types *types)
{
	if (!types)
		return;
	if (types->bytes)
		release_bytes(types->bytes, types->len, types->mapped);
	free(types->at);
	free(types);
}

uint32_t kernel_types_count(const struct kernel_types *types)
{
	return types->n;
}

const struct btf_type *kernel_types_at(const struct kernel_types *types, uint32_t id)
{
	return id && id < types->n ? (const struct btf_type *)(types->types + types->at[id]) : NULL;
}

const char *kernel_types_name(const struct kernel_types *types, uint32_t name_off)
{
	return name_off < types->strings_len ? types->strings + name_off : "";
}

/* ---- what is in the excerpt ------------------------------------------------------------------ */

struct bytes {
	uint8_t *data;
	size_t len, cap;
};

struct excerpt {
	const struct kernel_types *all;
	uint32_t *number; /* of a type in here, by its number in all; 0: not in here */
	uint32_t *from;	  /* the other way round; [0] means void */
	uint32_t n;
	struct bytes types, strings;
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
	for (id = 1; id < e->all->n; id++) {
		const struct btf_type *type = kernel_types_at(e->all, id);
		const char *name;

		if (!can_be_named(type))
			continue;
		name = kernel_types_name(e->all, type->name_off);
		if (sieve.starts[start_of(name) >> 6] >> (start_of(name) & 63) & 1 &&
		    bsearch(name, names, n, sizeof(*names), compare))
			(void)number_of(e, id);
	}
}

/* ---- writing it ------------------------------------------------------------------------------ */

/* Where the copy is; NULL: out of memory. */
static void *append(struct bytes *to, const void *from, size_t len)
{
	size_t cap = to->cap ? to->cap : 1 << 16;
	void *grown;

	while (cap - to->len < len)
		cap *= 2;
	if (cap != to->cap) {
		grown = realloc(to->data, cap);
		if (!grown)
			return NULL;
		to->data = grown;
		to->cap = cap;
	}
	memcpy(to->data + to->len, from, len);
	to->len += len;
	return to->data + to->len - len;
}

/* The name goes along. */
static int rename_in(struct excerpt *e, uint32_t *name_off)
{
	const char *name = kernel_types_name(e->all, *name_off);

	*name_off = name[0] ? (uint32_t)e->strings.len : 0;
	return !name[0] || append(&e->strings, name, strlen(name) + 1) ? 0 : -ENOMEM;
}

static int renumber_members(struct excerpt *e, struct btf_type *type)
{
	uint32_t i;
	int err = 0;

	for (i = 0; !err && i < btf_vlen(type); i++) {
		btf_members(type)[i].type = number_of(e, btf_members(type)[i].type);
		err = rename_in(e, &btf_members(type)[i].name_off);
	}
	return err;
}

static int rename_values(struct excerpt *e, struct btf_type *type)
{
	uint32_t i;
	int err = 0;

	for (i = 0; !err && i < btf_vlen(type); i++)
		err = rename_in(e, btf_is_enum64(type) ? &btf_enum64(type)[i].name_off :
							 &btf_enum(type)[i].name_off);
	return err;
}

/* What it refers to gets its number here; only that of a pointer is lost. */
static int renumber(struct excerpt *e, struct btf_type *type)
{
	switch (btf_kind(type)) {
	case BTF_KIND_INT:
	case BTF_KIND_FLOAT:
	case BTF_KIND_FWD:
		return 0;
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		return rename_values(e, type);
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
		return renumber_members(e, type);
	default:
		return -EINVAL; /* no value is of such a type */
	}
}

/* One after another; more join meanwhile. Each at most once. */
static int add_types(struct excerpt *e)
{
	uint32_t i;
	int err = append(&e->strings, "", 1) ? 0 : -ENOMEM;

	for (i = 1; !err && i < e->n; i++) {
		const struct btf_type *type = kernel_types_at(e->all, e->from[i]);
		struct btf_type *copy = append(&e->types, type, sizeof(*type) + more_of(type));

		err = copy ? rename_in(e, &copy->name_off) : -ENOMEM;
		if (!err)
			err = renumber(e, copy);
	}
	return err;
}

static int write_file(const struct excerpt *e)
{
	const struct btf_header head = {
		.magic = BTF_MAGIC,
		.version = BTF_VERSION,
		.hdr_len = sizeof(head),
		.type_len = (uint32_t)e->types.len,
		.str_off = (uint32_t)e->types.len,
		.str_len = (uint32_t)e->strings.len,
	};
	const struct {
		const void *data;
		size_t len;
	} parts[] = { { &head, sizeof(head) },
		      { e->types.data, e->types.len },
		      { e->strings.data, e->strings.len } };
	int fd = memfd_create("kernel types", MFD_CLOEXEC), err;
	size_t i;

	if (fd < 0)
		return -errno;
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		/* Memory takes all at once, or has no room. */
		if (!parts[i].len ||
		    write(fd, parts[i].data, parts[i].len) == (ssize_t)parts[i].len)
			continue;
		err = errno ? -errno : -EIO;
		close(fd);
		return err;
	}
	return fd;
}

int kernel_types_excerpt(const struct kernel_types *all, const char *const *names, size_t n_names)
{
	struct excerpt e = {
		.all = all,
		.number = calloc(all->n, sizeof(*e.number)),
		.from = malloc(all->n * sizeof(*e.from)),
		.n = 1,
	};
	int ret = -ENOMEM;

	if (e.number && e.from) {
		take_names(&e, names, n_names);
		ret = add_types(&e);
		if (!ret)
			ret = write_file(&e);
	}
	free(e.number);
	free(e.from);
	free(e.types.data);
	free(e.strings.data);
	return ret;
}
