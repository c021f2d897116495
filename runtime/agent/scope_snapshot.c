/* SPDX-License-Identifier: MIT */
/*
 * scope_snapshot.c - all versions in pieces that can be written down.
 *
 * What versions share is one piece, named by number, so that a snapshot is about as
 * long as what we hold, whatever a host has made of it.
 *
 * Runs: agent, one thread.
 */
#include "runtime/agent/scope_internal.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/export/buf.h"

struct visit {
	struct ta_scopes *scopes;
	ta_scope_visit_fn *visit;
	void *user;
	struct ta_buf buf;
	uint64_t base;	      /* marks above it are of this visit */
	uint32_t items, rows; /* written */
	uint64_t family, owner, version;
};

static void put(struct visit *to, const void *head, size_t head_bytes, const void *tail,
		size_t tail_bytes)
{
	ta_buf_clear(&to->buf);
	ta_buf_put(&to->buf, head, head_bytes);
	ta_buf_put(&to->buf, tail, tail_bytes);
	if (to->buf.failed)
		return;
	to->visit(to->user, to->family, to->owner, to->version, to->buf.data, to->buf.bytes);
}

/* A mark above the visit's base is base + number; older visits' marks are below it. */
static uint32_t number_of(const struct visit *to, uint64_t mark)
{
	return mark > to->base ? (uint32_t)(mark - to->base) : 0;
}

static uint32_t put_item(struct visit *to, struct ta_item *item)
{
	if (!item || item->mark > to->base)
		return item ? number_of(to, item->mark) : 0;
	struct ta_piece_item piece = {
		.head = { .kind = TA_PIECE_ITEM, .what = item->kind, .number = ++to->items },
		.time_ns = item->time_ns,
		.order = item->order,
		.key_bytes = item->key_bytes,
		.value_bytes = item->value_bytes,
		.type = item->type
	};

	item->mark = to->base + to->items;
	put(to, &piece, sizeof(piece), item->text, (size_t)item->key_bytes + item->value_bytes);
	return to->items;
}

static uint32_t put_row(struct visit *to, struct ta_row *row)
{
	uint32_t numbers[TA_SCOPE_CRUMBS_MAX];

	if (!row || row->mark > to->base)
		return row ? number_of(to, row->mark) : 0;
	for (uint32_t i = 0; i < row->count; i++)
		numbers[i] = put_item(to, row->list[i]);
	struct ta_piece_row piece = {
		.head = { .kind = TA_PIECE_ROW, .what = row->kind, .number = ++to->rows },
		.count = row->count
	};

	row->mark = to->base + to->rows;
	put(to, &piece, sizeof(piece), numbers, row->count * sizeof(numbers[0]));
	return to->rows;
}

static uint8_t owner_flags(const struct ta_scope_owner *owner)
{
	return (uint8_t)((owner->dead ? TA_PIECE_DEAD : 0) |
			 (owner->forgotten ? TA_PIECE_FORGOTTEN : 0));
}

static void put_known(struct visit *to, struct ta_version *version)
{
	struct ta_content *content = &version->content;
	struct ta_piece_known piece = {
		.head = { .kind = TA_PIECE_KNOWN,
			  .flags = (uint8_t)(owner_flags(version->owner) |
					     (content->nobody ? TA_PIECE_NOBODY : 0)),
			  .level = content->level },
		.transaction = put_item(to, content->transaction),
		.depth = version->depth
	};

	for (int i = 0; i < TA_ITEM_ROWS; i++)
		piece.rows[i] = put_row(to, content->rows[i]);
	to->family = version->family;
	to->owner = version->owner->node.key;
	to->version = version->node.key;
	put(to, &piece, sizeof(piece), NULL, 0);
	to->family = to->owner = to->version = 0;
}

static void put_waiting(struct visit *to, struct ta_version *version)
{
	const struct ta_change *change = &version->change;
	struct ta_piece_waiting piece = {
		.head = { .kind = TA_PIECE_WAITING,
			  .flags = (uint8_t)(owner_flags(version->owner) |
					     (change->remove ? TA_PIECE_REMOVE : 0)),
			  .level = change->level,
			  .what = change->what },
		.parent = version->parent->node.key,
		.cell = version->cell,
		.item = put_item(to, change->item),
		.row = put_row(to, change->row)
	};

	to->family = version->family;
	to->owner = version->owner->node.key;
	to->version = version->node.key;
	put(to, &piece, sizeof(piece), NULL, 0);
	to->family = to->owner = to->version = 0;
}

static uint64_t key_of(const struct ta_version *version)
{
	return version ? version->node.key : 0;
}

static void put_page(struct visit *to, const struct ta_cell_page *page, uint32_t first)
{
	struct ta_piece_cell cells[TA_CELL_PAGE] = { 0 };
	struct ta_piece head = { .kind = TA_PIECE_CELLS };
	uint32_t count = 0;

	for (uint32_t i = 0; i < TA_CELL_PAGE; i++) {
		const struct ta_cell_value *value = &page->cells[i];

		if (!value->chains[0].now)
			continue;
		for (uint32_t at = 0; at < TA_CELL_CHAINS; at++) {
			cells[count].chains[at].now = key_of(value->chains[at].now);
			cells[count].chains[at].before = key_of(value->chains[at].before);
		}
		cells[count++].cell = first + i;
	}
	if (count > 0)
		put(to, &head, sizeof(head), cells, count * sizeof(cells[0]));
}

static void put_cells(struct visit *to, const struct ta_scope_owner *owner)
{
	to->family = owner->family;
	to->owner = owner->node.key;
	for (uint32_t i = 0; owner->pages && i < TA_CELL_PAGES; i++)
		if (owner->pages[i])
			put_page(to, owner->pages[i], i * TA_CELL_PAGE + 1);
}

/* Those that are held first: when they are restored, nobody holds them yet, and what
 * came last is newest. */
static void put_held(struct visit *to)
{
	struct ta_scopes *scopes = to->scopes;

	for (size_t i = 0; i < scopes->by_number.slot_count; i++) {
		struct ta_map_node *node = scopes->by_number.slots[i].first;

		for (; node; node = node->next) {
			struct ta_version *version = TA_CONTAINER(node, struct ta_version, node);

			if (version->state == TA_VERSION_KNOWN && ta_list_empty(&version->idle))
				put_known(to, version);
		}
	}
}

void ta_scopes_visit(struct ta_scopes *scopes, ta_scope_visit_fn *visit, void *user)
{
	struct visit to = { .scopes = scopes, .visit = visit, .user = user, .base = scopes->mark };

	put_held(&to);
	TA_LIST_EACH(idle_at, &scopes->idle)
	put_known(&to, TA_CONTAINER(idle_at, struct ta_version, idle));
	TA_LIST_EACH(waiting_at, &scopes->waiting)
	put_waiting(&to, TA_CONTAINER(waiting_at, struct ta_version, link));
	TA_LIST_EACH(owner_at, &scopes->all_owners)
	put_cells(&to, TA_CONTAINER(owner_at, struct ta_scope_owner, link));
	scopes->mark += to.items > to.rows ? to.items : to.rows;
	ta_buf_fini(&to.buf);
}
