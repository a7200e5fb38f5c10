#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Installs what is missing, and says what and why. Debian and its relatives: with apt-get, through
# sudo when not root. Elsewhere: prints that distribution's command, and exits 1 if it is needed.
# Looks for the thing itself, not for a package, so it is quick and silent when all is there.
#
#   tests/deps.sh [--only-look] SET...    SET: build, check, container, bench, kernels
#
# Needs nothing but a shell. CC, CLANG, BPFTOOL and PKG_CONFIG from the environment are respected.

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
: "${CC:=cc}" "${CLANG:=clang}" "${BPFTOOL:=bpftool}" "${PKG_CONFIG:=pkg-config}"

# set; how to look for it; what for; and who brings it: Debian; Fedora; Arch; openSUSE; Alpine
# shellcheck disable=SC2016 # expanded by look()
table='
build; cmd $CC;           compiles the program; gcc; gcc; gcc; gcc; gcc
build; header stdio.h;    the C library; libc6-dev; glibc-devel; glibc; glibc-devel; musl-dev linux-headers
build; header argp.h;     the command line (part of the C library, except musl); libc6-dev; glibc-devel; glibc; glibc-devel; argp-standalone
build; cmd $CLANG;        compiles the BPF programs; clang; clang; clang; clang; clang
build; bpftool;           turns BPF programs into C headers; bpftool; bpftool; bpf; bpftool; bpftool
build; cmd $PKG_CONFIG;   finds the libraries; pkg-config; pkgconf-pkg-config; pkgconf; pkg-config; pkgconf
build; lib libbpf 1.0;    loads BPF programs; libbpf-dev; libbpf-devel; libbpf; libbpf-devel; libbpf-dev
build; lib libelf;        libbpf needs it; libelf-dev; elfutils-libelf-devel; libelf; libelf-devel; elfutils-dev
build; lib zlib;          libbpf needs it, captures are compressed; zlib1g-dev; zlib-devel; zlib; zlib-devel; zlib-dev
build; lib libcap-ng;     drops rights after the start; libcap-ng-dev; libcap-ng-devel; libcap-ng; libcap-ng-devel; libcap-ng-dev
check; cmd bash;          runs the tests; bash; bash; bash; bash; bash
check; cmd prove;         runs the tests; perl; perl-Test-Harness; perl; perl; perl-utils
check; lib cmocka;        unit tests; libcmocka-dev; libcmocka-devel; cmocka; libcmocka-devel; cmocka-dev
check; asan;              unit tests under sanitizers; gcc; libasan libubsan; gcc; gcc; gcc
check; fuzzer;           fuzz targets; libclang-rt-dev; compiler-rt; compiler-rt; clang; compiler-rt
check; cmd bats;          end-to-end tests; bats; bats; bash-bats; bats; bats
check; cmd jq;            tests of JSON and of kernel types; jq; jq; jq; jq; jq
check; cmd ip;            network namespaces for tests; iproute2; iproute; iproute2; iproute2; iproute2
check; cmd nft;           loses packets and redirects connections in tests; nftables; nftables; nftables; nftables; nftables
check; cmd pgrep;         processes in tests; procps; procps-ng; procps-ng; procps; procps
check; cmd setpriv;       rights in tests; util-linux; util-linux; util-linux; util-linux; util-linux
check; cmd script;        terminals in tests; bsdutils; util-linux-script util-linux; util-linux; util-linux; util-linux-misc
check; cmd clang-format;  looks at the layout of the C code; clang-format; clang-tools-extra; clang; clang-tools; clang-extra-tools
check; cmd clang-tidy;    looks for mistakes in the C code; clang-tidy; clang-tools-extra; clang; clang-tools; clang-extra-tools
check; cmd cppcheck;      looks for mistakes in the C code; cppcheck; cppcheck; cppcheck; cppcheck; cppcheck
check; cmd shellcheck;    looks for mistakes in shell scripts; shellcheck; ShellCheck; shellcheck; ShellCheck; shellcheck
check; cmd mandoc;        looks at the man page; mandoc; mandoc; mandoc; mandoc; mandoc
check; cmd git;           lists the files of the project; git; git; git; git; git
container; cmd podman;    builds and runs images; podman; podman; podman; podman; podman
container; cmd runc crun; runs containers for it; runc; crun; crun; runc; crun
container; cmd perl;      connections of the host in tests; perl; perl-interpreter; perl; perl; perl
container; cmd jq;        reads what they print; jq; jq; jq; jq; jq
bench; cmd tcpstates tcpstates-libbpf; what we compare with; libbpf-tools; libbpf-tools; libbpf-tools; libbpf-tools; bcc-tools
bench; cmd jq;            reads the measurements; jq; jq; jq; jq; jq
bench; cmd ip;            network namespaces; iproute2; iproute; iproute2; iproute2; iproute2
kernels; cmd qemu-system-x86_64; boots other kernels; qemu-system-x86; qemu-system-x86-core; qemu-system-x86; qemu-x86; qemu-system-x86_64
kernels; cmd qemu-system-aarch64; boots kernels of arm64; qemu-system-arm; qemu-system-aarch64-core; qemu-system-aarch64; qemu-arm; qemu-system-aarch64
kernels; cmd aarch64-linux-gnu-gcc; compiles for them; gcc-aarch64-linux-gnu libc6-dev-arm64-cross; gcc-aarch64-linux-gnu; aarch64-linux-gnu-gcc; cross-aarch64-gcc12; gcc-aarch64-none-elf
kernels; cmd busybox;     their user space; busybox-static; busybox; busybox; busybox-static; busybox-static
kernels; cmd cpio;        packs it; cpio; cpio; cpio; cpio; cpio
kernels; cmd jq;          reads what they print; jq; jq; jq; jq; jq
'

