/* SPDX-License-Identifier: MIT */
/*
 * supply.c - lanes: taken from dead owners, kept free ahead, given back.
 *
 * A thread claims a lane without a system call, so lanes whose pages exist have
 * to be there before it comes.  A dead owner cannot give its lane back; we do,
 * when everything in it was read.  A claim is visible before the claimer's name is:
 * claimed_ns is written last and made 0 before a lane is given back, so the name is
 * the claim's own when the same claim was there before and after claimed_ns was.
 *
 * Runs: agent, one thread.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "runtime/agent/worker.h"

#define FREE_MIN 2u
#define FREE_MAX 16u
#define QUIET_NS 20000000ull /* of silence, before a live process's thread is looked for */
#define TRIM_AFTER_NS 30000000000ull

static bool allocate(struct ta_mapped *mapped, uint32_t index)
{
	off_t offset = (off_t)mapped->header_bytes + (off_t)index * mapped->lane_bytes;

	if (fallocate(mapped->fd, FALLOC_FL_KEEP_SIZE, offset, mapped->lane_bytes) != 0)
		return false;
	atomic_store(ta_mapped_ready(mapped, index), 1);
	return true;
}

static bool is_free(const struct ta_mapped *mapped, uint32_t index)
{
	return atomic_load(ta_mapped_owner(mapped, index)) == TA_OWNER_FREE;
}

static uint32_t count_free(const struct ta_mapped *mapped)
{
	uint32_t count = 0;

	for (uint32_t i = 0; ta_mapped_next(mapped, &i); i++)
		count += is_free(mapped, i);
	return count;
}

/* Nobody claims a lane that is the agent's, so its pages can be made in peace. */
static void grow(struct ta_mapped *mapped, uint32_t wanted)
{
	for (uint32_t i = 0; i < mapped->lane_count && wanted > 0; i++) {
		uint64_t nobody = TA_OWNER_FREE;

		if (atomic_load(ta_mapped_ready(mapped, i)) || !is_free(mapped, i) ||
		    !atomic_compare_exchange_strong(ta_mapped_owner(mapped, i), &nobody,
						    TA_OWNER_AGENT))
			continue;
		bool made = allocate(mapped, i);

		atomic_store(ta_mapped_owner(mapped, i), TA_OWNER_FREE);
		if (!made)
			return; /* no space: the next one would fail as well */
		wanted--;
	}
}

static void give_back(struct ta_worker *worker, struct ta_mapped *mapped, uint32_t index)
{
	off_t offset = (off_t)mapped->header_bytes + (off_t)index * mapped->lane_bytes;
	struct ta_event_lane event = { .segment_id = mapped->id, .lane = index };
	uint64_t nobody = TA_OWNER_FREE;

	if (!atomic_compare_exchange_strong(ta_mapped_owner(mapped, index), &nobody,
					    TA_OWNER_AGENT))
		return;
	if (ta_drain_idle(mapped, index)) {
		ta_worker_event(worker, TA_EVENT_LANE_RESET, &event, sizeof(event));
		ta_journal_write(&worker->journal);
		atomic_store(ta_mapped_ready(mapped, index), 0);
		mapped->lanes[index] = (struct ta_lane_view){ 0 };
		if (fallocate(mapped->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset,
			      mapped->lane_bytes) != 0)
			atomic_store(ta_mapped_ready(mapped, index), 1);
	}
	atomic_store(ta_mapped_owner(mapped, index), TA_OWNER_FREE);
}

static void trim(struct ta_worker *worker, struct ta_mapped *mapped, uint32_t surplus)
{
	for (uint32_t i = mapped->lane_count; i-- > 0 && surplus > 0;) {
		if (!atomic_load(ta_mapped_ready(mapped, i)) || !is_free(mapped, i) ||
		    !ta_drain_idle(mapped, i))
			continue;
		give_back(worker, mapped, i);
		surplus--;
	}
}

static bool thread_gone(const struct ta_proc *proc, uint32_t tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/task/%u", proc->process.pid, tid);
	return access(path, F_OK) != 0 && ta_pid_alive(proc->process.pid, UINT64_MAX);
}

