// SPDX-License-Identifier: GPL-2.0-only
/*
 * verified: what the verifier of this kernel had to go through for each of tcpconnstate's programs
 * that are loaded now, in instructions: "tcs_state_1 3073", one a line.
 *
 * Why: the verifier gives up after a million, and how many it takes for the same program is each
 * kernel's own matter. (A loop once took 24,000 on 6.18 and 770,000 on 6.19.)
 *
 * By bpf() alone, as the guests have no libbpf. Where the kernel does not count (before 5.16) it
 * is 0.
 */
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static long bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static void tell(unsigned int id)
{
	struct bpf_prog_info info = { 0 };
	union bpf_attr attr = { .prog_id = id };
	int fd = (int)bpf(BPF_PROG_GET_FD_BY_ID, &attr);

	if (fd < 0)
		return; /* gone meanwhile */
	attr = (union bpf_attr){
		.info = { .bpf_fd = (unsigned int)fd,
			  .info_len = sizeof(info),
			  .info = (unsigned long)&info },
	};
	if (!bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) && !strncmp(info.name, "tcs_", 4))
		printf("%s %u\n", info.name, info.verified_insns);
	close(fd);
}

int main(void)
{
	union bpf_attr attr = { .start_id = 0 };

	while (!bpf(BPF_PROG_GET_NEXT_ID, &attr)) {
		tell(attr.next_id);
		attr = (union bpf_attr){ .start_id = attr.next_id };
	}
	return 0;
}
