/* SPDX-License-Identifier: MIT */
/*
 * rule.h - what an unwind rule comes to: DWARF expressions over registers and memory.
 *
 * Runs: tagalong-stacks.  Expressions are from files, hostile: bounded in steps and depth.
 */
#ifndef TA_STACKS_RULE_H
#define TA_STACKS_RULE_H

#include <elfutils/libdw.h>

#include "runtime/stacks/memory.h"
#include "runtime/wire/crash.h"

struct ta_registers {
	uint64_t value[TA_REGISTERS_MAX];
	uint64_t known; /* one bit each */
};

struct ta_rule_context {
	const struct ta_registers *registers;
	struct ta_memory *memory;
	uint64_t cfa;  /* of this frame, if it is known already */
	uint64_t base; /* of the object that the rules are from */
};

static inline bool ta_register(const struct ta_registers *registers, uint64_t number, uint64_t *ret_value)
{
	if (number >= TA_REGISTERS_MAX || !(registers->known >> number & 1))
		return false;
	*ret_value = registers->value[number];
	return true;
}

/* What an expression computes: an address, unless *ret_is_value says that it is the value
 * itself.  False: it cannot be computed here. */
bool ta_rule_compute(const struct ta_rule_context *context, const Dwarf_Op *ops, size_t count,
		     uint64_t *ret_result, bool *ret_is_value);

#endif