/* A claimer died before it had written its name: known when all have died. */
static bool nobody_lives(struct ta_worker *worker, const struct ta_mapped *mapped)
{
	TA_LIST_EACH(at, &worker->state.procs.all) {
		const struct ta_proc *proc = TA_CONTAINER(at, struct ta_proc, link);

		if (proc->segment_id == mapped->id && !proc->dead)
			return false;
	}
	return atomic_load(&mapped->shared->forks) == 0;
}

/* Nobody but the agent writes to the lane of a dead owner. */
static void take_back(const struct ta_mapped *mapped, uint32_t index, uint64_t token)
{
	if (!atomic_compare_exchange_strong(ta_mapped_owner(mapped, index), &token, TA_OWNER_AGENT))
		return;
	atomic_store(&ta_mapped_lane(mapped, index)->claimed_ns, 0);
	atomic_store(ta_mapped_owner(mapped, index), TA_OWNER_FREE);
}

/* Whether the lane's owner can never write again.  A live process's thread is
 * looked for only where its pid and tid mean something to us. */
static bool owner_dead(struct ta_worker *worker, const struct ta_mapped *mapped,
		       const struct ta_segment_state *segment, uint32_t index, uint64_t token,
		       bool slow)
{
	struct ta_lane *lane = ta_mapped_lane(mapped, index);
	bool named = atomic_load(&lane->claimed_ns) != 0;
	uint64_t proc_id = atomic_load(&lane->proc_id);
	uint32_t tid = atomic_load(&lane->tid);
	struct ta_proc *proc = ta_procs_find(&worker->state.procs, proc_id);

	if (atomic_load(ta_mapped_owner(mapped, index)) != token)
		return false;
	if (!named)
		return nobody_lives(worker, mapped);
	if (!proc)
		return false;
	if (proc->dead)
		return true;
	if (!slow || segment->foreign || proc->process.pid == 0 || tid == 0 ||
	    !thread_gone(proc, tid) || !ta_drain_idle(mapped, index)) /* its last words */
		return false;
	struct ta_event_dead event = { .proc_id = proc_id, .time_ns = ta_host_now_ns(), .tid = tid };

	if (segment->lanes[index].proc_id == proc_id && segment->lanes[index].tid == tid)
		ta_worker_event(worker, TA_EVENT_THREAD_DEAD, &event, sizeof(event));
	return true;
}

static bool quiet_for_long(struct ta_worker *worker, struct ta_lane_view *view, uint64_t token)
{
	if (view->quiet_token != token)
		view->quiet_ns = worker->now_ns;
	view->quiet_token = token;
	return token && worker->now_ns - view->quiet_ns >= QUIET_NS;
}

static void reclaim(struct ta_worker *worker, struct ta_mapped *mapped, bool slow)
{
	struct ta_segment_state *segment = ta_state_segment(&worker->state, mapped->id);

	for (uint32_t i = 0; segment && ta_mapped_next(mapped, &i) && i < segment->lane_count; i++) {
		uint64_t token = atomic_load(ta_mapped_owner(mapped, i));

		if (token <= TA_OWNER_AGENT || !ta_drain_idle(mapped, i))
			token = 0;
		bool quiet = quiet_for_long(worker, &mapped->lanes[i], token);

		if (token && owner_dead(worker, mapped, segment, i, token, slow && quiet))
			take_back(mapped, i, token);
	}
}

void ta_supply_lanes(struct ta_worker *worker, struct ta_mapped *mapped, bool slow, bool died)
{
	uint32_t wanted = atomic_load(&mapped->shared->lanes_wanted);
	bool hungry = wanted != mapped->lanes_wanted_seen;

	if (!slow && !hungry && !died && mapped->checks > 0)
		return;
	mapped->checks = 1;
	mapped->lanes_wanted_seen = wanted;
	reclaim(worker, mapped, slow);
	uint32_t free_lanes = count_free(mapped);
	uint32_t target = hungry ? FREE_MAX : FREE_MIN;

	if (free_lanes < target)
		grow(mapped, target - free_lanes);
	if (free_lanes <= FREE_MAX || hungry || worker->active_ns == worker->now_ns)
		mapped->trim_ns = worker->now_ns + TRIM_AFTER_NS;
	else if (worker->now_ns > mapped->trim_ns)
		trim(worker, mapped, free_lanes - FREE_MAX);
}
