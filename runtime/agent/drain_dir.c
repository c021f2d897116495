/* SPDX-License-Identifier: MIT */
/*
 * drain_dir.c - what is left in a run directory, without an agent.
 *
 * For every key that has a segment or a journal and no live agent: take the
 * agent's lock, go on from its journal, read everything once, close what the
 * dead left open, write, remove.  Segments of programs that live are read and
 * stay; their journal stays with them.
 *
 * Runs: cli.  Problems are told on standard error.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/agent/lock.h"
#include "runtime/agent/worker.h"

struct keys {
	uint32_t *items;
	size_t count;
};

static void add_key(struct keys *keys, uint32_t key)
{
	for (size_t i = 0; i < keys->count; i++)
		if (keys->items[i] == key)
			return;
	uint32_t *items = realloc(keys->items, (keys->count + 1) * sizeof(items[0]));

	if (!items)
		return;
	keys->items = items;
	items[keys->count++] = key;
}

/* The key of a segment or a journal; 0 for any other file. */
static uint32_t key_of(const char *name)
{
	uint32_t key, pid;
	uint64_t id;
	unsigned int journal_key;
	unsigned long long number;

	if (ta_segment_name_parse(name, &key, &pid, &id))
		return key;
	return sscanf(name, "%8x.journal-%llu", &journal_key, &number) == 2 ? journal_key : 0;
}

static int find_keys(int dir_fd, struct keys *keys)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (!dir) {
		int error = -errno;

		if (fd >= 0)
			close(fd);
		return error;
	}
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		uint32_t key = key_of(entry->d_name);

		if (key)
			add_key(keys, key);
	}
	closedir(dir);
	return 0;
}

static int drain_worker(struct ta_worker *worker, const char *out_path, long *ret_spans)
{
	int error = ta_worker_resume(worker, out_path);
	uint64_t before = worker->state.exported;

	if (error)
		return error;
	ta_drain_pass(worker);
	ta_processes_check(worker);
	ta_drain_pass(worker);
	ta_worker_settle(worker);
	ta_flush_parts(worker, true);
	error = ta_flush_run(worker, TA_FLUSH_EXPLICIT);
	ta_tell_state(worker);
	*ret_spans += (long)(worker->state.exported - before);
	ta_journal_write(&worker->journal);
	if (!worker->keep && worker->segments.count == 0 &&
	    worker->state.buckets.held_count == 0 && worker->state.events.count == 0)
		ta_journal_remove(&worker->journal);
	return error;
}

static int drain_key(int dir_fd, uint32_t key, const char *out_path, bool keep, char *const *envp,
		     long *ret_spans)
{
	struct ta_agent_options options = { .key = key, .envp = envp, .cwd = "/" };
	struct ta_worker *worker = calloc(1, sizeof(*worker));
	int lock_fd;
	int error = worker ? ta_lock_take(dir_fd, key, &lock_fd) : -ENOMEM;

	if (error) {
		free(worker);
		return error == -EWOULDBLOCK ? 0 : error; /* its agent lives */
	}
	worker->keep = keep;
	worker->once = true;
	error = ta_worker_init(worker, &options, dir_fd);
	if (!error) {
		strcpy(worker->log.path, "-");
		error = drain_worker(worker, out_path, ret_spans);
	}
	ta_worker_fini(worker);
	free(worker);
	close(lock_fd);
	return error;
}

long ta_agent_drain(const char *dir, const char *out_path, bool keep, char *const *envp)
{
	struct keys keys = { 0 };
	int dir_fd;
	long spans = 0;
	int error = ta_run_dir_open(dir, &dir_fd);

	if (error)
		return error;
	error = find_keys(dir_fd, &keys);
	for (size_t i = 0; i < keys.count && !error; i++)
		error = drain_key(dir_fd, keys.items[i], out_path, keep, envp, &spans);
	free(keys.items);
	close(dir_fd);
	return error ? error : spans;
}
