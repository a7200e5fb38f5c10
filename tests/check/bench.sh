#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The benchmarks find tracepoints where tracefs is not mounted, and leave no mount.

. "$(dirname "$0")/tap.inc"

need unshare bash
[ "$(id -u)" -eq 0 ] || skip_all "needs root: mount(2)"
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
cat >"$tmp/peer.sh" <<EOF
. "$PWD/tests/bench/lib.sh"
echo "\$# arguments, \$2, \$(ls -d /sys/kernel/tracing/events/sock/inet_sock_set_state)"
EOF
# bare MORE: the script in a namespace without tracefs, and prepared by MORE
bare() {
	unshare --mount --propagation private sh -c "umount /sys/kernel/tracing 2>/dev/null; $1
		exec bash $tmp/peer.sh one 'two words'" 2>&1
}
mounts=$(grep -c tracefs /proc/mounts)
expect='2 arguments, two words, /sys/kernel/tracing/events/sock/inet_sock_set_state'
check "a benchmark mounts tracefs in a namespace of its own" \
	"$(bare : | grep -vxF "$expect")"
check "it leaves no mount" "$([ "$(grep -c tracefs /proc/mounts)" = "$mounts" ] || grep tracefs /proc/mounts)"
mkdir "$tmp/bin"
printf '#!/bin/sh\necho "mount: permission denied" >&2; exit 1\n' >"$tmp/bin/mount"
chmod +x "$tmp/bin/mount"
expect='peer.sh: tracefs cannot be mounted, which tcpstates and tcplife need: mount: permission denied'
check "where it may not, there is one sentence" \
	"$(bare "PATH=$tmp/bin:\$PATH" | grep -vxF "$expect")"
finish
