/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_SIM_H
#define TCS_SIM_H

/*
 * sim.h - a host and its traffic, simulated to the millisecond, told as the records it would make
 *
 * A host that serves and asks others for an hour and does nothing wrong, however it may look:
 * roles[] in sim.c says what is on it. The engine is fed what its kernel would tell, changes of
 * state as they happen, looks at the cadence of a live run; everything comes from a seed. Beside it
 * one bad thing can happen. What the engine found is the result.
 *
 * Bounds: SIM_SOCKETS at once, SIM_TOLD findings told; more end the program.
 */
#include "engine.h"

#define SIM_SOCKETS 65536
#define SIM_TOLD    64

enum sim_bad {
	SIM_NOTHING = 0,
	SIM_LEAK,	/* a descriptor in CLOSE_WAIT is forgotten every minute */
	SIM_EXHAUSTION, /* a client opens connections to one place until it has no port left */
	SIM_FLOOD,	/* a thousand forged SYNs a second */
	SIM_SLOW_FLOOD, /* and fifteen */
	SIM_RACK,	/* 300 hosts with two connections each are gone */
	SIM_DOWN,	/* a host that is asked 25 times a second refuses */
	SIM_PEER,	/* one host with six is gone, and TCP_USER_TIMEOUT ends them in 5 s */
};

struct sim_config {
	uint64_t seed;
	uint32_t seconds;
	enum sim_bad bad;
	uint32_t bad_from_s;
};

struct sim_told {
	struct finding finding;
	uint64_t ts_ns;
	uint32_t walks; /* since the bad thing was there to be seen, the telling one included */
};

struct sim_result {
	uint64_t changes, connections, resent, walks, failed_connects;
	uint32_t most[TCS_STATE_MAX]; /* sockets in a state at a time */
	uint32_t n_told;
	struct sim_told told[SIM_TOLD];
};

void sim_run(const struct sim_config *config, struct sim_result *ret);

#endif /* TCS_SIM_H */
