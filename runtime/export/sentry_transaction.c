/* SPDX-License-Identifier: MIT */
/*
 * sentry_transaction.c - a span with the spans below it as transactions of Sentry.
 *
 * All but the list of spans is written when the transaction is opened, because a sink may
 * not keep what it is shown.  A part that is full (spans, bytes) is closed at once; what
 * comes then goes to a further part: a transaction of its own that stands below the first
 * one and has its name, its tags and its user, but a span id that nobody recorded.
 * Spans whose parents went with another part hang below that and say who their parent is.
 *
 * Runs: agent, the exporter's thread.
 */
#include "runtime/export/sentry_internal.h"

#include <string.h>

#define PUT TA_SENTRY_PUT
#define ROOT_BYTES (TA_SENTRY_ITEM_BYTES / 2) /* of all but the spans */

static uint64_t wall_ns(const struct ta_sentry *sentry, const struct ta_span *span,
			uint64_t time_ns)
{
	return time_ns + (uint64_t)ta_batch_wall_offset(sentry->batch, span->process);
}

static uint64_t end_ns(const struct ta_span *span)
{
	return span->end_ns > span->start_ns ? span->end_ns : span->start_ns;
}

/* Whether the program gave the span its name. */
static bool is_named(const struct ta_span *span)
{
	for (uint32_t i = 0; i < span->records.count; i++) {
		const struct ta_record *record = span->records.items[i];
		uint32_t bytes;
		const char *cursor = ta_record_attrs(record, &bytes), *end = cursor + bytes;
		struct ta_attr_view attr;

		if (record->kind == TA_RECORD_SPAN_EVENT || record->kind == TA_RECORD_SPAN_LINK)
			continue;
		while (ta_attr_next(&cursor, end, &attr))
			if (attr.key == TA_ATTR_NAME && attr.bytes)
				return true;
	}
	return false;
}

static const char *source_of(const struct ta_span *span, const struct ta_out_span *out)
{
	if ((span->scope && span->scope->transaction_bytes) || span->type == TA_SPAN_API ||
	    span->type == 0 || span->type > TA_SPAN_UNIT || is_named(span))
		return "custom";
	if (span->type != TA_SPAN_HTTP_SERVER)
		return "task";
	return ta_sentry_find(out, "http.route") ? "route" : "url";
}

static void put_name(struct ta_sentry_transaction *transaction, const struct ta_span *span,
		     const struct ta_out_span *out)
{
	const struct ta_scope_data *scope = span->scope;

	if (scope && scope->transaction_bytes)
		ta_sentry_short(&transaction->name, scope->transaction, scope->transaction_bytes);
	else
		ta_sentry_short(&transaction->name, out->name, out->name_bytes);
}

/* What the scopes hold, read the same way as for events. */
static int read_scope(struct ta_sentry *sentry, const struct ta_span *span,
		      struct ta_event_data *data)
{
	struct ta_record_event record = { .head.kind = TA_RECORD_EVENT,
					  .head.units = sizeof(record) / 8,
					  .type = TA_CAPTURE_MESSAGE };
	struct ta_event event = { .record = &record,
				  .process = span->process,
				  .scope = span->scope };

	int error = ta_event_merge(&event, ta_batch_wall_offset(sentry->batch, span->process),
				   data);

	/* What hooks saw before the span began would be on every request's transaction. */
	while (data->crumb_count && data->crumbs->automatic &&
	       data->crumbs->time_ns < wall_ns(sentry, span, span->start_ns)) {
		data->crumbs++;
		data->crumb_count--;
	}
	return error;
}

static size_t root_bytes(const struct ta_sentry_transaction *transaction)
{
	return transaction->trace.bytes + transaction->common.bytes + transaction->first.bytes +
	       transaction->contexts.bytes;
}

static bool out_of_memory(const struct ta_sentry_transaction *transaction)
{
	return transaction->trace.failed || transaction->common.failed ||
	       transaction->first.failed || transaction->contexts.failed ||
	       transaction->spans.failed || transaction->name.failed || transaction->kind.failed;
}

