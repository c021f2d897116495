/* SPDX-License-Identifier: MIT */
/*
 * outputs.c - the two files: one for spans, one for events.
 *
 * A file of OTLP JSON lines has one signal (OpenTelemetry, file exporter), so events
 * go beside the spans: tagalong.jsonl and tagalong.logs.jsonl.  Standard output, a
 * pipe or a device takes both.
 *
 * Runs: agent, the worker's thread.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/agent/worker.h"

int ta_output_beside(const char *path, char *out, size_t out_bytes)
{
	struct stat info;
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	const char *dot = strrchr(name, '.');
	bool beside = path[0] && strcmp(path, "-") != 0 &&
		      (stat(path, &info) != 0 || S_ISREG(info.st_mode));
	int stem = dot && dot > name ? (int)(dot - path) : (int)strlen(path);
	int bytes = beside ? snprintf(out, out_bytes, "%.*s.logs%s", stem, path, path + stem) :
			     snprintf(out, out_bytes, "%s", path);

	return bytes >= 0 && (size_t)bytes < out_bytes ? 0 : -ENAMETOOLONG;
}

/* Who has a receiver gets a file when he asks for it. */
static bool has_receiver(const struct ta_worker *worker)
{
	const struct ta_target *targets = worker->flush.targets.targets;

	return targets[TA_QUEUE_OTLP_TRACES].wanted || targets[TA_QUEUE_SENTRY].wanted ||
	       targets[TA_QUEUE_ENVELOPES].wanted;
}

static int configured_path(const struct ta_worker *worker, char *out, size_t out_bytes)
{
	if (!worker->config.file[0] && has_receiver(worker)) {
		out[0] = '\0';
		return 0;
	}
	return ta_file_default_path(&worker->config, worker->options.envp,
				    worker->options.cwd ? worker->options.cwd : "/", out, out_bytes);
}

static int open_file(struct ta_worker *worker, enum ta_output output)
{
	struct ta_exporter *exporter = &worker->flush.exporter;

	exporter->files[output] = ta_file_new(worker->flush.ways[output].path,
					      worker->config.file_max_bytes,
					      (unsigned int)worker->config.file_keep);
	return exporter->files[output] ? 0 : -ENOMEM;
}

int ta_outputs_open(struct ta_worker *worker, const char *path)
{
	struct ta_way *spans = &worker->flush.ways[TA_OUTPUT_SPANS];
	struct ta_way *events = &worker->flush.ways[TA_OUTPUT_EVENTS];
	int error = path ? 0 : configured_path(worker, spans->path, sizeof(spans->path));

	if (path && strlen(path) >= sizeof(spans->path))
		error = -ENAMETOOLONG;
	else if (path)
		strcpy(spans->path, path);
	if (!error)
		error = ta_output_beside(spans->path, events->path, sizeof(events->path));
	if (!error && strcmp(spans->path, "-") == 0)
		worker->flush.exporter.fd = STDOUT_FILENO;
	else if (!error && spans->path[0])
		error = open_file(worker, TA_OUTPUT_SPANS);
	if (!error && worker->flush.exporter.files[TA_OUTPUT_SPANS])
		error = open_file(worker, TA_OUTPUT_EVENTS);
	return error;
}

/* A drain may write elsewhere than the agent that left the half line. */
static int cut_configured_file(const struct ta_worker *worker, const struct ta_event_flush *event)
{
	char spans[4096], events[4096];
	int error = configured_path(worker, spans, sizeof(spans));
	struct ta_file *file = NULL;

	if (!error)
		error = ta_output_beside(spans, events, sizeof(events));
	if (!error && spans[0])
		file = ta_file_new(event->output == TA_OUTPUT_SPANS ? spans : events, UINT64_MAX,
				   (unsigned int)worker->config.file_keep);
	if (!file)
		return error;
	error = ta_file_restore(file, &event->place);
	ta_file_free(file);
	return error;
}

int ta_outputs_cut(struct ta_worker *worker, const struct ta_event_flush *event)
{
	struct ta_file *file = worker->flush.exporter.files[event->output];
	int error = file && !worker->keep ? ta_file_restore(file, &event->place) : 0;

	if (worker->once && !worker->keep && !error)
		error = cut_configured_file(worker, event);
	return error;
}
