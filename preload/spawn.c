/* SPDX-License-Identifier: MIT */
/*
 * spawn.c - an agent that is nobody's child.
 *
 * The usual way: a helper process on our memory (CLONE_VM | CLONE_VFORK, no exit
 * signal) starts the agent and ends; we reap the helper with __WCLONE, the agent
 * goes to init.  The host gets no SIGCHLD and wait() finds no child.  One clone
 * would not do: exec turns "no exit signal" into SIGCHLD.
 *
 * A host that is itself init or a subreaper would inherit the agent.  There a
 * keeper stays between: a copy of this process that never execs, so it keeps its
 * exit signal of 0 and wait() does not count it (wait(2), "clone children"); it
 * adopts what the agent leaves behind and dies with the host.
 *
 * The agent gets the variables that it reads and nothing else, so it is never
 * preloaded, and no fd of the host but the lock that says that an agent lives.
 *
 * Runs: constructor, all signals blocked meanwhile.  Raw system calls only: the next
 * clone() may be that of a sanitizer's runtime, which takes every child for a copy of
 * the process and would from then on see none of the host's locks.
 */
#include "preload/spawn.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "preload/baseline.h"
#include "preload/segment_file.h"
#include "preload/text.h"
#include "runtime/core/runtime.h"
#include "runtime/core/sys.h"

#define AGENT_ENV_MAX 200
#define PROCESSES_LEAST 64u
#define AGENT_PATH_MAX 4096
#define STACK_BYTES 16384
#define LOCK_FD 3 /* number of the lock in the agent */
#define LOCK_FD_TEXT "3"

struct launch {
	char path[AGENT_PATH_MAX];
	char run_dir[TA_RUN_DIR_MAX];
	char key[9];
	char *argv[9];
	int lock_fd;
	char *env[AGENT_ENV_MAX + 1];
};

/* Too large for a stack, used once, before there are threads. */
static struct launch launch;
static char helper_stack[STACK_BYTES] __attribute__((aligned(16)));

/* ---- what to start ---- */

/* The agent's lock, taken on its behalf, so that two programs that start at once
 * do not start two.  The agent inherits the open file and with it the lock.
 * Negative: an agent lives (or nothing can be locked here). */
static int take_lock(int dir_fd, const char *key)
{
	char name[24];
	struct ta_text text = ta_text(name, sizeof(name));

	ta_text_put(&text, key);
	ta_text_put(&text, ".agent");
	int fd = (int)ta_sys(SYS_openat, dir_fd, name,
			     O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd >= 0 && ta_sys(SYS_flock, fd, LOCK_EX | LOCK_NB) != 0) {
		ta_sys(SYS_close, fd);
		return -EWOULDBLOCK;
	}
	return fd;
}

static bool is_executable(const char *path)
{
	return ta_sys(SYS_faccessat, AT_FDCWD, path, X_OK) == 0;
}

/* Directory of our .so, then tail. */
static bool beside_us(char *out, const char *tail)
{
	struct ta_text text = ta_text(out, AGENT_PATH_MAX);
	Dl_info info;

	if (dladdr(&launch, &info) == 0 || info.dli_fname == NULL)
		return false;
	const char *slash = strrchr(info.dli_fname, '/');
	size_t bytes = slash ? (size_t)(slash - info.dli_fname) + 1 : 0;

	if (bytes >= AGENT_PATH_MAX)
		return false;
	memcpy(out, info.dli_fname, bytes);
	out[bytes] = '\0';
	text.at = out + bytes;
	ta_text_put(&text, tail);
	return ta_text_whole(&text) && is_executable(out);
}

static bool find_agent(const struct ta_config *config, char *out)
{
	struct ta_text text = ta_text(out, AGENT_PATH_MAX);

	if (config->agent[0]) {
		ta_text_put(&text, config->agent);
		return strcmp(config->agent, "none") != 0 && ta_text_whole(&text) &&
		       is_executable(out);
	}
	return beside_us(out, "tagalong") || beside_us(out, "../bin/tagalong") ||
	       beside_us(out, "../../bin/tagalong");
}

static bool agent_reads(const char *entry)
{
	static const char *const wanted[] = { "TAGALONG_", "OTEL_",  "SENTRY_",
					      "HOME=",	   "XDG_STATE_HOME=", "TZ=" };

	for (size_t at = 0; at < sizeof(wanted) / sizeof(wanted[0]); at++)
		if (strncmp(entry, wanted[at], strlen(wanted[at])) == 0)
			return true;
	return false;
}

