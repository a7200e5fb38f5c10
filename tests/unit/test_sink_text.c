// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lines for people. What a line must look like stands in the tests as it is printed; the samples
 * are those of samples.h.
 */
#include <ctype.h>
#include <time.h>

#include "samples.h"
#include "sink.h"

static struct outbuf out;
static struct sample s;

static const char *cgroup_path(void *ctx, uint64_t id)
{
	(void)ctx;
	return id == 55 ? "/system.slice/nginx.service" : NULL;
}

static const char *device_name(void *ctx, uint64_t netns_cookie, uint32_t netns, uint32_t ifindex)
{
	(void)ctx;
	(void)netns;
	(void)netns_cookie;
	return ifindex == 3 ? "eth0" : ifindex == 4 ? "a\x1b[2J-long-name" : NULL;
}

static struct sink_world world = {
	.wall_offset_ns = 1699999995000000000, /* the sample is of 2023-11-14 22:13:20 UTC */
	.start_ns = 4876544000,
	.cgroup_path = cgroup_path,
	.device_name = device_name,
};

static int open_out(void **unused)
{
	(void)unused;
	setenv("TZ", "UTC", 1);
	tzset();
	sample_init(&s);
	return outbuf_init(&out, 65536);
}

static int close_out(void **unused)
{
	(void)unused;
	outbuf_release(&out);
	return 0;
}

/* ---- asking a sink for one line -------------------------------------------------------------- */

enum line { HEADER = 1, CHANGE, CONNECTION, SYNACK };

static struct tcs_wire_synack synack;

static const char *line_of(const struct sink_text_config *given, enum line which)
{
	static char text[65536];
	struct sink_text_config config = *given;
	struct sink *sink = NULL;

	config.world = &world;
	assert_int_equal(sink_text_new(&config, &sink), 0);
	switch (which) {
	case HEADER:
		sink->ops->begin(sink, &out, NULL);
		break;
	case CHANGE:
		sink->ops->change(sink, &out, &s.change);
		break;
	case CONNECTION:
		sink->ops->connection(sink, &out, &s.connection);
		break;
	default:
		sink->ops->synack(sink, &out, &synack);
		break;
	}
	sink->ops->free(sink);
	memcpy(text, out.data, out.len);
	text[out.len] = '\0';
	/* One line, ended, with no blanks at its end. */
	if (out.len) {
		assert_int_equal(text[out.len - 1], '\n');
		text[out.len - 1] = '\0';
		assert_null(strchr(text, '\n'));
		assert_true(out.len < 2 || text[out.len - 2] != ' ');
	}
	assert_int_equal(out.cut, 0);
	out.len = 0;
	return text;
}

#define LINE(which, ...) line_of(&(struct sink_text_config){ __VA_ARGS__ }, which)

/* The n-th word of a line, from 1; counted from its end when negative. */
static const char *word(const char *line, int n)
{
	static char words[64][256];
	const char *at = line;
	int count = 0;

	while (count < (int)COUNT(words) && sscanf(at, "%255s", words[count]) == 1) {
		at = strstr(at, words[count]) + strlen(words[count]);
		count++;
	}
	n = n < 0 ? count + n : n - 1;
	return n >= 0 && n < count ? words[n] : "";
}

static void owner_is(uint32_t pid, uint8_t source, const char *comm)
{
	s.change.owner.pid = pid;
	s.change.owner.source = source;
	memset(s.change.owner.comm, 0, TCS_COMM_LEN);
	memcpy(s.change.owner.comm, comm, strnlen(comm, TCS_COMM_LEN));
}

static void addresses_are_ipv6(void)
{
	static const uint8_t longest[2][16] = {
		{ 0x20, 0x01, 0x1d, 0xb8, 0x11, 0x11, 0x22, 0x22, 0x33, 0x33, 0x44, 0x44, 0x55,
		  0x55, 0x66, 0x66 },
		{ 0x20, 0x01, 0x1d, 0xb8, 0xaa, 0xaa, 0xbb, 0xbb, 0xcc, 0xcc, 0xdd, 0xdd, 0xee,
		  0xee, 0xff, 0xff },
	};

	memcpy(s.conn.laddr, longest[0], 16);
	memcpy(s.conn.raddr, longest[1], 16);
	s.conn.family = 6;
}

#define LONGEST_LADDR "2001:1db8:1111:2222:3333:4444:5555:6666"
#define LONGEST_RADDR "2001:1db8:aaaa:bbbb:cccc:dddd:eeee:ffff"

/* ---- what is printed ------------------------------------------------------------------------- */

static void the_header_is_the_one_that_was_promised(void **unused)
{
	(void)unused;
	assert_string_equal(LINE(HEADER, 0),
			    "PID     COMM            LADDR            LPORT RADDR            RPORT "
			    "OLDSTATE    -> NEWSTATE          MS");
	assert_string_equal(LINE(HEADER, .no_header = true), "");
}

