// SPDX-License-Identifier: GPL-2.0-only
/*
 * The gate: which records are taken, and that a refused one leaves no trace. Each record is given
 * in memory that is exactly as long as it claims to be, so that ASan sees a byte read too many.
 */
#include <errno.h>

#include "event.h"
#include "states.h"
#include "unit.h"

#define LEN_MAX (TCS_WIRE_MAX + 64)

/* The largest record of each kind, as the kernel side would fill it. */
union record {
	struct {
		struct tcs_wire_state head;
		struct tcs_wire_owner owner;
		struct tcs_wire_facts facts;
		struct tcs_wire_cookies cookies;
		struct tcs_wire_totals totals;
	} state;
	struct tcs_wire_synack synack;
	struct tcs_wire_reset reset;
	struct tcs_wire_gone gone;
	uint8_t bytes[LEN_MAX];
};

#define HAS_FULL (TCS_F_HAS_OWNER | TCS_F_HAS_FACTS | TCS_F_HAS_COOKIES)
#define HAS_ALL	 (HAS_FULL | TCS_F_HAS_TOTALS)

static union record state_record(unsigned int from, unsigned int to, unsigned int flags)
{
	union record r = { 0 };

	r.state.head = (struct tcs_wire_state){
		.kind = TCS_WIRE_STATE,
		.old_state = from & 0xff,
		.new_state = to & 0xff,
		.flags = flags & 0xffff,
		.lport = 80,
		.ts_ns = 1,
		.id = 7,
		.seq = 1,
	};
	r.state.owner = (struct tcs_wire_owner){ .pid = 1180, .source = TCS_OWNER_TASK };
	r.state.facts = (struct tcs_wire_facts){
		.family = 4,
		.laddr = V4(10, 0, 0, 7),
		.raddr = V4(10, 0, 0, 9),
		.rport = 443,
	};
	return r;
}

static union record synack_record(void)
{
	union record r = { 0 };

	r.synack = (struct tcs_wire_synack){
		.kind = TCS_WIRE_SYNACK,
		.family = 4,
		.retransmits = 1,
		.laddr = V4(10, 0, 0, 7),
		.raddr = V4(198, 51, 100, 4),
		.lport = 80,
		.rport = 40012,
		.queue_limit = 256,
	};
	return r;
}

static union record reset_record(void)
{
	union record r = { 0 };

	r.reset = (struct tcs_wire_reset){ .kind = TCS_WIRE_RESET, .ts_ns = 1, .id = 7 };
	return r;
}

static union record gone_record(void)
{
	union record r = { 0 };

	r.gone = (struct tcs_wire_gone){ .kind = TCS_WIRE_GONE, .ts_ns = 1, .id = 7 };
	return r;
}

/* Decodes a copy of exactly len bytes; malloc() aligns it. The copy is gone afterwards. */
static int decode(const union record *r, size_t len, struct event *ret)
{
	void *copy = malloc(len + !len);
	int err;

	assert_non_null(copy);
	memcpy(copy, r, len);
	err = event_decode(copy, len, ret);
	free(copy);
	return err;
}

static bool taken(const union record *r, size_t len)
{
	static const struct event marked = { .reset = (const void *)8 };
	struct event ev = marked;
	int err = decode(r, len, &ev);

	if (!err)
		return true;
	assert_int_equal(err, -EINVAL);
	assert_memory_equal(&ev, &marked, sizeof(ev)); /* untouched */
	return false;
}

static size_t length_of(unsigned int flags)
{
	return sizeof(struct tcs_wire_state) +
	       (flags & TCS_F_HAS_OWNER ? sizeof(struct tcs_wire_owner) : 0) +
	       (flags & TCS_F_HAS_FACTS ? sizeof(struct tcs_wire_facts) : 0) +
	       (flags & TCS_F_HAS_COOKIES ? sizeof(struct tcs_wire_cookies) : 0) +
	       (flags & TCS_F_HAS_TOTALS ? sizeof(struct tcs_wire_totals) : 0);
}

