// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_detect_syn.c - what happens to handshakes, and what it is called
 *
 * Each case is what two looks a second apart tell of one listener; the numbers are those that the
 * scenarios of tests/e2e were seen to make.
 */
#include "unit.h"

#include "defaults.h"
#include "detect.h"
#include "detect_syn.h"

#define SECOND 1000000000ull

/* Rates are of the second between the looks. */
struct scene {
	const char *name;
	uint32_t limit, syn_queue, young, accept_queue;
	uint32_t accept_before; /* accept_queue, of the first look */
	uint32_t acked;		/* of those that are not young */
	uint32_t old_stuck;	/* of the stuck ones, past the second timeout */
	uint32_t sources;	/* of all; 0: nothing was walked over */
	uint32_t plain_percent; /* of the stuck ones: without SACK and timestamps */
	uint32_t drops, done, late, failing;
	uint32_t sent, recv, overflows, full; /* of the namespace */
	uint32_t others_drop;		      /* other listeners of the namespace */
	uint32_t syn_backlog;		      /* tcp_max_syn_backlog, where it counts */
	uint8_t cookies;		      /* tcp_syncookies */
	bool cookies_now;
	enum finding_kind kind; /* 0: nothing is found */
	enum syn_pressure pressure;
};

/* clang-format off */
static const struct scene scenes[] = {
	{ "nothing happens", .limit = 128, .cookies = 1 },
	{ "ordinary clients", .limit = 128, .syn_queue = 2, .young = 2, .done = 200, .sources = 2,
	  .cookies = 1 },
	{ "flood, cookies, first second", .limit = 128, .syn_queue = 129, .young = 129, .sent = 800,
	  .sources = 129, .cookies = 1, .cookies_now = true, .kind = FINDING_SYN_FLOOD,
	  .pressure = SYN_COOKIES },
	{ "flood, cookies", .limit = 128, .syn_queue = 129, .failing = 0, .sent = 2000,
	  .sources = 129, .cookies = 1, .cookies_now = true, .kind = FINDING_SYN_FLOOD,
	  .pressure = SYN_COOKIES },
	{ "flood, cookies, clients return as many", .limit = 128, .syn_queue = 129, .sent = 4000,
	  .recv = 2100, .done = 2100, .sources = 129, .cookies = 1, .cookies_now = true,
	  .kind = FINDING_SYN_FLOOD, .pressure = SYN_COOKIES },
	{ "rush from far away, half of it lags behind", .limit = 128, .syn_queue = 13, .young = 13,
	  .sent = 2415, .recv = 459, .done = 640, .sources = 13, .cookies = 1, .cookies_now = true,
	  .kind = FINDING_SYN_BACKLOG_SMALL, .pressure = SYN_COOKIES },
	{ "flood, the queue at half", .limit = 128, .syn_queue = 70, .young = 70, .sent = 2415,
	  .recv = 459, .done = 459, .sources = 70, .cookies = 1, .cookies_now = true,
	  .kind = FINDING_SYN_FLOOD, .pressure = SYN_COOKIES },
	{ "flood, always cookies", .limit = 128, .sent = 2000, .recv = 90, .done = 90, .cookies = 2,
	  .cookies_now = true, .kind = FINDING_SYN_FLOOD, .pressure = SYN_COOKIES },
	{ "flood, no cookies", .limit = 128, .syn_queue = 129, .drops = 1900, .sources = 129,
	  .kind = FINDING_SYN_FLOOD, .pressure = SYN_DROPS },
	{ "flood, no cookies, three quarters", .limit = 128, .syn_queue = 49, .young = 49,
	  .syn_backlog = 64, .drops = 900, .sources = 49,
	  .kind = FINDING_SYN_FLOOD, .pressure = SYN_DROPS },
	{ "flood, slow", .limit = 1024, .syn_queue = 120, .young = 40, .failing = 40,
	  .sources = 120, .old_stuck = 0, .plain_percent = 100, .cookies = 1,
	  .kind = FINDING_SYN_FLOOD,
	  .pressure = SYN_SLOW },
	{ "flood, slow, beside clients", .limit = 1024, .syn_queue = 120, .young = 40,
	  .failing = 40,
	  .done = 500, .sources = 120, .cookies = 1, .kind = FINDING_SYN_FLOOD,
	  .pressure = SYN_SLOW },
	{ "flood, slow, one source", .limit = 1024, .syn_queue = 120, .young = 40, .failing = 40,
	  .sources = 1, .plain_percent = 100, .cookies = 1, .kind = FINDING_SYN_FLOOD,
	  .pressure = SYN_SLOW },
	{ "flood, slow, one source with a real stack, later", .limit = 1024, .syn_queue = 200,
	  .young = 40, .failing = 40, .sources = 1, .old_stuck = 80, .cookies = 1,
	  .kind = FINDING_SYN_FLOOD, .pressure = SYN_SLOW },
	{ "half-open health checks", .limit = 1024, .syn_queue = 250, .young = 100, .failing = 100,
	  .sources = 20, .cookies = 1 },
	{ "half-open health checks, some reset late", .limit = 1024, .syn_queue = 310, .young = 100,
	  .failing = 100, .sources = 20, .old_stuck = 20, .cookies = 1 },
	{ "slow, before the first walk", .limit = 1024, .syn_queue = 250, .young = 100,
	  .failing = 100, .cookies = 1 },
	{ "background noise", .limit = 1024, .syn_queue = 60, .young = 1, .failing = 9, .done = 100,
	  .sources = 60, .old_stuck = 50, .cookies = 1 },
	{ "what a flood has left", .limit = 128, .syn_queue = 129, .sources = 129, .old_stuck = 129,
	  .sent = 50, .recv = 50, .done = 50, .cookies = 1, .cookies_now = true },
	{ "flash crowd", .limit = 4096, .syn_queue = 100, .young = 100, .done = 5000,
	  .sources = 100,
	  .cookies = 1 },
	{ "flash crowd, small queue", .limit = 32, .syn_queue = 33, .young = 33, .done = 4900,
	  .sent = 3000, .recv = 2950, .sources = 33, .cookies = 1, .cookies_now = true,
	  .kind = FINDING_SYN_BACKLOG_SMALL },
	{ "flash crowd, small queue, no cookies", .limit = 32, .syn_queue = 33, .young = 33,
	  .done = 1650, .drops = 3300, .full = 3300, .sources = 33,
	  .kind = FINDING_SYN_BACKLOG_SMALL },
	{ "flash crowd, three quarters", .limit = 128, .syn_queue = 49, .young = 49,
	  .syn_backlog = 64, .done = 1650, .drops = 3300, .sources = 33,
	  .kind = FINDING_SYN_BACKLOG_SMALL },
	{ "clients, always cookies", .limit = 128, .done = 500, .sent = 500, .recv = 495,
	  .cookies = 2, .cookies_now = true },
	{ "far away", .limit = 1024, .syn_queue = 160, .young = 160, .done = 200, .sources = 160,
	  .cookies = 1 },
	{ "loss, first second", .limit = 1024, .syn_queue = 140, .young = 50, .failing = 136,
	  .late = 43, .done = 107, .sources = 120, .cookies = 1, .kind = FINDING_HANDSHAKE_LOSS },
	{ "loss, later", .limit = 1024, .syn_queue = 300, .young = 20, .failing = 80, .late = 75,
	  .done = 195, .sources = 200, .old_stuck = 150, .cookies = 1,
	  .kind = FINDING_HANDSHAKE_LOSS },
	{ "loss, no cookies", .limit = 1024, .syn_queue = 316, .young = 166, .failing = 155,
	  .late = 102, .done = 164, .drops = 199, .sources = 249,
	  .kind = FINDING_HANDSHAKE_LOSS },
	{ "a little loss", .limit = 1024, .syn_queue = 10, .young = 5, .failing = 20, .late = 20,
	  .done = 1000, .sources = 10, .cookies = 1 },
	{ "clients answer late", .limit = 1024, .syn_queue = 300, .young = 200, .failing = 200,
	  .late = 100, .done = 100, .sources = 200, .cookies = 1, .kind = FINDING_HANDSHAKE_LOSS },
	{ "never accepts", .limit = 16, .syn_queue = 12, .acked = 12, .accept_queue = 17,
	  .drops = 80, .overflows = 80, .sources = 12, .cookies = 1,
	  .kind = FINDING_ACCEPT_QUEUE_FULL },
	{ "accepts slowly", .limit = 32, .syn_queue = 20, .acked = 18, .accept_queue = 32,
	  .accept_before = 32, .drops = 90, .overflows = 90, .done = 20, .late = 15,
	  .failing = 1, .sources = 20,
	  .cookies = 1, .kind = FINDING_ACCEPT_QUEUE_FULL },
	{ "a full accept queue empties", .limit = 32, .syn_queue = 10, .acked = 10,
	  .accept_queue = 8, .done = 20, .late = 18, .sources = 10, .cookies = 1 },
	{ "never accepts, no cookies", .limit = 64, .syn_queue = 40, .acked = 40,
	  .accept_queue = 65, .drops = 300, .overflows = 300, .sources = 40,
	  .kind = FINDING_ACCEPT_QUEUE_FULL },
	{ "a burst overflows the accept queue", .limit = 128, .accept_queue = 129, .drops = 100,
	  .overflows = 100, .done = 3000, .cookies = 1 },
	{ "bursts overflow the accept queue", .limit = 64, .drops = 235, .overflows = 235,
	  .done = 65, .cookies = 1, .kind = FINDING_ACCEPT_QUEUE_FULL },
	{ "bursts overflow it, with cookies", .limit = 64, .drops = 235, .overflows = 235,
	  .done = 65, .sent = 230, .recv = 230, .cookies = 1, .cookies_now = true,
	  .kind = FINDING_ACCEPT_QUEUE_FULL },
	{ "bursts overflow it, no cookies", .limit = 64, .drops = 235, .overflows = 235,
	  .done = 65, .kind = FINDING_ACCEPT_QUEUE_FULL },
	{ "bursts overflow it, clients come late", .limit = 64, .drops = 100, .overflows = 100,
	  .syn_queue = 60, .acked = 20, .sources = 60, .done = 65, .late = 40, .failing = 10,
	  .cookies = 1, .kind = FINDING_ACCEPT_QUEUE_FULL },
	{ "a few are dropped", .limit = 64, .drops = 6, .overflows = 6, .done = 12, .cookies = 1 },
	{ "another listener overflows", .limit = 64, .done = 100, .overflows = 300,
	  .others_drop = 300, .cookies = 1 },
	{ "another listener overflows, a few are dropped here", .limit = 64, .done = 100,
	  .drops = 40, .overflows = 300, .others_drop = 300, .cookies = 1 },
	{ "flood, no cookies, beside a listener that overflows", .limit = 128, .syn_queue = 129,
	  .drops = 1000, .overflows = 1000, .others_drop = 1000, .sources = 129,
	  .kind = FINDING_SYN_FLOOD, .pressure = SYN_DROPS },
	{ "listen(0), full", .limit = 0, .accept_queue = 1, .accept_before = 1, .drops = 30,
	  .overflows = 30, .cookies = 1, .kind = FINDING_ACCEPT_QUEUE_FULL },
	{ "listen(0), served at once", .limit = 0, .done = 50, .cookies = 1 },
	{ "last ACKs are late, the accept queue fills", .limit = 64, .syn_queue = 60, .young = 40,
	  .accept_queue = 30, .done = 30, .late = 30, .failing = 40, .sources = 60,
	  .cookies = 1 },
	{ "last ACKs are late, the accept queue fills again", .limit = 64, .syn_queue = 60,
	  .young = 40, .accept_queue = 60, .accept_before = 30, .done = 40, .late = 40,
	  .failing = 40, .sources = 60, .cookies = 1 },
	{ "last ACKs are late, the accept queue has become full", .limit = 64, .syn_queue = 60,
	  .young = 40, .acked = 5, .accept_queue = 65, .accept_before = 40, .done = 25,
	  .late = 25, .failing = 40, .drops = 15, .overflows = 15, .sources = 60, .cookies = 1,
	  .kind = FINDING_ACCEPT_QUEUE_FULL },
	{ "last ACKs are late, the accept queue is full", .limit = 64, .syn_queue = 60,
	  .young = 20, .acked = 20, .accept_queue = 65, .accept_before = 65, .failing = 40,
	  .drops = 60, .overflows = 60, .sources = 60, .plain_percent = 100, .cookies = 1,
	  .kind = FINDING_ACCEPT_QUEUE_FULL },
	{ "last ACKs are late, it is full, nothing was walked", .limit = 64, .syn_queue = 60,
	  .young = 20, .accept_queue = 65, .accept_before = 65, .failing = 40, .drops = 60,
	  .overflows = 60, .cookies = 1, .kind = FINDING_ACCEPT_QUEUE_FULL },
	{ "last ACKs are late, it is full, no cookies", .limit = 64, .syn_queue = 60, .young = 20,
	  .acked = 20, .accept_queue = 65, .accept_before = 65, .failing = 40, .drops = 60,
	  .overflows = 60, .sources = 60, .plain_percent = 100,
	  .kind = FINDING_ACCEPT_QUEUE_FULL },
	{ "last ACKs are late, some are accepted", .limit = 64, .syn_queue = 60, .young = 20,
	  .acked = 20, .accept_queue = 64, .accept_before = 64, .failing = 40, .done = 10,
	  .late = 10, .drops = 60, .overflows = 60, .sources = 60, .plain_percent = 100,
	  .cookies = 1, .kind = FINDING_ACCEPT_QUEUE_FULL },
	{ "flood, slow, while the accept queue overflows", .limit = 1024, .syn_queue = 300,
	  .young = 40, .old_stuck = 220, .accept_queue = 1025, .accept_before = 1000,
	  .failing = 40, .done = 30, .drops = 10, .overflows = 10, .sources = 300,
	  .plain_percent = 100, .cookies = 1, .kind = FINDING_SYN_FLOOD, .pressure = SYN_SLOW },
	{ "deferred clients", .limit = 1024, .syn_queue = 300, .young = 100, .acked = 200,
	  .done = 100, .sources = 250, .cookies = 1 },
	{ "deferred clients fill the queue", .limit = 128, .syn_queue = 129, .acked = 129,
	  .done = 100, .sent = 60, .recv = 58, .sources = 129, .cookies = 1, .cookies_now = true,
	  .kind = FINDING_SYN_BACKLOG_SMALL },
};
/* clang-format on */

