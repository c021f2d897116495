/* SPDX-License-Identifier: MIT */
/*
 * test_bucket_full.c - a span that is full of updates: the last value of everything
 * stays, at a cost in proportion to what was recorded.
 */
#include <time.h>

#include "tests/unit/buckets.h"

static void named(struct fixture *f, const char *name, const char *value)
{
	struct made *record = some_attrs(1);
	char text[64];
	size_t bytes = strlen(name);

	text[0] = (char)bytes;
	memcpy(text + 1, name, bytes);
	memcpy(text + 1 + bytes, value, strlen(value));
	add_attr(record, TA_ATTR_NAMED, text, 1 + bytes + strlen(value));
	send(f, record);
}

/* The value that stands last under a name, and how often the name is there. */
static const char *last_named(const struct ta_held *held, const char *name, uint32_t *ret_count)
{
	static char text[64];
	size_t length = strlen(name);

	text[0] = '\0';
	*ret_count = 0;
	for (uint32_t i = 0; i < held->span.records.count; i++) {
		struct ta_attr_view attr;
		uint32_t bytes;
		const char *at = ta_record_attrs(held->span.records.items[i], &bytes);
		const char *last = at + bytes;

		while (ta_attr_next(&at, last, &attr)) {
			if (attr.key != TA_ATTR_NAMED || (size_t)attr.value[0] != length ||
			    memcmp(attr.value + 1, name, length) != 0)
				continue;
			++*ret_count;
			snprintf(text, sizeof(text), "%.*s", (int)(attr.bytes - length - 1),
				 attr.value + 1 + length);
		}
	}
	return text;
}

static uint64_t bytes_of(const struct ta_held *held)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < held->span.records.count; i++)
		bytes += (uint64_t)held->span.records.items[i]->units * 8;
	return bytes;
}

static void the_last_value_stays(void)
{
	struct fixture f;
	char text[32];
	uint32_t count;

	init(&f);
	start(&f, 1, 1, 0);
	named(&f, "first", "here");
	tag(&f, 1, "plan=free");
	tag(&f, 1, "gone"); /* takes a tag away */
	for (int i = 0; i < 20000; i++) {
		snprintf(text, sizeof(text), "%d", i);
		named(&f, "progress", text);
		if (i % 100 == 0) {
			snprintf(text, sizeof(text), "step=%d", i);
			tag(&f, 1, text);
		}
	}
	named(&f, "later", "there");
	check_same(f.buckets.counters.refused, 0);
	const struct ta_held *held = held_span(&f, 1);

	check_text(last_named(held, "progress", &count), "19999");
	check(count < 2000, "%u of them are still held", count);
	check_text(last_named(held, "first", &count), "here");
	check_text(last_named(held, "later", &count), "there");
	check(strncmp(tags_of(held), "plan=free step=", 15) == 0, "%s", tags_of(held));
	check(strstr(tags_of(held), "step=19900") != NULL, "%s", tags_of(held));
	check(bytes_of(held) <= TA_SPAN_BYTES_MAX, "%u bytes", held->record_bytes);
	check_same(bytes_of(held), held->record_bytes);
	check_same(f.buckets.held_bytes, held->record_bytes);
	fini(&f);
}

/* Attributes in objects, events, links and the start are nobody's older values. */
static void what_nothing_replaces(void)
{
	static const char object[] = "{\"progress\":1}";
	struct ta_record_span_event event = { .span_id = 1, .time_ns = 5 };
	struct fixture f;
	struct made *record;

	init(&f);
	start(&f, 1, 1, 0);
	record = some_attrs(1);
	add_attr(record, TA_ATTR_EVENT_JSON, object, sizeof(object) - 1);
	send(&f, record);
	send(&f, record);
	record = made(&event, sizeof(event), TA_RECORD_SPAN_EVENT);
	add_attr(record, TA_ATTR_NAMED, "\1ab", 3);
	send(&f, record);
	record = some_attrs(1); /* replaced in part only */
	add_attr(record, TA_ATTR_NAME, "x", 1);
	add_attr(record, TA_ATTR_STATUS_MESSAGE, "why", 3);
	send(&f, record);
	for (int i = 0; i < 5000; i++) {
		record = some_attrs(1);
		add_attr(record, TA_ATTR_NAME, "y", 1);
		send(&f, record);
	}
	check_same(f.buckets.counters.refused, 0);
	check(strncmp(kinds_of(held_span(&f, 1)), "5 6 6 12 6 6 ", 13) == 0, "%s",
	      kinds_of(held_span(&f, 1)));
	fini(&f);
}

/* A group knows what it holds, also when it holds less. */
static void in_a_group(void)
{
	struct fixture f;
	uint32_t count;

	init(&f);
	start(&f, 1, 1, 0);
	end(&f, 1);
	settle(&f);
	uint64_t before = f.buckets.group_bytes - held_span(&f, 1)->record_bytes;

	for (int i = 0; i < 5000; i++)
		named(&f, "progress", i < 4999 ? "older" : "newest");
	check_text(last_named(held_span(&f, 1), "progress", &count), "newest");
	check_same(f.buckets.group_bytes, before + held_span(&f, 1)->record_bytes);
	check_same(nth_group(&f, 0)->bytes, f.buckets.group_bytes);
	check_same(held_span(&f, 1)
			   ->span.records.items[held_span(&f, 1)->span.records.count - 1]
			   ->kind,
		   TA_RECORD_SPAN_END);
	ta_buckets_drop_groups(&f.buckets, 1);
	check_same(f.buckets.held_bytes, 0);
	check_same(f.buckets.group_bytes, 0);
	fini(&f);
}

/* Names that never come again cannot be taken out, and are not looked at each time. */
static void names_without_end(void)
{
	struct fixture f;
	struct timespec begin, now;
	char name[16];

	init(&f);
	start(&f, 1, 1, 0);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
	for (int i = 0; i < 200000; i++) {
		snprintf(name, sizeof(name), "k%d", i);
		named(&f, name, "");
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	check(f.buckets.counters.refused > 190000, "%llu refused",
	      (unsigned long long)f.buckets.counters.refused);
	check_same(held_span(&f, 1)->thinned_bytes, held_span(&f, 1)->record_bytes);
	check(now.tv_sec - begin.tv_sec < 20, "took %ld s", (long)(now.tv_sec - begin.tv_sec));
	fini(&f);
}

static void restore_one(void *user, const void *image, size_t bytes)
{
	check_same(ta_buckets_restore(user, image, bytes), 0);
}

/* When the next room is made is part of the state: a journal is replayed from it. */
static void restored(void)
{
	struct fixture f, twin;

	init(&f);
	init(&twin);
	start(&f, 1, 1, 0);
	for (int i = 0; i < 3000; i++)
		named(&f, i % 2 ? "odd" : "even", "x");
	check(held_span(&f, 1)->thinned_bytes > 0, "no room was made");
	ta_buckets_save(&f.buckets, restore_one, &twin.buckets);
	check_same(held_span(&twin, 1)->thinned_bytes, held_span(&f, 1)->thinned_bytes);
	check_same(held_span(&twin, 1)->record_bytes, held_span(&f, 1)->record_bytes);
	fini(&f);
	fini(&twin);
}

int main(void)
{
	check_group("the_last_value_stays", the_last_value_stays);
	check_group("what_nothing_replaces", what_nothing_replaces);
	check_group("in_a_group", in_a_group);
	check_group("names_without_end", names_without_end);
	check_group("restored", restored);
	return check_status();
}
