/* SPDX-License-Identifier: MIT */
/*
 * arrival.h - requests found again by the traceparent that they came with.
 *
 * A proxy hands headers on: what it asks with the traceparent of a request that is open is
 * asked for that request, whatever its loop is at.  Requests that came with one are in a
 * table of fixed size while they are not answered; in programs that were seen to send
 * headers of their own, in no other.  Two open requests that came with the same one are not
 * told apart.
 *
 * Runs: any host thread, inside the guard.  No locks.
 */
#ifndef TA_CORE_ARRIVAL_H
#define TA_CORE_ARRIVAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/core/runtime.h"
#include "runtime/core/unit.h"
#include "runtime/protocol/http1.h"

struct ta_conn;

/* An entry of the table. */
struct ta_arrival {
	_Atomic uint64_t span_id; /* of the request; 0: free */
	_Atomic uint64_t trace_hi, trace_lo, parent_id; /* what it came with */
	_Atomic uint64_t place; /* connection << 32 | its generation */
	_Atomic bool many;	/* another one that came with the same found no room */
};

void ta_arrival_keep_slow(const struct ta_conn *conn, const struct ta_context *context);

/* A request has come on conn that continues the trace of a caller. */
static inline void ta_arrival_keep(const struct ta_conn *conn, const struct ta_context *context)
{
	if (atomic_load_explicit(&ta_runtime.segment->hands_on, memory_order_relaxed))
		ta_arrival_keep_slow(conn, context);
}

/* It is answered. */
void ta_arrival_drop(const struct ta_context *context);

/* The open request that the head, which the program has made, is sent for, as it shows by
 * itself.  False: that is not known. */
bool ta_arrival_of(const struct ta_http1_head *head, struct ta_owner *ret_owner);

#endif
