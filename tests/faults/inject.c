/* SPDX-License-Identifier: MIT */
/*
 * inject.c - runs a program under ptrace and lets chosen system calls of it fail.
 *
 *   inject [-i FILE] [-s NUMBER] [-n NTH] [-e ERRNO] [-f] [-c COUNTS] COMMAND...
 *
 *   -i FILE    only calls whose instruction lies in a mapping of this file (its last name);
 *              without it every call but the dynamic linker's
 *   -s NUMBER  only this system call
 *   -n NTH     the NTH of them fails (from 1); 0: none
 *   -f         and all that follow
 *   -e ERRNO   with this error
 *   -c COUNTS  appends a line "NUMBER COUNT" for each system call that was counted
 *
 * With -i what is exec'd as "tagalong" is let go: the library's calls in the host are meant.
 * Ends as the command's first process did, when all of them are gone or were let go.
 */
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define TASKS 4096
#define CALLS 512
#define OPTIONS                                                                                    \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |  \
	 PTRACE_O_TRACEEXEC)

struct range {
	uint64_t start, end;
};

struct task {
	pid_t pid;
	bool failing;	    /* this call is to fail when it returns */
	bool known;	    /* whether the range was looked for after the last exec */
	struct range range; /* of the file's code, or of the dynamic linker's */
};

static const char *only_file;
static long only_call = -1, nth, error = ENOMEM, counts[CALLS], seen;
static bool all_that_follow;
static const char *counts_path;
static struct task tasks[TASKS];
static int living;

static struct task *find(pid_t pid)
{
	struct task *empty = NULL;

	for (int at = 0; at < TASKS; at++) {
		if (tasks[at].pid == pid)
			return &tasks[at];
		if (!empty && tasks[at].pid == 0)
			empty = &tasks[at];
	}
	if (!empty)
		_exit(125);
	*empty = (struct task){ .pid = pid };
	living++;
	return empty;
}

static void forget(struct task *task)
{
	task->pid = 0;
	living--;
}

static const char *last_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* From the first to the last byte of code that comes from such a file. */
static bool look_for(struct task *task)
{
	const char *wanted = only_file ? only_file : "ld-linux";
	char path[64], line[4096];

	snprintf(path, sizeof(path), "/proc/%d/maps", task->pid);
	FILE *maps = fopen(path, "r");

	task->range = (struct range){ 0, 0 };
	while (maps && fgets(line, sizeof(line), maps)) {
		unsigned long start, end;
		char flags[8];
		char *name = strchr(line, '/');

		if (!name || sscanf(line, "%lx-%lx %7s", &start, &end, flags) != 3 || flags[2] != 'x' ||
		    strncmp(last_name(name), wanted, strlen(wanted)) != 0)
			continue;
		task->range = (struct range){ start, end };
	}
	if (maps)
		fclose(maps);
	return task->range.end != 0;
}

static bool is_inside(struct task *task, uint64_t at)
{
	if (!task->known)
		task->known = look_for(task);
	return task->range.end && at >= task->range.start && at < task->range.end;
}

/* Those that the kernel cannot refuse; and vfork, which the library makes in the program's name. */
static bool cannot_fail(uint64_t call)
{
	return call == SYS_exit || call == SYS_exit_group || call == SYS_rt_sigreturn ||
	       call == SYS_vfork;
}

/* At the entry of a system call: whether it is one of those that are counted, and fails. */
static bool is_to_fail(struct task *task, const struct __ptrace_syscall_info *info)
{
	bool inside = is_inside(task, info->instruction_pointer);
	uint64_t call = info->entry.nr;

	if (inside != (only_file != NULL) || call >= CALLS || cannot_fail(call) ||
	    (only_call >= 0 && call != (uint64_t)only_call))
		return false;
	counts[call]++;
	seen++;
	return nth && (seen == nth || (all_that_follow && seen > nth));
}

