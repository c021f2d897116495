/* SPDX-License-Identifier: MIT */
/*
 * report_values.c - attributes as numbers: which names in which order (a shape), and the
 * value of each.
 *
 * Thousands of spans have the same names, and most values are there many times.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/report.h"

#include <string.h>

void ta_report_each(struct ta_json_slice attributes, void *user,
		    void (*take)(void *user, struct ta_json_slice key, struct ta_json_slice any))
{
	struct ta_json_slice none, item;
	struct ta_json_walk walk;

	if (ta_json_kind(attributes.text, attributes.bytes) != TA_JSON_ARRAY ||
	    !ta_json_walk(&walk, attributes.text, attributes.bytes))
		return;
	while (ta_json_next(&walk, &none, &item)) {
		struct ta_json_slice key = ta_export_member(item, "key");

		if (ta_json_kind(key.text, key.bytes) == TA_JSON_STRING)
			take(user, key, ta_export_member(item, "value"));
	}
}

struct taking {
	struct report *report;
	struct ta_buf *cell;   /* one value as JSON */
	struct ta_buf *shape;  /* the numbers of the names */
	struct ta_buf numbers; /* of the values */
	bool (*skip)(struct ta_json_slice key);
};

static uint32_t number_of(struct report *report, struct ta_buf *cell)
{
	return cell->failed ? 0 : ta_report_number(&report->values, cell->data, cell->bytes);
}

static void take(void *user, struct ta_json_slice key, struct ta_json_slice any)
{
	struct taking *taking = user;

	if (taking->skip && taking->skip(key))
		return;
	ta_buf_clear(taking->cell);
	ta_export_put_string(taking->cell, key);
	ta_report_put(taking->shape, number_of(taking->report, taking->cell));
	ta_buf_clear(taking->cell);
	ta_export_put_any(taking->cell, any);
	ta_report_put(&taking->numbers, number_of(taking->report, taking->cell));
}

void ta_report_aside(struct report *report, const char *key, struct ta_json_slice value)
{
	if (!value.bytes)
		return;
	ta_report_put(&report->list, ta_report_text(&report->values, key));
	ta_buf_clear(&report->cell);
	if (ta_json_kind(value.text, value.bytes) == TA_JSON_STRING)
		ta_export_put_string(&report->cell, value);
	else
		ta_buf_put(&report->cell, value.text, value.bytes);
	ta_report_put(&report->list, number_of(report, &report->cell));
}

/* What was said aside stands in front: name, value, name, value. */
static void take_asides(struct taking *taking)
{
	struct ta_buf *list = &taking->report->list;
	const char *at = list->data, *end = at ? at + list->bytes : at;

	for (bool name = true; at < end; name = !name) {
		const char *comma = memchr(at, ',', (size_t)(end - at));
		struct ta_buf *to = name ? taking->shape : &taking->numbers;

		if (to->bytes)
			ta_buf_putc(to, ',');
		ta_buf_put(to, at, (size_t)((comma ? comma : end) - at));
		at = comma ? comma + 1 : end;
	}
	ta_buf_clear(list);
}

void ta_report_attributes(struct report *report, struct ta_buf *list,
			  struct ta_json_slice attributes, bool (*skip)(struct ta_json_slice key))
{
	struct ta_buf shape = { 0 }, text = { 0 };
	struct taking taking = { .report = report, .cell = &report->cell, .shape = &shape,
				 .skip = skip };

	take_asides(&taking);
	ta_report_each(attributes, &taking, take);
	ta_buf_putc(&text, '[');
	ta_buf_put(&text, shape.data, shape.bytes);
	ta_buf_putc(&text, ']');
	if (!text.failed && !shape.failed)
		ta_report_put(list, ta_report_number(&report->shapes, text.data, text.bytes));
	if (taking.numbers.bytes)
		ta_buf_putc(list, ',');
	ta_buf_put(list, taking.numbers.data, taking.numbers.bytes);
	list->failed |= shape.failed || text.failed || taking.numbers.failed;
	ta_buf_fini(&shape);
	ta_buf_fini(&text);
	ta_buf_fini(&taking.numbers);
}