/* The mock-up of the watch screen. */
static void changes_are_lines_of_columns(void **unused)
{
	static const struct {
		uint32_t pid;
		uint8_t source;
		const char *comm;
		uint16_t lport;
		uint8_t raddr[16];
		uint16_t rport;
		uint8_t from, to, tw_substate;
		uint64_t in_old_ns;
		const char *line;
	} want[] = {
		{ 2107, OWNER_TASK, "curl", 0, V4(10, 0, 0, 9), 443, TCS_CLOSE, TCS_SYN_SENT, 0,
		  TRACK_UNKNOWN_NS,
		  "2107    curl            10.0.0.7             - 10.0.0.9           443 "
		  "CLOSE       -> SYN_SENT           -" },
		{ 2107, OWNER_CACHED, "curl", 41822, V4(10, 0, 0, 9), 443, TCS_SYN_SENT,
		  TCS_ESTABLISHED, 0, 412000,
		  "2107    curl            10.0.0.7         41822 10.0.0.9           443 "
		  "SYN_SENT    -> ESTABLISHED    0.412" },
		{ 1180, OWNER_LISTENER, "nginx", 80, V4(10, 0, 0, 31), 52114, TCS_SYN_RECV,
		  TCS_ESTABLISHED, 0, 288000,
		  "1180?   nginx           10.0.0.7            80 10.0.0.31        52114 "
		  "SYN_RECV    -> ESTABLISHED    0.288" },
		{ 1180, OWNER_TASK, "nginx", 80, V4(10, 0, 0, 31), 52114, TCS_ESTABLISHED,
		  TCS_FIN_WAIT1, 0, 12907999,
		  "1180    nginx           10.0.0.7            80 10.0.0.31        52114 "
		  "ESTABLISHED -> FIN_WAIT1     12.907" },
		{ 1180, OWNER_CACHED, "nginx", 80, V4(10, 0, 0, 31), 52114, TCS_FIN_WAIT2,
		  TCS_TIME_WAIT, TCS_FIN_WAIT2, 8000,
		  "1180    nginx           10.0.0.7            80 10.0.0.31        52114 "
		  "FIN_WAIT2   -> TIME_WAIT*     0.008" },
		{ 1180, OWNER_CACHED, "nginx", 80, V4(10, 0, 0, 31), 52114, TCS_CLOSING,
		  TCS_TIME_WAIT, TCS_TIME_WAIT, 8000,
		  "1180    nginx           10.0.0.7            80 10.0.0.31        52114 "
		  "CLOSING     -> TIME_WAIT      0.008" },
		{ 1180, OWNER_CACHED, "nginx", 80, V4(10, 0, 0, 31), 52114, TCS_CLOSING, 0, 0, 8000,
		  "1180    nginx           10.0.0.7            80 10.0.0.31        52114 "
		  "CLOSING     -> -              0.008" },
		{ 702, OWNER_SCAN, "sshd", 22, V4(255, 255, 255, 255), 65535, TCS_ESTABLISHED,
		  TCS_CLOSE_WAIT, 0, 8040000000000,
		  "702?    sshd            10.0.0.7            22 255.255.255.255  65535 "
		  "ESTABLISHED -> CLOSE_WAIT  8040000.000" },
		{ 0, OWNER_UNKNOWN, "", 80, V4(0, 0, 0, 0), 0, TCS_LISTEN, TCS_CLOSE, 0,
		  TRACK_UNKNOWN_NS,
		  "-       -               10.0.0.7            80 -                    - "
		  "LISTEN      -> CLOSE              -" },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(want); i++) {
		owner_is(want[i].pid, want[i].source, want[i].comm);
		memcpy(s.conn.raddr, want[i].raddr, 16);
		s.conn.rport = want[i].rport;
		s.change.lport = want[i].lport;
		s.change.in_old_ns = want[i].in_old_ns;
		s.change.old_state = want[i].from;
		s.change.new_state = want[i].to;
		s.change.tw_substate = want[i].tw_substate;
		assert_string_equal(LINE(CHANGE, 0), want[i].line);
		assert_string_equal(LINE(CHANGE, .columns = 110), want[i].line);
	}
}

static void what_is_unknown_is_a_dash(void **unused)
{
	(void)unused;
	sample_unknown(&s);
	assert_string_equal(LINE(CHANGE, 0),
			    "-       -               -                    - -                    - "
			    "ESTABLISHED -> CLOSE              -");
	for (int i = 11; i <= 15; i++) /* NETNS UID CGROUP DIR RTT */
		assert_string_equal(word(LINE(CHANGE, .extended = true), i), "-");
}

static void the_mark_of_an_owner_not_seen_acting(void **unused)
{
	static const struct {
		uint8_t source;
		const char *pid;
	} want[] = {
		{ OWNER_TASK, "4194304" },
		{ OWNER_CACHED, "4194304" },
		{ OWNER_LISTENER, "4194304?" },
		{ OWNER_SCAN, "4194304?" },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(want); i++) {
		owner_is(4194304, want[i].source, "nginx");
		assert_string_equal(word(LINE(CHANGE, 0), 1), want[i].pid);
	}
}

