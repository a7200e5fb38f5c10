#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs one and the same static tcpconnstate on real kernels, under qemu: one TAP line for each. Those
# of arm64 get the same BPF programs in a binary that was cross-compiled.
#
#   run.sh [--all | --subset | --list | KERNEL...]
#
#   --all       every kernel of the list (the default)
#   --subset    the oldest, one in the middle, the newest, and one of arm64
#   --list      the kernels, and which of them are in the cache
#   KERNEL      6.12, 7.0, 6.12-arm64, ...
#
# From the environment:
#   TCS_KERNELS_CACHE   where kernels are kept (default: tcpconnstate/kernels in the user's cache)
#   TCS_KERNELS_CONNS   connections in the scene that is about numbers (default 1000; 4000 where
#                       one event in ten thousand may be lost)
#   TCS_KERNELS_KEEP    a folder for what each guest sent; without it, it is thrown away
#   TCS_KERNELS         what to run when there is no argument, e.g. --subset
#   TCS_STATIC          the program for x86_64 (default: what `make static` builds)
#
# Kernels come from Debian's archive, from the mirrors that this machine's apt is set up for. What
# cannot be fetched is a named skip. README.md tells what happens in a guest.

set -u
export LC_ALL=C
[ -n "${HOME-}" ] || HOME=$(getent passwd "$(id -u)" | cut -d : -f 6)
self=$(realpath "$0")
here=$(dirname "$self")
top=$(realpath "$here/../..")
cache=${TCS_KERNELS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tcpconnstate/kernels}

all=(5.10 6.1 6.12 6.16 6.17 6.18 6.19 7.0 7.1 7.2 7.3 6.1-arm64 6.12-arm64 7.1-arm64 7.3-arm64)
subset=(5.10 6.12 7.3 6.12-arm64)
without_cookies=" 5.10 "		# programs are given no socket cookies, and null is shown
preemptible=" 7.0 7.1 7.2 7.3 "	# an event in ten thousand may be lost, if it is counted
suites=(bullseye-security bookworm bookworm-security trixie-security trixie-backports sid)
# What the program and its guests are made of on arm64; from the suite whose libelf.a is whole.
arm64_from=bookworm
arm64_packages=(libbpf-dev libelf-dev zlib1g-dev libcap-ng-dev busybox-static)
guests=2  # at a time
limit=300 # seconds for a guest; it needs about 20, on a machine that is busy more

# ---- fetching ------------------------------------------------------------------------------------

# The kernel of that name in the cache, if any: .../6.12/vmlinuz
image() {
	echo "$cache/$1/vmlinuz"
}

# 6.12 and 6.12-arm64: Debian's name of the machine, and the version.
arch_of() {
	case $1 in
	*-arm64) echo arm64 ;;
	*) echo amd64 ;;
	esac
}

is_preemptible() {
	[ "${preemptible/ ${1%-arm64} /}" != "$preemptible" ]
}

# How many connections a guest makes: a small share of few says nothing.
conns_of() {
	if is_preemptible "$1"; then
		echo "${TCS_KERNELS_CONNS:-4000}"
	else
		echo "${TCS_KERNELS_CONNS:-1000}"
	fi
}

# apt in a folder of its own: the machine's mirrors, keys and proxies, other suites.
# $apt: the folder; $arch: for which machines
private_apt() {
	local command=$1
	shift
	"$command" -qq -o Dir::State="$apt" -o Dir::State::lists="$apt/lists" \
		-o Dir::State::status="$apt/status" -o Dir::Cache="$apt/cache" \
		-o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=- \
		-o APT::Architecture="$arch" -o APT::Architectures="$arch" -o APT::Sandbox::User= \
		-o Acquire::Languages=none -o Acquire::Check-Valid-Until=false "$@"
}

