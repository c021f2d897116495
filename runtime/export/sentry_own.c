/* SPDX-License-Identifier: MIT */
/*
 * sentry_own.c - the members of a program's own event that no scope has.
 *
 * What scopes have as well (tags, user, breadcrumbs ...) was merged before.  What the
 * schema does not know goes to the extras, under "event.NAME", so that nothing is lost.
 *
 * Runs: agent, the exporter's thread.
 */
#include "runtime/export/sentry_form.h"
#include "runtime/export/sentry_internal.h"

#include <string.h>
#include <time.h>

struct ta_json_slice ta_sentry_own_json(const struct ta_event *event)
{
	uint32_t bytes;
	const char *cursor = ta_record_attrs(&event->record->head, &bytes), *end = cursor + bytes;
	struct ta_json_slice json = { "", 0 };
	struct ta_attr_view attr;

	if (event->record->type != TA_CAPTURE_CUSTOM)
		return json;
	while (ta_attr_next(&cursor, end, &attr))
		if (attr.key == TA_ATTR_EVENT_JSON)
			json = (struct ta_json_slice){ attr.value, attr.bytes };
	return json;
}

/* Seconds since 1970, or a date of RFC 3339. */
static bool is_time(struct ta_json_slice value)
{
	struct ta_json_slice inside = ta_json_string(value);
	char text[64];
	struct tm tm;

	if (ta_json_kind(value.text, value.bytes) == TA_JSON_NUMBER)
		return value.bytes < 32 && value.text[0] != '-' &&
		       !memchr(value.text, 'e', value.bytes) &&
		       !memchr(value.text, 'E', value.bytes);
	if (!inside.bytes || inside.bytes >= sizeof(text))
		return false;
	memcpy(text, inside.text, inside.bytes);
	text[inside.bytes] = '\0';
	return strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) != NULL;
}

/* What is merged with the scopes, or is ours to say. */
static bool is_done_elsewhere(struct ta_json_slice key)
{
	static const char *const names[] = { "message",	    "logentry",	   "tags",	  "extra",
					     "user",	    "contexts",	   "fingerprint", "level",
					     "transaction", "breadcrumbs", "event_id",	  "type",
					     "sdk",	    "received",	   "version" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (ta_json_key_is(key, names[i]))
			return true;
	return false;
}

static void put_extra(struct ta_buf *extras, struct ta_json_slice key, struct ta_json_slice value)
{
	char name[128];
	size_t bytes = ta_json_unescape(key.text, key.bytes, name, sizeof(name));

	ta_sentry_comma(extras);
	TA_SENTRY_PUT(extras, "\"event.");
	ta_buf_put_json_inside(extras, name, bytes);
	TA_SENTRY_PUT(extras, "\":");
	ta_sentry_value(extras, value.text, value.bytes, TA_SENTRY_WHOLE);
}

static unsigned int bit_of(const char *name)
{
	static const struct {
		const char *name;
		unsigned int bit;
	} bits[] = { { "release", TA_SENTRY_OWN_RELEASE },
		     { "environment", TA_SENTRY_OWN_ENVIRONMENT },
		     { "server_name", TA_SENTRY_OWN_SERVER_NAME },
		     { "platform", TA_SENTRY_OWN_PLATFORM },
		     { "exception", TA_SENTRY_OWN_EXCEPTION },
		     { "threads", TA_SENTRY_OWN_THREADS },
		     { "debug_meta", TA_SENTRY_OWN_IMAGES } };

	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		if (strcmp(bits[i].name, name) == 0)
			return bits[i].bit;
	return 0;
}

static unsigned int put_member(struct ta_buf *buf, struct ta_json_slice key,
			       struct ta_json_slice value, struct ta_buf *extras, uint64_t *done,
			       const struct ta_sentry_shrink *shrink)
{
	const struct ta_sentry_field *field = ta_sentry_field(&ta_sentry_event_form, key);
	uint64_t bit = field ? 1ull << (field - ta_sentry_event_form.fields) : 0;

	if (is_done_elsewhere(key))
		return 0;
	if (ta_json_key_is(key, "timestamp") && is_time(value) && !(*done >> 63)) {
		*done |= 1ull << 63;
		ta_sentry_key(buf, "timestamp");
		ta_sentry_value(buf, value.text, value.bytes, TA_SENTRY_WHOLE);
		return TA_SENTRY_OWN_TIMESTAMP;
	}
	if (field && !(*done & bit) && ta_sentry_put_field(buf, field, value, shrink->text_bytes)) {
		*done |= bit;
		return bit_of(field->name);
	}
	put_extra(extras, key, value);
	return 0;
}

unsigned int ta_sentry_put_own(struct ta_buf *buf, struct ta_json_slice json,
			       struct ta_buf *extras, const struct ta_sentry_shrink *shrink)
{
	struct ta_json_slice key, value;
	struct ta_json_walk walk;
	unsigned int result = 0;
	uint64_t done = 0;

	if (shrink->no_rest || !ta_json_walk(&walk, json.text, json.bytes) || !walk.object)
		return 0;
	while (ta_json_next(&walk, &key, &value))
		result |= put_member(buf, key, value, extras, &done, shrink);
	return result;
}
