/* SPDX-License-Identifier: MIT */
/*
 * open.c - files that are opened: only their numbers matter.
 *
 * A number that was bound to a connection and closed unseen is free for other
 * use; opening a file is how that is noticed most often.  The optional mode is
 * passed on untouched, whether the caller gave one or not.
 *
 * Runs: any host thread, signal handlers.  No locks, no guard.
 */
#include "hooks/hook.h"

#include <stdarg.h>
#include <sys/stat.h>

/* <fcntl.h> turns these names into others or checks their arguments. */
#define OPEN(name)                                                                                 \
	TA_HOOK int name(const char *path, int flags, ...);                                        \
	TA_HOOK int name(const char *path, int flags, ...)                                         \
	{                                                                                          \
		va_list list;                                                                      \
                                                                                                   \
		va_start(list, flags);                                                             \
		mode_t mode = va_arg(list, mode_t);                                                \
		va_end(list);                                                                      \
		return ta_fd_made(TA_REAL(name)(path, flags, mode));                               \
	}

#define OPENAT(name)                                                                               \
	TA_HOOK int name(int dir, const char *path, int flags, ...);                               \
	TA_HOOK int name(int dir, const char *path, int flags, ...)                                \
	{                                                                                          \
		va_list list;                                                                      \
                                                                                                   \
		va_start(list, flags);                                                             \
		mode_t mode = va_arg(list, mode_t);                                                \
		va_end(list);                                                                      \
		return ta_fd_made(TA_REAL(name)(dir, path, flags, mode));                          \
	}

OPEN(open)
OPEN(open64)
OPEN(__open)
OPEN(__open64)
OPENAT(openat)
OPENAT(openat64)

#define OPEN_2(name)                                                                               \
	TA_HOOK int name(const char *path, int flags);                                             \
	TA_HOOK int name(const char *path, int flags)                                              \
	{                                                                                          \
		return ta_fd_made(TA_REAL(name)(path, flags));                                     \
	}

#define OPENAT_2(name)                                                                             \
	TA_HOOK int name(int dir, const char *path, int flags);                                    \
	TA_HOOK int name(int dir, const char *path, int flags)                                     \
	{                                                                                          \
		return ta_fd_made(TA_REAL(name)(dir, path, flags));                                \
	}

OPEN_2(__open_2)
OPEN_2(__open64_2)
OPENAT_2(__openat_2)
OPENAT_2(__openat64_2)

#define CREAT(name)                                                                                \
	TA_HOOK int name(const char *path, mode_t mode);                                           \
	TA_HOOK int name(const char *path, mode_t mode)                                            \
	{                                                                                          \
		return ta_fd_made(TA_REAL(name)(path, mode));                                      \
	}

CREAT(creat)
CREAT(creat64)
