/* SPDX-License-Identifier: MIT */
/*
 * unwind.c - walking a stack by the unwind tables of its objects.
 *
 * The tables are read by elfutils' libdw; the walk itself is ours, for two reasons.  An
 * object's tables are kept for all processes and all addresses it is loaded at (libunwind
 * and libdwfl know them per process), so that the second capture only looks them up.  And
 * where the tables end - a call of NULL, a jump into nowhere, a smashed stack, code that
 * was made at run time - we decide what is the best next guess, and say that it is one.
 *
 * Of a very long stack the newest and the oldest frames are kept.
 *
 * Runs: tagalong-stacks, one thread.
 */
#include "runtime/stacks/unwind.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NEWEST (TA_STACKS_FRAMES_MAX * 3 / 4)
#define OLDEST (TA_STACKS_FRAMES_MAX - NEWEST)
#define STEPS_MAX 400000u
#define SCANS_MAX 4u
#define SCAN_BYTES 16384u

struct walk {
	const struct ta_space *space;
	struct ta_memory *memory;
	struct ta_registers registers;
	bool exact;
	enum ta_trust trust;
	unsigned int scans;
	bool short_of_stack;
};

enum step { STEP_CALLER, STEP_END, STEP_NONE };

uint64_t ta_stacks_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t ip_of(const struct walk *walk)
{
	return walk->registers.value[TA_REGISTER_IP];
}

static uint64_t sp_of(const struct walk *walk)
{
	return walk->registers.value[TA_REGISTER_SP];
}

static void set(struct ta_registers *registers, unsigned int number, uint64_t value)
{
	registers->value[number] = value;
	registers->known |= 1ull << number;
}

/* What the caller has in a register.  It stays unknown when the rule says so, or when its
 * place was not copied; then *short_of_stack tells. */
static void caller_register(Dwarf_Frame *frame, int number, const struct ta_rule_context *context,
			    struct ta_registers *ret, bool *short_of_stack)
{
	Dwarf_Op memory[3], *ops;
	bool is_value;
	uint64_t value;
	size_t count;

	if (dwarf_frame_register(frame, number, memory, &ops, &count) != 0)
		return;
	if (!count) {
		/* NULL: it is the same as here; otherwise there is no telling. */
		if (!ops && ta_register(context->registers, (uint64_t)number, &value))
			set(ret, (unsigned int)number, value);
		return;
	}
	if (!ta_rule_compute(context, ops, count, &value, &is_value))
		return;
	if (!is_value && !ta_memory_word(context->memory, value, &value)) {
		*short_of_stack = true;
		return;
	}
	set(ret, (unsigned int)number, value);
}

static enum step finish_cfi(struct walk *walk, struct ta_registers *caller, unsigned int return_column,
			    bool signal_frame, uint64_t cfa, bool short_of_stack)
{
	uint64_t sp = sp_of(walk);

	if (!(caller->known >> TA_REGISTER_SP & 1))
		set(caller, TA_REGISTER_SP, cfa);
	if (!(caller->known >> return_column & 1)) {
		walk->short_of_stack = short_of_stack;
		return STEP_END;
	}
	set(caller, TA_REGISTER_IP, caller->value[return_column]);
	/* A signal handler may have a stack of its own, anywhere.  Elsewhere a frame that does
	 * not lead upwards would lead round in circles. */
	if (!signal_frame && (caller->value[TA_REGISTER_SP] < sp ||
			      (caller->value[TA_REGISTER_SP] == sp && caller->value[TA_REGISTER_IP] == ip_of(walk))))
		return STEP_END;
	walk->registers = *caller;
	walk->exact = signal_frame;
	walk->trust = TA_TRUST_CFI;
	return STEP_CALLER;
}

static enum step apply(struct walk *walk, Dwarf_Frame *frame, uint64_t base)
{
	struct ta_rule_context context = { .registers = &walk->registers, .memory = walk->memory, .base = base };
	struct ta_registers caller = { 0 };
	bool signal_frame = false, is_value, short_of_stack = false;
	int column = dwarf_frame_info(frame, NULL, NULL, &signal_frame);
	Dwarf_Op *ops;
	size_t count;

	if (column < 0 || (unsigned int)column >= TA_REGISTERS_MAX ||
	    dwarf_frame_cfa(frame, &ops, &count) != 0 ||
	    !ta_rule_compute(&context, ops, count, &context.cfa, &is_value))
		return STEP_NONE;
	for (unsigned int i = 0; i < TA_REGISTERS; i++)
		if (i != TA_REGISTER_IP || (unsigned int)column == i)
			caller_register(frame, (int)i, &context, &caller, &short_of_stack);
	return finish_cfi(walk, &caller, (unsigned int)column, signal_frame, context.cfa, short_of_stack);
}

static enum step by_tables(struct walk *walk)
{
	uint64_t pc = ip_of(walk) - (walk->exact ? 0 : 1);
	const struct ta_place *place = ta_space_at(walk->space, pc);
	Dwarf_Frame *frame;
	enum step step;

	if (!place || !place->object)
		return STEP_NONE;
	frame = ta_object_frame(place->object, pc - place->base);
	if (!frame)
		return STEP_NONE;
	step = apply(walk, frame, place->base);
	free(frame);
	return step;
}

static enum step caller_at(struct walk *walk, uint64_t ip, uint64_t sp, enum ta_trust trust)
{
	set(&walk->registers, TA_REGISTER_IP, ip);
	set(&walk->registers, TA_REGISTER_SP, sp);
	walk->exact = false;
	walk->trust = trust;
	return STEP_CALLER;
}

