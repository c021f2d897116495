/* SPDX-License-Identifier: MIT */
/*
 * limits.c - too long, too deep, too late, too many, and nothing at all.
 *
 * Every answer here is one that the header documents.  The runner reads what was
 * recorded of it: texts cut behind whole characters, spans with the right parents.
 */
#include "check.h"

#include <pthread.h>
#include <unistd.h>

#define DEEP 10000

static char huge[100001];

static const char *repeated(const char *unit, size_t bytes)
{
	static char text[20000];
	size_t length = strlen(unit);

	for (size_t i = 0; i + length <= bytes; i += length)
		memcpy(text + i, unit, length);
	text[bytes / length * length] = '\0';
	return text;
}

/* 0 or less, and no crash: for calls that may or may not find something wrong. */
#define HARMLESS(call)                                                                             \
	do {                                                                                       \
		errno = 77;                                                                        \
		HOLDS((call) <= 0);                                                                \
		HOLDS(errno == 77);                                                                \
	} while (0)

static void long_texts(void)
{
	char json[20000];

	TAGALONG_SPAN("long texts")
	{
		tagalong_span_t span = tagalong_current_span();

		HARMLESS(tagalong_set_tag("tag.euro", repeated("\xe2\x82\xac", 3000)));
		HARMLESS(tagalong_set_tag("tag.huge", huge));
		HARMLESS(tagalong_set_tag(repeated("\xc3\xa9k", 600), "long key"));
		HARMLESS(tagalong_set_tag("tag.invalid", "a\xff\xfe\x80z"));
		HARMLESS(tagalong_set_tag("tag.cut", "ab\xe2\x82"));
		HARMLESS(tagalong_span_set_str(span, "attr.huge", huge));
		HARMLESS(tagalong_span_set_str(span, huge, "attr"));
		HARMLESS(tagalong_add_breadcrumb(huge, huge));
		HARMLESS(tagalong_capture_message(TAGALONG_LEVEL_INFO, huge));
		HARMLESS(tagalong_capture_error(huge, huge));
		HARMLESS(tagalong_span_set_error(span, huge, huge));
		HARMLESS(tagalong_span_set_status(span, TAGALONG_STATUS_ERROR, huge));
		HARMLESS(tagalong_span_add_event(span, huge, NOTHING));
		HARMLESS(tagalong_span_set_tag(span, huge, huge));
		HARMLESS(tagalong_trace_set_tag(span, huge, huge));
		snprintf(json, sizeof(json), "\"%.13000s\"", huge);
		CALL(tagalong_scope_set_extra(TAGALONG_SCOPE_CURRENT, "extra", json), -E2BIG);
		CALL(tagalong_span_set_json(span, "json", json), -E2BIG);
		snprintf(json, sizeof(json), "{\"message\":\"%.13000s\"}", huge);
		CALL(tagalong_capture_event(json), -E2BIG);
		CALL(tagalong_scope_set_context(TAGALONG_SCOPE_CURRENT, "c", json), -E2BIG);
		CALL(tagalong_scope_set_user(TAGALONG_SCOPE_CURRENT, json), -E2BIG);
	}
	TAGALONG_SPAN(repeated("\xe2\x82\xac", 600)) {}
	TAGALONG_SPAN("bad \xff name") {}
}

static void many_tags(void)
{
	char key[32];

	TAGALONG_SCOPE()
	{
		for (int i = 0; i < 2000; i++) {
			snprintf(key, sizeof(key), "many.%d", i);
			HARMLESS(tagalong_scope_set_tag(TAGALONG_SCOPE_CURRENT, key, "x"));
			HARMLESS(tagalong_add_breadcrumb("many", key));
		}
		HARMLESS(tagalong_capture_message(TAGALONG_LEVEL_INFO, "many"));
	}
}

