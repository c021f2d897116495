/* SPDX-License-Identifier: MIT */
/*
 * stealing.c - a deque for each worker; who has nothing to do takes the oldest of another's.
 *
 * The reader wakes the worker whose deque it filled; that one may find it empty again, and
 * a worker that was on its way takes what nobody woke it for.
 */
#include "server.h"

#include <pthread.h>
#include <stdlib.h>

#define WORKERS 32
#define ROOM 256

static struct worker {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	unsigned bottom, top; /* own end, thieves' end */
	struct item *items[ROOM];
} workers[WORKERS];

static struct item *steal(const struct worker *own)
{
	struct item *item = NULL;

	for (int i = 1; i < WORKERS && !item; i++) {
		struct worker *other = &workers[((own - workers) + i) % WORKERS];

		pthread_mutex_lock(&other->lock);
		if (other->top != other->bottom)
			item = other->items[other->top++ % ROOM];
		pthread_mutex_unlock(&other->lock);
	}
	return item;
}

static struct item *own_item(struct worker *worker, bool wait)
{
	struct item *item = NULL;

	pthread_mutex_lock(&worker->lock);
	if (wait && worker->top == worker->bottom)
		pthread_cond_wait(&worker->filled, &worker->lock);
	if (worker->top != worker->bottom)
		item = worker->items[--worker->bottom % ROOM];
	pthread_mutex_unlock(&worker->lock);
	return item;
}

static void *work(void *argument)
{
	struct worker *worker = argument;

	for (;;) {
		struct item *item = own_item(worker, false);

		if (!item)
			item = steal(worker);
		if (!item)
			item = own_item(worker, true);
		if (item)
			item_serve(item);
	}
	return NULL;
}

static void put(struct item *item)
{
	static _Atomic unsigned turn;
	struct worker *worker = &workers[truth_mix(turn++) % WORKERS];

	pthread_mutex_lock(&worker->lock);
	if (worker->bottom - worker->top == ROOM)
		abort();
	worker->items[worker->bottom++ % ROOM] = item;
	pthread_cond_signal(&worker->filled);
	pthread_mutex_unlock(&worker->lock);
}

int model_stealing(int listener)
{
	for (int i = 0; i < WORKERS; i++) {
		pthread_mutex_init(&workers[i].lock, NULL);
		pthread_cond_init(&workers[i].filled, NULL);
	}
	for (int i = 0; i < WORKERS; i++)
		start_thread(work, &workers[i]);
	reader_run(listener, put, -1, NULL);
	return 0;
}
