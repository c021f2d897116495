/* SPDX-License-Identifier: MIT */
/*
 * lane_claim.h - finding a lane of one's own, and giving it back.
 *
 * The owners in the segment's directory are the only arbiter: a lane is claimed
 * by compare-and-swap of 0 to a token, over all processes that share the
 * segment.  A lane whose pages do not exist yet is first populated, which fails
 * cleanly where a write would raise SIGBUS (madvise, MADV_POPULATE_WRITE).
 */
#ifndef TA_CORE_LANE_CLAIM_H
#define TA_CORE_LANE_CLAIM_H

#include <stdbool.h>
#include <stdint.h>

/* Index of a lane that is now token's, or -1. */
int ta_lane_claim(uint64_t token);
/* The same for a thread that has a lane already: only one with room, uncounted. */
int ta_lane_claim_more(uint64_t token);
bool ta_lane_drained(uint32_t index);
void ta_lane_give_back(uint32_t index);

/* Sees to it that a ready lane is free, as far as that can be done. */
void ta_lane_prepare(void);

#endif
