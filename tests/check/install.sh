#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# make install and make uninstall: into paths with blanks and quotes, and under any umask.
# (-o all: what is installed has been built, and is not looked over for each of them.)

. "$(dirname "$0")/tap.inc"

[ -x ./tcpconnstate ] || skip_all "tcpconnstate is not built"
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
all='755 sbin/tcpconnstate
644 share/bash-completion/completions/tcpconnstate
644 share/man/man8/tcpconnstate.8
644 share/zsh/site-functions/_tcpconnstate'

# Mode and name of each file below FOLDER.
files() { (cd "$1" 2>/dev/null && find . -type f -printf '%m %P\n' | sort -k 2); }

# try UMASK NAME: install below a folder of that name, and remove it again
try() {
	to=$tmp/$2
	said=$(umask "$1" && make -o all install DESTDIR="$to" PREFIX="/opt/it's here" 2>&1) ||
		check "make install exits with 0, umask $1, DESTDIR=.../$2" "$said"
	check "umask $1, DESTDIR=.../$2: every file, readable by all" \
		"$(files "$to/opt/it's here" | diff - "$tmp/all" 2>&1)"
	check "umask $1, DESTDIR=.../$2: every folder, too" \
		"$(find "$to" -type d ! -perm 755 2>&1)"
	make -o all uninstall DESTDIR="$to" PREFIX="/opt/it's here" >/dev/null 2>&1
	check "DESTDIR=.../$2: make uninstall leaves no file" "$(find "$to" -type f 2>&1)"
}

printf '%s\n' "$all" | sort -k 2 >"$tmp/all"
try 022 plain
try 077 'with a  blank'
# shellcheck disable=SC2016 # it is a name
try 027 '"quoted" & `x`; #'
check "what was installed was built" "$(./tcpconnstate --completion bash | cmp - build/completion.bash 2>&1)"
finish
