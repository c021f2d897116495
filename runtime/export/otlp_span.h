/* SPDX-License-Identifier: MIT */
/*
 * otlp_span.h - what OTLP says of a span beyond what the enricher found: decided once,
 * for JSON and protobuf alike.
 *
 * Members of a Span that are 0 or empty are left out: parent, trace state, status, the
 * message of a status.
 *
 * Runs: agent, the exporter's thread.
 */
#ifndef TA_EXPORT_OTLP_SPAN_H
#define TA_EXPORT_OTLP_SPAN_H

#include "runtime/export/sink.h"

/* trace.proto, SpanFlags. */
enum {
	TA_OTLP_SAMPLED = 1, /* of W3C's flags */
	TA_OTLP_REMOTE_KNOWN = 0x100,
	TA_OTLP_REMOTE = 0x200,
	TA_OTLP_LINK_FLAGS = TA_OTLP_REMOTE_KNOWN, /* known not to be remote */
};

struct ta_otlp_span {
	int64_t wall_offset_ns;
	uint64_t start_ns, end_ns; /* Unix */
	uint32_t flags;
};

static inline struct ta_otlp_span ta_otlp_span_of(const struct ta_batch *batch,
						  const struct ta_span *span)
{
	int64_t offset = ta_batch_wall_offset(batch, span->process);
	uint64_t end_ns = span->end_ns > span->start_ns ? span->end_ns : span->start_ns;
	uint32_t flags = TA_OTLP_REMOTE_KNOWN;

	if (span->flags & TA_SPAN_REMOTE_PARENT)
		flags |= TA_OTLP_REMOTE;
	if (!(span->flags & TA_SPAN_NOT_SAMPLED))
		flags |= TA_OTLP_SAMPLED;
	return (struct ta_otlp_span){ offset, span->start_ns + (uint64_t)offset,
				      end_ns + (uint64_t)offset, flags };
}

#endif
