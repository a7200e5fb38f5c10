#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Whatever was run as root: all that was built belongs to the owner of the tree, who can
# remove it again. make check runs this last.

. "$(dirname "$0")/tap.inc"

owner=$(stat -c %u .)
check "what was built belongs to the owner of the tree" \
	"$(find build tcpconnstate ! -user "$owner" 2>/dev/null)"
finish
