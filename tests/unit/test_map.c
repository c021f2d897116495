/* SPDX-License-Identifier: MIT */
/*
 * test_map.c - hash tables against a plain array, and memory that is used again.
 */
#include "runtime/agent/map.h"
#include "runtime/agent/spares.h"
#include "tests/unit/check.h"

#define NODES 3000u
#define STEPS 200000u

static struct ta_map_node nodes[NODES];
static bool in_map[NODES];
static uint64_t keys[NODES];

/* Some keys many have, most only one. */
static uint64_t key_of(uint32_t i)
{
	return i % 3 == 0 ? i % 7 : i * 0x9E3779B97F4A7C15ull;
}

static uint32_t draw(uint32_t *state, uint32_t below)
{
	*state = *state * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)*state * below >> 32);
}

static uint32_t holders_of(uint64_t key)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < NODES; i++)
		count += in_map[i] && keys[i] == key;
	return count;
}

static uint32_t found_of(const struct ta_map *map, uint64_t key)
{
	uint32_t count = 0;

	for (struct ta_map_node *node = ta_map_find(map, key); node; node = ta_map_next(node)) {
		check(node >= nodes && node < nodes + NODES && in_map[node - nodes],
		      "a node that is not in it");
		check_same(node->key, key);
		count++;
	}
	return count;
}

static void the_same_as_an_array(void)
{
	struct ta_map map;
	uint32_t random = 7, count = 0;

	check_same(ta_map_init(&map), 0);
	for (uint32_t step = 0; step < STEPS; step++) {
		uint32_t i = draw(&random, NODES);

		if (in_map[i])
			ta_map_remove(&map, &nodes[i]);
		else
			ta_map_add(&map, &nodes[i], keys[i] = key_of(i));
		count += in_map[i] ? -1u : 1u;
		in_map[i] = !in_map[i];
		check_same(map.count, count);
		if (step % 97 == 0)
			check_same(found_of(&map, keys[i]), holders_of(keys[i]));
	}
	for (uint32_t i = 0; i < NODES; i++)
		check_same(found_of(&map, key_of(i)), holders_of(key_of(i)));
	ta_map_fini(&map);
}

static void what_is_not_in_it(void)
{
	struct ta_map map;
	struct ta_map_node in, out = { .key = 5 };

	check_same(ta_map_init(&map), 0);
	check(!ta_map_find(&map, 0), "key 0 in an empty map");
	ta_map_remove(&map, &out);
	check_same(map.count, 0);
	ta_map_add(&map, &in, 0);
	check(ta_map_find(&map, 0) == &in, "key 0");
	ta_map_remove(&map, &out);
	check_same(map.count, 1);
	ta_map_remove(&map, &in);
	check(!ta_map_find(&map, 0), "key 0 after its end");
	ta_map_fini(&map);
}

static void the_last_one_first(void)
{
	struct ta_spares spares = { 0 };
	char *one = ta_spares_take(&spares, 65), *two = ta_spares_take(&spares, 128);

	memset(one, 1, ta_spares_room(65));
	memset(two, 2, 128);
	check_same(ta_spares_room(65), 128);
	ta_spares_give(&spares, one, 65);
	ta_spares_give(&spares, two, 128);
	check(spares.bytes == 0 || spares.bytes == 256, "%zu bytes", spares.bytes);
	if (spares.bytes) { /* not under an address sanitizer */
		check(ta_spares_take(&spares, 100) == two, "the last one");
		check(ta_spares_take(&spares, 100) == one, "the one before");
		ta_spares_give(&spares, one, 100);
		ta_spares_give(&spares, two, 100);
	}
	ta_spares_fini(&spares);
}

static void not_without_end(void)
{
	static void *pieces[2 * TA_SPARE_BYTES_MAX / 1024];
	const size_t count = sizeof(pieces) / sizeof(pieces[0]);
	struct ta_spares spares = { 0 };

	for (size_t i = 0; i < count; i++)
		pieces[i] = ta_spares_take(&spares, 1000);
	for (size_t i = 0; i < count; i++)
		ta_spares_give(&spares, pieces[i], 1000);
	check(spares.bytes <= TA_SPARE_BYTES_MAX, "%zu bytes", spares.bytes);
	void *large = ta_spares_take(&spares, 1 << 20);
	size_t before = spares.bytes;

	ta_spares_give(&spares, large, 1 << 20);
	check_same(spares.bytes, before);
	ta_spares_fini(&spares);
	check_same(spares.bytes, 0);
}

int main(void)
{
	check_group("the same as an array", the_same_as_an_array);
	check_group("what is not in it", what_is_not_in_it);
	check_group("the last one first", the_last_one_first);
	check_group("not without end", not_without_end);
	return check_status();
}
