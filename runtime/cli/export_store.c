/* SPDX-License-Identifier: MIT */
/*
 * export_store.c - processes, scopes, names and links of what is exported.
 *
 * Texts that many spans share (what their process says of itself, their scope) are kept
 * once, found by their bytes.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/export.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/cli/cli.h"

int ta_export_store_init(struct export_store *store)
{
	*store = (struct export_store){ .show.pass = 1, .show.verbose = false };
	int error = ta_map_init(&store->contexts_map);

	if (!error)
		error = ta_map_init(&store->processes_map);
	return error ? error : ta_map_init(&store->names_map);
}

static void free_processes(struct export_store *store)
{
	for (struct export_process *at = store->processes, *next; at; at = next) {
		next = at->next;
		free(at->name);
		free(at->service);
		free(at->resource);
		free(at);
	}
}

void ta_export_store_fini(struct export_store *store)
{
	for (struct export_context *at = store->contexts, *next; at; at = next) {
		next = at->next;
		free(at->scope);
		free(at);
	}
	for (struct export_name *at = store->names, *next; at; at = next) {
		next = at->next;
		free(at);
	}
	free_processes(store);
	for (uint32_t i = 0; i < store->source_count; i++)
		close(store->sources[i].fd);
	free(store->sources);
	free(store->links);
	free(store->traces);
	free(store->by_id);
	for (struct show_span *at = store->dead, *next; at; at = next) {
		next = at->next;
		ta_show_span_free(at);
	}
	ta_show_store_clear(&store->show);
	ta_map_fini(&store->contexts_map);
	ta_map_fini(&store->processes_map);
	ta_map_fini(&store->names_map);
}

/* FNV-1a; the maps seed it. */
static uint64_t hash_of(uint64_t hash, const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		hash = (hash ^ (unsigned char)text[i]) * 1099511628211ull;
	return hash;
}

static char *copy_of(struct ta_json_slice text)
{
	char *copy = ta_show_alloc(NULL, text.bytes + 1);

	if (text.bytes)
		memcpy(copy, text.text, text.bytes);
	copy[text.bytes] = '\0';
	return copy;
}

/* Texts of a file have no zero byte: what was found valid has none outside of strings, and
 * in them it is an escape. */
static bool same(const char *kept, struct ta_json_slice text)
{
	return strncmp(kept, text.text ? text.text : "", text.bytes) == 0 &&
	       kept[text.bytes] == '\0';
}

static char *name_of(const char *service, uint64_t pid)
{
	size_t bytes = strlen(service) + 32;
	char *name = ta_show_alloc(NULL, bytes);

	if (pid)
		snprintf(name, bytes, "%s[%" PRIu64 "]", service[0] ? service : "process", pid);
	else
		snprintf(name, bytes, "%s", service[0] ? service : "process");
	return name;
}

/* "unknown_service:app" is "app", as `tagalong show` has it. */
static char *service_of(struct ta_json_slice attributes)
{
	char *service = ta_export_copy(
		ta_export_any(ta_export_attribute(attributes, "service.name")));

	if (strncmp(service, "unknown_service:", 16) == 0)
		memmove(service, service + 16, strlen(service + 16) + 1);
	return service;
}

static struct export_process *add_process(struct export_store *store, struct ta_json_slice text,
					  struct ta_json_slice resource)
{
	struct ta_json_slice attributes = ta_export_member(resource, "attributes");
	struct export_process *process = ta_show_alloc(NULL, sizeof(*process));

	*process = (struct export_process){ .number = store->process_count++ };
	process->service = service_of(attributes);
	process->pid = ta_export_u64(
		ta_export_any(ta_export_attribute(attributes, "process.pid")));
	process->name = name_of(process->service, process->pid);
	process->resource = copy_of(text);
	if (store->last_process)
		store->last_process->next = process;
	else
		store->processes = process;
	store->last_process = process;
	return process;
}

static struct export_process *process_of(struct export_store *store, struct ta_json_slice text,
					 struct ta_json_slice resource)
{
	uint64_t hash = hash_of(14695981039346656037ull, text.text, text.bytes);

	for (struct ta_map_node *node = ta_map_find(&store->processes_map, hash); node;
	     node = ta_map_next(node)) {
		struct export_process *process = (struct export_process *)node;

		if (same(process->resource, text))
			return process;
	}
	struct export_process *process = add_process(store, text, resource);

	ta_map_add(&store->processes_map, &process->node, hash);
	return process;
}

const struct export_context *ta_export_context(struct export_store *store,
					       struct ta_json_slice resource_text,
					       struct ta_json_slice scope_text,
					       struct ta_json_slice resource)
{
	struct export_process *process = process_of(store, resource_text, resource);
	uint64_t hash = hash_of(process->number + 1469598103934665603ull, scope_text.text,
				scope_text.bytes);

	for (struct ta_map_node *node = ta_map_find(&store->contexts_map, hash); node;
	     node = ta_map_next(node)) {
		struct export_context *context = (struct export_context *)node;

		if (context->process == process && same(context->scope, scope_text))
			return context;
	}
	struct export_context *context = ta_show_alloc(NULL, sizeof(*context));

	*context = (struct export_context){ .process = process, .scope = copy_of(scope_text),
					    .next = store->contexts };
	store->contexts = context;
	ta_map_add(&store->contexts_map, &context->node, hash);
	return context;
}

const char *ta_export_name(struct export_store *store, struct ta_json_slice value)
{
	char *text = ta_export_copy(value);
	uint64_t hash = hash_of(14695981039346656037ull, text, strlen(text));
	struct export_name *name = NULL;

	for (struct ta_map_node *node = ta_map_find(&store->names_map, hash); node && !name;
	     node = ta_map_next(node))
		if (strcmp(((struct export_name *)node)->text, text) == 0)
			name = (struct export_name *)node;
	if (!name) {
		name = ta_show_alloc(NULL, sizeof(*name) + strlen(text) + 1);
		strcpy(name->text, text);
		name->next = store->names;
		store->names = name;
		ta_map_add(&store->names_map, &name->node, hash);
	}
	free(text);
	return name->text;
}

void ta_export_link(struct export_store *store, struct export_span *from, uint64_t hi, uint64_t lo,
		    uint64_t id)
{
	if (store->link_count == store->link_capacity) {
		store->link_capacity = store->link_capacity * 2 + 64;
		store->links = ta_show_alloc(store->links,
					     store->link_capacity * sizeof(store->links[0]));
	}
	store->links[store->link_count++] =
		(struct export_link){ .from = from, .hi = hi, .lo = lo, .id = id };
}
