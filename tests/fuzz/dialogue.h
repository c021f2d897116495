/* SPDX-License-Identifier: MIT */
/*
 * dialogue.h - fuzzes a protocol of commands (command.h): the body of its fuzzers.
 *
 * The first byte of the input seeds the pieces; the rest is a conversation: two bytes (the
 * highest bit says who speaks, 1 is the server; the others how much), then so many bytes.
 * Told whole and told in pieces it must be the same events at the same places with the same
 * facts; there are never more answers than commands, `outstanding` is what is left, an end stays
 * an end, and nothing is shown that is not printable.
 */
#ifndef TESTS_FUZZ_DIALOGUE_H
#define TESTS_FUZZ_DIALOGUE_H

#include "runtime/protocol/command.h"

#include <stdlib.h>
#include <string.h>

#define EVENTS_MAX 4096

struct story {
	struct {
		enum ta_command_event event;
		size_t offset;
		uint64_t facts;
	} events[EVENTS_MAX];
	size_t count;
	uint32_t commands, answered;
	bool started, over;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void demand(bool holds)
{
	if (!holds)
		abort();
}

static uint64_t mix(uint64_t seed, const char *data, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		demand(data[i] >= ' ' && data[i] <= '~');
		seed = (seed ^ (unsigned char)data[i]) * 0x100000001b3ull;
	}
	return seed * 31 + bytes;
}

static uint64_t facts_of(const struct ta_command *command)
{
	demand(command->operation_len <= TA_COMMAND_OPERATION_MAX);
	demand(command->target_len <= TA_COMMAND_TARGET_MAX);
	demand(command->space_len <= TA_COMMAND_SPACE_MAX);
	demand(command->text_len <= TA_COMMAND_TEXT_MAX);
	uint64_t facts = command->flags + 77 * (uint64_t)command->batch;

	facts = mix(facts, command->operation, command->operation_len);
	facts = mix(facts, command->target, command->target_len);
	facts = mix(facts, command->space, command->space_len);
	return mix(facts, command->text, command->text_len);
}

static void note(struct story *story, const struct ta_dialogue *dialogue,
		 enum ta_command_event event, size_t offset)
{
	uint64_t facts = 0;

	if (event == TA_COMMAND_READY) {
		facts = facts_of(&dialogue->command);
		demand(story->started);
		story->started = false;
		if (!(dialogue->command.flags & (TA_COMMAND_SILENT | TA_COMMAND_STREAM)))
			story->commands++;
	} else if (event == TA_COMMAND_STARTED) {
		demand(!story->started);
		story->started = true;
	} else if (event == TA_COMMAND_ANSWERED) {
		demand(dialogue->result.status_len <= TA_COMMAND_STATUS_MAX);
		facts = mix(dialogue->result.failed, dialogue->result.status,
			    dialogue->result.status_len);
		demand(++story->answered <= story->commands);
	} else {
		story->over = true;
	}
	if (story->count == EVENTS_MAX)
		return;
	story->events[story->count].event = event;
	story->events[story->count].offset = offset;
	story->events[story->count++].facts = facts;
}

static size_t call(struct ta_dialogue *dialogue, bool server, const void *data, size_t bytes,
		   enum ta_command_event *ret_event)
{
	size_t taken = server ? dialogue->protocol->answer(dialogue, data, bytes, ret_event)
			      : dialogue->protocol->request(dialogue, data, bytes, ret_event);

	demand(taken <= bytes);
	demand(*ret_event != TA_COMMAND_ANSWERED || server);
	demand((*ret_event != TA_COMMAND_STARTED && *ret_event != TA_COMMAND_READY) || !server);
	demand(*ret_event != TA_COMMAND_MORE || taken == bytes);
	/* Without bytes the library does not ask: nothing may wait for that. */
	demand(bytes || *ret_event == TA_COMMAND_MORE || *ret_event >= TA_COMMAND_TUNNEL);
	return taken;
}

/* Tells of the bytes from an exact copy, so that a read past the piece is seen. */
static void hear(struct story *story, struct ta_dialogue *dialogue, bool server,
		 const uint8_t *data, size_t bytes, size_t offset)
{
	uint8_t *piece = malloc(bytes ? bytes : 1);
	enum ta_command_event event = TA_COMMAND_STARTED;
	size_t at = 0;

	memcpy(piece, data, bytes);
	while (event != TA_COMMAND_MORE && !story->over) {
		at += call(dialogue, server, piece + at, bytes - at, &event);
		if (event != TA_COMMAND_MORE)
			note(story, dialogue, event, offset + at);
		demand(story->over || dialogue->outstanding == story->commands - story->answered);
	}
	free(piece);
	if (story->over && event == TA_COMMAND_BROKEN) {
		demand(call(dialogue, false, "PING\r\n", 6, &event) == 0);
		demand(event == TA_COMMAND_BROKEN);
		demand(call(dialogue, true, "+OK\r\n", 5, &event) == 0);
		demand(event == TA_COMMAND_BROKEN);
	}
}

/* seed 0: whole.  Else pieces of random lengths. */
static void tell(struct story *story, const struct ta_protocol *protocol, const uint8_t *data,
		 size_t bytes, uint32_t seed)
{
	static struct ta_dialogue dialogue;
	size_t at = 0;

	story->count = 0;
	story->commands = story->answered = 0;
	story->started = story->over = false;
	memset(&dialogue, 0, sizeof(dialogue));
	memset(dialogue.state, 0x5a, sizeof(dialogue.state));
	dialogue.protocol = protocol;
	protocol->init(&dialogue);
	while (bytes - at > 2 && !story->over) {
		bool server = data[at] & 0x80;
		size_t turn = (size_t)(data[at] & 0x7f) << 8 | data[at + 1];

		at += 2;
		if (turn > bytes - at)
			turn = bytes - at;
		for (size_t done = 0, piece; done < turn && !story->over; done += piece) {
			seed = seed ? seed * 1664525u + 1013904223u : 0;
			piece = seed ? 1 + (seed >> 24) % 19 : turn;
			if (piece > turn - done)
				piece = turn - done;
			hear(story, &dialogue, server, data + at + done, piece, at + done);
		}
		at += turn;
	}
}

static int fuzz_dialogue(const struct ta_protocol *protocol, const uint8_t *data, size_t bytes)
{
	static struct story whole, pieces;

	if (bytes < 2)
		return 0;
	tell(&whole, protocol, data + 1, bytes - 1, 0);
	tell(&pieces, protocol, data + 1, bytes - 1, data[0] * 2654435761u | 1);
	demand(whole.count == pieces.count);
	for (size_t i = 0; i < whole.count; i++) {
		demand(whole.events[i].event == pieces.events[i].event);
		demand(whole.events[i].offset == pieces.events[i].offset);
		demand(whole.events[i].facts == pieces.events[i].facts);
	}
	size_t shown = bytes - 1 < 64 ? bytes - 1 : 64;
	uint8_t *first = malloc(shown);
	int verdict = 0;

	memcpy(first, data + 1, shown);
	verdict = protocol->recognise(first, shown);
	demand(verdict >= -1 && verdict <= 1);
	free(first);
	return 0;
}

#endif
