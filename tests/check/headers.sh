#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Every header says what it needs: it compiles alone, strictly. Those of bpf/ compile on the BPF
# side behind vmlinux.h and libbpf's helpers, as every BPF program includes them.

. "$(dirname "$0")/tap.inc"

user=$(makefile COMPILE) || exit 1
bpf=$(makefile BPF_COMPILE) || exit 1

# Checked by itself a header is no header: what it defines for others is not used.
alone() {
	case $1 in
	bpf/*)
		$bpf -Werror -Wno-unused -fsyntax-only -include vmlinux.h \
			-include bpf/bpf_helpers.h -include bpf/bpf_core_read.h \
			-include bpf/bpf_endian.h -include bpf/bpf_tracing.h -x c "$1"
		;;
	*)
		$user -Werror -Wno-unused -pedantic-errors -fsyntax-only -x c "$1"
		;;
	esac
}

# The records are read by both sides.
both() {
	$user -Werror -pedantic-errors -fsyntax-only -x c bpf/tcs_wire.h
}

set --
for h in src/*.h bpf/*.h; do
	[ ! -e "$h" ] || set -- "$@" "$h"
done
check_each alone "$@"
if [ -e bpf/tcs_wire.h ]; then
	out=$(both 2>&1) || out="${out:-the compiler failed}"
	check "bpf/tcs_wire.h on the user side" "$out"
fi
finish
