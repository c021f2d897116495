/* SPDX-License-Identifier: MIT */
/*
 * spool.h - the queue of one receiver: messages on disk, oldest first.
 *
 * A put is one file, NUMBER.batch, of one or more messages (struct ta_message_head and body,
 * behind a small header with a check sum), written whole under a temporary name.  It is not
 * handed out before it is committed: the agent's journal says in between that the batch is
 * out, so after a crash a batch is either undone here and encoded again, or is here once.
 * An acknowledged message is marked in place, and the file goes with its last one.
 *
 * Bounded by bytes, spans and age; the oldest messages are given up first and counted.  A
 * disk that is full or missing is no error: messages then wait in memory, to a smaller
 * bound, and are put on disk no more; the disk is tried again every few seconds.  Files that
 * are damaged are set aside and counted.
 *
 * The directory belongs to one agent (a lock file); what agents that ended left behind for
 * the same receiver is adopted.  Modes 0700 and 0600: bodies are data of users.  No fsync:
 * a power cut may take the last seconds; kill -9 takes nothing.  docs/spool.md has the rest.
 *
 * A process that forks while no thread is in here can go on with the spool on either side,
 * not on both.  The lock is with both until one of them closes it or ends: who does not
 * go on closes its descriptors.
 *
 * Runs: agent; put, commit and undo on the exporter's thread, the rest on the delivery's;
 * size on any.  One mutex, never held over I/O of a body.
 */
#ifndef TA_EXPORT_SPOOL_H
#define TA_EXPORT_SPOOL_H

#include "runtime/export/message.h"

struct ta_spool;

struct ta_spool_options {
	const char *dir;   /* absolute: of all queues; made when missing */
	const char *name;  /* of this queue, for people: "otlp-traces" */
	uint64_t identity; /* of the receiver */
	uint32_t key;	   /* of the agent */
	uint64_t max_bytes, max_age_ms;
	uint64_t max_spans;	   /* 0: no bound */
	uint64_t max_memory_bytes; /* of bodies that cannot be put on disk */
	/* Called for everything that is given up, on any thread, under the lock.  A damaged
	 * file that says nothing about itself is one head of zeros with the file's bytes.  May be
	 * NULL, as the next. */
	void (*dropped)(void *user, enum ta_drop why, const struct ta_message_head *head);
	/* Called for every message that was found on disk, in our directory or another. */
	void (*adopted)(void *user, const struct ta_message_head *head);
	void *user;
};

/* NULL when out of memory.  A directory that cannot be used is told by *ret_error (-errno);
 * the spool then works in memory. */
struct ta_spool *ta_spool_open(const struct ta_spool_options *options, int *ret_error);
void ta_spool_close(struct ta_spool *spool); /* what is on disk stays there */

/* The highest number of a put that was found here or made since; 0: none. */
uint64_t ta_spool_last(struct ta_spool *spool);

/* Takes the messages' bodies over (the list is empty afterwards).  Numbers rise, and are
 * less than 2^62; that of a put that was undone may be used again.  Of a put that is more than
 * may wait the first messages are given up. */
void ta_spool_put(struct ta_spool *spool, uint64_t number, struct ta_messages *messages);
void ta_spool_commit(struct ta_spool *spool, uint64_t number); /* all up to that one */
void ta_spool_undo(struct ta_spool *spool, uint64_t number);   /* if it is there: only that one */

/* One message that is being sent.  Messages that were found in other agents' directories
 * have numbers above all of our own. */
struct ta_spool_ticket {
	uint64_t number; /* of the put */
	uint32_t index;	 /* in it */
	struct ta_message_head head;
};

/* Takes the oldest committed message that nobody has; false when there is none, or no memory
 * or descriptor to read it with.  Its body is appended to body. */
bool ta_spool_take(struct ta_spool *spool, struct ta_spool_ticket *ret_ticket, struct ta_buf *body);
void ta_spool_done(struct ta_spool *spool, const struct ta_spool_ticket *ticket); /* never again */
void ta_spool_back(struct ta_spool *spool, const struct ta_spool_ticket *ticket); /* later */

/* Gives up what is too old; looks for spools that other agents left (now and then; cheap).
 * now_ns: Unix time. */
void ta_spool_look(struct ta_spool *spool, uint64_t now_ns);

/* All that is not done: waiting, under way, not committed.  bytes: on disk, whole files in
 * blocks of 4 KiB, as the bound counts them, and bodies in memory. */
struct ta_spool_size {
	uint64_t messages, bytes, spans, events, points, transactions;
	uint64_t oldest_ns; /* time of the message that is next; 0: none */
	bool in_memory;	    /* the disk could not be used for the last put */
};
void ta_spool_size(struct ta_spool *spool, struct ta_spool_size *ret_size);

#endif
