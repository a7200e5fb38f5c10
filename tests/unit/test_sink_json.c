// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lines for programs. Every line that the sink prints here goes through a strict reader (json.h);
 * the keys are those that the interface promises, in its order, always all of them.
 */
#include "json.h"
#include "samples.h"
#include "sink.h"

static struct outbuf out;
static struct sink *sink;
static struct sample s;
static struct json_line line;

static const char *known_path(void *ctx, uint64_t id)
{
	return id == 55 ? ctx : NULL;
}

static char cgroup[] = "/system.slice/nginx.service";

static const char *known_device(void *ctx, uint64_t netns_cookie, uint32_t netns, uint32_t ifindex)
{
	return netns_cookie == 12 && netns == 4026531840 && ifindex == 3 ? ctx : NULL;
}

static char device[] = "eth0";

static struct sink_world world = {
	.wall_offset_ns = 1699999995000000000,
	.start_ns = 4876544000,
	.cgroup_path = known_path,
	.cgroup_ctx = cgroup,
	.device_name = known_device,
	.device_ctx = device,
};

static int open_sink(void **unused)
{
	(void)unused;
	sample_init(&s);
	return outbuf_init(&out, 65536) || sink_json_new(&world, &sink);
}

static int close_sink(void **unused)
{
	(void)unused;
	sink->ops->free(sink);
	outbuf_release(&out);
	return 0;
}

/* Reads what was printed since the last look into `line`. */
static void read_line(void)
{
	static char text[65536];

	assert_int_equal(out.cut, 0);
	assert_in_range(out.len, 1, SINK_LINE_MAX);
	memcpy(text, out.data, out.len);
	text[out.len] = '\0';
	assert_int_equal(strlen(text), out.len);
	out.len = 0;
	json_read(&line, text);
}

static void read_change(void)
{
	sink->ops->change(sink, &out, &s.change);
	read_line();
}

static void read_connection(void)
{
	sink->ops->connection(sink, &out, &s.connection);
	read_line();
}

/* "type" and these, in this order. */
static void keys_are(const char *type, const char *keys)
{
	char want[1024], got[4096] = "", quoted[64];
	size_t len = 0;

	snprintf(want, sizeof(want), "type %s", keys);
	for (unsigned int i = 0; i < line.n_keys; i++)
		len += (size_t)snprintf(got + len, sizeof(got) - len, "%s%s", i ? " " : "",
					line.keys[i].key);
	assert_string_equal(got, want);
	snprintf(quoted, sizeof(quoted), "\"%s\"", type);
	assert_string_equal(json_get(&line, "type"), quoted);
}

struct pair {
	const char *key, *value;
};

static void values_are(const struct pair *pairs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(json_get(&line, pairs[i].key), pairs[i].value))
			fail_msg("%s is %s, not %s", pairs[i].key, json_get(&line, pairs[i].key),
				 pairs[i].value);
}

#define VALUES(...)                                      \
	values_are((const struct pair[]){ __VA_ARGS__ }, \
		   sizeof((const struct pair[]){ __VA_ARGS__ }) / sizeof(struct pair))

#define STATE_KEYS                                                                             \
	"ts mono_ns cookie netns netns_cookie family laddr lport raddr rport device "          \
	"old_state new_state kernel_new_state tw_substate duration_us direction pid comm uid " \
	"cgroup owner_source rtt_us reason recovered"
#define CONNECTION_KEYS                                                                 \
	"ts cookie netns netns_cookie family laddr lport raddr rport device direction " \
	"closed_by path duration_us handshake_us rtt_us bytes_sent bytes_received "     \
	"retransmits reason pid comm uid cgroup"

