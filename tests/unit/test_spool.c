/* SPDX-License-Identifier: MIT */
/*
 * test_spool.c - the queue of a receiver: order, commit and undo, restarts, bounds, age,
 * and what happens when the disk does not do what it should.
 *
 * The clock of retries is ours (runtime/agent/clock.h).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/agent/clock.h"
#include "tests/unit/check.h"
#include "tests/unit/spools.h"

static uint64_t clock_ns = SECOND;

uint64_t ta_agent_now_ns(void)
{
	return clock_ns;
}

static void order(void)
{
	struct fixture f;

	init(&f);
	for (uint64_t i = 1; i <= 5; i++)
		put(&f, i, 2, 100);
	check_same(ta_spool_last(f.spool), 5);
	check_same(size_of(&f).messages, 10);
	check(!take(&f), "not committed, and handed out");
	ta_spool_commit(f.spool, 3);
	for (uint64_t i = 1; i <= 3; i++)
		for (uint32_t j = 0; j < 2; j++)
			expect(&f, i, j, 100);
	check(!take(&f), "more than was committed");
	check_same(size_of(&f).messages, 10);
	check_same(size_of(&f).points, 30);
	done_all(&f);
	check_same(size_of(&f).messages, 4);
	check_same(size_of(&f).points, 12);
	check_same(files(&f, ".batch"), 2);
	ta_spool_commit(f.spool, 5);
	expect(&f, 4, 0, 100);
	back_last(&f);
	expect(&f, 4, 0, 100);
	expect(&f, 4, 1, 100);
	expect(&f, 5, 0, 100);
	expect(&f, 5, 1, 100);
	done_all(&f);
	check_same(files(&f, ".batch"), 0);
	check_same(size_of(&f).bytes, 0);
	fini(&f);
}

static void sizes(void)
{
	static const size_t each[] = { 0, 1, 31, 4096, 100 << 10, 3 << 20 };
	struct fixture f;

	init(&f);
	for (uint64_t i = 0; i < 6; i++)
		put(&f, i + 1, 3, each[i]);
	put(&f, 7, 200, 50); /* more than one write takes */
	put(&f, 8, 0, 0);    /* nothing */
	ta_spool_commit(f.spool, 8);
	reopen(&f);
	for (uint64_t i = 0; i < 6; i++)
		for (uint32_t j = 0; j < 3; j++)
			expect(&f, i + 1, j, each[i]);
	for (uint32_t j = 0; j < 200; j++)
		expect(&f, 7, j, 50);
	check(!take(&f), "more than was put");
	check_same(f.dropped_all, 0);
	fini(&f);
}

static void undo(void)
{
	struct fixture f;

	init(&f);
	put(&f, 1, 1, 10);
	put(&f, 2, 2, 10);
	ta_spool_undo(f.spool, 2);
	ta_spool_undo(f.spool, 7);
	check_same(files(&f, ".batch"), 1);
	put(&f, 2, 3, 20); /* encoded again */
	ta_spool_commit(f.spool, 2);
	expect(&f, 1, 0, 10);
	expect(&f, 2, 0, 20);
	done_all(&f);
	reopen(&f); /* and the journal says that 2 was not out */
	check_same(f.adopted_messages, 2);
	ta_spool_undo(f.spool, 2);
	check(!take(&f), "it was undone");
	check_same(size_of(&f).messages, 0);
	check_same(size_of(&f).points, 0);
	check_same(files(&f, ".batch"), 0);
	check_same(f.dropped_all, 0);
	fini(&f);
}

/* A ticket of what was undone is worth nothing, also when the number is used again. */
static void undo_under_way(void)
{
	struct fixture f;

	init(&f);
	put(&f, 1, 2, 10);
	ta_spool_commit(f.spool, 1);
	expect(&f, 1, 0, 10);
	ta_spool_undo(f.spool, 1);
	put(&f, 1, 2, 10);
	ta_spool_commit(f.spool, 1);
	done_all(&f);
	expect(&f, 1, 0, 10);
	expect(&f, 1, 1, 10);
	fini(&f);
}

