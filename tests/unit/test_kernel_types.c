// SPDX-License-Identifier: GPL-2.0-only
/* test_kernel_types.c - what we and libbpf read in BTF, and in an excerpt of it, is the same */
#include <bpf/libbpf.h>
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "unit.h"

#include "kernel_types.h"

#define KERNEL "/sys/kernel/btf/vmlinux"

/* A file in memory, by its path. */
struct file {
	int fd;
	char path[32];
};

static void file_open(struct file *f, int fd)
{
	assert_true(fd >= 0);
	f->fd = fd;
	snprintf(f->path, sizeof(f->path), "/proc/self/fd/%d", fd);
}

static void file_make(struct file *f, const void *bytes, size_t len)
{
	file_open(f, memfd_create("test", MFD_CLOEXEC));
	assert_int_equal(write(f->fd, bytes, len), len);
}

static int id(int made)
{
	assert_true(made > 0);
	return made;
}

/*
 * struct inner { int a; struct other *b; };
 * struct outer { const struct inner in[3]; unsigned bits:3; enum colour c; };
 */
static struct btf *small(void)
{
	struct btf *btf = btf__new_empty();
	int number = id(btf__add_int(btf, "int", 4, BTF_INT_SIGNED));
	int other = id(btf__add_struct(btf, "other", 4)), pointer, inner, array, colour;

	assert_int_equal(btf__add_field(btf, "x", number, 0, 0), 0);
	pointer = id(btf__add_ptr(btf, other));
	inner = id(btf__add_struct(btf, "inner", 16));
	assert_int_equal(btf__add_field(btf, "a", number, 0, 0), 0);
	assert_int_equal(btf__add_field(btf, "b", pointer, 64, 0), 0);
	array = id(btf__add_array(btf, number, id(btf__add_const(btf, inner)), 3));
	colour = id(btf__add_enum(btf, "colour", 4));
	assert_int_equal(btf__add_enum_value(btf, "RED", 1), 0);
	assert_int_equal(btf__add_enum_value(btf, "BLUE", 2), 0);
	id(btf__add_struct(btf, "outer", 56));
	assert_int_equal(btf__add_field(btf, "in", array, 0, 0), 0);
	assert_int_equal(btf__add_field(btf, "bits", number, 384, 3), 0);
	assert_int_equal(btf__add_field(btf, "c", colour, 416, 0), 0);
	id(btf__add_func_proto(btf, number));
	id(btf__add_func(btf, "function", BTF_FUNC_GLOBAL, btf__type_cnt(btf) - 1));
	return btf;
}

static void file_of_btf(struct file *f, const struct btf *btf)
{
	uint32_t len;
	const void *bytes = btf__raw_data(btf, &len);

	file_make(f, bytes, len);
}

static struct btf *excerpt_of(const char *path, const char *const *names, size_t n)
{
	struct kernel_types types;
	struct file excerpt;
	struct btf *btf;

	assert_int_equal(kernel_types_read(path, &types), 0);
	file_open(&excerpt, kernel_types_excerpt(&types, names, n));
	kernel_types_release(&types);
	btf = btf__parse(excerpt.path, NULL);
	assert_non_null(btf);
	close(excerpt.fd);
	return btf;
}

/* ---- reading --------------------------------------------------------------------------------- */

static void assert_same(const struct kernel_types *types, const struct btf *btf)
{
	uint32_t i;

	assert_int_equal(types->n, btf__type_cnt(btf));
	for (i = 1; i < types->n; i++) {
		const struct btf_type *ours = kernel_types_at(types, i);
		const struct btf_type *theirs = btf__type_by_id(btf, i);

		assert_memory_equal(ours, theirs, sizeof(*ours));
		assert_string_equal(kernel_types_name(types, ours->name_off),
				    btf__name_by_offset(btf, theirs->name_off));
	}
}

static void reads_what_libbpf_reads(void **state)
{
	struct btf *btf = small();
	struct kernel_types types;
	struct file f;

	(void)state;
	file_of_btf(&f, btf);
	assert_int_equal(kernel_types_read(f.path, &types), 0);
	assert_same(&types, btf);
	assert_string_equal(kernel_types_name(&types, types.n_names), "");
	kernel_types_release(&types);
	btf__free(btf);
	close(f.fd);
}

static void what_is_no_btf_is_refused(void **state)
{
	struct btf *btf = small();
	struct kernel_types types;
	struct file f;
	uint32_t len, cut;
	const char *bytes = btf__raw_data(btf, &len);

	(void)state;
	assert_int_equal(kernel_types_read("/nosuch", &types), -ENOENT);
	for (cut = 0; cut < len; cut++) {
		file_make(&f, bytes, cut);
		assert_int_equal(kernel_types_read(f.path, &types), -EINVAL);
		close(f.fd);
	}
	btf__free(btf);
}

static void an_unknown_kind_is_told(void **state)
{
	struct btf *btf = small();
	struct kernel_types types;
	const uint32_t kind_31 = 31u << 24;
	struct file f;

	(void)state;
	file_of_btf(&f, btf);
	assert_int_equal(pwrite(f.fd, &kind_31, sizeof(kind_31),
				sizeof(struct btf_header) + offsetof(struct btf_type, info)),
			 sizeof(kind_31));
	assert_int_equal(kernel_types_read(f.path, &types), -ENOTSUP);
	close(f.fd);
	btf__free(btf);
}

