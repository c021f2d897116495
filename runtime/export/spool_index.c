/* SPDX-License-Identifier: MIT */
/*
 * spool_index.c - what waits in a spool: rows, lists, sums.
 *
 * Every sum is kept as rows come, change and go, so that bounds cost a comparison.
 *
 * Runs: agent, under the spool's lock.
 */
#include "runtime/export/spool_index.h"

#include <stdlib.h>

struct ta_spool_put *ta_spool_put_new(uint32_t count)
{
	struct ta_spool_put *put = calloc(1, sizeof(*put) + count * sizeof(struct ta_spool_item));

	if (put)
		put->count = count;
	return put;
}

void ta_spool_put_free(struct ta_spool_put *put)
{
	if (!put)
		return;
	for (uint32_t i = 0; i < put->count && !put->file_bytes; i++)
		free(put->items[i].body);
	free(put);
}

static void skip_busy(struct ta_spool_put *put)
{
	while (put->first < put->count && put->items[put->first].head.done != TA_SPOOL_WAITS)
		put->first++;
}

void ta_spool_put_ready(struct ta_spool_put *put)
{
	put->time_ns = put->items[0].head.time_ns;
	put->left = 0;
	for (uint32_t i = 0; i < put->count; i++)
		put->left += put->items[i].head.done == TA_SPOOL_WAITS;
	put->waiting = put->left;
	put->first = 0;
	skip_busy(put);
}

uint64_t ta_spool_put_cost(const struct ta_spool_put *put)
{
	return (put->file_bytes + TA_SPOOL_BLOCK - 1) & ~(uint64_t)(TA_SPOOL_BLOCK - 1);
}

void ta_spool_index_init(struct ta_spool_index *index)
{
	*index = (struct ta_spool_index){ .oldest_ns = UINT64_MAX };
}

void ta_spool_index_fini(struct ta_spool_index *index)
{
	for (int i = 0; i < TA_SPOOL_LISTS; i++) {
		struct ta_spool_put *next;

		for (struct ta_spool_put *put = index->lists[i].first; put; put = next) {
			next = put->next;
			ta_spool_put_free(put);
		}
	}
	ta_spool_index_init(index);
}

static struct ta_spool_list *list_of(struct ta_spool_index *index, const struct ta_spool_put *put)
{
	if (!put->committed)
		return &index->lists[TA_SPOOL_UNCOMMITTED];
	return &index->lists[put->file_bytes ? TA_SPOOL_ON_DISK : TA_SPOOL_IN_MEMORY];
}

/* Behind after; NULL: in front. */
static void link_in(struct ta_spool_list *list, struct ta_spool_put *put,
		    struct ta_spool_put *after)
{
	put->prev = after;
	put->next = after ? after->next : list->first;
	*(put->prev ? &put->prev->next : &list->first) = put;
	*(put->next ? &put->next->prev : &list->last) = put;
}

static void link_out(struct ta_spool_list *list, struct ta_spool_put *put)
{
	*(put->prev ? &put->prev->next : &list->first) = put->next;
	*(put->next ? &put->next->prev : &list->last) = put->prev;
}

static void count_in(struct ta_spool_index *index, const struct ta_spool_put *put)
{
	for (uint32_t i = 0; i < put->count; i++) {
		const struct ta_message_head *head = &put->items[i].head;

		if (head->done == TA_SPOOL_DONE)
			continue;
		index->messages++;
		index->spans += head->spans;
		index->events += head->events;
		index->points += head->points;
		index->transactions += head->transactions;
		index->memory_bytes += put->file_bytes ? 0 : head->bytes;
		if (head->time_ns < index->oldest_ns)
			index->oldest_ns = head->time_ns;
	}
	index->disk_bytes += ta_spool_put_cost(put);
}

static void count_out(struct ta_spool_index *index, const struct ta_spool_put *put, uint32_t item)
{
	const struct ta_message_head *head = &put->items[item].head;

	index->messages--;
	index->spans -= head->spans;
	index->events -= head->events;
	index->points -= head->points;
	index->transactions -= head->transactions;
	index->memory_bytes -= put->file_bytes ? 0 : head->bytes;
}

void ta_spool_index_append(struct ta_spool_index *index, struct ta_spool_put *put)
{
	struct ta_spool_list *list = list_of(index, put);

	link_in(list, put, list->last);
	count_in(index, put);
}

void ta_spool_index_insert(struct ta_spool_index *index, struct ta_spool_put *put,
			   struct ta_spool_put *after)
{
	struct ta_spool_list *list = list_of(index, put);
	struct ta_spool_put *next = after ? after->next : list->first;

	while (next && next->time_ns <= put->time_ns) {
		after = next;
		next = next->next;
	}
	link_in(list, put, after);
	count_in(index, put);
}

void ta_spool_index_remove(struct ta_spool_index *index, struct ta_spool_put *put)
{
	for (uint32_t i = 0; i < put->count; i++)
		if (put->items[i].head.done != TA_SPOOL_DONE)
			count_out(index, put, i);
	index->disk_bytes -= ta_spool_put_cost(put);
	link_out(list_of(index, put), put);
}

void ta_spool_index_commit(struct ta_spool_index *index, uint64_t number)
{
	struct ta_spool_list *uncommitted = &index->lists[TA_SPOOL_UNCOMMITTED];
	struct ta_spool_put *put;

	while ((put = uncommitted->first) != NULL && put->number <= number) {
		struct ta_spool_list *list;

		link_out(uncommitted, put);
		put->committed = true;
		list = list_of(index, put);
		link_in(list, put, list->last);
	}
}

struct ta_spool_put *ta_spool_index_find(struct ta_spool_index *index, uint64_t number)
{
	for (int i = 0; i < TA_SPOOL_LISTS; i++)
		for (struct ta_spool_put *put = index->lists[i].first; put; put = put->next)
			if (put->number == number)
				return put;
	return NULL;
}

struct ta_spool_put *ta_spool_index_oldest(struct ta_spool_index *index, enum ta_spool_where where,
					   bool whole)
{
	for (struct ta_spool_put *put = index->lists[where].first; put; put = put->next)
		if (put->waiting && (!whole || put->waiting == put->left))
			return put;
	return NULL;
}

struct ta_spool_put *ta_spool_index_next(struct ta_spool_index *index)
{
	struct ta_spool_put *disk = ta_spool_index_oldest(index, TA_SPOOL_ON_DISK, false);
	struct ta_spool_put *memory = ta_spool_index_oldest(index, TA_SPOOL_IN_MEMORY, false);

	if (!disk || !memory)
		return disk ? disk : memory;
	if (memory->time_ns != disk->time_ns)
		return memory->time_ns < disk->time_ns ? memory : disk;
	return memory->number < disk->number ? memory : disk;
}

void ta_spool_index_take(struct ta_spool_put *put, uint32_t item)
{
	put->items[item].head.done = TA_SPOOL_UNDER_WAY;
	put->waiting--;
	skip_busy(put);
}

void ta_spool_index_back(struct ta_spool_put *put, uint32_t item)
{
	put->items[item].head.done = TA_SPOOL_WAITS;
	put->waiting++;
	if (item < put->first)
		put->first = item;
}

void ta_spool_index_done(struct ta_spool_index *index, struct ta_spool_put *put, uint32_t item)
{
	count_out(index, put, item);
	if (put->items[item].head.done == TA_SPOOL_WAITS)
		put->waiting--;
	put->items[item].head.done = TA_SPOOL_DONE;
	put->left--;
	skip_busy(put);
	if (!put->file_bytes) {
		free(put->items[item].body);
		put->items[item].body = NULL;
	}
}
