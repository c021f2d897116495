/* SPDX-License-Identifier: MIT */
/*
 * enrich.c - the frame around a span: collect what was recorded, let its type
 * decide name and attributes, add status, scopes, events and links.
 *
 * Names of ours (tagalong.*) stand where OpenTelemetry has none: connections,
 * threads, signal deliveries and some of what programs ask others.
 *
 * Runs: agent, one thread.  No allocation for a span in the steady state: text
 * goes to the scratch memory of the enricher.
 */
#include "runtime/export/enrich_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define SCRATCH_BASE 2048u /* addresses, numbers, names of signals */

struct ta_enrich *ta_enrich_new(const struct ta_config *config)
{
	struct ta_enrich *enrich = calloc(1, sizeof(*enrich));

	if (!enrich)
		return NULL;
	enrich->config = config;
	enrich->paths = ta_path_names_new();
	enrich->routes = ta_routes_new(enrich, config->http_routes);
	ta_resource_init(enrich);
	ta_limits_init(enrich);
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
	ta_resource_fini(enrich);
	ta_limits_fini(&enrich->limits);
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
	size_t wanted = SCRATCH_BASE + facts->json_bytes + ta_scope_scratch(span);
	uint32_t target = 0, host = 0;
	char *grown;

	if (ta_facts_text(facts, TA_ATTR_HTTP_TARGET, &target))
		wanted += 6 * (size_t)target;
	if (ta_facts_text(facts, TA_ATTR_HTTP_HOST, &host))
		wanted += 2 * (size_t)host;
	if (ta_facts_text(facts, TA_ATTR_DB_STATUS, &target))
		wanted += target;
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
	attr->prefix = NULL;
	attr->prefix_bytes = 0;
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

struct ta_out_attr *ta_out_find(struct ta_out_span *out, const char *name, uint32_t name_bytes)
{
	for (uint32_t i = 0; i < out->attr_count; i++)
		if (out->attrs[i].name_bytes == name_bytes && !out->attrs[i].prefix &&
		    memcmp(out->attrs[i].name, name, name_bytes) == 0)
			return &out->attrs[i];
	return NULL;
}

void ta_out_name(struct ta_out_span *out, const char *text, size_t bytes)
{
	size_t room = sizeof(out->name) - 1 - out->name_bytes;

	if (bytes > room)
		bytes = ta_utf8_cut(text, room);
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

/* What the program called it; wins over what its type makes of it. */
static void rename_span(const struct ta_facts *facts, struct ta_out_span *out)
{
	uint32_t bytes = 0;
	const char *name = ta_facts_text(facts, TA_ATTR_NAME, &bytes);

	if (!bytes)
		return;
	out->name_bytes = 0;
	ta_out_name(out, name, bytes);
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
	case TA_SPAN_HTTP_CLIENT:
		ta_enrich_http_client(enrich, span, facts, out);
		break;
	case TA_SPAN_COMMAND:
	case TA_SPAN_COMMAND_SERVER:
		ta_enrich_command(enrich, span, facts, out);
		break;
	case TA_SPAN_CONNECT:
		ta_enrich_connect(enrich, span, facts, out);
		break;
	case TA_SPAN_LOOKUP:
		ta_enrich_lookup(facts, out);
		break;
	case TA_SPAN_TURN:
		ta_enrich_turn(enrich, span, facts, out);
		break;
	case TA_SPAN_PROCESS:
		ta_enrich_process(enrich, span, facts, out);
		break;
	default:
		out->kind = 1;
		ta_out_name(out, "span", 4);
	}
}

/* Whose work it was could not be told; a link may say whose it perhaps was. */
static void add_orphanage(const struct ta_span *span, struct ta_out_span *out)
{
	if (span->orphan)
		ta_out_bool(out, TA_NAME("tagalong.orphan"), true);
}

void ta_enrich_name(struct ta_enrich *enrich, const struct ta_span *span, struct ta_out_span *out)
{
	struct ta_facts facts;

	ta_facts_collect(span, &facts);
	prepare_scratch(enrich, span, &facts);
	out->name[0] = '\0';
	out->name_bytes = 0;
	out->attr_count = 0;
	out->dropped_attrs = 0;
	ta_status_begin(&facts, out);
	dispatch(enrich, span, &facts, out);
	rename_span(&facts, out);
	ta_facts_exceptions(span, &facts);
	ta_status_end(span, &facts, out);
}

void ta_enrich_span_in_full(struct ta_enrich *enrich, const struct ta_span *span,
			    struct ta_out_span *out)
{
	struct ta_facts facts;

	ta_facts_collect(span, &facts);
	prepare_scratch(enrich, span, &facts);
	out->name[0] = '\0';
	out->name_bytes = 0;
	out->attr_count = 0;
	out->dropped_attrs = facts.dropped;
	ta_status_begin(&facts, out);
	dispatch(enrich, span, &facts, out);
	rename_span(&facts, out);
	ta_out_kind_of_work(span, &facts, out);
	ta_out_named(enrich, span, &facts, out);
	ta_out_events(enrich, span, &facts, out);
	ta_status_end(span, &facts, out);
	set_trace_state(&facts, out);
	add_orphanage(span, out);
	ta_out_scope(enrich, span, &facts, out);
}

void ta_enrich_span(struct ta_enrich *enrich, const struct ta_span *span, struct ta_out_span *out)
{
	ta_enrich_span_in_full(enrich, span, out);
	if (enrich->limits.in_spans)
		ta_limits_span(&enrich->limits, out);
}
