/* SPDX-License-Identifier: MIT */
/*
 * inject.c - one write of the program as up to three rows of pieces: its bytes before our
 * header, the header, its bytes behind it.
 *
 * A row of more than PIECES_MAX goes out in several calls.  A call that takes nothing of
 * the program's but a part of the header is repeated until the header is out or the kernel
 * says no: an answer of 0 would mean something else.
 *
 * Runs: any host thread.  The calls stand outside the guard.
 */
#include "hooks/inject.h"

#include <errno.h>
#include <string.h>

#include "hooks/note.h"
#include "runtime/core/inject.h"

#define PIECES_MAX 16

/* Calls that mean more than their bytes go out as they are. */
#define SPECIAL_FLAGS (MSG_OOB | MSG_ZEROCOPY | MSG_FASTOPEN)

struct pieces {
	struct iovec at[PIECES_MAX];
	int count;
	int next;	/* first piece of the program that is not in it */
	bool placed;	/* our header is in it */
	uint64_t of_program;
};

static bool make_plan(uint64_t word, const struct iovec *iov, int iov_count,
		      struct ta_inject_plan *plan)
{
	TA_GUARD(guard);

	return guard.entered && ta_inject_plan(word, iov, iov_count, plan);
}

static bool find_pending(uint64_t word, struct ta_inject_plan *plan)
{
	TA_GUARD(guard);

	return guard.entered && ta_inject_pending(word, plan);
}

static uint64_t took(uint64_t word, const struct ta_inject_plan *plan, uint64_t bytes)
{
	TA_GUARD(guard);

	return ta_inject_took(word, plan, bytes);
}

static void failed(uint64_t word, const struct ta_inject_plan *plan)
{
	TA_GUARD(guard);

	ta_inject_failed(word, plan);
}

/* ---- pieces ---- */

static void add(struct pieces *pieces, const void *data, uint64_t bytes, bool of_program)
{
	if (bytes == 0)
		return;
	pieces->at[pieces->count++] =
		(struct iovec){ .iov_base = (void *)data, .iov_len = bytes };
	if (of_program)
		pieces->of_program += bytes;
}

static void add_split(struct pieces *pieces, const struct iovec *piece, uint64_t before,
		      const struct ta_injection *what)
{
	add(pieces, piece->iov_base, before, true);
	add(pieces, what->text + what->sent, what->bytes - what->sent, false);
	add(pieces, (const char *)piece->iov_base + before, piece->iov_len - before, true);
}

/* As many as there is room for, from a piece on; at: the header's place from there, or
 * UINT64_MAX. */
static void lay_out(struct pieces *pieces, const struct iovec *iov, int iov_count, int from,
		    uint64_t at, const struct ta_injection *what)
{
	uint64_t passed = 0;

	*pieces = (struct pieces){ .next = from };
	for (; from < iov_count && pieces->count < PIECES_MAX - 2; from++) {
		if (!pieces->placed && at < passed + iov[from].iov_len) {
			add_split(pieces, &iov[from], at - passed, what);
			pieces->placed = true;
		} else {
			add(pieces, iov[from].iov_base, iov[from].iov_len, true);
		}
		passed += iov[from].iov_len;
		pieces->next = from + 1;
	}
}

/* The piece with other bytes in place of some; all of it is the program's. */
static void add_replaced(struct pieces *pieces, const struct iovec *piece, uint64_t before,
			 const struct ta_injection *what)
{
	add(pieces, piece->iov_base, before, true);
	add(pieces, what->text, what->bytes, true);
	add(pieces, (const char *)piece->iov_base + before + what->bytes,
	    piece->iov_len - before - what->bytes, true);
}

static bool lay_out_replaced(struct pieces *pieces, const struct iovec *iov, int iov_count,
			     const struct ta_inject_plan *plan)
{
	uint64_t passed = 0;

	*pieces = (struct pieces){ .next = 0 };
	for (int from = 0; from < iov_count; from++) {
		bool here = plan->at >= passed && plan->at < passed + iov[from].iov_len;

		if (pieces->count + 3 > PIECES_MAX)
			return false;
		if (here)
			add_replaced(pieces, &iov[from], plan->at - passed, plan->what);
		else
			add(pieces, iov[from].iov_base, iov[from].iov_len, true);
		passed += iov[from].iov_len;
	}
	return true;
}

/* ---- calls ---- */

