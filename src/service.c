// SPDX-License-Identifier: GPL-2.0-only
#include "service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "filter.h"

/* Where handshakes are counted, and where is listened. */
static uint64_t place_of(uint32_t netns, const uint8_t laddr[16], uint16_t lport)
{
	return hash_bytes(laddr, 16, (uint64_t)netns << 16 | lport);
}

uint64_t service_key(const struct audit_service *s)
{
	return place_of(s->netns, s->laddr, s->lport);
}

struct audit_service service_unknown(uint32_t netns)
{
	return (struct audit_service){
		.netns = netns,
		.syn_queue = AUDIT_UNKNOWN,
		.accept_queue = AUDIT_UNKNOWN,
		.queue_limit = AUDIT_UNKNOWN,
		.cookie_age_ns = AUDIT_UNKNOWN,
		.cookie_gap_ns = AUDIT_UNKNOWN,
		.cookies_before = AUDIT_UNKNOWN,
		.half_open = AUDIT_UNKNOWN,
		.acked = AUDIT_UNKNOWN,
		.stuck = AUDIT_UNKNOWN,
		.oldest_ns = AUDIT_UNKNOWN,
		.newest_ns = AUDIT_UNKNOWN,
		.sources = AUDIT_UNKNOWN,
		.prefixes = AUDIT_UNKNOWN,
		.sources_exact = true,
		.prefixes_exact = true,
		.drops_milli = AUDIT_NO_RATE,
		.done_milli = AUDIT_NO_RATE,
		.late_milli = AUDIT_NO_RATE,
		.resent_milli = AUDIT_NO_RATE,
		.failing_milli = AUDIT_NO_RATE,
		.done_before = AUDIT_NO_RATE,
		.netns_row = AUDIT_NONE,
	};
}

/* ---- services out of listeners --------------------------------------------------------------- */

static bool same_place(const struct audit_service *s, const struct audit_socket *l)
{
	return s->netns == l->netns && s->lport == l->lport && !memcmp(s->laddr, l->laddr, 16);
}

static void begin_service(struct audit_service *s, const struct audit_socket *l)
{
	*s = service_unknown(l->netns);
	s->family = l->family;
	s->lport = l->lport;
	s->device = l->device;
	memcpy(s->laddr, l->laddr, sizeof(s->laddr));
	s->syn_queue = s->accept_queue = s->queue_limit = 0;
	s->half_open = s->acked = s->stuck = 0;
	s->drops_milli = 0;
}

static void add_listener(struct audit_service *s, const struct audit_listener *row)
{
	const struct audit_socket *l = &row->socket;

	s->listeners++;
	/* inet_csk_reqsk_queue_is_full(), sk_acceptq_is_full() */
	s->syn_full += l->syn_queue > l->queue_limit;
	s->accept_full += l->accept_queue > l->queue_limit;
	s->syn_queue += l->syn_queue;
	s->syn_queue_young += l->syn_queue_young;
	s->accept_queue += l->accept_queue;
	s->queue_limit += l->queue_limit;
	if (l->cookie_age_ns < s->cookie_age_ns)
		s->cookie_age_ns = l->cookie_age_ns;
	if (row->drops_milli == AUDIT_NO_RATE)
		s->drops_milli = AUDIT_NO_RATE;
	else if (s->drops_milli != AUDIT_NO_RATE)
		audit_add_rate(&s->drops_milli, row->drops_milli);
	if (!s->owner.pid)
		s->owner = l->owner;
}

/* How fast each refuses; those that are new have no rate. */
static int rate_drops(struct audit *a, const struct audit *recent)
{
	uint64_t ns = a->ts_ns - recent->ts_ns;
	struct hash before;
	uint32_t i, at;
	int err = hash_init(&before);

	for (i = 0; !err && i < recent->n_listeners; i++)
		if (!hash_find(&before, recent->listeners[i].socket.id, &at))
			err = hash_add(&before, recent->listeners[i].socket.id, i);
	for (i = 0; !err && i < a->n_listeners; i++) {
		struct audit_listener *l = &a->listeners[i];

		if (hash_find(&before, l->socket.id, &at))
			l->drops_milli = audit_rate_milli(
				l->socket.drops - recent->listeners[at].socket.drops, 0, ns);
	}
	hash_release(&before);
	return err;
}

