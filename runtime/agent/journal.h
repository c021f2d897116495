/* SPDX-License-Identifier: MIT */
/*
 * journal.h - the agent's events on file, so that a killed agent loses nothing
 * and repeats nothing.
 *
 * Events are gathered with ta_journal_put() and written with one write().  What
 * they stand for (lane tails, appends to the output) may only happen after the
 * write.  No fsync: the journal is for a killed process, not for a crashed
 * machine.  Files are KKKKKKKK.journal-N beside the segments; only the highest
 * N counts, and it becomes visible complete.
 *
 * Without room for it the agent goes on without a journal, and tries again.
 *
 * Runs: agent, one thread.
 */
#ifndef TA_AGENT_JOURNAL_H
#define TA_AGENT_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/agent/state.h"
#include "runtime/export/buf.h"

struct ta_journal {
	int dir_fd; /* the caller's */
	int fd;	    /* -1: none at the moment */
	int retired_fd; /* of the file before, removed: the last to close it frees its pages */
	uint32_t key;
	uint64_t number;
	uint64_t bytes;	    /* in the file */
	uint64_t new_bytes; /* since it was begun, without its snapshot */
	int error;	    /* why there is none, -errno; 0 otherwise */
	bool off;	    /* none is wanted */
	bool pressing;	    /* something of pending is more than the end of a pass */
	struct ta_buf pending;
};

void ta_journal_init(struct ta_journal *journal, int dir_fd, uint32_t key);
void ta_journal_fini(struct ta_journal *journal); /* leaves the file as it is */

/* Applies the newest journal of the key to an empty state.  Returns 0 when there
 * was one, -ENOENT, or why it could not be read.  One that was cut short is good
 * up to its last whole event. */
int ta_journal_replay(struct ta_journal *journal, struct ta_state *state);

/* Begins a new file from the state and removes the old ones. */
int ta_journal_rewrite(struct ta_journal *journal, struct ta_state *state);

void ta_journal_put(struct ta_journal *journal, uint32_t kind, const void *head, size_t head_bytes,
		    const void *tail, size_t tail_bytes);

/* Writes what was put, but not the end of a pass by itself: after a kill the next pass is as
 * good, and it costs a system call a round.  On an error the journal is given up (and removed: an old
 * one would repeat things); ta_journal_rewrite() makes a new one. */
int ta_journal_write(struct ta_journal *journal);

/* Removes every journal file of the key. */
void ta_journal_remove(struct ta_journal *journal);

#endif
