/* SPDX-License-Identifier: MIT */
/*
 * crash.c - the last words of a process.
 *
 * One report a process: a thread that crashes while another one reports waits for the end,
 * and a fault while reporting goes straight to death.  Nothing that is read here is
 * believed to be readable: the stack is copied by process_vm_readv, which answers EFAULT
 * where a load would fault again.
 *
 * Runs: signal handlers.  No locks, no libc but memcpy.
 */
#include "runtime/core/crash.h"

#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <time.h>
#include <ucontext.h>

#include "runtime/core/abort_message.h"
#include "runtime/core/capture.h"
#include "runtime/core/clock.h"
#include "runtime/core/modules.h"
#include "runtime/core/publish.h"
#include "runtime/core/runtime.h"
#include "runtime/core/sys.h"
#include "runtime/wire/crash.h"

#define RED_ZONE 128u /* below the stack pointer: leaf functions use it (x86_64 ABI) */
#define NAP_NS 20000000u
#define COPY_STEP 4096u

static _Atomic uint32_t reporter; /* tid of the thread that reports; 0: nobody does */

bool ta_crash_is_fatal(int number)
{
	switch (number) {
	case SIGSEGV:
	case SIGBUS:
	case SIGILL:
	case SIGFPE:
	case SIGABRT:
	case SIGTRAP:
	case SIGSYS:
	case SIGXCPU:
		return true;
	default:
		return false;
	}
}

/* ---- what it is ---- */

struct words {
	const char *name, *text;
};

static struct words words_of(int number)
{
	switch (number) {
	case SIGSEGV:
		return (struct words){ "SIGSEGV", "Segmentation fault" };
	case SIGBUS:
		return (struct words){ "SIGBUS", "Bus error" };
	case SIGILL:
		return (struct words){ "SIGILL", "Illegal instruction" };
	case SIGFPE:
		return (struct words){ "SIGFPE", "Arithmetic exception" };
	case SIGABRT:
		return (struct words){ "SIGABRT", "Aborted" };
	case SIGTRAP:
		return (struct words){ "SIGTRAP", "Trace or breakpoint trap" };
	case SIGSYS:
		return (struct words){ "SIGSYS", "Bad system call" };
	default:
		return (struct words){ "SIGXCPU", "CPU time limit exceeded" };
	}
}

static bool was_sent(const siginfo_t *info)
{
	return info->si_code <= 0;
}

static void emit_signal(struct ta_emit *emit, int number, const siginfo_t *info,
			const struct words *words)
{
	ta_emit_string(emit, TA_ATTR_EXCEPTION_TYPE, words->name, (uint32_t)strlen(words->name));
	ta_emit_string(emit, TA_ATTR_EXCEPTION_MESSAGE, words->text, (uint32_t)strlen(words->text));
	ta_emit_int(emit, TA_ATTR_SIGNAL_NUMBER, number);
	ta_emit_int(emit, TA_ATTR_SIGNAL_CODE, info->si_code);
	if (was_sent(info))
		ta_emit_int(emit, TA_ATTR_SIGNAL_SENDER_PID, info->si_pid);
	else
		ta_emit_int(emit, TA_ATTR_SIGNAL_ADDRESS, (int64_t)(uintptr_t)info->si_addr);
}

#define SIGNAL_ROOM (TA_ATTR_ROOM(8) * 4)

static bool publish_event(struct ta_thread *thread, int number, const siginfo_t *info,
			  const void *context, struct ta_record_event *event)
{
	struct ta_capture capture = { .type = TA_CAPTURE_CRASH, .level = TA_LEVEL_FATAL };
	struct words words = words_of(number);
	struct ta_emit emit;

	if (number == SIGABRT)
		ta_abort_message(info, context, &words.name, &words.text);
	uint32_t room = SIGNAL_ROOM + TA_ATTR_ROOM(strlen(words.name)) +
			TA_ATTR_ROOM(strlen(words.text));

	if (ta_capture_fill(thread, &capture, event) != 0 ||
	    !ta_emit_begin(&emit, thread, TA_RECORD_EVENT, sizeof(*event), room))
		return false;
	struct ta_record head = *(struct ta_record *)(void *)emit.record;

	memcpy(emit.record, event, sizeof(*event));
	memcpy(emit.record, &head, sizeof(head));
	emit_signal(&emit, number, info, &words);
	ta_emit_commit(&emit);
	return true;
}

