/* SPDX-License-Identifier: MIT */
/*
 * otlp_json.c - batches as OTLP JSON.
 *
 * The order of the batch is kept: a run of spans of one process becomes one
 * resourceSpans entry, so a process may have several of them.
 *
 * Runs: agent, one thread.  No allocation but the buffer's.
 */
#include "runtime/export/otlp_json.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/export/enrich.h"

#define SCHEMA_URL "https://opentelemetry.io/schemas/1.44.0"
#define PUT(buf, literal) ta_buf_put(buf, literal, sizeof(literal) - 1)

enum { FLAG_SAMPLED = 1, FLAG_REMOTE_KNOWN = 0x100, FLAG_REMOTE = 0x200 };

static void put_trace_id(struct ta_buf *buf, uint64_t hi, uint64_t lo)
{
	PUT(buf, "\"traceId\":\"");
	ta_buf_put_hex64(buf, hi);
	ta_buf_put_hex64(buf, lo);
	PUT(buf, "\",\"spanId\":\"");
}

/* JSON has no numbers for these; protobuf's JSON form spells them. */
static void put_double(struct ta_buf *buf, double value)
{
	char text[32];

	if (isnan(value)) {
		PUT(buf, "\"NaN\"");
	} else if (isinf(value)) {
		ta_buf_puts(buf, value < 0 ? "\"-Infinity\"" : "\"Infinity\"");
	} else {
		snprintf(text, sizeof(text), "%.17g", value);
		ta_buf_puts(buf, text);
	}
}

static void put_base64(struct ta_buf *buf, const char *bytes, size_t count)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *from = (const unsigned char *)bytes;

	ta_buf_putc(buf, '"');
	for (size_t i = 0; i < count; i += 3) {
		unsigned int left = count - i < 3 ? (unsigned int)(count - i) : 3;
		unsigned int word = (unsigned int)from[i] << 16;
		char out[4];

		if (left > 1)
			word |= (unsigned int)from[i + 1] << 8;
		if (left > 2)
			word |= from[i + 2];
		for (unsigned int j = 0; j < 4; j++)
			out[j] = j <= left ? digits[word >> (18 - 6 * j) & 63] : '=';
		ta_buf_put(buf, out, sizeof(out));
	}
	ta_buf_putc(buf, '"');
}

static void put_value(struct ta_buf *buf, const struct ta_out_attr *attr)
{
	switch (attr->type) {
	case TA_ATTR_INT:
		PUT(buf, "\"intValue\":\"");
		ta_buf_put_i64(buf, attr->number);
		ta_buf_putc(buf, '"');
		break;
	case TA_ATTR_BOOL:
		if (attr->number)
			PUT(buf, "\"boolValue\":true");
		else
			PUT(buf, "\"boolValue\":false");
		break;
	case TA_ATTR_DOUBLE:
		PUT(buf, "\"doubleValue\":");
		put_double(buf, attr->real);
		break;
	case TA_ATTR_BYTES:
		PUT(buf, "\"bytesValue\":");
		put_base64(buf, attr->text, attr->text_bytes);
		break;
	default:
		PUT(buf, "\"stringValue\":");
		ta_buf_put_json(buf, attr->text, attr->text_bytes);
	}
}

/* Most attributes: a name and a text that need no escape, in one go. */
static bool put_plain(struct ta_buf *buf, const struct ta_out_attr *attr)
{
	char *at;

	if (!attr->plain_name || attr->type != TA_ATTR_STRING ||
	    !ta_text_plain(attr->text, attr->text_bytes))
		return false;
	at = ta_buf_reserve(buf, (size_t)attr->name_bytes + attr->text_bytes + 64);
	if (!at)
		return true;
	memcpy(at, ",{\"key\":\"", 9);
	memcpy(at + 9, attr->name, attr->name_bytes);
	at += 9 + attr->name_bytes;
	memcpy(at, "\",\"value\":{\"stringValue\":\"", 26);
	if (attr->text_bytes)
		memcpy(at + 26, attr->text, attr->text_bytes);
	at += 26 + attr->text_bytes;
	memcpy(at, "\"}}", 3);
	buf->bytes = (size_t)(at + 3 - buf->data);
	return true;
}

static void put_attribute(struct ta_buf *buf, const struct ta_out_attr *attr)
{
	if (put_plain(buf, attr))
		return;
	PUT(buf, ",{\"key\":");
	ta_buf_put_json(buf, attr->name, attr->name_bytes);
	PUT(buf, ",\"value\":{");
	put_value(buf, attr);
	PUT(buf, "}}");
}

static void put_attributes(struct ta_buf *buf, const struct ta_out_span *out)
{
	if (out->attr_count) {
		size_t first;

		PUT(buf, ",\"attributes\":");
		first = buf->bytes;
		for (uint32_t i = 0; i < out->attr_count; i++)
			put_attribute(buf, &out->attrs[i]);
		if (!buf->failed)
			buf->data[first] = '['; /* where the first comma stood */
		ta_buf_putc(buf, ']');
	}
	if (out->dropped_attrs) {
		PUT(buf, ",\"droppedAttributesCount\":");
		ta_buf_put_u64(buf, out->dropped_attrs);
	}
}

