/* SPDX-License-Identifier: MIT */
/*
 * bucket_walk.h - buckets led by bytes: every kind of record and event, in any order.
 *
 * Three bytes are a step.  A step may make a twin of the buckets, by saving and
 * restoring them; from then on both take the same steps and have to stay the same.
 * walk() returns what went wrong, or NULL.  For a random walk and for the fuzzer.
 */
#ifndef TA_TESTS_UNIT_BUCKET_WALK_H
#define TA_TESTS_UNIT_BUCKET_WALK_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/agent/unit.h"
#include "runtime/export/buf.h"

struct walker {
	struct ta_procs procs;
	struct ta_scopes *scopes;
	struct ta_buckets buckets;
	struct ta_proc *proc[2];
};

static void walker_init(struct walker *walker)
{
	ta_procs_init(&walker->procs);
	walker->scopes = ta_scopes_new();
	ta_buckets_init(&walker->buckets, &walker->procs, walker->scopes);
	for (uint64_t i = 0; i < 2; i++)
		walker->proc[i] = ta_procs_add(&walker->procs, 70 + i, 1 + i);
}

static void walker_fini(struct walker *walker)
{
	ta_buckets_fini(&walker->buckets);
	ta_procs_fini(&walker->procs);
	ta_scopes_free(walker->scopes);
}

/* ---- what they hold, as text ---- */

static void say(struct ta_buf *out, const char *name, uint64_t number)
{
	ta_buf_puts(out, name);
	ta_buf_put_u64(out, number);
}

static void say_span(struct ta_buf *out, const struct ta_held *held)
{
	say(out, "\n span ", held->span.span_id);
	say(out, " end ", held->span.end);
	say(out, " at ", held->span.end_ns);
	say(out, " why ", held->span.reason);
	say(out, " global ", held->global);
	say(out, " tags ", held->tags);
	say(out, " isolation ", held->span.isolation);
	say(out, " family ", held->family);
	say(out, " in ", held->span.trace_lo);
	say(out, " below ", held->span.parent_id);
	say(out, " unit ", held->unit_id);
	say(out, " hint ", held->span.hint_span_id);
	say(out, " orphan ", held->span.orphan);
	say(out, " link ", held->span.link_span_id);
	say(out, " seen ", held->tags_seen);
	say(out, " ", held->session_seen);
	say(out, " ", held->ended_seq);
	for (uint32_t i = 0; i < held->span.records.count; i++) {
		const struct ta_record *record = held->span.records.items[i];

		ta_buf_putc(out, ' ');
		ta_buf_put(out, record, (size_t)record->units * 8);
	}
}

static void say_tags(struct ta_buf *out, const struct ta_tag_list *tags)
{
	TA_LIST_EACH(at, &tags->list) {
		const struct ta_tag_entry *entry = TA_CONTAINER(at, struct ta_tag_entry, link);

		say(out, " #", entry->seq);
		ta_buf_put(out, entry->text, entry->bytes);
	}
}

/* In order of ids: what has moved closes in another order after a restore. */
static void say_that(struct ta_buf *out, const struct ta_held *held, uint64_t id)
{
	if (held->span.span_id == id)
		say_span(out, held);
}

static void say_bucket(struct ta_buf *out, const struct ta_bucket *bucket)
{
	const struct ta_session *session = bucket->session.session;

	say(out, "\nbucket ", bucket->trace_lo);
	say(out, " age ", bucket->age);
	say(out, " last end ", bucket->last_end_ns);
	if (!ta_list_empty(&bucket->settling))
		say(out, " zero ", bucket->zero_pass);
	say(out, " units ", bucket->units_started);
	say(out, " depth ", bucket->depth);
	say(out, " session ", bucket->session.rank);
	if (session)
		ta_buf_put(out, session->id, session->bytes);
	if (session)
		say_tags(out, &session->tags);
	if (bucket->session.name)
		ta_buf_put(out, bucket->session.name->text, bucket->session.name->bytes);
	say_tags(out, &bucket->tags);
	for (uint64_t id = 1; id < 24; id++) {
		TA_LIST_EACH(open_at, &bucket->open)
			say_that(out, TA_CONTAINER(open_at, struct ta_held, link), id);
		TA_LIST_EACH(ended_at, &bucket->ended)
			say_that(out, TA_CONTAINER(ended_at, struct ta_held, link), id);
	}
}

