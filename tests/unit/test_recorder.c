// SPDX-License-Identifier: GPL-2.0-only
/* test_recorder.c - names of devices go into a recording before the records that need them */
#include "folder.h"

#include <fcntl.h>

#include "recorder.h"

#define NETNS  4026531840u
#define COOKIE 12

static struct device_names *devices;

static void host_has(uint32_t netns, uint64_t cookie, uint32_t ifindex, const char *name)
{
	struct device_name device = { .netns_cookie = cookie, .netns = netns, .ifindex = ifindex };

	snprintf(device.name, sizeof(device.name), "%s", name);
	device_names_tell(devices, &device);
}

static struct recorder *begin(uint64_t rotate_bytes)
{
	struct recorder_config config = {
		.file = { .path = path, .rotate_bytes = rotate_bytes, .keep = 9, .force = true },
		.devices = devices,
	};
	struct record_meta meta = { .head.kind = RECORD_META, .ts_ns = 1 };
	struct recorder *r = NULL;
	struct failure why;

	assert_int_equal(recorder_new(&config, &meta, &r, &why), 0);
	return r;
}

static void end(struct recorder *r)
{
	assert_int_equal(recorder_finish(r), 0);
	recorder_free(r);
}

static void tap(struct recorder *r, const void *record, size_t len)
{
	assert_int_equal(recorder_tap(r, record, len), 0);
}

/* "kind:name@cookie kind:id ..." of what is in a file, the names as records have them. */
static const char *contents(const char *file)
{
	static char text[4096];
	struct capture_reader *reader;
	const void *bytes;
	size_t len, at = 0;
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(capture_reader_new(fd, -1, &reader), 0);
	text[0] = '\0';
	while (capture_next(reader, &bytes, &len) == CAPTURE_RECORD) {
		const struct record_device *d = bytes;
		uint8_t kind = *(const uint8_t *)bytes;

		if (kind == RECORD_META || kind == RECORD_CLOCK || kind == RECORD_NEXT)
			continue;
		at += (size_t)(kind == RECORD_DEVICE ?
				       snprintf(text + at, sizeof(text) - at, "%s@%llu ", d->name,
						(unsigned long long)d->netns_cookie) :
				       snprintf(text + at, sizeof(text) - at, "%u ", kind));
	}
	capture_reader_free(reader);
	close(fd);
	return text;
}

static void put_synack(struct recorder *r, uint32_t ifindex, uint64_t cookie, uint64_t ts_ns)
{
	struct tcs_wire_synack synack = { .kind = TCS_WIRE_SYNACK,
					  .family = 4,
					  .retransmits = 1,
					  .ts_ns = ts_ns,
					  .netns = NETNS,
					  .netns_cookie = cookie,
					  .device = ifindex };

	tap(r, &synack, sizeof(synack));
}

static void put_place(struct recorder *r, uint32_t ifindex)
{
	struct record_place place = {
		.head.kind = RECORD_PLACE,
		.place = { .netns = NETNS, .family = 4, .rport = 80, .device = ifindex },
	};

	tap(r, &place, sizeof(place));
}

static void a_name_comes_once_and_again_when_it_changes(void **unused)
{
	struct recorder *r = begin(0);

	(void)unused;
	host_has(NETNS, COOKIE, 3, "eth0");
	put_synack(r, 0, COOKIE, 1000);
	put_synack(r, 3, COOKIE, 2000);
	put_synack(r, 3, COOKIE, 3000);
	put_place(r, 3);
	put_synack(r, 4, COOKIE, 4000); /* its name is not known yet */
	assert_null(recorder_device_name(r, COOKIE, NETNS, 4));
	host_has(NETNS, COOKIE, 4, "eth1");
	put_place(r, 4);
	host_has(NETNS, COOKIE, 3, "lan0");
	put_synack(r, 3, COOKIE, 5000);
	assert_string_equal(recorder_device_name(r, COOKIE, NETNS, 3), "lan0");
	host_has(NETNS, 13, 3, "lan0"); /* another namespace with this inode number */
	put_synack(r, 3, COOKIE, 6000); /* and a late record of the first one */
	put_synack(r, 3, 13, 7000);
	end(r);
	assert_string_equal(contents(path), "2 eth0@12 2 2 22 2 eth1@12 22 lan0@12 2 2 lan0@13 2 ");
}

