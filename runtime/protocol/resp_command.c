/* SPDX-License-Identifier: MIT */
/*
 * resp_command.c - what a Redis command is called, what of it may be shown, what it changes.
 *
 * Shown are the name, the subcommand where there are such, and the first key, if the table
 * (resp_name.c) says where it is and if it is printable.  Every other argument is `?`, and so
 * is each of a command that is not known.
 *
 * What CLIENT REPLY leaves unanswered is queued all the same, as mute: should the server have
 * refused it (and answer), that shows, and the dialogue is broken instead of one answer off.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/resp.h"

#include <string.h>

#define NAME_BYTES 24u

static char capital(char byte)
{
	return byte >= 'a' && byte <= 'z' ? (char)(byte - 'a' + 'A') : byte;
}

/* What names are made of: a bit for each of the 64 bytes from blank to '_'. */
static inline bool in_name(char byte)
{
	unsigned int number = (unsigned char)capital(byte) - 0x20u;
	const uint64_t set = UINT64_C(1) << ('-' - 0x20) | UINT64_C(1) << ('.' - 0x20) |
			     UINT64_C(0x3ff) << ('0' - 0x20) | UINT64_C(0x3ffffff) << ('A' - 0x20) |
			     UINT64_C(1) << ('_' - 0x20);

	return number < 64 && set >> number & 1;
}

/* ---- text ---- */

static void put_text(struct ta_command *command, const char *data, size_t bytes)
{
	size_t room = TA_COMMAND_TEXT_MAX - command->text_len;

	if (bytes > room) {
		bytes = room;
		command->flags |= TA_COMMAND_TEXT_CUT;
	}
	memcpy(command->text + command->text_len, data, bytes);
	command->text_len = (uint16_t)(command->text_len + bytes);
}

static void put_hidden(struct ta_command *command)
{
	put_text(command, " ?", 2);
}

/* The argument turned out not to be fit to be shown. */
static void hide(struct ta_dialogue *dialogue)
{
	struct ta_resp_request *request = &ta_resp_of(dialogue)->request;

	dialogue->command.text_len = request->mark;
	put_hidden(&dialogue->command);
	request->aim = TA_RESP_TO_NOTHING;
}

/* ---- arguments ---- */

void ta_resp_command_begin(struct ta_dialogue *dialogue)
{
	struct ta_command *command = &dialogue->command;

	command->flags = 0;
	command->text_len = 0;
	command->operation_len = command->target_len = command->space_len = 0;
	command->batch = 0;
	struct ta_resp_request *request = &ta_resp_of(dialogue)->request;

	request->arg = 0;
	request->word_len = 0;
	request->name = NULL;
}

/* SELECT's database, and CLIENT REPLY's mode. */
static bool wants_word(const struct ta_resp_request *request)
{
	return (request->name->meaning == TA_RESP_SELECT && request->arg == 1) ||
	       (request->name->meaning == TA_RESP_CLIENT && request->arg == 2);
}

static uint8_t aim_of(const struct ta_resp_request *request)
{
	if (request->arg == 0)
		return TA_RESP_TO_NAME;
	if (request->arg == 1 && request->name->flags & TA_RESP_CONTAINER)
		return TA_RESP_TO_SUBCOMMAND;
	if (request->arg == request->name->key)
		return TA_RESP_TO_TEXT;
	return wants_word(request) ? TA_RESP_TO_WORD : TA_RESP_TO_NOTHING;
}

void ta_resp_arg_begin(struct ta_dialogue *dialogue)
{
	struct ta_resp_request *request = &ta_resp_of(dialogue)->request;
	struct ta_command *command = &dialogue->command;

	request->aim = aim_of(request);
	request->mark = command->text_len;
	if (request->aim == TA_RESP_TO_SUBCOMMAND) {
		request->word_len = command->operation_len; /* to go back to */
		if (command->operation_len < TA_COMMAND_OPERATION_MAX)
			command->operation[command->operation_len++] = ' ';
	} else if (request->aim == TA_RESP_TO_TEXT) {
		put_text(command, " ", 1);
	} else if (request->aim != TA_RESP_TO_NAME) {
		put_hidden(command);
	}
}

