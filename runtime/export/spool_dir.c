/* SPDX-License-Identifier: MIT */
/*
 * spool_dir.c - directories of spools: made, checked, locked, listed.
 *
 * Runs: agent, under the spool's lock.
 */
#include "runtime/export/spool_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_NAME "lock"
#define LOCK_TRIES 8 /* a directory may be removed while we wait for it */

static const int dir_flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

static int make_parents(const char *path)
{
	char part[PATH_MAX];
	size_t bytes = strlen(path);

	if (bytes == 0 || bytes + 1 >= sizeof(part))
		return -ENAMETOOLONG;
	memcpy(part, path, bytes);
	memcpy(part + bytes, "/", 2);
	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(part, 0700) != 0 && errno != EEXIST && access(part, F_OK) != 0)
			return -errno;
		*slash = '/';
	}
	return 0;
}

/* The user's own, or the system's (as /tmp is): nobody else shall move our files about. */
static int open_base(const char *path)
{
	struct stat status;
	int error = make_parents(path), fd;

	if (error)
		return error;
	fd = open(path, dir_flags);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &status) == 0 && (status.st_uid == geteuid() || status.st_uid == 0))
		return fd;
	close(fd);
	return -EPERM;
}

/* Ours, and for nobody else to read. */
static int open_checked(int base_fd, const char *name)
{
	struct stat status;
	int fd = openat(base_fd, name, dir_flags | O_NOFOLLOW), error = 0;

	if (fd < 0)
		return errno == ELOOP || errno == ENOTDIR ? -EPERM : -errno;
	if (fstat(fd, &status) != 0)
		error = -errno;
	else if (status.st_uid != geteuid())
		error = -EPERM;
	else if ((status.st_mode & 07777) != 0700 && fchmod(fd, 0700) != 0)
		error = -errno;
	if (!error)
		return fd;
	close(fd);
	return error;
}

/* -EAGAIN: the file went away meanwhile, and the directory with it. */
static int take_lock(int fd)
{
	struct stat status;

	if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	if (fstat(fd, &status) != 0)
		return -errno;
	if (!S_ISREG(status.st_mode) || status.st_uid != geteuid())
		return -EPERM;
	return status.st_nlink ? 0 : -EAGAIN;
}

static int open_lock(int dir_fd)
{
	int fd = openat(dir_fd, LOCK_NAME,
			O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	int error;

	/* A directory that was removed under us takes no new files. */
	if (fd < 0)
		return errno == ENOENT ? -EAGAIN : errno == ELOOP ? -EPERM : -errno;
	error = take_lock(fd);
	if (!error)
		return fd;
	close(fd);
	return error;
}

int ta_spool_dir_open_left(int base_fd, const char *name, struct ta_spool_dir *ret_dir)
{
	int fd = open_checked(base_fd, name), lock_fd;

	if (fd < 0)
		return fd;
	lock_fd = open_lock(fd);
	if (lock_fd < 0) {
		close(fd);
		return lock_fd;
	}
	*ret_dir = (struct ta_spool_dir){ .fd = fd, .lock_fd = lock_fd };
	return 0;
}

static void write_queue(int lock_fd, const char *queue)
{
	if (ftruncate(lock_fd, 0) == 0)
		dprintf(lock_fd, "%s\n", queue);
}

int ta_spool_dir_open(const char *path, uint64_t identity, uint32_t key, const char *queue,
		      struct ta_spool_dir *ret_dir)
{
	char name[TA_SPOOL_NAME_BYTES];
	int base_fd = open_base(path), error = -EAGAIN;

	if (base_fd < 0)
		return base_fd;
	snprintf(name, sizeof(name), "%016llx-%08x", (unsigned long long)identity, key);
	for (int i = 0; i < LOCK_TRIES && error == -EAGAIN; i++) {
		if (mkdirat(base_fd, name, 0700) != 0 && errno != EEXIST)
			error = -errno;
		else
			error = ta_spool_dir_open_left(base_fd, name, ret_dir);
		if (error == -ENOENT)
			error = -EAGAIN;
	}
	close(base_fd);
	if (!error)
		write_queue(ret_dir->lock_fd, queue);
	return error;
}

void ta_spool_dir_close(struct ta_spool_dir *dir)
{
	if (dir->fd >= 0)
		close(dir->fd);
	if (dir->lock_fd >= 0)
		close(dir->lock_fd);
	*dir = (struct ta_spool_dir){ .fd = -1, .lock_fd = -1 };
}

void ta_spool_dir_replace(struct ta_spool_dir *dir, struct ta_spool_dir *with)
{
	if (dir->fd < 0) {
		*dir = *with;
		return;
	}
	dup3(with->fd, dir->fd, O_CLOEXEC);
	dup3(with->lock_fd, dir->lock_fd, O_CLOEXEC);
	ta_spool_dir_close(with);
}

/* The lock goes last and is held until the directory is gone: who waits for it finds a file
 * without a name. */
void ta_spool_dir_remove(int base_fd, const char *name, const struct ta_spool_dir *dir)
{
	if (unlinkat(dir->fd, LOCK_NAME, 0) == 0)
		unlinkat(base_fd, name, AT_REMOVEDIR);
}

static int add_batch(struct ta_spool_names *names, uint64_t number)
{
	if (names->count == names->capacity) {
		uint32_t capacity = names->capacity ? names->capacity * 2 : 64;
		uint64_t *batches = realloc(names->batches, capacity * sizeof(batches[0]));

		if (!batches)
			return -ENOMEM;
		names->batches = batches;
		names->capacity = capacity;
	}
	names->batches[names->count++] = number;
	return 0;
}

static int list_one(int dir_fd, bool left, const char *name, struct ta_spool_names *names)
{
	enum ta_spool_kind kind;
	uint64_t number;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, LOCK_NAME) == 0)
		return 0;
	if (!ta_spool_file_parse(name, &kind, &number)) {
		names->others++;
		return 0;
	}
	if (kind == TA_SPOOL_BATCH)
		return add_batch(names, number);
	if (kind == TA_SPOOL_BAD && !left)
		names->bad++;
	else if (unlinkat(dir_fd, name, 0) != 0)
		names->others++;
	return 0;
}

int ta_spool_dir_list(int dir_fd, bool left, struct ta_spool_names *ret_names)
{
	int fd = openat(dir_fd, ".", dir_flags), error = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	*ret_names = (struct ta_spool_names){ 0 };
	if (!dir) {
		error = -errno;
		if (fd >= 0)
			close(fd);
		return error;
	}
	while (!error && (entry = readdir(dir)) != NULL)
		error = list_one(dir_fd, left, entry->d_name, ret_names);
	closedir(dir);
	return error;
}

void ta_spool_names_fini(struct ta_spool_names *names)
{
	free(names->batches);
	*names = (struct ta_spool_names){ 0 };
}

void ta_spool_dir_set_aside(int from_fd, uint64_t number, int to_fd, uint64_t to_number,
			    uint32_t *bad)
{
	char from[TA_SPOOL_NAME_BYTES], to[TA_SPOOL_NAME_BYTES];

	ta_spool_file_name(TA_SPOOL_BATCH, number, from);
	ta_spool_file_name(TA_SPOOL_BAD, to_number, to);
	if (*bad < TA_SPOOL_BAD_KEPT && renameat(from_fd, from, to_fd, to) == 0)
		++*bad;
	else
		unlinkat(from_fd, from, 0);
}
