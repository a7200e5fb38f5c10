// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "census_inside.h"
#include "jiffies.h"
#include "scan.h"
#include "select.h"

/* ---- owners ---------------------------------------------------------------------------------- */

static int keep_owner(void *ctx, const struct tcs_wire_scan *row)
{
	return older_add(ctx, row);
}

/* The holders of all sockets that have a mark; none where they stay unknown. */
static int find_owners(struct census *c)
{
	struct failure why;

	if (!c->owners && older_new(&c->owners))
		return -ENOMEM;
	older_forget(c->owners);
	if (!c->scan || scan_walk(c->scan, SCAN_MARKED, 0, keep_owner, c->owners, &why))
		c->blind.owners_unknown = true;
	older_settle(c->owners);
	return 0;
}

void census_forget_owners(struct census *c)
{
	if (c->owners)
		c->blind.skipped += older_skipped(c->owners);
	older_free(c->owners);
	c->owners = NULL;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static_assert((int)TCS_CENSUS_HANDSHAKES == AUDIT_HAS_HANDSHAKES &&
		      (int)TCS_CENSUS_INET4 == AUDIT_INET4 &&
		      (int)TCS_CENSUS_V6ONLY == AUDIT_V6ONLY &&
		      (int)TCS_CENSUS_SHARED == AUDIT_SHARED &&
		      (int)TCS_CENSUS_MPTCP == AUDIT_MPTCP &&
		      (int)TCS_CENSUS_ATTACHED == AUDIT_ATTACHED &&
		      (int)TCS_CENSUS_DETACHED == AUDIT_DETACHED,
	      "handed on as they are");

static bool is_half_closed(uint8_t state)
{
	return state == TCS_CLOSE_WAIT || state == TCS_FIN_WAIT2;
}

/* At least 1: 0 is unknown. */
static uint32_t payload_ms(const struct census *c, const struct tcs_wire_census *row)
{
	uint64_t ms = jiffies_age_ns(row->payload, row->idle_s, c->hz) / 1000000 + 1;

	return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

static void take_row(const struct census *c, const struct tcs_wire_census *row, uint32_t netns,
		     struct audit_socket *ret)
{
	*ret = (struct audit_socket){
		.id = row->id,
		.netns = netns,
		.lport = row->lport,
		.rport = row->rport,
		.state = row->state,
		.family = row->family,
		.stalled = row->stalled,
		.quiet_ns = AUDIT_UNKNOWN,
		.in_state_ns = AUDIT_UNKNOWN,
		.cookie_age_ns = AUDIT_UNKNOWN,
		.uid = row->uid,
		.cgroup = row->cgroup,
		.syn_queue = row->syn_queue,
		.syn_queue_young = row->syn_queue_young,
		.accept_queue = row->accept_queue,
		.queue_limit = row->queue_limit,
		.drops = row->drops,
		.flags = row->flags,
		.netns_cookie = row->netns_cookie,
		.device = row->device,
		.done = row->handshakes.done,
		.late = row->handshakes.late,
		.resent = row->handshakes.resent,
		.failing = row->handshakes.failing,
	};
	memcpy(ret->laddr, row->laddr, sizeof(ret->laddr));
	memcpy(ret->raddr, row->raddr, sizeof(ret->raddr));
	if (c->hz && row->state != TCS_LISTEN)
		ret->quiet_ns = jiffies_age_ns(row->quiet, row->idle_s, c->hz);
	if (c->hz && row->id && is_half_closed(row->state))
		ret->payload_ms = payload_ms(c, row);
	if (c->hz && row->state == TCS_LISTEN && row->cookie_age != TCS_CENSUS_NEVER)
		ret->cookie_age_ns = row->cookie_age * NS_PER_S / c->hz;
	if (row->since_ns && row->since_ns <= c->now_ns)
		ret->in_state_ns = c->now_ns - row->since_ns;
	owner_of_wire(&row->owner, &ret->owner);
}

int census_emit(struct census *c, const void *record, size_t len)
{
	return c->fn(c->fn_ctx, record, len);
}

/* Its descriptors are counted when the look is over. */
static int note_holder(struct census *c, uint32_t pid)
{
	uint32_t at;

	if (!pid || !c->pids_are_ours || hash_find(&c->seen, pid, &at))
		return 0;
	if (c->n_holders == CENSUS_HOLDERS_MAX)
		return 0; /* their descriptors stay unknown */
	c->holders[c->n_holders++] = pid;
	return hash_add(&c->seen, pid, 0);
}

static int emit_socket(struct census *c, const struct audit_socket *s)
{
	struct record_socket record = { .head.kind = RECORD_SOCKET, .socket = *s };
	int err = is_half_closed(s->state) ? note_holder(c, s->owner.pid) : 0;

	if (err || !select_owner(c->config.filter, &s->owner))
		return err;
	return census_emit(c, &record, sizeof(record));
}

/*
 * Findings name the owner of such a socket. The process that acted on it may have passed it on, or
 * exited: it is looked up among the open files, whatever a note says.
 */
static bool wants_holder(const struct census *c, const struct audit_socket *s)
{
	const struct audit_config *audit = &c->config.audit;

	return s->state == TCS_LISTEN || is_half_closed(s->state) ||
	       (audit->stalled && s->stalled >= audit->stalled);
}

/* The process that acted on the socket is its holder; an inherited one may have passed it on. */
static bool owner_is_sure(const struct census *c, const struct audit_socket *s)
{
	return s->owner.source == OWNER_CACHED && !wants_holder(c, s);
}

static void find_owner(const struct census *c, struct audit_socket *s)
{
	const struct older_socket socket = {
		.id = s->id,
		.laddr = s->laddr,
		.netns = s->netns,
		.device = s->device,
		.lport = s->lport,
	};

	if (wants_holder(c, s))
		s->owner = (struct owner){ 0 };
	if (s->id)
		(void)older_owner(c->owners, &socket, &s->owner);
}

/*
 * The open files are walked when the sockets have been: only those of the rows are looked at, and
 * a host where no row needs it is not walked at all.
 */
int census_emit_waiting(struct census *c)
{
	struct audit_socket s;
	uint32_t i;
	int err = c->n_waiting ? find_owners(c) : 0;

	for (i = 0; !err && i < c->n_waiting; i++) {
		take_row(c, &c->waiting[i].row, c->waiting[i].netns, &s);
		find_owner(c, &s);
		err = emit_socket(c, &s);
	}
	c->n_waiting = 0;
	return err;
}

static int grow_waiting(struct census *c)
{
	uint32_t more = c->cap_waiting ? c->cap_waiting * 2 : 1024;
	void *grown = realloc(c->waiting, more * sizeof(*c->waiting));

	if (!grown)
		return -ENOMEM;
	c->waiting = grown;
	c->cap_waiting = more;
	return 0;
}

static int add_waiting(struct census *c, const struct tcs_wire_census *row, uint32_t netns)
{
	int err = 0;

	if (c->n_waiting == CENSUS_ROWS_MAX)
		err = census_emit_waiting(c);
	if (!err && c->n_waiting == c->cap_waiting)
		err = grow_waiting(c);
	if (!err)
		c->waiting[c->n_waiting++] = (struct census_waiting){ .row = *row, .netns = netns };
	return err;
}

static int emit_request(struct census *c, const struct tcs_wire_census *row)
{
	struct record_request record = {
		.head.kind = RECORD_REQUEST,
		.request = {
			.age_ns = census_ns_of_us(row->age_us),
			.netns = c->here.netns,
			.lport = row->lport,
			.rport = row->rport,
			.family = row->family,
			.retransmits = row->retransmits,
			.acked = row->acked,
			.device = row->device,
		},
	};

	memcpy(record.request.laddr, row->laddr, sizeof(record.request.laddr));
	memcpy(record.request.raddr, row->raddr, sizeof(record.request.raddr));
	return census_emit(c, &record, sizeof(record));
}

int census_add_row(struct census *c, const struct tcs_wire_census *walked)
{
	struct tcs_wire_census row = *walked;
	struct audit_socket s;
	int err = 0;

	if (!row.state)
		return 0; /* only filled the buffer */
	row.netns_cookie = c->here.netns_cookie;
	take_row(c, &row, c->here.netns, &s);
	if (row.state == TCS_SYN_RECV && c->config.each_half_open && !c->config.audit.count_rows)
		err = emit_request(c, &row);
	if (err || (row.state == TCS_SYN_RECV && !census_counts_by_owner(c)))
		return err;
	if (owner_is_sure(c, &s))
		return emit_socket(c, &s);
	return add_waiting(c, &row, c->here.netns);
}

int census_add_listener(struct census *c, const struct tcs_wire_census *row)
{
	uint32_t netns = c->config.filter->netns;
	struct audit_socket s;

	if (!row->state || (netns && netns != row->netns))
		return 0;
	if (c->verify)
		return add_waiting(c, row, row->netns);
	take_row(c, row, row->netns, &s);
	return emit_socket(c, &s);
}
