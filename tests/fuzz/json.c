/* SPDX-License-Identifier: MIT */
/*
 * json.c - fuzzes the reader of JSON texts; the input is one text.
 *
 * What is called valid is valid for cJSON too; walks stay inside the text and give
 * out valid members only, all of them when the text is valid; unescaping keeps to its
 * room.
 */
#include "runtime/protocol/json.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void demand(int holds)
{
	if (!holds)
		abort();
}

/* cJSON refuses half surrogate pairs, which the grammar allows. */
static int may_have_surrogates(const char *text, size_t bytes)
{
	return memmem(text, bytes, "\\ud", 3) || memmem(text, bytes, "\\uD", 3);
}

static void check_cjson(const char *text, size_t bytes)
{
	cJSON *tree = cJSON_ParseWithLength(text, bytes);

	demand(tree != NULL || may_have_surrogates(text, bytes));
	cJSON_Delete(tree);
}

static void unescape(struct ta_json_slice slice, size_t capacity, int valid)
{
	char *out = malloc(capacity ? capacity : 1);
	size_t written = ta_json_unescape(slice.text, slice.bytes, out, capacity);

	demand(written <= capacity);
	demand(!valid || written <= slice.bytes);
	free(out);
}

/* Walks one value, then its first container, and so on: linear. */
static void walk_value(const char *text, size_t bytes, int valid)
{
	struct ta_json_slice inner = { text, bytes };

	for (unsigned int depth = 0; inner.bytes; depth++) {
		struct ta_json_walk walk;
		struct ta_json_slice key, value, outer = inner;

		demand(depth <= TA_JSON_DEPTH_MAX + 1);
		inner.bytes = 0;
		if (!ta_json_walk(&walk, outer.text, outer.bytes))
			return;
		while (ta_json_next(&walk, &key, &value)) {
			int64_t number;

			demand(value.text >= text && value.text + value.bytes <= text + bytes);
			demand(key.text >= text && key.text + key.bytes <= text + bytes);
			demand(value.bytes && ta_json_valid(value.text, value.bytes));
			unescape(key, key.bytes, 1);
			unescape(ta_json_string(value), value.bytes / 2, 1);
			ta_json_key_is(key, "message");
			if (ta_json_int(value, &number))
				demand(ta_json_kind(value.text, value.bytes) == TA_JSON_NUMBER);
			if (!inner.bytes && ta_json_kind(value.text, value.bytes) >= TA_JSON_ARRAY)
				inner = value;
		}
		demand(!valid || !walk.broken);
		valid = 1; /* members are */
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	char *text = malloc(bytes ? bytes : 1);
	int valid;

	memcpy(text, data, bytes);
	valid = ta_json_valid(text, bytes);
	if (valid) {
		demand(ta_json_kind(text, bytes) != TA_JSON_NONE);
		check_cjson(text, bytes);
	}
	walk_value(text, bytes, valid);
	unescape((struct ta_json_slice){ text, bytes }, bytes, 0);
	unescape((struct ta_json_slice){ text, bytes }, bytes / 3, 0);
	free(text);
	return 0;
}
