/* SPDX-License-Identifier: MIT */
/*
 * sentry_form.c - what a program's own event may hold: the forms, and one writer for all.
 *
 * The forms are those of Sentry's public event schema; what scopes give as well (tags,
 * user, contexts ...) is not here.  Runs: agent, the exporter's thread.
 */
#include "runtime/export/sentry_form.h"

#include <string.h>

#define LINES_MAX 256u

#define FORM(name, ...)                                                                            \
	static const struct ta_sentry_form name = { .fields = name##_fields, __VA_ARGS__ }
#define FIELDS(name) static const struct ta_sentry_field name##_fields[] =

FIELDS(lock){ { "type", TA_FORM_STRING, NULL },	       { "address", TA_FORM_STRING, NULL },
	      { "class_name", TA_FORM_STRING, NULL }, { "package_name", TA_FORM_STRING, NULL },
	      { "thread_id", TA_FORM_ID, NULL },      { 0 } };
FORM(lock, .needs = { "type" });

FIELDS(frame){ { "abs_path", TA_FORM_STRING, NULL },
	       { "addr_mode", TA_FORM_STRING, NULL },
	       { "colno", TA_FORM_INTEGER, NULL },
	       { "context_line", TA_FORM_STRING, NULL },
	       { "filename", TA_FORM_STRING, NULL },
	       { "function", TA_FORM_STRING, NULL },
	       { "function_id", TA_FORM_ADDRESS, NULL },
	       { "image_addr", TA_FORM_ADDRESS, NULL },
	       { "in_app", TA_FORM_BOOL, NULL },
	       { "instruction_addr", TA_FORM_ADDRESS, NULL },
	       { "lineno", TA_FORM_INTEGER, NULL },
	       { "lock", TA_FORM_PART, &lock },
	       { "module", TA_FORM_STRING, NULL },
	       { "package", TA_FORM_STRING, NULL },
	       { "platform", TA_FORM_STRING, NULL },
	       { "post_context", TA_FORM_LINES, NULL },
	       { "pre_context", TA_FORM_LINES, NULL },
	       { "raw_function", TA_FORM_STRING, NULL },
	       { "stack_start", TA_FORM_BOOL, NULL },
	       { "symbol", TA_FORM_STRING, NULL },
	       { "symbol_addr", TA_FORM_ADDRESS, NULL },
	       { "vars", TA_FORM_OBJECT, NULL },
	       { 0 } };
FORM(frame, .needs = { "filename", "function", "instruction_addr" });

FIELDS(stack){ { "frames", TA_FORM_PARTS, &frame },
	       { "registers", TA_FORM_ADDRESSES, NULL },
	       { "lang", TA_FORM_STRING, NULL },
	       { "snapshot", TA_FORM_BOOL, NULL },
	       { 0 } };
FORM(stack, .needs = { "frames" });

FIELDS(posix){ { "number", TA_FORM_INTEGER, NULL },
	       { "code", TA_FORM_INTEGER, NULL },
	       { "name", TA_FORM_STRING, NULL },
	       { "code_name", TA_FORM_STRING, NULL },
	       { 0 } };
FORM(posix, .needs = { NULL });

FIELDS(cerror){ { "name", TA_FORM_STRING, NULL }, { "number", TA_FORM_INTEGER, NULL }, { 0 } };
FORM(cerror, .needs = { NULL });

FIELDS(meta){ { "errno", TA_FORM_PART, &cerror }, { "signal", TA_FORM_PART, &posix }, { 0 } };
FORM(meta, .needs = { NULL });

FIELDS(mechanism){ { "type", TA_FORM_STRING, NULL },
		   { "data", TA_FORM_OBJECT, NULL },
		   { "description", TA_FORM_STRING, NULL },
		   { "exception_id", TA_FORM_INTEGER, NULL },
		   { "handled", TA_FORM_BOOL, NULL },
		   { "help_link", TA_FORM_STRING, NULL },
		   { "is_exception_group", TA_FORM_BOOL, NULL },
		   { "meta", TA_FORM_PART, &meta },
		   { "parent_id", TA_FORM_INTEGER, NULL },
		   { "source", TA_FORM_STRING, NULL },
		   { "synthetic", TA_FORM_BOOL, NULL },
		   { 0 } };
FORM(mechanism, .needs = { "type" });

FIELDS(exception){ { "type", TA_FORM_STRING, NULL },
		   { "value", TA_FORM_STRING, NULL },
		   { "module", TA_FORM_STRING, NULL },
		   { "thread_id", TA_FORM_ID, NULL },
		   { "mechanism", TA_FORM_PART, &mechanism },
		   { "stacktrace", TA_FORM_PART, &stack },
		   { 0 } };
FORM(exception, .needs = { "type", "value" });

FIELDS(thread){ { "id", TA_FORM_ID, NULL },	    { "name", TA_FORM_STRING, NULL },
		{ "crashed", TA_FORM_BOOL, NULL }, { "current", TA_FORM_BOOL, NULL },
		{ "main", TA_FORM_BOOL, NULL },	    { "state", TA_FORM_STRING, NULL },
		{ "stacktrace", TA_FORM_PART, &stack }, { 0 } };
FORM(thread, .needs = { NULL });

FIELDS(request){ { "method", TA_FORM_STRING, NULL },
		 { "url", TA_FORM_STRING, NULL },
		 { "query_string", TA_FORM_STRING, NULL },
		 { "fragment", TA_FORM_STRING, NULL },
		 { "protocol", TA_FORM_STRING, NULL },
		 { "api_target", TA_FORM_STRING, NULL },
		 { "body_size", TA_FORM_INTEGER, NULL },
		 { "inferred_content_type", TA_FORM_STRING, NULL },
		 { "headers", TA_FORM_TEXTS, NULL },
		 { "cookies", TA_FORM_TEXTS, NULL },
		 { "env", TA_FORM_OBJECT, NULL },
		 { "data", TA_FORM_OBJECT, NULL },
		 { 0 } };
FORM(request, .needs = { NULL });

FIELDS(images){ { "images", TA_FORM_OBJECTS, NULL }, { 0 } };
FORM(images, .needs = { "images" });

FIELDS(event){ { "culprit", TA_FORM_STRING, NULL },
	       { "debug_meta", TA_FORM_PART, &images },
	       { "dist", TA_FORM_STRING, NULL },
	       { "environment", TA_FORM_STRING, NULL },
	       { "exception", TA_FORM_VALUES, &exception },
	       { "logger", TA_FORM_STRING, NULL },
	       { "modules", TA_FORM_TEXTS, NULL },
	       { "platform", TA_FORM_STRING, NULL },
	       { "release", TA_FORM_STRING, NULL },
	       { "request", TA_FORM_PART, &request },
	       { "server_name", TA_FORM_STRING, NULL },
	       { "stacktrace", TA_FORM_PART, &stack },
	       { "threads", TA_FORM_VALUES, &thread },
	       { 0 } };
const struct ta_sentry_form ta_sentry_event_form = { .fields = event_fields };

const struct ta_sentry_field *ta_sentry_field(const struct ta_sentry_form *form,
					      struct ta_json_slice key)
{
	for (const struct ta_sentry_field *field = form->fields; field->name; field++)
		if (ta_json_key_is(key, field->name))
			return field;
	return NULL;
}

static enum ta_json_kind kind_of(struct ta_json_slice value)
{
	return ta_json_kind(value.text, value.bytes);
}

static bool is_address(struct ta_json_slice value)
{
	struct ta_json_slice text = ta_json_string(value);

	if (text.bytes < 3 || text.text[0] != '0' || text.text[1] != 'x')
		return false;
	for (size_t i = 2; i < text.bytes; i++)
		if (!strchr("0123456789abcdefABCDEF", text.text[i]) || !text.text[i])
			return false;
	return true;
}

static bool is_id(struct ta_json_slice value)
{
	int64_t number;

	return kind_of(value) == TA_JSON_STRING || (ta_json_int(value, &number) && number >= 0);
}

static bool is_number_or_text(struct ta_json_slice value)
{
	return kind_of(value) == TA_JSON_STRING || kind_of(value) == TA_JSON_NUMBER;
}

/* An object of strings, or an array of them; what is neither string nor number is left out. */
static bool put_texts(struct ta_buf *buf, struct ta_json_slice value, bool object, bool addresses,
		      size_t most)
{
	struct ta_json_slice key, member;
	struct ta_json_walk walk;
	uint32_t left = object ? UINT32_MAX : LINES_MAX;

	if (!ta_json_walk(&walk, value.text, value.bytes) || walk.object != object)
		return false;
	ta_buf_putc(buf, object ? '{' : '[');
	while (left-- && ta_json_next(&walk, &key, &member)) {
		if (addresses ? !is_address(member) : !is_number_or_text(member))
			continue;
		ta_sentry_comma(buf);
		if (object) {
			ta_sentry_inside(buf, key, most);
			ta_buf_putc(buf, ':');
		}
		ta_sentry_string(buf, member.text, member.bytes, most);
	}
	ta_buf_putc(buf, object ? '}' : ']');
	return true;
}

/* Elements of an array that fit the form, or, without one, that are objects. */
static bool put_parts(struct ta_buf *buf, const struct ta_sentry_form *form,
		      struct ta_json_slice value, size_t most)
{
	struct ta_json_slice key, member;
	struct ta_json_walk walk;
	bool any = false;

	if (!ta_json_walk(&walk, value.text, value.bytes) || walk.object)
		return false;
	ta_buf_putc(buf, '[');
	while (ta_json_next(&walk, &key, &member)) {
		size_t before = buf->bytes;
		bool fits = kind_of(member) == TA_JSON_OBJECT;

		ta_sentry_comma(buf);
		if (fits && form)
			fits = ta_sentry_put_form(buf, form, member, most);
		else if (fits)
			fits = ta_sentry_object(buf, member.text, member.bytes, most);
		any |= fits;
		if (!fits && !buf->failed)
			buf->bytes = before;
	}
	ta_buf_putc(buf, ']');
	return any;
}

static struct ta_json_slice member_of(struct ta_json_slice object, const char *name)
{
	struct ta_json_slice key, value, found = { "", 0 };
	struct ta_json_walk walk;

	if (ta_json_walk(&walk, object.text, object.bytes) && walk.object)
		while (ta_json_next(&walk, &key, &value))
			if (ta_json_key_is(key, name))
				found = value;
	return found;
}

static bool put_values(struct ta_buf *buf, const struct ta_sentry_form *form,
		       struct ta_json_slice value, size_t most)
{
	struct ta_json_slice values = member_of(value, "values");
	bool fits;

	ta_buf_puts(buf, "{\"values\":");
	if (kind_of(values) == TA_JSON_ARRAY || kind_of(value) == TA_JSON_ARRAY) {
		fits = put_parts(buf, form, values.bytes ? values : value, most);
	} else {
		ta_buf_putc(buf, '[');
		fits = kind_of(value) == TA_JSON_OBJECT && ta_sentry_put_form(buf, form, value, most);
		ta_buf_putc(buf, ']');
	}
	ta_buf_putc(buf, '}');
	return fits;
}

/* Of the kinds that are written as they are. */
static bool fits_kind(uint8_t kind, struct ta_json_slice value)
{
	int64_t number;

	switch (kind) {
	case TA_FORM_STRING:
		return is_number_or_text(value);
	case TA_FORM_INTEGER:
		return ta_json_int(value, &number);
	case TA_FORM_COUNT:
		return ta_json_int(value, &number) && number >= 0;
	case TA_FORM_BOOL:
		return kind_of(value) == TA_JSON_BOOL;
	case TA_FORM_ID:
		return is_id(value);
	case TA_FORM_ADDRESS:
		return is_address(value);
	default:
		return kind_of(value) == TA_JSON_OBJECT;
	}
}

static bool put_kind(struct ta_buf *buf, const struct ta_sentry_field *field,
		     struct ta_json_slice value, size_t most)
{
	switch (field->kind) {
	case TA_FORM_TEXTS:
		return put_texts(buf, value, true, false, most);
	case TA_FORM_ADDRESSES:
		return put_texts(buf, value, true, true, most);
	case TA_FORM_LINES:
		return put_texts(buf, value, false, false, most);
	case TA_FORM_PART:
		return kind_of(value) == TA_JSON_OBJECT &&
		       ta_sentry_put_form(buf, field->part, value, most);
	case TA_FORM_PARTS:
	case TA_FORM_OBJECTS:
		return put_parts(buf, field->part, value, most);
	case TA_FORM_VALUES:
		return put_values(buf, field->part, value, most);
	default:
		break;
	}
	if (!fits_kind(field->kind, value))
		return false;
	if (field->kind == TA_FORM_STRING)
		return ta_sentry_string(buf, value.text, value.bytes, most);
	ta_sentry_value(buf, value.text, value.bytes, most);
	return true;
}

bool ta_sentry_put_field(struct ta_buf *buf, const struct ta_sentry_field *field,
			 struct ta_json_slice value, size_t most)
{
	size_t before = buf->bytes;

	ta_sentry_key(buf, field->name);
	if (put_kind(buf, field, value, most))
		return true;
	if (!buf->failed)
		buf->bytes = before;
	return false;
}

static bool is_empty(struct ta_json_slice value)
{
	return kind_of(value) == TA_JSON_STRING && !ta_json_string(value).bytes;
}

bool ta_sentry_put_form(struct ta_buf *buf, const struct ta_sentry_form *form,
			struct ta_json_slice value, size_t most)
{
	bool complete = !form->needs[0];
	struct ta_json_slice key, member;
	struct ta_json_walk walk;
	uint64_t done = 0;

	ta_json_walk(&walk, value.text, value.bytes);
	ta_buf_putc(buf, '{');
	while (ta_json_next(&walk, &key, &member)) {
		const struct ta_sentry_field *field = ta_sentry_field(form, key);
		uint64_t bit = field ? 1ull << (field - form->fields) : 0;

		if (!field || (done & bit) || !ta_sentry_put_field(buf, field, member, most))
			continue;
		done |= bit;
		for (size_t i = 0; i < 4 && form->needs[i]; i++)
			complete |= strcmp(form->needs[i], field->name) == 0 && !is_empty(member);
	}
	ta_buf_putc(buf, '}');
	return complete;
}
