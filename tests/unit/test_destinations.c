/* SPDX-License-Identifier: MIT */
/*
 * test_destinations.c - a file and a receiver beside each other: neither waits for the
 * other, and after a death each has everything once.
 *
 * The receiver's queue is looked at through the status page; nothing is sent, because the
 * delivery's thread is not started.
 */
#include "tests/unit/flush.h"

static char spool[600];

static void init_with_receiver(struct fixture *f, const char *more)
{
	memset(f, 0, sizeof(*f));
	snprintf(spool, sizeof(spool), "TAGALONG_SPOOL_DIR=/dev/shm/tagalong-test-%d", (int)getpid());
	f->more[0] = spool;
	f->more[1] = "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:9";
	f->more[2] = more;
	init(f, 100);
}

static void fini_with_receiver(struct fixture *f)
{
	char command[700];

	fini(f);
	snprintf(command, sizeof(command), "rm -rf '%s'", strchr(spool, '=') + 1);
	check_same(system(command), 0);
}

static struct ta_status_queue *queue(const struct fixture *f, enum ta_queue which)
{
	return &f->worker->status->queues[which];
}

static uint64_t taken(const struct fixture *f)
{
	return ta_count_get(&queue(f, TA_QUEUE_OTLP_TRACES)->taken[TA_SPANS]);
}

static uint64_t waiting(const struct fixture *f)
{
	return ta_count_get(&queue(f, TA_QUEUE_OTLP_TRACES)->waiting_spans);
}

static void complete(struct fixture *f, unsigned int spans)
{
	trace(f, spans);
	passes(f);
	f->worker->now_ns = ta_agent_now_ns();
}

static uint64_t bytes_of(const char *path)
{
	struct stat about;

	return stat(path, &about) == 0 ? (uint64_t)about.st_size : 0;
}

static void both(void)
{
	struct fixture f;

	init_with_receiver(&f, NULL);
	complete(&f, 3);
	event(&f, 1, 1);
	passes(&f);
	check_same(ta_flush_run(f.worker, TA_FLUSH_EXPLICIT), 0);
	check_same(lines_of(f.host.out), 1);
	check_same(lines_of(events_path(&f)), 1);
	check_same(taken(&f), 3);
	check_same(waiting(&f), 3);
	check_same(ta_count_get(&queue(&f, TA_QUEUE_OTLP_LOGS)->taken[TA_EVENTS]), 1);
	ta_report_status(f.worker);
	check(bytes_of(f.host.out) > 0, "nothing was written");
	check_same(ta_count_get(&f.worker->status->file_bytes),
		   bytes_of(f.host.out) + bytes_of(events_path(&f)));
	fini_with_receiver(&f);
}

/* The file is a directory for a while. */
static void file_fails(void)
{
	struct fixture f;

	init_with_receiver(&f, NULL);
	check_same(mkdir(f.host.out, 0700), 0);
	complete(&f, 3);
	check(ta_flush_run(f.worker, TA_FLUSH_EXPLICIT) != 0, "a directory took a line");
	check_same(taken(&f), 3);
	check_same(f.worker->state.delivered[TA_OUTPUT_SPANS], 1);
	complete(&f, 2);
	round_at(&f, 2 * SECOND);
	check_same(taken(&f), 5);
	check_same(f.worker->state.delivered[TA_OUTPUT_SPANS], 2);
	complete(&f, 4);
	round_at(&f, 20 * SECOND);
	round_at(&f, 40 * SECOND);
	check_same(taken(&f), 9);
	rmdir(f.host.out);
	round_at(&f, 80 * SECOND);
	check_same(ta_flush_run(f.worker, TA_FLUSH_EXPLICIT), 0);
	check_same(f.worker->state.buckets.group_spans, 0);
	check_same(f.worker->state.delivered[TA_OUTPUT_SPANS], 0);
	check_same(f.worker->state.exported, 9);
	check_same(taken(&f), 9);
	fini_with_receiver(&f);
}

/* The next agent knows what the receiver has already. */
static void file_fails_over_a_death(void)
{
	struct fixture f;

	init_with_receiver(&f, NULL);
	check_same(mkdir(f.host.out, 0700), 0);
	complete(&f, 3);
	check(ta_flush_run(f.worker, TA_FLUSH_EXPLICIT) != 0, "a directory took a line");
	stop(&f);
	start(&f);
	check_same(f.worker->state.delivered[TA_OUTPUT_SPANS], 1);
	check_same(waiting(&f), 3);
	ta_journal_rewrite(&f.worker->journal, &f.worker->state);
	stop(&f);
	start(&f);
	rmdir(f.host.out);
	f.worker->now_ns = ta_agent_now_ns();
	check_same(ta_flush_run(f.worker, TA_FLUSH_EXPLICIT), 0);
	check_same(waiting(&f), 3);
	check_same(lines_of(f.host.out), 1);
	fini_with_receiver(&f);
}

