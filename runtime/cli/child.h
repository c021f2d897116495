/* SPDX-License-Identifier: MIT */
/*
 * child.h - running the program as if its caller had started it.
 *
 * Same process group, same signal mask and dispositions, same descriptors.
 * Signals that somebody sends to us are handed on; signals from the kernel
 * (the terminal's) have reached the program's process group anyway.
 */
#ifndef TA_CLI_CHILD_H
#define TA_CLI_CHILD_H

#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

struct ta_cli_watch;

struct ta_cli_child {
	pid_t pid;
	int status;	   /* as wait() gives it */
	uint64_t ended_ns; /* CLOCK_MONOTONIC */
	int signal_fd;
	sigset_t caller_mask;
};

/* From here on signals wait for ta_cli_child_wait(). */
void ta_cli_child_init(struct ta_cli_child *child);

/* Starts path, a script without #! line by the shell.  root_pid is the digits of a
 * variable in envp, at least 11 bytes, that gets the child's own pid; may be NULL.
 * Returns 0 or -errno of fork; a failing exec is told by the child on stderr and
 * is an exit status of 126 or 127. */
int ta_cli_child_start(struct ta_cli_child *child, const char *path, char *const *argv,
		       char *const *envp, char *root_pid);

/* Waits for its end; reaps strangers too (we may be PID 1). */
void ta_cli_child_wait(struct ta_cli_child *child, struct ta_cli_watch *watch);

/* Waits until the agent has everything, at most limit_ms, or a signal that asks
 * us to go. */
void ta_cli_child_settle(struct ta_cli_child *child, struct ta_cli_watch *watch, int limit_ms);

/* Exits or dies as the child did. */
void ta_cli_child_follow(const struct ta_cli_child *child) __attribute__((noreturn));

#endif
