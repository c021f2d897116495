/* SPDX-License-Identifier: MIT */
/*
 * scope_change.c - one change: read from a record, applied to what its parent holds.
 *
 * Records come from a host and are not believed: JSON is checked here, once, so that
 * whoever encodes it can copy it.
 *
 * Runs: agent, one thread.
 */
#include "runtime/agent/scope_internal.h"

#include <string.h>

/* ---- what a value has to be ---- */

static bool is_json(const char *value, size_t bytes, enum ta_json_kind kind)
{
	return ta_json_valid(value, bytes) &&
	       (kind == TA_JSON_NONE || ta_json_kind(value, bytes) == kind);
}

static bool is_attribute(uint8_t type, const char *value, uint32_t bytes)
{
	switch (type) {
	case TA_ATTR_INT:
	case TA_ATTR_DOUBLE:
		return bytes == 8;
	case TA_ATTR_BOOL:
		return bytes == 1;
	case TA_ATTR_STRING:
	case TA_ATTR_BYTES:
		return true;
	case TA_ATTR_JSON:
		return is_json(value, bytes, TA_JSON_NONE);
	default:
		return false;
	}
}

static bool is_crumb(const char *value, uint32_t bytes, uint64_t *ret_time_ns)
{
	const char *cursor = value, *end = value + bytes;
	struct ta_attr_view attr;

	*ret_time_ns = 0;
	while (ta_attr_next(&cursor, end, &attr)) {
		if (attr.key == TA_ATTR_CRUMB_TIME)
			*ret_time_ns = (uint64_t)ta_attr_int(&attr);
		if (attr.key == TA_ATTR_CRUMB_DATA &&
		    (attr.type != TA_ATTR_JSON || !is_json(attr.value, attr.bytes, TA_JSON_OBJECT)))
			return false;
	}
	return cursor == end || *cursor == 0;
}

bool ta_item_valid(enum ta_item_kind kind, uint8_t type, const char *value, uint32_t bytes,
		   uint64_t *ret_time_ns)
{
	switch (kind) {
	case TA_ITEM_TAG:
	case TA_ITEM_TRANSACTION:
		return type == TA_ATTR_STRING;
	case TA_ITEM_EXTRA:
	case TA_ITEM_USER:
		return type == TA_ATTR_JSON && is_json(value, bytes, TA_JSON_NONE);
	case TA_ITEM_CONTEXT:
		return type == TA_ATTR_JSON && is_json(value, bytes, TA_JSON_OBJECT);
	case TA_ITEM_FINGERPRINT:
		return type == TA_ATTR_JSON && is_json(value, bytes, TA_JSON_STRING);
	case TA_ITEM_ATTRIBUTE:
		return is_attribute(type, value, bytes);
	case TA_ITEM_CRUMB:
		return type == TA_ATTR_BYTES && is_crumb(value, bytes, ret_time_ns);
	default:
		return false;
	}
}

/* ---- reading ---- */

enum ta_item_kind ta_change_kind(uint8_t what)
{
	static const uint8_t kinds[] = { [TA_SCOPE_TAG] = TA_ITEM_TAG,
					 [TA_SCOPE_EXTRA] = TA_ITEM_EXTRA,
					 [TA_SCOPE_CONTEXT] = TA_ITEM_CONTEXT,
					 [TA_SCOPE_USER] = TA_ITEM_USER,
					 [TA_SCOPE_LEVEL] = TA_ITEM_KINDS,
					 [TA_SCOPE_FINGERPRINT] = TA_ITEM_FINGERPRINT,
					 [TA_SCOPE_TRANSACTION] = TA_ITEM_TRANSACTION,
					 [TA_SCOPE_ATTRIBUTE] = TA_ITEM_ATTRIBUTE,
					 [TA_SCOPE_BREADCRUMB] = TA_ITEM_CRUMB };

	return what != 0 && what < sizeof(kinds) ? kinds[what] : TA_ITEM_KINDS;
}

