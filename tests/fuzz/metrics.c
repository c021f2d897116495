/* SPDX-License-Identifier: MIT */
/*
 * metrics.c - fuzzes metrics: spans with any attributes, told in all four ways.
 *
 * Input: a byte of settings, then spans: type, kind, duration (4 bytes), number of
 * attributes; then attributes: which name, type, length, bytes.  Whatever they hold, JSON
 * is JSON for cJSON too, protobuf has whole fields, Prometheus' texts are UTF-8 in whole
 * lines.
 */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/export/metrics.h"
#include "runtime/export/pb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static const char *const names[] = {
	"http.request.method", "url.scheme", "http.response.status_code", "http.route", "error.type",
	"network.protocol.version", "server.address", "server.port", "url.template", "db.system.name",
	"db.collection.name", "db.namespace", "db.operation.name", "db.response.status_code",
	"db.query.summary", "db.stored_procedure.name", "sentry.op", "tagalong.namespace",
	"http.request.body.size", "http.response.body.size", "", "else",
};

struct input {
	const uint8_t *at, *end;
};

static void demand(int holds)
{
	if (!holds)
		abort();
}

static uint8_t next(struct input *input)
{
	return input->at < input->end ? *input->at++ : 0;
}

static struct ta_enrich *enricher(void)
{
	static struct ta_config config;
	static struct ta_enrich *enrich;
	static char *environment[] = { (char *)"OTEL_RESOURCE_ATTRIBUTES=a.b=%22x%0Ay,a_b=%FF,9=z", NULL };

	if (enrich)
		return enrich;
	ta_config_load(&config, environment, NULL, NULL);
	enrich = ta_enrich_new(&config);
	return enrich;
}

static void read_attr(struct input *input, struct ta_out_attr *attr)
{
	const char *name = names[next(input) % (sizeof(names) / sizeof(names[0]))];
	size_t length;

	*attr = (struct ta_out_attr){ .name = name, .name_bytes = (uint32_t)strlen(name) };
	attr->type = (uint8_t)(next(input) % 7);
	length = (size_t)next(input) * (attr->type == 4 ? 2 : 1);
	if (length > (size_t)(input->end - input->at))
		length = (size_t)(input->end - input->at);
	attr->text = (const char *)input->at;
	attr->text_bytes = (uint32_t)length;
	memcpy(&attr->number, input->at, length < 8 ? length : 8);
	input->at += length;
}

static void read_span(struct input *input, struct ta_span *span, struct ta_out_span *out)
{
	uint32_t duration = 0;

	*span = (struct ta_span){ .trace_lo = 1, .span_id = 2, .end = TA_SPAN_ENDED };
	span->type = next(input) % 7;
	out->kind = next(input) % 6;
	span->parent_id = next(input) % 2;
	for (int i = 0; i < 4; i++)
		duration = duration << 8 | next(input);
	span->end_ns = (uint64_t)duration * 16;
	out->attr_count = next(input) % 24;
	for (uint32_t i = 0; i < out->attr_count; i++)
		read_attr(input, &out->attrs[i]);
	memcpy(out->name, "tcp accept :1", 14);
	out->name_bytes = 13;
}

/* All the way down where every field is a message, as far as it goes. */
static void check_fields(const char *data, size_t bytes)
{
	struct ta_pb_reader reader = { (const unsigned char *)data, (const unsigned char *)data + bytes };
	struct ta_pb_field field;

	while (ta_pb_next(&reader, &field))
		;
	demand(reader.at == reader.end);
}

static void check_messages(const struct ta_messages *messages)
{
	for (uint32_t i = 0; i < messages->count; i++) {
		const struct ta_message *message = &messages->items[i];

		if (message->head.format == TA_FORMAT_JSON) {
			cJSON *tree = cJSON_ParseWithLength(message->body.data, message->body.bytes);

			demand(tree != NULL);
			demand(ta_utf8_valid(message->body.data, message->body.bytes));
			cJSON_Delete(tree);
		} else {
			check_fields(message->body.data, message->body.bytes);
		}
	}
}

static void check_text(struct ta_sink *sink, bool openmetrics)
{
	struct ta_buf text = { 0 };

	ta_metrics_prometheus(sink, openmetrics, 1, &text);
	demand(!text.failed && text.bytes && text.data[text.bytes - 1] == '\n');
	demand(ta_utf8_valid(text.data, text.bytes));
	ta_buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static struct ta_out_span out;
	static const struct ta_batch batch = { .wall_offset_ns = 5 };
	struct input input = { data, data + bytes };
	uint8_t settings = next(&input);
	struct ta_metrics_options options = { .delta = settings & 1, .low_memory = settings & 2,
					      .format = settings & 4 ? TA_FORMAT_JSON : TA_FORMAT_PROTOBUF };
	struct ta_sink *sink = ta_metrics_new(enricher(), &options);
	struct ta_messages messages = { 0 };
	struct ta_span span;

	sink->class->begin(sink, &batch);
	ta_metrics_exported(sink, settings & 8);
	while (input.at < input.end) {
		read_span(&input, &span, &out);
		sink->class->span(sink, &span, &out);
	}
	demand(sink->class->end(sink, NULL) == 0);
	demand(ta_metrics_collect(sink, 4000000000000000000ull, &messages) == 0);
	check_messages(&messages);
	check_text(sink, false);
	check_text(sink, true);
	ta_messages_fini(&messages);
	sink->class->free(sink);
	return 0;
}
