/* SPDX-License-Identifier: MIT */
/*
 * mysql_attributes.c - finds the text of a COM_QUERY behind its attributes (MySQL 8).
 *
 * Their names and values pass by; only types and sizes are read.  With more of them than we
 * remember the types of, the text is not found and the query has none.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/mysql.h"

#include <string.h>

enum part { COUNT, SETS, NULLS, BIND, TYPE, SIGN, NAME, VALUES, VALUE, NUMBER, SKIP, TEXT, UNKNOWN };

void ta_mysql_attributes_begin(struct ta_mysql *mysql)
{
	bool has = mysql->capabilities & TA_MYSQL_ATTRIBUTES;

	mysql->request.part = has ? COUNT : TEXT;
	mysql->request.attributes = mysql->request.attribute = 0;
	mysql->request.at = 0;
}

enum { SIZE_BYTE = 16, SIZE_LENENC };

/* Bytes of a value, or what says how many. */
static uint8_t size_of_type(uint8_t type)
{
	switch (type) {
	case 1:
		return 1;
	case 2:
	case 13:
		return 2;
	case 3:
	case 4:
	case 9:
		return 4;
	case 5:
	case 8:
		return 8;
	case 6:
		return 0;
	case 7:
	case 10:
	case 11:
	case 12:
		return SIZE_BYTE;
	default:
		return SIZE_LENENC;
	}
}

/* Names come with types first, then all values. */
static void next_type(struct ta_mysql_request *request)
{
	request->part = TYPE;
	if (++request->attribute == request->attributes) {
		request->part = VALUES;
		request->attribute = 0;
	}
}

/* Whether the next value begins with its size; those that have none are passed over. */
static void next_value(struct ta_mysql_request *request)
{
	while (request->part == VALUES) {
		uint8_t at = request->attribute++, size;

		if (at == request->attributes) {
			request->part = TEXT;
			return;
		}
		size = request->nulls[at / 8] >> (at % 8) & 1 ? 0 : size_of_type(request->types[at]);
		if (size >= SIZE_BYTE) {
			request->part = VALUE;
			request->digits = size;
		} else if (size) {
			request->part = SKIP;
			request->skip = size;
			request->of_name = false;
		}
	}
}

static void skip(struct ta_mysql_request *request, uint64_t bytes, bool name)
{
	request->part = SKIP;
	request->skip = bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
	request->of_name = name;
	if (bytes > 0)
		return;
	if (name)
		next_type(request);
	else
		request->part = VALUES;
}

static void size_byte(struct ta_mysql_request *request, uint8_t byte, bool name)
{
	uint8_t rest = name || request->digits == SIZE_LENENC ? ta_mysql_lenenc_rest(byte) : 0;

	if (rest == 0) {
		skip(request, byte, name);
		return;
	}
	request->part = NUMBER;
	request->digits = rest;
	request->of_name = name;
	request->number = 0;
	request->at = 0;
}

static void number_byte(struct ta_mysql_request *request, uint8_t byte)
{
	request->number |= (uint64_t)byte << (8 * request->at);
	if (++request->at == request->digits)
		skip(request, request->number, request->of_name);
}

static void nulls_byte(struct ta_mysql_request *request, uint8_t byte)
{
	request->nulls[request->at++] = byte;
	if (request->at == (request->attributes + 7) / 8)
		request->part = BIND;
}

static void attribute_byte(struct ta_mysql_request *request, uint8_t byte)
{
	switch (request->part) {
	case COUNT:
		request->attributes = byte;
		request->part = byte <= TA_MYSQL_ATTRIBUTES_MAX ? SETS : UNKNOWN;
		break;
	case SETS:
		request->part = request->attributes ? NULLS : TEXT;
		break;
	case NULLS:
		nulls_byte(request, byte);
		break;
	case BIND:
		request->part = byte == 1 ? TYPE : UNKNOWN;
		break;
	case TYPE:
		request->types[request->attribute] = byte;
		request->part = SIGN;
		break;
	case SIGN:
		request->part = NAME;
		break;
	case NAME:
	case VALUE:
		size_byte(request, byte, request->part == NAME);
		break;
	case NUMBER:
		number_byte(request, byte);
		break;
	default:
		break;
	}
}

static size_t skip_bytes(struct ta_mysql_request *request, size_t bytes)
{
	if (bytes > request->skip)
		bytes = request->skip;
	request->skip -= (uint32_t)bytes;
	if (request->skip == 0 && request->of_name)
		next_type(request);
	else if (request->skip == 0)
		request->part = VALUES;
	return bytes;
}

size_t ta_mysql_attributes(struct ta_mysql *mysql, const char *data, size_t bytes, bool *ret_text)
{
	struct ta_mysql_request *request = &mysql->request;
	size_t at = 0;

	while (request->part != TEXT) {
		if (request->part == VALUES)
			next_value(request);
		else if (at == bytes || request->part == UNKNOWN)
			break;
		else if (request->part == SKIP)
			at += skip_bytes(request, bytes - at);
		else
			attribute_byte(request, (uint8_t)data[at++]);
	}
	*ret_text = request->part == TEXT;
	return request->part == UNKNOWN ? bytes : at;
}
