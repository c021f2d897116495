/* SPDX-License-Identifier: MIT */
/*
 * scope_restore.c - versions out of the pieces of a snapshot.
 *
 * A journal may be damaged in ways that its checksum does not show, so pieces are
 * checked like records of a host are.
 *
 * Runs: agent, one thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/agent/scope_internal.h"

/* ---- numbers ---- */

/* Room for one more pointer. */
static bool grow(void **list, uint32_t count, uint32_t *room)
{
	uint32_t more = *room ? *room * 2 : 256;
	void *grown;

	if (count < *room)
		return true;
	grown = realloc(*list, more * sizeof(void *));
	if (!grown)
		return false;
	*list = grown;
	*room = more;
	return true;
}

void ta_restore_end(struct ta_scopes *scopes)
{
	struct ta_scope_restore *restore = &scopes->restore;

	if (!scopes->keep_all)
		return;
	for (uint32_t i = 0; i < restore->row_count; i++)
		ta_row_unref(scopes, restore->rows[i]);
	for (uint32_t i = 0; i < restore->item_count; i++)
		ta_item_unref(scopes, restore->items[i]);
	free(restore->rows);
	free(restore->items);
	*restore = (struct ta_scope_restore){ 0 };
	ta_scopes_tidy(scopes);
}

/* False for a number that was not given out.  What was not kept then is counted, and
 * is none. */
static bool find_item(struct ta_scopes *scopes, uint32_t number, struct ta_item **ret_item)
{
	*ret_item = NULL;
	if (number > scopes->restore.item_count)
		return false;
	if (number)
		*ret_item = scopes->restore.items[number - 1];
	scopes->counters.dropped += number && !*ret_item;
	return true;
}

static bool find_row(struct ta_scopes *scopes, uint32_t number, uint32_t kind,
		     struct ta_row **ret_row)
{
	*ret_row = NULL;
	if (number > scopes->restore.row_count)
		return false;
	if (number)
		*ret_row = scopes->restore.rows[number - 1];
	scopes->counters.dropped += number && !*ret_row;
	return !*ret_row || (*ret_row)->kind == kind;
}

/* ---- items and rows ---- */

static bool has_key(uint8_t kind)
{
	return kind != TA_ITEM_FINGERPRINT && kind != TA_ITEM_CRUMB && kind != TA_ITEM_TRANSACTION;
}

/* Items without a type are those of changes that take something away. */
static bool item_is_good(const struct ta_piece_item *piece, const char *value,
			 uint64_t *ret_time_ns)
{
	if (piece->head.what >= TA_ITEM_KINDS || (piece->key_bytes && !has_key(piece->head.what)))
		return false;
	return piece->type == 0 ? piece->value_bytes == 0
				: ta_item_valid(piece->head.what, piece->type, value,
						piece->value_bytes, ret_time_ns);
}

static int restore_item(struct ta_scopes *scopes, const char *blob, size_t bytes)
{
	struct ta_scope_restore *restore = &scopes->restore;
	struct ta_piece_item piece;
	struct ta_json_slice key;
	uint64_t time_ns = 0;

	if (bytes < sizeof(piece))
		return -EINVAL;
	memcpy(&piece, blob, sizeof(piece));
	key = (struct ta_json_slice){ blob + sizeof(piece), piece.key_bytes };
	if ((uint64_t)piece.key_bytes + piece.value_bytes != bytes - sizeof(piece) ||
	    piece.head.number != restore->item_count + 1 ||
	    !item_is_good(&piece, key.text + key.bytes, &time_ns))
		return -EINVAL;
	if (!grow((void **)&restore->items, restore->item_count, &restore->item_room))
		return -ENOMEM;
	struct ta_item *item = ta_item_new(scopes, piece.head.what, piece.type, key,
					   key.text + key.bytes, piece.value_bytes);

	restore->items[restore->item_count++] = item;
	if (!item)
		return -ENOMEM;
	item->time_ns = time_ns;
	item->order = piece.order;
	if (item->kind == TA_ITEM_CRUMB && piece.order >= scopes->order)
		scopes->order = piece.order + 1;
	return 0;
}

/* The items of a row, each of which has to be there, of its kind, and the only one of
 * its key.  NULL for one that was not kept. */
static bool check_items(struct ta_scopes *scopes, uint32_t kind, const uint32_t *numbers,
			struct ta_item **items, uint32_t count)
{
	struct ta_picks picks;

	ta_picks_init(&picks, count);
	for (uint32_t i = 0; i < count; i++) {
		if (numbers[i] == 0 || !find_item(scopes, numbers[i], &items[i]))
			return false;
		if (!items[i])
			continue;
		if (items[i]->kind != kind || items[i]->type == 0)
			return false;
		if (has_key((uint8_t)kind) && ta_pick(&picks, items[i]))
			return false;
	}
	return true;
}

