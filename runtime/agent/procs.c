/* SPDX-License-Identifier: MIT */
/*
 * procs.c - the processes that the agent has heard of.
 *
 * Runs: agent, one thread.  Looks at no /proc; process.c does.
 */
#include "runtime/agent/procs.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int ta_procs_init(struct ta_procs *procs)
{
	procs->count = procs->dead_count = 0;
	ta_list_init(&procs->all);
	ta_list_init(&procs->dead);
	return ta_map_init(&procs->by_id);
}

static void leave_dead(struct ta_procs *procs, struct ta_proc *proc)
{
	procs->dead_count -= !ta_list_empty(&proc->dead_link);
	ta_list_remove(&proc->dead_link);
}

static void free_proc(struct ta_procs *procs, struct ta_proc *proc)
{
	ta_map_remove(&procs->by_id, &proc->node);
	ta_list_remove(&proc->link);
	leave_dead(procs, proc);
	if (proc->pidfd >= 0)
		close(proc->pidfd);
	procs->count--;
	free(proc);
}

void ta_procs_fini(struct ta_procs *procs)
{
	TA_LIST_EACH(at, &procs->all)
		free_proc(procs, TA_CONTAINER(at, struct ta_proc, link));
	ta_map_fini(&procs->by_id);
}

struct ta_proc *ta_procs_find(const struct ta_procs *procs, uint64_t proc_id)
{
	struct ta_map_node *node = ta_map_find(&procs->by_id, proc_id);

	return node ? TA_CONTAINER(node, struct ta_proc, node) : NULL;
}

/* A UUID of version 8 (custom) whose random bits are those of proc_id. */
static void make_instance_id(uint64_t id, char out[37])
{
	uint64_t mixed = (id ^ (id >> 31)) * 0x9E3779B97F4A7C15ull;

	snprintf(out, 37, "%08x-%04x-8%03x-%04x-%012llx", (unsigned int)(id >> 32),
		 (unsigned int)(id >> 16) & 0xffff, (unsigned int)(id >> 4) & 0xfff,
		 0x8000u | (((unsigned int)id & 0xf) << 8) | ((unsigned int)mixed & 0xff),
		 (unsigned long long)(mixed >> 16));
}

struct ta_proc *ta_procs_add(struct ta_procs *procs, uint64_t proc_id, uint64_t segment_id)
{
	struct ta_proc *proc = procs->count < TA_PROCS_MAX ? calloc(1, sizeof(*proc)) : NULL;

	if (!proc)
		return NULL;
	proc->process.proc_id = proc_id;
	proc->segment_id = segment_id;
	proc->pidfd = -1;
	make_instance_id(proc_id, proc->process.instance_id);
	ta_list_init(&proc->open);
	ta_list_init(&proc->dead_link);
	ta_list_append(&procs->all, &proc->link);
	ta_map_add(&procs->by_id, &proc->node, proc_id);
	procs->count++;
	return proc;
}

struct ta_proc *ta_proc_bury(struct ta_procs *procs, struct ta_proc *proc)
{
	proc->dead = true;
	/* A creator goes with its segment. */
	if (proc->creator || proc->segment_id == 0 || !ta_list_empty(&proc->dead_link))
		return NULL;
	ta_list_append(&procs->dead, &proc->dead_link);
	if (++procs->dead_count <= TA_PROCS_DEAD)
		return NULL;
	return TA_CONTAINER(procs->dead.next, struct ta_proc, dead_link);
}

void ta_proc_ref(struct ta_proc *proc)
{
	proc->process.refs++;
}

void ta_proc_unref(struct ta_procs *procs, struct ta_proc *proc)
{
	if (--proc->process.refs == 0 && proc->segment_id == 0)
		free_proc(procs, proc);
}

void ta_proc_detach(struct ta_procs *procs, struct ta_proc *proc)
{
	proc->segment_id = 0;
	leave_dead(procs, proc);
	if (proc->process.refs == 0)
		free_proc(procs, proc);
}
