/* SPDX-License-Identifier: MIT */
/*
 * child.c - running the program as if its caller had started it.
 *
 * Signals are blocked and read from a descriptor; dispositions are never touched,
 * so the child inherits exactly what we got (SIG_IGN of nohup or of a shell's
 * background job included) and only the mask has to be put back.
 */
#include "runtime/cli/child.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/cli/cli.h"
#include "runtime/cli/watch.h"

static const int forwarded[] = { SIGTERM, SIGHUP,  SIGUSR1, SIGUSR2,
				 SIGCONT, SIGWINCH, SIGINT,  SIGQUIT };

#define FORWARDED (sizeof(forwarded) / sizeof(forwarded[0]))

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void ta_cli_child_init(struct ta_cli_child *child)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < FORWARDED; i++)
		sigaddset(&set, forwarded[i]);
	sigaddset(&set, SIGCHLD);
	*child = (struct ta_cli_child){ .signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK) };
	/* A reader of our messages who went away must not change the exit status. */
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, &child->caller_mask);
}

static void execute(const char *path, char *const *argv, char *const *envp)
{
	execvpe(path, argv, envp); /* path has a slash: nothing is searched */
	int error = errno;

	if (error == ENOENT)
		ta_cli_say("%s: the interpreter that it names (#! line or ELF loader) is missing: "
			   "`tagalong doctor %s` says which", argv[0], argv[0]);
	else
		ta_cli_say("%s: it cannot be started: %s: `tagalong doctor %s` looks at it",
			   argv[0], strerror(error), argv[0]);
	_exit(error == ENOENT ? 127 : 126);
}

int ta_cli_child_start(struct ta_cli_child *child, const char *path, char *const *argv,
		       char *const *envp, char *root_pid)
{
	child->pid = fork();
	if (child->pid < 0)
		return -errno;
	if (child->pid == 0) {
		if (root_pid)
			snprintf(root_pid, 11, "%d", getpid());
		sigprocmask(SIG_SETMASK, &child->caller_mask, NULL);
		execute(path, argv, envp);
	}
	return 0;
}

static bool is_forwarded(uint32_t signal_number)
{
	for (size_t i = 0; i < FORWARDED; i++)
		if ((uint32_t)forwarded[i] == signal_number)
			return true;
	return false;
}

static void forward_signals(const struct ta_cli_child *child)
{
	struct signalfd_siginfo info;

	while (read(child->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (!is_forwarded(info.ssi_signo) || info.ssi_code == SI_KERNEL)
			continue;
		if (info.ssi_pid != (uint32_t)child->pid)
			kill(child->pid, (int)info.ssi_signo);
	}
}

/* True when the child itself was among the dead. */
static bool reap(struct ta_cli_child *child)
{
	bool ended = false;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != child->pid)
			continue;
		child->status = status;
		child->ended_ns = now_ns();
		ended = true;
	}
	return ended;
}

void ta_cli_child_wait(struct ta_cli_child *child, struct ta_cli_watch *watch)
{
	struct pollfd fds[] = { { .fd = child->signal_fd, .events = POLLIN },
				{ .fd = watch->fd, .events = POLLIN } };

	while (!reap(child)) {
		/* Without a signal descriptor (no memory, odd sandbox) look ten times a second. */
		poll(fds, 2, child->signal_fd < 0 ? 100 : -1);
		forward_signals(child);
		ta_cli_watch_update(watch);
	}
}

/* True when somebody wants us to end now. */
static bool asked_to_go(const struct ta_cli_child *child)
{
	struct signalfd_siginfo info;
	bool asked = false;

	while (read(child->signal_fd, &info, sizeof(info)) == sizeof(info))
		asked |= info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT ||
			 info.ssi_signo == SIGHUP || info.ssi_signo == SIGQUIT;
	return asked;
}

void ta_cli_child_settle(struct ta_cli_child *child, struct ta_cli_watch *watch, int limit_ms)
{
	struct pollfd fds[] = { { .fd = child->signal_fd, .events = POLLIN } };
	const uint64_t limit_ns = child->ended_ns + (uint64_t)limit_ms * 1000000u;
	uint32_t living;
	int pause_ms = 2;

	ta_cli_watch_update(watch);
	while (now_ns() < limit_ns && ta_cli_watch_pending(watch, child->ended_ns, &living) > 0) {
		poll(fds, 1, pause_ms);
		if (asked_to_go(child))
			return;
		reap(child);
		if (pause_ms < 32)
			pause_ms *= 2;
	}
}

void ta_cli_child_follow(const struct ta_cli_child *child)
{
	const struct rlimit no_core = { 0, 0 };

	if (!WIFSIGNALED(child->status))
		exit(WEXITSTATUS(child->status));
	/* The program has dumped its core; a second one would be ours. */
	int number = WTERMSIG(child->status);
	sigset_t only;

	setrlimit(RLIMIT_CORE, &no_core);
	signal(number, SIG_DFL);
	sigemptyset(&only);
	sigaddset(&only, number);
	sigprocmask(SIG_UNBLOCK, &only, NULL);
	kill(getpid(), number);
	exit(128 + number); /* PID 1 does not die of signals */
}
