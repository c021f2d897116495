/* SPDX-License-Identifier: MIT */
/*
 * event_merge.c - a captured event together with its scopes.
 *
 * Most events have no JSON of their own: then everything points at the scopes' data
 * and only the breadcrumbs are made.  What an event's own JSON brings is read by
 * event_own.c.
 *
 * Runs: agent, one thread.
 */
#include "runtime/export/event_merge.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/export/event_own.h"

struct piece {
	struct piece *next;
	max_align_t data[];
};

void *ta_event_alloc(struct ta_event_data *data, size_t bytes)
{
	struct piece *piece = malloc(sizeof(*piece) + bytes);

	if (!piece)
		return NULL;
	piece->next = data->memory;
	data->memory = piece;
	return piece->data;
}

void ta_event_data_fini(struct ta_event_data *data)
{
	struct piece *piece = data->memory;

	while (piece) {
		struct piece *next = piece->next;

		free(piece);
		piece = next;
	}
	*data = (struct ta_event_data){ 0 };
}

/* What was recorded about the event itself. */
struct facts {
	struct ta_attr_view message, type, value, json;
	struct ta_signal_view signal;
};

static void read_signal(const struct ta_attr_view *attr, struct ta_signal_view *signal)
{
	int64_t number = ta_attr_int(attr);

	if (attr->key == TA_ATTR_SIGNAL_NUMBER) {
		signal->number = number;
		signal->has_number = true;
	} else if (attr->key == TA_ATTR_SIGNAL_CODE) {
		signal->code = number;
		signal->has_code = true;
	} else if (attr->key == TA_ATTR_SIGNAL_SENDER_PID) {
		signal->sender_pid = number;
		signal->has_sender = true;
	} else if (attr->key == TA_ATTR_SIGNAL_ADDRESS) {
		signal->address = (uint64_t)number;
		signal->has_address = true;
	}
}

static void read_facts(const struct ta_event *event, struct facts *facts)
{
	uint32_t bytes;
	const char *cursor = ta_record_attrs(&event->record->head, &bytes), *end = cursor + bytes;
	struct ta_attr_view attr;

	*facts = (struct facts){ 0 };
	while (ta_attr_next(&cursor, end, &attr)) {
		if (attr.key == TA_ATTR_EVENT_MESSAGE)
			facts->message = attr;
		else if (attr.key == TA_ATTR_EXCEPTION_TYPE)
			facts->type = attr;
		else if (attr.key == TA_ATTR_EXCEPTION_MESSAGE)
			facts->value = attr;
		else if (attr.key == TA_ATTR_EVENT_JSON)
			facts->json = attr;
		else
			read_signal(&attr, &facts->signal);
	}
}

static struct ta_json_slice text_of(const struct ta_attr_view *attr)
{
	return (struct ta_json_slice){ attr->value, attr->bytes };
}

static void take_scope(const struct ta_scope_data *scope, struct ta_event_data *data)
{
	data->tags = scope->tags;
	data->tag_count = scope->tag_count;
	data->extras = scope->extras;
	data->extra_count = scope->extra_count;
	data->contexts = scope->contexts;
	data->context_count = scope->context_count;
	data->user = scope->user;
	data->user_count = scope->user_count;
	data->fingerprint = scope->fingerprint;
	data->fingerprint_count = scope->fingerprint_count;
	data->transaction = (struct ta_json_slice){ scope->transaction, scope->transaction_bytes };
	if (scope->level)
		data->level = scope->level;
}

static void read_crumb(const struct ta_crumb *crumb, int64_t wall_offset_ns,
		       struct ta_crumb_view *view)
{
	const char *cursor = crumb->attrs, *end = cursor ? cursor + crumb->attr_bytes : NULL;
	struct ta_attr_view attr;

	*view = (struct ta_crumb_view){ .time_ns = crumb->time_ns + (uint64_t)wall_offset_ns };
	while (ta_attr_next(&cursor, end, &attr)) {
		if (attr.key == TA_ATTR_CRUMB_MESSAGE)
			view->message = text_of(&attr);
		else if (attr.key == TA_ATTR_CRUMB_CATEGORY)
			view->category = text_of(&attr);
		else if (attr.key == TA_ATTR_CRUMB_TYPE)
			view->type = text_of(&attr);
		else if (attr.key == TA_ATTR_CRUMB_DATA)
			view->data = text_of(&attr);
		else if (attr.key == TA_ATTR_CRUMB_LEVEL)
			view->level = (uint8_t)ta_attr_int(&attr);
		else if (attr.key == TA_ATTR_CRUMB_AUTOMATIC)
			view->automatic = ta_attr_int(&attr) != 0;
	}
}

