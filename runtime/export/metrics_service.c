/* SPDX-License-Identifier: MIT */
/*
 * metrics_service.c - the resources of metrics.
 *
 * What a span's resource says without what is only true of one process: a server of
 * fifty processes has one set of streams, and a restarted one goes on with it.  In place
 * of the processes' ids there is one service.instance.id for what this agent saw of the
 * service.  It is made of the resource, the user and the agent's key: it stays when the
 * agent is restarted, and no other agent writes the same streams.
 *
 * Runs: agent, the exporter's thread.
 */
#include "runtime/export/metrics_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PRINT_SEED 0x5441474d45545249ull /* the same in every agent */

enum { OWN_ATTRS = 3 }; /* name, version and instance of ours */

static bool key_is(const struct ta_out_attr *attr, const char *name)
{
	return attr->name_bytes == strlen(name) && memcmp(attr->name, name, attr->name_bytes) == 0;
}

static bool text_is(const struct ta_out_attr *attr, const char *text)
{
	return attr->type == TA_ATTR_STRING && attr->text_bytes == strlen(text) &&
	       memcmp(attr->text, text, attr->text_bytes) == 0;
}

static bool begins(const struct ta_out_attr *attr, const char *prefix)
{
	return attr->name_bytes >= strlen(prefix) &&
	       memcmp(attr->name, prefix, strlen(prefix)) == 0;
}

