/* SPDX-License-Identifier: MIT */
/*
 * tls.c - plaintext that TLS libraries hand to, or take from, the program.
 *
 * Runs: any host thread.  No locks.
 */
#include "hooks/tls.h"

static void mark(struct ta_tls_call *call)
{
	TA_GUARD(guard);
	struct ta_thread *thread = guard.entered ? ta_thread_self() : NULL;

	if (thread)
		call->before = ta_tls_mark(thread);
	call->unknown = thread != NULL;
}

static void expect(uint64_t word)
{
	TA_GUARD(guard);

	if (guard.entered)
		ta_conn_expect_tls(word);
}

void ta_tls_begin(struct ta_tls_call *call, const void *session, int fd, bool settled)
{
	if (TA_UNLIKELY(!ta_tls_is_used()))
		atomic_store(&ta_tls_used, 1);
	call->settled = settled;
	if (fd >= 0) {
		call->word = ta_conn_word(fd);
		if (call->word && !settled)
			expect(call->word);
		return;
	}
	call->word = ta_tls_recall(session);
	if (call->word == 0)
		mark(call);
}

void ta_tls_end(struct ta_tls_call *call, const void *session,
		const struct ta_tls_randoms *randoms)
{
	TA_GUARD(guard);
	struct ta_thread *thread = guard.entered ? ta_thread_self() : NULL;

	if (thread)
		call->word = ta_tls_learn(thread, session, call->before, randoms, call->settled);
}

void ta_tls_read(uint64_t word, const void *data, uint64_t bytes)
{
	TA_GUARD(guard);

	if (guard.entered)
		ta_conn_plain_read(word, data, bytes);
}

void ta_tls_wrote(uint64_t word, const void *data, uint64_t bytes)
{
	TA_GUARD(guard);

	if (guard.entered)
		ta_conn_plain_wrote(word, data, bytes);
}

void ta_tls_expect(int fd)
{
	uint64_t word = ta_runtime.enabled && !ta_tls.passive ? ta_conn_word(fd) : 0;

	if (word)
		expect(word);
}
