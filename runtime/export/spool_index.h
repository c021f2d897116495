/* SPDX-License-Identifier: MIT */
/*
 * spool_index.h - what waits in a spool, as it is known in memory.
 *
 * A put is one row (64 bytes and 48 per message) in one of three lists: what is not yet
 * committed, what is on disk, what is in memory.  The latter two are in order of time.  No
 * I/O: who removes a row sees to its file.
 *
 * Runs: agent, under the spool's lock.
 */
#ifndef TA_EXPORT_SPOOL_INDEX_H
#define TA_EXPORT_SPOOL_INDEX_H

#include "runtime/export/message.h"

#define TA_SPOOL_BLOCK 4096u /* what a file costs is counted in these */

/* In head.done of a row. */
enum ta_spool_state { TA_SPOOL_WAITS, TA_SPOOL_UNDER_WAY, TA_SPOOL_DONE };

struct ta_spool_item {
	struct ta_message_head head; /* done: enum ta_spool_state */
	uint64_t sum;		     /* of the body */
	union {
		uint64_t offset; /* of the body in the file */
		char *body;	 /* in memory; NULL when done */
	};
};

struct ta_spool_put {
	struct ta_spool_put *next, *prev;
	uint64_t number;
	uint64_t time_ns;	       /* of its first message */
	uint64_t file_bytes;	       /* 0: in memory */
	uint32_t count, left, waiting; /* of messages: all, not done, nobody's */
	uint32_t first;		       /* none waits below it */
	bool committed;
	struct ta_spool_item items[];
};

enum ta_spool_where { TA_SPOOL_ON_DISK, TA_SPOOL_IN_MEMORY, TA_SPOOL_UNCOMMITTED, TA_SPOOL_LISTS };

struct ta_spool_list {
	struct ta_spool_put *first, *last;
};

struct ta_spool_index {
	struct ta_spool_list lists[TA_SPOOL_LISTS];
	uint64_t messages, spans, events, points, transactions; /* not done */
	uint64_t disk_bytes, memory_bytes;
	uint64_t oldest_ns; /* nothing is older; UINT64_MAX: nothing is there */
};

/* All zero but count.  NULL when out of memory. */
struct ta_spool_put *ta_spool_put_new(uint32_t count);
void ta_spool_put_free(struct ta_spool_put *put); /* and the bodies that it holds */

/* After items and file_bytes were filled in: counts and offsets. */
void ta_spool_put_ready(struct ta_spool_put *put);

/* What its file takes of the bound. */
uint64_t ta_spool_put_cost(const struct ta_spool_put *put);

void ta_spool_index_init(struct ta_spool_index *index);
void ta_spool_index_fini(struct ta_spool_index *index);

/* At the end of its list: own puts come in order. */
void ta_spool_index_append(struct ta_spool_index *index, struct ta_spool_put *put);

/* Where its time says, looked for from after on (NULL: from the front).  For what was
 * found: sorted, so that all together are one walk. */
void ta_spool_index_insert(struct ta_spool_index *index, struct ta_spool_put *put,
			   struct ta_spool_put *after);

void ta_spool_index_remove(struct ta_spool_index *index, struct ta_spool_put *put);
void ta_spool_index_commit(struct ta_spool_index *index, uint64_t number); /* all up to that */

/* NULL: none.  Looks from the old end, where those that are under way are. */
struct ta_spool_put *ta_spool_index_find(struct ta_spool_index *index, uint64_t number);

/* The oldest in that list of which a message waits, NULL: none; whole: and none is under
 * way.  The message is its item number first. */
struct ta_spool_put *ta_spool_index_oldest(struct ta_spool_index *index, enum ta_spool_where where,
					   bool whole);
/* The oldest that waits, anywhere. */
struct ta_spool_put *ta_spool_index_next(struct ta_spool_index *index);

/* From one state to another. */
void ta_spool_index_take(struct ta_spool_put *put, uint32_t item);
void ta_spool_index_back(struct ta_spool_put *put, uint32_t item);
void ta_spool_index_done(struct ta_spool_index *index, struct ta_spool_put *put, uint32_t item);

#endif
