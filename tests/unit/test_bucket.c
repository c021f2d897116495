/* SPDX-License-Identifier: MIT */
/*
 * test_bucket.c - open counts, completion, order, parts, the dead.
 */
#include "tests/unit/buckets.h"

static void complete_after_a_second_pass(void)
{
	struct fixture f;

	init(&f);
	start(&f, 1, 1, 0);
	end(&f, 1);
	check(ta_buckets_settle(&f.buckets), "nothing settles");
	check_text(groups(&f), "");
	check(!ta_buckets_settle(&f.buckets), "still settling");
	check_text(groups(&f), "1");
	fini(&f);
}

static void a_late_start_keeps_it_open(void)
{
	struct fixture f;

	init(&f);
	start(&f, 1, 1, 0);
	end(&f, 1);
	ta_buckets_settle(&f.buckets);
	start(&f, 1, 2, 1);
	ta_buckets_settle(&f.buckets);
	ta_buckets_settle(&f.buckets);
	check_text(groups(&f), "");
	end(&f, 2);
	ta_buckets_settle(&f.buckets);
	ta_buckets_settle(&f.buckets);
	check_text(groups(&f), "1 2");
	fini(&f);
}

static void an_end_before_its_start(void)
{
	struct fixture f;

	init(&f);
	end(&f, 5);
	attrs(&f, 5);
	ta_buckets_settle(&f.buckets);
	start(&f, 1, 5, 0);
	ta_buckets_settle(&f.buckets);
	ta_buckets_settle(&f.buckets);
	check_text(groups(&f), "5");
	struct ta_group *group = TA_CONTAINER(f.buckets.groups.next, struct ta_group, link);
	const struct ta_record_list *records = &group->spans[0]->span.records;

	check_same(records->count, 3);
	check_same(records->items[1]->kind, TA_RECORD_SPAN_ATTRS);
	check_same(records->items[2]->kind, TA_RECORD_SPAN_END);
	check_same(f.buckets.counters.unknown, 0);
	end(&f, 6);
	for (int i = 0; i < 3; i++)
		ta_buckets_settle(&f.buckets);
	check_same(f.buckets.counters.unknown, 1);
	fini(&f);
}

static void parents_first_siblings_by_start(void)
{
	struct fixture f;

	init(&f);
	start_at(&f, 1, 4, 2, 40, TA_SPAN_API, 1);
	start_at(&f, 1, 3, 1, 15, TA_SPAN_API, 1);
	start_at(&f, 1, 2, 1, 20, TA_SPAN_API, 1);
	start_at(&f, 1, 1, 99, 30, TA_SPAN_API, 1); /* starts after its children: clocks */
	start_at(&f, 1, 5, 98, 10, TA_SPAN_API, 1);
	for (uint64_t id = 1; id <= 5; id++)
		end(&f, id);
	ta_buckets_settle(&f.buckets);
	ta_buckets_settle(&f.buckets);
	check_text(groups(&f), "5 1 3 2 4");
	fini(&f);
}

static void circles_are_cut(void)
{
	struct fixture f;

	init(&f);
	start(&f, 1, 1, 3);
	start(&f, 1, 2, 1);
	start(&f, 1, 3, 2);
	start(&f, 1, 4, 4);
	for (uint64_t id = 1; id <= 4; id++)
		end(&f, id);
	ta_buckets_settle(&f.buckets);
	ta_buckets_settle(&f.buckets);
	check_text(groups(&f), "4 1 2 3");
	fini(&f);
}

static void a_deep_trace(void)
{
	struct fixture f;

	init(&f);
	for (uint64_t id = 1; id <= 100000; id++)
		start(&f, 1, id, id - 1);
	for (uint64_t id = 1; id <= 100000; id++)
		end(&f, id);
	ta_buckets_settle(&f.buckets);
	ta_buckets_settle(&f.buckets);
	struct ta_group *group = TA_CONTAINER(f.buckets.groups.next, struct ta_group, link);

	check_same(f.buckets.group_spans, 100000);
	for (uint32_t i = 0; i < group->count; i++)
		check(group->spans[i]->span.span_id == i + 1, "span %u", i);
	fini(&f);
}

static void parts(void)
{
	struct fixture f;

	init(&f);
	start(&f, 1, 1, 0);
	start(&f, 1, 2, 1);
	end(&f, 2);
	ta_buckets_part(&f.buckets, ta_buckets_find(&f.buckets, 1, 1));
	check_text(groups(&f), "2");
	check_same(held_span(&f, 2)->group->partial, true);
	start(&f, 1, 3, 1);
	end(&f, 3);
	end(&f, 1);
	ta_buckets_settle(&f.buckets);
	ta_buckets_settle(&f.buckets);
	check_text(groups(&f), "2 | 1 3");
	check_same(held_span(&f, 3)->group->partial, false);
	ta_buckets_drop_groups(&f.buckets, 1);
	check(ta_buckets_find(&f.buckets, 1, 1), "the bucket is gone before its spans");
	ta_buckets_drop_groups(&f.buckets, 1);
	check(!ta_buckets_find(&f.buckets, 1, 1), "the bucket is still there");
	fini(&f);
}

