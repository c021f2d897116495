/* SPDX-License-Identifier: MIT */
/*
 * target.h - the destinations of a configuration, with everything decided.
 *
 * OTEL_EXPORTER_OTLP_*, OTEL_*_EXPORTER and SENTRY_* variables under their specifications'
 * rules (OpenTelemetry, "Protocol Exporter"; Sentry, "DSN"): specific beats general, base
 * URLs get v1/traces ..., what is not understood is reported and ignored.
 *
 * Runs: agent, cli; at start.
 */
#ifndef TA_EXPORT_TARGET_H
#define TA_EXPORT_TARGET_H

#include "runtime/export/message.h"
#include "runtime/wire/config.h"

/* One receiver. */
struct ta_target {
	bool wanted;
	enum ta_queue queue;
	enum ta_format format;
	bool gzip;
	char *url;	/* as it is requested, without credentials; or the directory */
	char *shown;	/* the same for people: scheme, host, port, path */
	char **headers; /* "Name: value", NULL at the end; secrets, never shown */
	char *ca_file, *certificate, *key; /* PEM; or NULL */
	uint64_t timeout_ms;		   /* of one request; 0: none */
	uint64_t identity; /* of the receiver: what waits for it is for nobody else */
};

struct ta_dsn {
	char *public_key, *host, *project; /* NULL: there is no DSN */
	char *envelope_url;
};

struct ta_targets {
	struct ta_target targets[TA_QUEUES];
	bool any_network; /* at least one needs libcurl */
	bool metrics;	  /* they are to be made: for a collector, or for Prometheus */
	char *prometheus_host; /* an address (without brackets) or a name; NULL: no endpoint */
	uint16_t prometheus_port;
	struct ta_dsn dsn;
	char *release, *environment; /* of Sentry; release may be NULL */
	uint32_t max_batch;	     /* spans per request */
	uint64_t max_queue;	     /* spans that may wait; 0: by bytes */
};

/* Sentences for the agent's log: what is wrong and what is done instead. */
typedef void ta_target_warn_fn(void *user, const char *sentence);

/* Returns 0 or -ENOMEM.  config has to outlive nothing: all is copied.  cwd: what a
 * relative TAGALONG_ENVELOPES, and the files of certificates, are below; NULL: "/". */
int ta_targets_load(struct ta_targets *targets, const struct ta_config *config, const char *cwd,
		    ta_target_warn_fn *warn, void *user);
void ta_targets_fini(struct ta_targets *targets);

#endif
