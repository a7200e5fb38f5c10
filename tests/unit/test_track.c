// SPDX-License-Identifier: GPL-2.0-only
/*
 * The core, fed with whole sequences of records as the kernel side makes them. What it tells is
 * written down as text, one line for each change and one for each finished connection:
 *
 *   SYN_SENT > ESTABLISHED 400                 old > new, microseconds in old ("-": unknown)
 *   FIN_WAIT2 > TIME_WAIT* 8 normal            the star: handed over while still in FIN_WAIT2
 *   = us, 10708, handshake 400: SYN_SENT 400, ESTABLISHED 10000, ...      who closed, how long
 *   | 16708                                    time was advanced to this
 */
#include <errno.h>
#include <inttypes.h>

#include "event.h"
#include "track.h"
#include "states.h"
#include "unit.h"

/* Flags by the names the scenarios are told in. */
#define ORPHAN	 TCS_F_DEAD
#define FIN_IN	 TCS_F_DONE
#define ACKED	 TCS_F_ALL_ACKED
#define OWNED	 TCS_F_OWNED
#define TASK	 TCS_F_TASK
#define RST_OUT	 TCS_F_RESET_SENT
#define BROKEN	 TCS_F_BROKEN
#define DEFERRED TCS_F_DEFERRED
#define LINGER2	 TCS_F_LINGER2_NEG

enum what { STATE = 0, RESET, GONE, KILLED, ADVANCE };

/* One step of a scenario. What is left out is what the kernel side would ordinarily do. */
struct step {
	enum what what;
	uint64_t at; /* microseconds; 0 ends a scenario */
	uint64_t id; /* 0: 1 */
	uint8_t from, to, err;
	uint16_t flags;
	uint32_t seq;	/* 0: one more than the socket's last */
	int64_t in_old; /* 0: since the socket's last event; -1: unknown */
	uint32_t srtt;
	uint16_t lport; /* 0: 80 */
	bool no_port;
	bool full; /* facts, although they have been told */
	bool bare; /* no facts, although they have not */
	const struct tcs_wire_owner *owner;
	const struct tcs_wire_facts *facts; /* of a full record, instead of the usual ones */
	const struct tcs_wire_totals *totals;
	uint64_t cookie; /* of a full record, as format 2.2 has it; 0: of 2.1 */
};

/* clang-format off */
#define S(time, old, new, ...) { .at = time, .from = TCS_##old, .to = TCS_##new, __VA_ARGS__ }
#define R(time) { .what = RESET, .at = time }
#define G(time, ...) { .what = GONE, .at = time, __VA_ARGS__ }
#define K(time, ...) { .what = KILLED, .at = time, __VA_ARGS__ }
#define A(time) { .what = ADVANCE, .at = time }
#define END { .at = 0 }
#define THE_END UINT64_MAX
/* clang-format on */

static const struct tcs_wire_facts usual_facts = {
	.laddr = V4(10, 0, 0, 7),
	.raddr = V4(10, 0, 0, 9),
	.netns = 4026531840,
	.uid = 1000,
	.rport = 443,
	.family = 4,
};

static const struct tcs_wire_facts child_facts = {
	.laddr = V4(10, 0, 0, 7),
	.raddr = V4(10, 0, 0, 31),
	.parent = 77,
	.netns = 4026531840,
	.rport = 52114,
	.family = 4,
};

enum show { SHOW_STATES = 0, SHOW_OWNER = 1, SHOW_ADDRS = 2, SHOW_TIME = 4, SHOW_DIRECTION = 8 };

/* A track and what it has told. */
struct bench {
	struct track *track;
	struct bench *heir;	      /* is told all from now on, and what it must know for that */
	const struct conn *last_conn; /* only to compare */
	unsigned int show;
	bool quiet;    /* count only */
	bool tolerant; /* of records that event_decode() refuses: they are not fed */
	unsigned int n_changes, n_connections, n_synacks;
	char told[8192];
	size_t len;
	struct {
		uint32_t seq;
		uint64_t last_us;
		bool known;
	} ids[16];
};

static void __attribute__((format(printf, 2, 3))) say(struct bench *b, const char *format, ...)
{
	va_list args;

	if (b->quiet)
		return;
	va_start(args, format);
	b->len += (size_t)vsnprintf(b->told + b->len, sizeof(b->told) - b->len, format, args);
	va_end(args);
	assert_true(b->len < sizeof(b->told));
}

static void say_us(struct bench *b, uint64_t ns)
{
	if (ns == TRACK_UNKNOWN_NS)
		say(b, "-");
	else
		say(b, "%" PRIu64, ns / 1000);
}

static void say_owner(struct bench *b, const struct owner *o)
{
	static const char *const sources[OWNER_SOURCE_MAX] = { "?", "task", "cached", "listener",
							       "scan" };

	assert_in_range(o->source, 0, OWNER_SOURCE_MAX - 1);
	if (o->pid)
		say(b, " %.16s(%u) %s", o->comm, o->pid, sources[o->source]);
	else
		say(b, " nobody");
}

static void on_change(void *ctx, const struct change *ch)
{
	struct bench *b = ctx;
	const struct conn *c = ch->conn;

	b->n_changes++;
	b->last_conn = c;
	assert_non_null(c);
	/* What always holds. */
	assert_true(ch->new_state == ch->kernel_new_state ||
		    ((ch->new_state == TCS_TIME_WAIT || !ch->new_state) &&
		     ch->kernel_new_state == TCS_CLOSE));
	assert_int_equal(ch->new_state == TCS_TIME_WAIT, ch->tw_substate != 0);
	assert_int_equal(ch->kernel_new_state == TCS_CLOSE, ch->reason != REASON_NONE);

	if (c->id != 1)
		say(b, "#%" PRIu64 " ", c->id);
	if (b->show & SHOW_TIME)
		say(b, "@%" PRIu64 " ", ch->ts_ns / 1000);
	say(b, "%s > %s%s ", state_name(ch->old_state), state_name(ch->new_state),
	    ch->tw_substate == TCS_FIN_WAIT2 ? "*" : "");
	say_us(b, ch->in_old_ns);
	if (ch->reason)
		say(b, " %s", reason_name(ch->reason));
	if (b->show & SHOW_OWNER)
		say_owner(b, &ch->owner);
	if (b->show & SHOW_ADDRS)
		say(b, " %u:%u %u:%u", c->laddr[15], ch->lport, c->raddr[15], c->rport);
	if (b->show & SHOW_DIRECTION)
		say(b, " %s",
		    (const char *const[]){ "?", "active", "passive", "listener" }[c->direction]);
	if (ch->has_totals)
		say(b, " sent %" PRIu64 " received %" PRIu64, (uint64_t)ch->totals.bytes_sent,
		    (uint64_t)ch->totals.bytes_received);
	if (ch->recovered)
		say(b, " recovered");
	say(b, "\n");
}

static void on_connection(void *ctx, const struct connection *connection)
{
	static const char *const closers[CLOSED_BY_MAX] = { "nobody", "us", "peer", "both" };
	struct bench *b = ctx;
	const struct conn *c = connection->conn;

	b->n_connections++;
	if (c->id != 1)
		say(b, "#%" PRIu64 " ", c->id);
	say(b, "= %s, ", closers[connection->closed_by]);
	say_us(b, connection->duration_ns);
	if (c->handshake_us)
		say(b, ", handshake %u", c->handshake_us);
	if (c->path_broken)
		say(b, ", broken");
	assert_in_range(c->path_len, 1, TRACK_PATH_MAX);
	for (unsigned int i = 0; i < c->path_len; i++) {
		uint64_t ns = c->path[i].in_state_ns;

		say(b, "%s%s ", i ? ", " : ": ", state_name(c->path[i].state));
		say_us(b, ns == PATH_UNKNOWN_NS ? TRACK_UNKNOWN_NS : ns);
	}
	say(b, "\n");
}

static void on_synack(void *ctx, const struct tcs_wire_synack *synack)
{
	struct bench *b = ctx;

	b->n_synacks++;
	say(b, "synack %u\n", synack->retransmits);
}

static void bench_open(struct bench *b, const struct track_config *given)
{
	struct track_config config = given ? *given : (struct track_config){ .max_sockets = 100 };

	*b = (struct bench){ 0 };
	config.sink = (struct track_sink){
		.ctx = b,
		.change = on_change,
		.connection = on_connection,
		.synack = on_synack,
	};
	assert_int_equal(track_new(&config, &b->track), 0);
}

static void bench_close(struct bench *b)
{
	track_free(b->track);
}

static void take(struct bench *b, const struct event *ev)
{
	struct track_known known;

	if (b->heir) {
		if (track_known(b->track, ev, UINT64_MAX, &known))
			track_know(b->heir->track, &known);
		track_event(b->heir->track, ev);
	}
	track_event(b->track, ev);
}

static void advance(struct bench *b, uint64_t us)
{
	if (us == THE_END)
		say(b, "| end\n");
	else
		say(b, "| %" PRIu64 "\n", us);
	track_advance(b->track, us == THE_END ? UINT64_MAX : us * 1000);
}

/* Makes the record of a step and sends it the way it would come, through event_decode(). */
static void feed_state(struct bench *b, const struct step *s)
{
	uint64_t id = s->id ? s->id : 1, record[TCS_WIRE_MAX / 8];
	uint32_t *seq = &b->ids[id % COUNT(b->ids)].seq;
	uint64_t *last = &b->ids[id % COUNT(b->ids)].last_us;
	bool *known = &b->ids[id % COUNT(b->ids)].known;
	bool full = s->full || (!*known && !s->bare),
	     birth = s->from == TCS_LISTEN && s->to == TCS_SYN_RECV;
	struct tcs_wire_owner nobody = { 0 };
	struct tcs_wire_state head = {
		.kind = TCS_WIRE_STATE,
		.err = s->err,
		.old_state = s->from,
		.new_state = s->to,
		.flags = s->flags,
		.lport = s->no_port ? 0 :
			 s->lport   ? s->lport :
				      80,
		.ts_ns = s->at * 1000,
		.id = id,
		.srtt_us = s->srtt,
	};
	char *at = (char *)record;
	struct event ev;

	*seq = s->seq ? s->seq : *seq + 1;
	head.seq = *seq;
	if (s->in_old > 0)
		head.in_old_ns = (uint64_t)s->in_old * 1000;
	else if (!s->in_old && *last && !birth)
		head.in_old_ns = (s->at - *last) * 1000;
	*last = s->at;
	*known = s->to != TCS_CLOSE && (*known || full);

	if (full || s->owner)
		head.flags |= TCS_F_HAS_OWNER;
	if (full)
		head.flags |= TCS_F_HAS_FACTS;
	if (full && s->cookie)
		head.flags |= TCS_F_HAS_COOKIES;
	if (s->totals)
		head.flags |= TCS_F_HAS_TOTALS;
	at = mempcpy(at, &head, sizeof(head));
	if (full || s->owner)
		at = mempcpy(at, s->owner ? s->owner : &nobody, sizeof(nobody));
	if (full)
		at = mempcpy(at, s->facts ? s->facts : &usual_facts, sizeof(usual_facts));
	if (full && s->cookie)
		at = mempcpy(at, &(struct tcs_wire_cookies){ .socket = s->cookie, .netns = 4711 },
			     sizeof(struct tcs_wire_cookies));
	if (s->totals)
		at = mempcpy(at, s->totals, sizeof(*s->totals));
	if (!event_decode(record, (size_t)(at - (char *)record), &ev))
		take(b, &ev);
	else
		assert_true(b->tolerant);
}

