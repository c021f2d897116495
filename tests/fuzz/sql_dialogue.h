/* SPDX-License-Identifier: MIT */
/*
 * sql_dialogue.h - what the fuzzers of PostgreSQL's and MySQL's protocol share.
 *
 * Input: one byte that seeds the cutting, then pieces of a conversation: a byte of flags (1: from
 * the server; 2: two bytes of length instead of one), the length, the bytes.  The conversation is
 * told twice, in its pieces and in smaller ones, and both must say the same; a command is
 * answered once at most, and what is told fits.
 */
#ifndef TESTS_FUZZ_SQL_DIALOGUE_H
#define TESTS_FUZZ_SQL_DIALOGUE_H

#include "runtime/protocol/command.h"

#include <stdlib.h>
#include <string.h>

#define demand(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

struct story {
	uint64_t sum;
	size_t count;
	uint32_t outstanding;
	enum ta_command_event last;
};

static void hash(struct story *story, const void *data, size_t bytes)
{
	const uint8_t *at = data;

	for (size_t i = 0; i < bytes; i++)
		story->sum = (story->sum ^ at[i]) * 0x100000001b3u;
}

static void note_command(struct story *story, const struct ta_command *command)
{
	demand(command->operation_len <= sizeof(command->operation));
	demand(command->target_len <= sizeof(command->target));
	demand(command->space_len <= sizeof(command->space));
	demand(command->text_len <= sizeof(command->text));
	hash(story, command->operation, command->operation_len);
	hash(story, command->target, command->target_len);
	hash(story, command->space, command->space_len);
	hash(story, command->text, command->text_len);
	hash(story, &command->flags, sizeof(command->flags));
	if (!(command->flags & (TA_COMMAND_SILENT | TA_COMMAND_STREAM)))
		story->outstanding++;
}

static void note_result(struct story *story, const struct ta_command_result *result)
{
	demand(result->status_len <= sizeof(result->status));
	hash(story, result->status, result->status_len);
	hash(story, &result->failed, 1);
	demand(story->outstanding > 0);
	story->outstanding--;
}

static void note(struct story *story, const struct ta_dialogue *dialogue,
		 enum ta_command_event event, size_t offset)
{
	if (event == TA_COMMAND_MORE)
		return;
	story->count++;
	story->last = event;
	hash(story, &event, sizeof(event));
	hash(story, &offset, sizeof(offset));
	if (event == TA_COMMAND_READY)
		note_command(story, &dialogue->command);
	else if (event == TA_COMMAND_ANSWERED)
		note_result(story, &dialogue->result);
	if (event != TA_COMMAND_TUNNEL && event != TA_COMMAND_BROKEN)
		demand(dialogue->outstanding == story->outstanding);
}

/* One piece, cut smaller where there is a seed.  False when it is over. */
static bool hear(struct story *story, struct ta_dialogue *dialogue, bool server,
		 const uint8_t *data, size_t bytes, uint32_t *seed)
{
	size_t at = 0, idle = 0;

	for (;;) {
		size_t piece = bytes - at, taken;
		enum ta_command_event event;
		uint8_t *copy;

		if (*seed) {
			*seed = *seed * 1664525u + 1013904223u;
			if (piece > (*seed >> 24) % 23)
				piece = (*seed >> 24) % 23;
		}
		copy = malloc(piece ? piece : 1);
		memcpy(copy, data + at, piece);
		taken = server ? dialogue->protocol->answer(dialogue, copy, piece, &event) :
				 dialogue->protocol->request(dialogue, copy, piece, &event);
		free(copy);
		demand(taken <= piece);
		demand(event != TA_COMMAND_MORE || taken == piece);
		at += taken;
		note(story, dialogue, event, at);
		if (event == TA_COMMAND_TUNNEL || event == TA_COMMAND_BROKEN)
			return false;
		idle = taken || event == TA_COMMAND_MORE ? 0 : idle + 1;
		demand(idle < 20000);
		if (event == TA_COMMAND_MORE && at == bytes)
			return true;
	}
}

static void tell(struct story *story, const struct ta_protocol *protocol, const uint8_t *data,
		 size_t bytes, uint32_t seed)
{
	static struct ta_dialogue dialogue;

	memset(&dialogue, 0, offsetof(struct ta_dialogue, state));
	memset(dialogue.state, 0xa5, sizeof(dialogue.state));
	memset(story, 0, sizeof(*story));
	dialogue.protocol = protocol;
	protocol->init(&dialogue);
	for (size_t at = 0; at + 3 <= bytes;) {
		uint8_t flags = data[at];
		size_t length = data[at + 1];

		at += 2;
		if (flags & 2)
			length = length << 8 | data[at++];
		if (length > bytes - at)
			length = bytes - at;
		if (!hear(story, &dialogue, flags & 1, data + at, length, &seed))
			break;
		at += length;
	}
	hash(story, &dialogue.protocol->id, 1);
}

static void compare(const struct ta_protocol *protocol, const uint8_t *data, size_t bytes)
{
	static struct story whole, pieces;

	if (bytes < 1)
		return;
	tell(&whole, protocol, data + 1, bytes - 1, 0);
	tell(&pieces, protocol, data + 1, bytes - 1, data[0] * 2654435761u | 1);
	demand(whole.count == pieces.count);
	demand(whole.sum == pieces.sum);
	protocol->recognise(data + 1, bytes - 1 < 64 ? bytes - 1 : 64);
}

#endif
