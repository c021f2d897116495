/* SPDX-License-Identifier: MIT */
/*
 * lock.h - one agent per key and run directory.
 *
 * The lock is flock() on KKKKKKKK.agent.  It belongs to the open file, so it
 * passes to children and is gone when the last of them is.
 *
 * Runs: agent, cli.
 */
#ifndef TA_AGENT_LOCK_H
#define TA_AGENT_LOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Returns 0, -EWOULDBLOCK when an agent lives, or another -errno. */
int ta_lock_take(int dir_fd, uint32_t key, int *ret_fd);
/* The same with the lock that whoever started us has taken for us; -EBADF when
 * inherited_fd is no such thing. */
int ta_lock_inherited(int dir_fd, uint32_t key, int inherited_fd, int *ret_fd);
void ta_lock_release(int fd);
int ta_lock_again(int fd);

/* Whether the locked file is no longer the one that others would find. */
bool ta_lock_stale(int dir_fd, uint32_t key, int fd);

#endif