static void a_change_has_all_its_keys(void **unused)
{
	(void)unused;
	read_change();
	keys_are("state", STATE_KEYS);
	VALUES({ "ts", "\"2023-11-14T22:13:20.000000000Z\"" }, { "mono_ns", "5000000000" },
	       { "cookie", "\"4711\"" }, { "netns", "4026531840" }, { "netns_cookie", "\"12\"" },
	       { "family", "4" }, { "laddr", "\"10.0.0.7\"" }, { "lport", "80" },
	       { "raddr", "\"10.0.0.31\"" }, { "rport", "52114" }, { "device", "null" },
	       { "old_state", "\"established\"" }, { "new_state", "\"fin_wait1\"" },
	       { "kernel_new_state", "\"fin_wait1\"" }, { "tw_substate", "null" },
	       { "duration_us", "12907" }, { "direction", "\"passive\"" }, { "pid", "1180" },
	       { "comm", "\"nginx\"" }, { "uid", "33" },
	       { "cgroup", "\"/system.slice/nginx.service\"" }, { "owner_source", "\"task\"" },
	       { "rtt_us", "310" }, { "reason", "null" }, { "recovered", "false" });
}

static void an_inferred_time_wait_says_what_the_kernel_said(void **unused)
{
	(void)unused;
	sample_end(&s);
	s.change.tw_substate = TCS_FIN_WAIT2;
	s.change.recovered = true;
	read_change();
	keys_are("state", STATE_KEYS);
	VALUES({ "old_state", "\"fin_wait2\"" }, { "new_state", "\"time_wait\"" },
	       { "kernel_new_state", "\"close\"" }, { "tw_substate", "\"fin_wait2\"" },
	       { "reason", "\"normal\"" }, { "recovered", "true" });
}

static void unknown_is_null_and_never_0(void **unused)
{
	(void)unused;
	sample_unknown(&s);
	read_change();
	keys_are("state", STATE_KEYS);
	VALUES({ "cookie", "null" }, { "netns", "null" }, { "family", "null" }, { "laddr", "null" },
	       { "lport", "null" }, { "raddr", "null" }, { "rport", "null" },
	       { "netns_cookie", "null" }, { "device", "null" }, { "tw_substate", "null" },
	       { "duration_us", "null" }, { "direction", "null" }, { "pid", "null" },
	       { "comm", "null" }, { "uid", "null" }, { "cgroup", "null" },
	       { "owner_source", "null" }, { "rtt_us", "null" });

	read_connection();
	keys_are("connection", CONNECTION_KEYS);
	VALUES({ "cookie", "null" }, { "netns", "null" }, { "family", "null" }, { "laddr", "null" },
	       { "lport", "null" }, { "raddr", "null" }, { "rport", "null" },
	       { "netns_cookie", "null" }, { "device", "null" }, { "direction", "null" },
	       { "closed_by", "null" }, { "path", "[]" }, { "duration_us", "null" },
	       { "handshake_us", "null" }, { "rtt_us", "null" }, { "bytes_sent", "null" },
	       { "bytes_received", "null" }, { "retransmits", "null" }, { "pid", "null" },
	       { "comm", "null" }, { "uid", "null" }, { "cgroup", "null" });
}

/* Root, a connection that sent nothing, a state that took no microsecond: known, and 0. */
static void a_known_0_is_0(void **unused)
{
	(void)unused;
	sample_end(&s);
	s.conn.uid = 0;
	s.change.in_old_ns = 999;
	s.change.totals = (struct tcs_wire_totals){ 0 };
	read_change();
	VALUES({ "uid", "0" }, { "duration_us", "0" });
	read_connection();
	VALUES({ "uid", "0" }, { "bytes_sent", "0" }, { "bytes_received", "0" },
	       { "retransmits", "0" });
}

static void a_listener_has_no_remote_side(void **unused)
{
	(void)unused;
	memset(s.conn.raddr + 12, 0, 4);
	s.conn.rport = 0;
	s.conn.direction = DIRECTION_LISTENER;
	read_change();
	VALUES({ "raddr", "null" }, { "rport", "null" }, { "laddr", "\"10.0.0.7\"" },
	       { "direction", "\"listener\"" });
}

static void large_ids_are_strings(void **unused)
{
	(void)unused;
	s.conn.cookie = s.conn.netns_cookie = INT64_MAX;
	read_change();
	VALUES({ "cookie", "\"9223372036854775807\"" },
	       { "netns_cookie", "\"9223372036854775807\"" });
}

/* It would look like one of ss's, and be none. */
static void an_id_of_our_own_is_not_shown(void **unused)
{
	(void)unused;
	s.conn.cookie = 0;
	read_change();
	VALUES({ "cookie", "null" });
}

