/* SPDX-License-Identifier: MIT */
/*
 * scope_internal.h - how the agent keeps scope versions; for scope*.c only.
 *
 * An item is one entry of a scope: a tag, a member of the user, a breadcrumb.  A row is
 * what one version has of one kind.  Both are counted and never change once they are
 * made, so a version shares with its parent every row that its own change left alone,
 * and the changed row shares its items.
 *
 * A version has rows instead of a pointer to its parent: a program that sets a tag per
 * request on one long-lived scope makes a chain without end, and a chain could never be
 * cut.  With all rows at hand a version goes when nobody holds it, whatever was made
 * from it.
 *
 * Runs: agent, one thread.
 */
#ifndef TA_AGENT_SCOPE_INTERNAL_H
#define TA_AGENT_SCOPE_INTERNAL_H

#include "runtime/agent/list.h"
#include "runtime/agent/map.h"
#include "runtime/agent/scope.h"
#include "runtime/protocol/json.h"

enum ta_item_kind {
	TA_ITEM_TAG,
	TA_ITEM_EXTRA,
	TA_ITEM_CONTEXT,
	TA_ITEM_USER, /* a member of the user's object */
	TA_ITEM_ATTRIBUTE,
	TA_ITEM_FINGERPRINT,
	TA_ITEM_CRUMB,
	TA_ITEM_ROWS, /* so many kinds come in rows */
	TA_ITEM_TRANSACTION = TA_ITEM_ROWS,
	TA_ITEM_KINDS
};

struct ta_item {
	uint32_t refs;
	uint32_t hash; /* of the key */
	uint32_t key_bytes, value_bytes;
	uint8_t kind;		 /* enum ta_item_kind */
	uint8_t type;		 /* enum ta_attr_type; 0: of a change that takes something away */
	uint64_t time_ns, order; /* crumbs */
	uint64_t mark;		 /* snapshot: above its base, so much is the number */
	char text[];		 /* key, value */
};

struct ta_row {
	uint32_t refs;
	uint32_t capacity, count;
	uint32_t bytes; /* keys and values of all items */
	uint8_t kind;
	uint64_t mark;
	struct ta_item *list[];
};

/* What a version that is KNOWN holds. */
struct ta_content {
	struct ta_row *rows[TA_ITEM_ROWS]; /* NULL: empty */
	struct ta_item *transaction;
	uint8_t level;
	bool nobody; /* the user was set to nobody */
};

/* One change, as it was read out of a record. */
struct ta_change {
	uint8_t what; /* enum ta_scope_change; 0: none, the record was no good */
	uint8_t level;
	bool remove;
	struct ta_item *item; /* what has a key, crumbs, transactions; or NULL */
	struct ta_row *row;   /* users, fingerprints; or NULL */
};

enum ta_version_state {
	TA_VERSION_NAMED,   /* somebody refers to it; not received yet */
	TA_VERSION_WAITING, /* received, its parent is not known */
	TA_VERSION_KNOWN,
};

struct ta_version {
	struct ta_map_node node; /* by number; families share the table */
	struct ta_list link;	 /* KNOWN and not held: a pool's; WAITING: waiting or ready */
	uint64_t family;
	struct ta_scope_owner *owner;
	uint32_t refs;
	uint32_t depth; /* KNOWN: changes since the empty scope */
	uint8_t state;	/* enum ta_version_state */
	union {
		struct {
			struct ta_list idle; /* not held: scopes->idle */
			struct ta_content content;
		}; /* KNOWN */
		struct {
			struct ta_list children; /* WAITING for this one */
			struct ta_list sibling;
			struct ta_version *parent; /* held; NULL: it has none, or no memory */
			struct ta_change change;
			uint64_t since; /* pass */
			uint32_t cell;
			bool orphan; /* it should have a parent */
		};		     /* NAMED (children only), WAITING */
	};
};

/* Versions that nobody holds, oldest first. */
struct ta_pool {
	struct ta_list versions;
	uint32_t count;
};

/* What may be the value of one cell, held.  A host publishes a version before it is the
 * cell's value, and it never is when another thread was first; and a cell's number may be
 * given to another scope.  So there are a few chains, the one that came on last first; of
 * each the newest version and what that was made from, which is the value until the newest
 * is in force.  Chains that nobody goes on with fall out at the end. */
#define TA_CELL_CHAINS 3u

struct ta_cell_chain {
	struct ta_version *now, *before;
};

struct ta_cell_value {
	struct ta_cell_chain chains[TA_CELL_CHAINS];
};

