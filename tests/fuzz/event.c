/* SPDX-License-Identifier: MIT */
/*
 * event.c - fuzzes captured events on their way out; the input is an event's JSON.
 *
 * Its first byte chooses the type of the event.  The same text is a breadcrumb row, a
 * tag and a context of its scope.  Whatever it is, the line is JSON for cJSON too.
 */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/export/enrich.h"
#include "runtime/export/otlp_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void demand(int holds)
{
	if (!holds)
		abort();
}

static struct ta_enrich *enricher(void)
{
	static struct ta_config config;
	static struct ta_enrich *enrich;
	static char *no_environment[] = { NULL };

	if (enrich)
		return enrich;
	ta_config_load(&config, no_environment, NULL, NULL);
	enrich = ta_enrich_new(&config);
	return enrich;
}

/* An EVENT record of exactly its size, with the text as its JSON. */
static struct ta_record_event *make_record(const char *text, size_t bytes, uint8_t type)
{
	size_t size = (sizeof(struct ta_record_event) + sizeof(struct ta_attr) + bytes + 7) & ~(size_t)7;
	struct ta_record_event *record = calloc(1, size);
	struct ta_attr attr = { TA_ATTR_EVENT_JSON, TA_ATTR_JSON, (uint16_t)bytes };

	record->head.kind = TA_RECORD_EVENT;
	record->head.units = (uint16_t)(size / 8);
	record->type = type;
	memcpy(record + 1, &attr, sizeof(attr));
	memcpy((char *)(record + 1) + sizeof(attr), text, bytes);
	return record;
}

static void check_line(const struct ta_batch *batch)
{
	struct ta_buf buf = { 0 };
	cJSON *tree;

	demand(ta_otlp_json_logs(batch, enricher(), &buf) == 0);
	tree = cJSON_ParseWithLength(buf.data, buf.bytes);
	demand(tree != NULL);
	cJSON_Delete(tree);
	ta_buf_fini(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	if (bytes < 1 || bytes > 30000)
		return 0;
	char *text = malloc(bytes);
	uint32_t rest = (uint32_t)bytes - 1;

	memcpy(text, data + 1, rest);
	struct ta_entry tag = { .key = text, .key_bytes = rest < 4 ? rest : 4, .value = text,
				.value_bytes = rest, .type = TA_ATTR_STRING };
	struct ta_entry thing = { .key = text, .key_bytes = rest < 4 ? rest : 4, .value = text,
				  .value_bytes = rest, .type = TA_ATTR_JSON };
	struct ta_crumb crumb = { .time_ns = 1, .attrs = text, .attr_bytes = rest };
	struct ta_scope_data scope = { .tags = &tag, .tag_count = 1, .contexts = &thing,
				       .context_count = 1, .user = &thing, .user_count = 1,
				       .crumbs = &crumb, .crumb_count = 1, .attributes = &tag,
				       .attribute_count = 1, .fingerprint = &thing,
				       .fingerprint_count = 1 };
	struct ta_record_event *record = make_record(text, rest, (uint8_t)(data[0] % 5));
	struct ta_event event = { .record = record, .scope = data[0] & 0x80 ? &scope : NULL };
	struct ta_event *events[1] = { &event };
	struct ta_batch batch = { .events = events, .event_count = 1 };

	check_line(&batch);
	free(record);
	free(text);
	return 0;
}
