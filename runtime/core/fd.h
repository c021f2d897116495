/* SPDX-License-Identifier: MIT */
/*
 * fd.h - what each file descriptor number stands for.
 *
 * One 64-bit word a number: kind, pool index, generation.  0 is "not ours", and
 * that is one load on the hot path of every hooked call.  Whatever makes a new fd
 * overwrites the word of its number (a close may go unseen: raw system call,
 * fclose, io_uring), so a binding never outlives the number's reuse.
 *
 * Runs: any host thread, signal handlers.  No locks.
 */
#ifndef TA_CORE_FD_H
#define TA_CORE_FD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum ta_fd_kind {
	TA_FD_NONE,
	TA_FD_CONN,
	TA_FD_LISTENER,
	TA_FD_HOP,    /* an eventfd, a timerfd, a pipe: the number of the end that is read from */
	TA_FD_SOCKET, /* a stream socket that is not connected yet; nothing is kept for it */
};

extern _Atomic uint64_t *ta_fds __attribute__((visibility("hidden"))); /* ta_fd_count words; none while we are quiet */
extern uint32_t ta_fd_count __attribute__((visibility("hidden")));

static inline uint64_t ta_fd_word(enum ta_fd_kind kind, uint32_t index, uint32_t generation)
{
	return (uint64_t)kind << 56 | (uint64_t)index << 32 | generation;
}

static inline enum ta_fd_kind ta_fd_kind(uint64_t word)
{
	return (enum ta_fd_kind)(word >> 56);
}

static inline uint32_t ta_fd_index(uint64_t word)
{
	return (uint32_t)(word >> 32) & 0xffffffu;
}

/* The word of fd; 0 also for negative and very large numbers. */
static inline uint64_t ta_fd_get(int fd)
{
	return (unsigned int)fd < ta_fd_count
		       ? atomic_load_explicit(&ta_fds[fd], memory_order_relaxed)
		       : 0;
}

/* The number is going away or has been made anew: drops what was bound to it.
 * Must be called before the real close.  Needs no guard. */
void ta_fd_forget_slow(int fd, uint64_t word);

static inline void ta_fd_forget(int fd)
{
	uint64_t word = ta_fd_get(fd);

	if (__builtin_expect(word != 0, 0))
		ta_fd_forget_slow(fd, word);
}

/* fd now stands for word; what it stood for before is dropped. */
void ta_fd_bind(int fd, uint64_t word);

/* All numbers from first to last; for close_range, closefrom. */
void ta_fd_forget_range(unsigned int first, unsigned int last);

/* to is now a duplicate of from (dup, dup2, F_DUPFD ...). */
void ta_fd_duplicated(int from, int to);

/* fd listens: remembers its local address for the connections it will accept. */
void ta_fd_listening(int fd);

#endif
