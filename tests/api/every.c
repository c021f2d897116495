/* SPDX-License-Identifier: MIT */
/*
 * every.c - every function and macro of tagalong.h, once.
 *
 *     every absent      without the library: every call answers 0, or none
 *     every present     with it: every call does its work, and the runner reads what came out
 *
 * Compiled as C99 up to C2x and as C++11 up to C++20, without a warning.
 */
#include "check.h"

#include <unistd.h>

static int present;

/* What a call answers that finds something only when the library is there. */
static int when_present(int result)
{
	return present ? result : 0;
}

static void scopes(void)
{
	tagalong_scope_t global = tagalong_scope_get(TAGALONG_SCOPE_GLOBAL);
	tagalong_scope_t isolation = tagalong_scope_get(TAGALONG_SCOPE_ISOLATION);
	struct tagalong_breadcrumb crumb = { "read the map", "navigation", "default", "{\"page\":7}",
					     TAGALONG_LEVEL_DEBUG };

	HOLDS((global != 0) == present);
	HOLDS((isolation != 0) == present);
	HOLDS(tagalong_scope_get(TAGALONG_SCOPE_ISOLATION) == isolation);
	CALL(tagalong_scope_set_tag(global, "tag.global", "1"), 0);
	CALL(tagalong_set_tag("tag.isolation", "2"), 0);
	CALL(tagalong_scope_set_tag(TAGALONG_SCOPE_CURRENT, "tag.current", "3"), 0);
	CALL(tagalong_scope_set_tag(TAGALONG_SCOPE_CURRENT, "tag.gone", "4"), 0);
	CALL(tagalong_scope_set_tag(TAGALONG_SCOPE_CURRENT, "tag.gone", NOTHING), 0);
	CALL(tagalong_scope_set_extra(isolation, "extra", "[1,{\"two\":3}]"), 0);
	CALL(tagalong_scope_set_context(isolation, "device", "{\"name\":\"anvil\"}"), 0);
	CALL(tagalong_scope_set_user(isolation, "{\"id\":\"u1\"}"), 0);
	CALL(tagalong_scope_set_level(TAGALONG_SCOPE_CURRENT, TAGALONG_LEVEL_WARNING), 0);
	CALL(tagalong_scope_set_level(TAGALONG_SCOPE_CURRENT, TAGALONG_LEVEL_NONE), 0);
	CALL(tagalong_scope_set_fingerprint(isolation, "[\"group\"]"), 0);
	CALL(tagalong_scope_set_transaction(isolation, "checkout"), 0);
	CALL(tagalong_scope_set_attribute_str(isolation, "text", "word"), 0);
	CALL(tagalong_scope_set_attribute_int(isolation, "integer", -5), 0);
	CALL(tagalong_scope_set_attribute_double(isolation, "real", 0.5), 0);
	CALL(tagalong_scope_set_attribute_bool(isolation, "truth", 1), 0);
	CALL(tagalong_scope_set_attribute_json(isolation, "list", "[1,2]"), 0);
	CALL(tagalong_scope_add_breadcrumb(isolation, &crumb), 0);
	CALL(tagalong_add_breadcrumb("step", "went on"), 0);
}

static void forks_and_blocks(void)
{
	tagalong_scope_t fork = tagalong_scope_fork(TAGALONG_SCOPE_CURRENT);

	HOLDS((fork != 0) == present);
	CALL(tagalong_scope_set_tag(fork, "tag.fork", "5"), 0);
	CALL(tagalong_capture_message_with(TAGALONG_LEVEL_INFO, "message with", fork), 0);
	CALL(tagalong_capture_error_with("TypeWith", "error with", fork), 0);
	CALL(tagalong_capture_event_with("{\"message\":\"event with\"}", fork), 0);
	CALL(tagalong_scope_clear_breadcrumbs(fork), 0);
	CALL(tagalong_scope_clear(fork), 0);
	CALL(tagalong_scope_free(fork), 0);
	CALL(tagalong_scope_push(), 0);
	CALL(tagalong_scope_pop(), 0);
	CALL(tagalong_isolation_push(), 0);
	CALL(tagalong_isolation_pop(), 0);
}

