#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# JSON is as tests/schema.json has it: the golden captures in every form, explain, doctor; the man page
# names the same keys in the same order. Live output is tests/e2e/schema.bats's.

. "$(dirname "$0")/tap.inc"

need jq
program=./tcpconnstate
[ -x $program ] || skip_all "tcpconnstate is not built"
page=src/man/tcpconnstate.8
tmp=$(mktemp -d) || exit 1
trap 'rm -r "$tmp"' EXIT

# What is wrong with the lines of a file; one that has none is wrong.
wrong() {
	[ -s "$1" ] || echo "there is no output"
	jq -nr --slurpfile schema tests/schema.json -f tests/schema.jq "$1" 2>&1 | cut -c 1-400 | head -n 20
}

# ---- is a mistake seen at all? ----

line=$(grep -m 1 '"type":"state"' tests/golden/mix.json)
summary=$(grep -m 1 '"type":"summary"' tests/golden/leak.json)
# not_seen LINE CHANGE: says so when the line is still well after it
not_seen() {
	printf '%s\n' "$1" | jq -c "$2" >"$tmp/mistake"
	[ -n "$(wrong "$tmp/mistake")" ] || echo "not seen: $2"
}
check "a line as it is, is well" "$(printf '%s\n' "$line" >"$tmp/good" && wrong "$tmp/good")"
check "a mistake is seen" "$(
	for change in 'del(.pid)' '.more = 1' 'to_entries | reverse | from_entries' '.type = "other"' \
		'.lport = 0' '.lport = "80"' '.netns = null | .netns = 1.5' '.cookie = 4711' '.ts = "now"' \
		'.new_state = "TIME_WAIT"' '.reason = "because"' '.recovered = null' '.family = 5' '.pid = 0'; do
		not_seen "$line" "$change"
	done
	for change in 'del(.connections.listen)' '.lost.other = 0' '.rates = null' '.close_wait.count = -1' \
		'.time_wait |= (to_entries | reverse | from_entries)'; do
		not_seen "$summary" "$change"
	done
)"

# ---- what the program prints ----

for capture in tests/golden/*.tcs; do
	name=$(basename "$capture" .tcs)
	for how in "" --lifecycle --verdict "--verdict -x"; do
		# shellcheck disable=SC2086 # options
		$program replay --json $how --close-wait-age 0.5 "$capture" >"$tmp/out" 2>"$tmp/err"
		check "replay --json $how $name" "$(wrong "$tmp/out")"
	done
done
$program explain --json >"$tmp/out"
check "explain --json" "$(wrong "$tmp/out")"
$program doctor --json >"$tmp/out"
check "doctor --json" "$(wrong "$tmp/out")"

# ---- what the man page says ----

# "state: ts mono_ns ...", as the schema has it.
schema_keys() {
	jq -r '."$defs" as $defs | .oneOf[]["$ref"] | ltrimstr("#/$defs/") as $type |
		"\($type): \($defs[$type].required[1:] | join(" "))"' tests/schema.json
}
# The JSON part of the page, one line: names in bold as .Cm has them.
paged=$(awk '/^\.Ss JSON/ { inside = 1; next } /^\.S[sh] / { inside = 0 } inside' "$page" | tr '\n' ' ')
check "the man page has the keys of each type" "$(schema_keys | while IFS=': ' read -r type keys; do
	case $paged in
	*" $type "*"$keys"*) ;;
	*) echo "$type: $keys" ;;
	esac
done)"
finish
