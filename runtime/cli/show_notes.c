/* SPDX-License-Identifier: MIT */
/*
 * show_notes.c - what a line says beside name and duration: the answer's status,
 * what went wrong, who asked or was asked what, tags, byte counts.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/show.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define NOTES_MAX 1024
#define KIND_CLIENT 3 /* of OTLP */

struct facts {
	char error[64], peer[128], client[128], tags[512], original[32];
	char url[256], query[256], question[128];
	int64_t status, peer_port, bytes_in, bytes_out, thread, sender, batch;
	bool has_bytes, unfinished, incomplete, orphan;
};

const char *ta_show_value(const struct cJSON *key_value, int64_t *ret_number)
{
	static char text[512];
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(key_value, "value");
	const cJSON *item = value ? value->child : NULL;

	if (cJSON_IsString(item)) {
		if (item->string && strcmp(item->string, "intValue") == 0)
			*ret_number = strtoll(item->valuestring, NULL, 10);
		return item->valuestring;
	}
	if (cJSON_IsBool(item)) {
		*ret_number = cJSON_IsTrue(item);
		return cJSON_IsTrue(item) ? "true" : "false";
	}
	if (!cJSON_IsNumber(item))
		return "";
	if (item->valuedouble > -9e18 && item->valuedouble < 9e18)
		*ret_number = (int64_t)item->valuedouble;
	snprintf(text, sizeof(text), "%.15g", item->valuedouble);
	return text;
}

static void copy(char *out, size_t out_bytes, const char *text)
{
	size_t bytes = strnlen(text, out_bytes - 1);

	memcpy(out, text, bytes);
	out[bytes] = '\0';
}

static void add_tag(struct facts *facts, const char *key, const char *value)
{
	size_t at = strlen(facts->tags);

	if (at + 1 < sizeof(facts->tags))
		snprintf(facts->tags + at, sizeof(facts->tags) - at, "%s%s=%s", at ? " " : "", key,
			 value);
}

static void take(struct facts *facts, const char *key, const struct cJSON *attribute)
{
	const struct {
		const char *key;
		char *text;
		size_t bytes;
	} texts[] = {
		{ "error.type", facts->error, sizeof(facts->error) },
		{ "network.peer.address", facts->peer, sizeof(facts->peer) },
		{ "client.address", facts->client, sizeof(facts->client) },
		{ "http.request.method_original", facts->original, sizeof(facts->original) },
		{ "url.full", facts->url, sizeof(facts->url) },
		{ "db.query.text", facts->query, sizeof(facts->query) },
		{ "dns.question.name", facts->question, sizeof(facts->question) },
	};
	const struct {
		const char *key;
		int64_t *number;
	} numbers[] = {
		{ "http.response.status_code", &facts->status },
		{ "network.peer.port", &facts->peer_port },
		{ "tagalong.connection.bytes_in", &facts->bytes_in },
		{ "tagalong.connection.bytes_out", &facts->bytes_out },
		{ "thread.id", &facts->thread },
		{ "db.operation.batch.size", &facts->batch },
		{ "tagalong.signal.sender_pid", &facts->sender },
	};
	int64_t number = 0;
	const char *value = ta_show_value(attribute, &number);

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcmp(texts[i].key, key) == 0)
			copy(texts[i].text, texts[i].bytes, value);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (strcmp(numbers[i].key, key) == 0)
			*numbers[i].number = number;
	if (strncmp(key, "tagalong.connection.bytes_", 26) == 0)
		facts->has_bytes = true;
	else if (strncmp(key, "tagalong.tag.", 13) == 0)
		add_tag(facts, key + 13, value);
	else if (strcmp(key, "tagalong.unfinished") == 0)
		facts->unfinished = number != 0;
	else if (strcmp(key, "tagalong.http.incomplete") == 0)
		facts->incomplete = number != 0;
	else if (strcmp(key, "tagalong.orphan") == 0)
		facts->orphan = number != 0;
}

static void note(char *notes, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void note(char *notes, const char *format, ...)
{
	size_t at = strlen(notes);
	va_list args;

	if (at + 3 >= NOTES_MAX)
		return;
	if (at) {
		notes[at++] = ' ';
		notes[at++] = ' ';
	}
	va_start(args, format);
	vsnprintf(notes + at, NOTES_MAX - at, format, args);
	va_end(args);
}

/* Of a span that asks somebody: whom. */
static void note_asked(char *notes, const struct facts *facts)
{
	if (facts->url[0] || !facts->peer[0])
		return; /* the URL says it */
	if (facts->peer_port)
		note(notes, strchr(facts->peer, ':') ? "to [%s]:%" PRId64 : "to %s:%" PRId64,
		     facts->peer, facts->peer_port);
	else
		note(notes, "to %s", facts->peer);
}

static void note_peer(char *notes, const struct show_span *span, const struct facts *facts)
{
	if (span->kind == KIND_CLIENT)
		note_asked(notes, facts);
	else if (facts->client[0] && strcmp(facts->client, facts->peer) != 0)
		note(notes, "from %s", facts->client);
	else if (facts->peer[0] && facts->peer_port)
		note(notes, strchr(facts->peer, ':') ? "from [%s]:%" PRId64 : "from %s:%" PRId64,
		     facts->peer, facts->peer_port);
	else if (facts->peer[0])
		note(notes, "from %s", facts->peer);
}

/* What was asked, where the name does not tell. */
static void note_question(char *notes, const struct show_span *span, const struct facts *facts)
{
	if (facts->batch > 1)
		note(notes, "%" PRId64 " commands", facts->batch);
	if (facts->url[0] && span->kind == KIND_CLIENT)
		note(notes, "%s", facts->url);
	if (facts->query[0] && strcmp(facts->query, span->name) != 0)
		note(notes, "%s", facts->query);
	if (facts->question[0])
		note(notes, "%s", facts->question);
}

static void write_notes(char *notes, const struct show_span *span, const struct facts *facts,
			const char *message)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRId64, facts->status);
	if (facts->status)
		note(notes, "%s", digits);
	if (facts->original[0])
		note(notes, "%s", facts->original);
	if (span->status == 2 && strcmp(facts->error, digits) != 0)
		note(notes, "ERROR%s%s", facts->error[0] ? " " : "", facts->error);
	if (message[0] && !facts->unfinished)
		note(notes, "%s", message);
	if (facts->unfinished)
		note(notes, "unfinished");
	if (facts->orphan)
		note(notes, "orphan");
	if (facts->incomplete)
		note(notes, "incomplete");
	if (facts->tags[0])
		note(notes, "%s", facts->tags);
	note_question(notes, span, facts);
	note_peer(notes, span, facts);
	if (facts->has_bytes)
		note(notes, "%" PRId64 " B in, %" PRId64 " B out", facts->bytes_in, facts->bytes_out);
	if (facts->sender)
		note(notes, "by pid %" PRId64, facts->sender);
	if (facts->thread)
		note(notes, "tid %" PRId64, facts->thread);
}

void ta_show_notes(struct show_span *span, const struct cJSON *attributes, const char *message)
{
	struct facts facts = { 0 };
	char notes[NOTES_MAX] = "";
	const cJSON *attribute;

	cJSON_ArrayForEach(attribute, attributes) {
		const char *key = cJSON_GetStringValue(
			cJSON_GetObjectItemCaseSensitive(attribute, "key"));

		if (key)
			take(&facts, key, attribute);
	}
	if (facts.status > 0 && facts.status < 1000)
		span->http_status = (uint16_t)facts.status;
	write_notes(notes, span, &facts, message);
	span->notes = ta_show_copy(notes);
}