static void add_half_open(struct audit *a, const struct scene *c)
{
	uint32_t stuck = c->syn_queue - c->young - c->acked, i;
	struct audit_half_open h = { .listener = 77,
				     .count = c->syn_queue,
				     .acked = c->acked,
				     .stuck = stuck,
				     .recent = stuck - c->old_stuck,
				     .plain = stuck * c->plain_percent / 100,
				     .oldest_ns = SECOND,
				     .newest_ns = 0,
				     .netns = 1,
				     .lport = 80,
				     .family = 4,
				     .sources_exact = true,
				     .prefixes_exact = true };
	struct audit_source s = { .count = 1, .family = 4, .bits = 32 };

	assert_int_equal(audit_add_half_open(a, &h), 0);
	for (i = 0; i < c->sources; i++) {
		memcpy(s.addr, (uint8_t[])V4(198, 18, 0, 0), 16);
		s.addr[14] = (uint8_t)(i >> 2);
		s.addr[15] = (uint8_t)(i << 6);
		assert_int_equal(audit_add_source(a, &s), 0);
	}
}

/* The look at the end of the second; with NULL the one at its beginning. */
static void fill_look(struct audit *a, const struct scene *c)
{
	static const struct scene none;
	const struct scene *n = c ? c : &none;
	struct audit_netns net = { .netns = 1, .cookies = n->cookies, .walked = n->sources != 0 };
	struct audit_socket l = { .id = 77,
				  .netns = 1,
				  .state = TCS_LISTEN,
				  .family = 4,
				  .lport = 80,
				  .laddr = V4(0, 0, 0, 0),
				  .queue_limit = n->limit,
				  .syn_queue = n->syn_queue,
				  .syn_queue_young = n->young,
				  .accept_queue = n->accept_queue,
				  .drops = n->drops,
				  .cookie_age_ns = n->cookies_now ? SECOND / 2 : AUDIT_UNKNOWN };
	struct audit_handshakes h = { .netns = 1,
				      .laddr = V4(10, 0, 0, 1),
				      .lport = 80,
				      .done = 1000 + n->done,
				      .late = 50 + n->late,
				      .resent = 100 + n->failing,
				      .failing = 60 + n->failing };

	a->covers = AUDIT_COUNTERS | AUDIT_HANDSHAKES | AUDIT_LISTENERS;
	net.counters[COUNTER_COOKIES_SENT] = n->sent;
	net.counters[COUNTER_COOKIES_RECV] = n->recv;
	net.counters[COUNTER_LISTEN_OVERFLOWS] = n->overflows;
	net.counters[COUNTER_LISTEN_DROPS] = n->drops + n->others_drop;
	net.counters[COUNTER_QUEUE_FULL_DROPS] = n->full;
	net.syn_backlog = n->syn_backlog;
	assert_int_equal(audit_add_netns(a, &net), 0);
	assert_int_equal(audit_add_socket(a, &l), 0);
	assert_int_equal(audit_add_handshakes(a, &h), 0);
	if (n->sources)
		add_half_open(a, n);
}

