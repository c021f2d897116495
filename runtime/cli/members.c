/* SPDX-License-Identifier: MIT */
/*
 * members.c - members of JSON objects, for what verbs say with --json.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/members.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A comma, where something stands in front. */
static void separate(struct ta_buf *buf)
{
	if (buf->bytes && !strchr("{[:", buf->data[buf->bytes - 1]))
		ta_buf_putc(buf, ',');
}

static void key(struct ta_buf *buf, const char *name)
{
	separate(buf);
	if (!name)
		return;
	ta_buf_put_json(buf, name, strlen(name));
	ta_buf_putc(buf, ':');
}

void ta_member_open(struct ta_buf *buf, const char *name, char bracket)
{
	key(buf, name);
	ta_buf_putc(buf, bracket);
}

void ta_member_number(struct ta_buf *buf, const char *name, uint64_t value)
{
	key(buf, name);
	ta_buf_put_u64(buf, value);
}

void ta_member_real(struct ta_buf *buf, const char *name, double value)
{
	char text[400]; /* the largest has 309 digits in front of the point */

	snprintf(text, sizeof(text), "%.3f", isfinite(value) ? value : 0.0);
	key(buf, name);
	ta_buf_puts(buf, text);
}

void ta_member_truth(struct ta_buf *buf, const char *name, bool value)
{
	key(buf, name);
	ta_buf_puts(buf, value ? "true" : "false");
}

void ta_member_words(struct ta_buf *buf, const char *name, const char *value)
{
	key(buf, name);
	ta_buf_put_json(buf, value, strlen(value));
}