# Is it there? Each way of looking is a function of the name used in the table.
cmd() {
	for c; do
		command -v "$c" >/dev/null 2>&1 && return
	done
	return 1
}
header() {
	# shellcheck disable=SC2086 # CC may have arguments
	echo "#include <$1>" | $CC -E - >/dev/null 2>&1
}
lib() {
	"$PKG_CONFIG" --exists "$1${2:+ >= $2}" 2>/dev/null
}
asan() {
	tmp=$(mktemp -d) || return
	echo 'int main(void) { return 0; }' >"$tmp/a.c"
	# shellcheck disable=SC2086
	$CC -fsanitize=address,undefined -o "$tmp/a" "$tmp/a.c" >/dev/null 2>&1
	status=$?
	rm -r "$tmp"
	return "$status"
}
fuzzer() {
	tmp=$(mktemp -d) || return
	echo 'int LLVMFuzzerTestOneInput(const char *d, long n) { return d && n < 0; }' >"$tmp/a.c"
	# shellcheck disable=SC2086
	$CLANG -fsanitize=fuzzer,address,undefined -o "$tmp/a" "$tmp/a.c" >/dev/null 2>&1
	status=$?
	rm -r "$tmp"
	return "$status"
}
bpftool() {
	# Ubuntu's bpftool is a wrapper that fails when it does not know the running kernel.
	for b in "$BPFTOOL" /usr/lib/linux-tools/*/bpftool /usr/lib/linux-tools-*/bpftool; do
		command "$b" version >/dev/null 2>&1 && return
	done
	return 1
}

only_look=
if [ "$1" = --only-look ]; then
	only_look=y
	shift
fi
sets=" $* "

# What is missing of the sets asked for: the rows without their first two fields.
look() {
	echo "$table" | while IFS=';' read -r set how rest; do
		case $sets in *" $set "*) ;; *) continue ;; esac
		[ -n "$set" ] || continue
		eval "$how" || echo "$rest"
	done
}

# Of the rows on stdin, the packages of one system (1 Debian ... 5 Alpine): as a list ...
packages() {
	awk -F' *; *' -v n="$1" '{
		k = split($(n + 1), p, " ")
		for (i = 1; i <= k; i++)
			if (!seen[p[i]]++)
				printf "%s ", p[i]
	}'
}

# ... and one a line with its (first) reason, behind a word.
reasons() {
	awk -F' *; *' -v n="$1" -v word="$2" '!seen[$(n + 1)]++ { sub(/^ */, ""); printf "  %-8s %s: %s\n", word, $(n + 1), $1 }'
}

missing=$(look)
[ -n "$missing" ] || exit 0

if [ -n "$only_look" ]; then
	echo "$missing" | reasons 1 MISSING >&2
	echo "Not all that this needs is installed: \`make deps\` does it." >&2
	exit 1
fi

id=$(. /etc/os-release 2>/dev/null && echo "$ID $ID_LIKE")
root=
[ "$(id -u)" = 0 ] || root='sudo '

# Elsewhere than on Debian we do not know what an installation may do to the system: only say it.
tell() {
	echo "$missing" | reasons "$1" MISSING >&2
	echo "These are missing. To install them:" >&2
	echo "  $root$2 $(echo "$missing" | packages "$1")" >&2
	exit 1
}
case " $id " in
*" debian "* | *" ubuntu "*) ;;
*" fedora "* | *" rhel "*) tell 2 'dnf install' ;;
*" arch "*) tell 3 'pacman -S --needed' ;;
*" suse "* | *" opensuse "*) tell 4 'zypper install' ;;
*" alpine "*) tell 5 'apk add' ;;
*)
	cmd apt-get || {
		echo "$missing" | reasons 1 MISSING >&2
		echo "These are missing (Debian's package names); please install them." >&2
		exit 1
	}
	;;
esac

if [ -n "$root" ] && ! cmd sudo; then
	echo "$missing" | reasons 1 MISSING >&2
	echo "These are missing and there is no sudo here. As root:" >&2
	echo "  apt-get install --no-install-recommends $(echo "$missing" | packages 1)" >&2
	exit 1
fi

# Quiet while it goes well, the whole story when it does not.
quietly() {
	log=$(mktemp) || exit 1
	"$@" >"$log" 2>&1 </dev/null
	status=$?
	[ "$status" = 0 ] || cat "$log" >&2
	rm -f "$log"
	return "$status"
}
apt() {
	quietly ${root:+sudo} env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
		-o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@"
}

[ -z "$root" ] || sudo -v || exit 1
echo "  UPDATE   the list of packages"
apt update || echo "  (that failed; going on with the list there is)"

list=$(echo "$missing" | packages 1)
# Before Debian's bpftool reached it, Ubuntu had it among the tools of its kernel.
case " $list " in
*" bpftool "*)
	if ! apt-cache policy bpftool | grep -q 'Candidate: [0-9]'; then
		list=$(echo " $list " | sed 's/ bpftool / linux-tools-common linux-tools-generic /')
	fi
	;;
esac

echo "$missing" | reasons 1 INSTALL
# shellcheck disable=SC2086 # a list of words
apt install --no-install-recommends $list || {
	echo "This did not work: apt-get install $list" >&2
	exit 1
}

missing=$(look)
[ -n "$missing" ] || exit 0
echo "$missing" | reasons 1 MISSING >&2
echo "Installed what there is, and this is still missing or too old: an older system?" >&2
exit 1
