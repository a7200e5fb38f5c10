// SPDX-License-Identifier: GPL-2.0-only
/*
 * records: any packed records, decoded, taken by the engine and told as text and JSON
 *
 * The input is what is in a chunk of a capture behind its head. Its first byte selects the form of
 * the output, and in its two highest bits the filter that a replay applies. Everything that is
 * printed must be plain text, or a line of JSON.
 */
#include "audit_sink.h"
#include "cgroup_names.h"
#include "device_names.h"
#include "engine.h"
#include "seeds.h"
#include "summary_text.h"

#define SOCKETS_MAX 64
#define LINE_ROOM   (1u << 20)

static struct outbuf line;
static struct sink *text, *json;
static struct sink_world world;
static struct cgroup_names *names;
static struct device_names *devices;

static const char *cgroup_path(void *ctx, uint64_t id)
{
	(void)ctx;
	return cgroup_names_find(names, id, 0);
}

static const char *device_name(void *ctx, uint64_t netns_cookie, uint32_t netns, uint32_t ifindex)
{
	const struct device_name *device =
		device_names_find(devices, netns_cookie, netns, ifindex, 0);

	(void)ctx;
	return device ? device->name : NULL;
}

static void take_device(const struct record_device *record)
{
	struct device_name device = { .netns_cookie = record->netns_cookie,
				      .netns = record->netns,
				      .ifindex = record->ifindex };

	memcpy(device.name, record->name, sizeof(device.name));
	device_names_tell(devices, &device);
}

static void require_text(void)
{
	REQUIRE(!line.cut);
	fuzz_require_plain(line.data, line.len, true);
	line.len = 0;
}

static void require_json(void)
{
	REQUIRE(!line.cut && line.len <= SINK_LINE_MAX);
	REQUIRE(line.len && line.data[line.len - 1] == '\n');
	fuzz_require_json(line.data, line.len - 1);
	line.len = 0;
}

static void on_change(void *ctx, const struct change *change)
{
	(void)ctx;
	text->ops->change(text, &line, change);
	require_text();
	json->ops->change(json, &line, change);
	require_json();
}

static void on_connection(void *ctx, const struct connection *connection)
{
	(void)ctx;
	text->ops->connection(text, &line, connection);
	require_text();
	json->ops->connection(json, &line, connection);
	require_json();
}

static void on_synack(void *ctx, const struct tcs_wire_synack *synack)
{
	(void)ctx;
	text->ops->synack(text, &line, synack);
	require_text();
	json->ops->synack(json, &line, synack);
	require_json();
}

static void on_lost(void *ctx, enum lost_reason reason, uint64_t count, uint64_t ts_ns)
{
	(void)ctx;
	json->ops->lost(json, &line, reason, count, ts_ns);
	require_json();
}

static void on_finding(void *ctx, const struct finding *finding, uint64_t ts_ns)
{
	(void)ctx;
	text->ops->finding(text, &line, finding, ts_ns);
	require_text();
	json->ops->finding(json, &line, finding, ts_ns);
	require_json();
}

static void on_summary(void *ctx, const struct summary *s)
{
	uint32_t i;

	(void)ctx;
	summary_text(&line, s, 0);
	require_text();
	json->ops->summary(json, &line, s);
	require_json();
	for (i = 0; s->look && i < s->look->n_groups; i++) {
		text->ops->group(text, &line, s->look, i);
		require_text();
		json->ops->group(json, &line, s->look, i);
		require_json();
	}
}

static void on_clock(void *ctx, int64_t wall_offset_ns)
{
	(void)ctx;
	world.wall_offset_ns = wall_offset_ns;
}

