/* SPDX-License-Identifier: MIT */
/*
 * ucontext.c - libc's coroutines: the context follows the stack that is switched to.
 *
 * getcontext needs no hook: where a thread is, its stack pointer says (core/coroutine.h).
 * swapcontext returns to its caller's stack as it was, our frame included; it may be on
 * another thread by then, so nothing that was looked up before is used after.
 *
 * makecontext takes any number of arguments, in registers and on the stack, which have to
 * arrive as they are: so it is a few lines of assembly that go on in libc.  The end of a
 * coroutine is seen in core/coroutine_end.c.
 *
 * Runs: any host thread, on stacks of 4 KiB.  No locks.
 */
#include "hooks/hook.h"

#include <ucontext.h>

#include "runtime/core/coroutine.h"

void ta_ucontext_makes(const ucontext_t *made) __attribute__((visibility("hidden")));

static __attribute__((noinline)) void note_switch(const ucontext_t *to)
{
	TA_GUARD(guard);
	struct ta_thread *thread = guard.entered ? ta_thread_self() : NULL;

	if (thread)
		ta_coroutine_leave_to(thread, to);
}

static __attribute__((noinline)) int stayed(int result)
{
	TA_GUARD(guard);
	struct ta_thread *thread = guard.entered ? ta_thread_self() : NULL;

	if (thread)
		ta_coroutine_stay(thread);
	return result;
}

void ta_ucontext_makes(const ucontext_t *made)
{
	TA_GUARD(guard);
	struct ta_thread *thread = guard.entered ? ta_thread_self() : NULL;

	if (thread)
		ta_coroutine_make(thread, made);
}

TA_HOOK int swapcontext(ucontext_t *restrict from, const ucontext_t *restrict to)
{
	note_switch(to);
	int result = TA_REAL(swapcontext)(from, to);

	return result == 0 ? 0 : stayed(result);
}

TA_HOOK int setcontext(const ucontext_t *to)
{
	note_switch(to);
	return stayed(TA_REAL(setcontext)(to));
}

#if defined(__x86_64__)
/* The real one is looked up before the arguments are put back. */
const void *ta_ucontext_real_make(void) __attribute__((visibility("hidden")));
const void *ta_ucontext_real_make(void)
{
	return (const void *)(uintptr_t)TA_REAL(makecontext);
}

__asm__(".pushsection .text\n"
	".globl makecontext\n"
	".type makecontext, @function\n"
	".balign 16\n"
	"makecontext:\n"
	".cfi_startproc\n"
	"	endbr64\n"
	"	pushq %rdi\n"
	"	pushq %rsi\n"
	"	pushq %rdx\n"
	"	pushq %rcx\n"
	"	pushq %r8\n"
	"	pushq %r9\n"
	"	pushq %rax\n"
	".cfi_adjust_cfa_offset 56\n"
	"	call ta_ucontext_makes\n"
	"	call ta_ucontext_real_make\n"
	"	movq %rax, %r11\n"
	"	popq %rax\n"
	"	popq %r9\n"
	"	popq %r8\n"
	"	popq %rcx\n"
	"	popq %rdx\n"
	"	popq %rsi\n"
	"	popq %rdi\n"
	".cfi_adjust_cfa_offset -56\n"
	"	jmp *%r11\n"
	".cfi_endproc\n"
	".size makecontext, .-makecontext\n"
	".popsection\n");
#else
/* As many arguments as anybody has been seen to pass. */
TA_HOOK void makecontext(ucontext_t *made, void (*run)(void), int count, ...)
{
	va_list list;
	long a[16];

	va_start(list, count);
	for (int at = 0; at < 16; at++)
		a[at] = at < count ? va_arg(list, long) : 0;
	va_end(list);
	ta_ucontext_makes(made);
	TA_REAL(makecontext)(made, run, count, a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8],
			     a[9], a[10], a[11], a[12], a[13], a[14], a[15]);
}
#endif
