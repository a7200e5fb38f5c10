/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCS_CAPTURE_PACK_H
#define TCS_CAPTURE_PACK_H

/*
 * capture_pack.h - records made small before they are compressed, and made whole again
 *
 * A state record is 40 to 152 bytes, of which most can be told from what came before: when the
 * socket's last record was, its number, where it listens. What is left are about ten bytes, which
 * costs less time than a compressor would need to find the same. The form of the bytes is described
 * in capture.h.
 *
 * Both sides remember the same things in the same way, so a packer and an unpacker that were reset
 * together stay in step. Any bytes may be given to an unpacker: it yields records or -EINVAL, and
 * reads and writes nothing else.
 *
 * Bounds: 200 KiB of memory, a record of CAPTURE_RECORD_MAX bytes. Pure: no I/O, no allocation.
 * Little-endian hosts only (capture.h).
 */
#include <stddef.h>
#include <stdint.h>

#include "../bpf/tcs_wire.h"

#define CAPTURE_RECORD_MAX	65536
/* More bytes than a record of len bytes may become. */
#define CAPTURE_PACKED_MAX(len) (64 + ((len) + 7) / 8 * 10)

#define PACK_SHAPES  128
#define PACK_SOCKETS 2048
#define PACK_BLOCKS                                                           \
	((sizeof(struct tcs_wire_owner) + sizeof(struct tcs_wire_facts) +     \
	  sizeof(struct tcs_wire_cookies) + sizeof(struct tcs_wire_totals)) / \
	 sizeof(uint64_t))
#define PACK_PLAIN 16 /* words of a record that the next one of its kind is compared with */

struct capture_pack {
	uint64_t last_ts;
	uint64_t last_id;
	struct pack_shape {
		uint64_t what;		      /* the first word of a record, without its port */
		uint64_t blocks[PACK_BLOCKS]; /* of the last record of this shape */
	} shapes[PACK_SHAPES];
	struct pack_socket {
		uint64_t id;
		uint64_t ts_ns;
		uint32_t seq;
		uint32_t srtt_us;
		uint16_t lport;
	} sockets[PACK_SOCKETS];
	uint64_t plain[256][PACK_PLAIN]; /* by kind */
};

/* Forget everything. */
void capture_pack_reset(struct capture_pack *p);

/*
 * Pack a record (aligned to 8 bytes, at least one and at most CAPTURE_RECORD_MAX long) to `to`,
 * which has room for CAPTURE_PACKED_MAX(len). Returns the number of bytes.
 */
size_t capture_pack_put(struct capture_pack *p, const void *record, size_t len, uint8_t *to);

/*
 * The next record of what lies between *at and end, into `record`: CAPTURE_RECORD_MAX bytes aligned
 * to 8. Moves *at behind it. 0, or -EINVAL: no packed record begins there, or it is cut short.
 */
int capture_pack_take(struct capture_pack *p, const uint8_t **at, const uint8_t *end, void *record,
		      size_t *ret_len);

#endif /* TCS_CAPTURE_PACK_H */
