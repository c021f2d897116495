/* SPDX-License-Identifier: MIT */
/*
 * signal_name.c - signals and their codes in words.
 *
 * Codes from the kernel (positive) mean another thing for each signal, those of senders
 * (0 and less) the same for all.
 *
 * Runs: agent, the exporter's thread; the command line.  Pure.
 */
#include "runtime/export/signal_name.h"

#include <signal.h>
#include <stddef.h>

struct row {
	int number; /* 0: any */
	int code;
	struct ta_signal_code words;
};

#define ROW(number, code, text) { number, code, { #code, text } }

static const struct row rows[] = {
	ROW(SIGSEGV, SEGV_MAPERR, "address not mapped"),
	ROW(SIGSEGV, SEGV_ACCERR, "no permission for the address"),
	ROW(SIGSEGV, SEGV_BNDERR, "bounds check failed"),
	ROW(SIGSEGV, SEGV_PKUERR, "denied by a protection key"),
	ROW(SIGBUS, BUS_ADRALN, "address not aligned"),
	ROW(SIGBUS, BUS_ADRERR, "no memory behind the address"),
	ROW(SIGBUS, BUS_OBJERR, "hardware error of the object"),
	ROW(SIGBUS, BUS_MCEERR_AR, "memory error, data was needed"),
	ROW(SIGBUS, BUS_MCEERR_AO, "memory error, data was not needed"),
	ROW(SIGILL, ILL_ILLOPC, "illegal opcode"),
	ROW(SIGILL, ILL_ILLOPN, "illegal operand"),
	ROW(SIGILL, ILL_ILLADR, "illegal addressing mode"),
	ROW(SIGILL, ILL_ILLTRP, "illegal trap"),
	ROW(SIGILL, ILL_PRVOPC, "privileged opcode"),
	ROW(SIGILL, ILL_PRVREG, "privileged register"),
	ROW(SIGILL, ILL_COPROC, "coprocessor error"),
	ROW(SIGILL, ILL_BADSTK, "internal stack error"),
	ROW(SIGFPE, FPE_INTDIV, "integer division by zero"),
	ROW(SIGFPE, FPE_INTOVF, "integer overflow"),
	ROW(SIGFPE, FPE_FLTDIV, "floating point division by zero"),
	ROW(SIGFPE, FPE_FLTOVF, "floating point overflow"),
	ROW(SIGFPE, FPE_FLTUND, "floating point underflow"),
	ROW(SIGFPE, FPE_FLTRES, "floating point inexact result"),
	ROW(SIGFPE, FPE_FLTINV, "invalid floating point operation"),
	ROW(SIGFPE, FPE_FLTSUB, "subscript out of range"),
	ROW(SIGTRAP, TRAP_BRKPT, "breakpoint"),
	ROW(SIGTRAP, TRAP_TRACE, "trace trap"),
	ROW(SIGTRAP, TRAP_BRANCH, "branch trap"),
	ROW(SIGTRAP, TRAP_HWBKPT, "hardware breakpoint or watchpoint"),
	{ SIGSYS, 1, { "SYS_SECCOMP", "forbidden by seccomp" } },
	{ SIGSYS, 2, { "SYS_USER_DISPATCH", "handed to the program" } },
	ROW(0, SI_KERNEL, "from the kernel"),
	ROW(0, SI_USER, "sent by kill"),
	ROW(0, SI_QUEUE, "sent by sigqueue"),
	ROW(0, SI_TIMER, "a timer expired"),
	ROW(0, SI_MESGQ, "a message arrived in a queue"),
	ROW(0, SI_ASYNCIO, "asynchronous I/O completed"),
	ROW(0, SI_SIGIO, "I/O is possible"),
	ROW(0, SI_TKILL, "sent by tgkill"),
};

const char *ta_signal_name(int64_t number)
{
	static const struct {
		int number;
		const char *name;
	} names[] = {
#define NAME(number) { number, #number }
		NAME(SIGHUP),  NAME(SIGINT),	NAME(SIGQUIT), NAME(SIGILL),	NAME(SIGTRAP),
		NAME(SIGABRT), NAME(SIGBUS),	NAME(SIGFPE),  NAME(SIGKILL),	NAME(SIGUSR1),
		NAME(SIGSEGV), NAME(SIGUSR2),	NAME(SIGPIPE), NAME(SIGALRM),	NAME(SIGTERM),
		NAME(SIGCHLD), NAME(SIGCONT),	NAME(SIGSTOP), NAME(SIGTSTP),	NAME(SIGTTIN),
		NAME(SIGTTOU), NAME(SIGURG),	NAME(SIGXCPU), NAME(SIGXFSZ),	NAME(SIGVTALRM),
		NAME(SIGPROF), NAME(SIGWINCH), NAME(SIGIO),   NAME(SIGPWR),	NAME(SIGSYS),
		NAME(SIGSTKFLT),
#undef NAME
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].number == number)
			return names[i].name;
	return NULL;
}

const struct ta_signal_code *ta_signal_code(int64_t number, int64_t code)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].code == code && (!rows[i].number || rows[i].number == number))
			return &rows[i].words;
	return NULL;
}
