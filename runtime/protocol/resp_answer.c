/* SPDX-License-Identifier: MIT */
/*
 * resp_answer.c - walks what comes from Redis: values of RESP2 and RESP3, nested as deep as
 * they like.
 *
 * Every value begins with a line.  Aggregates only add to the number of values to come, so
 * nothing is kept per level; only those without a length (`*?` ... `.`) keep the number around
 * them.  An attribute adds values and is none.  Kept of a whole value are its type, the
 * beginning of its first element and its third one as a number: what tells an error's name, or
 * a message from an answer.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/resp.h"

#include <string.h>

#define PENDING_MAX (UINT64_C(1) << 60)

enum state {
	LINE,
	DATA,
	DATA_CR,
	DATA_END,
	CHUNKS, /* the value goes on with `;` */
	DONE,	/* the whole is complete */
};

/* ---- elements of the whole ---- */

static bool parse(const char *at, size_t bytes, int64_t *ret_number)
{
	bool minus = bytes > 0 && *at == '-';
	int64_t number = 0;

	if (minus)
		at++, bytes--;
	if (bytes == 0 || bytes > 18)
		return false;
	for (size_t i = 0; i < bytes; i++) {
		if (at[i] < '0' || at[i] > '9')
			return false;
		number = number * 10 + (at[i] - '0');
	}
	*ret_number = minus ? -number : number;
	return true;
}

/* Whether the text of the blob that is being read is of interest: an error's, or a name's. */
static bool is_kept(const struct ta_resp_answer *answer)
{
	return answer->seen == 0 && answer->type != ';' &&
	       (answer->top == '*' || answer->top == '>' || answer->top == '!');
}

static void keep(struct ta_resp_answer *answer, const char *data, size_t bytes)
{
	size_t room = TA_RESP_LINE_MAX - answer->text_len;

	if (bytes > room)
		bytes = room;
	memcpy(answer->text + answer->text_len, data, bytes);
	answer->text_len = (uint8_t)(answer->text_len + bytes);
}

/* ---- values ---- */

static void value_begins(struct ta_resp_answer *answer, uint8_t type)
{
	answer->type = type;
	if (answer->depth && answer->pending == 0 && type != '|')
		answer->pending = 1;
	if (answer->top || answer->depth || answer->pending != 1 || type == '|')
		return;
	answer->top = type;
	answer->seen = 0;
	answer->text_len = 0;
	answer->count = -1;
}

static void value_ends(struct ta_resp_answer *answer)
{
	answer->state = LINE;
	if (--answer->pending == 0 && answer->depth == 0)
		answer->state = DONE;
}

static void scalar_ends(struct ta_resp_answer *answer)
{
	if (answer->top && answer->seen < 4)
		answer->seen++;
	value_ends(answer);
}

/* The whole has begun: its elements count from here.  Inside it, one that has elements itself
 * ends the interest. */
static void aggregate_seen(struct ta_resp_answer *answer, bool whole)
{
	if (answer->top)
		answer->seen = whole ? 0 : 4;
}

static bool open_ended(struct ta_resp_answer *answer, uint8_t type)
{
	if (answer->depth == TA_RESP_DEPTH_MAX)
		return false;
	answer->outer[answer->depth++] = type == '|' ? answer->pending : answer->pending - 1;
	answer->pending = 0;
	return true;
}

static bool open_ended_ends(struct ta_resp_answer *answer)
{
	if (answer->depth == 0 || answer->pending != 0)
		return false;
	answer->pending = answer->outer[--answer->depth];
	if (answer->pending == 0 && answer->depth == 0)
		answer->state = DONE;
	return true;
}

static bool aggregate(struct ta_resp_answer *answer, const char *line, size_t bytes, bool whole)
{
	uint8_t type = answer->type;
	int64_t count;

	aggregate_seen(answer, whole);
	if (bytes == 1 && *line == '?')
		return open_ended(answer, type);
	if (!parse(line, bytes, &count) || count < -1 || (count == -1 && type != '*'))
		return false;
	uint64_t add = count < 0 ? 0 : (uint64_t)count * (type == '%' || type == '|' ? 2 : 1);

	if (add > PENDING_MAX || answer->pending > PENDING_MAX - add)
		return false;
	answer->pending += add;
	if (type != '|')
		value_ends(answer);
	return true;
}

/* A string with its length in front, or a piece of one without. */
static bool blob(struct ta_resp_answer *answer, const char *line, size_t bytes)
{
	int64_t length;

	if (answer->type == '$' && bytes == 1 && *line == '?') {
		answer->state = CHUNKS;
		return true;
	}
	if (!parse(line, bytes, &length) || length < -1)
		return false;
	if (length == -1 || (length == 0 && answer->type == ';')) {
		scalar_ends(answer);
		return length == 0 || answer->type == '$';
	}
	answer->left = (uint64_t)length;
	answer->state = length ? DATA : DATA_CR;
	return true;
}

static bool scalar(struct ta_resp_answer *answer, const char *line, size_t bytes)
{
	if (answer->top && answer->seen == 0)
		keep(answer, line, bytes);
	if (answer->seen == 2 && answer->type == ':' && !parse(line, bytes, &answer->count))
		return false;
	scalar_ends(answer);
	return true;
}

