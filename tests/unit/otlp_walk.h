/* SPDX-License-Identifier: MIT */
/*
 * otlp_walk.h - a batch shown to one sink.
 */
#ifndef TA_TESTS_UNIT_OTLP_WALK_H
#define TA_TESTS_UNIT_OTLP_WALK_H

#include "runtime/export/event_merge.h"
#include "runtime/export/otlp_pb.h"

/* What the sink's end() says; -ENOMEM also when the walk itself has no memory. */
static int walk(const struct ta_batch *batch, struct ta_enrich *enrich, struct ta_sink *sink,
		struct ta_messages *messages)
{
	static struct ta_out_span out;
	int error = 0, wrong;

	sink->class->begin(sink, batch);
	for (uint32_t i = 0; i < batch->count; i++) {
		ta_enrich_span(enrich, batch->spans[i], &out);
		sink->class->span(sink, batch->spans[i], &out);
	}
	for (uint32_t i = 0; i < batch->event_count && !error; i++) {
		const struct ta_event *event = batch->events[i];
		struct ta_event_data data;

		error = ta_event_merge(event, ta_batch_wall_offset(batch, event->process), &data);
		if (!error)
			sink->class->event(sink, event, &data);
		ta_event_data_fini(&data);
	}
	wrong = sink->class->end(sink, messages);
	return error ? error : wrong;
}

#endif
