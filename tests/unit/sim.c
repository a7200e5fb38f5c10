// SPDX-License-Identifier: GPL-2.0-only
#include "sim.h"

#include <errno.h>
#include <math.h>

#include "cadence.h"
#include "defaults.h"
#include "record.h"
#include "unit.h"

#define MS	   1000000ull
#define SECOND	   (1000 * MS)
#define FIRST_PORT 32768
#define PORTS	   28232 /* the kernel's own ip_local_port_range */
#define TIME_WAIT  (60 * SECOND)
#define RACK	   300
#define BACKLOG	   511

/* ---- what is on the host --------------------------------------------------------------------- */

enum role_id {
	WEB = 0, /* keeps connections alive, closes them when they idle */
	HTTP10,	 /* closes after each answer: thousands in TIME_WAIT */
	APP,	 /* waits for its clients' FIN, and takes up to 3 s to see it */
	CHECK,	 /* connects and resets */
	POOL,	 /* connections to a database that are renewed */
	CACHE,	 /* short ones to a cache, closed by us: TIME_WAIT towards one place */
	JOB,	 /* opens 5000 within ten seconds, four times an hour */
	SHARDS,	 /* RACK hosts of one rack, two connections to each */
	STORE,	 /* one host, six connections */
	LEAKER,
	EATER,
	ROLES,
};

struct role {
	const char *comm;
	uint32_t peers; /* IPv4: the first of them */
	uint32_t n_peers;
	uint16_t port;
	bool active; /* we connect */
	bool by_day;
	double per_s;
	uint32_t rtt_ms, stay_ms; /* up to */
	uint32_t app_ms;	  /* CLOSE_WAIT lasts up to so long */
	uint32_t we_close;	  /* so many in a hundred */
};

static const struct role roles[ROLES] = {
	[WEB] = { "web", 0x50000000, 1 << 20, 80, false, true, 40, 200, 12000, 1, 50 },
	[HTTP10] = { "http10", 0x0a020000, 200, 81, false, false, 50, 10, 60, 1, 100 },
	[APP] = { "app", 0x51000000, 1 << 20, 8080, false, true, 5, 300, 8000, 3000, 0 },
	[CHECK] = { "web", 0x0a030001, 3, 80, false, false, 1, 2, 1, 1, 0 },
	[POOL] = { "app", 0x0a000005, 1, 5432, true, false, 0.2, 2, 600000, 1, 100 },
	[CACHE] = { "app", 0x0a000006, 1, 6379, true, true, 25, 2, 100, 1, 100 },
	[JOB] = { "job", 0x0a000007, 1, 9000, true, false, 500, 5, 0, 1, 100 },
	[SHARDS] = { "app", 0x0a070001, RACK, 7000, true, false, 0, 2, 0, 1, 100 },
	[STORE] = { "app", 0x0a080001, 1, 7001, true, false, 0, 2, 0, 1, 100 },
	[LEAKER] = { "leaker", 0x0a040000, 50, 8081, false, false, 1.0 / 60, 5, 1, 0, 0 },
	[EATER] = { "eater", 0x0a000009, 1, 3306, true, false, 500, 2, 5, 1, 100 },
};

struct sock {
	uint64_t id, since_ns, heard_ns, until_ns;
	uint32_t peer;
	uint32_t seq;
	uint32_t gen;  /* a timer of an earlier life is none */
	uint8_t state; /* 0: free. SYN_RECV is a request, TIME_WAIT a mini-socket */
	uint8_t role;
	uint8_t stalled; /* timeouts in a row */
	bool queued;	 /* a request, in the listener's queue */
	bool answers;	 /* when its timer ends an ACK has come */
	bool vanished;	 /* the peer has */
	bool forged;	 /* there never was one */
	uint16_t lport, rport;
};

struct timer {
	uint64_t at_ns;
	uint32_t slot;
	uint32_t gen;
};

struct sim {
	const struct sim_config *config;
	struct sim_result *result;
	struct engine *engine;
	struct filter filter;
	struct cadence cadence;
	uint64_t random, now_ns, next_id;
	struct sock *socks;
	uint32_t *free_slots, n_free, top; /* no socket was ever at top or behind it */
	struct timer *timers;
	uint32_t n_timers, cap_timers;
	const struct sock **half_open; /* of the look at hand */
	uint32_t n_half_open;
	uint32_t n_sockets[ROLES];  /* TIME_WAIT included */
	uint32_t n_requests[ROLES]; /* of the role that listens */
	double owed[ROLES], owed_forged, owed_failures;
	uint16_t scanned; /* ports, by ourselves */
	uint16_t last_port;
	bool visible;	      /* the bad thing */
	uint32_t n_timed_out; /* of the bad thing */
	struct audit_handshakes handshakes[ROLES];
	uint64_t counters[COUNTER_MAX];
	uint64_t cookie_ns;
	uint32_t walks_since;
};

