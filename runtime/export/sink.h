/* SPDX-License-Identifier: MIT */
/*
 * sink.h - an encoder, as the walk over a batch sees it.
 *
 * The walk (encode.c) enriches every span once, and merges every event with its scopes
 * once, and shows the result to all sinks that want it: the file, a collector, Sentry,
 * the metrics.  So a further destination costs its own encoding and nothing else.
 *
 *     begin(batch)
 *       { span(span, out) }... trace_end()      for every trace, parents before children;
 *       ...                                     only traces that this sink keeps
 *       event(event, data)...                   a batch has either spans or events
 *     end(messages)
 *
 * A span that says the same as earlier ones, but for ids and times, may be written from
 * memory (repeat.h).
 *
 * What a sink is shown lives until the call returns.  A sink is encoding only: no I/O, no
 * clock but the batch's.  Running out of memory is remembered and told by end().
 *
 * Runs: agent, the exporter's thread.
 */
#ifndef TA_EXPORT_SINK_H
#define TA_EXPORT_SINK_H

#include "runtime/agent/model.h"
#include "runtime/export/enrich.h"
#include "runtime/export/event_merge.h"
#include "runtime/export/message.h"
#include "runtime/export/repeat.h"

struct ta_sink;

struct ta_sink_class {
	const char *name; /* for the log */
	void (*begin)(struct ta_sink *sink, const struct ta_batch *batch);
	void (*span)(struct ta_sink *sink, const struct ta_span *span,
		     const struct ta_out_span *out);
	/* Or NULL, all three.  Whether it kept what a span of that key says; then that span, which
	 * need not be enriched, in place of span(); and, behind span(), what the key says. */
	bool (*knows)(struct ta_sink *sink, const struct ta_repeat_key *key);
	void (*again)(struct ta_sink *sink, const struct ta_span *span);
	void (*learn)(struct ta_sink *sink, const struct ta_repeat_key *key);
	void (*trace_end)(struct ta_sink *sink); /* or NULL */
	void (*event)(struct ta_sink *sink, const struct ta_event *event,
		      const struct ta_event_data *data); /* or NULL: no events */
	/* What was encoded, as messages behind those that are there (messages is NULL for sinks
	 * that make none).  Returns 0 or -ENOMEM; the sink is ready for begin() either way. */
	int (*end)(struct ta_sink *sink, struct ta_messages *messages);
	void (*free)(struct ta_sink *sink);
};

/* The first member of every sink. */
struct ta_sink {
	const struct ta_sink_class *class;
	bool unsampled; /* wants the traces, too, that head sampling leaves out (metrics) */
};

/* Limits of one message; a sink begins another one when it reaches either. */
struct ta_message_limits {
	uint32_t spans; /* or events */
	uint32_t bytes; /* before compression; a single span may exceed it */
};

#define TA_MESSAGE_BYTES (4u << 20)

/* Unix time less CLOCK_MONOTONIC, for what this process (or NULL) wrote. */
static inline int64_t ta_batch_wall_offset(const struct ta_batch *batch,
					   const struct ta_process *process)
{
	return process && process->wall_offset_ns ? process->wall_offset_ns :
						    batch->wall_offset_ns;
}

#endif