static void feed(struct bench *b, const struct step *s)
{
	struct tcs_wire_reset reset = {
		.kind = TCS_WIRE_RESET,
		.ts_ns = s->at * 1000,
		.id = s->id ? s->id : 1,
	};
	struct tcs_wire_gone gone = { .kind = TCS_WIRE_GONE, .ts_ns = reset.ts_ns, .id = reset.id };
	struct tcs_wire_reset killed = reset;
	struct event ev;

	switch (s->what) {
	case STATE:
		feed_state(b, s);
		break;
	case RESET:
		assert_int_equal(event_decode(&reset, sizeof(reset), &ev), 0);
		take(b, &ev);
		break;
	case KILLED:
		killed.kind = TCS_WIRE_KILLED;
		assert_int_equal(event_decode(&killed, sizeof(killed), &ev), 0);
		take(b, &ev);
		break;
	case GONE:
		assert_int_equal(event_decode(&gone, sizeof(gone), &ev), 0);
		track_event(b->track, &ev);
		break;
	default:
		if (b->heir)
			advance(b->heir, s->at);
		advance(b, s->at);
		break;
	}
}

/* Feeds steps up to END and forgets what was told before. */
static const char *told(struct bench *b, const struct step *steps)
{
	b->len = 0;
	b->told[0] = '\0';
	for (; steps->at; steps++)
		feed(b, steps);
	return b->told;
}

struct scenario {
	const char *name;
	const struct step *steps;
	const char *told;
};

/* Cut behind each step: who hears only the rest says of it what is said by who has heard all. */
static void check_heirs(const struct scenario *scenario, unsigned int show)
{
	const struct step *from = scenario->steps, *s;

	while ((from++)->at) {
		struct bench b, heir;
		size_t said = 0;

		bench_open(&b, NULL);
		bench_open(&heir, NULL);
		b.show = heir.show = show;
		for (s = scenario->steps; s->at; s++) {
			if (s == from && !track_holds(b.track)) {
				b.heir = &heir;
				said = b.len;
			}
			feed(&b, s);
		}
		if (b.heir && strcmp(b.told + said, heir.told))
			fail_msg("%s, from step %td on:\n%s\nshould be:\n%s", scenario->name,
				 from - scenario->steps, heir.told, b.told + said);
		bench_close(&b);
		bench_close(&heir);
	}
}

static void check_scenarios(const struct scenario *scenarios, size_t n, unsigned int show)
{
	for (size_t i = 0; i < n; i++) {
		struct bench b;
		const char *got;

		bench_open(&b, NULL);
		b.show = show;
		got = told(&b, scenarios[i].steps);
		if (strcmp(got, scenarios[i].told))
			fail_msg("%s:\n%s\nshould be:\n%s", scenarios[i].name, got,
				 scenarios[i].told);
		bench_close(&b);
		check_heirs(&scenarios[i], show);
	}
}

#define STEPS(...)               \
	(const struct step[])    \
	{                        \
		__VA_ARGS__, END \
	}

/* clang-format off */

/* The two ways into ESTABLISHED, and what is told of them. */
#define CONNECTED \
	S(1000, CLOSE, SYN_SENT, .flags = TASK), \
	S(1400, SYN_SENT, ESTABLISHED, .srtt = 390)
#define CONNECTED_TOLD \
	"CLOSE > SYN_SENT -\n" \
	"SYN_SENT > ESTABLISHED 400\n"
#define ACCEPTED \
	S(1000, LISTEN, SYN_RECV, .facts = &child_facts), \
	S(1004, SYN_RECV, ESTABLISHED, .srtt = 288)
#define ACCEPTED_TOLD \
	"LISTEN > SYN_RECV -\n" \
	"SYN_RECV > ESTABLISHED 288\n"

static const struct scenario closes_in_order[] = {
	{ "active close, the peer ACKs, then sends its FIN", STEPS(CONNECTED,
		S(11400, ESTABLISHED, FIN_WAIT1, .flags = TASK),
		S(11700, FIN_WAIT1, FIN_WAIT2),
		S(11708, FIN_WAIT2, CLOSE, .flags = ORPHAN | ACKED),
		A(16707), A(16708), A(20000)),
	  CONNECTED_TOLD
	  "ESTABLISHED > FIN_WAIT1 10000\n"
	  "FIN_WAIT1 > FIN_WAIT2 300\n"
	  "| 16707\n"
	  "| 16708\n"
	  "FIN_WAIT2 > TIME_WAIT* 8 normal\n"
	  "= us, 10708, handshake 400: SYN_SENT 400, ESTABLISHED 10000, FIN_WAIT1 300, "
	    "FIN_WAIT2 8, TIME_WAIT -\n"
	  "| 20000\n" },
	{ "shutdown(WR), ACK, FIN: told at once", STEPS(CONNECTED,
		S(2400, ESTABLISHED, FIN_WAIT1, .flags = TASK),
		S(2500, FIN_WAIT1, FIN_WAIT2),
		S(9500, FIN_WAIT2, CLOSE, .flags = FIN_IN | ACKED)),
	  CONNECTED_TOLD
	  "ESTABLISHED > FIN_WAIT1 1000\n"
	  "FIN_WAIT1 > FIN_WAIT2 100\n"
	  "FIN_WAIT2 > TIME_WAIT 7000 normal\n"
	  "= us, 8500, handshake 400: SYN_SENT 400, ESTABLISHED 1000, FIN_WAIT1 100, "
	    "FIN_WAIT2 7000, TIME_WAIT -\n" },
	{ "three segments: the peer's FIN acknowledges ours", STEPS(ACCEPTED,
		S(2004, ESTABLISHED, FIN_WAIT1, .flags = TASK),
		S(2104, FIN_WAIT1, FIN_WAIT2),
		S(2104, FIN_WAIT2, CLOSE, .flags = ORPHAN | FIN_IN | ACKED, .in_old = 1)),
	  ACCEPTED_TOLD
	  "ESTABLISHED > FIN_WAIT1 1000\n"
	  "FIN_WAIT1 > FIN_WAIT2 100\n"
	  "FIN_WAIT2 > TIME_WAIT 1 normal\n"
	  "= us, 1104, handshake 288: SYN_RECV 288, ESTABLISHED 1000, FIN_WAIT1 100, "
	    "FIN_WAIT2 1, TIME_WAIT -\n" },
	{ "passive close", STEPS(ACCEPTED,
		S(4004, ESTABLISHED, CLOSE_WAIT),
		S(5004, CLOSE_WAIT, LAST_ACK, .flags = TASK),
		S(5204, LAST_ACK, CLOSE, .flags = ORPHAN | FIN_IN | ACKED)),
	  ACCEPTED_TOLD
	  "ESTABLISHED > CLOSE_WAIT 3000\n"
	  "CLOSE_WAIT > LAST_ACK 1000\n"
	  "LAST_ACK > CLOSE 200 normal\n"
	  "= peer, 4204, handshake 288: SYN_RECV 288, ESTABLISHED 3000, CLOSE_WAIT 1000, "
	    "LAST_ACK 200, CLOSE -\n" },
	{ "simultaneous close", STEPS(CONNECTED,
		S(2400, ESTABLISHED, FIN_WAIT1, .flags = TASK),
		S(2500, FIN_WAIT1, CLOSING),
		S(2600, CLOSING, CLOSE, .flags = ORPHAN | FIN_IN | ACKED)),
	  CONNECTED_TOLD
	  "ESTABLISHED > FIN_WAIT1 1000\n"
	  "FIN_WAIT1 > CLOSING 100\n"
	  "CLOSING > TIME_WAIT 100 normal\n"
	  "= both, 1600, handshake 400: SYN_SENT 400, ESTABLISHED 1000, FIN_WAIT1 100, "
	    "CLOSING 100, TIME_WAIT -\n" },
	{ "simultaneous open", STEPS(
		S(1000, CLOSE, SYN_SENT, .flags = TASK),
		S(1300, SYN_SENT, SYN_RECV),
		S(1500, SYN_RECV, ESTABLISHED, .srtt = 200),
		S(2500, ESTABLISHED, CLOSE_WAIT),
		S(2600, CLOSE_WAIT, LAST_ACK, .flags = TASK),
		S(2700, LAST_ACK, CLOSE, .flags = ORPHAN | FIN_IN | ACKED)),
	  "CLOSE > SYN_SENT -\n"
	  "SYN_SENT > SYN_RECV 300\n"
	  "SYN_RECV > ESTABLISHED 200\n"
	  "ESTABLISHED > CLOSE_WAIT 1000\n"
	  "CLOSE_WAIT > LAST_ACK 100\n"
	  "LAST_ACK > CLOSE 100 normal\n"
	  "= peer, 1700, handshake 500: SYN_SENT 300, SYN_RECV 200, ESTABLISHED 1000, "
	    "CLOSE_WAIT 100, LAST_ACK 100, CLOSE -\n" },
	{ "simultaneous open, closed before it was done", STEPS(
		S(1000, CLOSE, SYN_SENT, .flags = TASK),
		S(1300, SYN_SENT, SYN_RECV),
		S(1400, SYN_RECV, FIN_WAIT1, .flags = TASK),
		S(1500, FIN_WAIT1, CLOSE, .err = ETIMEDOUT, .flags = ORPHAN)),
	  "CLOSE > SYN_SENT -\n"
	  "SYN_SENT > SYN_RECV 300\n"
	  "SYN_RECV > FIN_WAIT1 100\n"
	  "FIN_WAIT1 > CLOSE 100 timeout\n"
	  "= us, 500: SYN_SENT 300, SYN_RECV 100, FIN_WAIT1 100, CLOSE -\n" },
	{ "the same socket, connected again after AF_UNSPEC", STEPS(CONNECTED,
		S(2400, ESTABLISHED, CLOSE, .flags = TASK | OWNED | ACKED),
		S(5000, CLOSE, SYN_SENT, .flags = TASK),
		S(5300, SYN_SENT, ESTABLISHED)),
	  CONNECTED_TOLD
	  "ESTABLISHED > CLOSE 1000 reset_by_us\n"
	  "= us, 1400, handshake 400: SYN_SENT 400, ESTABLISHED 1000, CLOSE -\n"
	  "CLOSE > SYN_SENT 2600\n"
	  "SYN_SENT > ESTABLISHED 300\n" },
	{ "a listener is no connection", STEPS(
		S(1000, CLOSE, LISTEN, .flags = TASK),
		S(9000, LISTEN, CLOSE, .flags = TASK | OWNED | ACKED)),
	  "CLOSE > LISTEN -\n"
	  "LISTEN > CLOSE 8000 listener_closed\n" },
};

