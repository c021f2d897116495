/* SPDX-License-Identifier: MIT */
/*
 * scope.c - fuzzes the agent's store of scope versions.
 *
 * Input: commands, each one byte, what it is about, and its operands:
 *
 *     0  a SCOPE_SET record: version, parent, cell, change, flags, level, type,
 *        lengths of key and value (1 byte each), key, value
 *     1  a merge of three versions        4  settle
 *     2  a hold                           5  forget a family
 *     3  let go again                     6  bury, 7 inherit
 *     8  everything is written down, read by another store, which has to give the
 *        same, and is gone on with
 *     9  a piece of a snapshot made of the input's bytes
 *
 * Numbers are small, so that versions meet.  At the end everything is let go, and
 * nothing may be left.
 */
#include "runtime/agent/scope.h"

#include <stdlib.h>
#include <string.h>

#define VERSIONS 32u
#define FAMILIES 2u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

struct input {
	const uint8_t *at, *end;
	struct ta_scopes *scopes;
	uint32_t holds[FAMILIES][VERSIONS];
};

static void demand(int holds)
{
	if (!holds)
		abort();
}

static uint8_t next(struct input *input)
{
	return input->at < input->end ? *input->at++ : 0;
}

static uint64_t next_version(struct input *input)
{
	return next(input) % VERSIONS;
}

static uint64_t next_family(struct input *input)
{
	return next(input) % FAMILIES;
}

static size_t next_bytes(struct input *input, void *out, size_t wanted)
{
	size_t left = (size_t)(input->end - input->at), bytes = wanted < left ? wanted : left;

	if (bytes)
		memcpy(out, input->at, bytes);
	input->at += bytes;
	return bytes;
}

static void set(struct input *input)
{
	uint64_t family = next_family(input), owner = next(input) % 4u;
	uint8_t key_bytes, value_bytes;
	struct ta_record_scope_set set = { .version = next_version(input),
					   .parent = next_version(input) };
	char text[2 * 256];

	set.cell = next(input);
	set.change = next(input) % 16;
	set.flags = next(input) & 3;
	set.level = next(input) & 7;
	set.value_type = next(input) & 7;
	key_bytes = next(input);
	value_bytes = next(input);
	set.key_bytes = (uint16_t)next_bytes(input, text, key_bytes);
	set.value_bytes = (uint32_t)next_bytes(input, text + set.key_bytes, value_bytes);
	size_t size = sizeof(set) + set.key_bytes + set.value_bytes;
	char *record = malloc(size);

	memcpy(record, &set, sizeof(set));
	memcpy(record + sizeof(set), text, size - sizeof(set));
	ta_scopes_set(input->scopes, family, owner, (const void *)record);
	free(record);
}

static volatile char sum;

static void touch(const char *text, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++)
		sum = (char)(sum + text[i]);
}

static void touch_entries(const struct ta_entry *entries, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		touch(entries[i].key, entries[i].key_bytes);
		touch(entries[i].value, entries[i].value_bytes);
		demand(entries[i].type != 0);
	}
}

static void touch_data(const struct ta_scope_data *data)
{
	touch_entries(data->tags, data->tag_count);
	touch_entries(data->extras, data->extra_count);
	touch_entries(data->contexts, data->context_count);
	touch_entries(data->user, data->user_count);
	touch_entries(data->attributes, data->attribute_count);
	touch_entries(data->fingerprint, data->fingerprint_count);
	touch(data->transaction, data->transaction_bytes);
	for (uint32_t i = 0; i < data->crumb_count; i++)
		touch(data->crumbs[i].attrs, data->crumbs[i].attr_bytes);
	demand(data->level <= TA_LEVEL_FATAL);
}

static void merge(struct input *input)
{
	uint64_t family = next_family(input);
	uint64_t versions[3] = { next_version(input), next_version(input), next_version(input) };
	uint32_t crumbs = next(input);
	struct ta_scope_data *data = ta_scopes_merge(input->scopes, family, versions, 3, crumbs);

	if (data) {
		touch_data(data);
		demand(data->crumb_count <= crumbs);
	}
	free(data);
}

static void hold(struct input *input, int more)
{
	uint64_t family = next_family(input), version = next_version(input);
	uint32_t *holds = &input->holds[family][version];

	if (more) {
		ta_scopes_ref(input->scopes, family, version);
		++*holds;
	} else if (*holds > 0) {
		ta_scopes_unref(input->scopes, family, version);
		--*holds;
	}
}

static int same_text(const char *a, uint32_t a_bytes, const char *b, uint32_t b_bytes)
{
	return a_bytes == b_bytes && (a_bytes == 0 || memcmp(a, b, a_bytes) == 0);
}

static void demand_same_entries(const struct ta_entry *a, uint32_t a_count,
				const struct ta_entry *b, uint32_t b_count)
{
	demand(a_count == b_count);
	for (uint32_t i = 0; i < a_count; i++)
		demand(a[i].type == b[i].type &&
		       same_text(a[i].key, a[i].key_bytes, b[i].key, b[i].key_bytes) &&
		       same_text(a[i].value, a[i].value_bytes, b[i].value, b[i].value_bytes));
}

