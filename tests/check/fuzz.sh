#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The fuzz targets find nothing in a few seconds. `make fuzz` looks for longer.

. "$(dirname "$0")/tap.inc"

for c in tests/fuzz/*.c; do
	[ -x "build/fuzz/$(basename "$c" .c)" ] ||
		skip_all "the fuzz targets are not built (make check-build)"
done
look() {
	found=$(tests/fuzz/run.sh --runs 30000 --seconds 10 "$(basename "$1" .c)") && return
	echo "$found"
	return 1
}
check_each look tests/fuzz/*.c
finish