static void hostile_names_neither_move_the_cursor_nor_the_columns(void **unused)
{
	(void)unused;
	owner_is(1180, OWNER_TASK, "\x1b[2J\r\n\x07\xff\x9b ok");
	assert_string_equal(LINE(CHANGE, 0),
			    "1180    ?[2J????? ok    10.0.0.7            80 10.0.0.31        52114 "
			    "ESTABLISHED -> FIN_WAIT1     12.907");
	owner_is(1180, OWNER_TASK, "0123456789abcdef"); /* not terminated, one too many */
	assert_int_equal(strlen(LINE(CHANGE, 0)), 105);
}

static void clocks_go_in_front(void **unused)
{
	(void)unused;
	assert_memory_equal(LINE(HEADER, .wall_clock = true), "TIME     PID     COMM ", 22);
	assert_memory_equal(LINE(CHANGE, .wall_clock = true), "22:13:20 1180    nginx ", 23);
	assert_memory_equal(LINE(HEADER, .since_start = true), "      SINCE PID ", 16);
	assert_memory_equal(LINE(CHANGE, .since_start = true), "   0.123456 1180 ", 17);
	assert_memory_equal(LINE(CHANGE, .wall_clock = true, .since_start = true),
			    "22:13:20    0.123456 1180 ", 26);
}

/* "-x adds NETNS, UID, CGROUP, DIR (active, passive), RTT, REASON, COOKIE" */
static void extended_columns_follow_in_their_order(void **unused)
{
	static const char *const titles[] = { "NETNS", "UID",	 "CGROUP", "DIR",
					      "RTT",   "REASON", "COOKIE" };
	static const char *const values[] = { "4026531840", "33", NULL,	 "passive",
					      "0.310",	    "-",  "4711" };
	const int first = 11; /* behind MS; the header has "->" as a word, too */

	(void)unused;
	for (size_t i = 0; i < COUNT(titles); i++) {
		assert_string_equal(word(LINE(HEADER, .extended = true), first + (int)i),
				    titles[i]);
		if (values[i])
			assert_string_equal(word(LINE(CHANGE, .extended = true), first + (int)i),
					    values[i]);
	}
	assert_non_null(strstr(LINE(CHANGE, .extended = true, .wide = true),
			       " /system.slice/nginx.service "));
	s.conn.direction = DIRECTION_ACTIVE;
	assert_string_equal(word(LINE(CHANGE, .extended = true), first + 3), "active");
	sample_end(&s);
	assert_string_equal(word(LINE(CHANGE, .extended = true), first + 5), "normal");
}

static void reasons_are_named_and_other_errors_by_their_errno(void **unused)
{
	static const struct {
		enum reason reason;
		uint8_t err;
		const char *name;
	} want[] = {
		{ REASON_NORMAL, 0, "normal" },
		{ REASON_ABORTED_DATA_AFTER_CLOSE, 0, "aborted_data_after_close" },
		{ REASON_OTHER, 92, "other:ENOPROTOOPT" },
		{ REASON_OTHER, 200, "other:200" }, /* no errno that we know */
	};

	(void)unused;
	sample_end(&s);
	for (size_t i = 0; i < COUNT(want); i++) {
		s.change.reason = want[i].reason;
		s.change.err = want[i].err;
		assert_string_equal(word(LINE(CHANGE, .extended = true), -2), want[i].name);
	}
}

static void ipv6_is_shortened_without_w_and_whole_with_it(void **unused)
{
	(void)unused;
	addresses_are_ipv6();
	assert_string_equal(word(LINE(CHANGE, 0), 3), "2001:1d~555:6666");
	assert_string_equal(word(LINE(CHANGE, 0), 5), "2001:1d~eee:ffff");
	assert_int_equal(strlen(LINE(CHANGE, 0)), 105);

	assert_string_equal(word(LINE(CHANGE, .wide = true), 3), LONGEST_LADDR);
	assert_string_equal(word(LINE(CHANGE, .wide = true), 5), LONGEST_RADDR);
	assert_string_equal(word(LINE(CHANGE, .wide = true, .columns = 200), 3), LONGEST_LADDR);
	assert_string_equal(word(LINE(CHANGE, .wide = true, .columns = 200), 5), LONGEST_RADDR);
	/* columns stay in line */
	assert_int_equal(strstr(LINE(HEADER, .wide = true), "OLDSTATE") -
				 LINE(HEADER, .wide = true),
			 (int)(strstr(LINE(CHANGE, .wide = true), "ESTABLISHED") -
			       LINE(CHANGE, .wide = true)));
}

/* "-w never truncates an address", not on a narrow terminal either. */
static void w_never_truncates_an_address(void **unused)
{
	(void)unused;
	addresses_are_ipv6();
	for (unsigned int columns = 200; columns >= 80; columns--) {
		const char *line = LINE(CHANGE, .wide = true, .columns = columns);

		if (!strstr(line, LONGEST_LADDR) || !strstr(line, LONGEST_RADDR))
			fail_msg("-w on %u columns: %s", columns, line);
	}
}

static void addresses_are_link_local(void)
{
	static const uint8_t fe80[16] = { 0xfe, 0x80, [15] = 1 };

	memcpy(s.conn.laddr, fe80, 16);
	memcpy(s.conn.raddr, fe80, 16);
	s.conn.raddr[15] = 2;
	s.conn.family = 6;
}

