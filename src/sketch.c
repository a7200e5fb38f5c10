// SPDX-License-Identifier: GPL-2.0-only
#include "sketch.h"

#include <math.h>

uint64_t sketch_estimate(const uint8_t *ranks, size_t n)
{
	double sum = 0, estimate, m = (double)n;
	size_t empty = 0, i;

	for (i = 0; i < n; i++) {
		sum += ldexp(1, -ranks[i]);
		empty += !ranks[i];
	}
	estimate = 0.7213 / (1 + 1.079 / m) * m * m / sum;
	if (empty && estimate <= 2.5 * m)
		estimate = m * log(m / (double)empty);
	return (uint64_t)(estimate + 0.5);
}
