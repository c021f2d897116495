/* SPDX-License-Identifier: MIT */
/*
 * flush.c - complete traces and events out to where they go.
 *
 * A run writes what is complete when it begins, for a reason: the buffer is full
 * (then as many of the oldest traces as filled it), the interval is over, somebody
 * asked, a process has died.  It is made of batches, one line each.  The journal
 * says what leaves, then that an append begins, to which file and where; then the
 * append; then that it is done.  An agent that died in between is found out by the
 * next one, which cuts the file back and appends again.  An append that fails leaves
 * everything where it is; above a bound the oldest are given up, and counted.
 *
 * Events do not wait for a reason, only for each other: a few writes a second.
 *
 * Runs: agent, the worker's thread.
 */
#include <errno.h>
#include <string.h>

#include "runtime/agent/worker.h"

#define PER_LINE 500u
#define BACKLOG 4u /* full buffers that make larger lines better than as many as there are buffers */
#define PER_RETRY 20u /* what fits into a nearly full disk */
#define LINE_BYTES (1u << 20) /* of events' records */
#define DELAY_FIRST_NS 100000000ull
#define DELAY_LAST_NS 5000000000ull
#define WAIT_NS 2000000ull /* lanes are read in between */
/* Between two full buffers: a line costs some 35 system calls and four changes of threads, which
 * who serves requests on the same processors has to wait for.  Ten thousand spans a second fill
 * the longest line meanwhile. */
#define FULL_REST_NS 50000000ull
#define TICK_NS 1000000000ull
#define EARLY_NS 250000000ull /* rather a quarter of a second early than a whole one late */
#define EVENTS_REST_NS 200000000ull
#define NETWORK_REST_NS 1000000000ull /* while the file fails */

static const char *const reasons[] = { "none",	   "max_spans", "interval", "explicit",
				       "shutdown", "exit",	"pressure" };

int ta_flush_init(struct ta_worker *worker, const char *path)
{
	struct ta_flush *flush = &worker->flush;

	flush->start_ns = flush->last_ns = flush->tick_ns = ta_agent_now_ns();
	int error = ta_destinations_open(worker, path);

	for (size_t i = 0; !error && ta_enrich_warning(flush->exporter.encode.enrich, i); i++)
		ta_log_say(&worker->log, "%s", ta_enrich_warning(flush->exporter.encode.enrich, i));
	return error;
}

void ta_flush_fini(struct ta_flush *flush)
{
	ta_exporter_stop(&flush->exporter);
	ta_batch_free(&flush->gathered, &flush->exporter.batch);
	ta_gathered_fini(&flush->gathered);
	ta_exporter_fini(&flush->exporter);
	ta_targets_fini(&flush->targets);
}

void ta_flush_recover(struct ta_worker *worker)
{
	struct ta_event_flush event = worker->state.flushing;
	int error = 0;

	if (event.count == 0 && worker->state.buckets.leaving_count == 0)
		return;
	if (event.count > 0)
		error = ta_outputs_cut(worker, &event);
	if (error)
		ta_log_say(&worker->log, "cannot cut a half-written line off %s: %s: readers leave it out",
			   worker->flush.ways[event.output].path, strerror(-error));
	if (event.count > 0 && worker->flush.exporter.delivery)
		ta_delivery_undo(worker->flush.exporter.delivery, event.number);
	event.delivered = 0;
	ta_worker_event(worker, TA_EVENT_FLUSH_FAILED, &event, sizeof(event));
}

bool ta_flush_busy(const struct ta_worker *worker)
{
	return worker->flush.exporter.batch.spans != NULL;
}

/* Of what is complete and cannot be written: two thirds of what is held at all. */
static uint64_t kept_bytes_max(const struct ta_worker *worker)
{
	return worker->config.memory_bytes / 4;
}

/* ---- when ---- */

