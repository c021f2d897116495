/* SPDX-License-Identifier: MIT */
/*
 * live.c - stopping threads with PTRACE_SEIZE and PTRACE_INTERRUPT, copying, letting go.
 *
 * Neither leaves a trace in the process: no signal is sent, calls that are interrupted go on
 * by themselves, and a signal that arrives meanwhile is handed on.
 *
 * Runs: tagalong-stacks, in a thread of its own (live.h).
 */
#include "runtime/stacks/live.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/stacks/memory.h"
#include "runtime/stacks/unwind.h"

#define STACK_MAX (256u << 10)
#define ALL_STACKS_MAX (32u << 20)
#define RED_ZONE 128u
#define GUARD_MAX (1u << 20) /* a stack overflow stands this far below its stack at most */
#define ROUNDS 3

struct gathering {
	struct ta_gathered *gathered;
	uint32_t pid, skip_tid;
	const struct ta_maps *maps;
	uint64_t deadline_ns;
	int error;
	unsigned int waiting;
};

void ta_live_name(uint32_t pid, uint32_t tid, char name[32])
{
	char path[64];
	ssize_t bytes = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/task/%u/comm", pid, tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		bytes = read(fd, name, 31);
		close(fd);
	}
	name[bytes > 0 ? bytes : 0] = '\0';
	name[strcspn(name, "\n")] = '\0';
}

#if defined(__x86_64__)
static void take_registers(struct ta_registers *ret, const struct user_regs_struct *regs)
{
	const unsigned long long values[TA_REGISTERS] = {
		regs->rax, regs->rdx, regs->rcx, regs->rbx, regs->rsi, regs->rdi,
		regs->rbp, regs->rsp, regs->r8,	 regs->r9,  regs->r10, regs->r11,
		regs->r12, regs->r13, regs->r14, regs->r15, regs->rip,
	};

	for (unsigned int i = 0; i < TA_REGISTERS; i++)
		ret->value[i] = values[i];
	ret->known = (1ull << TA_REGISTERS) - 1;
}
#else
static void take_registers(struct ta_registers *ret, const struct user_regs_struct *regs)
{
	for (unsigned int i = 0; i < 31; i++)
		ret->value[i] = regs->regs[i];
	ret->value[TA_REGISTER_SP] = regs->sp;
	ret->value[TA_REGISTER_IP] = regs->pc;
	ret->known = (1ull << TA_REGISTERS) - 1;
}
#endif

char *ta_live_stack(uint32_t pid, const struct ta_maps *maps, uint64_t sp, size_t limit,
		    uint64_t *ret_at, size_t *ret_bytes)
{
	const struct ta_mapping *row = ta_maps_at(maps, sp);
	uint64_t at = sp - RED_ZONE;
	size_t bytes;
	char *copy;

	/* In the guard below the stack: it begins above. */
	while (row && !row->readable && row->from < sp + GUARD_MAX &&
	       row + 1 < maps->rows + maps->count)
		row++;
	if (!row || !row->readable || row->from > sp + GUARD_MAX)
		return NULL;
	if (at < row->from || at > sp)
		at = row->from;
	bytes = row->to - at < limit ? (size_t)(row->to - at) : limit;
	copy = malloc(bytes);
	if (copy)
		bytes = ta_memory_of(pid, at, copy, bytes);
	if (!copy || !bytes) {
		free(copy);
		return NULL;
	}
	*ret_at = at;
	*ret_bytes = bytes;
	return copy;
}

static bool known(const struct ta_gathered *gathered, uint32_t tid)
{
	for (unsigned int i = 0; i < gathered->count; i++)
		if (gathered->threads[i].tid == tid)
			return true;
	return false;
}

/* Takes hold of a thread; it stops on its own, some time later. */
static bool seize(struct gathering *gathering, uint32_t tid)
{
	struct ta_gathered *gathered = gathering->gathered;

	if (gathered->count == TA_STACKS_THREADS_MAX - 1) {
		gathered->truncated = true;
		return false;
	}
	if (ptrace(PTRACE_SEIZE, (pid_t)tid, NULL, NULL) != 0) {
		if (errno != ESRCH)
			gathering->error = -errno;
		return false;
	}
	if (ptrace(PTRACE_INTERRUPT, (pid_t)tid, NULL, NULL) != 0)
		return false;
	gathered->threads[gathered->count++].tid = tid;
	gathering->waiting++;
	return true;
}

