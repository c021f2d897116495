/* SPDX-License-Identifier: MIT */
/*
 * target_sentry.c - a DSN: {scheme}://{key}[:{secret}]@{host}[:{port}][/{path}]/{project}
 *
 * The secret is a thing of the past and is not used.  The project is the last part of the
 * path; what is in front of it stays in front of /api.
 *
 * Runs: agent, cli; at start.
 */
#include "runtime/export/target_internal.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/export/pairs.h"

#define TIMEOUT_MS 30000u

/* Keys and projects go into a header and a path as they are. */
static bool is_plain(struct ta_part part)
{
	for (size_t i = 0; i < part.bytes; i++)
		if (!((part.text[i] >= '0' && part.text[i] <= '9') ||
		      ((part.text[i] | 0x20) >= 'a' && (part.text[i] | 0x20) <= 'z') ||
		      part.text[i] == '-' || part.text[i] == '_'))
			return false;
	return part.bytes > 0;
}

/* Takes the project off the end of the path. */
static struct ta_part split_project(struct ta_part *path)
{
	struct ta_part project;
	size_t end = path->bytes, start;

	while (end && path->text[end - 1] == '/')
		end--;
	for (start = end; start && path->text[start - 1] != '/'; start--)
		;
	project = (struct ta_part){ path->text + start, end - start };
	while (start && path->text[start - 1] == '/')
		start--;
	path->bytes = start;
	return project;
}

static const char *what_is_wrong(const char *text, struct ta_url *url, struct ta_part *ret_project)
{
	const char *wrong = ta_url_split(text, url);

	if (wrong)
		return wrong;
	*ret_project = split_project(&url->path);
	url->query = (struct ta_part){ "", 0 };
	if (!is_plain(url->user))
		return url->user.bytes ? "its key holds characters that no key has" :
					 "it has no key";
	if (!is_plain(*ret_project))
		return ret_project->bytes ? "its project holds characters that no project has" :
					    "it has no project";
	return NULL;
}

static void fill_dsn(struct ta_loading *loading, const struct ta_url *url, struct ta_part project)
{
	struct ta_targets *targets = loading->targets;
	struct ta_target *target = &targets->targets[TA_QUEUE_SENTRY];
	struct ta_dsn *dsn = &targets->dsn;
	char *path;

	dsn->public_key = ta_loading_copy(loading, url->user.text, url->user.bytes);
	dsn->host = ta_loading_copy(loading, url->host.text, url->host.bytes);
	dsn->project = ta_loading_copy(loading, project.text, project.bytes);
	path = ta_loading_print(loading, "%.*s/api/%.*s/envelope/", (int)url->path.bytes,
				url->path.text, (int)project.bytes, project.text);
	if (loading->failed) {
		free(path);
		return;
	}
	for (char *c = dsn->host; *c; c++)
		*c = *c >= 'A' && *c <= 'Z' ? (char)(*c | 0x20) : *c;
	ta_loading_address(loading, target, url, path, dsn->public_key);
	free(path);
	if (target->url)
		dsn->envelope_url = ta_loading_copy(loading, target->url, strlen(target->url));
}

static void load_dsn(struct ta_loading *loading)
{
	struct ta_target *target = &loading->targets->targets[TA_QUEUE_SENTRY];
	struct ta_part project = { "", 0 };
	struct ta_url url;
	const char *wrong;

	if (!*loading->config->sentry_dsn)
		return;
	wrong = what_is_wrong(loading->config->sentry_dsn, &url, &project);
	if (wrong) {
		ta_loading_say(loading,
			       "SENTRY_DSN is not used: %s (scheme://key@host/project).", wrong);
		return;
	}
	fill_dsn(loading, &url, project);
	if (loading->failed)
		return;
	target->wanted = target->gzip = true;
	target->format = TA_FORMAT_ENVELOPE;
	target->timeout_ms = TIMEOUT_MS;
	target->headers = calloc(2, sizeof(char *));
	loading->failed |= !target->headers;
	if (target->headers)
		target->headers[0] = ta_loading_print(
			loading,
			"X-Sentry-Auth: Sentry sentry_key=%s, sentry_version=7, "
			"sentry_client=tagalong/" TA_VERSION,
			loading->targets->dsn.public_key);
}

/* The setting, else the first of the resource's attributes that is there; or NULL. */
static char *choose(struct ta_loading *loading, const char *setting, const char *const *keys)
{
	char *value = NULL;

	if (*setting)
		return ta_loading_copy(loading, setting, strlen(setting));
	for (; *keys && !value; keys++)
		if (ta_pairs_find(loading->config->resource_attributes, *keys, &value) < 0)
			loading->failed = true;
	return value;
}

void ta_target_load_sentry(struct ta_loading *loading)
{
	static const char *const releases[] = { "service.version", NULL };
	static const char *const environments[] = { "deployment.environment.name",
						    "deployment.environment", NULL };
	struct ta_targets *targets = loading->targets;

	load_dsn(loading);
	targets->release = choose(loading, loading->config->sentry_release, releases);
	targets->environment = choose(loading, loading->config->sentry_environment, environments);
	if (!targets->environment)
		targets->environment = ta_loading_copy(loading, "production", 10);
}