static int make_services(struct audit *a)
{
	uint32_t i;

	free(a->services);
	a->n_services = 0;
	a->services = a->n_listeners ? calloc(a->n_listeners, sizeof(*a->services)) : NULL;
	if (a->n_listeners && !a->services)
		return -ENOMEM;
	for (i = 0; i < a->n_listeners; i++) {
		struct audit_listener *l = &a->listeners[i];

		if (!a->n_services || !same_place(&a->services[a->n_services - 1], &l->socket))
			begin_service(&a->services[a->n_services++], &l->socket);
		l->service = a->n_services - 1;
		add_listener(&a->services[l->service], l);
	}
	return 0;
}

static void find_namespaces(struct audit *a)
{
	uint32_t i, j;

	for (i = 0; i < a->n_services; i++) {
		for (j = 0; j < a->n_netns && a->netns[j].netns != a->services[i].netns;)
			j++;
		a->services[i].netns_row = j < a->n_netns ? j : AUDIT_NONE;
	}
}

static uint64_t cookies_sent(const struct audit *look, uint32_t netns)
{
	uint32_t i = 0;

	while (i < look->n_netns && look->netns[i].netns != netns)
		i++;
	if (i == look->n_netns)
		return AUDIT_UNKNOWN;
	return audit_count_of(look->netns[i].counter_milli[COUNTER_COOKIES_SENT], look->window_ns);
}

static void remember_cookies(struct audit *a, const struct audit *recent)
{
	uint32_t i;

	for (i = 0; i < a->n_services; i++)
		if (a->services[i].cookie_age_ns != AUDIT_UNKNOWN)
			a->services[i].cookies_before = cookies_sent(recent, a->services[i].netns);
}

/* ---- half-open connections ------------------------------------------------------------------- */

/*
 * How many different ones a group has in all: listeners may share some, so for several of them the
 * sum is an upper bound, and exact only where the rows are merged below.
 */
static void add_different(uint64_t *to, bool *to_exact, uint64_t n, bool exact)
{
	*to = (*to == AUDIT_UNKNOWN ? 0 : *to) + n;
	*to_exact = *to_exact && exact;
}

static void add_half_open(struct audit_service *s, const struct audit_half_open *h)
{
	s->half_open += h->count;
	s->full += h->full;
	s->acked += h->acked;
	s->stuck += h->stuck;
	s->recent += h->recent;
	s->old_stuck += h->stuck - h->recent;
	s->plain += h->plain;
	s->oldest_ns = audit_longest(s->oldest_ns, h->oldest_ns);
	if (h->newest_ns < s->newest_ns)
		s->newest_ns = h->newest_ns;
	add_different(&s->sources, &s->sources_exact, h->sources, h->sources_exact);
	add_different(&s->prefixes, &s->prefixes_exact, h->prefixes, h->prefixes_exact);
}

/* By the listener's cookie; by nothing else, since a closed one's address may be another's now. */
static int join_half_open(struct audit *a)
{
	struct hash listeners;
	uint32_t i, at;
	int err = hash_init(&listeners);

	for (i = 0; !err && i < a->n_listeners; i++)
		if (a->listeners[i].socket.id &&
		    !hash_find(&listeners, a->listeners[i].socket.id, &at))
			err = hash_add(&listeners, a->listeners[i].socket.id, i);
	for (i = 0; !err && i < a->n_half_open; i++) {
		struct audit_half_open *h = &a->half_open[i];

		h->service = AUDIT_NONE;
		if (!h->listener || !a->services || !hash_find(&listeners, h->listener, &at))
			continue;
		a->listeners[at].half_open = i;
		h->service = a->listeners[at].service;
		add_half_open(&a->services[h->service], h);
	}
	hash_release(&listeners);
	return err;
}

