// SPDX-License-Identifier: GPL-2.0-only
/* test_host.c - the texts of /proc: ports, counters, limits */
#include <errno.h>

#include "unit.h"

#include "host.h"

static bool has(const struct host_ports *p, uint32_t port)
{
	return p->bits[port / 64] >> port % 64 & 1;
}

static void the_local_range_without_reserved_ports(void **state)
{
	struct host_ports p;

	(void)state;
	assert_int_equal(host_parse_ports("32768\t60999\n", "\n", &p), 0);
	assert_int_equal(p.count, 28232);
	assert_int_equal(p.first, 32768);
	assert_int_equal(p.last, 60999);
	assert_true(has(&p, 32768) && has(&p, 60999));
	assert_false(has(&p, 32767) || has(&p, 61000));

	assert_int_equal(host_parse_ports("100 109", "8080,101-103,109\n", &p), 0);
	assert_int_equal(p.count, 6);
	assert_false(has(&p, 101) || has(&p, 103) || has(&p, 109));
	assert_true(has(&p, 100) && has(&p, 104));

	assert_int_equal(host_parse_ports("0 65535", "0-65535", &p), 0);
	assert_int_equal(p.count, 0);
	assert_int_equal(host_parse_ports("7 7", "", &p), 0);
	assert_int_equal(p.count, 1);
}

static void texts_that_are_no_ports(void **state)
{
	struct host_ports p = { .count = 77 };

	(void)state;
	assert_int_equal(host_parse_ports("", "", &p), -EINVAL);
	assert_int_equal(host_parse_ports("32768", "", &p), -EINVAL);
	assert_int_equal(host_parse_ports("1 65536", "", &p), -EINVAL);
	assert_int_equal(host_parse_ports("1 9", "x", &p), -EINVAL);
	assert_int_equal(host_parse_ports("1 9", "3-", &p), -EINVAL);
	assert_int_equal(host_parse_ports("1 9", "3;4", &p), -EINVAL);
	assert_int_equal(p.count, 77);
}

static const char netstat[] = "TcpExt: SyncookiesSent TW TWKilled TCPTimeWaitOverflow\n"
			      "TcpExt: 1 22 0 18446744073709551614\n"
			      "IpExt: InNoRoutes TW\n"
			      "IpExt: 5 6\n";

static void counters_of_netstat(void **state)
{
	(void)state;
	assert_int_equal(host_parse_netstat(netstat, "TcpExt:", "SyncookiesSent"), 1);
	assert_int_equal(host_parse_netstat(netstat, "TcpExt:", "TW"), 22);
	assert_int_equal(host_parse_netstat(netstat, "IpExt:", "TW"), 6);
	assert_true(host_parse_netstat(netstat, "TcpExt:", "TCPTimeWaitOverflow") ==
		    18446744073709551614ull);
	assert_true(host_parse_netstat(netstat, "TcpExt:", "T") == HOST_UNKNOWN);
	assert_true(host_parse_netstat(netstat, "UdpExt:", "TW") == HOST_UNKNOWN);
	assert_true(host_parse_netstat("", "TcpExt:", "TW") == HOST_UNKNOWN);
	assert_true(host_parse_netstat("TcpExt: TW\n", "TcpExt:", "TW") == HOST_UNKNOWN);
	assert_true(host_parse_netstat("TcpExt: A TW\nTcpExt: 1\n", "TcpExt:", "TW") ==
		    HOST_UNKNOWN);
}

static void sockets_of_a_namespace(void **state)
{
	static const char none[] = "sockets: used 9\nTCP: inuse 0 orphan 3 tw 0 alloc 7 mem 1\n";
	static const char none6[] = "TCP6: inuse 0\nUDP6: inuse 4\n";

	struct host_counters c;

	(void)state;
	host_parse_sockstat(none, none6, &c);
	assert_int_equal(c.in_use, 0);
	assert_int_equal(c.time_wait, 0);
	host_parse_sockstat("TCP: inuse 3 orphan 0 tw 2 alloc 0\n", "TCP6: inuse 4\n", &c);
	assert_int_equal(c.in_use, 7);
	assert_int_equal(c.time_wait, 2);
	host_parse_sockstat("TCP: inuse 3 orphan 0 tw 2 alloc 0\n", "", &c); /* no IPv6 */
	assert_int_equal(c.in_use, 3);
	host_parse_sockstat("", "", &c);
	assert_true(c.in_use == HOST_UNKNOWN);
	assert_true(c.time_wait == HOST_UNKNOWN);
	/* The numbers of another line are not ours. */
	host_parse_sockstat("TCP: x\nUDP: inuse 3 tw 5\n", none6, &c);
	assert_true(c.in_use == HOST_UNKNOWN);
	assert_true(c.time_wait == HOST_UNKNOWN);
}

static void limits_of_a_process(void **state)
{
	static const char limits[] =
		"Limit                     Soft Limit           Hard Limit           Units     \n"
		"Max processes             1000                 2000                 processes \n"
		"Max open files            1024                 524288               files     \n"
		"Max locked memory         unlimited            unlimited            bytes     \n";

	(void)state;
	assert_int_equal(host_parse_limit(limits, "Max open files"), 1024);
	assert_true(host_parse_limit(limits, "Max locked memory") == HOST_UNKNOWN);
	assert_true(host_parse_limit(limits, "Max nothing") == HOST_UNKNOWN);
	assert_true(host_parse_limit("", "Max open files") == HOST_UNKNOWN);
	assert_true(host_parse_limit("Max open files", "Max open files") == HOST_UNKNOWN);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_local_range_without_reserved_ports),
		cmocka_unit_test(texts_that_are_no_ports),
		cmocka_unit_test(counters_of_netstat),
		cmocka_unit_test(sockets_of_a_namespace),
		cmocka_unit_test(limits_of_a_process),
	};

	return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
