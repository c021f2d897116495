/* SPDX-License-Identifier: MIT */
/*
 * filter.c - fuzzes what is left out of records: any record that a lane may hold.
 *
 * Input: a byte that says how (bit 0: nothing is scrubbed; bit 1: breadcrumbs are dropped),
 * one of kind, what stands behind the record's head.  What comes out is a valid record of the
 * same kind for the same thing, with the same attributes but for texts; JSON stays JSON; what is
 * the same record is the same place, and counts as nothing.
 */
#include "runtime/agent/filter.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/protocol/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void demand(int holds)
{
	if (!holds)
		abort();
}

/* A valid record of exactly its size; NULL. */
static struct ta_record *make_record(uint8_t kind, const uint8_t *data, size_t bytes)
{
	static const uint8_t kinds[] = { TA_RECORD_SPAN_ATTRS, TA_RECORD_SPAN_END, TA_RECORD_SPAN_EVENT,
					 TA_RECORD_EVENT, TA_RECORD_SCOPE_SET, TA_RECORD_TAGS };
	size_t size = (sizeof(struct ta_record) + bytes + 7) & ~(size_t)7;
	struct ta_record *record = calloc(1, size);

	record->kind = kinds[kind % sizeof(kinds)];
	record->units = (uint16_t)(size / 8);
	memcpy(record + 1, data, bytes);
	if (record->kind == TA_RECORD_SCOPE_SET && size >= sizeof(struct ta_record_scope_set))
		((struct ta_record_scope_set *)record)->change = kind & 0x80 ? TA_SCOPE_TAG : TA_SCOPE_BREADCRUMB;
	if (ta_record_valid(record, (uint32_t)size))
		return record;
	free(record);
	return NULL;
}

/* Where attributes are, also those of a breadcrumb. */
static const char *row_of(const struct ta_record *record, uint32_t *ret_bytes)
{
	const struct ta_record_scope_set *set = (const void *)record;

	if (record->kind != TA_RECORD_SCOPE_SET)
		return ta_record_attrs(record, ret_bytes);
	*ret_bytes = set->value_bytes;
	return (const char *)(set + 1) + set->key_bytes;
}

static void check_row(const struct ta_record *before, const struct ta_record *after)
{
	uint32_t bytes[2];
	const char *at[2] = { row_of(before, &bytes[0]), row_of(after, &bytes[1]) };
	const char *end[2] = { at[0] + bytes[0], at[1] + bytes[1] };
	struct ta_attr_view a, b;

	demand((size_t)(at[0] - (const char *)before) == (size_t)(at[1] - (const char *)after));
	while (ta_attr_next(&at[0], end[0], &a)) {
		demand(ta_attr_next(&at[1], end[1], &b));
		demand(a.key == b.key && a.type == b.type);
		if (a.type == TA_ATTR_JSON && ta_json_valid(a.value, a.bytes))
			demand(ta_json_valid(b.value, b.bytes));
		else if (a.type != TA_ATTR_JSON && a.type != TA_ATTR_STRING)
			demand(a.bytes == b.bytes && memcmp(a.value, b.value, a.bytes) == 0);
	}
	demand(!ta_attr_next(&at[1], end[1], &b));
}

static void check_dropped(const struct ta_record_scope_set *before, const struct ta_record_scope_set *after)
{
	demand(after->change == 0 && after->key_bytes == 0 && after->value_bytes == 0);
	demand(after->version == before->version && after->parent == before->parent &&
	       after->flags == before->flags && after->head.seq == before->head.seq);
}

/* All behind the head's length and before the attributes, or the length of them. */
static void check_fields(const struct ta_record *before, const struct ta_record *after)
{
	uint32_t bytes;
	size_t head = (size_t)(row_of(before, &bytes) - (const char *)before);
	char *same = malloc(head);

	demand(before->kind == after->kind && ta_record_valid(after, after->units * 8u));
	memcpy(same, after, head);
	((struct ta_record *)(void *)same)->units = before->units;
	if (before->kind == TA_RECORD_SCOPE_SET)
		((struct ta_record_scope_set *)(void *)same)->value_bytes =
			((const struct ta_record_scope_set *)(const void *)before)->value_bytes;
	demand(memcmp(same, before, head) == 0);
	free(same);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct ta_config config = { .scrub = bytes && !(data[0] & 1), .scrub_keys = "zebra,k",
				    .breadcrumbs_drop = bytes && data[0] & 2 ? "http: *,ui*" : "" };
	struct ta_record *record = bytes < 2 || bytes > 65000 ? NULL : make_record(data[1], data + 2, bytes - 2);
	struct ta_filter filter;

	if (!record)
		return 0;
	ta_filter_init(&filter, &config);
	const struct ta_record *after = ta_filter_record(&filter, record);

	demand(filter.scrubbed + filter.dropped == (after != record));
	if (filter.dropped)
		check_dropped((const void *)record, (const void *)after);
	else if (after && after != record) {
		check_fields(record, after);
		check_row(record, after);
	}
	ta_filter_fini(&filter);
	free(record);
	return 0;
}