static void restart(void)
{
	struct fixture f;

	init(&f);
	for (uint64_t i = 1; i <= 4; i++)
		put(&f, i, 3, 1000);
	ta_spool_commit(f.spool, 3);
	expect(&f, 1, 0, 1000);
	expect(&f, 1, 1, 1000);
	done_all(&f);
	expect(&f, 1, 2, 1000); /* under way when we end */
	touch_file(&f, ".0000000000000005.tmp");
	reopen(&f);
	check_same(files(&f, ".tmp"), 0);
	check_same(ta_spool_last(f.spool), 4);
	check_same(f.adopted_messages, 10);
	check_same(f.adopted_spans, 20);
	expect(&f, 1, 2, 1000);
	for (uint64_t i = 2; i <= 4; i++)
		for (uint32_t j = 0; j < 3; j++)
			expect(&f, i, j, 1000);
	check(!take(&f), "what was done is there again");
	fini(&f);
}

/* taken = sent + dropped + waiting, to the message. */
static void check_balance(const struct fixture *f)
{
	check_same(f->put_messages, f->done_messages + f->dropped_all + size_of(f).messages);
	check_same(f->put_spans, f->done_spans + f->dropped_spans + size_of(f).spans);
}

static void bound_bytes(void)
{
	struct fixture f;

	init(&f);
	f.options.max_bytes = 10 * 8192; /* ten files of 5000 bytes */
	reopen(&f);
	for (uint64_t i = 1; i <= 30; i++) {
		put(&f, i, 1, 5000);
		ta_spool_commit(f.spool, i);
		check(size_of(&f).bytes <= f.options.max_bytes, "%llu bytes",
		      (unsigned long long)size_of(&f).bytes);
	}
	check_same(f.dropped[TA_DROP_SPOOL_FULL], 20);
	check_same(files(&f, ".batch"), 10);
	check_balance(&f);
	expect(&f, 21, 0, 5000); /* under way: stays */
	for (uint64_t i = 31; i <= 45; i++)
		put(&f, i, 1, 5000); /* not committed: stay too */
	check_same(f.dropped[TA_DROP_SPOOL_FULL], 29);
	check_same(size_of(&f).messages, 16);
	ta_spool_commit(f.spool, 45);
	check_same(size_of(&f).messages, 10);
	back_last(&f);
	expect(&f, 21, 0, 5000);
	done_all(&f);
	expect(&f, 37, 0, 5000);
	check_balance(&f);
	f.options.max_bytes = 2 * 8192; /* a new setting */
	reopen(&f);
	check_same(files(&f, ".batch"), 2);
	check_same(f.dropped[TA_DROP_SPOOL_FULL], 35 + 7);
	check_balance(&f);
	fini(&f);
}

/* Of one put that is too much the first go, and no older one for it. */
static void bound_alone(void)
{
	struct fixture f;

	init(&f);
	f.options.max_bytes = 65536;
	reopen(&f);
	put(&f, 1, 1, 100);
	ta_spool_commit(f.spool, 1);
	put(&f, 2, 1, 65536);
	check_same(f.dropped[TA_DROP_SPOOL_FULL], 1);
	check_same(size_of(&f).messages, 1);
	put(&f, 3, 10, 10000);
	check_same(f.dropped[TA_DROP_SPOOL_FULL], 1 + 4);
	ta_spool_commit(f.spool, 3);
	expect(&f, 1, 0, 100);
	check(take(&f) && is_body(&f.body, 3, 4, 10000), "not the fifth of ten");
	check_balance(&f);
	fini(&f);
}

static void bound_spans(void)
{
	struct fixture f;

	init(&f);
	f.options.max_spans = 20; /* two a message */
	reopen(&f);
	for (uint64_t i = 1; i <= 4; i++) {
		put(&f, i, 4, 100);
		ta_spool_commit(f.spool, i);
	}
	check_same(f.dropped[TA_DROP_SPOOL_FULL], 6);
	check_same(size_of(&f).spans, 20);
	check_balance(&f);
	reopen(&f); /* what was given up is marked in the file */
	check_same(size_of(&f).messages, 10);
	expect(&f, 2, 2, 100);
	put(&f, 5, 12, 100);
	check_same(f.dropped[TA_DROP_SPOOL_FULL], 6 + 2 + 9);
	ta_spool_commit(f.spool, 5);
	check_same(f.dropped[TA_DROP_SPOOL_FULL], 6 + 2 + 9 + 1);
	check_same(size_of(&f).spans, 20);
	check_balance(&f);
	fini(&f);
}

