/* SPDX-License-Identifier: MIT */
/*
 * crumb.c - one breadcrumb, from a hook's facts to a change of the isolation scope.
 *
 * Runs: any host thread, inside the guard; signal handlers.  No locks, no heap.
 */
#include "runtime/core/crumb.h"

#include <string.h>

#include "runtime/core/clock.h"
#include "runtime/core/now.h"
#include "runtime/core/publish.h"
#include "runtime/wire/config.h"

#define SECOND_NS 1000000000u

uint32_t ta_crumb_kinds(const char *list)
{
	uint32_t kinds = 0, all = 0;

#define X(NAME, word, bit)                                                                         \
	all |= bit;                                                                                \
	kinds |= ta_config_matches(list, word) ? bit : 0;
	TA_CRUMB_KINDS(X)
#undef X
	if (*list == '\0')
		return all & ~(uint32_t)TA_CRUMB_SIGNAL;
	return ta_config_matches(list, "all") ? all : kinds;
}

/* ---- a row of attributes ---- */

struct row {
	const struct ta_crumb_facts *facts;
	int64_t time_ns, level;
	uint32_t text_bytes, category_bytes;
};

static char *put_attr(char *out, enum ta_attr_key key, enum ta_attr_type type, const void *value,
		      uint32_t bytes)
{
	struct ta_attr attr = { .key = (uint8_t)key,
				.type = (uint8_t)type,
				.bytes = (uint16_t)bytes };

	memset(out + TA_ATTR_ROOM(bytes) - 4, 0, 4);
	memcpy(out, &attr, sizeof(attr));
	if (value)
		memcpy(out + sizeof(attr), value, bytes);
	return out + TA_ATTR_ROOM(bytes);
}

static void put_text(char *out, const struct ta_crumb_facts *facts, uint32_t bytes)
{
	for (uint32_t i = 0; i < facts->text_count && bytes; i++) {
		uint32_t part = facts->text[i].iov_len < bytes ? (uint32_t)facts->text[i].iov_len :
								 bytes;

		if (part)
			memcpy(out, facts->text[i].iov_base, part);
		out += part;
		bytes -= part;
	}
}

static void put_row(const void *value, char *out)
{
	const struct row *row = value;
	const struct ta_crumb_facts *facts = row->facts;
	bool automatic = true;

	out = put_attr(out, TA_ATTR_CRUMB_TIME, TA_ATTR_INT, &row->time_ns, 8);
	char *text = out + sizeof(struct ta_attr);
	out = put_attr(out, TA_ATTR_CRUMB_MESSAGE, TA_ATTR_STRING, NULL, row->text_bytes);
	put_text(text, facts, row->text_bytes);
	out = put_attr(out, TA_ATTR_CRUMB_CATEGORY, TA_ATTR_STRING, facts->category,
		       row->category_bytes);
	out = put_attr(out, TA_ATTR_CRUMB_LEVEL, TA_ATTR_INT, &row->level, 8);
	if (facts->data_bytes)
		out = put_attr(out, TA_ATTR_CRUMB_DATA, TA_ATTR_JSON, facts->data,
			       facts->data_bytes);
	put_attr(out, TA_ATTR_CRUMB_AUTOMATIC, TA_ATTR_BOOL, &automatic, 1);
}

static uint32_t row_bytes(const struct row *row)
{
	uint32_t data = row->facts->data_bytes;

	return (uint32_t)(2 * TA_ATTR_ROOM(8) + TA_ATTR_ROOM(1) + TA_ATTR_ROOM(row->text_bytes) +
			  TA_ATTR_ROOM(row->category_bytes) + (data ? TA_ATTR_ROOM(data) : 0));
}

/* ---- leaving it ---- */

static unsigned char byte_at(const struct ta_crumb_facts *facts, size_t at)
{
	for (uint32_t i = 0; i < facts->text_count; i++) {
		if (at < facts->text[i].iov_len)
			return ((const unsigned char *)facts->text[i].iov_base)[at];
		at -= facts->text[i].iov_len;
	}
	return 0;
}

/* Bytes of text that are taken: never half a character at the cut. */
static uint32_t text_bytes(const struct ta_crumb_facts *facts)
{
	size_t bytes = 0;

	for (uint32_t i = 0; i < facts->text_count; i++)
		bytes += facts->text[i].iov_len;
	if (bytes <= TA_CRUMB_TEXT_MAX)
		return (uint32_t)bytes;
	for (bytes = TA_CRUMB_TEXT_MAX; bytes && (byte_at(facts, bytes) & 0xc0) == 0x80;)
		bytes--;
	return (uint32_t)bytes;
}

static bool has_room(struct ta_thread *thread, uint64_t now_ns)
{
	if (now_ns - thread->crumbs_since_ns >= SECOND_NS) {
		thread->crumbs_since_ns = now_ns;
		thread->crumb_count = 0;
	}
	if (thread->crumb_count < TA_CRUMBS_A_SECOND) {
		thread->crumb_count++;
		return true;
	}
	ta_lost(TA_LOSS_BREADCRUMB);
	return false;
}

void ta_crumb_leave_in(struct ta_thread *thread, uint64_t cell, const struct ta_crumb_facts *facts)
{
	struct row row = { .facts = facts,
			   .time_ns = (int64_t)ta_now_ns(),
			   .level = facts->level,
			   .text_bytes = text_bytes(facts),
			   .category_bytes = (uint32_t)strlen(facts->category) };
	struct ta_change change = { .what = TA_SCOPE_BREADCRUMB, .value = &row, .put = put_row };

	if (!has_room(thread, (uint64_t)row.time_ns))
		return;
	change.value_bytes = row_bytes(&row);
	if (cell)
		ta_scope_change(thread, cell, &change);
}

void ta_crumb_leave(struct ta_thread *thread, const struct ta_crumb_facts *facts)
{
	ta_crumb_leave_in(thread, ta_slot_cell(ta_isolation_slot(thread, thread->stack->depth)),
			  facts);
}

/* ---- data ---- */

static void append(struct ta_crumb_data *data, const char *text)
{
	size_t bytes = strlen(text);

	memcpy(data->json + data->bytes, text, bytes);
	data->bytes += (uint32_t)bytes;
}

/* Opens the object, or the next member of one that is there: "NAME": */
static bool begin_member(struct ta_crumb_data *data, const char *name, size_t value_bytes)
{
	if (data->bytes + strlen(name) + value_bytes + 6 > sizeof(data->json))
		return false;
	if (data->bytes)
		data->json[data->bytes - 1] = ',';
	else
		append(data, "{");
	append(data, "\"");
	append(data, name);
	append(data, "\":");
	return true;
}

void ta_crumb_number(struct ta_crumb_data *data, const char *name, int64_t number)
{
	char digits[24], *at = digits + sizeof(digits) - 1;
	uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

	if (!begin_member(data, name, sizeof(digits)))
		return;
	*at = '\0';
	do {
		*--at = (char)('0' + left % 10);
		left /= 10;
	} while (left);
	if (number < 0)
		*--at = '-';
	append(data, at);
	append(data, "}");
}

void ta_crumb_word(struct ta_crumb_data *data, const char *name, const char *word)
{
	if (!begin_member(data, name, strlen(word) + 2))
		return;
	append(data, "\"");
	append(data, word);
	append(data, "\"}");
}
