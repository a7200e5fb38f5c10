# SPDX-License-Identifier: GPL-2.0-only
#
# What was recorded of the held sockets, slurped: the lines of the recording, then those of its replay's
# verdict; $audit: what audit said of the same sockets. Prints what is wrong.
# What has timers (half-open, TIME_WAIT) may have changed since, in a guest that is slow.
def held: {close_wait, listen};
(first(.[] | select(.type == "verdict")) // {}) as $verdict |
(map(select(.type == "meta" and .command == "replay")) | length) as $replays |
(select($replays != 1) | "recording: \($replays) verdicts"),
(select(all(.[]; .type != "alert" or .kind != "close_wait_leak")) | "recording: no finding"),
(select(all(.[]; .type != "group")) | "recording: no groups"),
(select($verdict.kinds != $audit[-1].kinds) |
	"recording: a verdict of \($verdict.kinds), audit says \($audit[-1].kinds)"),
([.[] | select(.type == "summary" and .connections != null)] | last.connections | held) as $have |
($audit[1].connections | held) as $want |
(select($have != $want) | "recording: \($have | tostring), audit says \($want | tostring)")