/* Everything but the spans, less and less of it until it is small enough. */
static void put_root(struct ta_sentry *sentry, struct ta_sentry_transaction *transaction,
		     const struct ta_span *span, const struct ta_out_span *out,
		     const struct ta_event_data *data)
{
	const char *source = source_of(span, out);

	transaction->low_cardinality = strcmp(source, "url") != 0;
	for (unsigned int i = 0; i < TA_SENTRY_SHRINKS; i++) {
		const struct ta_sentry_shrink *shrink = &ta_sentry_shrinks[i];

		transaction->common.bytes = transaction->first.bytes = 0;
		transaction->contexts.bytes = 0;
		PUT(&transaction->common, ",\"transaction\":");
		ta_buf_put(&transaction->common, transaction->name.data, transaction->name.bytes);
		PUT(&transaction->common, ",\"transaction_info\":{\"source\":\"");
		ta_buf_puts(&transaction->common, source);
		PUT(&transaction->common, "\"},");
		ta_buf_put(&transaction->common, sentry->standing.data, sentry->standing.bytes);
		ta_sentry_put_span_tags(&transaction->common, out);
		ta_sentry_put_user(&transaction->common, data, shrink);
		PUT(&transaction->contexts, "}"); /* of trace: what follows needs a comma */
		ta_sentry_put_contexts(sentry, &transaction->contexts, span->process, data, shrink);
		PUT(&transaction->first, "}");
		ta_sentry_put_extras(&transaction->first, data, NULL, shrink);
		ta_sentry_put_crumbs(&transaction->first, data, shrink);
		if (out_of_memory(transaction) || root_bytes(transaction) <= ROOT_BYTES)
			return;
	}
}

static void clear(struct ta_sentry_transaction *transaction)
{
	ta_buf_clear(&transaction->trace);
	ta_buf_clear(&transaction->common);
	ta_buf_clear(&transaction->first);
	ta_buf_clear(&transaction->contexts);
	ta_buf_clear(&transaction->spans);
	ta_buf_clear(&transaction->name);
	ta_buf_clear(&transaction->kind);
}

void ta_sentry_transaction_open(struct ta_sentry *sentry, struct ta_sentry_transaction *transaction,
				const struct ta_span *span, const struct ta_out_span *out)
{
	struct ta_event_data data;

	clear(transaction);
	transaction->trace_hi = span->trace_hi;
	transaction->trace_lo = span->trace_lo;
	transaction->span_id = transaction->part_span_id = span->span_id;
	transaction->start_ns = wall_ns(sentry, span, span->start_ns);
	transaction->end_ns = wall_ns(sentry, span, end_ns(span));
	transaction->part = transaction->count = 0;
	transaction->status = ta_sentry_status(span, out);
	if (read_scope(sentry, span, &data) != 0)
		sentry->failed = true;
	put_name(transaction, span, out);
	ta_sentry_put_kind(&transaction->kind, span, out);
	ta_sentry_put_trace(&transaction->trace, span, out,
			    ta_batch_wall_offset(sentry->batch, span->process));
	put_root(sentry, transaction, span, out, &data);
	ta_event_data_fini(&data);
}

/* The trace context of a further part. */
static void put_part(struct ta_buf *buf, const struct ta_sentry_transaction *transaction)
{
	PUT(buf, "{\"trace_id\":");
	ta_sentry_id(buf, transaction->trace_hi, transaction->trace_lo);
	PUT(buf, ",\"span_id\":");
	ta_sentry_span_id(buf, transaction->part_span_id);
	PUT(buf, ",\"parent_span_id\":");
	ta_sentry_span_id(buf, transaction->span_id);
	ta_sentry_comma(buf);
	ta_buf_put(buf, transaction->kind.data, transaction->kind.bytes);
	PUT(buf, ",\"status\":\"");
	ta_buf_puts(buf, transaction->status);
	PUT(buf, "\",\"data\":{\"tagalong.part\":");
	ta_buf_put_u64(buf, transaction->part + 1);
	PUT(buf, "},\"type\":\"trace\"}");
}

