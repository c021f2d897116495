/* SPDX-License-Identifier: MIT */
/*
 * export_perfetto.c - spans for ui.perfetto.dev and chrome://tracing: the Trace Event Format.
 *
 * Processes and threads are tracks.  A span is an "X" event on its thread's track, or a pair
 * "b" and "e" on a track of its own (export_track.c); what it recorded and what was captured
 * in it are instants there.  Arrows ("s", "f") go from spans to the children that are drawn
 * elsewhere, and from what a span links to; a viewer can tie them only to "X" events, and
 * only forward in time.
 *
 * Times are microseconds after the first thing that is exported, whose Unix time is in
 * otherData: a double has no room for the nanoseconds of this century.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/export.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PIECE 65536u
/* Pids of processes that share theirs with another one (on other machines, or earlier). */
#define PID_MADE_UP 1000000000ull

struct writer {
	struct export_store *store;
	FILE *out;
	struct ta_buf buf, text;
	uint64_t base_ns;
	bool first;
	struct export_flow *flows;
	uint32_t flow_count, flow_capacity;
};

static void drain(struct writer *writer, bool all)
{
	if (writer->buf.bytes < PIECE && !all)
		return;
	fwrite(writer->buf.data, 1, writer->buf.bytes, writer->out);
	ta_buf_clear(&writer->buf);
}

/* {"ph":"X","name":...,"cat":"span","pid":1,"tid":2,"ts":3.000 */
static void begin(struct writer *writer, char phase, const char *name, const char *category,
		  const struct export_process *process, uint64_t tid, uint64_t time_ns)
{
	struct ta_buf *buf = &writer->buf;
	uint64_t ns = time_ns > writer->base_ns ? time_ns - writer->base_ns : 0;
	char numbers[128];

	ta_buf_puts(buf, writer->first ? "\n{\"ph\":\"" : ",\n{\"ph\":\"");
	writer->first = false;
	ta_buf_putc(buf, phase);
	ta_buf_puts(buf, "\",\"name\":");
	ta_buf_put_json(buf, name, strlen(name));
	ta_buf_puts(buf, ",\"cat\":\"");
	ta_buf_puts(buf, category);
	snprintf(numbers, sizeof(numbers),
		 "\",\"pid\":%" PRIu64 ",\"tid\":%" PRIu64 ",\"ts\":%" PRIu64 ".%03u",
		 process->shown_pid, tid, ns / 1000, (unsigned int)(ns % 1000));
	ta_buf_puts(buf, numbers);
}

static void end(struct writer *writer)
{
	ta_buf_putc(&writer->buf, '}');
	drain(writer, false);
}

static void put_id(struct writer *writer, uint64_t id)
{
	char text[48];

	snprintf(text, sizeof(text), ",\"id\":\"0x%" PRIx64 "\"", id);
	ta_buf_puts(&writer->buf, text);
}

static void put_member(struct writer *writer, const char *name, const char *value)
{
	ta_buf_puts(&writer->buf, name);
	ta_buf_put_json(&writer->buf, value, strlen(value));
}

static void put_ids(struct writer *writer, const struct show_trace *trace, uint64_t span_id)
{
	char id[40];

	snprintf(id, sizeof(id), "%016" PRIx64 "%016" PRIx64, trace->hi, trace->lo);
	put_member(writer, ",\"args\":{\"trace id\":", id);
	snprintf(id, sizeof(id), "%016" PRIx64, span_id);
	if (span_id)
		put_member(writer, ",\"span id\":", id);
}

static void put_args(struct writer *writer, const struct export_span *span,
		     struct ta_json_slice text)
{
	struct ta_json_slice message = ta_export_member(ta_export_member(text, "status"), "message");
	char id[24];

	put_ids(writer, span->trace, span->show.id);
	snprintf(id, sizeof(id), "%016" PRIx64, span->show.parent_id);
	if (span->show.parent_id)
		put_member(writer, ",\"parent span id\":", id);
	put_member(writer, ",\"kind\":", ta_export_kind(span->show.kind));
	if (span->show.status)
		put_member(writer, ",\"status\":", ta_export_status(span->show.status));
	if (ta_json_string(message).bytes) {
		ta_buf_puts(&writer->buf, ",\"status message\":");
		ta_export_put_string(&writer->buf, message);
	}
	ta_export_put_attributes(&writer->buf, ta_export_member(text, "attributes"));
	ta_buf_putc(&writer->buf, '}');
}

/* Where an instant is drawn: with that span, or with its process (s:"p"). */
static void begin_instant(struct writer *writer, const char *name, const char *category,
			  const struct export_span *span, const struct export_process *process,
			  uint64_t tid, uint64_t time_ns)
{
	if (span && span->async) {
		begin(writer, 'n', name, "span", process, span->tid, time_ns);
		put_id(writer, span->async);
		return;
	}
	begin(writer, 'i', name, category, process, span ? span->tid : tid, time_ns);
	ta_buf_puts(&writer->buf, span ? ",\"s\":\"t\"" : ",\"s\":\"p\"");
}

