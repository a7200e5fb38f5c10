# SPDX-License-Identifier: GPL-2.0-only
#
# What audit printed, slurped, against $truth: [state in hexadecimal, how many] as /proc/net/tcp has them,
# and $hold: what hold said. Prints what is wrong.
{"01": "established", "02": "syn_sent", "03": "syn_recv", "04": "fin_wait1", "05": "fin_wait2",
 "06": "time_wait", "08": "close_wait", "09": "last_ack", "0A": "listen", "0B": "closing"} as $names |
($truth | map({key: $names[.[0]], value: (.[1] | tonumber)}) | from_entries) as $want |
. as $all |
def row(type; of): first($all[] | select(.type == type and of));
($names[] | . as $state | ($all[1].connections[$state] // 0) as $have |
	select($have != ($want[$state] // 0)) | "census: \($have) \($state), the kernel says \($want[$state] // 0)"),
(select($want.syn_recv != 12 or $want.close_wait != 23) | "census: not the sockets that were made"),
(select($all[1].half_open != $want.syn_recv) | "census: \($all[1].half_open) half-open"),
([$all[] | select(.type == "close_wait")] |
	select(length != 1 or .[0].pid != $hold.pid or .[0].comm != "tcs-hold" or .[0].count != 23) |
	"census: CLOSE_WAIT of \(map([.pid, .comm, .count]))"),
([$all[] | select(.type == "listener" and .lport == 8000 and .laddr == "127.0.0.1")] |
	select(length != 1 or .[0].accept_queue != 4 or .[0].pid != $hold.pid) | "census: accept queue \(.)"),
([$all[] | select(.type == "listener" and .lport == 8001)] |
	select(length != 1 or .[0].syn_queue != 12) | "census: SYN queue \(.)"),
(select([$all[] | select(.type == "alert").kind] != ["close_wait_leak"]) |
	"census: findings \([$all[] | select(.type == "alert").kind])")