static void a_state_record_is_as_long_as_its_blocks_say(void **unused)
{
	static const unsigned int shapes[] = {
		0,	  TCS_F_HAS_OWNER, TCS_F_HAS_TOTALS, TCS_F_HAS_OWNER | TCS_F_HAS_FACTS,
		HAS_FULL, HAS_ALL,
	};

	(void)unused;
	assert_int_equal(length_of(0), TCS_WIRE_SHORT);
	assert_int_equal(length_of(TCS_F_HAS_OWNER), TCS_WIRE_OWNER);
	assert_int_equal(length_of(TCS_F_HAS_TOTALS), TCS_WIRE_CLOSE);
	assert_int_equal(length_of(HAS_FULL), TCS_WIRE_FULL);
	assert_int_equal(length_of(HAS_ALL), TCS_WIRE_MAX);

	for (size_t i = 0; i < COUNT(shapes); i++) {
		union record r = state_record(TCS_LAST_ACK, TCS_CLOSE, shapes[i]);

		/* Where the flags promise no owner, what follows the head is not taken for one. */
		if (!(shapes[i] & TCS_F_HAS_OWNER))
			memset(&r.state.owner, 0xff, sizeof(r.state.owner));
		for (size_t len = 0; len <= LEN_MAX; len++)
			if (taken(&r, len) != (len == length_of(shapes[i])))
				fail_msg("flags %x, %zu bytes", shapes[i], len);
	}
}

static void blocks_are_found_behind_the_head_in_their_order(void **unused)
{
	static const struct {
		unsigned int flags;
		size_t owner, facts, cookies, totals; /* where each begins; 0: not there */
	} want[] = {
		{ 0, 0, 0, 0, 0 },
		{ TCS_F_HAS_OWNER, 40, 0, 0, 0 },
		{ TCS_F_HAS_TOTALS, 0, 0, 0, 40 },
		{ TCS_F_HAS_OWNER | TCS_F_HAS_FACTS, 40, 64, 0, 0 },
		{ HAS_FULL, 40, 64, 128, 0 },
		{ HAS_ALL, 40, 64, 128, 144 },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(want); i++) {
		union record r = state_record(TCS_LAST_ACK, TCS_CLOSE, want[i].flags);
		const uint8_t *at = r.bytes;
		struct event ev;

		assert_int_equal(event_decode(&r, length_of(want[i].flags), &ev), 0);
		assert_ptr_equal(ev.state, &r);
		assert_ptr_equal(ev.owner, want[i].owner ? at + want[i].owner : NULL);
		assert_ptr_equal(ev.facts, want[i].facts ? at + want[i].facts : NULL);
		assert_ptr_equal(ev.cookies, want[i].cookies ? at + want[i].cookies : NULL);
		assert_ptr_equal(ev.totals, want[i].totals ? at + want[i].totals : NULL);
		assert_null(ev.synack);
		assert_null(ev.reset);
		assert_null(ev.gone);
		assert_null(ev.killed);
	}
}

static void records_of_fixed_length_are_taken_at_that_length_only(void **unused)
{
	union record synack = synack_record(), reset = reset_record(), gone = gone_record();
	union record killed = reset;

	(void)unused;
	killed.reset.kind = TCS_WIRE_KILLED;
	for (size_t len = 0; len <= LEN_MAX; len++) {
		assert_int_equal(taken(&killed, len), len == sizeof(struct tcs_wire_reset));
		assert_int_equal(taken(&synack, len), len == sizeof(struct tcs_wire_synack));
		assert_int_equal(taken(&reset, len), len == sizeof(struct tcs_wire_reset));
		assert_int_equal(taken(&gone, len), len == sizeof(struct tcs_wire_gone));
	}
}

static void an_event_is_of_one_kind(void **unused)
{
	union record synack = synack_record(), reset = reset_record(), gone = gone_record();
	struct event ev;

	(void)unused;
	assert_int_equal(event_decode(&synack, sizeof(synack.synack), &ev), 0);
	assert_ptr_equal(ev.synack, &synack);
	assert_null(ev.state);
	assert_null(ev.reset);
	assert_null(ev.owner);
	assert_null(ev.facts);
	assert_null(ev.totals);

	assert_int_equal(event_decode(&reset, sizeof(reset.reset), &ev), 0);
	assert_ptr_equal(ev.reset, &reset);
	assert_null(ev.state);
	assert_null(ev.synack);

	assert_int_equal(event_decode(&gone, sizeof(gone.gone), &ev), 0);
	assert_ptr_equal(ev.gone, &gone);
	assert_null(ev.state);
	assert_null(ev.reset);
}

