# SPDX-License-Identifier: GPL-2.0-only
#
# What tcpconnstate printed, as the tab-separated lines that judge.awk reads; null is "-".
(if .type == "state" then
	["S", .old_state, .new_state, .kernel_new_state, .family, .laddr, .lport, .raddr, .rport,
	 .pid, .comm, .owner_source, .reason, .tw_substate, .direction, .recovered, .cookie]
elif .type == "synack_retransmit" then
	["R", .laddr, .lport, .raddr, .rport, .retransmits, .acked]
elif .type == "meta" then
	["M", .limits.programs]
elif .type == "end" then
	["E", ([.lost[]] | add)]
else
	empty
end) | map(if . == null then "-" else tostring end) | @tsv
