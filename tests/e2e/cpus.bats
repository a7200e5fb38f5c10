# SPDX-License-Identifier: GPL-2.0-only
#
# Hosts that name more CPUs than are online, or none: the buffer is that of the CPUs online, and
# nothing is lost. The mask is shown by a bind mount, in a mount namespace of the tool's own.
# CPUS_ROUNDS: churns of a hundred thousand transitions for each mask (make check-long: 8).

# shellcheck disable=SC2016,SC2030,SC2031 # jq programs; each test is a subshell

load lib.bash

setup_file() {
	tool_setup_file
	export TRACE_KB=16384
}

# behind MASK: what the tool is started by; the mask "-" hides /sys
behind() {
	local show='mount --bind "$0" /sys/devices/system/cpu/possible && exec "$@"'
	echo "$1" >possible
	[[ $1 != - ]] || show='mount -t tmpfs none /sys/devices/system/cpu && exec "$@"'
	TOOL_PREFIX=(unshare -m --propagation private sh -c "$show" "$PWD/possible")
}

# Kernel memory of the rings, in bytes
ring_bytes() {
	cat "/proc/${TOOL_PIDS[tool]}/fdinfo/"* 2>/dev/null |
		awk '/^map_type:/ { ring = $2 == 27 } ring && /^memlock:/ { n += $2 } END { print n + 0 }'
}

# churn_behind MASK: prints the rate; the bound is twice the buffer, and 16 MB with 2 CPUs
churn_behind() {
	local round bytes begun spent n online bound
	behind "$1"
	online=$(getconf _NPROCESSORS_ONLN)
	for ((round = 0; round < ${CPUS_ROUNDS:-1}; round++)); do
		dance_start churn
		truth_start
		tool_start --json -N "$LAB_NETNS" --strict
		bytes=$(ring_bytes)
		begun=${EPOCHREALTIME/./}
		dance_go
		spent=$((${EPOCHREALTIME/./} - begun))
		tool_stop
		truth_stop
		tool_ended 0
		truth_counts >want
		tool_counts >have
		n=$(grep -c '"type":"state"' tool.out)
		echo "possible $1, $online online: $n events, $((n * 1000000 / spent)) a second," \
			"rings of $bytes bytes"
		diff want have
		[ "$(awk '{ n += $1 } END { print n }' want)" -ge 100000 ]
		tail -n1 tool.out | jq -e '[.lost[]] | add == 0' >/dev/null
		# 16 MB, rounded up for each CPU to a power of two, and the spare ring
		for ((bound = 4096; bound * online < 16 << 20; )); do ((bound *= 2)); done
		((bound = bound * online + (256 << 10)))
		((bytes >= bound && bytes <= bound * 11 / 10))
	done
}

@test "2,048 possible CPUs: the buffer is that of those online, nothing lost" {
	churn_behind 0-2047
}

@test "no mask can be read: nothing lost" {
	churn_behind -
}

@test "2, 128, 512 possible CPUs, and a sparse mask: nothing lost" {
	[[ -n ${CPUS_ROUNDS:-} ]] || skip "make check-long has it"
	local mask
	for mask in 0-1 0-127 0-511 0-1,64,4000; do
		churn_behind "$mask"
	done
}

@test "1,024 CPUs online with 1,024 descriptors: rings are shared" {
	seq -s, 0 1023 >online
	TOOL_PREFIX=(unshare -m --propagation private sh -c
		'cd /sys/devices/system/cpu && mount --bind "$0" online &&
		mount --bind "$0" possible && cd "$OLDPWD" && ulimit -n 1024 && exec "$@"'
		"$PWD/online")
	tool_start --json
	tool_stop
	tool_ended 0
}
