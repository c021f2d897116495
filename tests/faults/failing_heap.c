/* SPDX-License-Identifier: MIT */
/*
 * failing_heap.c - an allocator to be preloaded whose call number FAIL_AT fails, and with
 * FAIL_ALL=1 every one after it; with FAIL_EVERY=N every Nth one from there on.
 *
 * Calls are counted from the last constructor on: what the dynamic linker takes before that
 * depends on how many libraries there are.  FAIL_EARLY=1: every one before that fails, so far
 * as there is an environment to read.
 */
#include <errno.h>
#include <stdlib.h>
#include <stdatomic.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static atomic_long left = -1; /* calls that still work; negative: no end */
static long every; /* 0: once */
static int is_all, is_armed;
extern char **environ;

/* The last constructor before main: a preloaded library's run in the order of their need. */
__attribute__((constructor(65535))) static void arm(void)
{
	const char *at = getenv("FAIL_AT"), *all = getenv("FAIL_ALL"), *often = getenv("FAIL_EVERY");

	is_armed = 1;
	every = often ? atol(often) : 0;
	is_all = all != NULL;
	if (at)
		left = atol(at);
}

static int fails(void)
{
	long before = atomic_load(&left);

	if (!is_armed)
		return environ && getenv("FAIL_EARLY") != NULL;
	if (before < 0)
		return 0;
	before = atomic_fetch_sub(&left, 1);
	if (before > 1)
		return 0;
	if (is_all || every)
		atomic_store(&left, is_all ? 1 : every);
	if (before == 1 || is_all) {
		errno = ENOMEM;
		return 1;
	}
	return 0;
}

void *malloc(size_t size) { return fails() ? NULL : __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return fails() ? NULL : __libc_calloc(count, size); }
void *realloc(void *old, size_t size) { return fails() ? NULL : __libc_realloc(old, size); }
void *memalign(size_t align, size_t size) { return fails() ? NULL : __libc_memalign(align, size); }
void *aligned_alloc(size_t align, size_t size) { return fails() ? NULL : __libc_memalign(align, size); }

int posix_memalign(void **ret, size_t align, size_t size)
{
	if (fails())
		return ENOMEM;
	*ret = __libc_memalign(align, size);
	return *ret ? 0 : ENOMEM;
}
