/* SPDX-License-Identifier: MIT */
/*
 * enrich_limits.c - OTEL_*_LIMIT: how many attributes, events and links, and how long texts.
 *
 * Specific beats general; a limit that is not understood is reported and counts as not set
 * (OpenTelemetry, "Attribute limits", "Span limits").  Texts are cut between characters, in
 * JSON values every string by itself, bytes by bytes.  Of attributes the last ones go:
 * what the program and its scopes added, before what tells what the span is.
 *
 * Runs: agent, one thread.
 */
#include "runtime/export/enrich_internal.h"

#define NO_LIMIT UINT32_MAX
#define LIMIT_MAX INT32_MAX

/* ---- the settings ---- */

/* A number from 0 to LIMIT_MAX. */
static bool parse(const char *text, uint32_t *ret_limit)
{
	uint64_t number = 0;

	for (const char *at = text; *at; at++) {
		if (*at < '0' || *at > '9' || number > LIMIT_MAX)
			return false;
		number = number * 10 + (uint64_t)(*at - '0');
	}
	if (number > LIMIT_MAX)
		return false;
	*ret_limit = (uint32_t)number;
	return true;
}

/* Whether a limit was set and understood. */
static bool read_limit(struct ta_enrich *enrich, const char *variable, const char *text,
		       uint32_t *ret_limit)
{
	if (!text || !*text)
		return false;
	if (parse(text, ret_limit))
		return true;
	ta_enrich_warn(enrich, "%s is not used: it has to be a number from 0 to %d.", variable,
		       LIMIT_MAX);
	return false;
}

/* A count, at most our own; otherwise: where it is not set. */
static uint32_t read_count(struct ta_enrich *enrich, const char *variable, const char *text,
			   uint32_t otherwise)
{
	uint32_t limit;

	if (!read_limit(enrich, variable, text, &limit))
		return otherwise;
	return limit < TA_OUT_ATTRS_MAX ? limit : TA_OUT_ATTRS_MAX;
}

_Static_assert(TA_OUT_EVENTS_MAX == TA_OUT_ATTRS_MAX && TA_OUT_LINKS_MAX == TA_OUT_ATTRS_MAX,
	       "read_count() knows one cap");

static void read_counts(struct ta_enrich *enrich, struct ta_limits *limits)
{
	const struct ta_config *config = enrich->config;
	uint32_t general = read_count(enrich, "OTEL_ATTRIBUTE_COUNT_LIMIT",
				      config->attribute_limit, TA_OUT_ATTRS_MAX);

	limits->attrs = read_count(enrich, "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
				   config->span_attribute_limit, general);
	limits->event_attrs = read_count(enrich, "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
					 config->event_attribute_limit, general);
	limits->link_attrs = read_count(enrich, "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
					config->link_attribute_limit, general);
	limits->events = read_count(enrich, "OTEL_SPAN_EVENT_COUNT_LIMIT",
				    config->span_event_limit, TA_OUT_EVENTS_MAX);
	limits->links = read_count(enrich, "OTEL_SPAN_LINK_COUNT_LIMIT", config->span_link_limit,
				   TA_OUT_LINKS_MAX);
}

void ta_limits_init(struct ta_enrich *enrich)
{
	const struct ta_config *config = enrich->config;
	struct ta_limits *limits = &enrich->limits;

	read_counts(enrich, limits);
	if (!read_limit(enrich, "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
			config->span_value_limit, &limits->value) &&
	    !read_limit(enrich, "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", config->value_limit,
			&limits->value))
		limits->value = NO_LIMIT;
	limits->in_spans = limits->value != NO_LIMIT || limits->attrs < TA_OUT_ATTRS_MAX;
	limits->in_rows = limits->value != NO_LIMIT || limits->event_attrs < TA_OUT_ATTRS_MAX ||
			  limits->link_attrs < TA_OUT_ATTRS_MAX;
}

void ta_limits_fini(struct ta_limits *limits)
{
	ta_buf_fini(&limits->span_texts);
	ta_buf_fini(&limits->row_text);
}

/* ---- texts ---- */

/* Bytes of the character at text; what is none is exported as one for each byte. */
static size_t character(const char *text, size_t bytes)
{
	unsigned char lead = (unsigned char)text[0];
	size_t length = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;

	return length > 1 && length <= bytes && ta_utf8_valid(text, length) ? length : 1;
}

/* The same between the quotes of a JSON string, where half a surrogate pair has its
 * other half behind it. */
