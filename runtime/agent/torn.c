/* SPDX-License-Identifier: MIT */
/*
 * torn.c - segments whose file is cut short while they are mapped; see torn.h.
 *
 * Runs: agent, a signal handler of the thread that reads segments.  The fault is its own access,
 * so the list of segments is not being changed at that moment.
 */
#include "runtime/agent/torn.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>

static struct ta_segments *watched;

static struct ta_mapped *find(uintptr_t address)
{
	TA_LIST_EACH(at, &watched->mapped) {
		struct ta_mapped *mapped = TA_CONTAINER(at, struct ta_mapped, link);
		uintptr_t start = (uintptr_t)mapped->shared;

		if (address >= start && address - start < mapped->mapped_bytes)
			return mapped;
	}
	return NULL;
}

/* From the page of the fault to the end: what comes later is gone as well. */
static bool put_zeros(struct ta_mapped *mapped, uintptr_t address)
{
	uintptr_t page = address & ~(uintptr_t)(TA_WIRE_PAGE - 1);
	size_t bytes = (uintptr_t)mapped->shared + mapped->mapped_bytes - page;

	mapped->torn = true;
	return mmap((void *)page, bytes, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
}

static void on_bus_error(int number, siginfo_t *info, void *context)
{
	uintptr_t address = (uintptr_t)info->si_addr;
	int saved_errno = errno;
	struct ta_mapped *mapped = find(address);

	(void)context;
	if (!mapped || !put_zeros(mapped, address))
		signal(number, SIG_DFL); /* it comes again when we return */
	errno = saved_errno;
}

void ta_torn_watch(struct ta_segments *segments)
{
	struct sigaction action = { .sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO };

	watched = segments;
	sigaction(SIGBUS, &action, NULL);
}
