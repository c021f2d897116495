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
