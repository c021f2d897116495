/* SPDX-License-Identifier: MIT */
/*
 * inject.h - trace headers for requests that go out, byte-exact.
 *
 * Before a write on a connection that carries HTTP/1 to another server, the bytes that
 * the program is about to send are looked at: where a request's head ends in them, and
 * it has no traceparent yet, headers are to be put in before the empty line: traceparent,
 * and tracestate and baggage of the request that asks.  Whatever the kernel takes of bytes
 * and headers is then told apart: the program is told of its own bytes only, and headers
 * that went out in part are finished before anything else.
 *
 * A proxy hands on the traceparent that it was sent.  That one is not the program's own: its
 * value is replaced by ours, which has the same trace and the same length.
 *
 * Once in a write; requests behind the first in the same write go without.  Nothing is put
 * in when the empty line has begun in an earlier write (counted), in CONNECT, above HTTP/1,
 * where the request is not recorded, and in a sandbox: the kernel is asked, by a call that
 * does nothing, whether the program's memory can be read.
 *
 * Runs: any host thread, inside the guard.
 */
#ifndef TA_CORE_INJECT_H
#define TA_CORE_INJECT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "runtime/core/company.h"
#include "runtime/core/conn.h"

#define TA_INJECT_MAX 2048u

/* ---- memory that a connection has borrowed and a call of the program reads from ---- */

/* The connection may end while the call is under way: then the call gives it back. */
enum ta_loan_state { TA_LOAN_KEPT, TA_LOAN_IN_CALL, TA_LOAN_ORPHAN };

struct ta_loan {
	_Atomic uint32_t state;
};

static inline void ta_loan_begin(struct ta_loan *loan)
{
	atomic_store(&loan->state, TA_LOAN_IN_CALL);
}

/* False: another call is at it. */
static inline bool ta_loan_use(struct ta_loan *loan)
{
	uint32_t state = TA_LOAN_KEPT;

	return atomic_compare_exchange_strong(&loan->state, &state, TA_LOAN_IN_CALL);
}

/* The call is over.  False: the connection too, and the memory is the caller's to give. */
static inline bool ta_loan_put_down(struct ta_loan *loan)
{
	uint32_t state = TA_LOAN_IN_CALL;

	return atomic_compare_exchange_strong(&loan->state, &state, TA_LOAN_KEPT);
}

/* The connection is over.  False: a call is under way and will see to it. */
static inline bool ta_loan_take_back(struct ta_loan *loan)
{
	uint32_t state = TA_LOAN_IN_CALL;

	return !atomic_compare_exchange_strong(&loan->state, &state, TA_LOAN_ORPHAN);
}

/* ---- headers ---- */

/* Headers on their way; borrowed by the connection while they are not out. */
struct ta_injection {
	struct ta_loan loan;
	uint32_t bytes, sent;
	char text[TA_INJECT_MAX];
	struct ta_company_copy company; /* while they are made */
};

struct ta_inject_plan {
	uint64_t at; /* bytes of the program in front of them */
	struct ta_injection *what;
	bool replaces; /* they stand for as many bytes of the program's */
};

/* Whether something is to be put into what is about to be written to the fd of word.  If
 * so, one of took and failed follows. */
bool ta_inject_plan(uint64_t word, const struct iovec *iov, int iov_count,
		    struct ta_inject_plan *ret_plan);
/* The same for a connection that is held and has nothing pending; plain: what TLS carries. */
bool ta_inject_plan_held(struct ta_conn *conn, struct ta_thread *thread, bool plain,
			 const struct iovec *iov, int iov_count, struct ta_inject_plan *ret_plan);
/* They are not wanted after all. */
void ta_inject_drop(struct ta_conn *conn);
/* Whether headers are out in part. */
bool ta_inject_pending(uint64_t word, struct ta_inject_plan *ret_plan);

/* The kernel has taken so many bytes of [at bytes, the headers, the rest]; how many of them
 * were the program's? */
uint64_t ta_inject_took(uint64_t word, const struct ta_inject_plan *plan, uint64_t bytes);

/* Nothing was taken: it may be another request, of somebody else, that is written next. */
void ta_inject_failed(uint64_t word, const struct ta_inject_plan *plan);

/* Whether it can be memory of a program at all; whether it can be read. */
bool ta_inject_plausible(const void *memory, uint64_t bytes);
bool ta_inject_readable(const void *memory, uint64_t bytes);

/* The connection ends. */
void ta_inject_give_back(struct ta_conn *conn);

#endif
