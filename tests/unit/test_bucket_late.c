/* SPDX-License-Identifier: MIT */
/*
 * test_bucket_late.c - records that come after a span's end, before its start, and
 * while it is being exported; what a span keeps of them; its scope versions.
 */
#include "tests/unit/buckets.h"

static void events_and_links_are_kept(void)
{
	struct fixture f;
	struct ta_record_span_event event = { .span_id = 1, .time_ns = 5 };
	struct ta_record_span_link link = { .span_id = 1, .trace_lo = 9, .link_span_id = 9 };

	init(&f);
	send(&f, made(&link, sizeof(link), TA_RECORD_SPAN_LINK)); /* read before the start */
	start(&f, 1, 1, 0);
	send(&f, made(&event, sizeof(event), TA_RECORD_SPAN_EVENT));
	end(&f, 1);
	send(&f, made(&event, sizeof(event), TA_RECORD_SPAN_EVENT));
	check_text(kinds_of(held_span(&f, 1)), "5 13 12 12 7");
	check_same(f.buckets.counters.unknown, 0);
	fini(&f);
}

static void a_grouped_span_takes_attributes(void)
{
	struct fixture f;

	init(&f);
	start(&f, 1, 1, 0);
	end(&f, 1);
	settle(&f);
	check_text(groups(&f), "1");
	uint64_t before = f.buckets.group_bytes;

	tag(&f, 1, "late=yes");
	check_text(tags_of(nth_group(&f, 0)->spans[0]), "late=yes");
	check_text(kinds_of(nth_group(&f, 0)->spans[0]), "5 6 7");
	check_same(f.buckets.group_bytes, before + 40);
	check_same(nth_group(&f, 0)->bytes, before + 40);
	start(&f, 2, 1, 0); /* its id is taken as long as it is held */
	end(&f, 1);
	cancel(&f, 1);
	check_same(f.buckets.counters.twice, 3);
	ta_buckets_drop_groups(&f.buckets, 1);
	check_same(f.buckets.group_bytes, 0);
	check_same(f.buckets.held_bytes, 0);
	start(&f, 2, 1, 0);
	check_same(f.buckets.held_count, 1);
	fini(&f);
}

static void nothing_changes_while_it_leaves(void)
{
	struct fixture f;

	init(&f);
	for (uint64_t id = 1; id <= 3; id++) {
		start(&f, id, id, 0);
		end(&f, id);
	}
	settle(&f);
	ta_buckets_leaving(&f.buckets, 2);
	check_same(f.buckets.leaving_count, 2);
	struct ta_record **items = nth_group(&f, 1)->spans[0]->span.records.items;

	for (int i = 0; i < 10; i++)
		tag(&f, 2, "a=b");
	tag(&f, 3, "a=b");
	check(nth_group(&f, 1)->spans[0]->span.records.items == items, "the records moved");
	check_same(nth_group(&f, 1)->spans[0]->span.records.count, 2);
	check_same(f.buckets.counters.late, 10);
	check_text(tags_of(held_span(&f, 3)), "a=b");
	ta_buckets_stay(&f.buckets);
	check_same(f.buckets.leaving_count, 0);
	tag(&f, 2, "a=c");
	check_text(tags_of(held_span(&f, 2)), "a=c");
	ta_buckets_leaving(&f.buckets, 1);
	ta_buckets_drop_groups(&f.buckets, 2); /* also one that was not leaving */
	check_same(f.buckets.leaving_count, 0);
	check_text(groups(&f), "3");
	ta_buckets_leaving(&f.buckets, 99);
	check_same(f.buckets.leaving_count, 1);
	fini(&f);
}

static void a_span_has_bounds(void)
{
	static const char much[65535];
	struct fixture f;

	init(&f);
	start(&f, 1, 1, 0);
	struct made *long_one = some_attrs(1);

	add_attr(long_one, TA_ATTR_NAME, much, 40000);
	send(&f, long_one);
	check_same(f.buckets.counters.refused, 0);
	send(&f, long_one);
	check_same(f.buckets.counters.refused, 1);
	struct ta_record_span_end record = { .span_id = 1, .end_ns = 7, .reason = TA_END_JUMPED };
	struct made *long_end = made(&record, sizeof(record), TA_RECORD_SPAN_END);

	add_attr(long_end, TA_ATTR_NAME, much, 40000);
	send(&f, long_end); /* ends all the same, without the attributes */
	check_same(f.buckets.counters.refused, 2);
	check_same(held_span(&f, 1)->span.end, TA_SPAN_ENDED);
	check_same(held_span(&f, 1)->span.reason, TA_END_JUMPED);
	check_text(kinds_of(held_span(&f, 1)), "5 6 7");
	check(f.buckets.held_bytes <= TA_SPAN_BYTES_MAX, "%llu bytes",
	      (unsigned long long)f.buckets.held_bytes);
	struct made *long_start = a_start(1, 2, 1);

	add_attr(long_start, TA_ATTR_NAME, much, 65535);
	send(&f, long_start);
	check_same(f.buckets.held_count, 1);
	check_same(f.buckets.counters.refused, 3);
	fini(&f);
}