/* "%dev" where the zone is meant, else with the local address: the socket is bound. */
static void a_device_follows_its_address(void **unused)
{
	(void)unused;
	sample_end(&s);
	s.conn.device = 3;
	assert_string_equal(word(LINE(CHANGE, 0), 3), "10.0.0.7%eth0");
	assert_string_equal(word(LINE(CHANGE, 0), 5), "10.0.0.31");
	assert_non_null(strstr(LINE(CONNECTION, .lifecycle = true), " 10.0.0.7%eth0:80 "));
	addresses_are_link_local();
	assert_string_equal(word(LINE(CHANGE, 0), 3), "fe80::1%eth0");
	assert_string_equal(word(LINE(CHANGE, 0), 5), "fe80::2%eth0");
	assert_non_null(strstr(LINE(CONNECTION, .lifecycle = true), " [fe80::1%eth0]:80 "));
	assert_non_null(strstr(LINE(CONNECTION, .lifecycle = true), " [fe80::2%eth0]:52114 "));
	s.conn.device = 7; /* no name is known */
	assert_string_equal(word(LINE(CHANGE, 0), 3), "fe80::1%7");
	s.conn.device = 4;
	assert_string_equal(word(LINE(CHANGE, 0), 3), "fe80::1~ong-name");
	assert_string_equal(word(LINE(CHANGE, .wide = true), 5), "fe80::2%a?[2J-long-name");
	/* a listener: of all addresses, on one device */
	s.conn.device = 3;
	memset(s.conn.laddr, 0, 16);
	s.conn.rport = 0;
	assert_string_equal(word(LINE(CHANGE, 0), 3), "::%eth0");
	assert_string_equal(word(LINE(CHANGE, 0), 5), "-");
}

static void w_never_truncates_a_device(void **unused)
{
	static const char device[] = "%a?[2J-long-name";

	(void)unused;
	addresses_are_ipv6();
	s.conn.laddr[0] = s.conn.raddr[0] = 0xfe;
	s.conn.laddr[1] = s.conn.raddr[1] = 0x80;
	s.conn.device = 4;
	for (unsigned int columns = 200; columns >= 80; columns--) {
		const char *line = LINE(CHANGE, .wide = true, .columns = columns);
		const char *first = strstr(line, device);

		if (!first || !strstr(first + 1, device))
			fail_msg("-w on %u columns: %s", columns, line);
	}
}

/* ---- SYN-ACKs -------------------------------------------------------------------------------- */

static void a_resent_syn_ack_is_told_in_words(void **unused)
{
	(void)unused;
	synack = sample_synack();
	assert_string_equal(LINE(SYNACK, 0),
			    "1180?   nginx           10.0.0.7            80 198.51.100.4     40012 "
			    "SYN-ACK resent (2nd), SYN queue 212/256");
	synack.owner.pid = 0;
	assert_string_equal(LINE(SYNACK, .columns = 110),
			    "-       -               10.0.0.7            80 198.51.100.4     40012 "
			    "SYN-ACK resent (2nd), SYN queue 212/256");
	synack.acked = 1;
	synack.accept_queue = 257;
	assert_non_null(strstr(LINE(SYNACK, 0), "accept queue 257/256"));
}

static void resent_syn_acks_are_numbered_in_english(void **unused)
{
	static const struct {
		uint8_t n;
		const char *text;
	} want[] = {
		{ 1, "(1st)" },	  { 2, "(2nd)" },     { 3, "(3rd)" },	  { 4, "(4th)" },
		{ 5, "(5th)" },	  { 10, "(10th)" },   { 11, "(11th)" },	  { 12, "(12th)" },
		{ 13, "(13th)" }, { 20, "(20th)" },   { 21, "(21st)" },	  { 22, "(22nd)" },
		{ 23, "(23rd)" }, { 101, "(101st)" }, { 111, "(111th)" }, { 255, "(255th)" },
	};

	(void)unused;
	synack = sample_synack();
	for (size_t i = 0; i < COUNT(want); i++) {
		synack.retransmits = want[i].n;
		assert_non_null(strstr(LINE(SYNACK, 0), want[i].text));
	}
}

/*
 * 110 columns are promised for IPv4, and 4096 is every listener's limit unless somebody changed it.
 * What tells a slow program from a flood stands at the end of the line.
 */
static void a_syn_ack_line_is_whole_in_110_columns(void **unused)
{
	(void)unused;
	synack = sample_synack();
	synack.syn_queue = 4097;
	synack.queue_limit = 4096;
	if (!strstr(LINE(SYNACK, .columns = 110), "4097/4096"))
		fail_msg("%s", LINE(SYNACK, .columns = 110));
	synack.acked = 1;
	synack.accept_queue = 4097;
	if (!strstr(LINE(SYNACK, .columns = 110), "accept queue 4097/4096"))
		fail_msg("%s", LINE(SYNACK, .columns = 110));
}

/* ---- the width of the terminal --------------------------------------------------------------- */

static bool header_has(const char *title, unsigned int columns)
{
	const char *header = LINE(HEADER, .columns = columns);
	const char *at = strstr(header, title);

	return at && (at == header || at[-1] == ' ') &&
	       (at[strlen(title)] == ' ' || !at[strlen(title)]);
}

