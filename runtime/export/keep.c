/* SPDX-License-Identifier: MIT */
/*
 * keep.c - which traces go to a destination.
 *
 * Rules are asked in the order of their price: most traces are decided before a span
 * has to be enriched.
 *
 * Runs: agent, the exporter's thread.
 */
#include "runtime/export/keep_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRACE_BITS 0x00ffffffffffffffull /* random ones: runtime/wire/sampler.h */
#define TAG_PREFIX "tagalong.tag."

struct ta_keep {
	bool all;
	bool by_trace; /* some rule needs more than the trace's id */
	bool enriches, tags; /* some rule needs spans as they are exported; not only local roots */
	struct ta_rules rules;
	struct ta_traces *kept; /* NULL where no rule asks; the same below */
	struct ta_traces *failed; /* an error was captured */
	struct ta_buf text;
	struct ta_out_span out;
};

/* ---- making ---- */

static bool keeps_all(const struct ta_rules *rules)
{
	if (!rules->count)
		return true;
	for (uint32_t i = 0; i < rules->count; i++)
		if (rules->items[i].kind == TA_RULE_ALL ||
		    (rules->items[i].kind == TA_RULE_RATE && !rules->items[i].number))
			return true;
	return false;
}

/* What the rules need. */
static bool prepare(struct ta_keep *keep)
{
	const struct ta_rules *rules = &keep->rules;

	keep->all = keeps_all(rules);
	if (keep->all)
		return true;
	for (uint32_t i = 0; i < rules->count; i++)
		keep->by_trace |= rules->items[i].kind > TA_RULE_RATE;
	keep->tags = ta_rules_have(rules, TA_RULE_TAG);
	keep->enriches = keep->tags || ta_rules_have(rules, TA_RULE_NAME);
	if (keep->by_trace && !(keep->kept = ta_traces_new()))
		return false;
	return !ta_rules_have(rules, TA_RULE_ERRORS) || (keep->failed = ta_traces_new());
}

struct ta_keep *ta_keep_new(const char *variable, const char *text, char *error,
			    size_t error_bytes)
{
	struct ta_keep *keep = calloc(1, sizeof(*keep));
	int failed;

	if (error_bytes)
		error[0] = '\0';
	if (!keep)
		return NULL;
	failed = ta_rules_read(&keep->rules, variable, text ? text : "", error, error_bytes);
	if (failed != -ENOMEM && prepare(keep))
		return keep;
	ta_keep_free(keep);
	return NULL;
}

void ta_keep_free(struct ta_keep *keep)
{
	if (!keep)
		return;
	ta_rules_fini(&keep->rules);
	ta_traces_free(keep->kept);
	ta_traces_free(keep->failed);
	ta_buf_fini(&keep->text);
	free(keep);
}

bool ta_keep_is_all(const struct ta_keep *keep)
{
	return keep->all;
}

/* ---- what spans say ---- */

static bool is_local_root(const struct ta_span *span)
{
	return !span->parent_id || (span->flags & TA_SPAN_REMOTE_PARENT) ||
	       span->type == TA_SPAN_HTTP_SERVER || span->type == TA_SPAN_CONNECTION ||
	       span->type == TA_SPAN_COMMAND_SERVER;
}

static bool fits(const struct ta_rule *rule, const char *text, size_t bytes)
{
	return ta_pattern_fits(rule->pattern, rule->pattern_bytes, text, bytes);
}

/* A number as people write it: 0.1 is not 0.10000000000000001. */
static void put_double(struct ta_buf *buf, double value)
{
	char text[32];

	snprintf(text, sizeof(text), "%.15g", value);
	if (strtod(text, NULL) != value)
		snprintf(text, sizeof(text), "%.17g", value);
	ta_buf_puts(buf, text);
}

/* The inside of a JSON string is its text; anything else is as it was written. */
static void put_json(struct ta_buf *buf, const struct ta_out_attr *attr)
{
	struct ta_json_slice value = { attr->text, attr->text_bytes };
	char *room;

	if (ta_json_kind(attr->text, attr->text_bytes) != TA_JSON_STRING ||
	    !ta_json_valid(attr->text, attr->text_bytes)) {
		ta_buf_put(buf, attr->text, attr->text_bytes);
		return;
	}
	value = ta_json_string(value);
	room = value.bytes ? ta_buf_reserve(buf, value.bytes) : NULL;
	if (room)
		buf->bytes += ta_json_unescape(value.text, value.bytes, room, value.bytes);
}

static bool value_fits(struct ta_keep *keep, const struct ta_rule *rule,
		       const struct ta_out_attr *attr)
{
	if (attr->type == TA_ATTR_STRING || attr->type == TA_ATTR_BYTES)
		return fits(rule, attr->text, attr->text_bytes);
	ta_buf_clear(&keep->text);
	if (attr->type == TA_ATTR_INT)
		ta_buf_put_i64(&keep->text, attr->number);
	else if (attr->type == TA_ATTR_BOOL)
		ta_buf_puts(&keep->text, attr->number ? "true" : "false");
	else if (attr->type == TA_ATTR_DOUBLE)
		put_double(&keep->text, attr->real);
	else
		put_json(&keep->text, attr);
	return fits(rule, keep->text.data ? keep->text.data : "", keep->text.bytes);
}

