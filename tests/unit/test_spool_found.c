/* SPDX-License-Identifier: MIT */
/*
 * test_spool_found.c - what a spool finds: damaged files, and what other agents left.
 *
 * The clock of looks is ours (runtime/agent/clock.h).
 */
#include <errno.h>
#include <sys/file.h>
#include <time.h>

#include "runtime/agent/clock.h"
#include "tests/unit/check.h"
#include "tests/unit/spools.h"

#define FIRST "0000000000000001.batch"
#define HEADS (32 + 2 * 40) /* of a file with two messages */

static uint64_t clock_ns = SECOND;

uint64_t ta_agent_now_ns(void)
{
	return clock_ns;
}

static size_t read_file(const char *path, char *out, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t bytes = read(fd, out, room);

	close(fd);
	return bytes > 0 ? (size_t)bytes : 0;
}

static void write_file(const char *path, const char *data, size_t bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	check_same(write(fd, data, bytes), bytes);
	close(fd);
}

/* A file of two messages of ten bytes, closed; its content. */
static size_t make_file(struct fixture *f, char path[128], char content[256])
{
	init(f);
	put(f, 1, 2, 10);
	ta_spool_commit(f->spool, 1);
	ta_spool_close(f->spool);
	f->spool = NULL;
	file_path(f, FIRST, path);
	return read_file(path, content, 256);
}

/* How many of the two come out, whole. */
static uint32_t take_whole(struct fixture *f)
{
	uint32_t count = 0;

	while (take(f)) {
		const struct ta_spool_ticket *ticket = &f->tickets[f->ticket_count - 1];

		check(is_body(&f->body, 1, ticket->index, 10), "a damaged body came out");
		count++;
	}
	done_all(f);
	return count;
}

static void clear_counts(struct fixture *f)
{
	memset(f->dropped, 0, sizeof(f->dropped));
	f->dropped_all = f->dropped_spans = 0;
}

/* Opens with that content: what arrives, is dropped, and what its heads said. */
static void check_content(struct fixture *f, const char *path, const char *content, size_t bytes,
			  uint32_t taken, uint32_t dropped, uint32_t spans)
{
	char bad[128];

	write_file(path, content, bytes);
	clear_counts(f);
	f->spool = open_spool(f);
	check_same(f->error, 0);
	check_same(take_whole(f), taken);
	check_same(f->dropped[TA_DROP_SPOOL_DAMAGED], dropped);
	check_same(f->dropped_all, dropped);
	check_same(f->dropped_spans, spans);
	check_same(size_of(f).messages, 0);
	check_same(size_of(f).bytes, 0);
	check_same(files(f, ".batch"), 0);
	if (dropped && !spans)
		check_same(f->last_dropped.bytes, bytes);
	ta_spool_close(f->spool);
	f->spool = NULL;
	file_path(f, "0000000000000001.bad", bad);
	unlink(bad);
}

/* Where the bytes are that change. */
static bool is_done_byte(size_t place)
{
	return place == 32 + 7 || place == 32 + 40 + 7;
}

static void flipped(void)
{
	struct fixture f;
	char path[128], content[256];
	size_t bytes = make_file(&f, path, content);

	check_same(bytes, HEADS + 20);
	for (size_t i = 0; i < bytes; i++) {
		for (int bit = 0; bit < 8; bit++) {
			content[i] = (char)(content[i] ^ 1 << bit);
			if (is_done_byte(i))
				check_content(&f, path, content, bytes, 2, 0, 0);
			else if (i < HEADS)
				check_content(&f, path, content, bytes, 0, 1, 0);
			else
				check_content(&f, path, content, bytes, 1, 1, 2);
			content[i] = (char)(content[i] ^ 1 << bit);
			if (!check(!check_state.failed, "byte %zu, bit %d", i, bit))
				return;
		}
	}
	check_content(&f, path, content, bytes, 2, 0, 0);
	fini(&f);
}

static void truncated(void)
{
	struct fixture f;
	char path[128], content[256];
	size_t bytes = make_file(&f, path, content);

	for (size_t i = 0; i < bytes; i++) {
		if (i < HEADS)
			check_content(&f, path, content, i, 0, 1, 0);
		else
			check_content(&f, path, content, i, 0, 2, 4);
	}
	content[bytes] = 0;
	check_content(&f, path, content, bytes + 1, 0, 2, 4);
	check_content(&f, path, content, bytes, 2, 0, 0);
	fini(&f);
}

