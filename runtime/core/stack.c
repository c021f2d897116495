/* SPDX-License-Identifier: MIT */
/*
 * stack.c - where something was captured.
 *
 * A load beyond the end of a stack would be fatal.  Near the base of a thread's own stack the
 * end is known, nobody takes away what lies between, and it is copied, once a cheap system
 * call has looked at each page.  Everywhere else (coroutines, alternate stacks, deep
 * recursion, threads that we did not see begin) process_vm_readv reads what can be read,
 * which takes some microseconds.
 *
 * Runs: any host thread, inside the guard.
 */
#include "runtime/core/stack.h"

#include <errno.h>
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
#define SURE_BYTES 65536u	/* below its base a thread's stack is its own */
#define SURE_MAIN_BYTES 1048576u /* the kernel keeps much more free below the first one */
#define START_BYTES 1024u	/* above our first frame: libc's, and its thread's descriptor */

/* Of the stack that the thread was started on; 0: not known. */
static _Thread_local uintptr_t base __attribute__((tls_model("initial-exec")));
static _Thread_local uint32_t sure_bytes __attribute__((tls_model("initial-exec")));

/* The dynamic linker's: where the first thread began.  Weak: other libcs have none. */
extern void *__libc_stack_end __attribute__((weak));

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

void ta_stack_begin(uintptr_t frame)
{
	base = frame + START_BYTES;
	sure_bytes = SURE_BYTES;
}

/* The bytes between from and the base of the thread's own stack; 0: not there, or too deep. */
static uint32_t sure_from(const struct ta_thread *thread, uintptr_t from)
{
	if (base == 0 && thread->tid == ta_runtime.pid) {
		base = (uintptr_t)__libc_stack_end;
		sure_bytes = SURE_MAIN_BYTES;
	}
	return from < base && base - from <= sure_bytes ? (uint32_t)(base - from) : 0;
}

/* The kernel looks at the new mask before it looks at what is to be done with it. */
static bool is_readable(uintptr_t page)
{
	return ta_sys(SYS_rt_sigprocmask, -1, page, 0, 8) != -EFAULT;
}

static uint32_t copy_stack(char *to, uintptr_t from, uint32_t bytes)
{
	uintptr_t last = (from + bytes - 1) & ~(uintptr_t)(PAGE - 1);

	for (uintptr_t page = (from & ~(uintptr_t)(PAGE - 1)) + PAGE; page <= last; page += PAGE)
		if (!is_readable(page))
			last = 0, bytes = (uint32_t)(page - from);
	memcpy(to, (const void *)from, bytes);
	return bytes;
}

/* The pages apart, so that the first one that cannot be read ends it. */
static uint32_t read_stack(char *to, uintptr_t from, uint32_t bytes)
{
	struct iovec local = { to, bytes }, remote[PAGES];
	unsigned int count = 0;

	for (uint32_t done = 0; done < bytes && count < PAGES; count++) {
		uint32_t step = PAGE - (uint32_t)((from + done) % PAGE);

		step = step < bytes - done ? step : bytes - done;
		remote[count] = (struct iovec){ (void *)(from + done), step };
		done += step;
	}
	long got = ta_sys(SYS_process_vm_readv, ta_runtime.pid, &local, 1, remote, count, 0);

	return got > 0 ? (uint32_t)got & ~7u : 0;
}

/* Into the record. */
static uint32_t put_stack(const struct ta_thread *thread, char *to, uintptr_t from, uint32_t room)
{
	uint32_t sure = sure_from(thread, from);

	if (sure == 0)
		return read_stack(to, from, room);
	return copy_stack(to, from, sure < room ? sure : room) & ~7u;
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
	record->stack_bytes = put_stack(thread, emit.cursor, (uintptr_t)record->stack_at,
					(uint32_t)(emit.end - emit.cursor));
	emit.cursor += record->stack_bytes;
	ta_emit_commit(&emit);
}