static void put_span_events(struct writer *writer, const struct export_span *span,
			    struct ta_json_slice events)
{
	struct ta_json_slice key, item;
	struct ta_json_walk walk;

	if (!events.bytes || !ta_json_walk(&walk, events.text, events.bytes))
		return;
	while (ta_json_next(&walk, &key, &item)) {
		char *name = ta_export_copy(ta_export_member(item, "name"));

		begin_instant(writer, name, "event", span, span->place.context->process, 0,
			      ta_export_u64(ta_export_member(item, "timeUnixNano")));
		put_ids(writer, span->trace, span->show.id);
		ta_export_put_attributes(&writer->buf, ta_export_member(item, "attributes"));
		ta_buf_putc(&writer->buf, '}');
		end(writer);
		free(name);
	}
}

static void put_flow(struct writer *writer, char phase, uint32_t index,
		     const struct export_span *span)
{
	begin(writer, phase, "follows", "flow", span->place.context->process, span->tid,
	      span->show.start_ns);
	put_id(writer, index);
	if (phase == 'f')
		ta_buf_puts(&writer->buf, ",\"bp\":\"e\"");
	end(writer);
}

/* Directly behind its span, so that what begins at the same time is not taken for it. */
static void put_flows(struct writer *writer, const struct export_span *span)
{
	for (uint32_t i = span->flow_in; i; i = writer->flows[i - 1].next_in)
		put_flow(writer, 'f', i, span);
	for (uint32_t i = span->flow_out; i; i = writer->flows[i - 1].next_out)
		put_flow(writer, 's', i, span);
}

static void put_span(void *user, struct export_span *span)
{
	struct writer *writer = user;
	struct ta_json_slice text = ta_export_text(writer->store, &span->place, &writer->text);
	uint64_t ns = span->show.end_ns - span->show.start_ns;
	char duration[64];

	begin(writer, span->async ? 'b' : 'X', span->show.name, "span",
	      span->place.context->process, span->tid, span->show.start_ns);
	if (span->async)
		put_id(writer, span->async);
	snprintf(duration, sizeof(duration), ",\"dur\":%" PRIu64 ".%03u", ns / 1000,
		 (unsigned int)(ns % 1000));
	if (!span->async)
		ta_buf_puts(&writer->buf, duration);
	put_args(writer, span, text);
	end(writer);
	put_flows(writer, span);
	put_span_events(writer, span, ta_export_member(text, "events"));
}

static void put_span_end(void *user, struct export_span *span)
{
	struct writer *writer = user;

	begin(writer, 'e', span->show.name, "span", span->place.context->process, span->tid,
	      span->show.end_ns);
	put_id(writer, span->async);
	end(writer);
}

static void put_name(struct writer *writer, const char *what, const struct export_process *process,
		     uint64_t tid, const char *name)
{
	begin(writer, 'M', what, "__metadata", process, tid, 0);
	put_member(writer, ",\"args\":{\"name\":", name);
	ta_buf_putc(&writer->buf, '}');
	end(writer);
}

static void put_thread_name(struct writer *writer, struct export_span **spans, uint32_t count)
{
	char made[32];
	const char *name = NULL;

	for (uint32_t i = 0; i < count && !name; i++)
		name = spans[i]->thread_name;
	snprintf(made, sizeof(made), "thread %" PRIu64, spans[0]->tid);
	if (!name && spans[0]->tid == spans[0]->place.context->process->pid)
		name = spans[0]->place.context->process->name;
	put_name(writer, "thread_name", spans[0]->place.context->process, spans[0]->tid,
		 name ? name : made);
}

static void put_event(void *user, const struct show_trace *trace, struct export_event *event)
{
	struct writer *writer = user;
	struct ta_json_slice text = ta_export_text(writer->store, &event->place, &writer->text);
	struct export_span *span = event->show.span_id && trace->count ?
					   ta_export_find(trace, event->show.span_id) : NULL;
	const struct export_process *process = event->place.context->process;

	if (span && (!span->trace || span->place.context->process != process))
		span = NULL; /* not exported, or another's */
	const char *name = event->show.text[0] ? event->show.text :
			   event->show.word[0] ? event->show.word : "event";

	begin_instant(writer, name, "event", span, process, event->tid ? event->tid : process->pid,
		      event->show.time_ns);
	put_ids(writer, trace, event->show.span_id);
	if (event->show.word[0])
		put_member(writer, ",\"severity\":", event->show.word);
	ta_export_put_attributes(&writer->buf, ta_export_member(text, "attributes"));
	ta_buf_putc(&writer->buf, '}');
	end(writer);
}

/* The number of the process, unless that is somebody else's already. */
static int name_pids(struct export_store *store)
{
	struct ta_map taken;
	struct ta_map_node *nodes = calloc(store->process_count + 1, sizeof(nodes[0]));
	int error = nodes ? ta_map_init(&taken) : -ENOMEM;

	if (error) {
		free(nodes);
		return error;
	}
	for (struct export_process *at = store->processes; at; at = at->next) {
		bool is_free = at->pid && at->pid < PID_MADE_UP && !ta_map_find(&taken, at->pid);

		at->shown_pid = is_free ? at->pid : PID_MADE_UP + at->number;
		if (is_free)
			ta_map_add(&taken, &nodes[at->number], at->pid);
	}
	ta_map_fini(&taken);
	free(nodes);
	return 0;
}