static uint64_t roll(struct sim *s, uint64_t n)
{
	return n ? (random_next(&s->random) >> 16) % n : 0;
}

static bool chance(struct sim *s, double p)
{
	return (double)(random_next(&s->random) >> 11) < p * 9007199254740992.0;
}

static void feed(struct sim *s, const void *record, size_t len)
{
	assert_int_equal(engine_record(s->engine, record, len), 0);
}

#define FEED(s, record) feed(s, &(record), sizeof(record))

static void put_v4(uint8_t ret[16], uint32_t addr)
{
	const uint8_t mapped[16] = V4((uint8_t)(addr >> 24), (uint8_t)(addr >> 16),
				      (uint8_t)(addr >> 8), (uint8_t)addr);

	memcpy(ret, mapped, 16);
}

static const uint8_t here[16] = V4(10, 0, 0, 1);

/* Whose listener it comes to. */
static uint8_t listener_of(unsigned int role)
{
	return role == CHECK ? WEB : role;
}

static uint32_t pid_of(unsigned int role)
{
	uint32_t i;

	for (i = 0; strcmp(roles[i].comm, roles[role].comm);)
		i++;
	return 1000 + i;
}

/* ---- timers: a heap -------------------------------------------------------------------------- */

static bool earlier(const struct sim *s, uint32_t a, uint32_t b)
{
	return s->timers[a].at_ns < s->timers[b].at_ns;
}

static void swap(struct sim *s, uint32_t a, uint32_t b)
{
	struct timer t = s->timers[a];

	s->timers[a] = s->timers[b];
	s->timers[b] = t;
}

static void wake_at(struct sim *s, const struct sock *k, uint64_t at_ns)
{
	uint32_t i = s->n_timers++;

	if (i == s->cap_timers) {
		s->cap_timers = s->cap_timers ? s->cap_timers * 2 : 1024;
		s->timers = realloc(s->timers, s->cap_timers * sizeof(*s->timers));
		assert_non_null(s->timers);
	}
	s->timers[i] = (struct timer){ at_ns, (uint32_t)(k - s->socks), k->gen };
	for (; i && earlier(s, i, (i - 1) / 2); i = (i - 1) / 2)
		swap(s, i, (i - 1) / 2);
}

static void drop_first(struct sim *s)
{
	uint32_t i = 0, least;

	s->timers[0] = s->timers[--s->n_timers];
	for (;; i = least) {
		least = i;
		if (2 * i + 1 < s->n_timers && earlier(s, 2 * i + 1, least))
			least = 2 * i + 1;
		if (2 * i + 2 < s->n_timers && earlier(s, 2 * i + 2, least))
			least = 2 * i + 2;
		if (least == i)
			return;
		swap(s, i, least);
	}
}

/* In one to `ms` milliseconds. */
static void wake_within(struct sim *s, const struct sock *k, uint64_t ms)
{
	wake_at(s, k, s->now_ns + MS + roll(s, ms * MS));
}

/* ---- sockets --------------------------------------------------------------------------------- */

static bool is_bad(const struct sim *s, enum sim_bad bad)
{
	return s->config->bad == bad && s->now_ns >= s->config->bad_from_s * SECOND;
}

static void leave_queue(struct sim *s, struct sock *k)
{
	s->n_requests[listener_of(k->role)] -= k->queued;
	k->queued = false;
}

static void gone(struct sim *s, struct sock *k)
{
	leave_queue(s, k);
	s->n_sockets[k->role]--;
	k->state = 0;
	k->gen++;
	s->free_slots[s->n_free++] = (uint32_t)(k - s->socks);
}

static void tell(struct sim *s, struct sock *k, uint8_t from, uint8_t to, uint16_t flags,
		 uint8_t err)
{
	struct {
		struct tcs_wire_state state;
		struct tcs_wire_facts facts;
	} r = { .state = { .kind = TCS_WIRE_STATE,
			   .flags = TCS_F_HAS_FACTS | flags,
			   .old_state = from,
			   .new_state = to,
			   .err = err,
			   .id = k->id,
			   .lport = k->lport,
			   .ts_ns = s->now_ns,
			   .seq = ++k->seq },
		.facts = { .family = 4, .netns = 1, .rport = k->rport } };

	memcpy(r.facts.laddr, here, 16);
	put_v4(r.facts.raddr, k->peer);
	r.facts.parent = roles[k->role].active ? 0 : 1u + listener_of(k->role);
	FEED(s, r);
	s->result->changes++;
}

static void enter(struct sim *s, struct sock *k, uint8_t to)
{
	tell(s, k, k->state, to, 0, 0);
	k->state = to;
	k->since_ns = s->now_ns;
}

static void close_with(struct sim *s, struct sock *k, uint8_t err)
{
	tell(s, k, k->state, TCS_CLOSE, 0, err);
	gone(s, k);
}

