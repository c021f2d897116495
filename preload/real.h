/* SPDX-License-Identifier: MIT */
/*
 * real.h - the functions behind the hooks, made of hooks.def.
 *
 * Filled by the constructor with dlsym(RTLD_NEXT).  A call that comes earlier
 * (another object's constructor) fills the table first; the few that must stay
 * async-signal-safe even then (close, read, write) start out as raw system calls.
 * A name that this libc lacks answers ENOSYS: nobody can have linked against it.
 */
#ifndef TA_PRELOAD_REAL_H
#define TA_PRELOAD_REAL_H

#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <ucontext.h>

struct ta_real {
#define HOOK(family, symbol, result, parameters) result(*symbol) parameters;
#define HOOK_VA HOOK
#define HOOK_ASM(family, symbol)
#define HOOK_OLD(family, symbol, version, newer, result, parameters) result(*old_##symbol) parameters;
#include "hooks/hooks.def"
#undef HOOK
#undef HOOK_VA
#undef HOOK_ASM
};

extern struct ta_real ta_real __attribute__((visibility("hidden")));

/* Looks every name up; safe to call again.  Not async-signal-safe. */
void ta_real_resolve(void);

#define TA_REAL(name)                                                                              \
	(*({                                                                                       \
		if (__builtin_expect(ta_real.name == NULL, 0))                                     \
			ta_real_resolve();                                                         \
		ta_real.name;                                                                      \
	}))

#endif