static int restore_row(struct ta_scopes *scopes, const char *blob, size_t bytes)
{
	struct ta_scope_restore *restore = &scopes->restore;
	uint32_t numbers[TA_SCOPE_CRUMBS_MAX];
	struct ta_item *items[TA_SCOPE_CRUMBS_MAX];
	struct ta_piece_row piece;
	struct ta_row *row;

	if (bytes < sizeof(piece))
		return -EINVAL;
	memcpy(&piece, blob, sizeof(piece));
	if (piece.head.what >= TA_ITEM_ROWS || piece.count == 0 ||
	    piece.count > TA_SCOPE_CRUMBS_MAX ||
	    bytes - sizeof(piece) != piece.count * sizeof(numbers[0]) ||
	    piece.head.number != restore->row_count + 1)
		return -EINVAL;
	uint32_t count = (uint32_t)piece.count, most = ta_row_max(scopes, piece.head.what);

	memcpy(numbers, blob + sizeof(piece), count * sizeof(numbers[0]));
	if ((count > most && piece.head.what != TA_ITEM_CRUMB) ||
	    !check_items(scopes, piece.head.what, numbers, items, count))
		return -EINVAL;
	if (!grow((void **)&restore->rows, restore->row_count, &restore->row_room))
		return -ENOMEM;
	row = ta_row_new(scopes, piece.head.what, count);
	restore->rows[restore->row_count++] = row;
	/* Fewer breadcrumbs may be kept than when this was written. */
	for (uint32_t i = count > most ? count - most : 0; row && i < count; i++)
		if (items[i])
			ta_row_append(row, ta_item_ref(items[i]));
	return row ? 0 : -ENOMEM;
}

/* ---- versions ---- */

static struct ta_scope_owner *restore_owner(struct ta_scopes *scopes, uint64_t family,
					    uint64_t proc_id, uint8_t flags)
{
	struct ta_scope_owner *owner = ta_owner_make(scopes, family, proc_id);

	if (owner && (flags & TA_PIECE_FORGOTTEN))
		owner->forgotten = true;
	/* Before it has versions in its own pool. */
	if (owner && (flags & TA_PIECE_DEAD) && owner->pool.count == 0)
		owner->dead = true;
	return owner;
}

/* The version, named, and not there already. */
static int new_version(struct ta_scopes *scopes, uint64_t family, uint64_t number,
		       struct ta_version **ret_version)
{
	struct ta_version *version = number ? ta_version_make(scopes, family, number) : NULL;

	*ret_version = version;
	if (version && version->state == TA_VERSION_NAMED)
		return 0;
	return number == 0 || version ? -EINVAL : -ENOMEM;
}

/* Fills content with references; undone by ta_content_clear(). */
static bool read_content(struct ta_scopes *scopes, const struct ta_piece_known *piece,
			 struct ta_content *content)
{
	struct ta_content found = { .level = piece->head.level,
				    .nobody = (piece->head.flags & TA_PIECE_NOBODY) != 0 };

	if (found.level > TA_LEVEL_FATAL)
		return false;
	for (uint32_t i = 0; i < TA_ITEM_ROWS; i++)
		if (!find_row(scopes, piece->rows[i], i, &found.rows[i]))
			return false;
	if (!find_item(scopes, piece->transaction, &found.transaction))
		return false;
	if (found.transaction &&
	    (found.transaction->kind != TA_ITEM_TRANSACTION || found.transaction->type == 0))
		return false;
	if ((found.nobody && found.rows[TA_ITEM_USER]) ||
	    ta_content_bytes(&found) > TA_SCOPE_VERSION_BYTES)
		return false;
	ta_content_copy(content, &found);
	return true;
}

static int restore_known(struct ta_scopes *scopes, uint64_t family, uint64_t owner_id,
			 uint64_t number, const char *blob, size_t bytes)
{
	struct ta_piece_known piece;
	struct ta_content content;
	struct ta_version *version = NULL;

	if (bytes != sizeof(piece))
		return -EINVAL;
	memcpy(&piece, blob, sizeof(piece));
	if (!read_content(scopes, &piece, &content))
		return -EINVAL;
	struct ta_scope_owner *owner = restore_owner(scopes, family, owner_id, piece.head.flags);
	int error = owner ? new_version(scopes, family, number, &version) : -ENOMEM;

	if (error) {
		ta_content_clear(scopes, &content);
		return error;
	}
	ta_version_fill(scopes, version, owner, &content, piece.depth);
	return 0;
}

static bool is_keyed(uint8_t what)
{
	return what == TA_SCOPE_TAG || what == TA_SCOPE_EXTRA || what == TA_SCOPE_CONTEXT ||
	       what == TA_SCOPE_ATTRIBUTE;
}

/* What the change of a waiting version has to bring, see ta_change_read(). */
static bool change_is_good(const struct ta_change *change)
{
	const struct ta_item *item = change->item;

	if (change->what > TA_SCOPE_CLEAR_BREADCRUMBS || change->level > TA_LEVEL_FATAL ||
	    (item && item->kind != ta_change_kind(change->what)))
		return false;
	if (change->what == TA_SCOPE_USER || change->what == TA_SCOPE_FINGERPRINT)
		return !item && !(change->remove && change->row);
	if (change->row)
		return false;
	if (is_keyed(change->what))
		return item && (item->type == 0) == change->remove;
	if (change->what == TA_SCOPE_TRANSACTION)
		return change->remove ? !item : item && item->type != 0;
	if (change->what == TA_SCOPE_BREADCRUMB)
		return !change->remove && item && item->type != 0;
	return !item;
}