static struct sock *new_sock(struct sim *s, unsigned int role)
{
	struct sock *k;

	assert_true(s->n_free > 0);
	k = &s->socks[s->free_slots[--s->n_free]];
	if (s->top <= (uint32_t)(k - s->socks))
		s->top = (uint32_t)(k - s->socks) + 1;
	*k = (struct sock){ .id = ++s->next_id,
			    .since_ns = s->now_ns,
			    .heard_ns = s->now_ns,
			    .role = role,
			    .gen = k->gen + 1,
			    .peer = roles[role].peers + (uint32_t)roll(s, roles[role].n_peers) };
	s->n_sockets[role]++;
	s->result->connections++;
	return k;
}

static struct sock *connect_out(struct sim *s, unsigned int role)
{
	struct sock *k = new_sock(s, role);

	k->lport = (uint16_t)(FIRST_PORT + s->last_port++ % PORTS);
	k->rport = roles[role].port;
	k->state = TCS_CLOSE;
	enter(s, k, TCS_SYN_SENT);
	wake_within(s, k, roles[role].rtt_ms);
	return k;
}

/* A SYN. With a full queue it is answered by a cookie: nothing is kept, and a client comes back. */
static void come_in(struct sim *s, unsigned int role, bool forged)
{
	uint8_t listener = listener_of(role);
	bool full = s->n_requests[listener] > BACKLOG;
	struct sock *k;

	if (full) {
		s->cookie_ns = s->now_ns;
		s->counters[COUNTER_COOKIES_SENT]++;
		s->counters[COUNTER_COOKIES_RECV] += !forged;
		if (forged)
			return;
	}
	k = new_sock(s, role);
	k->lport = roles[role].port;
	k->rport = (uint16_t)(1024 + roll(s, 60000));
	k->forged = forged;
	k->state = TCS_SYN_RECV;
	k->queued = !full;
	s->n_requests[listener] += !full;
	/* One SYN-ACK in two hundred is lost. */
	k->answers = full || (!forged && !chance(s, 0.005));
	if (k->answers)
		wake_within(s, k, roles[role].rtt_ms);
	else
		wake_at(s, k, s->now_ns + SECOND);
	if (forged)
		k->peer = (is_bad(s, SIM_FLOOD) || is_bad(s, SIM_SLOW_FLOOD) ? 0xc6120000 :
									       0x52000000) +
			  (uint32_t)roll(s, 1 << 17);
}

/* The SYN-ACK is due again: after 1, 3, 7, 15 and 31 s; after 63 the request is given up. */
static void resend_synack(struct sim *s, struct sock *k)
{
	struct audit_handshakes *h = &s->handshakes[listener_of(k->role)];

	if (++k->stalled == 6) {
		gone(s, k);
		return;
	}
	h->resent++;
	h->failing += k->stalled == 1;
	s->result->resent++;
	if (is_bad(s, SIM_FLOOD) || is_bad(s, SIM_SLOW_FLOOD))
		s->visible = true;
	k->answers = !k->forged;
	wake_at(s, k, s->now_ns + (k->answers ? 50 * MS : SECOND << k->stalled));
}

static void shake_hands(struct sim *s, struct sock *k)
{
	struct audit_handshakes *h = &s->handshakes[listener_of(k->role)];

	if (k->role == CHECK && chance(s, 0.5)) {
		s->counters[COUNTER_EMBRYONIC_RSTS]++;
		gone(s, k);
		return;
	}
	h->done++;
	h->late += k->stalled > 0;
	s->counters[COUNTER_PASSIVE_OPENS]++;
	leave_queue(s, k);
	k->stalled = 0;
	tell(s, k, TCS_LISTEN, TCS_SYN_RECV, 0, 0);
	enter(s, k, TCS_ESTABLISHED);
	/* Somebody walks into a tunnel every ten seconds. */
	k->vanished = k->role == WEB && chance(s, 0.004);
	wake_within(s, k, roles[k->role].stay_ms);
}

/* Retransmissions without an answer, after 0.2, 0.6, 1.4, 3 s ... False: it was the last one. */
static bool time_out(struct sim *s, struct sock *k, uint8_t most)
{
	if (++k->stalled > most) {
		s->n_timed_out += k->role == STORE;
		close_with(s, k, ETIMEDOUT);
		return false;
	}
	wake_at(s, k, s->now_ns + (200 * MS << k->stalled));
	return true;
}

static void leave_established(struct sim *s, struct sock *k)
{
	const struct role *r = &roles[k->role];

	if (k->role == CHECK) {
		close_with(s, k, ECONNRESET);
	} else if (roll(s, 100) < r->we_close || k->vanished) {
		enter(s, k, TCS_FIN_WAIT1);
		wake_within(s, k, r->rtt_ms);
	} else {
		enter(s, k, TCS_CLOSE_WAIT);
		if (k->role == APP && s->now_ns % (1200 * SECOND) < 30 * SECOND)
			wake_within(s, k, 30000); /* it does something else for half a minute */
		else if (k->role != LEAKER)
			wake_within(s, k, r->app_ms);
	}
}

