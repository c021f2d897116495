/* SPDX-License-Identifier: MIT */
/*
 * spool_format.h - the bytes of a spool's file, for its reader and its writer only.
 */
#ifndef TA_EXPORT_SPOOL_FORMAT_H
#define TA_EXPORT_SPOOL_FORMAT_H

#include "runtime/export/message.h"

#define TA_SPOOL_FORMAT_MAGIC 0x314C4F4F50534154ull /* "TASPOOL1", little endian */
#define TA_SPOOL_FORMAT_VERSION 1u

/* In head.done of an item; everything else is not done, so that a flipped bit sends once
 * more and never loses. */
#define TA_SPOOL_FORMAT_DONE 0xD1u

struct ta_spool_file_head {
	uint64_t magic;
	uint32_t version;
	uint32_t count;
	uint64_t bytes; /* of the whole file */
	uint64_t sum;
};

struct ta_spool_file_item {
	struct ta_message_head head;
	uint64_t sum; /* of the body */
};

_Static_assert(sizeof(struct ta_spool_file_head) == 32, "format of the spool");
_Static_assert(sizeof(struct ta_spool_file_item) == 40, "format of the spool");

/* Over the head without its sum, and the items without done. */
uint64_t ta_spool_format_sum(const struct ta_spool_file_head *head,
			     const struct ta_spool_file_item *items);

/* Where the first body begins. */
static inline uint64_t ta_spool_format_body(uint32_t count)
{
	return sizeof(struct ta_spool_file_head) +
	       (uint64_t)count * sizeof(struct ta_spool_file_item);
}

#endif