/* A name that cannot be one is `_OTHER`, as it is in HTTP. */
static void name_bytes(struct ta_dialogue *dialogue, const char *data, size_t bytes)
{
	struct ta_command *command = &dialogue->command;
	struct ta_resp_request *request = &ta_resp_of(dialogue)->request;

	for (size_t i = 0; i < bytes; i++) {
		if (!in_name(data[i]) || command->operation_len == TA_COMMAND_OPERATION_MAX) {
			command->operation_len = 0;
			request->aim = TA_RESP_TO_NOTHING;
			return;
		}
		command->operation[command->operation_len++] = capital(data[i]);
	}
}

/* A subcommand that cannot be one is an argument like others. */
static void subcommand_bytes(struct ta_dialogue *dialogue, const char *data, size_t bytes)
{
	struct ta_command *command = &dialogue->command;
	struct ta_resp_request *request = &ta_resp_of(dialogue)->request;

	for (size_t i = 0; i < bytes; i++) {
		if (!in_name(data[i]) || command->operation_len == TA_COMMAND_OPERATION_MAX) {
			command->operation_len = request->word_len;
			hide(dialogue);
			return;
		}
		command->operation[command->operation_len++] = capital(data[i]);
	}
}

static void key_bytes(struct ta_dialogue *dialogue, const char *data, size_t bytes)
{
	size_t room = TA_COMMAND_TEXT_MAX - dialogue->command.text_len;
	size_t looked = bytes < room ? bytes : room;

	if (!ta_resp_printable(data, looked)) {
		hide(dialogue);
		return;
	}
	put_text(&dialogue->command, data, bytes);
	if (dialogue->command.flags & TA_COMMAND_TEXT_CUT)
		ta_resp_of(dialogue)->request.aim = TA_RESP_TO_NOTHING;
}

static void word_bytes(struct ta_resp_request *request, const char *data, size_t bytes)
{
	for (size_t i = 0; i < bytes && request->word_len <= TA_RESP_WORD_MAX; i++) {
		if (request->word_len < TA_RESP_WORD_MAX)
			request->word[request->word_len] = capital(data[i]);
		request->word_len++;
	}
}

void ta_resp_arg_bytes(struct ta_dialogue *dialogue, const char *data, size_t bytes)
{
	switch (ta_resp_of(dialogue)->request.aim) {
	case TA_RESP_TO_NAME:
		name_bytes(dialogue, data, bytes);
		break;
	case TA_RESP_TO_SUBCOMMAND:
		subcommand_bytes(dialogue, data, bytes);
		break;
	case TA_RESP_TO_TEXT:
		key_bytes(dialogue, data, bytes);
		break;
	case TA_RESP_TO_WORD:
		word_bytes(&ta_resp_of(dialogue)->request, data, bytes);
		break;
	default:
		break;
	}
}

static void name_end(struct ta_dialogue *dialogue)
{
	struct ta_command *command = &dialogue->command;
	char name[NAME_BYTES] = { 0 };

	if (command->operation_len == 0) {
		memcpy(command->operation, "_OTHER", 6);
		command->operation_len = 6;
	} else if (command->operation_len <= NAME_BYTES) {
		memcpy(name, command->operation, command->operation_len);
	}
	ta_resp_of(dialogue)->request.name = ta_resp_name_find(name);
	put_text(command, command->operation, command->operation_len);
}

