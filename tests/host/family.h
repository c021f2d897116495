/* SPDX-License-Identifier: MIT */
/*
 * family.h - one call of a hook, with errno watched, with the heap watched, or on a small stack of
 * its own whose page below is painted and must stay as it was.  For families*.c.
 */
#ifndef TAGALONG_TEST_FAMILY_H
#define TAGALONG_TEST_FAMILY_H

#include <sys/mman.h>
#include <ucontext.h>

#include "victim.h"

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static int heap_calls;

void *malloc(size_t size) { heap_calls++; return __libc_malloc(size); }
void *calloc(size_t count, size_t size) { heap_calls++; return __libc_calloc(count, size); }
void *realloc(void *old, size_t size) { heap_calls++; return __libc_realloc(old, size); }
void *memalign(size_t align, size_t size) { heap_calls++; return __libc_memalign(align, size); }
void *aligned_alloc(size_t align, size_t size) { heap_calls++; return __libc_memalign(align, size); }
void free(void *old) { __libc_free(old); }

#define LIGHT 0
#define HEAVY 32768 /* what libc may need by itself: stdio, loader, resolver, a child's start */

struct call {
	const char *name;
	long (*run)(void);
	size_t more;
};
#define ROW(name) {#name, name, LIGHT}
#define BIG(name) {#name, name, HEAVY}

static void with_errno(const struct call *call)
{
	long result;
	int error;

	errno = ERRNO_MARK;
	result = call->run();
	error = errno;
	say("%s = %ld, errno %s\n", call->name, result, errno_word(error));
}

static void with_heap(const struct call *call)
{
	int before = heap_calls;

	call->run();
	say("%s: %d heap calls\n", call->name, heap_calls - before);
}

/* ---- on a stack of its own ---- */

#define STACK 4096
#define GUARD 4096

static ucontext_t scheduler, routine;
static const struct call *current;
static volatile long outcome;

static void run_current(void)
{
	outcome = current->run();
}

static void on_stack(const struct call *call)
{
	size_t size = GUARD + STACK + call->more;
	volatile size_t written = 0;
	unsigned char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	NEED(memory != MAP_FAILED);
	memset(memory, 0xa5, GUARD);
	NEED(getcontext(&routine) == 0);
	routine.uc_stack.ss_sp = memory + GUARD;
	routine.uc_stack.ss_size = size - GUARD;
	routine.uc_link = &scheduler;
	current = call;
	makecontext(&routine, run_current, 0);
	NEED(swapcontext(&scheduler, &routine) == 0);
	for (size_t at = 0; at < GUARD; at++)
		written += memory[at] != 0xa5;
	say("%s = %ld, %zu bytes below the stack\n", call->name, outcome, written);
	munmap(memory, size);
}

static void all_calls(const char *how, const struct call *calls, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(how, "errno"))
			with_errno(&calls[i]);
		if (!strcmp(how, "heap"))
			with_heap(&calls[i]);
		if (!strcmp(how, "stack"))
			on_stack(&calls[i]);
	}
}

#endif
