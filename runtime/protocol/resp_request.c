/* SPDX-License-Identifier: MIT */
/*
 * resp_request.c - walks what goes to Redis: arrays of bulk strings, and inline commands.
 *
 * Strict where the server is lenient (it does not look at the CR LF behind an argument):
 * a client that is not exact is not followed.  An argument that nothing is kept of costs
 * nothing but its head.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/resp.h"

#include <string.h>

#define INLINE_BYTES_MAX 65536u /* the server's own bound */

enum state {
	IDLE,
	BEGIN, /* STARTED was told */
	COUNT,
	COUNT_END,
	MARK, /* of an argument */
	LENGTH,
	LENGTH_END,
	DATA,
	DATA_CR,
	DATA_END,
	LINE,  /* an inline command */
	EMPTY, /* an array without elements: the server does not answer */
};

/* One byte of a number; false when it is none. */
static bool digit(struct ta_resp_request *request, char byte, uint8_t digits_max)
{
	if (byte < '0' || byte > '9' || request->digits == digits_max)
		return false;
	request->number = request->number * 10 + (unsigned int)(byte - '0');
	request->digits++;
	return true;
}

static bool expect(struct ta_resp_request *request, char byte, char expected, uint8_t next)
{
	request->state = next;
	return byte == expected;
}

static void number_begins(struct ta_resp_request *request, uint8_t next)
{
	request->number = 0;
	request->digits = 0;
	request->state = next;
}

/* `*-1` and `*0` ask for nothing. */
static bool count_byte(struct ta_resp_request *request, char byte)
{
	if (digit(request, byte, 9))
		return true;
	if (byte == '-' && request->digits == 0 && request->args_left == 0) {
		request->args_left = 1; /* a sign was seen */
		return true;
	}
	if (byte != '\r' || request->digits == 0)
		return false;
	request->args_left = request->args_left ? 0 : (uint32_t)request->number;
	request->state = COUNT_END;
	return true;
}

static bool count_end(struct ta_resp_request *request, char byte)
{
	return expect(request, byte, '\n', request->args_left ? MARK : EMPTY);
}

static bool length_byte(struct ta_resp_request *request, char byte)
{
	if (digit(request, byte, 18))
		return true;
	request->left = request->number;
	return request->digits > 0 && expect(request, byte, '\r', LENGTH_END);
}

static bool length_end(struct ta_dialogue *dialogue, char byte)
{
	struct ta_resp_request *request = &ta_resp_of(dialogue)->request;

	ta_resp_arg_begin(dialogue);
	return expect(request, byte, '\n', request->left ? DATA : DATA_CR);
}

/* Reads a mark, a number of at most seven digits and CR LF, when all of it is there: the bytes
 * behind it.  NULL leaves it to the single steps. */
static const char *whole_number(char mark, const char *at, const char *end, uint32_t *ret_number)
{
	const char *stop = end - at > 10 ? at + 10 : end;
	uint32_t number = 0;

	if (*at++ != mark || at == stop || *at < '0' || *at > '9')
		return NULL;
	for (; at < stop && *at >= '0' && *at <= '9'; at++)
		number = number * 10 + (uint32_t)(*at - '0');
	if (stop - at < 2 || at[0] != '\r' || at[1] != '\n')
		return NULL;
	*ret_number = number;
	return at + 2;
}

/* The head of an argument in one step, if it can be. */
static const char *whole_length(struct ta_dialogue *dialogue, const char *at, const char *end)
{
	struct ta_resp_request *request = &ta_resp_of(dialogue)->request;
	uint32_t length;

	at = whole_number('$', at, end, &length);
	if (!at)
		return NULL;
	request->left = length;
	ta_resp_arg_begin(dialogue);
	request->state = length ? DATA : DATA_CR;
	return at;
}

/* Takes the first byte of an array or all of its head, and none of an inline command. */
static const char *begin(struct ta_dialogue *dialogue, const char *at, const char *end)
{
	struct ta_resp_request *request = &ta_resp_of(dialogue)->request;
	const char *next;

	ta_resp_command_begin(dialogue);
	request->args_left = 0;
	next = whole_number('*', at, end, &request->args_left);
	if (next) {
		request->state = request->args_left ? MARK : EMPTY;
		return next;
	}
	if (*at == '*') {
		number_begins(request, COUNT);
		return at + 1;
	}
	request->inline_bytes = 0;
	request->quote = '\0';
	request->escaped = false;
	request->digits = 0; /* whether an argument is open */
	request->state = LINE;
	return at;
}

/* ---- inline commands ---- */

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\v' || byte == '\f' ||
	       byte == '\0';
}

static void quote_byte(struct ta_resp_request *request, char byte)
{
	if (request->escaped)
		request->escaped = false;
	else if (request->quote && byte == '\\')
		request->escaped = true;
	else if (byte == request->quote)
		request->quote = '\0';
	else if (!request->quote && (byte == '"' || byte == '\''))
		request->quote = byte;
}

/* A word that is quoted is no longer what it says: its quotation marks make it `?`. */
static void line_byte(struct ta_dialogue *dialogue, char byte)
{
	struct ta_resp_request *request = &ta_resp_of(dialogue)->request;

	if (!request->quote && is_blank(byte)) {
		if (request->digits)
			ta_resp_arg_end(dialogue);
		request->digits = 0;
		return;
	}
	if (!request->digits)
		ta_resp_arg_begin(dialogue);
	request->digits = 1;
	quote_byte(request, byte);
	if (byte == '"' || byte == '\'')
		byte = '\x01';
	ta_resp_arg_bytes(dialogue, &byte, 1);
}

