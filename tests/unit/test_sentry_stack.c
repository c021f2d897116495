/* SPDX-License-Identifier: MIT */
/*
 * test_sentry_stack.c - crashes as events of Sentry: exception, mechanism, threads, images;
 * and stacks that are too large or not what they should be.
 */
#include "tests/unit/sentry.h"
#include "tests/unit/stacks_json.h"

static void crash_make(struct made_event *event, int number, int code, const char *stack)
{
	event_make(event, TA_CAPTURE_CRASH, TA_LEVEL_FATAL);
	put_text(&event->made, TA_ATTR_EXCEPTION_TYPE, number == 6 ? "SIGABRT" : "SIGSEGV");
	put_text(&event->made, TA_ATTR_EXCEPTION_MESSAGE, number == 6 ? "Aborted" : "Segmentation fault");
	put_int(&event->made, TA_ATTR_SIGNAL_NUMBER, number);
	put_int(&event->made, TA_ATTR_SIGNAL_CODE, code);
	if (code > 0)
		put_int(&event->made, TA_ATTR_SIGNAL_ADDRESS, 0x10);
	else
		put_int(&event->made, TA_ATTR_SIGNAL_SENDER_PID, 55);
	event->event.tid = 71;
	event->event.stack = stack;
	event->event.stack_bytes = stack ? (uint32_t)strlen(stack) : 0;
}

static cJSON *encode_crash(int number, int code, const char *stack)
{
	struct made_event event;
	cJSON *tree;

	crash_make(&event, number, code, stack);
	tree = sentry_encode_event(&event);
	span_drop(&event.made);
	return tree;
}

static void fault(void)
{
	cJSON *tree = encode_crash(11, 1, stacks_plain);

	check_text(say(tree, "level"), "fatal");
	check_text(say(tree, "exception/values/0/type"), "SIGSEGV");
	check_text(say(tree, "exception/values/0/value"), "Segmentation fault");
	check_text(say(tree, "exception/values/0/mechanism"),
		   "{\"type\":\"signalhandler\",\"handled\":false,\"synthetic\":true,\"data\":"
		   "{\"relevant_address\":\"0x10\",\"stack_source\":\"ptrace\"},\"meta\":{\"signal\":{\"number\":11,\"code\":1,"
		   "\"name\":\"SIGSEGV\",\"code_name\":\"SEGV_MAPERR\"}}}");
	check_text(say(tree, "exception/values/0/thread_id"), "71");
	check_same(cJSON_GetArraySize(at(tree, "exception/values/0/stacktrace/frames")), 3);
	check_text(say(tree, "exception/values/0/stacktrace/frames/2"),
		   "{\"instruction_addr\":\"0x401136\",\"function\":\"charge\",\"filename\":\"shop.c\","
		   "\"lineno\":12,\"package\":\"/usr/bin/shop\",\"in_app\":true,\"pre_context\":[\"a\","
		   "\"\",\"int *total = NULL;\"],\"context_line\":\"\\t*total = 1;\",\"post_context\":"
		   "[\"}\"]}");
	check_text(say(tree, "exception/values/0/stacktrace/registers"),
		   "{\"rip\":\"0x401136\",\"rsp\":\"0x7ffd10\"}");
	check_text(say(tree, "threads/values"),
		   "[{\"id\":71,\"name\":\"shop\",\"crashed\":true,\"current\":true},"
		   "{\"id\":72,\"name\":\"wor\\\"ker\",\"crashed\":false,\"current\":false,\"stacktrace\":"
		   "{\"frames\":[{\"instruction_addr\":\"0x7f55\",\"function\":\"poll\"}]}}]");
	check_text(say(tree, "debug_meta"),
		   "{\"images\":[{\"type\":\"elf\",\"image_addr\":\"0x400000\",\"image_size\":4096,"
		   "\"code_id\":\"ab\",\"debug_id\":\"00000000-0000-0000-0000-000000000000\","
		   "\"code_file\":\"/usr/bin/shop\",\"arch\":\"x86_64\"}]}");
	check_text(say(tree, "extra"), "(none)");
	cJSON_Delete(tree);
}

