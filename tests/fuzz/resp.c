/* SPDX-License-Identifier: MIT */
/*
 * resp.c - fuzzes Redis's protocol; see dialogue.h.  The seeds are real conversations.
 */
#include "tests/fuzz/dialogue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	return fuzz_dialogue(&ta_protocol_redis, data, bytes);
}
