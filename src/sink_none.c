// SPDX-License-Identifier: GPL-2.0-only
/* sink_none.c - nothing is printed; somebody else keeps what happens */
#include <errno.h>
#include <stdlib.h>

#include "sink.h"

static void none_begin(struct sink *s, struct outbuf *out, const struct sink_meta *meta)
{
	(void)s, (void)out, (void)meta;
}

static void none_change(struct sink *s, struct outbuf *out, const struct change *change)
{
	(void)s, (void)out, (void)change;
}

static void none_connection(struct sink *s, struct outbuf *out, const struct connection *connection)
{
	(void)s, (void)out, (void)connection;
}

static void none_synack(struct sink *s, struct outbuf *out, const struct tcs_wire_synack *synack)
{
	(void)s, (void)out, (void)synack;
}

static void none_finding(struct sink *s, struct outbuf *out, const struct finding *finding,
			 uint64_t ts_ns)
{
	(void)s, (void)out, (void)finding, (void)ts_ns;
}

static void none_summary(struct sink *s, struct outbuf *out, const struct summary *summary)
{
	(void)s, (void)out, (void)summary;
}

static void none_group(struct sink *s, struct outbuf *out, const struct audit *look, uint32_t i)
{
	(void)s, (void)out, (void)look, (void)i;
}

static void none_free(struct sink *s)
{
	free(s);
}

static const struct sink_ops none_ops = {
	.begin = none_begin,
	.change = none_change,
	.connection = none_connection,
	.synack = none_synack,
	.finding = none_finding,
	.summary = none_summary,
	.group = none_group,
	.free = none_free,
};

int sink_none_new(struct sink **ret)
{
	struct sink *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->ops = &none_ops;
	*ret = s;
	return 0;
}