/* ---- what is left for the agent ---- */

#if defined(__x86_64__)
static uint32_t copy_registers(uint64_t *to, const ucontext_t *context)
{
	static const uint8_t order[TA_REGISTERS] = { REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI,
						     REG_RDI, REG_RBP, REG_RSP, REG_R8,	 REG_R9,
						     REG_R10, REG_R11, REG_R12, REG_R13, REG_R14,
						     REG_R15, REG_RIP };

	for (uint32_t i = 0; i < TA_REGISTERS; i++)
		to[i] = (uint64_t)context->uc_mcontext.gregs[order[i]];
	return TA_REGISTERS;
}
#else
static uint32_t copy_registers(uint64_t *to, const ucontext_t *context)
{
	for (uint32_t i = 0; i < 31; i++)
		to[i] = context->uc_mcontext.regs[i];
	to[TA_REGISTER_SP] = context->uc_mcontext.sp;
	to[TA_REGISTER_IP] = context->uc_mcontext.pc;
	return TA_REGISTERS;
}
#endif

/* As much as there is from address on, a page at a time. */
static uint32_t copy_memory(char *to, uint64_t address, uint32_t bytes)
{
	uint32_t done = 0;

	while (done < bytes) {
		uint32_t step = COPY_STEP - (uint32_t)((address + done) % COPY_STEP);
		struct iovec local = { to + done, step < bytes - done ? step : bytes - done };
		struct iovec remote = { (void *)(uintptr_t)(address + done), local.iov_len };
		long part = ta_sys(SYS_process_vm_readv, ta_runtime.pid, &local, 1, &remote, 1, 0);

		if (part <= 0 && done == 0 && remote.iov_base == (void *)(uintptr_t)address &&
		    bytes > step) {
			/* A guard page: what overflowed lies above it. */
			address += step;
			bytes -= step;
			continue;
		}
		if (part <= 0)
			break;
		done += (uint32_t)part;
	}
	return done;
}

/* ---- abort() ---- */

#define ABORT_BYTES 512u /* of its code */
#define RAISE_WORDS 64u	 /* what raise() has on the stack above abort()'s return address */

static uintptr_t abort_at;

void ta_crash_init(const void *abort_function)
{
	abort_at = (uintptr_t)abort_function;
}

bool ta_crash_is_abort(const void *context)
{
	uint64_t registers[TA_REGISTERS];
	uintptr_t words[RAISE_WORDS];

	copy_registers(registers, context);
	uint32_t bytes = copy_memory((char *)words, registers[TA_REGISTER_SP], sizeof(words));

	for (uint32_t i = 0; abort_at && i < bytes / sizeof(*words); i++)
		if (words[i] - abort_at < ABORT_BYTES)
			return true;
	return false;
}

/* ---- the crashed thread's stack ---- */

static void copy_stack(struct ta_crash *area)
{
	uint64_t pointer = area->registers[TA_REGISTER_SP];

	area->stack_at = pointer > RED_ZONE ? pointer - RED_ZONE : pointer;
	area->stack_bytes = copy_memory(area->stack, area->stack_at, TA_CRASH_STACK_BYTES);
	if (area->stack_bytes == 0 && pointer > RED_ZONE) {
		/* The red zone lies in a guard page. */
		area->stack_at = (pointer + COPY_STEP - 1) & ~(uint64_t)(COPY_STEP - 1);
		area->stack_bytes = copy_memory(area->stack, area->stack_at, TA_CRASH_STACK_BYTES);
	}
}

