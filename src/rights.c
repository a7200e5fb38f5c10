// SPDX-License-Identifier: GPL-2.0-only
#include "rights.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

const struct rights_user rights_nobody = { .uid = 65534, .gid = 65534 };

#define NICE -10

void rights_go_first(void)
{
	(void)setpriority(PRIO_PROCESS, 0, NICE);
}

/*
 * Up to 5.18, and where kernel.unprivileged_bpf_disabled is set, every bpf() call wants CAP_BPF;
 * later only those that load something. Asked of a descriptor that is none: whoever may call is
 * told so (EBADF).
 */
static bool bpf_wants_right(void)
{
	union bpf_attr attr = { .info.bpf_fd = (__u32)-1 };

	return syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)) && errno == EPERM;
}

static uint64_t bit(unsigned int cap)
{
	return UINT64_C(1) << cap;
}

static uint64_t permitted(void)
{
	uint64_t caps = 0;
	unsigned int cap;

	for (cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (capng_have_capability(CAPNG_PERMITTED, cap))
			caps |= bit(cap);
	return caps;
}

/* Nothing in any set but these; both are part of what is permitted now. */
static int apply(uint64_t effective, uint64_t kept)
{
	unsigned int cap;

	capng_clear(CAPNG_SELECT_CAPS);
	for (cap = 0; cap <= CAP_LAST_CAP; cap++) {
		if (effective & bit(cap))
			capng_update(CAPNG_ADD, CAPNG_EFFECTIVE, cap);
		if (kept & bit(cap))
			capng_update(CAPNG_ADD, CAPNG_PERMITTED, cap);
	}
	return capng_apply(CAPNG_SELECT_CAPS) ? -EPERM : 0;
}

/* As far as it is allowed; what an exec() could give is barred by no_new_privs as well. */
static void empty_other_sets(void)
{
	unsigned int cap;

	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (cap = 0; cap <= CAP_LAST_CAP; cap++)
		(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

/* Linux 6.2 */
static bool counts_files_by_size(void)
{
	struct stat st;

	return stat("/proc/self/fd", &st) || st.st_size;
}

bool rights_is_root(void)
{
	uid_t ruid, euid, suid;

	return !getresuid(&ruid, &euid, &suid) && (!ruid || !euid || !suid);
}

/* Digits only; (uid_t)-1 is no user. */
static bool take_id(const char *name, uint32_t *ret)
{
	const char *value = getenv(name);
	unsigned long id;
	char *end;

	if (!value || *value < '0' || *value > '9')
		return false;
	errno = 0;
	id = strtoul(value, &end, 10);
	*ret = (uint32_t)id;
	return !errno && !*end && id < UINT32_MAX;
}

bool rights_sudo_user(struct rights_user *ret)
{
	uint32_t uid, gid;

	if (getuid() || geteuid() || !take_id("SUDO_UID", &uid) || !take_id("SUDO_GID", &gid) ||
	    !uid)
		return false;
	*ret = (struct rights_user){ .uid = uid, .gid = gid };
	return true;
}

int rights_act_as(const struct rights_user *as)
{
	int err;

	if (setgroups(1, &as->gid) || setegid(as->gid))
		return -errno;
	if (!seteuid(as->uid))
		return 0;
	err = -errno;
	(void)!setegid(0);
	return err;
}

int rights_act_as_root(void)
{
	return seteuid(0) || setegid(0) ? -errno : 0;
}

int rights_leave_root(const struct rights_user *as)
{
	int err = 0, parent_signal = 0;

	/* So that unshare --kill-child and the like still end us (commit_creds() clears it). */
	(void)prctl(PR_GET_PDEATHSIG, &parent_signal, 0, 0, 0);
	/* A change of uid would empty the permitted set, too (cap_emulate_setxuid()). */
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) || setgroups(0, NULL) ||
	    setresgid(as->gid, as->gid, as->gid) || setresuid(as->uid, as->uid, as->uid))
		err = -errno;
	(void)prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
	(void)prctl(PR_SET_PDEATHSIG, parent_signal, 0, 0, 0);
	if (!err && !capng_get_caps_process())
		(void)apply(permitted(), permitted());
	return err;
}

int rights_keep(unsigned int keep)
{
	uint64_t held, kept = 0, for_bpf = 0;
	int err;

	if (capng_get_caps_process())
		return -EPERM;
	held = permitted();
	empty_other_sets();
	if (keep & RIGHTS_NETNS)
		kept = held & (bit(CAP_SYS_ADMIN) | bit(CAP_SYS_PTRACE));
	if (keep & RIGHTS_FILES)
		kept |= held & bit(CAP_DAC_OVERRIDE);
	if (keep & RIGHTS_FDS && !counts_files_by_size())
		kept |= held & bit(CAP_DAC_READ_SEARCH);
	if (keep & RIGHTS_BPF)
		for_bpf = held & (held & bit(CAP_BPF) ? bit(CAP_BPF) : bit(CAP_SYS_ADMIN));
	err = apply(kept, kept | for_bpf);
	if (!err && for_bpf) {
		if (bpf_wants_right())
			kept |= for_bpf;
		err = apply(kept, kept);
	}
	if (err)
		return err;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : 0;
}