static void nothing_at_all(void)
{
	struct tagalong_breadcrumb crumb = { NOTHING, NOTHING, NOTHING, NOTHING,
					     TAGALONG_LEVEL_NONE };
	tagalong_span_t none = { 0, 0, 0, 0 };

	CALL(tagalong_set_tag(NOTHING, "value"), -EINVAL);
	CALL(tagalong_set_tag("", "value"), -EINVAL);
	CALL(tagalong_set_tag(NOTHING, NOTHING), -EINVAL);
	CALL(tagalong_scope_set_extra(TAGALONG_SCOPE_CURRENT, NOTHING, "1"), -EINVAL);
	CALL(tagalong_scope_set_extra(TAGALONG_SCOPE_CURRENT, "k", "{"), -EINVAL);
	CALL(tagalong_scope_set_context(TAGALONG_SCOPE_CURRENT, NOTHING, "{}"), -EINVAL);
	CALL(tagalong_scope_set_context(TAGALONG_SCOPE_CURRENT, "k", "[]"), -EINVAL);
	CALL(tagalong_scope_set_user(TAGALONG_SCOPE_CURRENT, "\"me\""), -EINVAL);
	CALL(tagalong_scope_set_user(TAGALONG_SCOPE_CURRENT, NOTHING), 0);
	CALL(tagalong_scope_set_fingerprint(TAGALONG_SCOPE_CURRENT, "{}"), -EINVAL);
	CALL(tagalong_scope_set_fingerprint(TAGALONG_SCOPE_CURRENT, NOTHING), 0);
	CALL(tagalong_scope_set_transaction(TAGALONG_SCOPE_CURRENT, NOTHING), 0);
	CALL(tagalong_scope_set_attribute_str(TAGALONG_SCOPE_CURRENT, NOTHING, "v"), -EINVAL);
	CALL(tagalong_scope_set_attribute_str(TAGALONG_SCOPE_CURRENT, "k", NOTHING), 0);
	CALL(tagalong_scope_add_breadcrumb(TAGALONG_SCOPE_CURRENT, &crumb), -EINVAL);
	CALL(tagalong_scope_add_breadcrumb(TAGALONG_SCOPE_CURRENT, NOTHING), -EINVAL);
	CALL(tagalong_add_breadcrumb(NOTHING, NOTHING), -EINVAL);
	CALL(tagalong_capture_message(TAGALONG_LEVEL_INFO, NOTHING), -EINVAL);
	CALL(tagalong_capture_error(NOTHING, NOTHING), 0);
	CALL(tagalong_capture_event(NOTHING), -EINVAL);
	CALL(tagalong_capture_event("no json"), -EINVAL);
	CALL(tagalong_capture_log(TAGALONG_LEVEL_INFO, NOTHING, NOTHING), -EINVAL);
	CALL(tagalong_capture_log(TAGALONG_LEVEL_INFO, "m", "["), -EINVAL);
	HARMLESS(tagalong_last_event_id(NOTHING));
	DO(tagalong_span_begin(NOTHING, NOTHING));
	CALL(tagalong_span_end_error(NOTHING, NOTHING), 0);
	CALL(tagalong_span_finish(none), 0);
	CALL(tagalong_span_set_str(none, "k", "v"), 0);
	HARMLESS(tagalong_span_set_str(none, NOTHING, NOTHING));
	HARMLESS(tagalong_span_set_name(none, NOTHING));
	HARMLESS(tagalong_span_set_error(none, NOTHING, NOTHING));
	HARMLESS(tagalong_span_set_status(none, TAGALONG_STATUS_ERROR, NOTHING));
	HARMLESS(tagalong_span_add_event(none, NOTHING, NOTHING));
	CALL(tagalong_span_add_link(none, none), 0);
	HARMLESS(tagalong_span_set_tag(none, NOTHING, NOTHING));
	CALL(tagalong_trace_set_tag(none, "k", "v"), 0);
	HARMLESS(tagalong_session_set_tag(none, "k", "v"));
	HARMLESS(tagalong_span_session(none, NOTHING, 10, NOTHING, 10));
	HARMLESS(tagalong_set_error(NOTHING, NOTHING));
	HARMLESS(tagalong_context_attach(NOTHING));
	HARMLESS(tagalong_context_detach(NOTHING));
	HARMLESS(tagalong_context_free(NOTHING));
	HARMLESS(tagalong_fd_bind(-1));
	HARMLESS(tagalong_fd_unbind(-1));
	HARMLESS(tagalong_fd_unbind(1 << 30));
	HARMLESS(tagalong_hub_free(0));
	HARMLESS(tagalong_scope_free(0));
	CALL(tagalong_scope_free(TAGALONG_SCOPE_GLOBAL), -EINVAL);
	CALL(tagalong_scope_set_tag(0, "k", "v"), 0);
	CALL(tagalong_scope_set_tag(0xdeadbeefdeadbeefu, "k", "v"), -ESTALE);
	HARMLESS(tagalong_scope_clear(0xffffffffffffffffu));
	HARMLESS(tagalong_buffered(NOTHING, 1000));
	DO(tagalong_call_in(none, NOTHING, NOTHING));
}