static void end_with(struct fixture *f, uint64_t span, uint64_t version, uint8_t flags)
{
	struct ta_record_span_end record = { .span_id = span,
					     .end_ns = 7,
					     .isolation = version,
					     .current = version + 1,
					     .global = version + 2,
					     .flags = flags };

	send(f, made(&record, sizeof(record), TA_RECORD_SPAN_END));
}

static void check_versions(const struct ta_held *held, uint64_t isolation, uint64_t global)
{
	check_same(held->span.isolation, isolation);
	check_same(held->span.current, isolation + 1);
	check_same(held->global, global);
	check_same(held->tags, 50);
}

static void scope_versions(void)
{
	struct fixture f;

	init(&f);
	for (uint64_t id = 1; id <= 4; id++) {
		struct made *record = a_start(1, id, id - 1);
		struct ta_record_span_start *a = (void *)record->bytes;

		a->isolation = 10;
		a->current = 11;
		a->tags = 50;
		send(&f, record);
	}
	f.proc->global = 90;
	end_with(&f, 1, 20, 0);
	end_with(&f, 2, 30, TA_END_SCOPES_OF_START);
	end_with(&f, 3, 0, 0);
	ta_buckets_close_process(&f.buckets, f.proc, 5000);
	settle(&f);
	check_text(groups(&f), "1 2 3 4");
	check_versions(held_span(&f, 1), 20, 22);
	check_versions(held_span(&f, 2), 10, 32);
	check_versions(held_span(&f, 3), 0, 2);
	check_versions(held_span(&f, 4), 10, 90); /* it has no end record */
	check_same(held_span(&f, 4)->family, 1);
	f.proc->global = 0;
	fini(&f);
}

/* Each start finds its own among very many; by looking at all of them this takes hours. */
static void many_orphans(void)
{
	struct fixture f;
	uint64_t half = TA_ORPHANS_MAX / 2;

	init(&f);
	for (uint64_t id = 1; id <= half; id++)
		tag(&f, id, "first=1");
	for (uint64_t id = 1; id <= half; id++)
		tag(&f, id, "second=2");
	tag(&f, half + 1, "no=room");
	check_same(f.buckets.counters.unknown, 1);
	for (uint64_t id = 1; id <= half; id++)
		start(&f, id, id, 0);
	check_same(f.buckets.orphan_count, 0);
	check_same(f.buckets.orphans_by_span.count, 0);
	check_text(tags_of(held_span(&f, half)), "first=1 second=2");
	fini(&f);
}

static void orphans_of_one_pass_only(void)
{
	struct fixture f;

	init(&f);
	attrs(&f, 5);
	ta_buckets_settle(&f.buckets);
	attrs(&f, 5);
	check_same(f.buckets.orphan_count, 2);
	ta_buckets_settle(&f.buckets);
	check_same(f.buckets.orphan_count, 1);
	check_same(f.buckets.counters.unknown, 1);
	start(&f, 1, 5, 0);
	check_text(kinds_of(held_span(&f, 5)), "5 6");
	check(!ta_buckets_settling(&f.buckets), "something still waits");
	fini(&f);
}

int main(void)
{
	check_group("events and links of spans are kept", events_and_links_are_kept);
	check_group("a grouped span takes attributes", a_grouped_span_takes_attributes);
	check_group("nothing changes in a group that leaves", nothing_changes_while_it_leaves);
	check_group("the records of a span have bounds", a_span_has_bounds);
	check_group("scope versions of the end, or of the start", scope_versions);
	check_group("a start finds its records among many", many_orphans);
	check_group("records wait for one pass", orphans_of_one_pass_only);
	return check_status();
}