/* The number where the name is not known: of another namespace, or of no device that was noted. */
static void a_device_is_told_by_its_name(void **unused)
{
	struct tcs_wire_synack synack = sample_synack();
	struct sink_world other = world;

	(void)unused;
	s.conn.device = 3;
	read_change();
	VALUES({ "device", "\"eth0\"" });
	read_connection();
	VALUES({ "device", "\"eth0\"" });
	s.conn.device = 4;
	read_change();
	VALUES({ "device", "\"4\"" });
	s.conn.device = 3;
	s.conn.netns_cookie = 13;
	read_connection();
	VALUES({ "device", "\"3\"" });

	synack.device = 3;
	sink->ops->synack(sink, &out, &synack);
	read_line();
	VALUES({ "device", "\"eth0\"" });

	other.device_ctx = (char[]){ "a\"\\\n\xff" };
	sink->ops->free(sink);
	assert_int_equal(sink_json_new(&other, &sink), 0);
	s.conn.netns_cookie = 12;
	read_change();
	VALUES({ "device", "\"a\\\"\\\\\\u000a\xef\xbf\xbd\"" });
	other.device_name = NULL;
	s.conn.raddr[15]++; /* not what was printed before */
	read_change();
	VALUES({ "device", "\"3\"" });
}

static void ipv6_addresses_are_whole(void **unused)
{
	static const uint8_t laddr[16] = V6(7);

	(void)unused;
	memcpy(s.conn.laddr, laddr, 16);
	memset(s.conn.raddr, 0xab, 16);
	s.conn.family = 6;
	read_change();
	VALUES({ "family", "6" }, { "laddr", "\"2001:db8::7\"" },
	       { "raddr", "\"abab:abab:abab:abab:abab:abab:abab:abab\"" });
}

static void states_are_spelled_as_promised(void **unused)
{
	static const struct {
		uint8_t state;
		const char *name;
	} want[] = {
		{ TCS_ESTABLISHED, "\"established\"" },
		{ TCS_SYN_SENT, "\"syn_sent\"" },
		{ TCS_SYN_RECV, "\"syn_recv\"" },
		{ TCS_FIN_WAIT1, "\"fin_wait1\"" },
		{ TCS_FIN_WAIT2, "\"fin_wait2\"" },
		{ TCS_TIME_WAIT, "\"time_wait\"" },
		{ TCS_CLOSE, "\"close\"" },
		{ TCS_CLOSE_WAIT, "\"close_wait\"" },
		{ TCS_LAST_ACK, "\"last_ack\"" },
		{ TCS_LISTEN, "\"listen\"" },
		{ TCS_CLOSING, "\"closing\"" },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(want); i++) {
		s.change.old_state = want[i].state;
		s.change.new_state = s.change.kernel_new_state = want[i].state;
		read_change();
		VALUES({ "old_state", want[i].name }, { "new_state", want[i].name },
		       { "kernel_new_state", want[i].name });
	}
	s.change.new_state = 0; /* TIME_WAIT or CLOSE */
	read_change();
	VALUES({ "new_state", "null" });
}

static void where_an_owner_comes_from_is_said(void **unused)
{
	static const struct {
		uint8_t source;
		const char *name;
	} want[] = {
		{ OWNER_TASK, "\"task\"" },
		{ OWNER_CACHED, "\"cached\"" },
		{ OWNER_LISTENER, "\"listener\"" },
		{ OWNER_SCAN, "\"scan\"" },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(want); i++) {
		s.change.owner.source = want[i].source;
		read_change();
		VALUES({ "owner_source", want[i].name }, { "pid", "1180" });
	}
	/* a task acted, but nobody knows which */
	s.change.owner.pid = 0;
	s.change.owner.source = OWNER_TASK;
	read_change();
	VALUES({ "owner_source", "null" }, { "pid", "null" }, { "comm", "null" });
}

