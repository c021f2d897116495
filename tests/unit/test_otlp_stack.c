/* SPDX-License-Identifier: MIT */
/*
 * test_otlp_stack.c - crashes as OTLP log records, in JSON and protobuf alike: the signal in
 * words, the stack as a text that people read, and for files all that is known of it.
 */
#include <cjson/cJSON.h>

#include "runtime/export/signal_name.h"
#include "tests/unit/check.h"
#include "tests/unit/otlp_events.h"
#include "tests/unit/otlp_tree.h"
#include "tests/unit/otlp_walk.h"
#include "tests/unit/stacks_json.h"

#define FILE_LIMITS ((struct ta_message_limits){ UINT32_MAX, UINT32_MAX })
#define NET_LIMITS ((struct ta_message_limits){ 512, TA_MESSAGE_BYTES })

static struct ta_config config;
static struct ta_enrich *enrich;

/* The log record of one event; to be deleted. */
static cJSON *encode(struct made_event *event, enum ta_format format, struct ta_message_limits limits)
{
	struct ta_event *events[1] = { &event->event };
	const struct ta_batch batch = { .events = events, .event_count = 1, .wall_offset_ns = 1000 };
	struct ta_sink *sink = ta_otlp_logs_sink(enrich, format, false, limits);
	struct ta_messages messages = { 0 };
	cJSON *tree, *record = NULL;

	check_same(walk(&batch, enrich, sink, &messages), 0);
	if (check(messages.count == 1, "%u messages", messages.count)) {
		const struct ta_buf *body = &messages.items[0].body;

		tree = format == TA_FORMAT_JSON ? cJSON_ParseWithLength(body->data, body->bytes) :
						  tree_of(body->data, body->bytes, tree_logs);
		record = cJSON_GetObjectItem(tree, "resourceLogs");
		record = cJSON_GetObjectItem(record ? record->child : NULL, "scopeLogs");
		record = cJSON_GetObjectItem(record ? record->child : NULL, "logRecords");
		record = cJSON_DetachItemFromArray(record, 0);
		cJSON_Delete(tree);
	}
	ta_messages_fini(&messages);
	sink->class->free(sink);
	return record;
}

static void crash_make(struct made_event *event, const char *stack)
{
	event_make(event, TA_CAPTURE_CRASH, TA_LEVEL_FATAL);
	put_text(&event->made, TA_ATTR_EXCEPTION_TYPE, "SIGSEGV");
	put_text(&event->made, TA_ATTR_EXCEPTION_MESSAGE, "Segmentation fault");
	put_int(&event->made, TA_ATTR_SIGNAL_NUMBER, 11);
	put_int(&event->made, TA_ATTR_SIGNAL_CODE, 2);
	put_int(&event->made, TA_ATTR_SIGNAL_ADDRESS, -16);
	event->event.tid = 5;
	event->event.stack = stack;
	event->event.stack_bytes = stack ? (uint32_t)strlen(stack) : 0;
}

/* The value of an attribute: texts as they are, others as JSON. */
static const char *attribute(const cJSON *record, const char *key)
{
	static char texts[4][100000];
	static int turn;
	const cJSON *pair, *value;
	char *text = texts[turn++ % 4], *printed;

	cJSON_ArrayForEach(pair, cJSON_GetObjectItem(record, "attributes"))
	{
		const char *name = cJSON_GetStringValue(cJSON_GetObjectItem(pair, "key"));

		if (!name || strcmp(name, key) != 0)
			continue;
		value = cJSON_GetObjectItem(pair, "value");
		value = value ? value->child : NULL;
		printed = cJSON_IsString(value) ? NULL : cJSON_PrintUnformatted(value);
		snprintf(text, sizeof(texts[0]), "%s", printed ? printed : cJSON_GetStringValue(value));
		free(printed);
		return text;
	}
	return "(none)";
}

