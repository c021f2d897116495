/* SPDX-License-Identifier: MIT */
/*
 * target_otlp.c - an OpenTelemetry collector, by the variables of its specification.
 *
 * A signal goes out when it has an endpoint, or when OTEL_*_EXPORTER names otlp.  What is
 * set for one signal beats what is set for all; where it is not understood it counts as
 * not set.
 *
 * Runs: agent, cli; at start.
 */
#include "runtime/export/target_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREFIX "OTEL_EXPORTER_OTLP_"
#define ENDPOINT_DEFAULT "http://localhost:4318"
#define GRPC_PORT 4317u
#define TIMEOUT_DEFAULT_MS 10000u
#define TIMEOUT_MAX_MS 86400000u

/* A variable of one signal and the one for all. */
struct setting {
	const char *specific, *general;
};

struct signal {
	enum ta_queue queue;
	const char *name; /* in variables */
	const char *path; /* behind a base URL */
	const char *exporters;
	struct setting endpoint, headers, protocol, compression, timeout;
	struct setting ca, certificate, key;
};

#define BOTH(config, word, field) { (config)->otlp_##word##_##field, (config)->otlp_##field }
#define SIGNAL(config, number, upper, word)                                                        \
	{                                                                                          \
		.queue = (number), .name = (upper), .path = "/v1/" #word,                          \
		.exporters = (config)->word##_exporter, .endpoint = BOTH(config, word, endpoint),  \
		.headers = BOTH(config, word, headers), .protocol = BOTH(config, word, protocol),  \
		.compression = BOTH(config, word, compression),                                    \
		.timeout = BOTH(config, word, timeout), .ca = BOTH(config, word, certificate),     \
		.certificate = BOTH(config, word, client_certificate),                             \
		.key = BOTH(config, word, client_key)                                              \
	}

/* A value, and the variable that it comes from, for sentences. */
struct value {
	const char *text; /* NULL: not set */
	char variable[64];
	bool specific;
};

static struct value value_at(const struct signal *signal, const char *text, bool specific,
			     const char *suffix)
{
	struct value value = { .text = *text ? text : NULL, .specific = specific };

	snprintf(value.variable, sizeof(value.variable), PREFIX "%s%s%s",
		 specific ? signal->name : "", specific ? "_" : "", suffix);
	return value;
}

static struct value pick(const struct signal *signal, const struct setting *setting,
			 const char *suffix)
{
	bool specific = *setting->specific != '\0';

	return value_at(signal, specific ? setting->specific : setting->general, specific, suffix);
}

/* ---- OTEL_*_EXPORTER ---- */

struct wishes {
	bool otlp, prometheus, none;
};

struct hint {
	const char *word, *instead;
};

static const char *instead_of(const char *word, size_t bytes)
{
	static const struct hint hints[] = {
		{ "console", "TAGALONG_FILE writes to a file, and tagalong show prints it" },
		{ "logging", "TAGALONG_FILE writes to a file, and tagalong show prints it" },
		{ "otlp/stdout", "TAGALONG_FILE writes OTLP JSON lines to a file" },
		{ "otlp_file", "TAGALONG_FILE writes OTLP JSON lines to a file" },
		{ "file", "TAGALONG_FILE writes OTLP JSON lines to a file" },
		{ "zipkin", "send otlp to an OpenTelemetry collector, which passes it on to Zipkin" },
		{ "jaeger", "Jaeger takes otlp" },
		{ "sentry", "SENTRY_DSN sends to Sentry" },
		{ "prometheus", "it is for OTEL_METRICS_EXPORTER alone" },
	};

	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
		if (ta_word_is(word, bytes, hints[i].word))
			return hints[i].instead;
	return "otlp and none are known, and prometheus for metrics; for files there is "
	       "TAGALONG_FILE, for Sentry SENTRY_DSN";
}

static bool is_showable(const char *word, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (!((word[i] >= '0' && word[i] <= '9') ||
		      ((word[i] | 0x20) >= 'a' && (word[i] | 0x20) <= 'z') ||
		      memchr("-_./", word[i], 4)))
			return false;
	return bytes <= 40;
}

