/* SPDX-License-Identifier: MIT */
/*
 * spool_dir.h - directories of spools: DIR/IDENTITY-KEY/, made, checked, locked, listed.
 *
 * A directory belongs to who holds the lock (flock) on its file "lock".  The lock goes with
 * the last process that has the file open, so it follows a fork and ends with a kill -9.
 * The file says for people which queue this is.
 *
 * Runs: agent, under the spool's lock.  Errors are -errno.
 */
#ifndef TA_EXPORT_SPOOL_DIR_H
#define TA_EXPORT_SPOOL_DIR_H

#include "runtime/export/spool_file.h"

#define TA_SPOOL_BAD_KEPT 4u

struct ta_spool_dir {
	int fd, lock_fd; /* -1: not open */
};

/* IDENTITY-KEY of the base directory at path, which is made when missing.  -EBUSY: somebody
 * else has it. */
int ta_spool_dir_open(const char *path, uint64_t identity, uint32_t key, const char *queue,
		      struct ta_spool_dir *ret_dir);
void ta_spool_dir_close(struct ta_spool_dir *dir);

/* In place of an open one: other threads keep the numbers that they know. */
void ta_spool_dir_replace(struct ta_spool_dir *dir, struct ta_spool_dir *with);

/* A directory in the same base, by its name, if nobody has it: -EBUSY.  Nothing is made but
 * the lock. */
int ta_spool_dir_open_left(int base_fd, const char *name, struct ta_spool_dir *ret_dir);

/* Removes the directory of that name, which is dir, if nothing but its lock is in it. */
void ta_spool_dir_remove(int base_fd, const char *name, const struct ta_spool_dir *dir);

struct ta_spool_names {
	uint64_t *batches; /* numbers */
	uint32_t count, capacity;
	uint32_t bad;	 /* files that were set aside */
	uint32_t others; /* everything else but the lock: left alone */
};

/* What is in it.  Files that were never finished are removed; left: and those that were set
 * aside.  -ENOMEM: some are missing. */
int ta_spool_dir_list(int dir_fd, bool left, struct ta_spool_names *ret_names);
void ta_spool_names_fini(struct ta_spool_names *names);

/* Sets a damaged file aside as one of to_fd, or removes it if there are enough of them. */
void ta_spool_dir_set_aside(int from_fd, uint64_t number, int to_fd, uint64_t to_number,
			    uint32_t *bad);

#endif
