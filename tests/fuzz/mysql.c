/* SPDX-License-Identifier: MIT */
/*
 * mysql.c - fuzzes the parser of MySQL's protocol.  The input: tests/fuzz/sql_dialogue.h.
 */
#include "tests/fuzz/sql_dialogue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	compare(&ta_protocol_mysql, data, bytes);
	return 0;
}
