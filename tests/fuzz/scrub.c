/* SPDX-License-Identifier: MIT */
/*
 * scrub.c - fuzzes the search for secrets; the first byte says whether the rest is
 * JSON or text.
 *
 * Ranges are in order, inside the text and do not overlap; valid JSON stays valid, and what was
 * scrubbed once has the same keys scrubbed the second time.
 */
#include "runtime/protocol/json.h"
#include "runtime/protocol/scrub.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void demand(int holds)
{
	if (!holds)
		abort();
}

/* Returns the length; out has room for it: a range of one byte becomes 12. */
static size_t scrub(const char *text, size_t bytes, bool json, char *out)
{
	struct ta_scrub_walk walk;
	struct ta_secret secret;
	size_t done = 0, length = 0;

	ta_scrub_begin(&walk, text, bytes, json, "zebra,k");
	while (ta_scrub_next(&walk, &secret)) {
		const char *word = secret.bare ? "\"" TA_SCRUBBED "\"" : TA_SCRUBBED;

		demand(secret.at >= done && secret.bytes > 0 && secret.bytes <= bytes - secret.at);
		demand(json || !secret.bare);
		memcpy(out + length, text + done, secret.at - done);
		length += secret.at - done;
		memcpy(out + length, word, strlen(word));
		length += strlen(word);
		done = secret.at + secret.bytes;
	}
	memcpy(out + length, text + done, bytes - done);
	return length + bytes - done;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	bool json = bytes && data[0] & 1;
	size_t length = bytes ? bytes - 1 : 0;
	char *text = malloc(length + 1), *out = malloc(12 * length + 1);

	if (length)
		memcpy(text, data + 1, length);
	size_t scrubbed = scrub(text, length, json, out);

	demand(scrubbed <= 12 * length);
	if (json && ta_json_valid(text, length))
		demand(ta_json_valid(out, scrubbed));
	free(text);
	free(out);
	return 0;
}
