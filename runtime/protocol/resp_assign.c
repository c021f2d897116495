/* SPDX-License-Identifier: MIT */
/*
 * resp_assign.c - which command a value answers, and what it says about those behind it.
 *
 * Values answer commands one by one in their order; but some answer none: pushes (RESP3), what
 * a MONITOR sees, and in RESP2, while there are subscriptions, arrays that begin with one of
 * nine words.  What a subscription confirms says how many there are, so that it is known when a
 * RESP2 connection goes back to ordinary answers.  Where a value cannot be the answer of the
 * command whose turn it is, the dialogue is broken.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/resp.h"

#include <string.h>

/* Names of messages; the first six are those of TA_RESP_CHANNELS and following. */
static const char messages[][16] = { "subscribe",   "psubscribe",   "ssubscribe",
				     "unsubscribe", "punsubscribe", "sunsubscribe",
				     "message",	    "pmessage",	    "smessage" };
#define CONFIRMATIONS 6
#define NO_MESSAGE (sizeof(messages) / sizeof(*messages))

static size_t message_of(const struct ta_resp_answer *answer)
{
	size_t number = 0;

	for (; number < NO_MESSAGE; number++) {
		size_t bytes = strnlen(messages[number], sizeof(messages[number]));

		if (answer->text_len == bytes && memcmp(answer->text, messages[number], bytes) == 0)
			break;
	}
	return number;
}

static bool subscribes(const struct ta_resp_run *run)
{
	return run && run->kind >= TA_RESP_CHANNELS;
}

/* ---- subscriptions ---- */

static uint32_t *subscriptions(struct ta_resp *resp, size_t message)
{
	size_t family = message % 3;

	return family == 0 ? &resp->channels : family == 1 ? &resp->patterns : &resp->shards;
}

/* Channels and patterns are counted together by the server. */
static void count(struct ta_resp *resp, size_t message)
{
	uint32_t *counter = subscriptions(resp, message);
	uint32_t other = counter == &resp->channels   ? resp->patterns
			 : counter == &resp->patterns ? resp->channels
						      : 0;
	int64_t all = resp->answer.count;

	*counter = all > other && all <= UINT32_MAX ? (uint32_t)all - other : 0;
}

/* One confirmation for each channel; without channels, one for each that there is. */
static void confirm(struct ta_resp *resp, size_t message)
{
	struct ta_resp_run *run = ta_resp_queue_at(&resp->queue, 0);
	uint32_t before = *subscriptions(resp, message);

	count(resp, message);
	if (!run || run->kind != TA_RESP_CHANNELS + message)
		return; /* the server's own idea: a slot has moved */
	if (resp->confirms == 0)
		resp->confirms = run->fact ? run->fact : before ? before : 1;
	if (--resp->confirms == 0)
		ta_resp_queue_take(&resp->queue);
}

/* Whether the value is a message, not an answer; it is accounted for. */
static bool is_message(struct ta_resp *resp)
{
	const struct ta_resp_answer *answer = &resp->answer;

	if (resp->monitoring && answer->top == '+')
		return answer->text_len && answer->text[0] >= '0' && answer->text[0] <= '9';
	if (answer->top != '>') {
		bool open = resp->channels || resp->patterns || resp->shards ||
			    subscribes(ta_resp_queue_at(&resp->queue, 0));

		if (answer->top != '*' || resp->resp3 || !open)
			return false;
	}
	size_t message = message_of(answer);

	if (message < CONFIRMATIONS)
		confirm(resp, message);
	return answer->top == '>' || message < NO_MESSAGE;
}

/* ---- answers ---- */

static bool is_error(const struct ta_resp_answer *answer)
{
	return answer->top == '-' || answer->top == '!';
}

static bool text_is(const struct ta_resp_answer *answer, const char *text, size_t bytes)
{
	return answer->top == '+' && answer->text_len == bytes &&
	       memcmp(answer->text, text, bytes) == 0;
}

