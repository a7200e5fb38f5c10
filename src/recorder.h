/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_RECORDER_H
#define TCS_RECORDER_H

/*
 * recorder.h - the tap of a live run: every record goes into a capture, with what only this host
 * knows about it
 *
 * The names of cgroups and of network devices become records of their own, before the first one
 * that mentions them; that of a device again when it is renamed. Once a second what was recorded
 * can be read.
 *
 * Rotation. A file must be understood without those before it, but a socket's facts are told only
 * once. So in a file that is not the first, what was known about a socket (`known`: its addresses,
 * its owner, its path so far) comes before its first event there. Where the recording comes from,
 * what was missing before, and the last look at all sockets (look_keep.h) are at the beginning, up
 * to the clock. A file changes between two looks, once a second at most.
 *
 * One thing is only known by whoever has both files: that a reset corrected a close when the file
 * changed in the microseconds between.
 *
 * Bounds: those of capture.h, cgroup_names.h, device_names.h and look_keep.h; 16 to 24 bytes for
 * each socket that is older than its file and told of there.
 */
#include <stdbool.h>
#include <stdint.h>

#include "capture.h"
#include "device_names.h"
#include "record.h"

struct recorder_config {
	struct capture_writer_config file;
	struct device_names *devices; /* of this host; stays the caller's */
	/* What this event supposes to be known, of a socket not born after since_ns (track.h). */
	bool (*known)(void *ctx, const struct event *ev, uint64_t since_ns,
		      struct track_known *ret);
	void *known_ctx;
};

struct recorder; /* opaque */

/* Creates the file, which begins with this meta. 0, or -errno with the sentence in *reterr. */
int recorder_new(const struct recorder_config *config, const struct record_meta *meta,
		 struct recorder **ret, struct failure *reterr);
void recorder_free(struct recorder *r); /* accepts NULL */

/* A record_fn; ctx is a struct recorder. Not 0: recorder_error() says why. */
int recorder_tap(void *ctx, const void *bytes, size_t len);

/* For struct pipeline_config; of a recording into a pipe that is not read (capture.h). */
bool recorder_is_behind(void *ctx);
void recorder_flush(void *ctx);
uint64_t recorder_left_out(const struct recorder *r); /* records */

/* The end: everything is in the file. 0 or -errno. */
int recorder_finish(struct recorder *r);

/* As in the capture; NULL unknown. ctx is a struct recorder. */
const char *recorder_cgroup_path(void *ctx, uint64_t id);
const char *recorder_device_name(void *ctx, uint64_t netns_cookie, uint32_t netns,
				 uint32_t ifindex);

const char *recorder_error(const struct recorder *r); /* NULL: none */
/* May this process make files beside the recording's, without any capability? */
bool recorder_may_rotate(const struct recorder *r);
uint64_t recorder_bytes(const struct recorder *r); /* written, of all files */
uint64_t recorder_events(const struct recorder *r);
uint64_t recorder_looks_left_out(const struct recorder *r); /* of the next file */

#endif /* TCS_RECORDER_H */