static void live(struct sim *s, struct sock *k)
{
	if (k->role != SHARDS && k->role != STORE) {
		leave_established(s, k);
	} else if (k->vanished) {
		time_out(s, k, k->role == STORE ? 2 : 15);
	} else {
		k->heard_ns = s->now_ns;
		wake_within(s, k, 3000);
	}
}

static void step(struct sim *s, struct sock *k)
{
	switch (k->state) {
	case TCS_SYN_RECV:
		if (k->answers)
			shake_hands(s, k);
		else
			resend_synack(s, k);
		break;
	case TCS_SYN_SENT:
		enter(s, k, TCS_ESTABLISHED);
		if (k->role == JOB)
			wake_at(s, k, s->now_ns + 45 * SECOND);
		else
			wake_within(s, k, roles[k->role].stay_ms);
		break;
	case TCS_ESTABLISHED:
		live(s, k);
		break;
	case TCS_FIN_WAIT1:
		if (k->vanished && !time_out(s, k, 8))
			break;
		if (k->vanished)
			break;
		enter(s, k, TCS_FIN_WAIT2);
		wake_within(s, k, roles[k->role].rtt_ms);
		break;
	case TCS_FIN_WAIT2:
		tell(s, k, TCS_FIN_WAIT2, TCS_CLOSE, TCS_F_DEAD | TCS_F_DONE, 0);
		k->state = TCS_TIME_WAIT;
		wake_at(s, k, s->now_ns + 60 * SECOND);
		break;
	case TCS_CLOSE_WAIT:
		enter(s, k, TCS_LAST_ACK);
		wake_within(s, k, roles[k->role].rtt_ms);
		break;
	case TCS_LAST_ACK:
		close_with(s, k, 0);
		break;
	default:
		gone(s, k);
	}
}

static void run_until(struct sim *s, uint64_t end_ns)
{
	while (s->n_timers && s->timers[0].at_ns <= end_ns) {
		struct timer t = s->timers[0];
		struct sock *k = &s->socks[t.slot];

		drop_first(s);
		if (k->gen != t.gen)
			continue;
		s->now_ns = t.at_ns;
		step(s, k);
	}
	s->now_ns = end_ns;
}

/* ---- what comes ------------------------------------------------------------------------------ */

/* Per second, now: at night a tenth, in two seconds of each minute five times as much. */
static double rate_now(const struct sim *s, unsigned int role)
{
	double day = (double)s->now_ns / (double)SECOND / 3600, rate = roles[role].per_s;
	uint64_t second = s->now_ns / SECOND;

	if (role == JOB)
		return second % 900 >= 300 && second % 900 < 310 ? rate : 0;
	if ((role == LEAKER && !is_bad(s, SIM_LEAK)) ||
	    (role == EATER && !is_bad(s, SIM_EXHAUSTION)))
		return 0;
	if (!roles[role].by_day)
		return rate;
	rate *= 0.1 + 0.9 * sin(day * M_PI);
	/* After a deployment everybody comes back. */
	if (role == WEB && second % 600 > 0 && second % 600 < 4)
		return rate * 10;
	return second % 60 < 2 ? rate * 5 : rate;
}

/* ---- connects that fail ---------------------------------------------------------------------- */

static void fail_connect(struct sim *s, uint32_t peer, uint16_t rport, uint8_t err)
{
	struct sock *k = new_sock(s, CACHE);

	k->peer = peer;
	k->lport = (uint16_t)(FIRST_PORT + s->last_port++ % PORTS);
	k->rport = rport;
	k->state = TCS_CLOSE;
	enter(s, k, TCS_SYN_SENT);
	close_with(s, k, err);
	s->result->failed_connects++;
}

/* The cache is started again: it is away for up to 8 s, four times an hour. Or it is down. */
static bool is_away(const struct sim *s, unsigned int role)
{
	uint64_t second = s->now_ns / SECOND;

	return role == CACHE &&
	       (is_bad(s, SIM_DOWN) || (second % 900 >= 400 && second % 900 < 408));
}

/* A health check of a port where nothing listens, attempts that lost a race, a scan of ours. */
static void fail_usually(struct sim *s, uint64_t ns)
{
	uint64_t second = s->now_ns / SECOND;

	s->owed_failures += (double)ns / (double)SECOND;
	while (s->owed_failures >= 1) {
		unsigned int i;

		s->owed_failures--;
		fail_connect(s, 0x0a000014, 9999, ECONNREFUSED);
		for (i = 0; i < 20; i++)
			fail_connect(s, 0x0a000015, 443, 0);
		for (i = 0; second % 1200 >= 300 && second % 1200 < 330 && i < 200; i++)
			fail_connect(s, 0x0a000016, (uint16_t)(1 + s->scanned++), ECONNREFUSED);
	}
}

