/* SPDX-License-Identifier: MIT */
/*
 * exit.c - the process ends in an orderly way.
 *
 * exit() and a return from main reach the library's destructor (preload/init.c);
 * these three go around it.  The end is one record; it waits only if the user
 * asked for that (TAGALONG_EXIT_WAIT_MS).
 *
 * Runs: any host thread, signal handlers, vfork children (which pass through).
 */
#include "hooks/hook.h"

#include <stdlib.h>
#include <unistd.h>

static void note_ending(int status)
{
	if (!ta_runtime.enabled || ta_tls.passive)
		return;
	ta_process_check();
	ta_process_ending(status);
}

TA_HOOK void _exit(int status)
{
	note_ending(status);
	TA_REAL(_exit)(status);
	__builtin_unreachable();
}

TA_HOOK void _Exit(int status)
{
	note_ending(status);
	TA_REAL(_Exit)(status);
	__builtin_unreachable();
}

TA_HOOK void quick_exit(int status)
{
	note_ending(status);
	TA_REAL(quick_exit)(status);
	__builtin_unreachable();
}

#if defined(__x86_64__) || defined(__aarch64__)
/* Before glibc 2.24: destructors of thread-local objects run, too. */
#if defined(__x86_64__)
TA_OLD(quick_exit, GLIBC_2.10);
#else
TA_OLD(quick_exit, GLIBC_2.17);
#endif
TA_HOOK void ta_old_quick_exit(int status)
{
	note_ending(status);
	TA_REAL(old_quick_exit)(status);
	__builtin_unreachable();
}
#endif
