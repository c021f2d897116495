/* SPDX-License-Identifier: MIT */
/*
 * test_bucket_order.c - the order in which traces become complete, what is counted
 * meanwhile, and which of them are sampled.
 */
#include "tests/unit/buckets.h"

static void by_the_last_end(void)
{
	struct fixture f;

	init(&f);
	for (uint64_t id = 1; id <= 4; id++)
		start(&f, id, id, 0);
	start(&f, 2, 21, 2);
	end_at(&f, 21, 900);
	end_at(&f, 2, 100); /* its child ended later */
	end_at(&f, 4, 500);
	end_at(&f, 3, 500);
	end_at(&f, 1, 700);
	settle(&f);
	check_text(groups(&f), "3 | 4 | 1 | 2 21");
	ta_buckets_drop_groups(&f.buckets, 1);
	check_text(groups(&f), "4 | 1 | 2 21");
	check_same(f.buckets.group_spans, 4);
	fini(&f);
}

/* The lane of trace 1 is read first, and what it ends then only in the next pass. */
static void read_in_the_wrong_order(void)
{
	struct fixture f;

	init(&f);
	start(&f, 1, 1, 0);
	start(&f, 2, 2, 0);
	end_at(&f, 2, 200);
	ta_buckets_settle(&f.buckets);
	end_at(&f, 1, 100);
	ta_buckets_settle(&f.buckets);
	check_text(groups(&f), ""); /* 2 could go, and would overtake 1 */
	check(!ta_buckets_settle(&f.buckets), "still settling");
	check_text(groups(&f), "1 | 2");
	fini(&f);
}

static void a_liar_holds_nobody_up(void)
{
	struct fixture f;

	init(&f);
	start(&f, 1, 1, 0);
	end_at(&f, 1, 500);
	for (uint64_t id = 2; id <= 5; id++) {
		ta_buckets_settle(&f.buckets);
		start(&f, id, id, 0);
		end_at(&f, id, 1); /* always earlier than everything else */
	}
	check_text(groups(&f), "2 | 1 | 3");
	fini(&f);
}

static void check_counts(const struct fixture *f, uint32_t complete, uint32_t active, uint32_t open)
{
	struct ta_bucket_counts counts = ta_buckets_counts(&f->buckets);

	check_same(counts.complete_spans, complete);
	check_same(counts.active_traces, active);
	check_same(counts.open_buckets, open);
}

static void counts(void)
{
	struct fixture f;

	init(&f);
	check_counts(&f, 0, 0, 0);
	start(&f, 1, 1, 0);
	start(&f, 2, 2, 0);
	check_counts(&f, 0, 2, 0);
	start(&f, 1, 11, 1);
	end(&f, 11);
	check_counts(&f, 0, 2, 1);
	end(&f, 1);
	check_counts(&f, 0, 1, 0); /* settles: complete perhaps, perhaps not */
	start(&f, 1, 12, 1);
	check_counts(&f, 0, 2, 1);
	cancel(&f, 12);
	cancel(&f, 2);
	settle(&f);
	check_counts(&f, 2, 0, 0);
	start(&f, 1, 13, 1); /* the trace goes on, though a group of it waits */
	start(&f, 1, 14, 13);
	check_counts(&f, 2, 1, 0);
	end(&f, 14);
	check_counts(&f, 2, 1, 1);
	ta_buckets_part(&f.buckets, ta_buckets_find(&f.buckets, 1, 1));
	check_counts(&f, 3, 1, 0);
	ta_buckets_drop_groups(&f.buckets, 2);
	check_counts(&f, 0, 1, 0);
	ta_buckets_close_process(&f.buckets, f.proc, 9999);
	settle(&f);
	check_counts(&f, 1, 0, 0);
	fini(&f);
}

static void send_trace(struct fixture *f, uint64_t span, uint64_t trace_lo)
{
	struct made *record = a_start(0, span, 0);

	((struct ta_record_span_start *)(void *)record->bytes)->trace_lo = trace_lo;
	send(f, record);
	end(f, span);
}

static const char *sampled_of(double rate)
{
	static const uint64_t ids[] = { 0xff00000000000000ull, 0x0000000000000001ull,
					0x007fffffffffffffull, 0x0080000000000000ull,
					0xab80000000000000ull, 0x00ffffffffffffffull };
	struct fixture f;

	init(&f);
	f.buckets.sampler.threshold = ta_sampler_threshold(rate);
	for (uint64_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		send_trace(&f, i + 1, ids[i]);
	settle(&f);
	check_same(f.buckets.counters.unsampled + f.buckets.group_spans, 6);
	check_same(f.buckets.held_count, f.buckets.group_spans);
	check_same(f.buckets.traces.count, f.buckets.group_count);
	const char *text = groups(&f);

	fini(&f);
	return text;
}

static void sampling(void)
{
	struct fixture f;

	check_text(sampled_of(1), "1 | 2 | 3 | 4 | 5 | 6");
	check_text(sampled_of(0.5), "4 | 5 | 6"); /* the 56 lowest bits, from the half on */
	check_text(sampled_of(0.0), "");
	check_text(sampled_of(1e-9), "6");
	init(&f);
	f.buckets.sampler.threshold = ta_sampler_threshold(0);
	start(&f, 1, 1, 0);
	start(&f, 1, 2, 1);
	end(&f, 2);
	ta_buckets_part(&f.buckets, ta_buckets_find(&f.buckets, 1, 1));
	check_same(f.buckets.held_count, 1);
	check_counts(&f, 0, 1, 0);
	end(&f, 1);
	settle(&f);
	check_same(f.buckets.counters.unsampled, 2);
	check_counts(&f, 0, 0, 0);
	check_same(f.buckets.traces.count, 0);
	fini(&f);
}

static void the_share(void)
{
	struct fixture f;
	uint64_t id = 1;

	init(&f);
	f.buckets.sampler.threshold = ta_sampler_threshold(0.25);
	for (uint64_t i = 1; i <= 20000; i++) {
		id = id * 6364136223846793005ull + 1442695040888963407ull;
		send_trace(&f, i, id ^ id >> 31);
	}
	settle(&f);
	check(f.buckets.group_count > 4700 && f.buckets.group_count < 5300, "%u of 20000",
	      f.buckets.group_count);
	fini(&f);
}

/* Traces that have one half of their id in common are told apart, and found quickly. */
static void like_ids(void)
{
	struct fixture f;

	init(&f);
	for (uint64_t i = 1; i <= 100000; i++) {
		struct made *record = a_start(i, i, 0);

		((struct ta_record_span_start *)(void *)record->bytes)->trace_lo = 7;
		send(&f, record);
	}
	check_same(ta_buckets_find(&f.buckets, 77777, 7)->trace_hi, 77777);
	check(!ta_buckets_find(&f.buckets, 7, 77777), "the halves are the same to it");
	check_counts(&f, 0, 100000, 0);
	fini(&f);
}

int main(void)
{
	check_group("traces are complete in the order of their last ends", by_the_last_end);
	check_group("also when lanes are read in another order", read_in_the_wrong_order);
	check_group("ends that lie hold nobody up", a_liar_holds_nobody_up);
	check_group("complete spans, active traces, open buckets", counts);
	check_group("sampling goes by the trace id", sampling);
	check_group("the share that is sampled", the_share);
	check_group("many traces with half an id in common", like_ids);
	return check_status();
}