static const struct scenario aborts[] = {
	{ "reset in SYN_SENT", STEPS(
		S(1000, CLOSE, SYN_SENT, .flags = TASK),
		S(1200, SYN_SENT, CLOSE, .err = ECONNREFUSED)),
	  "CLOSE > SYN_SENT -\n"
	  "SYN_SENT > CLOSE 200 refused\n"
	  "= peer, 200: SYN_SENT 200, CLOSE -\n" },
	{ "connect() times out", STEPS(
		S(1000, CLOSE, SYN_SENT, .flags = TASK),
		S(3071000, SYN_SENT, CLOSE, .err = ETIMEDOUT)),
	  "CLOSE > SYN_SENT -\n"
	  "SYN_SENT > CLOSE 3070000 timeout\n"
	  "= nobody, 3070000: SYN_SENT 3070000, CLOSE -\n" },
	{ "connect(), ICMP unreachable", STEPS(
		S(1000, CLOSE, SYN_SENT, .flags = TASK),
		S(1200, SYN_SENT, CLOSE, .err = EHOSTUNREACH)),
	  "CLOSE > SYN_SENT -\n"
	  "SYN_SENT > CLOSE 200 unreachable\n"
	  "= nobody, 200: SYN_SENT 200, CLOSE -\n" },
	{ "connect() finds no local port", STEPS(
		S(1000, CLOSE, SYN_SENT, .flags = TASK, .no_port = true),
		S(1010, SYN_SENT, CLOSE, .flags = TASK | OWNED, .no_port = true)),
	  "CLOSE > SYN_SENT -\n"
	  "SYN_SENT > CLOSE 10 no_local_port\n"
	  "= us, 10: SYN_SENT 10, CLOSE -\n" },
	{ "close() in SYN_SENT: the port was known once", STEPS(
		S(1000, CLOSE, SYN_SENT, .flags = TASK),
		S(1200, SYN_SENT, CLOSE, .flags = TASK | OWNED, .no_port = true)),
	  "CLOSE > SYN_SENT -\n"
	  "SYN_SENT > CLOSE 200 cancelled\n"
	  "= us, 200: SYN_SENT 200, CLOSE -\n" },
	{ "reset by the peer in ESTABLISHED", STEPS(CONNECTED,
		S(2400, ESTABLISHED, CLOSE, .err = ECONNRESET, .flags = ACKED)),
	  CONNECTED_TOLD
	  "ESTABLISHED > CLOSE 1000 reset_by_peer\n"
	  "= peer, 1400, handshake 400: SYN_SENT 400, ESTABLISHED 1000, CLOSE -\n" },
	{ "reset by the peer after we had closed", STEPS(CONNECTED,
		S(2400, ESTABLISHED, FIN_WAIT1, .flags = TASK),
		S(2500, FIN_WAIT1, CLOSE, .err = ECONNRESET, .flags = ORPHAN),
		A(7500)),
	  CONNECTED_TOLD
	  "ESTABLISHED > FIN_WAIT1 1000\n"
	  "| 7500\n"
	  "FIN_WAIT1 > CLOSE 100 reset_by_peer\n"
	  "= us, 1500, handshake 400: SYN_SENT 400, ESTABLISHED 1000, FIN_WAIT1 100, CLOSE -\n" },
	{ "reset by the peer in CLOSE_WAIT", STEPS(ACCEPTED,
		S(2004, ESTABLISHED, CLOSE_WAIT),
		S(2104, CLOSE_WAIT, CLOSE, .err = EPIPE, .flags = FIN_IN)),
	  ACCEPTED_TOLD
	  "ESTABLISHED > CLOSE_WAIT 1000\n"
	  "CLOSE_WAIT > CLOSE 100 reset_by_peer\n"
	  "= peer, 1104, handshake 288: SYN_RECV 288, ESTABLISHED 1000, CLOSE_WAIT 100, "
	    "CLOSE -\n" },
	{ "SO_LINGER 0", STEPS(CONNECTED,
		S(2400, ESTABLISHED, CLOSE, .flags = TASK | OWNED | ACKED)),
	  CONNECTED_TOLD
	  "ESTABLISHED > CLOSE 1000 reset_by_us\n"
	  "= us, 1400, handshake 400: SYN_SENT 400, ESTABLISHED 1000, CLOSE -\n" },
	{ "SO_LINGER 0 after the peer had closed", STEPS(ACCEPTED,
		S(2004, ESTABLISHED, CLOSE_WAIT),
		S(2104, CLOSE_WAIT, CLOSE, .flags = TASK | OWNED | FIN_IN)),
	  ACCEPTED_TOLD
	  "ESTABLISHED > CLOSE_WAIT 1000\n"
	  "CLOSE_WAIT > CLOSE 100 reset_by_us\n"
	  "= peer, 1104, handshake 288: SYN_RECV 288, ESTABLISHED 1000, CLOSE_WAIT 100, "
	    "CLOSE -\n" },
	{ "TCP_LINGER2 < 0", STEPS(CONNECTED,
		S(2400, ESTABLISHED, FIN_WAIT1, .flags = TASK),
		S(2500, FIN_WAIT1, FIN_WAIT2),
		S(2501, FIN_WAIT2, CLOSE, .flags = ORPHAN | LINGER2 | ACKED)),
	  CONNECTED_TOLD
	  "ESTABLISHED > FIN_WAIT1 1000\n"
	  "FIN_WAIT1 > FIN_WAIT2 100\n"
	  "FIN_WAIT2 > CLOSE 1 reset_by_us\n"
	  "= us, 1501, handshake 400: SYN_SENT 400, ESTABLISHED 1000, FIN_WAIT1 100, "
	    "FIN_WAIT2 1, CLOSE -\n" },
	{ "keepalive gives up", STEPS(CONNECTED,
		S(2400, ESTABLISHED, CLOSE, .err = ETIMEDOUT, .flags = RST_OUT)),
	  CONNECTED_TOLD
	  "ESTABLISHED > CLOSE 1000 timeout\n"
	  "= nobody, 1400, handshake 400: SYN_SENT 400, ESTABLISHED 1000, CLOSE -\n" },
	{ "ss -K", STEPS(CONNECTED,
		S(2400, ESTABLISHED, CLOSE, .err = ECONNABORTED, .flags = OWNED | RST_OUT)),
	  CONNECTED_TOLD
	  "ESTABLISHED > CLOSE 1000 killed\n"
	  "= us, 1400, handshake 400: SYN_SENT 400, ESTABLISHED 1000, CLOSE -\n" },
	{ "close(listener) with a child in its queue", STEPS(ACCEPTED,
		S(2004, ESTABLISHED, CLOSE, .flags = ACKED)),
	  ACCEPTED_TOLD
	  "ESTABLISHED > CLOSE 1000 listener_closed\n"
	  "= us, 1004, handshake 288: SYN_RECV 288, ESTABLISHED 1000, CLOSE -\n" },
	{ "close() in TCP_REPAIR", STEPS(CONNECTED,
		S(2400, ESTABLISHED, CLOSE, .flags = TASK | OWNED | ACKED, .srtt = TCS_M_REPAIR)),
	  CONNECTED_TOLD
	  "ESTABLISHED > CLOSE 1000 repair_closed\n"
	  "= us, 1400, handshake 400: SYN_SENT 400, ESTABLISHED 1000, CLOSE -\n" },
	{ "a restored socket has no handshake", STEPS(
		S(1000, CLOSE, SYN_SENT, .flags = TASK),
		S(1003, SYN_SENT, ESTABLISHED, .srtt = TCS_M_REPAIR),
		S(2003, ESTABLISHED, CLOSE, .err = ECONNRESET, .flags = ACKED)),
	  "CLOSE > SYN_SENT -\n"
	  "SYN_SENT > ESTABLISHED 3\n"
	  "ESTABLISHED > CLOSE 1000 reset_by_peer\n"
	  "= peer, 1003: SYN_SENT 3, ESTABLISHED 1000, CLOSE -\n" },
	{ "a Fast Open child is never acknowledged", STEPS(
		S(1000, LISTEN, SYN_RECV, .facts = &child_facts),
		S(64000, SYN_RECV, CLOSE, .err = ETIMEDOUT)),
	  "LISTEN > SYN_RECV -\n"
	  "SYN_RECV > CLOSE 63000 timeout\n"
	  "= nobody, 63000: SYN_RECV 63000, CLOSE -\n" },
	{ "an orphan's FIN_WAIT2 timer ends it: no TIME_WAIT", STEPS(CONNECTED,
		S(2400, ESTABLISHED, FIN_WAIT1, .flags = TASK),
		S(2500, FIN_WAIT1, FIN_WAIT2),
		S(9500, FIN_WAIT2, CLOSE, .flags = ORPHAN | ACKED | RST_OUT)),
	  CONNECTED_TOLD
	  "ESTABLISHED > FIN_WAIT1 1000\n"
	  "FIN_WAIT1 > FIN_WAIT2 100\n"
	  "FIN_WAIT2 > CLOSE 7000 timeout\n"
	  "= us, 8500, handshake 400: SYN_SENT 400, ESTABLISHED 1000, FIN_WAIT1 100, "
	    "FIN_WAIT2 7000, CLOSE -\n" },
};

#define CLOSED_BY_US CONNECTED, \
	S(2400, ESTABLISHED, FIN_WAIT1, .flags = TASK), \
	S(2500, FIN_WAIT1, FIN_WAIT2), \
	S(2508, FIN_WAIT2, CLOSE, .flags = ORPHAN | ACKED)
