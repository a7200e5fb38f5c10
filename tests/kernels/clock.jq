# SPDX-License-Identifier: GPL-2.0-only
#
# What tcpconnstate printed, slurped. The guest's wall clock was put an hour ahead while it ran: times
# follow it within the second or two of the last scene, and no duration knows of it. Prints what is wrong.
[.[] | select(.type == "state")] |
map({offset: ((.ts[:19] + "Z" | fromdateiso8601) - (.mono_ns / 1e9)), duration_us}) |
(last.offset - first.offset) as $step |
if $step < 3597 or $step > 3603 then "the clock was put ahead by 3600 s, times by \($step)" else empty end,
(map(.duration_us // 0) | if min < 0 or max > 3000000000 then
	"durations from \(min) to \(max) us" else empty end)
