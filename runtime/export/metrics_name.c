/* SPDX-License-Identifier: MIT */
/*
 * metrics_name.c - names, labels and their values in Prometheus' texts.
 *
 * Runs: agent, any thread.  No lock.
 */
#include "runtime/export/metrics_name.h"

#include <stdio.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_plain(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

void ta_put_label_name(struct ta_buf *buf, const char *name, size_t bytes)
{
	bool underscore = false;

	if (!bytes || is_digit(name[0])) {
		ta_buf_putc(buf, '_');
		underscore = true;
	}
	for (size_t i = 0; i < bytes; i++) {
		if (is_plain(name[i]))
			ta_buf_putc(buf, name[i]);
		else if (!underscore)
			ta_buf_putc(buf, '_');
		underscore = !is_plain(name[i]);
	}
}

void ta_family_of(const struct ta_metric *metric, struct ta_family *ret_family)
{
	size_t at = 0;

	ret_family->unit = strcmp(metric->unit, "s") == 0 ? "seconds" :
			   strcmp(metric->unit, "By") == 0 ? "bytes" : "";
	for (const char *c = metric->name; *c && at < 100; c++)
		ret_family->name[at++] = is_plain(*c) ? *c : '_';
	ret_family->name[at] = '\0';
	if (ret_family->unit[0])
		snprintf(ret_family->name + at, sizeof(ret_family->name) - at, "_%s",
			 ret_family->unit);
}

/* Backslash, quote and newline; what is left is one line of JSON's making otherwise. */
static void put_escaped(struct ta_buf *buf, const char *text, size_t bytes)
{
	size_t run = 0;

	for (size_t i = 0; i < bytes; i++) {
		const char *escape = text[i] == '\\' ? "\\\\" : text[i] == '"' ? "\\\"" :
				     text[i] == '\n' ? "\\n" : NULL;

		if (!escape)
			continue;
		ta_buf_put(buf, text + run, i - run);
		ta_buf_puts(buf, escape);
		run = i + 1;
	}
	ta_buf_put(buf, text + run, bytes - run);
}

/* Length of the character at text if it is valid, else 0. */
static size_t character(const char *text, size_t bytes)
{
	for (size_t length = 1; length <= 4 && length <= bytes; length++)
		if (ta_utf8_valid(text, length))
			return length;
	return 0;
}

void ta_put_label_text(struct ta_buf *buf, const char *value, size_t bytes)
{
	size_t run = 0, length;

	if (!bytes)
		return;
	if (ta_utf8_valid(value, bytes)) {
		put_escaped(buf, value, bytes);
		return;
	}
	for (size_t i = 0; i < bytes; i += length ? length : 1) {
		length = character(value + i, bytes - i);
		if (length)
			continue;
		put_escaped(buf, value + run, i - run);
		ta_buf_puts(buf, "\xef\xbf\xbd");
		run = i + 1;
	}
	put_escaped(buf, value + run, bytes - run);
}

void ta_put_label_value(struct ta_buf *buf, const struct ta_out_attr *attr)
{
	if (attr->type == TA_ATTR_STRING)
		ta_put_label_text(buf, attr->text, attr->text_bytes);
	else if (attr->type == TA_ATTR_BOOL)
		ta_buf_puts(buf, attr->number ? "true" : "false");
	else
		ta_buf_put_i64(buf, attr->number);
}

static void open_label(struct ta_buf *buf)
{
	if (buf->bytes && buf->data[buf->bytes - 1] != '{')
		ta_buf_putc(buf, ',');
}

void ta_put_label(struct ta_buf *buf, const char *name, const char *value, size_t bytes)
{
	open_label(buf);
	ta_buf_puts(buf, name);
	ta_buf_puts(buf, "=\"");
	ta_put_label_text(buf, value, bytes);
	ta_buf_putc(buf, '"');
}

void ta_put_label_attr(struct ta_buf *buf, const struct ta_out_attr *attr)
{
	open_label(buf);
	ta_put_label_name(buf, attr->name, attr->name_bytes);
	ta_buf_puts(buf, "=\"");
	ta_put_label_value(buf, attr);
	ta_buf_putc(buf, '"');
}

/* A hash of the label that a name becomes. */
static uint64_t label_print(const struct ta_out_attr *attr)
{
	uint64_t hash = 0xcbf29ce484222325ull;
	bool underscore = !attr->name_bytes || is_digit(attr->name[0]);

	if (underscore)
		hash = (hash ^ '_') * 0x100000001b3ull;
	for (uint32_t i = 0; i < attr->name_bytes; i++) {
		bool plain = is_plain(attr->name[i]);

		if (plain || !underscore)
			hash = (hash ^ (plain ? (unsigned char)attr->name[i] : '_')) * 0x100000001b3ull;
		underscore = !plain;
	}
	return hash;
}

static bool name_is(const struct ta_out_attr *attr, const char *name)
{
	return attr->name_bytes == strlen(name) && memcmp(attr->name, name, attr->name_bytes) == 0;
}

/* What job and instance say, and what would be taken for them. */
static bool is_left_out(const struct ta_out_attr *attr)
{
	static const char *const names[] = { "service.name", "service.namespace",
					     "service.instance.id", "job", "instance" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (name_is(attr, names[i]))
			return true;
	return false;
}

static int compare(const struct ta_out_attr *a, const struct ta_out_attr *b)
{
	uint32_t shorter = a->name_bytes < b->name_bytes ? a->name_bytes : b->name_bytes;
	int order = memcmp(a->name, b->name, shorter);

	return order ? order : (a->name_bytes > b->name_bytes) - (a->name_bytes < b->name_bytes);
}

/* The labels of a resource: what stands at the same print is one of them. */
struct target {
	const struct ta_service *service;
	uint64_t prints[TA_OUT_ATTRS_MAX]; /* 0: left out */
};

/* The values of all names that become the label of attrs[at], by the order of the names. */
static void put_joined(struct ta_buf *buf, const struct target *target, uint32_t at)
{
	const struct ta_out_attr *last = NULL;

	for (;;) {
		const struct ta_out_attr *next = NULL;

		for (uint32_t i = at; i < target->service->attr_count; i++) {
			const struct ta_out_attr *attr = &target->service->attrs[i];

			if (target->prints[i] == target->prints[at] &&
			    (!last || compare(attr, last) > 0) && (!next || compare(attr, next) < 0))
				next = attr;
		}
		if (!next)
			return;
		if (last)
			ta_buf_putc(buf, ';');
		ta_put_label_value(buf, next);
		last = next;
	}
}

static bool is_first(const struct target *target, uint32_t at)
{
	for (uint32_t i = 0; i < at; i++)
		if (target->prints[i] == target->prints[at])
			return false;
	return target->prints[at] != 0;
}

void ta_put_target_labels(struct ta_buf *buf, const struct ta_service *service)
{
	struct target target = { .service = service };

	for (uint32_t i = 0; i < service->attr_count; i++)
		target.prints[i] = is_left_out(&service->attrs[i]) ? 0 :
								     label_print(&service->attrs[i]);
	for (uint32_t i = 0; i < service->attr_count; i++) {
		if (!is_first(&target, i))
			continue;
		open_label(buf);
		ta_put_label_name(buf, service->attrs[i].name, service->attrs[i].name_bytes);
		ta_buf_puts(buf, "=\"");
		put_joined(buf, &target, i);
		ta_buf_putc(buf, '"');
	}
}
