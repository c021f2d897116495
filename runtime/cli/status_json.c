/* SPDX-License-Identifier: MIT */
/*
 * status_json.c - `tagalong status --json`: one document, every number.
 *
 * Members are only ever added.  Times ending in _ns are Unix nanoseconds, whole numbers
 * (some readers of JSON round them); 0 is never, or not known.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/status.h"

#include <inttypes.h>

#include "runtime/cli/members.h"

static const char *const things[TA_THINGS] = { "spans", "events", "points" };

static void count(struct ta_buf *buf, const char *name, const ta_count *value)
{
	ta_member_number(buf, name, ta_count_get(value));
}

static void hex(struct ta_buf *buf, const char *name, uint64_t value, int digits)
{
	char text[24];

	snprintf(text, sizeof(text), "%0*" PRIx64, digits, value);
	ta_member_words(buf, name, text);
}

/* {"text": ..., "time_ns": ...} */
static void said(struct ta_buf *buf, const char *name, const struct ta_status_text *text)
{
	char copy[TA_STATUS_TEXT];

	ta_status_get(text, copy);
	ta_member_open(buf, name, '{');
	ta_member_words(buf, "text", copy);
	count(buf, "time_ns", &text->time_ns);
	ta_buf_putc(buf, '}');
}

static void counts(struct ta_buf *buf, const char *name, const ta_count values[TA_THINGS])
{
	ta_member_open(buf, name, '{');
	for (int i = 0; i < TA_THINGS; i++)
		count(buf, things[i], &values[i]);
	ta_buf_putc(buf, '}');
}

static void put_dropped(struct ta_buf *buf, const struct ta_status_queue *queue)
{
	ta_member_open(buf, "dropped", '{');
	for (int i = 0; i < TA_DROPS; i++)
		counts(buf, ta_drop_name((enum ta_drop)i), queue->dropped[i]);
	ta_buf_putc(buf, '}');
}

static void put_waiting(struct ta_buf *buf, const struct ta_status_queue *queue)
{
	ta_member_open(buf, "waiting", '{');
	count(buf, "messages", &queue->waiting_messages);
	count(buf, "bytes", &queue->waiting_bytes);
	count(buf, "spans", &queue->waiting_spans);
	count(buf, "events", &queue->waiting_events);
	count(buf, "points", &queue->waiting_points);
	count(buf, "oldest_ns", &queue->oldest_ns);
	ta_member_truth(buf, "in_memory", ta_count_get(&queue->in_memory) != 0);
	ta_buf_putc(buf, '}');
}

static void put_queue(struct ta_buf *buf, const struct ta_status_queue *queue, const char *name)
{
	char shown[TA_STATUS_TEXT];

	ta_status_get(&queue->shown, shown);
	ta_member_open(buf, name, '{');
	ta_member_truth(buf, "wanted", ta_count_get(&queue->wanted) != 0);
	ta_member_words(buf, "to", shown);
	counts(buf, "taken", queue->taken);
	counts(buf, "sent", queue->sent);
	counts(buf, "adopted", queue->adopted);
	put_dropped(buf, queue);
	put_waiting(buf, queue);
	count(buf, "in_flight", &queue->in_flight);
	count(buf, "requests", &queue->requests);
	count(buf, "retries", &queue->retries);
	count(buf, "bytes_sent", &queue->bytes_sent);
	count(buf, "last_sent_ns", &queue->last_sent_ns);
	count(buf, "next_try_ns", &queue->next_try_ns);
	said(buf, "error", &queue->error);
	ta_buf_putc(buf, '}');
}

static void put_counts(struct ta_buf *buf, const struct ta_status_page *page)
{
#define COUNT(name) count(buf, #name, &page->name)
	COUNT(started_ns);
	COUNT(alive_ns);
	COUNT(restarts);
	COUNT(records);
	COUNT(record_bytes);
	COUNT(spans_ended);
	COUNT(events_captured);
	COUNT(open_spans);
	COUNT(open_traces);
	COUNT(held_spans);
	COUNT(held_bytes);
	COUNT(unsampled_spans);
	COUNT(lost_records);
	COUNT(lost_spans);
	COUNT(lost_events);
	COUNT(late_spans);
	COUNT(cpu_us);
	COUNT(memory_bytes);
#undef COUNT
}

static void put_page(struct ta_buf *buf, const struct ta_status_page *page)
{
	put_counts(buf, page);
	ta_member_open(buf, "file", '{');
	said(buf, "path", &page->file);
	count(buf, "spans", &page->file_spans);
	count(buf, "events", &page->file_events);
	count(buf, "bytes", &page->file_bytes);
	said(buf, "error", &page->file_error);
	ta_buf_putc(buf, '}');
	ta_member_open(buf, "destinations", '{');
	for (int i = 0; i < TA_QUEUES; i++)
		put_queue(buf, &page->queues[i], ta_queue_name((enum ta_queue)i));
	ta_buf_putc(buf, '}');
}