/* Widths from 110 down to 40: COMM goes first, PID last, and what has gone does not come back. */
static void columns_go_in_order_comm_first_pid_last(void **unused)
{
	static const char *const all[] = { "PID",   "COMM",	"LADDR",    "LPORT", "RADDR",
					   "RPORT", "OLDSTATE", "NEWSTATE", "MS" };
	const char *gone[COUNT(all)] = { NULL };
	size_t n_gone = 0;

	(void)unused;
	for (unsigned int columns = 110; columns >= 60; columns--) {
		for (size_t i = 0; i < COUNT(all); i++) {
			bool has = header_has(all[i], columns), had = true;

			for (size_t j = 0; j < n_gone; j++)
				had &= gone[j] != all[i];
			assert_true(had || !has);
			if (had && !has)
				gone[n_gone++] = all[i];
		}
	}
	assert_true(n_gone >= 2);
	assert_string_equal(gone[0], "COMM");
	assert_string_equal(gone[n_gone - 1], "PID");
	/* All is there as long as it fits; who, where and what is there at 80. */
	for (size_t i = 0; i < COUNT(all); i++)
		assert_true(header_has(all[i], 105));
	assert_true(header_has("PID", 80));
	assert_true(header_has("NEWSTATE", 80));
}

static void a_column_shrinks_before_it_goes(void **unused)
{
	(void)unused;
	owner_is(1180, OWNER_TASK, "a-name-of-15-by");
	assert_string_equal(word(LINE(CHANGE, .columns = 105), 2), "a-name-of-15-by");
	assert_string_equal(word(LINE(CHANGE, .columns = 102), 2), "a-nam~-15-by");
	assert_string_equal(word(LINE(CHANGE, .columns = 98), 2), "a-n~5-by");
}

/* They grow with the host's age. */
static void a_cookie_is_whole_or_its_column_is_not_there(void **unused)
{
	static const char cookie[] = "123456789012";
	unsigned int shown = 0;

	(void)unused;
	s.conn.cookie = 123456789012;
	for (unsigned int columns = 60; columns <= 240; columns++) {
		const char *line;

		if (!strstr(LINE(HEADER, .extended = true, .columns = columns), "COOKIE"))
			continue;
		line = LINE(CHANGE, .extended = true, .columns = columns);
		assert_string_equal(line + strlen(line) - strlen(cookie), cookie);
		shown++;
	}
	assert_true(shown > 30);
}

/* But for -w, which keeps addresses whole at any price. */
static void no_line_is_longer_than_the_terminal(void **unused)
{
	static const unsigned int widths[] = { 200, 110, 80, 60, 40 };
	uint64_t seed = 9;

	(void)unused;
	for (int i = 0; i < 4000; i++) {
		uint64_t r = random_next(&seed);
		struct sink_text_config c = {
			.wall_clock = r & 1,
			.since_start = r & 2,
			.extended = r & 8,
			.lifecycle = r & 16,
			.columns = i & 1 ? widths[(r >> 8) % COUNT(widths)] : 20 + (r >> 8) % 240,
		};
		enum line which = c.lifecycle ? CONNECTION : r & 32 ? SYNACK : CHANGE;

		sample_end(&s);
		synack = sample_synack();
		if (r & 64) {
			addresses_are_ipv6();
			memcpy(synack.raddr, s.conn.raddr, 16);
			synack.family = 6;
		}
		if (r & 256)
			s.conn.device = synack.device = 3 + (r >> 9 & 3);
		if (r & 128)
			owner_is(4194304, OWNER_LISTENER, "\xff\x1b a long name");
		s.change.in_old_ns = random_next(&seed) >> (r >> 40 & 63);
		s.connection.duration_ns = s.change.in_old_ns;
		synack.syn_queue = synack.queue_limit = (uint32_t)r;
		synack.acked = r >> 33 & 1;
		if (strlen(line_of(&c, which)) > c.columns)
			fail_msg("%zu > %u: %s", strlen(line_of(&c, which)), c.columns,
				 line_of(&c, which));
		assert_true(strlen(line_of(&c, HEADER)) <= c.columns);
	}
}

/* "At most 110 columns for IPv4", into a pipe, too, whatever the numbers. */
static void ipv4_takes_at_most_110_columns(void **unused)
{
	static const uint8_t longest[16] = V4(255, 255, 255, 255);
	static const struct {
		const char *how_long;
		uint64_t ns;
	} want[] = {
		{ "a second", 1000000000 },	    { "an hour", 3600000000000 },
		{ "a day", 86400000000000 },	    { "a month", 30 * 86400000000000 },
		{ "a year", 365 * 86400000000000 },
	};

	(void)unused;
	owner_is(4194304, OWNER_LISTENER, "a-name-of-15-by");
	memcpy(s.conn.laddr, longest, 16);
	memcpy(s.conn.raddr, longest, 16);
	s.change.lport = s.conn.rport = 65535;
	s.change.old_state = TCS_ESTABLISHED;
	s.change.new_state = TCS_CLOSE_WAIT;
	for (size_t i = 0; i < COUNT(want); i++) {
		s.change.in_old_ns = want[i].ns;
		if (strlen(LINE(CHANGE, 0)) > 110)
			fail_msg("%s in ESTABLISHED: %zu columns", want[i].how_long,
				 strlen(LINE(CHANGE, 0)));
	}
}

