/* SPDX-License-Identifier: MIT */
/*
 * spool.c - the queue of one receiver: putting, taking, and when the disk is used.
 *
 * spool_file.c and spool_write.c know a file, spool_dir.c the directory, spool_index.c what
 * waits, spool_found.c what was there before, spool_bound.c what is given up.
 *
 * A row is in the index before its file is written and is not handed out before the commit,
 * which follows on the same thread: so writing needs no lock.  Reading needs none
 * because only the reader itself finishes what is under way.
 *
 * Runs: agent, see spool.h.
 */
#include "runtime/export/spool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/agent/clock.h"
#include "runtime/export/spool_internal.h"

#define RETRY_NS 5000000000ull /* a disk that failed is left alone for so long */

/* An agent that ends may hold the lock a moment longer than its successor needs to come. */
#define OPEN_TRIES 50
#define OPEN_WAIT_NS 10000000

static int open_patiently(struct ta_spool *spool)
{
	const struct timespec rest = { .tv_nsec = OPEN_WAIT_NS };
	int error = ta_spool_found_open(spool, false);

	for (int i = 0; i < OPEN_TRIES && error == -EBUSY; i++) {
		nanosleep(&rest, NULL);
		error = ta_spool_found_open(spool, false);
	}
	return error;
}

static void no_disk(struct ta_spool *spool)
{
	spool->in_memory = true;
	spool->retry_ns = ta_agent_now_ns() + RETRY_NS;
}

struct ta_spool *ta_spool_open(const struct ta_spool_options *options, int *ret_error)
{
	struct ta_spool *spool = calloc(1, sizeof(*spool));

	if (!spool)
		return NULL;
	spool->options = *options;
	spool->options.dir = strdup(options->dir);
	spool->options.name = strdup(options->name);
	spool->dir = (struct ta_spool_dir){ .fd = -1, .lock_fd = -1 };
	ta_spool_index_init(&spool->index);
	pthread_mutex_init(&spool->mutex, NULL);
	if (!spool->options.dir || !spool->options.name) {
		ta_spool_close(spool);
		return NULL;
	}
	*ret_error = open_patiently(spool);
	if (*ret_error)
		no_disk(spool);
	return spool;
}

void ta_spool_close(struct ta_spool *spool)
{
	if (!spool)
		return;
	ta_spool_dir_close(&spool->dir);
	ta_spool_index_fini(&spool->index);
	pthread_mutex_destroy(&spool->mutex);
	free((char *)(uintptr_t)spool->options.dir);
	free((char *)(uintptr_t)spool->options.name);
	free(spool);
}

uint64_t ta_spool_last(struct ta_spool *spool)
{
	uint64_t last;

	pthread_mutex_lock(&spool->mutex);
	last = spool->last;
	pthread_mutex_unlock(&spool->mutex);
	return last;
}

/* Whether the disk is to be tried now.  Under the lock. */
static bool disk_usable(struct ta_spool *spool)
{
	if (!spool->in_memory)
		return true;
	if (ta_agent_now_ns() < spool->retry_ns)
		return false;
	if (spool->dir.fd >= 0 || ta_spool_found_open(spool, true) == 0)
		return true;
	no_disk(spool);
	return false;
}

/* Lengths as they are; what no head can describe is given up. */
static void drop_too_large(struct ta_spool *spool, struct ta_messages *messages)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < messages->count; i++) {
		struct ta_message *message = &messages->items[i];

		message->head.done = 0;
		message->head.bytes = (uint32_t)message->body.bytes;
		if (message->head.bytes == message->body.bytes) {
			messages->items[kept++] = *message;
			continue;
		}
		ta_spool_drop(spool, TA_DROP_TOO_LARGE, &message->head);
		ta_buf_fini(&message->body);
	}
	messages->count = kept;
}

/* The first of them. */
static void drop_first(struct ta_spool *spool, struct ta_messages *messages, uint32_t count,
		       enum ta_drop why)
{
	for (uint32_t i = 0; i < count; i++) {
		ta_spool_drop(spool, why, &messages->items[i].head);
		ta_buf_fini(&messages->items[i].body);
	}
	messages->count -= count;
	memmove(messages->items, messages->items + count,
		messages->count * sizeof(messages->items[0]));
}

static struct ta_spool_put *make_put(uint64_t number, const struct ta_messages *messages)
{
	struct ta_spool_put *put = ta_spool_put_new(messages->count);

	if (!put)
		return NULL;
	put->number = number;
	for (uint32_t i = 0; i < put->count; i++)
		put->items[i].head = messages->items[i].head;
	ta_spool_put_ready(put);
	return put;
}