/* In any order: a restored process closes its spans in another one. */
struct units {
	struct ta_buf *out;
	uint64_t wanted; /* id */
};

static void say_unit(void *user, const struct ta_unit *unit)
{
	const struct units *units = user;
	struct ta_buf *out = units->out;

	if (unit->span_id != units->wanted)
		return;

	say(out, "\nunit ", unit->span_id);
	say(out, " of ", unit->trace_lo);
	say(out, " to ", unit->to_lo);
	say(out, " ", unit->to_span);
	say(out, " adopted ", unit->adopted);
	say(out, " closed ", unit->closed);
	say(out, " loose ", unit->loose);
	say(out, " spared ", unit->spared);
}

static void say_all(struct ta_buf *out, const struct ta_buckets *buckets)
{
	struct ta_bucket_counts counts = ta_buckets_counts(buckets);

	ta_buf_clear(out);
	say(out, "pass ", buckets->pass);
	say(out, " tags ", buckets->tag_seq);
	say(out, " age ", buckets->age);
	say(out, " complete ", counts.complete_spans);
	say(out, " active ", counts.active_traces);
	say(out, " open ", counts.open_buckets);
	say(out, " bytes ", buckets->held_bytes);
	say(out, " in groups ", buckets->group_bytes);
	say(out, " orphans ", buckets->orphan_count);
	say(out, " leaving ", buckets->leaving_count);
	say(out, " traces ", buckets->traces.count);
	say(out, " settling ", ta_buckets_settling(buckets));
	say(out, " open units ", buckets->open_units);
	for (struct units units = { out, 0 }; units.wanted < 24; units.wanted++)
		ta_units_visit(buckets, say_unit, &units);
	TA_LIST_EACH(group_at, &buckets->groups) {
		const struct ta_group *group = TA_CONTAINER(group_at, struct ta_group, link);

		say(out, "\ngroup ", group->leaving);
		say(out, " bytes ", group->bytes);
		say_bucket(out, group->bucket);
		for (uint32_t i = 0; i < group->count; i++)
			say_span(out, group->spans[i]);
	}
	TA_LIST_EACH(at, &buckets->all)
		say_bucket(out, TA_CONTAINER(at, struct ta_bucket, link));
}

/* ---- what has to be true of buckets, whatever they were given ---- */

static const char *find_bucket_fault(const struct ta_bucket *bucket)
{
	uint32_t open = 0, units = 0, holding = 0;
	bool settles = !ta_list_empty(&bucket->settling);

	TA_LIST_EACH(at, &bucket->open) {
		const struct ta_held *held = TA_CONTAINER(at, struct ta_held, link);
		bool unit = held->span.type == TA_SPAN_UNIT;

		units += unit;
		open += !unit;
		holding += unit || !(held->span.flags & TA_SPAN_LOOSE);
		if (held->bucket != bucket || held->span.trace_lo != bucket->trace_lo)
			return "a span is in the wrong bucket";
	}
	TA_LIST_EACH(ended_at, &bucket->ended) {
		const struct ta_held *held = TA_CONTAINER(ended_at, struct ta_held, link);

		if (held->bucket != bucket || held->span.trace_lo != bucket->trace_lo ||
		    held->span.type == TA_SPAN_UNIT)
			return "an ended span is in the wrong bucket";
	}
	if (open != bucket->open_count || units != bucket->units || holding != bucket->holding)
		return "a bucket's open spans are counted wrong";
	if (settles != (holding == 0 && bucket->ended_count > 0))
		return "a bucket settles, or not, and should not, or should";
	return NULL;
}

