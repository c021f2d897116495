/* SPDX-License-Identifier: MIT */
/*
 * otlp_sink.h - what the OTLP sinks have in common: runs, limits, messages.
 *
 * An item is a span or a log record, encoded.  Items lie one behind the other; those of
 * one process that follow one another are a run and get one ResourceSpans (ResourceLogs)
 * entry.  A message is put together when it is complete: only then are the lengths
 * known that protobuf wants in front.
 *
 * Runs: agent, the exporter's thread.  No allocation but the buffers' and the messages'.
 */
#ifndef TA_EXPORT_OTLP_SINK_H
#define TA_EXPORT_OTLP_SINK_H

#include "runtime/export/otlp_pb.h"

#define TA_OTLP_RUN_FRAME 320u /* at most, of either format, without the resource's attributes */

/* Protobuf: consecutive items of one process, and its resource, as places in their buffers. */
struct ta_otlp_run {
	size_t items, resource, resource_bytes;
};

struct ta_otlp_sink {
	struct ta_sink sink;
	const struct ta_otlp_words *json; /* the words of the request; NULL: protobuf */
	struct ta_enrich *enrich;
	const struct ta_batch *batch;
	struct ta_message_limits limits;
	bool gzip, events;

	/* The message at hand. */
	struct ta_buf items;	 /* JSON: with all that stands around them */
	struct ta_buf resources; /* protobuf's */
	struct ta_otlp_run *runs;
	uint32_t run_count, run_capacity;
	const struct ta_process *process; /* of the last run */
	uint32_t count;	    /* of items */
	size_t item, text;  /* where the newest one begins, and behind what opens its run */
	uint64_t newest_ns; /* of all but the newest one */

	/* What repeats (repeat.h), and where it stands in the newest item, from its beginning. */
	struct ta_repeats *repeats;
	const struct ta_repeat *found;
	struct ta_otlp_marks {
		size_t front, front_end, rest, rest_end;
	} marks;

	struct ta_buf body;  /* before compression */
	struct ta_buf moved; /* an item, between two messages */
	size_t usual_bytes;  /* of the last message */
	struct ta_messages done;
	bool failed;
};

/* JSON: how the lists of a request are called. */
struct ta_otlp_words {
	const char *resources, *scopes, *items;
};
extern const struct ta_otlp_words ta_otlp_json_traces_words, ta_otlp_json_logs_words;

/* What each format brings. */
extern const struct ta_sink_class ta_otlp_json_traces_class, ta_otlp_json_logs_class,
	ta_otlp_pb_traces_class, ta_otlp_pb_logs_class;

/* otlp_request.c.  open_run: what follows is of that process. */
void ta_otlp_json_open_run(struct ta_otlp_sink *sink, const struct ta_process *process);
void ta_otlp_json_close(struct ta_otlp_sink *sink); /* items are the request then */
int ta_otlp_pb_open_run(struct ta_otlp_sink *sink, const struct ta_process *process);
/* All items up to that place. */
void ta_otlp_pb_request(const struct ta_otlp_sink *sink, size_t end, struct ta_buf *out);

/* For the classes. */
void ta_otlp_sink_begin(struct ta_sink *sink, const struct ta_batch *batch);
int ta_otlp_sink_end(struct ta_sink *sink, struct ta_messages *messages);
void ta_otlp_sink_free(struct ta_sink *sink);

/* The same for what repeats: a class's own span() marks it, its again() writes sink->found. */
static inline size_t ta_otlp_item_here(const struct ta_otlp_sink *sink)
{
	return sink->items.bytes - sink->text;
}
bool ta_otlp_sink_knows(struct ta_sink *sink, const struct ta_repeat_key *key);
void ta_otlp_sink_learn(struct ta_sink *sink, const struct ta_repeat_key *key);

/* An item of a process follows.  Returns where it is to be appended; protobuf: as field
 * TA_OTLP_ITEM, JSON: as an object. */
struct ta_buf *ta_otlp_item_begin(struct ta_otlp_sink *sink, const struct ta_process *process);
/* It is complete.  time_ns: Unix, of its end. */
void ta_otlp_item_end(struct ta_otlp_sink *sink, uint64_t time_ns);
#define TA_OTLP_ITEM 2u

/* A sink in the caller's memory, without limits, for a single request; and all that was
 * encoded as that request. */
void ta_otlp_sink_init(struct ta_otlp_sink *sink, const struct ta_sink_class *class,
		       struct ta_enrich *enrich);
void ta_otlp_sink_fini(struct ta_otlp_sink *sink);
int ta_otlp_sink_request(struct ta_otlp_sink *sink, struct ta_buf *out);

#endif
