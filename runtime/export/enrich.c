/* SPDX-License-Identifier: MIT */
/*
 * enrich.c - the frame around a span: collect what was recorded, let its type
 * decide name and attributes, add status and tags.
 *
 * Names of ours (tagalong.*) stand where OpenTelemetry has none: connections,
 * threads and signal deliveries.
 *
 * Runs: agent, one thread.  No allocation for a span in the steady state: text
 * goes to the scratch memory of the enricher.
 */
#include "runtime/export/enrich_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define SCRATCH_BASE 2048u /* addresses, numbers, names of signals */
#define TAG_PREFIX "tagalong.tag."

struct ta_enrich *ta_enrich_new(const struct ta_config *config)
{
	struct ta_enrich *enrich = calloc(1, sizeof(*enrich));

	if (!enrich)
		return NULL;
	enrich->config = config;
	enrich->paths = ta_path_names_new();
	enrich->routes = ta_routes_new(enrich, config->http_routes);
	ta_resource_init(enrich);
	if (!enrich->paths || !enrich->routes || enrich->user_resource.failed) {
		ta_enrich_free(enrich);
		return NULL;
	}
	return enrich;
}

void ta_enrich_free(struct ta_enrich *enrich)
{
	if (!enrich)
		return;
	ta_path_names_free(enrich->paths);
	ta_routes_free(enrich->routes);
	ta_buf_fini(&enrich->user_resource);
	for (uint32_t i = 0; i < TA_PROCESS_CACHE; i++)
		ta_buf_fini(&enrich->processes[i].json);
	free(enrich->scratch);
	free(enrich);
}

const char *ta_enrich_warning(const struct ta_enrich *enrich, size_t index)
{
	return index < enrich->warning_count ? enrich->warnings[index] : NULL;
}

void ta_enrich_warn(struct ta_enrich *enrich, const char *format, ...)
{
	va_list args;

	if (enrich->warning_count == TA_WARNINGS_MAX)
		return;
	va_start(args, format);
	vsnprintf(enrich->warnings[enrich->warning_count++], sizeof(enrich->warnings[0]), format,
		  args);
	va_end(args);
}

char *ta_scratch(struct ta_enrich *enrich, size_t bytes)
{
	char *room;

	if (bytes > enrich->scratch_capacity - enrich->scratch_bytes)
		return NULL;
	room = enrich->scratch + enrich->scratch_bytes;
	enrich->scratch_bytes += bytes;
	return room;
}

/* Everything that a span can ask for, before anything points into it. */
static void prepare_scratch(struct ta_enrich *enrich, const struct ta_span *span,
			    const struct ta_facts *facts)
{
	size_t wanted = SCRATCH_BASE;
	uint32_t target = 0;
	char *grown;

	for (uint32_t i = 0; i < span->tag_count; i++)
		wanted += sizeof(TAG_PREFIX) + span->tags[i].key_bytes;
	if (ta_facts_text(facts, TA_ATTR_HTTP_TARGET, &target))
		wanted += 3 * (size_t)target;
	enrich->scratch_bytes = 0;
	if (wanted <= enrich->scratch_capacity)
		return;
	grown = realloc(enrich->scratch, wanted);
	if (!grown)
		return;
	enrich->scratch = grown;
	enrich->scratch_capacity = wanted;
}

struct ta_out_attr *ta_out_add(struct ta_out_span *out, const char *name, uint32_t name_bytes)
{
	struct ta_out_attr *attr;

	if (out->attr_count == TA_OUT_ATTRS_MAX) {
		out->dropped_attrs++;
		return NULL;
	}
	attr = &out->attrs[out->attr_count++];
	attr->name = name;
	attr->name_bytes = name_bytes;
	attr->plain_name = false;
	return attr;
}

/* The names given to these three are literals of ours. */
void ta_out_text(struct ta_out_span *out, const char *name, uint32_t name_bytes, const char *text,
		 size_t text_bytes)
{
	struct ta_out_attr *attr = ta_out_add(out, name, name_bytes);

	if (!attr)
		return;
	attr->type = TA_ATTR_STRING;
	attr->plain_name = true;
	attr->text = text;
	attr->text_bytes = (uint32_t)text_bytes;
}

void ta_out_int(struct ta_out_span *out, const char *name, uint32_t name_bytes, int64_t value)
{
	struct ta_out_attr *attr = ta_out_add(out, name, name_bytes);

	if (!attr)
		return;
	attr->type = TA_ATTR_INT;
	attr->plain_name = true;
	attr->number = value;
}

void ta_out_bool(struct ta_out_span *out, const char *name, uint32_t name_bytes, bool value)
{
	struct ta_out_attr *attr = ta_out_add(out, name, name_bytes);

	if (!attr)
		return;
	attr->type = TA_ATTR_BOOL;
	attr->plain_name = true;
	attr->number = value;
}

static struct ta_out_attr *find(struct ta_out_span *out, const char *name, uint32_t name_bytes)
{
	for (uint32_t i = 0; i < out->attr_count; i++)
		if (out->attrs[i].name_bytes == name_bytes &&
		    memcmp(out->attrs[i].name, name, name_bytes) == 0)
			return &out->attrs[i];
	return NULL;
}