/* Killed between the put and the journal's word that it is out: undone, and put again. */
static void killed(bool put)
{
	struct fixture f;

	init_with_receiver(&f, NULL);
	complete(&f, 3);
	struct ta_event_flush flush = { .count = 1, .output = TA_OUTPUT_SPANS };

	flush.number = ++f.worker->flush.exporter.number;
	ta_worker_event(f.worker, TA_EVENT_LEAVING, &flush, sizeof(flush));
	ta_worker_event(f.worker, TA_EVENT_FLUSH_BEGIN, &flush, sizeof(flush));
	if (put) {
		struct ta_messages messages = { 0 };
		struct ta_message *message = ta_messages_add(&messages);

		message->head.spans = 3;
		message->head.format = TA_FORMAT_PROTOBUF;
		ta_buf_puts(&message->body, "half");
		ta_delivery_put(f.worker->flush.exporter.delivery, TA_QUEUE_OTLP_TRACES,
				flush.number, &messages);
		ta_messages_fini(&messages);
	}
	stop(&f);
	start(&f);
	check_same(waiting(&f), 0);
	f.worker->now_ns = ta_agent_now_ns();
	check(f.worker->flush.exporter.number >= flush.number, "a number is used again");
	check_same(ta_flush_run(f.worker, TA_FLUSH_EXPLICIT), 0);
	check_same(waiting(&f), 3);
	fini_with_receiver(&f);
}

static void killed_both_ways(void)
{
	killed(false);
	killed(true);
}

/* Metrics see what head sampling leaves out; nobody else does. */
static void unsampled(void)
{
	struct fixture f;

	init_with_receiver(&f, "TAGALONG_TRACES_SAMPLE_RATE=0");
	complete(&f, 3);
	check_same(f.worker->state.buckets.group_spans, 3);
	stop(&f);
	start(&f);
	f.worker->now_ns = ta_agent_now_ns();
	check_same(ta_flush_run(f.worker, TA_FLUSH_EXPLICIT), 0);
	check_same(f.worker->state.buckets.group_spans, 0);
	check_same(f.worker->state.buckets.counters.unsampled, 3);
	check_same(f.worker->state.exported, 0);
	check_same(lines_of(f.host.out), 0);
	check_same(taken(&f), 0);
	fini_with_receiver(&f);
}

/* Each destination by its own rule. */
static void kept(void)
{
	struct fixture f;

	init_with_receiver(&f, "TAGALONG_KEEP_OTLP=none");
	complete(&f, 3);
	check_same(ta_flush_run(f.worker, TA_FLUSH_EXPLICIT), 0);
	check_same(lines_of(f.host.out), 1);
	check_same(waiting(&f), 0);
	check_same(taken(&f), 3);
	check_same(ta_count_get(
			   &queue(&f, TA_QUEUE_OTLP_TRACES)->dropped[TA_DROP_SAMPLED][TA_SPANS]),
		   3);
	fini_with_receiver(&f);
}

static void span_starts(struct fixture *f, uint64_t span, uint64_t parent)
{
	struct ta_record_span_start record = { .head.kind = TA_RECORD_SPAN_START,
					       .trace_lo = 1000,
					       .span_id = span,
					       .parent_id = parent,
					       .start_ns = 1,
					       .type = TA_SPAN_API };

	records(f, &record, sizeof(record));
}

static void span_ends(struct fixture *f, uint64_t span, uint8_t status)
{
	struct ta_record_span_end record = {
		.head.kind = TA_RECORD_SPAN_END, .span_id = span, .end_ns = 2, .status = status
	};

	records(f, &record, sizeof(record));
}

/* Once a part was kept the rest is. */
static void kept_in_parts(void)
{
	struct fixture f;

	init_with_receiver(&f, "TAGALONG_KEEP_OTLP=errors");
	span_starts(&f, 1000, 0);
	span_starts(&f, 1001, 1000);
	span_ends(&f, 1001, TA_STATUS_ERROR);
	f.worker->now_ns = ta_agent_now_ns();
	ta_flush_parts(f.worker, true);
	check_same(ta_flush_run(f.worker, TA_FLUSH_EXPLICIT), 0);
	check_same(waiting(&f), 1);
	span_ends(&f, 1000, TA_STATUS_UNSET);
	passes(&f);
	check_same(ta_flush_run(f.worker, TA_FLUSH_EXPLICIT), 0);
	check_same(waiting(&f), 2);
	complete(&f, 3); /* another trace, without errors */
	check_same(ta_flush_run(f.worker, TA_FLUSH_EXPLICIT), 0);
	check_same(waiting(&f), 2);
	fini_with_receiver(&f);
}

int main(void)
{
	check_group("a file and a receiver", both);
	check_group("the file fails", file_fails);
	check_group("the file fails, over a death", file_fails_over_a_death);
	check_group("killed while it goes out", killed_both_ways);
	check_group("what is not sampled", unsampled);
	check_group("tail sampling by destination", kept);
	check_group("tail sampling of parts", kept_in_parts);
	return check_status();
}
