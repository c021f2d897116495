/* SPDX-License-Identifier: MIT */
/*
 * tags.c - tags of whole traces and of sessions.
 *
 * A newer value of a key takes the older one's place, and gets a higher number:
 * who had the older one still gets the newer one, who had neither gets the newer
 * one only, and the lists stay short.
 *
 * Runs: agent, one thread.  No clock, no I/O.
 */
#include "runtime/agent/tags.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/agent/held.h"

void ta_tag_list_init(struct ta_tag_list *tags)
{
	*tags = (struct ta_tag_list){ 0 };
	ta_list_init(&tags->list);
}

static void remove_entry(struct ta_tag_list *tags, struct ta_tag_entry *entry)
{
	ta_list_remove(&entry->link);
	tags->count--;
	tags->bytes -= entry->bytes;
	free(entry);
}

void ta_tag_list_fini(struct ta_tag_list *tags)
{
	TA_LIST_EACH(at, &tags->list)
		remove_entry(tags, TA_CONTAINER(at, struct ta_tag_entry, link));
}

static struct ta_tag_entry *find_key(const struct ta_tag_list *tags, const char *key, uint32_t bytes)
{
	for (struct ta_list *at = tags->list.next; at != &tags->list; at = at->next) {
		struct ta_tag_entry *entry = TA_CONTAINER(at, struct ta_tag_entry, link);

		if (entry->key_bytes == bytes && memcmp(entry->text, key, bytes) == 0)
			return entry;
	}
	return NULL;
}

static bool has_room(const struct ta_tag_list *tags, const struct ta_tag_entry *old, uint32_t bytes)
{
	uint32_t count = tags->count - (old != NULL);
	uint32_t used = tags->bytes - (old ? old->bytes : 0);

	return count < TA_TRACE_TAGS_MAX && used + bytes <= TA_TRACE_TAGS_BYTES_MAX;
}

bool ta_tag_list_put(struct ta_tag_list *tags, const char *text, uint32_t bytes, uint64_t seq,
		     uint64_t time_ns)
{
	const char *nul = memchr(text, '\0', bytes);

	if (!nul || nul == text || bytes > UINT16_MAX)
		return false;
	struct ta_tag_entry *old = find_key(tags, text, (uint32_t)(nul - text)), *entry;

	if (old && time_ns && time_ns < old->time_ns)
		return true; /* was set before, and is read later */
	entry = has_room(tags, old, bytes) ? malloc(sizeof(*entry) + bytes) : NULL;
	if (!entry)
		return false;
	entry->seq = seq;
	entry->time_ns = time_ns;
	entry->key_bytes = (uint16_t)(nul - text);
	entry->bytes = (uint16_t)bytes;
	memcpy(entry->text, text, bytes);
	if (old)
		remove_entry(tags, old);
	ta_list_append(&tags->list, &entry->link);
	tags->count++;
	tags->bytes += bytes;
	return true;
}

static void put_all(struct ta_buckets *buckets, struct ta_tag_list *tags,
		    const struct ta_record_tags *record)
{
	struct ta_attr_view attr;
	uint32_t bytes, count = 0;
	const char *at = ta_record_attrs(&record->head, &bytes), *end = at + bytes;

	while (ta_attr_next(&at, end, &attr)) {
		if (attr.key != TA_ATTR_TAG || attr.type != TA_ATTR_STRING)
			continue;
		if (++count > TA_TRACE_TAGS_MAX ||
		    !ta_tag_list_put(tags, attr.value, attr.bytes, ++buckets->tag_seq,
				     record->time_ns)) {
			buckets->counters.refused++;
			return;
		}
	}
}

bool ta_tags_take(struct ta_buckets *buckets, struct ta_bucket *bucket,
		  const struct ta_record_tags *record)
{
	if (record->of == TA_TAGS_OF_TRACE)
		put_all(buckets, &bucket->tags, record);
	else if (record->of == TA_TAGS_OF_SESSION && bucket->session.session)
		put_all(buckets, &bucket->session.session->tags, record);
	else
		return false;
	return true;
}

