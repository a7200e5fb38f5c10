/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_STANDING_H
#define TCS_STANDING_H

/*
 * standing.h - findings that stand: each is raised once, told again when there is news, and cleared
 *
 * Rules meet what is wrong in every look anew; who is told must hear of it once. So that nothing
 * flaps, what was raised by a whole threshold stays as long as a lower one holds, does not become
 * less severe, and is cleared when the lower one has not held for STANDING_CLEAR_LOOKS looks. What
 * is about handshakes is cleared by time, STANDING_CLEAR_SYN_NS, and in two looks at least: a flood
 * may pause.
 *
 * Owner: the caller; zeroed is empty. Pure: no clock. Bounds: STANDING_MAX at once; what comes
 * beyond, or finds no memory, is not reported but counted (skipped). A user who makes a thousand
 * findings in namespaces of his own does not hide another's: where there is no room, the namespace
 * with most findings gives up its least severe, which is counted and no longer reported, for one of
 * a namespace that has fewer.
 */
#include "finding.h"

#define STANDING_MAX		 1024
#define STANDING_CLEAR_LOOKS	 3
#define STANDING_CLEAR_SYN_LOOKS 2
#define STANDING_CLEAR_SYN_NS	 4500000000ull

struct standing_finding {
	struct finding finding;
	uint64_t told_amount; /* finding_amount(), when it was last told */
	uint32_t quiet_looks; /* in a row in which the rule did not hold */
	uint64_t held_ns;     /* the last look in which it did */
	bool held;	      /* in the look at hand, or this one cannot say */
};

/* How many findings a namespace has. */
struct standing_share {
	uint32_t netns, n;
};

struct standing {
	struct standing_finding *at;
	uint32_t n, cap;
	struct standing_share *shares; /* once there is no room; counted anew in each look */
	uint32_t n_shares;
	uint64_t skipped;
	finding_fn fn; /* who is told; of the look at hand */
	void *ctx;
};

void standing_release(struct standing *s);

/* A look begins that can judge these kinds, as bits (1 << kind). */
void standing_begin(struct standing *s, uint32_t kinds, finding_fn fn, void *ctx);
/*
 * Findings of these kinds in namespaces that the look does not cover can neither be confirmed nor
 * cleared by it.
 */
void standing_keep_unseen(struct standing *s, const struct audit *look, uint32_t kinds);
/*
 * It shows f, which is complete but for the severity. full, lower: by the whole threshold, and by
 * the one that is enough to stay; SEVERITY_OK: that does not hold.
 */
void standing_consider(struct standing *s, struct finding *f, enum severity full,
		       enum severity lower);
/* Those that it has not shown: of which is it not known whether they are over? They stay. */
typedef bool (*standing_fn)(void *ctx, const struct finding *f);
void standing_excuse(struct standing *s, standing_fn is_unknown, void *ctx);
/* And is over. */
void standing_end(struct standing *s, uint64_t now_ns);

/* Does this one stand? NULL: no. */
const struct standing_finding *standing_find(const struct standing *s, const struct finding *f);
/* Is one of those that stand about handshakes at this service, or may be? */
bool standing_at(const struct standing *s, const struct audit_service *service);
enum severity standing_worst(const struct standing *s);

#endif /* TCS_STANDING_H */
