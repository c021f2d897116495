/* SPDX-License-Identifier: MIT */
/*
 * map.c - intrusive hash tables by a 64-bit key.
 *
 * Runs: agent.  No locks.  A table that cannot grow for want of memory gets
 * slower, nothing else.
 */
#include "runtime/agent/map.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#define FIRST_SLOTS 64

static struct ta_map_slot *slot_of(const struct ta_map *map, uint64_t key)
{
	uint64_t hash = key ^ map->seed;

	hash = (hash ^ (hash >> 32)) * 0x9E3779B97F4A7C15ull;
	hash = (hash ^ (hash >> 29)) * (map->seed | 1);
	return &map->slots[(size_t)(hash >> 32) & (map->slot_count - 1)];
}

int ta_map_init(struct ta_map *map)
{
	*map = (struct ta_map){ .slot_count = FIRST_SLOTS };
	if (getrandom(&map->seed, sizeof(map->seed), 0) != (ssize_t)sizeof(map->seed))
		map->seed = (uint64_t)(uintptr_t)map * 0x9E3779B97F4A7C15ull;
	map->slots = calloc(FIRST_SLOTS, sizeof(map->slots[0]));
	return map->slots ? 0 : -ENOMEM;
}

void ta_map_fini(struct ta_map *map)
{
	free(map->slots);
	*map = (struct ta_map){ 0 };
}

static void set_first(struct ta_map_slot *slot, struct ta_map_node *node)
{
	slot->first = node;
	slot->key = node ? node->key : 0;
	slot->rest = node ? node->next : NULL;
}

static void insert(struct ta_map *map, struct ta_map_node *node)
{
	struct ta_map_slot *slot = slot_of(map, node->key);

	node->next = slot->first;
	set_first(slot, node);
}

static void grow(struct ta_map *map)
{
	size_t old_count = map->slot_count;
	struct ta_map_slot *old = map->slots;
	struct ta_map_slot *slots = calloc(old_count * 2, sizeof(slots[0]));

	if (!slots)
		return;
	map->slots = slots;
	map->slot_count = old_count * 2;
	for (size_t i = 0; i < old_count; i++) {
		for (struct ta_map_node *node = old[i].first, *next; node; node = next) {
			next = node->next;
			insert(map, node);
		}
	}
	free(old);
}

void ta_map_add(struct ta_map *map, struct ta_map_node *node, uint64_t key)
{
	if (map->count >= map->slot_count)
		grow(map);
	node->key = key;
	insert(map, node);
	map->count++;
}

void ta_map_remove(struct ta_map *map, struct ta_map_node *node)
{
	struct ta_map_slot *slot = slot_of(map, node->key);
	struct ta_map_node **at = &slot->rest;

	if (slot->first == node) {
		set_first(slot, node->next);
		map->count--;
		return;
	}
	while (*at && *at != node)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = node->next;
	if (at == &slot->rest)
		slot->first->next = slot->rest;
	map->count--;
}

struct ta_map_node *ta_map_find(const struct ta_map *map, uint64_t key)
{
	const struct ta_map_slot *slot = slot_of(map, key);
	struct ta_map_node *node = slot->rest;

	if (slot->first && slot->key == key)
		return slot->first;
	while (node && node->key != key)
		node = node->next;
	return node;
}

struct ta_map_node *ta_map_next(const struct ta_map_node *node)
{
	struct ta_map_node *next = node->next;

	while (next && next->key != node->key)
		next = next->next;
	return next;
}
