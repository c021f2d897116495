/* SPDX-License-Identifier: MIT */
/*
 * spool_internal.h - what the files of the spool share.
 */
#ifndef TA_EXPORT_SPOOL_INTERNAL_H
#define TA_EXPORT_SPOOL_INTERNAL_H

#include <pthread.h>

#include "runtime/export/spool.h"
#include "runtime/export/spool_dir.h"

#define TA_SPOOL_UNDONE_KEPT 16u

struct ta_spool {
	struct ta_spool_options options; /* with strings of our own */
	pthread_mutex_t mutex;		 /* everything below */
	struct ta_spool_dir dir;
	struct ta_spool_index index;
	uint64_t last;	     /* number of an own put */
	uint64_t last_found; /* number of a file that was found, TA_SPOOL_FOUND set */
	uint64_t retry_ns;   /* the disk is not tried before that (agent's clock) */
	uint64_t scan_ns;    /* nor other directories looked for */
	uint32_t bad;	     /* files set aside */
	bool in_memory;	     /* the last put did not find the disk */
	/* What was undone while there was no directory to look into. */
	uint64_t undone[TA_SPOOL_UNDONE_KEPT];
	uint32_t undone_count;
};

/* spool_found.c: everything that is found on disk.
 *
 * Opens our directory and takes in what is there.  late: numbers may be in use by now, so
 * files get new ones. */
int ta_spool_found_open(struct ta_spool *spool, bool late);
/* Takes in what other agents left, if it has been quiet there for a while. */
void ta_spool_found_look(struct ta_spool *spool, uint64_t now_ns);

/* spool_bound.c: giving up. */
void ta_spool_drop(struct ta_spool *spool, enum ta_drop why, const struct ta_message_head *head);
/* A message of a row is done with: marks it, and removes the file with its last one. */
void ta_spool_finish(struct ta_spool *spool, struct ta_spool_put *put, uint32_t item);
void ta_spool_forget(struct ta_spool *spool, struct ta_spool_put *put); /* row and file */
void ta_spool_bound(struct ta_spool *spool);
void ta_spool_bound_age(struct ta_spool *spool, uint64_t now_ns);
/* How many messages at the front have to be given up for the rest to fit at all. */
uint32_t ta_spool_bound_trim(const struct ta_spool *spool, const struct ta_message *messages,
			     uint32_t count, bool on_disk);

#endif
