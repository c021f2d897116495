/* SPDX-License-Identifier: MIT */
/*
 * record.c - reading records that somebody else wrote.
 *
 * Runs: agent, cli, tests.  Pure functions over bytes; nothing is believed.
 */
#include "runtime/wire/record.h"

#include <string.h>

#include "runtime/wire/crash.h"

static uint32_t fixed_bytes(uint8_t kind)
{
	switch (kind) {
	case TA_RECORD_PAD:
		return sizeof(struct ta_record);
#define RECORD_SIZE(NAME, type)                                                                    \
	case TA_RECORD_##NAME:                                                                     \
		return sizeof(struct type)
	RECORD_SIZE(THREAD, ta_record_thread);
	RECORD_SIZE(FORK, ta_record_fork);
	RECORD_SIZE(PROCESS_END, ta_record_process_end);
	RECORD_SIZE(SPAN_START, ta_record_span_start);
	RECORD_SIZE(SPAN_ATTRS, ta_record_span_attrs);
	RECORD_SIZE(SPAN_END, ta_record_span_end);
	RECORD_SIZE(SCOPE_SET, ta_record_scope_set);
	RECORD_SIZE(EXEC, ta_record_exec);
	RECORD_SIZE(SPAN_CANCEL, ta_record_span_cancel);
	RECORD_SIZE(EVENT, ta_record_event);
	RECORD_SIZE(SPAN_EVENT, ta_record_span_event);
	RECORD_SIZE(SPAN_LINK, ta_record_span_link);
	RECORD_SIZE(TAGS, ta_record_tags);
	RECORD_SIZE(STACK, ta_record_stack);
#undef RECORD_SIZE
	default:
		return 0;
	}
}

bool ta_record_valid(const struct ta_record *record, uint32_t size)
{
	if (size < sizeof(*record) || (uint32_t)record->units * 8 != size)
		return false;
	uint32_t fixed = fixed_bytes(record->kind);

	if (fixed == 0 || size < fixed)
		return false;
	if (record->kind == TA_RECORD_SCOPE_SET) {
		const struct ta_record_scope_set *set = (const void *)record;

		return (uint64_t)set->key_bytes + set->value_bytes <= size - fixed;
	}
	if (record->kind == TA_RECORD_STACK) {
		const struct ta_record_stack *stack = (const void *)record;

		return stack->register_count <= TA_REGISTERS_MAX &&
		       stack->register_count * 8ull + stack->module_bytes + stack->stack_bytes <=
			       size - fixed;
	}
	return true;
}

static bool has_attributes(uint8_t kind)
{
	switch (kind) {
	case TA_RECORD_SPAN_START:
	case TA_RECORD_SPAN_ATTRS:
	case TA_RECORD_SPAN_END:
	case TA_RECORD_EVENT:
	case TA_RECORD_SPAN_EVENT:
	case TA_RECORD_SPAN_LINK:
	case TA_RECORD_TAGS:
		return true;
	default:
		return false;
	}
}

const char *ta_record_attrs(const struct ta_record *record, uint32_t *ret_bytes)
{
	uint32_t fixed = fixed_bytes(record->kind), size = (uint32_t)record->units * 8;
	bool has_attrs = has_attributes(record->kind);

	*ret_bytes = has_attrs && size >= fixed ? size - fixed : 0;
	return (const char *)record + fixed;
}

int64_t ta_attr_int(const struct ta_attr_view *attr)
{
	int64_t value = 0;

	if (attr->type == TA_ATTR_BOOL && attr->bytes == 1)
		return attr->value[0] != 0;
	if (attr->type == TA_ATTR_INT && attr->bytes == sizeof(value))
		memcpy(&value, attr->value, sizeof(value));
	return value;
}

const char *ta_attr_name(uint8_t key)
{
	switch (key) {
#define ATTR(number, NAME, text)                                                                   \
	case number:                                                                               \
		return text;
#include "runtime/wire/attr.def"
#undef ATTR
	default:
		return NULL;
	}
}
