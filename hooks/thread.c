/* SPDX-License-Identifier: MIT */
/*
 * thread.c - threads that the program starts.
 *
 * A new thread begins with a fork of its creator's isolation scope.  What it
 * takes over waits in a static pool until it runs; a pool that is empty means
 * that the thread starts as it would without us.
 *
 * The thread's end is seen however it comes: return, pthread_exit and
 * cancellation run the clean-up handler.  C++ exceptions and forced unwinding
 * pass through, as they pass libc's own start frame.
 *
 * Runs: creating thread and created thread.  No locks, no heap.
 */
#include "hooks/hook.h"

#include "hooks/crash.h"
#include "preload/baseline.h"

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

static void *thread_main(void *argument)
{
	struct ta_thread_birth *birth = argument;
	void *(*start)(void *) = birth->start;
	void *start_argument = birth->argument;
	void *result;

	ta_thread_begin(birth);
	ta_stack_begin((uintptr_t)__builtin_frame_address(0));
	ta_altstack_begin();
	pthread_cleanup_push(ended, NULL);
	result = start(start_argument);
	pthread_cleanup_pop(1);
	return result;
}

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

	if (birth == NULL)
		return TA_REAL(pthread_create)(thread, attr, start, argument);
	int result = TA_REAL(pthread_create)(thread, attr, thread_main, birth);

	if (result != 0)
		ta_thread_birth_free(birth);
	return result;
}
