#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The golden captures replay to what they always did. When that is meant to change: `make golden`,
# look at the difference, commit it.

. "$(dirname "$0")/tap.inc"

[ -x ./tcpconnstate ] || skip_all "tcpconnstate is not built"
tmp=$(mktemp -d) || exit 1
trap 'rm -r "$tmp"' EXIT
tests/golden/expect.sh "$tmp"
for capture in tests/golden/*.tcs; do
	name=$(basename "$capture" .tcs)
	for kind in json txt verdict; do
		check "$name.$kind" "$(diff "tests/golden/$name.$kind" "$tmp/$name.$kind" 2>&1 |
			cut -c 1-300 | head -n 20)"
	done
done
finish