/* The first tick at which the interval counts as over. */
static uint64_t interval_tick(const struct ta_worker *worker)
{
	const struct ta_flush *flush = &worker->flush;
	uint64_t over = flush->last_ns + worker->config.flush_interval_ms * 1000000u;
	uint64_t since = over - flush->start_ns > EARLY_NS ? over - flush->start_ns - EARLY_NS : 0;

	return flush->start_ns + (since + TICK_NS - 1) / TICK_NS * TICK_NS;
}

/* The interval is looked at once a second; a look that comes late counts as if it had
 * been in time. */
static void look_at_interval(struct ta_worker *worker)
{
	struct ta_flush *flush = &worker->flush;
	uint64_t due = interval_tick(worker);

	if (worker->now_ns < flush->tick_ns)
		return;
	flush->tick_ns += ((worker->now_ns - flush->tick_ns) / TICK_NS + 1) * TICK_NS;
	if (worker->state.buckets.group_count == 0 || due >= flush->tick_ns)
		return;
	while (due + TICK_NS < flush->tick_ns && due < flush->filled_ns)
		due += TICK_NS;
	flush->interval_ns = due;
}

static bool events_due(const struct ta_worker *worker)
{
	return worker->state.events.count > 0 && worker->now_ns >= worker->flush.events_ns;
}

void ta_flush_look(struct ta_worker *worker)
{
	struct ta_flush *flush = &worker->flush;
	const struct ta_state *state = &worker->state;
	bool ticks = worker->now_ns >= flush->tick_ns && interval_tick(worker) <= worker->now_ns;

	if (state->settling && (flush->soon || ticks ||
				(events_due(worker) && state->events.ready_count == 0)))
		ta_worker_settle(worker);
	if (state->buckets.group_count == 0 && !state->settling)
		flush->soon = false;
	look_at_interval(worker);
}

static bool is_full(const struct ta_worker *worker)
{
	return worker->state.buckets.group_spans >= worker->config.max_spans;
}

/* When a full buffer goes out: at once, or a rest after the last one that was full; what was
 * there then, or is enough for the longest line, needs no rest. */
static uint64_t full_ns(const struct ta_worker *worker)
{
	const struct ta_flush *flush = &worker->flush;
	bool enough = worker->state.buckets.group_spans >= PER_LINE;

	return enough || flush->full_ns == worker->now_ns ? 0 : flush->full_ns + FULL_REST_NS;
}

uint64_t ta_flush_wake_ns(const struct ta_worker *worker)
{
	const struct ta_flush *flush = &worker->flush;
	const struct ta_way *spans = &flush->ways[TA_OUTPUT_SPANS];
	const struct ta_way *events = &flush->ways[TA_OUTPUT_EVENTS];
	uint64_t wake = UINT64_MAX, at;

	if (ta_flush_busy(worker))
		return wake;
	if (worker->state.buckets.group_count > 0) {
		at = interval_tick(worker);
		wake = spans->error ? spans->retry_ns : at > flush->tick_ns ? at : flush->tick_ns;
		if (!spans->error && is_full(worker) && full_ns(worker) < wake)
			wake = full_ns(worker);
	}
	at = events->error ? events->retry_ns : flush->events_ns;
	return worker->state.events.count > 0 && at < wake ? at : wake;
}

/* Why spans should go out now. */
static enum ta_flush_reason reason_now(const struct ta_worker *worker)
{
	const struct ta_flush *flush = &worker->flush;
	const struct ta_buckets *buckets = &worker->state.buckets;

	if (buckets->group_count == 0)
		return TA_FLUSH_NOT;
	if (is_full(worker))
		return TA_FLUSH_MAX_SPANS;
	if (flush->soon)
		return TA_FLUSH_EXIT;
	if (flush->parts || buckets->group_bytes > kept_bytes_max(worker) / 2)
		return TA_FLUSH_PRESSURE;
	return flush->interval_ns ? TA_FLUSH_INTERVAL : TA_FLUSH_NOT;
}

