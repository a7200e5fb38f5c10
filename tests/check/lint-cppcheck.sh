#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# cppcheck over every C file of the user side. Something that is right and still reported is
# silenced where it stands: // cppcheck-suppress NAME, with the reason.

. "$(dirname "$0")/tap.inc"
need cppcheck

# It does not read system headers, so it is told what looks strange without them. A -D also keeps it
# from trying all #ifdefs.
look() {
	cppcheck --quiet --std=c11 --language=c --enable=warning,performance \
		--inline-suppr --suppress=missingInclude --suppress=missingIncludeSystem \
		--suppress=unmatchedSuppression --suppress=normalCheckLevelMaxBranches \
		--suppress=nullPointerOutOfMemory --suppress='*:*.skel.h' \
		-D__linux__=1 -D__BYTE_ORDER__=1234 -D__ORDER_LITTLE_ENDIAN__=1234 \
		'-DLIBBPF_OPTS(type, name, ...)=struct type name = { 0 }' \
		--error-exitcode=1 -Isrc -Ibpf "$1" 2>&1
}

set --
for c in src/*.c tests/unit/*.c tests/e2e/*.c tests/bench/*.c tests/fuzz/*.c; do
	[ ! -e "$c" ] || set -- "$@" "$c"
done
check_each look "$@"
finish
