/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_OPTS_SECURE_H
#define TCS_OPTS_SECURE_H

/*
 * opts_secure.h - values that a binary with rights of its own (secure.h) refuses
 *
 *   --btf FILE       its offsets decide which kernel memory the programs read
 *   -N PATH          but for /proc/PID/ns/net: only these are opened with the binary's rights
 *   --buffer, --max-sockets   above OPTS_SECURE_BUFFER, OPTS_SECURE_SOCKETS: kernel memory that
 *                    belongs to no process, so the kernel would end others to get it back
 *
 * All other paths (FILE of record and replay, --cgroup) are opened with the user's rights.
 */
#include "opts.h"

#define OPTS_SECURE_BUFFER  (UINT64_C(256) << 20)
#define OPTS_SECURE_SOCKETS (UINT32_C(4) << 20)

/* 0, or -EPERM with the sentence in *reterr: wrong usage. Pure. */
int opts_secure_check(const struct opts *opts, struct opts_error *reterr);

#endif /* TCS_OPTS_SECURE_H */