/* Ours in form, but what it says is no message. */
static void nonsense(void)
{
	struct ta_messages messages = { 0 };
	struct fixture f;

	init(&f);
	add_message(&messages, 1, 0, 10, f.time_ns);
	messages.items[0].head.category = 200;
	ta_spool_put(f.spool, 1, &messages);
	add_message(&messages, 2, 0, 10, f.time_ns);
	messages.items[0].head.format = 0;
	ta_spool_put(f.spool, 2, &messages);
	ta_messages_fini(&messages);
	reopen(&f);
	check(!take(&f), "handed out");
	check_same(f.dropped[TA_DROP_SPOOL_DAMAGED], 2);
	check_same(f.dropped_spans, 4);
	fini(&f);
}

static void few_are_kept(void)
{
	struct fixture f;
	char name[32];

	init(&f);
	for (int i = 1; i <= 9; i++) {
		snprintf(name, sizeof(name), "%016x.batch", i);
		touch_file(&f, name);
		if (i == 6)
			reopen(&f);
	}
	reopen(&f);
	check_same(f.dropped[TA_DROP_SPOOL_DAMAGED], 9);
	check_same(files(&f, ".bad"), 4);
	check_same(files(&f, ".batch"), 0);
	check_same(ta_spool_last(f.spool), 3 + 6); /* numbers are not used again */
	fini(&f);
}

static void unreadable_later(void)
{
	struct fixture f;
	char path[128];

	init(&f);
	for (uint64_t i = 1; i <= 3; i++)
		put(&f, i, 2, 100);
	ta_spool_commit(f.spool, 3);
	file_path(&f, FIRST, path);
	unlink(path);
	file_path(&f, "0000000000000002.batch", path);
	check_same(truncate(path, HEADS + 150), 0);
	expect(&f, 2, 0, 100);
	expect(&f, 3, 0, 100);
	check_same(f.dropped[TA_DROP_SPOOL_DAMAGED], 3);
	expect(&f, 3, 1, 100);
	done_all(&f);
	check_same(size_of(&f).messages, 0);
	check_same(files(&f, ".batch"), 0);
	fini(&f);
}

static uint64_t wall_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

/* A later look than the last one. */
static void look(struct fixture *f, uint64_t now_ns)
{
	clock_ns += 10 * SECOND;
	ta_spool_look(f->spool, now_ns);
}

/* Another agent of the same receiver in the same place. */
static void init_other(struct fixture *other, const struct fixture *f, uint32_t key)
{
	*other = (struct fixture){ .options = f->options, .time_ns = f->time_ns };
	memcpy(other->path, f->path, sizeof(other->path));
	other->options.user = other;
	other->options.key = key;
	other->spool = open_spool(other);
	check_same(other->error, 0);
}

static void fini_other(struct fixture *other)
{
	ta_spool_close(other->spool);
	other->spool = NULL;
	ta_buf_fini(&other->body);
}

static bool exists(const struct fixture *f)
{
	char path[128];

	file_path(f, "", path);
	return access(path, F_OK) == 0;
}

static void adoption(void)
{
	struct fixture f, one, two;

	init(&f);
	init_other(&one, &f, 1);
	init_other(&two, &f, 2);
	for (uint64_t i = 1; i <= 3; i++) {
		f.time_ns = one.time_ns = two.time_ns = i * 10 * SECOND;
		put(&f, i * 2, 1, 10);
		one.time_ns += SECOND;
		put(&one, i, 2, 20);
		two.time_ns += 2 * SECOND;
		put(&two, i, 1, 30);
	}
	ta_spool_commit(f.spool, 6);
	ta_spool_commit(one.spool, 3);
	expect(&one, 1, 0, 20);
	done_all(&one); /* is not adopted */
	touch_file(&one, ".0000000000000009.tmp");
	look(&f, wall_ns() + 60 * SECOND);
	check_same(f.adopted_messages, 0); /* both are in use */
	fini_other(&one);
	fini_other(&two);
	look(&f, wall_ns());
	check_same(f.adopted_messages, 0); /* they were, a moment ago */
	ta_spool_look(f.spool, wall_ns() + 60 * SECOND);
	check_same(f.adopted_messages, 0); /* we looked a moment ago */
	look(&f, wall_ns() + 60 * SECOND);
	check_same(f.adopted_messages, 5 + 3);
	check_same(size_of(&f).messages, 3 + 5 + 3);
	check(!exists(&one) && !exists(&two), "an empty directory was left");
	check_same(ta_spool_last(f.spool), 6); /* ours go on behind our own */
	static const size_t by_time[] = { 10, 20, 30, 10, 20, 20, 30, 10, 20, 20, 30 };
	for (int i = 0; i < 11; i++) {
		check(take(&f), "message %d", i);
		check_same(f.body.bytes, by_time[i]);
		check((f.tickets[i].number > 6) == (by_time[i] != 10), "number %llx",
		      (unsigned long long)f.tickets[i].number);
	}
	reopen(&f);
	check_same(f.adopted_messages, 11);
	check_same(ta_spool_last(f.spool), 6);
	for (int i = 0; i < 11; i++) {
		check(take(&f), "message %d", i);
		check_same(f.body.bytes, by_time[i]);
	}
	done_all(&f);
	check_same(files(&f, ".batch"), 0);
	check_same(f.dropped_all, 0);
	fini(&f);
}

