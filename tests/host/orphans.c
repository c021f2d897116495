/* SPDX-License-Identifier: MIT */
/*
 * orphans.c - as PID 1 or subreaper: exactly the program's own orphans arrive,
 * those that exec and fork included.
 *
 * Its agents are left alone: who starts the next one below a subreaper has it adopted (docs/limits.md).
 *
 * Victim: wraps='|unshare -pf --mount-proc' root runs=3 slow calm
 */
#include <sys/prctl.h>

#include "victim.h"

int main(void)
{
	int reaped = 0, status, sum = 0;

	NEED(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	for (int i = 0; i < 5; i++)
		if (fork() == 0) {
			if (fork() == 0) {
				if (i & 1)
					execl("/bin/sh", "sh", "-c", "exit 3", NULL);
				_exit(2);
			}
			_exit(1);
		}
	while (wait(&status) > 0) {
		reaped++;
		sum += WEXITSTATUS(status);
	}
	say("reaped %d, statuses add up to %d, then %s\n", reaped, sum, errno_word(errno));
	usleep(300000);
	TRY(waitpid(-1, &status, WNOHANG));
	return 0;
}