/* The oldest entry that is newer than seen; NULL without one. */
static const struct ta_list *newer_than(const struct ta_tag_list *tags, uint64_t seen)
{
	const struct ta_list *at = &tags->list;

	while (at->prev != &tags->list && TA_CONTAINER(at->prev, struct ta_tag_entry, link)->seq > seen)
		at = at->prev;
	return at;
}

/* Tags of a session are for what had ended when they were set. */
static bool concerns(const struct ta_tag_entry *entry, const struct ta_held *held)
{
	return entry->time_ns ? entry->time_ns >= held->span.end_ns : entry->seq > held->ended_seq;
}

struct row {
	const struct ta_tag_entry *entries[2 * TA_TRACE_TAGS_MAX];
	uint32_t count;
	uint32_t bytes; /* as attributes */
};

static void add(struct row *row, const struct ta_tag_entry *entry)
{
	row->entries[row->count++] = entry;
	row->bytes += (uint32_t)sizeof(struct ta_attr) + ((entry->bytes + 3u) & ~3u);
}

/* What the span has not got yet, of both lists, in order of the numbers. */
static void collect(const struct ta_held *held, struct row *row)
{
	const struct ta_session *session = held->bucket->session.session;
	bool ended = session && held->span.end != TA_SPAN_OPEN;
	struct ta_tag_list none;

	ta_tag_list_init(&none);
	const struct ta_tag_list *lists[2] = { &held->bucket->tags,
					       ended ? &session->tags : &none };
	const struct ta_list *at[2] = { newer_than(lists[0], held->tags_seen),
					newer_than(lists[1], held->session_seen) };

	while (at[0] != &lists[0]->list || at[1] != &lists[1]->list) {
		const struct ta_tag_entry *a = TA_CONTAINER(at[0], struct ta_tag_entry, link);
		const struct ta_tag_entry *b = TA_CONTAINER(at[1], struct ta_tag_entry, link);
		bool second = at[0] == &lists[0]->list ||
			      (at[1] != &lists[1]->list && b->seq < a->seq);

		if (!second || concerns(b, held))
			add(row, second ? b : a);
		at[second] = at[second]->next;
	}
}

static struct ta_record *make_record(const struct row *row, uint64_t span_id)
{
	uint32_t bytes = (uint32_t)(sizeof(struct ta_record_span_attrs) + row->bytes + 7) & ~7u;
	struct ta_record_span_attrs *record = calloc(1, bytes);

	if (!record)
		return NULL;
	char *at = (char *)(record + 1);

	record->head.units = (uint16_t)(bytes / 8);
	record->head.kind = TA_RECORD_SPAN_ATTRS;
	record->span_id = span_id;
	for (uint32_t i = 0; i < row->count; i++) {
		struct ta_attr attr = { TA_ATTR_TAG, TA_ATTR_STRING, row->entries[i]->bytes };

		memcpy(at, &attr, sizeof(attr));
		memcpy(at + sizeof(attr), row->entries[i]->text, attr.bytes);
		at += sizeof(attr) + ((attr.bytes + 3u) & ~3u);
	}
	return &record->head;
}

void ta_tags_give(struct ta_buckets *buckets, struct ta_held *held)
{
	const struct ta_session *session = held->bucket->session.session;
	struct row row;

	if (held->bucket->tags.count == 0 && (!session || session->tags.count == 0))
		return;
	row.count = row.bytes = 0;
	collect(held, &row);
	held->tags_seen = buckets->tag_seq;
	if (held->span.end != TA_SPAN_OPEN)
		held->session_seen = buckets->tag_seq;
	if (row.count == 0)
		return;
	struct ta_record *record = NULL;

	if (ta_held_make_room(buckets, held, row.bytes + (uint32_t)sizeof(*record) * 3))
		record = make_record(&row, held->span.span_id);
	if (!record || !ta_held_keep_own(buckets, held, record))
		buckets->counters.refused++;
}
