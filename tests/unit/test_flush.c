/* SPDX-License-Identifier: MIT */
/*
 * test_flush.c - when spans and events go out, in which flushes, and under which clock.
 *
 * A worker without segments: its events are made by hand.  The clock of its timers is
 * ours (runtime/agent/clock.h).
 */
#include "tests/unit/flush.h"

static void full(void)
{
	struct fixture f = { 0 };

	init(&f, 3);
	trace(&f, 2);
	passes(&f);
	round_at(&f, 0);
	check_text(flushes(&f), "");
	trace(&f, 2);
	passes(&f);
	round_at(&f, 0);
	check_text(flushes(&f), "reason=max_spans traces=2 spans=4");
	check_same(lines_of(f.host.out), 1);
	trace(&f, 6);
	passes(&f);
	round_at(&f, RESTED);
	check_same(lines_of(f.host.out), 2);
	fini(&f);
}

/* One that is full soon after another rests, but not longer than it said it would. */
static void full_again(void)
{
	struct fixture f = { 0 };

	init(&f, 2);
	trace(&f, 2);
	passes(&f);
	round_at(&f, 0);
	f.worker->flush.full_ns = ta_agent_now_ns() + SECOND; /* as if it had been just now */
	trace(&f, 2);
	passes(&f);
	round_at(&f, 0);
	check_same(lines_of(f.host.out), 1);
	check(ta_flush_wake_ns(f.worker) > f.worker->now_ns, "wakes at once");
	check(ta_flush_wake_ns(f.worker) < f.worker->flush.full_ns + SECOND, "sleeps too long");
	round_at(&f, 2 * SECOND);
	check_same(lines_of(f.host.out), 2);
	fini(&f);
}

/* All at once, as after a pause of the agent: the cuts are where they would have been. */
static void full_many_times(void)
{
	struct fixture f = { 0 };

	init(&f, 3);
	for (int i = 0; i < 5; i++) {
		trace(&f, 2);
		passes(&f);
	}
	round_at(&f, 0);
	check_text(flushes(&f),
		   "reason=max_spans traces=2 spans=4; reason=max_spans traces=2 spans=4");
	check_same(f.worker->state.buckets.group_spans, 2);
	check_same(ta_flush_run(f.worker, TA_FLUSH_SHUTDOWN), 0);
	check(strstr(flushes(&f), "; reason=shutdown traces=1 spans=2") != NULL, "%s", flushes(&f));
	check_same(lines_of(f.host.out), 3);
	fini(&f);
}

static void asked_for(void)
{
	struct fixture f = { 0 };

	init(&f, 3);
	for (int i = 0; i < 3; i++) {
		trace(&f, 2);
		passes(&f);
	}
	check_same(ta_flush_run(f.worker, TA_FLUSH_EXPLICIT), 0);
	check_text(flushes(&f),
		   "reason=max_spans traces=2 spans=4; reason=explicit traces=1 spans=2");
	check_same(ta_flush_run(f.worker, TA_FLUSH_EXPLICIT), 0);
	check(strstr(flushes(&f), "spans=2; ") == NULL, "an empty flush: %s", flushes(&f));
	fini(&f);
}

static void a_large_one(void)
{
	struct fixture f = { 0 };

	init(&f, 100000);
	for (int i = 0; i < 150; i++)
		trace(&f, 8);
	passes(&f);
	check_same(ta_flush_run(f.worker, TA_FLUSH_EXPLICIT), 0);
	check_text(flushes(&f), "reason=explicit traces=150 spans=1200");
	check_same(lines_of(f.host.out), 3);
	fini(&f);
}

static void interval(void)
{
	struct fixture f = { 0 };

	init(&f, 100);
	trace(&f, 1);
	passes(&f);
	round_at(&f, 9 * SECOND);
	check_text(flushes(&f), "");
	round_at(&f, 11 * SECOND);
	check_text(flushes(&f), "reason=interval traces=1 spans=1");
	trace(&f, 1);
	passes(&f);
	/* It counts from the second at which it was over, not from when we looked. */
	round_at(&f, 19 * SECOND);
	check_text(flushes(&f), "reason=interval traces=1 spans=1");
	round_at(&f, 20 * SECOND + SECOND / 2);
	check_text(flushes(&f),
		   "reason=interval traces=1 spans=1; reason=interval traces=1 spans=1");
	round_at(&f, 500 * SECOND);
	check_same(lines_of(f.host.out), 2);
	fini(&f);
}