/* What does not go, or is not ours, stays; damaged files are counted once. */
static void adoption_of_bad(void)
{
	struct fixture f, one, receiver;
	char path[128];

	init(&f);
	init_other(&one, &f, 1);
	put(&one, 1, 1, 10);
	put(&one, 2, 1, 10);
	touch_file(&one, "0000000000000003.batch");
	touch_file(&one, "0000000000000003.bad");
	touch_file(&one, "notes.txt");
	fini_other(&one);
	f.options.identity++;
	init_other(&receiver, &f, 1); /* another receiver's are not ours */
	f.options.identity--;
	put(&receiver, 1, 1, 10);
	fini_other(&receiver);
	file_path(&one, FIRST, path);
	check_same(truncate(path, 32 + 40), 0);
	look(&f, wall_ns() + 60 * SECOND);
	check_same(f.adopted_messages, 1);
	check_same(f.dropped[TA_DROP_SPOOL_DAMAGED], 2);
	check_same(f.dropped_spans, 2);
	check_same(files(&f, ".bad"), 2);
	check_same(files(&one, ""), 2); /* the notes and the lock */
	look(&f, wall_ns() + 60 * SECOND);
	check_same(f.adopted_messages, 1);
	check_same(files(&receiver, ".batch"), 1);
	file_path(&one, "notes.txt", path);
	unlink(path);
	look(&f, wall_ns() + 60 * SECOND);
	check(!exists(&one), "an empty directory was left");
	fini(&f);
}

/* Links and other users' directories in place of a left one. */
static void adoption_of_strangers(void)
{
	struct fixture f, one;
	char path[128], away[160];

	init(&f);
	init_other(&one, &f, 1);
	put(&one, 1, 1, 10);
	fini_other(&one);
	file_path(&one, "", path);
	path[strlen(path) - 1] = '\0';
	snprintf(away, sizeof(away), "%s/away", f.path);
	rename(path, away);
	check_same(symlink(away, path), 0);
	look(&f, wall_ns() + 60 * SECOND);
	check_same(f.adopted_messages, 0);
	unlink(path);
	rename(away, path);
	if (geteuid() == 0) {
		check_same(chown(path, 12345, 12345), 0);
		look(&f, wall_ns() + 60 * SECOND);
		check_same(f.adopted_messages, 0);
		check_same(chown(path, 0, 0), 0);
	}
	look(&f, wall_ns() + 60 * SECOND);
	check_same(f.adopted_messages, 1);
	fini(&f);
}

/* More than may wait is adopted: the oldest go, whoever's they were. */
static void adoption_over_bound(void)
{
	struct fixture f, one;

	init(&f);
	init_other(&one, &f, 1);
	for (uint64_t i = 1; i <= 10; i++) {
		f.time_ns = one.time_ns = i * SECOND;
		put(&f, i, 1, 10);
		put(&one, i, 1, 20);
	}
	ta_spool_commit(f.spool, 10);
	fini_other(&one);
	f.options.max_bytes = 6 * 4096;
	reopen(&f);
	check_same(f.dropped[TA_DROP_SPOOL_FULL], 4);
	look(&f, wall_ns() + 60 * SECOND);
	check_same(f.adopted_messages, 6 + 4 + 10);
	check_same(f.dropped[TA_DROP_SPOOL_FULL], 4 + 10);
	check_same(size_of(&f).bytes, 6 * 4096);
	for (uint64_t i = 8; i <= 10; i++) {
		expect(&f, i, 0, 10);
		check(take(&f), "nothing");
		check(is_body(&f.body, i, 0, 20), "%zu bytes", f.body.bytes);
	}
	fini(&f);
}

int main(void)
{
	check_group("every bit of a file flipped", flipped);
	check_group("a file cut at every length", truncated);
	check_group("a file that says nonsense", nonsense);
	check_group("few damaged files are kept", few_are_kept);
	check_group("files that become unreadable", unreadable_later);
	check_group("adoption", adoption);
	check_group("adoption of damaged files", adoption_of_bad);
	check_group("adoption of strangers", adoption_of_strangers);
	check_group("adoption over the bound", adoption_over_bound);
	return check_status();
}