/* The event's own first, then those of the scopes. */
static int take_crumbs(const struct ta_scope_data *scope, struct ta_json_slice own,
		       int64_t wall_offset_ns, struct ta_event_data *data)
{
	uint32_t own_count = ta_own_crumbs_count(own);
	uint32_t scope_count = scope ? scope->crumb_count : 0;
	struct ta_crumb_view *views;

	if (!own_count && !scope_count)
		return 0;
	views = ta_event_alloc(data, (own_count + (size_t)scope_count) * sizeof(*views));
	if (!views || ta_own_crumbs(data, own, views, own_count) != 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < scope_count; i++)
		read_crumb(&scope->crumbs[i], wall_offset_ns, &views[own_count + i]);
	data->crumbs = views;
	data->crumb_count = own_count + scope_count;
	return 0;
}

static int take_exception(const struct facts *facts, struct ta_event_data *data)
{
	struct ta_exception_view *view = ta_event_alloc(data, sizeof(*view));

	if (!view)
		return -ENOMEM;
	*view = (struct ta_exception_view){ text_of(&facts->type), text_of(&facts->value) };
	data->exceptions = view;
	data->exception_count = 1;
	return 0;
}

/* A text out of the stack's JSON; empty when it has none.  0 or -ENOMEM. */
static int plain_text(struct ta_event_data *data, struct ta_json_slice inside,
		      struct ta_json_slice *text)
{
	char *plain;

	if (!inside.bytes)
		return 0;
	plain = ta_event_alloc(data, inside.bytes);
	if (!plain)
		return -ENOMEM;
	*text = (struct ta_json_slice){
		plain, ta_json_unescape(inside.text, inside.bytes, plain, inside.bytes)
	};
	return 0;
}

/* The process itself knew of an exception that nobody caught (core/cxx_uncaught.h). */
static bool is_exception(const struct facts *facts)
{
	return facts->type.bytes < 3 || memcmp(facts->type.value, "SIG", 3) != 0;
}

/* What the agent found in the memory of who died says more than the signal: an exception
 * that nobody caught, and why abort() was called.  What the process said itself goes first:
 * it could ask the exception. */
static int take_crash(const struct facts *facts, struct ta_event_data *data)
{
	const struct ta_stack *stack = &data->stack;
	struct ta_exception_view *view = ta_event_alloc(data, sizeof(*view));
	int error = 0;

	if (!view)
		return -ENOMEM;
	*view = (struct ta_exception_view){ text_of(&facts->type), text_of(&facts->value) };
	data->signal = facts->signal;
	data->exceptions = view;
	data->exception_count = 1;
	if (is_exception(facts))
		return view->value.bytes ? 0 :
					   plain_text(data, stack->exception_value, &view->value);
	if (stack->has_exception) {
		view->value = (struct ta_json_slice){ "", 0 };
		error = plain_text(data, stack->exception_type, &view->type);
		return error ? error : plain_text(data, stack->exception_value, &view->value);
	}
	return facts->signal.number == SIGABRT ?
		       plain_text(data, stack->abort_message, &view->value) : 0;
}

static int merge_log(const struct ta_event *event, const struct facts *facts,
		     struct ta_event_data *data)
{
	const struct ta_scope_data *scope = event->scope;

	data->message = text_of(&facts->message);
	return ta_own_over(data, scope ? scope->attributes : NULL,
			   scope ? scope->attribute_count : 0, text_of(&facts->json), TA_OWN_JSON,
			   &data->attributes, &data->attribute_count);
}

int ta_event_merge(const struct ta_event *event, int64_t wall_offset_ns,
		   struct ta_event_data *ret_data)
{
	struct ta_event_data *data = ret_data;
	struct ta_own own = { 0 };
	struct facts facts;
	int error = 0;

	*data = (struct ta_event_data){ .level = event->record->level };
	data->has_stack = ta_stack_read(event->stack, event->stack_bytes, &data->stack);
	read_facts(event, &facts);
	if (event->record->type == TA_CAPTURE_LOG)
		return merge_log(event, &facts, data);
	if (event->record->type == TA_CAPTURE_CUSTOM)
		ta_own_read(text_of(&facts.json), &own);
	else if (event->record->type == TA_CAPTURE_ERROR)
		error = take_exception(&facts, data);
	else if (event->record->type == TA_CAPTURE_CRASH)
		error = take_crash(&facts, data);
	else
		data->message = text_of(&facts.message);
	if (own.level)
		data->level = own.level;
	if (event->scope)
		take_scope(event->scope, data);
	if (event->record->type == TA_CAPTURE_CRASH)
		data->level = TA_LEVEL_FATAL;
	if (!error && event->record->type == TA_CAPTURE_CUSTOM)
		error = ta_own_merge(data, &own);
	return error ? error : take_crumbs(event->scope, own.breadcrumbs, wall_offset_ns, data);
}