static void captures(void)
{
	char id[33] = "untouched";

	CALL(tagalong_capture_message(TAGALONG_LEVEL_WARNING, "message"), 0);
	CALL(tagalong_capture_error("Type", "error"), 0);
	CALL(tagalong_capture_event("{\"message\":\"event\"}"), 0);
	CALL(tagalong_capture_log(TAGALONG_LEVEL_INFO, "log", "{\"a\":1}"), 0);
	CALL(tagalong_last_event_id(id), 0);
	HOLDS(strlen(id) == (present ? 32u : 0u));
}

static void spans(void)
{
	static const char *const tags[] = { "tag.span", "6", NOTHING };
	struct tagalong_span_options options = { NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING };
	tagalong_span_t root, child, detached, created;
	char id[64] = "?", name[64] = "?";

	options.op = "test";
	options.attributes = "{\"start\":true}";
	options.tags = tags;
	options.session_id = "session-1";
	options.session_name = "first";
	options.parent = TAGALONG_NO_PARENT;
	root = tagalong_span_begin("root", &options);
	HOLDS((root.id != 0) == present);
	HOLDS(tagalong_current_span().id == root.id);
	HOLDS(tagalong_root_span().id == root.id);
	CALL(tagalong_span_session(root, id, sizeof(id), name, sizeof(name)), 0);
	HOLDS(strcmp(id, present ? "session-1" : "") == 0);
	HOLDS(strcmp(name, present ? "first" : "") == 0);
	child = tagalong_span_push("child", NOTHING);
	HOLDS(tagalong_current_span().id == child.id);
	CALL(tagalong_span_set_str(child, "str", "text"), 0);
	CALL(tagalong_span_set_int(child, "int", 7), 0);
	CALL(tagalong_span_set_double(child, "double", 1.5), 0);
	CALL(tagalong_span_set_bool(child, "bool", 2), 0);
	CALL(tagalong_span_set_json(child, "json", "{\"k\":[]}"), 0);
	CALL(tagalong_span_set_name(child, "renamed"), 0);
	CALL(tagalong_span_set_status(child, TAGALONG_STATUS_OK, NOTHING), 0);
	CALL(tagalong_span_set_error(child, "Type", "of the child"), 0);
	CALL(tagalong_span_add_event(child, "happened", "{\"n\":1}"), 0);
	CALL(tagalong_span_set_tag(child, "tag.late", "7"), 0);
	CALL(tagalong_trace_set_tag(child, "tag.trace", "8"), 0);
	CALL(tagalong_session_set_tag(child, "tag.session", "9"), 0);
	detached = tagalong_span_start("detached", NOTHING);
	HOLDS(tagalong_current_span().id == child.id);
	CALL(tagalong_span_add_link(detached, child), 0);
	CALL(tagalong_span_enter(detached), 0);
	HOLDS(tagalong_current_span().id == detached.id);
	CALL(tagalong_span_leave(), 0);
	CALL(tagalong_span_enter(detached), 0);
	CALL(tagalong_span_leave_error("Left", "by an error"), 0);
	CALL(tagalong_span_finish(detached), 0);
	CALL(tagalong_span_finish(detached), when_present(-ESTALE));
	CALL(tagalong_span_finish(child), 0);
	created = tagalong_span_create("created", NOTHING);
	CALL(tagalong_span_finish(created), 0);
	CALL(tagalong_set_error("RootError", "on the root"), 0);
	CALL(tagalong_send_error("Sent", "on its own"), 0);
	DO(tagalong_span_begin("failed", NOTHING));
	CALL(tagalong_span_end_error("Failure", "as planned"), 0);
	CALL(tagalong_span_end(), 0);
	CALL(tagalong_span_end(), when_present(-ENOENT));
	HOLDS(tagalong_current_span().id == 0);
}

