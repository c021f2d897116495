/* SPDX-License-Identifier: MIT */
/*
 * dialogue_script.h - conversations of a protocol (command.h) written down, for the tests of
 * Redis and memcached.
 *
 * A script is a row of steps: '>' bytes to the server, '<' bytes from it.  Told is, in one line:
 *   s                 a command begins
 *   GET{GET key ?}    a command is ready: operation, text; behind it /space, *batch, and the
 *                     flags: ~ silent, # set up, & stream, ^ cut
 *   = =WRONGTYPE! =NF answered: well, failed, well with a status
 *   T B               tunnel, broken
 * Every script is told whole, split once at every byte, and byte by byte; all have to agree.
 */
#ifndef TESTS_UNIT_DIALOGUE_SCRIPT_H
#define TESTS_UNIT_DIALOGUE_SCRIPT_H

#include "runtime/protocol/command.h"
#include "tests/unit/check.h"

struct step {
	char side;
	const char *bytes;
	size_t count; /* 0: up to the final zero */
};

struct told {
	char text[1 << 16];
	size_t used;
	uint32_t ready, answered; /* of those that are counted as outstanding */
	bool over;
};

__attribute__((format(printf, 2, 3))) static void tell(struct told *told, const char *format, ...)
{
	size_t room = sizeof(told->text) - told->used;
	va_list args;

	va_start(args, format);
	int used = vsnprintf(told->text + told->used, room, format, args);

	va_end(args);
	if (used > 0)
		told->used += (size_t)used < room ? (size_t)used : room - 1;
}

static void tell_ready(struct told *told, const struct ta_command *command)
{
	tell(told, "%.*s{%.*s}", command->operation_len, command->operation, command->text_len,
	     command->text);
	if (command->space_len)
		tell(told, "/%.*s", command->space_len, command->space);
	if (command->batch)
		tell(told, "*%u", command->batch);
	tell(told, "%s%s%s%s ", command->flags & TA_COMMAND_SILENT ? "~" : "",
	     command->flags & TA_COMMAND_SETUP ? "#" : "",
	     command->flags & TA_COMMAND_STREAM ? "&" : "",
	     command->flags & TA_COMMAND_TEXT_CUT ? "^" : "");
	if (!(command->flags & (TA_COMMAND_SILENT | TA_COMMAND_STREAM)))
		told->ready++;
}

static void tell_event(struct told *told, const struct ta_dialogue *dialogue,
		       enum ta_command_event event)
{
	switch (event) {
	case TA_COMMAND_STARTED:
		tell(told, "s ");
		break;
	case TA_COMMAND_READY:
		tell_ready(told, &dialogue->command);
		break;
	case TA_COMMAND_ANSWERED:
		tell(told, "=%.*s%s ", dialogue->result.status_len, dialogue->result.status,
		     dialogue->result.failed ? "!" : "");
		told->answered++;
		break;
	case TA_COMMAND_TUNNEL:
		tell(told, "T ");
		told->over = true;
		break;
	case TA_COMMAND_BROKEN:
		tell(told, "B ");
		told->over = true;
		break;
	default:
		break;
	}
}

/* One piece, from an exact copy, so that a sanitizer sees a read past it.  Without bytes nothing
 * is left to be told but an end: the library does not ask then. */
static void hear(struct told *told, struct ta_dialogue *dialogue, char side, const char *bytes,
		 size_t count)
{
	char *copy = malloc(count ? count : 1), *at = copy;
	enum ta_command_event event = TA_COMMAND_STARTED;

	memcpy(copy, bytes, count);
	while (event != TA_COMMAND_MORE && !told->over) {
		size_t taken = side == '>'
				       ? dialogue->protocol->request(dialogue, at, count, &event)
				       : dialogue->protocol->answer(dialogue, at, count, &event);

		bool had_none = count == 0;

		check(taken <= count, "took %zu of %zu", taken, count);
		at += taken;
		count -= taken;
		check(event != TA_COMMAND_MORE || count == 0, "left %zu bytes", count);
		check(!had_none || event == TA_COMMAND_MORE || event >= TA_COMMAND_TUNNEL,
		      "event %d without bytes", (int)event);
		tell_event(told, dialogue, event);
		if (!told->over)
			check_same(dialogue->outstanding, told->ready - told->answered);
	}
	free(copy);
}

static void begin_dialogue(struct ta_dialogue *dialogue, const struct ta_protocol *protocol,
			   struct told *told)
{
	memset(dialogue, 0, sizeof(*dialogue));
	memset(dialogue->state, 0xa5, sizeof(dialogue->state));
	dialogue->protocol = protocol;
	protocol->init(dialogue);
	told->used = 0;
	told->text[0] = '\0';
	told->ready = told->answered = 0;
	told->over = false;
}

/* The whole script; step number `at` in a first piece of so many bytes, or all in pieces of
 * one byte (at < 0), or whole (at beyond). */
static void play(struct told *told, const struct ta_protocol *protocol, const struct step *steps,
		 size_t count, long at, size_t first)
{
	static struct ta_dialogue dialogue;

	begin_dialogue(&dialogue, protocol, told);
	for (size_t i = 0; i < count && !told->over; i++) {
		size_t bytes = steps[i].count ? steps[i].count : strlen(steps[i].bytes);
		size_t done = 0;

		while (done < bytes && !told->over) {
			size_t piece = at < 0 ? 1 : bytes - done;

			if ((long)i == at && done == 0)
				piece = first;
			hear(told, &dialogue, steps[i].side, steps[i].bytes + done, piece);
			done += piece;
		}
	}
	if (told->used && told->text[told->used - 1] == ' ')
		told->text[--told->used] = '\0';
}

__attribute__((unused)) static void script(const struct ta_protocol *protocol,
					   const struct step *steps, size_t count,
					   const char *expected)
{
	static struct told whole, other;

	play(&whole, protocol, steps, count, (long)count, 0);
	check_text(whole.text, expected);
	play(&other, protocol, steps, count, -1, 0);
	check_text(other.text, expected);
	for (size_t i = 0; i < count; i++) {
		size_t bytes = steps[i].count ? steps[i].count : strlen(steps[i].bytes);

		for (size_t first = 1; first < bytes; first++) {
			play(&other, protocol, steps, count, (long)i, first);
			check(strcmp(other.text, expected) == 0, "step %zu split at %zu: %s", i,
			      first, other.text);
		}
	}
}

#define SCRIPT(protocol, expected, ...)                                                            \
	do {                                                                                       \
		static const struct step steps[] = { __VA_ARGS__ };                                \
		script(protocol, steps, sizeof(steps) / sizeof(*steps), expected);                 \
	} while (0)

#endif