/* The interval begins anew with every flush that had spans. */
static void interval_after_another(void)
{
	struct fixture f = { 0 };

	init(&f, 2);
	trace(&f, 2);
	passes(&f);
	round_at(&f, 6 * SECOND);
	trace(&f, 1);
	passes(&f);
	round_at(&f, 15 * SECOND);
	check_text(flushes(&f), "reason=max_spans traces=1 spans=2");
	round_at(&f, 16 * SECOND);
	check(strstr(flushes(&f), "; reason=interval traces=1 spans=1") != NULL, "%s", flushes(&f));
	fini(&f);
}

/* Seconds are looked at once, however often a round comes. */
static void once_a_second(void)
{
	struct fixture f = { 0 };

	init(&f, 100);
	round_at(&f, 30 * SECOND + SECOND / 10);
	trace(&f, 1);
	passes(&f);
	for (unsigned int i = 2; i < 9; i++)
		round_at(&f, 30 * SECOND + SECOND / 10 * i);
	check_text(flushes(&f), "");
	round_at(&f, 31 * SECOND + SECOND / 10);
	check_text(flushes(&f), "reason=interval traces=1 spans=1");
	fini(&f);
}

static void open_traces_stay(void)
{
	struct fixture f = { 0 };
	struct ta_record_span_start record = { .head.kind = TA_RECORD_SPAN_START,
					       .trace_lo = 1000,
					       .span_id = 1000,
					       .start_ns = 1 };

	init(&f, 100);
	records(&f, &record, sizeof(record));
	passes(&f);
	round_at(&f, 100 * SECOND);
	check_same(ta_flush_run(f.worker, TA_FLUSH_EXPLICIT), 0);
	check_text(flushes(&f), "");
	check_same(lines_of(f.host.out), 0);
	fini(&f);
}

static void events_at_once(void)
{
	struct fixture f = { 0 };

	init(&f, 100);
	event(&f, 1, 5);
	passes(&f);
	round_at(&f, 0);
	check_same(lines_of(events_path(&f)), 1);
	for (uint64_t id = 2; id < 12; id++) {
		event(&f, id, id);
		passes(&f);
		round_at(&f, SECOND / 100 * id);
	}
	check_same(lines_of(events_path(&f)), 1);
	round_at(&f, SECOND / 2);
	check_same(lines_of(events_path(&f)), 2);
	check_same(lines_of(f.host.out), 0);
	check_text(flushes(&f), "events=1; events=10");
	check_same(f.worker->state.exported_events, 11);
	event(&f, 20, 20);
	passes(&f);
	check_same(ta_flush_run(f.worker, TA_FLUSH_EXPLICIT), 0);
	check_same(lines_of(events_path(&f)), 3);
	fini(&f);
}

static size_t place_of(const struct fixture *f, const char *id)
{
	const char *text = text_of(events_path(f)), *at = strstr(text, id);

	return at ? (size_t)(at - text) : 0;
}

static void in_order_of_capture(void)
{
	struct fixture f = { 0 };

	init(&f, 100);
	event(&f, 0xa2, 200);
	event(&f, 0xa1, 100);
	event(&f, 0xa3, 300);
	passes(&f);
	round_at(&f, 0);
	size_t first = place_of(&f, "00000000000000a1"), second = place_of(&f, "00000000000000a2");

	check(first > 0 && first < second && second < place_of(&f, "00000000000000a3"),
	      "not by time: %s", text_of(events_path(&f)));
	fini(&f);
}

