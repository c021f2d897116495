/* SPDX-License-Identifier: MIT */
/*
 * hop.c - threads that hand work to each other: condition variables, semaphores, and
 * through syscall.c the futexes of C++'s and others' own.
 *
 * Waking costs two loads when the thread works for nobody; sleeping is looked at when it
 * is over.  eventfds and pipes come by read.c and write.c.
 *
 * pthread_cond_* have two versions with different condition variables; who waits with one has to
 * be woken with it, and one of the older kind is never destroyed by the newer function.
 *
 * Runs: any host thread.  No locks of ours.  The real calls are cancellation points and
 * stand outside the guard.
 */
#include "hooks/hop.h"

#include <semaphore.h>
#include <sys/eventfd.h>

#include "runtime/core/hop.h"

__attribute__((noinline)) void ta_note_slept_slow(uintptr_t place)
{
	TA_GUARD(guard);

	if (guard.entered && ta_tls.thread)
		ta_hop_slept(ta_tls.thread, place);
}

__attribute__((noinline)) void ta_note_wakes_slow(uintptr_t place)
{
	TA_GUARD(guard);

	if (guard.entered && ta_tls.thread)
		ta_hop_wakes(ta_tls.thread, place);
}

__attribute__((noinline)) void ta_note_sleeps_slow(void)
{
	TA_GUARD(guard);

	if (guard.entered && ta_tls.thread)
		ta_hop_sleeps(ta_tls.thread);
}

static int slept(const void *place, int result)
{
	ta_note_slept((uintptr_t)place);
	return result;
}

/* ---- condition variables ---- */

TA_HOOK int pthread_cond_wait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex)
{
	ta_note_sleeps();
	return slept(cond, TA_REAL(pthread_cond_wait)(cond, mutex));
}

TA_HOOK int pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
				   const struct timespec *restrict until)
{
	ta_note_sleeps();
	return slept(cond, TA_REAL(pthread_cond_timedwait)(cond, mutex, until));
}

TA_HOOK int pthread_cond_clockwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
				   clockid_t clock, const struct timespec *restrict until);
TA_HOOK int pthread_cond_clockwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
				   clockid_t clock, const struct timespec *restrict until)
{
	ta_note_sleeps();
	return slept(cond, TA_REAL(pthread_cond_clockwait)(cond, mutex, clock, until));
}

TA_HOOK int pthread_cond_signal(pthread_cond_t *cond)
{
	ta_note_wakes((uintptr_t)cond);
	return TA_REAL(pthread_cond_signal)(cond);
}

TA_HOOK int pthread_cond_broadcast(pthread_cond_t *cond)
{
	ta_note_wakes((uintptr_t)cond);
	return TA_REAL(pthread_cond_broadcast)(cond);
}

#if defined(__x86_64__)
/* Before glibc 2.3.2, and objects without versions. */

TA_OLD(pthread_cond_wait, GLIBC_2.2.5);
TA_HOOK int ta_old_pthread_cond_wait(pthread_cond_t *restrict cond,
				     pthread_mutex_t *restrict mutex)
{
	ta_note_sleeps();
	return slept(cond, TA_REAL(old_pthread_cond_wait)(cond, mutex));
}

TA_OLD(pthread_cond_timedwait, GLIBC_2.2.5);
TA_HOOK int ta_old_pthread_cond_timedwait(pthread_cond_t *restrict cond,
					  pthread_mutex_t *restrict mutex,
					  const struct timespec *restrict until)
{
	ta_note_sleeps();
	return slept(cond, TA_REAL(old_pthread_cond_timedwait)(cond, mutex, until));
}

TA_OLD(pthread_cond_signal, GLIBC_2.2.5);
TA_HOOK int ta_old_pthread_cond_signal(pthread_cond_t *cond)
{
	ta_note_wakes((uintptr_t)cond);
	return TA_REAL(old_pthread_cond_signal)(cond);
}

TA_OLD(pthread_cond_broadcast, GLIBC_2.2.5);
TA_HOOK int ta_old_pthread_cond_broadcast(pthread_cond_t *cond)
{
	ta_note_wakes((uintptr_t)cond);
	return TA_REAL(old_pthread_cond_broadcast)(cond);
}
#endif

/* ---- semaphores ---- */

TA_HOOK int sem_wait(sem_t *semaphore)
{
	ta_note_sleeps();
	return slept(semaphore, TA_REAL(sem_wait)(semaphore));
}

TA_HOOK int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict until)
{
	ta_note_sleeps();
	return slept(semaphore, TA_REAL(sem_timedwait)(semaphore, until));
}

TA_HOOK int sem_clockwait(sem_t *restrict semaphore, clockid_t clock,
			  const struct timespec *restrict until);
TA_HOOK int sem_clockwait(sem_t *restrict semaphore, clockid_t clock,
			  const struct timespec *restrict until)
{
	ta_note_sleeps();
	return slept(semaphore, TA_REAL(sem_clockwait)(semaphore, clock, until));
}

TA_HOOK int sem_post(sem_t *semaphore)
{
	ta_note_wakes((uintptr_t)semaphore);
	return TA_REAL(sem_post)(semaphore);
}

/* ---- eventfds, by libc's own calls ---- */

TA_HOOK int eventfd_read(int fd, eventfd_t *value)
{
	ta_note_sleeps();
	int result = TA_REAL(eventfd_read)(fd, value);

	if (result == 0)
		ta_note_slept(ta_fd_place(ta_fd_get(fd)));
	return result;
}

TA_HOOK int eventfd_write(int fd, eventfd_t value)
{
	int result = TA_REAL(eventfd_write)(fd, value);

	if (result == 0)
		ta_note_wakes(ta_fd_place(ta_fd_get(fd)));
	return result;
}
