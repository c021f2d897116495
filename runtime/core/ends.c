/* SPDX-License-Identifier: MIT */
/*
 * ends.c - processes that end badly: this one, and its children.
 *
 * Runs: any host thread, signal handlers.
 */
#include "runtime/core/ends.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "runtime/core/capture.h"
#include "runtime/core/clock.h"
#include "runtime/core/crash.h"
#include "runtime/core/crumb.h"
#include "runtime/core/publish.h"

#define KILLED 32u /* pids that are remembered */
#define MINUTE_NS 60000000000u
#define WORDS_MAX 64u

static _Atomic int killed[KILLED]; /* 0: none; -1: a whole group */
static _Atomic uint32_t killed_count;
static _Atomic uint64_t minute_ns; /* when the minute began whose events are counted */
static _Atomic uint32_t minute_events;

enum ta_exit_events ta_exit_events(const char *word)
{
	if (strcmp(word, "all") == 0)
		return TA_EXIT_EVENTS_ALL;
	return strcmp(word, "program") == 0 ? TA_EXIT_EVENTS_PROGRAM : TA_EXIT_EVENTS_NONE;
}

/* ---- words ---- */

struct line {
	char text[WORDS_MAX];
	uint32_t bytes;
};

static void put(struct line *line, const char *text)
{
	size_t bytes = strlen(text);

	if (bytes > WORDS_MAX - line->bytes)
		bytes = WORDS_MAX - line->bytes;
	memcpy(line->text + line->bytes, text, bytes);
	line->bytes += (uint32_t)bytes;
}

static void put_number(struct line *line, unsigned int number)
{
	char digits[12];
	size_t at = sizeof(digits) - 1;

	digits[at] = '\0';
	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	put(line, digits + at);
}

static struct line signal_words(int number)
{
	const char *word = ta_signal_word(number);
	struct line line = { .bytes = 0 };

	put(&line, word ? word : "signal ");
	if (!word)
		put_number(&line, (unsigned int)number);
	return line;
}

static struct line exit_words(int pid, int status)
{
	struct line line = { .bytes = 0 };

	if (pid) {
		put(&line, "child ");
		put_number(&line, (unsigned int)pid);
		put(&line, " ");
	}
	put(&line, "exited with status ");
	put_number(&line, (unsigned int)status);
	return line;
}

static struct line death_words(int pid, const struct line *signal)
{
	struct line line = { .bytes = 0 };

	put(&line, "child ");
	put_number(&line, (unsigned int)pid);
	put(&line, " died of ");
	if (signal->bytes > WORDS_MAX - line.bytes)
		return line;
	memcpy(line.text + line.bytes, signal->text, signal->bytes);
	line.bytes += signal->bytes;
	return line;
}

/* ---- what is recorded ---- */

/* pid: of a child; 0: it is about ourselves. */
static void publish(struct ta_thread *thread, const struct line *type, const struct line *message,
		    int pid)
{
	struct ta_capture capture = { .type = TA_CAPTURE_ERROR, .level = TA_LEVEL_ERROR };
	uint32_t room = TA_ATTR_ROOM(type->bytes) + TA_ATTR_ROOM(message->bytes) + TA_ATTR_ROOM(8);
	struct ta_record_event event;
	struct ta_emit emit;

	if (ta_capture_fill(thread, &capture, &event) != 0 ||
	    !ta_emit_begin(&emit, thread, TA_RECORD_EVENT, sizeof(event), room))
		return;
	struct ta_record_event *record = (void *)emit.record;

	event.head = record->head;
	*record = event;
	ta_emit_string(&emit, TA_ATTR_EXCEPTION_TYPE, type->text, type->bytes);
	ta_emit_string(&emit, TA_ATTR_EXCEPTION_MESSAGE, message->text, message->bytes);
	if (pid)
		ta_emit_int(&emit, TA_ATTR_CHILD_PID, pid);
	ta_emit_commit(&emit);
}

static void leave_crumb(struct ta_thread *thread, const struct line *message)
{
	struct iovec text = { (void *)(uintptr_t)message->text, message->bytes };

	if (ta_crumb_wanted(TA_CRUMB_EXEC))
		ta_crumb_leave(thread, &(struct ta_crumb_facts){ .category = "process",
								 .level = TA_LEVEL_WARNING,
								 .text = &text,
								 .text_count = 1 });
}

/* ---- this process ---- */

static bool is_reported(void)
{
	return ta_runtime.exit_events == TA_EXIT_EVENTS_ALL ||
	       (ta_runtime.exit_events == TA_EXIT_EVENTS_PROGRAM && ta_runtime.root &&
		ta_runtime.creator);
}

void ta_exit_report(int status)
{
	struct line type = { .bytes = 0 }, message = exit_words(0, status & 0xff);

	if ((status & 0xff) == 0 || !is_reported())
		return;
	TA_GUARD(guard);
	struct ta_thread *thread = guard.entered ? ta_thread_self() : NULL;

	put(&type, "exit status");
	if (thread)
		publish(thread, &type, &message, 0);
}

/* ---- children ---- */

bool ta_death_matters(int number)
{
	return number == SIGKILL || number == SIGXFSZ || ta_crash_is_fatal(number);
}

void ta_child_killed(int pid)
{
	uint32_t at = atomic_fetch_add_explicit(&killed_count, 1, memory_order_relaxed);

	atomic_store_explicit(&killed[at % KILLED], pid > 0 ? pid : -1, memory_order_relaxed);
}

/* By ourselves.  A pid is forgotten with its child: the number comes back. */
static bool was_killed(int pid)
{
	for (uint32_t i = 0; i < KILLED; i++) {
		int expected = pid;

		if (atomic_compare_exchange_strong(&killed[i], &expected, 0) || expected == -1)
			return true;
	}
	return false;
}

static bool is_in_bounds(void)
{
	uint64_t now = ta_now_ns(), began = atomic_load(&minute_ns);

	if ((began == 0 || now - began > MINUTE_NS) &&
	    atomic_compare_exchange_strong(&minute_ns, &began, now))
		atomic_store(&minute_events, 0);
	return atomic_fetch_add(&minute_events, 1) < TA_CHILD_EVENTS_A_MINUTE;
}

void ta_child_exited(int pid, int status)
{
	struct line message = exit_words(pid, status);

	if (status == 0)
		return;
	TA_GUARD(guard);
	struct ta_thread *thread = guard.entered ? ta_thread_self() : NULL;

	if (thread)
		leave_crumb(thread, &message);
}

void ta_child_died(int pid, int number)
{
	struct line type = signal_words(number), message = death_words(pid, &type);
	bool own = number == SIGKILL && was_killed(pid);

	TA_GUARD(guard);
	struct ta_thread *thread = guard.entered ? ta_thread_self() : NULL;

	if (!thread)
		return;
	if (ta_runtime.child_deaths && ta_death_matters(number) && !own && is_in_bounds())
		publish(thread, &type, &message, pid);
	leave_crumb(thread, &message);
}