static void unknown_kinds_are_refused_at_every_length(void **unused)
{
	(void)unused;
	for (unsigned int kind = 0; kind < 256; kind++) {
		union record r = state_record(TCS_LAST_ACK, TCS_CLOSE, 0);

		if (kind >= TCS_WIRE_STATE && kind < TCS_WIRE_KIND_MAX)
			continue;
		r.state.head.kind = (uint8_t)kind;
		for (size_t len = 0; len <= TCS_WIRE_MAX; len++)
			assert_false(taken(&r, len));
	}
}

/* A full socket's states and no others; old and new differ. */
static void states_that_a_full_socket_cannot_have_are_refused(void **unused)
{
	(void)unused;
	for (unsigned int from = 0; from < 256; from++) {
		for (unsigned int to = 0; to < 256; to++) {
			union record r = state_record(from, to, 0);
			bool valid = from >= 1 && from <= TCS_CLOSING && to >= 1 &&
				     to <= TCS_CLOSING && from != to;

			/* See the next test. */
			if (from == TCS_TIME_WAIT || to == TCS_TIME_WAIT)
				continue;
			if (taken(&r, TCS_WIRE_SHORT) != valid)
				fail_msg("%u -> %u", from, to);
		}
	}
}

/* tcs_wire.h, new_state: "what the kernel said; never TIME_WAIT". We infer it. */
static void time_wait_is_never_in_a_record(void **unused)
{
	(void)unused;
	for (unsigned int other = TCS_ESTABLISHED; other <= TCS_CLOSING; other++) {
		union record to = state_record(other, TCS_TIME_WAIT, 0);
		union record from = state_record(TCS_TIME_WAIT, other, 0);

		if (taken(&to, TCS_WIRE_SHORT))
			fail_msg("%s -> TIME_WAIT is taken", state_name(other));
		if (taken(&from, TCS_WIRE_SHORT))
			fail_msg("TIME_WAIT -> %s is taken", state_name(other));
	}
}

/* tcs_wire.h: totals are added to -> CLOSE. Elsewhere flags and states contradict each other. */
static void totals_come_with_a_close_only(void **unused)
{
	(void)unused;
	for (unsigned int to = TCS_ESTABLISHED; to <= TCS_CLOSING; to++) {
		union record r = state_record(to == TCS_FIN_WAIT1 ? TCS_ESTABLISHED : TCS_FIN_WAIT1,
					      to, HAS_ALL);

		if (to == TCS_TIME_WAIT)
			continue;
		if (taken(&r, TCS_WIRE_MAX) != (to == TCS_CLOSE))
			fail_msg("totals with -> %s", state_name(to));
	}
}

static void cookies_come_with_facts_only(void **unused)
{
	union record r = state_record(TCS_ESTABLISHED, TCS_CLOSE_WAIT, TCS_F_HAS_COOKIES);

	(void)unused;
	assert_false(taken(&r, length_of(TCS_F_HAS_COOKIES)));
	r = state_record(TCS_ESTABLISHED, TCS_CLOSE_WAIT, HAS_FULL);
	assert_true(taken(&r, TCS_WIRE_FULL));
}

/* tcs_wire.h: CLOSE -> SYN_SENT or LISTEN -> SYN_RECV, told by the event that follows it. */
static void a_deferred_event_was_the_way_into_syn_sent_or_syn_recv(void **unused)
{
	(void)unused;
	for (unsigned int from = TCS_ESTABLISHED; from <= TCS_CLOSING; from++) {
		union record r = state_record(from, from == TCS_CLOSE ? TCS_SYN_SENT : TCS_CLOSE,
					      TCS_F_DEFERRED);

		if (from == TCS_TIME_WAIT)
			continue;
		if (taken(&r, TCS_WIRE_SHORT) != (from == TCS_SYN_SENT || from == TCS_SYN_RECV))
			fail_msg("a deferred event before %s -> %s", state_name(from),
				 state_name(r.state.head.new_state));
	}
}

static void a_socket_without_an_id_is_refused(void **unused)
{
	union record r = state_record(TCS_LAST_ACK, TCS_CLOSE, 0);

	(void)unused;
	r.state.head.id = 0;
	assert_false(taken(&r, TCS_WIRE_SHORT));
	r.state.head.id = UINT64_MAX;
	assert_true(taken(&r, TCS_WIRE_SHORT));
}

