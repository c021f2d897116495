/* SPDX-License-Identifier: MIT */
/*
 * otlp_events.h - captured events made by hand, and scopes that hold one of everything.
 *
 * For the tests of OTLP's logs.
 */
#ifndef TA_TESTS_UNIT_OTLP_EVENTS_H
#define TA_TESTS_UNIT_OTLP_EVENTS_H

#include "tests/unit/spans.h"

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

/* An event whose record holds the attributes given. */
struct made_event {
	struct made_span made; /* its only record */
	struct ta_event event;
};

__attribute__((unused)) static struct ta_record_event *event_make(struct made_event *event, uint8_t type, uint8_t level)
{
	struct ta_record_event *record;

	span_make(&event->made, TA_SPAN_API);
	record = span_record(&event->made, TA_RECORD_EVENT, sizeof(*record));
	record->type = type;
	record->level = level;
	record->id_hi = 0x1111111111111111ull;
	record->id_lo = 0x2222222222222222ull;
	record->time_ns = 500;
	record->trace_hi = 0x3333333333333333ull;
	record->trace_lo = 0x4444444444444444ull;
	event->event = (struct ta_event){ .record = record };
	return record;
}

static const struct ta_entry tags[] = { TEXT_ENTRY("t", "scope"), TEXT_ENTRY("u", "scope") };
static const struct ta_entry extras[] = { JSON_ENTRY("e", "\"scope\"") };
static const struct ta_entry contexts[] = { JSON_ENTRY("c", "{\"from\":\"scope\",\"more\":1}"),
					    JSON_ENTRY("d", "{}") };
static const struct ta_entry users[] = { JSON_ENTRY("id", "\"scope\""),
					 JSON_ENTRY("email", "\"s@x\"") };
static const struct ta_entry prints[] = { JSON_ENTRY("", "\"scope\"") };
static const struct ta_entry attributes[] = { TEXT_ENTRY("k", "scope"), TEXT_ENTRY("g", "1") };

/* CRUMB_MESSAGE "click" */
static const char crumb_row[] = "\x29\x04\x05\x00" "click\0\0\0";
static const struct ta_crumb crumbs[] = { { .time_ns = 100, .attrs = crumb_row, .attr_bytes = 12 } };

__attribute__((unused)) static const struct ta_scope_data full_scope = {
	.tags = tags, .tag_count = COUNT(tags), .extras = extras, .extra_count = COUNT(extras),
	.contexts = contexts, .context_count = COUNT(contexts), .user = users,
	.user_count = COUNT(users), .fingerprint = prints, .fingerprint_count = COUNT(prints),
	.attributes = attributes, .attribute_count = COUNT(attributes), .crumbs = crumbs,
	.crumb_count = COUNT(crumbs), .transaction = "GET /x", .transaction_bytes = 6,
	.level = TA_LEVEL_FATAL,
};

#endif
