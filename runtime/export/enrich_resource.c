/* SPDX-License-Identifier: MIT */
/*
 * enrich_resource.c - what a process says about itself in every batch.
 *
 * Attributes: detected ones, then OTEL_RESOURCE_ATTRIBUTES, which win (except
 * over telemetry.sdk.*), then OTEL_SERVICE_NAME, which wins over both.  A list
 * that cannot be decoded is dropped as a whole and reported, as OpenTelemetry
 * wants it.
 *
 * The text of a process is made once and kept; TA_PROCESS_CACHE processes share
 * the places, so many short-lived ones cost time, never memory.
 *
 * Runs: agent, one thread.
 */
#include "runtime/export/enrich_internal.h"

#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

/* OpenTelemetry's words for what uname(2) says. */
static const char *arch_word(const char *machine)
{
	static const char *const words[][2] = {
		{ "x86_64", "amd64" }, { "aarch64", "arm64" }, { "i386", "x86" },
		{ "i686", "x86" },     { "armv7l", "arm32" },  { "armv6l", "arm32" },
		{ "ppc64le", "ppc64" },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i][0], machine) == 0)
			return words[i][1];
	return machine;
}

static void trim(const char **text, size_t *bytes)
{
	while (*bytes && (**text == ' ' || **text == '\t')) {
		(*text)++;
		(*bytes)--;
	}
	while (*bytes && ((*text)[*bytes - 1] == ' ' || (*text)[*bytes - 1] == '\t'))
		(*bytes)--;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes %XX into the list; false for a percent sign without two digits, and for
 * a NUL, which no attribute can hold here. */
static bool put_decoded(struct ta_buf *list, const char *text, size_t bytes)
{
	trim(&text, &bytes);
	for (size_t i = 0; i < bytes; i++) {
		int high, low;

		if (text[i] != '%') {
			ta_buf_putc(list, text[i]);
			continue;
		}
		if (i + 2 >= bytes || (high = hex_value(text[i + 1])) < 0 ||
		    (low = hex_value(text[i + 2])) < 0 || high + low == 0)
			return false;
		ta_buf_putc(list, (char)(high * 16 + low));
		i += 2;
	}
	ta_buf_putc(list, '\0');
	return true;
}

/* One k=v; false when it is none. */
static bool put_pair(struct ta_enrich *enrich, const char *text, size_t bytes)
{
	struct ta_buf *list = &enrich->user_resource;
	size_t start = list->bytes;
	const char *equals;

	trim(&text, &bytes);
	if (!bytes)
		return true; /* a comma too many */
	equals = memchr(text, '=', bytes);
	if (!equals || !put_decoded(list, text, (size_t)(equals - text)) || list->failed ||
	    !list->data[start] ||
	    !put_decoded(list, equals + 1, (size_t)(text + bytes - equals - 1)))
		return false;
	enrich->user_count++;
	return true;
}

static void read_user_list(struct ta_enrich *enrich, const char *list)
{
	const char *at = list;

	while (*at) {
		size_t bytes = strcspn(at, ",");

		if (!put_pair(enrich, at, bytes)) {
			ta_enrich_warn(enrich,
				       "OTEL_RESOURCE_ATTRIBUTES is not used: '%.*s' is no "
				       "key=value with percent-encoding.",
				       bytes > 100 ? 100 : (int)bytes, at);
			ta_buf_clear(&enrich->user_resource);
			enrich->user_count = 0;
			return;
		}
		at += bytes + (at[bytes] == ',');
	}
}

void ta_resource_init(struct ta_enrich *enrich)
{
	struct utsname name;

	if (gethostname(enrich->host_name, sizeof(enrich->host_name) - 1) != 0)
		enrich->host_name[0] = '\0';
	if (uname(&name) == 0)
		snprintf(enrich->host_machine, sizeof(enrich->host_machine), "%s", name.machine);
	enrich->host_arch = arch_word(enrich->host_machine);
	read_user_list(enrich, enrich->config->resource_attributes);
}

/* The pair behind (key, value); NULL at the end. */
static const char *next_user(const struct ta_enrich *enrich, const char *key)
{
	const char *value = key + strlen(key) + 1;
	const char *next = value + strlen(value) + 1;

	return next < enrich->user_resource.data + enrich->user_resource.bytes ? next : NULL;
}

const char *ta_resource_user(const struct ta_enrich *enrich, const char *key)
{
	const char *found = NULL;

	for (const char *at = enrich->user_count ? enrich->user_resource.data : NULL; at;
	     at = next_user(enrich, at))
		if (strcmp(at, key) == 0)
			found = at + strlen(at) + 1;
	return found;
}

static void put_key(struct ta_buf *buf, const char *key)
{
	ta_buf_puts(buf, buf->bytes && buf->data[buf->bytes - 1] == '}' ? ",{\"key\":" :
									  "{\"key\":");
	ta_buf_put_json(buf, key, strlen(key));
}

static void put_text(struct ta_buf *buf, const char *key, const char *value)
{
	put_key(buf, key);
	ta_buf_puts(buf, ",\"value\":{\"stringValue\":");
	ta_buf_put_json(buf, value, strlen(value));
	ta_buf_puts(buf, "}}");
}

/* A detected value, unless it is empty or the user has one of his own. */
static void put_detected(struct ta_enrich *enrich, struct ta_buf *buf, const char *key,
			 const char *value)
{
	if (value[0] && !ta_resource_user(enrich, key))
		put_text(buf, key, value);
}

static void put_number(struct ta_enrich *enrich, struct ta_buf *buf, const char *key, uint32_t value)
{
	if (!value || ta_resource_user(enrich, key))
		return;
	put_key(buf, key);
	ta_buf_puts(buf, ",\"value\":{\"intValue\":\"");
	ta_buf_put_u64(buf, value);
	ta_buf_puts(buf, "\"}}");
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void put_service(struct ta_enrich *enrich, const struct ta_process *process,
			struct ta_buf *buf)
{
	const char *name = enrich->config->service_name;
	char fallback[600];

	if (!name[0])
		name = ta_resource_user(enrich, "service.name");
	if (!name || !name[0]) {
		const char *program = process ? base_name(process->exe) : "";

		snprintf(fallback, sizeof(fallback), "unknown_service%s%s", program[0] ? ":" : "",
			 program);
		name = fallback;
	}
	put_text(buf, "service.name", name);
	if (process)
		put_detected(enrich, buf, "service.instance.id", process->instance_id);
}

static void put_process(struct ta_enrich *enrich, const struct ta_process *process,
			struct ta_buf *buf)
{
	put_number(enrich, buf, "process.pid", process->pid);
	put_number(enrich, buf, "process.parent_pid", process->parent_pid);
	put_detected(enrich, buf, "process.executable.name", base_name(process->exe));
	put_detected(enrich, buf, "process.executable.path", process->exe);
}

/* What the user gave, each key once, with its last value. */
static void put_user(struct ta_enrich *enrich, struct ta_buf *buf)
{
	for (const char *at = enrich->user_count ? enrich->user_resource.data : NULL; at;
	     at = next_user(enrich, at)) {
		const char *value = at + strlen(at) + 1;

		if (strcmp(at, "service.name") == 0 || strncmp(at, "telemetry.sdk.", 14) == 0 ||
		    ta_resource_user(enrich, at) != value)
			continue;
		put_text(buf, at, value);
	}
}

static void make_json(struct ta_enrich *enrich, const struct ta_process *process, struct ta_buf *buf)
{
	put_service(enrich, process, buf);
	put_text(buf, "telemetry.sdk.name", "tagalong");
	put_text(buf, "telemetry.sdk.language", "c");
	put_text(buf, "telemetry.sdk.version", TA_VERSION);
	if (process)
		put_process(enrich, process, buf);
	put_detected(enrich, buf, "host.name", enrich->host_name);
	put_detected(enrich, buf, "host.arch", enrich->host_arch);
	put_detected(enrich, buf, "os.type", "linux");
	put_user(enrich, buf);
}

/* FNV-1a over everything that the text is made of and that may become known late. */
static uint64_t print_of(const struct ta_process *process)
{
	uint64_t hash = 0xcbf29ce484222325ull ^ process->pid ^ ((uint64_t)process->parent_pid << 32);

	for (const char *c = process->exe; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 0x100000001b3ull;
	for (const char *c = process->instance_id; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 0x100000001b3ull;
	return hash;
}

void ta_enrich_resource_json(struct ta_enrich *enrich, const struct ta_process *process,
			     struct ta_buf *buf)
{
	struct ta_process_entry *entry;
	uint64_t print;

	if (!process) {
		make_json(enrich, NULL, buf);
		return;
	}
	print = print_of(process);
	entry = &enrich->processes[(process->proc_id ^ process->proc_id >> 32) % TA_PROCESS_CACHE];
	if (!entry->json.bytes || entry->json.failed || entry->proc_id != process->proc_id ||
	    entry->print != print) {
		ta_buf_clear(&entry->json);
		entry->proc_id = process->proc_id;
		entry->print = print;
		make_json(enrich, process, &entry->json);
	}
	if (entry->json.failed)
		buf->failed = true;
	else
		ta_buf_put(buf, entry->json.data, entry->json.bytes);
}
