/* SPDX-License-Identifier: MIT */
/*
 * stack.c - where something was captured.
 *
 * The stack is read by process_vm_readv: the end of a stack is not known here (coroutines,
 * stacks of the program's own), and a load beyond it would be fatal.
 *
 * Runs: any host thread, inside the guard.
 */
#include "runtime/core/stack.h"

#include <string.h>
#include <sys/uio.h>

#include "runtime/core/modules.h"
#include "runtime/core/publish.h"
#include "runtime/core/runtime.h"
#include "runtime/core/sys.h"
#include "runtime/wire/crash.h"

#define STACK_BYTES 8192u
#define MODULES_BYTES 4096u
#define PAGE 4096u
#define PAGES (STACK_BYTES / PAGE + 1)

/* Those that survive a call, and where we are: enough to unwind from here. */
#if defined(__x86_64__)
__attribute__((always_inline)) static inline void read_registers(uint64_t *to)
{
	memset(to, 0, TA_REGISTERS * sizeof(*to));
	__asm__ volatile("movq %%rbx, 24(%0)\n\t"
			 "movq %%rbp, 48(%0)\n\t"
			 "movq %%rsp, 56(%0)\n\t"
			 "movq %%r12, 96(%0)\n\t"
			 "movq %%r13, 104(%0)\n\t"
			 "movq %%r14, 112(%0)\n\t"
			 "movq %%r15, 120(%0)\n\t"
			 "leaq 0(%%rip), %%rax\n\t"
			 "movq %%rax, 128(%0)"
			 :
			 : "r"(to)
			 : "rax", "memory");
}
#else
__attribute__((always_inline)) static inline void read_registers(uint64_t *to)
{
	memset(to, 0, TA_REGISTERS * sizeof(*to));
	__asm__ volatile("stp x19, x20, [%0, #152]\n\t"
			 "stp x21, x22, [%0, #168]\n\t"
			 "stp x23, x24, [%0, #184]\n\t"
			 "stp x25, x26, [%0, #200]\n\t"
			 "stp x27, x28, [%0, #216]\n\t"
			 "stp x29, x30, [%0, #232]\n\t"
			 "mov x9, sp\n\t"
			 "str x9, [%0, #248]\n\t"
			 "adr x9, .\n\t"
			 "str x9, [%0, #256]"
			 :
			 : "r"(to)
			 : "x9", "memory");
}
#endif

/* Into the record; the pages apart, so that the first one that cannot be read ends it. */
static uint32_t read_stack(char *to, uint64_t from, uint32_t bytes)
{
	struct iovec local = { to, bytes }, remote[PAGES];
	unsigned int count = 0;

	for (uint32_t done = 0; done < bytes && count < PAGES; count++) {
		uint32_t step = PAGE - (uint32_t)((from + done) % PAGE);

		step = step < bytes - done ? step : bytes - done;
		remote[count] = (struct iovec){ (void *)(uintptr_t)(from + done), step };
		done += step;
	}
	long got = ta_sys(SYS_process_vm_readv, ta_runtime.pid, &local, 1, remote, count, 0);

	return got > 0 ? (uint32_t)got & ~7u : 0;
}

static uint32_t room(const struct ta_thread *thread)
{
	uint32_t most = thread->main_ring.size / 4 & ~7u;
	uint32_t wanted = (uint32_t)sizeof(struct ta_record_stack) + TA_REGISTERS * 8 +
			  MODULES_BYTES + STACK_BYTES;

	return wanted < most ? wanted : most;
}

void ta_stack_publish(struct ta_thread *thread, uint64_t event_hi, uint64_t event_lo)
{
	struct ta_emit emit;
	uint64_t registers[TA_REGISTERS];

	/* A handler that interrupted a write has a small ring: nothing for stacks. */
	if (!ta_runtime.stacks || ta_runtime.pid == 0 || thread->main_busy ||
	    atomic_load_explicit(&ta_runtime.sandboxed, memory_order_relaxed))
		return;
	read_registers(registers);
	uint32_t fixed = (uint32_t)sizeof(struct ta_record_stack) + (uint32_t)sizeof(registers);

	if (!ta_emit_begin(&emit, thread, TA_RECORD_STACK, fixed, room(thread) - fixed))
		return;
	struct ta_record_stack *record = (void *)emit.record;

	record->id_hi = event_hi;
	record->id_lo = event_lo;
	record->tid = thread->tid;
	record->register_count = TA_REGISTERS;
	record->stack_at = registers[TA_REGISTER_SP];
	memcpy(record + 1, registers, sizeof(registers));
	record->module_bytes = ta_modules_put(emit.cursor, MODULES_BYTES);
	emit.cursor += record->module_bytes;
	record->stack_bytes = read_stack(emit.cursor, record->stack_at,
					 (uint32_t)(emit.end - emit.cursor));
	emit.cursor += record->stack_bytes;
	ta_emit_commit(&emit);
}
