/* SPDX-License-Identifier: MIT */
/*
 * trial.c - starting the library and the agent to see whether they start.
 *
 * ld.so does not fail when a preload cannot be loaded, it says so on stderr: so
 * anything said there is a failure.
 */
#include "runtime/cli/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/cli/place.h"
#include "runtime/cli/settings.h"

#define TRIAL_MS 10000

struct trial {
	const char *binary;
	char *const *argv;
	char *const *envp;
};

static void execute(const struct trial *trial, int said_fd)
{
	int null = open("/dev/null", O_RDWR);

	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
	}
	dup2(said_fd, STDERR_FILENO);
	execve(trial->binary, trial->argv, trial->envp);
	dprintf(STDERR_FILENO, "%s: %s\n", trial->binary, strerror(errno));
	_exit(127);
}

/* Collects stderr until it closes; false when that takes too long. */
static bool listen_to(int fd, char *said)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	size_t bytes = 0;
	char more[256];

	for (;;) {
		if (poll(&ready, 1, TRIAL_MS) <= 0)
			return false;
		ssize_t got = read(fd, more, sizeof(more));

		if (got <= 0)
			break;
		for (ssize_t i = 0; i < got && bytes < TA_CLI_SAID_BYTES - 1; i++)
			said[bytes++] = more[i];
	}
	said[bytes] = '\0';
	said[strcspn(said, "\n")] = '\0';
	return true;
}

/* 0 when it exits with 0 and says nothing. */
static int attempt(const struct trial *trial, char *said)
{
	int pipe_fds[2], status = 0;

	said[0] = '\0';
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	pid_t pid = fork();

	if (pid == 0)
		execute(trial, pipe_fds[1]);
	close(pipe_fds[1]);
	if (pid < 0) {
		close(pipe_fds[0]);
		return -errno;
	}
	bool in_time = listen_to(pipe_fds[0], said);

	close(pipe_fds[0]);
	if (!in_time) {
		kill(pid, SIGKILL);
		strcpy(said, "it does not answer");
	}
	waitpid(pid, &status, 0);
	if (said[0])
		return -EIO;
	if (status != 0)
		snprintf(said, TA_CLI_SAID_BYTES, WIFSIGNALED(status) ? "killed by signal %d"
								      : "exit status %d",
			 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	return status == 0 ? 0 : -EIO;
}

int ta_cli_try_library(const char *library, char ret_said[TA_CLI_SAID_BYTES])
{
	char preload[PATH_MAX + 16];
	char self[PATH_MAX];
	int error = ta_cli_self(self);

	if (error)
		return strcpy(ret_said, "/proc is not mounted"), error;
	snprintf(preload, sizeof(preload), "LD_PRELOAD=%s", library);
	char *const argv[] = { self, (char *)"--version", NULL };
	char *const envp[] = { preload, (char *)"LD_BIND_NOW=1", (char *)"TAGALONG_DISABLED=1",
			       NULL };
	const struct trial trial = { self, argv, envp };

	return attempt(&trial, ret_said);
}

static int agent_environment(const struct ta_cli_settings *settings, struct ta_cli_env *env)
{
	int error = ta_cli_env_init(env, settings->env.items);

	ta_cli_env_unset(env, "LD_PRELOAD");
	ta_cli_env_unset(env, "TAGALONG_SPOOL_DIR"); /* what waits there is not for a trial to send */
	if (!error)
		error = ta_cli_env_set(env, "TAGALONG_AGENT_LINGER_MS", "0");
	if (!error)
		error = ta_cli_env_set(env, "TAGALONG_FILE", "none");
	return error ? error : ta_cli_env_set(env, "TAGALONG_LOG", "none");
}

static int remove_one(const char *path, const struct stat *stat, int kind, struct FTW *place)
{
	(void)stat;
	(void)kind;
	(void)place;
	return remove(path) < 0 && errno != ENOENT ? -1 : 0;
}

/* A directory of our own, in which nobody else can make links. */
static int make_directory(char dir[PATH_MAX])
{
	const char *place = getenv("TMPDIR");

	if (!place || place[0] != '/')
		place = "/tmp";
	if (snprintf(dir, PATH_MAX, "%s/tagalong-doctor-XXXXXX", place) >= PATH_MAX)
		return -ENAMETOOLONG;
	return mkdtemp(dir) ? 0 : -errno;
}

int ta_cli_try_agent(const struct ta_cli_settings *settings, char ret_said[TA_CLI_SAID_BYTES])
{
	char dir[PATH_MAX], self[PATH_MAX];
	const char *binary = settings->config.agent;
	struct ta_cli_env env;
	int error = agent_environment(settings, &env);

	if (!error)
		error = make_directory(dir);
	if (error)
		return snprintf(ret_said, TA_CLI_SAID_BYTES, "a directory for it: %s", strerror(-error)), error;
	if (!binary[0] && ta_cli_self(self) == 0)
		binary = self;
	char *const argv[] = { (char *)"tagalong", (char *)"agent", (char *)"--run-dir", dir,
			       (char *)"--key",	   (char *)"1",	    (char *)"--foreground", NULL };
	const struct trial trial = { binary, argv, env.items };

	error = attempt(&trial, ret_said);
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return error;
}
