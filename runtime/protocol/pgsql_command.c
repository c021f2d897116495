/* SPDX-License-Identifier: MIT */
/*
 * pgsql_command.c - what a message to a PostgreSQL server means: commands, and the statements
 * and portals that they are made of.
 *
 * Names of statements and portals are kept as hashes: a collision would have to be made on
 * purpose, by the program itself, and would show another text of its own.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/pgsql.h"

#include <string.h>

#define HASH_BASIS UINT64_C(0xcbf29ce484222325)
#define HASH_PRIME UINT64_C(0x100000001b3)

/* Whether a message of that type is the first of a command. */
bool ta_pgsql_begins(const struct ta_pgsql *pgsql, uint8_t type)
{
	if (type == 'S')
		return !pgsql->request.executed && !pgsql->copying;
	return type == 'Q' || type == 'P' || type == 'B' || type == 'E' || type == 'F' ||
	       type == 'X';
}

/* The program may have changed how strings are read without the server having told so. */
static unsigned int sql_mode(const struct ta_dialogue *dialogue, const struct ta_pgsql *pgsql)
{
	if (pgsql->backslash)
		return TA_SQL_BACKSLASH | TA_SQL_DOUBT;
	return dialogue->outstanding ? TA_SQL_DOUBT : 0;
}

void ta_pgsql_message_begin(struct ta_dialogue *dialogue)
{
	struct ta_pgsql *pgsql = ta_pgsql_of(dialogue);
	uint8_t type = pgsql->request.type;

	pgsql->request.part = 0;
	pgsql->request.key = HASH_BASIS;
	pgsql->request.word_len = 0;
	if (type == 'Q' || type == 'P')
		ta_sql_begin(&pgsql->sql, &dialogue->command, sql_mode(dialogue, pgsql));
}

/* ---- strings in messages ---- */

static void hash(uint64_t *key, const char *data, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		*key = (*key ^ (uint8_t)data[i]) * HASH_PRIME;
}

/* 0 is the name that is none. */
static uint64_t key_of(uint64_t key)
{
	return key == HASH_BASIS ? 0 : key | UINT64_C(1) << 63;
}

static void word_bytes(struct ta_pgsql_request *request, const char *data, size_t bytes)
{
	size_t room = sizeof(request->word) - request->word_len;

	if (bytes > room)
		bytes = room;
	memcpy(request->word + request->word_len, data, bytes);
	request->word_len = (uint8_t)(request->word_len + bytes);
}

static bool word_is(const struct ta_pgsql_request *request, const char *word)
{
	return request->word_len == strlen(word) &&
	       memcmp(request->word, word, request->word_len) == 0;
}

static void space_bytes(struct ta_command *command, const char *data, size_t bytes)
{
	size_t room = TA_COMMAND_SPACE_MAX - command->space_len;

	if (bytes > room)
		bytes = room;
	for (size_t i = 0; i < bytes; i++)
		command->space[command->space_len++] = ta_sql_printable(data[i]);
}

/* Parameters are pairs of strings.  first_key: the database was said. */
static void start_bytes(struct ta_dialogue *dialogue, const char *data, size_t bytes, bool ends)
{
	struct ta_pgsql_request *request = &ta_pgsql_of(dialogue)->request;
	bool named = request->part & 1;

	if (!named)
		word_bytes(request, data, bytes);
	else if (word_is(request, "database") ||
		 (word_is(request, "user") && !request->first_key))
		space_bytes(&dialogue->command, data, bytes);
	if (!ends)
		return;
	request->part ^= 1;
	if (named)
		request->word_len = 0;
	else if (word_is(request, "database") ||
		 (word_is(request, "user") && !request->first_key))
		dialogue->command.space_len = 0;
	if (!named && word_is(request, "database"))
		request->first_key = 1;
}

static void string_ends(struct ta_dialogue *dialogue)
{
	struct ta_pgsql *pgsql = ta_pgsql_of(dialogue);
	struct ta_pgsql_request *request = &pgsql->request;

	if (request->part++ == 0) {
		request->first_key = key_of(request->key);
		request->key = HASH_BASIS;
	}
}

/* A piece of a string. */
static void string_bytes(struct ta_dialogue *dialogue, const char *data, size_t bytes)
{
	struct ta_pgsql *pgsql = ta_pgsql_of(dialogue);
	bool text = pgsql->request.type == 'Q' ? pgsql->request.part == 0 :
						 pgsql->request.type == 'P' && pgsql->request.part == 1;

	if (text)
		ta_sql_feed(&pgsql->sql, &dialogue->command, data, bytes);
	else
		hash(&pgsql->request.key, data, bytes);
}

