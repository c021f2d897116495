/* SPDX-License-Identifier: MIT */
/*
 * status_spool.c - what waits on disk: the directories DIR/IDENTITY-KEY of spools.
 *
 * A directory whose lock nobody holds was left by an agent that ended; the next one with
 * the same destination adopts it (runtime/export/spool.h).
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/status.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static DIR *open_dir(int base_fd, const char *name)
{
	int fd = openat(base_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (!dir && fd >= 0)
		close(fd);
	return dir;
}

/* count hexadecimal digits, as printf writes them; NULL for anything else. */
static const char *take_hex(const char *at, unsigned int count, uint64_t *ret_value)
{
	uint64_t value = 0;

	for (; count > 0; count--, at++) {
		const char *digits = "0123456789abcdef", *digit = *at ? strchr(digits, *at) : NULL;

		if (!digit)
			return NULL;
		value = value << 4 | (uint64_t)(digit - digits);
	}
	*ret_value = value;
	return at;
}

static bool parse_name(const char *name, struct status_spool *spool)
{
	uint64_t key = 0;
	const char *at = take_hex(name, 16, &spool->identity);

	if (!at || *at != '-' || !(at = take_hex(at + 1, 8, &key)) || *at)
		return false;
	spool->key = (uint32_t)key;
	return true;
}

static bool ends_in(const char *name, const char *end)
{
	size_t bytes = strlen(name), end_bytes = strlen(end);

	return bytes > end_bytes && strcmp(name + bytes - end_bytes, end) == 0;
}

static void count_file(struct status_spool *spool, int dir_fd, const char *name)
{
	struct stat found;
	uint64_t changed_ns;

	if (fstatat(dir_fd, name, &found, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(found.st_mode))
		return;
	spool->bad += ends_in(name, ".bad");
	if (!ends_in(name, ".batch"))
		return;
	changed_ns = (uint64_t)found.st_mtim.tv_sec * 1000000000u +
		     (uint64_t)found.st_mtim.tv_nsec;
	spool->files++;
	spool->bytes += (uint64_t)found.st_size;
	if (!spool->oldest_ns || changed_ns < spool->oldest_ns)
		spool->oldest_ns = changed_ns;
}

/* The lock file says for people which queue it is. */
static void read_queue(struct status_spool *spool, int dir_fd)
{
	int fd = openat(dir_fd, "lock", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t bytes = fd >= 0 ? read(fd, spool->queue, sizeof(spool->queue) - 1) : 0;

	spool->queue[bytes > 0 ? bytes : 0] = '\0';
	spool->queue[strcspn(spool->queue, "\n")] = '\0';
	if (fd >= 0)
		close(fd);
}

static void look(struct status_view *view, struct status_spool *spool, DIR *dir)
{
	uint32_t pid;

	spool->owned = ta_cli_status_locked(&view->locks, dirfd(dir), "lock", &pid);
	read_queue(spool, dirfd(dir));
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
		count_file(spool, dirfd(dir), entry->d_name);
}

static bool known(const struct status_view *view, const char *path)
{
	for (const struct status_spool *at = view->spools; at; at = at->next)
		if (strcmp(at->path, path) == 0)
			return true;
	return false;
}

void ta_cli_status_spools(struct status_view *view, const char *path)
{
	DIR *base = open_dir(AT_FDCWD, path);

	for (struct dirent *entry; base && (entry = readdir(base)) != NULL;) {
		struct status_spool *spool = calloc(1, sizeof(*spool));
		int bytes = spool ? snprintf(spool->path, sizeof(spool->path), "%s/%s", path,
					     entry->d_name) : -1;
		DIR *dir = bytes > 0 && bytes < PATH_MAX && parse_name(entry->d_name, spool) &&
					   !known(view, spool->path) ?
				   open_dir(dirfd(base), entry->d_name) : NULL;

		if (!dir) {
			free(spool);
			continue;
		}
		look(view, spool, dir);
		closedir(dir);
		*view->last_spool = spool;
		view->last_spool = &spool->next;
	}
	if (base)
		closedir(base);
}