static void subcommand_end(struct ta_dialogue *dialogue)
{
	struct ta_command *command = &dialogue->command;
	struct ta_resp_request *request = &ta_resp_of(dialogue)->request;
	uint8_t before = request->word_len;

	request->word_len = 0;
	if (command->operation_len <= before + 1) { /* empty, or no room */
		command->operation_len = before;
		hide(dialogue);
		return;
	}
	put_text(command, command->operation + before, (size_t)(command->operation_len - before));
}

void ta_resp_arg_end(struct ta_dialogue *dialogue)
{
	struct ta_resp_request *request = &ta_resp_of(dialogue)->request;

	if (request->arg == 0)
		name_end(dialogue);
	else if (request->aim == TA_RESP_TO_SUBCOMMAND)
		subcommand_end(dialogue);
	else if (request->aim == TA_RESP_TO_TEXT && dialogue->command.text_len == request->mark + 1)
		hide(dialogue); /* an empty key */
	else if (request->arg == 1 && request->name->flags & TA_RESP_CONTAINER)
		request->word_len = 0; /* was hidden */
	request->arg++;
}

/* ---- the end ---- */

static bool operation_is(const struct ta_command *command, const char *text, size_t bytes)
{
	return command->operation_len == bytes && memcmp(command->operation, text, bytes) == 0;
}

static bool word_is(const struct ta_resp_request *request, const char *text, size_t bytes)
{
	return request->word_len == bytes && memcmp(request->word, text, bytes) == 0;
}

static bool sets_up(const struct ta_resp_name *name, const struct ta_command *command)
{
	static const char names[][20] = { "CLIENT SETNAME",  "CLIENT SETINFO",	"CLIENT REPLY",
					  "CLIENT TRACKING", "CLIENT NO-EVICT", "CLIENT NO-TOUCH",
					  "CLIENT CACHING",  "CLIENT ID",	"CLIENT GETNAME" };

	if (name->meaning != TA_RESP_CLIENT)
		return name->flags & TA_RESP_SETS_UP;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (operation_is(command, names[i], strnlen(names[i], sizeof(names[i]))))
			return true;
	return false;
}

/* SELECT's argument as a number that was written as the server writes it; else UINT32_MAX. */
static uint32_t database(const struct ta_resp_request *request)
{
	uint32_t number = 0;

	if (request->word_len == 0 || request->word_len > 9)
		return UINT32_MAX;
	for (uint8_t i = 0; i < request->word_len; i++) {
		if (request->word[i] < '0' || request->word[i] > '9')
			return UINT32_MAX;
		number = number * 10 + (uint32_t)(request->word[i] - '0');
	}
	return number;
}

static enum ta_command_event queue(struct ta_dialogue *dialogue, uint8_t nature, uint32_t fact)
{
	struct ta_resp *resp = ta_resp_of(dialogue);

	if (!ta_resp_queue_put(&resp->queue, nature, resp->request.name->meaning, fact))
		return TA_COMMAND_BROKEN;
	if (dialogue->command.flags & TA_COMMAND_STREAM)
		return TA_COMMAND_READY;
	if (nature == TA_RESP_MUTE)
		dialogue->command.flags |= TA_COMMAND_SILENT;
	else if (++dialogue->outstanding == UINT32_MAX)
		return TA_COMMAND_BROKEN;
	return TA_COMMAND_READY;
}

/* Mode and answer of CLIENT REPLY.  A queued one would change the answer of EXEC. */
static enum ta_command_event client_reply(struct ta_dialogue *dialogue)
{
	struct ta_resp_request *request = &ta_resp_of(dialogue)->request;

	if (request->multi)
		return TA_COMMAND_BROKEN;
	if (word_is(request, "ON", 2)) {
		request->reply = TA_RESP_REPLIES;
		return queue(dialogue, TA_RESP_DUE, 0);
	}
	if (word_is(request, "OFF", 3))
		request->reply = TA_RESP_REPLIES_NOT;
	else if (word_is(request, "SKIP", 4) && request->reply != TA_RESP_REPLIES_NOT)
		request->reply = TA_RESP_SKIPS_NEXT;
	else if (request->reply == TA_RESP_REPLIES)
		return queue(dialogue, TA_RESP_DUE, 0); /* an error */
	return queue(dialogue, TA_RESP_MUTE, 0);
}