#define CLOSED_BY_US_TOLD CONNECTED_TOLD \
	"ESTABLISHED > FIN_WAIT1 1000\n" \
	"FIN_WAIT1 > FIN_WAIT2 100\n"
#define PATH_TO_FW2 \
	"= us, 1508, handshake 400: SYN_SENT 400, ESTABLISHED 1000, FIN_WAIT1 100, " \
	"FIN_WAIT2 8, "

static const struct scenario no_time_wait[] = {
	{ "the time-wait table is full", STEPS(CONNECTED,
		S(2400, ESTABLISHED, FIN_WAIT1, .flags = TASK),
		S(2500, FIN_WAIT1, FIN_WAIT2),
		S(2508, FIN_WAIT2, CLOSE, .flags = FIN_IN | ACKED, .srtt = TCS_M_NO_TIME_WAIT)),
	  CLOSED_BY_US_TOLD
	  "FIN_WAIT2 > CLOSE 8 normal\n"
	  PATH_TO_FW2 "CLOSE -\n" },
	{ "the same, an orphan, whose data would have been answered", STEPS(CONNECTED,
		S(2400, ESTABLISHED, FIN_WAIT1, .flags = TASK),
		S(2500, FIN_WAIT1, FIN_WAIT2),
		S(2508, FIN_WAIT2, CLOSE, .flags = ORPHAN | ACKED, .srtt = TCS_M_NO_TIME_WAIT),
		R(2510)),
	  CLOSED_BY_US_TOLD
	  "FIN_WAIT2 > CLOSE 8 aborted_data_after_close\n"
	  PATH_TO_FW2 "CLOSE -\n" },
	{ "not known whether the table was full", STEPS(CONNECTED,
		S(2400, ESTABLISHED, FIN_WAIT1, .flags = TASK),
		S(2500, FIN_WAIT1, FIN_WAIT2),
		S(2508, FIN_WAIT2, CLOSE, .flags = ORPHAN | ACKED, .srtt = TCS_M_TIME_WAIT_OPEN),
		A(9000)),
	  CLOSED_BY_US_TOLD
	  "| 9000\n"
	  "FIN_WAIT2 > ? 8 normal\n"
	  PATH_TO_FW2 "? -\n" },
};

static const struct scenario corrections[] = {
	{ "data with the ACK of our FIN: a reset answers it at once", STEPS(CLOSED_BY_US,
		R(2510),
		A(9000)),
	  CLOSED_BY_US_TOLD
	  "FIN_WAIT2 > CLOSE 8 aborted_data_after_close\n"
	  PATH_TO_FW2 "CLOSE -\n"
	  "| 9000\n" },
	{ "data after close(), our FIN not acknowledged", STEPS(CONNECTED,
		S(2400, ESTABLISHED, FIN_WAIT1, .flags = TASK),
		S(2500, FIN_WAIT1, CLOSE, .err = ECONNRESET, .flags = ORPHAN),
		R(2501)),
	  CONNECTED_TOLD
	  "ESTABLISHED > FIN_WAIT1 1000\n"
	  "FIN_WAIT1 > CLOSE 100 aborted_data_after_close\n"
	  "= us, 1500, handshake 400: SYN_SENT 400, ESTABLISHED 1000, FIN_WAIT1 100, CLOSE -\n" },
	{ "a reset that comes when the close has been told changes nothing", STEPS(CLOSED_BY_US,
		A(7508),
		R(7509)),
	  CLOSED_BY_US_TOLD
	  "| 7508\n"
	  "FIN_WAIT2 > TIME_WAIT* 8 normal\n"
	  PATH_TO_FW2 "TIME_WAIT -\n" },
	{ "a reset that answers another socket's segment changes nothing", STEPS(CLOSED_BY_US,
		{ .what = RESET, .at = 2510, .id = 2 },
		A(7508)),
	  CLOSED_BY_US_TOLD
	  "| 7508\n"
	  "FIN_WAIT2 > TIME_WAIT* 8 normal\n"
	  PATH_TO_FW2 "TIME_WAIT -\n" },
	{ "a reset of a socket whose close was certain changes nothing", STEPS(CONNECTED,
		R(1500),
		S(2400, ESTABLISHED, CLOSE, .err = ECONNRESET),
		R(2401)),
	  CONNECTED_TOLD
	  "ESTABLISHED > CLOSE 1000 reset_by_peer\n"
	  "= peer, 1400, handshake 400: SYN_SENT 400, ESTABLISHED 1000, CLOSE -\n" },
	{ "the end of the stream does not wait", STEPS(CLOSED_BY_US,
		A(THE_END)),
	  CLOSED_BY_US_TOLD
	  "| end\n"
	  "FIN_WAIT2 > TIME_WAIT* 8 normal\n"
	  PATH_TO_FW2 "TIME_WAIT -\n" },
	{ "connected again while its close is held: the close comes first", STEPS(CLOSED_BY_US,
		S(3000, CLOSE, SYN_SENT, .flags = TASK),
		R(3001),
		S(3200, SYN_SENT, ESTABLISHED),
		A(9000)),
	  CLOSED_BY_US_TOLD
	  "FIN_WAIT2 > TIME_WAIT* 8 normal\n"
	  PATH_TO_FW2 "TIME_WAIT -\n"
	  "CLOSE > SYN_SENT 492\n"
	  "SYN_SENT > ESTABLISHED 200\n"
	  "| 9000\n" },
	{ "what is held is told oldest first", STEPS(
		S(1000, FIN_WAIT2, CLOSE, .id = 3, .flags = ORPHAN),
		S(1001, FIN_WAIT2, CLOSE, .id = 2, .flags = ORPHAN),
		S(1002, FIN_WAIT2, CLOSE, .id = 4, .flags = ORPHAN),
		{ .what = RESET, .at = 1003, .id = 2 },
		S(1004, FIN_WAIT2, CLOSE, .id = 5, .flags = ORPHAN),
		A(6003), A(6004)),
	  "#2 FIN_WAIT2 > CLOSE - aborted_data_after_close\n"
	  "#2 = us, -: FIN_WAIT2 -, CLOSE -\n"
	  "| 6003\n"
	  "#3 FIN_WAIT2 > TIME_WAIT* - normal\n"
	  "#3 = us, -: FIN_WAIT2 -, TIME_WAIT -\n"
	  "#4 FIN_WAIT2 > TIME_WAIT* - normal\n"
	  "#4 = us, -: FIN_WAIT2 -, TIME_WAIT -\n"
	  "| 6004\n"
	  "#5 FIN_WAIT2 > TIME_WAIT* - normal\n"
	  "#5 = us, -: FIN_WAIT2 -, TIME_WAIT -\n" },
};

/*
 * The same records, but nobody advanced the time in between. "A recording replays to the same
 * answer": it must not matter how the records were cut into batches.
 */
static const struct scenario times[] = {
	{ "a reset TRACK_HOLD_NS after the close does not correct it", STEPS(CLOSED_BY_US,
		R(7508),
		A(9000)),
	  CLOSED_BY_US_TOLD
	  "FIN_WAIT2 > TIME_WAIT* 8 normal\n"
	  PATH_TO_FW2 "TIME_WAIT -\n"
	  "| 9000\n" },
	{ "a change of another socket brings the time with it", STEPS(CLOSED_BY_US,
		S(7507, CLOSE, SYN_SENT, .id = 2),
		S(7508, SYN_SENT, CLOSE, .id = 2, .err = ECONNREFUSED)),
	  CLOSED_BY_US_TOLD
	  "#2 CLOSE > SYN_SENT -\n"
	  "FIN_WAIT2 > TIME_WAIT* 8 normal\n"
	  PATH_TO_FW2 "TIME_WAIT -\n"
	  "#2 SYN_SENT > CLOSE 1 refused\n"
	  "#2 = peer, 1: SYN_SENT 1, CLOSE -\n" },
};

/* Who closed first: whose FIN or reset went first, however it ended then. */
static const struct scenario closers[] = {
	{ "the peer closes, then ss -K ends the CLOSE_WAIT", STEPS(ACCEPTED,
		S(2004, ESTABLISHED, CLOSE_WAIT),
		S(2104, CLOSE_WAIT, CLOSE, .err = ECONNABORTED, .flags = OWNED | FIN_IN)),
	  ACCEPTED_TOLD
	  "ESTABLISHED > CLOSE_WAIT 1000\n"
	  "CLOSE_WAIT > CLOSE 100 killed\n"
	  "= peer, 1104, handshake 288: SYN_RECV 288, ESTABLISHED 1000, CLOSE_WAIT 100, "
	    "CLOSE -\n" },
};

/* An event that could not be told yet travels with the next one: in_old_ns says when it was. */
static const struct scenario deferred[] = {
	{ "a child that was born without addresses (up to Linux 6.12)", STEPS(
		S(1004, SYN_RECV, ESTABLISHED, .flags = DEFERRED, .in_old = 4, .srtt = 288,
		  .facts = &child_facts),
		S(4004, ESTABLISHED, CLOSE_WAIT),
		S(5004, CLOSE_WAIT, LAST_ACK, .flags = TASK),
		S(5204, LAST_ACK, CLOSE, .flags = ORPHAN | FIN_IN | ACKED)),
	  "@1000 LISTEN > SYN_RECV - 7:80 31:52114 passive\n"
	  "@1004 SYN_RECV > ESTABLISHED 288 7:80 31:52114 passive\n"
	  "@4004 ESTABLISHED > CLOSE_WAIT 3000 7:80 31:52114 passive\n"
	  "@5004 CLOSE_WAIT > LAST_ACK 1000 7:80 31:52114 passive\n"
	  "@5204 LAST_ACK > CLOSE 200 normal 7:80 31:52114 passive\n"
	  "= peer, 4204, handshake 288: SYN_RECV 288, ESTABLISHED 3000, CLOSE_WAIT 1000, "
	    "LAST_ACK 200, CLOSE -\n" },
	{ "a connecting socket whose port a filter waited for", STEPS(
		S(1400, SYN_SENT, ESTABLISHED, .flags = DEFERRED, .in_old = 400, .lport = 41822),
		S(2400, ESTABLISHED, CLOSE, .err = ECONNRESET, .lport = 41822)),
	  "@1000 CLOSE > SYN_SENT - 7:41822 9:443 active\n"
	  "@1400 SYN_SENT > ESTABLISHED 400 7:41822 9:443 active\n"
	  "@2400 ESTABLISHED > CLOSE 1000 reset_by_peer 7:41822 9:443 active\n"
	  "= peer, 1400, handshake 400: SYN_SENT 400, ESTABLISHED 1000, CLOSE -\n" },
	{ "a connecting socket that is refused", STEPS(
		S(1200, SYN_SENT, CLOSE, .flags = DEFERRED, .in_old = 200, .err = ECONNREFUSED)),
	  "@1000 CLOSE > SYN_SENT - 7:80 9:443 active\n"
	  "@1200 SYN_SENT > CLOSE 200 refused 7:80 9:443 active\n"
	  "= peer, 200: SYN_SENT 200, CLOSE -\n" },
};