#define TA_CELL_PAGE 256u
#define TA_CELL_PAGES (TA_SCOPE_CELLS_MAX / TA_CELL_PAGE)

struct ta_cell_page {
	struct ta_cell_value cells[TA_CELL_PAGE];
};

/* The process whose versions these are: the bound is per process. */
struct ta_scope_owner {
	struct ta_map_node node; /* by proc_id; families share the table */
	struct ta_list link;
	struct ta_pool pool;
	uint64_t family;
	uint32_t versions;
	bool dead;		     /* its unheld versions are in scopes->orphans */
	bool forgotten;		     /* its segment is gone */
	struct ta_cell_page **pages; /* TA_CELL_PAGES; NULL until there is a cell */
};

/* What a snapshot's numbers stand for, while one is read. */
struct ta_scope_restore {
	struct ta_item **items; /* number 1 is items[0]; NULL for what was not kept */
	struct ta_row **rows;
	uint32_t item_count, row_count, item_room, row_room;
};

struct ta_scopes {
	struct ta_map by_number;
	struct ta_map owners;
	struct ta_list all_owners;
	struct ta_list waiting; /* longest first */
	struct ta_list ready;	/* WAITING until their turn comes, in this very call */
	struct ta_list idle;	/* all versions of all pools, oldest first */
	struct ta_pool orphans; /* of dead owners */
	size_t bytes;
	uint64_t pass;
	uint64_t order; /* of the next crumb */
	uint64_t mark;	/* last one given */
	uint64_t seed;
	uint32_t max_crumbs;
	bool keep_all; /* nothing that was known is let go for now */
	struct ta_scope_counters counters;
	struct ta_scope_restore restore;
};

/* Items of different keys, in the order in which their keys came up. */
#define TA_PICKS_MAX (TA_SCOPE_MERGE_MAX * TA_SCOPE_TAGS_MAX)

struct ta_picks {
	struct ta_item *items[TA_PICKS_MAX];
	uint32_t count;
	uint32_t mask;
	uint16_t slots[TA_PICKS_MAX * 2]; /* index + 1 */
};

/* ---- scope_item.c ---- */

/* Memory that counts; NULL when there is none, or too much is used. */
void *ta_scope_alloc(struct ta_scopes *scopes, size_t bytes);
void ta_scope_release(struct ta_scopes *scopes, void *memory, size_t bytes);

/* One reference; NULL without memory. */
struct ta_item *ta_item_new(struct ta_scopes *scopes, enum ta_item_kind kind, uint8_t type,
			    struct ta_json_slice key, const char *value, uint32_t value_bytes);
struct ta_item *ta_item_ref(struct ta_item *item);
void ta_item_unref(struct ta_scopes *scopes, struct ta_item *item);

/* Most items of one kind in one version. */
uint32_t ta_row_max(const struct ta_scopes *scopes, enum ta_item_kind kind);

/* An empty row for so many items; one reference; NULL without memory. */
struct ta_row *ta_row_new(struct ta_scopes *scopes, enum ta_item_kind kind, uint32_t capacity);
/* Takes over the reference; there has to be room. */
void ta_row_append(struct ta_row *row, struct ta_item *item);
struct ta_row *ta_row_ref(struct ta_row *row);
void ta_row_unref(struct ta_scopes *scopes, struct ta_row *row);
/* The item of the same key: its place, or the row's count.  row may be NULL. */
uint32_t ta_row_find(const struct ta_row *row, const struct ta_item *like);

void ta_picks_init(struct ta_picks *picks, uint32_t most);
/* Adds an item, or puts it in the place of its namesake, which it returns. */
struct ta_item *ta_pick(struct ta_picks *picks, struct ta_item *item);

/* ---- scope_change.c ---- */

/* Whether a value is what the kind wants; finds the time of a crumb. */
bool ta_item_valid(enum ta_item_kind kind, uint8_t type, const char *value, uint32_t bytes,
		   uint64_t *ret_time_ns);

/* The kind of item that a change brings; TA_ITEM_KINDS: none. */
enum ta_item_kind ta_change_kind(uint8_t what);

/* Reads a record's change; one that is no good is counted and has what == 0. */
void ta_change_read(struct ta_scopes *scopes, struct ta_change *change,
		    const struct ta_record_scope_set *set);
void ta_change_fini(struct ta_scopes *scopes, struct ta_change *change);

void ta_content_copy(struct ta_content *to, const struct ta_content *from);
void ta_content_clear(struct ta_scopes *scopes, struct ta_content *content);
void ta_content_apply(struct ta_scopes *scopes, struct ta_content *content,
		      const struct ta_change *change);
size_t ta_content_bytes(const struct ta_content *content);

