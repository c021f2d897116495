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

const char *ta_loss_advice(enum ta_loss loss)
{
	switch (loss) {
	case TA_LOSS_LANE_FULL:
		return "larger lanes (TAGALONG_LANE_BYTES=262144), or more processor time for the "
		       "agent";
	case TA_LOSS_NO_LANE:
		return "more lanes (TAGALONG_LANES, at most 1024), or room in the run directory";
	case TA_LOSS_FD_RANGE:
		return "a lower limit for open files (ulimit -n 65536)";
	case TA_LOSS_TOO_LONG:
		return "shorter texts; docs/limits.md has the lengths";
	case TA_LOSS_BREADCRUMB:
		return "fewer kinds of breadcrumbs (TAGALONG_BREADCRUMBS)";
	case TA_LOSS_AMBIGUOUS:
		return "nothing is missing but parents: docs/following.md says when";
	case TA_LOSS_INJECT:
		return "the receiving end begins a trace of its own; docs/propagation.md says when";
	case TA_LOSS_HTTP_DESYNC:
	case TA_LOSS_COMMAND_DESYNC:
	case TA_LOSS_CONN_BUSY:
		return "only these connections are not followed; docs/limits.md says when";
	case TA_LOSS_SIGNAL_NESTED:
	case TA_LOSS_GUARD_BUSY:
		return "less work in signal handlers";
	default:
		return "docs/limits.md has the bound; under ulimit -v or -d it is smaller";
	}
}
