/* SPDX-License-Identifier: MIT */
/*
 * coroutine_end.c - the return from a coroutine's function, caught and passed on.
 *
 * glibc's makecontext leaves a return address below the arguments, and in rbx the address
 * where it has put uc_link; its continuation wants both as they were.  With a shadow stack a
 * return address may not be changed.  What is not seen to end keeps its contexts until its
 * memory is used again.
 *
 * Runs: see coroutine_end.h.
 */
#include "runtime/core/coroutine_end.h"

#include <stdbool.h>

#include "runtime/core/coroutine.h"
#include "runtime/core/thread.h"

#if defined(__x86_64__)
static void (*libc_goes_on)(void);

void ta_coroutine_returned(void) __attribute__((visibility("hidden")));
const void *ta_coroutine_ends(const ucontext_t *link) __attribute__((visibility("hidden")));

/* The address that libc's assembly goes on at. */
const void *ta_coroutine_ends(const ucontext_t *link)
{
	TA_GUARD(guard);
	struct ta_thread *thread = guard.entered ? ta_thread_self() : NULL;

	if (thread)
		ta_coroutine_finish(thread, link);
	return (const void *)(uintptr_t)libc_goes_on;
}

/* The nop is for unwinders, which look at the byte before a return address: the stack ends
 * here. */
__asm__(".pushsection .text\n"
	".globl ta_coroutine_returned\n"
	".hidden ta_coroutine_returned\n"
	".type ta_coroutine_returned, @function\n"
	".cfi_startproc\n"
	".cfi_undefined rip\n"
	"	nop\n"
	"ta_coroutine_returned:\n"
	"	movq (%rbx), %rdi\n"
	"	call ta_coroutine_ends\n"
	"	jmp *%rax\n"
	".cfi_endproc\n"
	".size ta_coroutine_returned, .-ta_coroutine_returned\n"
	".popsection\n");

static bool has_shadow_stack(void)
{
	uint32_t features;

	__asm__("movl %%fs:0x48, %0" : "=r"(features));
	return features & 2;
}

static bool is_slot(uintptr_t at, uintptr_t high)
{
	return at % sizeof(uintptr_t) == 0 && at != 0 && at <= high - sizeof(uintptr_t);
}

void ta_coroutine_see_end(uintptr_t high, const ucontext_t *made)
{
	uintptr_t *slot = (uintptr_t *)ta_saved_stack(made);
	uintptr_t link = (uintptr_t)made->uc_mcontext.gregs[REG_RBX];
	uintptr_t known = (uintptr_t)libc_goes_on;

	if (has_shadow_stack() || !is_slot((uintptr_t)slot, high) || !is_slot(link, high) ||
	    link < (uintptr_t)slot || *(const uintptr_t *)link != (uintptr_t)made->uc_link ||
	    (known && *slot != known))
		return;
	libc_goes_on = (void (*)(void))*slot;
	*slot = (uintptr_t)ta_coroutine_returned;
}
#else
void ta_coroutine_see_end(uintptr_t high, const ucontext_t *made)
{
	(void)high;
	(void)made;
}
#endif