/* ---- a run ---- */

/* So many spans fill the buffer.  When more came than one by one can be written, a line
 * takes as many as it may: it costs the same to begin and to end. */
static uint64_t full_at(const struct ta_worker *worker)
{
	uint64_t max = worker->config.max_spans;

	return worker->state.buckets.group_spans >= BACKLOG * max && max < PER_LINE ? PER_LINE : max;
}

/* How many of the oldest groups go out: all (at most), or up to and with the one with
 * which the buffer was full. */
static uint32_t count_groups(const struct ta_worker *worker, bool full, uint32_t most,
			     uint64_t *ret_spans)
{
	const struct ta_list *groups = &worker->state.buckets.groups;
	uint64_t spans = 0, enough = full ? full_at(worker) : UINT64_MAX;
	uint32_t count = 0;

	for (const struct ta_list *at = groups->next; at != groups && count < most; at = at->next) {
		if (spans >= enough)
			break;
		spans += TA_CONTAINER(at, struct ta_group, link)->count;
		count++;
	}
	*ret_spans = spans;
	return count;
}

static void take_events_along(struct ta_worker *worker)
{
	struct ta_flush *flush = &worker->flush;

	struct ta_way *way = &flush->ways[TA_OUTPUT_EVENTS];
	uint32_t ready = worker->state.events.ready_count;

	if (ready == 0)
		return;
	if (way->left == 0)
		ta_log_debug(&worker->log, "flush events=%u", ready);
	way->left = ready;
	flush->events_ns = worker->now_ns + EVENTS_REST_NS;
}

/* Of at most `most` groups.  Returns how many it is of. */
static uint32_t begin_run(struct ta_worker *worker, enum ta_flush_reason reason, uint32_t most)
{
	struct ta_flush *flush = &worker->flush;
	uint64_t spans;
	uint32_t groups = count_groups(worker, reason == TA_FLUSH_MAX_SPANS, most, &spans);

	if (groups > 0) {
		flush->last_ns = reason == TA_FLUSH_INTERVAL ? flush->interval_ns : worker->now_ns;
		ta_log_debug(&worker->log, "flush reason=%s traces=%u spans=%llu", reasons[reason],
			     groups, (unsigned long long)spans);
	}
	if (reason == TA_FLUSH_MAX_SPANS)
		flush->full_ns = worker->now_ns;
	else
		flush->soon = flush->parts = false;
	flush->interval_ns = flush->filled_ns = 0;
	flush->ways[TA_OUTPUT_SPANS].left = groups;
	take_events_along(worker);
	return groups;
}

static void plan(struct ta_worker *worker)
{
	struct ta_flush *flush = &worker->flush;
	const struct ta_way *ways = flush->ways;

	if (worker->state.buckets.group_count == 0)
		flush->filled_ns = flush->interval_ns = 0;
	else if (flush->filled_ns == 0)
		flush->filled_ns = worker->now_ns;
	enum ta_flush_reason reason = reason_now(worker);
	bool rests = reason == TA_FLUSH_MAX_SPANS && full_ns(worker) > worker->now_ns;

	if (ways[TA_OUTPUT_SPANS].left == 0 && reason != TA_FLUSH_NOT && !rests)
		begin_run(worker, reason, UINT32_MAX);
	else if (ways[TA_OUTPUT_EVENTS].left == 0 && events_due(worker) &&
		 worker->state.events.ready_count > 0)
		take_events_along(worker);
}

/* ---- a batch ---- */

/* What is in the spools already goes to the file, and by itself. */
static uint32_t most_of_line(const struct ta_worker *worker, enum ta_output output)
{
	uint32_t delivered = worker->state.delivered[output];
	uint32_t left = worker->flush.ways[output].left;

	return delivered > 0 && delivered < left ? delivered : left;
}

