#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What shellcheck finds in every script.

. "$(dirname "$0")/tap.inc"
need shellcheck

# Not told: "unreachable" functions (check_each calls them by name); what a file sets and does not
# use, where a library and the tests that load it share variables.
look() {
	case $1 in
	*.bash | *.inc) not=SC2317,SC2034,SC2119,SC2120 ;;
	*.bats) not=SC2317,SC2034 ;;
	*) not=SC2317 ;;
	esac
	shellcheck -e "$not" -x -P SCRIPTDIR -f gcc "$1"
}

set --
for f in .ci/run deploy/*/*.sh tests/run tests/*.sh tests/*/*.sh tests/*/*.bash tests/*/*.bats tests/*/*.inc; do
	[ ! -e "$f" ] || set -- "$@" "$f"
done
check_each look "$@"
finish