/* seq tells of a lost record, BROKEN of an event that no program was run for. */
static const struct scenario losses[] = {
	{ "the first record was lost", STEPS(
		S(1400, SYN_SENT, ESTABLISHED, .seq = 2, .in_old = 400),
		S(2400, ESTABLISHED, CLOSE, .err = ECONNRESET)),
	  "SYN_SENT > ESTABLISHED 400 recovered\n"
	  "ESTABLISHED > CLOSE 1000 reset_by_peer\n"
	  "= peer, -, broken: SYN_SENT 400, ESTABLISHED 1000, CLOSE -\n" },
	{ "one in the middle was lost", STEPS(CONNECTED,
		S(2500, FIN_WAIT1, FIN_WAIT2, .seq = 4, .in_old = 100, .full = true),
		S(2600, FIN_WAIT2, CLOSE, .flags = FIN_IN | ACKED)),
	  CONNECTED_TOLD
	  "FIN_WAIT1 > FIN_WAIT2 100 recovered\n"
	  "FIN_WAIT2 > TIME_WAIT 100 normal\n"
	  "= us, 1600, handshake 400, broken: SYN_SENT 400, FIN_WAIT1 100, FIN_WAIT2 100, "
	    "TIME_WAIT -\n" },
	{ "an event was skipped by the kernel", STEPS(CONNECTED,
		S(2500, FIN_WAIT1, FIN_WAIT2, .flags = BROKEN, .in_old = -1),
		S(2600, FIN_WAIT2, CLOSE, .flags = FIN_IN | ACKED)),
	  CONNECTED_TOLD
	  "FIN_WAIT1 > FIN_WAIT2 - recovered\n"
	  "FIN_WAIT2 > TIME_WAIT 100 normal\n"
	  "= us, 1600, handshake 400, broken: SYN_SENT 400, FIN_WAIT1 -, FIN_WAIT2 100, "
	    "TIME_WAIT -\n" },
	{ "a socket older than the program has missed nothing", STEPS(
		S(1000, ESTABLISHED, CLOSE_WAIT),
		S(1100, CLOSE_WAIT, LAST_ACK),
		S(1200, LAST_ACK, CLOSE)),
	  "ESTABLISHED > CLOSE_WAIT -\n"
	  "CLOSE_WAIT > LAST_ACK 100\n"
	  "LAST_ACK > CLOSE 100 normal\n"
	  "= peer, -: ESTABLISHED -, CLOSE_WAIT 100, LAST_ACK 100, CLOSE -\n" },
	{ "a socket that connects again goes on counting and has missed nothing", STEPS(
		S(1000, CLOSE, SYN_SENT, .seq = 9),
		S(1200, SYN_SENT, CLOSE, .err = ECONNREFUSED)),
	  "CLOSE > SYN_SENT -\n"
	  "SYN_SENT > CLOSE 200 refused\n"
	  "= peer, 200: SYN_SENT 200, CLOSE -\n" },
	{ "a short record of an unknown socket is not told; the next full one is", STEPS(
		S(1000, SYN_SENT, ESTABLISHED, .seq = 2, .bare = true),
		S(2000, ESTABLISHED, CLOSE_WAIT, .seq = 3, .bare = true),
		S(3000, CLOSE_WAIT, LAST_ACK, .seq = 4, .full = true)),
	  "CLOSE_WAIT > LAST_ACK 1000 recovered\n" },
};

/*
 * Who leaves SYN_SENT has connected; who was born from a listener was accepted, and a SYN_RECV's
 * time is SYN-ACK to ACK. A lost first record must not change that, nor must an earlier life.
 */
static const struct scenario directions[] = {
	{ "connected, the first record was lost", STEPS(
		S(1400, SYN_SENT, ESTABLISHED, .seq = 2, .in_old = 400)),
	  "SYN_SENT > ESTABLISHED 400 active recovered\n" },
	{ "accepted, the first record was lost", STEPS(
		S(1004, SYN_RECV, ESTABLISHED, .seq = 2, .in_old = 4, .srtt = 288,
		  .facts = &child_facts)),
	  "SYN_RECV > ESTABLISHED 288 passive recovered\n" },
	{ "simultaneous open", STEPS(
		S(1000, CLOSE, SYN_SENT, .flags = TASK),
		S(1300, SYN_SENT, SYN_RECV),
		S(1500, SYN_RECV, ESTABLISHED, .srtt = 200)),
	  "CLOSE > SYN_SENT - active\n"
	  "SYN_SENT > SYN_RECV 300 active\n"
	  "SYN_RECV > ESTABLISHED 200 active\n" },
	{ "accepted, then disconnected and connected to somebody else", STEPS(
		S(1000, LISTEN, SYN_RECV, .facts = &child_facts),
		S(1004, SYN_RECV, ESTABLISHED, .srtt = 288),
		S(2004, ESTABLISHED, CLOSE, .flags = TASK | OWNED),
		S(3004, CLOSE, SYN_SENT, .flags = TASK, .facts = &child_facts),
		S(3104, SYN_SENT, ESTABLISHED),
		S(4104, ESTABLISHED, CLOSE_WAIT)),
	  "LISTEN > SYN_RECV - passive\n"
	  "SYN_RECV > ESTABLISHED 288 passive\n"
	  "ESTABLISHED > CLOSE 1000 reset_by_us passive\n"
	  "= us, 1004, handshake 288: SYN_RECV 288, ESTABLISHED 1000, CLOSE -\n"
	  "CLOSE > SYN_SENT 1000 active\n"
	  "SYN_SENT > ESTABLISHED 100 active\n"
	  "ESTABLISHED > CLOSE_WAIT 1000 active\n" },
};

static const struct tcs_wire_owner inherited = {
	.pid = 1180, .source = TCS_OWNER_LISTENER, .comm = "nginx"
};
static const struct tcs_wire_owner worker = {
	.pid = 1190, .source = TCS_OWNER_TASK, .comm = "worker"
};
static const struct tcs_wire_owner found = {
	.pid = 702, .source = TCS_OWNER_SCAN, .comm = "sshd"
};
static const struct tcs_wire_owner nobody_known = { .pid = 0 };
static const struct tcs_wire_owner long_comm = {
	.pid = 5, .source = TCS_OWNER_TASK, .comm = "0123456789abcdef"
};

static const struct scenario owners[] = {
	{ "a child has its listener's owner until a task acts on it", STEPS(
		S(1000, LISTEN, SYN_RECV, .owner = &inherited, .facts = &child_facts),
		S(1004, SYN_RECV, ESTABLISHED, .srtt = 288),
		S(2004, ESTABLISHED, FIN_WAIT1, .flags = TASK, .owner = &worker),
		S(2104, FIN_WAIT1, FIN_WAIT2),
		S(2204, FIN_WAIT2, CLOSE, .flags = FIN_IN | ACKED)),
	  "LISTEN > SYN_RECV - nginx(1180) listener\n"
	  "SYN_RECV > ESTABLISHED 288 nginx(1180) listener\n"
	  "ESTABLISHED > FIN_WAIT1 1000 worker(1190) task\n"
	  "FIN_WAIT1 > FIN_WAIT2 100 worker(1190) cached\n"
	  "FIN_WAIT2 > TIME_WAIT 100 normal worker(1190) cached\n"
	  "= us, 1204, handshake 288: SYN_RECV 288, ESTABLISHED 1000, FIN_WAIT1 100, "
	    "FIN_WAIT2 100, TIME_WAIT -\n" },
	{ "the same task acts again: no need to name it", STEPS(
		S(1000, CLOSE, SYN_SENT, .flags = TASK, .owner = &worker),
		S(1400, SYN_SENT, ESTABLISHED),
		S(2400, ESTABLISHED, FIN_WAIT1, .flags = TASK)),
	  "CLOSE > SYN_SENT - worker(1190) task\n"
	  "SYN_SENT > ESTABLISHED 400 worker(1190) cached\n"
	  "ESTABLISHED > FIN_WAIT1 1000 worker(1190) task\n" },
	{ "found among open files", STEPS(
		S(1000, ESTABLISHED, CLOSE_WAIT, .owner = &found),
		S(1100, CLOSE_WAIT, LAST_ACK, .flags = TASK, .owner = &worker)),
	  "ESTABLISHED > CLOSE_WAIT - sshd(702) scan\n"
	  "CLOSE_WAIT > LAST_ACK 100 worker(1190) task\n" },
	{ "told anew without an owner: the known one stays", STEPS(
		S(1000, LISTEN, SYN_RECV, .owner = &inherited, .facts = &child_facts),
		S(1004, SYN_RECV, ESTABLISHED, .srtt = 288, .full = true, .owner = &nobody_known)),
	  "LISTEN > SYN_RECV - nginx(1180) listener\n"
	  "SYN_RECV > ESTABLISHED 288 nginx(1180) listener\n" },
	{ "nobody", STEPS(S(1000, ESTABLISHED, CLOSE_WAIT)),
	  "ESTABLISHED > CLOSE_WAIT - nobody\n" },
	{ "a name that fills all its bytes", STEPS(
		S(1000, CLOSE, SYN_SENT, .flags = TASK, .owner = &long_comm)),
	  "CLOSE > SYN_SENT - 0123456789abcdef(5) task\n" },
	{ "of a deferred connect() the task that connected", STEPS(
		S(1400, SYN_SENT, ESTABLISHED, .flags = DEFERRED, .in_old = 400, .owner = &worker)),
	  "CLOSE > SYN_SENT - worker(1190) task\n"
	  "SYN_SENT > ESTABLISHED 400 worker(1190) cached\n" },
	{ "of a deferred child its listener's", STEPS(
		S(1004, SYN_RECV, ESTABLISHED, .flags = DEFERRED, .in_old = 4, .srtt = 288,
		  .owner = &inherited, .facts = &child_facts)),
	  "LISTEN > SYN_RECV - nginx(1180) listener\n"
	  "SYN_RECV > ESTABLISHED 288 nginx(1180) listener\n" },
};

/* clang-format on */

