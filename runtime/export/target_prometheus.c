/* SPDX-License-Identifier: MIT */
/*
 * target_prometheus.c - the address on which the agent answers GET /metrics.
 *
 * TAGALONG_PROMETHEUS: PORT, :PORT, HOST:PORT or [v6]:PORT; without a host it is 127.0.0.1,
 * because metrics are nobody's business by default.  `prometheus` in OTEL_METRICS_EXPORTER
 * asks for OpenTelemetry's place: OTEL_EXPORTER_PROMETHEUS_HOST and _PORT.
 *
 * Runs: agent, cli; at start.
 */
#include "runtime/export/target_internal.h"

#include <stdio.h>
#include <string.h>

#define LOOPBACK "127.0.0.1"
#define PORT_DEFAULT 9464u

static void set(struct ta_loading *loading, struct ta_part host, uint16_t port)
{
	bool bracketed = host.bytes > 1 && host.text[0] == '[';

	if (ta_word_is(host.text, host.bytes, "localhost"))
		host = (struct ta_part){ LOOPBACK, sizeof(LOOPBACK) - 1 };
	loading->targets->prometheus_port = port;
	loading->targets->prometheus_host =
		bracketed ? ta_loading_copy(loading, host.text + 1, host.bytes - 2) :
			    ta_loading_copy(loading, host.text, host.bytes);
}

/* A port alone, with a colon or without. */
static bool is_port(const char *text, uint16_t *ret_port)
{
	uint64_t port;

	text += *text == ':';
	if (!ta_digits_read(text, strlen(text), UINT16_MAX, &port) || !port)
		return false;
	*ret_port = (uint16_t)port;
	return true;
}

static bool load_ours(struct ta_loading *loading, const char *text)
{
	struct ta_part host = { LOOPBACK, sizeof(LOOPBACK) - 1 };
	uint16_t port;

	if (!is_port(text, &port) && !ta_host_split(text, strlen(text), &host, &port)) {
		ta_loading_say(loading, "TAGALONG_PROMETHEUS is not used: it has to be a port, or "
					"ADDRESS:PORT, or [IPv6 address]:PORT.");
		return false;
	}
	set(loading, host, port);
	return true;
}

static uint16_t standard_port(struct ta_loading *loading)
{
	const char *text = loading->config->prometheus_port;
	uint64_t port = PORT_DEFAULT;

	if (*text && (!ta_digits_read(text, strlen(text), UINT16_MAX, &port) || !port)) {
		ta_loading_say(loading, "OTEL_EXPORTER_PROMETHEUS_PORT has to be 1 to 65535; "
					"9464 is used.");
		port = PORT_DEFAULT;
	}
	return (uint16_t)port;
}

/* An IPv6 address may stand there with brackets or without.  address has to outlive the
 * result. */
static struct ta_part standard_host(struct ta_loading *loading, char *address, size_t bytes)
{
	const char *host = loading->config->prometheus_host;
	struct ta_part part = { LOOPBACK, sizeof(LOOPBACK) - 1 }, read;
	uint16_t port;
	bool bare;
	int used;

	if (!*host)
		return part;
	bare = host[0] != '[' && strchr(host, ':');
	used = snprintf(address, bytes, bare ? "[%s]:1" : "%s:1", host);
	if (used > 0 && (size_t)used < bytes && ta_host_split(address, (size_t)used, &read, &port))
		return read;
	ta_loading_say(loading, "OTEL_EXPORTER_PROMETHEUS_HOST is no address; " LOOPBACK
				" is used.");
	return part;
}

void ta_target_load_prometheus(struct ta_loading *loading, bool by_opentelemetry)
{
	const char *text = loading->config->prometheus;
	char address[300];

	if (*text && load_ours(loading, text))
		return;
	if (by_opentelemetry)
		set(loading, standard_host(loading, address, sizeof(address)),
		    standard_port(loading));
}