/* 0: none; ends; states and namespaces; what TIME_WAIT and half-open connections do not have. */
static void set_filter(struct filter *filter, unsigned int which)
{
	const char *why;

	*filter = (struct filter){ 0 };
	if (which == 1) {
		REQUIRE(!filter_parse_prefix("10.0.0.0/9", &filter->dst, &why) &&
			!filter_parse_prefix("::ffff:10.0.0.0/100", &filter->src, &why) &&
			!filter_parse_ports("1-40000", &filter->lport, &why));
	} else if (which == 2) {
		REQUIRE(!state_parse_list("listen,syn-recv,time-wait,close-wait", &filter->states,
					  &why));
		filter->netns = 4026531840;
	} else if (which == 3) {
		filter->family = 4;
		filter->has_uid = true;
	}
}

static struct engine *begin(unsigned int how)
{
	static struct filter filter;
	struct engine_config config = {
		.filter = &filter,
		.max_sockets = SOCKETS_MAX,
		.lifecycle = how & 1,
		.audit = { .old_ns = 1000000000,
			   .connect_ns = 1000000000,
			   .stalled = 3,
			   .by = AUDIT_BY_COMM },
		.detect = { .close_wait_count = 2,
			    .ports_percent = 80,
			    .time_wait_percent = 80,
			    .dead_peer_count = 2,
			    .dead_peer_timeouts = 3,
			    .dead_peer_hosts = 2,
			    .connect_fail_count = 2,
			    .connect_fail_percent = 50,
			    .connect_fail_hosts = 2,
			    .syn_per_s = 1,
			    .syn_late_percent = 15,
			    .loss_percent = 5,
			    .scan_ports = 2 },
		.sink = { NULL, on_change, on_connection, on_synack, on_lost, on_finding,
			  on_summary, on_clock },
		.select_looks = true,
	};
	struct sink_text_config text_config = {
		.world = &world,
		.wall_clock = how & 2,
		.since_start = how & 4,
		.wide = how & 8,
		.extended = how & 16,
		.lifecycle = how & 1,
		.columns = how & 32 ? 80 : 0,
	};
	struct engine *e;

	set_filter(&filter, how >> 6);
	if (!line.data)
		REQUIRE(!outbuf_init(&line, LINE_ROOM));
	world = (struct sink_world){ .cgroup_path = cgroup_path, .device_name = device_name };
	REQUIRE(!cgroup_names_new_empty(&names) && !device_names_new(-1, &devices) &&
		!sink_text_new(&text_config, &text) && !sink_json_new(&world, &json) &&
		!engine_new(&config, &e));
	return e;
}

static void take(struct engine *e, const void *bytes, size_t len)
{
	struct record_known known = { .head.kind = RECORD_KNOWN };
	struct record record, again;

	if (!record_decode(bytes, len, &record)) {
		REQUIRE(record_is_known(record.kind));
		(void)record_ts_ns(&record);
		if (record.kind == RECORD_CGROUP)
			cgroup_names_tell(names, record.cgroup->id, record.cgroup->path);
		else if (record.kind == RECORD_DEVICE)
			take_device(record.device);
		else if (record.kind == RECORD_META)
			engine_start(e, record.meta);
		else if (record.kind == TCS_WIRE_STATE &&
			 engine_known(e, &record.event, UINT64_MAX, &known.socket))
			REQUIRE(!record_decode(&known, sizeof(known), &again));
	}
	REQUIRE(!engine_record(e, bytes, len));
}

static size_t finish_seed(const uint8_t *packed, size_t len, uint8_t *to)
{
	*to = 17; /* connections, -x */
	memcpy(to + 1, packed, len);
	return len + 1;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	seeds_if_asked(*argc, *argv, finish_seed);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct capture_pack pack;
	static uint64_t record[CAPTURE_RECORD_MAX / 8];
	const uint8_t *at = data + 1, *end = data + size;
	struct engine *e;
	size_t len;

	if (size < 2)
		return 0;
	e = begin(data[0]);
	capture_pack_reset(&pack);
	while (at < end && !capture_pack_take(&pack, &at, end, record, &len))
		take(e, record, len);
	engine_advance(e, UINT64_MAX);
	engine_free(e);
	text->ops->free(text);
	json->ops->free(json);
	cgroup_names_free(names);
	device_names_free(devices);
	return 0;
}