static void put_ids(struct ta_buf *buf, const struct ta_span *span, const struct ta_out_span *out)
{
	ta_buf_putc(buf, '{');
	put_trace_id(buf, span->trace_hi, span->trace_lo);
	ta_buf_put_hex64(buf, span->span_id);
	ta_buf_putc(buf, '"');
	if (out->trace_state[0]) {
		PUT(buf, ",\"traceState\":");
		ta_buf_put_json(buf, out->trace_state, strlen(out->trace_state));
	}
	if (span->parent_id) {
		PUT(buf, ",\"parentSpanId\":\"");
		ta_buf_put_hex64(buf, span->parent_id);
		ta_buf_putc(buf, '"');
	}
}

static void put_times(struct ta_buf *buf, const struct ta_span *span, int64_t wall_offset_ns)
{
	uint64_t end_ns = span->end_ns > span->start_ns ? span->end_ns : span->start_ns;

	if (span->process && span->process->wall_offset_ns)
		wall_offset_ns = span->process->wall_offset_ns;

	PUT(buf, ",\"startTimeUnixNano\":\"");
	ta_buf_put_u64(buf, span->start_ns + (uint64_t)wall_offset_ns);
	PUT(buf, "\",\"endTimeUnixNano\":\"");
	ta_buf_put_u64(buf, end_ns + (uint64_t)wall_offset_ns);
	ta_buf_putc(buf, '"');
}

static void put_link(struct ta_buf *buf, const struct ta_span *span)
{
	if (!span->link_span_id)
		return;
	PUT(buf, ",\"links\":[{");
	put_trace_id(buf, span->link_trace_hi, span->link_trace_lo);
	ta_buf_put_hex64(buf, span->link_span_id);
	PUT(buf, "\",\"flags\":256}]"); /* known not to be remote */
}

static void put_status(struct ta_buf *buf, const struct ta_out_span *out)
{
	if (!out->status)
		return;
	PUT(buf, ",\"status\":{");
	if (out->status_message[0]) {
		PUT(buf, "\"message\":");
		ta_buf_put_json(buf, out->status_message, strlen(out->status_message));
		ta_buf_putc(buf, ',');
	}
	PUT(buf, "\"code\":");
	ta_buf_put_i64(buf, out->status);
	ta_buf_putc(buf, '}');
}

static void put_flags(struct ta_buf *buf, const struct ta_span *span)
{
	uint64_t flags = FLAG_REMOTE_KNOWN;

	if (span->flags & TA_SPAN_REMOTE_PARENT)
		flags |= FLAG_REMOTE;
	if (!(span->flags & TA_SPAN_NOT_SAMPLED))
		flags |= FLAG_SAMPLED;
	PUT(buf, ",\"flags\":");
	ta_buf_put_u64(buf, flags);
	ta_buf_putc(buf, '}');
}

static void put_span(struct ta_buf *buf, struct ta_enrich *enrich, const struct ta_span *span,
		     int64_t wall_offset_ns)
{
	struct ta_out_span out;

	ta_enrich_span(enrich, span, &out);
	put_ids(buf, span, &out);
	PUT(buf, ",\"name\":");
	ta_buf_put_json(buf, out.name, out.name_bytes);
	PUT(buf, ",\"kind\":");
	ta_buf_put_i64(buf, out.kind);
	put_times(buf, span, wall_offset_ns);
	put_attributes(buf, &out);
	put_link(buf, span);
	put_status(buf, &out);
	put_flags(buf, span);
}

static void open_resource(struct ta_buf *buf, struct ta_enrich *enrich,
			  const struct ta_process *process)
{
	PUT(buf, "{\"resource\":{\"attributes\":[");
	ta_enrich_resource_json(enrich, process, buf);
	PUT(buf, "]},\"scopeSpans\":[{\"scope\":{\"name\":\"tagalong\",\"version\":\"" TA_VERSION
		 "\"},\"spans\":[");
}

static void close_resource(struct ta_buf *buf)
{
	PUT(buf, "],\"schemaUrl\":\"" SCHEMA_URL "\"}],\"schemaUrl\":\"" SCHEMA_URL "\"}");
}

int ta_otlp_json_encode(const struct ta_batch *batch, struct ta_enrich *enrich, struct ta_buf *buf)
{
	PUT(buf, "{\"resourceSpans\":[");
	for (uint32_t i = 0; i < batch->count; i++) {
		const struct ta_span *span = batch->spans[i];

		if (!i || span->process != batch->spans[i - 1]->process) {
			if (i) {
				close_resource(buf);
				ta_buf_putc(buf, ',');
			}
			open_resource(buf, enrich, span->process);
		} else {
			ta_buf_putc(buf, ',');
		}
		put_span(buf, enrich, span, batch->wall_offset_ns);
	}
	if (batch->count)
		close_resource(buf);
	PUT(buf, "]}");
	return buf->failed ? -ENOMEM : 0;
}
