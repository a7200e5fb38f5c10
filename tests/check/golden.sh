#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The golden captures replay to what they always did. When that is meant to change: `make golden`,
# look at the difference, commit it.

. "$(dirname "$0")/tap.inc"

[ -x ./tcpconnstate ] || skip_all "tcpconnstate is not built"
tmp=$(mktemp -d) || exit 1
trap 'rm -r "$tmp"' EXIT
# What the alerts of standard input leave active, by kind, severity and subject.
active() {
	jq -cn '[inputs | select(.type == "alert")] | group_by([.kind, .netns, .subject]) | map(.[-1]) |
		map(select(.status != "cleared") | [.kind, .severity, .subject]) | sort[]'
}
# The findings of a capture in which its replay and the verdict of it differ, with the thresholds of
# expect.sh and with those that are the default.
differing() {
	for ages in "--close-wait-age 0.5 --fin-wait2-age 0.5 --dead-peer-age 0.5" ""; do
		# shellcheck disable=SC2086 # options
		./tcpconnstate replay --json $ages "$1" 2>/dev/null | active >"$tmp/replayed"
		# shellcheck disable=SC2086
		./tcpconnstate replay --verdict --json $ages "$1" 2>/dev/null | active >"$tmp/judged"
		diff "$tmp/replayed" "$tmp/judged" | head -n 5
	done
}
tests/golden/expect.sh "$tmp"
for capture in tests/golden/*.tcs; do
	name=$(basename "$capture" .tcs)
	if command -v jq >/dev/null; then
		check "$name: replay and its verdict have the same findings" "$(differing "$capture")"
	fi
	for kind in json more.json txt verdict; do
		[ -e "tests/golden/$name.$kind" ] || [ -e "$tmp/$name.$kind" ] || continue
		check "$name.$kind" "$(diff "tests/golden/$name.$kind" "$tmp/$name.$kind" 2>&1 |
			cut -c 1-300 | head -n 20)"
	done
done
finish
