/* SPDX-License-Identifier: MIT */
/*
 * clock.h - the one clock of all records: CLOCK_MONOTONIC, by the vDSO.
 *
 * Runs: any host thread, signal handlers.  No system call where the kernel's
 * clock source has a vDSO path (tsc, arch_sys_counter).
 */
#ifndef TA_CORE_CLOCK_H
#define TA_CORE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* CLOCK_MONOTONIC; the coarse one (a few ms) where the time stamp counter must not
 * be read: seccomp's strict mode and prctl(PR_SET_TSC) make that fatal. */
extern clockid_t ta_clock;

static inline uint64_t ta_now_ns(void)
{
	struct timespec now;

	clock_gettime(ta_clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#endif
