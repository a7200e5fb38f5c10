// SPDX-License-Identifier: GPL-2.0-only
#include "device_names.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bpf_map.h"
#include "hash.h"

#define READ_PAUSE_MS 1000

struct known {
	struct device_name device; /* name empty: it was not found */
	uint64_t read_ms;
};

struct device_names {
	int map;
	struct hash by_number;
	struct known *known; /* DEVICE_NAMES_MAX */
	uint32_t n;
	uint64_t now_ms;
};

int device_names_new(int map, struct device_names **ret)
{
	struct device_names *names = calloc(1, sizeof(*names));

	if (names)
		names->known = calloc(DEVICE_NAMES_MAX, sizeof(*names->known));
	if (!names || !names->known || hash_init(&names->by_number)) {
		device_names_free(names);
		return -ENOMEM;
	}
	names->map = map;
	*ret = names;
	return 0;
}

void device_names_free(struct device_names *names)
{
	if (!names)
		return;
	hash_release(&names->by_number);
	free(names->known);
	free(names);
}

static uint64_t number_key(uint32_t netns, uint32_t ifindex)
{
	return (uint64_t)netns << 32 | ifindex;
}

/* The entry of a device, made if there is none; NULL: no room. */
static struct known *entry_of(struct device_names *names, uint32_t netns, uint32_t ifindex)
{
	uint64_t key = number_key(netns, ifindex);
	uint32_t at;

	if (hash_find(&names->by_number, key, &at))
		return &names->known[at];
	if (names->n == DEVICE_NAMES_MAX && names->map >= 0) {
		hash_clear(&names->by_number);
		names->n = 0;
	}
	if (names->n == DEVICE_NAMES_MAX || hash_add(&names->by_number, key, names->n))
		return NULL;
	names->known[names->n] = (struct known){ .device = { .netns = netns, .ifindex = ifindex } };
	return &names->known[names->n++];
}

void device_names_tell(struct device_names *names, const struct device_name *name)
{
	struct known *to = entry_of(names, name->netns, name->ifindex);

	if (!to)
		return;
	to->device = *name;
	to->device.name[sizeof(to->device.name) - 1] = '\0';
}

static int take_entry(void *ctx, const void *key, const void *value)
{
	struct device_names *names = ctx;
	const struct tcs_device *device = value;
	const struct tcs_device_key *number = key;
	struct device_name name = { .netns_cookie = device->netns_cookie,
				    .netns = number->netns,
				    .ifindex = number->ifindex };
	struct known *to;

	memcpy(name.name, device->name, sizeof(name.name));
	device_names_tell(names, &name);
	to = entry_of(names, number->netns, number->ifindex);
	if (to)
		to->read_ms = names->now_ms;
	return 0;
}

void device_names_read_all(struct device_names *names, uint64_t now_ms)
{
	names->now_ms = now_ms;
	(void)bpf_map_each(names->map, take_entry, names);
	names->map = -1;
}

/* What is known stays, should the map have forgotten it. */
static void read_name(struct device_names *names, struct known *to, uint64_t now_ms)
{
	struct tcs_device_key key = { .netns = to->device.netns, .ifindex = to->device.ifindex };
	struct tcs_device device;

	to->read_ms = now_ms;
	if (bpf_map_lookup_elem(names->map, &key, &device))
		return;
	to->device.netns_cookie = device.netns_cookie;
	memcpy(to->device.name, device.name, sizeof(device.name));
	to->device.name[sizeof(to->device.name) - 1] = '\0';
}

static bool is_of(const struct device_name *device, uint64_t netns_cookie)
{
	return !netns_cookie || !device->netns_cookie || device->netns_cookie == netns_cookie;
}

const struct device_name *device_names_find(struct device_names *names, uint64_t netns_cookie,
					    uint32_t netns, uint32_t ifindex, uint64_t now_ms)
{
	struct known *known;
	uint32_t at;

	if (!ifindex)
		return NULL;
	if (hash_find(&names->by_number, number_key(netns, ifindex), &at))
		known = &names->known[at];
	else
		known = names->map >= 0 ? entry_of(names, netns, ifindex) : NULL;
	if (!known)
		return NULL;
	if (names->map >= 0 && (!known->device.name[0] || !is_of(&known->device, netns_cookie) ||
				now_ms - known->read_ms >= READ_PAUSE_MS))
		read_name(names, known, now_ms);
	return known->device.name[0] && is_of(&known->device, netns_cookie) ? &known->device : NULL;
}