static void add_flow(struct writer *writer, struct export_span *from, struct export_span *to)
{
	if (from->async || to->async || from->show.start_ns > to->show.start_ns || from == to)
		return;
	if (writer->flow_count == writer->flow_capacity) {
		writer->flow_capacity = writer->flow_capacity * 2 + 64;
		writer->flows = ta_show_alloc(writer->flows,
					      writer->flow_capacity * sizeof(writer->flows[0]));
	}
	writer->flows[writer->flow_count++] = (struct export_flow){
		.from = from, .to = to, .next_out = from->flow_out, .next_in = to->flow_in
	};
	from->flow_out = to->flow_in = writer->flow_count;
}

static void find_flows(struct writer *writer, struct export_span **spans, uint32_t count)
{
	struct export_store *store = writer->store;

	for (uint32_t i = 0; i < count; i++)
		if (spans[i]->show.parent && !spans[i]->nested)
			add_flow(writer, (struct export_span *)spans[i]->show.parent, spans[i]);
	for (uint32_t i = 0; i < store->link_count; i++) {
		const struct export_link *link = &store->links[i];
		const struct show_trace *trace = ta_export_find_trace(store, link->hi, link->lo);
		struct export_span *target = trace ? ta_export_find(trace, link->id) : NULL;

		/* Whichever came first: time goes forward along an arrow. */
		if (!target || !link->from->trace)
			continue;
		if (target->show.start_ns <= link->from->show.start_ns)
			add_flow(writer, target, link->from);
		else
			add_flow(writer, link->from, target);
	}
}

/* Every track in turn: placed without functions, written with them. */
static void sweep_all(struct export_sweep *sweep, struct export_span **spans, uint32_t count,
		      struct writer *names)
{
	sweep->async = 0;
	for (uint32_t start = 0, next; start < count; start = next) {
		for (next = start + 1; next < count; next++)
			if (!ta_export_same_track(spans[start], spans[next]))
				break;
		if (names)
			put_thread_name(names, spans + start, next - start);
		ta_export_sweep(sweep, spans + start, next - start);
	}
}

static void look_at_time(void *user, const struct show_trace *trace, struct export_event *event)
{
	uint64_t *base_ns = user;

	(void)trace;
	event->place.context->process->used = true;
	if (event->show.time_ns < *base_ns)
		*base_ns = event->show.time_ns;
}

/* Notes on the way which processes there are. */
static uint64_t first_time(struct export_store *store, const struct show_filter *filter,
			   struct export_span **spans, uint32_t count)
{
	uint64_t base_ns = UINT64_MAX;

	for (uint32_t i = 0; i < count; i++) {
		spans[i]->place.context->process->used = true;
		if (spans[i]->show.start_ns < base_ns)
			base_ns = spans[i]->show.start_ns;
	}
	ta_export_events(store, filter, look_at_time, &base_ns);
	return base_ns == UINT64_MAX ? 0 : base_ns;
}

static void write_all(struct writer *writer, const struct show_filter *filter,
		      struct export_span **spans, uint32_t count)
{
	struct export_sweep place = { 0 }, draw = { put_span, put_span_end, writer, 0 };

	fprintf(writer->out,
		"{\"displayTimeUnit\":\"ns\",\"otherData\":{\"producer\":\"tagalong " TA_VERSION
		"\",\"unix time of 0\":\"%" PRIu64 "\"},\"traceEvents\":[", writer->base_ns);
	for (struct export_process *at = writer->store->processes; at; at = at->next)
		if (at->used)
			put_name(writer, "process_name", at, at->pid, at->name);
	sweep_all(&place, spans, count, NULL);
	find_flows(writer, spans, count);
	sweep_all(&draw, spans, count, writer);
	ta_export_events(writer->store, filter, put_event, writer);
	drain(writer, true);
	fputs("\n]}\n", writer->out);
}

int ta_export_perfetto(struct export_store *store, const struct show_filter *filter, FILE *out)
{
	struct writer writer = { .store = store, .out = out, .first = true };
	uint32_t count;
	int error = name_pids(store);

	if (error)
		return error;
	struct export_span **spans = ta_export_spans(store, &count);

	for (uint32_t i = 0; i < count; i++)
		if (!spans[i]->tid)
			spans[i]->tid = spans[i]->place.context->process->pid;
	qsort(spans, count, sizeof(spans[0]), ta_export_track_order);
	writer.base_ns = first_time(store, filter, spans, count);
	write_all(&writer, filter, spans, count);
	if (writer.buf.failed || writer.text.failed)
		error = -ENOMEM;
	ta_buf_fini(&writer.buf);
	ta_buf_fini(&writer.text);
	free(writer.flows);
	free(spans);
	return error;
}