/* The bodies change hands, each in no more memory than it needs. */
static void move_bodies(struct ta_spool_put *put, struct ta_messages *messages)
{
	for (uint32_t i = 0; i < put->count; i++) {
		struct ta_buf *body = &messages->items[i].body;
		char *less = body->bytes ? realloc(body->data, body->bytes) : NULL;

		put->items[i].body = less ? less : body->data;
		*body = (struct ta_buf){ 0 };
	}
}

/* Under the lock. */
static void put_in_memory(struct ta_spool *spool, uint64_t number, struct ta_messages *messages)
{
	uint32_t trim = ta_spool_bound_trim(spool, messages->items, messages->count, false);
	struct ta_spool_put *put;

	drop_first(spool, messages, trim, TA_DROP_NO_MEMORY);
	if (messages->count == 0)
		return;
	put = make_put(number, messages);
	if (!put) {
		drop_first(spool, messages, messages->count, TA_DROP_NO_MEMORY);
		return;
	}
	move_bodies(put, messages);
	ta_spool_index_append(&spool->index, put);
	ta_spool_bound(spool);
}

/* The row of a file that is to be written, room made for it; NULL when there is none to
 * write.  Under the lock. */
static struct ta_spool_put *reserve(struct ta_spool *spool, uint64_t number,
				    struct ta_messages *messages)
{
	uint32_t trim = ta_spool_bound_trim(spool, messages->items, messages->count, true);
	struct ta_spool_put *put;
	uint64_t offset;

	drop_first(spool, messages, trim, TA_DROP_SPOOL_FULL);
	put = messages->count ? make_put(number, messages) : NULL;
	if (!put)
		return NULL;
	offset = ta_spool_file_bytes(put->count, 0);
	for (uint32_t i = 0; i < put->count; i++) {
		put->items[i].offset = offset;
		offset += put->items[i].head.bytes;
	}
	put->file_bytes = offset;
	ta_spool_index_append(&spool->index, put);
	ta_spool_bound(spool);
	return put;
}

static int write_put(int dir_fd, struct ta_spool_put *put, const struct ta_messages *messages)
{
	for (uint32_t i = 0; i < put->count; i++) {
		const struct ta_buf *body = &messages->items[i].body;

		put->items[i].sum = ta_spool_file_sum(body->data, body->bytes);
	}
	return ta_spool_file_write(dir_fd, put, messages->items);
}

/* Our directory was removed under us: a new one, once.  Under the lock. */
static bool made_anew(struct ta_spool *spool, int error)
{
	return error == -ENOENT && ta_spool_found_open(spool, true) == 0;
}

/* Called and left with the lock, which is let go for the writing. */
static void put_on_disk(struct ta_spool *spool, uint64_t number, struct ta_messages *messages)
{
	struct ta_spool_put *put = reserve(spool, number, messages);
	int error = 0;

	for (int i = 0; put && i < 2; i++) {
		pthread_mutex_unlock(&spool->mutex);
		error = write_put(spool->dir.fd, put, messages);
		pthread_mutex_lock(&spool->mutex);
		if (i || !made_anew(spool, error))
			break;
	}
	if (put && !error) {
		spool->in_memory = false;
		return;
	}
	if (put) {
		ta_spool_index_remove(&spool->index, put);
		ta_spool_put_free(put);
		no_disk(spool);
	}
	put_in_memory(spool, number, messages);
}

void ta_spool_put(struct ta_spool *spool, uint64_t number, struct ta_messages *messages)
{
	pthread_mutex_lock(&spool->mutex);
	if (number > spool->last)
		spool->last = number;
	drop_too_large(spool, messages);
	if (messages->count && number < TA_SPOOL_NUMBER_MAX && disk_usable(spool))
		put_on_disk(spool, number, messages);
	else if (messages->count)
		put_in_memory(spool, number, messages);
	pthread_mutex_unlock(&spool->mutex);
	ta_messages_clear(messages);
}

void ta_spool_commit(struct ta_spool *spool, uint64_t number)
{
	pthread_mutex_lock(&spool->mutex);
	ta_spool_index_commit(&spool->index, number);
	ta_spool_bound(spool);
	pthread_mutex_unlock(&spool->mutex);
}

void ta_spool_undo(struct ta_spool *spool, uint64_t number)
{
	struct ta_spool_put *put;

	pthread_mutex_lock(&spool->mutex);
	put = ta_spool_index_find(&spool->index, number);
	if (put)
		ta_spool_forget(spool, put);
	else if (spool->dir.fd < 0 && spool->undone_count < TA_SPOOL_UNDONE_KEPT)
		spool->undone[spool->undone_count++] = number;
	pthread_mutex_unlock(&spool->mutex);
}

