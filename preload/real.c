/* SPDX-License-Identifier: MIT */
/*
 * real.c - looking up what is behind the hooks.
 *
 * Runs: constructor, or the first hook that is called before it.  No locks of
 * ours; dlsym takes the loader's.
 */
#include "preload/real.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>

#include "preload/baseline.h"
#include "runtime/core/sys.h"

static long as_libc(long result)
{
	if (result < 0 && result > -4096) {
		errno = (int)-result;
		return -1;
	}
	return result;
}

static int raw_close(int fd)
{
	return (int)as_libc(ta_sys(SYS_close, fd));
}

static ssize_t raw_read(int fd, void *data, size_t bytes)
{
	return as_libc(ta_sys(SYS_read, fd, data, bytes));
}

static ssize_t raw_write(int fd, const void *data, size_t bytes)
{
	return as_libc(ta_sys(SYS_write, fd, data, bytes));
}

struct ta_real ta_real = { .close = raw_close,
			   .__close = raw_close,
			   .read = raw_read,
			   .__read = raw_read,
			   .write = raw_write,
			   .__write = raw_write };

/* Stands for a name that this libc does not have. */
static long missing(void)
{
	errno = ENOSYS;
	return -1;
}

/* A name that is missing keeps its raw call, if it has one. */
static void put(void **slot, void *found)
{
	if (found)
		*slot = found;
	else if (*slot == NULL)
		*slot = (void *)missing;
}

/* libc's older one; but a library that stands before libc and has the name, without versions, has it
 * for everybody (a sanitizer's runtime). */
static void *older(const char *name, const char *version, const char *newer)
{
	void *next = dlsym(RTLD_NEXT, name);

	return dlvsym && next == dlvsym(RTLD_NEXT, name, newer) ? dlvsym(RTLD_NEXT, name, version) : next;
}

void ta_real_resolve(void)
{
	int saved_errno = errno;

#define HOOK(family, symbol, result, parameters)                                                    \
	put((void **)(void *)&ta_real.symbol, dlsym(RTLD_NEXT, #symbol));
#define HOOK_VA HOOK
#define HOOK_ASM(family, symbol)
#define HOOK_OLD(family, symbol, version, newer, result, parameters)                                \
	put((void **)(void *)&ta_real.old_##symbol, older(#symbol, #version, #newer));
#include "hooks/hooks.def"
#undef HOOK
#undef HOOK_VA
#undef HOOK_ASM
	errno = saved_errno;
}
