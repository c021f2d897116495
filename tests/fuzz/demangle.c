/* SPDX-License-Identifier: MIT */
/*
 * demangle.c - fuzzes names of functions, as symbol tables of hostile files have them.
 *
 * Input: a name; without a prefix it gets each of them.  Whatever comes of it is not longer
 * than allowed, can be written as JSON, is the same a second time, and for names of Rust the
 * same with what LLVM appends.  The C++ library is somebody else's: it is not there.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/export/buf.h"
#include "runtime/protocol/json.h"
#include "runtime/stacks/demangle.h"
#include "runtime/stacks/rust.h"

#define NAME_MAX_BYTES 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

void *dlopen(const char *path, int flags);
void *dlopen(const char *path, int flags)
{
	(void)path, (void)flags;
	return NULL;
}

static void demand(int holds)
{
	if (!holds)
		abort();
}

static void check_text(const char *text, size_t most)
{
	struct ta_buf json = { 0 };

	demand(strlen(text) <= most);
	ta_buf_put_json(&json, text, strlen(text));
	demand(ta_json_valid(json.data, json.bytes) && ta_utf8_valid(json.data, json.bytes));
	ta_buf_fini(&json);
}

static void check_same(char *a, char *b)
{
	demand(!a == !b && (!a || strcmp(a, b) == 0));
	free(a);
	free(b);
}

static void check_suffix(const char *name, size_t bytes)
{
	static const char suffix[] = ".llvm.8765";
	char *longer = malloc(bytes + sizeof(suffix));

	memcpy(longer, name, bytes);
	memcpy(longer + bytes, suffix, sizeof(suffix));
	check_same(ta_rust_demangle(name), ta_rust_demangle(longer));
	free(longer);
}

static void try_name(const char *prefix, const uint8_t *data, size_t bytes)
{
	size_t before = strlen(prefix);
	char *name = malloc(before + bytes + 1), *text;

	memcpy(name, prefix, before);
	memcpy(name + before, data, bytes);
	name[before + bytes] = '\0';
	text = ta_demangle(name);
	if (text)
		check_text(text, strlen(name) <= NAME_MAX_BYTES ? 2 * NAME_MAX_BYTES : 0);
	check_same(text, ta_demangle(name));
	if (strncmp(name, "_R", 2) == 0 && !strpbrk(name, ".$"))
		check_suffix(name, strlen(name));
	free(ta_demangle_type(name));
	free(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	if (bytes > 5000)
		return 0;
	try_name("", data, bytes);
	if (bytes && data[0] == '_')
		return 0;
	try_name("_R", data, bytes);
	try_name("_ZN", data, bytes);
	return 0;
}
