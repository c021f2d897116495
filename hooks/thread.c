/* SPDX-License-Identifier: MIT */
/*
 * thread.c - threads that the program starts.
 *
 * A new thread begins with a fork of its creator's isolation scope.  What it
 * takes over waits in a static pool until it runs; a pool that is empty means
 * that the thread starts as it would without us.
 *
 * The thread's end is seen by the destructor of a thread-specific key, however it comes:
 * return, pthread_exit, cancellation.  So nothing of ours has to stay below the start
 * routine, which is called by a jump: debuggers and unwinders see the stack that they
 * would see without us.  The key is made with the first thread.  If it is not among the first
 * ones, for which libc has room without a heap, a clean-up handler in a frame of ours does
 * the same.
 *
 * Runs: creating thread and created thread.  No locks, no heap.
 */
#include "hooks/hook.h"

#include "hooks/crash.h"
#include "preload/baseline.h"

#include "runtime/core/alone.h"
#include "runtime/core/stack.h"
#include "runtime/core/sys.h"

static void ended(void *nothing)
{
	(void)nothing;
	int saved_errno = errno;

	ta_altstack_end();
	ta_thread_end();
	errno = saved_errno;
}

/* ---- the key ---- */

#define KEYS_WITHOUT_HEAP 32u /* libc's first block of values is part of the thread */

enum { KEY_NONE, KEY_MAKING, KEY_READY, KEY_UNFIT };

static _Atomic int key_state;
static pthread_key_t key;

static bool key_is_ready(void)
{
	int state = KEY_NONE;

	if (atomic_load_explicit(&key_state, memory_order_acquire) == KEY_NONE &&
	    atomic_compare_exchange_strong(&key_state, &state, KEY_MAKING)) {
		bool made = pthread_key_create(&key, ended) == 0;
		bool fit = made && key < KEYS_WITHOUT_HEAP;

		if (made && !fit)
			pthread_key_delete(key);
		atomic_store_explicit(&key_state, fit ? KEY_READY : KEY_UNFIT, memory_order_release);
	}
	return atomic_load_explicit(&key_state, memory_order_acquire) == KEY_READY;
}

/* ---- the new thread ---- */

static inline void begin(struct ta_thread_birth *birth)
{
	ta_thread_begin(birth);
	ta_stack_begin((uintptr_t)__builtin_frame_address(0));
	ta_altstack_begin();
}

static void *thread_main(void *argument)
{
	struct ta_thread_birth *birth = argument;
	void *(*start)(void *) = birth->start;
	void *start_argument = birth->argument;

	begin(birth);
	pthread_setspecific(key, &key); /* any value will do */
	return start(start_argument);
}

static void *thread_main_framed(void *argument)
{
	struct ta_thread_birth *birth = argument;
	void *(*start)(void *) = birth->start;
	void *start_argument = birth->argument;
	void *result;

	begin(birth);
	pthread_cleanup_push(ended, NULL);
	result = start(start_argument);
	pthread_cleanup_pop(1);
	return result;
}

/* ---- its creator ---- */

static struct ta_thread_birth *conceive(void *(*start)(void *), void *argument)
{
	TA_GUARD(guard);
	struct ta_thread_birth *birth =
		guard.entered ? ta_thread_birth_new(start, argument) : NULL;

	if (birth)
		ta_thread_birth_inherit(birth);
	return birth;
}

TA_HOOK int pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attr,
			   void *(*start)(void *), void *restrict argument)
{
	struct ta_thread_birth *birth =
		ta_runtime.enabled && ta_runtime.threads ? conceive(start, argument) : NULL;

	ta_is_threaded();
	if (birth == NULL)
		return TA_REAL(pthread_create)(thread, attr, start, argument);
	int result = TA_REAL(pthread_create)(
		thread, attr, key_is_ready() ? thread_main : thread_main_framed, birth);

	if (result != 0)
		ta_thread_birth_free(birth);
	return result;
}
