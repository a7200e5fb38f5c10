// SPDX-License-Identifier: GPL-2.0-only
#include "detect_syn.h"

#include <string.h>

/* How long ten take, at thousandths a second; once in 22,000 times none comes for so long. */
#define TEN_TAKE_NS(milli) (10000000000000ull / (uint64_t)(milli))

/* A forged source repeats once in thousands; a check every few seconds leaves dozens in 63 s. */
#define CHECKS_PER_SOURCE 4

/* Of the handshakes that end at the accept queue, so many find it full: no mere burst. */
#define ACCEPT_PERCENT 20

static int64_t known(int64_t milli)
{
	return milli == AUDIT_NO_RATE ? 0 : milli;
}

static int64_t above(int64_t milli, int64_t less)
{
	return milli > less ? milli - less : 0;
}

static const struct audit_netns *netns_of(const struct audit *look, const struct audit_service *s)
{
	return s->netns_row == AUDIT_NONE ? NULL : &look->netns[s->netns_row];
}

static int64_t counter_of(const struct audit *look, const struct audit_service *s, enum counter c)
{
	const struct audit_netns *n = netns_of(look, s);

	return n ? n->counter_milli[c] : AUDIT_NO_RATE;
}

/* Rates are of a whole window. */
static bool sends_cookies(const struct audit *look, const struct audit_service *s)
{
	return s->cookie_age_ns <= SERVICE_COOKIES_NS + look->window_ns;
}

bool syn_by_cookies(const struct audit *look, const struct audit_service *s)
{
	const struct audit_netns *n = netns_of(look, s);

	return n && n->cookies == 2;
}

/* What speaks for it that the cookies nobody returned are of this service. */
enum suspicion {
	SENDS_NONE = 0,
	HAS_SENT,	/* since the last look */
	KEEPS_SENDING,	/* its mark is as young as `out` keeps it */
	COMPLETES_NONE, /* and has been for a second, in which nobody completed */
};

static enum suspicion suspicion_of(const struct audit *look, const struct audit_service *s,
				   int64_t out)
{
	uint64_t renewed_ns = SERVICE_COOKIES_NS + (out > 0 ? TEN_TAKE_NS(out) : 0);

	if (!sends_cookies(look, s))
		return SENDS_NONE;
	if (s->cookie_age_ns > renewed_ns)
		return HAS_SENT;
	if (s->cookie_gap_ns > renewed_ns || s->done_milli || known(s->done_before))
		return KEEPS_SENDING;
	return COMPLETES_NONE;
}

static void add_service(struct syn_cookies *c, const struct audit *look,
			const struct audit_service *s)
{
	enum suspicion its = suspicion_of(look, s, c->out);

	if (sends_cookies(look, s) && s->done_milli != AUDIT_NO_RATE &&
	    s->done_milli < c->least_done)
		c->least_done = s->done_milli;
	if (!its || its < c->suspicion)
		return;
	if (its > c->suspicion) {
		c->suspicion = its;
		c->first = s;
		c->suspects = 0;
		c->done = c->done_before = 0;
	}
	c->suspects++;
	c->done += known(s->done_milli);
	c->done_before += known(s->done_before);
}

void syn_cookies_read(const struct audit *look, struct syn_cookies *ret)
{
	uint32_t i;

	for (i = 0; i < look->n_netns; i++) {
		const int64_t *rates = look->netns[i].counter_milli;

		ret[i] = (struct syn_cookies){
			.out = above(known(rates[COUNTER_COOKIES_SENT]),
				     known(rates[COUNTER_COOKIES_RECV])),
			.least_done = INT64_MAX,
		};
	}
	for (i = 0; i < look->n_services; i++) {
		const struct audit_service *s = service_or_group(look, i);

		if (s && s->netns_row != AUDIT_NONE)
			add_service(&ret[s->netns_row], look, s);
	}
}

/* Of those that are suspected most, the first speaks for all. */
static void suspect(const struct audit *look, const struct syn_cookies *c, struct syn_facts *f)
{
	const struct audit_service *s = f->service;

	if (suspicion_of(look, s, c->out) < c->suspicion)
		return;
	f->visible = c->out > 0;
	f->possible = c->suspects > 1;
	if (service_key(s) != service_key(c->first))
		return;
	f->speaks = f->possible;
	f->cookies = c->out;
	f->done_before = c->done_before;
	if (f->done != AUDIT_NO_RATE)
		f->done = c->done;
}

/* Those of the last three seconds, of which the first is over before the SYN-ACK is due again. */
static int64_t failing_now(const struct audit_service *s)
{
	return (int64_t)s->recent * 1000 / 2;
}