void ta_out_error(struct ta_out_span *out, const char *type)
{
	out->status = 2;
	if (!find(out, TA_NAME("error.type")))
		ta_out_text(out, TA_NAME("error.type"), type, strlen(type));
}

/* The longest beginning of text, at most bytes long, that does not cut a character. */
static size_t cut_utf8(const char *text, size_t bytes)
{
	while (bytes && ((unsigned char)text[bytes] & 0xc0) == 0x80)
		bytes--;
	return bytes;
}

void ta_out_name(struct ta_out_span *out, const char *text, size_t bytes)
{
	size_t room = sizeof(out->name) - 1 - out->name_bytes;

	if (bytes > room)
		bytes = cut_utf8(text, room);
	memcpy(out->name + out->name_bytes, text, bytes);
	out->name_bytes += (uint32_t)bytes;
	out->name[out->name_bytes] = '\0';
}

const char *ta_errno_name(struct ta_enrich *enrich, int64_t number)
{
	const char *name = number > 0 && number < 4096 ? strerrorname_np((int)number) : NULL;
	char *digits;

	if (name)
		return name;
	digits = ta_scratch(enrich, 24);
	if (!digits)
		return "_OTHER";
	snprintf(digits, 24, "%lld", (long long)number);
	return digits;
}

void ta_out_address(struct ta_out_span *out, const struct ta_address *address, const char *name,
		    uint32_t name_bytes, const char *port_name, uint32_t port_name_bytes)
{
	if (address->text_bytes && !address->any)
		ta_out_text(out, name, name_bytes, address->text, address->text_bytes);
	if (address->port)
		ta_out_int(out, port_name, port_name_bytes, address->port);
}

void ta_out_count(const struct ta_facts *facts, unsigned int key, struct ta_out_span *out)
{
	const char *name = ta_attr_name((uint8_t)key);

	if (ta_facts_have(facts, key))
		ta_out_int(out, name, (uint32_t)strlen(name), ta_facts_int(facts, key));
}

static void collect(const struct ta_span *span, struct ta_facts *facts)
{
	facts->present = 0;
	facts->named_count = 0;
	facts->dropped = 0;
	for (uint32_t i = 0; i < span->records.count; i++) {
		uint32_t bytes;
		const char *cursor = ta_record_attrs(span->records.items[i], &bytes);
		const char *end = cursor + bytes;
		struct ta_attr_view attr;

		while (ta_attr_next(&cursor, end, &attr)) {
			if (attr.key < TA_KNOWN_KEYS) {
				facts->known[attr.key] = attr;
				facts->present |= 1ull << attr.key;
			} else if (attr.key == TA_ATTR_NAMED && facts->named_count < TA_NAMED_MAX) {
				facts->named[facts->named_count++] = attr;
			} else {
				facts->dropped++;
			}
		}
	}
}

/* Takes the name off the front of a named attribute's value. */
static bool split_named(const struct ta_attr_view *attr, const char **ret_name,
			uint32_t *ret_name_bytes, struct ta_attr_view *ret_value)
{
	uint32_t name_bytes = attr->bytes ? (uint8_t)attr->value[0] : 0;

	if (!name_bytes || name_bytes + 1 > attr->bytes)
		return false;
	*ret_name = attr->value + 1;
	*ret_name_bytes = name_bytes;
	*ret_value = *attr;
	ret_value->value += name_bytes + 1;
	ret_value->bytes = (uint16_t)(attr->bytes - name_bytes - 1);
	return true;
}

static void set_value(struct ta_out_attr *attr, const struct ta_attr_view *value)
{
	attr->type = value->type;
	attr->text = value->value;
	attr->text_bytes = value->bytes;
	if (value->type == TA_ATTR_INT || value->type == TA_ATTR_BOOL)
		attr->number = ta_attr_int(value);
	else if (value->type == TA_ATTR_DOUBLE && value->bytes == sizeof(attr->real))
		memcpy(&attr->real, value->value, sizeof(attr->real));
	else if (value->type == TA_ATTR_DOUBLE)
		attr->real = 0;
	else if (value->type != TA_ATTR_STRING && value->type != TA_ATTR_BYTES)
		attr->type = TA_ATTR_BYTES; /* of a newer host */
}

/* Attributes that carry their own names; "name" is the name of an API span. */
static void add_named(const struct ta_span *span, const struct ta_facts *facts,
		      struct ta_out_span *out)
{
	for (uint32_t i = 0; i < facts->named_count; i++) {
		const char *name;
		uint32_t bytes;
		struct ta_attr_view value;
		struct ta_out_attr *attr;

		if (!split_named(&facts->named[i], &name, &bytes, &value)) {
			out->dropped_attrs++;
			continue;
		}
		if (span->type == TA_SPAN_API && bytes == 4 && memcmp(name, "name", 4) == 0)
			continue;
		attr = find(out, name, bytes);
		if (!attr)
			attr = ta_out_add(out, name, bytes);
		if (attr)
			set_value(attr, &value);
	}
}

