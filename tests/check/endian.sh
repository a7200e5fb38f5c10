#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A build for a big-endian machine ends at its beginning, with one sentence.

. "$(dirname "$0")/tap.inc"

tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
cat >"$tmp/cc" <<'EOF'
#!/bin/sh
[ "$1" != -dM ] || { echo '#define __BYTE_ORDER__ __ORDER_BIG_ENDIAN__'; exit 0; }
exec cc "$@"
EOF
chmod +x "$tmp/cc"
expect="$tmp/cc builds for a big-endian machine: recordings and BPF programs are little-endian; \
build for a little-endian one."
check "it ends with a failure" \
	"$(make -s tools CC="$tmp/cc" >"$tmp/out" 2>&1 && echo "make has exited with 0")"
check "it says why, and what to do" "$(grep -v '^make' "$tmp/out" | grep -vxF "$expect")"
check "it says so once" "$([ "$(grep -cxF "$expect" "$tmp/out")" = 1 ] || cat "$tmp/out")"
check "here it goes on" "$(make -s tools 2>&1)"
finish
