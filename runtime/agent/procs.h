/* SPDX-License-Identifier: MIT */
/*
 * procs.h - the processes that the agent has heard of.
 *
 * A process is a proc_id (random, one per process image or forked child).  It
 * stays in the table while its segment is served, and longer while a span that
 * is not exported names it.
 *
 * Runs: agent, one thread.
 */
#ifndef TA_AGENT_PROCS_H
#define TA_AGENT_PROCS_H

#include "runtime/agent/list.h"
#include "runtime/agent/map.h"
#include "runtime/agent/model.h"

struct ta_proc {
	struct ta_process process; /* what exporters see */
	struct ta_map_node node;   /* by proc_id */
	struct ta_list link;	   /* all, oldest first */
	struct ta_list dead_link;  /* of the dead, oldest death first */
	struct ta_list open;	   /* struct ta_held: its open spans */
	uint64_t segment_id;	   /* 0: its segment is gone */
	uint64_t global;	   /* version of its global scope */
	uint64_t last_ns;	   /* of its newest record */
	uint64_t end_record_ns;	   /* PROCESS_END */
	uint64_t exec_ns;	   /* EXEC was its last record */
	uint32_t host_pid;	   /* as the host knows it; 0 unknown */
	bool dead;
	bool creator;	  /* of its segment */
	bool contributed; /* has spans that were not flushed since */

	/* Liveness; of this agent process only, never in the journal. */
	int pidfd;
	uint32_t watched_pid; /* whose it is */
	uint32_t checks;
	uint64_t next_check_ns;

	/* For the batch with that number, see flush.c. */
	uint64_t batch;
	struct ta_process *batch_copy;
};

struct ta_procs {
	struct ta_map by_id;
	struct ta_list all;
	struct ta_list dead;
	uint32_t count;
	uint32_t dead_count;
};

#define TA_PROCS_DEAD 256u   /* so many dead ones of living segments are remembered */
#define TA_PROCS_MAX 65536u /* a host that invents processes does not fill our memory */

int ta_procs_init(struct ta_procs *procs);
void ta_procs_fini(struct ta_procs *procs);

struct ta_proc *ta_procs_find(const struct ta_procs *procs, uint64_t proc_id);

/* A new process; NULL when there are too many or memory is out. */
struct ta_proc *ta_procs_add(struct ta_procs *procs, uint64_t proc_id, uint64_t segment_id);

/* The process has died.  Its children may still ask for it, so it is only put into
 * the row; NULL, or who has to leave for it (the caller detaches). */
struct ta_proc *ta_proc_bury(struct ta_procs *procs, struct ta_proc *proc);

void ta_proc_ref(struct ta_proc *proc);
/* Frees the process when nothing names it any more and its segment is gone. */
void ta_proc_unref(struct ta_procs *procs, struct ta_proc *proc);
/* The segment is gone: the process goes with its last span. */
void ta_proc_detach(struct ta_procs *procs, struct ta_proc *proc);

#endif
