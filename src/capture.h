/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_CAPTURE_H
#define TCS_CAPTURE_H

/*
 * capture.h - a file of records: how it looks, how it is written and read
 *
 * A capture keeps everything the core is told, before any judgement (record.h), so that a replay
 * comes to the same answers, and a newer version to better ones. This is the description of the
 * format; all numbers are little-endian.
 *
 * File    One or more gzip members (RFC 1952), called chunks, one behind the other; `zcat` takes
 *         them as one. Each is complete in itself and needs nothing from those before it, so the
 *         file can be read while it is being written, and files can be joined with `cat`. A chunk
 *         is ended when it is full, and about once a second; inflated it has at most
 *         CAPTURE_CHUNK_MAX bytes. A damaged chunk is known by gzip's checksum, and not used.
 *
 * Chunk   "TCSCAP", major version, minor version, from 2.2 on a byte CAPTURE_GUARD, then packed
 *         records. No record begins with that byte: readers up to 2.1 do not compare the minor
 *         version, and end there with a sentence instead of reading records that have changed.
 *         A reader refuses a major version that is not its own, and a newer minor version. A minor
 *         version adds kinds of records, and fields at the end of records: those that an older
 *         recording lacks are read as 0, which means unknown (record_grow()).
 *
 * Packed records. Reader and writer remember, from the beginning of the chunk on and all 0 there:
 * the time and the id of the last state record, 128 shapes, 2048 sockets, and for each of 256 kinds
 * the first 16 words (of 8 bytes) of its last record. The first byte says what follows:
 *
 *   0-127   A state record (tcs_wire.h, kind 1) of this shape:
 *               u16    bits 0-10: number of the socket; bits 11-15: flags, see below
 *               diff   time, from the last state record's
 *             with flag 11, another socket takes this number:
 *               diff   id, from the id last told in this way
 *               var    in_old_ns;   var  seq;   var  srtt_us;   u16  lport
 *             else id, lport and srtt_us are the socket's last ones, seq is one more, in_old_ns the
 *             time since its last record; but for
 *               var    in_old_ns     (flag 12)
 *               diff   srtt_us       (flag 13)
 *               var    seq, u16 lport (flag 14)
 *             with flag 15 its blocks (owner, facts, cookies, totals) are not those of the last
 *             record of this shape:
 *               u16    a bit for each word that differs, then these words
 *   128     The same, of a shape that is told first: u8 its number, then the 6 bytes of the
 *           record's first word that are not lport. Blocks are compared with 0.
 *   129     A record of any kind: u8 kind, var length, a bit for each word that differs from the
 *           last record of this kind (behind its first 16 words: from 0), then these words.
 *
 *   var     7 bits a byte, the lowest first, bit 7: more follow.
 *   diff    a signed difference as var: 0, -1, 1, -2, 2 ... as 0, 1, 2, 3, 4 ...
 *   word    u8 a bit for each byte that differs, then these bytes.
 *
 * The first record of a file tells where it comes from, the last one that it is complete, or goes
 * on in another file; without that one a reader says that the end is missing. Each file of a
 * recording can be read alone (recorder.h); joined, oldest first, they are one.
 *
 * Nothing in a file is trusted: memory is fixed, whatever lengths and counts a file claims, and a
 * chunk that inflates to more than 32 times its size and 4 KiB is refused, so that the number of
 * records is bounded by the size of the file.
 * Big-endian hosts can neither write nor read captures (-EOPNOTSUPP).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture_pack.h"
#include "failure.h"

#define CAPTURE_MAJOR	  2
/*
 * 2.1: TCS_WIRE_GONE.
 * 2.2: ids of sockets are not their cookies; TCS_F_HAS_COOKIES, TCS_WIRE_KILLED, RECORD_DEVICE;
 *      devices, cookies of namespaces, handshakes of each listener; TCS_M_*.
 */
#define CAPTURE_MINOR	  2
#define CAPTURE_GUARD	  0xff
#define CAPTURE_HEAD	  9 /* bytes at the beginning of each chunk, the guard included */
#define CAPTURE_HEAD_2_1  8
#define CAPTURE_CHUNK_MAX (256u << 10)

