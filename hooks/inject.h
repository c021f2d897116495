/* SPDX-License-Identifier: MIT */
/*
 * inject.h - writes that carry a header of ours besides the program's bytes.
 */
#ifndef TA_HOOKS_INJECT_H
#define TA_HOOKS_INJECT_H

#include "hooks/hook.h"
#include "runtime/core/client.h"
#include "runtime/core/conn_hold.h"
#include "runtime/core/inject.h"

/* How the bytes are handed to the kernel: what the program called, with its arguments. */
struct ta_write_call {
	int fd;
	int flags;    /* of send and its like */
	bool message; /* it was one of these */
};

/* Whether a header is to be put in; then *ret_result is what the call answers, and its
 * bytes are noted. */
bool ta_inject_slow(uint64_t word, const struct ta_write_call *call, const struct iovec *iov,
		    int iov_count, ssize_t *ret_result);

/* Before bytes that go another way: headers of which a part is out come first.  False: they
 * could not be written, and *ret_result is the answer. */
bool ta_inject_finish(uint64_t word, const struct ta_write_call *call, ssize_t *ret_result);

static inline bool ta_inject(const struct ta_write_call *call, const struct iovec *iov,
			     int iov_count, ssize_t *ret_result)
{
	uint64_t word = ta_conn_word(call->fd);

	return TA_UNLIKELY(word != 0) && ta_runtime.propagate == TA_PROPAGATE_INJECT &&
	       ta_conn_is_client(word) && ta_inject_slow(word, call, iov, iov_count, ret_result);
}

#endif
