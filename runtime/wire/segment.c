/* SPDX-License-Identifier: MIT */
/*
 * segment.c - what a segment must look like before anybody believes it.
 *
 * Runs: agent, cli, tests.  The host includes only the header.
 */
#include "runtime/wire/segment.h"

#include <errno.h>

#include "runtime/wire/crash.h"

int ta_segment_check(const struct ta_segment *segment, uint64_t mapped_bytes)
{
	if (mapped_bytes < TA_WIRE_PAGE)
		return -EAGAIN;
	uint64_t magic = atomic_load_explicit(&segment->magic, memory_order_acquire);

	if (magic == 0)
		return -EAGAIN;
	if (magic != TA_WIRE_MAGIC)
		return -EINVAL;
	if (segment->wire_version != TA_WIRE_VERSION)
		return -EPROTO;
	uint32_t lanes = segment->lane_count, stride = segment->lane_bytes;

	if (lanes == 0 || lanes > TA_LANES_MAX || stride < TA_LANE_BYTES_MIN ||
	    stride > TA_LANE_BYTES_MAX || stride % TA_WIRE_PAGE != 0)
		return -EINVAL;
	if (segment->signal_ring_bytes < 1024 || segment->signal_ring_bytes > stride / 4 ||
	    segment->signal_ring_bytes % 8 != 0)
		return -EINVAL;
	if (segment->header_bytes != ta_segment_header_bytes(lanes))
		return -EINVAL;
	uint64_t total = (uint64_t)segment->header_bytes + (uint64_t)lanes * stride +
			 TA_CRASH_BYTES;

	return segment->total_bytes == total && total <= mapped_bytes ? 0 : -EINVAL;
}

const char *ta_loss_word(enum ta_loss loss)
{
	static const char *const words[] = {
#define X(name, word, text) word,
		TA_LOSS_MAP(X)
#undef X
	};

	return (unsigned int)loss < TA_LOSS_COUNT ? words[loss] : "unknown";
}

const char *ta_loss_text(enum ta_loss loss)
{
	static const char *const texts[] = {
#define X(name, word, text) text,
		TA_LOSS_MAP(X)
#undef X
	};

	return (unsigned int)loss < TA_LOSS_COUNT ? texts[loss] : "unknown";
}