static void a_pid_is_never_cut(void **unused)
{
	(void)unused;
	owner_is(4194304, OWNER_LISTENER, "nginx");
	for (unsigned int columns = 30; columns <= 200; columns++)
		if (header_has("PID", columns))
			assert_string_equal(word(LINE(CHANGE, .columns = columns), 1), "4194304?");
}

/* "A number is never cut": where there is a duration, it has all its digits before the point. */
static void a_duration_is_never_another_duration(void **unused)
{
	static const struct {
		uint64_t ns;
		const char *ms;
	} want[] = {
		{ 999, "0" },
		{ 12907000, "12" },
		{ 9999999999, "9999" },
		{ 120000000000, "120000" },
		{ 8040000000000, "8040000" },
		{ 100000000000000, "100000000" }, /* 28 hours */
		{ 2592000000000000, "2592000000" },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(want); i++) {
		s.change.in_old_ns = want[i].ns;
		for (unsigned int columns = 60; columns <= 200; columns++) {
			const char *line = LINE(CHANGE, .columns = columns);
			const char *last = word(line, -1);
			size_t digits = strspn(last, "0123456789");

			if (!isdigit((unsigned char)*last)) /* it is the new state */
				continue;
			if (digits != strlen(want[i].ms) || strncmp(last, want[i].ms, digits))
				fail_msg("%s... ms on %u columns: %s", want[i].ms, columns, line);
		}
	}
}

/* "SYN queue 2" would say that all is well where it was 212/256. */
static void a_queue_is_never_another_queue(void **unused)
{
	(void)unused;
	synack = sample_synack();
	for (unsigned int columns = 40; columns <= 200; columns++) {
		const char *line = LINE(SYNACK, .columns = columns);
		const char *queue = strstr(line, "queue ");

		if (queue && queue[6] && strcmp(queue + 6, "212/256"))
			fail_msg("on %u columns: %s", columns, line);
	}
}

static void states_are_whole_down_to_60_columns(void **unused)
{
	(void)unused;
	sample_end(&s);
	s.change.tw_substate = TCS_FIN_WAIT2;
	for (unsigned int columns = 60; columns <= 200; columns++)
		assert_non_null(
			strstr(LINE(CHANGE, .columns = columns), "FIN_WAIT2   -> TIME_WAIT*"));
}

static void ipv4_addresses_are_whole_down_to_80_columns(void **unused)
{
	static const uint8_t longest[16] = V4(203, 100, 113, 254);

	(void)unused;
	memcpy(s.conn.raddr, longest, 16);
	for (unsigned int columns = 80; columns <= 200; columns++) {
		assert_non_null(strstr(LINE(CHANGE, .columns = columns), " 10.0.0.7 "));
		assert_non_null(strstr(LINE(CHANGE, .columns = columns), " 203.100.113.254 "));
	}
}

static void a_new_width_is_taken_at_once(void **unused)
{
	static const unsigned int widths[] = { 110, 60, 80, 110, 0, 100 };
	struct sink_text_config config = { .world = &world, .columns = 60 };
	char resized[256];
	struct sink *sink;

	(void)unused;
	assert_int_equal(sink_text_new(&config, &sink), 0);
	sink->ops->change(sink, &out, &s.change);
	for (size_t i = 0; i < COUNT(widths); i++) {
		sink->ops->width(sink, widths[i]);
		out.len = 0;
		sink->ops->change(sink, &out, &s.change);
		assert_in_range(out.len, 1, sizeof(resized));
		memcpy(resized, out.data, out.len);
		resized[out.len - 1] = '\0';
		out.len = 0;
		assert_string_equal(resized, LINE(CHANGE, .columns = widths[i]));
	}
	sink->ops->free(sink);
}

static const char *monstrous_path(void *ctx, uint64_t id)
{
	static char path[4096];

	(void)ctx;
	(void)id;
	memset(path, '\x01', sizeof(path) - 1);
	path[0] = '/';
	return path;
}

static void a_line_keeps_to_its_bound(void **unused)
{
	struct sink_world monstrous = world;
	struct sink_text_config config = { .world = &monstrous, .wide = true, .extended = true };
	struct sink *sink;

	(void)unused;
	monstrous.cgroup_path = monstrous_path;
	assert_int_equal(sink_text_new(&config, &sink), 0);
	sink->ops->change(sink, &out, &s.change);
	assert_in_range(out.len, 1, SINK_LINE_MAX);
	sink->ops->free(sink);
}

/*
 * One socket, two lives: it was connected, ended, and is connected to somebody else. When the first
 * event of both was missed or filtered, nothing but the end in between tells them apart.
 */
