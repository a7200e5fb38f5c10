// SPDX-License-Identifier: GPL-2.0-only
#include "feature.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel_types.h"

/* An instruction, as the programs below need it. */
#define CALL(helper) ((struct bpf_insn){ .code = BPF_JMP | BPF_CALL, .imm = (helper) })
#define RETURN_0                                                       \
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 }, \
	{                                                              \
		.code = BPF_JMP | BPF_EXIT                             \
	}

/* ---- names in BTF ---------------------------------------------------------------------------- */

#define TYPES	      "/sys/kernel/btf/vmlinux"
#define MODIFIERS_MAX 32 /* typedef, const and the like on the way to a type */

/* The types that our BPF programs name, in the order of strcmp(). */
static const char *const type_names[] = {
#include <type_names.h>
};

static const struct btf_member *find_member(const struct kernel_types *types,
					    const struct btf_type *t, const char *name)
{
	const struct btf_member *m = btf_members(t);
	unsigned int i;

	for (i = 0; i < btf_vlen(t); i++)
		if (!strcmp(kernel_types_name(types, m[i].name_off), name))
			return &m[i];
	return NULL;
}

static bool has_member(const struct kernel_types *types, const struct btf_type *t, const char *name)
{
	return find_member(types, t, name) != NULL;
}

/* Up to 5.11 struct net has an atomic64_t of this name, which is 0 until something asks for it. */
static bool has_netns_cookie(const struct kernel_types *types, const struct btf_type *net)
{
	const struct btf_member *m = find_member(types, net, "net_cookie");
	const struct btf_type *t = m ? kernel_types_at(types, m->type) : NULL;
	int i;

	for (i = 0; t && i < MODIFIERS_MAX && (btf_is_mod(t) || btf_is_typedef(t)); i++)
		t = kernel_types_at(types, t->type);
	return t && btf_is_int(t);
}

static void look_at_helpers(const struct kernel_types *types, const struct btf_type *t,
			    struct feature_btf *ret)
{
	const struct btf_enum *e = btf_enum(t);
	unsigned int i;

	for (i = 0; i < btf_vlen(t); i++) {
		const char *name = kernel_types_name(types, e[i].name_off);

		if (!strcmp(name, "BPF_FUNC_sock_from_file"))
			ret->sock_from_file = true;
		if (!strcmp(name, "BPF_FUNC_loop"))
			ret->loops = true;
		/* Came with the charging to memory cgroups; libbpf goes by it, too. */
		if (!strcmp(name, "BPF_FUNC_ktime_get_coarse_ns"))
			ret->memory_cgroups = true;
	}
}

static void look_at_typedef(const char *name, uint32_t id, struct feature_btf *ret)
{
	static const char prefix[] = "btf_trace_"; /* DEFINE_EVENT: what tp_btf is attached to */

	if (!strcmp(name, "class_srcu_fast_notrace_t"))
		ret->probes_preemptible = true; /* __DECLARE_TRACE(): the guard of its probes */
	if (strncmp(name, prefix, sizeof(prefix) - 1))
		return;
	name += sizeof(prefix) - 1;
	if (!strcmp(name, "inet_sock_set_state"))
		ret->state_change = id;
	else if (!strcmp(name, "tcp_retransmit_synack"))
		ret->synack = id;
	else if (!strcmp(name, "tcp_send_reset"))
		ret->reset = id;
	else if (!strcmp(name, "sched_process_exit"))
		ret->process_exit = id;
	else if (!strcmp(name, "task_rename"))
		ret->task_rename = id;
}

static void look_at_function(const char *name, uint32_t id, struct feature_btf *ret)
{
	static const char prefix[] = "bpf_iter_"; /* DEFINE_BPF_ITER_FUNC */

	if (strncmp(name, prefix, sizeof(prefix) - 1))
		return;
	name += sizeof(prefix) - 1;
	if (!strcmp(name, "tcp"))
		ret->iter_tcp = id;
	else if (!strcmp(name, "task"))
		ret->iter_task = id;
	else if (!strcmp(name, "task_file"))
		ret->iter_task_file = id;
}

static void look_at_type(const struct kernel_types *types, uint32_t id, struct feature_btf *ret)
{
	const struct btf_type *t = kernel_types_at(types, id);
	const char *name = kernel_types_name(types, t->name_off);

	switch (btf_kind(t)) {
	case BTF_KIND_TYPEDEF:
		look_at_typedef(name, id, ret);
		break;
	case BTF_KIND_FUNC:
		look_at_function(name, id, ret);
		break;
	case BTF_KIND_STRUCT:
		if (!strcmp(name, "bpf_tcp_iter_state"))
			ret->batches = true;
		else if (!strcmp(name, "bpf_prog_info"))
			ret->misses_counted = has_member(types, t, "recursion_misses");
		else if (!strcmp(name, "inet_listen_hashbucket"))
			ret->nulls_listeners = has_member(types, t, "nulls_head");
		else if (!strcmp(name, "net"))
			ret->netns_cookies = has_netns_cookie(types, t);
		break;
	case BTF_KIND_ENUM:
		if (!strcmp(name, "bpf_func_id"))
			look_at_helpers(types, t, ret);
		break;
	}
}

