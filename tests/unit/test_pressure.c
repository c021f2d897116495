/* SPDX-License-Identifier: MIT */
/*
 * test_pressure.c - open spans that are given up: they end, are written, and stay so
 * when the buckets are saved and restored.
 */
#include "tests/unit/buckets.h"

static void keep_image(void *user, const void *image, size_t bytes)
{
	struct fixture *again = user;

	check_same(ta_buckets_restore(&again->buckets, image, bytes), 0);
}

static void give_up(struct fixture *f, uint64_t trace, uint64_t end_ns)
{
	struct ta_bucket *bucket = held_span(f, trace)->bucket;

	ta_buckets_give_up(&f->buckets, bucket, end_ns);
}

static void a_trace_is_given_up(void)
{
	struct fixture f;

	init(&f);
	start(&f, 1, 1, 0);
	start(&f, 1, 2, 1);
	end(&f, 2);
	start(&f, 9, 9, 0);
	give_up(&f, 1, 1000000);
	check_same(f.buckets.counters.given_up, 1);
	check_same(held_span(&f, 1)->span.end, TA_SPAN_GIVEN_UP);
	check_same(held_span(&f, 1)->span.end_ns, 1000000);
	check_same(held_span(&f, 2)->span.end, TA_SPAN_ENDED);
	check_same(held_span(&f, 9)->span.end, TA_SPAN_OPEN);
	end(&f, 1); /* its end comes after all: too late */
	check_same(held_span(&f, 1)->span.end, TA_SPAN_GIVEN_UP);
	settle(&f);
	check_text(groups(&f), "1 2");
	fini(&f);
}

static void it_is_remembered(void)
{
	struct fixture f, again;

	init(&f);
	init(&again);
	start(&f, 1, 1, 0);
	give_up(&f, 1, 1000000);
	ta_buckets_save(&f.buckets, keep_image, &again);
	fini(&f);
	check_same(held_span(&again, 1)->span.end, TA_SPAN_GIVEN_UP);
	check_same(held_span(&again, 1)->span.end_ns, 1000000);
	settle(&again);
	check_text(groups(&again), "1");
	fini(&again);
}

/* What is complete is not open, whatever it holds; what is refused is counted. */
static void what_open_spans_hold(void)
{
	struct fixture f;

	init(&f);
	check_same(ta_buckets_open_bytes(&f.buckets), 0);
	start(&f, 1, 1, 0);
	uint64_t one = ta_buckets_open_bytes(&f.buckets);

	check(one >= TA_HELD_OVERHEAD, "%llu bytes", (unsigned long long)one);
	start(&f, 2, 2, 0);
	check_same(ta_buckets_open_bytes(&f.buckets), 2 * one);
	end(&f, 1);
	settle(&f);
	check_same(ta_buckets_open_bytes(&f.buckets), one);
	f.buckets.bytes_max = ta_buckets_bytes(&f.buckets);
	start(&f, 3, 3, 0);
	tag(&f, 2, "a=b");
	check_same(f.buckets.counters.refused, 2);
	check_same(f.buckets.counters.refused_spans, 1);
	fini(&f);
}

int main(void)
{
	check_group("a_trace_is_given_up", a_trace_is_given_up);
	check_group("it_is_remembered", it_is_remembered);
	check_group("what_open_spans_hold", what_open_spans_hold);
	return check_status();
}