struct pair {
	struct audit before, now;
};

static void look_twice_at(struct pair *p, const struct scene *c, uint64_t ts_ns)
{
	static const struct audit_config config;
	const struct scene before = { .accept_queue = c->accept_before };

	assert_int_equal(audit_init(&p->before, &config), 0);
	assert_int_equal(audit_init(&p->now, &config), 0);
	p->before.ts_ns = ts_ns - SECOND;
	p->now.ts_ns = ts_ns;
	fill_look(&p->before, &before);
	assert_int_equal(audit_settle(&p->before, NULL, NULL), 0);
	fill_look(&p->now, c);
	assert_int_equal(audit_settle(&p->now, NULL, &p->before), 0);
	assert_int_equal(p->now.n_services, 1);
}

static void look_twice(struct pair *p, const struct scene *c)
{
	look_twice_at(p, c, 2 * SECOND);
}

static void release(struct pair *p)
{
	audit_release(&p->before);
	audit_release(&p->now);
}

static void read_facts(const struct audit *look, const struct audit_service *s,
		       struct syn_facts *ret)
{
	struct syn_cookies cookies[1];

	assert_int_equal(look->n_netns, COUNT(cookies));
	syn_cookies_read(look, cookies);
	syn_facts_read(look, cookies, s, ret);
}

static void every_scene_has_its_name(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++) {
		const struct scene *c = &scenes[i];
		enum finding_kind kind;
		struct syn_facts facts;
		struct pair p;

		look_twice(&p, c);
		read_facts(&p.now, &p.now.services[0], &facts);
		kind = syn_judge(&default_opts()->detect, &p.now, &facts, 10);
		if (kind != c->kind)
			fail_msg("%s: %s", c->name, kind ? finding_name(kind) : "nothing");
		if (c->pressure && syn_pressure_of(&facts) != c->pressure)
			fail_msg("%s: %s", c->name, syn_pressure_name(syn_pressure_of(&facts)));
		release(&p);
	}
}

static const struct scene *scene_of(const char *name)
{
	for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++)
		if (!strcmp(scenes[i].name, name))
			return &scenes[i];
	fail_msg("no scene %s", name);
	return NULL;
}

/* ---- cookies and round trips ----------------------------------------------------------------- */

/*
 * Three looks at a queue that has just become full: at its first cookies and 0.75 s later. sent and
 * back: by then, of those before; done are those that came back.
 */
static enum finding_kind after_first_cookies(uint32_t before, uint32_t sent, uint32_t back)
{
	static const struct audit_config config;
	const uint64_t ts_ns[] = { SECOND, SECOND * 5 / 4, SECOND * 2 };
	struct scene steps[] = {
		{ .limit = 128, .cookies = 1 },
		{ .limit = 128, .cookies = 1, .cookies_now = true, .sent = before },
		{ .limit = 128, .cookies = 1, .cookies_now = true, .sent = before + sent },
	};
	struct syn_facts facts;
	enum finding_kind kind;
	struct audit looks[3];
	int i;

	steps[1].syn_queue = steps[2].syn_queue = 129;
	steps[1].young = steps[2].young = 129;
	steps[2].recv = steps[2].done = back;
	for (i = 0; i < 3; i++) {
		assert_int_equal(audit_init(&looks[i], &config), 0);
		looks[i].ts_ns = ts_ns[i];
		fill_look(&looks[i], &steps[i]);
		assert_int_equal(audit_settle(&looks[i], NULL, i ? &looks[i - 1] : NULL), 0);
	}
	assert_true(looks[2].services[0].cookies_before == before);
	read_facts(&looks[2], &looks[2].services[0], &facts);
	kind = syn_judge(&default_opts()->detect, &looks[2], &facts, 10);
	for (i = 0; i < 3; i++)
		audit_release(&looks[i]);
	return kind;
}

static void a_rush_from_far_away_is_no_flood(void **unused)
{
	(void)unused;
	/* 2,000 a second; of a round trip of 0.6 s, all of the first and 0.1 s more are back. */
	assert_int_equal(after_first_cookies(50, 1500, 250), FINDING_SYN_BACKLOG_SMALL);
	assert_int_equal(after_first_cookies(500, 1500, 450), FINDING_SYN_BACKLOG_SMALL);
	/* None of the first are. */
	assert_int_equal(after_first_cookies(50, 1500, 0), FINDING_SYN_FLOOD);
	assert_int_equal(after_first_cookies(500, 1500, 200), FINDING_SYN_FLOOD);
}

/* Such a flood, where so many a second completed one look ago and do now. */
static enum finding_kind flood_beside(const char *name, uint32_t before, uint32_t now)
{
	struct scene c = *scene_of(name);
	struct syn_facts facts;
	enum finding_kind kind;
	struct pair p;

	c.done = now;
	c.recv = c.cookies_now ? now : 0;
	look_twice(&p, &c);
	p.now.services[0].done_before = (int64_t)before * 1000;
	read_facts(&p.now, &p.now.services[0], &facts);
	kind = syn_judge(&default_opts()->detect, &p.now, &facts, 10);
	release(&p);
	return kind;
}

static void a_path_that_stops_for_all_is_no_flood(void **unused)
{
	const char *const refuse_nobody[] = { "flood, slow", "flood, cookies" };
	size_t i;

	(void)unused;
	for (i = 0; i < COUNT(refuse_nobody); i++) {
		const char *name = refuse_nobody[i];

		assert_int_not_equal(flood_beside(name, 200, 0), FINDING_SYN_FLOOD);
		assert_int_not_equal(flood_beside(name, 200, 90), FINDING_SYN_FLOOD);
		assert_int_equal(flood_beside(name, 200, 150), FINDING_SYN_FLOOD);
		assert_int_equal(flood_beside(name, 5, 0), FINDING_SYN_FLOOD);
		assert_int_equal(flood_beside(name, 0, 0), FINDING_SYN_FLOOD);
	}
	/* Without cookies they are refused. */
	assert_int_equal(flood_beside("flood, no cookies", 200, 0), FINDING_SYN_FLOOD);
}

static void one_look_later_the_rate_before_is_known(void **unused)
{
	struct audit third;
	struct pair p;

	(void)unused;
	look_twice(&p, scene_of("ordinary clients"));
	assert_true(p.now.services[0].done_before == AUDIT_NO_RATE);
	assert_int_equal(audit_init(&third, &p.now.config), 0);
	third.ts_ns = p.now.ts_ns + SECOND;
	fill_look(&third, scene_of("ordinary clients"));
	assert_int_equal(audit_settle(&third, NULL, &p.now), 0);
	assert_true(third.services[0].done_before == 200 * 1000);
	assert_true(third.services[0].done_milli == 0);
	audit_release(&third);
	release(&p);
}

/* ---- raised, standing, over ------------------------------------------------------------------ */

struct told {
	uint64_t ts_ns; /* of the last look */
	uint32_t raised, updated, cleared;
	struct finding last;
};

static void on_finding(void *ctx, const struct finding *f)
{
	struct told *t = ctx;

	t->raised += f->status == FINDING_RAISED;
	t->updated += f->status == FINDING_UPDATED;
	t->cleared += f->status == FINDING_CLEARED;
	t->last = *f;
}