/* The line's end ends it, inside a quotation as well (which the server answers with an error). */
static const char *line_bytes(struct ta_dialogue *dialogue, const char *at, const char *end,
			      enum ta_command_event *ret_event)
{
	struct ta_resp_request *request = &ta_resp_of(dialogue)->request;

	for (; at < end; at++) {
		if (request->inline_bytes++ == INLINE_BYTES_MAX) {
			*ret_event = TA_COMMAND_BROKEN;
			return at;
		}
		if (*at == '\n') {
			if (request->digits)
				ta_resp_arg_end(dialogue);
			*ret_event = ta_resp_command_end(dialogue);
			request->state = IDLE;
			return at + 1;
		}
		line_byte(dialogue, *at);
	}
	return at;
}

/* ---- the walk ---- */

static const char *data_bytes(struct ta_dialogue *dialogue, const char *at, const char *end)
{
	struct ta_resp_request *request = &ta_resp_of(dialogue)->request;
	size_t bytes = (size_t)(end - at);

	if (bytes >= request->left) {
		bytes = (size_t)request->left;
		request->state = DATA_CR;
	}
	request->left -= bytes;
	if (request->aim != TA_RESP_TO_NOTHING)
		ta_resp_arg_bytes(dialogue, at, bytes);
	return at + bytes;
}

static bool data_end(struct ta_dialogue *dialogue, char byte, enum ta_command_event *ret_event)
{
	struct ta_resp_request *request = &ta_resp_of(dialogue)->request;

	ta_resp_arg_end(dialogue);
	request->state = --request->args_left ? MARK : IDLE;
	if (byte == '\n' && request->args_left == 0)
		*ret_event = ta_resp_command_end(dialogue);
	return byte == '\n';
}

/* CR LF behind an argument, in one step. */
static bool whole_end(struct ta_dialogue *dialogue, const char *at, const char *end,
		      enum ta_command_event *ret_event)
{
	struct ta_resp_request *request = &ta_resp_of(dialogue)->request;

	return request->state == DATA_CR && end - at >= 2 && at[0] == '\r' && at[1] == '\n' &&
	       data_end(dialogue, '\n', ret_event);
}

/* One byte; false when it may not stand there. */
static bool step(struct ta_dialogue *dialogue, char byte, enum ta_command_event *ret_event)
{
	struct ta_resp_request *request = &ta_resp_of(dialogue)->request;

	switch (request->state) {
	case COUNT:
		return count_byte(request, byte);
	case COUNT_END:
		return count_end(request, byte);
	case MARK:
		number_begins(request, LENGTH);
		return byte == '$';
	case LENGTH:
		return length_byte(request, byte);
	case LENGTH_END:
		return length_end(dialogue, byte);
	case DATA_CR:
		return expect(request, byte, '\r', DATA_END);
	default:
		return data_end(dialogue, byte, ret_event);
	}
}

static const char *walk(struct ta_dialogue *dialogue, const char *at, const char *end,
			enum ta_command_event *ret_event)
{
	struct ta_resp_request *request = &ta_resp_of(dialogue)->request;
	const char *next;

	while (*ret_event == TA_COMMAND_MORE) {
		if (request->state == EMPTY) {
			request->state = IDLE;
			*ret_event = ta_resp_command_end(dialogue);
		} else if (at == end || request->state == IDLE) {
			break;
		} else if (request->state == BEGIN) {
			at = begin(dialogue, at, end);
		} else if (request->state == DATA) {
			at = data_bytes(dialogue, at, end);
		} else if (request->state == LINE) {
			at = line_bytes(dialogue, at, end, ret_event);
		} else if (request->state == MARK && (next = whole_length(dialogue, at, end))) {
			at = next;
		} else if (whole_end(dialogue, at, end, ret_event)) {
			at += 2;
		} else if (!step(dialogue, *at, ret_event)) {
			*ret_event = TA_COMMAND_BROKEN;
		} else {
			at++;
		}
	}
	return at;
}

/* Between commands: line ends mean nothing; anything but text and arrays is not ours. */
static const char *idle(struct ta_resp_request *request, const char *at, const char *end,
			enum ta_command_event *ret_event)
{
	while (at < end && (*at == '\r' || *at == '\n'))
		at++;
	if (at < end) {
		request->state = BEGIN;
		*ret_event = *at >= ' ' && *at <= '~' ? TA_COMMAND_STARTED : TA_COMMAND_BROKEN;
	}
	return at;
}

size_t ta_resp_request(struct ta_dialogue *dialogue, const void *data, size_t bytes,
		       enum ta_command_event *ret_event)
{
	struct ta_resp *resp = ta_resp_of(dialogue);
	const char *first = data, *at = first;

	*ret_event = resp->broken   ? TA_COMMAND_BROKEN
		     : resp->tunnel ? TA_COMMAND_TUNNEL
				    : TA_COMMAND_MORE;
	if (*ret_event != TA_COMMAND_MORE)
		return 0;
	if (resp->request.state == IDLE)
		at = idle(&resp->request, at, at + bytes, ret_event);
	else
		at = walk(dialogue, at, at + bytes, ret_event);
	if (*ret_event == TA_COMMAND_BROKEN)
		resp->broken = true;
	return (size_t)(at - first);
}
