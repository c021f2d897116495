/* SPDX-License-Identifier: MIT */
/*
 * serve.h - one request and its answer.
 *
 * Runs: tagalong-stacks, one thread.
 */
#ifndef TA_STACKS_SERVE_H
#define TA_STACKS_SERVE_H

#include "runtime/export/buf.h"
#include "runtime/stacks/protocol.h"

#define TA_STACKS_MODULES_MAX (256u << 10)
#define TA_STACKS_STACK_MAX (1u << 20)
#define TA_STACKS_LIMIT_MS 10000u

struct ta_serving {
	const struct ta_stacks_request *request;
	const char *modules, *stack;
	unsigned int limit_ms;		/* for all of it; what is not ready then is left out */
	void (*release)(void *context); /* the process is not needed any more; LIVE */
	void *context;
};

/* Whether a request can be one at all. */
bool ta_stacks_request_valid(const struct ta_stacks_request *request);

/* 0 and the JSON of DONE, or -errno. */
int ta_stacks_serve(const struct ta_serving *serving, struct ta_buf *ret_json);

#endif