static void show_after(struct detect *d, struct told *t, const char *name, uint64_t ns)
{
	struct pair p;

	t->ts_ns += ns;
	look_twice_at(&p, scene_of(name), t->ts_ns + SECOND);
	detect_look(d, &p.now, UINT32_MAX, on_finding, t);
	release(&p);
}

/* n looks of this scene, a second apart. */
static void show(struct detect *d, struct told *t, const char *name, unsigned int n)
{
	while (n--)
		show_after(d, t, name, SECOND);
}

static void a_flood_is_raised_by_the_second_look(void **unused)
{
	struct told t = { 0 };
	struct detect *d;

	(void)unused;
	assert_int_equal(detect_new(&default_opts()->detect, &d), 0);
	show(d, &t, "nothing happens", 3);
	show(d, &t, "flood, cookies, first second", 1);
	assert_int_equal(t.raised, 0);
	show(d, &t, "flood, cookies", 1);
	assert_int_equal(t.raised, 1);
	assert_int_equal(t.last.kind, FINDING_SYN_FLOOD);
	assert_int_equal(t.last.severity, SEVERITY_CRITICAL);
	assert_int_equal(t.last.row.syn.service.lport, 80);
	assert_int_equal(t.last.row.syn.service.spread, SPREAD_DISTRIBUTED);
	show(d, &t, "flood, cookies", 60);
	assert_int_equal(t.raised + t.updated + t.cleared, 1);
	detect_free(d);
}

static void it_is_over_after_five_quiet_seconds_and_not_before(void **unused)
{
	struct told t = { 0 };
	struct detect *d;
	unsigned int i;

	(void)unused;
	assert_int_equal(detect_new(&default_opts()->detect, &d), 0);
	show(d, &t, "flood, cookies", 2);
	assert_int_equal(t.raised, 1);
	for (i = 0; i < 10; i++) { /* it pauses */
		show(d, &t, "what a flood has left", 4);
		show(d, &t, "flood, cookies", 1);
	}
	assert_int_equal(t.cleared, 0);
	show(d, &t, "what a flood has left", 4);
	assert_int_equal(t.cleared, 0);
	show(d, &t, "what a flood has left", 1);
	assert_int_equal(t.cleared, 1);
	assert_int_equal(detect_open(d), 0);
	assert_int_equal(t.raised + t.updated + t.cleared, 2);
	detect_free(d);
}

/* Who attacks must not be able to have everything walked over all the time. */
static void what_has_been_told_is_walked_over_seldom(void **unused)
{
	struct told t = { 0 };
	const uint32_t *wanted;
	struct detect *d;

	(void)unused;
	assert_int_equal(detect_new(&default_opts()->detect, &d), 0);
	show(d, &t, "flood, cookies", 1);
	assert_int_equal(detect_wanted(d, &wanted), 1);
	assert_true(detect_strange(d));
	show(d, &t, "flood, cookies", 1);
	assert_int_equal(t.raised, 1);
	show(d, &t, "flood, cookies", 1); /* whose walk was this look's */
	assert_int_equal(detect_wanted(d, &wanted), 0);
	assert_true(detect_strange(d));
	t.ts_ns += DETECT_EXPLAINED_NS;
	show(d, &t, "flood, always cookies", 1); /* nothing was walked over */
	assert_int_equal(detect_wanted(d, &wanted), 1);
	detect_free(d);
}

static void one_look_of_a_rush_is_not_told(void **unused)
{
	struct told t = { 0 };
	struct detect *d;

	(void)unused;
	assert_int_equal(detect_new(&default_opts()->detect, &d), 0);
	show(d, &t, "flood, cookies, first second", 1); /* so every rush begins */
	show(d, &t, "flash crowd, small queue", 1);
	show(d, &t, "nothing happens", 10);
	assert_int_equal(t.raised, 0);
	show(d, &t, "flood, cookies, first second", 1);
	show(d, &t, "flash crowd, small queue", 2);
	assert_int_equal(t.raised, 1);
	assert_int_equal(t.last.kind, FINDING_SYN_BACKLOG_SMALL);
	detect_free(d);
}

static void a_slow_flood_that_fills_the_queue_is_told_again(void **unused)
{
	struct told t = { 0 };
	struct detect *d;

	(void)unused;
	assert_int_equal(detect_new(&default_opts()->detect, &d), 0);
	show(d, &t, "flood, slow", 5);
	assert_int_equal(t.last.severity, SEVERITY_WARNING);
	show(d, &t, "flood, cookies", 5);
	assert_int_equal(t.raised, 1);
	assert_int_equal(t.updated, 1);
	assert_int_equal(t.last.severity, SEVERITY_CRITICAL);
	detect_free(d);
}

static void who_comes_late_through_a_full_accept_queue_is_no_loss(void **unused)
{
	struct told t = { 0 };
	struct detect *d;

	(void)unused;
	assert_int_equal(detect_new(&default_opts()->detect, &d), 0);
	show(d, &t, "accepts slowly", 3);
	show(d, &t, "loss, later", 4);
	assert_int_equal(t.raised, 1);
	assert_int_equal(t.last.kind, FINDING_ACCEPT_QUEUE_FULL);
	show(d, &t, "loss, later", 3);
	assert_int_equal(t.cleared, 1);
	assert_int_equal(t.raised, 2);
	assert_int_equal(t.last.kind, FINDING_HANDSHAKE_LOSS);
	show(d, &t, "accepts slowly", 2); /* and what has been told is not taken back for it */
	show(d, &t, "loss, later", 3);
	assert_int_equal(t.cleared, 1);
	detect_free(d);
}

static void late_acks_and_a_full_accept_queue_are_one_finding(void **unused)
{
	struct told t = { 0 };
	struct detect *d;

	(void)unused;
	assert_int_equal(detect_new(&default_opts()->detect, &d), 0);
	show(d, &t, "last ACKs are late, the accept queue fills", 1);
	show(d, &t, "last ACKs are late, the accept queue fills again", 1);
	show(d, &t, "last ACKs are late, the accept queue has become full", 1);
	assert_int_equal(t.raised, 0);
	show(d, &t, "last ACKs are late, it is full, nothing was walked", 1);
	assert_int_equal(t.raised, 1);
	assert_int_equal(t.last.kind, FINDING_ACCEPT_QUEUE_FULL);
	show(d, &t, "last ACKs are late, the accept queue is full", 20);
	assert_int_equal(t.raised + t.updated + t.cleared, 1);
	detect_free(d);
}

static void bursts_need_not_be_in_every_look(void **unused)
{
	const char *burst = "bursts overflow the accept queue";
	struct told t = { 0 };
	struct detect *d;
	int i;

	(void)unused;
	assert_int_equal(detect_new(&default_opts()->detect, &d), 0);
	/* One burst that two looks see is not enough. */
	show(d, &t, burst, 1);
	show_after(d, &t, burst, SECOND / 4);
	show(d, &t, "nothing happens", 5);
	assert_int_equal(t.raised, 0);
	show(d, &t, burst, 1);
	show_after(d, &t, "nothing happens", SECOND * 3 / 4);
	assert_int_equal(t.raised, 0);
	show_after(d, &t, burst, SECOND / 4);
	assert_int_equal(t.raised, 1);
	assert_int_equal(t.last.kind, FINDING_ACCEPT_QUEUE_FULL);
	assert_int_equal(t.last.severity, SEVERITY_CRITICAL);
	for (i = 0; i < 10; i++) {
		show(d, &t, "nothing happens", 3);
		show(d, &t, burst, 1);
	}
	assert_int_equal(t.raised + t.updated + t.cleared, 1);
	show(d, &t, "nothing happens", 5);
	assert_int_equal(t.cleared, 1);
	detect_free(d);
}

/* Clients whose last ACK was dropped by a burst complete late, between bursts. */
static void who_comes_late_after_a_burst_is_no_loss(void **unused)
{
	struct told t = { 0 };
	struct detect *d;

	(void)unused;
	assert_int_equal(detect_new(&default_opts()->detect, &d), 0);
	show(d, &t, "bursts overflow the accept queue", 1);
	show(d, &t, "loss, later", 2);
	assert_int_equal(t.raised, 0);
	detect_free(d);
}