static void set_word(struct task *task, size_t offset, long value)
{
	ptrace(PTRACE_POKEUSER, task->pid, (void *)offset, (void *)value);
}

static void on_syscall(struct task *task)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, task->pid, (void *)sizeof(info), &info) <= 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
		task->failing = is_to_fail(task, &info);
		if (task->failing && info.entry.nr != SYS_close) /* that one works, whatever it says */
			set_word(task, offsetof(struct user_regs_struct, orig_rax), -1);
	} else if (info.op == PTRACE_SYSCALL_INFO_EXIT && task->failing) {
		set_word(task, offsetof(struct user_regs_struct, rax), -error);
		task->failing = false;
	}
}

static bool is_agent(pid_t pid)
{
	char path[64], exe[4096];

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	ssize_t bytes = readlink(path, exe, sizeof(exe) - 1);

	exe[bytes > 0 ? bytes : 0] = '\0';
	return strcmp(last_name(exe), "tagalong") == 0;
}

/* The signal to go on with, or -1: let go. */
static int on_stop(struct task *task, int status)
{
	int number = WSTOPSIG(status), event = status >> 16;

	if (number == (SIGTRAP | 0x80)) {
		on_syscall(task);
		return 0;
	}
	if (event == PTRACE_EVENT_EXEC) {
		task->known = false;
		task->failing = false;
		return only_file && is_agent(task->pid) ? -1 : 0;
	}
	if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE) {
		unsigned long child = 0;

		ptrace(PTRACE_GETEVENTMSG, task->pid, NULL, &child);
		struct task *made = find((pid_t)child);

		made->range = task->range;
		made->known = task->known;
		return 0;
	}
	if (event == PTRACE_EVENT_STOP) /* a new one, or a stop of all */
		return 0;
	return event ? 0 : number;
}

static int trace(pid_t first)
{
	int first_status = 0, status;

	while (living) {
		pid_t pid = waitpid(-1, &status, __WALL);

		if (pid < 0)
			break;
		struct task *task = find(pid);

		if (WIFSTOPPED(status)) {
			int number = on_stop(task, status);

			if (number < 0) {
				ptrace(PTRACE_DETACH, pid, NULL, NULL);
				forget(task);
			} else {
				ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(long)number);
			}
			continue;
		}
		if (pid == first)
			first_status = status;
		forget(task);
	}
	return first_status;
}

static void tell_counts(void)
{
	FILE *out = counts_path ? fopen(counts_path, "a") : NULL;

	for (int call = 0; out && call < CALLS; call++)
		if (counts[call])
			fprintf(out, "%d %ld\n", call, counts[call]);
	if (out)
		fclose(out);
}

static void end_like(int status)
{
	if (WIFEXITED(status))
		exit(WEXITSTATUS(status));
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	signal(WTERMSIG(status), SIG_DFL);
	raise(WTERMSIG(status));
	exit(126);
}

static void read_options(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "+i:s:n:e:c:f")) != -1) {
		switch (option) {
		case 'i': only_file = optarg; break;
		case 's': only_call = atol(optarg); break;
		case 'n': nth = atol(optarg); break;
		case 'e': error = atol(optarg); break;
		case 'c': counts_path = optarg; break;
		case 'f': all_that_follow = true; break;
		default: exit(125);
		}
	}
	if (optind >= argc)
		exit(125);
}

int main(int argc, char **argv)
{
	int status;

	read_options(argc, argv);
	pid_t first = fork();

	if (first == 0) {
		raise(SIGSTOP);
		execvp(argv[optind], argv + optind);
		_exit(127);
	}
	find(first);
	if (waitpid(first, &status, WUNTRACED) != first ||
	    ptrace(PTRACE_SEIZE, first, NULL, (void *)(long)OPTIONS) != 0)
		return 125;
	kill(first, SIGCONT);
	status = trace(first);
	tell_counts();
	end_like(status);
}
