/* SPDX-License-Identifier: MIT */
/*
 * threads.c - a thread per connection, and pools of threads behind a queue.
 *
 * The queues differ in what wakes the worker: a condition variable, a semaphore, an eventfd,
 * a pipe that carries the item itself.
 */
#include "server.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define WORKERS 32
#define BATCH 4

struct queue {
	struct item *first, **last;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER;
static sem_t semaphore;
static int event, ends[2];
static struct queue waiting = {NULL, &waiting.first}, done = {NULL, &done.first};

static void append(struct queue *queue, struct item *item)
{
	item->next = NULL;
	*queue->last = item;
	queue->last = &item->next;
}

static struct item *take(struct queue *queue)
{
	struct item *item = queue->first;

	if (!item)
		return NULL;
	queue->first = item->next;
	if (!queue->first)
		queue->last = &queue->first;
	return item;
}

static void put_locked(struct queue *queue, struct item *item)
{
	pthread_mutex_lock(&lock);
	append(queue, item);
	pthread_mutex_unlock(&lock);
}

static struct item *take_locked(struct queue *queue)
{
	struct item *item;

	pthread_mutex_lock(&lock);
	item = take(queue);
	pthread_mutex_unlock(&lock);
	return item;
}

static int run_pool(int listener, void *(*worker)(void *), void (*put)(struct item *))
{
	for (int i = 0; i < WORKERS; i++)
		start_thread(worker, NULL);
	reader_run(listener, put, -1, NULL);
	return 0;
}

/* ---- a thread per connection ---- */

static void *serve_connection(void *argument)
{
	connection_serve((int)(intptr_t)argument);
	return NULL;
}

int model_thread(int listener)
{
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd >= 0)
			start_thread(serve_connection, (void *)(intptr_t)fd);
	}
}

/* ---- the same, but of requests that came together all calls are made first ---- */

static bool serve_burst(struct conn *conn)
{
	struct item burst[2 * BATCH];
	unsigned count = 0;

	while (count < 2 * BATCH && request_take(conn, &burst[count].request))
		count++;
	for (unsigned i = count; i > 0; i--)
		body_fetch(&burst[i - 1].request, &burst[i - 1].body);
	for (unsigned i = 0; i < count; i++) {
		struct text answer;

		answer_make(&burst[i].request, &burst[i].body, &answer);
		write_all(conn->fd, answer.data, answer.size);
	}
	return count == 0 || !burst[count - 1].request.close;
}

static void *serve_bursts(void *argument)
{
	struct conn conn = {.fd = (int)(intptr_t)argument};

	while (serve_burst(&conn) && (strstr(conn.in, "\r\n\r\n") || conn_read(&conn) > 0))
		conn.in[conn.have] = 0;
	close(conn.fd);
	return NULL;
}

int model_thread_bursts(int listener)
{
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd >= 0)
			start_thread(serve_bursts, (void *)(intptr_t)fd);
	}
}

/* ---- a queue of connections; the workers read ---- */

static void *serve_connections(void *unused)
{
	struct item *item;

	for (;;) {
		int fd;

		pthread_mutex_lock(&lock);
		while (!(item = take(&waiting)))
			pthread_cond_wait(&filled, &lock);
		pthread_mutex_unlock(&lock);
		fd = item->conn.fd;
		free(item);
		connection_serve(fd);
	}
	return unused;
}

static void put_signalled(struct item *item)
{
	pthread_mutex_lock(&lock);
	append(&waiting, item);
	pthread_cond_signal(&filled);
	pthread_mutex_unlock(&lock);
}

int model_pool_connections(int listener)
{
	for (int i = 0; i < 2 * WORKERS; i++)
		start_thread(serve_connections, NULL);
	for (;;) {
		struct item *item = calloc(1, sizeof(*item));

		item->conn.fd = accept(listener, NULL, NULL);
		put_signalled(item);
	}
}

/* ---- queues of requests ---- */

static struct item *take_signalled(void)
{
	struct item *item;

	pthread_mutex_lock(&lock);
	while (!(item = take(&waiting)))
		pthread_cond_wait(&filled, &lock);
	pthread_mutex_unlock(&lock);
	return item;
}

static void *work_condvar(void *unused)
{
	for (;;)
		item_serve(take_signalled());
	return unused;
}

int model_pool_condvar(int listener)
{
	return run_pool(listener, work_condvar, put_signalled);
}

static void put_posted(struct item *item)
{
	put_locked(&waiting, item);
	sem_post(&semaphore);
}

static void *work_semaphore(void *unused)
{
	for (;;) {
		while (sem_wait(&semaphore) != 0)
			;
		item_serve(take_locked(&waiting));
	}
	return unused;
}

int model_pool_semaphore(int listener)
{
	sem_init(&semaphore, 0, 0);
	return run_pool(listener, work_semaphore, put_posted);
}

static void put_event(struct item *item)
{
	put_locked(&waiting, item);
	eventfd_write(event, 1);
}

static void *work_eventfd(void *unused)
{
	eventfd_t count;

	for (;;)
		if (eventfd_read(event, &count) == 0)
			item_serve(take_locked(&waiting));
	return unused;
}

int model_pool_eventfd(int listener)
{
	event = eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC);
	return run_pool(listener, work_eventfd, put_event);
}

static void put_piped(struct item *item)
{
	if (write(ends[1], &item, sizeof(item)) != sizeof(item))
		abort();
}

static void *work_pipe(void *unused)
{
	struct item *item;

	while (read(ends[0], &item, sizeof(item)) == sizeof(item))
		item_serve(item);
	return unused;
}

int model_pool_pipe(int listener)
{
	if (pipe(ends) != 0)
		return 1;
	return run_pool(listener, work_pipe, put_piped);
}

/* ---- several at once: all calls, then all answers ---- */

static void *work_batch(void *unused)
{
	struct item *batch[BATCH];

	for (;;) {
		int count = 1;

		batch[0] = take_signalled();
		while (count < BATCH && (batch[count] = take_locked(&waiting)))
			count++;
		for (int i = 0; i < count; i++)
			body_fetch(&batch[i]->request, &batch[i]->body);
		for (int i = 0; i < count; i++)
			item_answer(batch[i]);
	}
	return unused;
}

int model_pool_batch(int listener)
{
	for (int i = 0; i < WORKERS / BATCH; i++)
		start_thread(work_batch, NULL);
	reader_run(listener, put_signalled, -1, NULL);
	return 0;
}

/* ---- the worker fetches, the reader's loop answers ---- */

static void *work_hand_back(void *unused)
{
	for (;;) {
		struct item *item = take_signalled();

		body_fetch(&item->request, &item->body);
		put_locked(&done, item);
		eventfd_write(event, 1);
	}
	return unused;
}

static void answer_done(void)
{
	eventfd_t count;
	struct item *item;

	eventfd_read(event, &count);
	while ((item = take_locked(&done)))
		item_answer(item);
}

int model_pool_hand_back(int listener)
{
	event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	for (int i = 0; i < WORKERS; i++)
		start_thread(work_hand_back, NULL);
	reader_run(listener, put_signalled, event, answer_done);
	return 0;
}
