/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_DETECT_PILE_H
#define TCS_DETECT_PILE_H

/*
 * detect_pile.h - how bad is what has piled up? One row of one look, by the rules of detect.h
 *
 * Pure. How much is too much are options (struct detect_config); what turns a warning into a
 * critical finding stands beside its rule, with the reason.
 */
#include "detect.h"

/*
 * The row of a finding that is not about handshakes, with thresholds at `tenths` of ten. Writes
 * f->seconds_left where it knows.
 */
enum severity pile_judge(const struct detect_config *config, struct finding *f, uint32_t tenths);

#endif /* TCS_DETECT_PILE_H */
