/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_DEVICE_NAMES_H
#define TCS_DEVICE_NAMES_H

/*
 * device_names.h - from the number of a network device to its name
 *
 * The number (ifindex) means something in one network namespace only. Names are read from a map
 * that the BPF programs fill (bpf/tcs_device.h) or, in a replay, given by the records of the
 * capture. A name that was read is read again once a second at most, since a device may be renamed.
 *
 * Bounds: DEVICE_NAMES_MAX devices. With a map all are forgotten then and read again; without one
 * further devices stay without a name. Errors: -ENOMEM.
 */
#include <stdint.h>

#include "../bpf/tcs_wire.h"

#ifndef DEVICE_NAMES_MAX /* smaller where a fuzz target fills it */
#define DEVICE_NAMES_MAX 4096
#endif

struct device_names;

struct device_name {
	uint64_t netns_cookie; /* 0 unknown */
	uint32_t netns;	       /* inode */
	uint32_t ifindex;
	char name[TCS_DEVICE_NAME]; /* terminated; hostile bytes */
};

/* map: descriptor of the BPF map, which stays the caller's; -1: there is none. */
int device_names_new(int map, struct device_names **ret);
void device_names_free(struct device_names *names); /* accepts NULL */

/* All names of the map are read now, for a caller that gives up the privilege to read it. */
void device_names_read_all(struct device_names *names, uint64_t now_ms);

/* From now on the device has this name. */
void device_names_tell(struct device_names *names, const struct device_name *name);

/*
 * NULL unknown. netns_cookie: 0 if it is not known; a name of a namespace with another cookie is
 * not returned. Valid until the next call. now_ms: any clock that does not go backwards.
 */
const struct device_name *device_names_find(struct device_names *names, uint64_t netns_cookie,
					    uint32_t netns, uint32_t ifindex, uint64_t now_ms);

#endif /* TCS_DEVICE_NAMES_H */
