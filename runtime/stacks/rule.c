/* SPDX-License-Identifier: MIT */
/*
 * rule.c - a small machine for DWARF expressions, as far as unwind tables use them.
 *
 * Compilers write register plus offset; assembly (the procedure linkage table, signal
 * trampolines, hand-written string functions) writes loads, comparisons and branches.
 *
 * Runs: tagalong-stacks.  No allocation.
 */
#include "runtime/stacks/rule.h"

#include <dwarf.h>

#define DEPTH_MAX 32u
#define STEPS_MAX 512u

struct machine {
	const struct ta_rule_context *context;
	const Dwarf_Op *ops;
	size_t count, at; /* at: the operation after this one */
	uint64_t stack[DEPTH_MAX];
	unsigned int depth;
	bool is_value;
};

static bool push(struct machine *machine, uint64_t value)
{
	if (machine->depth == DEPTH_MAX)
		return false;
	machine->stack[machine->depth++] = value;
	return true;
}

static bool push_register(struct machine *machine, uint64_t number, uint64_t offset)
{
	uint64_t value;

	return ta_register(machine->context->registers, number, &value) && push(machine, value + offset);
}

static bool load(struct machine *machine, size_t bytes)
{
	uint64_t *top = &machine->stack[machine->depth - 1], value = 0;

	if (!bytes || bytes > sizeof(value) ||
	    !ta_memory_read(machine->context->memory, *top, &value, bytes))
		return false;
	*top = value;
	return true;
}

/* The number of operands that an operation takes from the stack. */
static unsigned int operands(uint8_t atom)
{
	switch (atom) {
	case DW_OP_and: case DW_OP_div: case DW_OP_minus: case DW_OP_mod: case DW_OP_mul:
	case DW_OP_or: case DW_OP_plus: case DW_OP_shl: case DW_OP_shr: case DW_OP_shra:
	case DW_OP_xor: case DW_OP_eq: case DW_OP_ge: case DW_OP_gt: case DW_OP_le: case DW_OP_lt:
	case DW_OP_ne: case DW_OP_swap: case DW_OP_over:
		return 2;
	case DW_OP_dup: case DW_OP_drop: case DW_OP_deref: case DW_OP_deref_size: case DW_OP_abs:
	case DW_OP_neg: case DW_OP_not: case DW_OP_plus_uconst: case DW_OP_bra:
		return 1;
	case DW_OP_rot:
		return 3;
	default:
		return 0;
	}
}

/* Operations of two numbers that make one; false: it is none of them. */
static bool binary(uint8_t atom, uint64_t left, uint64_t right, uint64_t *ret)
{
	int64_t a = (int64_t)left, b = (int64_t)right;

	switch (atom) {
	case DW_OP_and: *ret = left & right; return true;
	case DW_OP_or: *ret = left | right; return true;
	case DW_OP_xor: *ret = left ^ right; return true;
	case DW_OP_plus: *ret = left + right; return true;
	case DW_OP_minus: *ret = left - right; return true;
	case DW_OP_mul: *ret = left * right; return true;
	case DW_OP_div:
		*ret = b == -1 ? 0 - left : b ? (uint64_t)(a / b) : 0;
		return b != 0;
	case DW_OP_mod:
		*ret = right ? left % right : 0;
		return right != 0;
	case DW_OP_shl: *ret = right < 64 ? left << right : 0; return true;
	case DW_OP_shr: *ret = right < 64 ? left >> right : 0; return true;
	case DW_OP_shra: *ret = (uint64_t)(a >> (right < 64 ? right : 63)); return true;
	case DW_OP_eq: *ret = a == b; return true;
	case DW_OP_ne: *ret = a != b; return true;
	case DW_OP_ge: *ret = a >= b; return true;
	case DW_OP_gt: *ret = a > b; return true;
	case DW_OP_le: *ret = a <= b; return true;
	case DW_OP_lt: *ret = a < b; return true;
	default: return false;
	}
}

/* A branch names its target by distance from the end of its own three bytes. */
static bool branch(struct machine *machine, const Dwarf_Op *op)
{
	Dwarf_Word target = op->offset + 3 + op->number;

	for (size_t i = 0; i < machine->count; i++) {
		if (machine->ops[i].offset == target) {
			machine->at = i;
			return true;
		}
	}
	machine->at = machine->count; /* behind the last one */
	return true;
}

