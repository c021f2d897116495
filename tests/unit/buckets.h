/* SPDX-License-Identifier: MIT */
/*
 * buckets.h - buckets to be filled by hand, and what they hold as text.
 *
 * For the tests of the buckets; every function works on one fixture with one
 * process.
 */
#ifndef TA_TESTS_UNIT_BUCKETS_H
#define TA_TESTS_UNIT_BUCKETS_H

#include <inttypes.h>

#include "runtime/agent/bucket.h"
#include "tests/unit/check.h"

#define UNUSED __attribute__((unused))

struct fixture {
	struct ta_procs procs;
	struct ta_scopes *scopes;
	struct ta_buckets buckets;
	struct ta_proc *proc;
};

UNUSED static void init(struct fixture *fixture)
{
	memset(fixture, 0, sizeof(*fixture));
	ta_procs_init(&fixture->procs);
	fixture->scopes = ta_scopes_new();
	ta_buckets_init(&fixture->buckets, &fixture->procs, fixture->scopes);
	fixture->proc = ta_procs_add(&fixture->procs, 77, 1);
}

UNUSED static void fini(struct fixture *fixture)
{
	ta_buckets_fini(&fixture->buckets);
	ta_procs_fini(&fixture->procs);
	ta_scopes_free(fixture->scopes);
}

/* A record with room for attributes. */
struct made {
	_Alignas(8) char bytes[131072];
	size_t used;
};

UNUSED static struct made *made(const void *record, size_t bytes, uint8_t kind)
{
	static struct made made;

	memset(made.bytes, 0, sizeof(made.bytes));
	memcpy(made.bytes, record, bytes);
	((struct ta_record *)(void *)made.bytes)->kind = kind;
	made.used = bytes;
	return &made;
}

UNUSED static void add_attr(struct made *made, uint8_t key, const char *value, size_t bytes)
{
	struct ta_attr attr = { key, TA_ATTR_STRING, (uint16_t)bytes };

	memcpy(made->bytes + made->used, &attr, sizeof(attr));
	memcpy(made->bytes + made->used + sizeof(attr), value, bytes);
	made->used += sizeof(attr) + ((bytes + 3) & ~(size_t)3);
}

/* text is "key=value". */
UNUSED static void add_tag(struct made *made, const char *text)
{
	char both[70000];
	size_t bytes = strlen(text);

	memcpy(both, text, bytes);
	if (memchr(both, '=', bytes))
		*(char *)memchr(both, '=', bytes) = '\0';
	add_attr(made, TA_ATTR_TAG, both, bytes);
}

UNUSED static void send_as(struct fixture *fixture, struct made *made, uint32_t tid)
{
	struct ta_record *record = (void *)made->bytes;

	record->units = (uint16_t)((made->used + 7) / 8);
	check(ta_record_valid(record, (uint32_t)record->units * 8), "the test made a bad record");
	ta_buckets_record(&fixture->buckets, fixture->proc, tid, record);
}

UNUSED static void send(struct fixture *fixture, struct made *made)
{
	send_as(fixture, made, 1);
}

UNUSED static struct made *a_start(uint64_t trace, uint64_t span, uint64_t parent)
{
	struct ta_record_span_start record = { .trace_hi = trace,
					       .trace_lo = trace,
					       .span_id = span,
					       .parent_id = parent,
					       .start_ns = span,
					       .type = TA_SPAN_API };

	return made(&record, sizeof(record), TA_RECORD_SPAN_START);
}

UNUSED static void start_at(struct fixture *fixture, uint64_t trace, uint64_t span, uint64_t parent,
			    uint64_t start_ns, enum ta_span_type type, uint32_t tid)
{
	struct made *record = a_start(trace, span, parent);
	struct ta_record_span_start *start = (void *)record->bytes;

	start->start_ns = start_ns;
	start->type = (uint8_t)type;
	send_as(fixture, record, tid);
}

UNUSED static void start(struct fixture *fixture, uint64_t trace, uint64_t span, uint64_t parent)
{
	send(fixture, a_start(trace, span, parent));
}

UNUSED static struct made *some_attrs(uint64_t span)
{
	struct ta_record_span_attrs record = { .span_id = span };

	return made(&record, sizeof(record), TA_RECORD_SPAN_ATTRS);
}

UNUSED static void attrs(struct fixture *fixture, uint64_t span)
{
	send(fixture, some_attrs(span));
}