static void age(void)
{
	struct fixture f;

	init(&f);
	f.options.max_age_ms = 60000;
	reopen(&f);
	f.time_ns = 1000 * SECOND;
	put(&f, 1, 2, 10);
	f.time_ns = 1030 * SECOND;
	put(&f, 2, 2, 10);
	ta_spool_commit(f.spool, 2);
	f.time_ns = 1010 * SECOND; /* a clock that was set back */
	put(&f, 3, 1, 10);
	ta_spool_commit(f.spool, 3);
	put(&f, 4, 1, 10);
	ta_spool_look(f.spool, 1059 * SECOND);
	check_same(f.dropped_all, 0);
	expect(&f, 1, 0, 10); /* under way: stays */
	ta_spool_look(f.spool, 1060 * SECOND);
	check_same(f.dropped[TA_DROP_SPOOL_AGE], 1);
	ta_spool_look(f.spool, 1075 * SECOND);
	check_same(f.dropped[TA_DROP_SPOOL_AGE], 2);
	back_last(&f);
	ta_spool_look(f.spool, 1075 * SECOND);
	check_same(f.dropped[TA_DROP_SPOOL_AGE], 3);
	check_same(files(&f, ".batch"), 2);
	ta_spool_look(f.spool, 2000 * SECOND);
	check_same(f.dropped[TA_DROP_SPOOL_AGE], 5);
	check_same(size_of(&f).messages, 1); /* not committed */
	ta_spool_commit(f.spool, 4);
	ta_spool_look(f.spool, 2000 * SECOND);
	check_same(size_of(&f).messages, 0);
	ta_spool_look(f.spool, 10); /* younger than an age can be */
	check_balance(&f);
	fini(&f);
}

/* A limit of file sizes stands for a disk that is full: the writing fails in the middle. */
static void limit_files(rlim_t bytes)
{
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = bytes;
	setrlimit(RLIMIT_FSIZE, &limit);
}

static void disk_full(void)
{
	struct fixture f;

	init(&f);
	f.options.max_memory_bytes = 30000;
	reopen(&f);
	put(&f, 1, 1, 10000);
	limit_files(4096);
	put(&f, 2, 1, 10000);
	check(size_of(&f).in_memory, "it says that it is on disk");
	check_same(files(&f, ""), 2); /* 1 and the lock: nothing half written */
	limit_files(RLIM_INFINITY);
	put(&f, 3, 1, 10000); /* not tried at once */
	check(size_of(&f).in_memory, "tried at once");
	put(&f, 4, 1, 10000);
	ta_spool_commit(f.spool, 4);
	check_same(f.dropped_all, 0);
	put(&f, 5, 2, 10000);
	check_same(f.dropped[TA_DROP_NO_MEMORY], 2); /* 2 and 3 */
	ta_spool_commit(f.spool, 5);
	put(&f, 6, 1, 30001);
	put(&f, 7, 2, 30000);
	check_same(f.dropped[TA_DROP_NO_MEMORY], 2 + 1 + 1 + 3);
	check_same(size_of(&f).messages, 2);
	clock_ns += 10 * SECOND;
	put(&f, 8, 1, 10000);
	check(!size_of(&f).in_memory, "the disk was not tried again");
	check_same(files(&f, ".batch"), 2);
	ta_spool_commit(f.spool, 8);
	expect(&f, 1, 0, 10000);
	check(take(&f) && is_body(&f.body, 7, 1, 30000), "not the second of two");
	expect(&f, 8, 0, 10000);
	back_last(&f);
	check(!take(&f) == false, "8 is not there again");
	done_all(&f);
	check_same(size_of(&f).messages, 0);
	check_balance(&f);
	fini(&f);
}