/* The message of that ticket, if it is still under way. */
static struct ta_spool_put *find(struct ta_spool *spool, const struct ta_spool_ticket *ticket)
{
	struct ta_spool_put *put = ta_spool_index_find(&spool->index, ticket->number);

	if (!put || ticket->index >= put->count ||
	    put->items[ticket->index].head.done != TA_SPOOL_UNDER_WAY)
		return NULL;
	return put;
}

/* The next message becomes that ticket's; false: none waits.  A body in memory is copied,
 * one on disk is left to be read. */
static bool choose(struct ta_spool *spool, struct ta_spool_ticket *ticket,
		   struct ta_spool_item *ret_item, bool *ret_on_disk, struct ta_buf *body)
{
	struct ta_spool_put *put = ta_spool_index_next(&spool->index);

	if (!put)
		return false;
	*ticket = (struct ta_spool_ticket){ .number = put->number, .index = put->first };
	*ret_item = put->items[put->first];
	*ret_on_disk = put->file_bytes != 0;
	ticket->head = ret_item->head;
	ta_spool_index_take(put, put->first);
	if (!*ret_on_disk)
		ta_buf_put(body, ret_item->body, ret_item->head.bytes);
	return true;
}

/* Errors of this process, not of the file. */
static bool is_passing(int error)
{
	return error == -ENOMEM || error == -EMFILE || error == -ENFILE || error == -EINTR ||
	       error == -EAGAIN;
}

static void lose(struct ta_spool *spool, const struct ta_spool_ticket *ticket)
{
	struct ta_spool_put *put;

	pthread_mutex_lock(&spool->mutex);
	put = find(spool, ticket);
	if (put) {
		ta_spool_drop(spool, TA_DROP_SPOOL_DAMAGED, &ticket->head);
		ta_spool_finish(spool, put, ticket->index);
	}
	pthread_mutex_unlock(&spool->mutex);
}

bool ta_spool_take(struct ta_spool *spool, struct ta_spool_ticket *ret_ticket, struct ta_buf *body)
{
	struct ta_spool_ticket ticket;
	struct ta_spool_item item;
	int error = -EAGAIN;

	do {
		bool found, on_disk;

		pthread_mutex_lock(&spool->mutex);
		found = choose(spool, &ticket, &item, &on_disk, body);
		pthread_mutex_unlock(&spool->mutex);
		if (!found)
			return false;
		error = on_disk ? ta_spool_file_read(spool->dir.fd, ticket.number, &item, body) : 0;
		if (body->failed)
			error = -ENOMEM;
		if (is_passing(error)) {
			ta_spool_back(spool, &ticket);
			return false;
		}
		if (error)
			lose(spool, &ticket);
	} while (error);
	*ret_ticket = ticket;
	return true;
}

void ta_spool_done(struct ta_spool *spool, const struct ta_spool_ticket *ticket)
{
	struct ta_spool_put *put;

	pthread_mutex_lock(&spool->mutex);
	put = find(spool, ticket);
	if (put)
		ta_spool_finish(spool, put, ticket->index);
	pthread_mutex_unlock(&spool->mutex);
}

void ta_spool_back(struct ta_spool *spool, const struct ta_spool_ticket *ticket)
{
	struct ta_spool_put *put;

	pthread_mutex_lock(&spool->mutex);
	put = find(spool, ticket);
	if (put) {
		ta_spool_index_back(put, ticket->index);
		ta_spool_bound(spool);
	}
	pthread_mutex_unlock(&spool->mutex);
}

void ta_spool_look(struct ta_spool *spool, uint64_t now_ns)
{
	pthread_mutex_lock(&spool->mutex);
	if (spool->dir.fd < 0)
		disk_usable(spool);
	ta_spool_bound_age(spool, now_ns);
	ta_spool_found_look(spool, now_ns);
	pthread_mutex_unlock(&spool->mutex);
}

void ta_spool_size(struct ta_spool *spool, struct ta_spool_size *ret_size)
{
	const struct ta_spool_index *index = &spool->index;
	const struct ta_spool_put *next;

	pthread_mutex_lock(&spool->mutex);
	next = ta_spool_index_next(&spool->index);
	*ret_size =
		(struct ta_spool_size){ .messages = index->messages,
					.bytes = index->disk_bytes + index->memory_bytes,
					.spans = index->spans,
					.events = index->events,
					.points = index->points,
					.transactions = index->transactions,
					.oldest_ns =
						next ? next->items[next->first].head.time_ns : 0,
					.in_memory = spool->in_memory };
	pthread_mutex_unlock(&spool->mutex);
}
