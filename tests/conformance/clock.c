/* SPDX-License-Identifier: MIT */
/*
 * clock.c - the clock of the test agent: the real one, and as much ahead of it as
 * a file in the run directory says.  Stands in for runtime/agent/clock.c.
 *
 * Runs: agent, any thread.
 */
#include "runtime/agent/clock.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/conformance/replay.h"

static _Atomic uint64_t *map_offset(void)
{
	static _Atomic uint64_t none;
	const char *dir = getenv("TAGALONG_RUN_DIR");
	char path[4096];
	void *offset;
	int fd;

	snprintf(path, sizeof(path), "%s/" CLOCK_FILE, dir ? dir : ".");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return &none;
	offset = mmap(NULL, sizeof(none), PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	return offset == MAP_FAILED ? &none : offset;
}

uint64_t ta_agent_now_ns(void)
{
	static _Atomic uint64_t *_Atomic mapped;
	_Atomic uint64_t *offset = atomic_load(&mapped);

	if (!offset) {
		offset = map_offset();
		atomic_store(&mapped, offset);
	}
	return ta_host_now_ns() + atomic_load(offset);
}
