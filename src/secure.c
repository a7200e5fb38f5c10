// SPDX-License-Identifier: GPL-2.0-only
#include "secure.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

bool secure_mode(void)
{
	return getauxval(AT_SECURE) != 0;
}

/* All that is permitted, or nothing. */
static int set_effective(bool all)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };
	int i;

	if (syscall(SYS_capget, &head, data))
		return -errno;
	for (i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		data[i].effective = all ? data[i].permitted : 0;
	return syscall(SYS_capset, &head, data) ? -errno : 0;
}

int secure_lower(void)
{
	if (!secure_mode())
		return 0;
	if (setegid(getgid()) || seteuid(getuid()))
		return -errno;
	return set_effective(false);
}

void secure_raise(void)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	if (!secure_mode() || getresuid(&ruid, &euid, &suid) || getresgid(&rgid, &egid, &sgid))
		return;
	(void)!seteuid(suid);
	(void)!setegid(sgid);
	(void)set_effective(true);
}

static bool leads_to_no_file(const char *value)
{
	return value[0] != '/' && value[0] != ':' && !strstr(value, "..");
}

static void clean_environment(void)
{
	static const char *const names[] = { "TZ", "TERM", "NO_COLOR" };
	const char *values[sizeof(names) / sizeof(names[0])];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		values[i] = getenv(names[i]);
	(void)clearenv(); /* the strings stay where they are */
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (values[i] && leads_to_no_file(values[i]))
			(void)setenv(names[i], values[i], 1);
}

int secure_begin(void)
{
	if (secure_mode())
		clean_environment();
	return secure_lower();
}
