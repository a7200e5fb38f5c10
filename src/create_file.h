/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_CREATE_FILE_H
#define TCS_CREATE_FILE_H

/*
 * create_file.h - files that this program makes, also in folders that others can write
 *
 * A place is a directory, opened once, and a name in it. All that follows is relative to that
 * descriptor: renamed or replaced path components change nothing. A new file has mode 0600 and is
 * made with O_EXCL and O_NOFOLLOW: no link is followed, no file is opened that was there before.
 * FIFOs, character devices and descriptors (/dev/fd/N) are opened as they are.
 *
 * Older files of a rotation are NAME.1 (the youngest), NAME.2 and so on.
 *
 * Errors: 0 or a descriptor, else -errno of the system call. Bounds: `keep` renames a move.
 */
#include <stdbool.h>

/* openat(2) flags of a new file; sandbox.c lets no other open for writing pass. */
#define CREATE_FILE_FLAGS (O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY)

struct create_place {
	int dir;      /* O_PATH; -1: not open */
	char *name;   /* without a slash */
	bool of_proc; /* the directory is /proc/PID/fd: names are links to open files */
};

/* -EISDIR: the path names a directory. On an error nothing has to be closed. */
int create_place_open(const char *path, struct create_place *ret);
void create_place_close(struct create_place *p);

enum create_found {
	CREATE_NOTHING = 1,
	CREATE_EMPTY, /* a file without a byte */
	CREATE_FILE,
	CREATE_STREAM, /* a FIFO, a character device, a link in /proc/PID/fd */
	CREATE_LINK,   /* a symbolic link elsewhere */
	CREATE_OTHER,  /* a directory, a block device, a socket */
};

/* What is there now. */
int create_file_look(const struct create_place *p, enum create_found *ret);

/* Does the mode of the directory let this process make files there, without any capability? */
bool create_file_allowed(const struct create_place *p);

/* A new file; -EEXIST: something is there. */
int create_file(const struct create_place *p);

/*
 * The same where a file was moved away a moment before: what appeared there since is removed (a
 * link itself, not where it leads to).
 */
int create_file_again(const struct create_place *p);

/*
 * What create_file_look() found to be CREATE_STREAM, with O_NONBLOCK. -EEXIST: it is another thing
 * by now; -ENXIO: a FIFO that no process reads.
 */
int create_file_stream(const struct create_place *p);

/* NAME is removed. */
int create_file_remove(const struct create_place *p);

/*
 * NAME becomes NAME.1, and NAME.1 NAME.2, up to the first number that is free; of `keep` older
 * files the oldest is replaced. A NAME that is not there is no error. keep: at least 1.
 */
int create_file_move(const struct create_place *p, unsigned int keep);

#endif /* TCS_CREATE_FILE_H */