static void check_advice(const char *name, const char *begins)
{
	struct detect_config config = default_opts()->detect;
	struct told t = { 0 };
	struct detect *d;
	const char *text;
	size_t len;

	config.at_once = true;
	assert_int_equal(detect_new(&config, &d), 0);
	show(d, &t, name, 1);
	assert_int_equal(t.raised, 1);
	text = finding_advice(&t.last, &len);
	if (strncmp(text, begins, strlen(begins)) || len > 160 || text[len - 1] != '.')
		fail_msg("%s: %.*s", name, (int)len, text);
	detect_free(d);
}

static void advice_follows_from_the_evidence(void **unused)
{
	(void)unused;
	check_advice("never accepts", "Nothing is accepted: ");
	check_advice("accepts slowly", "Find out why the program does not accept fast enough: ");
	check_advice("bursts overflow the accept queue", "The program accepts, but bursts ");
	check_advice("listen(0), full", "The backlog of listen() is 0");
	check_advice("flood, cookies", "Keep SYN cookies on ");
	check_advice("flood, no cookies", "Turn SYN cookies on ");
	check_advice("flood, no cookies, three quarters", "Turn SYN cookies on ");
	check_advice("flash crowd, small queue", "Raise the backlog ");
	check_advice("flash crowd, three quarters", "Raise net.ipv4.tcp_max_syn_backlog ");
}

static void the_limit_is_the_one_in_force(void **unused)
{
	struct pair p;

	(void)unused;
	look_twice(&p, scene_of("flood, no cookies, three quarters"));
	assert_int_equal(p.now.services[0].syn_limit, 48);
	assert_int_equal(p.now.services[0].queue_limit, 128);
	assert_int_equal(p.now.services[0].syn_full, 1);
	release(&p);
	look_twice(&p, scene_of("flood, no cookies"));
	assert_int_equal(p.now.services[0].syn_limit, 128);
	release(&p);
}

static void audit_does_not_wait(void **unused)
{
	struct detect_config config = default_opts()->detect;
	struct told t = { 0 };
	struct detect *d;

	(void)unused;
	config.at_once = true;
	assert_int_equal(detect_new(&config, &d), 0);
	show(d, &t, "flood, slow", 1);
	assert_int_equal(t.raised, 1);
	detect_free(d);
}

static void a_walk_is_wanted_where_something_is_stuck(void **unused)
{
	struct told t = { 0 };
	const uint32_t *netns;
	struct detect *d;

	(void)unused;
	assert_int_equal(detect_new(&default_opts()->detect, &d), 0);
	show(d, &t, "ordinary clients", 1);
	assert_int_equal(detect_wanted(d, &netns), 0);
	show(d, &t, "slow, before the first walk", 1);
	assert_int_equal(detect_wanted(d, &netns), 1);
	assert_int_equal(netns[0], 1);
	detect_free(d);
}

/* ---- what a look cannot say ------------------------------------------------------------------ */

/* A look without this listener: it misses some, or it has all. */
static void show_none(struct detect *d, struct told *t, bool missing, uint32_t covers)
{
	struct audit_netns net = { .netns = 1, .cookies = 1 };
	static const struct audit_config config;
	struct audit a;

	t->ts_ns += SECOND;
	assert_int_equal(audit_init(&a, &config), 0);
	a.ts_ns = t->ts_ns + SECOND;
	a.covers = covers;
	a.blind.listeners_missing = missing;
	if (covers & AUDIT_COUNTERS)
		assert_int_equal(audit_add_netns(&a, &net), 0);
	assert_int_equal(audit_settle(&a, NULL, NULL), 0);
	detect_look(d, &a, UINT32_MAX, on_finding, t);
	audit_release(&a);
}

static void what_is_not_seen_is_not_over(void **unused)
{
	const uint32_t queues = AUDIT_COUNTERS | AUDIT_LISTENERS, all = queues | AUDIT_SOCKETS;
	struct told t = { 0 };
	struct detect *d;
	int i;

	(void)unused;
	assert_int_equal(detect_new(&default_opts()->detect, &d), 0);
	show(d, &t, "flood, cookies", 2);
	assert_int_equal(t.raised, 1);
	for (i = 0; i < 10; i++)
		show_none(d, &t, true, queues);
	/* A walk that could not enter the namespace. */
	for (i = 0; i < 10; i++)
		show_none(d, &t, false, all & ~(uint32_t)AUDIT_COUNTERS);
	assert_int_equal(t.cleared, 0);
	for (i = 0; i < 10; i++)
		show_none(d, &t, false, all);
	assert_int_equal(t.cleared, 1);
	detect_free(d);
}

/* More namespaces than can be walked over at once: each has its turn. */
static void walks_take_turns(void **unused)
{
	static const struct audit_config config;
	const struct scene *c = scene_of("slow, before the first walk");
	struct told t = { 0 };
	const uint32_t *wanted;
	struct detect *d;
	struct audit a;
	uint32_t i, n;

	(void)unused;
	assert_int_equal(detect_new(&default_opts()->detect, &d), 0);
	assert_int_equal(audit_init(&a, &config), 0);
	a.ts_ns = 100 * SECOND;
	a.covers = AUDIT_COUNTERS | AUDIT_HANDSHAKES | AUDIT_LISTENERS;
	for (i = 0; i < DETECT_WANTED + 4; i++)
		fill_look(&a, c);
	for (i = 0; i < a.n_listeners; i++) {
		a.netns[i].netns = a.listeners[i].socket.netns = i + 1;
		a.listeners[i].socket.id = i + 1;
	}
	assert_int_equal(audit_settle(&a, NULL, NULL), 0);
	for (i = 0; i < DETECT_WANTED; i++)
		a.services[i].walked_ns = (90 + i % 2) * SECOND;
	detect_look(d, &a, UINT32_MAX, on_finding, &t);
	n = detect_wanted(d, &wanted);
	assert_int_equal(n, DETECT_WANTED);
	for (i = 0; i < n && wanted[i] != DETECT_WANTED + 4; i++)
		;
	assert_true(i < n);
	audit_release(&a);
	detect_free(d);
}

/* ---- without a window, and without a walk ---------------------------------------------------- */

/* audit --window 0: nothing is known but what stands there. */
static enum finding_kind judge_one_look(const char *name, uint64_t cookie_age_ns)
{
	static const struct audit_config config;
	enum finding_kind kind;
	struct syn_facts facts;
	struct audit a;

	assert_int_equal(audit_init(&a, &config), 0);
	a.ts_ns = SECOND;
	fill_look(&a, scene_of(name));
	a.listeners[0].socket.cookie_age_ns = cookie_age_ns;
	assert_int_equal(audit_settle(&a, NULL, NULL), 0);
	read_facts(&a, &a.services[0], &facts);
	assert_true(a.services[0].done_milli == AUDIT_NO_RATE);
	kind = syn_judge(&default_opts()->detect, &a, &facts, 10);
	audit_release(&a);
	return kind;
}

static void one_look_is_enough_for_what_stands_there(void **unused)
{
	(void)unused;
	assert_int_equal(judge_one_look("flood, cookies", SECOND / 2), FINDING_SYN_FLOOD);
	assert_int_equal(judge_one_look("flood, no cookies", AUDIT_UNKNOWN), FINDING_SYN_FLOOD);
	assert_int_equal(judge_one_look("flood, slow", AUDIT_UNKNOWN), FINDING_SYN_FLOOD);
	assert_int_equal(judge_one_look("never accepts", AUDIT_UNKNOWN), FINDING_ACCEPT_QUEUE_FULL);
	assert_int_equal(judge_one_look("far away", AUDIT_UNKNOWN), 0);
	assert_int_equal(judge_one_look("deferred clients", AUDIT_UNKNOWN), 0);
	assert_int_equal(judge_one_look("half-open health checks", AUDIT_UNKNOWN), 0);
}

/* ---- cookies of a namespace with two services ------------------------------------------------ */

/* Beside the service of a scene, at port 80, another at 443. */
struct other {
	uint32_t done;
	uint64_t age_ns[2]; /* of its mark of cookies, in two looks a second apart */
};

static void add_other(struct audit *a, const struct other *o, bool second)
{
	struct audit_handshakes h = {
		.netns = 1, .laddr = V4(10, 0, 0, 1), .lport = 443, .done = second ? o->done : 0
	};
	struct audit_socket l = a->listeners[0].socket;

	l.id = 78;
	l.lport = 443;
	l.cookie_age_ns = o->age_ns[second];
	assert_int_equal(audit_add_socket(a, &l), 0);
	assert_int_equal(audit_add_handshakes(a, &h), 0);
}

