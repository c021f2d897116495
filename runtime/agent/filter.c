/* SPDX-License-Identifier: MIT */
/*
 * filter.c - see filter.h.
 *
 * Most records have nothing to look at, and of those that have most are clean: a copy
 * is made when the first secret is found.
 *
 * Runs: agent, one thread.
 */
#include "runtime/agent/filter.h"

#include <string.h>

#include "runtime/protocol/scrub.h"

#define VALUE_MAX 65000u /* of an attribute; its length has 16 bits */
#define LABEL_MAX 1024u	 /* of "category: message", as patterns see it */

void ta_filter_init(struct ta_filter *filter, const struct ta_config *config)
{
	*filter = (struct ta_filter){ .scrub = config->scrub,
				      .keys = config->scrub_keys,
				      .drop = *config->breadcrumbs_drop ?
						      config->breadcrumbs_drop :
						      NULL };
}

void ta_filter_fini(struct ta_filter *filter)
{
	ta_buf_fini(&filter->record);
	ta_buf_fini(&filter->text);
}

/* ---- one text ---- */

/* The text without its secrets in filter->text; false: there are none in it. */
static bool scrub(struct ta_filter *filter, const struct ta_attr_view *attr)
{
	struct ta_scrub_walk walk;
	struct ta_secret secret;
	size_t done = 0;
	bool json = attr->type == TA_ATTR_JSON;

	ta_scrub_begin(&walk, attr->value, attr->bytes, json, filter->keys);
	if (!ta_scrub_next(&walk, &secret))
		return false;
	ta_buf_clear(&filter->text);
	do {
		ta_buf_put(&filter->text, attr->value + done, secret.at - done);
		ta_buf_puts(&filter->text, secret.bare ? "\"" TA_SCRUBBED "\"" : TA_SCRUBBED);
		done = secret.at + secret.bytes;
	} while (ta_scrub_next(&walk, &secret));
	ta_buf_put(&filter->text, attr->value + done, attr->bytes - done);
	if (filter->text.bytes > VALUE_MAX) {
		ta_buf_clear(&filter->text);
		ta_buf_puts(&filter->text, json ? "{}" : TA_SCRUBBED);
	}
	return true;
}

/* Of JSON only what an event itself brings: on spans it is the program's attributes. */
static bool is_free_text(const struct ta_attr_view *attr, uint8_t kind)
{
	switch (attr->key) {
	case TA_ATTR_EVENT_JSON:
		return attr->type == TA_ATTR_JSON && kind == TA_RECORD_EVENT;
	case TA_ATTR_EVENT_MESSAGE:
	case TA_ATTR_EXCEPTION_MESSAGE:
	case TA_ATTR_STATUS_MESSAGE:
	case TA_ATTR_CRUMB_MESSAGE:
		return attr->type == TA_ATTR_STRING;
	case TA_ATTR_CRUMB_DATA:
		return attr->type == TA_ATTR_JSON;
	default:
		return false;
	}
}

/* ---- a row of attributes ---- */

static void put_attr(struct ta_buf *out, const struct ta_attr_view *attr, const char *value,
		     size_t bytes)
{
	static const char zeroes[4];
	struct ta_attr head = { .key = attr->key, .type = attr->type, .bytes = (uint16_t)bytes };

	ta_buf_put(out, &head, sizeof(head));
	ta_buf_put(out, value, bytes);
	ta_buf_put(out, zeroes, -bytes & 3u);
}

/* Appends the row to filter->record, which has what comes before it in the record
 * (head, head_bytes), when something in it has to be changed.  False: nothing has. */
static bool scrub_row(struct ta_filter *filter, const struct ta_record *head, size_t head_bytes,
		      const char *row, size_t row_bytes)
{
	const char *cursor = row, *end = row + row_bytes, *done = row;
	struct ta_attr_view attr;
	bool changed = false;

	while (ta_attr_next(&cursor, end, &attr)) {
		const char *start = attr.value - sizeof(struct ta_attr);

		if (!is_free_text(&attr, head->kind) || !scrub(filter, &attr))
			continue;
		if (!changed) {
			ta_buf_clear(&filter->record);
			ta_buf_put(&filter->record, head, head_bytes);
		}
		changed = true;
		ta_buf_put(&filter->record, done, (size_t)(start - done));
		put_attr(&filter->record, &attr, filter->text.data, filter->text.bytes);
		done = cursor;
	}
	/* Behind the last one is nothing, or nonsense, which could be one with more room. */
	if (changed)
		ta_buf_put(&filter->record, done, (size_t)(cursor - done));
	return changed;
}

