/* SPDX-License-Identifier: MIT */
/*
 * unwind.h - from registers and stack bytes to a list of code addresses.
 *
 * Runs: tagalong-stacks, one thread.
 */
#ifndef TA_STACKS_UNWIND_H
#define TA_STACKS_UNWIND_H

#include "runtime/stacks/protocol.h"
#include "runtime/stacks/rule.h"
#include "runtime/stacks/space.h"

enum ta_trust {
	TA_TRUST_CONTEXT, /* registers */
	TA_TRUST_CFI,	  /* unwind tables */
	TA_TRUST_FP,	  /* frame pointer; there were no tables */
	TA_TRUST_SCAN,	  /* found on the stack behind something that made no sense */
};

struct ta_frame {
	uint64_t ip;
	bool exact; /* was executed or about to be; else it is where a call returns to */
	bool signal; /* the kernel's frame between a handler and what it interrupted */
	enum ta_trust trust;
};

struct ta_stack {
	struct ta_frame frames[TA_STACKS_FRAMES_MAX]; /* newest first */
	unsigned int count;
	unsigned int cut_at;  /* the frame before which some are missing */
	uint64_t left_out;    /* how many are missing there */
	bool truncated;	      /* ended for want of stack bytes, or of time */
};

#define TA_UNWIND_ALL UINT32_MAX

/* At most so many steps; deadline_ns: of CLOCK_MONOTONIC. */
void ta_unwind(const struct ta_space *space, struct ta_memory *memory,
	       const struct ta_registers *registers, uint32_t steps_max, uint64_t deadline_ns,
	       struct ta_stack *ret_stack);

uint64_t ta_stacks_now_ns(void);

#endif
