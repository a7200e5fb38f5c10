/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_ERROUT_H
#define TCS_ERROUT_H

/*
 * errout.h - standard error, which never waits for its reader
 *
 * Texts leave at once where standard error takes them. Where it does not (a pipe that is not read,
 * a terminal stopped by Ctrl-S) they wait in a queue of ERROUT_BYTES; what finds no room there is
 * left out and counted, and the number is reported as soon as standard error takes texts again. At
 * the end of the process the queue gets ERROUT_GRACE_MS.
 *
 * One per process. Errors other than "no room" are ignored: there is no other place to report them.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ERROUT_BYTES	(16u << 10)
#define ERROUT_GRACE_MS 200

/* At the start, before rights to open files are given up. */
void errout_open(void);

/* A text that is to be kept. */
void errout_write(const char *text, size_t len);

/* One that is out of date soon: left out, uncounted, where it would have to wait. */
void errout_write_now(const char *text, size_t len);

/* Try again what waits. */
void errout_flush(void);

/* Does something wait? */
bool errout_is_waiting(void);

/* Until nothing waits. False: a signal came first (stream_wait()), or standard error failed. */
bool errout_wait(int signal_fd);

/* Before the process ends. */
void errout_finish(void);

/* Texts left out so far. */
uint64_t errout_left_out(void);

#endif /* TCS_ERROUT_H */
