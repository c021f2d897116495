/* SPDX-License-Identifier: MIT */
/*
 * rule.c - fuzzes expressions of unwind tables.
 *
 * Input: a byte that says which registers are known, then operations of twelve bytes: what,
 * two bytes of its place, one that says what its numbers are, eight of a number.  The end of
 * memory is where a sanitizer sees it.  What is computed is computed again the same, also with
 * operations in front and behind that do nothing; plain sums are what they are elsewhere.
 */
#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/stacks/rule.h"

#define MEMORY_AT 0x1000u
#define MEMORY_BYTES 64u
#define OPS_MAX 200u
#define STEP_BYTES 12u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void demand(int holds)
{
	if (!holds)
		abort();
}

struct result {
	bool known, is_value;
	uint64_t number;
};

static struct result compute(const Dwarf_Op *ops, size_t count, uint8_t known)
{
	char *bytes = malloc(MEMORY_BYTES);
	struct ta_registers registers = { .known = known * 0x0101010101010101ull };
	struct ta_memory memory = { .pieces = { { MEMORY_AT, MEMORY_BYTES, bytes } } };
	struct ta_rule_context context = {
		.registers = &registers, .memory = &memory, .cfa = MEMORY_AT + 8, .base = MEMORY_AT
	};
	Dwarf_Op *own = malloc(count * sizeof(*own) + 1); /* so that a read behind it is seen */
	struct result result = { 0 };

	for (uint32_t i = 0; i < TA_REGISTERS_MAX; i++)
		registers.value[i] = MEMORY_AT + i * 8;
	for (uint32_t i = 0; i < MEMORY_BYTES; i++)
		bytes[i] = (char)(i * 37);
	memcpy(own, ops, count * sizeof(*own));
	result.known = ta_rule_compute(&context, own, count, &result.number, &result.is_value);
	free(own);
	free(bytes);
	return result;
}

static void check_same(struct result a, struct result b)
{
	demand(a.known == b.known && (!a.known || (a.number == b.number && a.is_value == b.is_value)));
}

static size_t read_ops(Dwarf_Op *ops, const uint8_t *data, size_t bytes)
{
	size_t count = 0;

	for (; bytes >= STEP_BYTES && count < OPS_MAX; data += STEP_BYTES, bytes -= STEP_BYTES) {
		Dwarf_Word number;

		memcpy(&number, data + 4, sizeof(number));
		if (data[3] & 1)
			number &= 0xff;
		if (data[3] & 2)
			number += MEMORY_AT;
		/* Distances are as compilers have them, and others. */
		ops[count++] = (Dwarf_Op){ .atom = data[0],
					   .offset = (Dwarf_Word)data[1] | (Dwarf_Word)data[2] << 8,
					   .number = number,
					   .number2 = data[3] };
	}
	return count;
}

/* No branch goes there, and steps are bounded. */
static void check_nothing(const Dwarf_Op *ops, size_t count, uint8_t known)
{
	Dwarf_Op more[OPS_MAX + 2] = { [0] = { .atom = DW_OP_nop, .offset = UINT64_MAX } };

	for (size_t i = 0; i < count; i++)
		if (ops[i].atom == DW_OP_bra || ops[i].atom == DW_OP_skip)
			return;
	memcpy(more + 1, ops, count * sizeof(*ops));
	more[count + 1] = (Dwarf_Op){ .atom = DW_OP_nop, .offset = UINT64_MAX };
	check_same(compute(ops, count, known), compute(more, count + 2, known));
}

static void check_sum(const Dwarf_Op *ops, size_t count)
{
	Dwarf_Op sum[3] = { { .atom = DW_OP_constu }, { .atom = DW_OP_constu }, { .atom = DW_OP_plus } };
	static const uint8_t atoms[] = { DW_OP_plus, DW_OP_minus, DW_OP_mul, DW_OP_and, DW_OP_or,
					 DW_OP_xor };

	if (count < 2)
		return;
	uint64_t a = sum[0].number = ops[0].number, b = sum[1].number = ops[1].number;
	uint64_t want[] = { a + b, a - b, a * b, a & b, a | b, a ^ b };

	for (size_t i = 0; i < sizeof(atoms); i++) {
		sum[2].atom = atoms[i];
		struct result result = compute(sum, 3, 0);

		demand(result.known && !result.is_value && result.number == want[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static Dwarf_Op ops[OPS_MAX];

	if (bytes < 1)
		return 0;
	size_t count = read_ops(ops, data + 1, bytes - 1);

	check_same(compute(ops, count, data[0]), compute(ops, count, data[0]));
	check_nothing(ops, count, data[0]);
	check_sum(ops, count);
	return 0;
}