/* Makes the length a record's; NULL: it would be too long, or there is no memory. */
static const struct ta_record *finish(struct ta_filter *filter)
{
	static const char zeroes[8];
	struct ta_record *record;

	ta_buf_put(&filter->record, zeroes, -filter->record.bytes & 7u);
	if (filter->record.failed || filter->text.failed ||
	    filter->record.bytes / 8 > UINT16_MAX)
		return NULL;
	record = (void *)filter->record.data;
	record->units = (uint16_t)(filter->record.bytes / 8);
	filter->scrubbed++;
	return record;
}

static const struct ta_record *scrub_attrs(struct ta_filter *filter, const struct ta_record *record)
{
	uint32_t bytes;
	const char *row = ta_record_attrs(record, &bytes);

	if (!row || !scrub_row(filter, record, (size_t)(row - (const char *)record), row, bytes))
		return record;
	return finish(filter);
}

/* ---- breadcrumbs ---- */

static void append(char *label, size_t *bytes, const void *text, size_t more)
{
	if (more > LABEL_MAX - 1 - *bytes)
		more = LABEL_MAX - 1 - *bytes;
	memcpy(label + *bytes, text, more);
	*bytes += more;
}

static bool is_dropped(const struct ta_filter *filter, const char *row, size_t row_bytes)
{
	struct ta_attr_view attr, message = { 0 }, category = { 0 };
	const char *cursor = row;
	char label[LABEL_MAX];
	size_t bytes = 0;

	if (!filter->drop)
		return false;
	while (ta_attr_next(&cursor, row + row_bytes, &attr)) {
		if (attr.key == TA_ATTR_CRUMB_MESSAGE)
			message = attr;
		else if (attr.key == TA_ATTR_CRUMB_CATEGORY)
			category = attr;
	}
	append(label, &bytes, category.value ? category.value : "", category.bytes);
	append(label, &bytes, ": ", 2);
	append(label, &bytes, message.value ? message.value : "", message.bytes);
	label[bytes] = '\0';
	return ta_config_matches(filter->drop, label);
}

static const struct ta_record *without_change(struct ta_filter *filter,
					      const struct ta_record_scope_set *set)
{
	struct ta_record_scope_set nothing = *set;

	nothing.head.units = sizeof(nothing) / 8;
	nothing.change = 0;
	nothing.key_bytes = 0;
	nothing.value_bytes = 0;
	filter->dropped++;
	ta_buf_clear(&filter->record);
	ta_buf_put(&filter->record, &nothing, sizeof(nothing));
	return filter->record.failed ? NULL : (const void *)filter->record.data;
}

static const struct ta_record *crumb(struct ta_filter *filter, const struct ta_record_scope_set *set)
{
	const char *row = (const char *)(set + 1) + set->key_bytes;
	size_t head_bytes = sizeof(*set) + set->key_bytes;
	struct ta_record_scope_set *changed;

	if (is_dropped(filter, row, set->value_bytes))
		return without_change(filter, set);
	if (!filter->scrub ||
	    !scrub_row(filter, &set->head, head_bytes, row, set->value_bytes))
		return &set->head;
	changed = (void *)filter->record.data;
	if (!filter->record.failed)
		changed->value_bytes = (uint32_t)(filter->record.bytes - head_bytes);
	return finish(filter);
}

const struct ta_record *ta_filter_record(struct ta_filter *filter, const struct ta_record *record)
{
	switch (record->kind) {
	case TA_RECORD_SCOPE_SET:
		if (((const struct ta_record_scope_set *)record)->change == TA_SCOPE_BREADCRUMB)
			return crumb(filter, (const void *)record);
		return record;
	case TA_RECORD_SPAN_ATTRS:
	case TA_RECORD_SPAN_END:
	case TA_RECORD_SPAN_EVENT:
	case TA_RECORD_EVENT:
		return filter->scrub ? scrub_attrs(filter, record) : record;
	default:
		return record;
	}
}
