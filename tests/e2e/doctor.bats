# SPDX-License-Identifier: GPL-2.0-only
#
# doctor says what this host gives, and says the same as a start does: where it says that watch and
# audit can run they run, and where it names what is missing they end with 77 and name it, too.

# shellcheck disable=SC2016,SC2030,SC2031,SC2034 # jq programs; each test is a subshell

load lib.bash

# as_nobody CAPS COMMAND...: with these capabilities ("bpf,perfmon", "" none) and no others
as_nobody() {
	local caps=${1:+,+${1//,/,+}}
	shift
	setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all"$caps" \
		--ambient-caps=-all"$caps" "$@"
}
KEYS='["type","name","status","needed_for","found","path","fix"]'

setup_file() {
	[[ -z ${E2E_TRUTH_ONLY:-} ]] || skip "needs the tool"
	e2e_setup_file
	e2e_need setpriv unshare
	# where every user may run it
	PUBLIC=$(mktemp -d) || return 1
	export PUBLIC
	cp "$TCPCONNSTATE" "$PUBLIC/tcpconnstate"
	chmod 755 "$PUBLIC" "$PUBLIC/tcpconnstate"
}
teardown_file() {
	rm -rf "${PUBLIC:?}"
	e2e_teardown_file
}
setup() { e2e_setup; }
teardown() { e2e_teardown; }

# ended STATUS COMMAND...: how it ended is as expected; out and err are what it said
ended() {
	local want=$1 got=0
	shift
	"$@" >out 2>err </dev/null 3>&- || got=$?
	((got == want)) || {
		echo "$*: exit status $got, expected $want" >&2
		head -n 40 out err >&2
		return 1
	}
}

# one_sentence PATTERN: stderr is one line, and it says so
one_sentence() {
	if [[ -s out || $(wc -l <err) != 1 ]] || ! grep -Eq -- "$1" err; then
		cat err >&2
		return 1
	fi
}

# status_of NAME: what doctor --json in out says of it
status_of() {
	jq -r --arg name "$1" 'select(.name == $name) | .status' out
}

@test "as root: every check is told, as text and as JSON, and all can run" {
	ended 0 "$TCPCONNSTATE" doctor
	grep -q '^ok    kernel: Linux ' out
	tail -n 1 out | grep -Eq '^This host can run watch and audit(, with [0-9]+ limits?)?\.  \(exit 0\)$'
	[ "$(awk 'length > 100' out)" = "" ]
	[ ! -s err ]
	ended 0 "$TCPCONNSTATE" doctor --json
	jq -es --argjson keys "$KEYS" '
		(.[:-1] | length > 20 and all(.type == "check" and keys_unsorted == $keys
			and (.status | IN("ok", "part", "no", "unknown"))
			and (.found | length > 0) and .path != "" and .fix != ""))
		and ([.[].name] | unique | length) == length
		and (.[-1] | .type == "doctor" and .watch and .audit and .exit == 0)' out
	# -x has a line for each
	[ "$("$TCPCONNSTATE" doctor -x | grep -c '^[a-z?]')" = "$(grep -c '"type":"check"' out)" ]
}

@test "it finds what this kernel has" {
	local programs
	ended 0 "$TCPCONNSTATE" doctor --json
	[ "$(status_of btf)" = ok ]
	[ "$(status_of tp_btf)" = ok ]
	[ "$(status_of ring_buffer)" = ok ]
	[ "$(jq -r 'select(.name == "kernel").found' out)" = "Linux $(uname -r) $(uname -m)" ]
	grep -q bpf_get_socket_ptr_cookie /proc/kallsyms && [ "$(status_of socket_cookie)" = ok ]
	programs=$(jq -r 'select(.name == "programs").found' out)
	[ "${programs%% *}" = "$("$TCPCONNSTATE" -d 0.05 --json | jq 'select(.type == "meta").limits.programs')" ]
}

@test "it finds the sandbox that watch is in once it has begun" {
	local filtered=part
	ended 0 "$TCPCONNSTATE" doctor --json
	tool_start --json
	until_true 2 grep -q '^Seccomp:[[:space:]]*2$' "/proc/${TOOL_PIDS["tool"]}/status" && filtered=ok
	[ "$(status_of seccomp)" = "$filtered" ]
	[ "$(status_of no_new_privs)" = ok ]
	[ "$(status_of user)" = ok ]
	grep -q '^Uid:[[:space:]]*65534[[:space:]]' "/proc/${TOOL_PIDS["tool"]}/status"
	# the capabilities that it says are those that are left
	[ "$(jq -r 'select(.name == "no_new_privs").path | [scan("CAP_[A-Z_]*")] | sort | join(" ")' out)" = \
		"CAP_SYS_ADMIN CAP_SYS_PTRACE" ] ||
		not grep -Eq '^CapPrm:[[:space:]]*0*280000$' "/proc/${TOOL_PIDS["tool"]}/status"
	grep -q '^NoNewPrivs:[[:space:]]*1$' "/proc/${TOOL_PIDS["tool"]}/status"
	tool_stop
}

@test "without rights: 77, what is missing, and how to get it" {
	ended 77 as_nobody "" "$PUBLIC/tcpconnstate" doctor --json
	[ "$(status_of cap_bpf)" = no ]
	[ "$(status_of cap_perfmon)" = no ]
	[ "$(status_of cap_sys_admin)" = part ]
	[ "$(status_of tp_btf)" = unknown ]
	[ "$(status_of btf)" = ok ]
	jq -es 'any(.name == "cap_bpf" and (.fix | test("sudo")))' out
	jq -es '.[-1] | (.watch or .audit | not) and .exit == 77' out
}

@test "watch without rights: one sentence names each right that is missing" {
	local watch=("$PUBLIC/tcpconnstate" -d 0.2)
	ended 77 as_nobody "" "${watch[@]}"
	one_sentence 'CAP_BPF is missing; .*sudo'
	ended 77 as_nobody perfmon "${watch[@]}"
	one_sentence 'CAP_BPF is missing'
	ended 77 as_nobody bpf "${watch[@]}"
	one_sentence 'CAP_PERFMON is missing'
	ended 77 as_nobody "" "$PUBLIC/tcpconnstate" audit --window 0
	one_sentence 'CAP_BPF is missing'
	ended 77 as_nobody "" "$PUBLIC/tcpconnstate" audit
	one_sentence 'CAP_BPF is missing'
}

@test "CAP_BPF and CAP_PERFMON are enough for all events and for the own namespace" {
	ended 0 as_nobody bpf,perfmon "$PUBLIC/tcpconnstate" doctor --json
	[ "$(status_of tp_btf)" = ok ]
	[ "$(status_of iter_tcp)" = ok ]
	[ "$(status_of cap_sys_admin)" = part ]
	[ "$(status_of namespaces)" = part ]
	ended 0 as_nobody bpf,perfmon "$PUBLIC/tcpconnstate" audit --window 0 --fail-on critical --json
	jq -es '[.[] | select(.type == "summary")] | length == 1' out
	# events of a namespace that it could not enter
	dance_start close_client_first
	TOOL_PREFIX=(setpriv --reuid=65534 --regid=65534 --clear-groups
		"--inh-caps=-all,+bpf,+perfmon" "--ambient-caps=-all,+bpf,+perfmon")
	TCPCONNSTATE=$PUBLIC/tcpconnstate tool_start --json
	dance_go
	tool_stop
	tool_ended 0
	jq -es --argjson netns "$LAB_NETNS" \
		'[.[] | select(.type == "state" and .netns == $netns)] | length >= 10' tool.out
}

@test "CAP_SYS_ADMIN alone is enough to run; with CAP_SYS_PTRACE all namespaces can be entered" {
	ended 0 as_nobody sys_admin "$PUBLIC/tcpconnstate" -d 0.05
	dance_start close_client_first # a namespace of its own
	ended 0 as_nobody bpf,perfmon,sys_admin,sys_ptrace "$PUBLIC/tcpconnstate" doctor --json
	[ "$(jq -r 'select(.name == "namespaces").found | split(" ")[0] | tonumber > 1' out)" = true ]
	ended 0 as_nobody bpf,perfmon,sys_admin,sys_ptrace \
		"$PUBLIC/tcpconnstate" audit --window 0 --fail-on critical -N "$LAB_NETNS" --json
	ended 1 as_nobody bpf,perfmon \
		"$PUBLIC/tcpconnstate" audit --window 0 --fail-on critical -N "$LAB_NETNS" --json
	dance_go
}

# elsewhere SCRIPT COMMAND...: in a mount namespace of its own that the script has prepared
elsewhere() {
	unshare -m --propagation private sh -ec "$1"'; shift; exec "$@"' sh "$@"
}

@test "no BTF: 77, and what a kernel needs" {
	local hide='mount -t tmpfs none /sys/kernel/btf'
	ended 77 elsewhere "$hide" "$TCPCONNSTATE" -d 0.2
	one_sentence 'no BTF.*CONFIG_DEBUG_INFO_BTF'
	ended 77 elsewhere "$hide" "$TCPCONNSTATE" audit --window 0
	one_sentence 'no BTF.*CONFIG_DEBUG_INFO_BTF'
	ended 77 elsewhere "$hide" "$TCPCONNSTATE" doctor --json
	[ "$(status_of btf)" = no ]
	[ "$(status_of tp_btf)" = unknown ]
	jq -es '.[-1] | .watch or .audit | not' out
}

# A kernel that has types, and none of those we need: one "int", as BTF.
@test "a kernel that is too old: 77, and which one is needed" {
	printf '\237\353\1\0\30\0\0\0\0\0\0\0\20\0\0\0\20\0\0\0\5\0\0\0' >old.btf
	printf '\1\0\0\0\0\0\0\1\4\0\0\0\40\0\0\1\0int\0' >>old.btf
	local old="mount --bind $PWD/old.btf /sys/kernel/btf/vmlinux"
	ended 77 elsewhere "$old" "$TCPCONNSTATE" -d 0.2
	one_sentence 'no such tracepoint; Linux 5.10 or later'
	ended 77 elsewhere "$old" "$TCPCONNSTATE" audit --window 0
	one_sentence 'Linux 5.10 or later'
	ended 77 elsewhere "$old" "$TCPCONNSTATE" doctor --json
	[ "$(status_of btf)" = ok ]
	[ "$(status_of tp_btf)" = no ]
	[ "$(status_of iter_tcp)" = no ]
}

@test "a user namespace of its own has no rights that count" {
	ended 77 unshare -Ur "$TCPCONNSTATE" -d 0.2
	one_sentence "user namespace of its own"
	ended 77 unshare -Ur "$TCPCONNSTATE" doctor --json
	[ "$(status_of user_namespace)" = no ]
}

@test "without /proc, /sys or cgroups, and in a pid namespace: what is then not known" {
	ended 0 elsewhere 'mount -t tmpfs none /proc' "$TCPCONNSTATE" doctor --json
	[ "$(status_of proc)" = part ]
	[ "$(status_of cgroup_v2)" = part ]
	ended 77 elsewhere 'mount -t tmpfs none /sys' "$TCPCONNSTATE" doctor --json
	[ "$(status_of sys)" = no ]
	jq -es 'any(.name == "btf" and (.fix | test("/sys")))' out
	ended 0 unshare -pf --mount-proc "$TCPCONNSTATE" doctor --json
	[ "$(status_of pid_namespace)" = part ]
}

# A kernel that lets programs have neither cookies nor socket storage (preload/lacks.c).
lacking() {
	"${CC:-cc}" -std=gnu11 -O2 -D_GNU_SOURCE= -Wall -Wextra -Werror -shared -fPIC \
		-o "$BATS_FILE_TMPDIR/lacks.so" "$E2E_DIR/preload/lacks.c" -ldl
	TOOL_PREFIX=(env "TCS_LACKS=46,107" LD_PRELOAD="$BATS_FILE_TMPDIR/lacks.so")
}

@test "a kernel without socket cookies and storage: told, and the connections are the same" {
	local scene what
	e2e_need "${CC:-cc}"
	ldd "$TCPCONNSTATE" >/dev/null || skip "a static program takes no preload"
	lacking
	ended 0 "${TOOL_PREFIX[@]}" "$TCPCONNSTATE" doctor --json
	[ "$(status_of socket_cookie)" = part ]
	[ "$(status_of socket_storage)" = part ]
	for scene in close_client_first sim_close data_after_close linger0; do
		for what in with without; do
			TOOL_PREFIX=()
			[ $what = with ] || lacking
			dance_start $scene
			tool_start_as $what --json --lifecycle -N "$LAB_NETNS"
			dance_go
			tool_stop_as $what
			tool_ended 0 $what
			jq -c --argjson port "$LAB_PORT" 'select(.type == "connection")
				| [.direction, .closed_by, [.path[][0]], .reason, .comm, .bytes_sent]' \
				$what.out | sort >$what.lives
		done
		[ -s with.lives ]
		diff with.lives without.lives
		jq -es 'any(.type == "connection") and
			all(.type != "connection" or .cookie == null)' without.out
		jq -es 'all(.type != "connection" or .cookie != null)' with.out
	done
}