/* ---- scope.c ---- */

struct ta_version *ta_version_find(const struct ta_scopes *scopes, uint64_t family,
				   uint64_t number);
/* The version, named if there was none.  NULL without memory. */
struct ta_version *ta_version_make(struct ta_scopes *scopes, uint64_t family, uint64_t number);
void ta_version_hold(struct ta_scopes *scopes, struct ta_version *version);
/* version may be NULL. */
void ta_version_release(struct ta_scopes *scopes, struct ta_version *version);
/* Nobody may hold the version: then it goes to its pool, or goes away. */
void ta_version_retire(struct ta_scopes *scopes, struct ta_version *version);
/* A NAMED version has been received: made at once when its parent is known, else it
 * waits.  Takes the change over. */
void ta_version_receive(struct ta_scopes *scopes, struct ta_version *version,
			struct ta_scope_owner *owner, uint64_t parent, uint32_t cell,
			const struct ta_change *change);

/* A NAMED version is this from now on.  Takes the content's references over. */
void ta_version_fill(struct ta_scopes *scopes, struct ta_version *version,
		     struct ta_scope_owner *owner, const struct ta_content *content,
		     uint32_t depth);

/* NULL when there is none, or no memory for one. */
struct ta_scope_owner *ta_owner_find(const struct ta_scopes *scopes, uint64_t family,
				     uint64_t proc_id);
struct ta_scope_owner *ta_owner_make(struct ta_scopes *scopes, uint64_t family, uint64_t proc_id);
/* Ends keep_all: lets go of what is too much or forgotten. */
void ta_scopes_tidy(struct ta_scopes *scopes);

/* ---- scope_cell.c ---- */

/* Version, made from parent (or NULL), is the value of a cell now. */
void ta_cell_set(struct ta_scopes *scopes, struct ta_scope_owner *owner, uint32_t cell,
		 struct ta_version *version, struct ta_version *parent);
/* A cell by its number, which has to be one; NULL without memory. */
struct ta_cell_value *ta_cell_value(struct ta_scopes *scopes, struct ta_scope_owner *owner,
				    uint32_t cell);
/* Holds version (or NULL) in place of what is there. */
void ta_cell_put(struct ta_scopes *scopes, struct ta_version **place, struct ta_version *version);
/* All cells have no value any more. */
void ta_cells_drop(struct ta_scopes *scopes, struct ta_scope_owner *owner);
/* The memory only. */
void ta_cells_free(struct ta_scopes *scopes, struct ta_scope_owner *owner);

/* ---- scope_snapshot.c, scope_restore.c ---- */

/* A piece of a snapshot: this, then what its kind says, then numbers or text. */
enum ta_piece_kind {
	TA_PIECE_ITEM = 1, /* struct ta_piece_item, key, value */
	TA_PIECE_ROW,	   /* struct ta_piece_row, uint32_t: numbers of items */
	TA_PIECE_KNOWN,	   /* struct ta_piece_known */
	TA_PIECE_WAITING,  /* struct ta_piece_waiting */
	TA_PIECE_CELLS,	   /* struct ta_piece_cell, one after the other */
};

enum ta_piece_flags {
	TA_PIECE_DEAD = 1, /* the owner */
	TA_PIECE_FORGOTTEN = 2,
	TA_PIECE_NOBODY = 4,
	TA_PIECE_REMOVE = 8,
};

/* Items and rows are numbered from 1 in the order in which they come; 0 is none. */
struct ta_piece {
	uint8_t kind;
	uint8_t flags;
	uint8_t level;
	uint8_t what; /* enum ta_item_kind, or enum ta_scope_change */
	uint32_t number;
};

struct ta_piece_item {
	struct ta_piece head;
	uint64_t time_ns, order;
	uint32_t key_bytes, value_bytes;
	uint8_t type;
	uint8_t reserved[7];
};

struct ta_piece_row {
	struct ta_piece head;
	uint64_t count;
};

struct ta_piece_known {
	struct ta_piece head;
	uint32_t rows[TA_ITEM_ROWS];
	uint32_t transaction;
	uint32_t depth;
	uint32_t reserved;
};

struct ta_piece_waiting {
	struct ta_piece head;
	uint64_t parent;
	uint32_t cell;
	uint32_t item, row;
	uint32_t reserved;
};

struct ta_piece_cell {
	struct {
		uint64_t now, before;
	} chains[TA_CELL_CHAINS];
	uint32_t cell;
	uint32_t reserved;
};

/* When pieces were restored: that was all of them. */
void ta_restore_end(struct ta_scopes *scopes);

#endif