/* Whatever a bit says, nothing is read where nothing is (check-san would tell). */
static void any_bit_may_be_wrong(void **state)
{
	static const char *const names[] = { "colour", "inner", "outer" };
	struct btf *btf = small();
	struct kernel_types types;
	struct file f;
	uint32_t len, bit;
	char byte;
	int fd;

	(void)state;
	file_of_btf(&f, btf);
	(void)btf__raw_data(btf, &len);
	for (bit = 0; bit < len * 8; bit++) {
		assert_int_equal(pread(f.fd, &byte, 1, bit / 8), 1);
		byte ^= (char)(1 << bit % 8);
		assert_int_equal(pwrite(f.fd, &byte, 1, bit / 8), 1);
		if (!kernel_types_read(f.path, &types)) {
			fd = kernel_types_excerpt(&types, names, COUNT(names));
			assert_true(fd >= 0 || fd == -EINVAL);
			if (fd >= 0)
				close(fd);
			kernel_types_release(&types);
		}
		byte ^= (char)(1 << bit % 8);
		assert_int_equal(pwrite(f.fd, &byte, 1, bit / 8), 1);
	}
	btf__free(btf);
	close(f.fd);
}

/* ---- the excerpt ----------------------------------------------------------------------------- */

static const struct btf_type *find(const struct btf *btf, const char *name, uint32_t kind)
{
	int found = btf__find_by_name_kind(btf, name, kind);

	return found > 0 ? btf__type_by_id(btf, (uint32_t)found) : NULL;
}

static void what_is_held_comes_along_and_what_is_pointed_to_does_not(void **state)
{
	static const char *const names[] = { "absent", "outer" };
	struct btf *all = small(), *btf;
	const struct btf_type *outer, *inner, *t;
	struct file f;

	(void)state;
	file_of_btf(&f, all);
	btf = excerpt_of(f.path, names, COUNT(names));
	outer = find(btf, "outer", BTF_KIND_STRUCT);
	inner = find(btf, "inner", BTF_KIND_STRUCT);
	assert_non_null(outer);
	assert_non_null(inner);
	assert_null(find(btf, "other", BTF_KIND_STRUCT));
	assert_null(find(btf, "function", BTF_KIND_FUNC));

	assert_int_equal(outer->size, 56);
	assert_int_equal(btf_vlen(outer), 3);
	assert_string_equal(btf__name_by_offset(btf, btf_members(outer)[1].name_off), "bits");
	assert_int_equal(btf_member_bit_offset(outer, 1), 384);
	assert_int_equal(btf_member_bitfield_size(outer, 1), 3);
	t = btf__type_by_id(btf, btf_members(outer)[0].type);
	assert_int_equal(btf_array(t)->nelems, 3);
	t = btf__type_by_id(btf, btf_array(t)->type);
	assert_true(btf_is_const(t) && btf__type_by_id(btf, t->type) == inner);
	t = btf__type_by_id(btf, btf_members(inner)[1].type);
	assert_true(btf_is_ptr(t) && !t->type);
	t = find(btf, "colour", BTF_KIND_ENUM);
	assert_non_null(t);
	assert_string_equal(btf__name_by_offset(btf, btf_enum(t)[1].name_off), "BLUE");
	assert_int_equal(btf_enum(t)[1].val, 2);
	btf__free(btf);
	btf__free(all);
	close(f.fd);
}

/* ---- the running kernel's -------------------------------------------------------------------- */

static const char *const of_programs[] = {
#include <type_names.h>
};

static void assert_same_members(const struct btf *a, const struct btf_type *ta, const struct btf *b,
				const struct btf_type *tb)
{
	uint32_t i;

	assert_int_equal(ta->info, tb->info);
	assert_int_equal(ta->size, tb->size);
	for (i = 0; btf_is_composite(ta) && i < btf_vlen(ta); i++) {
		const struct btf_member *ma = btf_members(ta) + i, *mb = btf_members(tb) + i;

		assert_string_equal(btf__name_by_offset(a, ma->name_off),
				    btf__name_by_offset(b, mb->name_off));
		assert_int_equal(ma->offset, mb->offset);
		assert_true(btf__resolve_size(a, ma->type) == btf__resolve_size(b, mb->type));
		assert_int_equal(btf_kind(btf__type_by_id(a, ma->type)),
				 btf_kind(btf__type_by_id(b, mb->type)));
	}
}

static void the_kernels_types_are_all_there(void **state)
{
	struct kernel_types types;
	struct btf *all, *some;
	uint32_t met = 0, kind;
	size_t i;

	(void)state;
	if (access(KERNEL, R_OK))
		skip();
	all = btf__parse(KERNEL, NULL);
	assert_non_null(all);
	assert_int_equal(kernel_types_read(KERNEL, &types), 0);
	assert_same(&types, all);
	kernel_types_release(&types);
	some = excerpt_of(KERNEL, of_programs, COUNT(of_programs));
	assert_true(btf__type_cnt(some) < btf__type_cnt(all) / 10);
	for (i = 0; i < COUNT(of_programs); i++) {
		for (kind = BTF_KIND_STRUCT; kind <= BTF_KIND_ENUM; kind++) {
			const struct btf_type *t = find(all, of_programs[i], kind);

			if (!t)
				continue;
			met++;
			assert_non_null(find(some, of_programs[i], kind));
			assert_same_members(all, t, some, find(some, of_programs[i], kind));
		}
	}
	assert_true(met > 30);
	btf__free(all);
	btf__free(some);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_libbpf_reads),
		cmocka_unit_test(what_is_no_btf_is_refused),
		cmocka_unit_test(an_unknown_kind_is_told),
		cmocka_unit_test(any_bit_may_be_wrong),
		cmocka_unit_test(what_is_held_comes_along_and_what_is_pointed_to_does_not),
		cmocka_unit_test(the_kernels_types_are_all_there),
	};

	libbpf_set_print(NULL);
	return cmocka_run_group_tests_name("kernel_types", tests, NULL, NULL);
}