# The address of Debian's archive, and of its security archive, as this machine reaches them.
mirror() {
	# shellcheck disable=SC2016 # apt's own variables
	apt-get indextargets --format '$(LABEL)|$(REPO_URI)|$(SIGNED_BY)' 'Created-By: Packages' \
		2>/dev/null | awk -F '|' -v label="$1" '$1 == label { print $2; exit }'
}

open_archive() {
	local main security suite uri
	local keys=/usr/share/keyrings/debian-archive-keyring.gpg

	command -v apt-get >/dev/null || { echo "there is no apt-get"; return 1; }
	[ -e "$keys" ] || { echo "the keys of Debian's archive are missing"; return 1; }
	main=$(mirror Debian)
	security=$(mirror Debian-Security)
	[ -n "$main" ] || { echo "apt knows no mirror of Debian"; return 1; }
	: "${security:=${main%/debian*}/debian-security}"
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" && : >"$apt/status"
	for suite in "${suites[@]}"; do
		uri=$main
		[ "${suite%-security}" = "$suite" ] || uri=$security
		echo "deb [signed-by=$keys] $uri $suite main"
	done >"$apt/sources.list"
	private_apt apt-get update >"$apt/log" 2>&1 || true
	private_apt apt-cache search --names-only "^linux-(image|binary).*-cloud-$arch\$" |
		cut -d ' ' -f 1 >"$apt/packages"
	[ -s "$apt/packages" ] || { echo "Debian's archive cannot be reached"; return 1; }
}

