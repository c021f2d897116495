/* SPDX-License-Identifier: MIT */
/*
 * exporter.h - the thread that encodes spans and events and hands them to where they go.
 *
 * Encoding takes long and a disk may take longer; lanes are small and have to be
 * read all the time.  So the worker's thread only hands a batch over, and takes
 * note of what became of it.  One batch at a time, in two steps, because the
 * journal has to know the place before the append:
 *
 *     worker                                   exporter
 *     ta_exporter_encode(batch)        ---->   encodes, finds the place
 *     ENCODED: journal says "begins"   <----
 *     ta_exporter_append()             ---->   puts into the spools, appends to the file
 *     APPENDED: journal says "done"    <----
 *     ta_exporter_commit()                     the spools may be sent from
 *
 * Everything in a batch is a copy, or is not changed before the batch is done.
 * Files, enricher and line belong to whom the step says; between two steps that is
 * the worker.  Without a running thread (drain, no memory) the steps are done by
 * the caller.
 *
 * Runs: agent; the functions below on the worker's thread.  Lock: one mutex, held
 * for moments.
 */
#ifndef TA_AGENT_EXPORTER_H
#define TA_AGENT_EXPORTER_H

#include <pthread.h>
#include <stdatomic.h>

#include "runtime/agent/model.h"
#include "runtime/agent/stacks.h"
#include "runtime/agent/state.h"
#include "runtime/export/delivery.h"
#include "runtime/export/encode.h"
#include "runtime/export/file.h"

struct ta_watch;

enum ta_export_step {
	TA_EXPORT_IDLE,
	TA_EXPORT_ENCODE, /* the exporter's turn */
	TA_EXPORT_ENCODED,
	TA_EXPORT_APPEND, /* the exporter's turn */
	TA_EXPORT_APPENDED,
};

#define TA_EXPORT_CLOSING 32u /* descriptors that wait to be closed */
#define TA_NAMES_MAX 500u /* stacks of one batch that get names: a batch has no more events */

struct ta_exporter {
	struct ta_file *files[TA_OUTPUTS]; /* NULL: none, or a descriptor */
	int fd; /* -1, or standard output */
	struct ta_encode encode;
	struct ta_delivery *delivery; /* NULL: nothing but files */

	struct ta_batch batch;
	enum ta_output output;	    /* what it is of */
	uint64_t number;	    /* of the last put into the spools */
	struct ta_file_place place; /* where the append goes */
	bool delivered;		    /* of the batch: all but the file has it */
	struct ta_stacks stacks;    /* who knows the names in stacks */
	struct ta_buf names;	    /* of the batch's stacks, one behind the other */
	_Atomic uint64_t file_bytes; /* written to files, or standard output */
	int error;		    /* of the last step */

	pthread_mutex_t mutex;
	pthread_cond_t changed;
	enum ta_export_step step;
	bool running, stop, collect;
	int closing[TA_EXPORT_CLOSING];
	uint32_t closing_count;
	pthread_t thread;
	struct ta_watch *watch; /* poked when a step is done */
};

void ta_exporter_init(struct ta_exporter *exporter);
void ta_exporter_fini(struct ta_exporter *exporter);

/* stop waits for the step under way.  A thread does not survive fork(): stop before,
 * start after. */
int ta_exporter_start(struct ta_exporter *exporter, struct ta_watch *watch);
void ta_exporter_stop(struct ta_exporter *exporter);

/* Only while idle; exporter->batch is set. */
void ta_exporter_encode(struct ta_exporter *exporter, enum ta_output output);
/* Only when ENCODED without an error. */
void ta_exporter_append(struct ta_exporter *exporter);
/* What was put may be sent: the journal knows that it is out. */
void ta_exporter_commit(struct ta_exporter *exporter);
/* Only when ENCODED or APPENDED: the batch is done with. */
void ta_exporter_reset(struct ta_exporter *exporter);

/* Where the batch is.  With patience it waits so long for the exporter's turn to end. */
enum ta_export_step ta_exporter_step(struct ta_exporter *exporter, uint64_t patience_ns);

/* names.c: captured events get their stacks with names, as far as that is possible in a
 * bounded time. */
void ta_names_find(struct ta_exporter *exporter);

/* Sends the metrics as they are, soon. */
void ta_exporter_collect(struct ta_exporter *exporter);

/* Closes the last descriptor of a removed file, which can take milliseconds. */
void ta_exporter_close(struct ta_exporter *exporter, int fd);

#endif
