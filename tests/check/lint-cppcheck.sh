#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# cppcheck over every C file of the user side. Something that is right and still reported is
# silenced where it stands: // cppcheck-suppress NAME, with the reason.

. "$(dirname "$0")/tap.inc"
need cppcheck

# It does not read system headers, and is not told of our -D: it tries both sides of an #ifdef.
look() {
	cppcheck --quiet --std=c11 --language=c --enable=warning,performance,portability \
		--inline-suppr --suppress=missingInclude --suppress=missingIncludeSystem \
		--suppress=unmatchedSuppression --suppress='*:*.skel.h' \
		--error-exitcode=1 -Isrc -Ibpf "$1" 2>&1
}

set --
for c in src/*.c tests/unit/*.c tests/e2e/*.c tests/bench/*.c; do
	[ ! -e "$c" ] || set -- "$@" "$c"
done
check_each look "$@"
finish
