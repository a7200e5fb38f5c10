# SPDX-License-Identifier: GPL-2.0-only
#
# Hours in a minute: everything comes and goes around one `watch` that stays, and what it holds (memory,
# descriptors, programs, maps and links in the kernel, network namespaces) stays the same.
#
#   TCS_SOAK_SECONDS   how long (default 60; `make soak` says 1200)
#   TCS_SOAK_LOG       a file for the samples, one line a round
#
# A round, of some three seconds: connections as fast as two processes can in a namespace that is made
# for them; three more namespaces with sockets in every state; half-open connections that are never
# completed; `audit`, a second `watch` that is interrupted, a third that is killed. Then one sample.

# shellcheck disable=SC2016,SC2030,SC2031 # jq and awk programs; each test is a subshell

load ../e2e/lib.bash

setup_file() {
	((EUID == 0)) || { skip_file "needs root"; return 0; }
	e2e_need jq awk bpftool || return 0
	[[ -x $TCPCONNSTATE ]] || {
		echo "no $TCPCONNSTATE: run make first, or set TCPCONNSTATE" >&2
		return 1
	}
	[[ -x $BUILD/bench/churn ]] || {
		echo "no $BUILD/bench/churn: make helpers" >&2
		return 1
	}
	e2e_build hold
	export TCS_SOAK_SECONDS=${TCS_SOAK_SECONDS:-60}
}
setup() {
	e2e_setup
	LOAD_PIDS=()
}
teardown() {
	local pid
	for pid in "${LOAD_PIDS[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
	e2e_teardown
	[[ -z ${READER-} ]] || wait "$READER" 2>/dev/null || true
}

# ---- the one that stays ----

# Its lines of single events are thrown away, as they come; all others are kept.
stay() {
	mkfifo long.pipe
	grep --line-buffered -v '"type":"state"' <long.pipe >long.out 3>&- &
	READER=$!
	"$TCPCONNSTATE" --json >long.pipe 2>long.err </dev/null 3>&- &
	TOOL_PIDS["long"]=$!
	LONG=$!
	until_true "$DEADLINE_S" grep -q '"type":"meta"' long.out
}

# sample: RSS in KB, descriptors, memory of the kernel's objects in KB, and which these are
rss() { awk '/^VmRSS:/ { print $2 }' "/proc/$LONG/status"; }
descriptors() {
	local fds=("/proc/$LONG/fd/"*)
	echo ${#fds[@]}
}
kernel_kb() {
	cat "/proc/$LONG/fdinfo/"* 2>/dev/null | awk '
		/^memlock:/ { bytes = $2 }
		/^(map|prog)_id:/ { if (!($1 $2 in seen)) sum += bytes; seen[$1 $2] = 1 }
		END { print int(sum / 1024) }'
}
sample() { echo "$1 $(rss) $(descriptors) $(kernel_kb) $(tool_objects "$LONG" | tr -s ' \n' '__')"; }

# Namespaces that only it keeps alive.
stale_namespaces() {
	local held alive
	held=$(readlink "/proc/$LONG/fd/"* 2>/dev/null | grep '^net:' | sort -u)
	alive=$(for pid in /proc/[0-9]*; do
		[[ ${pid#/proc/} == "$LONG" ]] || readlink "$pid/ns/net" 2>/dev/null
	done | sort -u)
	comm -23 <(printf '%s\n' "$held") <(printf '%s\n' "$alive") | grep -c net:
}
none_stale() { (($(stale_namespaces) == 0)); }

# ---- what comes and goes ----

start_load() {
	"$@" >>load.out 2>&1 </dev/null 3>&- &
	LOAD_PIDS+=($!)
}
load_ends() {
	local pid
	for pid in "${LOAD_PIDS[@]}"; do wait "$pid" || echo "a load failed ($?)" >>load.failed; done
	LOAD_PIDS=()
}

# comes_and_goes SIGNAL STATUS: one more watch; all that it had in the kernel is gone after it
comes_and_goes() {
	tool_start_as short --json --comm nobody-at-all
	tool_objects "${TOOL_PIDS["short"]}" >objects
	(($(grep -c ^map objects) >= 2))
	tool_stop_as short "$1"
	((TOOL_STATUS == $2))
	objects_gone objects
}

round() {
	local status=0
	start_load nice -n 10 "$BUILD/bench/churn" --threads 1 --seconds 2 --close mix
	start_load "$HOLD" established=50 close_wait=20 time_wait=100 unaccepted=20
	start_load "$HOLD" ipv6=1 established=50 orphan=20 server_tw=100 listen=10
	start_load "$HOLD" syn_recv=300 syn_sent=20
	comes_and_goes INT 0
	comes_and_goes KILL 137
	timeout 30 "$TCPCONNSTATE" audit --json --window 0 --fail-on critical >audit.out 2>&1 3>&- || status=$?
	((status == 0 || status == 3))
	load_ends
}

# growth COLUMN: the most of the last third above the most of the middle one
growth() {
	awk -v c="$1" '{ v[NR] = $c }
		END {
			for (i = int(NR / 3) + 1; i <= int(2 * NR / 3); i++) if (v[i] > middle) middle = v[i]
			for (; i <= NR; i++) if (v[i] > last) last = v[i]
			print last - middle
		}' samples
}

# others_came: whoever else uses this machine opened many sockets late, which it must keep in mind too
others_came() {
	jq -r 'select(.type == "summary") | [.connections[] // 0] | add' long.out | awk '
		{ v[NR] = $1 }
		END {
			for (i = int(NR / 3) + 1; i <= int(2 * NR / 3); i++) if (v[i] > middle) middle = v[i]
			for (; i <= NR; i++) if (v[i] > last) last = v[i]
			print middle " sockets on this machine, then " last
			exit !(last > 2 * middle + 2000)
		}'
}

@test "all comes and goes, it stays: memory, descriptors, kernel objects are flat" {
	local end n=0 others
	stay
	end=$((SECONDS + TCS_SOAK_SECONDS))
	while ((SECONDS < end || n < 6)); do
		round
		n=$((n + 1))
		kill -0 "$LONG"
		sample "$n" >>samples
		[[ -z ${TCS_SOAK_LOG-} ]] || tail -n 1 samples | cut -d ' ' -f 1-4 >>"$TCS_SOAK_LOG"
	done
	cut -d ' ' -f 1-4 samples
	[[ ! -e load.failed ]] || {
		tail load.out >&2
		return 1
	}

	# the same programs, maps and links from beginning to end
	[ "$(cut -d ' ' -f 5 samples | sort -u | wc -l)" -eq 1 ]
	# descriptors: namespaces come and go
	(($(growth 3) <= 4))
	# and no namespace is kept alive
	until_true 20 none_stale || {
		echo "namespaces that it alone keeps: $(stale_namespaces)" >&2
		return 1
	}
	sample end | cut -d ' ' -f 1-4

	kill -INT "$LONG"
	tool_wait_as long
	tool_ended 0 long
	wait "$READER"
	READER=
	# it saw all of it, and says what it lost
	tail -n 1 long.out | jq -c '{events, lost, duration_s}'
	tail -n 1 long.out | jq -e --argjson n "$n" '.type == "end" and .events > 10000 * $n and
		([.lost[]] | add) < .events / 100'
	# memory: within the noise of an allocator
	if (($(growth 2) > 2048 || $(growth 4) > 2048)); then
		others=$(others_came) && skip "of memory nothing can be said: $others"
		return 1
	fi
}