/*
 * Writing. What is put is gathered, compressed and written a chunk at a time: a process that is
 * killed loses the last second, never the file. When the disk is full the file is cut back to its
 * last whole chunk and stays readable. A file that is removed while it is written is a failure; one
 * that is renamed is written on.
 *
 * A pipe or a terminal's like is written without waiting (stream.h). What its reader does not take
 * stays in a queue of CAPTURE_QUEUE_BYTES, made for it; from CAPTURE_BEHIND_BYTES on the caller
 * should put no more, and a chunk that finds no room is left out and its records are counted. A
 * regular file is written as fast as its file system takes it, and may wait for it.
 *
 * After a failure (capture_writer_error()) nothing more is written.
 */
#define CAPTURE_QUEUE_BYTES  (8u << 20)
#define CAPTURE_BEHIND_BYTES (2u << 20)

struct capture_writer;

struct capture_writer_config {
	const char *path;      /* "-": stdout */
	uint64_t rotate_bytes; /* begin a new file when one has grown to this size; 0 never */
	unsigned int keep;     /* older files kept: PATH.1 is the youngest */
	bool force;	       /* replace an existing file */
	int signal_fd;	       /* readable: waiting for a reader of a pipe ends; -1 none */
};

/*
 * 0, or -errno with the sentence in *reterr. A new file has mode 0600 (create_file.h). One that
 * exists is refused (-EEXIST), replaced with `force`, or becomes PATH.1 with rotate_bytes and keep;
 * an empty one is replaced with rotate_bytes. A device is opened as it is, and a FIFO when a
 * process reads it; -EINTR: a signal came first.
 */
int capture_writer_new(const struct capture_writer_config *config, struct capture_writer **ret,
		       struct failure *reterr);
void capture_writer_free(struct capture_writer *w); /* accepts NULL; what is not synced is lost */

/* One record, aligned to 8 bytes. Too long a one is a mistake of the caller and not written. */
void capture_put(struct capture_writer *w, const void *record, size_t len);

/* Everything put so far can be read now. 0 or -errno, also of an earlier failure. */
int capture_sync(struct capture_writer *w);

/* May this process make the next file without any capability? */
bool capture_may_rotate(const struct capture_writer *w);
/* Write what waits in the queue, as far as the reader takes it. 0 or -errno. */
int capture_flush(struct capture_writer *w);
bool capture_is_behind(const struct capture_writer *w);
uint64_t capture_left_out(const struct capture_writer *w); /* records without room in the queue */

/* capture_sync(), and wait until the queue is written or a signal is waiting. 0 or -errno. */
int capture_finish(struct capture_writer *w);

/* Has the file grown to its size? Then the caller may rotate, with capture_rotate(). */
bool capture_is_full(const struct capture_writer *w);

/* End this file and begin the next; what was put before goes into the old one. 0 or -errno. */
int capture_rotate(struct capture_writer *w);

/* NULL while all is well, else why writing has ended. */
const char *capture_writer_error(const struct capture_writer *w);

uint64_t capture_bytes(const struct capture_writer *w); /* written, all files together */

/*
 * Reading. A reader takes a descriptor (a file, a pipe) and yields records one by one.
 */
struct capture_reader;

/*
 * The descriptors stay the caller's. signal_fd: reading ends when it becomes readable; -1 none.
 * 0 or -ENOMEM, -EOPNOTSUPP.
 */
int capture_reader_new(int fd, int signal_fd, struct capture_reader **ret);
void capture_reader_free(struct capture_reader *r); /* accepts NULL */

/* Another file with the same reader, from the beginning. */
void capture_reader_reset(struct capture_reader *r, int fd);

enum capture_end {
	CAPTURE_RECORD = 0, /* not yet: here is a record */
	CAPTURE_DONE,	    /* the file ends behind a whole chunk */
	CAPTURE_CUT,	    /* it ends inside one: what was there has been handed out */
	CAPTURE_DAMAGED,    /* what follows cannot be read */
	CAPTURE_REFUSED,    /* not a capture, or of a newer format */
	CAPTURE_FAILED,	    /* reading failed */
	CAPTURE_INTERRUPTED,
};

/* The next record (at least 1 byte, aligned to 8); it lives until the next call. */
enum capture_end capture_next(struct capture_reader *r, const void **ret, size_t *ret_len);

/* Read so far, as they are in the file: chunks that were begun. */
uint64_t capture_reader_bytes(const struct capture_reader *r);

/* Of what is no CAPTURE_RECORD and no CAPTURE_DONE: a sentence, to follow the file's name. */
const char *capture_reader_why(const struct capture_reader *r);

#endif /* TCS_CAPTURE_H */