# Where vmlinuz is has changed over the years: the newest of the first kind that exists.
package() {
	local kind version=${1%-arm64}

	version=${version//./\\.}
	for kind in binary binary-unsigned image; do
		grep -E "^linux-$kind-$version\.[0-9]+(-[0-9]+|\+deb[0-9.]+)-cloud-$arch\$" \
			"$apt/packages" | sort -V | tail -n 1 | grep . && return
	done
	return 1
}

# Puts a kernel into the cache; prints why it could not.
fetch() {
	local name=$1 new=$cache/$1.new deb

	deb=$(package "$name") || { echo "Debian has no package of it now"; return 1; }
	rm -rf "$new"
	mkdir -p "$new" || { echo "cannot write into the cache"; return 1; }
	(cd "$new" && private_apt apt-get download "$deb") >"$apt/log" 2>&1 ||
		{ echo "$deb cannot be downloaded"; return 1; }
	dpkg-deb --fsys-tarfile "$new"/*.deb |
		tar -x -O --wildcards -f - '*/vmlinuz*' >"$new/vmlinuz" 2>/dev/null
	rm -f "$new"/*.deb
	[ -s "$new/vmlinuz" ] || { echo "$deb has no kernel in it"; return 1; }
	echo "$deb" >"$new/package"
	rm -rf "${cache:?}/$name" && mv "$new" "$cache/$name"
}

# The libraries and the busybox of arm64, unpacked: nothing of it is installed.
fetch_arm64_root() {
	local new=$cache/arm64-root.new deb

	rm -rf "$new"
	mkdir -p "$new" || { echo "cannot write into the cache"; return 1; }
	(cd "$new" && private_apt apt-get download "${arm64_packages[@]/%//$arm64_from}") \
		>"$apt/log" 2>&1 || { echo "the libraries of arm64 cannot be downloaded"; return 1; }
	for deb in "$new"/*.deb; do
		dpkg-deb -x "$deb" "$new" || { echo "$deb cannot be unpacked"; return 1; }
	done
	rm -f "$new"/*.deb
	rm -rf "$cache/arm64-root" && mv "$new" "$cache/arm64-root"
}

# fetch_missing ARCH KERNEL...: what of it is not in the cache; why not, where it fails, into NAME.skip
fetch_missing() {
	local arch=$1 name missing=() apt=$work/apt-$1 why=
	shift

	for name; do
		[ -s "$(image "$name")" ] || missing+=("$name")
	done
	if [ "$arch" = arm64 ] && [ $# -gt 0 ] && [ ! -d "$cache/arm64-root" ]; then
		missing=("$@")
	fi
	[ ${#missing[@]} -gt 0 ] || return 0
	mkdir -p "$apt" "$cache"
	why=$(open_archive) || { [ -n "$why" ] || why="apt does not work here"; }
	if [ -z "$why" ] && [ "$arch" = arm64 ] && [ ! -d "$cache/arm64-root" ]; then
		why=$(fetch_arm64_root)
	fi
	for name in "${missing[@]}"; do
		if [ -n "$why" ]; then
			echo "$why" >"$work/$name.skip"
		elif [ ! -s "$(image "$name")" ]; then
			echo "# fetching $name"
			fetch "$name" >"$work/$name.skip" && rm "$work/$name.skip"
		fi
	done
}

# ---- building ------------------------------------------------------------------------------------

# What an arm64 guest needs of this machine; says what is missing.
can_arm64() {
	command -v qemu-system-aarch64 >/dev/null || { echo "qemu-system-aarch64 is not installed"; return 1; }
	command -v aarch64-linux-gnu-gcc >/dev/null || { echo "aarch64-linux-gnu-gcc is not installed"; return 1; }
}

# make_static [VARIABLE=VALUE...]: the static program
make_static() {
	make -s -C "$top" static "$@" >"$work/log" 2>&1 || { sed 's/^/# /' "$work/log"; return 1; }
}

# build ARCH: the initramfs
build() {
	local arch=$1 cc=${CC:-cc} root=$work/root-$1 program=$replayer busybox
	local flags=(-static -std=gnu11 -O2 -D_GNU_SOURCE= -Wall -Wextra -Werror)

	if [ "$arch" = arm64 ]; then
		cc=aarch64-linux-gnu-gcc
		program=$top/build/arm64/static/tcpconnstate
		busybox=$cache/arm64-root/bin/busybox
		make_static ARCH=arm64 "SYSROOT=$cache/arm64-root" || return
	else
		busybox=$(command -v busybox)
	fi
	mkdir -p "$root/bin"
	"$cc" "${flags[@]}" -o "$root/bin/guest" "$here/guest.c" &&
		"$cc" "${flags[@]}" -o "$root/bin/verified" "$here/verified.c" &&
		"$cc" "${flags[@]}" -o "$root/bin/hold" "$top/tests/e2e/hold.c" &&
		"$cc" "${flags[@]}" -o "$root/bin/truth" "$top/tests/bench/truth.c" &&
		cp "$program" "$root/bin/tcpconnstate" && cp "$busybox" "$root/bin/busybox" &&
		cp "$here/init" "$root/init" && chmod 755 "$root/init" "$root"/bin/* &&
		(cd "$root" && find . | cpio -o -H newc --quiet) | gzip -1 >"$work/initramfs-$arch"
}

# ---- one guest -----------------------------------------------------------------------------------

# The census of held sockets, and the clock that was put ahead: prints what is wrong.
beside_events() {
	local out=$1 truth

	truth=$(awk '$4 ~ /^[0-9A-F][0-9A-F]$/ { n[$4]++ }
		END { for (s in n) printf "%s[\"%s\",%d]", comma++ ? "," : "", s, n[s] }' "$out/census.truth")
	if [ "$(cat "$out/census.status")" = 3 ]; then
		jq -rs --argjson truth "[$truth]" --argjson hold "$(cat "$out/hold.json")" \
			-f "$here/census.jq" "$out/census.json"
	else
		echo "audit ended with $(cat "$out/census.status"), 3 expected: $(cat "$out/census.err")"
	fi 2>&1
	jq -rs -f "$here/clock.jq" "$out/events.json" 2>&1
}

# A filter that nothing passes: each change, and each SYN-ACK sent again, is counted as filtered, once,
# or as lost. (The SYN-ACKs are those of the other instance, which judge.awk has looked at.)
filtered() {
	local out=$1 truth counted

	truth=$(awk -v n="$(grep -c '^{"type":"synack_retransmit"' "$out/events.json")" '
		$1 != "end" && $1 != $2 { n += $3 } END { print n }' "$out/truth.tsv")
	counted=$(jq -r 'select(.type == "end") | .filtered + ([.lost[]] | add)' "$out/filtered.json" 2>&1)
	[ "$counted" = "$truth" ] ||
		echo "with a filter $counted events were counted, and $truth happened: $(cat "$out/filtered.err")"
}

# The verifier gives up after a million instructions: a tenth of it, for the largest program, is enough.
headroom() {
	awk '$2 > 100000 { print "the verifier goes through " $2 " instructions for " $1 }
		END { if (!NR) print "no program was seen to be loaded" }' "$1/verified"
}

# replay STATUS NAME ARGS...: a capture of the guest, replayed here; what it says must be what was said
# there, in NAME.json: all lines but the first byte for byte, and that one but for who prints it.
replay() {
	local out=$1 want=$2 name=$3 got=0 who='del(.command, .version)'
	shift 3

	"$replayer" replay --json "$@" >"$out/replayed" 2>"$out/replayed.err" </dev/null || got=$?
	[ $got = "$want" ] || echo "the replay of $name ended with $got, not $want: $(tail -n 1 "$out/replayed.err")"
	[ "$(head -n 1 "$out/$name.json" | jq -c "$who")" = "$(head -n 1 "$out/replayed" | jq -c "$who")" ] ||
		echo "the replay of $name begins with another line"
	diff <(tail -n +2 "$out/$name.json") <(tail -n +2 "$out/replayed") >"$out/differences" ||
		echo "the replay of $name is not what was printed in the guest:" \
			"$(grep -c '^<' "$out/differences") lines, $(sed -n 2p "$out/differences")"
}

# What was recorded in the guest, outside of it: prints what is wrong.
replays() {
	local out=$1 thresholds=(--close-wait-age 0.001 --close-wait-count 10)

	replay "$out" 0 events "$out/events.tcs"
	replay "$out" 0 piles "${thresholds[@]}" "$out/piles.tcs"
	replay "$out" "$(cat "$out/verdict.status")" verdict --verdict "${thresholds[@]}" "$out/piles.tcs"
	jq -rs --slurpfile audit "$out/census.json" -f "$here/verdict.jq" "$out/piles.json" "$out/verdict.json"
}

# What the guest left, judged: prints notes and, last, "ok|not ok - description".
judge() {
	local name=$1 out=$2 kernel status lossy=0 cookies=1 verdict without

	kernel=$(cat "$out/kernel")
	status=$(cat "$out/tcs.status" 2>/dev/null)
	grep -v ' 0 lost in ' "$out/tcs.err" | sed 's/^/# /'
	[ -s "$out/truth.log" ] && sed 's/^/# /' "$out/truth.log"
	[ -s "$out/acts.err" ] && sed 's/^/# /' "$out/acts.err"
	if [ "$status" != 0 ] || [ "$(cat "$out/guest.status" 2>/dev/null)" != 0 ]; then
		[ -s "$out/loader.err" ] && tail -n 30 "$out/loader.err" | sed 's/^/# /'
		echo "not ok - $name kernel=$kernel tcpconnstate=${status:-none}" \
			"guest=$(cat "$out/guest.status" 2>/dev/null || echo none)"
		return
	fi
	! is_preemptible "$name" || lossy=0.0001
	[ "${without_cookies/ ${name%-arm64} /}" = "$without_cookies" ] || cookies=0
	jq -r 'if .type == "end" then ["end", .events, .overrun + .dropped + .missed]
	       else [.old, .new, .count] end | @tsv' "$out/truth.json" >"$out/truth.tsv"
	jq -r -f "$here/events.jq" "$out/events.json" >"$out/events.tsv" ||
		echo "# the output is not JSON"
	awk -F '[\t ]' -f "$here/judge.awk" lossy=$lossy cookies=$cookies \
		synretrans="$(awk '$1 == "TcpExt:" && !n { n = split($0, name) ; next }
			$1 == "TcpExt:" { for (i in name) if (name[i] == "TCPSynRetrans") print $i }' \
			"$out/netstat")" part=acts "$out/acts" \
		part=truth "$out/truth.tsv" part=events "$out/events.tsv" >"$out/verdict"
	grep '^#' "$out/verdict"
	{
		beside_events "$out"
		filtered "$out"
		headroom "$out"
		replays "$out"
	} >"$out/beside" 2>&1
	sed 's/^/# /' "$out/beside"
	verdict=$(tail -n 1 "$out/verdict")
	[ ! -s "$out/beside" ] || verdict=${verdict/verdict ok/verdict bad}
	without=$(jq -rs '[.[] | select(.status == "part").name] | join(",")' "$out/doctor.json")
	if [ "$(cat "$out/doctor.status")" != 0 ] || [ -s "$out/doctor.err" ]; then
		echo "# doctor says that it cannot run:"
		jq -r 'select(.status == "no") | "# \(.name): \(.found)"' "$out/doctor.json"
		verdict=${verdict/verdict ok/verdict bad}
	fi
	verdict+=" without=${without:-nothing}"
	case $verdict in
	"verdict ok "*)
		echo "ok - $name kernel=$kernel ${verdict#verdict ok }" \
			"census=$(grep -c ' [0-9A-F][0-9A-F] ' "$out/census.truth")" \
			"verified=$(sort -k 2n "$out/verified" | tail -n 1 | cut -d ' ' -f 2)" \
			"replayed=$(cat "$out/events.json" "$out/piles.json" "$out/verdict.json" | wc -l)"
		;;
	*) echo "not ok - $name kernel=$kernel ${verdict#verdict bad }" ;;
	esac
}

# Two serial lines: the console, and what the guest sends out.
boot() {
	local name=$1 out=$2 arch console archive machine

	arch=$(arch_of "$name")
	if [ "$arch" = arm64 ]; then
		# Only one line is on the board; pointer authentication costs the emulator half its time.
		machine=(qemu-system-aarch64 -M virt -cpu "max,pauth-impdef=on"
			-serial "file:$out/console" -chardev "file,id=archive,path=$out/archive"
			-device "pci-serial,chardev=archive")
		console=ttyAMA0 archive=ttyS0
	else
		machine=(qemu-system-x86_64 -cpu max
			-serial "file:$out/console" -serial "file:$out/archive")
		console=ttyS0 archive=ttyS1
	fi
	timeout --foreground -k 5 "$limit" nice -n 19 "${machine[@]}" \
		-accel "tcg,thread=multi" -nodefaults -no-reboot -smp 2 -m 1G -display none \
		-kernel "$(image "$name")" -initrd "$work/initramfs-$arch" \
		-append "console=$console panic=-1 quiet tcs_conns=$(conns_of "$name") tcs_archive=$archive" \
		</dev/null >"$out/qemu" 2>&1
}

# One kernel; called back by xargs. Prints all of it at once: another guest runs beside it.
one() {
	local name=$1 out=$work/out/$1 began=$SECONDS status report try notes=

	if [ -s "$work/$name.skip" ] || [ ! -s "$(image "$name")" ]; then
		echo "ok - $name # SKIP $(cat "$work/$name.skip" 2>/dev/null || echo not fetched)"
		return
	fi
	mkdir -p "$out"
	# The emulator may trip over code that the kernel patches while it boots. What happens after
	# our programs begin is never tried again.
	for try in 1 2 3; do
		boot "$name" "$out"
		status=$?
		grep -q 'guest: begins' "$out/console" && break
		notes+="# $name did not boot, try $try: $(tail -n 1 "$out/console" | tr -d '\r')"$'\n'
	done
	if tar -xzf "$out/archive" -C "$out" 2>/dev/null && [ -s "$out/kernel" ]; then
		report=$(judge "$name" "$out")
	else
		report=$(tail -n 40 "$out/console" "$out/qemu" | tr -d '\r' | sed 's/^/# /'
			echo "not ok - $name nothing came out of the guest, qemu=$status")
	fi
	printf '%s\n' "$notes$report seconds=$((SECONDS - began))"
	if [ -n "${TCS_KERNELS_KEEP-}" ]; then
		mkdir -p "$TCS_KERNELS_KEEP" && rm -rf "${TCS_KERNELS_KEEP:?}/$name" &&
			cp -r "$out" "$TCS_KERNELS_KEEP/$name"
	fi
	rm -rf "$out"
}

# ---- command line ----------------------------------------------------------------------------------

# shellcheck disable=SC2086 # a list
[ $# -gt 0 ] || set -- ${TCS_KERNELS-}
kernels=()
for arg; do
	case $arg in
	--one)
		work=$TCS_KERNELS_WORK replayer=$TCS_KERNELS_REPLAYER
		one "$2"
		exit
		;;
	--all) kernels+=("${all[@]}") ;;
	--subset) kernels+=("${subset[@]}") ;;
	--list)
		for name in "${all[@]}"; do
			echo "$name $(cat "$cache/$name/package" 2>/dev/null || echo "not in the cache")"
		done
		exit
		;;
	-h | --help)
		sed -n '3,/^$/s/^#\( \|$\)//p' "$self"
		exit
		;;
	*)
		case " ${all[*]} " in
		*" $arg "*) kernels+=("$arg") ;;
		*)
			echo "run.sh: $arg is not one of: ${all[*]}" >&2
			exit 2
			;;
		esac
		;;
	esac
done
[ ${#kernels[@]} -gt 0 ] || kernels=("${all[@]}")
mapfile -t kernels < <(printf '%s\n' "${kernels[@]}" | sort -uV)

skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}
[ "$(uname -m)" = x86_64 ] || skip_all "the guests are run from x86_64, this machine is not"
for command in qemu-system-x86_64 busybox cpio jq; do
	command -v "$command" >/dev/null || skip_all "$command is not installed"
done
ldd "$(command -v busybox)" >/dev/null 2>&1 && skip_all "busybox is not static (busybox-static)"

replayer=${TCS_STATIC:-$top/build/static/tcpconnstate}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
export TCS_KERNELS_WORK=$work TCS_KERNELS_REPLAYER=$replayer

echo "1..${#kernels[@]}"
# It runs in the guests of this machine's kind, and replays here what was recorded in any.
[ -n "${TCS_STATIC-}" ] || make_static || {
	echo "Bail out! cannot build the static program"
	exit 1
}
for arch in amd64 arm64; do
	wanted=()
	for name in "${kernels[@]}"; do
		[ "$(arch_of "$name")" != $arch ] || wanted+=("$name")
	done
	[ ${#wanted[@]} -gt 0 ] || continue
	if [ $arch = arm64 ] && ! why=$(can_arm64); then
		for name in "${wanted[@]}"; do
			echo "$why" >"$work/$name.skip"
		done
		continue
	fi
	fetch_missing $arch "${wanted[@]}"
	[ $arch = amd64 ] || [ -d "$cache/arm64-root" ] || continue # all of them are skips
	build $arch || {
		echo "Bail out! cannot build what runs in the guests of $arch"
		exit 1
	}
done
# Lines as they come: awk would keep them until the end.
n=0
failed=0
while IFS= read -r line; do
	case $line in
	"ok "*) line="ok $((++n)) ${line#ok }" ;;
	"not ok "*)
		line="not ok $((++n)) ${line#not ok }"
		failed=1
		;;
	esac
	printf '%s\n' "$line"
done < <(printf '%s\n' "${kernels[@]}" | xargs -P "$guests" -n 1 "$self" --one)
exit $failed