/* One socket, two lives; the first event of both was missed or filtered. */
static void a_socket_that_connects_again_is_told_with_its_new_peer(void **unused)
{
	(void)unused;
	s.conn.born_ns = 0;
	read_change();
	VALUES({ "raddr", "\"10.0.0.31\"" });
	s.change.new_state = s.change.kernel_new_state = TCS_CLOSE;
	s.change.reason = REASON_RESET_BY_US;
	read_change();
	VALUES({ "raddr", "\"10.0.0.31\"" });

	sample_init(&s);
	s.conn.born_ns = 0;
	s.conn.raddr[15] = 99;
	read_change();
	VALUES({ "raddr", "\"10.0.0.99\"" });
}

/* What the sink remembers of a socket (row_cache.h) shows in no line. */
static void lines_do_not_depend_on_what_was_printed_before(void **unused)
{
	static char used[SINK_LINE_MAX];
	uint64_t seed = 8;

	(void)unused;
	for (int i = 0; i < 20000; i++) {
		uint64_t r = random_next(&seed);
		uint32_t n = (uint32_t)(r >> 8) % 40 * 1024 + (r >> 40) % 4; /* they collide */
		struct sink *fresh;
		size_t len;

		sample_end(&s);
		s.conn.id =
			r & 4 ? 1 + n : TCS_ID_OWN | (1ull + n) << TCS_ID_MAKER_BITS | (r >> 3 & 1);
		s.conn.device = n >> 10 & 1 ? 3 : 0;
		s.conn.born_ns = n;
		if (n & 2)
			s.conn.raddr[15] = (uint8_t)(n >> 10);
		s.conn.netns = n + 1;
		s.change.lport = r & 1 ? 0 : 80;
		sink->ops->change(sink, &out, &s.change);
		if (r & 2)
			sink->ops->connection(sink, &out, &s.connection);
		len = out.len;
		assert_in_range(len, 1, sizeof(used));
		memcpy(used, out.data, len);
		out.len = 0;

		assert_int_equal(sink_json_new(&world, &fresh), 0);
		fresh->ops->change(fresh, &out, &s.change);
		if (r & 2)
			fresh->ops->connection(fresh, &out, &s.connection);
		fresh->ops->free(fresh);
		assert_int_equal(out.len, len);
		assert_memory_equal(out.data, used, len);
		out.len = 0;
	}
}

static void every_reason_has_its_name(void **unused)
{
	(void)unused;
	sample_end(&s);
	for (int reason = REASON_NORMAL; reason < REASON_MAX; reason++) {
		char want[64];

		if (reason == REASON_OTHER)
			continue;
		s.change.reason = (enum reason)reason;
		snprintf(want, sizeof(want), "\"%s\"", reason_name((enum reason)reason));
		read_change();
		VALUES({ "reason", want });
	}
	s.change.reason = REASON_OTHER;
	s.change.err = 92;
	read_change();
	VALUES({ "reason", "\"other:ENOPROTOOPT\"" });
	s.change.err = 255;
	read_change();
	VALUES({ "reason", "\"other:255\"" });
}

static void hostile_names_are_valid_strings(void **unused)
{
	static const struct {
		const char *comm;
		const char *json;
	} want[] = {
		{ "\",\"pid\":0,\"x\":\"", "\"\\\",\\\"pid\\\":0,\\\"x\\\":\\\"\"" },
		{ "a\n{}\\", "\"a\\u000a{}\\\\\"" },
		{ "\x1b]0;x\x07\xff\xfe", "\"\\u001b]0;x\\u0007\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "0123456789abcdef", "\"0123456789abcdef\"" },
		{ "caf\xc3\xa9", "\"caf\xc3\xa9\"" },
		{ "0123456789abcd\xe2\x82", "\"0123456789abcd\xef\xbf\xbd\xef\xbf\xbd\"" },
	};
	uint64_t seed = 6;

	(void)unused;
	for (size_t i = 0; i < COUNT(want); i++) {
		memset(s.change.owner.comm, 0, TCS_COMM_LEN);
		memcpy(s.change.owner.comm, want[i].comm, strnlen(want[i].comm, TCS_COMM_LEN));
		read_change();
		keys_are("state", STATE_KEYS);
		VALUES({ "comm", want[i].json }, { "pid", "1180" });
		read_connection();
		VALUES({ "comm", want[i].json });
	}
	for (int i = 0; i < 20000; i++) {
		for (size_t j = 0; j < TCS_COMM_LEN; j++) {
			uint64_t r = random_next(&seed);

			/* quotes and parts of UTF-8 more often than chance has them */
			char often = "\"\\\xe2\xf0\x80\x9f\xbf\n"[r >> 8 & 7];

			s.change.owner.comm[j] = r & 1 ? often : (char)(r >> 8);
		}
		read_change();
		keys_are("state", STATE_KEYS);
	}
}