#if defined(__x86_64__)
#define FRAME_POINTER 6u
/* Called or jumped to where no code is: nothing was pushed since the return address. */
static enum step by_return_address(struct walk *walk)
{
	uint64_t ip, sp = sp_of(walk);

	if (!ta_memory_word(walk->memory, sp, &ip) || !ta_space_after_call(walk->space, ip))
		return STEP_NONE;
	return caller_at(walk, ip, sp + 8, TA_TRUST_CFI);
}
#else
#define FRAME_POINTER 29u
#define LINK 30u
static enum step by_return_address(struct walk *walk)
{
	uint64_t ip;

	if (!ta_register(&walk->registers, LINK, &ip) || !ta_space_after_call(walk->space, ip))
		return STEP_NONE;
	return caller_at(walk, ip, sp_of(walk), TA_TRUST_CFI);
}
#endif

/* Code without tables usually keeps a frame pointer: two words, the caller's and where to
 * return to. */
static enum step by_frame_pointer(struct walk *walk)
{
	uint64_t at, next, ip;

	if (!ta_register(&walk->registers, FRAME_POINTER, &at) || at < sp_of(walk) || at & 7 ||
	    !ta_memory_word(walk->memory, at, &next) || !ta_memory_word(walk->memory, at + 8, &ip) ||
	    !ta_space_is_code(walk->space, ip) || (next && next <= at))
		return STEP_NONE;
	set(&walk->registers, FRAME_POINTER, next);
	return caller_at(walk, ip, at + 16, TA_TRUST_FP);
}

/* Nothing but these two is known of it. */
static enum step found_at(struct walk *walk, uint64_t ip, uint64_t sp)
{
	walk->registers.known = 0;
	return caller_at(walk, ip, sp, TA_TRUST_SCAN);
}

/* The next word of the stack that is where a call returns to. */
static enum step by_scan(struct walk *walk)
{
	uint64_t from = (sp_of(walk) + 7) & ~(uint64_t)7, ip;

	if (walk->scans++ == SCANS_MAX)
		return STEP_NONE;
	for (uint64_t at = from; at - from < SCAN_BYTES; at += 8)
		if (ta_memory_word(walk->memory, at, &ip) && ta_space_after_call(walk->space, ip))
			return found_at(walk, ip, at + 8);
	return STEP_NONE;
}

/* What is there to go by when the tables say nothing: what called into nowhere, the frame
 * pointer of code made at run time, whatever the stack holds. */
static enum step guess(struct walk *walk, bool first)
{
	bool code = ta_space_is_code(walk->space, ip_of(walk));
	enum step step = STEP_NONE;

	if (first && !code)
		step = by_return_address(walk);
	if (step == STEP_NONE && code)
		step = by_frame_pointer(walk);
	return step == STEP_NONE ? by_scan(walk) : step;
}

/* The newest ones in their order, then a ring of the oldest. */
static struct ta_frame *keep(struct ta_stack *stack, const struct walk *walk)
{
	struct ta_frame frame = { .ip = ip_of(walk), .exact = walk->exact, .trust = walk->trust };
	uint64_t number = stack->count + stack->left_out;

	if (stack->count < TA_STACKS_FRAMES_MAX) {
		stack->frames[stack->count] = frame;
		return &stack->frames[stack->count++];
	}
	stack->left_out++;
	stack->frames[NEWEST + (number - NEWEST) % OLDEST] = frame;
	return &stack->frames[NEWEST + (number - NEWEST) % OLDEST];
}

static void straighten(struct ta_stack *stack)
{
	struct ta_frame ring[OLDEST];

	if (!stack->left_out)
		return;
	memcpy(ring, stack->frames + NEWEST, sizeof(ring));
	for (unsigned int i = 0; i < OLDEST; i++)
		stack->frames[NEWEST + i] = ring[(i + stack->left_out) % OLDEST];
	stack->cut_at = NEWEST;
}

static void run(struct walk *walk, uint32_t steps_max, uint64_t deadline_ns, struct ta_stack *stack)
{
	for (unsigned int steps = 0; steps < STEPS_MAX && steps < steps_max; steps++) {
		struct ta_frame *frame;
		enum step step;

		/* Where a thread begins, its return address is 0. */
		if (steps && !ip_of(walk))
			return;
		frame = keep(stack, walk);
		if (steps % 1024 == 1023 && ta_stacks_now_ns() > deadline_ns)
			break;
		step = by_tables(walk);
		if (step == STEP_NONE)
			step = guess(walk, steps == 0);
		if (step != STEP_CALLER) {
			stack->truncated = walk->short_of_stack;
			return;
		}
		/* Only then is what follows exact. */
		frame->signal = walk->exact;
	}
	stack->truncated = true;
}

void ta_unwind(const struct ta_space *space, struct ta_memory *memory,
	       const struct ta_registers *registers, uint32_t steps_max, uint64_t deadline_ns,
	       struct ta_stack *ret_stack)
{
	struct walk walk = {
		.space = space,
		.memory = memory,
		.registers = *registers,
		.exact = true,
		.trust = TA_TRUST_CONTEXT,
	};

	ret_stack->count = ret_stack->cut_at = 0;
	ret_stack->left_out = 0;
	ret_stack->truncated = false;
	run(&walk, steps_max, deadline_ns, ret_stack);
	straighten(ret_stack);
}
