/* SPDX-License-Identifier: MIT */
/*
 * dump.c - what the host library does on a fatal signal, made small: registers, the top of
 * the stack and the list of modules become a request (runtime/stacks/protocol.h) in a file.
 *
 * Runs: a victim of tests/stacks, in its signal handler.
 */
#include "dump.h"

#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "runtime/stacks/protocol.h"

static struct ta_stacks_request request;
static char modules[TA_CRASH_MODULES_BYTES], stack[TA_CRASH_STACK_BYTES];
static const char *file;
static int live;

static int add_module(struct dl_phdr_info *info, size_t bytes, void *context)
{
	struct ta_module row = { .base = info->dlpi_addr,
				 .path_bytes = (uint32_t)strlen(info->dlpi_name) };
	size_t whole = sizeof(row) + ((row.path_bytes + 7u) & ~7u);

	(void)bytes;
	(void)context;
	if (request.module_bytes + whole > sizeof(modules))
		return 1;
	memcpy(modules + request.module_bytes, &row, sizeof(row));
	memcpy(modules + request.module_bytes + sizeof(row), info->dlpi_name, row.path_bytes);
	request.module_bytes += (uint32_t)whole;
	return 0;
}

static void take_registers(const ucontext_t *context)
{
#if defined(__x86_64__)
	static const int order[TA_REGISTERS] = { REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
						 REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
						 REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP };

	for (unsigned int i = 0; i < TA_REGISTERS; i++)
		request.registers[i] = (uint64_t)context->uc_mcontext.gregs[order[i]];
#else
	for (unsigned int i = 0; i < 31; i++)
		request.registers[i] = context->uc_mcontext.regs[i];
	request.registers[TA_REGISTER_SP] = context->uc_mcontext.sp;
	request.registers[TA_REGISTER_IP] = context->uc_mcontext.pc;
#endif
	request.register_count = TA_REGISTERS;
}

/* From the stack pointer, or from where the stack begins above a guard page. */
static void take_stack(void)
{
	uint64_t sp = request.registers[TA_REGISTER_SP], at = sp;

	for (int pages = 0; pages < 32; pages++) {
		struct iovec to = { stack, sizeof(stack) }, from = { (void *)at, sizeof(stack) };
		ssize_t got = process_vm_readv(getpid(), &to, 1, &from, 1, 0);

		if (got > 0) {
			request.stack_at = at;
			request.stack_bytes = (uint32_t)got;
			return;
		}
		at = (at & ~4095ull) + 4096;
	}
}

static void write_request(void)
{
	char unfinished[512];
	int fd;

	strcpy(unfinished, file);
	strcat(unfinished, ".part");
	fd = open(unfinished, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0 || write(fd, &request, sizeof(request)) < 0 ||
	    write(fd, modules, request.module_bytes) < 0 || write(fd, stack, request.stack_bytes) < 0)
		_exit(99);
	close(fd);
	rename(unfinished, file);
}

static void died(int signal, siginfo_t *info, void *context)
{
	struct timespec pause = { .tv_sec = 60 };

	request.magic = TA_STACKS_MAGIC;
	request.kind = live ? TA_STACKS_LIVE : TA_STACKS_COPY;
	request.pid = live ? (uint32_t)getpid() : 0;
	request.tid = (uint32_t)syscall(SYS_gettid);
	request.signal = signal;
	request.code = info->si_code;
	request.patience_ms = 20000;
	request.module_bytes = 0;
	take_registers(context);
	take_stack();
	dl_iterate_phdr(add_module, NULL);
	write_request();
	if (live)
		nanosleep(&pause, NULL);
	_exit(0);
}

void dump_alternate_stack(void)
{
	stack_t alternate = { .ss_size = 65536 };

	alternate.ss_sp = mmap(NULL, alternate.ss_size, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sigaltstack(&alternate, NULL);
}

void dump_arm(void)
{
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP };
	struct sigaction action = { .sa_sigaction = died, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	file = getenv("DUMP_FILE");
	live = getenv("DUMP_LIVE") != NULL;
	if (!file || readlink("/proc/self/exe", request.exe, sizeof(request.exe) - 1) < 0)
		_exit(98);
	dump_alternate_stack();
	for (unsigned int i = 0; i < sizeof(fatal) / sizeof(*fatal); i++)
		sigaction(fatal[i], &action, NULL);
}