/* A test that tells the scenarios of one table. */
#define TELLS(test, scenarios, show)                                \
	static void test(void **unused)                             \
	{                                                           \
		(void)unused;                                       \
		check_scenarios(scenarios, COUNT(scenarios), show); \
	}

TELLS(closes_in_order_are_told_as_they_happen, closes_in_order, SHOW_STATES)
TELLS(aborts_are_told_with_their_reason, aborts, SHOW_STATES)
TELLS(a_time_wait_that_was_not_made_is_a_close, no_time_wait, SHOW_STATES)
TELLS(a_close_that_a_reset_may_correct_is_held, corrections, SHOW_STATES)
TELLS(time_comes_with_the_records, times, SHOW_STATES)
TELLS(who_closed_first_is_whose_fin_came_first, closers, SHOW_STATES)
TELLS(a_deferred_event_is_told_before_the_one_that_carries_it, deferred,
      SHOW_ADDRS | SHOW_TIME | SHOW_DIRECTION)
TELLS(what_was_missed_is_said, losses, SHOW_STATES)
TELLS(the_direction_is_that_of_the_handshake, directions, SHOW_DIRECTION)
TELLS(owners_are_the_listeners_then_the_tasks_then_remembered, owners, SHOW_OWNER)

static void gaps_are_counted(void **unused)
{
	struct bench b;

	(void)unused;
	bench_open(&b, NULL);
	told(&b, STEPS(CONNECTED));
	assert_int_equal(track_totals(b.track)->missed, 0);
	told(&b, STEPS(S(2000, FIN_WAIT1, FIN_WAIT2, .seq = 4, .full = true)));
	assert_int_equal(track_totals(b.track)->missed, 1);
	told(&b, STEPS(S(3000, FIN_WAIT2, CLOSE, .seq = 7, .flags = FIN_IN, .full = true)));
	assert_int_equal(track_totals(b.track)->missed, 3); /* 3, 5, 6 */
	told(&b, STEPS(S(4000, SYN_SENT, ESTABLISHED, .id = 2, .seq = 2)));
	assert_int_equal(track_totals(b.track)->missed, 4);
	told(&b, STEPS(S(4000, ESTABLISHED, CLOSE_WAIT, .id = 3)));
	assert_int_equal(track_totals(b.track)->missed, 4);
	assert_int_equal(track_totals(b.track)->events, 6);
	assert_int_equal(track_totals(b.track)->unknown, 0);
	assert_int_equal(track_totals(b.track)->sockets, 2);
	bench_close(&b);
}

/* The record of its end was lost; what it did before it connects again is not this connection's. */
static void a_socket_whose_end_was_lost_begins_anew_when_it_connects_again(void **unused)
{
	struct bench b;

	(void)unused;
	bench_open(&b, NULL);
	told(&b, STEPS(CONNECTED)); /* and ESTABLISHED -> CLOSE, seq 3, is lost */
	told(&b, STEPS(S(5000, CLOSE, SYN_SENT, .seq = 4, .flags = TASK, .full = true),
		       S(5200, SYN_SENT, CLOSE, .err = ECONNREFUSED)));
	assert_int_equal(track_totals(b.track)->missed, 1);
	if (!strstr(b.told, "= peer, 200") || !strstr(b.told, ": SYN_SENT 200, CLOSE -") ||
	    strstr(b.told, "handshake"))
		fail_msg("%s", b.told);
	bench_close(&b);
}

/* A round-trip time that comes from a timestamp or a second SYN-ACK measures no handshake. */
static void a_passive_handshake_is_timed_only_by_its_first_syn_ack(void **unused)
{
	static const struct {
		uint32_t srtt;
		uint16_t flags;
		const char *shown;
		uint32_t handshake_us;
	} want[] = {
		{ 288, 0, "288", 288 },
		{ 1, 0, "1", 1 },
		{ 999, 0, "999", 999 },
		{ 1001, 0, "1001", 1001 },
		{ 0, 0, "-", 0 },
		{ 288, TCS_F_RETRANS, "-", 0 }, /* the SYN-ACK was sent again */
		{ 1000, 0, "-", 0 },		/* whole milliseconds: a SYN cookie's timestamp */
		{ 4000, 0, "-", 0 },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(want); i++) {
		char line[64];
		struct bench b;

		bench_open(&b, NULL);
		told(&b, STEPS(S(1000, LISTEN, SYN_RECV, .facts = &child_facts)));
		told(&b, STEPS(S(1004, SYN_RECV, ESTABLISHED, .srtt = want[i].srtt,
				 .flags = want[i].flags)));
		snprintf(line, sizeof(line), "SYN_RECV > ESTABLISHED %s\n", want[i].shown);
		assert_string_equal(b.told, line);
		told(&b, STEPS(S(2004, ESTABLISHED, CLOSE, .err = ECONNRESET)));
		snprintf(line, sizeof(line), ", handshake %u:", want[i].handshake_us);
		assert_int_equal(!!strstr(b.told, line), want[i].handshake_us != 0);
		assert_int_equal(!!strstr(b.told, "handshake"), want[i].handshake_us != 0);
		bench_close(&b);
	}
}

/* An active one is the time since connect(), however often the SYN was sent. */
static void an_active_handshake_is_the_time_since_connect(void **unused)
{
	struct bench b;

	(void)unused;
	bench_open(&b, NULL);
	told(&b, STEPS(S(1000, CLOSE, SYN_SENT, .flags = TASK),
		       S(3001000, SYN_SENT, ESTABLISHED, .srtt = 1000, .flags = TCS_F_RETRANS),
		       S(3002000, ESTABLISHED, CLOSE, .err = ECONNRESET)));
	assert_string_equal(b.told, "CLOSE > SYN_SENT -\n"
				    "SYN_SENT > ESTABLISHED 3000000\n"
				    "ESTABLISHED > CLOSE 1000 reset_by_peer\n"
				    "= peer, 3001000, handshake 3000000: SYN_SENT 3000000, "
				    "ESTABLISHED 1000, CLOSE -\n");
	bench_close(&b);
}

static struct {
	unsigned int calls;
	uint64_t id;
	struct tcs_wire_facts facts;
	uint16_t lport;
	struct track_older answer; /* id 0: not known */
} scan;

static bool ask_scan(void *ctx, uint64_t id, const struct tcs_wire_facts *facts, uint16_t lport,
		     struct track_older *ret)
{
	assert_ptr_equal(ctx, &scan);
	scan.calls++;
	scan.id = id;
	scan.facts = *facts;
	scan.lport = lport;
	if (!scan.answer.id)
		return false;
	*ret = scan.answer;
	return true;
}

static const struct track_config with_scan = {
	.max_sockets = 100,
	.older = ask_scan,
	.older_ctx = &scan,
};

static void of_older_sockets_the_scan_is_asked(void **unused)
{
	struct bench b;

	(void)unused;
	memset(&scan, 0, sizeof(scan));
	scan.answer = (struct track_older){
		.id = 1,
		.direction = DIRECTION_PASSIVE,
		.owner = { .pid = 702, .source = OWNER_SCAN, .comm = "sshd" },
	};
	bench_open(&b, &with_scan);
	b.show = SHOW_OWNER | SHOW_DIRECTION;
	told(&b, STEPS(S(1000, ESTABLISHED, CLOSE_WAIT, .lport = 22)));
	assert_string_equal(b.told, "ESTABLISHED > CLOSE_WAIT - sshd(702) scan passive\n");
	assert_int_equal(scan.calls, 1);
	assert_int_equal(scan.id, 1);
	assert_int_equal(scan.lport, 22);
	assert_memory_equal(&scan.facts, &usual_facts, sizeof(usual_facts));

	/* once; and a task that acts is known better */
	told(&b,
	     STEPS(S(1100, CLOSE_WAIT, LAST_ACK, .flags = TASK, .owner = &worker, .lport = 22)));
	assert_string_equal(b.told, "CLOSE_WAIT > LAST_ACK 100 worker(1190) task passive\n");
	assert_int_equal(scan.calls, 1);
	bench_close(&b);
}

static void what_the_scan_does_not_know_stays_unknown(void **unused)
{
	struct bench b;

	(void)unused;
	memset(&scan, 0, sizeof(scan));
	bench_open(&b, &with_scan);
	b.show = SHOW_OWNER | SHOW_DIRECTION;
	told(&b, STEPS(S(1000, ESTABLISHED, CLOSE_WAIT)));
	assert_string_equal(b.told, "ESTABLISHED > CLOSE_WAIT - nobody ?\n");
	assert_int_equal(scan.calls, 1);

	/* an owner that came with the record needs no scan */
	told(&b, STEPS(S(1000, CLOSE, SYN_SENT, .id = 2, .flags = TASK, .owner = &worker)));
	assert_int_equal(scan.calls, 1);

	/* what we see for ourselves counts more than what the scan thinks */
	scan.answer = (struct track_older){ .id = 3, .direction = DIRECTION_PASSIVE };
	told(&b, STEPS(S(1000, LISTEN, CLOSE, .id = 3), A(7000)));
	assert_string_equal(b.told, "| 7000\n"
				    "#3 LISTEN > CLOSE - listener_closed nobody listener\n");
	bench_close(&b);
}

/* Two ACKs for one request: both children have its cookie, and one of them is given up. */
static void children_that_share_a_cookie_are_two_sockets(void **unused)
{
	struct bench b;

	(void)unused;
	bench_open(&b, NULL);
	told(&b, STEPS(S(1000, LISTEN, SYN_RECV, .id = 1, .cookie = 500, .facts = &child_facts),
		       S(1005, LISTEN, SYN_RECV, .id = 2, .cookie = 500, .facts = &child_facts),
		       S(1010, SYN_RECV, ESTABLISHED, .id = 1), S(1020, SYN_RECV, CLOSE, .id = 2),
		       S(2000, ESTABLISHED, CLOSE_WAIT, .id = 1),
		       S(3000, CLOSE_WAIT, LAST_ACK, .id = 1, .flags = TASK),
		       S(3100, LAST_ACK, CLOSE, .id = 1)));
	assert_string_equal(b.told, "LISTEN > SYN_RECV -\n"
				    "#2 LISTEN > SYN_RECV -\n"
				    "SYN_RECV > ESTABLISHED -\n"
				    "#2 SYN_RECV > CLOSE 15 cancelled\n"
				    "#2 = us, 15: SYN_RECV 15, CLOSE -\n"
				    "ESTABLISHED > CLOSE_WAIT 990\n"
				    "CLOSE_WAIT > LAST_ACK 1000\n"
				    "LAST_ACK > CLOSE 100 normal\n"
				    "= peer, 2100: SYN_RECV -, ESTABLISHED 990, CLOSE_WAIT 1000, "
				    "LAST_ACK 100, CLOSE -\n");
	assert_int_equal(track_totals(b.track)->unknown, 0);
	assert_int_equal(track_totals(b.track)->missed, 0);
	bench_close(&b);
}