static void arrive(struct sim *s, uint64_t ns)
{
	unsigned int role;

	for (role = 0; role < ROLES; role++) {
		s->owed[role] += rate_now(s, role) * (double)ns / (double)SECOND;
		while (s->owed[role] > 0) {
			s->owed[role] -= (double)roll(s, 2000) / 1000; /* one, on average */
			if (!roles[role].active)
				come_in(s, role, false);
			else if (is_away(s, role))
				fail_connect(s, roles[role].peers, roles[role].port, ECONNREFUSED);
			else if (role != EATER || s->n_sockets[role] < PORTS)
				connect_out(s, role);
		}
	}
}

/* A SYN in five seconds floats about that nobody stands behind; and floods. */
static void forge(struct sim *s, uint64_t ns)
{
	double per_s = is_bad(s, SIM_FLOOD) ? 1000 : is_bad(s, SIM_SLOW_FLOOD) ? 15 : 0.2;

	s->owed_forged += per_s * (double)ns / (double)SECOND;
	while (s->owed_forged >= 1) {
		s->owed_forged--;
		come_in(s, WEB, true);
	}
}

static void reset_all(struct sim *s, unsigned int role, uint8_t err)
{
	uint32_t i;

	for (i = 0; i < s->top; i++)
		if (s->socks[i].state == TCS_ESTABLISHED && s->socks[i].role == role)
			close_with(s, &s->socks[i], err);
}

static void open_long_ones(struct sim *s, unsigned int role, uint32_t n, uint32_t per_host)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		connect_out(s, role)->peer = roles[role].peers + i / per_host;
}

static void vanish_all(struct sim *s, unsigned int role)
{
	uint32_t i;

	for (i = 0; i < s->top; i++)
		if (s->socks[i].state == TCS_ESTABLISHED && s->socks[i].role == role)
			s->socks[i].vanished = true;
}

static void events_of_second(struct sim *s, uint64_t second)
{
	if (!second) {
		open_long_ones(s, SHARDS, RACK * 2, 2);
		open_long_ones(s, STORE, 6, 6);
		open_long_ones(s, POOL, 60, 60);
	}
	if (second && second % 600 == 0)
		reset_all(s, WEB, 0); /* a deployment */
	if (second && second % 1000 == 0) {
		reset_all(s, POOL, ECONNRESET); /* the database is started again */
		open_long_ones(s, POOL, 60, 60);
	}
	if (second == s->config->bad_from_s && s->config->bad == SIM_RACK)
		vanish_all(s, SHARDS);
	if (second == s->config->bad_from_s && s->config->bad == SIM_PEER)
		vanish_all(s, STORE);
}

/* ---- looks ----------------------------------------------------------------------------------- */

static void find_half_open(struct sim *s)
{
	uint32_t i;

	s->n_half_open = 0;
	for (i = 0; i < s->top; i++)
		if (s->socks[i].queued)
			s->half_open[s->n_half_open++] = &s->socks[i];
}

static void feed_listener(struct sim *s, unsigned int role)
{
	struct record_socket r = {
		.head.kind = RECORD_SOCKET,
		.socket = { .id = 1u + role,
			    .netns = 1,
			    .family = 4,
			    .state = TCS_LISTEN,
			    .lport = roles[role].port,
			    .quiet_ns = AUDIT_UNKNOWN,
			    .in_state_ns = AUDIT_UNKNOWN,
			    .cookie_age_ns = AUDIT_UNKNOWN,
			    .syn_queue = s->n_requests[role],
			    .queue_limit = BACKLOG,
			    .owner = { .pid = pid_of(role), .source = OWNER_CACHED } },
	};
	uint32_t i;

	put_v4(r.socket.laddr, 0);
	snprintf(r.socket.owner.comm, sizeof(r.socket.owner.comm), "%s", roles[role].comm);
	for (i = 0; i < s->n_half_open; i++)
		r.socket.syn_queue_young +=
			!s->half_open[i]->stalled && listener_of(s->half_open[i]->role) == role;
	if (s->cookie_ns && role == WEB)
		r.socket.cookie_age_ns = s->now_ns - s->cookie_ns;
	FEED(s, r);
}

static void feed_sources(struct sim *s, unsigned int role, uint32_t half_open)
{
	struct record_source r = { .head.kind = RECORD_SOURCE,
				   .source = { .count = 1, .half_open = half_open, .family = 4 } };
	uint32_t i;

	for (i = 0; i < s->n_half_open; i++) {
		const struct sock *k = s->half_open[i];

		if (listener_of(k->role) != role)
			continue;
		r.source.oldest_ns = s->now_ns - k->since_ns;
		r.source.bits = 32;
		put_v4(r.source.addr, k->peer);
		FEED(s, r);
		r.source.bits = 24;
		put_v4(r.source.addr, k->peer & ~255u);
		FEED(s, r);
	}
}

