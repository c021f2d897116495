/* SPDX-License-Identifier: MIT */
/*
 * spools.h - a spool in a directory of its own, and what went in and came out.
 *
 * Bodies say which message they are: every byte follows from number, index and place.
 */
#ifndef TESTS_UNIT_SPOOLS_H
#define TESTS_UNIT_SPOOLS_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/export/spool.h"
#include "tests/unit/check.h"

#define SECOND 1000000000ull
#define IDENTITY 0x1122334455667788ull
#define KEY 0xabcd0001u
#define TICKETS 1024u

struct fixture {
	char path[32]; /* of all queues */
	struct ta_spool_options options;
	struct ta_spool *spool;
	int error; /* of the last open */
	uint64_t time_ns;
	uint64_t put_messages, put_spans, done_messages, done_spans;
	uint64_t dropped[TA_DROPS], dropped_all, dropped_spans;
	uint64_t adopted_messages, adopted_spans;
	struct ta_message_head last_dropped;
	struct ta_spool_ticket tickets[TICKETS]; /* not yet done */
	uint32_t ticket_count;
	struct ta_buf body; /* of the last one */
};

__attribute__((unused)) static void note_dropped(void *user, enum ta_drop why,
						 const struct ta_message_head *head)
{
	struct fixture *f = user;

	f->dropped[why]++;
	f->dropped_all++;
	f->dropped_spans += head->spans;
	f->last_dropped = *head;
}

__attribute__((unused)) static void note_adopted(void *user, const struct ta_message_head *head)
{
	struct fixture *f = user;

	f->adopted_messages++;
	f->adopted_spans += head->spans;
}

__attribute__((unused)) static struct ta_spool *open_spool(struct fixture *f)
{
	struct ta_spool *spool;

	f->error = 1;
	f->adopted_messages = f->adopted_spans = 0;
	f->ticket_count = 0;
	spool = ta_spool_open(&f->options, &f->error);
	check(spool != NULL, "no spool");
	return spool;
}

__attribute__((unused)) static void reopen(struct fixture *f)
{
	ta_spool_close(f->spool);
	f->spool = open_spool(f);
	check_same(f->error, 0);
}

__attribute__((unused)) static void init(struct fixture *f)
{
	*f = (struct fixture){ .path = "/tmp/ta-spool-XXXXXX", .time_ns = 1000 * SECOND };
	check(mkdtemp(f->path) != NULL, "no directory");
	f->options = (struct ta_spool_options){ .dir = f->path,
						.name = "otlp-traces",
						.identity = IDENTITY,
						.key = KEY,
						.max_bytes = 1ull << 40,
						.max_age_ms = 10000000000000, /* 300 years */
						.max_memory_bytes = 1u << 20,
						.dropped = note_dropped,
						.adopted = note_adopted,
						.user = f };
	f->spool = open_spool(f);
	check_same(f->error, 0);
}

/* A directory and what is in it. */
__attribute__((unused)) static void remove_all(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	char inner[512];

	while (dir && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
		if (unlink(inner) != 0)
			remove_all(inner);
	}
	if (dir)
		closedir(dir);
	rmdir(path);
}

__attribute__((unused)) static void fini(struct fixture *f)
{
	ta_spool_close(f->spool);
	ta_buf_fini(&f->body);
	remove_all(f->path);
}

__attribute__((unused)) static char byte_at(uint64_t number, uint32_t index, size_t place)
{
	return (char)(number * 31 + index * 7 + place * (number | 1) + (place >> 8));
}

__attribute__((unused)) static bool is_body(const struct ta_buf *body, uint64_t number,
					    uint32_t index, size_t bytes)
{
	if (body->bytes != bytes)
		return false;
	for (size_t i = 0; i < bytes; i++)
		if (body->data[i] != byte_at(number, index, i))
			return false;
	return true;
}