/* The mark at port 80 is half a second old each time: a stream of SYNs renews it. */
static void look_twice_beside(struct pair *p, const struct scene *c, const struct other *o,
			      uint64_t ts_ns)
{
	static const struct audit_config config;
	const struct scene before = { .cookies = c->cookies, .cookies_now = true };

	assert_int_equal(audit_init(&p->before, &config), 0);
	assert_int_equal(audit_init(&p->now, &config), 0);
	p->before.ts_ns = ts_ns - SECOND;
	p->now.ts_ns = ts_ns;
	fill_look(&p->before, &before);
	add_other(&p->before, o, false);
	assert_int_equal(audit_settle(&p->before, NULL, NULL), 0);
	fill_look(&p->now, c);
	add_other(&p->now, o, true);
	assert_int_equal(audit_settle(&p->now, NULL, &p->before), 0);
	assert_int_equal(p->now.n_services, 2);
}

static const struct other streaming = { .done = 400, .age_ns = { SECOND / 4, SECOND / 4 } };
static const struct other streaming_to_none = { .age_ns = { SECOND / 4, SECOND / 4 } };
static const struct other quiet = { .done = 1, .age_ns = { 8 * SECOND, 9 * SECOND } };
/* Before that it was quiet: these are clients that come now, or an attack that has begun. */
static const struct other just_marked = { .done = 1, .age_ns = { 8 * SECOND, SECOND / 10 } };

static void on_flood(void *ctx, const struct finding *f)
{
	if (f->kind == FINDING_SYN_FLOOD)
		on_finding(ctx, f);
}

/* Which ports are named, as a number: 80, 443, 80443 for one of both; 0: it is no flood. */
static unsigned int ports_named(const char *scene, uint32_t done, const struct other *o)
{
	struct detect_config config = default_opts()->detect;
	struct scene c = *scene_of(scene);
	struct told t = { 0 };
	struct detect *d;
	struct pair p;

	c.done = c.recv = done;
	config.at_once = true;
	assert_int_equal(detect_new(&config, &d), 0);
	look_twice_beside(&p, &c, o, 2 * SECOND);
	detect_look(d, &p.now, UINT32_MAX, on_flood, &t);
	release(&p);
	detect_free(d);
	if (t.raised != 1)
		return 0;
	if (!t.last.row.syn.n_possible)
		return t.last.row.syn.service.lport;
	assert_int_equal(t.last.row.syn.n_possible, 2);
	assert_int_equal(t.last.row.syn.service.lport, 0);
	return t.last.row.syn.possible[0].lport * 1000u + t.last.row.syn.possible[1].lport;
}

static void whose_cookies_they_are_is_told_where_it_can_be(void **unused)
{
	const char *scene = "flood, always cookies";

	(void)unused;
	/* Clients at both: nothing tells. */
	assert_int_equal(ports_named(scene, 90, &streaming), 80443);
	assert_int_equal(ports_named(scene, 600, &streaming), 80443);
	/* It completes more, but the other has no stream of SYNs. */
	assert_int_equal(ports_named(scene, 90, &quiet), 80);
	assert_int_equal(ports_named(scene, 90, &just_marked), 80443);
	/* A stream of SYNs, and none of them completes. */
	assert_int_equal(ports_named(scene, 90, &streaming_to_none), 443);
	assert_int_equal(ports_named(scene, 0, &streaming), 80);
	assert_int_equal(ports_named(scene, 0, &streaming_to_none), 80443);
}

/* With tcp_syncookies 1 both queues are full; one turns over. */
static void behind_full_queues_it_is_who_completes_least(void **unused)
{
	(void)unused;
	assert_int_equal(ports_named("flood, cookies", 90, &streaming), 80);
}

static void show_beside(struct detect *d, struct told *t, const struct other *o, unsigned int n)
{
	struct scene c = *scene_of("flood, always cookies");
	struct pair p;

	while (n--) {
		t->ts_ns += SECOND;
		look_twice_beside(&p, &c, o, t->ts_ns + SECOND);
		detect_look(d, &p.now, UINT32_MAX, on_finding, t);
		release(&p);
	}
}

static void where_it_is_is_told_when_it_turns_out(void **unused)
{
	struct told t = { 0 };
	struct detect *d;

	(void)unused;
	assert_int_equal(detect_new(&default_opts()->detect, &d), 0);
	show_beside(d, &t, &just_marked, 2);
	assert_int_equal(t.raised, 1);
	assert_int_equal(t.last.row.syn.n_possible, 2);
	show_beside(d, &t, &quiet, 1);
	assert_int_equal(t.updated, 1);
	assert_int_equal(t.last.row.syn.n_possible, 0);
	assert_int_equal(t.last.row.syn.service.lport, 80);
	/* Another client of the other's does not make that less known. */
	show_beside(d, &t, &just_marked, 1);
	show_beside(d, &t, &quiet, 5);
	assert_int_equal(t.raised + t.updated + t.cleared, 2);
	/* The attack goes on elsewhere. */
	show_beside(d, &t, &streaming_to_none, 1);
	assert_int_equal(t.updated, 2);
	assert_int_equal(t.last.row.syn.service.lport, 443);
	show(d, &t, "nothing happens", 6);
	assert_int_equal(t.cleared, 1);
	assert_int_equal(t.raised + t.updated + t.cleared, 4);
	detect_free(d);
}

/* ---- groups of listeners --------------------------------------------------------------------- */

#define MEMBERS_MAX 64

/* A group whose members are as these scenes say; all that is counted is counted for each. */
struct members {
	uint32_t n;
	struct scene of[MEMBERS_MAX];
};

static struct members group_of(uint32_t n, const struct scene *each)
{
	struct members m = { .n = n };
	uint32_t i;

	for (i = 0; i < n; i++)
		m.of[i] = *each;
	return m;
}

/* before: at the beginning of the second, with nothing counted yet. */
static void add_member(struct audit *a, const struct scene *c, uint32_t i, bool before)
{
	uint32_t stuck = c->syn_queue - c->young - c->acked;
	struct audit_socket l = { .id = 1000 + i,
				  .netns = 1,
				  .state = TCS_LISTEN,
				  .family = 4,
				  .flags = AUDIT_INET4 | AUDIT_SHARED | AUDIT_HAS_HANDSHAKES,
				  .lport = 80,
				  .laddr = V4(0, 0, 0, 0),
				  .owner = { .pid = 100 + i, .comm = "worker" },
				  .in_state_ns = 1000 * SECOND,
				  .queue_limit = c->limit,
				  .syn_queue = c->syn_queue,
				  .syn_queue_young = c->young,
				  .accept_queue = c->accept_queue,
				  .cookie_age_ns = c->cookies_now ? SECOND / 2 : AUDIT_UNKNOWN };
	struct audit_half_open h = { .listener = l.id,
				     .count = c->syn_queue,
				     .acked = c->acked,
				     .stuck = stuck,
				     .recent = stuck - c->old_stuck,
				     .plain = stuck * c->plain_percent / 100,
				     .oldest_ns = SECOND,
				     .netns = 1,
				     .lport = 80,
				     .family = 4,
				     .sources_exact = true,
				     .prefixes_exact = true };
	struct audit_source s = { .count = 1, .family = 4, .bits = 32 };

	if (!before) {
		l.drops = c->drops;
		l.done = c->done;
		l.late = c->late;
		l.resent = l.failing = c->failing;
	}
	assert_int_equal(audit_add_socket(a, &l), 0);
	if (!c->sources)
		return;
	assert_int_equal(audit_add_half_open(a, &h), 0);
	for (s.half_open = a->n_half_open - 1; s.count <= c->sources; s.count++) {
		struct audit_source one = s;

		one.count = 1;
		memcpy(one.addr, (uint8_t[])V4(198, 18, 0, 0), 16);
		one.addr[13] = (uint8_t)i;
		one.addr[14] = (uint8_t)(s.count >> 2);
		one.addr[15] = (uint8_t)(s.count << 6);
		assert_int_equal(audit_add_source(a, &one), 0);
	}
}