static void put_payload(struct ta_buf *buf, const struct ta_sentry_transaction *transaction,
			uint64_t id_hi, uint64_t id_lo)
{
	PUT(buf, "{\"event_id\":");
	ta_sentry_id(buf, id_hi, id_lo);
	PUT(buf, ",\"type\":\"transaction\",\"start_timestamp\":");
	ta_sentry_time(buf, transaction->start_ns);
	PUT(buf, ",\"timestamp\":");
	ta_sentry_time(buf, transaction->end_ns);
	PUT(buf, ",\"contexts\":{\"trace\":");
	if (transaction->part)
		put_part(buf, transaction);
	else
		ta_buf_put(buf, transaction->trace.data, transaction->trace.bytes);
	ta_buf_put(buf, transaction->contexts.data + 1, transaction->contexts.bytes - 1);
	ta_buf_putc(buf, '}');
	ta_buf_put(buf, transaction->common.data, transaction->common.bytes);
	if (!transaction->part)
		ta_buf_put(buf, transaction->first.data + 1, transaction->first.bytes - 1);
	PUT(buf, ",\"spans\":[");
	ta_buf_put(buf, transaction->spans.data, transaction->spans.bytes);
	PUT(buf, "]}");
}

void ta_sentry_transaction_close(struct ta_sentry *sentry,
				 struct ta_sentry_transaction *transaction)
{
	uint64_t mixed = ta_sentry_mix(transaction->span_id + transaction->part);
	struct ta_sentry_envelope envelope = {
		.event_hi = ta_sentry_mix(transaction->trace_hi ^ mixed),
		.event_lo = ta_sentry_mix(transaction->trace_lo + mixed) | 1,
		.trace_hi = transaction->trace_hi,
		.trace_lo = transaction->trace_lo,
		.transaction = transaction->low_cardinality ? &transaction->name : NULL,
		.transaction_sent = true,
		.type = "transaction",
	};
	struct ta_message_head head = { .category = TA_CATEGORY_TRANSACTION,
					.spans = transaction->count + !transaction->part,
					.transactions = 1,
					.time_ns = transaction->end_ns };

	if (out_of_memory(transaction)) {
		sentry->failed = true;
		return;
	}
	ta_buf_clear(&sentry->payload);
	put_payload(&sentry->payload, transaction, envelope.event_hi, envelope.event_lo);
	ta_sentry_message(sentry, &envelope, &head, &sentry->payload);
}

static void next_part(struct ta_sentry *sentry, struct ta_sentry_transaction *transaction)
{
	ta_sentry_transaction_close(sentry, transaction);
	ta_buf_clear(&transaction->spans);
	transaction->part++;
	transaction->count = 0;
	transaction->part_span_id =
		ta_sentry_mix(transaction->span_id ^ ta_sentry_mix(transaction->part)) | 1;
	transaction->start_ns = UINT64_MAX;
	transaction->end_ns = 0;
}

static uint64_t parent_in_part(const struct ta_sentry_transaction *transaction,
			       const struct ta_span *span, uint32_t parent_part)
{
	return parent_part == transaction->part ? span->parent_id : transaction->part_span_id;
}

void ta_sentry_transaction_add(struct ta_sentry *sentry, struct ta_sentry_transaction *transaction,
			       const struct ta_span *span, const struct ta_out_span *out,
			       uint32_t parent_part)
{
	int64_t offset_ns = ta_batch_wall_offset(sentry->batch, span->process);
	uint64_t from_ns = wall_ns(sentry, span, span->start_ns);
	uint64_t to_ns = wall_ns(sentry, span, end_ns(span));
	size_t before = transaction->spans.bytes;

	if (transaction->count == TA_SENTRY_SPANS_MAX)
		next_part(sentry, transaction);
	ta_sentry_put_span(&transaction->spans, span, out,
			   parent_in_part(transaction, span, parent_part), offset_ns);
	if (transaction->count && !transaction->spans.failed &&
	    root_bytes(transaction) + transaction->spans.bytes > TA_SENTRY_ITEM_BYTES) {
		transaction->spans.bytes = before;
		next_part(sentry, transaction);
		ta_sentry_put_span(&transaction->spans, span, out,
				   parent_in_part(transaction, span, parent_part), offset_ns);
	}
	transaction->count++;
	if (!transaction->part)
		return;
	if (from_ns < transaction->start_ns)
		transaction->start_ns = from_ns;
	if (to_ns > transaction->end_ns)
		transaction->end_ns = to_ns;
}

void ta_sentry_transaction_fini(struct ta_sentry_transaction *transaction)
{
	ta_buf_fini(&transaction->trace);
	ta_buf_fini(&transaction->common);
	ta_buf_fini(&transaction->first);
	ta_buf_fini(&transaction->contexts);
	ta_buf_fini(&transaction->spans);
	ta_buf_fini(&transaction->name);
	ta_buf_fini(&transaction->kind);
}