static uint32_t ms_until(uint64_t until_ns)
{
	uint64_t now_ns = ta_now_ns();

	return until_ns > now_ns ? (uint32_t)((until_ns - now_ns) / 1000000u) : 0;
}

static void fill_area(struct ta_crash *area, int number, const siginfo_t *info,
		      const void *context, const struct ta_record_event *event, uint64_t until_ns)
{
	area->pid = ta_runtime.pid;
	area->tid = (uint32_t)ta_sys(SYS_gettid);
	area->signal = number;
	area->code = info->si_code;
	area->proc_id = ta_runtime.proc_id;
	area->event_hi = event->id_hi;
	area->event_lo = event->id_lo;
	area->time_ns = event->time_ns;
	area->address = was_sent(info) ? 0 : (uint64_t)(uintptr_t)info->si_addr;
	area->register_count = copy_registers(area->registers, context);
	copy_stack(area);
	area->module_bytes = ta_modules_put(area->modules, sizeof(area->modules));
	area->wait_ms = ms_until(until_ns);
	atomic_store_explicit(&area->state, TA_CRASH_FILLED, memory_order_release);
	atomic_fetch_or(&ta_runtime.segment->flags, TA_SEGMENT_CRASHED);
}

/* ---- waiting ---- */

static void sleep_on(_Atomic uint32_t *word, uint32_t value, uint64_t ns)
{
	struct timespec timeout = { .tv_sec = (time_t)(ns / 1000000000u),
				    .tv_nsec = (long)(ns % 1000000000u) };

	ta_sys(SYS_futex, word, FUTEX_WAIT, value, &timeout);
}

static bool has_no_agent(void)
{
	return ta_runtime.agentless && atomic_load(&ta_runtime.segment->agent_pid) == 0;
}

/* The area, claimed and with pages; NULL: somebody has it, or there is no memory.  Who dies
 * at the same time, of the same segment, waits for it: workers often die together. */
static struct ta_crash *claim_area(uint64_t patience_ns)
{
	struct ta_crash *area = ta_segment_crash(ta_runtime.segment);
	uint64_t began = ta_now_ns();
	uint32_t state = TA_CRASH_FREE;

	if (ta_sys(SYS_madvise, area, TA_CRASH_BYTES, MADV_POPULATE_WRITE) != 0)
		return NULL;
	while (!atomic_compare_exchange_strong(&area->state, &state, TA_CRASH_FILLING)) {
		if (has_no_agent() || ta_now_ns() - began > patience_ns)
			return NULL;
		sleep_on(&area->state, state, NAP_NS);
		state = TA_CRASH_FREE;
	}
	return area;
}

static bool is_waited_for(const struct ta_crash *area, uint32_t tid)
{
	uint32_t state = atomic_load(&((struct ta_crash *)area)->state);

	return (state == TA_CRASH_FILLED || state == TA_CRASH_READING) && area->tid == tid;
}

/* Until the agent is done with us.  One that shows no sign of having seen it is not there:
 * a quarter of the time is enough for that. */
static void wait_for_agent(struct ta_crash *area, uint64_t until_ns)
{
	uint64_t began = ta_now_ns(), now = began;
	uint64_t wait_ns = until_ns > began ? until_ns - began : 0;
	uint32_t agent = atomic_load(&ta_runtime.segment->agent_pid), tid = area->tid;
	uint32_t reading = TA_CRASH_READING;

	if (has_no_agent())
		return;
	if (agent)
		ta_sys(SYS_prctl, PR_SET_PTRACER, agent, 0, 0, 0);
	while (is_waited_for(area, tid) && now - began < wait_ns) {
		uint32_t state = atomic_load(&area->state);
		uint64_t left = wait_ns - (now - began);

		if (state == TA_CRASH_FILLED && now - began > wait_ns / 4)
			return;
		atomic_store(&ta_runtime.segment->agent_waiting, 1); /* it is woken, come what may */
		ta_agent_wake();
		sleep_on(&area->state, state, left < NAP_NS ? left : NAP_NS);
		now = ta_now_ns();
	}
	/* An agent that died while it read has a copy no more; the next one may have the area. */
	if (area->tid == tid)
		atomic_compare_exchange_strong(&area->state, &reading, TA_CRASH_FREE);
}