static void crash(void)
{
	struct made_event event;
	cJSON *record;

	crash_make(&event, stacks_plain);
	record = encode(&event, TA_FORMAT_JSON, FILE_LIMITS);
	check_same(cJSON_GetObjectItem(record, "severityNumber")->valueint, 21);
	check_text(cJSON_GetObjectItem(record, "eventName")->valuestring, "exception");
	check_text(attribute(record, "exception.type"), "SIGSEGV");
	check_text(attribute(record, "exception.message"), "Segmentation fault");
	check_text(attribute(record, "thread.id"), "71");
	check_text(attribute(record, "thread.name"), "shop");
	check_text(attribute(record, "tagalong.signal.number"), "11");
	check_text(attribute(record, "tagalong.signal.name"), "SIGSEGV");
	check_text(attribute(record, "tagalong.signal.code"), "2");
	check_text(attribute(record, "tagalong.signal.code_name"), "SEGV_ACCERR");
	check_text(attribute(record, "tagalong.signal.address"), "0xfffffffffffffff0");
	check_text(attribute(record, "tagalong.signal.sender_pid"), "(none)");
	check_text(attribute(record, "tagalong.stack.source"), "ptrace");
	check_text(attribute(record, "exception.stacktrace"),
		   "#0 0x401136 charge (shop.c:12) [/usr/bin/shop]\n"
		   "#1 0x4011a0 handle (shop.c:40) [/usr/bin/shop]\n"
		   "#2 0x7f01 __libc_start_main [/usr/lib/libc.so.6]\n"
		   "\nthread 72 \"wor\"ker\"\n"
		   "#0 0x7f55 poll\n");
	check(strstr(attribute(record, "tagalong.stack"), "\"context_line\":\"\\t*total = 1;\"") != NULL,
	      "%s", attribute(record, "tagalong.stack"));
	check(!strstr(attribute(record, "tagalong.stack"), "images"), "images");
	cJSON_Delete(record);
	span_drop(&event.made);
}

/* What goes over the network has the text alone; protobuf says the same as JSON. */
static void network(void)
{
	struct made_event event;
	char *json_text, *pb_text;
	cJSON *json, *pb;

	crash_make(&event, stacks_plain);
	json = encode(&event, TA_FORMAT_JSON, NET_LIMITS);
	pb = encode(&event, TA_FORMAT_PROTOBUF, NET_LIMITS);
	check_text(attribute(json, "tagalong.stack"), "(none)");
	json_text = cJSON_PrintUnformatted(cJSON_GetObjectItem(json, "attributes"));
	pb_text = cJSON_PrintUnformatted(cJSON_GetObjectItem(pb, "attributes"));
	check(json_text && pb_text && strcmp(json_text, pb_text) == 0, "%s\n%s", json_text, pb_text);
	free(json_text);
	free(pb_text);
	cJSON_Delete(json);
	cJSON_Delete(pb);
	span_drop(&event.made);
}

static void without_stack(void)
{
	struct made_event event;
	cJSON *record;

	crash_make(&event, NULL);
	record = encode(&event, TA_FORMAT_JSON, FILE_LIMITS);
	check_text(attribute(record, "thread.id"), "5");
	check_text(attribute(record, "exception.stacktrace"), "(none)");
	check_text(attribute(record, "tagalong.stack"), "(none)");
	cJSON_Delete(record);
	span_drop(&event.made);

	event_make(&event, TA_CAPTURE_ERROR, TA_LEVEL_ERROR);
	put_text(&event.made, TA_ATTR_EXCEPTION_TYPE, "E");
	event.event.tid = 5;
	event.event.stack = stacks_plain;
	event.event.stack_bytes = sizeof(stacks_plain) - 1;
	record = encode(&event, TA_FORMAT_JSON, FILE_LIMITS);
	check_text(attribute(record, "tagalong.stack.source"), "(none)");
	cJSON_Delete(record);
	event.event.stack = NULL;
	record = encode(&event, TA_FORMAT_JSON, FILE_LIMITS);
	check_text(attribute(record, "thread.id"), "(none)");
	check_text(attribute(record, "tagalong.signal.number"), "(none)");
	cJSON_Delete(record);
	span_drop(&event.made);
}

