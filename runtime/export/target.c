/* SPDX-License-Identifier: MIT */
/*
 * target.c - destinations: the frame, and the small things that all of them need.
 *
 * What a specification leaves open is decided so: an endpoint that is no URL turns its
 * signal off (what was meant for one place never goes to another one); a file that cannot
 * be read now is reported, and its target stays: requests fail and what they carried waits,
 * until the file is there; of contradicting words `none` wins.
 *
 * Runs: agent, cli; at start.
 */
#include "runtime/export/target_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/export/pairs.h"

/* ---- words ---- */

bool ta_word_is(const char *text, size_t bytes, const char *word)
{
	return strlen(word) == bytes && strncasecmp(text, word, bytes) == 0;
}

bool ta_word_next(const char **list, const char **ret_word, size_t *ret_bytes)
{
	while (**list) {
		const char *word = *list;
		size_t bytes = strcspn(word, ",");

		*list += bytes + (word[bytes] == ',');
		ta_trim(&word, &bytes);
		*ret_word = word;
		*ret_bytes = bytes;
		if (bytes)
			return true;
	}
	return false;
}

bool ta_digits_read(const char *text, size_t bytes, uint64_t most, uint64_t *ret_number)
{
	uint64_t number = 0;

	for (size_t i = 0; i < bytes; i++) {
		if (text[i] < '0' || text[i] > '9' || number > most)
			return false;
		number = number * 10 + (uint64_t)(text[i] - '0');
	}
	*ret_number = number;
	return bytes && number <= most;
}

/* ---- what a load keeps ---- */

static uint64_t hash(uint64_t seed, const char *text)
{
	for (; *text; text++)
		seed = (seed ^ (unsigned char)*text) * 0x100000001b3ull;
	return (seed ^ 0xff) * 0x100000001b3ull; /* an end: "ab","c" is not "a","bc" */
}

#define HASH_SEED 0xcbf29ce484222325ull

void ta_loading_say(struct ta_loading *loading, const char *format, ...)
{
	char sentence[512];
	uint64_t print;
	va_list args;

	va_start(args, format);
	vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	print = hash(HASH_SEED, sentence);
	for (uint32_t i = 0; i < loading->said_count; i++)
		if (loading->said[i] == print)
			return;
	if (loading->said_count < TA_SENTENCES_MAX)
		loading->said[loading->said_count++] = print;
	if (loading->warn)
		loading->warn(loading->user, sentence);
}

char *ta_loading_copy(struct ta_loading *loading, const char *text, size_t bytes)
{
	char *copy = strndup(text, bytes);

	loading->failed |= !copy;
	return copy;
}

char *ta_loading_print(struct ta_loading *loading, const char *format, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	loading->failed |= !text;
	return text;
}

char *ta_loading_path(struct ta_loading *loading, const char *path)
{
	size_t bytes = strlen(loading->cwd);

	if (path[0] == '/')
		return ta_loading_copy(loading, path, strlen(path));
	while (bytes && loading->cwd[bytes - 1] == '/')
		bytes--;
	return ta_loading_print(loading, "%.*s/%s", (int)bytes, loading->cwd, path);
}

static uint64_t identify(enum ta_queue queue, const char *place, const char *who)
{
	return hash(hash(hash(HASH_SEED, ta_queue_name(queue)), place), who);
}

static char *take_text(struct ta_loading *loading, struct ta_buf *buf)
{
	ta_buf_putc(buf, '\0');
	loading->failed |= buf->failed;
	return loading->failed ? NULL : ta_loading_copy(loading, buf->data, buf->bytes - 1);
}

void ta_loading_address(struct ta_loading *loading, struct ta_target *target,
			const struct ta_url *url, const char *path, const char *who)
{
	struct ta_buf buf = { 0 };
	size_t shown;

	ta_url_put_origin(&buf, url);
	ta_buf_puts(&buf, path);
	shown = buf.bytes;
	ta_buf_put(&buf, url->query.text, url->query.bytes);
	target->url = take_text(loading, &buf);
	target->shown = target->url ? ta_loading_copy(loading, target->url, shown) : NULL;
	if (target->url)
		target->identity = identify(target->queue, target->url, who);
	ta_buf_fini(&buf);
}

/* ---- the whole ---- */

static void load_envelopes(struct ta_loading *loading)
{
	struct ta_target *target = &loading->targets->targets[TA_QUEUE_ENVELOPES];

	if (!*loading->config->envelopes)
		return;
	target->wanted = true;
	target->format = TA_FORMAT_ENVELOPE;
	target->url = ta_loading_path(loading, loading->config->envelopes);
	target->shown = target->url ? ta_loading_copy(loading, target->url, strlen(target->url)) :
				      NULL;
	target->headers = calloc(1, sizeof(char *));
	if (!target->headers || !target->url)
		loading->failed = true;
	else
		target->identity = identify(TA_QUEUE_ENVELOPES, target->url, "");
}

static void load_sizes(struct ta_loading *loading)
{
	const struct ta_config *config = loading->config;
	struct ta_targets *targets = loading->targets;

	targets->max_queue = config->bsp_max_queue;
	targets->max_batch = (uint32_t)config->bsp_max_batch;
	if (!targets->max_queue || targets->max_batch <= targets->max_queue)
		return;
	targets->max_batch = (uint32_t)targets->max_queue;
	ta_loading_say(loading, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE is larger than "
				"OTEL_BSP_MAX_QUEUE_SIZE: requests have as many spans as may wait.");
}

/* What follows from the single ones. */
static void sum_up(struct ta_targets *targets)
{
	for (int i = 0; i < TA_QUEUES; i++)
		if (targets->targets[i].wanted && i != TA_QUEUE_ENVELOPES)
			targets->any_network = true;
	targets->metrics = targets->targets[TA_QUEUE_OTLP_METRICS].wanted ||
			   targets->prometheus_host;
}

int ta_targets_load(struct ta_targets *targets, const struct ta_config *config, const char *cwd,
		    ta_target_warn_fn *warn, void *user)
{
	struct ta_loading loading = {
		.config = config, .cwd = cwd ? cwd : "/", .targets = targets, .warn = warn, .user = user
	};

	*targets = (struct ta_targets){ 0 };
	for (int i = 0; i < TA_QUEUES; i++)
		targets->targets[i].queue = (enum ta_queue)i;
	if (*config->config_file)
		ta_loading_say(&loading, "OTEL_CONFIG_FILE is not read: settings are environment "
					 "variables (tagalong help environment).");
	ta_target_load_otlp(&loading);
	ta_target_load_sentry(&loading);
	load_envelopes(&loading);
	load_sizes(&loading);
	sum_up(targets);
	if (!loading.failed)
		return 0;
	ta_targets_fini(targets);
	return -ENOMEM;
}

static void free_target(struct ta_target *target)
{
	for (char **line = target->headers; line && *line; line++)
		free(*line);
	free(target->headers);
	free(target->url);
	free(target->shown);
	free(target->ca_file);
	free(target->certificate);
	free(target->key);
}

void ta_targets_fini(struct ta_targets *targets)
{
	for (int i = 0; i < TA_QUEUES; i++)
		free_target(&targets->targets[i]);
	free(targets->prometheus_host);
	free(targets->dsn.public_key);
	free(targets->dsn.host);
	free(targets->dsn.project);
	free(targets->dsn.envelope_url);
	free(targets->release);
	free(targets->environment);
	*targets = (struct ta_targets){ 0 };
}
