/* SPDX-License-Identifier: MIT */
/*
 * process_state.c - everything else that a process can ask about itself: mask,
 * umask, cwd, limits, session, timers, priorities, prctl state, stdio.
 *
 * Victim: runs=2 stdin=null
 */
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>

#include "victim.h"

int main(void)
{
	char path[4096];
	struct rlimit limit;
	struct itimerval value;
	sigset_t set;
	timer_t timer = 0;
	int blocked = 0, pending = 0;

	NEED(getcwd(path, sizeof(path)));
	say("cwd %s\n", path);
	say("umask %o\n", (unsigned int)umask(022));
	for (int what = 0; what < 16; what++) {
		NEED(getrlimit((__rlimit_resource_t)what, &limit) == 0);
		say("limit %d: %lu %lu\n", what, (unsigned long)limit.rlim_cur, (unsigned long)limit.rlim_max);
	}
	sigprocmask(SIG_SETMASK, NULL, &set);
	for (int number = 1; number < 65; number++)
		blocked += sigismember(&set, number) == 1;
	sigpending(&set);
	for (int number = 1; number < 65; number++)
		pending += sigismember(&set, number) == 1;
	say("blocked %d, pending %d\n", blocked, pending);
	for (int which = 0; which < 3; which++) {
		NEED(getitimer((__itimer_which_t)which, &value) == 0);
		say("timer %d: %ld %ld\n", which, (long)value.it_value.tv_sec, (long)value.it_value.tv_usec);
	}
	TRY(timer_create(CLOCK_MONOTONIC, &(struct sigevent){.sigev_notify = SIGEV_NONE}, &timer));
	say("first timer id %ld\n", (long)timer);
	say("nice %d, policy %d\n", getpriority(PRIO_PROCESS, 0), sched_getscheduler(0));
	say("dumpable %d, subreaper ?, no_new_privs %d, pdeathsig %d\n", prctl(PR_GET_DUMPABLE),
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), prctl(PR_GET_PDEATHSIG, &blocked));
	NEED(prctl(PR_GET_NAME, path) == 0);
	say("name %s\n", path);
	say("leader %d, group %d\n", getsid(0) == getpid(), getpgrp() == getpid());
	say("stdio %d %d %d\n", fcntl(0, F_GETFL), fcntl(1, F_GETFL), fcntl(2, F_GETFL));
	say("seccomp %d, single %d\n", prctl(PR_GET_SECCOMP), thread_count());
	say_fds("at the start");
	say_no_children("at the start");
	return 0;
}
