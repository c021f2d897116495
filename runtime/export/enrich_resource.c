/* SPDX-License-Identifier: MIT */
/*
 * enrich_resource.c - what a process says about itself in every batch.
 *
 * Attributes: detected ones, then OTEL_RESOURCE_ATTRIBUTES, which win (except
 * over telemetry.sdk.*), then OTEL_SERVICE_NAME, which wins over both.  A list
 * that cannot be decoded is dropped as a whole and reported, as OpenTelemetry
 * wants it.
 *
 * There is one list, the walk; all encodings are made of it.  Those of a process are
 * made once and kept; TA_PROCESS_CACHE processes share the places, so many short-lived
 * ones cost time, never memory.
 *
 * Runs: agent, one thread.
 */
#include "runtime/export/enrich_internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "runtime/export/otlp_pb_value.h"
#include "runtime/export/pairs.h"

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

static void read_user_list(struct ta_enrich *enrich, const char *text)
{
	struct ta_buf *list = &enrich->user_resource;
	struct ta_pairs pairs;
	bool good = true;

	ta_pairs_begin(&pairs, text);
	while (good && ta_pairs_next(&pairs)) {
		good = pairs.good;
		ta_buf_put(list, pairs.key.data, pairs.key.bytes + 1);
		ta_buf_put(list, pairs.value.data, pairs.value.bytes + 1);
		enrich->user_count++;
	}
	if (!good)
		ta_enrich_warn(enrich,
			       "OTEL_RESOURCE_ATTRIBUTES is not used: '%.*s' is no key=value with "
			       "percent-encoding.",
			       pairs.text_bytes > 100 ? 100 : (int)pairs.text_bytes, pairs.text);
	if (!good || pairs.failed || list->failed) {
		ta_buf_clear(list);
		enrich->user_count = 0;
	}
	ta_pairs_end(&pairs);
}

