/* SPDX-License-Identifier: MIT */
/*
 * order.c - the order of spans within a trace.
 *
 * Depth first over child lists that are built in order of start.  No recursion:
 * a host decides how deep a trace is.
 *
 * Runs: agent.  Pure.
 */
#include "runtime/agent/order.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

struct tree {
	uint32_t *slots; /* span_id -> index, open addressing */
	uint32_t mask;
	uint32_t *first_child, *next_sibling;
	uint32_t *stack;
	bool *done;
	struct ta_held **out;
	uint32_t out_count;
};

static int by_start(const void *left, const void *right)
{
	const struct ta_span *a = &(*(struct ta_held *const *)left)->span;
	const struct ta_span *b = &(*(struct ta_held *const *)right)->span;

	if (a->start_ns != b->start_ns)
		return a->start_ns < b->start_ns ? -1 : 1;
	return a->span_id < b->span_id ? -1 : a->span_id > b->span_id;
}

static uint32_t slot_of(const struct tree *tree, uint64_t id)
{
	return (uint32_t)((id * 0x9E3779B97F4A7C15ull) >> 32) & tree->mask;
}

static uint32_t find(const struct tree *tree, struct ta_held *const *spans, uint64_t id)
{
	for (uint32_t slot = slot_of(tree, id);; slot = (slot + 1) & tree->mask) {
		uint32_t index = tree->slots[slot];

		if (index == NONE || spans[index]->span.span_id == id)
			return index;
	}
}

static void index_spans(struct tree *tree, struct ta_held *const *spans, uint32_t count)
{
	memset(tree->slots, 0xff, ((size_t)tree->mask + 1) * sizeof(tree->slots[0]));
	for (uint32_t i = 0; i < count; i++) {
		uint32_t slot = slot_of(tree, spans[i]->span.span_id);

		while (tree->slots[slot] != NONE)
			slot = (slot + 1) & tree->mask;
		tree->slots[slot] = i;
	}
}

/* Latest first, so that pushing in front leaves every list in order of start. */
static void link_children(struct tree *tree, struct ta_held *const *spans, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		tree->first_child[i] = tree->next_sibling[i] = NONE;
	for (uint32_t i = count; i-- > 0;) {
		uint64_t parent_id = spans[i]->span.parent_id;
		uint32_t parent = parent_id ? find(tree, spans, parent_id) : NONE;

		if (parent == NONE || parent == i)
			continue;
		tree->next_sibling[i] = tree->first_child[parent];
		tree->first_child[parent] = i;
	}
}

static void walk(struct tree *tree, struct ta_held *const *spans, uint32_t top)
{
	uint32_t depth = 0, at = top;

	for (;;) {
		if (!tree->done[at]) {
			tree->done[at] = true;
			tree->out[tree->out_count++] = spans[at];
			if (tree->first_child[at] != NONE) {
				tree->stack[depth++] = at;
				at = tree->first_child[at];
				continue;
			}
		}
		while (depth > 0 && tree->next_sibling[at] == NONE)
			at = tree->stack[--depth];
		if (depth == 0)
			return;
		at = tree->next_sibling[at];
	}
}

static bool is_top(const struct tree *tree, struct ta_held *const *spans, uint32_t index)
{
	uint64_t parent = spans[index]->span.parent_id;

	return parent == 0 || parent == spans[index]->span.span_id ||
	       find(tree, spans, parent) == NONE;
}

static void walk_all(struct tree *tree, struct ta_held **spans, uint32_t count)
{
	index_spans(tree, spans, count);
	link_children(tree, spans, count);
	for (uint32_t i = 0; i < count; i++)
		if (is_top(tree, spans, i))
			walk(tree, spans, i);
	for (uint32_t i = 0; i < count; i++)
		if (!tree->done[i])
			walk(tree, spans, i);
	memcpy(spans, tree->out, count * sizeof(spans[0]));
}

void ta_spans_order(struct ta_held **spans, uint32_t count)
{
	uint32_t slots = 2;

	if (count < 2)
		return;
	qsort(spans, count, sizeof(spans[0]), by_start);
	while (slots < count * 2)
		slots *= 2;
	struct tree tree = { .mask = slots - 1 };

	tree.slots = calloc(slots, sizeof(uint32_t));
	tree.first_child = calloc(count, sizeof(uint32_t));
	tree.next_sibling = calloc(count, sizeof(uint32_t));
	tree.stack = calloc(count, sizeof(uint32_t));
	tree.done = calloc(count, sizeof(bool));
	tree.out = calloc(count, sizeof(struct ta_held *));
	if (tree.slots && tree.first_child && tree.next_sibling && tree.stack && tree.done && tree.out)
		walk_all(&tree, spans, count);
	free(tree.slots);
	free(tree.first_child);
	free(tree.next_sibling);
	free(tree.stack);
	free(tree.done);
	free(tree.out);
}
