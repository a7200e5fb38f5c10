# SPDX-License-Identifier: GPL-2.0-only
#
# hold.bash - sockets in known states and numbers for a .bats file: hold.c, started and ended
#
# Load it after lib.bash; it has the file's setup_file, setup and teardown. Bounds: those of hold.c;
# whatever a test leaves is killed when it ends.
# shellcheck shell=bash

setup_file() {
	[[ -z ${E2E_TRUTH_ONLY:-} ]] || { skip_file "needs the tool"; return 0; }
	((EUID == 0)) || { skip_file "needs root"; return 0; }
	e2e_need jq ss nsenter || return 0
	[[ -x $TCPCONNSTATE ]] || {
		echo "no $TCPCONNSTATE: run make first, or set TCPCONNSTATE" >&2
		return 1
	}
	e2e_build hold
}
setup() {
	e2e_setup
	HOLD_FDS=()
	HOLD_PIDS=()
	HOLD_NETNS=()
	HOLD_PREFIX=()
}
teardown() {
	local i
	for i in "${!HOLD_PIDS[@]}"; do hold_end "$i"; done
	e2e_teardown
}

# hold WORD=N...: HOLD_PIDS and HOLD_NETNS get one more; by HOLD_PREFIX, a command that runs it
hold() {
	local n=${#HOLD_PIDS[@]} fd
	mkfifo "hold.$n"
	"${HOLD_PREFIX[@]}" "$HOLD" "$@" <"hold.$n" >"hold.$n.json" 2>"hold.$n.err" 3>&- &
	HOLD_PIDS[n]=$!
	exec {fd}>"hold.$n"
	HOLD_FDS[n]=$fd
	until_true 30 hold_ready "$n" || {
		cat "hold.$n.err" >&2
		grep -q '^skip: ' "hold.$n.err" && skip "$(sed -n 's/^skip: //p' "hold.$n.err")"
		return 1
	}
	HOLD_NETNS[n]=$(jq .netns "hold.$n.json")
}
hold_ready() {
	[[ -s hold.$1.json ]] || ! kill -0 "${HOLD_PIDS[$1]}" 2>/dev/null
	[[ -s hold.$1.json ]]
}
# hold_more I WORD=N: in the same namespace, and done when this returns
hold_more() {
	local before
	before=$(wc -l <"hold.$1.json")
	echo "$2" >&"${HOLD_FDS[$1]}"
	until_true 30 hold_answered "$1" "$before" || {
		cat "hold.$1.err" >&2
		return 1
	}
}
hold_answered() { (($(wc -l <"hold.$1.json") > $2)); }
hold_end() {
	local fd=${HOLD_FDS[$1]-}
	[[ -n $fd ]] || return 0
	exec {fd}>&-
	HOLD_FDS[$1]=
	# not by its end of file: those started after it have the other end as well
	kill -KILL "${HOLD_PIDS[$1]}" 2>/dev/null || true
	wait "${HOLD_PIDS[$1]}" 2>/dev/null || true
}

# What ss says in the namespace of hold I, in the same form.
by_ss() {
	nsenter -t "${HOLD_PIDS[$1]}" -n ss -tanH | awk '
		{ n[$1]++ }
		END {
			m = split("ESTAB established SYN-SENT syn_sent SYN-RECV syn_recv FIN-WAIT-1 fin_wait1" \
				" FIN-WAIT-2 fin_wait2 TIME-WAIT time_wait UNCONN close CLOSE-WAIT close_wait" \
				" LAST-ACK last_ack LISTEN listen CLOSING closing", w, " ")
			for (i = 1; i < m; i += 2)
				printf "%s\"%s\":%s", i == 1 ? "{" : ",", w[i + 1],
					w[i] == "UNCONN" ? "null" : n[w[i]] + 0
			print "}"
		}'
}