/* How many strings matter. */
static uint8_t parts_of(uint8_t type)
{
	switch (type) {
	case 'Q':
	case 'E':
	case 'C':
		return 1;
	case 'P':
	case 'B':
		return 2;
	case 's':
		return 2; /* as many as there are */
	default:
		return 0;
	}
}

void ta_pgsql_message_bytes(struct ta_dialogue *dialogue, const char *data, size_t bytes)
{
	struct ta_pgsql_request *request = &ta_pgsql_of(dialogue)->request;
	uint8_t parts = parts_of(request->type);

	if (request->type == 'C' && request->word_len == 0 && bytes) {
		request->word_len = 1;
		request->kind_portal = *data == 'P';
		data++, bytes--;
	}
	while (bytes && request->part < parts) {
		const char *zero = memchr(data, '\0', bytes);
		size_t length = zero ? (size_t)(zero - data) : bytes;

		if (request->type == 's')
			start_bytes(dialogue, data, length, zero);
		else
			string_bytes(dialogue, data, length);
		if (zero && request->type != 's')
			string_ends(dialogue);
		length += zero != NULL;
		data += length;
		bytes -= length;
	}
}

/* ---- statements and portals ---- */

static struct ta_pgsql_portal *portal_of(struct ta_pgsql *pgsql, uint64_t key)
{
	for (uint32_t i = 0; i < TA_PGSQL_PORTALS; i++) {
		if (pgsql->portals[i].key == key)
			return &pgsql->portals[i];
	}
	return NULL;
}

/* The oldest one with a name makes room. */
static void bind(struct ta_pgsql *pgsql, uint64_t portal, uint64_t statement)
{
	struct ta_pgsql_portal *slot = portal_of(pgsql, portal);

	if (slot == NULL)
		slot = &pgsql->portals[1 + pgsql->next_portal++ % (TA_PGSQL_PORTALS - 1)];
	*slot = (struct ta_pgsql_portal){ portal, ta_sql_store_find(&pgsql->store, statement) };
}

/* Whether a portal with a name goes on with the statement. */
static bool is_bound(const struct ta_pgsql *pgsql, uint32_t serial)
{
	for (uint32_t i = 1; i < TA_PGSQL_PORTALS; i++) {
		if (pgsql->portals[i].serial == serial && serial)
			return true;
	}
	return false;
}

static void text_ends(struct ta_dialogue *dialogue)
{
	struct ta_pgsql *pgsql = ta_pgsql_of(dialogue);

	ta_sql_end(&pgsql->sql, &dialogue->command);
	dialogue->command.flags &= TA_COMMAND_TEXT_CUT;
	if (pgsql->sql.names_set)
		dialogue->command.flags |= TA_COMMAND_SETUP;
}

static void parse(struct ta_dialogue *dialogue)
{
	struct ta_pgsql *pgsql = ta_pgsql_of(dialogue);
	uint64_t key = pgsql->request.first_key;
	bool keep = key == 0 && is_bound(pgsql, ta_sql_store_find(&pgsql->store, 0));

	text_ends(dialogue);
	ta_sql_store_put(&pgsql->store, key, &dialogue->command, keep);
}

static void close_name(struct ta_pgsql *pgsql)
{
	uint64_t key = pgsql->request.first_key;
	struct ta_pgsql_portal *portal = pgsql->request.kind_portal ? portal_of(pgsql, key) : NULL;

	if (portal)
		*portal = (struct ta_pgsql_portal){ 0 };
	else if (!pgsql->request.kind_portal)
		ta_sql_store_drop(&pgsql->store, ta_sql_store_find(&pgsql->store, key));
}

/* ---- commands ---- */

static enum ta_command_event push(struct ta_dialogue *dialogue, unsigned int item)
{
	struct ta_pgsql *pgsql = ta_pgsql_of(dialogue);

	if (pgsql->items == TA_PGSQL_ITEMS)
		return TA_COMMAND_BROKEN;
	pgsql->item[(pgsql->first + pgsql->items++) % TA_PGSQL_ITEMS] = (uint16_t)item;
	return TA_COMMAND_READY;
}

static enum ta_command_event ready(struct ta_dialogue *dialogue)
{
	ta_pgsql_of(dialogue)->request.begun = false;
	dialogue->command.batch = 0;
	if (!(dialogue->command.flags & TA_COMMAND_SILENT))
		dialogue->outstanding++;
	return TA_COMMAND_READY;
}