const struct ta_out_attr *ta_service_attr(const struct ta_service *service, const char *name)
{
	for (uint32_t i = 0; i < service->attr_count; i++)
		if (key_is(&service->attrs[i], name))
			return &service->attrs[i];
	return NULL;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Whether an attribute is only true of the process; what the user said of it stays. */
static bool is_of_process(const struct ta_out_attr *attr, const struct ta_process *process)
{
	if (!process)
		return false;
	if (key_is(attr, "service.instance.id"))
		return text_is(attr, process->instance_id);
	if (key_is(attr, "process.executable.name"))
		return text_is(attr, base_name(process->exe));
	if (key_is(attr, "process.executable.path"))
		return text_is(attr, process->exe);
	return attr->type == TA_ATTR_INT && begins(attr, "process.");
}

/* A resource while it is collected: texts are in the scratch memory, which may move, so
 * attributes know where they begin there. */
struct draft {
	struct ta_buf *texts;
	const struct ta_process *process;
	bool self;
	uint32_t count;
	struct {
		size_t name, text;
		int64_t number;
		bool is_text;
	} attrs[TA_OUT_ATTRS_MAX];
};

static struct ta_out_attr attr_of(const char *key, const char *text, int64_t number)
{
	return (struct ta_out_attr){ .name = key,
				     .name_bytes = (uint32_t)strlen(key),
				     .type = text ? TA_ATTR_STRING : TA_ATTR_INT,
				     .number = number,
				     .text = text,
				     .text_bytes = text ? (uint32_t)strlen(text) : 0 };
}

static size_t keep_text(struct ta_buf *texts, const char *text)
{
	size_t at = texts->bytes;

	ta_buf_put(texts, text, strlen(text) + 1);
	return at;
}

/* All but what is only true of the process; of ourselves without what says whom we serve. */
static void draft_attr(void *user, const char *key, const char *text, int64_t number)
{
	struct ta_out_attr attr = attr_of(key, text, number);
	struct draft *draft = user;

	if (draft->count == TA_OUT_ATTRS_MAX - OWN_ATTRS || is_of_process(&attr, draft->process) ||
	    (draft->self && begins(&attr, "service.")))
		return;
	draft->attrs[draft->count].name = keep_text(draft->texts, key);
	draft->attrs[draft->count].text = text ? keep_text(draft->texts, text) : 0;
	draft->attrs[draft->count].number = number;
	draft->attrs[draft->count++].is_text = text != NULL;
}

static void add_attr(struct ta_service *service, const char *name, const char *text)
{
	service->attrs[service->attr_count++] = attr_of(name, text, 0);
}

/* A hash of any text, whatever its length. */
static uint64_t hash_text(uint64_t seed, const char *text, size_t bytes)
{
	char tail[8] = { 0 };

	seed = ta_metric_hash(seed ^ bytes, text, bytes & ~(size_t)7);
	if (bytes & 7)
		memcpy(tail, text + (bytes & ~(size_t)7), bytes & 7);
	return ta_metric_hash(seed, tail, sizeof(tail));
}

static uint64_t hash_attrs(const struct ta_service *service, uint64_t seed)
{
	for (uint32_t i = 0; i < service->attr_count; i++) {
		const struct ta_out_attr *attr = &service->attrs[i];

		seed = hash_text(seed, attr->name, attr->name_bytes);
		if (attr->type == TA_ATTR_STRING)
			seed = hash_text(seed, attr->text, attr->text_bytes);
		else
			seed ^= (uint64_t)attr->number * 0x9e3779b97f4a7c15ull;
	}
	return seed;
}

/* A UUID (version 8: of our own making) of everything that tells this from others. */
static void add_instance(struct ta_metrics *metrics, struct ta_service *service)
{
	const struct ta_status_page *status = metrics->options.status;
	uint64_t who = (uint64_t)geteuid() << 32 | (status ? status->key : 0);
	uint64_t high = hash_attrs(service, PRINT_SEED ^ who);
	uint64_t low = hash_attrs(service, ~PRINT_SEED ^ who);

	if (ta_service_attr(service, "service.instance.id"))
		return; /* the user's */
	snprintf(service->instance, sizeof(service->instance), "%08x-%04x-8%03x-%04x-%012llx",
		 (unsigned int)(high >> 32), (unsigned int)(high >> 16 & 0xffff),
		 (unsigned int)(high & 0xfff), (unsigned int)(low >> 48 & 0x3fff) | 0x8000,
		 (unsigned long long)(low & 0xffffffffffffull));
	add_attr(service, "service.instance.id", service->instance);
}

static void free_service(struct ta_service *service)
{
	while (service->first) {
		struct ta_stream *stream = service->first;

		service->first = stream->next;
		ta_stream_free(stream);
	}
	free(service->attrs);
	free(service->memory);
	free(service);
}

/* Takes what was drafted; false when out of memory. */
static bool fill(struct ta_service *service, const struct draft *draft)
{
	if (draft->texts->failed)
		return false;
	service->attrs = calloc(draft->count + OWN_ATTRS, sizeof(service->attrs[0]));
	service->memory = malloc(draft->texts->bytes + 1);
	if (!service->attrs || !service->memory)
		return false;
	if (draft->texts->bytes)
		memcpy(service->memory, draft->texts->data, draft->texts->bytes);
	if (draft->self) {
		add_attr(service, "service.name", "tagalong");
		add_attr(service, "service.version", TA_VERSION);
	}
	for (uint32_t i = 0; i < draft->count; i++)
		service->attrs[service->attr_count++] =
			attr_of(service->memory + draft->attrs[i].name,
				draft->attrs[i].is_text ? service->memory + draft->attrs[i].text : NULL,
				draft->attrs[i].number);
	return true;
}

/* NULL when out of memory; it belongs to no list yet. */
static struct ta_service *make_service(struct ta_metrics *metrics,
				       const struct ta_process *process, bool self)
{
	struct ta_service *service = calloc(1, sizeof(*service));
	struct ta_buf texts = { 0 };
	struct draft draft = { .texts = &texts, .process = process, .self = self };

	if (!service)
		return NULL;
	ta_enrich_resource_walk(metrics->enrich, process, draft_attr, &draft);
	if (fill(service, &draft)) {
		add_instance(metrics, service);
		service->hash = hash_attrs(service, PRINT_SEED);
	} else {
		free_service(service);
		service = NULL;
	}
	ta_buf_fini(&texts);
	return service;
}

static void enlist(struct ta_metrics *metrics, struct ta_service *service)
{
	if (metrics->last_service)
		metrics->last_service->next = service;
	else
		metrics->services = service;
	metrics->last_service = service;
}

/* The one with the same resource that is there already, if there is. */
static struct ta_service *settle(struct ta_metrics *metrics, struct ta_service *service)
{
	for (struct ta_service *at = metrics->services; at; at = at->next)
		if (at->hash == service->hash && at->attr_count == service->attr_count) {
			free_service(service);
			return at;
		}
	if (metrics->service_count == TA_METRIC_SERVICES_MAX) {
		free_service(service);
		return metrics->other;
	}
	metrics->service_count++;
	enlist(metrics, service);
	return service;
}

/* Of everything that a resource is made of and that may become known late. */
static uint64_t print_of(const struct ta_process *process)
{
	uint64_t print = hash_text(process->pid, process->exe, strlen(process->exe));

	return hash_text(print, process->instance_id, strlen(process->instance_id));
}

struct ta_service *ta_service_of(struct ta_metrics *metrics, const struct ta_process *process)
{
	struct ta_service *service;
	uint32_t place;
	uint64_t print;

	if (!process)
		return metrics->other;
	print = print_of(process);
	place = (uint32_t)(process->proc_id ^ process->proc_id >> 32) % TA_METRIC_PROCESSES;
	if (metrics->processes[place].service &&
	    metrics->processes[place].proc_id == process->proc_id &&
	    metrics->processes[place].print == print)
		return metrics->processes[place].service;
	service = make_service(metrics, process, false);
	if (!service)
		return metrics->other;
	service = settle(metrics, service);
	metrics->processes[place].proc_id = process->proc_id;
	metrics->processes[place].print = print;
	metrics->processes[place].service = service;
	return service;
}

int ta_services_init(struct ta_metrics *metrics)
{
	metrics->self = make_service(metrics, NULL, true);
	if (metrics->self)
		enlist(metrics, metrics->self);
	metrics->other = make_service(metrics, NULL, false);
	if (metrics->other)
		enlist(metrics, metrics->other);
	return metrics->self && metrics->other ? 0 : -1;
}

void ta_services_fini(struct ta_metrics *metrics)
{
	while (metrics->services) {
		struct ta_service *service = metrics->services;

		metrics->services = service->next;
		free_service(service);
	}
}
