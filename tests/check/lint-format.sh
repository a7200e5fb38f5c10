#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Is the C code in the project's format (.clang-format)? `make format` puts it there.

. "$(dirname "$0")/tap.inc"
need clang-format

# Each version of clang-format has its own idea of some lines; one of them has to count.
version=$(clang-format --version | sed 's/.*version \([0-9]*\).*/\1/')
[ "$version" = 14 ] || skip_all "clang-format $version is not 14, by which the code is formatted"

# A program for each file would spend its time in starting.
said=$(mktemp) || exit 1
trap 'rm -f "$said"' EXIT
makefile FORMAT_C | xargs -n 40 -P 2 clang-format --dry-run --Werror >"$said" 2>&1 ||
	grep -q error: "$said" || echo "clang-format failed, and reported no line" >>"$said"

formatted() {
	awk -v file="$1:" 'index($0, file) == 1 && /error:/ && n++ < 5 || /^clang-format failed/ && ++n
		END { exit n > 0 }' "$said"
}
# shellcheck disable=SC2046 # a list of files
check_each formatted $(makefile FORMAT_C)
finish