/* The last text recorded under a name of its own. */
const char *ta_facts_named(const struct ta_facts *facts, const char *wanted, uint32_t *ret_bytes)
{
	for (uint32_t i = facts->named_count; i-- > 0;) {
		const char *name;
		uint32_t bytes;
		struct ta_attr_view value;

		if (!split_named(&facts->named[i], &name, &bytes, &value))
			continue;
		if (value.type != TA_ATTR_STRING || bytes != strlen(wanted) ||
		    memcmp(name, wanted, bytes) != 0)
			continue;
		*ret_bytes = value.bytes;
		return value.value;
	}
	return NULL;
}

static void add_tags(struct ta_enrich *enrich, const struct ta_span *span, struct ta_out_span *out)
{
	const size_t prefix = sizeof(TAG_PREFIX) - 1;

	for (uint32_t i = 0; i < span->tag_count; i++) {
		const struct ta_tag *tag = &span->tags[i];
		char *name = ta_scratch(enrich, prefix + tag->key_bytes);
		struct ta_out_attr *attr;

		if (!name) {
			out->dropped_attrs++;
			continue;
		}
		memcpy(name, TAG_PREFIX, prefix);
		memcpy(name + prefix, tag->key, tag->key_bytes);
		attr = ta_out_add(out, name, (uint32_t)prefix + tag->key_bytes);
		if (!attr)
			continue;
		attr->type = TA_ATTR_STRING;
		attr->text = tag->value;
		attr->text_bytes = tag->value_bytes;
	}
}

static void enrich_api(const struct ta_facts *facts, struct ta_out_span *out)
{
	uint32_t bytes = 0;
	const char *name = ta_facts_named(facts, "name", &bytes);

	out->kind = 1;
	if (name && bytes)
		ta_out_name(out, name, bytes);
	else
		ta_out_name(out, "span", 4);
}

/* W3C wants whole list members: a state that is too long loses its last ones. */
static void set_trace_state(const struct ta_facts *facts, struct ta_out_span *out)
{
	uint32_t bytes = 0;
	const char *state = ta_facts_text(facts, TA_ATTR_TRACESTATE, &bytes);

	if (state && bytes >= sizeof(out->trace_state)) {
		bytes = sizeof(out->trace_state) - 1;
		while (bytes && state[bytes] != ',')
			bytes--;
	}
	if (state)
		memcpy(out->trace_state, state, bytes);
	out->trace_state[state ? bytes : 0] = '\0';
}

static void set_message(struct ta_out_span *out, const char *text, size_t bytes)
{
	if (bytes >= sizeof(out->status_message))
		bytes = cut_utf8(text, sizeof(out->status_message) - 1);
	memcpy(out->status_message, text, bytes);
	out->status_message[bytes] = '\0';
}

/* How the span ended, after its own type has had its say. */
static void finish_status(const struct ta_span *span, const struct ta_facts *facts,
			  struct ta_out_span *out)
{
	if (span->end == TA_SPAN_HOST_DIED) {
		static const char words[] = "process ended with the span open";

		set_message(out, words, sizeof(words) - 1);
		ta_out_error(out, "process_died");
	}
	if (span->end == TA_SPAN_HOST_DIED || span->reason == TA_END_PROCESS_END)
		ta_out_bool(out, TA_NAME("tagalong.unfinished"), true);
	if (span->status == TA_STATUS_ERROR) {
		uint32_t bytes;
		const char *message = ta_facts_named(facts, "exception.message", &bytes);

		if (message && !out->status_message[0])
			set_message(out, message, bytes);
		const char *type = ta_facts_named(facts, "exception.type", &bytes);

		if (type && !find(out, TA_NAME("error.type")))
			ta_out_text(out, TA_NAME("error.type"), type, bytes);
		ta_out_error(out, "_OTHER");
	} else if (span->status == TA_STATUS_OK && !out->status) {
		out->status = 1;
	}
}

static void dispatch(struct ta_enrich *enrich, const struct ta_span *span,
		     const struct ta_facts *facts, struct ta_out_span *out)
{
	switch (span->type) {
	case TA_SPAN_CONNECTION:
		ta_enrich_connection(enrich, span, facts, out);
		break;
	case TA_SPAN_HTTP_SERVER:
		ta_enrich_http(enrich, span, facts, out);
		break;
	case TA_SPAN_THREAD:
		ta_enrich_thread(enrich, span, facts, out);
		break;
	case TA_SPAN_SIGNAL:
		ta_enrich_signal(enrich, facts, out);
		break;
	default:
		enrich_api(facts, out);
	}
}

void ta_enrich_span(struct ta_enrich *enrich, const struct ta_span *span, struct ta_out_span *out)
{
	struct ta_facts facts;

	collect(span, &facts);
	prepare_scratch(enrich, span, &facts);
	out->name[0] = '\0';
	out->name_bytes = 0;
	out->status = 0;
	out->status_message[0] = '\0';
	out->attr_count = 0;
	out->dropped_attrs = facts.dropped;
	dispatch(enrich, span, &facts, out);
	add_named(span, &facts, out);
	finish_status(span, &facts, out);
	set_trace_state(&facts, out);
	add_tags(enrich, span, out);
}