static bool move(struct machine *machine, const Dwarf_Op *op)
{
	uint64_t *top = machine->stack + machine->depth, kept;

	switch (op->atom) {
	case DW_OP_dup: return push(machine, top[-1]);
	case DW_OP_over: return push(machine, top[-2]);
	case DW_OP_drop: machine->depth--; return true;
	case DW_OP_pick:
		return op->number < machine->depth && push(machine, top[-1 - (ptrdiff_t)op->number]);
	case DW_OP_swap:
		kept = top[-1];
		top[-1] = top[-2];
		top[-2] = kept;
		return true;
	case DW_OP_rot:
		kept = top[-1];
		top[-1] = top[-2];
		top[-2] = top[-3];
		top[-3] = kept;
		return true;
	default:
		return false;
	}
}

static bool unary(struct machine *machine, const Dwarf_Op *op)
{
	uint64_t *top = &machine->stack[machine->depth - 1];

	switch (op->atom) {
	case DW_OP_deref: return load(machine, sizeof(uint64_t));
	case DW_OP_deref_size: return load(machine, op->number);
	case DW_OP_abs: *top = (int64_t)*top < 0 ? 0 - *top : *top; return true;
	case DW_OP_neg: *top = 0 - *top; return true;
	case DW_OP_not: *top = ~*top; return true;
	case DW_OP_plus_uconst: *top += op->number; return true;
	case DW_OP_bra: return machine->stack[--machine->depth] ? branch(machine, op) : true;
	default: return move(machine, op);
	}
}

static bool constant(struct machine *machine, const Dwarf_Op *op)
{
	switch (op->atom) {
	case DW_OP_addr: return push(machine, op->number + machine->context->base);
	case DW_OP_const1u: case DW_OP_const1s: case DW_OP_const2u: case DW_OP_const2s:
	case DW_OP_const4u: case DW_OP_const4s: case DW_OP_const8u: case DW_OP_const8s:
	case DW_OP_constu: case DW_OP_consts:
		return push(machine, op->number);
	case DW_OP_call_frame_cfa: return push(machine, machine->context->cfa);
	case DW_OP_bregx: return push_register(machine, op->number, op->number2);
	case DW_OP_regx:
		machine->is_value = true;
		return push_register(machine, op->number, 0);
	case DW_OP_stack_value: machine->is_value = true; return true;
	case DW_OP_skip: return branch(machine, op);
	case DW_OP_nop: return true;
	default: return move(machine, op);
	}
}

static bool step(struct machine *machine, const Dwarf_Op *op)
{
	unsigned int wanted = operands(op->atom);
	uint64_t *top = machine->stack + machine->depth;

	if (wanted > machine->depth)
		return false;
	if (op->atom >= DW_OP_lit0 && op->atom <= DW_OP_lit31)
		return push(machine, (uint64_t)(op->atom - DW_OP_lit0));
	if (op->atom >= DW_OP_breg0 && op->atom <= DW_OP_breg31)
		return push_register(machine, (uint64_t)(op->atom - DW_OP_breg0), op->number);
	if (op->atom >= DW_OP_reg0 && op->atom <= DW_OP_reg31) {
		machine->is_value = true;
		return push_register(machine, (uint64_t)(op->atom - DW_OP_reg0), 0);
	}
	if (wanted == 2 && op->atom != DW_OP_swap && op->atom != DW_OP_over) {
		machine->depth--;
		return binary(op->atom, top[-2], top[-1], &top[-2]);
	}
	return wanted ? unary(machine, op) : constant(machine, op);
}

bool ta_rule_compute(const struct ta_rule_context *context, const Dwarf_Op *ops, size_t count,
		     uint64_t *ret_result, bool *ret_is_value)
{
	struct machine machine = { .context = context, .ops = ops, .count = count };

	for (unsigned int steps = 0; machine.at < count; steps++) {
		const Dwarf_Op *op = &ops[machine.at++];

		if (steps == STEPS_MAX || !step(&machine, op))
			return false;
	}
	if (!machine.depth)
		return false;
	*ret_result = machine.stack[machine.depth - 1];
	*ret_is_value = machine.is_value;
	return true;
}