/* more: something follows at once, so that the kernel need not send this by itself. */
static ssize_t hand_over(const struct ta_write_call *call, const struct iovec *iov, int count,
			 bool more)
{
	struct msghdr message = { .msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)count };

	if (!call->message && !more)
		return TA_REAL(writev)(call->fd, iov, count);
	return TA_REAL(sendmsg)(call->fd, &message, call->flags | (more ? MSG_MORE : 0));
}

/* The rest of a header of which a part is out, alone. */
static bool finish_header(uint64_t word, const struct ta_write_call *call,
			  struct ta_inject_plan *plan)
{
	for (;;) {
		struct iovec iov = { .iov_base = plan->what->text + plan->what->sent,
				     .iov_len = plan->what->bytes - plan->what->sent };
		size_t left = iov.iov_len;
		ssize_t result = left ? hand_over(call, &iov, 1, true) : 0;

		if (result < 0) {
			failed(word, plan);
			return false;
		}
		took(word, plan, (uint64_t)result);
		if ((size_t)result == left || !find_pending(word, plan))
			return true;
	}
}

/* Piece by piece until all are out or the kernel takes no more.  Returns how many bytes of
 * the program's, or what the first call answered. */
static ssize_t write_all(uint64_t word, const struct ta_write_call *call,
			 struct ta_inject_plan *plan, const struct iovec *iov, int iov_count)
{
	uint64_t total = 0;
	bool done = false;
	struct pieces pieces;

	for (int from = 0; from < iov_count; from = pieces.next) {
		lay_out(&pieces, iov, iov_count, from, done ? UINT64_MAX : plan->at, plan->what);
		ssize_t result = hand_over(call, pieces.at, pieces.count,
					   pieces.next < iov_count);

		if (result < 0) {
			if (!done)
				failed(word, plan);
			return total ? (ssize_t)total : result;
		}
		uint64_t own = (uint64_t)result;

		if (pieces.placed) {
			own = took(word, plan, own);
			done = true;
		} else if (!done) {
			plan->at -= own;
		}
		total += own;
		if (own < pieces.of_program) {
			if (!done)
				failed(word, plan);
			break;
		}
	}
	return (ssize_t)total;
}

/* A call of the program's with a value replaced: as many bytes as it has. */
static ssize_t write_replaced(uint64_t word, const struct ta_write_call *call,
			      const struct ta_inject_plan *plan, const struct iovec *iov,
			      int iov_count)
{
	struct pieces pieces;
	ssize_t result = lay_out_replaced(&pieces, iov, iov_count, plan) ?
				 hand_over(call, pieces.at, pieces.count, false) :
				 hand_over(call, iov, iov_count, false);

	if (result < 0)
		failed(word, plan);
	else
		took(word, plan, (uint64_t)result);
	return result;
}

bool ta_inject_slow(uint64_t word, const struct ta_write_call *call, const struct iovec *iov,
		    int iov_count, ssize_t *ret_result)
{
	struct ta_inject_plan plan;
	int saved_errno = errno;

	if (call->flags & SPECIAL_FLAGS)
		return !ta_inject_finish(word, call, ret_result);
	if (!make_plan(word, iov, iov_count, &plan))
		return false;
	if (plan.replaces) {
		*ret_result = write_replaced(word, call, &plan, iov, iov_count);
		return true;
	}
	bool empty = iov_count == 1 && iov->iov_len == 0;

	*ret_result = empty ? 0 : write_all(word, call, &plan, iov, iov_count);
	if (empty)
		failed(word, &plan);
	if (*ret_result == 0 && !empty)
		/* Our bytes alone: the program is not told of a call that did nothing. */
		*ret_result = !find_pending(word, &plan) || finish_header(word, call, &plan) ?
				      hand_over(call, iov, iov_count, false) :
				      -1;
	if (*ret_result >= 0)
		errno = saved_errno;
	return true;
}

bool ta_inject_finish(uint64_t word, const struct ta_write_call *call, ssize_t *ret_result)
{
	struct ta_write_call alone = *call;
	struct ta_inject_plan plan;
	int saved_errno = errno;

	alone.flags &= ~SPECIAL_FLAGS;
	if (!find_pending(word, &plan))
		return true;
	if (finish_header(word, &alone, &plan)) {
		errno = saved_errno;
		return true;
	}
	*ret_result = -1;
	return false;
}
