/* SPDX-License-Identifier: MIT */
/*
 * held_thin.c - room in a span that is full of updates.
 *
 * A program may set one attribute without end (a progress, a counter), and the last
 * value has to be there.  So when a span's records are at their limit, attribute
 * records that later ones replace altogether are taken out.  It happens again only
 * after a quarter of the limit has come in: what is spent stays in proportion to what
 * was recorded, also when nothing can be taken out.
 *
 * Attributes are put in order by a print of their names, so no choice of names makes
 * it slow.
 *
 * Runs: agent, one thread.  No clock, no I/O.
 */
#include "runtime/agent/held.h"

#include <stdlib.h>
#include <string.h>

#define THIN_EVERY (TA_SPAN_BYTES_MAX / 4)

/* What an attribute is called: a number, and a name for those that share one. */
struct called {
	uint64_t print;
	const char *name;
	uint32_t bytes;
	uint32_t record; /* its number in the list */
	uint8_t key;
};

static uint64_t print_of(const struct called *called)
{
	uint64_t print = 14695981039346656037ull ^ called->key;

	for (uint32_t i = 0; i < called->bytes; i++)
		print = (print ^ (uint8_t)called->name[i]) * 1099511628211ull;
	return print;
}

/* False for attributes that nothing replaces: those in objects, and what is no name. */
static bool name_of(const struct ta_attr_view *attr, struct called *called)
{
	const char *nul;

	called->key = attr->key;
	called->name = attr->value;
	called->bytes = 0;
	if (attr->key == TA_ATTR_NAMED) {
		called->name = attr->value + 1;
		called->bytes = attr->bytes ? (uint8_t)attr->value[0] : 0;
		return called->bytes && called->bytes < attr->bytes;
	}
	if (attr->key == TA_ATTR_TAG) {
		nul = attr->bytes ? memchr(attr->value, '\0', attr->bytes) : NULL;
		called->bytes = nul ? (uint32_t)(nul - attr->value) : attr->bytes;
	}
	return attr->key != TA_ATTR_EVENT_JSON;
}

/* Attributes of the span itself; those of events and links are theirs. */
static bool has_attrs(const struct ta_record *record)
{
	return record->kind == TA_RECORD_SPAN_START || record->kind == TA_RECORD_SPAN_ATTRS ||
	       record->kind == TA_RECORD_SPAN_END;
}

static uint32_t call_all(const struct ta_record_list *list, struct called *all, bool *keep)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < list->count; i++) {
		const struct ta_record *record = list->items[i];
		uint32_t bytes;
		const char *at = ta_record_attrs(record, &bytes), *end = at + bytes;
		struct ta_attr_view attr;

		keep[i] = record->kind != TA_RECORD_SPAN_ATTRS;
		while (has_attrs(record) && ta_attr_next(&at, end, &attr)) {
			struct called *called = &all[count];

			if (!name_of(&attr, called)) {
				keep[i] = true;
				continue;
			}
			called->print = print_of(called);
			called->record = i;
			count++;
		}
	}
	return count;
}

static int by_name(const struct called *a, const struct called *b)
{
	if (a->print != b->print)
		return a->print < b->print ? -1 : 1;
	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	if (a->bytes != b->bytes)
		return a->bytes < b->bytes ? -1 : 1;
	return a->bytes ? memcmp(a->name, b->name, a->bytes) : 0;
}

/* Of one name the last first. */
static int by_name_and_age(const void *left, const void *right)
{
	const struct called *a = left, *b = right;
	int order = by_name(a, b);

	return order ? order : (a->record < b->record) - (a->record > b->record);
}

/* Which records say the last word about something. */
static bool choose(const struct ta_held *held, bool *keep)
{
	struct called *all =
		calloc(held->record_bytes / sizeof(struct ta_attr) + 1, sizeof(all[0]));
	uint32_t count;

	if (!all)
		return false;
	count = call_all(&held->span.records, all, keep);
	qsort(all, count, sizeof(all[0]), by_name_and_age);
	for (uint32_t i = 0; i < count; i++)
		if (i == 0 || by_name(&all[i - 1], &all[i]) != 0)
			keep[all[i].record] = true;
	free(all);
	return true;
}

static void take_out(struct ta_buckets *buckets, struct ta_held *held, const bool *keep)
{
	struct ta_record_list *list = &held->span.records;
	uint32_t count = 0, bytes = 0;

	for (uint32_t i = 0; i < list->count; i++) {
		if (keep[i]) {
			list->items[count++] = list->items[i];
			continue;
		}
		bytes += (uint32_t)list->items[i]->units * 8;
		ta_held_let_go(held, list->items[i]);
	}
	list->count = count;
	held->record_bytes -= bytes;
	buckets->held_bytes -= bytes;
	if (held->group) {
		held->group->bytes -= bytes;
		buckets->group_bytes -= bytes;
	}
}

bool ta_held_make_room(struct ta_buckets *buckets, struct ta_held *held, uint32_t bytes)
{
	bool *keep;

	if (ta_held_has_room(buckets, held, bytes))
		return true;
	if (held->record_bytes + (uint64_t)bytes <= TA_SPAN_BYTES_MAX ||
	    held->record_bytes < held->thinned_bytes + THIN_EVERY)
		return false;
	keep = calloc(held->span.records.count, sizeof(keep[0]));
	if (keep && choose(held, keep))
		take_out(buckets, held, keep);
	free(keep);
	held->thinned_bytes = held->record_bytes;
	return ta_held_has_room(buckets, held, bytes);
}