static uint32_t line_limit(const struct ta_worker *worker, enum ta_output output, uint32_t skip)
{
	return worker->flush.ways[output].error && skip == 0 ? PER_RETRY : PER_LINE;
}

/* How many groups behind the `skip` oldest make a line: at least one, at most so many. */
static uint32_t groups_of_line(const struct ta_worker *worker, uint32_t skip, uint32_t most,
			       uint32_t *ret_spans)
{
	const struct ta_list *groups = &worker->state.buckets.groups, *at = groups->next;
	uint32_t limit = line_limit(worker, TA_OUTPUT_SPANS, skip), count = 0, spans = 0;

	for (; skip > 0; skip--)
		at = at->next;
	for (; at != groups && count < most; at = at->next) {
		uint32_t more = TA_CONTAINER(at, struct ta_group, link)->count;

		if (count > 0 && spans + more > limit)
			break;
		spans += more;
		count++;
	}
	*ret_spans = spans;
	return count;
}

static uint32_t events_of_line(const struct ta_worker *worker, uint32_t skip, uint32_t most)
{
	const struct ta_list *ready = &worker->state.events.ready, *at = ready->next;
	uint32_t limit = line_limit(worker, TA_OUTPUT_EVENTS, skip), count = 0, bytes = 0;

	for (; skip > 0; skip--)
		at = at->next;
	for (; at != ready && count < most && count < limit && bytes < LINE_BYTES; at = at->next) {
		bytes += TA_CONTAINER(at, struct ta_held_event, link)->bytes;
		count++;
	}
	return count;
}

/* Of at most so many groups, or events. */
static int gather(struct ta_worker *worker, enum ta_output output, enum ta_batch_part part,
		  uint32_t most)
{
	struct ta_flush *flush = &worker->flush;
	struct ta_event_flush *event = &flush->event;
	uint32_t delivered = worker->state.delivered[output];
	uint32_t skip = part == TA_BATCH_NETWORK ? delivered : 0, spans = 0;
	int error;

	*event = (struct ta_event_flush){ .output = output };
	flush->exporter.delivered = false;
	if (output == TA_OUTPUT_EVENTS) {
		event->count = skip + events_of_line(worker, skip, most);
		error = ta_batch_events(worker, skip, event->count - skip);
	} else {
		event->count = skip + groups_of_line(worker, skip, most, &spans);
		ta_worker_event(worker, TA_EVENT_LEAVING, event, sizeof(*event));
		error = ta_batch_spans(worker, skip, event->count - skip, spans);
	}
	if (part == TA_BATCH_WHOLE && delivered > 0)
		part = TA_BATCH_FILE;
	flush->exporter.batch.part = (uint8_t)part;
	return error;
}

static void note_failure(struct ta_worker *worker, struct ta_way *way, int error)
{
	struct ta_flush *flush = &worker->flush;

	flush->event.delivered = flush->exporter.delivered ||
				 flush->exporter.batch.part == TA_BATCH_FILE;
	ta_worker_event(worker, TA_EVENT_FLUSH_FAILED, &flush->event, sizeof(flush->event));
	way->delay_ns = way->error ? way->delay_ns * 2 : DELAY_FIRST_NS;
	if (way->delay_ns > DELAY_LAST_NS)
		way->delay_ns = DELAY_LAST_NS;
	way->retry_ns = worker->now_ns + way->delay_ns;
	if (way->error != error)
		ta_log_say(&worker->log, "cannot write %s: %s; %u spans and %u events kept, retrying: make room, "
			   "allow it, or name another TAGALONG_FILE", way->path, strerror(-error), worker->state.buckets.group_spans,
			   worker->state.events.count);
	way->error = error;
}

static void drop(struct ta_worker *worker, struct ta_event_flush *event, uint32_t spare)
{
	struct ta_way *way = &worker->flush.ways[event->output];

	if (event->count == 0)
		return;
	if (way->left > spare)
		way->left = way->left - spare > event->count ? way->left - event->count : spare;
	ta_worker_event(worker, TA_EVENT_DROP, event, sizeof(*event));
}

