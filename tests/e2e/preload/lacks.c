// SPDX-License-Identifier: GPL-2.0-only
/*
 * lacks: makes this kernel one that lets programs call fewer helpers, for one process (LD_PRELOAD).
 *
 * TCS_LACKS names them by number, "46,107". A program that calls one first of all is refused with
 * the verifier's own sentence: that is how the tool asks (src/feature.c). Everything else goes to
 * the kernel. So the tool takes the ways of an old kernel on a new one, where the whole suite runs;
 * that they are right on the real old one is for tests/kernels.
 */
#include <dlfcn.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

static int lacks(int helper)
{
	const char *at = getenv("TCS_LACKS");

	for (; at && *at; at += strcspn(at, ",") + (at[strcspn(at, ",")] == ','))
		if (atoi(at) == helper)
			return 1;
	return 0;
}

static int refused(int command, const union bpf_attr *attr)
{
	const struct bpf_insn *first;

	if (command != BPF_PROG_LOAD || strcmp(attr->prog_name, "tcs_try"))
		return 0;
	first = (const void *)(unsigned long)attr->insns;
	if (first->code != (BPF_JMP | BPF_CALL) || !lacks(first->imm))
		return 0;
	snprintf((char *)(unsigned long)attr->log_buf, attr->log_size, "0: unknown func #%d\n",
		 first->imm);
	return 1;
}

long syscall(long number, ...)
{
	static long (*next)(long, ...);
	long a[6];
	va_list args;
	int i;

	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "syscall");
	va_start(args, number);
	for (i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (number == SYS_bpf && refused((int)a[0], (const void *)a[1])) {
		errno = EINVAL;
		return -1;
	}
	return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