UNUSED static void tag(struct fixture *fixture, uint64_t span, const char *text)
{
	struct made *record = some_attrs(span);

	add_tag(record, text);
	send(fixture, record);
}

UNUSED static void tag_many(struct fixture *fixture, enum ta_tags_of of, uint64_t trace,
			    uint64_t time_ns, const char *text)
{
	struct ta_record_tags tags = {
		.trace_hi = trace, .trace_lo = trace, .time_ns = time_ns, .of = (uint8_t)of
	};
	struct made *record = made(&tags, sizeof(tags), TA_RECORD_TAGS);

	add_tag(record, text);
	send(fixture, record);
}

UNUSED static void end_at(struct fixture *fixture, uint64_t span, uint64_t end_ns)
{
	struct ta_record_span_end record = { .span_id = span, .end_ns = end_ns };

	send(fixture, made(&record, sizeof(record), TA_RECORD_SPAN_END));
}

UNUSED static void end(struct fixture *fixture, uint64_t span)
{
	end_at(fixture, span, 1000 + span);
}

UNUSED static void cancel(struct fixture *fixture, uint64_t span)
{
	struct ta_record_span_cancel record = { .span_id = span };

	send(fixture, made(&record, sizeof(record), TA_RECORD_SPAN_CANCEL));
}

/* Passes until everything is complete that can be. */
UNUSED static void settle(struct fixture *fixture)
{
	for (int i = 0; i < 4 && ta_buckets_settle(&fixture->buckets); i++)
		;
}

UNUSED static struct ta_group *nth_group(const struct fixture *fixture, uint32_t index)
{
	const struct ta_list *at = fixture->buckets.groups.next;

	while (index-- > 0 && at != &fixture->buckets.groups)
		at = at->next;
	return at != &fixture->buckets.groups ? TA_CONTAINER(at, struct ta_group, link) : NULL;
}

UNUSED static struct ta_held *held_span(const struct fixture *fixture, uint64_t span)
{
	struct ta_map_node *node = ta_map_find(&fixture->buckets.spans, span);

	return node ? TA_CONTAINER(node, struct ta_held, node) : NULL;
}

/* "1 2 3 | 4": the span ids of all groups, in order. */
UNUSED static const char *groups(const struct fixture *fixture)
{
	static char text[4096];
	size_t used = 0;

	text[0] = '\0';
	TA_LIST_EACH(at, &fixture->buckets.groups) {
		struct ta_group *group = TA_CONTAINER(at, struct ta_group, link);

		if (used)
			used += (size_t)snprintf(text + used, sizeof(text) - used, " |");
		for (uint32_t i = 0; i < group->count; i++)
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%llu",
						 used ? " " : "",
						 (unsigned long long)group->spans[i]->span.span_id);
	}
	return text;
}

/* "a=1 b=2": the tags among a span's records, in order. */
UNUSED static const char *tags_of(const struct ta_held *held)
{
	static char text[4096];
	size_t used = 0;

	text[0] = '\0';
	for (uint32_t i = 0; held && i < held->span.records.count; i++) {
		struct ta_attr_view attr;
		uint32_t bytes;
		const char *at = ta_record_attrs(held->span.records.items[i], &bytes);
		const char *last = at + bytes;

		while (ta_attr_next(&at, last, &attr)) {
			size_t key = attr.key == TA_ATTR_TAG ? strnlen(attr.value, attr.bytes) : 0;

			if (key == 0 || key == attr.bytes || used > 4000)
				continue;
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%.*s=%.*s",
						 used ? " " : "", (int)key, attr.value,
						 (int)(attr.bytes - key - 1) % 100,
						 attr.value + key + 1);
		}
	}
	return text;
}

/* "s18 a6 e7": the kinds of a span's records, in order. */
UNUSED static const char *kinds_of(const struct ta_held *held)
{
	static char text[256];
	size_t used = 0;

	text[0] = '\0';
	for (uint32_t i = 0; held && i < held->span.records.count && used < 240; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%u", i ? " " : "",
					 held->span.records.items[i]->kind);
	return text;
}

/* "id" or "id/name" of what a span that leaves points to. */
UNUSED static const char *session_of(const struct ta_held *held)
{
	static char text[512];
	const struct ta_span *span = &held->span;

	snprintf(text, sizeof(text), "%.*s%s%.*s", (int)span->session_id_bytes,
		 span->session_id ? span->session_id : "", span->session_name ? "/" : "",
		 (int)span->session_name_bytes, span->session_name ? span->session_name : "");
	return text;
}

#endif