static void a_socket_that_connects_again_is_shown_with_its_new_peer(void **unused)
{
	struct sink_text_config config = { .world = &world };
	struct sink *sink;

	(void)unused;
	assert_int_equal(sink_text_new(&config, &sink), 0);
	for (int life = 0; life < 2; life++) {
		s.conn.born_ns = 0;
		s.conn.raddr[15] = life ? 99 : 31;
		s.change.old_state = TCS_SYN_SENT;
		s.change.new_state = s.change.kernel_new_state = TCS_ESTABLISHED;
		out.len = 0;
		sink->ops->change(sink, &out, &s.change);
		outbuf_putc(&out, '\0');
		assert_non_null(strstr(out.data, life ? " 10.0.0.99 " : " 10.0.0.31 "));
		s.change.old_state = TCS_ESTABLISHED;
		s.change.new_state = s.change.kernel_new_state = TCS_CLOSE;
		s.change.reason = REASON_RESET_BY_US;
		sink->ops->change(sink, &out, &s.change);
		s.change.reason = REASON_NONE;
	}
	sink->ops->free(sink);
}

/*
 * A sink that has printed many sockets prints the next line like one that has printed nothing:
 * what it remembers of a socket (row_cache.h) shows in no line.
 */
static void lines_do_not_depend_on_what_was_printed_before(void **unused)
{
	static const struct sink_text_config configs[] = {
		{ 0 },
		{ .columns = 110 },
		{ .columns = 80 },
		{ .wall_clock = true, .extended = true },
		{ .wide = true },
		{ .wide = true, .columns = 120 },
	};
	static char used[4096];
	uint64_t seed = 8;

	(void)unused;
	for (size_t c = 0; c < COUNT(configs); c++) {
		struct sink_text_config config = configs[c];
		struct sink *sink;

		config.world = &world;
		assert_int_equal(sink_text_new(&config, &sink), 0);
		for (int i = 0; i < 6000; i++) {
			uint64_t r = random_next(&seed);
			uint32_t n =
				(uint32_t)(r >> 8) % 40 * 1024 + (r >> 40) % 4; /* they collide */

			sample_init(&s);
			if (n & 1)
				addresses_are_ipv6();
			s.conn.id = 1 + n;
			s.conn.born_ns = n;
			s.conn.device = n >> 10 & 1 ? 3 : 0;
			if (n & 2)
				s.conn.raddr[15] = (uint8_t)(n >> 10);
			s.change.lport = r & 1 ? 0 : 80;
			owner_is(r & 2 ? 4194304 : 1, r & 4 ? OWNER_LISTENER : OWNER_TASK,
				 r & 8 ? "a-name-of-15-by" : "sh");
			out.len = 0;
			sink->ops->change(sink, &out, &s.change);
			assert_in_range(out.len, 1, sizeof(used));
			memcpy(used, out.data, out.len);
			used[out.len - 1] = '\0';
			out.len = 0;
			assert_string_equal(used, line_of(&config, CHANGE));
		}
		sink->ops->free(sink);
	}
}

/* ---- finished connections -------------------------------------------------------------------- */

static void a_finished_connection_is_one_line(void **unused)
{
	(void)unused;
	sample_end(&s);
	assert_string_equal(
		LINE(HEADER, .lifecycle = true),
		"DIR     PID     COMM         LOCAL                 REMOTE                "
		"  LIFE  SENT  RECV PATH / REASON");
	assert_string_equal(
		LINE(CONNECTION, .lifecycle = true),
		"passive 1180    nginx        10.0.0.7:80           10.0.0.31:52114       "
		" 3.02s 88.0K   400 we closed first -> TIME_WAIT, normal");
	/* the changes on the way there are not told */
	assert_string_equal(LINE(CHANGE, .lifecycle = true), "");
}

static void the_end_of_a_connection_in_words(void **unused)
{
	static const struct {
		enum closed_by closed_by;
		uint8_t old_state, new_state, tw_substate;
		enum reason reason;
		const char *story;
	} want[] = {
		{ CLOSED_BY_US, TCS_FIN_WAIT2, TCS_TIME_WAIT, TCS_FIN_WAIT2, REASON_NORMAL,
		  "we closed first -> TIME_WAIT*, normal" },
		{ CLOSED_BY_PEER, TCS_LAST_ACK, TCS_CLOSE, 0, REASON_NORMAL,
		  "peer closed first -> CLOSE, normal" },
		{ CLOSED_BY_BOTH, TCS_CLOSING, TCS_TIME_WAIT, TCS_TIME_WAIT, REASON_NORMAL,
		  "both closed at once -> TIME_WAIT, normal" },
		{ CLOSED_BY_US, TCS_FIN_WAIT2, TCS_CLOSE, 0, REASON_NORMAL,
		  "we closed first -> CLOSE, normal" },
		{ CLOSED_BY_US, TCS_FIN_WAIT2, 0, 0, REASON_NORMAL,
		  "we closed first -> -, normal" },
		{ CLOSED_BY_UNKNOWN, TCS_SYN_SENT, TCS_CLOSE, 0, REASON_TIMEOUT,
		  "SYN_SENT -> CLOSE, timeout" },
		{ CLOSED_BY_PEER, TCS_ESTABLISHED, TCS_CLOSE, 0, REASON_RESET_BY_PEER,
		  "ESTABLISHED -> CLOSE, reset_by_peer" },
	};

	(void)unused;
	sample_end(&s);
	for (size_t i = 0; i < COUNT(want); i++) {
		s.connection.closed_by = want[i].closed_by;
		s.change.old_state = want[i].old_state;
		s.change.new_state = want[i].new_state;
		s.change.tw_substate = want[i].tw_substate;
		s.change.reason = want[i].reason;
		assert_non_null(strstr(LINE(CONNECTION, .lifecycle = true), want[i].story));
	}
	s.conn.path_broken = true;
	assert_non_null(strstr(LINE(CONNECTION, .lifecycle = true), "(part of it was missed)"));
}

