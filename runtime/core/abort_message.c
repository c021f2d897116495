/* SPDX-License-Identifier: MIT */
/*
 * abort_message.c - why a program called abort().
 *
 * Where libc has said why, C++ is not asked: malloc's checks may hold malloc's lock.
 *
 * Runs: handlers of SIGABRT; one thread, the one that reports.
 */
#include "runtime/core/abort_message.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <ucontext.h>

#include "runtime/core/cxx_uncaught.h"
#include "runtime/core/peek.h"
#include "runtime/core/sys.h"

#define MESSAGE_MAX 512u
#define MESSAGE_AT sizeof(unsigned int) /* behind its size */

static uintptr_t variable;
static char message[MESSAGE_MAX];
static struct ta_cxx_exception exception;

void ta_abort_message_init(const void *found)
{
	variable = (uintptr_t)found;
}

/* What libc printed, without its last line break. */
static bool read_message(void)
{
	uintptr_t at;

	if (!variable || !ta_peek_word(&at, variable) || !at)
		return false;
	size_t bytes = ta_peek_text(message, sizeof(message), at + MESSAGE_AT);

	while (bytes && (message[bytes - 1] == '\n' || message[bytes - 1] == ' '))
		message[--bytes] = '\0';
	return bytes != 0;
}

static uintptr_t stack_of(const ucontext_t *context)
{
#if defined(__x86_64__)
	return (uintptr_t)context->uc_mcontext.gregs[REG_RSP];
#else
	return (uintptr_t)context->uc_mcontext.sp;
#endif
}

/* abort() and raise() send to their own thread; another sender knows nothing of us. */
static bool is_own(const siginfo_t *info)
{
	return info->si_code == SI_TKILL && info->si_pid == (pid_t)ta_sys(SYS_getpid);
}

void ta_abort_message(const siginfo_t *info, const void *context, const char **type,
		      const char **text)
{
	if (!is_own(info))
		return;
	if (read_message()) {
		*text = message;
		return;
	}
	if (!ta_cxx_uncaught(stack_of(context), &exception))
		return;
	if (exception.type[0]) {
		*type = exception.type;
		*text = exception.message;
	} else {
		*text = "terminate called without an active exception";
	}
}