static bool feed_half_open(struct sim *s, unsigned int role, uint32_t half_open)
{
	struct record_half_open r = { .head.kind = RECORD_HALF_OPEN,
				      .half_open = { .listener = 1u + role,
						     .newest_ns = AUDIT_UNKNOWN,
						     .netns = 1,
						     .lport = roles[role].port,
						     .family = 4,
						     .sources_exact = true,
						     .prefixes_exact = true } };
	struct audit_half_open *h = &r.half_open;
	uint32_t i;

	memcpy(h->laddr, here, 16);
	for (i = 0; i < s->n_half_open; i++) {
		const struct sock *k = s->half_open[i];
		uint64_t age = s->now_ns - k->since_ns;

		if (listener_of(k->role) != role)
			continue;
		h->count++;
		h->stuck += k->stalled > 0;
		h->recent += k->stalled > 0 && age < 3 * SECOND;
		h->plain += k->stalled > 0 && k->forged;
		if (age > h->oldest_ns)
			h->oldest_ns = age;
		if (age < h->newest_ns)
			h->newest_ns = age;
	}
	if (!h->count)
		return false;
	FEED(s, r);
	feed_sources(s, role, half_open);
	return true;
}

/* Somebody tries a port a second; he is forgotten, and met again, every ten. */
static void feed_scanner(struct sim *s)
{
	struct record_scanner r = { .head.kind = RECORD_SCANNER,
				    .scanner = { .netns = 1, .family = 4 } };

	r.scanner.ports = r.scanner.resets = 1 + s->now_ns / SECOND % 10;
	r.scanner.since_ns = s->now_ns - r.scanner.ports * SECOND;
	put_v4(r.scanner.addr, 0xcb007105);
	FEED(s, r);
	s->counters[COUNTER_OUT_RSTS]++;
}

static void feed_handshakes(struct sim *s)
{
	struct record_handshakes r = { .head.kind = RECORD_HANDSHAKES };
	unsigned int role;

	for (role = 0; role < ROLES; role++) {
		if (roles[role].active || listener_of(role) != role)
			continue;
		r.handshakes = s->handshakes[role];
		r.handshakes.netns = 1;
		r.handshakes.lport = roles[role].port;
		memcpy(r.handshakes.laddr, here, 16);
		FEED(s, r);
	}
}

/* A container that is there for half of each minute. */
static void feed_visitor(struct sim *s)
{
	struct record_netns r = { .head.kind = RECORD_NETNS,
				  .netns = { .netns = 1000,
					     .in_use = 40,
					     .time_wait_limit = 131072,
					     .ports_range = PORTS,
					     .cookies = 1,
					     .walked = 1 } };
	uint64_t second = s->now_ns / SECOND;

	if (second % 60 >= 30)
		return;
	r.netns.netns += (uint32_t)(second / 60 % 7); /* a number comes again */
	r.netns.states[TCS_ESTABLISHED] = 40;
	r.netns.states[TCS_TIME_WAIT] = r.netns.time_wait_table = (uint32_t)(second % 60 * 20);
	FEED(s, r);
}

static void feed_netns(struct sim *s, bool walked, const uint32_t states[TCS_STATE_MAX])
{
	struct record_netns r = { .head.kind = RECORD_NETNS,
				  .netns = { .netns = 1,
					     .in_use = AUDIT_UNKNOWN,
					     .overflows = 17,
					     .time_wait_limit = 131072,
					     .ports_range = PORTS,
					     .tw_reuse = 2,
					     .cookies = 1,
					     .walked = walked } };

	memcpy(r.netns.states, states, sizeof(r.netns.states));
	memcpy(r.netns.counters, s->counters, sizeof(r.netns.counters));
	r.netns.time_wait_table = states[TCS_TIME_WAIT];
	FEED(s, r);
}

static void feed_socket(struct sim *s, const struct sock *k, uint8_t stalled, uint64_t quiet_ns)
{
	struct record_socket r = {
		.head.kind = RECORD_SOCKET,
		.socket = { .id = k->id,
			    .netns = 1,
			    .family = 4,
			    .state = k->state,
			    .lport = k->lport,
			    .rport = k->rport,
			    .stalled = stalled,
			    .quiet_ns = quiet_ns,
			    .in_state_ns = s->now_ns - k->since_ns,
			    .cookie_age_ns = AUDIT_UNKNOWN,
			    .owner = { .pid = pid_of(k->role), .source = OWNER_CACHED } },
	};

	memcpy(r.socket.laddr, here, 16);
	put_v4(r.socket.raddr, k->peer);
	snprintf(r.socket.owner.comm, sizeof(r.socket.owner.comm), "%s", roles[k->role].comm);
	FEED(s, r);
}

