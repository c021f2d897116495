/* SPDX-License-Identifier: MIT */
/*
 * lock.c - one agent per key and run directory.
 *
 * Programs try the lock to see whether an agent lives, and hold it for a moment
 * when none does; so a lock that is taken is tried again a few times.
 *
 * Runs: agent, cli.
 */
#include "runtime/agent/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TRIES 10
#define PAUSE_NS 2000000

static void name_of(uint32_t key, char out[32])
{
	snprintf(out, 32, "%08x.agent", key);
}

int ta_lock_again(int fd)
{
	struct timespec pause = { .tv_nsec = PAUSE_NS };

	for (int i = 0; i < TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		nanosleep(&pause, NULL);
	}
	return -EWOULDBLOCK;
}

bool ta_lock_stale(int dir_fd, uint32_t key, int fd)
{
	char name[32];
	struct stat held, found;

	name_of(key, name);
	return fstat(fd, &held) != 0 || fstatat(dir_fd, name, &found, AT_SYMLINK_NOFOLLOW) != 0 ||
	       held.st_ino != found.st_ino || held.st_dev != found.st_dev;
}

int ta_lock_take(int dir_fd, uint32_t key, int *ret_fd)
{
	char name[32];

	name_of(key, name);
	for (int i = 0; i < TRIES; i++) {
		int fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
				0600);

		if (fd < 0)
			return -errno;
		int error = ta_lock_again(fd);

		if (!error && !ta_lock_stale(dir_fd, key, fd)) {
			*ret_fd = fd;
			return 0;
		}
		close(fd);
		if (error)
			return error;
	}
	return -EWOULDBLOCK;
}

int ta_lock_inherited(int dir_fd, uint32_t key, int inherited_fd, int *ret_fd)
{
	if (inherited_fd <= 0 || flock(inherited_fd, LOCK_EX | LOCK_NB) != 0 ||
	    ta_lock_stale(dir_fd, key, inherited_fd))
		return -EBADF;
	fcntl(inherited_fd, F_SETFD, FD_CLOEXEC);
	*ret_fd = inherited_fd;
	return 0;
}

void ta_lock_release(int fd)
{
	flock(fd, LOCK_UN);
}