static const char *find_fault(const struct ta_buckets *buckets)
{
	uint64_t group_bytes = 0, bytes = 0;
	uint32_t spans = 0, active = 0, open = 0, leaving = 0, units = 0;
	const char *fault;

	TA_LIST_EACH(group_at, &buckets->groups) {
		const struct ta_group *group = TA_CONTAINER(group_at, struct ta_group, link);

		for (uint32_t i = 0; i < group->count; i++) {
			if (group->spans[i]->span.type == TA_SPAN_UNIT ||
			    group->spans[i]->bucket != group->bucket)
				return "a group has what is not its own";
			bytes += group->spans[i]->record_bytes;
			group_bytes += group->spans[i]->record_bytes + sizeof(struct ta_held);
		}
		spans += group->count;
		leaving += group->leaving;
	}
	if (spans != buckets->group_spans || group_bytes != buckets->group_bytes)
		return "the groups are counted wrong";
	if (leaving != buckets->leaving_count)
		return "those that leave are counted wrong";
	TA_LIST_EACH(at, &buckets->all) {
		const struct ta_bucket *bucket = TA_CONTAINER(at, struct ta_bucket, link);

		uint32_t going = bucket->open_count + bucket->units;

		active += bucket->open_count > 0 || (going > 0 && bucket->ended_count > 0);
		open += going > 0 && bucket->ended_count > 0;
		spans += going + bucket->ended_count;
		units += bucket->units;
		if (going + bucket->ended_count == 0)
			return "a bucket of nothing";
		fault = find_bucket_fault(bucket);
		if (fault)
			return fault;
	}
	if (active != buckets->active_traces || open != buckets->open_buckets)
		return "the open traces are counted wrong";
	if (units != buckets->open_units)
		return "the open units are counted wrong";
	if (spans != buckets->held_count || spans != buckets->spans.count)
		return "the spans are counted wrong";
	if (bytes > buckets->held_bytes)
		return "the bytes are counted wrong";
	return NULL;
}

/* ---- steps ---- */

/* A record with room for attributes; 0 bytes of it are attributes at first. */
union walk_record {
	struct ta_record head;
	struct ta_record_span_start start;
	struct ta_record_span_attrs attrs;
	struct ta_record_span_event event;
	struct ta_record_span_link link;
	struct ta_record_span_end end;
	struct ta_record_span_cancel cancel;
	struct ta_record_tags tags;
	char bytes[40000];
};

static size_t walk_attr(union walk_record *record, size_t used, uint8_t key, const char *text,
			size_t bytes)
{
	struct ta_attr attr = { key, TA_ATTR_STRING, (uint16_t)bytes };

	memcpy(record->bytes + used, &attr, sizeof(attr));
	memcpy(record->bytes + used + sizeof(attr), text, bytes);
	return used + sizeof(attr) + ((bytes + 3) & ~(size_t)3);
}

static size_t walk_start(union walk_record *record, uint8_t x, uint8_t y)
{
	static const char ids[3][4] = { "s-1", "s-2", "s-3" };
	size_t used = sizeof(record->start);

	record->start.trace_lo = 1 + y % 5;
	record->start.span_id = x % 24; /* 0 is none */
	record->start.parent_id = y & 0x20 ? 0 : (x + y) % 24u;
	record->start.start_ns = x * 7u % 32;
	record->start.isolation = x % 3;
	record->start.tags = y % 4;
	record->start.type = y & 0x10 ? TA_SPAN_HTTP_SERVER : TA_SPAN_API;
	record->start.flags = (y & 0x13) == 3 ? TA_SPAN_LOOSE : 0;
	if (y & 0x40)
		used = walk_attr(record, used, TA_ATTR_SESSION_ID, ids[x % 3], 3);
	if (y & 0x80)
		used = walk_attr(record, used, TA_ATTR_SESSION_NAME, "name", 4);
	return used;
}

static size_t walk_end(union walk_record *record, uint8_t x, uint8_t y)
{
	record->end.span_id = x % 24;
	record->end.end_ns = y % 64;
	record->end.isolation = y % 3;
	record->end.global = y % 2;
	record->end.flags = y & 0x80 ? TA_END_SCOPES_OF_START : 0;
	return sizeof(record->end);
}

static size_t walk_unit(union walk_record *record, uint8_t x, uint8_t y)
{
	record->start.trace_lo = 1 + y % 5;
	record->start.span_id = x % 24;
	record->start.start_ns = x;
	record->start.type = TA_SPAN_UNIT;
	record->start.link_trace_lo = 1 + x % 5;
	record->start.link_span_id = y / 5 % 24;
	return sizeof(record->start);
}

