/* SPDX-License-Identifier: MIT */
/*
 * thrown.c - fuzzes what tagalong-stacks reads of a dying process: the exception that nobody
 * caught, and what it said when it gave up.
 *
 * The process is this one; the memory that it looks at is written by the input: two bytes of
 * place, one of length, the bytes (a length of 0: an address in that memory, whose place the next
 * two bytes say).  The stack is that memory's first words; __abort_msg points into it as well.
 * What was said ends, and can be written as JSON.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/export/buf.h"
#include "runtime/protocol/json.h"
#include "runtime/stacks/said.h"

#define MEMORY_AT 0x200000000000ull
#define MEMORY_BYTES 65536u
#define HEAD_AT 0x1000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static struct ta_maps maps;
static struct ta_space space;
static char *memory;
static uint64_t *message; /* libc's __abort_msg */

static void demand(int holds)
{
	if (!holds)
		abort();
}

static void find_message(void)
{
	for (size_t i = 0; i < space.count && !message; i++) {
		const struct ta_place *place = &space.places[i];
		uint64_t symbol = place->object && strstr(place->path, "/libc.so.6") ?
					  ta_object_symbol(place->object, "__abort_msg") : 0;

		if (symbol)
			message = (uint64_t *)(uintptr_t)(place->base + symbol);
	}
}

/* With rows of this process as it is now: later ones are nobody's business. */
static void prepare(void)
{
	if (memory)
		return;
	memory = mmap((void *)MEMORY_AT, MEMORY_BYTES, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	demand(memory == (void *)MEMORY_AT);
	demand(ta_maps_read(&maps, (uint32_t)getpid()) == 0);
	demand(ta_space_init(&space, (uint32_t)getpid(), &maps, "", NULL, 0) == 0);
	find_message();
}

/* The head of an exception stands there, which the first word points to. */
static void fill(const uint8_t *data, size_t bytes)
{
	uint64_t head = MEMORY_AT + HEAD_AT;

	memset(memory, 0, MEMORY_BYTES);
	memcpy(memory, &head, sizeof(head));
	memcpy(memory + HEAD_AT, "\0++CCUNG", 8);
	while (bytes >= 3) {
		size_t at = (size_t)data[0] | (size_t)data[1] << 8, length = data[2];
		uint64_t address = MEMORY_AT + (bytes >= 5 ? (uint64_t)data[3] | (uint64_t)data[4] << 8 : 0);

		data += 3, bytes -= 3;
		if (length == 0) {
			memcpy(memory + (at & ~(size_t)7), &address, sizeof(address));
			length = 2;
		} else {
			length = length < bytes ? length : bytes;
			memcpy(memory + at, data, length < MEMORY_BYTES - at ? length : MEMORY_BYTES - at);
		}
		length = length < bytes ? length : bytes;
		data += length, bytes -= length;
	}
}

static void check_text(const char *text)
{
	struct ta_buf json = { 0 };

	demand(strnlen(text, TA_SAID_MAX) < TA_SAID_MAX);
	ta_buf_put_json(&json, text, strlen(text));
	demand(ta_json_valid(json.data, json.bytes) && ta_utf8_valid(json.data, json.bytes));
	ta_buf_fini(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	/* Of exactly its size, so that what is written behind it is seen. */
	char *type = malloc(TA_SAID_MAX), *value = malloc(TA_SAID_MAX), *text = malloc(TA_SAID_MAX);
	struct ta_memory read = { .pieces = { { MEMORY_AT, 4096, NULL } }, .pid = (uint32_t)getpid() };

	prepare();
	fill(data, bytes);
	read.pieces[0].data = memory;
	ta_thrown(&space, &read, MEMORY_AT, type, value);
	check_text(type);
	check_text(value);
	if (message)
		*message = MEMORY_AT + 8;
	ta_abort_message(&space, (uint32_t)getpid(), text);
	check_text(text);
	if (message)
		*message = 0;
	ta_memory_fini(&read);
	free(type);
	free(value);
	free(text);
	return 0;
}
