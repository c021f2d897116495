/* SPDX-License-Identifier: MIT */
/*
 * children.c - a program that has no children has none: every wait call says
 * ECHILD, no SIGCHLD comes, also when it is PID 1 or a subreaper, which would
 * inherit orphans.
 *
 * Victim: args='plain|subreaper|late|wall' wraps='|unshare -pf --mount-proc' root runs=4 slow
 */
#include <sys/prctl.h>
#include <sys/resource.h>

#include "victim.h"

static volatile sig_atomic_t child_signals;
static int all; /* kinds of children, those without an exit signal included */

static void on_child(int number)
{
	(void)number;
	child_signals++;
}

static void ask(void)
{
	siginfo_t info;
	int status;

	TRY(wait(&status));
	TRY(waitpid(-1, &status, WNOHANG));
	TRY(waitpid(0, &status, 0));
	if (all) {
		TRY(waitpid(-1, &status, __WALL | WNOHANG));
		TRY(waitpid(-1, &status, __WCLONE | WNOHANG));
	}
	TRY(waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOHANG));
	TRY(wait3(&status, WNOHANG, NULL));
	TRY(wait4(-1, &status, WNOHANG, NULL));
}

int main(int argc, char **argv)
{
	int late = argc > 1 && !strcmp(argv[1], "late");
	sigset_t pending;

	all = argc > 1 && !strcmp(argv[1], "wall");
	signal(SIGCHLD, on_child);
	if (argc > 1 && !strcmp(argv[1], "subreaper"))
		TRY(prctl(PR_SET_CHILD_SUBREAPER, 1));
	ask();
	for (int i = 0; i < (late ? 40 : 15); i++) { /* an orphan would come now */
		int status;

		usleep(20000);
		errno = 0;
		if (waitpid(-1, &status, WNOHANG | (all ? __WALL : 0)) != -1 || errno != ECHILD)
			say("a child at look %d\n", i);
	}
	ask();
	NEED(sigpending(&pending) == 0);
	say("SIGCHLD: %d delivered, %d pending\n", (int)child_signals, sigismember(&pending, SIGCHLD));
	if (fork() == 0)
		_exit(5);
	TRY(wait(&(int){0}) > 0);
	ask();
	say("SIGCHLD: %d delivered\n", (int)child_signals);
	return 0;
}