static void put_program(struct ta_buf *buf, const struct status_program *program)
{
	ta_member_open(buf, NULL, '{');
	ta_member_words(buf, "exe", program->exe);
	ta_member_number(buf, "pid", program->pid);
	ta_member_truth(buf, "alive", program->alive);
	ta_member_number(buf, "processes", program->processes);
	ta_member_number(buf, "started_ns", program->started_ns);
	ta_member_number(buf, "lanes", program->lanes);
	ta_member_number(buf, "lanes_ready", program->lanes_ready);
	ta_member_number(buf, "lanes_used", program->lanes_used);
	ta_member_open(buf, "lost", '{');
	for (int i = 0; i < TA_LOSS_COUNT; i++)
		ta_member_number(buf, ta_loss_word((enum ta_loss)i), program->lost[i]);
	ta_buf_puts(buf, "}}");
}

static void put_rates(struct ta_buf *buf, const struct status_rates *rates)
{
	ta_member_open(buf, "rates", '{');
	ta_member_real(buf, "over_s", rates->over_s);
	ta_member_real(buf, "records_per_s", rates->records);
	ta_member_real(buf, "record_bytes_per_s", rates->record_bytes);
	ta_member_real(buf, "spans_per_s", rates->spans);
	ta_member_real(buf, "events_per_s", rates->events);
	ta_member_real(buf, "cpu", rates->cpu);
	ta_buf_putc(buf, '}');
}

static void put_agent(struct ta_buf *buf, const struct status_agent *agent,
		      const struct status_rates *rates)
{
	ta_member_open(buf, NULL, '{');
	ta_member_words(buf, "run_dir", agent->run_dir);
	hex(buf, "key", agent->key, 8);
	ta_member_truth(buf, "alive", agent->alive);
	ta_member_number(buf, "pid", agent->pid);
	ta_member_truth(buf, "journal", agent->journal);
	ta_member_words(buf, "page", agent->page ? "ok" : agent->other_version ? "unreadable" : "none");
	ta_member_open(buf, "programs", '[');
	for (const struct status_program *at = agent->programs; at; at = at->next)
		put_program(buf, at);
	ta_buf_putc(buf, ']');
	ta_member_number(buf, "unreadable_segments", agent->unreadable);
	put_rates(buf, rates);
	if (agent->page)
		put_page(buf, agent->page);
	ta_buf_putc(buf, '}');
}

/* A lock file that nobody holds: there was an agent once. */
static bool is_nothing(const struct status_agent *agent)
{
	return !agent->alive && !agent->page && !agent->other_version && !agent->journal &&
	       !agent->programs && !agent->unreadable;
}

static void put_spool(struct ta_buf *buf, const struct status_spool *spool)
{
	ta_member_open(buf, NULL, '{');
	ta_member_words(buf, "path", spool->path);
	ta_member_words(buf, "destination", spool->queue);
	hex(buf, "identity", spool->identity, 16);
	hex(buf, "key", spool->key, 8);
	ta_member_truth(buf, "owned", spool->owned);
	ta_member_number(buf, "files", spool->files);
	ta_member_number(buf, "bad_files", spool->bad);
	ta_member_number(buf, "bytes", spool->bytes);
	ta_member_number(buf, "oldest_ns", spool->oldest_ns);
	ta_buf_putc(buf, '}');
}

void ta_cli_status_json(FILE *out, const struct status_view *view, const struct status_view *from)
{
	struct ta_buf buf = { 0 };

	ta_member_open(&buf, NULL, '{');
	ta_member_number(&buf, "version", 1);
	ta_member_number(&buf, "time_ns", view->now_ns);
	ta_member_number(&buf, "running", (uint64_t)ta_cli_status_alive(view));
	ta_member_open(&buf, "run_dirs", '[');
	for (uint32_t i = 0; i < view->dir_count; i++)
		ta_member_words(&buf, NULL, view->dirs[i]);
	ta_buf_putc(&buf, ']');
	ta_member_open(&buf, "agents", '[');
	for (const struct status_agent *at = view->agents; at; at = at->next) {
		struct status_rates rates = ta_cli_status_rates(view, at, from);

		if (!is_nothing(at))
			put_agent(&buf, at, &rates);
	}
	ta_buf_putc(&buf, ']');
	ta_member_open(&buf, "spools", '[');
	for (const struct status_spool *at = view->spools; at; at = at->next)
		put_spool(&buf, at);
	ta_buf_puts(&buf, "]}\n");
	if (!buf.failed)
		fwrite(buf.data, 1, buf.bytes, out);
	ta_buf_fini(&buf);
}