/* Threads that were not there, or not seen, the last time. */
static bool seize_new(struct gathering *gathering)
{
	const struct dirent *entry;
	bool any = false;
	char path[48];
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%u/task", gathering->pid);
	tasks = opendir(path);
	if (!tasks) {
		gathering->error = -errno;
		return false;
	}
	while ((entry = readdir(tasks)) != NULL && ta_stacks_now_ns() < gathering->deadline_ns) {
		uint32_t tid = (uint32_t)strtoul(entry->d_name, NULL, 10);

		if (tid && tid != gathering->skip_tid && !known(gathering->gathered, tid))
			any |= seize(gathering, tid);
	}
	closedir(tasks);
	return any;
}

/* Lets a thread go; a signal that it was just given is not lost. */
static void let_go(uint32_t tid, int status)
{
	long signal = status >> 16 ? 0 : WSTOPSIG(status);

	ptrace(PTRACE_DETACH, (pid_t)tid, NULL, (void *)signal);
}

static void copy_thread(struct gathering *gathering, struct ta_thread *thread)
{
	size_t limit = ALL_STACKS_MAX / (gathering->gathered->count ? gathering->gathered->count : 1);
	struct user_regs_struct regs;
	struct iovec iov = { &regs, sizeof(regs) };

	if (ptrace(PTRACE_GETREGSET, (pid_t)thread->tid, (void *)NT_PRSTATUS, &iov) != 0)
		return;
	take_registers(&thread->registers, &regs);
	thread->stopped = true;
	thread->stack = ta_live_stack(gathering->pid, gathering->maps,
				      thread->registers.value[TA_REGISTER_SP],
				      limit < STACK_MAX ? limit : STACK_MAX, &thread->stack_at,
				      &thread->stack_bytes);
}

/* A thread is copied as soon as it stands, and goes on at once. */
static bool look_at(struct gathering *gathering, struct ta_thread *thread)
{
	int status;
	pid_t got = waitpid((pid_t)thread->tid, &status, __WALL | __WNOTHREAD | WNOHANG);

	if (got == 0)
		return false;
	if (got < 0 || !WIFSTOPPED(status))
		return true;
	copy_thread(gathering, thread);
	let_go(thread->tid, status);
	return true;
}

static void wait_for_all(struct gathering *gathering, unsigned int from)
{
	static const struct timespec nap = { .tv_nsec = 50000 };
	bool done[TA_STACKS_THREADS_MAX] = { false };

	for (;;) {
		for (unsigned int i = from; i < gathering->gathered->count; i++) {
			if (done[i] || !look_at(gathering, &gathering->gathered->threads[i]))
				continue;
			done[i] = true;
			gathering->waiting--;
		}
		if (!gathering->waiting || ta_stacks_now_ns() > gathering->deadline_ns)
			return;
		nanosleep(&nap, NULL);
	}
}

static void *gather(void *arg)
{
	struct gathering *gathering = arg;
	unsigned int from = 0;

	for (int round = 0; round < ROUNDS && seize_new(gathering); round++) {
		wait_for_all(gathering, from);
		from = gathering->gathered->count;
	}
	return NULL;
}

int ta_live_gather(struct ta_gathered *gathered, uint32_t pid, uint32_t skip_tid,
		   const struct ta_maps *maps, uint64_t deadline_ns)
{
	struct gathering gathering = {
		.gathered = gathered,
		.pid = pid,
		.skip_tid = skip_tid,
		.maps = maps,
		.deadline_ns = deadline_ns,
	};
	pthread_t thread;
	int error;

	*gathered = (struct ta_gathered){ 0 };
	gathered->threads = calloc(TA_STACKS_THREADS_MAX, sizeof(*gathered->threads));
	if (!gathered->threads)
		return -ENOMEM;
	error = pthread_create(&thread, NULL, gather, &gathering);
	if (error)
		return -error;
	pthread_join(thread, NULL);
	for (unsigned int i = 0; i < gathered->count; i++)
		ta_live_name(pid, gathered->threads[i].tid, gathered->threads[i].name);
	return gathered->count ? 0 : gathering.error;
}

void ta_live_fini(struct ta_gathered *gathered)
{
	for (unsigned int i = 0; i < gathered->count; i++)
		free(gathered->threads[i].stack);
	free(gathered->threads);
	*gathered = (struct ta_gathered){ 0 };
}