static bool read_waiting(struct ta_scopes *scopes, const struct ta_piece_waiting *piece,
			 struct ta_change *change)
{
	struct ta_change found = { .what = piece->head.what,
				   .level = piece->head.level,
				   .remove = (piece->head.flags & TA_PIECE_REMOVE) != 0 };

	if (piece->parent == 0 || !find_item(scopes, piece->item, &found.item) ||
	    !find_row(scopes, piece->row, ta_change_kind(found.what), &found.row))
		return false;
	if ((piece->item && !found.item) || (piece->row && !found.row))
		found = (struct ta_change){ 0 }; /* there was no memory for it */
	if (!change_is_good(&found))
		return false;
	ta_item_ref(found.item);
	ta_row_ref(found.row);
	*change = found;
	return true;
}

static int restore_waiting(struct ta_scopes *scopes, uint64_t family, uint64_t owner_id,
			   uint64_t number, const char *blob, size_t bytes)
{
	struct ta_piece_waiting piece;
	struct ta_change change;
	struct ta_version *version = NULL;

	if (bytes != sizeof(piece))
		return -EINVAL;
	memcpy(&piece, blob, sizeof(piece));
	if (piece.parent == number || !read_waiting(scopes, &piece, &change))
		return -EINVAL;
	struct ta_scope_owner *owner = restore_owner(scopes, family, owner_id, piece.head.flags);
	int error = owner ? new_version(scopes, family, number, &version) : -ENOMEM;

	if (error) {
		ta_change_fini(scopes, &change);
		return error;
	}
	ta_version_receive(scopes, version, owner, piece.parent, piece.cell, &change);
	return 0;
}

/* ---- cells ---- */

static struct ta_version *find_known(const struct ta_scopes *scopes, uint64_t family,
				     uint64_t number)
{
	struct ta_version *version = number ? ta_version_find(scopes, family, number) : NULL;

	return version && version->state == TA_VERSION_KNOWN ? version : NULL;
}

static int restore_cell(struct ta_scopes *scopes, struct ta_scope_owner *owner,
			const struct ta_piece_cell *piece)
{
	uint64_t family = owner->family;
	struct ta_cell_value *value;

	if (piece->cell == 0 || piece->cell > TA_SCOPE_CELLS_MAX ||
	    !find_known(scopes, family, piece->chains[0].now))
		return -EINVAL;
	value = ta_cell_value(scopes, owner, piece->cell);
	if (!value)
		return -ENOMEM;
	for (uint32_t at = 0; at < TA_CELL_CHAINS; at++) {
		ta_cell_put(scopes, &value->chains[at].now,
			    find_known(scopes, family, piece->chains[at].now));
		ta_cell_put(scopes, &value->chains[at].before,
			    find_known(scopes, family, piece->chains[at].before));
	}
	return 0;
}

static int restore_cells(struct ta_scopes *scopes, uint64_t family, uint64_t owner_id,
			 const char *blob, size_t bytes)
{
	size_t count = (bytes - sizeof(struct ta_piece)) / sizeof(struct ta_piece_cell);
	struct ta_scope_owner *owner;
	int error = 0;

	if (count > TA_CELL_PAGE ||
	    bytes != sizeof(struct ta_piece) + count * sizeof(struct ta_piece_cell))
		return -EINVAL;
	owner = ta_owner_make(scopes, family, owner_id);
	if (!owner || owner->dead || owner->forgotten)
		return owner ? -EINVAL : -ENOMEM;
	for (size_t i = 0; i < count && !error; i++) {
		struct ta_piece_cell piece;

		memcpy(&piece, blob + sizeof(struct ta_piece) + i * sizeof(piece), sizeof(piece));
		error = restore_cell(scopes, owner, &piece);
	}
	return error;
}

int ta_scopes_restore(struct ta_scopes *scopes, uint64_t family, uint64_t owner, uint64_t version,
		      const void *blob, size_t bytes)
{
	struct ta_piece piece;

	if (bytes < sizeof(piece))
		return -EINVAL;
	scopes->keep_all = true;
	memcpy(&piece, blob, sizeof(piece));
	switch (piece.kind) {
	case TA_PIECE_ITEM:
		return restore_item(scopes, blob, bytes);
	case TA_PIECE_ROW:
		return restore_row(scopes, blob, bytes);
	case TA_PIECE_KNOWN:
		return restore_known(scopes, family, owner, version, blob, bytes);
	case TA_PIECE_WAITING:
		return restore_waiting(scopes, family, owner, version, blob, bytes);
	case TA_PIECE_CELLS:
		return restore_cells(scopes, family, owner, blob, bytes);
	default:
		return -EINVAL;
	}
}