static void prepare(const char *run_dir, const char *key, char *const *envp)
{
	size_t count = 0;

	for (; envp && *envp && count < AGENT_ENV_MAX; envp++)
		if (agent_reads(*envp))
			launch.env[count++] = *envp;
	launch.env[count] = NULL;
	strncpy(launch.run_dir, run_dir, sizeof(launch.run_dir) - 1);
	memcpy(launch.key, key, sizeof(launch.key));
	char *argv[] = { "tagalong",	 "agent",     "--run-dir", launch.run_dir, "--key",
			 launch.key, "--lock-fd", LOCK_FD_TEXT, NULL };

	memcpy(launch.argv, argv, sizeof(argv));
}

/* ---- starting it ---- */

/* Leaves the lock, and nothing of the host's. */
static void drop_fds(void)
{
	if (launch.lock_fd == LOCK_FD)
		ta_sys(SYS_fcntl, LOCK_FD, F_SETFD, 0);
	else
		ta_sys(SYS_dup3, launch.lock_fd, LOCK_FD, 0);
	ta_sys(SYS_close_range, LOCK_FD + 1, ~0u, 0);
	ta_sys(SYS_close_range, 0, LOCK_FD - 1, 0);
	ta_sys(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR, 0);
	ta_sys(SYS_dup3, 0, 1, 0);
	ta_sys(SYS_dup3, 0, 2, 0);
}

/* In a process of its own, on a copy of our memory. */
static __attribute__((noreturn)) void become_agent(void)
{
	uint64_t no_signals = 0;

	ta_sys(SYS_setsid);
	drop_fds();
	ta_sys(SYS_rt_sigprocmask, SIG_SETMASK, &no_signals, 0, sizeof(no_signals));
	ta_sys(SYS_execve, launch.path, launch.argv, launch.env);
	for (;;)
		ta_sys(SYS_exit_group, 127);
}

static int start_agent(void)
{
	/* A copy and not a vfork, so that nobody waits for the exec: this early there
	 * is little to copy, and the exec takes longer. */
	long agent = ta_sys(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (agent == 0)
		become_agent();
	return agent < 0;
}

static void start_as_nobodys_child(void)
{
	long helper = ta_sys_clone(CLONE_VM | CLONE_VFORK, helper_stack + STACK_BYTES, start_agent);

	if (helper > 0)
		while (ta_sys(SYS_wait4, helper, 0, __WCLONE, 0) == -EINTR)
			;
}

static __attribute__((noreturn)) void keep(void)
{
	uint64_t no_signals = 0;

	ta_sys(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
	ta_sys(SYS_prctl, PR_SET_CHILD_SUBREAPER, 1);
	ta_sys(SYS_setsid);
	ta_sys(SYS_chdir, "/");
	drop_fds();
	launch.lock_fd = LOCK_FD;
	start_agent();
	ta_sys(SYS_close, LOCK_FD); /* it must go with the agent, not with us */
	ta_sys(SYS_rt_sigprocmask, SIG_SETMASK, &no_signals, 0, sizeof(no_signals));
	for (;;)
		if (ta_sys(SYS_wait4, -1, 0, 0, 0) == -ECHILD)
			ta_sys(SYS_ppoll, 0, 0, 0, 0, 0);
}

static void start_under_keeper(void)
{
	long keeper = ta_sys(SYS_clone, 0, 0, 0, 0, 0);

	if (keeper == 0)
		keep();
	ta_runtime.keeper = keeper > 0;
}

static bool would_inherit(void)
{
	int subreaper = 0;

	ta_sys(SYS_prctl, PR_GET_CHILD_SUBREAPER, &subreaper);
	return subreaper || ta_sys(SYS_getpid) == 1;
}

/* An agent is two processes and some threads of the same user.  Where so few are allowed they
 * would be missing to the program; what is recorded waits for an agent that somebody else starts. */
static bool would_starve(void)
{
	struct rlimit limit;

	return ta_sys(SYS_getuid) != 0 &&
	       ta_sys(SYS_prlimit64, 0, RLIMIT_NPROC, 0, &limit) == 0 &&
	       limit.rlim_cur < PROCESSES_LEAST;
}

void ta_agent_spawn(const struct ta_config *config, int dir_fd, const char *run_dir, uint32_t key,
		    char *const *envp)
{
	uint64_t all_signals = ~0ull, before;
	int saved_errno = errno;
	char key_text[9];
	struct ta_text text = ta_text(key_text, sizeof(key_text));

	ta_text_put_hex(&text, key, 8);
	if (would_starve() || !find_agent(config, launch.path))
		return;
	launch.lock_fd = take_lock(dir_fd, key_text);
	if (launch.lock_fd < 0)
		return;
	prepare(run_dir, key_text, envp);
	ta_sys(SYS_rt_sigprocmask, SIG_SETMASK, &all_signals, &before, sizeof(before));
	if (would_inherit())
		start_under_keeper();
	else
		start_as_nobodys_child();
	ta_sys(SYS_rt_sigprocmask, SIG_SETMASK, &before, 0, sizeof(before));
	ta_sys(SYS_close, launch.lock_fd);
	errno = saved_errno;
}
