/* SPDX-License-Identifier: MIT */
/*
 * answer.h - threads, frames and images as the JSON of protocol.h.
 *
 * Runs: tagalong-stacks, one thread.
 */
#ifndef TA_STACKS_ANSWER_H
#define TA_STACKS_ANSWER_H

#include "runtime/export/buf.h"
#include "runtime/stacks/unwind.h"

struct ta_answer {
	struct ta_buf *json;
	const struct ta_space *space;
	uint64_t hurry_ns;	/* from then on no more debug files are read */
	bool own_lines_only;	/* lines for the program, symbols for the system's libraries */
	unsigned int threads;	/* so far */
	bool truncated;		/* something did not fit, or is missing */
	bool terminates;	/* the first thread gave up for a C++ exception */
};

struct ta_answer_thread {
	uint32_t tid;
	const char *name;
	bool crashed, current;
	const struct ta_registers *registers; /* to be shown; NULL: not */
	const struct ta_stack *stack;	      /* NULL: it could not be looked at */
	bool skip_own;			      /* frames of ours that are on top of it */
};

void ta_answer_thread(struct ta_answer *answer, const struct ta_answer_thread *thread);
/* ,"images":[..] */
void ta_answer_images(struct ta_answer *answer);

#endif
