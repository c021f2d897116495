/* SPDX-License-Identifier: MIT */
/*
 * sql_store.c - the texts of prepared statements, packed in the order in which they came.
 *
 * What is forgotten closes the gap, so that there is always one free piece, at the end.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/sql.h"

#include <string.h>

#define NO_KEY UINT64_MAX

struct entry {
	uint64_t key;
	uint32_t serial;
	uint16_t bytes; /* with this head, and rounded up */
	uint16_t text_len, flags;
	uint8_t operation_len, target_len;
	char data[]; /* operation, target, text */
};

_Static_assert(TA_SQL_STORE_BYTES > 4 * (sizeof(struct entry) + TA_COMMAND_OPERATION_MAX +
					 TA_COMMAND_TARGET_MAX + TA_COMMAND_TEXT_MAX),
	       "room for some of the longest");

static struct entry *entry_at(const struct ta_sql_store *store, uint32_t at)
{
	return (struct entry *)(void *)(uintptr_t)(store->data + at);
}

static void remove_entry(struct ta_sql_store *store, uint32_t at)
{
	uint32_t bytes = entry_at(store, at)->bytes;

	store->used -= bytes;
	memmove(store->data + at, store->data + at + bytes, store->used - at);
}

#define FOR_EACH(store, at, entry)                                                                 \
	for (uint32_t at = 0; at < (store)->used && (entry = entry_at(store, at)); at += entry->bytes)

static struct entry *with_key(const struct ta_sql_store *store, uint64_t key, uint32_t *ret_at)
{
	struct entry *entry;

	FOR_EACH(store, at, entry) {
		if (entry->key != key)
			continue;
		*ret_at = at;
		return entry;
	}
	return NULL;
}

static struct entry *with_serial(const struct ta_sql_store *store, uint32_t serial,
				 uint32_t *ret_at)
{
	struct entry *entry;

	FOR_EACH(store, at, entry) {
		if (entry->serial != serial)
			continue;
		*ret_at = at;
		return entry;
	}
	return NULL;
}

static void release_key(struct ta_sql_store *store, uint64_t key, bool keep)
{
	uint32_t at;
	struct entry *entry = with_key(store, key, &at);

	if (entry && keep)
		entry->key = NO_KEY;
	else if (entry)
		remove_entry(store, at);
}

/* The oldest one that may go.  Only one is under key 0. */
static void forget_oldest(struct ta_sql_store *store)
{
	const struct entry *first = entry_at(store, 0);

	remove_entry(store, first->key == 0 && first->bytes < store->used ? first->bytes : 0);
}

uint32_t ta_sql_store_put(struct ta_sql_store *store, uint64_t key,
			  const struct ta_command *command, bool keep)
{
	uint32_t length = (uint32_t)(command->operation_len + command->target_len +
				     command->text_len);
	uint32_t bytes = ((uint32_t)sizeof(struct entry) + length + 7) & ~7u;
	struct entry *entry;
	char *data;

	release_key(store, key, keep);
	while (bytes > TA_SQL_STORE_BYTES - store->used)
		forget_oldest(store);
	if (++store->serial == 0)
		store->serial = 1;
	entry = entry_at(store, store->used);
	store->used += bytes;
	*entry = (struct entry){ .key = key,
				 .serial = store->serial,
				 .bytes = (uint16_t)bytes,
				 .text_len = command->text_len,
				 .flags = command->flags,
				 .operation_len = command->operation_len,
				 .target_len = command->target_len };
	data = mempcpy(entry->data, command->operation, command->operation_len);
	data = mempcpy(data, command->target, command->target_len);
	memcpy(data, command->text, command->text_len);
	return entry->serial;
}

uint32_t ta_sql_store_find(const struct ta_sql_store *store, uint64_t key)
{
	uint32_t at;
	const struct entry *entry = with_key(store, key, &at);

	return entry ? entry->serial : 0;
}

void ta_sql_store_name(struct ta_sql_store *store, uint32_t serial, uint64_t key)
{
	uint32_t at;
	struct entry *entry;

	release_key(store, key, false);
	entry = with_serial(store, serial, &at);
	if (entry)
		entry->key = key;
}

void ta_sql_store_drop(struct ta_sql_store *store, uint32_t serial)
{
	uint32_t at;

	if (with_serial(store, serial, &at))
		remove_entry(store, at);
}

void ta_sql_store_get(const struct ta_sql_store *store, uint32_t serial,
		      struct ta_command *command)
{
	uint32_t at;
	const struct entry *entry = with_serial(store, serial, &at);
	const char *data;

	command->flags = 0;
	command->text_len = 0;
	command->operation_len = command->target_len = 0;
	if (entry == NULL)
		return;
	data = entry->data;
	command->flags = entry->flags;
	command->operation_len = entry->operation_len;
	command->target_len = entry->target_len;
	command->text_len = entry->text_len;
	memcpy(command->operation, data, entry->operation_len);
	memcpy(command->target, data + entry->operation_len, entry->target_len);
	memcpy(command->text, data + entry->operation_len + entry->target_len, entry->text_len);
}
