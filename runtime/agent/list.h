/* SPDX-License-Identifier: MIT */
/*
 * list.h - intrusive doubly linked lists.
 *
 * A list is a ring through its head; an element that is in no list points to
 * itself.  Runs: agent.  No locks, no memory of its own.
 */
#ifndef TA_AGENT_LIST_H
#define TA_AGENT_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct ta_list {
	struct ta_list *next, *prev;
};

#define TA_CONTAINER(pointer, type, member)                                                        \
	((type *)(void *)((char *)(pointer) - offsetof(type, member)))

/* Visits all elements; the current one may be removed by the body. */
#define TA_LIST_EACH(at, head)                                                                     \
	for (struct ta_list *at = (head)->next, *at##_next = at->next; at != (head);              \
	     at = at##_next, at##_next = at->next)

static inline void ta_list_init(struct ta_list *list)
{
	list->next = list->prev = list;
}

static inline bool ta_list_empty(const struct ta_list *list)
{
	return list->next == list;
}

static inline void ta_list_append(struct ta_list *head, struct ta_list *item)
{
	item->prev = head->prev;
	item->next = head;
	head->prev->next = item;
	head->prev = item;
}

/* Harmless on an element that is in no list. */
static inline void ta_list_remove(struct ta_list *item)
{
	item->prev->next = item->next;
	item->next->prev = item->prev;
	ta_list_init(item);
}

#endif