/* A directory's name may be any bytes; whoever may make cgroups chooses them. */
static void hostile_cgroups_are_valid_strings(void **unused)
{
	static char hostile[] = "/a\"b\\c\n\x01\x7f\xff/\xc3\xa9";
	struct sink_world other = world;

	(void)unused;
	other.cgroup_ctx = hostile;
	sink->ops->free(sink);
	assert_int_equal(sink_json_new(&other, &sink), 0);
	read_change();
	VALUES({ "cgroup", "\"/a\\\"b\\\\c\\u000a\\u0001\\u007f\xef\xbf\xbd/\xc3\xa9\"" });

	other.cgroup_path = NULL;
	read_change();
	VALUES({ "cgroup", "null" });
}

/* sink.h: "A line is at most SINK_LINE_MAX bytes", and the caller makes no more room than that. */
static void the_longest_cgroup_keeps_a_line_in_its_bound(void **unused)
{
	static char monstrous[4096]; /* PATH_MAX, of bytes that need six characters each */
	struct sink_world other = world;

	(void)unused;
	memset(monstrous, '\x01', sizeof(monstrous) - 1);
	monstrous[0] = '/';
	other.cgroup_ctx = monstrous;
	sink->ops->free(sink);
	assert_int_equal(sink_json_new(&other, &sink), 0);
	sink->ops->change(sink, &out, &s.change);
	if (out.len > SINK_LINE_MAX)
		fail_msg("a line of %zu bytes", out.len);
	read_line();
	keys_are("state", STATE_KEYS);
}

static void a_connection_has_all_its_keys(void **unused)
{
	(void)unused;
	sample_end(&s);
	read_connection();
	keys_are("connection", CONNECTION_KEYS);
	VALUES({ "ts", "\"2023-11-14T22:13:20.000000000Z\"" }, { "cookie", "\"4711\"" },
	       { "netns", "4026531840" }, { "family", "4" }, { "laddr", "\"10.0.0.7\"" },
	       { "lport", "80" }, { "raddr", "\"10.0.0.31\"" }, { "rport", "52114" },
	       { "direction", "\"passive\"" }, { "closed_by", "\"us\"" },
	       { "path", "[[\"syn_recv\",288],[\"established\",12907],[\"fin_wait1\",301],"
			 "[\"fin_wait2\",8],[\"time_wait\",null]]" },
	       { "duration_us", "3020000" }, { "handshake_us", "288" }, { "rtt_us", "310" },
	       { "bytes_sent", "88000" }, { "bytes_received", "400" }, { "retransmits", "2" },
	       { "reason", "\"normal\"" }, { "pid", "1180" }, { "comm", "\"nginx\"" },
	       { "uid", "33" }, { "cgroup", "\"/system.slice/nginx.service\"" });
	s.connection.closed_by = CLOSED_BY_PEER;
	read_connection();
	VALUES({ "closed_by", "\"peer\"" });
	s.connection.closed_by = CLOSED_BY_BOTH;
	read_connection();
	VALUES({ "closed_by", "\"both\"" });
}

