/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_RECORDER_H
#define TCS_RECORDER_H

/*
 * recorder.h - the tap of a live run: every record goes into a capture, with what only this host
 * knows about it
 *
 * The names of cgroups become records of their own, before the first one that mentions them. Once
 * a second what was recorded can be read.
 *
 * Rotation. A file must be understood without those before it, but a socket's facts are told only
 * once. So when a file is full all facts are asked for anew (`tell_anew`), and the next file begins
 * with the first event that tells them so; where it comes from, the clock, and the owners of older
 * sockets are repeated in it. An event that another CPU was telling at that very moment may be in
 * the new file without facts; a replay of that file alone counts it as lost.
 *
 * Bounds: those of capture.h and cgroup_names.h; of RECORDER_OLDER_MAX older sockets the owners are
 * repeated in the next file, more are counted.
 */
#include <stdbool.h>
#include <stdint.h>

#include "capture.h"
#include "record.h"

#define RECORDER_OLDER_MAX (64u << 10)

struct recorder_config {
	struct capture_writer_config file;
	uint8_t (*tell_anew)(void *ctx); /* all facts once more; returns the epoch that is over */
	void *tell_anew_ctx;
};

struct recorder; /* opaque */

/* Creates the file, which begins with this meta. 0, or -errno with the sentence in *reterr. */
int recorder_new(const struct recorder_config *config, const struct record_meta *meta,
		 struct recorder **ret, struct failure *reterr);
void recorder_free(struct recorder *r); /* accepts NULL */

/* A record_fn; ctx is a struct recorder. Not 0: recorder_error() says why. */
int recorder_tap(void *ctx, const void *bytes, size_t len);

/* The end: everything is in the file. 0 or -errno. */
int recorder_finish(struct recorder *r);

/* As in the capture; NULL unknown. ctx is a struct recorder. */
const char *recorder_cgroup_path(void *ctx, uint64_t id);

const char *recorder_error(const struct recorder *r); /* NULL: none */
uint64_t recorder_bytes(const struct recorder *r);    /* written, of all files */
uint64_t recorder_events(const struct recorder *r);
uint64_t recorder_older_left_out(const struct recorder *r);

#endif /* TCS_RECORDER_H */
