#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Is the C code in the project's format (.clang-format)? `make format` puts it there.

. "$(dirname "$0")/tap.inc"
need clang-format

# Each version of clang-format has its own idea of some lines; one of them has to count.
version=$(clang-format --version | sed 's/.*version \([0-9]*\).*/\1/')
[ "$version" = 14 ] || skip_all "clang-format $version is not 14, by which the code is formatted"

formatted() {
	clang-format --dry-run --Werror "$1" 2>&1 | awk '/error:/ && n++ < 5; END { exit n > 0 }'
}
# shellcheck disable=SC2046 # a list of files
check_each formatted $(makefile FORMAT_C)
finish