/* Events cannot be written, spans can; and then events can again. */
static void one_file_fails(void)
{
	struct fixture f = { 0 };

	init(&f, 2);
	check_same(mkdir(events_path(&f), 0700), 0);
	event(&f, 1, 1);
	trace(&f, 2);
	passes(&f);
	round_at(&f, 0);
	check_same(lines_of(f.host.out), 1);
	check_same(f.worker->state.events.ready_count, 1);
	check(f.worker->flush.ways[TA_OUTPUT_EVENTS].error != 0, "a directory took an event");
	check_same(f.worker->flush.ways[TA_OUTPUT_SPANS].error, 0);
	trace(&f, 2);
	passes(&f);
	round_at(&f, RESTED);
	check_same(lines_of(f.host.out), 2);
	rmdir(events_path(&f));
	round_at(&f, SECOND);
	check_same(lines_of(events_path(&f)), 1);
	check_same(f.worker->state.events.count, 0);
	fini(&f);
}

/* Killed between the begin of an append and its end: what was appended is cut off, in the
 * file that it went to. */
static void killed_while_appending(bool events, bool appended)
{
	struct fixture f = { 0 };
	enum ta_output output = events ? TA_OUTPUT_EVENTS : TA_OUTPUT_SPANS;

	init(&f, 100);
	for (int i = 0; i < 2; i++) {
		event(&f, 1 + (uint64_t)i, 1);
		trace(&f, 1);
		passes(&f);
		if (i == 0)
			ta_flush_run(f.worker, TA_FLUSH_EXPLICIT);
	}
	f.worker->now_ns = ta_agent_now_ns();
	struct ta_event_flush flush = { .count = 1, .output = output };
	const char *path = events ? events_path(&f) : f.host.out;
	struct stat info;

	check_same(stat(path, &info), 0);
	flush.place = (struct ta_file_place){ .inode = info.st_ino,
					      .bytes = (uint64_t)info.st_size };
	if (!events)
		ta_worker_event(f.worker, TA_EVENT_LEAVING, &flush, sizeof(flush));
	ta_worker_event(f.worker, TA_EVENT_FLUSH_BEGIN, &flush, sizeof(flush));
	if (appended)
		ta_file_append(f.worker->flush.exporter.files[output], "{\"half\":1}", 10);
	stop(&f);
	start(&f);
	check(strstr(text_of(path), "half") == NULL, "it was not cut off");
	check_same(f.worker->state.flushing.count, 0);
	check_same(f.worker->state.buckets.leaving_count, 0);
	check_same(f.worker->state.events.count, 1);
	check_same(f.worker->state.buckets.group_spans, 1);
	check_same(ta_flush_run(f.worker, TA_FLUSH_EXPLICIT), 0);
	check_same(lines_of(events_path(&f)), 2);
	check_same(lines_of(f.host.out), 2);
	fini(&f);
}

static void killed(void)
{
	for (int i = 0; i < 4; i++)
		killed_while_appending(i & 1, i & 2);
}

/* Killed while the exporter encodes: no file is touched. */
static void killed_while_encoding(void)
{
	struct fixture f = { 0 };
	struct ta_event_flush flush = { .count = 1 };

	init(&f, 100);
	trace(&f, 1);
	passes(&f);
	ta_worker_event(f.worker, TA_EVENT_LEAVING, &flush, sizeof(flush));
	stop(&f);
	start(&f);
	check_same(f.worker->state.buckets.leaving_count, 0);
	check_same(ta_flush_run(f.worker, TA_FLUSH_EXPLICIT), 0);
	check_same(lines_of(f.host.out), 1);
	fini(&f);
}

int main(void)
{
	check_group("a full buffer goes out whole", full);
	check_group("a buffer that is full again soon", full_again);
	check_group("a buffer that was full several times", full_many_times);
	check_group("a flush that was asked for", asked_for);
	check_group("a large flush is several lines", a_large_one);
	check_group("the interval", interval);
	check_group("the interval counts from the last flush", interval_after_another);
	check_group("the interval is looked at once a second", once_a_second);
	check_group("open traces stay", open_traces_stay);
	check_group("events go out at once, a few writes a second", events_at_once);
	check_group("events in order of capture", in_order_of_capture);
	check_group("one file fails, the other does not", one_file_fails);
	check_group("killed while appending", killed);
	check_group("killed while encoding", killed_while_encoding);
	return check_status();
}
