/* SPDX-License-Identifier: MIT */
/*
 * agent_start.c - starting an agent that is nobody's child.
 *
 * Fork twice: the middle process ends at once and is waited for, so that no
 * descendant of ours can ever see the agent in wait(), and no terminal signal
 * reaches it.  A pipe that closes on exec tells whether the exec went well.
 */
#include "runtime/cli/agent_start.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <linux/close_range.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/cli/env.h"

/* Detached from everything that a program and its agent could fight over. */
static void detach(void)
{
	sigset_t none;
	int null = open("/dev/null", O_RDWR);

	for (int fd = 0; null >= 0 && fd <= 2; fd++)
		dup2(null, fd);
	/* A pipe of the caller's must see its end when the program goes. */
	close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (chdir("/") < 0)
		return; /* it keeps a directory busy, nothing worse */
}

static int execute(const struct ta_cli_agent *agent)
{
	char key[16];
	struct ta_cli_env env;

	snprintf(key, sizeof(key), "%08x", agent->key);
	if (ta_cli_env_init(&env, agent->envp) < 0)
		return -ENOMEM;
	ta_cli_env_unset(&env, "LD_PRELOAD");
	ta_cli_env_unset(&env, "LD_AUDIT");
	ta_cli_env_unset(&env, "TAGALONG_ROOT_PID");
	char *const argv[] = { (char *)"tagalong",	 (char *)"agent", (char *)"--run-dir",
			       (char *)agent->run_dir,	 (char *)"--key", key, NULL };

	execve(agent->binary, argv, env.items);
	return -errno;
}

static void report_and_exit(int report_fd, int error)
{
	ssize_t ignored = write(report_fd, &error, sizeof(error));

	(void)ignored;
	_exit(1);
}

static void middle_process(const struct ta_cli_agent *agent, int report_fd)
{
	setsid();
	pid_t pid = fork();

	if (pid < 0)
		report_and_exit(report_fd, -errno);
	if (pid > 0)
		_exit(0);
	detach();
	report_and_exit(report_fd, execute(agent));
}

int ta_cli_agent_start(const struct ta_cli_agent *agent)
{
	int report[2], error = 0;

	if (pipe2(report, O_CLOEXEC) < 0)
		return -errno;
	pid_t pid = fork();

	if (pid == 0)
		middle_process(agent, report[1]);
	close(report[1]);
	if (pid < 0) {
		error = -errno;
	} else {
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		if (read(report[0], &error, sizeof(error)) != sizeof(error))
			error = 0;
	}
	close(report[0]);
	return error;
}