/* ---- handshakes ------------------------------------------------------------------------------ */

static const uint8_t any4[16] = { [10] = 0xff, [11] = 0xff }, any6[16];

/* Whose they are: the listener of that address, or the one of every address. */
static bool find_service(const struct hash *services, const struct audit_handshakes *h,
			 uint32_t *ret)
{
	if (hash_find(services, place_of(h->netns, h->laddr, h->lport), ret))
		return true;
	if (addr_is_mapped(h->laddr) &&
	    hash_find(services, place_of(h->netns, any4, h->lport), ret))
		return true;
	return hash_find(services, place_of(h->netns, any6, h->lport), ret);
}

static void add_rate(int64_t *to, uint64_t now, uint64_t before, uint64_t ns)
{
	audit_add_rate(to, audit_rate_milli(now, before, ns));
}

static void add_handshakes(struct audit_service *s, const struct audit_handshakes *h,
			   const struct audit_handshakes *before, uint64_t ns)
{
	static const struct audit_handshakes none;

	if (!before)
		before = &none;
	add_rate(&s->done_milli, h->done, before->done, ns);
	add_rate(&s->late_milli, h->late, before->late, ns);
	add_rate(&s->resent_milli, h->resent, before->resent, ns);
	add_rate(&s->failing_milli, h->failing, before->failing, ns);
}

static int index_places(const struct audit *a, const struct audit *earlier, struct hash *services,
			struct hash *before)
{
	uint32_t i;
	int err = 0;

	for (i = 0; !err && i < a->n_services; i++) {
		err = hash_add(services, service_key(&a->services[i]), i);
	}
	for (i = 0; !err && i < earlier->n_handshakes; i++) {
		const struct audit_handshakes *h = &earlier->handshakes[i];

		err = hash_add(before, place_of(h->netns, h->laddr, h->lport), i);
	}
	return err;
}

static int join_handshakes(struct audit *a, const struct audit *earlier)
{
	uint64_t ns = a->ts_ns - earlier->ts_ns;
	struct hash services, before = { 0 };
	uint32_t i, at, was;
	int err = hash_init(&services);

	if (!err)
		err = hash_init(&before);
	if (!err)
		err = index_places(a, earlier, &services, &before);
	for (i = 0; !err && i < a->n_services; i++) {
		struct audit_service *s = &a->services[i];

		s->done_milli = s->late_milli = s->resent_milli = s->failing_milli = 0;
	}
	for (i = 0; !err && i < a->n_handshakes; i++) {
		const struct audit_handshakes *h = &a->handshakes[i];

		if (!find_service(&services, h, &at))
			continue;
		add_handshakes(&a->services[at], h,
			       hash_find(&before, place_of(h->netns, h->laddr, h->lport), &was) ?
				       &earlier->handshakes[was] :
				       NULL,
			       ns);
	}
	hash_release(&services);
	hash_release(&before);
	return err;
}

/* ---- looks without a walk -------------------------------------------------------------------- */

static void carry_sources(struct audit_service *s, const struct audit_service *then)
{
	s->plain = then->plain;
	s->old_stuck = then->old_stuck;
	s->oldest_ns = then->oldest_ns;
	s->newest_ns = then->newest_ns;
	s->sources = then->sources;
	s->prefixes = then->prefixes;
	s->sources_exact = then->sources_exact;
	s->prefixes_exact = then->prefixes_exact;
	s->spread = then->spread;
	memcpy(s->spread_addr, then->spread_addr, sizeof(s->spread_addr));
	s->spread_bits = then->spread_bits;
	s->spread_family = then->spread_family;
	s->spread_device = then->spread_device;
	s->spread_percent = then->spread_percent;
	s->walked_ns = then->walked_ns;
}

