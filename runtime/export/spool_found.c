/* SPDX-License-Identifier: MIT */
/*
 * spool_found.c - what is found on disk: our own directory, and those that were left.
 *
 * Another agent's files come over by rename, each under a new number of its own range, so a
 * crash on the way finds every file in one directory or the other.  A directory that was
 * used a moment ago is left alone: its agent may be about to be restarted, and its
 * journal may still undo its last put.
 *
 * Runs: agent, under the spool's lock.
 */
#include "runtime/export/spool_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/agent/clock.h"

#define SCAN_NS 5000000000ull	/* between two looks for left directories */
#define QUIET_NS 10000000000ull /* so long must nothing have changed in one */

/* One directory being taken in. */
struct finding {
	struct ta_spool *spool;
	int fd;
	bool rename; /* into our directory, under new numbers */
	struct ta_spool_names names;
	struct ta_spool_put **puts; /* sorted by time */
	uint32_t count;
};

static void note_number(struct ta_spool *spool, uint64_t number)
{
	uint64_t *last = number & TA_SPOOL_FOUND ? &spool->last_found : &spool->last;

	if (number > *last)
		*last = number;
}

/* 0: there are no more. */
static uint64_t new_number(struct ta_spool *spool)
{
	uint64_t number = (spool->last_found | TA_SPOOL_FOUND) + 1;

	if ((number & ~TA_SPOOL_FOUND) >= TA_SPOOL_NUMBER_MAX)
		return 0;
	return spool->last_found = number;
}