static void a_resent_syn_ack_has_all_its_keys(void **unused)
{
	struct tcs_wire_synack synack = sample_synack();

	(void)unused;
	sink->ops->synack(sink, &out, &synack);
	read_line();
	keys_are("synack_retransmit",
		 "ts mono_ns netns netns_cookie family laddr lport raddr rport device retransmits "
		 "acked syn_queue syn_queue_young accept_queue queue_limit listener_cookie");
	VALUES({ "ts", "\"2023-11-14T22:13:20.000000000Z\"" }, { "mono_ns", "5000000000" },
	       { "netns", "4026531840" }, { "netns_cookie", "\"12\"" }, { "family", "4" },
	       { "laddr", "\"10.0.0.7\"" }, { "lport", "80" }, { "raddr", "\"198.51.100.4\"" },
	       { "rport", "40012" }, { "device", "null" }, { "retransmits", "2" },
	       { "acked", "false" }, { "syn_queue", "212" }, { "syn_queue_young", "3" },
	       { "accept_queue", "1" }, { "queue_limit", "256" }, { "listener_cookie", "\"77\"" });
	synack.acked = 1;
	synack.listener = 0;
	sink->ops->synack(sink, &out, &synack);
	read_line();
	VALUES({ "acked", "true" }, { "listener_cookie", "null" });
}

static void a_stream_begins_with_what_its_numbers_rest_on(void **unused)
{
	static const char *const hooks[] = { "inet_sock_set_state", "tcp_retransmit_synack" };
	struct sink_meta meta = {
		.version = "0.1.0-\"hostile\"\n",
		.kernel = "6.18.44",
		.arch = "x86_64",
		.boot_id = "0f2a",
		.command = "watch",
		.netns_scope = "all",
		.hooks = hooks,
		.n_hooks = COUNT(hooks),
		.programs = 3,
		.max_sockets = 1048576,
		.buffer_bytes = 16777216,
		.ts_ns = 5123456789,
	};

	(void)unused;
	sink->ops->begin(sink, &out, &meta);
	read_line();
	keys_are("meta", "schema version kernel arch boot_id ts command hooks netns_scope limits");
	VALUES({ "schema", "1" }, { "version", "\"0.1.0-\\\"hostile\\\"\\u000a\"" },
	       { "kernel", "\"6.18.44\"" }, { "arch", "\"x86_64\"" }, { "boot_id", "\"0f2a\"" },
	       { "ts", "\"2023-11-14T22:13:20.123456789Z\"" }, { "command", "\"watch\"" },
	       { "hooks", "[\"inet_sock_set_state\",\"tcp_retransmit_synack\"]" },
	       { "netns_scope", "\"all\"" });
	assert_non_null(strstr(json_get(&line, "limits"), "\"max_sockets\":1048576"));
	assert_non_null(strstr(json_get(&line, "limits"), "\"buffer_bytes\":16777216"));

	meta.boot_id = NULL;
	meta.n_hooks = 0;
	sink->ops->begin(sink, &out, &meta);
	read_line();
	VALUES({ "boot_id", "null" }, { "hooks", "[]" });
}

static void losses_are_told_with_their_reason(void **unused)
{
	static const char *const names[LOST_MAX] = {
		[LOST_RING_FULL] = "\"ring_full\"",   [LOST_RECURSION] = "\"recursion\"",
		[LOST_TABLE_FULL] = "\"table_full\"", [LOST_UNKNOWN_SOCKET] = "\"unknown_socket\"",
		[LOST_DECODE] = "\"decode\"",	      [LOST_OUTPUT_FULL] = "\"output_full\"",
	};

	(void)unused;
	for (int i = 0; i < LOST_MAX; i++) {
		sink->ops->lost(sink, &out, (enum lost_reason)i, 17, 5000000001);
		read_line();
		keys_are("lost", "ts reason count");
		VALUES({ "ts", "\"2023-11-14T22:13:20.000000001Z\"" }, { "reason", names[i] },
		       { "count", "17" });
	}
}

static void a_stream_ends_with_its_sums(void **unused)
{
	static const struct engine_totals of_engine = {
		.events = 18402,
		.filtered = 2,
		.lost = { [LOST_RING_FULL] = 1, [LOST_DECODE] = 4 },
		.undecided = 3,
		.lost_corrections = 6,
	};
	struct sink_totals totals = {
		.engine = &of_engine,
		.shown = 18400,
		.ts_ns = 47100000000,
		.duration_ns = 42123999999,
	};

	(void)unused;
	sink->ops->end(sink, &out, &totals);
	read_line();
	keys_are("end",
		 "ts events shown filtered lost time_wait_undecided corrections_lost duration_s");
	VALUES({ "ts", "\"2023-11-14T22:14:02.100000000Z\"" }, { "events", "18402" },
	       { "shown", "18400" }, { "filtered", "2" },
	       { "lost", "{\"ring_full\":1,\"recursion\":0,\"table_full\":0,"
			 "\"unknown_socket\":0,\"decode\":4,\"output_full\":0}" },
	       { "time_wait_undecided", "3" }, { "corrections_lost", "6" },
	       { "duration_s", "42.123" });
}