static void each_row_that_needs_a_name_has_one(void **unused)
{
	struct record_socket s = { .head.kind = RECORD_SOCKET,
				   .socket = { .state = TCS_LISTEN, .family = 4, .netns = NETNS } };
	struct record_group g = { .head.kind = RECORD_GROUP, .group.netns = NETNS };
	struct record_half_open h = { .head.kind = RECORD_HALF_OPEN,
				      .half_open = { .netns = NETNS, .family = 6 } };
	struct record_source o = { .head.kind = RECORD_SOURCE, .source.family = 6 };
	struct record_request q = { .head.kind = RECORD_REQUEST,
				    .request = { .netns = NETNS, .family = 6 } };
	struct record_scanner c = { .head.kind = RECORD_SCANNER,
				    .scanner = { .netns = NETNS, .family = 6 } };
	struct recorder *r = begin(0);
	char name[16];

	(void)unused;
	for (uint32_t i = 10; i < 16; i++) {
		snprintf(name, sizeof(name), "d%u", i);
		host_has(NETNS, COOKIE, i, name);
	}
	s.socket.device = 10;
	g.group.device = 11;
	h.half_open.device = 12;
	o.source.device = 13;
	q.request.device = 14;
	c.scanner.device = 15;
	tap(r, &s, sizeof(s));
	tap(r, &g, sizeof(g));
	tap(r, &h, sizeof(h));
	tap(r, &o, sizeof(o));
	tap(r, &q, sizeof(q));
	tap(r, &c, sizeof(c));
	end(r);
	assert_string_equal(contents(path),
			    "d10@12 21 d11@12 23 d12@12 32 d13@12 33 d14@12 34 d15@12 "
			    "36 ");
}

/* The last look at all sockets is repeated there, with its names. */
static void a_file_has_the_names_that_it_needs(void **unused)
{
	struct record_look look = { .head.kind = RECORD_LOOK,
				    .ts_ns = 1000,
				    .covers = AUDIT_SOCKETS };
	struct record_look_end last = { .head.kind = RECORD_LOOK_END, .ts_ns = 1000 };
	struct record_clock clock = { .head.kind = RECORD_CLOCK, .ts_ns = 2000 };
	struct recorder *r = begin(1);
	char second[sizeof(path) + 8];

	(void)unused;
	host_has(NETNS, COOKIE, 3, "eth0");
	host_has(NETNS, COOKIE, 4, "eth1");
	tap(r, &look, sizeof(look));
	put_place(r, 3);
	tap(r, &last, sizeof(last));
	put_synack(r, 4, COOKIE, 1500);
	tap(r, &clock, sizeof(clock));
	put_synack(r, 4, COOKIE, 2500);
	end(r);
	snprintf(second, sizeof(second), "%s.1", path);
	assert_string_equal(contents(second), "19 eth0@12 22 25 eth1@12 2 ");
	assert_string_equal(contents(path), "19 eth0@12 22 25 eth1@12 2 ");
}

static int set_up(void **unused)
{
	(void)unused;
	return device_names_new(-1, &devices);
}

static int tear_down(void **unused)
{
	(void)unused;
	device_names_free(devices);
	return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		TEST(a_name_comes_once_and_again_when_it_changes),
		TEST(each_row_that_needs_a_name_has_one),
		TEST(a_file_has_the_names_that_it_needs),
	};

	return cmocka_run_group_tests_name("recorder", tests, make_folder, remove_folder);
}