/* Format 2.2 tells the cookie beside the id; up to 2.1 the id was the cookie. */
static void the_cookie_is_shown_and_identifies_nothing(void **unused)
{
	struct bench b;

	(void)unused;
	bench_open(&b, NULL);
	told(&b, STEPS(S(1000, CLOSE, SYN_SENT, .id = 5, .cookie = 77)));
	assert_int_equal(b.last_conn->id, 5);
	assert_int_equal(b.last_conn->cookie, 77);
	assert_int_equal(b.last_conn->netns_cookie, 4711);
	told(&b, STEPS(S(1000, CLOSE, SYN_SENT, .id = 6)));
	assert_int_equal(b.last_conn->cookie, 6);
	assert_int_equal(b.last_conn->netns_cookie, 0);
	told(&b, STEPS(S(1000, CLOSE, SYN_SENT, .id = TCS_ID_OWN | 9)));
	assert_int_equal(b.last_conn->cookie, 0);
	bench_close(&b);
}

/* tcp_abort() of a listener: LISTEN -> CLOSE by a stranger, then CLOSE -> CLOSE, ECONNABORTED. */
static void a_listener_is_killed_or_closed(void **unused)
{
	struct bench b;

	(void)unused;
	bench_open(&b, NULL);
	b.show = SHOW_OWNER;
	told(&b, STEPS(S(1000, CLOSE, LISTEN, .flags = TASK, .owner = &worker),
		       S(2000, LISTEN, CLOSE), K(2050)));
	assert_string_equal(b.told, "CLOSE > LISTEN - worker(1190) task\n"
				    "LISTEN > CLOSE 1000 killed worker(1190) cached\n");
	/* nothing follows: shutdown() by a process that is not the known owner */
	told(&b, STEPS(S(3000, CLOSE, LISTEN, .id = 2, .flags = TASK, .owner = &worker),
		       S(4000, LISTEN, CLOSE, .id = 2), A(20000)));
	assert_string_equal(b.told, "#2 CLOSE > LISTEN - worker(1190) task\n"
				    "| 20000\n"
				    "#2 LISTEN > CLOSE 1000 listener_closed worker(1190) cached\n");
	/* the owner closes: at once, and nothing corrects it */
	told(&b, STEPS(S(30000, CLOSE, LISTEN, .id = 3, .flags = TASK, .owner = &worker),
		       S(31000, LISTEN, CLOSE, .id = 3, .flags = TASK), K(31010, .id = 3)));
	assert_string_equal(b.told, "#3 CLOSE > LISTEN - worker(1190) task\n"
				    "#3 LISTEN > CLOSE 1000 listener_closed worker(1190) task\n");
	/* a reset of this id corrects no listener, and a kill no connection */
	told(&b, STEPS(S(40000, CLOSE, LISTEN, .id = 4, .flags = TASK, .owner = &worker),
		       S(41000, LISTEN, CLOSE, .id = 4), { .what = RESET, .at = 41010, .id = 4 },
		       K(41020, .id = 4)));
	assert_string_equal(b.told, "#4 CLOSE > LISTEN - worker(1190) task\n"
				    "#4 LISTEN > CLOSE 1000 killed worker(1190) cached\n");
	bench_close(&b);
}

static void what_somebody_else_must_know(void **unused)
{
	const struct step next[] = { S(1100, CLOSE_WAIT, LAST_ACK), END };
	struct track_known known;
	struct bench b, heir;

	(void)unused;
	memset(&scan, 0, sizeof(scan));
	scan.answer = (struct track_older){
		.id = 1,
		.direction = DIRECTION_PASSIVE,
		.owner = { .pid = 702, .source = OWNER_SCAN, .comm = "sshd" },
	};
	/* of one that has not been told of yet, what the scan found */
	bench_open(&b, &with_scan);
	bench_open(&heir, NULL);
	b.heir = &heir;
	b.show = heir.show = SHOW_OWNER | SHOW_DIRECTION;
	told(&b, STEPS(S(1000, ESTABLISHED, CLOSE_WAIT)));
	assert_string_equal(heir.told, "ESTABLISHED > CLOSE_WAIT - sshd(702) scan passive\n");
	assert_string_equal(heir.told, b.told);

	/* what is known there already stays */
	memset(&known, 0, sizeof(known));
	known.id = 1;
	track_know(heir.track, &known);
	assert_int_equal(track_totals(heir.track)->sockets, 1);
	heir.len = 0;
	told(&b, next);
	assert_string_equal(heir.told, "CLOSE_WAIT > LAST_ACK 100 sshd(702) scan passive\n");
	bench_close(&b);
	bench_close(&heir);
}

static void a_socket_born_since_needs_nothing(void **unused)
{
	struct tcs_wire_state head = {
		.kind = TCS_WIRE_STATE,
		.old_state = TCS_SYN_SENT,
		.new_state = TCS_ESTABLISHED,
		.ts_ns = 1400000,
		.id = 1,
		.seq = 2,
	};
	struct track_known known;
	struct event ev;
	struct bench b;

	(void)unused;
	assert_int_equal(event_decode(&head, sizeof(head), &ev), 0);
	bench_open(&b, NULL);
	assert_false(track_known(b.track, &ev, UINT64_MAX, &known)); /* nobody knows it */
	told(&b, STEPS(S(1000, CLOSE, SYN_SENT)));
	assert_false(track_known(b.track, &ev, 999999, &known));
	assert_true(track_known(b.track, &ev, 1000000, &known));
	assert_int_equal(known.id, 1);
	assert_int_equal(known.seq, 1);
	assert_int_equal(known.born_ns, 1000000);
	assert_int_equal(known.state, TCS_SYN_SENT);
	assert_int_equal(known.rport, 443);
	bench_close(&b);
}

/* Where there are no cookies the scan leaves a note at each socket: the record has its owner. */
static void the_scan_tells_the_direction_of_one_whose_owner_it_left_with_it(void **unused)
{
	struct bench b;

	(void)unused;
	memset(&scan, 0, sizeof(scan));
	scan.answer = (struct track_older){
		.id = TCS_ID_OWN | 1,
		.direction = DIRECTION_PASSIVE,
		.owner = { .pid = 999, .source = OWNER_SCAN, .comm = "another" },
	};
	bench_open(&b, &with_scan);
	b.show = SHOW_OWNER | SHOW_DIRECTION;
	told(&b, STEPS(S(1000, ESTABLISHED, CLOSE_WAIT, .id = TCS_ID_OWN | 1, .owner = &found)));
	assert_non_null(strstr(b.told, "ESTABLISHED > CLOSE_WAIT - sshd(702) scan passive\n"));
	assert_int_equal(scan.calls, 1);
	bench_close(&b);
}

static void totals_come_with_the_change_that_ends_a_connection(void **unused)
{
	static const struct tcs_wire_totals totals = { .bytes_sent = 1200,
						       .bytes_received = 14800 };
	struct bench b;

	(void)unused;
	bench_open(&b, NULL);
	told(&b,
	     STEPS(CONNECTED, S(2400, ESTABLISHED, CLOSE, .err = ECONNRESET, .totals = &totals)));
	assert_string_equal(
		b.told, CONNECTED_TOLD
		"ESTABLISHED > CLOSE 1000 reset_by_peer sent 1200 received 14800\n"
		"= peer, 1400, handshake 400: SYN_SENT 400, ESTABLISHED 1000, CLOSE -\n");
	bench_close(&b);
}

static void a_full_table_forgets_all_and_asks_anew(void **unused)
{
	static const struct track_config small = { .max_sockets = 3 };
	struct bench b;
	uint8_t epoch;

	(void)unused;
	bench_open(&b, &small);
	epoch = track_epoch(b.track);
	assert_int_not_equal(epoch, 0); /* the kernel side's "not told" */
	told(&b, STEPS(S(1000, CLOSE, SYN_SENT, .id = 1), S(1001, CLOSE, SYN_SENT, .id = 2),
		       S(1002, CLOSE, SYN_SENT, .id = 3)));
	assert_int_equal(track_totals(b.track)->sockets, 3);
	assert_int_equal(track_epoch(b.track), epoch);

	/* one more than fits */
	told(&b, STEPS(S(1003, CLOSE, SYN_SENT, .id = 4)));
	assert_string_equal(b.told, "#4 CLOSE > SYN_SENT -\n");
	assert_int_equal(track_totals(b.track)->sockets, 1);
	assert_int_equal(track_totals(b.track)->forgotten, 1);
	assert_int_not_equal(track_epoch(b.track), epoch);

	/* a forgotten socket is not told of until its facts come again */
	told(&b, STEPS(S(1400, SYN_SENT, ESTABLISHED, .id = 1)));
	assert_string_equal(b.told, "");
	assert_int_equal(track_totals(b.track)->unknown, 1);
	told(&b, STEPS(S(2400, ESTABLISHED, CLOSE_WAIT, .id = 1, .full = true)));
	assert_non_null(strstr(b.told, "ESTABLISHED > CLOSE_WAIT 1000"));
	assert_int_equal(track_totals(b.track)->unknown, 1);
	assert_int_equal(track_totals(b.track)->events, 6);

	/* those that are known still are */
	told(&b, STEPS(S(2400, SYN_SENT, ESTABLISHED, .id = 4)));
	assert_string_equal(b.told, "#4 SYN_SENT > ESTABLISHED 1397\n");
	bench_close(&b);
}

static void what_is_held_is_told_before_it_is_forgotten(void **unused)
{
	static const struct track_config one = { .max_sockets = 1 };
	struct bench b;

	(void)unused;
	bench_open(&b, &one);
	told(&b, STEPS(S(1000, FIN_WAIT2, CLOSE, .id = 1, .flags = ORPHAN),
		       S(1001, CLOSE, SYN_SENT, .id = 2)));
	assert_string_equal(b.told, "FIN_WAIT2 > TIME_WAIT* - normal\n"
				    "= us, -: FIN_WAIT2 -, TIME_WAIT -\n"
				    "#2 CLOSE > SYN_SENT -\n");
	assert_int_equal(track_totals(b.track)->sockets, 1);
	bench_close(&b);
}