static void feed_places(struct sim *s, const uint32_t waiting[ROLES])
{
	unsigned int role;

	for (role = 0; role < ROLES; role++) {
		struct record_place r = { .head.kind = RECORD_PLACE,
					  .place = { .netns = 1,
						     .family = 4,
						     .time_wait = waiting[role],
						     .all_free_ns = 60 * SECOND } };

		memcpy(r.place.laddr, here, 16);
		if (!roles[role].active) {
			r.place.lport = roles[role].port;
		} else {
			put_v4(r.place.raddr, roles[role].peers);
			r.place.rport = roles[role].port;
			r.place.ports_used = s->n_sockets[role];
			r.place.ports_range = PORTS;
		}
		if (role != SHARDS) /* to each of them there are two */
			FEED(s, r);
	}
}

static void feed_sockets(struct sim *s, uint32_t states[TCS_STATE_MAX])
{
	struct record_holder holder = { .head.kind = RECORD_HOLDER };
	/* A switch takes over from another: for three seconds nothing gets through. */
	bool dark = s->now_ns / SECOND % 1000 >= 700 && s->now_ns / SECOND % 1000 < 703;
	uint32_t waiting[ROLES] = { 0 }, i;
	unsigned int role;

	for (i = 0; i < s->top; i++) {
		const struct sock *k = &s->socks[i];
		uint64_t quiet = s->now_ns - k->heard_ns;
		uint8_t stalled = k->stalled;

		if (!k->state || (k->state == TCS_SYN_RECV && !k->queued))
			continue;
		states[k->state]++;
		waiting[k->role] += k->state == TCS_TIME_WAIT;
		/* One in a thousand has just lost the same segment three times. */
		if (k->state == TCS_ESTABLISHED && !stalled && (dark || chance(s, 0.001))) {
			stalled = 3;
			quiet = 1400 * MS + roll(s, 1600 * MS);
		}
		if (k->state == TCS_CLOSE_WAIT ||
		    (k->state != TCS_SYN_RECV && k->state != TCS_TIME_WAIT && stalled >= 3))
			feed_socket(s, k, stalled, quiet);
	}
	for (i = 0; i < TCS_STATE_MAX; i++)
		if (states[i] > s->result->most[i])
			s->result->most[i] = states[i];
	feed_places(s, waiting);
	for (role = 0; role < ROLES; role++) {
		holder.holder = (struct audit_holder){ .fd_used = s->n_sockets[role] + 50,
						       .fd_limit = 65536,
						       .pid = pid_of(role) };
		FEED(s, holder);
	}
}

static bool wanted(const struct sim *s)
{
	const uint32_t *netns;

	return engine_wanted(s->engine, &netns);
}

static void look(struct sim *s, uint32_t covers, bool walk_half_open)
{
	struct record_look begin = { .head.kind = RECORD_LOOK,
				     .ts_ns = s->now_ns,
				     .covers = covers };
	struct record_look_end end = { .head.kind = RECORD_LOOK_END, .ts_ns = s->now_ns };
	uint32_t states[TCS_STATE_MAX] = { 0 }, half_open = 0;
	unsigned int role;

	s->result->walks += covers & AUDIT_SOCKETS ? 1 : 0;
	s->walks_since += s->visible && covers & AUDIT_SOCKETS;
	FEED(s, begin);
	find_half_open(s);
	feed_handshakes(s);
	feed_scanner(s);
	for (role = 0; role < ROLES; role++) {
		if (roles[role].active || listener_of(role) != role)
			continue;
		feed_listener(s, role);
		if (walk_half_open)
			half_open += feed_half_open(s, role, half_open);
	}
	if (covers & AUDIT_SOCKETS)
		feed_sockets(s, states);
	feed_netns(s, walk_half_open, states);
	feed_visitor(s);
	FEED(s, end);
}

/* Something is new in a queue: a look comes early, at any quarter of a second (cadence.h). */
static void look_early(struct sim *s)
{
	if (s->now_ns % (250 * MS) == 0 && s->now_ns % SECOND && chance(s, 0.05))
		look(s, AUDIT_COUNTERS | AUDIT_HANDSHAKES | AUDIT_LISTENERS, false);
}

/* As pipeline.c does it; what looks cost is what they were measured to. */
static void look_in_turn(struct sim *s)
{
	uint32_t quick = AUDIT_COUNTERS | AUDIT_HANDSHAKES | AUDIT_LISTENERS, role;
	enum cadence_look what = cadence_next(&s->cadence, s->now_ns, true);
	uint64_t sockets = 0;

	if (what == CADENCE_NONE)
		return;
	look(s, quick, wanted(s) && cadence_urgent(&s->cadence, s->now_ns));
	cadence_spent(&s->cadence, CADENCE_COUNTERS, MS);
	if (what != CADENCE_WALK)
		return;
	look(s, quick | AUDIT_SOCKETS, true);
	for (role = 0; role < ROLES; role++)
		sockets += s->n_sockets[role];
	cadence_spent(&s->cadence, CADENCE_WALK, 5 * MS + sockets * 400);
}

