/* SPDX-License-Identifier: MIT */
/*
 * object.c - fuzzes what tagalong-stacks makes of hostile files: two small ones with debug
 * information (tests/fuzz/base) with other bytes in some places.
 *
 * Input: a byte that says how (bit 0: which of the two; bit 1: it is cut where the first two
 * bytes behind the changes say; bit 2: the changes are all there is), one with the number of
 * changes; each of those two bytes of place, one of length, and the bytes; then two bytes for
 * every address that is asked about, and is on the stack.
 *
 * Whatever the file says: a name is members of a JSON object, the same when it is asked for
 * again; bytes are told of the file only; the whole answer is JSON and not too long.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/protocol/json.h"
#include "runtime/stacks/lines.h"
#include "runtime/stacks/name.h"
#include "runtime/stacks/rule.h"
#include "runtime/stacks/serve.h"

#define BASE 0x10000000ull
#define STACK_AT 0x7ffe00000000ull
#define ADDRESSES_MAX 64u
#define FILE_MAX 16384u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

#define EMBED(name, file)                                                                          \
	__asm__(".section .rodata\n" #name ":\n.incbin \"" TA_FUZZ_BASE file "\"\n" #name "_end:\n.text"); \
	extern const unsigned char name[], name##_end[]

EMBED(by_gcc, "/gcc.elf");
EMBED(by_clang, "/clang.elf");

struct input {
	const uint8_t *at;
	size_t left;
};

static void demand(int holds)
{
	if (!holds)
		abort();
}

static uint8_t next(struct input *input)
{
	return input->left ? input->left--, *input->at++ : 0;
}

static uint32_t next_two(struct input *input)
{
	uint32_t low = next(input);

	return low | (uint32_t)next(input) << 8;
}

/* ---- the file ---- */

static size_t make_file(struct input *input, unsigned char *file)
{
	uint8_t how = next(input), count = next(input);
	const unsigned char *base = how & 1 ? by_clang : by_gcc;
	size_t bytes = (size_t)((how & 1 ? by_clang_end : by_gcc_end) - base);

	demand(bytes <= FILE_MAX);
	memcpy(file, base, bytes);
	for (; count && input->left; count--) {
		size_t at = next_two(input) % bytes, length = next(input);

		length = length < input->left ? length : input->left;
		length = length < bytes - at ? length : bytes - at;
		memcpy(file + at, input->at, length);
		input->at += length;
		input->left -= length;
	}
	return how & 2 ? next_two(input) % (bytes + 1) : bytes;
}

static int open_file(const unsigned char *file, size_t bytes)
{
	int fd = memfd_create("object", MFD_CLOEXEC);

	demand(fd >= 0 && write(fd, file, bytes) == (ssize_t)bytes);
	return fd;
}

/* ---- one address ---- */

static void check_members(const char *text)
{
	struct ta_buf json = { 0 };

	if (!text)
		return;
	demand(text[0] == ',');
	ta_buf_puts(&json, "{\"a\":1");
	ta_buf_puts(&json, text);
	ta_buf_putc(&json, '}');
	demand(ta_json_valid(json.data, json.bytes) && ta_utf8_valid(json.data, json.bytes));
	ta_buf_fini(&json);
}

static void check_name(struct ta_object *object, uint64_t at)
{
	const struct ta_named *named = ta_name(object, at, at & 1);

	demand(named && named->at == at && named->count > 0 && named->count <= TA_INLINED_MAX);
	for (unsigned int i = 0; i < named->count; i++) {
		check_members(named->frames[i].text);
		check_members(named->frames[i].context);
	}
	demand(ta_name(object, at, at & 1) == named);
}

static void check_bytes(const struct ta_object *object, uint64_t at)
{
	const unsigned char *bytes = ta_object_bytes(object, at, 8);
	size_t file_bytes = 0;
	const unsigned char *file = (const void *)elf_rawfile(object->elf, &file_bytes);

	demand(!bytes || (bytes >= file && bytes + 8 <= file + file_bytes));
}

/* Rules are computed as unwind.c does, where they are expressions. */
static void check_rules(struct ta_object *object, uint64_t at)
{
	Dwarf_Frame *frame = ta_object_frame(object, at);
	struct ta_registers registers = { .known = UINT64_MAX };
	struct ta_memory memory = { .pid = 0 };
	struct ta_rule_context context = { .registers = &registers, .memory = &memory };
	uint64_t number;
	bool is_value;
	size_t count;
	Dwarf_Op *ops;

	if (frame && dwarf_frame_cfa(frame, &ops, &count) == 0)
		ta_rule_compute(&context, ops, count, &number, &is_value);
	free(frame);
}

static void ask_object(int fd, const uint64_t *addresses, size_t count)
{
	struct ta_object *object = ta_object_get(fd, "/proc/self/fd/none");

	for (size_t i = 0; object && i < count; i++) {
		check_name(object, addresses[i]);
		check_bytes(object, addresses[i]);
		check_rules(object, addresses[i]);
		ta_object_is_code(object, addresses[i]);
		ta_object_symbol_at(object, addresses[i]);
	}
	if (object)
		ta_object_symbol(object, "outer");
}

/* ---- all of it ---- */

static void ask_program(int fd, const uint64_t *addresses, size_t count)
{
	struct ta_stacks_request request = { .magic = TA_STACKS_MAGIC, .kind = TA_STACKS_COPY,
					     .register_count = TA_REGISTERS, .stack_at = STACK_AT };
	struct ta_module module = { .base = BASE };
	struct ta_serving serving = { .request = &request, .limit_ms = 2000,
				      .modules = (const char *)&module };
	uint64_t stack[2 * ADDRESSES_MAX];
	struct ta_buf json = { 0 };

	for (size_t i = 0; i < 2 * count; i++)
		stack[i] = i & 1 ? STACK_AT + i * 8 : BASE + addresses[i / 2];
	serving.stack = (const char *)stack;
	request.stack_bytes = (uint32_t)(2 * count * sizeof(*stack));
	request.module_bytes = sizeof(module);
	request.registers[TA_REGISTER_SP] = STACK_AT;
	request.registers[TA_REGISTER_IP] = BASE + addresses[0];
	snprintf(request.exe, sizeof(request.exe), "/proc/self/fd/%d", fd);
	demand(ta_stacks_request_valid(&request));
	demand(ta_stacks_serve(&serving, &json) == 0);
	demand(json.bytes <= TA_STACKS_JSON_MAX && ta_json_valid(json.data, json.bytes) &&
	       ta_utf8_valid(json.data, json.bytes));
	ta_buf_fini(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct input input = { data, bytes };
	static unsigned char file[FILE_MAX];
	/* Where functions of both begin and are in the middle of something. */
	uint64_t addresses[ADDRESSES_MAX] = { 0x331, 0x345, 0x360, 0x375, 0x395, 0x305 };
	size_t count = 6, file_bytes = make_file(&input, file);
	int fd = open_file(file, file_bytes);

	while (count < ADDRESSES_MAX && input.left >= 2)
		addresses[count++] = next_two(&input);
	ta_objects_begin();
	ask_program(fd, addresses, count);
	ask_object(fd, addresses, count);
	ta_objects_drop();
	return 0;
}
