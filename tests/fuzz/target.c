/* SPDX-License-Identifier: MIT */
/*
 * target.c - fuzzes destinations: the input is an environment, one variable a line.
 *
 * Whatever it holds: what is wanted has a URL that can be put into a request line, headers
 * that are one line each, and both for people; sentences are whole and of one line.
 */
#include "runtime/export/target.h"

#include <stdlib.h>
#include <string.h>

#define VARIABLES_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void demand(int holds)
{
	if (!holds)
		abort();
}

static void check_sentence(void *user, const char *sentence)
{
	++*(size_t *)user;
	demand(sentence[0] && sentence[strlen(sentence) - 1] == '.');
	demand(!strpbrk(sentence, "\n\r\x1b"));
}

static void check_url(const struct ta_target *target)
{
	demand(strncmp(target->url, "http://", 7) == 0 || strncmp(target->url, "https://", 8) == 0);
	for (const char *c = target->url; *c; c++)
		demand(*c > ' ' && *c < 0x7f && *c != '#');
	demand(strncmp(target->url, target->shown, strlen(target->shown)) == 0);
	demand(!strchr(target->shown, '?') && strchr(strstr(target->shown, "//") + 2, '/'));
	/* No credentials in front of the path. */
	demand(!memchr(target->url, '@', strcspn(target->url + 8, "/?") + 8));
}

static void check_target(const struct ta_target *target)
{
	demand(target->url && target->shown && target->headers && target->identity);
	demand(target->format >= TA_FORMAT_PROTOBUF && target->format <= TA_FORMAT_ENVELOPE);
	demand(!target->certificate == !target->key);
	for (char **line = target->headers; *line; line++) {
		const char *colon = strstr(*line, ": ");

		demand(colon && colon > *line && colon[2] && !strpbrk(*line, "\n\r\x7f"));
	}
	if (target->queue != TA_QUEUE_ENVELOPES)
		check_url(target);
	else
		demand(target->url[0] == '/');
}

static void check_targets(const struct ta_targets *targets)
{
	for (int i = 0; i < TA_QUEUES; i++) {
		demand(targets->targets[i].queue == (enum ta_queue)i);
		if (targets->targets[i].wanted)
			check_target(&targets->targets[i]);
	}
	demand(!targets->prometheus_host == !targets->prometheus_port);
	demand(!targets->dsn.public_key == !targets->targets[TA_QUEUE_SENTRY].wanted);
	demand(targets->environment && targets->max_batch > 0);
	if (targets->prometheus_host)
		demand(targets->prometheus_host[0] && !strpbrk(targets->prometheus_host, "[] /"));
}

/* Cuts text into variables, each a string of exactly its size. */
static size_t cut(char *text, char *envp[VARIABLES_MAX + 1])
{
	size_t count = 0;
	char *rest = text, *line;

	while (count < VARIABLES_MAX && (line = strsep(&rest, "\n")))
		envp[count++] = strdup(line);
	envp[count] = NULL;
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	char *envp[VARIABLES_MAX + 1], *text = malloc(bytes + 1);
	struct ta_targets targets, again;
	struct ta_config config;
	size_t sentences = 0;

	memcpy(text, data, bytes);
	text[bytes] = '\0';
	size_t count = cut(text, envp);

	ta_config_load(&config, envp, NULL, NULL);
	demand(ta_targets_load(&targets, &config, "/tmp", check_sentence, &sentences) == 0);
	demand(ta_targets_load(&again, &config, "/tmp", NULL, NULL) == 0);
	check_targets(&targets);
	for (int i = 0; i < TA_QUEUES; i++)
		demand(targets.targets[i].identity == again.targets[i].identity);
	ta_targets_fini(&targets);
	ta_targets_fini(&again);
	while (count > 0)
		free(envp[--count]);
	free(text);
	return 0;
}
