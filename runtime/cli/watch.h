/* SPDX-License-Identifier: MIT */
/*
 * watch.h - what happens to the segments of one key while a program runs.
 *
 * Sees them appear (inotify), so that their loss counters can be read after the
 * agent has removed the files, and tells when the agent is through with them.
 * All descriptors close on exec.  Without inotify only losses go unseen.
 */
#ifndef TA_CLI_WATCH_H
#define TA_CLI_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/wire/segment.h"

#define TA_CLI_WATCH_FILES 64

struct ta_cli_watch {
	int fd; /* readable when a segment appeared; -1: none */
	const char *dir;
	uint32_t key;
	int count;
	int files[TA_CLI_WATCH_FILES];
};

void ta_cli_watch_start(struct ta_cli_watch *watch, const char *dir, uint32_t key);

/* Takes note of the segments that appeared.  Never blocks. */
void ta_cli_watch_update(struct ta_cli_watch *watch);

/* How many segments the agent still has to finish, at a time when the program
 * ended at ended_ns.  Segments that living processes use are not waited for;
 * *ret_living gets how many such processes there are. */
int ta_cli_watch_pending(const struct ta_cli_watch *watch, uint64_t ended_ns,
			 uint32_t *ret_living);

/* Whether a process of this pid made a segment that is still there. */
bool ta_cli_watch_has(const struct ta_cli_watch *watch, int pid);

/* Adds up the loss counters of all segments seen. */
void ta_cli_watch_lost(const struct ta_cli_watch *watch, uint64_t ret_lost[TA_LOSS_COUNT]);

#endif