static void note_exporter(struct ta_loading *loading, const struct signal *signal, const char *word,
			  size_t bytes, struct wishes *wishes)
{
	bool shown = is_showable(word, bytes);

	if (ta_word_is(word, bytes, "otlp"))
		wishes->otlp = true;
	else if (ta_word_is(word, bytes, "none"))
		wishes->none = true;
	else if (signal->queue == TA_QUEUE_OTLP_METRICS && ta_word_is(word, bytes, "prometheus"))
		wishes->prometheus = true;
	else
		ta_loading_say(loading, "OTEL_%s_EXPORTER: %.*s is ignored: %s.", signal->name,
			       shown ? (int)bytes : 8, shown ? word : "an entry",
			       instead_of(word, bytes));
}

static struct wishes read_exporters(struct ta_loading *loading, const struct signal *signal)
{
	struct wishes wishes = { 0 };
	const char *list = signal->exporters, *word;
	size_t bytes;

	while (ta_word_next(&list, &word, &bytes))
		note_exporter(loading, signal, word, bytes, &wishes);
	if (wishes.none && (wishes.otlp || wishes.prometheus)) {
		ta_loading_say(loading, "OTEL_%s_EXPORTER: none stands beside others; it wins.",
			       signal->name);
		wishes = (struct wishes){ .none = true };
	}
	return wishes;
}

static bool is_wanted(const struct signal *signal, const struct wishes *wishes)
{
	if (wishes->none || wishes->otlp || wishes->prometheus)
		return wishes->otlp;
	return *signal->endpoint.specific || *signal->endpoint.general;
}

/* ---- the single settings ---- */

/* False where value is not understood. */
typedef bool read_fn(struct ta_loading *loading, const struct value *value,
		     struct ta_target *target);

static bool read_protocol(struct ta_loading *loading, const struct value *value,
			  struct ta_target *target)
{
	size_t bytes = strlen(value->text);

	target->format = TA_FORMAT_PROTOBUF;
	if (ta_word_is(value->text, bytes, "http/protobuf"))
		return true;
	if (ta_word_is(value->text, bytes, "http/json")) {
		target->format = TA_FORMAT_JSON;
		return true;
	}
	if (ta_word_is(value->text, bytes, "grpc")) {
		ta_loading_say(loading,
			       "%s: grpc is not supported; http/protobuf is used, which "
			       "collectors take on port 4318.",
			       value->variable);
		return true;
	}
	ta_loading_say(loading, "%s is not used: it has to be http/protobuf or http/json.",
		       value->variable);
	return false;
}

static bool read_compression(struct ta_loading *loading, const struct value *value,
			     struct ta_target *target)
{
	target->gzip = ta_word_is(value->text, strlen(value->text), "gzip");
	if (target->gzip || ta_word_is(value->text, strlen(value->text), "none"))
		return true;
	ta_loading_say(loading, "%s is not used: it has to be gzip or none.", value->variable);
	return false;
}

static bool read_timeout(struct ta_loading *loading, const struct value *value,
			 struct ta_target *target)
{
	uint64_t number;

	if (ta_digits_read(value->text, strlen(value->text), TIMEOUT_MAX_MS, &number)) {
		target->timeout_ms = number;
		return true;
	}
	ta_loading_say(loading,
		       "%s is not used: it has to be 0 to 86400000, in milliseconds.",
		       value->variable);
	return false;
}

/* The signal's own value first; what is not understood counts as not set. */
static void read_setting(struct ta_loading *loading, const struct signal *signal,
			 const struct setting *setting, const char *suffix, read_fn *read,
			 struct ta_target *target)
{
	struct value own = value_at(signal, setting->specific, true, suffix);
	struct value all = value_at(signal, setting->general, false, suffix);

	if (own.text && read(loading, &own, target))
		return;
	if (all.text)
		read(loading, &all, target);
}

/* ---- certificates ---- */