static uint8_t type_of(const struct ta_record_scope_set *set, enum ta_item_kind kind)
{
	if (set->flags & TA_SCOPE_REMOVE)
		return 0;
	switch (kind) {
	case TA_ITEM_TAG:
	case TA_ITEM_TRANSACTION:
		return TA_ATTR_STRING;
	case TA_ITEM_ATTRIBUTE:
		return set->value_type;
	case TA_ITEM_CRUMB:
		return TA_ATTR_BYTES;
	default:
		return TA_ATTR_JSON;
	}
}

static bool read_item(struct ta_scopes *scopes, struct ta_change *change, enum ta_item_kind kind,
		      const struct ta_record_scope_set *set)
{
	uint8_t type = type_of(set, kind);
	struct ta_json_slice key = { (const char *)(set + 1), set->key_bytes };
	const char *value = key.text + key.bytes;
	uint32_t bytes = change->remove ? 0 : set->value_bytes;
	uint64_t time_ns = 0;

	if (kind == TA_ITEM_TRANSACTION || kind == TA_ITEM_CRUMB)
		key.bytes = 0;
	if (!change->remove && !ta_item_valid(kind, type, value, bytes, &time_ns))
		return false;
	change->item = ta_item_new(scopes, kind, type, key, value, bytes);
	if (change->item)
		change->item->time_ns = time_ns;
	return change->item != NULL;
}

#define KEY_MAX 1024u /* of a key with escapes */

/* NULL when there is no memory, or the key is too long. */
static struct ta_item *part_item(struct ta_scopes *scopes, enum ta_item_kind kind,
				 struct ta_json_slice key, struct ta_json_slice value)
{
	char plain[KEY_MAX];

	if (key.bytes > 0 && memchr(key.text, '\\', key.bytes)) {
		if (key.bytes > sizeof(plain))
			return NULL;
		key.bytes = ta_json_unescape(key.text, key.bytes, plain, sizeof(plain));
		key.text = plain;
	}
	return ta_item_new(scopes, kind, TA_ATTR_JSON, key, value.text, (uint32_t)value.bytes);
}

/* The row's items, each in the place where its key came first.  Counts what is too
 * much.  False when a part of a fingerprint is no string. */
static bool pick_parts(struct ta_scopes *scopes, struct ta_picks *picks, enum ta_item_kind kind,
		       struct ta_json_walk *walk)
{
	struct ta_json_slice key, value;

	while (ta_json_next(walk, &key, &value)) {
		if (kind == TA_ITEM_FINGERPRINT &&
		    ta_json_kind(value.text, value.bytes) != TA_JSON_STRING)
			return false;
		struct ta_item *item = picks->count < TA_SCOPE_TAGS_MAX
					       ? part_item(scopes, kind, key, value)
					       : NULL;

		if (!item)
			scopes->counters.dropped++;
		else if (kind == TA_ITEM_FINGERPRINT) /* no keys, and all of them count */
			picks->items[picks->count++] = item;
		else
			ta_item_unref(scopes, ta_pick(picks, item));
	}
	return !walk->broken;
}

/* Users and fingerprints are taken apart.  Nothing in them is nothing to keep. */
static bool read_row(struct ta_scopes *scopes, struct ta_change *change, enum ta_item_kind kind,
		     const struct ta_record_scope_set *set)
{
	const char *value = (const char *)(set + 1) + set->key_bytes;
	enum ta_json_kind want = kind == TA_ITEM_USER ? TA_JSON_OBJECT : TA_JSON_ARRAY;
	struct ta_picks picks;
	struct ta_json_walk walk;
	bool good;

	if (change->remove)
		return true;
	if (!is_json(value, set->value_bytes, want) ||
	    !ta_json_walk(&walk, value, set->value_bytes))
		return false;
	ta_picks_init(&picks, TA_SCOPE_TAGS_MAX);
	good = pick_parts(scopes, &picks, kind, &walk);
	if (good && picks.count > 0)
		change->row = ta_row_new(scopes, kind, picks.count);
	for (uint32_t i = 0; i < picks.count; i++) {
		if (change->row)
			ta_row_append(change->row, picks.items[i]);
		else
			ta_item_unref(scopes, picks.items[i]);
	}
	return good && (change->row || picks.count == 0);
}

