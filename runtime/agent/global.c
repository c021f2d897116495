/* SPDX-License-Identifier: MIT */
/*
 * global.c - which version is a process's global scope now.
 *
 * Runs: agent, one thread.  No clock, no I/O.
 */
#include "runtime/agent/global.h"

void ta_global_set(struct ta_scopes *scopes, struct ta_proc *proc, uint64_t version)
{
	ta_scopes_ref(scopes, proc->segment_id, version);
	ta_scopes_unref(scopes, proc->segment_id, proc->global);
	proc->global = version;
}

static void set_newer(struct ta_globals *globals, struct ta_proc *proc, uint64_t version)
{
	uint64_t family = proc->segment_id;

	if (ta_scopes_depth(globals->scopes, family, version) >
	    ta_scopes_depth(globals->scopes, family, proc->global))
		ta_global_set(globals->scopes, proc, version);
}

void ta_globals_keep(struct ta_globals *globals, const struct ta_global *item)
{
	if (globals->count == TA_GLOBALS_MAX)
		return;
	ta_scopes_ref(globals->scopes, item->family, item->version);
	globals->items[globals->count++] = *item;
}

void ta_globals_record(struct ta_globals *globals, struct ta_proc *proc, uint64_t version)
{
	struct ta_global item = { .proc_id = proc->process.proc_id,
				  .family = proc->segment_id,
				  .version = version };

	if (ta_scopes_depth(globals->scopes, proc->segment_id, version) == 0)
		ta_globals_keep(globals, &item);
	else
		set_newer(globals, proc, version);
}

/* Whether one that was kept has to be kept on. */
static bool settle_one(struct ta_globals *globals, const struct ta_global *item, bool waiting)
{
	struct ta_proc *proc = ta_procs_find(globals->procs, item->proc_id);

	if (!proc || proc->segment_id != item->family)
		return false;
	if (ta_scopes_depth(globals->scopes, item->family, item->version) == 0)
		return waiting;
	set_newer(globals, proc, item->version);
	return false;
}

void ta_globals_settle(struct ta_globals *globals, bool waiting)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < globals->count; i++) {
		struct ta_global item = globals->items[i];

		if (settle_one(globals, &item, waiting))
			globals->items[kept++] = item;
		else
			ta_scopes_unref(globals->scopes, item.family, item.version);
	}
	globals->count = kept;
}
