/* SPDX-License-Identifier: MIT */
/*
 * child_waits.c - every way to wait for a child, with and without a place for the status:
 * results, statuses and errno; kill() and killpg().
 *
 * Victim: runs=3 slow
 */
#include <sys/resource.h>

#include "victim.h"

extern pid_t __wait(int *);
extern pid_t __waitpid(pid_t, int *, int);

static pid_t dies(int number, int status)
{
	pid_t pid = fork();

	NEED(pid >= 0);
	if (pid == 0) {
		signal(number, SIG_DFL);
		if (number)
			raise(number);
		_exit(status);
	}
	return pid;
}

static void round_of(const char *what, int number, int status)
{
	struct rusage usage;
	siginfo_t info;
	int told;

	say("%s\n", what);
#define WAIT(call)                                                                                 \
	do {                                                                                       \
		pid_t pid = dies(number, status);                                                  \
		told = 4242;                                                                       \
		errno = ERRNO_MARK;                                                                \
		say("%s: %d, status %#x, errno %s\n", #call, (call) == pid, (unsigned int)told,    \
		    errno_word(errno));                                                            \
	} while (0)
	WAIT(wait(&told));
	WAIT(wait(NULL));
	WAIT(__wait(&told));
	WAIT(waitpid(pid, &told, 0));
	WAIT(waitpid(-1, NULL, 0));
	WAIT(__waitpid(pid, &told, 0));
	WAIT(wait3(&told, 0, &usage));
	WAIT(wait3(NULL, 0, NULL));
	WAIT(wait4(pid, &told, 0, &usage));
	WAIT(wait4(-1, NULL, 0, NULL));
	WAIT(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0 ? waitpid(pid, &told, 0) : -1);
	WAIT(waitid(P_PID, (id_t)pid, &info, WEXITED) == 0 ? info.si_pid : -1);
	say("code %d status %d\n", info.si_code, info.si_status);
	WAIT(waitid(P_ALL, 0, NULL, WEXITED) == 0 ? pid : -1);
}

static void killed(void)
{
	pid_t pid = fork();
	int status;

	NEED(pid >= 0);
	if (pid == 0) {
		setpgid(0, 0);
		for (;;)
			pause();
	}
	setpgid(pid, pid);
	TRY(kill(pid, 0));
	TRY(kill(pid, 4242));
	TRY(killpg(pid, 0));
	TRY(waitpid(pid, &status, WNOHANG));
	TRY(killpg(pid, SIGKILL));
	reap("killed", pid);
	TRY(kill(pid, SIGKILL));
	TRY(wait(&status));
	TRY(wait(NULL));
	TRY(wait3(&status, WNOHANG, NULL));
}

int main(void)
{
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	round_of("exit", 0, 3);
	round_of("well", 0, 0);
	round_of("kill", SIGKILL, 0);
	round_of("term", SIGTERM, 0);
	round_of("abort", SIGABRT, 0);
	killed();
	return 0;
}