static size_t walk_unit_end(union walk_record *record, uint8_t x, uint8_t y)
{
	uint64_t trace[2] = { 0, 1 + y % 5 };
	int64_t span = y / 5 % 24;
	struct ta_attr attr = { TA_ATTR_ADOPTER_TRACE, TA_ATTR_BYTES, sizeof(trace) };
	char *at = record->bytes + sizeof(record->end);

	record->end.span_id = x % 24;
	record->end.end_ns = y % 64;
	memcpy(at, &attr, sizeof(attr));
	memcpy(at + 4, trace, sizeof(trace));
	attr = (struct ta_attr){ TA_ATTR_ADOPTER_SPAN, TA_ATTR_INT, sizeof(span) };
	memcpy(at + 20, &attr, sizeof(attr));
	memcpy(at + 24, &span, sizeof(span));
	return sizeof(record->end) + 32;
}

static size_t walk_tags(union walk_record *record, uint8_t x, uint8_t y)
{
	char text[4] = { 'a', '\0', 'v', '\0' };

	text[0] = (char)('a' + x % 4);
	text[2] = (char)('a' + y % 26);
	record->tags.trace_lo = 1 + x % 5;
	record->tags.time_ns = y % 3 ? 0 : y % 64;
	record->tags.of = x & 0x40 ? TA_TAGS_OF_SESSION : TA_TAGS_OF_TRACE;
	return walk_attr(record, sizeof(record->tags), TA_ATTR_TAG, text, 3);
}

static void walk_records(struct walker *walker, uint8_t op, uint8_t x, uint8_t y)
{
	static union walk_record record;
	static const char much[30000];
	size_t used = 0;

	memset(&record, 0, 512);
	switch (op) {
	case 0:
		record.head.kind = TA_RECORD_SPAN_START;
		used = walk_start(&record, x, y);
		break;
	case 1:
		record.head.kind = TA_RECORD_SPAN_END;
		used = walk_end(&record, x, y);
		break;
	case 2:
		record.head.kind = TA_RECORD_SPAN_ATTRS;
		record.attrs.span_id = x % 24;
		used = walk_attr(&record, sizeof(record.attrs), TA_ATTR_NAME, much,
				 y == 255 ? 30000 : y % 9);
		break;
	case 3:
		record.head.kind = y & 1 ? TA_RECORD_SPAN_EVENT : TA_RECORD_SPAN_LINK;
		record.event.span_id = x % 24; /* first in both */
		used = y & 1 ? sizeof(record.event) : sizeof(record.link);
		break;
	case 4:
		record.head.kind = TA_RECORD_TAGS;
		used = walk_tags(&record, x, y);
		break;
	case 5:
		record.head.kind = TA_RECORD_SPAN_START;
		used = walk_unit(&record, x, y);
		break;
	case 6:
		record.head.kind = TA_RECORD_SPAN_END;
		used = walk_unit_end(&record, x, y);
		break;
	default:
		record.head.kind = TA_RECORD_SPAN_CANCEL;
		record.cancel.span_id = x % 24;
		used = sizeof(record.cancel);
		break;
	}
	record.head.units = (uint16_t)((used + 7) / 8);
	ta_buckets_record(&walker->buckets, walker->proc[x >> 6 & 1], y & 3, &record.head);
}

static void walk_event(struct walker *walker, uint8_t x, uint8_t y)
{
	struct ta_bucket *bucket = ta_buckets_find(&walker->buckets, 0, 1 + y % 5);

	switch (x % 9) {
	case 0:
		if (bucket)
			ta_buckets_part(&walker->buckets, bucket);
		break;
	case 1:
	case 2:
		ta_buckets_leaving(&walker->buckets, y % 4);
		break;
	case 3:
		ta_buckets_stay(&walker->buckets);
		break;
	case 4:
		ta_buckets_drop_groups(&walker->buckets, y % 3);
		break;
	case 5:
		ta_buckets_close_thread(&walker->buckets, walker->proc[y & 1], y & 3, y % 64);
		break;
	case 8:
		if (bucket)
			ta_buckets_give_up(&walker->buckets, bucket, y % 64);
		break;
	case 6:
		walker->proc[y & 1]->end_record_ns = y & 2 ? y % 64 : 0;
		ta_buckets_close_process(&walker->buckets, walker->proc[y & 1], y % 64);
		break;
	default:
		walker->proc[y & 1]->global = y & 4 ? 1 : 0;
		break;
	}
}