static void fill_group(struct audit *a, const struct members *m, uint64_t ts_ns, bool before)
{
	static const struct audit_config config;
	struct audit_netns net = { .netns = 1, .cookies = m->of[0].cookies, .walked = true };
	uint32_t i;

	assert_int_equal(audit_init(a, &config), 0);
	a->ts_ns = ts_ns;
	a->covers = AUDIT_COUNTERS | AUDIT_HANDSHAKES | AUDIT_LISTENERS;
	for (i = 0; i < m->n && !before; i++) {
		net.counters[COUNTER_COOKIES_SENT] += m->of[i].sent;
		net.counters[COUNTER_COOKIES_RECV] += m->of[i].recv;
		net.counters[COUNTER_LISTEN_OVERFLOWS] += m->of[i].overflows;
		net.counters[COUNTER_LISTEN_DROPS] += m->of[i].drops;
		net.counters[COUNTER_QUEUE_FULL_DROPS] += m->of[i].full;
	}
	assert_int_equal(audit_add_netns(a, &net), 0);
	for (i = 0; i < m->n; i++)
		add_member(a, &m->of[i], i, before);
}

static void look_twice_at_group(struct pair *p, const struct members *m, uint64_t ts_ns)
{
	fill_group(&p->before, m, ts_ns - SECOND, true);
	assert_int_equal(audit_settle(&p->before, NULL, NULL), 0);
	fill_group(&p->now, m, ts_ns, false);
	assert_int_equal(audit_settle(&p->now, NULL, &p->before), 0);
}

#define FINDINGS_MAX 8

struct findings {
	uint32_t n; /* raised; as many as there is room for are kept */
	uint32_t updated, cleared;
	struct finding of[FINDINGS_MAX];
	uint64_t ts_ns; /* of the last look */
};

static void keep_finding(void *ctx, const struct finding *f)
{
	struct findings *all = ctx;

	all->updated += f->status == FINDING_UPDATED;
	all->cleared += f->status == FINDING_CLEARED;
	if (f->status != FINDING_RAISED)
		return;
	if (all->n < FINDINGS_MAX)
		all->of[all->n] = *f;
	all->n++;
}

static void show_group(struct detect *d, struct findings *all, const struct members *m,
		       unsigned int n)
{
	struct pair p;

	while (n--) {
		all->ts_ns += SECOND;
		look_twice_at_group(&p, m, all->ts_ns + SECOND);
		detect_look(d, &p.now, UINT32_MAX, keep_finding, all);
		release(&p);
	}
}

static struct findings findings_of(const struct members *m)
{
	struct findings all = { 0 };
	struct detect *d;

	assert_int_equal(detect_new(&default_opts()->detect, &d), 0);
	show_group(d, &all, m, 2);
	detect_free(d);
	return all;
}

static void one_that_does_not_accept_is_found_alone(void **unused)
{
	struct members m = group_of(4, scene_of("ordinary clients"));
	struct findings all;

	(void)unused;
	m.of[2] = *scene_of("never accepts");
	all = findings_of(&m);
	assert_int_equal(all.n, 1);
	assert_int_equal(all.of[0].kind, FINDING_ACCEPT_QUEUE_FULL);
	assert_int_equal(all.of[0].row.syn.service.id, 1002);
	assert_int_equal(all.of[0].row.syn.service.owner.pid, 102);
	assert_int_equal(all.of[0].row.syn.service.listeners, 1);
	assert_int_equal(all.of[0].row.syn.service.accept_queue, 17);
	assert_int_equal(all.of[0].row.syn.service.queue_limit, 16);
	/* Two are two. */
	m.of[0] = m.of[2];
	all = findings_of(&m);
	assert_int_equal(all.n, 2);
	assert_int_equal(all.of[0].kind, FINDING_ACCEPT_QUEUE_FULL);
	assert_int_equal(all.of[1].kind, FINDING_ACCEPT_QUEUE_FULL);
}

/* 8 a second at each, where 10 are too many. */
static void a_flood_over_a_group_is_one_finding(void **unused)
{
	const struct scene each = { .limit = 1024,
				    .syn_queue = 24,
				    .young = 8,
				    .failing = 8,
				    .sources = 24,
				    .plain_percent = 100,
				    .cookies = 1 };
	struct members m = group_of(64, &each);
	struct findings all;

	(void)unused;
	all = findings_of(&m);
	assert_int_equal(all.n, 1);
	assert_int_equal(all.of[0].kind, FINDING_SYN_FLOOD);
	assert_true(all.of[0].row.syn.service.is_group);
	assert_int_equal(all.of[0].row.syn.service.listeners, 64);
	assert_int_equal(all.of[0].row.syn.service.half_open, 64 * 24);
	assert_int_equal(all.of[0].row.syn.service.sources, 64 * 24);
	assert_int_equal(all.of[0].row.syn.failing, 64 * 8000);
	assert_int_equal(all.of[0].row.syn.n_possible, 0);
	/* At one of them alone it is nothing. */
	m = group_of(1, &each);
	assert_int_equal(findings_of(&m).n, 0);
}

static void a_flood_at_each_member_is_one_finding(void **unused)
{
	static const char *const scenes_of_it[] = { "flood, cookies", "flood, no cookies",
						    "flood, slow", "flood, always cookies" };
	struct members m;
	struct findings all;
	size_t i;

	(void)unused;
	for (i = 0; i < COUNT(scenes_of_it); i++) {
		m = group_of(3, scene_of(scenes_of_it[i]));
		all = findings_of(&m);
		assert_int_equal(all.n, 1);
		assert_int_equal(all.of[0].kind, FINDING_SYN_FLOOD);
		assert_int_equal(all.of[0].row.syn.service.listeners, 3);
		assert_int_equal(all.of[0].row.syn.n_possible, 0);
		assert_int_equal(all.of[0].row.syn.pressure, scene_of(scenes_of_it[i])->pressure);
	}
	m = group_of(3, scene_of("loss, later"));
	all = findings_of(&m);
	assert_int_equal(all.n, 1);
	assert_int_equal(all.of[0].kind, FINDING_HANDSHAKE_LOSS);
	assert_int_equal(all.of[0].row.syn.service.late_milli, 3 * 75000);
}

static void a_flood_at_one_member_names_it(void **unused)
{
	struct members m = group_of(4, scene_of("ordinary clients"));
	struct findings all;

	(void)unused;
	m.of[3] = *scene_of("flood, slow");
	all = findings_of(&m);
	assert_int_equal(all.n, 1);
	assert_int_equal(all.of[0].kind, FINDING_SYN_FLOOD);
	assert_int_equal(all.of[0].row.syn.service.id, 1003);
	assert_int_equal(all.of[0].row.syn.service.listeners, 1);
}

/* The stuck one explains what it shows, and nothing of what the others do. */
static void a_flood_beside_one_that_does_not_accept(void **unused)
{
	struct members m = group_of(5, scene_of("flood, slow"));
	struct findings all;

	(void)unused;
	m.of[1] = *scene_of("never accepts");
	all = findings_of(&m);
	assert_int_equal(all.n, 2);
	assert_int_equal(all.of[0].kind, FINDING_ACCEPT_QUEUE_FULL);
	assert_int_equal(all.of[0].row.syn.service.id, 1001);
	assert_int_equal(all.of[1].kind, FINDING_SYN_FLOOD);
	assert_int_equal(all.of[1].row.syn.service.listeners, 5);
	assert_int_equal(all.of[1].row.syn.service.half_open, 4 * 120);
	assert_int_equal(all.of[1].row.syn.service.sources, 4 * 120);
	assert_int_equal(all.of[1].row.syn.failing, 4 * 40000);
}

/* Who comes late through the queue that has just emptied is no loss on the group's path. */
static void one_that_accepts_again_is_no_loss_of_the_group(void **unused)
{
	struct members m = group_of(4, scene_of("ordinary clients"));
	struct findings all = { 0 };
	struct detect *d;

	(void)unused;
	assert_int_equal(detect_new(&default_opts()->detect, &d), 0);
	m.of[0] = m.of[2] = *scene_of("accepts slowly");
	show_group(d, &all, &m, 3);
	assert_int_equal(all.n, 2);
	m.of[0] = m.of[2] = *scene_of("loss, later");
	show_group(d, &all, &m, 4);
	assert_int_equal(all.n, 2);
	assert_int_equal(all.of[0].kind, FINDING_ACCEPT_QUEUE_FULL);
	assert_int_equal(all.of[1].kind, FINDING_ACCEPT_QUEUE_FULL);
	detect_free(d);
}