static bool read_change(struct ta_scopes *scopes, struct ta_change *change,
			const struct ta_record_scope_set *set)
{
	enum ta_item_kind kind = ta_change_kind(set->change);

	switch (set->change) {
	case TA_SCOPE_CLEAR:
	case TA_SCOPE_CLEAR_BREADCRUMBS:
		return true;
	case TA_SCOPE_LEVEL:
		change->level = change->remove ? TA_LEVEL_NONE : set->level;
		return set->level <= TA_LEVEL_FATAL;
	case TA_SCOPE_USER:
	case TA_SCOPE_FINGERPRINT:
		return read_row(scopes, change, kind, set);
	case TA_SCOPE_TRANSACTION:
		change->remove = change->remove || set->value_bytes == 0;
		return change->remove || read_item(scopes, change, kind, set);
	case TA_SCOPE_BREADCRUMB:
		return !change->remove && read_item(scopes, change, kind, set);
	default:
		return kind != TA_ITEM_KINDS && read_item(scopes, change, kind, set);
	}
}

void ta_change_read(struct ta_scopes *scopes, struct ta_change *change,
		    const struct ta_record_scope_set *set)
{
	*change = (struct ta_change){ .what = set->change,
				      .remove = (set->flags & TA_SCOPE_REMOVE) != 0 };
	/* What the filter dropped (runtime/agent/filter.h) is a change of nothing. */
	if (set->change == 0 || (set->change == TA_SCOPE_BREADCRUMB && scopes->max_crumbs == 0)) {
		*change = (struct ta_change){ 0 };
	} else if (!read_change(scopes, change, set)) {
		scopes->counters.dropped++;
		ta_change_fini(scopes, change);
	}
}

void ta_change_fini(struct ta_scopes *scopes, struct ta_change *change)
{
	ta_item_unref(scopes, change->item);
	ta_row_unref(scopes, change->row);
	*change = (struct ta_change){ 0 };
}

/* ---- applying ---- */

void ta_content_copy(struct ta_content *to, const struct ta_content *from)
{
	*to = *from;
	for (int i = 0; i < TA_ITEM_ROWS; i++)
		ta_row_ref(to->rows[i]);
	ta_item_ref(to->transaction);
}

void ta_content_clear(struct ta_scopes *scopes, struct ta_content *content)
{
	for (int i = 0; i < TA_ITEM_ROWS; i++)
		ta_row_unref(scopes, content->rows[i]);
	ta_item_unref(scopes, content->transaction);
	*content = (struct ta_content){ 0 };
}

size_t ta_content_bytes(const struct ta_content *content)
{
	size_t bytes = content->transaction ? content->transaction->value_bytes : 0;

	for (int i = 0; i < TA_ITEM_ROWS; i++)
		bytes += content->rows[i] ? content->rows[i]->bytes : 0;
	return bytes;
}

/* Whether there is room for so much more; counts it if not. */
static bool has_room(struct ta_scopes *scopes, const struct ta_content *content, size_t more,
		     size_t less)
{
	bool room = ta_content_bytes(content) - less + more <= TA_SCOPE_VERSION_BYTES;

	scopes->counters.dropped += !room;
	return room;
}

/* NULL (which is empty) takes the place without asking for room. */
static void replace_row(struct ta_scopes *scopes, struct ta_content *content,
			enum ta_item_kind kind, struct ta_row *row)
{
	struct ta_row **place = &content->rows[kind];

	ta_row_ref(row);
	ta_row_unref(scopes, *place);
	*place = row;
}

static void put_key(struct ta_scopes *scopes, struct ta_content *content, struct ta_item *item)
{
	const struct ta_row *old = content->rows[item->kind];
	uint32_t count = old ? old->count : 0, at = ta_row_find(old, item);
	size_t less = at < count ? old->list[at]->key_bytes + old->list[at]->value_bytes : 0;

	if (!has_room(scopes, content, (size_t)item->key_bytes + item->value_bytes, less))
		return;
	struct ta_row *row = at < ta_row_max(scopes, item->kind)
				     ? ta_row_new(scopes, item->kind, count + (at == count))
				     : NULL;

	if (!row) {
		scopes->counters.dropped++;
		return;
	}
	for (uint32_t i = 0; i < count; i++)
		ta_row_append(row, ta_item_ref(i == at ? item : old->list[i]));
	if (at == count)
		ta_row_append(row, ta_item_ref(item));
	replace_row(scopes, content, item->kind, row);
	ta_row_unref(scopes, row);
}

