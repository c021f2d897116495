/* SPDX-License-Identifier: MIT */
/*
 * abort_message.h - why a program called abort().
 *
 * glibc writes what it prints before it aborts (assert, malloc's checks, fortify, the stack
 * protector) into a variable that is meant for debuggers, __abort_msg.
 *
 * Runs: handlers of SIGABRT; one thread, the one that reports.
 */
#ifndef TA_CORE_ABORT_MESSAGE_H
#define TA_CORE_ABORT_MESSAGE_H

#include <signal.h>
#include <stdint.h>

/* In the constructor: where __abort_msg is; NULL where libc has none. */
void ta_abort_message_init(const void *variable);

/* Type and text of an abort: libc's message, or the C++ exception that nobody caught.
 * What is not known is left as it is.  The texts stay until the process is gone. */
void ta_abort_message(const siginfo_t *info, const void *context, const char **type,
		      const char **text);

#endif