/* Its whole name, or that of a tag without our prefix. */
static bool has_key(const struct ta_out_attr *attr, const struct ta_rule *rule)
{
	size_t prefix = attr->prefix_bytes;
	bool is_tag = prefix == sizeof(TAG_PREFIX) - 1 &&
		      memcmp(attr->prefix, TAG_PREFIX, prefix) == 0;

	if ((is_tag || !prefix) && attr->name_bytes == rule->key_bytes)
		return memcmp(attr->name, rule->key, rule->key_bytes) == 0;
	return prefix && prefix + attr->name_bytes == rule->key_bytes &&
	       memcmp(attr->prefix, rule->key, prefix) == 0 &&
	       memcmp(attr->name, rule->key + prefix, attr->name_bytes) == 0;
}

static bool has_tag(struct ta_keep *keep, const struct ta_rule *rule)
{
	for (uint32_t i = 0; i < keep->out.attr_count; i++)
		if (has_key(&keep->out.attrs[i], rule) && value_fits(keep, rule, &keep->out.attrs[i]))
			return true;
	return false;
}

/* Rules about a span as it is exported: names and tags. */
static bool holds_enriched(struct ta_keep *keep, struct ta_enrich *enrich,
			   const struct ta_span *span)
{
	bool root = is_local_root(span);

	if (!root && !keep->tags)
		return false;
	ta_enrich_span_in_full(enrich, span, &keep->out);
	for (uint32_t i = 0; i < keep->rules.count; i++) {
		const struct ta_rule *rule = &keep->rules.items[i];

		if (rule->kind == TA_RULE_NAME && root &&
		    fits(rule, keep->out.name, keep->out.name_bytes))
			return true;
		if (rule->kind == TA_RULE_TAG && has_tag(keep, rule))
			return true;
	}
	return false;
}

/* ---- rules that need a look at the spans ---- */

static bool any_slow(const struct ta_rule *rule, struct ta_span *const *spans, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (is_local_root(spans[i]) && spans[i]->end_ns >= spans[i]->start_ns &&
		    spans[i]->end_ns - spans[i]->start_ns >= rule->number)
			return true;
	return false;
}

static bool any_service(const struct ta_rule *rule, struct ta_enrich *enrich,
			struct ta_span *const *spans, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const char *service;

		if (i && spans[i]->process == spans[i - 1]->process)
			continue;
		service = ta_enrich_service_name(enrich, spans[i]->process);
		if (fits(rule, service, strlen(service)))
			return true;
	}
	return false;
}

static bool any_failed(const struct ta_keep *keep, struct ta_enrich *enrich,
		       struct ta_span *const *spans, uint32_t count)
{
	if (ta_traces_have(keep->failed, spans[0]->trace_hi, spans[0]->trace_lo))
		return true;
	for (uint32_t i = 0; i < count; i++)
		if (ta_enrich_failed(enrich, spans[i]))
			return true;
	return false;
}

static bool holds(const struct ta_keep *keep, const struct ta_rule *rule, struct ta_enrich *enrich,
		  struct ta_span *const *spans, uint32_t count)
{
	switch (rule->kind) {
	case TA_RULE_SLOW:
		return any_slow(rule, spans, count);
	case TA_RULE_SERVICE:
		return any_service(rule, enrich, spans, count);
	case TA_RULE_ERRORS:
		return any_failed(keep, enrich, spans, count);
	default:
		return false;
	}
}

static bool any_holds(struct ta_keep *keep, struct ta_enrich *enrich, struct ta_span *const *spans,
		      uint32_t count)
{
	for (uint32_t i = 0; i < keep->rules.count; i++)
		if (holds(keep, &keep->rules.items[i], enrich, spans, count))
			return true;
	for (uint32_t i = 0; keep->enriches && i < count; i++)
		if (holds_enriched(keep, enrich, spans[i]))
			return true;
	return false;
}

/* ---- interface ---- */

static bool rate_takes(const struct ta_keep *keep, uint64_t trace_lo)
{
	for (uint32_t i = 0; i < keep->rules.count; i++)
		if (keep->rules.items[i].kind == TA_RULE_RATE &&
		    (trace_lo & TRACE_BITS) >= keep->rules.items[i].number)
			return true;
	return false;
}

bool ta_keep_trace(struct ta_keep *keep, struct ta_enrich *enrich, struct ta_span *const *spans,
		   uint32_t count)
{
	if (keep->all)
		return true;
	if (!count)
		return false;
	if (rate_takes(keep, spans[0]->trace_lo))
		return true;
	if (!keep->by_trace)
		return false;
	if (ta_traces_have(keep->kept, spans[0]->trace_hi, spans[0]->trace_lo))
		return true;
	if (!any_holds(keep, enrich, spans, count))
		return false;
	if (spans[0]->partial)
		ta_traces_put(keep->kept, spans[0]->trace_hi, spans[0]->trace_lo);
	return true;
}

void ta_keep_note_error(struct ta_keep *keep, uint64_t trace_hi, uint64_t trace_lo)
{
	if (keep->failed)
		ta_traces_put(keep->failed, trace_hi, trace_lo);
}