static void count_damaged(struct ta_spool *spool, int fd, uint64_t number,
			  const struct ta_spool_put *put)
{
	struct ta_message_head unknown = { 0 };
	char name[TA_SPOOL_NAME_BYTES];
	struct stat status;

	for (uint32_t i = 0; put && i < put->count; i++)
		if (put->items[i].head.done == TA_SPOOL_WAITS)
			ta_spool_drop(spool, TA_DROP_SPOOL_DAMAGED, &put->items[i].head);
	if (put)
		return;
	ta_spool_file_name(TA_SPOOL_BATCH, number, name);
	if (fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
		unknown.bytes = status.st_size < UINT32_MAX ? (uint32_t)status.st_size : UINT32_MAX;
	ta_spool_drop(spool, TA_DROP_SPOOL_DAMAGED, &unknown);
}

static void damaged(struct finding *finding, uint64_t number, struct ta_spool_put *put)
{
	struct ta_spool *spool = finding->spool;
	uint64_t to = finding->rename ? new_number(spool) : number;

	count_damaged(spool, finding->fd, number, put);
	ta_spool_put_free(put);
	ta_spool_dir_set_aside(finding->fd, number, spool->dir.fd, to ? to : number, &spool->bad);
}

static bool was_undone(const struct ta_spool *spool, uint64_t number)
{
	for (uint32_t i = 0; i < spool->undone_count; i++)
		if (spool->undone[i] == number)
			return true;
	return false;
}

static void remove_file(int fd, uint64_t number)
{
	char name[TA_SPOOL_NAME_BYTES];

	ta_spool_file_name(TA_SPOOL_BATCH, number, name);
	unlinkat(fd, name, 0);
}

/* What cannot be looked at for now stays where it is. */
static void load(struct finding *finding, uint64_t number)
{
	struct ta_spool_put *put;
	int error = ta_spool_file_load(finding->fd, number, &put);

	if (error == -EBADMSG) {
		damaged(finding, number, put);
	} else if (error) {
		finding->names.others++;
	} else if (put->left == 0 ||
		   (finding->fd == finding->spool->dir.fd && was_undone(finding->spool, number))) {
		remove_file(finding->fd, number);
		ta_spool_put_free(put);
	} else {
		finding->puts[finding->count++] = put;
	}
}

static int by_time(const void *left, const void *right)
{
	const struct ta_spool_put *a = *(struct ta_spool_put *const *)left;
	const struct ta_spool_put *b = *(struct ta_spool_put *const *)right;

	if (a->time_ns != b->time_ns)
		return a->time_ns < b->time_ns ? -1 : 1;
	return a->number < b->number ? -1 : a->number > b->number;
}

/* Its file becomes one of ours; false: it stays where it is. */
static bool bring(struct finding *finding, struct ta_spool_put *put)
{
	char from[TA_SPOOL_NAME_BYTES], to[TA_SPOOL_NAME_BYTES];
	uint64_t number;

	if (!finding->rename)
		return true;
	number = new_number(finding->spool);
	if (!number)
		return false;
	ta_spool_file_name(TA_SPOOL_BATCH, put->number, from);
	ta_spool_file_name(TA_SPOOL_BATCH, number, to);
	if (renameat(finding->fd, from, finding->spool->dir.fd, to) != 0)
		return false;
	put->number = number;
	return true;
}

static void tell_adopted(struct ta_spool *spool, const struct ta_spool_put *put)
{
	for (uint32_t i = 0; spool->options.adopted && i < put->count; i++)
		if (put->items[i].head.done == TA_SPOOL_WAITS)
			spool->options.adopted(spool->options.user, &put->items[i].head);
}

static void take_in(struct finding *finding)
{
	struct ta_spool_put *after = NULL;

	qsort(finding->puts, finding->count, sizeof(finding->puts[0]), by_time);
	for (uint32_t i = 0; i < finding->count; i++) {
		struct ta_spool_put *put = finding->puts[i];

		if (!bring(finding, put)) {
			finding->names.others++;
			ta_spool_put_free(put);
			continue;
		}
		ta_spool_index_insert(&finding->spool->index, put, after);
		after = put;
		tell_adopted(finding->spool, put);
	}
}

/* All that is in the directory fd.  Returns how many files stay in it, other than ours. */
static uint32_t find(struct ta_spool *spool, int fd, bool rename)
{
	struct finding finding = { .spool = spool, .fd = fd, .rename = rename };
	bool own = fd == spool->dir.fd;
	uint32_t others;

	if (ta_spool_dir_list(fd, !own, &finding.names) != 0)
		finding.names.others++;
	finding.puts = calloc(finding.names.count + 1u, sizeof(finding.puts[0]));
	if (own)
		spool->bad = finding.names.bad;
	for (uint32_t i = 0; own && i < finding.names.count; i++)
		note_number(spool, finding.names.batches[i]);
	for (uint32_t i = 0; finding.puts && i < finding.names.count; i++)
		load(&finding, finding.names.batches[i]);
	if (finding.puts)
		take_in(&finding);
	others = finding.names.others + !finding.puts;
	free(finding.puts);
	ta_spool_names_fini(&finding.names);
	return others;
}

int ta_spool_found_open(struct ta_spool *spool, bool late)
{
	const struct ta_spool_options *options = &spool->options;
	struct ta_spool_dir dir = { .fd = -1, .lock_fd = -1 };
	int error = ta_spool_dir_open(options->dir, options->identity, options->key, options->name,
				      &dir);

	if (error)
		return error;
	ta_spool_dir_replace(&spool->dir, &dir);
	find(spool, spool->dir.fd, late);
	spool->undone_count = 0;
	ta_spool_bound(spool);
	return 0;
}

/* A time that is to come is a clock that was set: not a reason to wait for it. */
static bool is_quiet(int base_fd, const char *name, uint64_t now_ns)
{
	struct stat status;
	uint64_t changed_ns;

	if (fstatat(base_fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(status.st_mode))
		return false;
	changed_ns =
		(uint64_t)status.st_mtim.tv_sec * 1000000000u + (uint64_t)status.st_mtim.tv_nsec;
	return changed_ns + QUIET_NS <= now_ns || changed_ns > now_ns + QUIET_NS;
}

/* IDENTITY-KEY of our receiver, but not of us. */
static bool is_left(const struct ta_spool *spool, const char *name)
{
	char identity[32], own[48];

	snprintf(identity, sizeof(identity), "%016llx-",
		 (unsigned long long)spool->options.identity);
	snprintf(own, sizeof(own), "%s%08x", identity, spool->options.key);
	return strncmp(name, identity, 17) == 0 && strlen(name) == 25 &&
	       strspn(name + 17, "0123456789abcdef") == 8 && strcmp(name, own) != 0;
}

static void adopt(struct ta_spool *spool, int base_fd, const char *name)
{
	struct ta_spool_dir left;

	if (ta_spool_dir_open_left(base_fd, name, &left) != 0)
		return;
	if (find(spool, left.fd, true) == 0)
		ta_spool_dir_remove(base_fd, name, &left);
	ta_spool_dir_close(&left);
}

static void scan(struct ta_spool *spool, uint64_t now_ns)
{
	int base_fd = openat(spool->dir.fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *base = base_fd < 0 ? NULL : fdopendir(base_fd);
	const struct dirent *entry;

	if (!base) {
		if (base_fd >= 0)
			close(base_fd);
		return;
	}
	while ((entry = readdir(base)) != NULL)
		if (is_left(spool, entry->d_name) && is_quiet(base_fd, entry->d_name, now_ns))
			adopt(spool, base_fd, entry->d_name);
	closedir(base);
}

void ta_spool_found_look(struct ta_spool *spool, uint64_t now_ns)
{
	uint64_t agent_ns = ta_agent_now_ns();

	if (spool->dir.fd < 0 || agent_ns < spool->scan_ns)
		return;
	spool->scan_ns = agent_ns + SCAN_NS;
	scan(spool, now_ns);
	ta_spool_bound(spool);
}
