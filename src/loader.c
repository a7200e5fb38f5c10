// SPDX-License-Identifier: GPL-2.0-only
#include "loader.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "errout.h"
#include "feature.h"

/* ---- messages -------------------------------------------------------------------------------- */

static bool print_libbpf;

static int libbpf_message(enum libbpf_print_level level, const char *format, va_list args)
{
	char text[1024];
	int n;

	if (!print_libbpf || level == LIBBPF_DEBUG)
		return 0;
	n = vsnprintf(text, sizeof(text), format, args);
	if (n > 0)
		errout_write(text, strlen(text));
	return n;
}

/* ---- what a program is attached to ----------------------------------------------------------- */

static const char iter_prefix[] = "iter/";

static bool is_iter(const struct bpf_program *prog)
{
	return !strncmp(bpf_program__section_name(prog), iter_prefix, sizeof(iter_prefix) - 1);
}

/* Its number among the kernel's types; 0: it has none. */
static uint32_t target_of(const struct bpf_program *prog)
{
	const struct feature_btf *btf = &feature_get()->btf;
	const struct {
		const char *section;
		uint32_t id;
	} targets[] = {
		{ "tp_btf/inet_sock_set_state", btf->state_change },
		{ "tp_btf/tcp_retransmit_synack", btf->synack },
		{ "tp_btf/tcp_send_reset", btf->reset },
		{ "tp_btf/sched_process_exit", btf->process_exit },
		{ "tp_btf/task_rename", btf->task_rename },
		{ "iter/tcp", btf->iter_tcp },
		{ "iter/task", btf->iter_task },
		{ "iter/task_file", btf->iter_task_file },
	};
	size_t i;

	for (i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
		if (!strcmp(bpf_program__section_name(prog), targets[i].section))
			return targets[i].id;
	return 0;
}

/*
 * Until now the program had another type: for an object with programs of the right one libbpf reads
 * all the kernel's types (prog_needs_vmlinux_btf()).
 */
static int prepare(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long cookie)
{
	(void)cookie;
	opts->attach_btf_id = target_of(prog);
	if (!opts->attach_btf_id)
		return -ESRCH;
	return bpf_program__set_type(prog, BPF_PROG_TYPE_TRACING);
}

static void handle(const char *sections, enum bpf_attach_type type)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .prog_prepare_load_fn = prepare);

	/* Without it, for lack of memory, libbpf does it all in its own way. */
	(void)libbpf_register_prog_handler(sections, BPF_PROG_TYPE_RAW_TRACEPOINT, type, &opts);
}

/* ---- interface ------------------------------------------------------------------------------- */

void loader_verbose(bool verbose)
{
	print_libbpf = verbose;
}

static void begin(void)
{
	static bool begun;

	if (begun)
		return;
	begun = true;
	libbpf_set_print(libbpf_message);
	handle("tp_btf+", BPF_TRACE_RAW_TP);
	handle("iter+", BPF_TRACE_ITER);
}

struct bpf_object_open_opts loader_open(const char *btf_path)
{
	const char *excerpt = feature_get()->types_path;

	begin();
	if (!btf_path && excerpt[0])
		btf_path = excerpt;
	return (struct bpf_object_open_opts){
		.sz = sizeof(struct bpf_object_open_opts),
		.btf_custom_path = btf_path,
	};
}

/* By hand: newer versions of libbpf forget how when a program's type changes. */
int loader_attach(const struct bpf_object_skeleton *skeleton)
{
	int i;

	for (i = 0; i < skeleton->prog_cnt; i++) {
		const struct bpf_prog_skeleton *s =
			(const void *)((const char *)skeleton->progs + i * skeleton->prog_skel_sz);
		const struct bpf_program *prog = *s->prog;

		if (!bpf_program__autoload(prog) || !bpf_program__autoattach(prog))
			continue;
		*s->link = is_iter(prog) ? bpf_program__attach_iter(prog, NULL) :
					   bpf_program__attach_trace(prog);
		if (!*s->link)
			return -errno;
	}
	return 0;
}