/* Above the bound the oldest traces go. */
static void drop_surplus_groups(struct ta_worker *worker)
{
	struct ta_buckets *buckets = &worker->state.buckets;
	struct ta_event_flush event = { .output = TA_OUTPUT_SPANS };
	uint64_t bytes = buckets->group_bytes;

	TA_LIST_EACH(at, &buckets->groups) {
		if (bytes <= kept_bytes_max(worker))
			break;
		bytes -= TA_CONTAINER(at, struct ta_group, link)->bytes;
		event.count++;
	}
	drop(worker, &event, 0);
}

/* And the oldest events, but those that the exporter reads. */
static void drop_surplus_events(struct ta_worker *worker)
{
	struct ta_event_flush event = { .output = TA_OUTPUT_EVENTS };

	if (ta_flush_busy(worker) && worker->flush.event.output == TA_OUTPUT_EVENTS)
		event.spare = worker->flush.event.count;
	event.count = ta_events_surplus(&worker->state.events, event.spare);
	drop(worker, &event, event.spare);
}

static void note_success(struct ta_worker *worker, struct ta_way *way)
{
	struct ta_flush *flush = &worker->flush;

	ta_worker_event(worker, TA_EVENT_FLUSH_DONE, &flush->event, sizeof(flush->event));
	ta_journal_write(&worker->journal);
	if (way->error)
		ta_log_say(&worker->log, "writing %s again", way->path);
	way->error = 0;
	way->retry_ns = 0;
	way->left -= flush->event.count < way->left ? flush->event.count : way->left;
}

/* What the others do not have yet while the file fails. */
static uint32_t undelivered(const struct ta_worker *worker, enum ta_output output)
{
	uint32_t count = output == TA_OUTPUT_EVENTS ? worker->state.events.ready_count :
						      worker->state.buckets.group_count;
	bool others = worker->flush.exporter.delivery || worker->flush.exporter.encode.metrics;

	return others && worker->flush.ways[output].error ?
		       count - worker->state.delivered[output] :
		       0;
}

/* The file still has to get it. */
static void note_delivered(struct ta_worker *worker)
{
	struct ta_flush *flush = &worker->flush;

	flush->event.delivered = flush->exporter.delivered;
	ta_worker_event(worker, TA_EVENT_FLUSH_FAILED, &flush->event, sizeof(flush->event));
	ta_journal_write(&worker->journal);
	if (undelivered(worker, flush->event.output) == 0)
		flush->network_ns = worker->now_ns + NETWORK_REST_NS;
}

/* The batch is out, or it failed: the exporter is free again. */
static void finish_batch(struct ta_worker *worker, int error)
{
	struct ta_flush *flush = &worker->flush;
	struct ta_way *way = &flush->ways[flush->event.output];

	if (flush->exporter.batch.part == TA_BATCH_NETWORK) {
		note_delivered(worker);
	} else if (error) {
		note_failure(worker, way, error);
		drop_surplus_groups(worker);
		ta_journal_write(&worker->journal);
	} else {
		note_success(worker, way);
	}
	ta_exporter_commit(&flush->exporter);
	ta_batch_free(&flush->gathered, &flush->exporter.batch);
	ta_exporter_reset(&flush->exporter);
}

static bool begin_part(struct ta_worker *worker, enum ta_output output, enum ta_batch_part part,
		       uint32_t most)
{
	int error = gather(worker, output, part, most);

	if (error)
		finish_batch(worker, error);
	else
		ta_exporter_encode(&worker->flush.exporter, output);
	return !error;
}