/* ---- the run --------------------------------------------------------------------------------- */

static uint32_t count_silent(const struct sim *s, unsigned int role)
{
	uint32_t n = 0, i;

	for (i = 0; i < s->top; i++)
		n += s->socks[i].state && s->socks[i].role == role && s->socks[i].stalled >= 3 &&
		     s->now_ns - s->socks[i].heard_ns >= 10 * SECOND;
	return n;
}

static uint32_t count_leaked(const struct sim *s)
{
	uint32_t n = 0, i;

	for (i = 0; i < s->top; i++)
		n += s->socks[i].role == LEAKER && s->socks[i].state == TCS_CLOSE_WAIT &&
		     s->now_ns - s->socks[i].since_ns >= 60 * SECOND;
	return n;
}

/* Is the bad thing there to be seen, by the thresholds of the manual? */
static void see(struct sim *s)
{
	switch (s->config->bad) {
	case SIM_LEAK:
		s->visible |= count_leaked(s) >= 10;
		break;
	case SIM_EXHAUSTION:
		s->visible |= s->n_sockets[EATER] >= PORTS * 80 / 100;
		break;
	case SIM_RACK:
		s->visible |= count_silent(s, SHARDS) >= 20;
		break;
	case SIM_DOWN:
		s->visible |= s->now_ns >= (s->config->bad_from_s + 10) * SECOND;
		break;
	case SIM_PEER:
		s->visible |= s->n_timed_out >= 5;
		break;
	default:
		break;
	}
}

static void on_finding(void *ctx, const struct finding *finding, uint64_t ts_ns)
{
	struct sim *s = ctx;
	struct sim_result *r = s->result;

	assert_true(r->n_told < SIM_TOLD);
	r->told[r->n_told++] = (struct sim_told){ *finding, ts_ns, s->walks_since };
}

static void on_change(void *ctx, const struct change *change)
{
	(void)ctx;
	(void)change;
}

static void on_synack(void *ctx, const struct tcs_wire_synack *synack)
{
	(void)ctx;
	(void)synack;
}

static void on_lost(void *ctx, enum lost_reason reason, uint64_t count, uint64_t ts_ns)
{
	(void)ctx;
	(void)count;
	(void)ts_ns;
	fail_msg("something was lost: %s", lost_reason_name(reason));
}

static void on_summary(void *ctx, const struct summary *summary)
{
	(void)ctx;
	(void)summary;
}

/* With the thresholds that everybody has. */
static void begin(struct sim *s)
{
	struct engine_config config = { .filter = &s->filter,
					.sink = { .ctx = s,
						  .change = on_change,
						  .synack = on_synack,
						  .lost = on_lost,
						  .finding = on_finding,
						  .summary = on_summary } };
	const struct opts *opts = default_opts();
	uint32_t i;

	config.max_sockets = opts->max_sockets;
	config.audit = opts_audit_config(opts);
	config.detect = opts->detect;
	assert_int_equal(engine_new(&config, &s->engine), 0);
	s->socks = calloc(SIM_SOCKETS, sizeof(*s->socks));
	s->free_slots = calloc(SIM_SOCKETS, sizeof(*s->free_slots));
	s->half_open = calloc(SIM_SOCKETS, sizeof(const struct sock *));
	assert_true(s->socks && s->free_slots && s->half_open);
	for (i = SIM_SOCKETS; i; i--)
		s->free_slots[s->n_free++] = i - 1;
	cadence_init(&s->cadence, 0, 0);
}

void sim_run(const struct sim_config *config, struct sim_result *ret)
{
	struct sim s = { .config = config, .result = ret, .random = config->seed * 2 + 1 };
	uint64_t second, i;

	memset(ret, 0, sizeof(*ret));
	begin(&s);
	for (second = 0; second < config->seconds; second++) {
		struct record_tick tick = { .head.kind = RECORD_TICK };

		events_of_second(&s, second);
		for (i = 1; i <= 20; i++) {
			arrive(&s, 50 * MS);
			forge(&s, 50 * MS);
			fail_usually(&s, 50 * MS);
			run_until(&s, second * SECOND + i * 50 * MS);
			look_early(&s);
		}
		see(&s);
		look_in_turn(&s);
		tick.ts_ns = tick.seen_ns = s.now_ns;
		FEED(&s, tick);
	}
	engine_free(s.engine);
	free(s.socks);
	free(s.free_slots);
	free(s.half_open);
	free(s.timers);
}