/* Why it was closed is what the line is for. */
static void on_a_narrow_terminal_the_reason_stays_whole(void **unused)
{
	(void)unused;
	sample_end(&s);
	s.connection.closed_by = CLOSED_BY_US;
	s.change.reason = REASON_NORMAL;
	for (unsigned int columns = 60; columns <= 160; columns++)
		for (int extended = 0; extended <= 1; extended++) {
			const char *line = LINE(CONNECTION, .lifecycle = true, .extended = extended,
						.columns = columns);

			if (strcmp(line + strlen(line) - 8, ", normal") != 0)
				fail_msg("on %u columns: %s", columns, line);
		}
	assert_string_equal(
		LINE(CONNECTION, .lifecycle = true, .columns = 80),
		"1180    10.0.0.7:80       10.0.0.31:52114     3.02s we closed fir~E_WAIT, normal");
}

static void a_finished_connection_hides_what_is_unknown(void **unused)
{
	(void)unused;
	sample_unknown(&s);
	assert_string_equal(
		LINE(CONNECTION, .lifecycle = true, .extended = true),
		"-       -       -            -                     -                     "
		"     -      -     -     -    - ESTABLISHED -> CLOSE, reset_by_peer");
}

static void endpoints_are_whole_where_there_is_room(void **unused)
{
	static const uint8_t longest[16] = V4(192, 168, 100, 200);

	(void)unused;
	sample_end(&s);
	memcpy(s.conn.raddr, longest, 16);
	assert_non_null(strstr(LINE(CONNECTION, .lifecycle = true), " 192.168.100.200:52114 "));
	addresses_are_ipv6();
	assert_non_null(strstr(LINE(CONNECTION, .lifecycle = true, .wide = true),
			       " [" LONGEST_LADDR "]:80 "));
	assert_non_null(strstr(LINE(CONNECTION, .lifecycle = true, .wide = true),
			       " [" LONGEST_RADDR "]:52114 "));
}

int main(void)
{
#define WITH_OUT(test) cmocka_unit_test_setup_teardown(test, open_out, close_out)
	static const struct CMUnitTest tests[] = {
		WITH_OUT(the_header_is_the_one_that_was_promised),
		WITH_OUT(changes_are_lines_of_columns),
		WITH_OUT(what_is_unknown_is_a_dash),
		WITH_OUT(the_mark_of_an_owner_not_seen_acting),
		WITH_OUT(hostile_names_neither_move_the_cursor_nor_the_columns),
		WITH_OUT(clocks_go_in_front),
		WITH_OUT(extended_columns_follow_in_their_order),
		WITH_OUT(reasons_are_named_and_other_errors_by_their_errno),
		WITH_OUT(ipv6_is_shortened_without_w_and_whole_with_it),
		WITH_OUT(a_device_follows_its_address),
		WITH_OUT(w_never_truncates_a_device),
		WITH_OUT(w_never_truncates_an_address),
		WITH_OUT(a_resent_syn_ack_is_told_in_words),
		WITH_OUT(resent_syn_acks_are_numbered_in_english),
		WITH_OUT(a_syn_ack_line_is_whole_in_110_columns),
		WITH_OUT(columns_go_in_order_comm_first_pid_last),
		WITH_OUT(a_column_shrinks_before_it_goes),
		WITH_OUT(a_cookie_is_whole_or_its_column_is_not_there),
		WITH_OUT(no_line_is_longer_than_the_terminal),
		WITH_OUT(ipv4_takes_at_most_110_columns),
		WITH_OUT(a_pid_is_never_cut),
		WITH_OUT(a_duration_is_never_another_duration),
		WITH_OUT(a_queue_is_never_another_queue),
		WITH_OUT(states_are_whole_down_to_60_columns),
		WITH_OUT(ipv4_addresses_are_whole_down_to_80_columns),
		WITH_OUT(a_new_width_is_taken_at_once),
		WITH_OUT(a_line_keeps_to_its_bound),
		WITH_OUT(a_socket_that_connects_again_is_shown_with_its_new_peer),
		WITH_OUT(lines_do_not_depend_on_what_was_printed_before),
		WITH_OUT(a_finished_connection_is_one_line),
		WITH_OUT(the_end_of_a_connection_in_words),
		WITH_OUT(on_a_narrow_terminal_the_reason_stays_whole),
		WITH_OUT(a_finished_connection_hides_what_is_unknown),
		WITH_OUT(endpoints_are_whole_where_there_is_room),
	};

	return cmocka_run_group_tests_name("sink_text", tests, NULL, NULL);
}
