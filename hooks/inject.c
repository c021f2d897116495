/* SPDX-License-Identifier: MIT */
/*
 * inject.c - one write of the program as up to three rows of pieces: its bytes before our
 * header, the header, its bytes behind it.
 *
 * A row of more than PIECES_MAX goes out in two calls.  A call that takes nothing of the
 * program's but a part of the header is repeated until the header is out or the kernel
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

struct pieces {
	struct iovec at[PIECES_MAX];
	int count;
	int next;      /* first piece of the program that is not in it */
	uint64_t bytes; /* in it */
	uint64_t of_program;
};

static bool make_plan(uint64_t word, const struct iovec *iov, int iov_count,
		      struct ta_inject_plan *plan)
{
	TA_GUARD(guard);

	return guard.entered && ta_inject_plan(word, iov, iov_count, plan);
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
	pieces->bytes += bytes;
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

/* False: the header's place is behind too many pieces. */
static bool lay_out(struct pieces *pieces, const struct ta_inject_plan *plan,
		    const struct iovec *iov, int iov_count)
{
	uint64_t passed = 0;
	bool placed = false;

	*pieces = (struct pieces){ .count = 0 };
	for (int from = 0; from < iov_count && pieces->count < PIECES_MAX - 2; from++) {
		if (!placed && plan->at < passed + iov[from].iov_len) {
			add_split(pieces, &iov[from], plan->at - passed, plan->what);
			placed = true;
		} else {
			add(pieces, iov[from].iov_base, iov[from].iov_len, true);
		}
		passed += iov[from].iov_len;
		pieces->next = from + 1;
	}
	return placed;
}

/* ---- calls ---- */

static ssize_t hand_over(const struct ta_write_call *call, const struct iovec *iov, int count)
{
	struct msghdr message = { 0 };

	if (!call->message)
		return TA_REAL(writev)(call->fd, iov, count);
	message.msg_iov = (struct iovec *)iov;
	message.msg_iovlen = (size_t)count;
	return TA_REAL(sendmsg)(call->fd, &message, call->flags);
}

/* The rest of a header of which a part is out, alone. */
static bool finish_header(uint64_t word, const struct ta_write_call *call,
			  const struct ta_inject_plan *plan)
{
	struct ta_inject_plan rest = { .at = 0, .what = plan->what };

	for (;;) {
		struct iovec iov = { .iov_base = rest.what->text + rest.what->sent,
				     .iov_len = rest.what->bytes - rest.what->sent };
		size_t left = iov.iov_len;
		ssize_t result = hand_over(call, &iov, 1);

		if (result < 0)
			return false;
		took(word, &rest, (uint64_t)result);
		if ((size_t)result == left)
			return true;
	}
}

/* What was too many pieces for one call. */
static ssize_t send_rest(const struct ta_write_call *call, const struct iovec *iov, int iov_count,
			 const struct pieces *pieces, uint64_t program_bytes)
{
	ssize_t more = 0;

	if (pieces->next < iov_count && program_bytes == pieces->of_program)
		more = hand_over(call, iov + pieces->next, iov_count - pieces->next);
	return (ssize_t)program_bytes + (more > 0 ? more : 0);
}

bool ta_inject_slow(uint64_t word, const struct ta_write_call *call, const struct iovec *iov,
		    int iov_count, ssize_t *ret_result)
{
	struct ta_inject_plan plan;
	struct pieces pieces;
	int saved_errno = errno;

	if (!make_plan(word, iov, iov_count, &plan))
		return false;
	if (!lay_out(&pieces, &plan, iov, iov_count)) {
		failed(word, &plan);
		return false;
	}
	ssize_t result = hand_over(call, pieces.at, pieces.count);

	if (result < 0) {
		failed(word, &plan);
		*ret_result = result;
		return true;
	}
	uint64_t program_bytes = took(word, &plan, (uint64_t)result);

	if (program_bytes == 0 && result > 0) {
		/* Our bytes alone: the program is not told of a call that did nothing. */
		*ret_result = finish_header(word, call, &plan) ? hand_over(call, iov, iov_count) :
								 -1;
		if (*ret_result >= 0)
			errno = saved_errno;
		return true;
	}
	*ret_result = send_rest(call, iov, iov_count, &pieces, program_bytes);
	errno = saved_errno;
	return true;
}