/* A line without its type and its end; at most TA_RESP_LINE_MAX bytes of it are shown. */
static bool read_line(struct ta_resp_answer *answer, const char *line, size_t bytes)
{
	if (bytes == 0)
		return false;
	uint8_t type = (uint8_t)*line++;
	bool chunk = answer->state == CHUNKS, whole = answer->top == 0;

	bytes--;
	if (chunk != (type == ';'))
		return false;
	if (type == '.')
		return bytes == 0 && open_ended_ends(answer);
	if (!chunk)
		value_begins(answer, type);
	answer->type = type;
	switch (type) {
	case '$':
	case '!':
	case '=':
	case ';':
		return blob(answer, line, bytes);
	case '*':
	case '%':
	case '~':
	case '>':
	case '|':
		return aggregate(answer, line, bytes, whole && answer->top);
	case '+':
	case '-':
	case ':':
	case ',':
	case '#':
	case '(':
	case '_':
		return scalar(answer, line, bytes);
	default:
		return false;
	}
}

/* ---- bytes ---- */

/* What a value may begin with, or go on with. */
static bool is_type(const struct ta_resp_answer *answer, char byte)
{
	return answer->state == CHUNKS ? byte == ';'
				       : byte && memchr("+-$:*%~>|=!,#(_.", byte, 16) != NULL;
}

/* At most so much of a line is looked at, wherever it was cut. */
static bool line_ends(struct ta_resp_answer *answer, const char *line, size_t bytes, char last)
{
	if (bytes > TA_RESP_LINE_MAX)
		bytes = TA_RESP_LINE_MAX;
	if (bytes && line[bytes - 1] == '\r')
		bytes--;
	answer->line_len = 0;
	return last == '\r' && read_line(answer, line, bytes);
}

/* The line as far as it came: read in place when all of it is there, else gathered. */
static const char *line_bytes(struct ta_resp_answer *answer, const char *at, const char *end,
			      bool *ret_fits)
{
	if (answer->line_len == 0 && !is_type(answer, *at)) {
		*ret_fits = false;
		return at;
	}
	const char *line_end = memchr(at, '\n', (size_t)(end - at));
	size_t bytes = (size_t)((line_end ? line_end : end) - at);
	size_t room = (size_t)TA_RESP_LINE_MAX - answer->line_len;

	if (line_end && answer->line_len == 0) {
		*ret_fits = line_ends(answer, at, bytes, line_end[-1]);
		return line_end + 1;
	}
	if (bytes)
		answer->last = at[bytes - 1];
	memcpy(answer->line + answer->line_len, at, bytes < room ? bytes : room);
	answer->line_len = (uint8_t)(answer->line_len + (bytes < room ? bytes : room));
	if (!line_end)
		return end;
	*ret_fits = line_ends(answer, answer->line, answer->line_len, answer->last);
	return line_end + 1;
}

static const char *data_bytes(struct ta_resp_answer *answer, const char *at, const char *end)
{
	size_t bytes = (size_t)(end - at);

	if (bytes >= answer->left) {
		bytes = (size_t)answer->left;
		answer->state = DATA_CR;
	}
	if (is_kept(answer))
		keep(answer, at, bytes);
	answer->left -= bytes;
	return at + bytes;
}

static bool data_end(struct ta_resp_answer *answer, char byte)
{
	if (answer->state == DATA_CR) {
		answer->state = DATA_END;
		return byte == '\r';
	}
	if (answer->type == ';')
		answer->state = CHUNKS;
	else
		scalar_ends(answer);
	return byte == '\n';
}

/* Up to the end of one whole value. */
static const char *walk(struct ta_resp_answer *answer, const char *at, const char *end,
			bool *ret_fits)
{
	*ret_fits = true;
	while (at < end && answer->state != DONE && *ret_fits) {
		if (answer->state == LINE || answer->state == CHUNKS)
			at = line_bytes(answer, at, end, ret_fits);
		else if (answer->state == DATA)
			at = data_bytes(answer, at, end);
		else
			*ret_fits = data_end(answer, *at++);
	}
	return at;
}

static bool between(const struct ta_resp_answer *answer)
{
	return answer->state == LINE && answer->top == 0 && answer->pending == 1 &&
	       answer->depth == 0 && answer->line_len == 0;
}

static enum ta_command_event complete(struct ta_dialogue *dialogue)
{
	struct ta_resp_answer *answer = &ta_resp_of(dialogue)->answer;
	enum ta_command_event event = ta_resp_assign(dialogue);

	answer->state = LINE;
	answer->top = 0;
	answer->pending = 1;
	return event;
}

size_t ta_resp_answer(struct ta_dialogue *dialogue, const void *data, size_t bytes,
		      enum ta_command_event *ret_event)
{
	struct ta_resp *resp = ta_resp_of(dialogue);
	const char *first = data, *at = first, *end = first + bytes;
	bool fits = !resp->broken;

	*ret_event = TA_COMMAND_MORE;
	while (fits && *ret_event == TA_COMMAND_MORE) {
		if (between(&resp->answer) && resp->tunnel && ta_resp_tunnels(resp)) {
			*ret_event = TA_COMMAND_TUNNEL;
			return (size_t)(at - first);
		}
		if (at == end)
			break;
		at = walk(&resp->answer, at, end, &fits);
		if (fits && resp->answer.state == DONE)
			*ret_event = complete(dialogue);
	}
	if (!fits || *ret_event == TA_COMMAND_BROKEN) {
		resp->broken = true;
		*ret_event = TA_COMMAND_BROKEN;
	}
	return (size_t)(at - first);
}