static void walk_step(struct walker *walker, const uint8_t *step)
{
	static const uint8_t ops[] = { 0, 0, 0, 1, 1, 1, 2, 3, 4, 4, 7, 5, 5, 6, 6 };
	uint8_t op = step[0] % 20;

	if (op < sizeof(ops))
		walk_records(walker, ops[op], step[1], step[2]);
	else if (op < 18)
		ta_buckets_settle(&walker->buckets);
	else
		walk_event(walker, step[1], step[2]);
}

static void give_image(void *user, const void *image, size_t bytes)
{
	struct walker *twin = user;
	uint64_t *copy = malloc(bytes); /* so that a read behind it is seen */

	memcpy(copy, image, bytes);
	if (ta_buckets_restore(&twin->buckets, copy, bytes) != 0) {
		twin->buckets.counters.refused += 1000000;
		if (getenv("TA_WALK"))
			fprintf(stderr, "refused: image of kind %u\n", *(const uint32_t *)image);
	}
	free(copy);
}

static const char *make_twin(struct walker *walker, struct walker *twin)
{
	walker_init(twin);
	for (int i = 0; i < 2; i++) {
		twin->proc[i]->global = walker->proc[i]->global;
		twin->proc[i]->end_record_ns = walker->proc[i]->end_record_ns;
	}
	ta_buckets_save(&walker->buckets, give_image, twin);
	return twin->buckets.counters.refused ? "an image is refused" : NULL;
}

static const char *compare(const struct walker *walker, const struct walker *twin,
			   struct ta_buf texts[2])
{
	const char *fault = find_fault(&walker->buckets);

	if (fault || !twin)
		return fault;
	say_all(&texts[0], &walker->buckets);
	say_all(&texts[1], &twin->buckets);
	if (texts[0].bytes != texts[1].bytes ||
	    memcmp(texts[0].data, texts[1].data, texts[0].bytes) != 0)
		return "the twin is different";
	return find_fault(&twin->buckets);
}

/* For whoever looks for the reason: where the texts part. */
static void show_difference(const struct ta_buf texts[2])
{
	size_t at = 0;

	while (at < texts[0].bytes && at < texts[1].bytes && texts[0].data[at] == texts[1].data[at])
		at++;
	for (int i = 0; i < 2; i++) {
		fprintf(stderr, "---\n");
		for (size_t from = at > 300 ? at - 300 : 0; from < texts[i].bytes && from < at + 200;
		     from++) {
			char c = texts[i].data[from];

			fputc(c == '\n' || (c >= ' ' && c < 127) ? c : '.', stderr);
		}
		fprintf(stderr, "\n");
	}
}

__attribute__((unused)) static const char *walk(const uint8_t *bytes, size_t count)
{
	struct walker walker, twin;
	struct ta_buf texts[2] = { { 0 } };
	const char *fault = NULL;
	bool twins = false;

	walker_init(&walker);
	for (; count >= 3 && !fault; bytes += 3, count -= 3) {
		if (bytes[0] >= 0xf0) {
			if (twins)
				walker_fini(&twin);
			fault = make_twin(&walker, &twin);
			twins = true;
		} else {
			walk_step(&walker, bytes);
			if (twins)
				walk_step(&twin, bytes);
		}
		fault = fault ? fault : compare(&walker, twins ? &twin : NULL, texts);
	}
	if (fault && twins && getenv("TA_WALK"))
		show_difference(texts);
	walker_fini(&walker);
	if (twins)
		walker_fini(&twin);
	ta_buf_fini(&texts[0]);
	ta_buf_fini(&texts[1]);
	return fault;
}

#endif
