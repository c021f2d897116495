/* SPDX-License-Identifier: MIT */
/*
 * live.h - registers and stacks of all threads of a process that stands still for a moment.
 *
 * Runs: tagalong-stacks; the gathering itself in a thread of its own, because the kernel lets
 * go of everything that a tracing thread holds when that thread ends, also of what could not
 * be stopped in time.
 */
#ifndef TA_STACKS_LIVE_H
#define TA_STACKS_LIVE_H

#include "runtime/stacks/maps.h"
#include "runtime/stacks/rule.h"

struct ta_thread {
	uint32_t tid;
	char name[32];
	bool stopped; /* else there is nothing but its name */
	struct ta_registers registers;
	uint64_t stack_at;
	size_t stack_bytes;
	char *stack;
};

struct ta_gathered {
	struct ta_thread *threads;
	unsigned int count;
	bool truncated; /* there were more */
};

/* Threads of pid but not skip_tid, until deadline_ns at most.  0, or -errno when not one of
 * them may be looked at. */
int ta_live_gather(struct ta_gathered *gathered, uint32_t pid, uint32_t skip_tid,
		   const struct ta_maps *maps, uint64_t deadline_ns);
void ta_live_fini(struct ta_gathered *gathered);

/* The stack above sp, at most limit bytes; NULL: none that can be read. */
char *ta_live_stack(uint32_t pid, const struct ta_maps *maps, uint64_t sp, size_t limit,
		    uint64_t *ret_at, size_t *ret_bytes);

/* The number that a thread has here, if its process counts in a namespace of its own. */
uint32_t ta_live_tid(uint32_t pid, uint32_t tid);

/* Name of a thread, "" when it is gone. */
void ta_live_name(uint32_t pid, uint32_t tid, char name[32]);

#endif