/* What it means for the commands behind it, as far as that is known before its answer. */
static void transaction(struct ta_dialogue *dialogue)
{
	struct ta_resp_request *request = &ta_resp_of(dialogue)->request;
	uint8_t meaning = request->name->meaning;

	if (meaning == TA_RESP_EXEC && request->multi && request->queued > 1 &&
	    operation_is(&dialogue->command, "EXEC", 4))
		dialogue->command.batch = request->queued;
	if (meaning == TA_RESP_MULTI) {
		request->queued = request->multi ? request->queued : 0;
		request->multi = true;
	} else if (meaning == TA_RESP_EXEC || meaning == TA_RESP_RESET) {
		request->multi = false;
	} else if (request->multi && request->queued < UINT32_MAX) {
		request->queued++;
	}
}

/* Commands whose answer is not one value, or changes how others are read.  With answers
 * switched off it is not known what becomes of them. */
static enum ta_command_event unusual(struct ta_dialogue *dialogue)
{
	struct ta_resp *resp = ta_resp_of(dialogue);
	struct ta_resp_request *request = &resp->request;

	if (request->reply != TA_RESP_REPLIES)
		return TA_COMMAND_BROKEN;
	if (request->name->meaning == TA_RESP_HELLO || request->name->meaning == TA_RESP_RESET)
		return queue(dialogue, TA_RESP_DUE, 0);
	if (request->name->meaning == TA_RESP_SELECT) {
		resp->selects++;
		return queue(dialogue, TA_RESP_DUE, database(request));
	}
	if (request->multi)
		return TA_COMMAND_BROKEN;
	dialogue->command.flags |= TA_COMMAND_STREAM;
	if (request->name->meaning == TA_RESP_SYNC)
		resp->tunnel = true;
	return queue(dialogue, TA_RESP_DUE, request->arg - 1);
}

static enum ta_command_event usual(struct ta_dialogue *dialogue)
{
	struct ta_resp_request *request = &ta_resp_of(dialogue)->request;
	bool mute = request->reply != TA_RESP_REPLIES;

	if (request->reply == TA_RESP_SKIPS_NEXT)
		request->reply = TA_RESP_REPLIES;
	return queue(dialogue, mute ? TA_RESP_MUTE : TA_RESP_DUE, 0);
}

static bool is_usual(uint8_t meaning)
{
	return meaning == TA_RESP_PLAIN || meaning == TA_RESP_CLIENT || meaning == TA_RESP_MULTI ||
	       meaning == TA_RESP_EXEC;
}

static void put_space(struct ta_dialogue *dialogue)
{
	struct ta_resp *resp = ta_resp_of(dialogue);

	if (resp->selects)
		return; /* not known before it is answered */
	memcpy(dialogue->command.space, resp->space, resp->space_len);
	dialogue->command.space_len = resp->space_len;
}

enum ta_command_event ta_resp_command_end(struct ta_dialogue *dialogue)
{
	struct ta_resp_request *request = &ta_resp_of(dialogue)->request;
	struct ta_command *command = &dialogue->command;

	if (request->arg == 0) { /* an empty array, a line of blanks: nobody answers it */
		command->flags = TA_COMMAND_SILENT | TA_COMMAND_SETUP;
		return TA_COMMAND_READY;
	}
	put_space(dialogue);
	if (sets_up(request->name, command))
		command->flags |= TA_COMMAND_SETUP;
	transaction(dialogue);
	if (request->name->meaning == TA_RESP_CLIENT && operation_is(command, "CLIENT REPLY", 12))
		return client_reply(dialogue);
	return is_usual(request->name->meaning) ? usual(dialogue) : unusual(dialogue);
}
