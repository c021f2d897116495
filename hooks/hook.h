/* SPDX-License-Identifier: MIT */
/*
 * hook.h - what every hook family includes.
 *
 * A hook is a pair: the outer function has libc's shape and calls the real one
 * first, outside the guard; the inner one tells the runtime and puts errno back.
 * A hook whose fd is not ours costs one load and a branch.
 */
#ifndef TA_HOOKS_HOOK_H
#define TA_HOOKS_HOOK_H

#include "preload/real.h"
#include "runtime/core/fd.h"
#include "runtime/core/runtime.h"
#include "runtime/core/thread.h"

#define TA_HOOK __attribute__((visibility("default")))
#define TA_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* ta_old_SYMBOL(), defined below it, is what a caller gets that was linked with symbol@version (HOOK_OLD). */
#define TA_OLD(symbol, version) __asm__(".symver ta_old_" #symbol ", " #symbol "@" #version)

#define HOOK(family, symbol, result, parameters)
#define HOOK_VA HOOK
#define HOOK_ASM(family, symbol)
#define HOOK_OLD(family, symbol, version, newer, result, parameters) result ta_old_##symbol parameters;
#include "hooks/hooks.def"
#undef HOOK
#undef HOOK_VA
#undef HOOK_ASM

/* The word of an fd that is bound to a connection, else 0. */
static inline uint64_t ta_conn_word(int fd)
{
	uint64_t word = ta_fd_get(fd);

	return TA_UNLIKELY(word != 0) && ta_fd_kind(word) == TA_FD_CONN ? word : 0;
}

/* A call returned a number that did not exist before: what we knew of it is old. */
static inline int ta_fd_made(int fd)
{
	if (fd >= 0)
		ta_fd_forget(fd);
	return fd;
}

#endif