/* The excerpt is for as long as we run; without it libbpf reads all types itself. */
static void read_btf(struct features *ret)
{
	struct kernel_types *types;
	uint32_t id, n;
	int fd;

	/* The tracepoints are found through this file; libbpf would take others, too. */
	if (access(TYPES, R_OK)) {
		ret->btf.error = -errno;
		return;
	}
	ret->btf.error = kernel_types_open(TYPES, &types);
	if (ret->btf.error)
		return;
	n = kernel_types_count(types);
	for (id = 1; id < n; id++)
		look_at_type(types, id, &ret->btf);
	fd = kernel_types_excerpt(types, type_names, sizeof(type_names) / sizeof(type_names[0]));
	kernel_types_close(types);
	if (fd < 0)
		return;
	snprintf(ret->types_path, sizeof(ret->types_path), "/proc/self/fd/%d", fd);
	if (access(ret->types_path, R_OK))
		ret->types_path[0] = '\0'; /* no /proc */
}

/* ---- trying ---------------------------------------------------------------------------------- */

struct verifier_log {
	char text[4096];
};

/* log: NULL, if only the outcome matters. */
static int load(enum bpf_attach_type type, uint32_t btf_id, const struct bpf_insn *insns, size_t n,
		struct verifier_log *log)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = type, .attach_btf_id = btf_id,
		    .log_level = log ? 1 : 0, .log_buf = log ? log->text : NULL,
		    .log_size = log ? sizeof(log->text) : 0);
	int fd;

	if (!btf_id)
		return -ENOENT;
	fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "tcs_try", "GPL", insns, n, &opts);
	return fd < 0 ? -errno : fd;
}

/*
 * Whether a program on the state tracepoint may call a helper. It is called without arguments: the
 * verifier complains of the helper first, and of the arguments only if it may be called
 * (check_helper_call(); these sentences are those of 5.10 to 7.3).
 */
static enum feature_answer helper_answer(uint32_t tracepoint, enum bpf_func_id helper)
{
	const struct bpf_insn insns[] = { CALL(helper), RETURN_0 };
	struct verifier_log log = { "" };
	int fd = load(BPF_TRACE_RAW_TP, tracepoint, insns, sizeof(insns) / sizeof(insns[0]), &log);

	if (fd >= 0)
		close(fd);
	if (fd < 0 && !log.text[0])
		return FEATURE_UNKNOWN; /* it was refused before anybody looked at it */
	if (strstr(log.text, "unknown func") || strstr(log.text, "invalid func") ||
	    strstr(log.text, "cannot use helper"))
		return FEATURE_NO;
	return FEATURE_YES;
}

static int close_and_say(int fd)
{
	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

int feature_try_tracepoint(void)
{
	const struct bpf_insn insns[] = { RETURN_0 };
	int prog = load(BPF_TRACE_RAW_TP, feature_get()->btf.state_change, insns, 2, NULL);
	int link, err;

	if (prog < 0)
		return prog;
	link = bpf_raw_tracepoint_open(NULL, prog);
	err = link < 0 ? -errno : 0;
	close_and_say(link);
	close(prog);
	return err;
}

enum feature_answer feature_try_peek(void)
{
	return helper_answer(feature_get()->btf.state_change, BPF_FUNC_probe_read_kernel);
}

static int try_iter(uint32_t btf_id)
{
	const struct bpf_insn insns[] = { RETURN_0 };
	int prog = load(BPF_TRACE_ITER, btf_id, insns, 2, NULL), link, iter = -1, err = 0;

	if (prog < 0)
		return prog;
	link = bpf_link_create(prog, 0, BPF_TRACE_ITER, NULL);
	if (link >= 0)
		iter = bpf_iter_create(link);
	if (link < 0 || iter < 0)
		err = -errno;
	close_and_say(iter);
	close_and_say(link);
	close(prog);
	return err;
}

int feature_try_iter_tcp(void)
{
	return try_iter(feature_get()->btf.iter_tcp);
}

int feature_try_iter_task_file(void)
{
	return try_iter(feature_get()->btf.iter_task_file);
}

int feature_try_ring(uint32_t bytes)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "tcs_try", 0, 0, bytes, NULL);

	return close_and_say(fd < 0 ? -errno : fd);
}

bool feature_capable(unsigned int cap)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	return !syscall(SYS_capget, &head, data) &&
	       data[CAP_TO_INDEX(cap)].effective & CAP_TO_MASK(cap);
}

/* ---- decisions ------------------------------------------------------------------------------- */

/*
 * How many programs share the tracepoint. Where the kernel refuses to run a program that interrupts
 * itself, it counts that (a kernel that does not count does not refuse): then a second one takes
 * what the first is not run for. Two lose nothing where a tracepoint's probes run with preemption
 * off, since only one more event can be nested; where probes can be preempted, the more the better.
 */
static unsigned int programs_needed(const struct feature_btf *btf)
{
	if (!btf->misses_counted)
		return 1;
	return btf->probes_preemptible ? TCS_PROGRAMS_MAX : 2;
}

/* Up to 5.10 maps count as locked memory. Where we may not lift the limit: to what is allowed. */
static void raise_memlock(void)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

	if (!setrlimit(RLIMIT_MEMLOCK, &limit) || getrlimit(RLIMIT_MEMLOCK, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_MEMLOCK, &limit);
}

static void find_out(struct features *f)
{
	read_btf(f);
	if (!f->btf.memory_cgroups)
		raise_memlock();
	if (f->btf.state_change) {
		f->cookies = helper_answer(f->btf.state_change, BPF_FUNC_get_socket_cookie);
		f->storage = helper_answer(f->btf.state_change, BPF_FUNC_sk_storage_get);
	}
	f->kernel = (struct tcs_kernel){
		.cookies = f->cookies != FEATURE_NO,
		.storage = f->storage != FEATURE_NO,
	};
	f->programs = programs_needed(&f->btf);
}

const struct features *feature_get(void)
{
	static struct features features;
	static bool known;

	if (!known)
		find_out(&features);
	known = true;
	return &features;
}