static void demand_same_data(const struct ta_scope_data *a, const struct ta_scope_data *b)
{
	demand(!a == !b);
	if (!a)
		return;
#define SAME(array, number) demand_same_entries(a->array, a->number, b->array, b->number)
	SAME(tags, tag_count);
	SAME(extras, extra_count);
	SAME(contexts, context_count);
	SAME(user, user_count);
	SAME(attributes, attribute_count);
	SAME(fingerprint, fingerprint_count);
#undef SAME
	demand(a->level == b->level && a->crumb_count == b->crumb_count &&
	       same_text(a->transaction, a->transaction_bytes, b->transaction,
			 b->transaction_bytes));
	for (uint32_t i = 0; i < a->crumb_count; i++)
		demand(a->crumbs[i].time_ns == b->crumbs[i].time_ns &&
		       a->crumbs[i].order == b->crumbs[i].order &&
		       same_text(a->crumbs[i].attrs, a->crumbs[i].attr_bytes, b->crumbs[i].attrs,
				 b->crumbs[i].attr_bytes));
}

static void demand_same(struct ta_scopes *a, struct ta_scopes *b)
{
	for (uint64_t family = 0; family < FAMILIES; family++) {
		for (uint64_t version = 1; version < VERSIONS; version++) {
			struct ta_scope_data *one =
				ta_scopes_merge(a, family, &version, 1, UINT32_MAX);
			struct ta_scope_data *other =
				ta_scopes_merge(b, family, &version, 1, UINT32_MAX);

			demand_same_data(one, other);
			demand(ta_scopes_depth(a, family, version) ==
			       ta_scopes_depth(b, family, version));
			free(one);
			free(other);
		}
	}
}

static void copy_piece(void *user, uint64_t family, uint64_t owner, uint64_t version,
		       const void *blob, size_t bytes)
{
	demand(ta_scopes_restore(user, family, owner, version, blob, bytes) == 0);
}

static void count_versions(void *user, uint64_t family, uint64_t owner, uint64_t version,
			   const void *blob, size_t bytes)
{
	uint32_t *count = user;

	(void)family, (void)owner, (void)blob, (void)bytes;
	*count += version != 0;
}

/* Damaged pieces can make a store that says of one version what no record would; it is
 * the same after one more time nevertheless. */
static void snapshot(struct input *input)
{
	struct ta_scopes *copy = ta_scopes_new();
	uint32_t before = 0, after = 0;

	ta_scopes_visit(input->scopes, copy_piece, copy);
	for (uint64_t family = 0; family < FAMILIES; family++)
		for (uint64_t version = 0; version < VERSIONS; version++)
			for (uint32_t i = 0; i < input->holds[family][version]; i++)
				ta_scopes_ref(copy, family, version);
	demand_same(input->scopes, copy);
	ta_scopes_visit(input->scopes, count_versions, &before);
	ta_scopes_visit(copy, count_versions, &after);
	demand(before == after);
	ta_scopes_free(input->scopes);
	input->scopes = copy;
}

static void piece(struct input *input)
{
	uint64_t family = next_family(input), owner = next(input) % 4u;
	uint64_t version = next_version(input);
	uint8_t wanted = next(input);
	char text[256];
	size_t bytes = next_bytes(input, text, wanted);
	char *blob = malloc(bytes ? bytes : 1);

	memcpy(blob, text, bytes);
	ta_scopes_restore(input->scopes, family, owner, version, blob, bytes);
	free(blob);
}

static void command(struct input *input)
{
	switch (next(input) % 16) {
	default:
		set(input);
		break;
	case 1:
		merge(input);
		break;
	case 2:
	case 3:
		hold(input, input->at[-1] % 16 == 2);
		break;
	case 4:
		ta_scopes_settle(input->scopes);
		break;
	case 5:
		ta_scopes_forget(input->scopes, next_family(input));
		break;
	case 6:
		ta_scopes_bury(input->scopes, next_family(input), next(input) % 4u);
		break;
	case 7: {
		uint64_t family = next_family(input), child = next(input) % 4u;

		ta_scopes_inherit(input->scopes, family, child, next(input) % 4u);
		break;
	}
	case 8:
		snapshot(input);
		break;
	case 9:
		piece(input);
		break;
	}
}

static void let_go(struct input *input)
{
	for (uint64_t family = 0; family < FAMILIES; family++) {
		for (uint64_t version = 0; version < VERSIONS; version++)
			for (uint32_t i = 0; i < input->holds[family][version]; i++)
				ta_scopes_unref(input->scopes, family, version);
		ta_scopes_forget(input->scopes, family);
	}
	for (int i = 0; i < 4; i++)
		ta_scopes_settle(input->scopes);
	demand(!ta_scopes_settle(input->scopes));
	demand(ta_scopes_bytes(input->scopes) == 0);
	ta_scopes_free(input->scopes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct input input = { .at = data, .end = data + bytes, .scopes = ta_scopes_new() };

	ta_scopes_set_max_crumbs(input.scopes, 8);
	while (input.at < input.end)
		command(&input);
	let_go(&input);
	return 0;
}