static void hostile(void)
{
	for (uint32_t i = 0; i < COUNT(stacks_hostile); i++) {
		struct made_event event;
		cJSON *record, *again;

		crash_make(&event, stacks_hostile[i]);
		record = encode(&event, TA_FORMAT_JSON, FILE_LIMITS);
		again = cJSON_Parse(attribute(record, "tagalong.stack"));
		check(record != NULL, "%u", i);
		check(again || strcmp(attribute(record, "tagalong.stack"), "(none)") == 0, "%u: %s", i,
		      attribute(record, "tagalong.stack"));
		check_text(attribute(record, "exception.type"), "SIGSEGV");
		cJSON_Delete(again);
		cJSON_Delete(record);
		span_drop(&event.made);
	}
}

static void put_many(struct ta_buf *buf, unsigned int threads, unsigned int frames, const char *name)
{
	ta_buf_puts(buf, "{\"threads\":[");
	for (unsigned int i = 0; i < threads; i++) {
		ta_buf_puts(buf, i ? ",{\"frames\":[" : "{\"frames\":[");
		for (unsigned int k = 0; k < frames; k++) {
			ta_buf_puts(buf, k ? ",{\"function\":\"f" : "{\"function\":\"f");
			ta_buf_put_u64(buf, k);
			ta_buf_puts(buf, name);
			ta_buf_puts(buf, "\"}");
		}
		ta_buf_puts(buf, "]}");
	}
	ta_buf_puts(buf, "]}");
}

static void bounds(void)
{
	struct ta_buf json = { 0 }, text = { 0 };
	struct ta_stack stack;

	put_many(&json, 1, 300, "");
	check(ta_stack_read(json.data, json.bytes, &stack), "no stack");
	ta_stack_text(&text, &stack);
	ta_buf_putc(&text, '\0');
	check(strncmp(text.data, "#0 f299\n", 8) == 0, "%.20s", text.data);
	check(strstr(text.data, "\n#124 f175\n... 50 more frames\n#175 f124\n") != NULL, "%s", text.data);
	check(strstr(text.data, "\n#299 f0\n") != NULL, "the oldest");
	ta_buf_clear(&json);
	ta_buf_clear(&text);
	put_many(&json, 400, 100, "_of_a_long_name");
	check(ta_stack_read(json.data, json.bytes, &stack), "no stack");
	ta_stack_text(&text, &stack);
	check(text.bytes < TA_STACK_TEXT_BYTES + 2000, "%zu", text.bytes);
	ta_buf_putc(&text, '\0');
	check(strstr(text.data, " more threads\n") != NULL, "%s", text.data + text.bytes - 100);
	ta_buf_fini(&json);
	ta_buf_fini(&text);
}

static void names(void)
{
	check_text(ta_signal_name(11), "SIGSEGV");
	check(!ta_signal_name(0) && !ta_signal_name(40) && !ta_signal_name(-1), "no such signals");
	check_text(ta_signal_code(8, 1)->name, "FPE_INTDIV");
	check_text(ta_signal_code(7, 2)->name, "BUS_ADRERR");
	check_text(ta_signal_code(11, 1)->text, "address not mapped");
	check_text(ta_signal_code(11, 0)->name, "SI_USER");
	check_text(ta_signal_code(11, 0x80)->name, "SI_KERNEL");
	check(!ta_signal_code(11, 77), "no such code");
}

int main(void)
{
	config = plain_config();
	enrich = ta_enrich_new(&config);
	check_group("a crash", crash);
	check_group("over the network", network);
	check_group("without a stack", without_stack);
	check_group("hostile", hostile);
	check_group("bounds", bounds);
	check_group("names of signals", names);
	ta_enrich_free(enrich);
	return check_status();
}
