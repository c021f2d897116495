/* SPDX-License-Identifier: MIT */
/*
 * stderr.c - lines that the program writes to standard error.
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
#define LOOK_BYTES 64u /* of what was written, to tell whether it is text */

static bool is_blank(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static bool is_text(const char *text, size_t bytes)
{
	for (size_t at = 0; at < bytes && at < LOOK_BYTES; at++) {
		unsigned char c = (unsigned char)text[at];

		if ((c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != 27) || c == 127)
			return false;
	}
	return true;
}

/* Takes blanks off both ends.  Returns how many pieces are left. */
static int trim(struct iovec *pieces, int count)
{
	while (count && pieces[0].iov_len && is_blank(*(char *)pieces[0].iov_base)) {
		pieces[0].iov_base = (char *)pieces[0].iov_base + 1;
		pieces[0].iov_len--;
	}
	while (count) {
		struct iovec *last = &pieces[count - 1];

		if (last->iov_len && !is_blank(((char *)last->iov_base)[last->iov_len - 1]))
			break;
		if (last->iov_len)
			last->iov_len--;
		else
			count--;
	}
	return count;
}

static __attribute__((noinline)) void leave(struct iovec *pieces, int count)
{
	TA_GUARD(guard);
	struct ta_thread *thread = guard.entered ? ta_thread_self() : NULL;

	count = trim(pieces, count);
	if (thread == NULL || count == 0 || !is_text(pieces[0].iov_base, pieces[0].iov_len))
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