static void too_late(void)
{
	tagalong_scope_t scope, fork = tagalong_scope_fork(TAGALONG_SCOPE_CURRENT);
	tagalong_span_t span;
	tagalong_hub_t hub = tagalong_hub_new(0, 1);
	char id[8], name[8];

	CALL(tagalong_scope_push(), 0);
	scope = tagalong_scope_get(TAGALONG_SCOPE_CURRENT);
	CALL(tagalong_scope_set_tag(scope, "k", "v"), 0);
	CALL(tagalong_scope_pop(), 0);
	CALL(tagalong_scope_set_tag(scope, "k", "v"), -ESTALE);
	CALL(tagalong_scope_free(fork), 0);
	CALL(tagalong_scope_free(fork), 0);
	CALL(tagalong_scope_set_tag(fork, "k", "v"), -ESTALE);
	CALL(tagalong_capture_message_with(TAGALONG_LEVEL_INFO, "late", fork), -ESTALE);
	CALL(tagalong_hub_free(hub), 0);
	CALL(tagalong_hub_free(hub), 0);
	span = tagalong_span_start("late", NOTHING);
	CALL(tagalong_span_finish(span), 0);
	CALL(tagalong_span_finish(span), -ESTALE);
	CALL(tagalong_span_set_str(span, "after end", "kept"), 0);
	CALL(tagalong_span_session(span, id, sizeof(id), name, sizeof(name)), -ESTALE);
	span = tagalong_span_push("ends of others", NOTHING);
	CALL(tagalong_span_end(), -ENOENT);
	CALL(tagalong_span_leave(), -ENOENT);
	CALL(tagalong_scope_pop(), -ENOENT);
	CALL(tagalong_isolation_pop(), -ENOENT);
	CALL(tagalong_hub_leave(), -ENOENT);
	CALL(tagalong_span_finish(span), 0);
}

static void *end_for_another(void *span)
{
	CALL(tagalong_span_end(), -ENOENT);
	CALL(tagalong_scope_pop(), -ENOENT);
	CALL(tagalong_span_leave(), -ENOENT);
	CALL(tagalong_span_finish(*TAGALONG_CAST_(tagalong_span_t *, span)), 0);
	return NOTHING;
}

static void other_thread(void)
{
	tagalong_span_t begun = tagalong_span_begin("begun here", NOTHING);
	tagalong_span_t detached = tagalong_span_start("finished there", NOTHING);
	pthread_t thread;

	if (pthread_create(&thread, NOTHING, end_for_another, &detached) != 0)
		abort();
	pthread_join(thread, NOTHING);
	HOLDS(tagalong_current_span().id == begun.id);
	CALL(tagalong_span_finish(detached), -ESTALE);
	CALL(tagalong_span_end(), 0);
}

static void too_deep(void)
{
	int answers = 0;

	TAGALONG_SPAN("deep")
	{
		for (int i = 0; i < DEEP; i++)
			DO(tagalong_span_begin("deeper", NOTHING));
		for (int i = 0; i < DEEP; i++)
			answers += tagalong_span_end() == -ENOENT;
		HOLDS(answers == 0);
		for (int i = 0; i < DEEP; i++)
			tagalong_scope_push();
		tagalong_scope_set_tag(TAGALONG_SCOPE_CURRENT, "tag.deep", "1");
		for (int i = 0; i < DEEP; i++)
			answers += tagalong_scope_pop() == -ENOENT;
		HOLDS(answers == 0);
		CALL(tagalong_scope_pop(), -ENOENT);
		TAGALONG_SPAN("below deep") {}
	}
	CALL(tagalong_span_end(), -ENOENT);
	TAGALONG_SPAN("after deep") {}
}

int main(void)
{
	memset(huge, 'x', sizeof(huge) - 1);
	TAGALONG_ISOLATION() { long_texts(); }
	TAGALONG_ISOLATION() { many_tags(); }
	TAGALONG_SCOPE() { nothing_at_all(); }
	too_late();
	other_thread();
	too_deep();
	return check_failures != 0;
}