/* A crash that nobody could unwind is still one. */
static void without_stack(void)
{
	cJSON *tree = encode_crash(11, 0, NULL);

	check_text(say(tree, "exception/values/0/thread_id"), "71");
	check_text(say(tree, "exception/values/0/mechanism/data"), "{\"sender_pid\":55}");
	check_text(say(tree, "exception/values/0/mechanism/meta/signal/code_name"), "SI_USER");
	check_text(say(tree, "exception/values/0/stacktrace"), "(none)");
	check_text(say(tree, "threads/values"), "[{\"id\":71,\"crashed\":true,\"current\":true}]");
	check_text(say(tree, "debug_meta"), "(none)");
	cJSON_Delete(tree);
}

static void aborts(void)
{
	cJSON *tree = encode_crash(6, -6, stacks_abort);

	check_text(say(tree, "exception/values/0/type"), "SIGABRT");
	check_text(say(tree, "exception/values/0/value"),
		   "shop: shop.c:9: pay: Assertion `sum > 0' failed.\n");
	check_text(say(tree, "exception/values/0/mechanism/synthetic"), "true");
	cJSON_Delete(tree);
	tree = encode_crash(6, -6, stacks_thrown);
	check_text(say(tree, "exception/values/0/type"), "std::runtime_error");
	check_text(say(tree, "exception/values/0/value"), "no \"milk\"");
	check_text(say(tree, "exception/values/0/mechanism/synthetic"), "false");
	check_text(say(tree, "exception/values/0/mechanism/handled"), "false");
	cJSON_Delete(tree);
	tree = encode_crash(11, 1, stacks_abort);
	check_text(say(tree, "exception/values/0/value"), "Segmentation fault");
	cJSON_Delete(tree);
}

/* The scopes may say what they like. */
static void stays_fatal(void)
{
	struct ta_scope_data scope = { .level = TA_LEVEL_INFO };
	struct made_event event;
	cJSON *tree;

	crash_make(&event, 11, 1, stacks_plain);
	event.event.scope = &scope;
	tree = sentry_encode_event(&event);
	check_text(say(tree, "level"), "fatal");
	cJSON_Delete(tree);
	span_drop(&event.made);
}

static void captured(void)
{
	struct made_event event;
	cJSON *tree;

	event_make(&event, TA_CAPTURE_ERROR, TA_LEVEL_ERROR);
	put_text(&event.made, TA_ATTR_EXCEPTION_TYPE, "CardError");
	event.event.stack = stacks_plain;
	event.event.stack_bytes = sizeof(stacks_plain) - 1;
	tree = sentry_encode_event(&event);
	check_text(say(tree, "exception/values/0/mechanism"),
		   "{\"type\":\"generic\",\"handled\":true,\"synthetic\":false}");
	check_same(cJSON_GetArraySize(at(tree, "exception/values/0/stacktrace/frames")), 3);
	check_text(say(tree, "threads/values/0"),
		   "{\"id\":71,\"name\":\"shop\",\"crashed\":false,\"current\":true}");
	cJSON_Delete(tree);
	span_drop(&event.made);

	event_make(&event, TA_CAPTURE_MESSAGE, TA_LEVEL_INFO);
	put_text(&event.made, TA_ATTR_EVENT_MESSAGE, "hello");
	event.event.stack = stacks_plain;
	event.event.stack_bytes = sizeof(stacks_plain) - 1;
	tree = sentry_encode_event(&event);
	check_text(say(tree, "exception"), "(none)");
	check_same(cJSON_GetArraySize(at(tree, "threads/values/0/stacktrace/frames")), 3);
	cJSON_Delete(tree);
	span_drop(&event.made);
}

static void own_threads_win(void)
{
	struct made_event event;
	cJSON *tree;

	event_make(&event, TA_CAPTURE_CUSTOM, TA_LEVEL_NONE);
	put_json(&event.made, TA_ATTR_EVENT_JSON,
		 "{\"threads\":[{\"id\":1}],\"debug_meta\":{\"images\":[{\"type\":\"x\"}]}}");
	event.event.stack = stacks_plain;
	event.event.stack_bytes = sizeof(stacks_plain) - 1;
	tree = sentry_encode_event(&event);
	check_text(say(tree, "threads/values"), "[{\"id\":1}]");
	check_text(say(tree, "debug_meta/images"), "[{\"type\":\"x\"}]");
	check(!strstr(strstr(sentry_text(0), "\"threads\"") + 1, "\"threads\""),
	      "threads twice");
	cJSON_Delete(tree);
	span_drop(&event.made);
}

