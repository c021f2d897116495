/* SPDX-License-Identifier: MIT */
/*
 * otlp_answer.c - fuzzes what a receiver answers.
 *
 * Input: a byte of flags (JSON, error), the body.  Whatever it is, the message is
 * terminated, UTF-8, and has no control character.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/export/otlp_pb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void demand(int holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct ta_otlp_answer answer;
	size_t length;

	if (!bytes || !ta_otlp_answer((const char *)data + 1, bytes - 1, data[0] & 1, data[0] & 2,
				      &answer))
		return 0;
	length = strnlen(answer.message, sizeof(answer.message));
	demand(length < sizeof(answer.message));
	demand(ta_utf8_valid(answer.message, length));
	demand(answer.rejected <= INT64_MAX);
	for (size_t i = 0; i < length; i++)
		demand((unsigned char)answer.message[i] >= 0x20 && answer.message[i] != 0x7f);
	return 0;
}
