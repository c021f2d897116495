/* SPDX-License-Identifier: MIT */
/*
 * hpack.c - fuzzes the HPACK decoder differentially.
 *
 * The first byte of the input seeds the pieces (bit 0: answers); the rest are blocks, each
 * behind a byte with its length.  Decoded whole and in pieces they must leave the same
 * facts and the same table.  The table must be within its bounds, and its rings consistent.
 */
#include "runtime/protocol/hpack.h"

#include <stdlib.h>
#include <string.h>

struct decoder {
	struct ta_hpack hpack;
	struct ta_http1_head head;
	struct ta_http1 reader;
	struct ta_hpack_facts facts;
	char ring[TA_HPACK_TABLE_BYTES];
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void demand(int holds)
{
	if (!holds)
		abort();
}

static void check_table(const struct ta_hpack_table *table)
{
	uint32_t size = 0, kept = 0;

	demand(table->count <= TA_HPACK_ENTRIES && table->first < TA_HPACK_ENTRIES);
	for (unsigned int i = 0; i < table->count; i++) {
		const struct ta_hpack_entry *entry =
			&table->entries[(table->first + i) % TA_HPACK_ENTRIES];

		demand(entry->size >= TA_HPACK_ENTRY_BYTES + entry->name_bytes + entry->kept);
		if (ta_hpack_is_text(entry->field))
			demand(entry->value == (table->text_first + kept) % TA_HPACK_TABLE_BYTES);
		else
			demand(entry->kept == 0);
		size += entry->size;
		kept += entry->kept;
	}
	demand(size == table->size && size <= table->max);
	demand(kept == table->text_bytes && kept <= TA_HPACK_TABLE_BYTES);
	demand(!table->forgotten || table->max > TA_HPACK_TABLE_BYTES);
}

static bool feed(struct decoder *decoder, const uint8_t *data, size_t bytes)
{
	bool answers = decoder->hpack.answers;
	const struct ta_hpack_sink sink = { answers ? NULL : &decoder->head, &decoder->reader,
					    &decoder->facts, answers ? NULL : decoder->ring };
	uint8_t *piece = malloc(bytes ? bytes : 1); /* exact: a read past it is seen */

	memcpy(piece, data, bytes);
	bool valid = ta_hpack_feed(&decoder->hpack, &sink, piece, bytes);

	free(piece);
	return valid;
}

/* seed 0: whole. */
static bool decode(struct decoder *decoder, const uint8_t *data, size_t bytes, uint32_t *seed)
{
	memset(&decoder->head, 0, offsetof(struct ta_http1_head, method));
	ta_hpack_begin(&decoder->hpack, &decoder->facts);
	while (bytes > 0) {
		size_t piece = bytes;

		*seed = *seed ? *seed * 1664525u + 1013904223u : 0;
		if (*seed && piece > 1 + (*seed >> 24) % 11)
			piece = 1 + (*seed >> 24) % 11;
		if (!feed(decoder, data, piece))
			return false;
		data += piece;
		bytes -= piece;
	}
	return ta_hpack_end(&decoder->hpack);
}

static void check_same(const struct decoder *a, const struct decoder *b)
{
	const struct ta_hpack_table *x = &a->hpack.table, *y = &b->hpack.table;

	demand(a->facts.status == b->facts.status && a->facts.flags == b->facts.flags);
	demand(a->facts.grpc_status == b->facts.grpc_status);
	demand(a->facts.content_length == b->facts.content_length);
	demand(memcmp(&a->head, &b->head, offsetof(struct ta_http1_head, method)) == 0);
	demand(memcmp(a->head.target, b->head.target, a->head.target_len) == 0);
	demand(memcmp(a->head.host, b->head.host, a->head.host_len) == 0);
	demand(memcmp(a->head.tracestate, b->head.tracestate, a->head.tracestate_len) == 0);
	demand(x->size == y->size && x->max == y->max && x->count == y->count);
	demand(x->text_bytes == y->text_bytes && x->forgotten == y->forgotten);
	for (unsigned int i = 0; i < x->text_bytes; i++)
		demand(a->ring[(x->text_first + i) % TA_HPACK_TABLE_BYTES] ==
		       b->ring[(y->text_first + i) % TA_HPACK_TABLE_BYTES]);
}

static void init(struct decoder *decoder, bool answers)
{
	memset(decoder, 0x55, sizeof(*decoder));
	memset(&decoder->reader, 0, sizeof(decoder->reader));
	ta_hpack_init(&decoder->hpack, answers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static struct decoder whole, pieces;
	size_t at = 1;

	if (bytes < 1)
		return 0;
	uint32_t none = 0, seed = data[0] * 2654435761u | 1;

	init(&whole, data[0] & 1);
	init(&pieces, data[0] & 1);
	while (at < bytes) {
		size_t length = data[at++];

		if (length > bytes - at)
			length = bytes - at;
		bool valid = decode(&whole, data + at, length, &none);

		demand(decode(&pieces, data + at, length, &seed) == valid);
		check_table(&whole.hpack.table);
		if (!valid)
			return 0;
		check_same(&whole, &pieces);
		at += length;
	}
	return 0;
}
