/* SPDX-License-Identifier: MIT */
/*
 * api_span.c - the public API's spans: opening, entering, ending.
 *
 * Runs: any host thread, inside the guard.
 */
#include "runtime/core/api_internal.h"
#include "runtime/core/now.h"
#include "runtime/core/object.h"
#include "runtime/wire/session.h"

static tagalong_span_t public_span(const struct ta_context *span)
{
	return (tagalong_span_t){ .trace_hi = span->trace_hi,
				  .trace_lo = span->trace_lo,
				  .id = span->span_id,
				  .ref = span->span_ref };
}

/* The ids that a handle means: the object's while it is open. */
static struct ta_context span_of(const tagalong_span_t *handle)
{
	struct ta_context span = { .trace_hi = handle->trace_hi,
				   .trace_lo = handle->trace_lo,
				   .span_id = handle->id };

	if (handle->ref)
		ta_object_context(handle->ref, &span);
	return span;
}

/* A bad attributes text is left out: the span is worth more than it. */
static void take_options(struct ta_span_extras *extras, const struct tagalong_span_options *options)
{
	*extras = (struct ta_span_extras){
		.has_parent = options->parent != NULL,
		.op = ta_api_text(options->op, TA_CATEGORY_MAX),
		.session_id = ta_api_text(options->session_id, TA_KEY_MAX),
		.session_name = ta_api_text(options->session_name, TA_KEY_MAX),
		.name_space = ta_api_text(options->name_space, TA_CATEGORY_MAX),
		.tags = options->tags,
	};
	if (options->parent)
		extras->parent = span_of(options->parent);
	if (options->link)
		extras->link = span_of(options->link);
	if (ta_api_json(options->attributes, TA_JSON_OBJECT, &extras->attributes))
		extras->attributes.bytes = 0;
}

static void open_with(struct ta_thread *thread, struct ta_span_request *request,
		      const struct tagalong_span_options *options, struct ta_context *ret_span)
{
	struct ta_span_extras extras;

	take_options(&extras, options);
	request->extras = &extras;
	ta_span_open(thread, request, ret_span);
}

static void open_span(struct ta_thread *thread, struct ta_text name,
		      const struct tagalong_span_options *options, enum tagalong_span_use use,
		      uintptr_t block, struct ta_context *ret_span)
{
	struct ta_span_request request = { .use = (enum ta_span_use)use,
					   .name = name,
					   .block = block };

	if (options)
		open_with(thread, &request, options, ret_span);
	else
		ta_span_open(thread, &request, ret_span);
}

void ta_api_span_begin(tagalong_span_t *ret_span, const char *name,
		       const struct tagalong_span_options *options, enum tagalong_span_use use,
		       const void *block)
{
	struct ta_text text = ta_api_text(name ? name : "", TA_NAME_MAX);
	bool plain = options == NULL && use == TAGALONG_USE_BLOCK && block == NULL;
	struct ta_context span;

	TA_API_ENTER(thread);

	if (thread == NULL) {
		*ret_span = (tagalong_span_t){ 0 };
		return;
	}
	if (!plain || !ta_span_open_plain(thread, text.text, text.bytes, &span))
		open_span(thread, text, options, use, (uintptr_t)block, &span);
	*ret_span = span.span_id ? public_span(&span) : (tagalong_span_t){ 0 };
}

static struct ta_error error_of(const char *type, const char *message)
{
	return (struct ta_error){ .type = type,
				  .message = message,
				  .type_bytes = ta_text_bytes(type, TA_TYPE_MAX),
				  .message_bytes = ta_text_bytes(message, TA_VALUE_MAX) };
}

int ta_api_span_end(int failed, const char *type, const char *message)
{
	struct ta_error error = error_of(type, message);

	TA_API_ENTER(thread);

	if (thread == NULL)
		return ta_api_nowhere();
	return ta_span_end_block(thread, failed ? &error : NULL) ? 0 : -ENOENT;
}

int ta_api_span_finish(const tagalong_span_t *span)
{
	TA_API_ENTER(thread);

	if (span->id == 0)
		return 0;
	if (thread == NULL)
		return ta_api_nowhere();
	return ta_span_finish(thread, span->ref) ? 0 : -ESTALE;
}

int ta_api_span_enter(const tagalong_span_t *span, const void *block)
{
	struct ta_context ids = { .trace_hi = span->trace_hi,
				  .trace_lo = span->trace_lo,
				  .span_id = span->id,
				  .span_ref = span->ref };

	TA_API_ENTER(thread);

	if (thread == NULL)
		return ta_api_nowhere();
	ta_span_enter(thread, &ids, (uintptr_t)block);
	return 0;
}

void ta_api_span_get(tagalong_span_t *ret_span, int root)
{
	struct ta_context span;

	TA_API_ENTER(thread);

	*ret_span = (tagalong_span_t){ 0 };
	if (thread == NULL)
		return;
	ta_context_settle(thread);
	ta_context_matters(thread);
	span = root ? ta_span_root(thread) : *ta_context_active(thread);
	if (span.span_id)
		*ret_span = public_span(&span);
}

int ta_api_span_leave(int failed, const char *type, const char *message)
{
	tagalong_span_t root;

	if (failed) {
		ta_api_span_get(&root, 1);
		ta_api_span_set_error(&root, type, message);
	}
	TA_API_ENTER(thread);

	if (thread == NULL)
		return ta_api_nowhere();
	return ta_span_leave(thread) ? 0 : -ENOENT;
}

/* ---- sessions ---- */

static void copy_text(char *out, size_t size, const char *text, size_t bytes)
{
	if (size == 0)
		return;
	bytes = bytes < size ? bytes : size - 1;
	memcpy(out, text, bytes);
	out[bytes] = '\0';
}

int ta_api_span_session(const tagalong_span_t *span, char *id, size_t id_size, char *name,
			size_t name_size)
{
	char made[TA_SESSION_ID_TEXT];
	uint32_t number;
	uint64_t root;

	TA_API_ENTER(thread);

	copy_text(id, id_size, "", 0);
	copy_text(name, name_size, "", 0);
	if (span->id == 0)
		return 0;
	if (thread == NULL)
		return ta_api_nowhere();
	if (!ta_object_family(span->ref, &root, &number))
		return -ESTALE;
	if (number) {
		const struct ta_session *session = ta_session_at(number);
		bool given = session->id_bytes != 0;

		copy_text(id, id_size, session->id, session->id_bytes);
		copy_text(name, name_size, session->name, session->name_bytes);
		ta_session_unref(number);
		if (given)
			return 0;
	}
	ta_session_of_trace(span->trace_hi, span->trace_lo, made);
	copy_text(id, id_size, made, sizeof(made) - 1);
	return 0;
}
