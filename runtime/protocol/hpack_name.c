/* SPDX-License-Identifier: MIT */
/*
 * hpack_name.c - the names of fields that matter.
 *
 * Names are in lower case (RFC 9113, 8.2); one that is not is another name.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/hpack_parser.h"

#include <string.h>

struct name {
	char text[TA_HPACK_NAME_MAX - 1]; /* without a NUL where it is full */
	uint8_t field;
};

/* Those of one length are consecutive; at most three of them. */
static const struct name names[] = {
	{ "host", TA_HPACK_HOST },
	{ ":path", TA_HPACK_PATH },
	{ ":method", TA_HPACK_METHOD },
	{ ":scheme", TA_HPACK_SCHEME },
	{ ":status", TA_HPACK_STATUS },
	{ "forwarded", TA_HPACK_FORWARDED },
	{ ":authority", TA_HPACK_HOST },
	{ "user-agent", TA_HPACK_USER_AGENT },
	{ "tracestate", TA_HPACK_TRACESTATE },
	{ "traceparent", TA_HPACK_TRACEPARENT },
	{ "grpc-status", TA_HPACK_GRPC_STATUS },
	{ "content-type", TA_HPACK_CONTENT_TYPE },
	{ "content-length", TA_HPACK_CONTENT_LENGTH },
	{ "x-forwarded-for", TA_HPACK_FORWARDED_FOR },
};

/* First and one behind the last, by length. */
static const uint8_t places[TA_HPACK_NAME_MAX][2] = {
	[4] = { 0, 1 },	  [5] = { 1, 2 },    [7] = { 2, 5 },	[9] = { 5, 6 },	   [10] = { 6, 9 },
	[11] = { 9, 11 }, [12] = { 11, 12 }, [14] = { 12, 13 }, [15] = { 13, 14 },
};

enum ta_hpack_field ta_hpack_name(const char *name, size_t bytes)
{
	if (bytes >= TA_HPACK_NAME_MAX)
		return TA_HPACK_OTHER;
	for (size_t i = places[bytes][0]; i < places[bytes][1]; i++)
		if (memcmp(names[i].text, name, bytes) == 0)
			return (enum ta_hpack_field)names[i].field;
	return TA_HPACK_OTHER;
}