static size_t json_character(const char *text, size_t bytes)
{
	if (text[0] != '\\')
		return character(text, bytes);
	if (bytes < 6 || text[1] != 'u')
		return bytes < 2 ? bytes : 2;
	if (bytes < 12 || (text[2] | 0x20) != 'd' || !strchr("89abAB", text[3]) ||
	    text[6] != '\\' || text[7] != 'u' || (text[8] | 0x20) != 'd' ||
	    !strchr("cdefCDEF", text[9]))
		return 6;
	return 12;
}

static uint32_t cut_text(const char *text, uint32_t bytes, uint32_t limit)
{
	size_t at = 0;

	if (bytes <= limit)
		return bytes;
	for (uint32_t i = 0; i < limit && at < bytes; i++)
		at += character(text + at, bytes - at);
	return (uint32_t)at;
}

/* Bytes up to the quote that ends a string. */
static size_t string_bytes(const char *text, size_t bytes)
{
	size_t at = 0;

	while (at < bytes && text[at] != '"')
		at += text[at] == '\\' ? 2 : 1;
	return at < bytes ? at : bytes;
}

static bool is_key(const char *behind, const char *end)
{
	while (behind < end && (*behind == ' ' || *behind == '\t' || *behind == '\n' ||
				*behind == '\r'))
		behind++;
	return behind < end && *behind == ':';
}

/* A valid JSON text with its strings cut, but for names of members. */
static void put_cut_json(struct ta_buf *buf, const char *text, size_t bytes, uint32_t limit)
{
	const char *at = text, *end = text + bytes;

	while (at < end) {
		const char *quote = memchr(at, '"', (size_t)(end - at));
		size_t inside, kept = 0;

		if (!quote) {
			ta_buf_put(buf, at, (size_t)(end - at));
			return;
		}
		ta_buf_put(buf, at, (size_t)(quote + 1 - at));
		at = quote + 1;
		inside = string_bytes(at, (size_t)(end - at));
		if (inside <= limit || is_key(at + inside + 1, end))
			kept = inside;
		for (uint32_t i = 0; kept < inside && i < limit; i++)
			kept += json_character(at + kept, inside - kept);
		ta_buf_put(buf, at, kept);
		ta_buf_putc(buf, '"');
		at += inside + 1;
	}
}

/* buf has room; what was made stays where it is. */
static void cut_json(struct ta_limits *limits, struct ta_buf *buf, struct ta_out_attr *attr)
{
	size_t start = buf->bytes;

	if (buf->failed || !ta_json_valid(attr->text, attr->text_bytes)) {
		attr->text_bytes = cut_text(attr->text, attr->text_bytes, limits->value);
		return;
	}
	put_cut_json(buf, attr->text, attr->text_bytes, limits->value);
	attr->text = buf->data + start;
	attr->text_bytes = (uint32_t)(buf->bytes - start);
}

static bool is_too_long(const struct ta_limits *limits, const struct ta_out_attr *attr)
{
	return (attr->type == TA_ATTR_STRING || attr->type == TA_ATTR_JSON ||
		attr->type == TA_ATTR_BYTES) &&
	       attr->text_bytes > limits->value;
}

static void cut_attr(struct ta_limits *limits, struct ta_buf *buf, struct ta_out_attr *attr)
{
	if (attr->type == TA_ATTR_JSON)
		cut_json(limits, buf, attr);
	else if (attr->type == TA_ATTR_BYTES)
		attr->text_bytes = limits->value;
	else
		attr->text_bytes = cut_text(attr->text, attr->text_bytes, limits->value);
}

void ta_limits_row(struct ta_limits *limits, struct ta_out_attr *attr)
{
	if (!is_too_long(limits, attr))
		return;
	ta_buf_clear(&limits->row_text);
	cut_attr(limits, &limits->row_text, attr);
}

void ta_limits_span(struct ta_limits *limits, struct ta_out_span *out)
{
	size_t json_bytes = 0;

	if (out->attr_count > limits->attrs) {
		out->dropped_attrs += out->attr_count - limits->attrs;
		out->attr_count = limits->attrs;
	}
	for (uint32_t i = 0; i < out->attr_count; i++)
		if (out->attrs[i].type == TA_ATTR_JSON)
			json_bytes += out->attrs[i].text_bytes;
	ta_buf_clear(&limits->span_texts);
	ta_buf_reserve(&limits->span_texts, json_bytes);
	for (uint32_t i = 0; i < out->attr_count; i++)
		if (is_too_long(limits, &out->attrs[i]))
			cut_attr(limits, &limits->span_texts, &out->attrs[i]);
}
