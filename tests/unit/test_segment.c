/* SPDX-License-Identifier: MIT */
/*
 * test_segment.c - which segments are believed.
 */
#include "runtime/wire/segment.h"

#include <errno.h>

#include "runtime/wire/lane.h"
#include "runtime/wire/crash.h"
#include "tests/unit/check.h"

#define LANES 4u
#define LANE_BYTES 16384u

static struct ta_segment good(void)
{
	struct ta_segment segment = { .wire_version = TA_WIRE_VERSION,
				      .header_bytes = ta_segment_header_bytes(LANES),
				      .lane_count = LANES,
				      .lane_bytes = LANE_BYTES,
				      .signal_ring_bytes = 4096 };

	atomic_init(&segment.magic, TA_WIRE_MAGIC);
	segment.total_bytes = segment.header_bytes + (uint64_t)LANES * LANE_BYTES + TA_CRASH_BYTES;
	return segment;
}

/* Only as much as the header is there: the check may read nothing else. */
static int judge(const struct ta_segment *segment, uint64_t mapped_bytes)
{
	struct ta_segment *copy = aligned_alloc(TA_CACHE_LINE, sizeof(*copy));

	memcpy(copy, segment, sizeof(*copy));
	int found = ta_segment_check(copy, mapped_bytes);

	free(copy);
	return found;
}

static void believed(void)
{
	struct ta_segment segment = good();

	check_same(judge(&segment, segment.total_bytes), 0);
	check_same(judge(&segment, segment.total_bytes + 4096), 0);
	check_same(judge(&segment, segment.total_bytes - 1), -EINVAL);
}

static void not_complete(void)
{
	struct ta_segment segment = good();

	check_same(judge(&segment, 0), -EAGAIN);
	check_same(judge(&segment, TA_WIRE_PAGE - 1), -EAGAIN);
	atomic_store(&segment.magic, 0);
	check_same(judge(&segment, segment.total_bytes), -EAGAIN);
	atomic_store(&segment.magic, TA_WIRE_MAGIC + 1);
	check_same(judge(&segment, segment.total_bytes), -EINVAL);
}

static void other_version(void)
{
	struct ta_segment segment = good();

	segment.wire_version++;
	check_same(judge(&segment, segment.total_bytes), -EPROTO);
}

/* With total_bytes and header_bytes made to fit, so that only the field is bad. */
static int with(uint32_t lanes, uint32_t lane_bytes, uint32_t signal_bytes)
{
	struct ta_segment segment = good();

	segment.lane_count = lanes;
	segment.lane_bytes = lane_bytes;
	segment.signal_ring_bytes = signal_bytes;
	segment.header_bytes = ta_segment_header_bytes(lanes);
	segment.total_bytes = segment.header_bytes + (uint64_t)lanes * lane_bytes + TA_CRASH_BYTES;
	return judge(&segment, UINT64_MAX);
}

static void sizes(void)
{
	check_same(with(1, TA_LANE_BYTES_MIN, 1024), 0);
	check_same(with(TA_LANES_MAX, TA_LANE_BYTES_MAX, TA_LANE_BYTES_MAX / 4), 0);
	check_same(with(0, LANE_BYTES, 4096), -EINVAL);
	check_same(with(TA_LANES_MAX + 1, LANE_BYTES, 4096), -EINVAL);
	check_same(with(UINT32_MAX, LANE_BYTES, 4096), -EINVAL);
	check_same(with(LANES, 0, 4096), -EINVAL);
	check_same(with(LANES, TA_LANE_BYTES_MIN - 4096, 1024), -EINVAL);
	check_same(with(LANES, TA_LANE_BYTES_MAX + 4096, 4096), -EINVAL);
	check_same(with(LANES, LANE_BYTES + 8, 4096), -EINVAL);
	check_same(with(LANES, UINT32_MAX, 4096), -EINVAL);
	check_same(with(LANES, LANE_BYTES, 0), -EINVAL);
	check_same(with(LANES, LANE_BYTES, 1016), -EINVAL);
	check_same(with(LANES, LANE_BYTES, 4100), -EINVAL);
	check_same(with(LANES, LANE_BYTES, LANE_BYTES / 4 + 8), -EINVAL);
	check_same(with(LANES, LANE_BYTES, UINT32_MAX), -EINVAL);
}

static void sums(void)
{
	struct ta_segment segment = good();

	segment.header_bytes += TA_WIRE_PAGE;
	segment.total_bytes += TA_WIRE_PAGE;
	check_same(judge(&segment, segment.total_bytes), -EINVAL);
	segment = good();
	segment.total_bytes += TA_WIRE_PAGE;
	check_same(judge(&segment, segment.total_bytes), -EINVAL);
}

/* Every lane, its rings, the owners and the ready bytes lie apart and inside. */
static void layout(void)
{
	static const uint32_t counts[] = { 1, 3, 4, 347, 348, 349, 512, TA_LANES_MAX };

	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		struct ta_segment segment = good();
		char *base = (char *)&segment;

		segment.lane_count = counts[i];
		segment.header_bytes = ta_segment_header_bytes(counts[i]);
		check((char *)ta_segment_ready(&segment) + counts[i] <= base + segment.header_bytes,
		      "%u lanes: directory leaves the header", counts[i]);
		check((char *)(ta_segment_owners(&segment) + counts[i]) <=
			      (char *)ta_segment_ready(&segment),
		      "%u lanes: owners overlap ready", counts[i]);
		check_same(segment.header_bytes % TA_WIRE_PAGE, 0);
		check_same((char *)ta_lane_at(&segment, counts[i]) - base,
			   segment.header_bytes + (uint64_t)counts[i] * LANE_BYTES);
		struct ta_lane *lane = ta_lane_at(&segment, 0);

		check(ta_lane_signal_ring(&segment, lane) + segment.signal_ring_bytes ==
			      (char *)ta_lane_at(&segment, 1),
		      "%u lanes: rings do not fill the lane", counts[i]);
	}
}

static void loss_words(void)
{
	for (unsigned int loss = 0; loss < TA_LOSS_COUNT; loss++)
		for (unsigned int other = 0; other < loss; other++)
			check(strcmp(ta_loss_word((enum ta_loss)loss),
				     ta_loss_word((enum ta_loss)other)) != 0,
			      "%u and %u", loss, other);
	check_text(ta_loss_word(TA_LOSS_LANE_FULL), "lane_full");
	check_text(ta_loss_word((enum ta_loss)99), "unknown");
	check_text(ta_loss_text((enum ta_loss)99), "unknown");
}

int main(void)
{
	check_group("believed", believed);
	check_group("not complete", not_complete);
	check_group("other version", other_version);
	check_group("sizes", sizes);
	check_group("sums", sums);
	check_group("layout", layout);
	check_group("loss words", loss_words);
	return check_status();
}
