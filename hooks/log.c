/* SPDX-License-Identifier: MIT */
/*
 * log.c - what the program tells syslog.
 *
 * libc formats for itself; we format once more with a small printf of our own
 * (runtime/core/format.h), from a copy of the arguments and after the call: what libc
 * could read is there.  What setlogmask leaves out libc does not read, so neither
 * do we.
 *
 * Runs: any host thread.  No locks of ours, no heap.
 */
#include "hooks/hook.h"

#include <syslog.h>

#include "runtime/core/crumb.h"
#include "runtime/core/format.h"

static _Atomic int log_mask = 0xff;

static enum ta_level level_of(int priority)
{
	switch (LOG_PRI(priority)) {
	case LOG_EMERG:
	case LOG_ALERT:
	case LOG_CRIT:
		return TA_LEVEL_FATAL;
	case LOG_ERR:
		return TA_LEVEL_ERROR;
	case LOG_WARNING:
		return TA_LEVEL_WARNING;
	case LOG_DEBUG:
		return TA_LEVEL_DEBUG;
	default:
		return TA_LEVEL_INFO;
	}
}

static bool wanted(int priority)
{
	return ta_runtime.enabled && ta_crumb_wanted(TA_CRUMB_SYSLOG) &&
	       (atomic_load_explicit(&log_mask, memory_order_relaxed) &
		LOG_MASK(LOG_PRI(priority))) != 0;
}

/* error: errno before the call, for %m. */
static __attribute__((noinline)) void note(int priority, const char *format, va_list list,
					   int error)
{
	char text[TA_CRUMB_TEXT_MAX + 4]; /* more than is taken: the cut is made elsewhere */

	TA_GUARD(guard);
	struct ta_thread *thread = guard.entered ? ta_thread_self() : NULL;

	if (thread == NULL)
		return;
	uint32_t bytes = ta_format(text, sizeof(text), format, list, error);

	while (bytes && text[bytes - 1] == '\n')
		bytes--;
	struct iovec piece = { .iov_base = text, .iov_len = bytes };
	struct ta_crumb_facts facts = { .category = "syslog",
					.level = level_of(priority),
					.text = &piece,
					.text_count = 1 };

	if (bytes)
		ta_crumb_leave(thread, &facts);
}

static void log_plain(int priority, const char *format, va_list list)
{
	int error = errno;
	va_list again;

	va_copy(again, list);
	TA_REAL(vsyslog)(priority, format, list);
	if (wanted(priority))
		note(priority, format, again, error);
	va_end(again);
}

static void log_checked(int priority, int flag, const char *format, va_list list)
{
	int error = errno;
	va_list again;

	va_copy(again, list);
	TA_REAL(__vsyslog_chk)(priority, flag, format, list);
	if (wanted(priority))
		note(priority, format, again, error);
	va_end(again);
}

TA_HOOK void syslog(int priority, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	log_plain(priority, format, list);
	va_end(list);
}

TA_HOOK void vsyslog(int priority, const char *format, va_list list)
{
	log_plain(priority, format, list);
}

TA_HOOK void __syslog_chk(int priority, int flag, const char *format, ...);
TA_HOOK void __syslog_chk(int priority, int flag, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	log_checked(priority, flag, format, list);
	va_end(list);
}

TA_HOOK void __vsyslog_chk(int priority, int flag, const char *format, va_list list);
TA_HOOK void __vsyslog_chk(int priority, int flag, const char *format, va_list list)
{
	log_checked(priority, flag, format, list);
}

TA_HOOK int setlogmask(int mask)
{
	if (mask)
		atomic_store_explicit(&log_mask, mask, memory_order_relaxed);
	return TA_REAL(setlogmask)(mask);
}
