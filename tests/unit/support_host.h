/* SPDX-License-Identifier: MIT */
/*
 * support_host.h - the host side of the library in the test's own process.
 *
 * Its constructor's work is done by hand: a segment that no agent reads (the test
 * itself takes the records), the arena, the table behind tagalong.h.  Threads begin
 * and end as the hooks would have them.
 */
#ifndef TESTS_UNIT_SUPPORT_HOST_H
#define TESTS_UNIT_SUPPORT_HOST_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/core/thread.h"
#include "runtime/include/tagalong.h"

/* Fewer turns where every one takes long. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CORE_SLOW 20u
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CORE_SLOW 20u
#endif
#endif
#ifndef CORE_SLOW
#define CORE_SLOW 1u
#endif

/* Where looks that hold nothing, and are made sure of afterwards, are reported as races. */
#if defined(__SANITIZE_THREAD__)
#define CORE_REPORTS_LOOKS true
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CORE_REPORTS_LOOKS true
#endif
#endif
#ifndef CORE_REPORTS_LOOKS
#define CORE_REPORTS_LOOKS false
#endif

/* Once, before anything else; exits with 77 where there is no room for a segment. */
void core_start(void);

/* ---- threads ---- */

struct core_thread {
	pthread_t thread;
	struct ta_thread_birth *birth;
	void (*run)(void *argument);
	void *argument;
};

/* A thread that inherits what is current here. */
void core_thread_start(struct core_thread *thread, void (*run)(void *), void *argument);
void core_thread_join(struct core_thread *thread);
/* Both. */
void core_in_thread(void (*run)(void *), void *argument);

/* ---- records ---- */

/* Gives the space of everything published back, unread. */
void core_skip(void);
/* Takes what was published since; the records stay until the next time. */
void core_take(void);
/* The record after this one (NULL: the first) of those taken; NULL: no more. */
const struct ta_record *core_next(const struct ta_record *record);
/* How many taken records end that span; the last of them, or NULL. */
unsigned int core_ends(uint64_t span_id, const struct ta_record_span_end **ret_end);
const struct ta_record_span_start *core_start_of(uint64_t span_id);
uint64_t core_lost(enum ta_loss loss);

/* ---- pools ---- */

struct core_use {
	uint32_t cells, objects, sessions, handed, hubs, conns, births, lanes;
};

/* What is taken out of every pool now; free numbers that a thread keeps at hand are
 * not.  No other thread may be at work. */
struct core_use core_use(void);
/* "" when both are the same, else what there is more or less of. */
const char *core_use_difference(const struct core_use *before, const struct core_use *now);

#endif