static enum ta_command_event push_ready(struct ta_dialogue *dialogue, unsigned int item)
{
	if (push(dialogue, item) == TA_COMMAND_BROKEN)
		return TA_COMMAND_BROKEN;
	return ready(dialogue);
}

static void without_text(struct ta_command *command, uint16_t flags, const char *operation)
{
	command->flags = flags;
	command->text_len = 0;
	command->target_len = 0;
	command->operation_len = (uint8_t)strlen(operation);
	memcpy(command->operation, operation, command->operation_len);
}

static uint16_t *newest(struct ta_pgsql *pgsql)
{
	return &pgsql->item[(pgsql->first + pgsql->items - 1) % TA_PGSQL_ITEMS];
}

static enum ta_command_event execute(struct ta_dialogue *dialogue)
{
	struct ta_pgsql *pgsql = ta_pgsql_of(dialogue);
	const struct ta_pgsql_portal *portal = portal_of(pgsql, pgsql->request.first_key);
	uint16_t *item = pgsql->request.open ? newest(pgsql) : NULL;

	ta_sql_store_get(&pgsql->store, portal ? portal->serial : 0, &dialogue->command);
	pgsql->request.executed = true;
	pgsql->request.open = true;
	if (item == NULL || (*item & TA_PGSQL_COUNT) == TA_PGSQL_COUNT_MAX)
		return push_ready(dialogue, TA_PGSQL_EXTENDED | 1);
	++*item;
	return ready(dialogue);
}

/* While the server takes COPY data it does not look at a Sync. */
static enum ta_command_event sync(struct ta_dialogue *dialogue)
{
	struct ta_pgsql *pgsql = ta_pgsql_of(dialogue);
	bool told = pgsql->request.begun;
	unsigned int flags = TA_PGSQL_SYNC | (told ? TA_PGSQL_TOLD : 0u);

	if (pgsql->copying)
		return TA_COMMAND_MORE;
	if (!pgsql->request.open && push(dialogue, TA_PGSQL_EXTENDED) == TA_COMMAND_BROKEN)
		return TA_COMMAND_BROKEN;
	*newest(pgsql) = (uint16_t)(*newest(pgsql) | flags);
	pgsql->request.open = false;
	pgsql->request.executed = false;
	without_text(&dialogue->command, TA_COMMAND_SETUP, "");
	return told ? ready(dialogue) : TA_COMMAND_MORE;
}

static enum ta_command_event query(struct ta_dialogue *dialogue)
{
	struct ta_pgsql *pgsql = ta_pgsql_of(dialogue);

	text_ends(dialogue);
	pgsql->request.open = false;
	pgsql->request.executed = false;
	return push_ready(dialogue, TA_PGSQL_SIMPLE);
}

static enum ta_command_event opens(struct ta_dialogue *dialogue, uint8_t type)
{
	without_text(&dialogue->command, TA_COMMAND_SETUP, "");
	if (type == 'k') {
		dialogue->command.flags |= TA_COMMAND_SILENT;
		return ready(dialogue);
	}
	ta_pgsql_of(dialogue)->request.started = type == 's';
	return push_ready(dialogue, type == 's' ? TA_PGSQL_START : TA_PGSQL_TLS);
}

enum ta_command_event ta_pgsql_message_end(struct ta_dialogue *dialogue)
{
	struct ta_pgsql *pgsql = ta_pgsql_of(dialogue);
	uint8_t type = pgsql->request.type;

	if (type != 's' && pgsql->request.part < parts_of(type))
		return TA_COMMAND_BROKEN; /* a string without an end */
	switch (type) {
	case 'Q':
		return query(dialogue);
	case 'P':
		parse(dialogue);
		return TA_COMMAND_MORE;
	case 'B':
		bind(pgsql, pgsql->request.first_key, key_of(pgsql->request.key));
		return TA_COMMAND_MORE;
	case 'E':
		return execute(dialogue);
	case 'C':
		close_name(pgsql);
		return TA_COMMAND_MORE;
	case 'S':
		return sync(dialogue);
	case 'F':
		without_text(&dialogue->command, 0, "CALL");
		return push_ready(dialogue, TA_PGSQL_SIMPLE);
	case 'X':
		without_text(&dialogue->command, TA_COMMAND_SETUP | TA_COMMAND_SILENT, "");
		return ready(dialogue);
	case 'c':
	case 'f':
		pgsql->copying = false;
		return TA_COMMAND_MORE;
	case 's':
	case 't':
	case 'k':
		return opens(dialogue, type);
	default:
		return TA_COMMAND_MORE;
	}
}
