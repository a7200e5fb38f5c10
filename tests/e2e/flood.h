/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef E2E_FLOOD_H
#define E2E_FLOOD_H

/*
 * flood.h - a laboratory for floods and what looks like one: two namespaces and what runs in them
 *
 *                   wire (veth)  <- SYNs of "flood syn", no way back
 *     client side ==============================================  server side
 *                   line (TUN)   <- real connections; "flood lab" carries each packet, late or not
 *
 * Why two ways: a SYN with an invented source must never meet anybody who answers, and a real
 * client must be as slow, lossy or odd as the scenario wants while both ends stay the kernel's
 * own TCP. Between them every situation of the table can be made and none needs netem.
 *
 * All addresses are constants from ranges that are nobody's (RFC 5737, RFC 2544, RFC 6598,
 * RFC 3849), and every one belongs to one side only:
 *
 *   192.0.2.2, 2001:db8::2             the server
 *   198.18.0.0/15, 2001:db8:8000::/33  invented sources; a black hole on the client side
 *   100.64.0.0/16, 2001:db8:c::/64     real clients, all of them local on the client side
 *
 * Bounds: everything ends by itself after LAB_SECONDS at the latest, and the namespaces with the
 * process that made them.
 */
#include <stdint.h>

#include "lab.h"

#define LAB_SECONDS 150
#define RATE_MAX    400000

#define SERVER4	  "192.0.2.2"
#define SERVER6	  "2001:db8::2"
#define INVENTED4 "198.18.0.0/15"
#define INVENTED6 "2001:db8:8000::/33"
#define CLIENTS4  "100.64.0.0/16"
#define CLIENTS6  "2001:db8:c::/64"

/* The ends of the veth pair; the first is how "flood syn" knows that it is at home. */
#define MAC_CLIENT "02:66:6c:6f:6f:01"
#define MAC_SERVER "02:66:6c:6f:6f:02"

/* One WORD=VALUE of the command line; value is never NULL. */
struct word {
	const char *name;
	const char *value;
};

struct words {
	const struct word *word;
	unsigned int n;
};

/* The number of WORD, or what it is without it; outside of 0 to max: the end. */
uint32_t words_number(const struct words *w, const char *name, uint32_t otherwise, uint32_t max);
const char *words_text(const struct words *w, const char *name, const char *otherwise);

/* Anything but these names (a list with blanks around each): the end. */
void words_only(const struct words *w, const char *names);

/* Wall clock in milliseconds with fractions, as every line of output has it. */
double wall_ms(void);

/* Numbers without a pattern, the same in every run of the same seed. */
uint32_t dice(void);
void dice_seed(uint32_t seed);

/* From now on SIGTERM is no end but a wish: what generates traffic tells what it did, then ends. */
void told_enough_on_term(void);
bool told_enough(void);

/* Has standard input ended, or the time? Waits for at most ms. */
bool told_to_stop(int ms);

/* The roles; each ends the process on failure. */
void lab_role(const struct words *w);
void syn_role(const struct words *w);
void serve_role(const struct words *w);
void connect_role(const struct words *w);
void witness_role(const struct words *w);
void crowd_role(const struct words *w);

#endif /* E2E_FLOOD_H */