static char *read_file(struct ta_loading *loading, const struct value *value)
{
	char *path = value->text ? ta_loading_path(loading, value->text) : NULL;

	if (path && access(path, R_OK) != 0)
		ta_loading_say(loading,
			       "The file of %s cannot be read (%s): requests fail, and what "
			       "they carry waits, until it can.",
			       value->variable, strerror(errno));
	return path;
}

static void read_files(struct ta_loading *loading, const struct signal *signal,
		       struct ta_target *target)
{
	struct value ca = pick(signal, &signal->ca, "CERTIFICATE");
	struct value certificate = pick(signal, &signal->certificate, "CLIENT_CERTIFICATE");
	struct value key = pick(signal, &signal->key, "CLIENT_KEY");

	target->ca_file = read_file(loading, &ca);
	if (!certificate.text != !key.text) {
		ta_loading_say(loading, "%s is not used: %s is not set, and they belong together.",
			       key.text ? key.variable : certificate.variable,
			       key.text ? certificate.variable : key.variable);
		return;
	}
	target->certificate = read_file(loading, &certificate);
	target->key = read_file(loading, &key);
}

/* ---- one signal ---- */

/* A base URL keeps its own path in front of the signal's; a signal's own URL is used as
 * it is. */
static void read_address(struct ta_loading *loading, const struct signal *signal,
			 const struct ta_url *url, bool specific, struct ta_target *target)
{
	size_t bytes = url->path.bytes;
	char *path;

	while (!specific && bytes && url->path.text[bytes - 1] == '/')
		bytes--;
	if (specific && !bytes)
		path = ta_loading_copy(loading, "/", 1);
	else
		path = ta_loading_print(loading, "%.*s%s", (int)bytes, url->path.text,
					specific ? "" : signal->path);
	if (path)
		ta_loading_address(loading, target, url, path, "");
	free(path);
}

static void fill(struct ta_loading *loading, const struct signal *signal, const struct ta_url *url,
		 bool specific)
{
	struct ta_target *target = &loading->targets->targets[signal->queue];
	struct value headers = pick(signal, &signal->headers, "HEADERS");

	target->wanted = true;
	target->format = TA_FORMAT_PROTOBUF;
	target->timeout_ms = TIMEOUT_DEFAULT_MS;
	read_address(loading, signal, url, specific, target);
	read_setting(loading, signal, &signal->protocol, "PROTOCOL", read_protocol, target);
	read_setting(loading, signal, &signal->compression, "COMPRESSION", read_compression,
		     target);
	read_setting(loading, signal, &signal->timeout, "TIMEOUT", read_timeout, target);
	target->headers = ta_headers_read(loading, headers.variable,
					  headers.text ? headers.text : "", url);
	if (url->https)
		read_files(loading, signal, target);
}

static void load_signal(struct ta_loading *loading, const struct signal *signal)
{
	struct value endpoint = pick(signal, &signal->endpoint, "ENDPOINT");
	struct ta_url url;
	const char *wrong;

	wrong = ta_url_split(endpoint.text ? endpoint.text : ENDPOINT_DEFAULT, &url);
	if (wrong) {
		ta_loading_say(loading, "%s is not used: %s; nothing is sent there.",
			       endpoint.variable, wrong);
		return;
	}
	if (url.port == GRPC_PORT)
		ta_loading_say(loading,
			       "%s has port 4317: that is the gRPC port, HTTP is usually 4318.",
			       endpoint.variable);
	fill(loading, signal, &url, endpoint.text && endpoint.specific);
}

void ta_target_load_otlp(struct ta_loading *loading)
{
	const struct ta_config *config = loading->config;
	const struct signal signals[] = {
		SIGNAL(config, TA_QUEUE_OTLP_TRACES, "TRACES", traces),
		SIGNAL(config, TA_QUEUE_OTLP_LOGS, "LOGS", logs),
		SIGNAL(config, TA_QUEUE_OTLP_METRICS, "METRICS", metrics),
	};
	struct wishes wishes = { 0 };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		wishes = read_exporters(loading, &signals[i]);
		if (is_wanted(&signals[i], &wishes))
			load_signal(loading, &signals[i]);
	}
	ta_target_load_prometheus(loading, wishes.prometheus); /* metrics came last */
}
