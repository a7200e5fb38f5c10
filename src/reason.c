// SPDX-License-Identifier: GPL-2.0-only
#include "reason.h"

#include <errno.h>
#include <stddef.h>

#include "../bpf/tcs_wire.h"
#include "state.h"

static const char *const names[REASON_MAX] = {
#define X(id, name, meaning) [REASON_##id] = name,
#include "reason.def"
#undef X
};

const char *reason_name(enum reason reason)
{
	return reason < REASON_MAX ? names[reason] : NULL;
}

/*
 * The errno that ended the connection. In FIN_WAIT2 nothing is sent that could time out, and in
 * LAST_ACK the acknowledgment of everything is the end (tcp_rcv_state_process()): an ICMP error is
 * an old one there. Elsewhere old ones do not come with the record (format 2.2).
 */
static uint8_t err_of_close(const struct reason_facts *f)
{
	bool orderly = f->old_state == TCS_LAST_ACK && f->flags & TCS_F_ALL_ACKED;
	bool idle = f->old_state == TCS_FIN_WAIT2 && f->flags & TCS_F_DEAD;

	if (!orderly && !idle)
		return f->err;
	return f->err == ECONNRESET || f->err == ECONNABORTED || f->err == ETIMEDOUT ? f->err : 0;
}

/*
 * tcp_fin() and tcp_rcv_state_process() enter TIME_WAIT proper only after the peer's FIN
 * (SOCK_DONE), or from CLOSING once our FIN is acknowledged; an old sk_err does not change that.
 */
static bool full_time_wait(const struct reason_facts *f)
{
	if (f->old_state == TCS_FIN_WAIT2)
		return f->flags & TCS_F_DONE;
	return f->old_state == TCS_CLOSING && f->flags & TCS_F_ALL_ACKED;
}

/*
 * An orphan in FIN_WAIT2 is handed to the time-wait table while the peer's FIN is still to come
 * (tcp_close(), tcp_rcv_state_process(), tcp_keepalive_timer()). When its timer ends it instead,
 * a reset of ours goes first.
 */
static bool orphan_time_wait(const struct reason_facts *f)
{
	return f->old_state == TCS_FIN_WAIT2 && f->flags & TCS_F_DEAD && !err_of_close(f) &&
	       !(f->flags & (TCS_F_DONE | TCS_F_LINGER2_NEG | TCS_F_RESET_SENT));
}

static enum reason reason_of_error(unsigned int err, unsigned int old_state)
{
	switch (err) {
	case ECONNRESET:
		return REASON_RESET_BY_PEER;
	case EPIPE: /* tcp_reset() in CLOSE_WAIT */
		return old_state == TCS_CLOSE_WAIT ? REASON_RESET_BY_PEER : REASON_OTHER;
	case ECONNREFUSED:
		return old_state == TCS_SYN_SENT ? REASON_REFUSED : REASON_OTHER;
	case EADDRNOTAVAIL: /* the errno of connect() (bpf/tcs_connect.h) */
		return old_state == TCS_SYN_SENT ? REASON_NO_LOCAL_PORT : REASON_OTHER;
	case ETIMEDOUT:
		return REASON_TIMEOUT;
	case ECONNABORTED: /* tcp_abort() */
		return REASON_KILLED;
	case ENETUNREACH:
	case EHOSTUNREACH:
	case EHOSTDOWN:
	case ENONET:
		return REASON_UNREACHABLE;
	default:
		return REASON_OTHER;
	}
}

static enum reason reason_without_error(const struct reason_facts *f)
{
	/* __tcp_close() and connect(AF_UNSPEC): tcp_disconnect() sends nothing then */
	if (f->more & TCS_M_REPAIR && f->flags & TCS_F_OWNED)
		return REASON_REPAIR_CLOSED;
	switch (f->old_state) {
	case TCS_LISTEN:
		return REASON_LISTENER_CLOSED;
	case TCS_SYN_SENT:
		return f->has_port ? REASON_CANCELLED : REASON_NO_LOCAL_PORT;
	case TCS_SYN_RECV:
		/*
		 * Of two ACKs that came at once each made a child; inet_ehash_nolisten() took the
		 * other. Where a listener closes, only Fast Open has children in this state.
		 */
		if (f->of_listener && !(f->flags & TCS_F_FAST_OPEN))
			return REASON_CANCELLED;
		break;
	case TCS_LAST_ACK:
		return REASON_NORMAL;
	case TCS_FIN_WAIT2: /* tcp_keepalive_timer() ends an orphan with a reset */
		if (f->flags & TCS_F_RESET_SENT)
			return REASON_TIMEOUT;
		return REASON_RESET_BY_US;
	default:
		break;
	}
	return f->of_listener ? REASON_LISTENER_CLOSED : REASON_RESET_BY_US;
}

/* After tcp_time_wait(), which only closes if it cannot make a time-wait socket. */
static void set_time_wait(struct reason_verdict *v, const struct reason_facts *f, uint8_t substate)
{
	v->reason = REASON_NORMAL;
	if (f->more & TCS_M_NO_TIME_WAIT)
		return;
	v->new_state = f->more & TCS_M_TIME_WAIT_OPEN ? 0 : TCS_TIME_WAIT;
	v->tw_substate = v->new_state ? substate : 0;
}

struct reason_verdict reason_of_close(const struct reason_facts *f)
{
	struct reason_verdict v = { .new_state = TCS_CLOSE };
	uint8_t err = err_of_close(f);

	if (full_time_wait(f)) {
		set_time_wait(&v, f, TCS_TIME_WAIT);
	} else if (orphan_time_wait(f)) {
		set_time_wait(&v, f, TCS_FIN_WAIT2);
		v.provisional = true;
	} else if (err) {
		v.reason = reason_of_error(err, f->old_state);
		/* Data after close() runs tcp_reset() itself, though no reset has come. */
		v.provisional = v.reason == REASON_RESET_BY_PEER && f->flags & TCS_F_DEAD;
	} else {
		v.reason = reason_without_error(f);
	}
	return v;
}

struct reason_verdict reason_correct(void)
{
	return (struct reason_verdict){ .reason = REASON_ABORTED_DATA_AFTER_CLOSE,
					.new_state = TCS_CLOSE };
}
