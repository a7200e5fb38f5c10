/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_EVENT_H
#define TCS_EVENT_H

/*
 * event.h - a wire record, checked
 *
 * Records come from our own BPF programs or from a file that anybody may have made. event_decode()
 * is the one gate: lengths, kinds, states, flags and ports that contradict each other are refused,
 * so that nothing behind it has to check again. An event points into the record it was made from
 * and lives as long as that.
 *
 * Pure: no I/O, no allocation.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../bpf/tcs_wire.h"

struct event {
	const struct tcs_wire_state *state;   /* TCS_WIRE_STATE */
	const struct tcs_wire_synack *synack; /* TCS_WIRE_SYNACK */
	const struct tcs_wire_reset *reset;   /* TCS_WIRE_RESET */
	const struct tcs_wire_gone *gone;     /* TCS_WIRE_GONE */
	const struct tcs_wire_reset *killed;  /* TCS_WIRE_KILLED */

	/* With a state: NULL when the record does not carry the block. */
	const struct tcs_wire_owner *owner;
	const struct tcs_wire_facts *facts;
	const struct tcs_wire_cookies *cookies; /* NULL: up to format 2.1; id is the cookie */
	const struct tcs_wire_totals *totals;
};

/*
 * record must be aligned to 8 bytes. 0, or -EINVAL (and *ret untouched).
 */
int event_decode(const void *record, size_t len, struct event *ret);

/* An id that `ss -e` shows too: up to format 2.1 the id of a socket was its cookie. */
static inline bool event_id_is_cookie(uint64_t id)
{
	return id && !(id & TCS_ID_OWN);
}

static inline uint32_t event_srtt_us(const struct tcs_wire_state *s)
{
	return s->srtt_us & TCS_SRTT_MASK;
}

/* Bits of TCS_M_*. */
static inline uint32_t event_more(const struct tcs_wire_state *s)
{
	return s->srtt_us & ~TCS_SRTT_MASK;
}

#endif /* TCS_EVENT_H */