static void take_key(struct ta_scopes *scopes, struct ta_content *content,
		     const struct ta_item *item)
{
	const struct ta_row *old = content->rows[item->kind];
	uint32_t count = old ? old->count : 0, at = ta_row_find(old, item);
	struct ta_row *row = NULL;

	if (at == count)
		return;
	if (count > 1 && !(row = ta_row_new(scopes, item->kind, count - 1))) {
		scopes->counters.dropped++;
		return;
	}
	for (uint32_t i = 0; row && i < count; i++)
		if (i != at)
			ta_row_append(row, ta_item_ref(old->list[i]));
	replace_row(scopes, content, item->kind, row);
	ta_row_unref(scopes, row);
}

/* The oldest ones go, for their number and for their size. */
static void add_crumb(struct ta_scopes *scopes, struct ta_content *content, struct ta_item *item)
{
	const struct ta_row *old = content->rows[TA_ITEM_CRUMB];
	uint32_t count = old ? old->count : 0, first = 0;
	size_t bytes = ta_content_bytes(content) + item->value_bytes;

	while (first < count &&
	       (count - first >= scopes->max_crumbs || bytes > TA_SCOPE_VERSION_BYTES))
		bytes -= old->list[first++]->value_bytes;
	struct ta_row *row = bytes <= TA_SCOPE_VERSION_BYTES
				     ? ta_row_new(scopes, TA_ITEM_CRUMB, count - first + 1)
				     : NULL;

	if (!row) {
		scopes->counters.dropped++;
		return;
	}
	item->order = scopes->order++;
	for (uint32_t i = first; i < count; i++)
		ta_row_append(row, ta_item_ref(old->list[i]));
	ta_row_append(row, ta_item_ref(item));
	replace_row(scopes, content, TA_ITEM_CRUMB, row);
	ta_row_unref(scopes, row);
}

static bool put_row(struct ta_scopes *scopes, struct ta_content *content, enum ta_item_kind kind,
		    struct ta_row *row)
{
	size_t less = content->rows[kind] ? content->rows[kind]->bytes : 0;

	if (!has_room(scopes, content, row ? row->bytes : 0, less))
		return false;
	replace_row(scopes, content, kind, row);
	return true;
}

static void put_transaction(struct ta_scopes *scopes, struct ta_content *content,
			    struct ta_item *item)
{
	size_t less = content->transaction ? content->transaction->value_bytes : 0;

	if (!has_room(scopes, content, item ? item->value_bytes : 0, less))
		return;
	ta_item_unref(scopes, content->transaction);
	content->transaction = ta_item_ref(item);
}

void ta_content_apply(struct ta_scopes *scopes, struct ta_content *content,
		      const struct ta_change *change)
{
	switch (change->what) {
	case 0:
		break;
	case TA_SCOPE_USER:
		if (put_row(scopes, content, TA_ITEM_USER, change->row))
			content->nobody = change->remove;
		break;
	case TA_SCOPE_LEVEL:
		content->level = change->level;
		break;
	case TA_SCOPE_FINGERPRINT:
		put_row(scopes, content, TA_ITEM_FINGERPRINT, change->row);
		break;
	case TA_SCOPE_TRANSACTION:
		put_transaction(scopes, content, change->item);
		break;
	case TA_SCOPE_BREADCRUMB:
		add_crumb(scopes, content, change->item);
		break;
	case TA_SCOPE_CLEAR:
		ta_content_clear(scopes, content);
		break;
	case TA_SCOPE_CLEAR_BREADCRUMBS:
		replace_row(scopes, content, TA_ITEM_CRUMB, NULL);
		break;
	default: /* by key */
		if (change->remove)
			take_key(scopes, content, change->item);
		else
			put_key(scopes, content, change->item);
	}
}