/* ---- the report ---- */

/* True for the one thread that reports; another one waits here for the end. */
static bool begin_report(void)
{
	uint32_t nobody = 0, self = (uint32_t)ta_sys(SYS_gettid);
	struct timespec nap = { .tv_nsec = NAP_NS };

	if (atomic_compare_exchange_strong(&reporter, &nobody, self))
		return true;
	for (uint32_t ms = 0; nobody != self && ms < 2 * ta_runtime.crash_wait_ms; ms += 20)
		ta_sys(SYS_nanosleep, &nap, 0);
	return false;
}

void ta_crash_report(int number, const siginfo_t *info, const void *context)
{
	struct ta_record_event event = { 0 };

	if (!ta_runtime.enabled || ta_tls.passive ||
	    atomic_load_explicit(&ta_runtime.sandboxed, memory_order_relaxed))
		return;
	ta_process_check();
	if (!begin_report())
		return;
	struct ta_thread *thread = ta_thread_self();
	uint64_t wait_ns = (uint64_t)ta_runtime.crash_wait_ms * 1000000u;
	uint64_t until_ns = ta_now_ns() + wait_ns;
	struct ta_crash *area;

	if (thread == NULL || ta_tls.level >= TA_SIGNAL_LEVELS_MAX)
		return;
	thread->levels[ta_tls.level] =
		(struct ta_signal_level){ .frame = (uintptr_t)__builtin_frame_address(0),
					  .stack = thread->stack,
					  .depth = thread->stack->depth };
	ta_tls.level++;
	if (publish_event(thread, number, info, context, &event) &&
	    (area = claim_area(wait_ns / 2)) != NULL) {
		fill_area(area, number, info, context, &event, until_ns);
		wait_for_agent(area, until_ns);
	}
	ta_tls.level--;
}

/* ---- the end ---- */

struct kernel_action {
	void *handler;
	unsigned long flags;
	void *restorer;
	uint64_t mask;
};

/* Whether the instruction faults again when the handler returns.  Not what the kernel says of
 * itself (a signal frame that found no place on the stack), nor of memory that nobody has read
 * yet (BUS_MCEERR_AO): there the program would go on. */
static bool comes_again(int number, const siginfo_t *info)
{
	int last = number == SIGSEGV ? SEGV_ACCERR : number == SIGBUS ? BUS_OBJERR :
		   number == SIGILL  ? ILL_BADSTK : number == SIGFPE ? FPE_FLTSUB : 0;

	return info->si_code > 0 && info->si_code <= last;
}

/* The kernel refuses (a filter does): a fault while its signal is blocked is death whatever
 * handler there is; nothing else would end the process with this signal, but ends it has to. */
static void die_without_default(int number, const siginfo_t *info, void *context)
{
	ucontext_t *interrupted = context;

	if (comes_again(number, info))
		sigaddset(&interrupted->uc_sigmask, number);
	else
		ta_sys(SYS_exit_group, 128 + number);
}

/* A fault comes again by itself: what was sent in its place would look like an error of its own to
 * valgrind, which makes such signals.  Others are sent again: the signal is blocked while its handler
 * runs, so that they arrive at the return, before any further instruction, with the same
 * facts as the first time. */
void ta_crash_die(int number, siginfo_t *info, void *context)
{
	struct kernel_action by_default = { 0 };
	uint32_t pid = (uint32_t)ta_sys(SYS_getpid), tid = (uint32_t)ta_sys(SYS_gettid);

	if (ta_sys(SYS_rt_sigaction, number, &by_default, 0, 8) != 0)
		die_without_default(number, info, context);
	else if (!comes_again(number, info) &&
		 ta_sys(SYS_rt_tgsigqueueinfo, pid, tid, number, info) != 0 &&
		 ta_sys(SYS_tgkill, pid, tid, number) != 0)
		die_without_default(number, info, context);
}