/* then: the same service in an earlier look; NULL: it was not there, or too long ago. */
static void carry(struct audit_service *s, const struct audit_service *then)
{
	uint64_t timed_out =
		s->syn_queue > s->syn_queue_young ? s->syn_queue - s->syn_queue_young : 0;

	if (then) {
		carry_sources(s, then);
		s->acked = then->acked < timed_out ? then->acked : timed_out;
	}
	s->half_open = s->syn_queue;
	s->stuck = timed_out - s->acked;
}

/*
 * How long it took until the mark of cookies was renewed. Looks that are further apart than it is
 * from one time to the next may have missed one.
 */
static uint64_t cookie_gap(const struct audit_service *s, uint64_t ts_ns,
			   const struct audit_service *then, uint64_t then_ns)
{
	const uint64_t same_ns = SERVICE_COOKIES_NS / 2; /* what a slow walk makes of one time */
	uint64_t before;

	if (s->cookie_age_ns == AUDIT_UNKNOWN || then->cookie_age_ns == AUDIT_UNKNOWN)
		return AUDIT_UNKNOWN;
	before = then->cookie_age_ns + ts_ns - then_ns;
	if (before < s->cookie_age_ns + same_ns)
		return then->cookie_gap_ns;
	return ts_ns - then_ns <= SERVICE_COOKIES_NS ? before - s->cookie_age_ns : AUDIT_UNKNOWN;
}

/* By key: which of a look's services. */
static int index_services(struct hash *h, const struct audit *a)
{
	uint32_t i;
	int err = hash_init(h);

	for (i = 0; !err && a && i < a->n_services; i++)
		err = hash_add(h, service_key(&a->services[i]), i);
	return err;
}

static const struct audit_service *same_service(const struct hash *h, const struct audit *a,
						const struct audit_service *s)
{
	uint32_t at;

	return a && hash_find(h, service_key(s), &at) ? &a->services[at] : NULL;
}

static bool has_walked(const struct audit *a, const struct audit_service *s)
{
	return s->netns_row != AUDIT_NONE && a->netns[s->netns_row].walked;
}

static int carry_over(struct audit *a, const struct audit *whole, const struct audit *recent)
{
	struct hash in_whole, in_recent = { 0 };
	uint32_t i;
	int err = index_services(&in_whole, whole);

	if (!err)
		err = index_services(&in_recent, recent);
	for (i = 0; !err && i < a->n_services; i++) {
		struct audit_service *s = &a->services[i];
		const struct audit_service *w = same_service(&in_whole, whole, s);
		const struct audit_service *then = same_service(&in_recent, recent, s);

		if (!s->owner.pid && w)
			s->owner = w->owner;
		if (then) {
			s->done_before = then->done_milli;
			s->cookie_gap_ns = cookie_gap(s, a->ts_ns, then, recent->ts_ns);
		}
		if (has_walked(a, s) || s->half_open) {
			s->walked_ns = a->ts_ns;
			continue;
		}
		if (!then || (w && w->walked_ns > then->walked_ns))
			then = w;
		carry(s, then && then->walked_ns + SERVICE_WALK_NS > a->ts_ns ? then : NULL);
	}
	hash_release(&in_whole);
	hash_release(&in_recent);
	return err;
}

int service_settle(struct audit *a, const struct audit *whole, const struct audit *recent)
{
	int err = 0;

	if (recent && a->ts_ns <= recent->ts_ns)
		recent = NULL;
	if (recent)
		err = rate_drops(a, recent);
	if (!err)
		err = make_services(a);
	if (err)
		return err;
	find_namespaces(a);
	if (recent)
		remember_cookies(a, recent);
	spread_count(a);
	err = join_half_open(a);
	if (err)
		return err;
	spread_settle(a);
	err = carry_over(a, whole, recent);
	if (!err && recent && recent->covers & a->covers & AUDIT_HANDSHAKES)
		err = join_handshakes(a, recent);
	return err;
}