/* No directory can be made; then it can. */
static void no_directory(void)
{
	struct fixture f;
	char path[64];

	init(&f);
	put(&f, 1, 1, 100);
	put(&f, 2, 1, 100);
	ta_spool_commit(f.spool, 2);
	ta_spool_close(f.spool);
	snprintf(path, sizeof(path), "%s.away", f.path);
	rename(f.path, path);
	close(open(f.path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	f.spool = open_spool(&f);
	check_same(f.error, -ENOTDIR);
	check(size_of(&f).in_memory, "without a directory");
	ta_spool_undo(f.spool, 2); /* of which we know nothing yet */
	put(&f, 1, 1, 200);
	ta_spool_commit(f.spool, 1);
	unlink(f.path);
	rename(path, f.path);
	ta_spool_look(f.spool, 0);
	check_same(size_of(&f).messages, 1); /* not tried before its time */
	clock_ns += 10 * SECOND;
	put(&f, 2, 1, 200); /* numbers that the disk knows, too */
	ta_spool_commit(f.spool, 2);
	check_same(size_of(&f).messages, 3);
	check(!size_of(&f).in_memory, "the directory is back");
	int seen[2] = { 0 };
	for (int i = 0; i < 3; i++) {
		check(take(&f), "message %d", i);
		seen[f.body.bytes == 200]++;
	}
	check_same(seen[0], 1);
	check_same(seen[1], 2);
	done_all(&f);
	check_same(files(&f, ".batch"), 0);
	check_same(f.dropped_all, 0);
	fini(&f);
}

/* Somebody removes everything while we run. */
static void directory_removed(void)
{
	struct fixture f;

	init(&f);
	put(&f, 1, 1, 100);
	ta_spool_commit(f.spool, 1);
	remove_all(f.path);
	put(&f, 2, 1, 100);
	check(!size_of(&f).in_memory, "no new directory was made");
	ta_spool_commit(f.spool, 2);
	expect(&f, 2, 0, 100);
	check_same(f.dropped[TA_DROP_SPOOL_DAMAGED], 1);
	done_all(&f);
	check_balance(&f);
	struct fixture other = { .options = f.options };
	other.options.user = &other;
	other.spool = open_spool(&other);
	check_same(other.error, -EBUSY); /* the new directory is locked as well */
	ta_spool_close(other.spool);
	fini(&f);
}

/* A file of ours that is not a file of ours: left alone, and no way out of the directory. */
static void strangers(void)
{
	struct fixture f;
	char path[128], target[128];

	init(&f);
	put(&f, 1, 1, 100);
	ta_spool_commit(f.spool, 1);
	file_path(&f, "0000000000000001.batch", path);
	snprintf(target, sizeof(target), "%s/outside", f.path);
	rename(path, target);
	check_same(symlink(target, path), 0);
	file_path(&f, "0000000000000002.batch", path);
	check_same(mkdir(path, 0700), 0);
	file_path(&f, "0000000000000003.batch", path);
	check_same(mkfifo(path, 0600), 0);
	touch_file(&f, "notes.txt");
	touch_file(&f, "0000000000000004.batch~");
	touch_file(&f, "FFFFFFFFFFFFFFFF.batch");
	touch_file(&f, "7fffffffffffffff.batch"); /* no number that we give */
	check(!take(&f), "a link was followed");
	check_same(f.dropped[TA_DROP_SPOOL_DAMAGED], 1);
	file_path(&f, "0000000000000001.batch", path);
	check_same(symlink(target, path), 0);
	reopen(&f);
	check(!take(&f), "a link was followed after a restart");
	check_same(ta_spool_last(f.spool), 3);
	check_same(access(target, F_OK), 0);
	check_same(files(&f, ""), 8);
	check_same(f.dropped_all, 1);
	fini(&f);
}

static void modes(void)
{
	struct fixture f;
	struct stat status;
	char path[128];

	init(&f);
	put(&f, 1, 1, 100);
	file_path(&f, "0000000000000001.batch", path);
	check_same(stat(path, &status), 0);
	check_same(status.st_mode & 07777, 0600);
	file_path(&f, "", path);
	chmod(path, 0755);
	reopen(&f);
	check_same(stat(path, &status), 0);
	check_same(status.st_mode & 07777, 0700);
	ta_spool_close(f.spool);
	char away[160];
	snprintf(away, sizeof(away), "%s/away", f.path);
	path[strlen(path) - 1] = '\0';
	rename(path, away);
	check_same(symlink(away, path), 0);
	f.spool = open_spool(&f);
	check_same(f.error, -EPERM);
	if (geteuid() == 0) {
		unlink(path);
		rename(away, path);
		check_same(chown(path, 12345, 12345), 0);
		ta_spool_close(f.spool);
		f.spool = open_spool(&f);
		check_same(f.error, -EPERM);
	}
	fini(&f);
}

static void two_owners(void)
{
	struct fixture f, other;

	init(&f);
	put(&f, 1, 1, 100);
	ta_spool_commit(f.spool, 1);
	other = (struct fixture){ .options = f.options, .time_ns = f.time_ns };
	other.options.user = &other;
	other.spool = open_spool(&other);
	check_same(other.error, -EBUSY);
	put(&other, 1, 1, 300);
	ta_spool_commit(other.spool, 1);
	expect(&other, 1, 0, 300);
	check(!take(&other), "took the owner's");
	done_all(&other);
	put(&other, 2, 1, 300);
	ta_spool_close(f.spool);
	clock_ns += 10 * SECOND;
	ta_spool_look(other.spool, 0); /* now it is free */
	check_same(size_of(&other).messages, 2);
	ta_spool_commit(other.spool, 2);
	check(take(&other), "nothing is there");
	f.spool = open_spool(&f);
	check_same(f.error, -EBUSY);
	ta_spool_close(other.spool);
	ta_buf_fini(&other.body);
	fini(&f);
}

/* The parent goes away, the child goes on. */
static void after_fork(void)
{
	struct fixture f;
	int status = 1;
	pid_t pid;

	init(&f);
	put(&f, 1, 2, 100);
	ta_spool_commit(f.spool, 1);
	expect(&f, 1, 0, 100);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		done_all(&f);
		expect(&f, 1, 1, 100);
		done_all(&f);
		put(&f, 2, 1, 100);
		_exit(check_state.failed ? 1 : 0);
	}
	ta_spool_close(f.spool);
	waitpid(pid, &status, 0);
	check_same(status, 0);
	f.spool = open_spool(&f);
	check_same(f.error, 0);
	expect(&f, 2, 0, 100);
	fini(&f);
}

#define THREAD_PUTS 2000u

static void *putter(void *user)
{
	struct fixture *f = user;

	for (uint64_t i = 1; i <= THREAD_PUTS; i++) {
		put(f, i, 2, 300);
		if (i % 7 == 0) {
			ta_spool_undo(f->spool, i);
			f->put_messages -= 2;
			f->put_spans -= 4;
		}
		if (i % 3 == 0 || i == THREAD_PUTS)
			ta_spool_commit(f->spool, i);
	}
	return NULL;
}

/* One puts, commits and undoes, the other takes; everything once, in order. */
static void threads(void)
{
	struct fixture f;
	struct ta_spool_ticket ticket;
	struct ta_buf body = { 0 };
	uint64_t last = 0, taken = 0;
	uint32_t turn = 0;
	pthread_t thread;

	init(&f);
	check_same(pthread_create(&thread, NULL, putter, &f), 0);
	while (last < THREAD_PUTS * 2) {
		struct ta_spool_size size;

		ta_buf_clear(&body);
		ta_spool_size(f.spool, &size);
		if (!ta_spool_take(f.spool, &ticket, &body))
			continue;
		if (turn++ % 5 == 0) {
			ta_spool_back(f.spool, &ticket);
			continue;
		}
		uint64_t place = ticket.number * 2 + ticket.index - 1;

		check(place > last, "%llu after %llu", (unsigned long long)place,
		      (unsigned long long)last);
		check(is_body(&body, ticket.number, ticket.index, 300), "another body");
		last = place;
		taken++;
		ta_spool_done(f.spool, &ticket);
	}
	pthread_join(thread, NULL);
	check_same(taken, f.put_messages);
	check_same(size_of(&f).messages, 0);
	check_same(files(&f, ".batch"), 0);
	check_same(f.dropped_all, 0);
	ta_buf_fini(&body);
	fini(&f);
}

int main(void)
{
	check_group("order", order);
	check_group("sizes", sizes);
	check_group("undo", undo);
	check_group("undo of what is under way", undo_under_way);
	check_group("restart", restart);
	check_group("bound of bytes", bound_bytes);
	check_group("one put that is too much", bound_alone);
	check_group("bound of spans", bound_spans);
	check_group("age", age);
	check_group("a full disk", disk_full);
	check_group("no directory", no_directory);
	check_group("a directory that is removed", directory_removed);
	check_group("strangers in the directory", strangers);
	check_group("modes and owners", modes);
	check_group("two owners", two_owners);
	check_group("after a fork", after_fork);
	check_group("threads", threads);
	return check_status();
}
