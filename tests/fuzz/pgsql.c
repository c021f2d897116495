/* SPDX-License-Identifier: MIT */
/*
 * pgsql.c - fuzzes the parser of PostgreSQL's protocol.  The input: tests/fuzz/sql_dialogue.h.
 */
#include "tests/fuzz/sql_dialogue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	compare(&ta_protocol_postgresql, data, bytes);
	return 0;
}
