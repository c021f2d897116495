/* SPDX-License-Identifier: MIT */
/*
 * resp.c - Redis: recognising its protocol, and where a dialogue begins.
 *
 * Claimed is an array of bulk strings whose first one could be the name of a command: what every
 * client library writes.  Inline commands are text like any other and are taken only from who
 * was recognised before.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/resp.h"

#include <string.h>

#define ARGS_DIGITS_MAX 7 /* a first command with more arguments is none that was ever seen */

static bool is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

static bool is_letter(char byte)
{
	return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
}

static bool in_name(char byte)
{
	return is_letter(byte) || is_digit(byte) || byte == '.' || byte == '_' || byte == '-';
}

/* Reads MARK, a number that is not 0, CR LF.  1, 0 when the bytes end before, or -1. */
static int read_number(const char **at, const char *end, char mark, int digits_max,
		       unsigned int *ret_number)
{
	const char *now = *at;
	unsigned int number = 0;
	int digits = 0;

	if (now == end)
		return 0;
	if (*now++ != mark)
		return -1;
	for (; now < end && is_digit(*now); now++) {
		if (digits++ == digits_max || (digits == 1 && *now == '0'))
			return -1;
		number = number * 10 + (unsigned int)(*now - '0');
	}
	if (now == end)
		return 0;
	if (digits == 0 || *now++ != '\r')
		return -1;
	if (now == end)
		return 0;
	if (*now++ != '\n')
		return -1;
	*at = now;
	*ret_number = number;
	return 1;
}

/* Within the first 64 bytes there is always an answer. */
static int recognise(const void *data, size_t bytes)
{
	const char *at = data, *end = at + bytes;
	unsigned int args, length;
	int found = read_number(&at, end, '*', ARGS_DIGITS_MAX, &args);

	if (found == 1)
		found = read_number(&at, end, '$', 2, &length);
	if (found != 1)
		return found;
	if (length > TA_COMMAND_OPERATION_MAX)
		return -1;
	for (unsigned int i = 0; i < length; i++, at++) {
		if (at == end)
			return 0;
		if (!in_name(*at) || (i == 0 && !is_letter(*at)))
			return -1;
	}
	if (at < end && *at != '\r')
		return -1;
	return at < end ? 1 : 0;
}

static void init(struct ta_dialogue *dialogue)
{
	/* The runs behind it are written before they are read. */
	memset(dialogue->state, 0, offsetof(struct ta_resp, queue.run));
	ta_resp_of(dialogue)->answer.pending = 1;
}

const struct ta_protocol ta_protocol_redis = {
	.id = TA_PROTOCOL_REDIS,
	.recognise = recognise,
	.init = init,
	.request = ta_resp_request,
	.answer = ta_resp_answer,
};
