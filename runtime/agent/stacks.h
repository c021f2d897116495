/* SPDX-License-Identifier: MIT */
/*
 * stacks.h - asking tagalong-stacks (runtime/stacks/protocol.h).
 *
 * The program is started when there is something to ask, and is not trusted: it reads files
 * and memory that may be hostile.  What it answers is valid UTF-8 and valid JSON, an object,
 * of at most TA_STACKS_JSON_MAX bytes, or it did not answer.
 *
 * Runs: agent, one thread.
 */
#ifndef TA_AGENT_STACKS_H
#define TA_AGENT_STACKS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/export/buf.h"
#include "runtime/stacks/protocol.h"

/* One program and what is under way to and from it. */
struct ta_stacks_link {
	pid_t pid; /* 0: none */
	int fd;
	struct ta_buf out; /* the request */
	size_t sent;
	struct ta_stacks_answer head;
	size_t head_bytes;
	struct ta_buf json;
};

/* For COPY: one program, kept. */
struct ta_stacks {
	const char *program; /* NULL: the one beside this one */
	struct ta_stacks_link link;
	unsigned int failures; /* one after the other */
	uint64_t resting_until_ns;
};

void ta_stacks_init(struct ta_stacks *stacks, const char *program);
void ta_stacks_fini(struct ta_stacks *stacks);

/* The answer to a request of kind COPY, appended to ret_json.  0; -ETIMEDOUT, -EPROTO or what
 * the program said; -EAGAIN while it is not asked because it failed too often. */
int ta_stacks_copy(struct ta_stacks *stacks, const struct ta_stacks_request *request,
		   const char *modules, const char *stack, int timeout_ms, struct ta_buf *ret_json);

/* For LIVE: a program of its own each, asked without waiting. */
struct ta_stacks_live;

struct ta_stacks_news {
	bool released; /* the process is not needed any more */
	bool done;     /* there will be nothing else */
	int error;     /* -errno: done, and there is no JSON */
	const char *json;
	size_t json_bytes; /* valid until the live one is freed */
};

/* program: NULL for the one beside this one.  NULL: it cannot be started. */
struct ta_stacks_live *ta_stacks_live_start_as(const char *program,
					       const struct ta_stacks_request *request,
					       const char *modules, const char *stack);
struct ta_stacks_live *ta_stacks_live_start(const struct ta_stacks_request *request,
					    const char *modules, const char *stack);
struct ta_stacks_news ta_stacks_live_step(struct ta_stacks_live *live);
/* To be waited for, for reading; a step is due at the latest after some 100 ms all the same. */
int ta_stacks_live_fd(const struct ta_stacks_live *live);
void ta_stacks_live_free(struct ta_stacks_live *live);

#endif