static void the_dead(void)
{
	struct fixture f;

	init(&f);
	start(&f, 1, 1, 0);
	start(&f, 1, 2, 1);
	end(&f, 2);
	ta_buckets_close_process(&f.buckets, f.proc, 5000);
	ta_buckets_settle(&f.buckets);
	check_text(groups(&f), "1 2");
	struct ta_group *group = TA_CONTAINER(f.buckets.groups.next, struct ta_group, link);

	check_same(group->spans[0]->span.end, TA_SPAN_HOST_DIED);
	check_same(group->spans[0]->span.end_ns, 5000);
	check_same(group->spans[1]->span.end, TA_SPAN_ENDED);
	fini(&f);
}

static void a_dead_thread(void)
{
	struct fixture f;

	init(&f);
	start_at(&f, 1, 1, 0, 1, TA_SPAN_THREAD, 10);
	start_at(&f, 2, 2, 0, 2, TA_SPAN_CONNECTION, 10); /* another thread may end it */
	start_at(&f, 3, 3, 0, 3, TA_SPAN_API, 11);
	ta_buckets_close_thread(&f.buckets, f.proc, 10, 9000);
	ta_buckets_settle(&f.buckets);
	check_text(groups(&f), "1");
	fini(&f);
}

static void an_orderly_end(void)
{
	struct fixture f;

	init(&f);
	start_at(&f, 1, 1, 0, 100, TA_SPAN_THREAD, 10);
	start_at(&f, 2, 2, 0, 8000, TA_SPAN_THREAD, 11);
	f.proc->end_record_ns = 7000;
	ta_buckets_close_process(&f.buckets, f.proc, 9000);
	attrs(&f, 1); /* read late: must not come before the start */
	ta_buckets_settle(&f.buckets);
	check_text(groups(&f), "1 | 2");
	struct ta_group *group = TA_CONTAINER(f.buckets.groups.next, struct ta_group, link);

	check_same(group->spans[0]->span.end, TA_SPAN_ENDED);
	check_same(group->spans[0]->span.reason, TA_END_PROCESS_END);
	check_same(group->spans[0]->span.status, TA_STATUS_UNSET);
	check_same(group->spans[0]->span.end_ns, 7000);
	check_text(kinds_of(group->spans[0]), "5 6"); /* start, attributes */
	group = TA_CONTAINER(f.buckets.groups.prev, struct ta_group, link);
	check_same(group->spans[0]->span.end_ns, 8000);
	fini(&f);
}

static void cancelled(void)
{
	struct fixture f;

	init(&f);
	start(&f, 1, 1, 0);
	cancel(&f, 1);
	check(!ta_buckets_find(&f.buckets, 1, 1), "a trace of nothing is still there");
	check_same(f.buckets.held_count, 0);
	start(&f, 2, 2, 0);
	start(&f, 2, 3, 2);
	end(&f, 2);
	check(!ta_buckets_settle(&f.buckets), "complete with a span open");
	cancel(&f, 3);
	ta_buckets_settle(&f.buckets);
	ta_buckets_settle(&f.buckets);
	check_text(groups(&f), "2");
	check_same(f.buckets.held_count, 1);
	check_same(f.buckets.counters.unknown + f.buckets.counters.twice, 0);
	fini(&f);
}

static void a_cancel_before_its_start(void)
{
	struct fixture f;

	init(&f);
	attrs(&f, 5);
	cancel(&f, 5);
	attrs(&f, 5);
	ta_buckets_settle(&f.buckets);
	start(&f, 1, 5, 0);
	check_same(f.buckets.held_count, 0);
	check_same(f.buckets.orphan_count, 0);
	check(!ta_buckets_find(&f.buckets, 1, 1), "the trace is still there");
	check_same(f.buckets.counters.unknown, 0);
	start(&f, 2, 6, 0);
	end(&f, 6);
	cancel(&f, 6); /* too late: it has ended */
	check_same(f.buckets.counters.twice, 1);
	ta_buckets_settle(&f.buckets);
	ta_buckets_settle(&f.buckets);
	check_text(groups(&f), "6");
	fini(&f);
}

static void nonsense(void)
{
	struct fixture f;

	init(&f);
	start(&f, 1, 1, 0);
	start(&f, 1, 1, 0);
	start(&f, 1, 0, 0);
	end(&f, 1);
	end(&f, 1);
	check_same(f.buckets.counters.twice, 3);
	for (int i = 0; i < 7000; i++)
		attrs(&f, 1); /* that say nothing */
	check_same(f.buckets.counters.refused, 0);
	for (int i = 0; i < 7000; i++) {
		char text[16];

		snprintf(text, sizeof(text), "k%d=v", i);
		tag(&f, 1, text);
	}
	check(f.buckets.counters.refused > 0, "a span without bounds");
	fini(&f);
}

int main(void)
{
	check_group("complete after a second pass", complete_after_a_second_pass);
	check_group("a late start keeps a trace open", a_late_start_keeps_it_open);
	check_group("an end that is read before its start", an_end_before_its_start);
	check_group("parents first, siblings by start", parents_first_siblings_by_start);
	check_group("circles are cut", circles_are_cut);
	check_group("a deep trace", a_deep_trace);
	check_group("parts of a trace that goes on", parts);
	check_group("the dead", the_dead);
	check_group("a dead thread", a_dead_thread);
	check_group("an orderly end", an_orderly_end);
	check_group("a cancelled span", cancelled);
	check_group("a cancel that is read before its start", a_cancel_before_its_start);
	check_group("nonsense is counted", nonsense);
	return check_status();
}
