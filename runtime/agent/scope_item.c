/* SPDX-License-Identifier: MIT */
/*
 * scope_item.c - items, rows of them, and the memory that they take.
 *
 * Runs: agent, one thread.
 */
#include "runtime/agent/scope_internal.h"

#include <stdlib.h>
#include <string.h>

#define AHEAD 12u /* items of an old row are far away in memory: several are fetched at a time */

void *ta_scope_alloc(struct ta_scopes *scopes, size_t bytes)
{
	void *memory = scopes->bytes + bytes <= TA_SCOPE_BYTES_MAX ? malloc(bytes) : NULL;

	if (memory)
		scopes->bytes += bytes;
	return memory;
}

void ta_scope_release(struct ta_scopes *scopes, void *memory, size_t bytes)
{
	if (memory)
		scopes->bytes -= bytes;
	free(memory);
}

/* Seeded: which keys fall together in a table is nothing that a host can know. */
static uint32_t hash_of(uint64_t seed, const char *text, uint32_t bytes)
{
	unsigned __int128 product;
	uint64_t hash = seed ^ bytes, word;

	for (; bytes > 0; text += sizeof(word)) {
		uint32_t step = bytes < sizeof(word) ? bytes : (uint32_t)sizeof(word);

		word = 0;
		memcpy(&word, text, step);
		product = (unsigned __int128)(hash ^ word) * (seed | 0xa0761d6478bd642full);
		hash = (uint64_t)product ^ (uint64_t)(product >> 64);
		bytes -= step;
	}
	return (uint32_t)(hash ^ hash >> 32);
}

/* ---- items ---- */

struct ta_item *ta_item_new(struct ta_scopes *scopes, enum ta_item_kind kind, uint8_t type,
			    struct ta_json_slice key, const char *value, uint32_t value_bytes)
{
	uint32_t key_bytes = (uint32_t)key.bytes;
	struct ta_item *item = ta_scope_alloc(scopes, sizeof(*item) + key_bytes + value_bytes);

	if (!item)
		return NULL;
	*item = (struct ta_item){ .refs = 1,
				  .hash = hash_of(scopes->seed, key.text, key_bytes),
				  .key_bytes = key_bytes,
				  .value_bytes = value_bytes,
				  .kind = (uint8_t)kind,
				  .type = type };
	if (key_bytes)
		memcpy(item->text, key.text, key_bytes);
	if (value_bytes)
		memcpy(item->text + key_bytes, value, value_bytes);
	return item;
}

struct ta_item *ta_item_ref(struct ta_item *item)
{
	if (item)
		item->refs++;
	return item;
}

void ta_item_unref(struct ta_scopes *scopes, struct ta_item *item)
{
	if (item && --item->refs == 0)
		ta_scope_release(scopes, item, sizeof(*item) + item->key_bytes + item->value_bytes);
}

static bool same_key(const struct ta_item *a, const struct ta_item *b)
{
	return a->hash == b->hash && a->key_bytes == b->key_bytes &&
	       memcmp(a->text, b->text, a->key_bytes) == 0;
}

/* ---- rows ---- */

uint32_t ta_row_max(const struct ta_scopes *scopes, enum ta_item_kind kind)
{
	switch (kind) {
	case TA_ITEM_CONTEXT:
		return TA_SCOPE_CONTEXTS_MAX;
	case TA_ITEM_CRUMB:
		return scopes->max_crumbs;
	default:
		return TA_SCOPE_TAGS_MAX;
	}
}

struct ta_row *ta_row_new(struct ta_scopes *scopes, enum ta_item_kind kind, uint32_t capacity)
{
	struct ta_row *row = ta_scope_alloc(scopes, sizeof(*row) + capacity * sizeof(row->list[0]));

	if (row)
		*row = (struct ta_row){ .refs = 1, .capacity = capacity, .kind = (uint8_t)kind };
	return row;
}

void ta_row_append(struct ta_row *row, struct ta_item *item)
{
	row->list[row->count++] = item;
	row->bytes += item->key_bytes + item->value_bytes;
}

struct ta_row *ta_row_ref(struct ta_row *row)
{
	if (row)
		row->refs++;
	return row;
}

void ta_row_unref(struct ta_scopes *scopes, struct ta_row *row)
{
	if (!row || --row->refs > 0)
		return;
	for (uint32_t i = 0; i < row->count; i++) {
		if (i + AHEAD < row->count)
			__builtin_prefetch(row->list[i + AHEAD], 1);
		ta_item_unref(scopes, row->list[i]);
	}
	ta_scope_release(scopes, row, sizeof(*row) + row->capacity * sizeof(row->list[0]));
}

uint32_t ta_row_find(const struct ta_row *row, const struct ta_item *like)
{
	uint32_t count = row ? row->count : 0, at = 0;

	while (at < count && !same_key(row->list[at], like))
		at++;
	return at;
}

/* ---- picks ---- */

void ta_picks_init(struct ta_picks *picks, uint32_t most)
{
	uint32_t slots = 16;

	while (slots < most * 2)
		slots *= 2;
	picks->count = 0;
	picks->mask = slots - 1;
	memset(picks->slots, 0, slots * sizeof(picks->slots[0]));
}

struct ta_item *ta_pick(struct ta_picks *picks, struct ta_item *item)
{
	uint32_t at = item->hash & picks->mask;

	for (; picks->slots[at]; at = (at + 1) & picks->mask) {
		struct ta_item **place = &picks->items[picks->slots[at] - 1], *old = *place;

		if (!same_key(old, item))
			continue;
		*place = item;
		return old;
	}
	picks->items[picks->count++] = item;
	picks->slots[at] = (uint16_t)picks->count;
	return NULL;
}
