/* SPDX-License-Identifier: MIT */
/*
 * said.c - the string that libc's __abort_msg points to.
 *
 * glibc keeps it for debuggers: struct { unsigned int bytes; char text[]; }.
 *
 * Runs: tagalong-stacks, one thread.
 */
#include "runtime/stacks/said.h"

#include <string.h>

static const struct ta_place *find_libc(const struct ta_space *space)
{
	for (size_t i = 0; i < space->count; i++) {
		const char *slash = strrchr(space->places[i].path, '/');

		if (space->places[i].object && slash &&
		    (strcmp(slash, "/libc.so.6") == 0 || strncmp(slash, "/libc-2.", 8) == 0))
			return &space->places[i];
	}
	return NULL;
}

void ta_abort_message(const struct ta_space *space, uint32_t pid, char text[TA_SAID_MAX])
{
	const struct ta_place *libc = find_libc(space);
	uint64_t symbol = libc ? ta_object_symbol(libc->object, "__abort_msg") : 0, at = 0;
	size_t bytes = 0;
	uint32_t length;

	text[0] = '\0';
	if (!symbol || ta_memory_of(pid, libc->base + symbol, &at, sizeof(at)) != sizeof(at) || !at ||
	    ta_memory_of(pid, at, &length, sizeof(length)) != sizeof(length))
		return;
	if (length > TA_SAID_MAX - 1)
		length = TA_SAID_MAX - 1;
	bytes = ta_memory_of(pid, at + sizeof(length), text, length);
	text[bytes] = '\0';
	bytes = strlen(text);
	while (bytes && text[bytes - 1] == '\n')
		text[--bytes] = '\0';
}