static void the_epoch_changes_each_time_and_is_never_0(void **unused)
{
	static const struct track_config one = { .max_sockets = 1 };
	struct bench b;
	uint8_t last;

	(void)unused;
	bench_open(&b, &one);
	last = track_epoch(b.track);
	told(&b, STEPS(S(1, CLOSE, SYN_SENT, .id = 1)));
	for (uint64_t i = 2; i < 1000; i++) {
		const struct step birth[] = {
			S(i, CLOSE, SYN_SENT, .id = i, .seq = 1, .full = true),
			END,
		};

		told(&b, birth);
		assert_int_not_equal(track_epoch(b.track), last);
		assert_int_not_equal(track_epoch(b.track), 0);
		last = track_epoch(b.track);
		assert_int_equal(track_totals(b.track)->forgotten, i - 1);
	}
	bench_close(&b);
}

/* What is bounded is memory, not only the count: the next socket takes the place of the last. */
static void sockets_that_ended_leave_their_place(void **unused)
{
	static const struct track_config two = { .max_sockets = 2 };
	const struct conn *place = NULL;
	struct bench b;

	(void)unused;
	bench_open(&b, &two);
	for (uint64_t i = 1; i < 20000; i++) {
		const struct step life[] = {
			S(i * 10, CLOSE, SYN_SENT, .id = i, .seq = 1, .full = true),
			S(i * 10 + 5, SYN_SENT, CLOSE, .id = i, .err = ECONNREFUSED),
			END,
		};

		told(&b, life);
		if (!place)
			place = b.last_conn;
		assert_ptr_equal(b.last_conn, place);
	}
	assert_int_equal(track_totals(b.track)->sockets, 0);
	assert_int_equal(track_totals(b.track)->forgotten, 0);
	assert_int_equal(b.n_connections, 19999);
	bench_close(&b);
}

/* The end was filtered, or lost: nothing is told of it, and what was held back is told before. */
static void sockets_that_are_gone_leave_their_place(void **unused)
{
	struct bench b;

	(void)unused;
	bench_open(&b, NULL);
	told(&b, STEPS(CONNECTED, S(1500, CLOSE, SYN_SENT, .id = 2, .seq = 1, .full = true)));
	assert_int_equal(track_totals(b.track)->sockets, 2);
	assert_string_equal(told(&b, STEPS(G(2000), G(2001, .id = 3))), "");
	assert_int_equal(track_totals(b.track)->sockets, 1);
	assert_int_equal(b.n_connections, 0);

	told(&b, STEPS(S(3000, FIN_WAIT2, CLOSE, .id = 2, .seq = 2, .flags = ORPHAN)));
	assert_true(track_holds(b.track));
	assert_string_not_equal(told(&b, STEPS(G(3001, .id = 2))), "");
	assert_false(track_holds(b.track));
	assert_int_equal(track_totals(b.track)->sockets, 0);
	assert_int_equal(b.n_connections, 1);
	bench_close(&b);
}

/* More at once than may be held: nothing is lost, the rest is told uncorrected. */
static void a_flood_of_closes_is_told_whole(void **unused)
{
	static const struct track_config many = { .max_sockets = 100000 };
	struct bench b;

	(void)unused;
	bench_open(&b, &many);
	b.quiet = true;
	for (uint64_t i = 1; i <= 70000; i++) {
		const struct step end[] = {
			S(1000, FIN_WAIT2, CLOSE, .id = i, .seq = 1, .flags = ORPHAN, .full = true),
			END,
		};

		told(&b, end);
	}
	assert_true(b.n_changes < 5000);
	track_advance(b.track, 6000 * 1000);
	assert_int_equal(b.n_changes, 70000);
	assert_int_equal(b.n_connections, 70000);
	assert_int_equal(track_totals(b.track)->sockets, 0);
	bench_close(&b);
}

static void resent_syn_acks_are_passed_on(void **unused)
{
	struct tcs_wire_synack synack = { .kind = TCS_WIRE_SYNACK, .family = 4, .retransmits = 3 };
	struct event ev;
	struct bench b;

	(void)unused;
	bench_open(&b, NULL);
	assert_int_equal(event_decode(&synack, sizeof(synack), &ev), 0);
	track_event(b.track, &ev);
	assert_string_equal(b.told, "synack 3\n");
	assert_int_equal(track_totals(b.track)->events, 1);
	assert_int_equal(b.n_synacks, 1);
	bench_close(&b);
}

static void connections_need_not_be_wanted(void **unused)
{
	struct bench b;
	struct track_config config = {
		.max_sockets = 10,
		.sink = { .ctx = &b, .change = on_change, .synack = on_synack },
	};

	(void)unused;
	b = (struct bench){ 0 };
	assert_int_equal(track_new(&config, &b.track), 0);
	told(&b, STEPS(CONNECTED, S(2400, ESTABLISHED, CLOSE, .err = ECONNRESET)));
	assert_string_equal(b.told, CONNECTED_TOLD "ESTABLISHED > CLOSE 1000 reset_by_peer\n");
	assert_int_equal(track_totals(b.track)->sockets, 0);
	bench_close(&b);
}

static void a_track_of_no_sockets_is_refused(void **unused)
{
	struct track_config config = { .max_sockets = 0 };
	struct track *t = NULL;

	(void)unused;
	assert_int_equal(track_new(&config, &t), -EINVAL);
	assert_null(t);
	track_free(NULL);
}

/*
 * Any records, in any order, as a capture may hold them. Of those that event_decode() lets pass
 * each change is told exactly once or counted as unknown, and the table keeps its bound.
 */
static void whatever_comes_is_told_once_or_counted(void **unused)
{
	static const struct track_config small = { .max_sockets = 20 };
	static const struct tcs_wire_totals totals = { .bytes_sent = 1 };
	uint64_t seed = 42, now = 1000;
	struct bench b;

	(void)unused;
	bench_open(&b, &small);
	b.quiet = b.tolerant = true;
	for (int i = 0; i < 200000; i++) {
		uint64_t r = random_next(&seed), q = random_next(&seed);
		struct step s = {
			.what = (r & 15) == 0  ? RESET :
				(r & 15) == 2  ? GONE :
				(r & 255) == 1 ? ADVANCE :
						 STATE,
			.at = now += r >> 60,
			.id = 1 + (r >> 8) % 25,
			.from = (uint8_t)((r >> 16) % 13),
			.to = (uint8_t)((r >> 24) % 13),
			.err = r >> 32 & 1 ? 0 : ECONNRESET,
			.flags = (uint16_t)(q & 0xfff & q >> 12),
			.in_old = r >> 33 & 1 ? 1 : -1,
			.srtt = (uint32_t)(r >> 50),
			.seq = r >> 34 & 7 ? 0 : 3,
			.full = r >> 55 & 1,
			.bare = true,
			.totals = r >> 56 & 1 ? &totals : NULL,
		};

		feed(&b, &s);
		assert_true(track_totals(b.track)->sockets <= small.max_sockets);
		assert_int_not_equal(track_epoch(b.track), 0);
	}
	track_advance(b.track, UINT64_MAX);
	assert_int_equal(b.n_changes,
			 track_totals(b.track)->events - track_totals(b.track)->unknown);
	assert_int_not_equal(track_totals(b.track)->forgotten, 0);
	assert_int_not_equal(b.n_connections, 0);
	bench_close(&b);
}

/* The longest way through the diagram fits a path; what a forged record makes longer is cut. */
static void a_path_never_overflows(void **unused)
{
	struct bench b;

	(void)unused;
	bench_open(&b, NULL);
	told(&b, STEPS(CONNECTED));
	for (uint64_t i = 0; i < 50; i++) {
		const struct step again[] = {
			S(2000 + 2 * i, ESTABLISHED, SYN_RECV),
			S(2001 + 2 * i, SYN_RECV, ESTABLISHED),
			END,
		};

		told(&b, again);
	}
	told(&b, STEPS(S(9000, ESTABLISHED, CLOSE, .err = ECONNRESET)));
	assert_int_equal(b.n_connections, 1);
	assert_non_null(strstr(b.told, ", broken: SYN_SENT 400, ESTABLISHED 600, SYN_RECV 1, "));
	bench_close(&b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(closes_in_order_are_told_as_they_happen),
		cmocka_unit_test(aborts_are_told_with_their_reason),
		cmocka_unit_test(a_time_wait_that_was_not_made_is_a_close),
		cmocka_unit_test(a_close_that_a_reset_may_correct_is_held),
		cmocka_unit_test(time_comes_with_the_records),
		cmocka_unit_test(who_closed_first_is_whose_fin_came_first),
		cmocka_unit_test(a_deferred_event_is_told_before_the_one_that_carries_it),
		cmocka_unit_test(what_was_missed_is_said),
		cmocka_unit_test(gaps_are_counted),
		cmocka_unit_test(a_socket_whose_end_was_lost_begins_anew_when_it_connects_again),
		cmocka_unit_test(the_direction_is_that_of_the_handshake),
		cmocka_unit_test(owners_are_the_listeners_then_the_tasks_then_remembered),
		cmocka_unit_test(of_older_sockets_the_scan_is_asked),
		cmocka_unit_test(children_that_share_a_cookie_are_two_sockets),
		cmocka_unit_test(the_cookie_is_shown_and_identifies_nothing),
		cmocka_unit_test(a_listener_is_killed_or_closed),
		cmocka_unit_test(what_somebody_else_must_know),
		cmocka_unit_test(a_socket_born_since_needs_nothing),
		cmocka_unit_test(the_scan_tells_the_direction_of_one_whose_owner_it_left_with_it),
		cmocka_unit_test(what_the_scan_does_not_know_stays_unknown),
		cmocka_unit_test(a_passive_handshake_is_timed_only_by_its_first_syn_ack),
		cmocka_unit_test(an_active_handshake_is_the_time_since_connect),
		cmocka_unit_test(totals_come_with_the_change_that_ends_a_connection),
		cmocka_unit_test(a_full_table_forgets_all_and_asks_anew),
		cmocka_unit_test(what_is_held_is_told_before_it_is_forgotten),
		cmocka_unit_test(the_epoch_changes_each_time_and_is_never_0),
		cmocka_unit_test(sockets_that_ended_leave_their_place),
		cmocka_unit_test(sockets_that_are_gone_leave_their_place),
		cmocka_unit_test(a_flood_of_closes_is_told_whole),
		cmocka_unit_test(resent_syn_acks_are_passed_on),
		cmocka_unit_test(connections_need_not_be_wanted),
		cmocka_unit_test(a_track_of_no_sockets_is_refused),
		cmocka_unit_test(a_path_never_overflows),
		cmocka_unit_test(whatever_comes_is_told_once_or_counted),
	};

	return cmocka_run_group_tests_name("track", tests, NULL, NULL);
}
