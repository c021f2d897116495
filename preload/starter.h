/* SPDX-License-Identifier: MIT */
/*
 * starter.h - whose child is this program, when its environment does not say?
 *
 * The parent process may be in system() or popen(), and has then left word in the header
 * of its segment (wire/segment.h, struct ta_start).  Runs: constructor.
 */
#ifndef TA_PRELOAD_STARTER_H
#define TA_PRELOAD_STARTER_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/protocol/traceparent.h"

struct ta_starter_query {
	int dir_fd; /* of the run directory */
	uint32_t pid, parent_pid;
	bool certain; /* only what the kernel confirms: there is something to lose */
};

/* Whether the parent process has left word for this one.  span_id of *ret_parent is 0: that
 * it is not part of any trace. */
bool ta_starter_find(const struct ta_starter_query *query, struct ta_traceparent *ret_parent);

#endif
