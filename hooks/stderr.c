/* SPDX-License-Identifier: MIT */
/*
 * stderr.c - lines that the program writes to descriptor 2.
 *
 * What one call wrote is one breadcrumb: without what is blank at its ends, and none
 * where nothing is left.  Descriptor 2 may have become something else in a daemon, so
 * what does not look like text is left alone.  The level is what the line says about
 * itself.
 *
 * Runs: any host thread, signal handlers.  No locks, no heap.
 */
#include "hooks/stderr.h"

#include "hooks/hook.h"
#include "runtime/core/crumb.h"

#define PIECES_MAX 8

static __attribute__((noinline)) void leave(struct iovec *pieces, int count)
{
	TA_GUARD(guard);
	struct ta_thread *thread = guard.entered ? ta_thread_self() : NULL;

	count = ta_crumb_trim(pieces, count);
	if (thread == NULL || count == 0 || !ta_crumb_is_text(pieces[0].iov_base, pieces[0].iov_len))
		return;
	struct ta_crumb_facts facts = { .category = "stderr",
					.level = ta_crumb_level(pieces[0].iov_base,
								pieces[0].iov_len),
					.text = pieces,
					.text_count = (uint32_t)count };

	ta_crumb_leave(thread, &facts);
}

void ta_note_stderr(const char *text, size_t bytes)
{
	struct iovec piece = { .iov_base = (char *)text, .iov_len = bytes };

	if (ta_runtime.enabled && ta_crumb_wanted(TA_CRUMB_STDERR))
		leave(&piece, 1);
}

/* Of many pieces the first ones; all together no more than was written. */
void ta_note_stderr_iov(const struct iovec *iov, int iov_count, size_t bytes)
{
	struct iovec pieces[PIECES_MAX];
	int count = 0;

	if (!ta_runtime.enabled || !ta_crumb_wanted(TA_CRUMB_STDERR))
		return;
	for (int at = 0; at < iov_count && bytes && count < PIECES_MAX; at++) {
		if (iov[at].iov_len == 0)
			continue;
		pieces[count] = iov[at];
		if (pieces[count].iov_len > bytes)
			pieces[count].iov_len = bytes;
		bytes -= pieces[count++].iov_len;
	}
	leave(pieces, count);
}
