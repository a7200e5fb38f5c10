#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Does tcpconnstate work here? One connection is made on this machine, and must be seen; one audit.
#
#   smoke.sh COMMAND...      what runs tcpconnstate:
#
#   smoke.sh ./tcpconnstate
#   smoke.sh docker run --rm --privileged --net=host --pid=host tcpconnstate
#
# Exit status: 0 it works, 77 this machine does not allow it (it says what is missing), 1 it is
# broken. Needs bash; takes about a second. TCS_SMOKE_WAIT: seconds until what was made must be seen.

set -u
wait_s=${TCS_SMOKE_WAIT:-5}
out=$(mktemp) && err=$(mktemp) || exit 1
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null; rm -f "$out" "$err"' EXIT

fail() {
	echo "FAILED: $1" >&2
	cat "$err" "$out" >&2
	exit 1
}

# Port 1 is closed nearly everywhere: the two changes of a refused connect() end it.
"$@" --json -4 -D 1 --count 2 -d 30 >"$out" 2>"$err" </dev/null &
pid=$!
deadline=$((SECONDS + 20))
until grep -q '"type":"meta"' "$out"; do
	if ! kill -0 $pid 2>/dev/null; then
		wait $pid
		status=$?
		pid=
		[ $status -ne 77 ] || { cat "$err" >&2; exit 77; }
		fail "watch ended with $status before it began"
	fi
	[ $SECONDS -lt $deadline ] || fail "watch does not begin"
	sleep 0.05
done
(exec 3<>/dev/tcp/127.0.0.1/1) 2>/dev/null
deadline=$((SECONDS + wait_s))
while kill -0 $pid 2>/dev/null && [ $SECONDS -le $deadline ]; do
	sleep 0.05
done
kill -INT $pid 2>/dev/null
wait $pid
status=$?
pid=
[ $status -eq 0 ] || fail "watch ended with $status"
grep '"old_state":"close","new_state":"syn_sent"' "$out" | grep '"rport":1,' |
	grep -q '"owner_source":"task"' || fail "watch did not show the connect() and its process"
tail -n 1 "$out" | grep -Eq '"lost":\{("[a-z_]+":0,?)+\}' ||
	fail "watch lost something, or did not end as it should"

"$@" audit --json --window 0 --fail-on critical >"$out" 2>"$err" </dev/null
status=$?
[ $status -eq 0 ] || [ $status -eq 3 ] || fail "audit ended with $status"
tail -n 1 "$out" | grep -q '"type":"verdict"' || fail "audit gave no verdict"
echo "tcpconnstate works here: $(tail -n 1 "$out")"
