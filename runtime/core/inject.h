/* SPDX-License-Identifier: MIT */
/*
 * inject.h - a traceparent header for requests that go out, byte-exact.
 *
 * Before a write on a connection that carries HTTP/1 to another server, the bytes that
 * the program is about to send are looked at: where a request's head ends in them, and
 * it has no traceparent yet, a header is to be put in before the empty line.  Whatever the
 * kernel takes of bytes and header is then told apart: the program is told of its own
 * bytes only, and a header that went out in part is finished before anything else.
 *
 * One header for a write; requests behind the first in the same write go without (counted).
 * Nothing is put in when the empty line has begun in an earlier write, in CONNECT, above
 * HTTP/1, and where the request is not recorded.
 *
 * Runs: any host thread, inside the guard.
 */
#ifndef TA_CORE_INJECT_H
#define TA_CORE_INJECT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "runtime/core/conn.h"

#define TA_INJECT_MAX 2048u

/* A header on its way; borrowed by the connection while it is not out. */
struct ta_injection {
	uint32_t bytes, sent;
	char text[TA_INJECT_MAX];
};

struct ta_inject_plan {
	uint64_t at; /* bytes of the program in front of it */
	struct ta_injection *what;
};

/* Whether something is to be put into what is about to be written to the fd of word. */
bool ta_inject_plan(uint64_t word, const struct iovec *iov, int iov_count,
		    struct ta_inject_plan *ret_plan);

/* The kernel has taken so many bytes of [at bytes, the header, the rest]; how many of them
 * were the program's?  A header that is out is given back. */
uint64_t ta_inject_took(uint64_t word, const struct ta_inject_plan *plan, uint64_t bytes);

/* Nothing was taken: it may be another request, of somebody else, that is written next. */
void ta_inject_failed(uint64_t word, const struct ta_inject_plan *plan);

/* Whether it can be memory of a program at all. */
bool ta_inject_plausible(const void *memory, uint64_t bytes);

/* The connection ends. */
void ta_inject_give_back(struct ta_conn *conn);

#endif