static void hostile(void)
{
	for (uint32_t i = 0; i < COUNT(stacks_hostile); i++) {
		cJSON *tree = encode_crash(11, 1, stacks_hostile[i]);

		check(tree != NULL, "%u", i);
		check_text(say(tree, "exception/values/0/type"), "SIGSEGV");
		check(!strstr(sentry_text(0), "evil") && !strstr(sentry_text(0), "vars"), "%u: %s", i,
		      sentry_text(0));
		cJSON_Delete(tree);
	}
	cJSON *tree = encode_crash(11, 1, stacks_hostile[8]);

	check_text(say(tree, "exception/values/0/stacktrace"),
		   "{\"frames\":[{\"instruction_addr\":\"0x1\",\"post_context\":[\"1\",\"x\"]}],"
		   "\"registers\":{\"rsp\":\"0x1\"}}");
	check_text(say(tree, "exception/values/0/thread_id"), "(none)");
	cJSON_Delete(tree);
}

/* count threads of frames frames with source of so many bytes; to be freed. */
static char *make_stacks(unsigned int count, unsigned int frames, unsigned int source)
{
	size_t capacity = 100 + (size_t)count * (100 + (size_t)frames * (source + 120));
	char *text = malloc(capacity), *to = text;

	to += sprintf(to, "{\"threads\":[");
	for (unsigned int i = 0; i < count; i++) {
		to += sprintf(to, "%s{\"id\":%u,\"frames\":[", i ? "," : "", i + 1);
		for (unsigned int k = 0; k < frames; k++)
			to += sprintf(to, "%s{\"instruction_addr\":\"0x%x\",\"function\":\"f%u\","
				      "\"lineno\":%u,\"context_line\":\"%0*u\"}", k ? "," : "", k, k, k,
				      (int)source, k);
		to += sprintf(to, "]}");
	}
	strcpy(to, "]}");
	return text;
}

static void bounds(void)
{
	char *stacks = make_stacks(600, 1, 1);
	cJSON *tree = encode_crash(11, 1, stacks);

	check_same(cJSON_GetArraySize(at(tree, "threads/values")), 512);
	cJSON_Delete(tree);
	free(stacks);
	stacks = make_stacks(1, 1000, 1);
	tree = encode_crash(11, 1, stacks);
	check_same(cJSON_GetArraySize(at(tree, "exception/values/0/stacktrace/frames")), 250);
	check_text(say(tree, "exception/values/0/stacktrace/frames/124/function"), "f124");
	check_text(say(tree, "exception/values/0/stacktrace/frames/125/function"), "f875");
	check_text(say(tree, "exception/values/0/stacktrace/frames/249/function"), "f999");
	cJSON_Delete(tree);
	free(stacks);
}

/* Larger than an event may be: the source goes first, of the crash nothing that matters. */
static void too_large(void)
{
	char *stacks = make_stacks(100, 50, 300);
	cJSON *tree = encode_crash(11, 1, stacks);

	check(sentry_messages.items[0].body.bytes < (1u << 20), "%zu",
	      sentry_messages.items[0].body.bytes);
	check_text(say(tree, "extra/tagalong.left_out_of_stacks"), "lines of source");
	check_same(cJSON_GetArraySize(at(tree, "threads/values")), 100);
	check_same(cJSON_GetArraySize(at(tree, "exception/values/0/stacktrace/frames")), 50);
	check_text(say(tree, "exception/values/0/stacktrace/frames/49/context_line"), "(none)");
	cJSON_Delete(tree);
	free(stacks);
	stacks = make_stacks(500, 200, 5);
	tree = encode_crash(11, 1, stacks);
	check(sentry_messages.items[0].body.bytes < (1u << 20), "%zu",
	      sentry_messages.items[0].body.bytes);
	check_same(cJSON_GetArraySize(at(tree, "exception/values/0/stacktrace/frames")), 200);
	check(cJSON_GetArraySize(at(tree, "threads/values")) >= 256, "too few threads");
	cJSON_Delete(tree);
	free(stacks);
}

int main(void)
{
	struct ta_sentry_options options = plain_options();

	sentry_open(&options);
	check_group("fault", fault);
	check_group("without a stack", without_stack);
	check_group("aborts", aborts);
	check_group("stays fatal", stays_fatal);
	check_group("captured by the API", captured);
	check_group("own threads win", own_threads_win);
	check_group("hostile", hostile);
	check_group("bounds", bounds);
	check_group("too large", too_large);
	sentry_close();
	return check_status();
}
