#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs one and the same static tcpconnstate on real kernels, under qemu: one TAP line for each.
#
#   run.sh [--all | --subset | --list | KERNEL...]
#
#   --all       every kernel of the list (the default)
#   --subset    the oldest, one in the middle, the newest
#   --list      the kernels, and which of them are in the cache
#   KERNEL      6.12, 7.0, ...
#
# From the environment:
#   TCS_KERNELS_CACHE   where kernels are kept (default: tcpconnstate/kernels in the user's cache)
#   TCS_KERNELS_CONNS   connections in the scene that is about numbers (default 1000)
#   TCS_KERNELS_KEEP    a folder for what each guest sent; without it, it is thrown away
#   TCS_KERNELS         what to run when there is no argument, e.g. --subset
#   TCS_STATIC          the program (default: build/static/tcpconnstate, after `make static`)
#
# Kernels come from Debian's archive, from the mirrors that this machine's apt is set up for. What
# cannot be fetched is a named skip. README.md tells what happens in a guest.

set -u
export LC_ALL=C
self=$(realpath "$0")
here=$(dirname "$self")
top=$(realpath "$here/../..")
cache=${TCS_KERNELS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tcpconnstate/kernels}
conns=${TCS_KERNELS_CONNS:-1000}

all=(5.10 6.1 6.12 6.16 6.17 6.18 6.19 7.0 7.1 7.2 7.3)
subset=(5.10 6.12 7.3)
without_cookies=" 5.10 "		# programs are given no socket cookies, and null is shown
preemptible=" 7.0 7.1 7.2 7.3 "	# an event in ten thousand may be lost, if it is counted
suites=(bullseye-security bookworm-security trixie-security trixie-backports sid)
guests=2  # at a time
limit=150 # seconds for a guest; it needs about 20

# ---- fetching ------------------------------------------------------------------------------------

# The kernel of that name in the cache, if any: .../6.12/vmlinuz
image() {
	echo "$cache/$1/vmlinuz"
}

# apt in a folder of its own: the machine's mirrors, keys and proxies, other suites.
private_apt() {
	local command=$1
	shift
	"$command" -qq -o Dir::State="$apt" -o Dir::State::lists="$apt/lists" \
		-o Dir::State::status="$apt/status" -o Dir::Cache="$apt/cache" \
		-o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=- \
		-o APT::Architecture=amd64 -o APT::Architectures=amd64 -o APT::Sandbox::User= \
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
	private_apt apt-cache search --names-only '^linux-(image|binary).*-cloud-amd64$' |
		cut -d ' ' -f 1 >"$apt/packages"
	[ -s "$apt/packages" ] || { echo "Debian's archive cannot be reached"; return 1; }
}

# Where vmlinuz is has changed over the years: the newest of the first kind that exists.
package() {
	local kind version=${1//./\\.}

	for kind in binary binary-unsigned image; do
		grep -E "^linux-$kind-$version\.[0-9]+(-[0-9]+|\+deb[0-9.]+)-cloud-amd64\$" \
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

fetch_missing() {
	local name missing=() apt why=

	for name; do
		[ -s "$(image "$name")" ] || missing+=("$name")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	apt=$work/apt
	mkdir -p "$apt" "$cache"
	why=$(open_archive) || { [ -n "$why" ] || why="apt does not work here"; }
	for name in "${missing[@]}"; do
		if [ -n "$why" ]; then
			echo "$why" >"$work/$name.skip"
		else
			echo "# fetching $name"
			fetch "$name" >"$work/$name.skip" && rm "$work/$name.skip"
		fi
	done
}

# ---- building ------------------------------------------------------------------------------------

build() {
	local cc=${CC:-cc} root=$work/root program=${TCS_STATIC:-$top/build/static/tcpconnstate}
	local flags=(-static -std=gnu11 -O2 -D_GNU_SOURCE= -Wall -Wextra -Werror)

	[ -n "${TCS_STATIC-}" ] || make -s -C "$top" static >"$work/log" 2>&1 ||
		{ sed 's/^/# /' "$work/log"; return 1; }
	mkdir -p "$root/bin"
	"$cc" "${flags[@]}" -o "$root/bin/guest" "$here/guest.c" &&
		"$cc" "${flags[@]}" -o "$root/bin/truth" "$top/tests/bench/truth.c" &&
		cp "$program" "$root/bin/tcpconnstate" &&
		cp "$(command -v busybox)" "$root/bin/busybox" &&
		cp "$here/init" "$root/init" && chmod 755 "$root/init" "$root"/bin/* &&
		(cd "$root" && find . | cpio -o -H newc --quiet) | gzip -1 >"$work/initramfs"
}

# ---- one guest -----------------------------------------------------------------------------------

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
	[ "${preemptible/ $name /}" = "$preemptible" ] || lossy=0.0001
	[ "${without_cookies/ $name /}" = "$without_cookies" ] || cookies=0
	jq -r 'if .type == "end" then ["end", .events, .overrun + .dropped + .missed]
	       else [.old, .new, .count] end | @tsv' "$out/truth.json" >"$out/truth.tsv"
	jq -r -f "$here/events.jq" "$out/events.json" >"$out/events.tsv" ||
		echo "# the output is not JSON"
	awk -F '[\t ]' -f "$here/judge.awk" lossy=$lossy cookies=$cookies part=acts "$out/acts" \
		part=truth "$out/truth.tsv" part=events "$out/events.tsv" >"$out/verdict"
	grep '^#' "$out/verdict"
	verdict=$(tail -n 1 "$out/verdict")
	without=$(jq -rs '[.[] | select(.status == "part").name] | join(",")' "$out/doctor.json")
	if [ "$(cat "$out/doctor.status")" != 0 ] || [ -s "$out/doctor.err" ]; then
		echo "# doctor says that it cannot run:"
		jq -r 'select(.status == "no") | "# \(.name): \(.found)"' "$out/doctor.json"
		verdict=${verdict/verdict ok/verdict bad}
	fi
	verdict+=" without=${without:-nothing}"
	case $verdict in
	"verdict ok "*) echo "ok - $name kernel=$kernel ${verdict#verdict ok }" ;;
	*) echo "not ok - $name kernel=$kernel ${verdict#verdict bad }" ;;
	esac
}

boot() {
	local name=$1 out=$2

	timeout --foreground -k 5 "$limit" nice -n 19 qemu-system-x86_64 \
		-accel tcg,thread=multi -cpu max -nodefaults -no-reboot -smp 2 -m 1G -display none \
		-serial "file:$out/console" -serial "file:$out/archive" \
		-kernel "$(image "$name")" -initrd "$work/initramfs" \
		-append "console=ttyS0 panic=-1 quiet tcs_conns=$conns" \
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
		work=$TCS_KERNELS_WORK
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
[ "$(uname -m)" = x86_64 ] || skip_all "the guests are x86_64, this machine is not"
for command in qemu-system-x86_64 busybox cpio jq; do
	command -v "$command" >/dev/null || skip_all "$command is not installed"
done
ldd "$(command -v busybox)" >/dev/null 2>&1 && skip_all "busybox is not static (busybox-static)"

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
export TCS_KERNELS_WORK=$work

echo "1..${#kernels[@]}"
build || {
	echo "Bail out! cannot build what runs in the guests"
	exit 1
}
fetch_missing "${kernels[@]}"
printf '%s\n' "${kernels[@]}" | xargs -P "$guests" -n 1 "$self" --one |
	awk '/^(not )?ok / { failed += /^not/; sub(/ok /, "ok " ++n " ") } { print; fflush() }
	     END { exit failed > 0 }'