/* A judge that accepts anything would prove nothing. */
static void the_reader_of_these_tests_can_tell_right_from_wrong(void **unused)
{
	static const char *const right[] = {
		"{}\n",
		"{\"a\":1}\n",
		"{\"a\":-0.5,\"b\":[],\"c\":[1,null,\"x\"],\"d\":{\"e\":true}}\n",
		"{\"a\":\"\\u001f\\\"\xc3\xa9\xf0\x9f\x98\x80\"}\n",
	};
	static const char *const wrong[] = {
		"",
		"\n",
		"{}",
		"{}\n\n",
		"{}{}\n",
		"[]\n",
		"{\"a\":1,}\n",
		"{,\"a\":1}\n",
		"{\"a\"}\n",
		"{\"a\":}\n",
		"{a:1}\n",
		"{\"a\": 1}\n",
		"{\"a\":1,\"a\":2}\n",
		"{\"a\":01}\n",
		"{\"a\":1.}\n",
		"{\"a\":.5}\n",
		"{\"a\":+1}\n",
		"{\"a\":nul}\n",
		"{\"a\":\"x}\n",
		"{\"a\":\"\\x\"}\n",
		"{\"a\":\"\\u00g0\"}\n",
		"{\"a\":\"\t\"}\n",
		"{\"a\":\"\xff\"}\n",
		"{\"a\":\"\xc3\"}\n",
		"{\"a\":\"\xc0\xaf\"}\n",
		"{\"a\":\"\xed\xa0\x80\"}\n",
		"{\"a\":\"\x7f\"}\n",
		"{\"a\":[1,]}\n",
		"{\"a\":[1}\n",
		"{\"a\":-}\n",
		"{\"a\":null\n",
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(right); i++)
		json_read(&line, right[i]);
	for (size_t i = 0; i < COUNT(wrong); i++)
		if (!json_parse(&line, wrong[i]))
			fail_msg("accepted: %s", wrong[i]);
}

int main(void)
{
#define WITH_SINK(test) cmocka_unit_test_setup_teardown(test, open_sink, close_sink)
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_reader_of_these_tests_can_tell_right_from_wrong),
		WITH_SINK(a_change_has_all_its_keys),
		WITH_SINK(an_inferred_time_wait_says_what_the_kernel_said),
		WITH_SINK(unknown_is_null_and_never_0),
		WITH_SINK(a_known_0_is_0),
		WITH_SINK(a_listener_has_no_remote_side),
		WITH_SINK(large_ids_are_strings),
		WITH_SINK(an_id_of_our_own_is_not_shown),
		WITH_SINK(a_device_is_told_by_its_name),
		WITH_SINK(ipv6_addresses_are_whole),
		WITH_SINK(states_are_spelled_as_promised),
		WITH_SINK(where_an_owner_comes_from_is_said),
		WITH_SINK(a_socket_that_connects_again_is_told_with_its_new_peer),
		WITH_SINK(lines_do_not_depend_on_what_was_printed_before),
		WITH_SINK(every_reason_has_its_name),
		WITH_SINK(hostile_names_are_valid_strings),
		WITH_SINK(hostile_cgroups_are_valid_strings),
		WITH_SINK(the_longest_cgroup_keeps_a_line_in_its_bound),
		WITH_SINK(a_connection_has_all_its_keys),
		WITH_SINK(a_resent_syn_ack_has_all_its_keys),
		WITH_SINK(a_stream_begins_with_what_its_numbers_rest_on),
		WITH_SINK(losses_are_told_with_their_reason),
		WITH_SINK(a_stream_ends_with_its_sums),
	};

	return cmocka_run_group_tests_name("sink_json", tests, NULL, NULL);
}
