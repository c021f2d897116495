/* SPDX-License-Identifier: MIT */
/*
 * pgsql.c - PostgreSQL: recognising its protocol, and where a dialogue begins.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/pgsql.h"

#include <string.h>

#define START_BYTES_MAX 10000u /* the server's own bound */

static int judge(uint32_t length, uint32_t code)
{
	if (code == TA_PGSQL_CODE_SSL || code == TA_PGSQL_CODE_GSS)
		return length == 8 ? 1 : -1;
	if (code == TA_PGSQL_CODE_CANCEL)
		return length >= 16 && length <= 268 ? 1 : -1;
	return code >> 16 == 3 && (code & 0xffff) < 100 && length >= 9 ? 1 : -1;
}

/* A startup packet: a small length, and a version or one of the codes. */
static int recognise(const void *data, size_t bytes)
{
	const uint8_t *at = data;
	static const uint8_t high[2] = { 0, 0 };

	if (memcmp(at, high, bytes < 2 ? bytes : 2) != 0)
		return -1;
	if (bytes > 4 && (at[4] != 0 && at[4] != 4))
		return -1;
	if (bytes >= 4 && (ta_pgsql_big_endian(at) < 8 || ta_pgsql_big_endian(at) > START_BYTES_MAX))
		return -1;
	if (bytes < 8)
		return 0;
	return judge(ta_pgsql_big_endian(at), ta_pgsql_big_endian(at + 4));
}

static void init(struct ta_dialogue *dialogue)
{
	struct ta_pgsql *pgsql = ta_pgsql_of(dialogue);

	memset(pgsql, 0, offsetof(struct ta_pgsql, sql));
	pgsql->store.used = 0;
	pgsql->store.serial = 0;
}

const struct ta_protocol ta_protocol_postgresql = {
	.id = TA_PROTOCOL_POSTGRESQL,
	.recognise = recognise,
	.init = init,
	.request = ta_pgsql_request,
	.answer = ta_pgsql_answer,
};
