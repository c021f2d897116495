/* SPDX-License-Identifier: MIT */
/*
 * coroutine_pool.h - what is known of one coroutine.
 *
 * Written by the thread that makes or runs it; looked at by all.  low is written last.
 */
#ifndef TA_CORE_COROUTINE_POOL_H
#define TA_CORE_COROUTINE_POOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct ta_handed;
struct ta_stack;

struct ta_coroutine {
	_Atomic uintptr_t low; /* its stack; 0: none, or not known */
	uintptr_t high;
	const void *id; /* of one that the program tells about, else NULL */
	struct ta_handed *handed; /* its contexts */
	struct ta_stack *left;	  /* what was current when it was left */
	bool fresh;		  /* it has not run yet */
};

#endif
