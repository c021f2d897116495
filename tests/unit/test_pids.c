/* SPDX-License-Identifier: MIT */
/*
 * test_pids.c - which process a forked child is: two records say so, in any order, and in a pid
 * namespace of its own the child's says another process's number.
 */
#include "runtime/agent/state.h"

#include <string.h>

#include "tests/unit/check.h"

#define SEGMENT 7u
#define PARENT 77u
#define CHILD 78u
#define INIT 1u		   /* what it calls itself */
#define CHILD_PID 4242u	   /* what its parent calls it */

struct records {
	struct ta_event_records head;
	union {
		struct ta_record head;
		struct ta_record_thread thread;
		struct ta_record_fork fork;
	} record;
};

static void apply(struct ta_state *state, struct records *records, uint32_t lane, uint64_t proc_id,
		  uint32_t bytes)
{
	records->head.lane = (struct ta_event_lane){ .segment_id = SEGMENT, .lane = lane,
						     .proc_id = proc_id };
	records->record.head.units = (uint16_t)(bytes / 8);
	check_same(ta_state_apply(state, TA_EVENT_RECORDS, records, sizeof(records->head) + bytes), 0);
}

static void child_begins(struct ta_state *state)
{
	struct records records = { .record.thread = { .head.kind = TA_RECORD_THREAD,
						      .proc_id = CHILD,
						      .parent_proc_id = PARENT,
						      .time_ns = 5,
						      .pid = INIT,
						      .tid = INIT } };

	apply(state, &records, 2, CHILD, sizeof(records.record.thread));
}

static void parent_tells(struct ta_state *state)
{
	struct records records = { .record.fork = { .head.kind = TA_RECORD_FORK,
						    .child_proc_id = CHILD,
						    .time_ns = 6,
						    .child_pid = CHILD_PID } };

	apply(state, &records, 1, PARENT, sizeof(records.record.fork));
}

static void attach(struct ta_state *state, bool foreign)
{
	struct ta_event_attach attach = {
		.segment_id = SEGMENT, .proc_id = PARENT, .created_ns = 1, .pid = 42, .lane_count = 4,
		.foreign = foreign
	};

	ta_state_init(state);
	strcpy(attach.exe, "/bin/x");
	check_same(ta_state_apply(state, TA_EVENT_ATTACH, &attach, sizeof(attach)), 0);
}

static struct ta_proc *child_of(struct ta_state *state)
{
	static struct ta_proc none;
	struct ta_proc *child = ta_procs_find(&state->procs, CHILD);

	check(child != NULL, "no child");
	return child ? child : &none;
}

/* Which process it is here, and by what number it is looked for; in both orders. */
static void check_child(bool foreign, uint32_t pid, uint32_t host_pid)
{
	for (int parent_first = 0; parent_first < 2; parent_first++) {
		struct ta_state state;

		attach(&state, foreign);
		if (parent_first)
			parent_tells(&state);
		child_begins(&state);
		if (!parent_first)
			parent_tells(&state);
		check_same(child_of(&state)->process.pid, pid);
		check_same(child_of(&state)->host_pid, host_pid);
		ta_state_fini(&state);
	}
}

static void the_parents_number(void)
{
	check_child(false, CHILD_PID, CHILD_PID);
}

/* Neither number means anything here; its own is the one to look for. */
static void the_childs_own(void)
{
	check_child(true, 0, INIT);
}

int main(void)
{
	check_group("the parent's number", the_parents_number);
	check_group("the child's own", the_childs_own);
	return check_status();
}
