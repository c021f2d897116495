/* SPDX-License-Identifier: MIT */
/*
 * scope_merge.c - what several scopes, from the widest to the nearest, say together.
 *
 * Runs: agent, one thread.
 */
#include "runtime/agent/scope_internal.h"

#include <stdlib.h>
#include <string.h>

struct merge {
	const struct ta_content *from[TA_SCOPE_MERGE_MAX];
	uint32_t count;
	struct ta_picks picks;
};

static uint32_t row_count(const struct ta_content *content, enum ta_item_kind kind)
{
	return content->rows[kind] ? content->rows[kind]->count : 0;
}

static uint32_t total(const struct merge *merge, enum ta_item_kind kind)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < merge->count; i++)
		count += row_count(merge->from[i], kind);
	return count;
}

static struct ta_entry entry_of(const struct ta_item *item)
{
	return (struct ta_entry){ .key = item->text,
				  .value = item->text + item->key_bytes,
				  .key_bytes = item->key_bytes,
				  .value_bytes = item->value_bytes,
				  .type = item->type };
}

/* What setting the user to nobody hides of wider scopes: all that Sentry's users have. */
static bool is_person(const struct ta_item *item)
{
	static const char *const names[] = { "id", "email", "ip_address", "username" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == item->key_bytes &&
		    memcmp(names[i], item->text, item->key_bytes) == 0)
			return true;
	return false;
}

static bool is_hidden(const struct merge *merge, uint32_t at, const struct ta_item *item)
{
	for (uint32_t i = at + 1; i < merge->count; i++)
		if (merge->from[i]->nobody)
			return is_person(item);
	return false;
}

/* By key, later scopes win.  Returns the number of entries, which are put at out. */
static uint32_t merge_keys(struct merge *merge, enum ta_item_kind kind, struct ta_entry *out)
{
	ta_picks_init(&merge->picks, total(merge, kind));
	for (uint32_t i = 0; i < merge->count; i++) {
		const struct ta_row *row = merge->from[i]->rows[kind];

		for (uint32_t at = 0; row && at < row->count; at++)
			if (kind != TA_ITEM_USER || !is_hidden(merge, i, row->list[at]))
				ta_pick(&merge->picks, row->list[at]);
	}
	for (uint32_t i = 0; i < merge->picks.count; i++)
		out[i] = entry_of(merge->picks.items[i]);
	return merge->picks.count;
}

static uint32_t join(const struct merge *merge, enum ta_item_kind kind, struct ta_entry *out)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < merge->count; i++) {
		const struct ta_row *row = merge->from[i]->rows[kind];

		for (uint32_t at = 0; row && at < row->count; at++)
			out[count++] = entry_of(row->list[at]);
	}
	return count;
}

static bool is_later(const struct ta_item *a, const struct ta_item *b)
{
	return a->time_ns != b->time_ns ? a->time_ns > b->time_ns : a->order > b->order;
}

/* The newest of those that are left at the ends of the rows, which is then taken; an empty one when none is. */
static struct ta_crumb take_newest(const struct merge *merge, uint32_t *left)
{
	const struct ta_item *newest = NULL;
	uint32_t from = 0;

	for (uint32_t i = merge->count; i-- > 0;) {
		const struct ta_item *last =
			left[i] ? merge->from[i]->rows[TA_ITEM_CRUMB]->list[left[i] - 1] : NULL;

		if (!last || (newest && !is_later(last, newest)))
			continue;
		newest = last;
		from = i;
	}
	if (!newest)
		return (struct ta_crumb){ 0 };
	left[from]--;
	return (struct ta_crumb){ .time_ns = newest->time_ns,
				  .order = newest->order,
				  .attrs = newest->text,
				  .attr_bytes = newest->value_bytes };
}

/* The newest count ones, in order. */
static void merge_crumbs(const struct merge *merge, struct ta_crumb *out, uint32_t count)
{
	uint32_t left[TA_SCOPE_MERGE_MAX];

	for (uint32_t i = 0; i < merge->count; i++)
		left[i] = row_count(merge->from[i], TA_ITEM_CRUMB);
	while (count > 0)
		out[--count] = take_newest(merge, left);
}

static void merge_singles(const struct merge *merge, struct ta_scope_data *data)
{
	for (uint32_t i = 0; i < merge->count; i++) {
		const struct ta_content *from = merge->from[i];

		if (from->level)
			data->level = from->level;
		if (from->transaction) {
			data->transaction = from->transaction->text;
			data->transaction_bytes = from->transaction->value_bytes;
		}
	}
}

static uint32_t count_entries(const struct merge *merge)
{
	uint32_t entries = 0;

	for (uint32_t kind = 0; kind < TA_ITEM_ROWS; kind++)
		entries += kind == TA_ITEM_CRUMB ? 0 : total(merge, kind);
	return entries;
}

static struct ta_scope_data *merge_all(struct merge *merge, uint32_t max_crumbs)
{
	struct ta_scope_data singles = { 0 }, *data;
	uint32_t crumbs = total(merge, TA_ITEM_CRUMB), entries = count_entries(merge);

	merge_singles(merge, &singles);
	crumbs = crumbs < max_crumbs ? crumbs : max_crumbs;
	if (entries == 0 && crumbs == 0 && !singles.level && !singles.transaction)
		return NULL;
	data = malloc(sizeof(*data) + entries * sizeof(struct ta_entry) +
		      crumbs * sizeof(struct ta_crumb));
	if (!data)
		return NULL;
	*data = singles;
	struct ta_crumb *crumb = (void *)(data + 1);
	struct ta_entry *entry = (void *)(crumb + crumbs);

	merge_crumbs(merge, crumb, crumbs);
	data->crumbs = crumb;
	data->crumb_count = crumbs;
#define MERGE(how, KIND, array, number)                                                            \
	data->array = entry;                                                                       \
	data->number = how(merge, TA_ITEM_##KIND, entry);                                          \
	entry += data->number
	MERGE(merge_keys, TAG, tags, tag_count);
	MERGE(merge_keys, EXTRA, extras, extra_count);
	MERGE(merge_keys, CONTEXT, contexts, context_count);
	MERGE(merge_keys, USER, user, user_count);
	MERGE(merge_keys, ATTRIBUTE, attributes, attribute_count);
	MERGE(join, FINGERPRINT, fingerprint, fingerprint_count);
#undef MERGE
	return data;
}

struct ta_scope_data *ta_scopes_merge(struct ta_scopes *scopes, uint64_t family,
				      const uint64_t *versions, uint32_t count, uint32_t max_crumbs)
{
	struct merge merge;

	merge.count = 0;
	for (uint32_t i = 0; i < count && i < TA_SCOPE_MERGE_MAX; i++) {
		const struct ta_version *version =
			versions[i] ? ta_version_find(scopes, family, versions[i]) : NULL;

		if (version && version->state == TA_VERSION_KNOWN)
			merge.from[merge.count++] = &version->content;
		else
			scopes->counters.missing += versions[i] != 0;
	}
	return merge.count ? merge_all(&merge, max_crumbs) : NULL;
}