static void families_are_4_or_6(void **unused)
{
	(void)unused;
	for (unsigned int family = 0; family < 256; family++) {
		union record r = state_record(TCS_CLOSE, TCS_SYN_SENT, HAS_FULL);
		union record synack = synack_record();

		r.state.facts.family = (uint8_t)family;
		synack.synack.family = (uint8_t)family;
		assert_int_equal(taken(&r, TCS_WIRE_FULL), family == 4 || family == 6);
		assert_int_equal(taken(&synack, sizeof(synack.synack)), family == 4 || family == 6);
	}
}

static void owner_sources_beyond_the_last_are_refused(void **unused)
{
	(void)unused;
	for (unsigned int source = 0; source < 256; source++) {
		union record r = state_record(TCS_CLOSE, TCS_LISTEN, TCS_F_HAS_OWNER);
		union record synack = synack_record();

		r.state.owner.source = (uint8_t)source;
		synack.synack.owner.source = (uint8_t)source;
		assert_int_equal(taken(&r, TCS_WIRE_OWNER), source < TCS_OWNER_MAX);
		assert_int_equal(taken(&synack, sizeof(synack.synack)), source < TCS_OWNER_MAX);
	}
}

/* Every value of flags at every length: taken only where blocks and length agree, if at all. */
static void no_value_of_flags_takes_a_record_of_another_length(void **unused)
{
	static const size_t lengths[] = { TCS_WIRE_SHORT,     TCS_WIRE_OWNER,	 TCS_WIRE_CLOSE,
					  TCS_WIRE_FULL,      TCS_WIRE_MAX,	 TCS_WIRE_SHORT - 8,
					  TCS_WIRE_SHORT + 8, TCS_WIRE_FULL + 8, TCS_WIRE_MAX + 8 };

	(void)unused;
	for (unsigned int flags = 0; flags < 0x10000; flags++) {
		union record r = state_record(TCS_ESTABLISHED, TCS_CLOSE, flags);

		for (size_t i = 0; i < COUNT(lengths); i++) {
			struct event ev;

			/* zero bytes are a valid owner, but no valid facts */
			if (!event_decode(&r, lengths[i], &ev))
				assert_int_equal(lengths[i], length_of(flags));
		}
	}
}

static void random_bytes_are_refused_or_taken_but_never_read_beyond(void **unused)
{
	uint64_t seed = 11;
	unsigned int n_taken = 0;

	(void)unused;
	for (int i = 0; i < 200000; i++) {
		union record r;
		size_t len = random_next(&seed) % (LEN_MAX + 1);

		for (size_t at = 0; at < sizeof(r.bytes); at += 8) {
			uint64_t word = random_next(&seed);

			memcpy(r.bytes + at, &word, 8);
		}
		r.bytes[0] &= 3;
		if (i & 1) { /* half of them nearly right */
			r.bytes[2] &= 15;
			r.bytes[3] &= 15;
			r.state.head.flags &= 0x7fff;
			len = length_of(r.state.head.flags);
		}
		n_taken += taken(&r, len);
	}
	assert_int_not_equal(n_taken, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_state_record_is_as_long_as_its_blocks_say),
		cmocka_unit_test(blocks_are_found_behind_the_head_in_their_order),
		cmocka_unit_test(records_of_fixed_length_are_taken_at_that_length_only),
		cmocka_unit_test(an_event_is_of_one_kind),
		cmocka_unit_test(unknown_kinds_are_refused_at_every_length),
		cmocka_unit_test(states_that_a_full_socket_cannot_have_are_refused),
		cmocka_unit_test(time_wait_is_never_in_a_record),
		cmocka_unit_test(totals_come_with_a_close_only),
		cmocka_unit_test(cookies_come_with_facts_only),
		cmocka_unit_test(a_deferred_event_was_the_way_into_syn_sent_or_syn_recv),
		cmocka_unit_test(a_socket_without_an_id_is_refused),
		cmocka_unit_test(families_are_4_or_6),
		cmocka_unit_test(owner_sources_beyond_the_last_are_refused),
		cmocka_unit_test(no_value_of_flags_takes_a_record_of_another_length),
		cmocka_unit_test(random_bytes_are_refused_or_taken_but_never_read_beyond),
	};

	return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