static int64_t least_of(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/*
 * The kernel counts all drops for a listener, and drops for a full accept queue for the namespace
 * (tcp_listendrop(), LINUX_MIB_LISTENOVERFLOWS). A listener has at least those of its drops that
 * are more than all other drops of the namespace. Where other listeners drop as well, and it may
 * have more, its accept queue decides.
 */
static int64_t accept_overflows(const struct audit *look, const struct audit_service *s)
{
	int64_t overflows = known(counter_of(look, s, COUNTER_LISTEN_OVERFLOWS));
	int64_t all = known(counter_of(look, s, COUNTER_LISTEN_DROPS));
	int64_t drops = known(s->drops_milli), most = least_of(drops, overflows);

	if (s->accept_full || s->accept_queue * 2 >= s->queue_limit)
		return most;
	return least_of(most, above(drops, above(all, overflows)));
}

/*
 * Without cookies a listener drops for a full accept queue, for a full SYN queue, and when a SYN or
 * ACK comes again (100 a second where 40 % of the SYN-ACKs are lost).
 */
static int64_t queue_drops(const struct audit *look, const struct syn_facts *f)
{
	const struct audit_netns *n = netns_of(look, f->service);

	if (!n || n->cookies)
		return 0;
	return above(known(f->service->drops_milli), f->overflows);
}

/*
 * Where the queues of several services are full, what was not returned is blamed on the one that
 * completes least; they are seen to stand, too.
 */
static void read_cookies(const struct audit *look, const struct syn_cookies *c, struct syn_facts *f)
{
	const struct audit_service *s = f->service;

	if (syn_by_cookies(look, s))
		suspect(look, c, f);
	else if (s->done_milli == AUDIT_NO_RATE || s->done_milli <= c->least_done)
		f->cookies = c->out;
}

/*
 * The mark is the group's. A member sends cookies when its own SYN queue is full; with
 * tcp_syncookies 2 there is no queue, and only the group can be judged.
 */
static void read_cookies_of_member(const struct audit *look, const struct syn_cookies *c,
				   struct syn_facts *f)
{
	const struct audit_service *g = &look->service_groups[f->service->group];

	f->cookies_now = f->service->syn_full && !syn_by_cookies(look, f->service);
	if (f->cookies_now && (g->done_milli == AUDIT_NO_RATE || g->done_milli <= c->least_done))
		f->cookies = c->out;
}

void syn_facts_read(const struct audit *look, const struct syn_cookies *cookies,
		    const struct audit_service *s, struct syn_facts *ret)
{
	*ret = (struct syn_facts){ .service = s,
				   .done = s->done_milli,
				   .done_before = known(s->done_before),
				   .cookies_now = sends_cookies(look, s) };
	if (s->failing_milli == AUDIT_NO_RATE || s->late_milli == AUDIT_NO_RATE)
		ret->failing = failing_now(s);
	else
		ret->failing = above(s->failing_milli, s->late_milli);
	if (ret->cookies_now && s->netns_row != AUDIT_NONE) {
		if (s->group == AUDIT_NONE)
			read_cookies(look, &cookies[s->netns_row], ret);
		else
			read_cookies_of_member(look, &cookies[s->netns_row], ret);
	}
	ret->overflows = accept_overflows(look, s);
	ret->drops = queue_drops(look, ret);
	ret->resets = known(counter_of(look, s, COUNTER_EMBRYONIC_RSTS));
	ret->visible |=
		s->stuck || ret->failing || known(s->failing_milli) || ret->cookies || ret->drops;
}

enum syn_pressure syn_pressure_of(const struct syn_facts *f)
{
	if (f->cookies_now)
		return SYN_COOKIES;
	if (f->drops > 0)
		return SYN_DROPS;
	return f->service->syn_full ? SYN_QUEUE_FULL : SYN_SLOW;
}

uint64_t syn_done_permille(const struct syn_facts *f)
{
	int64_t all;

	if (f->done == AUDIT_NO_RATE)
		return AUDIT_UNKNOWN;
	all = f->done + f->failing + f->cookies + f->drops;
	return all ? (uint64_t)(f->done * 1000 / all) : AUDIT_UNKNOWN;
}

/* Fewer than so many in a hundred. Both in the same unit. */
static bool few(int64_t some, int64_t others, uint32_t percent)
{
	return some * 100 < (some + others) * (int64_t)percent;
}

/*
 * Of those that were asked again, few come late: by rates where any are new, else by what stands in
 * the queue, which a flood fills once and then hardly moves.
 */
static bool stuck_stay_stuck(const struct audit_service *s, int64_t least, uint32_t percent)
{
	int64_t stuck = (int64_t)s->stuck * 1000, asked = known(s->failing_milli);

	return stuck >= least && few(known(s->late_milli), asked >= least ? asked : stuck, percent);
}

/*
 * Most of those that were sent before this window are back by its end, or none were: a rush from
 * far away, whose answers lag behind by a round trip.
 */
static bool cookies_come_back(const struct audit *look, const struct syn_facts *f, int64_t back)
{
	uint64_t before = f->service->cookies_before;

	return before != AUDIT_UNKNOWN && audit_count_of(back, look->window_ns) * 2 >= before;
}

/*
 * With tcp_syncookies 1 the kernel sends cookies while the SYN queue is full (tcp_conn_request()).
 * A flood's requests stay in it until their SYN-ACK has been resent; a queue that is half empty a
 * moment later held clients, and the last cookies are still under way to them.
 */
static bool queue_has_emptied(const struct audit *look, const struct audit_service *s)
{
	return !s->is_group && !syn_by_cookies(look, s) && s->syn_queue * 2 < s->syn_limit;
}

/* Cookies come back within a round trip, or never: it is a flood when most do not. */
static bool cookies_stay_out(const struct audit *look, const struct syn_facts *f, int64_t least,
			     uint32_t tenths)
{
	int64_t back = known(counter_of(look, f->service, COUNTER_COOKIES_RECV));

	if (tenths == 10 && queue_has_emptied(look, f->service))
		return false;
	return f->cookies >= least && f->cookies > back && !cookies_come_back(look, f, back);
}

/*
 * In the first second nothing is stuck yet; but a queue that turns over completes as many. Where
 * clients come late it is a lossy path that makes it long.
 */
static bool queue_stands(const struct syn_facts *f, int64_t least)
{
	const struct audit_service *s = f->service;
	uint64_t waiting = s->syn_queue > s->acked ? s->syn_queue - s->acked : 0;

	return (s->syn_full || f->drops >= least) && s->done_milli != AUDIT_NO_RATE &&
	       s->late_milli < least && (int64_t)waiting * 1000 > s->done_milli;
}

/*
 * Below the limit, and behind cookies, a flood takes nothing from anybody: where the clients that
 * were there stop completing in the same moment, the path has stopped for all. Another look will
 * tell.
 */
static bool all_have_stopped(const struct syn_facts *f, int64_t least)
{
	enum syn_pressure pressure = syn_pressure_of(f);

	return (pressure == SYN_SLOW || pressure == SYN_COOKIES) && f->done_before >= least &&
	       known(f->done) * 2 < f->done_before;
}

/* A walk had no room for all listeners of its namespace: its sources stay unknown. */
static bool is_crowded(const struct audit *look, const struct audit_service *s)
{
	const struct audit_netns *n = netns_of(look, s);

	return n && n->crowded;
}

/*
 * Below the limit nobody is refused, and there is time. Many from each of a few addresses, by a
 * stack that offers what all stacks in use do (SACK, timestamps; programs that forge SYNs mostly
 * do not), may be health checks that never complete and are reset after a while. A flood's stay:
 * 5 s after its beginning half of those that are stuck are past the second timeout, too, while as
 * many resets as there are resent SYN-ACKs say that they go.
 */
static bool may_be_checks(const struct audit *look, const struct syn_facts *f, int64_t least)
{
	const struct audit_service *s = f->service;

	if (syn_pressure_of(f) != SYN_SLOW)
		return false;
	if (s->sources == AUDIT_UNKNOWN)
		return !is_crowded(look, s); /* the next walk will tell */
	if (s->plain * 2 >= s->stuck)
		return false;
	if (f->resets > 0 && f->resets >= f->failing)
		return true;
	return s->half_open >= s->sources * CHECKS_PER_SOURCE &&
	       ((int64_t)s->old_stuck * 1000 < least || s->old_stuck * 2 < s->stuck);
}

/* It is full, or was a moment ago. */
static bool accept_queue_stops(const struct syn_facts *f)
{
	const struct audit_service *s = f->service;

	return s->accept_full || (f->overflows > 0 && s->accept_queue * 2 >= s->queue_limit);
}

/*
 * Requests without an answer are those whose last ACK may still come; a flood's are past their
 * second timeout, and more than those that have come.
 */
static bool accept_queue_explains(const struct syn_facts *f, int64_t least)
{
	const struct audit_service *s = f->service;

	if (!accept_queue_stops(f))
		return false;
	return (int64_t)s->old_stuck * 1000 < least || s->old_stuck * 2 < s->stuck + s->acked;
}

static bool is_flood(const struct detect_config *config, const struct audit *look,
		     const struct syn_facts *f, uint32_t tenths)
{
	const struct audit_service *s = f->service;
	int64_t least = (int64_t)config->syn_per_s * 100 * tenths;
	uint32_t percent = config->syn_late_percent * 10 / tenths;
	bool pressed = f->failing >= least || f->cookies >= least || f->drops >= least;

	/* One look knows no rates; a full queue, or the mark of cookies, is enough. */
	if (s->drops_milli == AUDIT_NO_RATE)
		pressed |= s->syn_full || f->cookies_now;
	if (!pressed || accept_queue_explains(f, least))
		return false;
	if (tenths == 10 && (may_be_checks(look, f, least) || all_have_stopped(f, least)))
		return false;
	return stuck_stay_stuck(s, least, percent) || cookies_stay_out(look, f, least, tenths) ||
	       queue_stands(f, least);
}

static bool is_accept_queue_full(const struct detect_config *config, const struct syn_facts *f,
				 uint32_t tenths)
{
	const struct audit_service *s = f->service;

	if (s->is_group)
		return false;
	/* A burst that fits nearly; the program fetches most of it. */
	if (s->done_milli != AUDIT_NO_RATE && few(f->overflows, s->done_milli, ACCEPT_PERCENT))
		return false;
	/* Where there is room just now, it was full between the snapshots. */
	return accept_queue_stops(f) || f->overflows >= (int64_t)config->syn_per_s * 100 * tenths;
}

static bool is_backlog_small(const struct detect_config *config, const struct audit *look,
			     const struct syn_facts *f, uint32_t tenths)
{
	const struct audit_service *s = f->service;
	const struct audit_netns *n = netns_of(look, s);
	int64_t least = (int64_t)config->syn_per_s * 100 * tenths;
	int64_t sent = known(counter_of(look, s, COUNTER_COOKIES_SENT));

	if (!n || s->done_milli == AUDIT_NO_RATE || s->done_milli < least)
		return false;
	/* What a flood has left in the queue is not the clients' rush. */
	if (s->stuck && s->stuck * 2 >= s->syn_queue)
		return false;
	/* With tcp_syncookies 2 they say nothing about a queue. */
	if (n->cookies == 1 && f->cookies_now && sent >= least)
		return true;
	if (f->drops < least)
		return false;
	/* What tcp_max_syn_backlog refuses has no counter of its own (tcp_conn_request()). */
	return known(n->counter_milli[COUNTER_QUEUE_FULL_DROPS]) >= least ||
	       (s->syn_full && s->syn_limit < s->queue_limit);
}

/* Or it has reached half of its limit, where its growth is not known. */
static bool fills_accept_queue(const struct audit_service *s)
{
	int64_t accepted = service_accepted(s);

	if (accepted == AUDIT_NO_RATE)
		return s->accept_queue && s->accept_queue * 2 >= s->queue_limit;
	return s->done_milli > 0 && accepted * 2 < s->done_milli;
}

static bool is_loss(const struct detect_config *config, const struct syn_facts *f, uint32_t tenths)
{
	const struct audit_service *s = f->service;
	int64_t least = (int64_t)config->syn_per_s * 100 * tenths;

	if (!s->is_group && (accept_queue_stops(f) || fills_accept_queue(s)))
		return false;
	/* Those who have answered and wait all the same come late because of the program. */
	if (s->acked != AUDIT_UNKNOWN && s->acked * 2 > s->syn_queue)
		return false;
	return s->late_milli != AUDIT_NO_RATE && s->late_milli >= least &&
	       s->late_milli * 1000 >= s->done_milli * (int64_t)config->loss_percent * tenths;
}

enum finding_kind syn_judge(const struct detect_config *config, const struct audit *look,
			    const struct syn_facts *f, uint32_t tenths)
{
	if (is_flood(config, look, f, tenths))
		return FINDING_SYN_FLOOD;
	if (is_accept_queue_full(config, f, tenths))
		return FINDING_ACCEPT_QUEUE_FULL;
	if (is_backlog_small(config, look, f, tenths))
		return FINDING_SYN_BACKLOG_SMALL;
	return is_loss(config, f, tenths) ? FINDING_HANDSHAKE_LOSS : 0;
}

enum severity syn_severity(const struct syn_facts *f, enum finding_kind kind)
{
	if (!kind)
		return SEVERITY_OK;
	if (kind == FINDING_SYN_FLOOD && syn_pressure_of(f) != SYN_SLOW)
		return SEVERITY_CRITICAL;
	if (kind == FINDING_ACCEPT_QUEUE_FULL && known(f->service->drops_milli) > 0)
		return SEVERITY_CRITICAL;
	return SEVERITY_WARNING;
}
