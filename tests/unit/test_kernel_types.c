// SPDX-License-Identifier: GPL-2.0-only
/* test_kernel_types.c - in an excerpt of BTF there is what libbpf needs, as it is in the whole */
#include <bpf/libbpf.h>
#include <errno.h>
#include <unistd.h>

#include "unit.h"

#include "kernel_types.h"

#define KERNEL "/sys/kernel/btf/vmlinux"

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

/* Of bytes that stay libbpf's. */
static struct kernel_types *types_of(const struct btf *btf)
{
	struct kernel_types *types = NULL;
	uint32_t len;
	const void *bytes = btf__raw_data(btf, &len);

	assert_non_null(bytes);
	assert_int_equal(kernel_types_new(bytes, len, &types), 0);
	assert_int_equal(kernel_types_count(types), btf__type_cnt(btf));
	return types;
}

static struct btf *excerpt_of(const struct kernel_types *all, const char *const *names, size_t n)
{
	int fd = kernel_types_excerpt(all, names, n);
	char path[32];
	struct btf *btf;

	assert_true(fd >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	btf = btf__parse(path, NULL);
	assert_non_null(btf);
	close(fd);
	return btf;
}

static const struct btf_type *find(const struct btf *btf, const char *name, uint32_t kind)
{
	int found = btf__find_by_name_kind(btf, name, kind);

	return found > 0 ? btf__type_by_id(btf, (uint32_t)found) : NULL;
}

static void what_is_held_comes_along_and_what_is_pointed_to_does_not(void **state)
{
	static const char *const names[] = { "absent", "outer" };
	struct btf *all = small(), *btf;
	struct kernel_types *types = types_of(all);
	const struct btf_type *outer, *inner, *t;

	(void)state;
	btf = excerpt_of(types, names, COUNT(names));
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
	kernel_types_close(types);
	btf__free(btf);
	btf__free(all);
}

/* By value a function is nowhere; a file that says so is not the kernel's. */
static void what_contradicts_itself_is_refused(void **state)
{
	static const char *const names[] = { "odd" };
	struct btf *btf = small();
	int function = btf__find_by_name_kind(btf, "function", BTF_KIND_FUNC);
	struct kernel_types *types;

	(void)state;
	id(btf__add_struct(btf, "odd", 8));
	assert_int_equal(btf__add_field(btf, "f", id(function), 0, 0), 0);
	types = types_of(btf);
	assert_int_equal(kernel_types_excerpt(types, names, COUNT(names)), -EINVAL);
	kernel_types_close(types);
	btf__free(btf);
}

/* Cut anywhere, or with any byte changed: refused, or read within its bounds (ASan). */
static void what_is_no_btf_is_refused(void **state)
{
	static const char *const names[] = { "inner", "outer" };
	struct kernel_types *types;
	struct btf *btf = small();
	uint32_t len, i, at;
	const uint8_t *bytes = btf__raw_data(btf, &len);
	uint8_t *broken;
	int fd;

	(void)state;
	for (i = 0; i < len; i++) {
		broken = malloc(i + 1);
		memcpy(broken, bytes, i);
		assert_int_equal(kernel_types_new(broken, i, &types), -EINVAL);
		free(broken);
	}
	for (i = 0; i < len; i++) {
		broken = malloc(len);
		memcpy(broken, bytes, len);
		broken[i] ^= 0xff;
		if (!kernel_types_new(broken, len, &types)) {
			for (at = 0; at <= kernel_types_count(types); at++) {
				const struct btf_type *t = kernel_types_at(types, at);

				assert_true(!t ||
					    strlen(kernel_types_name(types, t->name_off)) < len);
			}
			fd = kernel_types_excerpt(types, names, COUNT(names));
			if (fd >= 0)
				close(fd);
			kernel_types_close(types);
		}
		free(broken);
	}
	assert_int_equal(kernel_types_open("/dev/null", &types), -EINVAL);
	assert_true(kernel_types_open("/", &types) < 0);
	assert_int_equal(kernel_types_open("/absent", &types), -ENOENT);
	btf__free(btf);
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
	struct kernel_types *types;
	struct btf *all, *some;
	uint32_t met = 0, kind;
	size_t i;

	(void)state;
	if (access(KERNEL, R_OK))
		skip();
	all = btf__parse(KERNEL, NULL);
	assert_non_null(all);
	assert_int_equal(kernel_types_open(KERNEL, &types), 0);
	assert_int_equal(kernel_types_count(types), btf__type_cnt(all));
	some = excerpt_of(types, of_programs, COUNT(of_programs));
	kernel_types_close(types);
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
		cmocka_unit_test(what_is_held_comes_along_and_what_is_pointed_to_does_not),
		cmocka_unit_test(what_contradicts_itself_is_refused),
		cmocka_unit_test(what_is_no_btf_is_refused),
		cmocka_unit_test(the_kernels_types_are_all_there),
	};

	libbpf_set_print(NULL);
	return cmocka_run_group_tests_name("kernel_types", tests, NULL, NULL);
}
