/* SPDX-License-Identifier: MIT */
/*
 * report_table.c - JSON values, each once, by number.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/report.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/cli/cli.h"

struct report_entry {
	struct ta_map_node node;
	struct report_entry *next;
	size_t offset, bytes; /* in the table's text */
	uint32_t number;
};

void ta_report_table_init(struct report_table *table)
{
	*table = (struct report_table){ 0 };
	if (ta_map_init(&table->map) != 0) {
		ta_cli_say("out of memory");
		exit(1);
	}
}

void ta_report_table_fini(struct report_table *table)
{
	for (struct report_entry *at = table->entries, *next; at; at = next) {
		next = at->next;
		free(at);
	}
	ta_map_fini(&table->map);
	ta_buf_fini(&table->text);
}

/* FNV-1a; the map seeds it. */
static uint64_t hash_of(const char *text, size_t bytes)
{
	uint64_t hash = 14695981039346656037ull;

	for (size_t i = 0; i < bytes; i++)
		hash = (hash ^ (unsigned char)text[i]) * 1099511628211ull;
	return hash;
}

static const struct report_entry *find(const struct report_table *table, uint64_t hash,
				       const char *json, size_t bytes)
{
	for (const struct ta_map_node *node = ta_map_find(&table->map, hash); node;
	     node = ta_map_next(node)) {
		const struct report_entry *entry = (const struct report_entry *)node;

		if (entry->bytes == bytes &&
		    memcmp(table->text.data + entry->offset, json, bytes) == 0)
			return entry;
	}
	return NULL;
}

uint32_t ta_report_number(struct report_table *table, const char *json, size_t bytes)
{
	uint64_t hash = hash_of(json, bytes);
	const struct report_entry *found =
		table->text.failed ? NULL : find(table, hash, json, bytes);

	if (found)
		return found->number;
	struct report_entry *entry = ta_show_alloc(NULL, sizeof(*entry));

	if (table->count)
		ta_buf_puts(&table->text, ",\n");
	*entry = (struct report_entry){ .next = table->entries, .offset = table->text.bytes,
					.bytes = bytes, .number = table->count++ };
	ta_buf_put(&table->text, json, bytes);
	table->entries = entry;
	ta_map_add(&table->map, &entry->node, hash);
	return entry->number;
}

uint32_t ta_report_text(struct report_table *table, const char *text)
{
	struct ta_buf json = { 0 };
	uint32_t number;

	ta_buf_put_json(&json, text, strlen(text));
	if (json.failed) {
		ta_cli_say("out of memory");
		exit(1);
	}
	number = ta_report_number(table, json.data, json.bytes);
	ta_buf_fini(&json);
	return number;
}

void ta_report_put(struct ta_buf *list, uint64_t number)
{
	if (list->bytes)
		ta_buf_putc(list, ',');
	ta_buf_put_u64(list, number);
}
