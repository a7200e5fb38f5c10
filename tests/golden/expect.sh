#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# expect.sh FOLDER: replay each golden capture to text, JSON and verdict, into FOLDER
#
# Lines of JSON after the first 700,000 bytes are in NAME.more.json.

set -u
to=$1
# With these a leak need not wait for a minute, nor a dead peer or connects that fail for ten seconds.
set -- --close-wait-age 0.5 --fin-wait2-age 0.5 --dead-peer-age 0.5 --connect-fail-age 1
for capture in "$(dirname "$0")"/*.tcs; do
	name=$to/$(basename "$capture" .tcs)
	# The version is not the capture's.
	./tcpconnstate replay --json "$@" "$capture" 2>"$name.err" |
		sed 's/"version":"[^"]*"/"version":"-"/' |
		awk -v to="$name" '{ bytes += length + 1 }
			{ print >(to (bytes > 700000 ? ".more.json" : ".json")) }'
	{
		./tcpconnstate replay -t "$@" "$capture"
		./tcpconnstate replay --lifecycle -w -x -t "$@" "$capture"
	} 2>>"$name.err" >"$name.txt"
	./tcpconnstate replay --verdict "$@" "$capture" 2>>"$name.err" >"$name.verdict"
	cat "$name.err" >>"$name.txt"
	rm "$name.err"
done
