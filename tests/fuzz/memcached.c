/* SPDX-License-Identifier: MIT */
/*
 * memcached.c - fuzzes memcached's protocol; see dialogue.h.  The seeds are real conversations.
 */
#include "tests/fuzz/dialogue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	return fuzz_dialogue(&ta_protocol_memcached, data, bytes);
}