/* Events first: an error is what somebody looks for. */
static bool begin_batch(struct ta_worker *worker)
{
	struct ta_flush *flush = &worker->flush;

	for (enum ta_output i = TA_OUTPUTS; i-- > 0;) {
		uint32_t fresh = undelivered(worker, i);

		if (flush->ways[i].left > 0 && worker->now_ns >= flush->ways[i].retry_ns)
			return begin_part(worker, i, TA_BATCH_WHOLE, most_of_line(worker, i));
		if (fresh > 0 && worker->now_ns >= flush->network_ns)
			return begin_part(worker, i, TA_BATCH_NETWORK, fresh);
	}
	return false;
}

static void begin_append(struct ta_worker *worker)
{
	struct ta_flush *flush = &worker->flush;

	flush->event.place = flush->exporter.place;
	flush->event.number = ++flush->exporter.number;
	ta_worker_event(worker, TA_EVENT_FLUSH_BEGIN, &flush->event, sizeof(flush->event));
	ta_journal_write(&worker->journal);
	ta_exporter_append(&flush->exporter);
}

/* Moves the batch on; false when it is the exporter's turn, or there is none. */
static bool advance(struct ta_worker *worker, uint64_t patience_ns)
{
	struct ta_exporter *exporter = &worker->flush.exporter;

	switch (ta_exporter_step(exporter, patience_ns)) {
	case TA_EXPORT_ENCODED:
		if (exporter->error)
			finish_batch(worker, exporter->error);
		else
			begin_append(worker);
		return true;
	case TA_EXPORT_APPENDED:
		finish_batch(worker, exporter->error);
		return true;
	default:
		return false;
	}
}

/* More complete than memory is set aside for: lanes have to wait for the output. */
static bool is_behind(const struct ta_worker *worker)
{
	return worker->state.buckets.group_bytes > kept_bytes_max(worker) && ta_flush_busy(worker);
}

void ta_flush_step(struct ta_worker *worker)
{
	drop_surplus_events(worker);
	do {
		while (advance(worker, is_behind(worker) ? WAIT_NS : 0))
			;
		if (ta_flush_busy(worker))
			return;
		plan(worker);
	} while (begin_batch(worker));
}

void ta_flush_wait(struct ta_worker *worker)
{
	while (ta_flush_busy(worker)) {
		advance(worker, WAIT_NS);
		if (ta_flush_busy(worker) && worker->flush.exporter.running)
			ta_drain_pass(worker);
	}
}

static void carry_out(struct ta_worker *worker)
{
	while (begin_batch(worker))
		ta_flush_wait(worker);
}

/* What is due; with a reason of its own, everything.  What becomes complete meanwhile is
 * another run's. */
static void run(struct ta_worker *worker, enum ta_flush_reason reason)
{
	const struct ta_way *way = &worker->flush.ways[TA_OUTPUT_SPANS];
	uint32_t remaining = worker->state.buckets.group_count;

	do {
		enum ta_flush_reason now = reason_now(worker);

		if (now != TA_FLUSH_MAX_SPANS && reason != TA_FLUSH_NOT)
			now = reason;
		if (now == TA_FLUSH_NOT)
			return;
		remaining -= begin_run(worker, now, remaining);
		carry_out(worker);
	} while (remaining > 0 && !way->error);
}

int ta_flush_run(struct ta_worker *worker, enum ta_flush_reason reason)
{
	struct ta_flush *flush = &worker->flush;

	ta_flush_wait(worker);
	carry_out(worker);
	for (int i = 0; i < TA_OUTPUTS; i++)
		flush->ways[i].left = 0, flush->ways[i].retry_ns = 0;
	run(worker, reason);
	int error = flush->ways[TA_OUTPUT_SPANS].error;

	return error ? error : flush->ways[TA_OUTPUT_EVENTS].error;
}

void ta_flush_due(struct ta_worker *worker)
{
	ta_flush_wait(worker);
	carry_out(worker);
	if (!worker->flush.ways[TA_OUTPUT_SPANS].error)
		run(worker, TA_FLUSH_NOT);
}