static tagalong_span_t seen;

static void called(void *argument)
{
	HOLDS(argument == &seen);
	seen = tagalong_current_span();
}

static void contexts(void)
{
	tagalong_context_t *context = tagalong_context_capture();
	tagalong_span_t span = tagalong_span_start("called in", NOTHING);
	int ends[2];

	HOLDS((context != NOTHING) == present);
	CALL(tagalong_context_attach(context), 0);
	CALL(tagalong_context_detach(context), 0);
	CALL(tagalong_context_free(context), 0);
	CALL(tagalong_coroutine_switch(ends), 0);
	CALL(tagalong_coroutine_switch(NULL), 0);
	CALL(tagalong_coroutine_end(ends), 0);
	CALL(tagalong_coroutine_end(ends), when_present(-ENOENT));
	DO(tagalong_call_in(span, called, &seen));
	HOLDS(seen.id == span.id);
	CALL(tagalong_span_finish(span), 0);
	if (pipe(ends) != 0)
		abort();
	CALL(tagalong_fd_bind(ends[0]), 0);
	CALL(tagalong_fd_unbind(ends[0]), 0);
	close(ends[0]);
	close(ends[1]);
}

static void hubs(void)
{
	tagalong_hub_t own = tagalong_hub_current(), hub = tagalong_hub_new(own, 1);

	HOLDS((hub != 0) == present);
	CALL(tagalong_hub_enter(hub), 0);
	HOLDS(tagalong_hub_current() == hub);
	HOLDS((tagalong_hub_push_scope() != 0) == present);
	CALL(tagalong_hub_depth(), when_present(2));
	CALL(tagalong_scope_set_tag(TAGALONG_SCOPE_HUB, "tag.hub", "10"), 0);
	CALL(tagalong_hub_capture_message(TAGALONG_LEVEL_INFO, "hub message", 0), 0);
	CALL(tagalong_hub_capture_error("HubType", "hub error", 0), 0);
	CALL(tagalong_hub_capture_event("{\"message\":\"hub event\"}", 0), 0);
	CALL(tagalong_hub_pop_scope(), when_present(1));
	CALL(tagalong_hub_pop_scope(), 0);
	CALL(tagalong_hub_leave(), 0);
	CALL(tagalong_hub_free(hub), 0);
}

static void blocks(void)
{
	struct tagalong_span_options options = { NOTHING, "block", NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING };
	tagalong_hub_t hub = tagalong_hub_new(0, 1);
	tagalong_span_t span;
	int runs = 0;

	TAGALONG_SPAN("block") { TAGALONG_SPAN_WITH("inner", &options) runs++; }
	TAGALONG_SCOPE() { TAGALONG_ISOLATION() { TAGALONG_IN_HUB(hub) runs++; } }
	span = tagalong_span_start("entered", NOTHING);
	TAGALONG_IN_SPAN(span) { runs += tagalong_current_span().id == span.id; }
	HOLDS(runs == 3);
	CALL(tagalong_span_finish(span), 0);
	CALL(tagalong_hub_free(hub), 0);
}

static void delivery(void)
{
	struct tagalong_buffered held = { 1, 1, 1 };

	CALL(tagalong_buffered(&held, 10000), 0);
	HOLDS(held.active_traces == 0);
	CALL(tagalong_flush(10000), 0);
	CALL(tagalong_shutdown(10000), 0);
}

int main(int argc, char **argv)
{
	present = argc > 1 && strcmp(argv[1], "present") == 0;
	HOLDS((tagalong() != NOTHING) == present);
	scopes();
	forks_and_blocks();
	captures();
	spans();
	contexts();
	hubs();
	blocks();
	delivery();
	CALL(tagalong_scope_clear(TAGALONG_SCOPE_GLOBAL), 0);
	return check_failures != 0;
}