/* The first word of an error is its name. */
static void put_result(struct ta_dialogue *dialogue)
{
	const struct ta_resp_answer *answer = &ta_resp_of(dialogue)->answer;
	struct ta_command_result *result = &dialogue->result;

	result->failed = is_error(answer);
	result->status_len = 0;
	if (!result->failed)
		return;
	for (uint8_t i = 0; i < answer->text_len && i < TA_COMMAND_STATUS_MAX; i++) {
		if (answer->text[i] <= ' ' || answer->text[i] > '~')
			break;
		result->status[result->status_len++] = answer->text[i];
	}
}

/* A SELECT that waits for EXEC may or may not succeed there. */
static void selected(struct ta_resp *resp, uint32_t database)
{
	char digits[TA_RESP_WORD_MAX];
	uint8_t at = sizeof(digits);

	resp->selects--;
	if (is_error(&resp->answer))
		return;
	resp->space_len = 0;
	if (!text_is(&resp->answer, "OK", 2) || database == UINT32_MAX)
		return;
	do {
		digits[--at] = (char)('0' + database % 10);
		database /= 10;
	} while (database);
	resp->space_len = (uint8_t)(sizeof(digits) - at);
	memcpy(resp->space, digits + at, resp->space_len);
}

/* RESP3 answers it with a map, RESP2 with an array. */
static bool greeted(struct ta_resp *resp)
{
	uint8_t type = resp->answer.top;

	if (!is_error(&resp->answer))
		resp->resp3 = type == '%';
	return is_error(&resp->answer) || type == '%' || type == '*';
}

static void reset(struct ta_resp *resp)
{
	if (is_error(&resp->answer))
		return;
	resp->resp3 = resp->monitoring = false;
	resp->channels = resp->patterns = resp->shards = 0;
	resp->space_len = 0;
}

/* False when the value cannot be that command's answer. */
static bool learn(struct ta_resp *resp, const struct ta_resp_run *run)
{
	bool error = is_error(&resp->answer);

	switch (run->kind) {
	case TA_RESP_SELECT:
		selected(resp, run->fact);
		return true;
	case TA_RESP_HELLO:
		return greeted(resp);
	case TA_RESP_RESET:
		reset(resp);
		return true;
	case TA_RESP_MONITOR:
		resp->monitoring = resp->monitoring || !error;
		return error || text_is(&resp->answer, "OK", 2);
	case TA_RESP_SYNC:
		return false;
	default: /* who subscribes is answered by messages, or by one error */
		return !subscribes(run) || (error && resp->confirms == 0);
	}
}

static bool is_told(uint8_t kind)
{
	return kind < TA_RESP_CHANNELS && kind != TA_RESP_MONITOR;
}

/* Mute commands are passed over; an error may be theirs, or of the one behind. */
static struct ta_resp_run *turn(struct ta_resp *resp)
{
	struct ta_resp_run *run = ta_resp_queue_at(&resp->queue, 0);

	if (!run || run->nature != TA_RESP_MUTE)
		return run;
	if (is_error(&resp->answer))
		return NULL;
	while ((run = ta_resp_queue_at(&resp->queue, 0)) && run->nature == TA_RESP_MUTE)
		ta_resp_queue_take(&resp->queue);
	return run;
}

enum ta_command_event ta_resp_assign(struct ta_dialogue *dialogue)
{
	struct ta_resp *resp = ta_resp_of(dialogue);

	if (is_message(resp))
		return TA_COMMAND_MORE;
	struct ta_resp_run *run = turn(resp);

	if (!run || !learn(resp, run))
		return TA_COMMAND_BROKEN;
	bool told = is_told(run->kind);

	ta_resp_queue_take(&resp->queue);
	if (!told)
		return TA_COMMAND_MORE;
	dialogue->outstanding--;
	put_result(dialogue);
	return TA_COMMAND_ANSWERED;
}

bool ta_resp_tunnels(struct ta_resp *resp)
{
	struct ta_resp_run *run = ta_resp_queue_at(&resp->queue, 0);

	while (run && run->nature == TA_RESP_MUTE) {
		ta_resp_queue_take(&resp->queue);
		run = ta_resp_queue_at(&resp->queue, 0);
	}
	return run && run->kind == TA_RESP_SYNC;
}