/* host.id: the first line of the file, if it is a machine id: 32 hex digits. */
static void read_machine_id(struct ta_enrich *enrich)
{
	char *id = enrich->host_id;
	int fd = open("/etc/machine-id", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t bytes;

	if (fd < 0)
		return;
	bytes = read(fd, id, sizeof(enrich->host_id) - 1);
	close(fd);
	id[bytes > 0 ? bytes : 0] = '\0';
	id[strcspn(id, "\n")] = '\0';
	if (strlen(id) != 32 || strspn(id, "0123456789abcdefABCDEF") != 32)
		id[0] = '\0';
}

void ta_resource_init(struct ta_enrich *enrich)
{
	struct utsname name;

	if (gethostname(enrich->host_name, sizeof(enrich->host_name) - 1) != 0)
		enrich->host_name[0] = '\0';
	if (uname(&name) == 0)
		snprintf(enrich->host_machine, sizeof(enrich->host_machine), "%s", name.machine);
	enrich->host_arch = arch_word(enrich->host_machine);
	read_machine_id(enrich);
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

static void entry_fini(struct ta_process_entry *entry)
{
	ta_buf_fini(&entry->json);
	ta_buf_fini(&entry->pb);
	ta_buf_fini(&entry->service);
}

void ta_resource_fini(struct ta_enrich *enrich)
{
	ta_buf_fini(&enrich->user_resource);
	entry_fini(&enrich->nobody);
	for (uint32_t i = 0; i < TA_PROCESS_CACHE; i++)
		entry_fini(&enrich->processes[i]);
}

/* Who walks. */
struct visit {
	struct ta_enrich *enrich;
	const struct ta_process *process; /* or NULL */
	ta_resource_fn *one;
	void *user;
};

/* A detected value, unless it is empty or the user has one of his own. */
static void tell_text(const struct visit *visit, const char *key, const char *value)
{
	if (value && value[0] && !ta_resource_user(visit->enrich, key))
		visit->one(visit->user, key, value, 0);
}

static void tell_number(const struct visit *visit, const char *key, uint32_t value)
{
	if (value && !ta_resource_user(visit->enrich, key))
		visit->one(visit->user, key, NULL, value);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void tell_service(const struct visit *visit)
{
	const char *name = visit->enrich->config->service_name;
	char fallback[600];

	if (!name[0])
		name = ta_resource_user(visit->enrich, "service.name");
	if (!name || !name[0]) {
		const char *program = visit->process ? base_name(visit->process->exe) : "";

		snprintf(fallback, sizeof(fallback), "unknown_service%s%s", program[0] ? ":" : "",
			 program);
		name = fallback;
	}
	visit->one(visit->user, "service.name", name, 0);
	tell_text(visit, "service.version", visit->enrich->config->sentry_release);
	if (visit->process)
		tell_text(visit, "service.instance.id", visit->process->instance_id);
}

static void tell_process(const struct visit *visit, const struct ta_process *process)
{
	tell_number(visit, "process.pid", process->pid);
	tell_number(visit, "process.parent_pid", process->parent_pid);
	tell_text(visit, "process.executable.name", base_name(process->exe));
	tell_text(visit, "process.executable.path", process->exe);
}

/* What the user gave, each key once, with its last value. */
static void tell_user(const struct visit *visit)
{
	const struct ta_enrich *enrich = visit->enrich;

	for (const char *at = enrich->user_count ? enrich->user_resource.data : NULL; at;
	     at = next_user(enrich, at)) {
		const char *value = at + strlen(at) + 1;

		if (strcmp(at, "service.name") == 0 || strncmp(at, "telemetry.sdk.", 14) == 0 ||
		    ta_resource_user(enrich, at) != value)
			continue;
		visit->one(visit->user, at, value, 0);
	}
}

void ta_enrich_resource_walk(struct ta_enrich *enrich, const struct ta_process *process,
			     ta_resource_fn *one, void *user)
{
	const struct visit visit = { enrich, process, one, user };

	tell_service(&visit);
	one(user, "telemetry.sdk.name", "tagalong", 0);
	one(user, "telemetry.sdk.language", "c", 0);
	one(user, "telemetry.sdk.version", TA_VERSION, 0);
	if (process)
		tell_process(&visit, process);
	tell_text(&visit, "host.name", enrich->host_name);
	tell_text(&visit, "host.id", enrich->host_id);
	tell_text(&visit, "host.arch", enrich->host_arch);
	tell_text(&visit, "os.type", "linux");
	tell_user(&visit);
}

static void put_json(struct ta_buf *buf, const char *key, const char *text, int64_t number)
{
	ta_buf_puts(buf, buf->bytes ? ",{\"key\":" : "{\"key\":");
	ta_buf_put_json(buf, key, strlen(key));
	if (text) {
		ta_buf_puts(buf, ",\"value\":{\"stringValue\":");
		ta_buf_put_json(buf, text, strlen(text));
		ta_buf_puts(buf, "}}");
		return;
	}
	ta_buf_puts(buf, ",\"value\":{\"intValue\":\"");
	ta_buf_put_i64(buf, number);
	ta_buf_puts(buf, "\"}}");
}

static void encode_one(void *user, const char *key, const char *text, int64_t number)
{
	struct ta_process_entry *entry = user;

	put_json(&entry->json, key, text, number);
	ta_otlp_pb_pair(&entry->pb, 1, key, text, number);
	if (strcmp(key, "service.name") == 0)
		ta_buf_put(&entry->service, text, strlen(text) + 1);
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

static void make(struct ta_enrich *enrich, const struct ta_process *process,
		 struct ta_process_entry *entry)
{
	ta_buf_clear(&entry->json);
	ta_buf_clear(&entry->pb);
	ta_buf_clear(&entry->service);
	ta_enrich_resource_walk(enrich, process, encode_one, entry);
	entry->made = !entry->json.failed && !entry->pb.failed && !entry->service.failed;
}

/* The place of a process, with what was or is now made for it. */
static const struct ta_process_entry *entry_of(struct ta_enrich *enrich,
					       const struct ta_process *process)
{
	struct ta_process_entry *entry = &enrich->nobody;
	uint64_t id = process ? process->proc_id : 0, print = process ? print_of(process) : 0;

	if (process)
		entry = &enrich->processes[(id ^ id >> 32) % TA_PROCESS_CACHE];
	if (!entry->made || entry->proc_id != id || entry->print != print) {
		entry->proc_id = id;
		entry->print = print;
		make(enrich, process, entry);
	}
	return entry;
}

static void put_made(struct ta_buf *buf, const struct ta_buf *made)
{
	if (made->failed)
		buf->failed = true;
	else
		ta_buf_put(buf, made->data, made->bytes);
}

void ta_enrich_resource_json(struct ta_enrich *enrich, const struct ta_process *process,
			     struct ta_buf *buf)
{
	put_made(buf, &entry_of(enrich, process)->json);
}

void ta_enrich_resource_pb(struct ta_enrich *enrich, const struct ta_process *process,
			   struct ta_buf *buf)
{
	put_made(buf, &entry_of(enrich, process)->pb);
}

const char *ta_enrich_service_name(struct ta_enrich *enrich, const struct ta_process *process)
{
	const struct ta_process_entry *entry = entry_of(enrich, process);

	return entry->made ? entry->service.data : "";
}

struct wanted {
	const char *key;
	char *out;
	size_t size;
	bool found;
};

static void look_at(void *user, const char *key, const char *text, int64_t number)
{
	struct wanted *wanted = user;
	size_t bytes;

	(void)number;
	if (!text || strcmp(key, wanted->key) != 0)
		return;
	bytes = strlen(text);
	if (bytes >= wanted->size)
		bytes = ta_utf8_cut(text, wanted->size - 1);
	memcpy(wanted->out, text, bytes);
	wanted->out[bytes] = '\0';
	wanted->found = true;
}

bool ta_enrich_resource_text(struct ta_enrich *enrich, const struct ta_process *process,
			     const char *key, char *out, size_t size)
{
	struct wanted wanted = { key, out, size, false };

	ta_enrich_resource_walk(enrich, process, look_at, &wanted);
	return wanted.found;
}