static void a_group_that_is_flooded_does_not_flap(void **unused)
{
	struct members one = group_of(4, scene_of("ordinary clients"));
	struct members all_of_it = group_of(4, scene_of("flood, slow"));
	struct findings all = { 0 };
	struct detect *d;
	unsigned int i;

	(void)unused;
	one.of[3] = *scene_of("flood, slow");
	assert_int_equal(detect_new(&default_opts()->detect, &d), 0);
	show_group(d, &all, &all_of_it, 3);
	assert_int_equal(all.n, 1);
	for (i = 0; i < 5; i++) {
		show_group(d, &all, &one, 1);
		show_group(d, &all, &all_of_it, 1);
	}
	assert_int_equal(all.n + all.updated + all.cleared, 1);
	detect_free(d);
}

/* tcp_syncookies 2, and another service at port 443 that sends cookies as well. */
static void a_group_is_one_of_those_that_are_possible(void **unused)
{
	struct members m = group_of(64, scene_of("flood, always cookies"));
	struct detect_config config = default_opts()->detect;
	struct findings all = { 0 };
	struct detect *d;
	struct pair p;

	(void)unused;
	config.at_once = true;
	assert_int_equal(detect_new(&config, &d), 0);
	fill_group(&p.before, &m, SECOND, true);
	add_other(&p.before, &streaming, false);
	assert_int_equal(audit_settle(&p.before, NULL, NULL), 0);
	fill_group(&p.now, &m, 2 * SECOND, false);
	add_other(&p.now, &streaming, true);
	assert_int_equal(audit_settle(&p.now, NULL, &p.before), 0);
	detect_look(d, &p.now, UINT32_MAX, keep_finding, &all);
	assert_int_equal(all.n, 1);
	assert_int_equal(all.of[0].row.syn.n_possible, 2);
	assert_int_equal(all.of[0].row.syn.possible[0].lport, 80);
	assert_int_equal(all.of[0].row.syn.possible[1].lport, 443);
	release(&p);
	detect_free(d);
}

/* What a finding about the group says of each of its rows. */
static void a_member_shows_it_or_not(void **unused)
{
	struct members m = group_of(3, scene_of("flood, slow"));
	struct detect_config config = default_opts()->detect;
	struct findings all = { 0 };
	struct detect *d;
	struct pair p;

	(void)unused;
	m.of[1] = *scene_of("ordinary clients");
	config.at_once = true;
	assert_int_equal(detect_new(&config, &d), 0);
	look_twice_at_group(&p, &m, 2 * SECOND);
	detect_look(d, &p.now, UINT32_MAX, keep_finding, &all);
	assert_int_equal(all.n, 1);
	assert_true(all.of[0].row.syn.service.is_group);
	assert_int_equal(finding_shown_by(&all.of[0], &p.now.services[0]), FINDING_SHOWN);
	assert_int_equal(finding_shown_by(&all.of[0], &p.now.services[1]), FINDING_NOT_SHOWN);
	assert_int_equal(finding_shown_by(&all.of[0], &p.now.services[2]), FINDING_SHOWN);
	all.of[0].row.syn.by_cookies = true;
	assert_int_equal(finding_shown_by(&all.of[0], &p.now.services[2]), FINDING_SHOWN_UNKNOWN);
	release(&p);
	detect_free(d);
}

static void tenants_of_two_devices_are_two(void **unused)
{
	struct members m = group_of(2, scene_of("flood, slow"));
	struct detect_config config = default_opts()->detect;
	struct findings all = { 0 };
	struct detect *d;
	struct pair p;

	(void)unused;
	config.at_once = true;
	assert_int_equal(detect_new(&config, &d), 0);
	fill_group(&p.before, &m, SECOND, true);
	p.before.listeners[1].socket.device = 3;
	assert_int_equal(audit_settle(&p.before, NULL, NULL), 0);
	fill_group(&p.now, &m, 2 * SECOND, false);
	p.now.listeners[1].socket.device = 3;
	assert_int_equal(audit_settle(&p.now, NULL, &p.before), 0);
	detect_look(d, &p.now, UINT32_MAX, keep_finding, &all);
	assert_int_equal(all.n, 2);
	assert_int_equal(all.of[0].row.syn.service.listeners, 1);
	assert_int_equal(all.of[1].row.syn.service.device, 3);
	release(&p);
	detect_free(d);
}

/* ---- scans ----------------------------------------------------------------------------------- */

static void a_scan_is_many_ports_of_one_source(void **unused)
{
	static const struct audit_config config;
	struct audit_scanner s = { .netns = 1, .family = 4, .addr = V4(198, 18, 9, 9) };
	struct told t = { 0 };
	struct detect *d;
	struct audit a;

	s.ports = 19;
	(void)unused;
	assert_int_equal(detect_new(&default_opts()->detect, &d), 0);
	assert_int_equal(audit_init(&a, &config), 0);
	a.covers = AUDIT_HANDSHAKES;
	s.resets = 100000;
	assert_int_equal(audit_add_scanner(&a, &s), 0);
	s.addr[15] = 10;
	s.ports = 20;
	assert_int_equal(audit_add_scanner(&a, &s), 0);
	assert_int_equal(audit_settle(&a, NULL, NULL), 0);
	detect_look(d, &a, UINT32_MAX, on_finding, &t);
	assert_int_equal(t.raised, 1);
	assert_int_equal(t.last.kind, FINDING_SYN_SCAN);
	assert_int_equal(t.last.severity, SEVERITY_INFO);
	assert_int_equal(t.last.row.scanner.addr[15], 10);
	audit_release(&a);
	detect_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_scene_has_its_name),
		cmocka_unit_test(a_rush_from_far_away_is_no_flood),
		cmocka_unit_test(a_path_that_stops_for_all_is_no_flood),
		cmocka_unit_test(one_look_later_the_rate_before_is_known),
		cmocka_unit_test(a_flood_is_raised_by_the_second_look),
		cmocka_unit_test(it_is_over_after_five_quiet_seconds_and_not_before),
		cmocka_unit_test(what_has_been_told_is_walked_over_seldom),
		cmocka_unit_test(one_look_of_a_rush_is_not_told),
		cmocka_unit_test(a_slow_flood_that_fills_the_queue_is_told_again),
		cmocka_unit_test(who_comes_late_through_a_full_accept_queue_is_no_loss),
		cmocka_unit_test(late_acks_and_a_full_accept_queue_are_one_finding),
		cmocka_unit_test(bursts_need_not_be_in_every_look),
		cmocka_unit_test(who_comes_late_after_a_burst_is_no_loss),
		cmocka_unit_test(advice_follows_from_the_evidence),
		cmocka_unit_test(the_limit_is_the_one_in_force),
		cmocka_unit_test(audit_does_not_wait),
		cmocka_unit_test(a_walk_is_wanted_where_something_is_stuck),
		cmocka_unit_test(what_is_not_seen_is_not_over),
		cmocka_unit_test(walks_take_turns),
		cmocka_unit_test(one_look_is_enough_for_what_stands_there),
		cmocka_unit_test(whose_cookies_they_are_is_told_where_it_can_be),
		cmocka_unit_test(behind_full_queues_it_is_who_completes_least),
		cmocka_unit_test(where_it_is_is_told_when_it_turns_out),
		cmocka_unit_test(one_that_does_not_accept_is_found_alone),
		cmocka_unit_test(a_flood_over_a_group_is_one_finding),
		cmocka_unit_test(a_flood_at_each_member_is_one_finding),
		cmocka_unit_test(a_flood_at_one_member_names_it),
		cmocka_unit_test(a_flood_beside_one_that_does_not_accept),
		cmocka_unit_test(one_that_accepts_again_is_no_loss_of_the_group),
		cmocka_unit_test(a_group_that_is_flooded_does_not_flap),
		cmocka_unit_test(a_group_is_one_of_those_that_are_possible),
		cmocka_unit_test(a_member_shows_it_or_not),
		cmocka_unit_test(tenants_of_two_devices_are_two),
		cmocka_unit_test(a_scan_is_many_ports_of_one_source),
	};

	return cmocka_run_group_tests_name("detect_syn", tests, NULL, NULL);
}
