#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# clang-tidy over every C file of the user side; .clang-tidy says what it looks for.

. "$(dirname "$0")/tap.inc"
need clang-tidy

flags="$(makefile ALL_CPPFLAGS) -std=gnu11"

# What it finds in a generated skeleton is not ours; the path to a finding is left to clang-tidy.
tidy() {
	# shellcheck disable=SC2086 # a list of flags
	clang-tidy --quiet "$1" -- $flags '-DTCS_VERSION="0"' 2>/dev/null | awk '
		/^[^ ]+:[0-9]+:[0-9]+: (warning|error|note): / {
			show = !/: note: / && $1 !~ /\.skel\.h:/
			found += show
		}
		show
		END { exit found > 0 }'
}

set --
for c in src/*.c tests/unit/*.c tests/e2e/*.c tests/bench/*.c; do
	[ ! -e "$c" ] || set -- "$@" "$c"
done
check_each tidy "$@"
finish
