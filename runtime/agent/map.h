/* SPDX-License-Identifier: MIT */
/*
 * map.h - intrusive hash tables by a 64-bit key.
 *
 * Keys come from hosts, so the hash is seeded: nobody outside can choose keys
 * that fall together.  Several nodes may have one key; ta_map_next() walks them.
 * Order of nodes means nothing; keep a list beside the map where order matters.
 *
 * A slot repeats what its first node says: nodes are in memory that was last touched when
 * their span began, and a look that finds nothing or something else should not go there.
 *
 * Runs: agent.  No locks.
 */
#ifndef TA_AGENT_MAP_H
#define TA_AGENT_MAP_H

#include <stddef.h>
#include <stdint.h>

struct ta_map_node {
	struct ta_map_node *next;
	uint64_t key;
};

struct ta_map_slot {
	uint64_t key;		   /* of the first */
	struct ta_map_node *first; /* NULL: empty */
	struct ta_map_node *rest;  /* first->next */
};

struct ta_map {
	struct ta_map_slot *slots;
	size_t slot_count; /* a power of two */
	size_t count;
	uint64_t seed;
};

int ta_map_init(struct ta_map *map);  /* 0 or -ENOMEM */
void ta_map_fini(struct ta_map *map); /* frees the table, not the nodes */
void ta_map_add(struct ta_map *map, struct ta_map_node *node, uint64_t key);
void ta_map_remove(struct ta_map *map, struct ta_map_node *node);
struct ta_map_node *ta_map_find(const struct ta_map *map, uint64_t key);
struct ta_map_node *ta_map_next(const struct ta_map_node *node); /* the next of the same key */

#endif
