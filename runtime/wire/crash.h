/* SPDX-License-Identifier: MIT */
/*
 * crash.h - what a dying process leaves for the agent, and how it waits for it.
 *
 * One area at the end of the segment file, shared by the process and its forked
 * children; its pages exist from the first crash on.  Who crashes claims it (FREE to
 * FILLING), fills it in, says FILLED and sleeps on the word, for a bounded time.  The
 * agent copies the area (READING), reads what it needs of the process, and says FREE:
 * the process may die.  A process that finds it claimed waits half of its time for it,
 * then dies without leaving anything here; its event is in its lane all the same.
 *
 * The agent treats every byte as hostile and copies before it looks.
 */
#ifndef TA_WIRE_CRASH_H
#define TA_WIRE_CRASH_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/wire/segment.h"

enum ta_crash_state {
	TA_CRASH_FREE,
	TA_CRASH_FILLING,
	TA_CRASH_FILLED,  /* the host waits */
	TA_CRASH_READING, /* the agent has a copy, and is at the process */
};

/* Registers in DWARF's numbering of the architecture: x86_64 0 to 16 (rax rdx rcx rbx
 * rsi rdi rbp rsp r8 to r15, return address: rip); aarch64 0 to 30, 31 sp, 32 pc. */
#define TA_REGISTERS_MAX 34u
#if defined(__x86_64__)
#define TA_REGISTERS 17u
#define TA_REGISTER_SP 7u
#define TA_REGISTER_IP 16u
#else
#define TA_REGISTERS 33u
#define TA_REGISTER_SP 31u
#define TA_REGISTER_IP 32u
#endif

/* A loaded object: rows of this, each followed by its path and padded to 8 bytes. */
struct ta_module {
	uint64_t base; /* what is added to the addresses in its file */
	uint32_t path_bytes; /* 0: the program itself */
	uint32_t reserved;
};

#define TA_CRASH_STACK_BYTES 65536u
#define TA_CRASH_MODULES_BYTES 28672u

struct ta_crash {
	_Atomic uint32_t state; /* futex; enum ta_crash_state */
	uint32_t pid, tid;	/* as the process sees them; 0: not known */
	int32_t signal, code;
	uint32_t register_count, stack_bytes, module_bytes;
	uint64_t proc_id;
	uint64_t event_hi, event_lo; /* the event that it belongs to */
	uint64_t time_ns, address;   /* address: si_addr */
	uint64_t stack_at;	     /* address of the first byte of stack */
	uint64_t registers[TA_REGISTERS_MAX];
	char modules[TA_CRASH_MODULES_BYTES];
	char stack[TA_CRASH_STACK_BYTES];
	uint32_t wait_ms; /* at most, from FILLED on; 0: not told */
	uint32_t reserved;
};

#define TA_CRASH_BYTES ((sizeof(struct ta_crash) + TA_WIRE_PAGE - 1) & ~(size_t)(TA_WIRE_PAGE - 1))

_Static_assert(offsetof(struct ta_crash, registers) == 80, "wire format");

static inline struct ta_crash *ta_segment_crash(struct ta_segment *segment)
{
	return (struct ta_crash *)(void *)((char *)segment + segment->total_bytes -
					   TA_CRASH_BYTES);
}

#endif
