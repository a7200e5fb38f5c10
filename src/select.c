// SPDX-License-Identifier: GPL-2.0-only
#include "select.h"

#include <string.h>

struct endpoints {
	const uint8_t *laddr, *raddr;
	uint16_t lport, rport; /* 0 unknown, or none */
	uint8_t family;	       /* 0 unknown */
};

static bool owner_selected(const struct filter *f, uint32_t pid, const char *comm)
{
	if (f->has_pid && f->pid != pid)
		return false;
	return !f->has_comm || (pid && !strncmp(f->comm, comm, FILTER_COMM_LEN - 1));
}

static bool endpoints_selected(const struct filter *f, const struct endpoints *e)
{
	if (f->family && f->family != e->family)
		return false;
	if (f->lport.any_set && (!e->lport || !portset_has(&f->lport, e->lport)))
		return false;
	if (f->rport.any_set && (!e->rport || !portset_has(&f->rport, e->rport)))
		return false;
	if (f->src.set && (!e->family || !prefix_has(&f->src, e->laddr)))
		return false;
	return !f->dst.set || (e->family && e->rport && prefix_has(&f->dst, e->raddr));
}

static bool socket_selected(const struct filter *f, const struct change *ch)
{
	const struct conn *c = ch->conn;
	struct endpoints e = {
		.laddr = c->laddr,
		.raddr = c->raddr,
		.lport = ch->lport,
		.rport = c->rport,
		.family = c->family,
	};

	return filter_has_netns(f, c->netns, c->netns_cookie) &&
	       (!f->has_uid || (c->family && f->uid == c->uid)) &&
	       owner_selected(f, ch->owner.pid, ch->owner.comm) && endpoints_selected(f, &e);
}

/* A state that is not known may be either: what a filter cannot judge it lets pass. */
static bool states_selected(const struct state_set *set, unsigned int old_state,
			    unsigned int new_state)
{
	if (new_state)
		return state_set_match(set, old_state, new_state);
	return state_set_match(set, old_state ? old_state : TCS_TIME_WAIT, TCS_TIME_WAIT) ||
	       state_set_match(set, old_state ? old_state : TCS_CLOSE, TCS_CLOSE);
}

bool select_change(const struct filter *f, const struct change *change)
{
	return states_selected(&f->states, change->old_state, change->new_state) &&
	       socket_selected(f, change);
}

bool select_connection(const struct filter *f, const struct connection *connection)
{
	const struct conn *c = connection->conn;
	struct state_set include = { .include = f->states.include };
	struct state_set exclude = { .exclude = f->states.exclude };
	bool met = !include.include;
	unsigned int i;

	for (i = 0; i < c->path_len; i++) {
		unsigned int state = c->path[i].state;

		met |= states_selected(&include, state, state);
		if (!states_selected(&exclude, state, state))
			return false;
	}
	return met && socket_selected(f, connection->last);
}

bool select_synack(const struct filter *f, const struct tcs_wire_synack *s)
{
	struct endpoints e = {
		.laddr = s->laddr,
		.raddr = s->raddr,
		.lport = s->lport,
		.rport = s->rport,
		.family = s->family,
	};

	return state_set_match(&f->states, TCS_SYN_RECV, TCS_SYN_RECV) &&
	       filter_has_netns(f, s->netns, s->netns_cookie) &&
	       (!f->has_uid || f->uid == s->uid) &&
	       owner_selected(f, s->owner.pid, s->owner.comm) && endpoints_selected(f, &e);
}

bool select_owner(const struct filter *f, const struct owner *o)
{
	if (f->has_pid && o->pid != f->pid)
		return false;
	return !f->has_comm || !strncmp(o->comm, f->comm, sizeof(o->comm));
}

bool select_place(const struct filter *f, const struct audit_place *p)
{
	if (f->family && f->family != p->family)
		return false;
	if (f->lport.any_set && (!p->lport || !portset_has(&f->lport, p->lport)))
		return false;
	if (f->src.set && !prefix_has(&f->src, p->laddr))
		return false;
	if (f->dst.set && (!p->rport || !prefix_has(&f->dst, p->raddr)))
		return false;
	return portset_has(&f->rport, p->rport);
}