/* Two spans and one event a message. */
__attribute__((unused)) static void add_message(struct ta_messages *messages, uint64_t number,
						uint32_t index, size_t bytes, uint64_t time_ns)
{
	struct ta_message *message = ta_messages_add(messages);
	char *at = ta_buf_reserve(&message->body, bytes + 1);

	for (size_t i = 0; i < bytes; i++)
		at[i] = byte_at(number, index, i);
	message->body.bytes = bytes;
	message->head = (struct ta_message_head){ .bytes = (uint32_t)bytes,
						  .format = TA_FORMAT_PROTOBUF,
						  .spans = 2,
						  .events = 1,
						  .points = 3,
						  .time_ns = time_ns };
}

__attribute__((unused)) static void put(struct fixture *f, uint64_t number, uint32_t count,
					size_t bytes)
{
	struct ta_messages messages = { 0 };

	for (uint32_t i = 0; i < count; i++)
		add_message(&messages, number, i, bytes, f->time_ns);
	f->put_messages += count;
	f->put_spans += 2 * count;
	ta_spool_put(f->spool, number, &messages);
	check_same(messages.count, 0);
	ta_messages_fini(&messages);
}

__attribute__((unused)) static bool take(struct fixture *f)
{
	ta_buf_clear(&f->body);
	if (f->ticket_count == TICKETS ||
	    !ta_spool_take(f->spool, &f->tickets[f->ticket_count], &f->body))
		return false;
	f->ticket_count++;
	return true;
}

#define expect(f, number, index, bytes) expect_at(f, number, index, bytes, __LINE__)

/* The next one is that. */
__attribute__((unused)) static void expect_at(struct fixture *f, uint64_t number, uint32_t index,
					      size_t bytes, int line)
{
	const struct ta_spool_ticket *ticket;

	if (!check_at(take(f), "take()", line, "nothing, expected %llu.%u",
		      (unsigned long long)number, index))
		return;
	ticket = &f->tickets[f->ticket_count - 1];
	check_at(ticket->number == number && ticket->index == index, "the next one", line,
		 "%llu.%u, expected %llu.%u", (unsigned long long)ticket->number, ticket->index,
		 (unsigned long long)number, index);
	check_at(ticket->head.bytes == bytes && ticket->head.done == 0 && ticket->head.spans == 2,
		 "head", line, "%u bytes, %u spans", ticket->head.bytes, ticket->head.spans);
	check_at(is_body(&f->body, number, index, bytes), "body", line, "%zu bytes", f->body.bytes);
}

/* The last one that was taken. */
__attribute__((unused)) static void back_last(struct fixture *f)
{
	ta_spool_back(f->spool, &f->tickets[--f->ticket_count]);
}

__attribute__((unused)) static void done_all(struct fixture *f)
{
	for (uint32_t i = 0; i < f->ticket_count; i++) {
		ta_spool_done(f->spool, &f->tickets[i]);
		f->done_messages++;
		f->done_spans += f->tickets[i].head.spans;
	}
	f->ticket_count = 0;
}

__attribute__((unused)) static struct ta_spool_size size_of(const struct fixture *f)
{
	struct ta_spool_size size;

	ta_spool_size(f->spool, &size);
	return size;
}

__attribute__((unused)) static void file_path(const struct fixture *f, const char *name,
					      char path[128])
{
	snprintf(path, 128, "%s/%016llx-%08x/%s", f->path, (unsigned long long)f->options.identity,
		 f->options.key, name);
}

__attribute__((unused)) static void touch_file(const struct fixture *f, const char *name)
{
	char path[128];

	file_path(f, name, path);
	close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

/* How many names in the directory end like that. */
__attribute__((unused)) static int files(const struct fixture *f, const char *ending)
{
	const struct dirent *entry;
	size_t bytes = strlen(ending);
	char path[128];
	int count = 0;
	DIR *dir;

	file_path(f, "", path);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)) != NULL) {
		size_t length = strlen(entry->d_name);

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		count += length >= bytes && strcmp(entry->d_name + length - bytes, ending) == 0;
	}
	if (dir)
		closedir(dir);
	return count;
}

#endif
