/* SPDX-License-Identifier: MIT */
/*
 * global.h - which version is a process's global scope now.
 *
 * Lanes are read one after the other, so a newer version may be read before an older
 * one: the deeper one counts, and it never goes back.  How deep a version is, is not
 * known while its parent is in a lane that is still to be read; it is kept until
 * then.
 *
 * Runs: agent, one thread.  No clock, no I/O.
 */
#ifndef TA_AGENT_GLOBAL_H
#define TA_AGENT_GLOBAL_H

#include "runtime/agent/procs.h"
#include "runtime/agent/scope.h"

#define TA_GLOBALS_MAX 1024u

struct ta_global {
	uint64_t proc_id, family, version;
};

struct ta_globals {
	struct ta_procs *procs;
	struct ta_scopes *scopes;
	struct ta_global items[TA_GLOBALS_MAX]; /* kept, in order of arrival */
	uint32_t count;
};

/* Whatever it was before; 0: none. */
void ta_global_set(struct ta_scopes *scopes, struct ta_proc *proc, uint64_t version);

/* A version that the process made its global scope. */
void ta_globals_record(struct ta_globals *globals, struct ta_proc *proc, uint64_t version);

/* After ta_scopes_settle(), with what it said. */
void ta_globals_settle(struct ta_globals *globals, bool waiting);

/* For the snapshot: keeps one that was kept elsewhere. */
void ta_globals_keep(struct ta_globals *globals, const struct ta_global *item);

#endif
