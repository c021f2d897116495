/* SPDX-License-Identifier: MIT */
/*
 * api.c - the table behind tagalong.h.
 *
 * Runs: any host thread, inside the guard while it works; set_tag also in signal
 * handlers.  errno is put back.
 */
#include "runtime/include/tagalong.h"

#include <string.h>

#include "runtime/core/runtime.h"
#include "runtime/core/span.h"

#define KEY_MAX 200u
#define VALUE_MAX 2048u
#define NAME_MAX_BYTES 255u
#define TYPE_MAX 200u
#define MESSAGE_MAX 512u

/* Bytes of text that are taken: at most max, and never half a character. */
static uint32_t bounded(const char *text, uint32_t max)
{
	uint32_t bytes = (uint32_t)strnlen(text, max + 1);

	if (bytes <= max)
		return bytes;
	for (bytes = max; bytes > 0 && ((unsigned char)text[bytes] & 0xc0) == 0x80;)
		bytes--;
	return bytes;
}

static int api_set_tag(const char *key, const char *value)
{
	TA_GUARD(guard);

	if (key == NULL || *key == '\0')
		return -EINVAL;
	if (!guard.entered)
		return ta_runtime.enabled ? -ENOBUFS : 0;
	struct ta_thread *thread = ta_thread_self();

	if (thread == NULL)
		return -ENOBUFS;
	return ta_scope_set_tag(thread, key, bounded(key, KEY_MAX), value,
				value ? bounded(value, VALUE_MAX) : 0);
}

static int api_span_begin(const char *name)
{
	TA_GUARD(guard);

	if (name == NULL)
		return -EINVAL;
	if (!guard.entered)
		return ta_runtime.enabled ? -ENOBUFS : 0;
	struct ta_thread *thread = ta_thread_self();

	if (thread == NULL || !ta_span_begin(thread, name, bounded(name, NAME_MAX_BYTES)))
		return -ENOBUFS;
	return 0;
}

static int end_span(const struct ta_error *error)
{
	TA_GUARD(guard);

	if (!guard.entered)
		return ta_runtime.enabled ? -ENOBUFS : 0;
	struct ta_thread *thread = ta_tls.thread;

	return thread && ta_span_end(thread, error) ? 0 : -ENOENT;
}

static int api_span_end(void)
{
	return end_span(NULL);
}

static int api_span_end_error(const char *type, const char *message)
{
	struct ta_error error = { .type = type,
				  .message = message,
				  .type_bytes = type ? bounded(type, TYPE_MAX) : 0,
				  .message_bytes = message ? bounded(message, MESSAGE_MAX) : 0 };

	return end_span(&error);
}

__attribute__((visibility("default"))) extern const struct tagalong_api tagalong_api_v1;

const struct tagalong_api tagalong_api_v1 = {
	.size = sizeof(struct tagalong_api),
	.set_tag = api_set_tag,
	.span_begin = api_span_begin,
	.span_end = api_span_end,
	.span_end_error = api_span_end_error,
};
