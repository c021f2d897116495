/* SPDX-License-Identifier: MIT */
/*
 * peek.c - memory of our own process that may not be there.
 *
 * Runs: signal handlers, any host thread.
 */
#include "runtime/core/peek.h"

#include <string.h>
#include <sys/uio.h>

#include "runtime/core/sys.h"

#define LINE 64u /* never crosses a page when it is aligned */

bool ta_peek(void *to, uintptr_t from, size_t bytes)
{
	struct iovec local = { to, bytes }, remote = { (void *)from, bytes };
	long pid = ta_sys(SYS_getpid);

	return ta_sys(SYS_process_vm_readv, pid, &local, 1, &remote, 1, 0) == (long)bytes;
}

size_t ta_peek_text(char *to, size_t to_bytes, uintptr_t from)
{
	size_t used = 0;

	while (used < to_bytes - 1) {
		size_t step = LINE - (from + used) % LINE;

		if (step > to_bytes - 1 - used)
			step = to_bytes - 1 - used;
		if (!ta_peek(to + used, from + used, step))
			break;
		const char *end = memchr(to + used, '\0', step);

		if (end)
			return (size_t)(end - to);
		used += step;
	}
	to[used] = '\0';
	return used;
}
