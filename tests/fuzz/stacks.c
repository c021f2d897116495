/* SPDX-License-Identifier: MIT */
/*
 * stacks.c - fuzzes what tagalong-stacks makes of hostile registers, stacks and module lists.
 *
 * Input: a byte that says how, registers, two bytes of length, that many bytes of modules, and
 * stack.  How:
 *
 *     bit 0    before the modules stands a row for this program, at 0x10000000
 *     bit 1    the instruction pointer is made one of this program's
 *     bit 2    words of the stack whose lowest byte is odd are, too
 *     bit 3    the stack pointer is not that of the stack
 *
 * Whatever comes of it is valid JSON, valid UTF-8 and not longer than allowed.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/export/buf.h"
#include "runtime/protocol/json.h"
#include "runtime/stacks/serve.h"

#define BASE 0x10000000ull
#define CODE_BYTES 0x400000ull
#define STACK_AT 0x7ffe00000000ull

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

struct input {
	const uint8_t *at;
	size_t left;
};

static void demand(int holds)
{
	if (!holds)
		abort();
}

static size_t take(struct input *input, void *out, size_t bytes)
{
	if (bytes > input->left)
		bytes = input->left;
	if (bytes)
		memcpy(out, input->at, bytes);
	input->at += bytes;
	input->left -= bytes;
	return bytes;
}

static uint64_t of_program(uint64_t value)
{
	return BASE + value % CODE_BYTES;
}

static void fill_registers(struct ta_stacks_request *request, struct input *input, uint8_t how)
{
	request->register_count = TA_REGISTERS;
	take(input, request->registers, TA_REGISTERS * sizeof(uint64_t));
	request->stack_at = STACK_AT;
	if (!(how & 8))
		request->registers[TA_REGISTER_SP] = STACK_AT;
	if (how & 2)
		request->registers[TA_REGISTER_IP] = of_program(request->registers[TA_REGISTER_IP]);
}

static void fill_modules(struct ta_stacks_request *request, struct input *input, uint8_t how, char *modules)
{
	struct ta_module own = { .base = BASE };
	uint16_t wanted = 0;

	take(input, &wanted, sizeof(wanted));
	if (how & 1) {
		memcpy(modules, &own, sizeof(own));
		request->module_bytes = sizeof(own);
	}
	request->module_bytes +=
		(uint32_t)take(input, modules + request->module_bytes, wanted % 4096u);
}

static void fill_stack(struct ta_stacks_request *request, struct input *input, uint8_t how, char *stack)
{
	request->stack_bytes = (uint32_t)take(input, stack, 8192);
	for (size_t at = 0; how & 4 && at + 8 <= request->stack_bytes; at += 8) {
		uint64_t word;

		memcpy(&word, stack + at, sizeof(word));
		if (word & 1)
			word = of_program(word);
		memcpy(stack + at, &word, sizeof(word));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct input input = { data, bytes };
	struct ta_stacks_request request = { .magic = TA_STACKS_MAGIC, .kind = TA_STACKS_COPY };
	struct ta_serving serving = { .request = &request, .limit_ms = 2000 };
	char modules[8192], stack[8192];
	struct ta_buf json = { 0 };
	uint8_t how = 0;

	demand(readlink("/proc/self/exe", request.exe, sizeof(request.exe) - 1) > 0);
	take(&input, &how, 1);
	fill_registers(&request, &input, how);
	fill_modules(&request, &input, how, modules);
	fill_stack(&request, &input, how, stack);
	serving.modules = modules;
	serving.stack = stack;
	demand(ta_stacks_request_valid(&request));
	demand(ta_stacks_serve(&serving, &json) == 0);
	demand(json.bytes <= TA_STACKS_JSON_MAX && ta_json_valid(json.data, json.bytes) &&
	       ta_utf8_valid(json.data, json.bytes));
	ta_buf_fini(&json);
	return 0;
}
