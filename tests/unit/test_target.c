/* SPDX-License-Identifier: MIT */
/*
 * test_target.c - from environments to destinations: what is decided, what is said, and
 * that no sentence shows a secret.
 */
#include "runtime/export/target.h"

#include <unistd.h>

#include "runtime/export/pairs.h"
#include "tests/unit/check.h"

#define ENV(...) ((char *[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })
#define BASE "OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318"

static struct ta_targets targets;
static char said[8192]; /* all sentences, one a line */
static int sentences;

static void note(void *user, const char *sentence)
{
	size_t used = strlen(said);

	(void)user;
	sentences++;
	snprintf(said + used, sizeof(said) - used, "%s\n", sentence);
}

static void load_at(char *const *envp, const char *cwd)
{
	struct ta_config config;

	ta_targets_fini(&targets);
	said[0] = '\0';
	sentences = 0;
	ta_config_load(&config, envp, NULL, NULL);
	check_same(ta_targets_load(&targets, &config, cwd, note, NULL), 0);
}

static void load(char *const *envp)
{
	load_at(envp, "/here");
}

static const struct ta_target *at(enum ta_queue queue)
{
	return &targets.targets[queue];
}

static const char *text(const char *maybe)
{
	return maybe ? maybe : "(nothing)";
}

/* Which queues are wanted, a letter each: t(races) l(ogs) m(etrics) s(entry) e(nvelopes). */
static const char *wanted(void)
{
	static char letters[TA_QUEUES + 1];
	size_t used = 0;

	for (int i = 0; i < TA_QUEUES; i++)
		if (targets.targets[i].wanted)
			letters[used++] = "tlmse"[i];
	letters[used] = '\0';
	return letters;
}

static void says(const char *part)
{
	check(strstr(said, part), "'%s' is not in: %s", part, said);
}

/* ---- which ones ---- */

static void nothing(void)
{
	load(NULL);
	check_text(wanted(), "");
	check_same(sentences, 0);
	check_same(targets.any_network, false);
	check_same(targets.metrics, false);
	check(!targets.prometheus_host && !targets.dsn.public_key && !targets.release, "something");
	check_text(text(targets.environment), "production");
	check_same(targets.max_batch, 512);
	check_same(targets.max_queue, 0);
}

static void which(void)
{
	static const struct {
		char *envp[4];
		const char *wanted;
		int sentences;
	} rows[] = {
		{ { BASE }, "tlm", 0 },
		{ { "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://c/x" }, "t", 0 },
		{ { "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=http://c/x" }, "l", 0 },
		{ { "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://c/x" }, "m", 0 },
		{ { "OTEL_TRACES_EXPORTER=otlp" }, "t", 0 },
		{ { "OTEL_LOGS_EXPORTER= OTLP , otlp" }, "l", 0 },
		{ { "OTEL_TRACES_EXPORTER=none", BASE }, "lm", 0 },
		{ { "OTEL_TRACES_EXPORTER=None,none", BASE }, "lm", 0 },
		{ { "OTEL_METRICS_EXPORTER=none", BASE }, "tl", 0 },
		{ { "OTEL_METRICS_EXPORTER=prometheus", BASE }, "tl", 0 },
		{ { "OTEL_METRICS_EXPORTER=prometheus,otlp", BASE }, "tlm", 0 },
		{ { "OTEL_TRACES_EXPORTER=otlp,none", BASE }, "lm", 1 },
		{ { "OTEL_TRACES_EXPORTER=console", BASE }, "tlm", 1 },
		{ { "OTEL_TRACES_EXPORTER=console,console" }, "", 1 },
		{ { "OTEL_TRACES_EXPORTER=,,", BASE }, "tlm", 0 },
		{ { "OTEL_TRACES_EXPORTER=prometheus", BASE }, "tlm", 1 },
		{ { "OTEL_EXPORTER_OTLP_ENDPOINT=" }, "", 0 },
		{ { "SENTRY_DSN=https://k@h/1" }, "s", 0 },
		{ { "TAGALONG_ENVELOPES=/tmp/e" }, "e", 0 },
		{ { "TAGALONG_ENVELOPES=e", "SENTRY_DSN=https://k@h/1", BASE }, "tlmse", 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		load(rows[i].envp);
		check(strcmp(wanted(), rows[i].wanted) == 0, "%s: '%s', expected '%s'",
		      rows[i].envp[0], wanted(), rows[i].wanted);
		check(sentences == rows[i].sentences, "%s: %d sentences: %s", rows[i].envp[0],
		      sentences, said);
		check(targets.any_network == (strpbrk(wanted(), "tlms") != NULL), "%s: network",
		      rows[i].envp[0]);
		check(targets.metrics ==
			      (at(TA_QUEUE_OTLP_METRICS)->wanted || targets.prometheus_host),
		      "%s: metrics", rows[i].envp[0]);
	}
}

static void exporters_say_what_instead(void)
{
	static const char *const rows[][2] = {
		{ "console", "TAGALONG_FILE" }, { "zipkin", "OpenTelemetry collector" },
		{ "Jaeger", "takes otlp" },	{ "otlp/stdout", "TAGALONG_FILE" },
		{ "sentry", "SENTRY_DSN" },	{ "prometheus", "OTEL_METRICS_EXPORTER" },
		{ "newrelic", "otlp and none" },
	};
	char variable[128];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(variable, sizeof(variable), "OTEL_TRACES_EXPORTER=%s", rows[i][0]);
		load(ENV(variable));
		says(rows[i][0]);
		says(rows[i][1]);
		says("OTEL_TRACES_EXPORTER");
		check_same(sentences, 1);
	}
	load(ENV("OTEL_TRACES_EXPORTER=a\nb\x1b[1m"));
	check(!strchr(said, '\x1b') && sentences == 1, "%s", said);
}

/* ---- addresses ---- */

static void addresses(void)
{
	/* endpoint, the URL of traces, what is shown */
	static const char *const base[][3] = {
		{ "http://c:4318", "http://c:4318/v1/traces", NULL },
		{ "http://c:4318/", "http://c:4318/v1/traces", NULL },
		{ "http://c", "http://c/v1/traces", NULL },
		{ "http://c:", "http://c/v1/traces", NULL },
		{ "HTTPS://C.Example:443", "https://c.example:443/v1/traces", NULL },
		{ "http://c/my/Collector", "http://c/my/Collector/v1/traces", NULL },
		{ "http://c/my/collector///", "http://c/my/collector/v1/traces", NULL },
		{ "http://c/a?key=secret", "http://c/a/v1/traces?key=secret",
		  "http://c/a/v1/traces" },
		{ "http://c?x", "http://c/v1/traces?x", "http://c/v1/traces" },
		{ "http://c/a#f", "http://c/a/v1/traces", NULL },
		{ "http://[::1]:4318", "http://[::1]:4318/v1/traces", NULL },
		{ "http://[FE80::1%25eth0]/x", "http://[fe80::1%25eth0]/x/v1/traces", NULL },
		{ "http://me:pass@c:1/x", "http://c:1/x/v1/traces", NULL },
		{ "http://a_b-c.d", "http://a_b-c.d/v1/traces", NULL },
	};
	static const char *const own[][2] = {
		{ "http://c:4318", "http://c:4318/" },
		{ "http://c:4318/", "http://c:4318/" },
		{ "http://c/ingest", "http://c/ingest" },
		{ "http://c/ingest/", "http://c/ingest/" },
		{ "http://c?x=1", "http://c/?x=1" },
		{ "https://u:p@[::1]/v1/traces", "https://[::1]/v1/traces" },
	};
	char variable[256];

	for (size_t i = 0; i < sizeof(base) / sizeof(base[0]); i++) {
		snprintf(variable, sizeof(variable), "OTEL_EXPORTER_OTLP_ENDPOINT=%s", base[i][0]);
		load(ENV(variable));
		check_text(text(at(TA_QUEUE_OTLP_TRACES)->url), base[i][1]);
		check_text(text(at(TA_QUEUE_OTLP_TRACES)->shown), base[i][base[i][2] ? 2 : 1]);
		check_same(sentences, 0);
	}
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		snprintf(variable, sizeof(variable), "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=%s",
			 own[i][0]);
		load(ENV(variable, "OTEL_EXPORTER_OTLP_ENDPOINT=http://other/"));
		check_text(text(at(TA_QUEUE_OTLP_TRACES)->url), own[i][1]);
		check_text(text(at(TA_QUEUE_OTLP_LOGS)->url), "http://other/v1/logs");
		check_text(text(at(TA_QUEUE_OTLP_METRICS)->url), "http://other/v1/metrics");
	}
	load(ENV("OTEL_METRICS_EXPORTER=otlp"));
	check_text(text(at(TA_QUEUE_OTLP_METRICS)->url), "http://localhost:4318/v1/metrics");
}

static void bad_addresses(void)
{
	static const char *const rows[][2] = {
		{ "localhost:4317", "http://" },
		{ "ftp://c", "http://" },
		{ "file:///etc/passwd", "http://" },
		{ "c", "http://" },
		{ "http://", "no host" },
		{ "http:///v1", "no host" },
		{ "http://:4318", "no host" },
		{ "http://u:hunter2@", "no host" },
		{ "http://c:0", "port" },
		{ "http://c:65536", "port" },
		{ "http://c:99999999999999999999", "port" },
		{ "http://c:12ab", "port" },
		{ "http://c:-1", "port" },
		{ "http://[::1", "host" },
		{ "http://[::1]x", "port" },
		{ "http://[1.2.3.4]", "host" },
		{ "http://[::g]", "host" },
		{ "http://[::1%25]", "host" },
		{ "http://c d/", "characters" },
		{ "http://c/\r\nHost: evil", "characters" },
		{ "http://c\\@evil/", "characters" },
		{ "http://c%41/", "host" },
		{ "http://\xc3\xa4/", "characters" },
		{ "http://u:hun%zzter2@c/", "percent-encoded" },
		{ "http://u:hunter2%00@c/", "percent-encoded" },
	};
	char variable[256];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(variable, sizeof(variable), "OTEL_EXPORTER_OTLP_ENDPOINT=%s", rows[i][0]);
		load(ENV(variable));
		check(!*wanted(), "%s: '%s'", rows[i][0], wanted());
		check(strstr(said, rows[i][1]), "%s: %s", rows[i][0], said);
		check(sentences == 1, "%s: %d sentences", rows[i][0], sentences);
		check(!strstr(said, "hunter2"), "the password is in: %s", said);
		check(strstr(said, "OTEL_EXPORTER_OTLP_ENDPOINT is not used"), "%s", said);
	}
	/* What was meant for one place goes to no other one. */
	load(ENV(BASE, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=nowhere"));
	check_text(wanted(), "lm");
	says("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is not used");
}

static void grpc(void)
{
	load(ENV("OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4317", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"));
	check_text(wanted(), "tlm");
	check_same(at(TA_QUEUE_OTLP_TRACES)->format, TA_FORMAT_PROTOBUF);
	check_same(sentences, 2);
	says("that is the gRPC port, HTTP is usually 4318");
	says("http/protobuf is used");
}

/* ---- the single settings ---- */

static void formats(void)
{
	static const struct {
		char *envp[4];
		int traces, logs, sentences;
	} rows[] = {
		{ { BASE }, TA_FORMAT_PROTOBUF, TA_FORMAT_PROTOBUF, 0 },
		{ { BASE, "OTEL_EXPORTER_OTLP_PROTOCOL=http/json" }, TA_FORMAT_JSON, TA_FORMAT_JSON, 0 },
		{ { BASE, "OTEL_EXPORTER_OTLP_PROTOCOL=HTTP/Protobuf",
		    "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL=HTTP/JSON" },
		  TA_FORMAT_PROTOBUF, TA_FORMAT_JSON, 0 },
		{ { BASE, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http",
		    "OTEL_EXPORTER_OTLP_PROTOCOL=http/json" },
		  TA_FORMAT_JSON, TA_FORMAT_JSON, 1 },
		{ { BASE, "OTEL_EXPORTER_OTLP_PROTOCOL=json" }, TA_FORMAT_PROTOBUF,
		  TA_FORMAT_PROTOBUF, 1 },
		{ { BASE, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=grpc",
		    "OTEL_EXPORTER_OTLP_PROTOCOL=http/json" },
		  TA_FORMAT_PROTOBUF, TA_FORMAT_JSON, 1 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		load(rows[i].envp);
		check_same(at(TA_QUEUE_OTLP_TRACES)->format, rows[i].traces);
		check_same(at(TA_QUEUE_OTLP_LOGS)->format, rows[i].logs);
		check_same(sentences, rows[i].sentences);
	}
}

static void compression_and_timeout(void)
{
	load(ENV(BASE, "OTEL_EXPORTER_OTLP_COMPRESSION=GZIP",
		 "OTEL_EXPORTER_OTLP_LOGS_COMPRESSION=none",
		 "OTEL_EXPORTER_OTLP_METRICS_COMPRESSION=zstd", "OTEL_EXPORTER_OTLP_TIMEOUT=0",
		 "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT=250", "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT=1s"));
	check_same(at(TA_QUEUE_OTLP_TRACES)->gzip, true);
	check_same(at(TA_QUEUE_OTLP_LOGS)->gzip, false);
	check_same(at(TA_QUEUE_OTLP_METRICS)->gzip, true);
	check_same(at(TA_QUEUE_OTLP_TRACES)->timeout_ms, 0);
	check_same(at(TA_QUEUE_OTLP_LOGS)->timeout_ms, 250);
	check_same(at(TA_QUEUE_OTLP_METRICS)->timeout_ms, 0);
	check_same(sentences, 2);
	says("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION is not used");
	says("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT is not used");

	static char *const bad[] = { "-1", "1.5", "86400001", "99999999999999999999999", "0x10", " 1" };
	char variable[128];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(variable, sizeof(variable), "OTEL_EXPORTER_OTLP_TIMEOUT=%s", bad[i]);
		load(ENV(BASE, variable));
		check_same(at(TA_QUEUE_OTLP_TRACES)->timeout_ms, 10000);
		check_same(sentences, 1);
	}
}

/* Headers joined by '|'. */
static const char *headers_of(enum ta_queue queue)
{
	static char joined[4096];
	char **line = at(queue)->headers;

	joined[0] = '\0';
	for (; line && *line; line++) {
		size_t used = strlen(joined);

		snprintf(joined + used, sizeof(joined) - used, "%s%s", used ? "|" : "", *line);
	}
	return joined;
}

static bool has_headers(enum ta_queue queue, const char *joined)
{
	return strcmp(headers_of(queue), joined) == 0;
}

static void headers(void)
{
	/* list, lines, sentences, what they say */
	static const struct {
		const char *list, *lines;
		int sentences;
		const char *says;
	} rows[] = {
		{ "", "", 0, "" },
		{ "a=b", "a: b", 0, "" },
		{ " a = b , c = d ", "a: b|c: d", 0, "" },
		{ "Authorization=Basic%20dTpw", "Authorization: Basic dTpw", 0, "" },
		{ "Authorization=Basic dTpw==", "Authorization: Basic dTpw==", 0, "" },
		{ "x=%2C%3d%25", "x: ,=%", 0, "" },
		{ "x=a\tb", "x: a\tb", 0, "" },
		{ "a=1,A=2", "A: 2", 0, "" },
		{ "a=1,,b=2,", "a: 1|b: 2", 0, "" },
		{ "x=\xc3\xa4", "x: \xc3\xa4", 0, "" },
		{ "x=hunter2%0d%0aEvil:%201,b=1", "b: 1", 1, "Header x of" },
		{ "x=hunter2\nEvil: 1", "", 1, "Header x of" },
		{ "x=hunter2%7f", "", 1, "Header x of" },
		{ "x=hunter2%00", "", 1, "cannot be percent-decoded" },
		{ "x=hunter2%", "", 1, "cannot be percent-decoded" },
		{ "x=hunter2%4", "", 1, "cannot be percent-decoded" },
		{ "a=1,x=hunter2%zz,b=2", "a: 1|b: 2", 1, "Header x of" },
		{ "hunter2", "", 1, "Entry 1 of" },
		{ "a=1,hunter2=", "a: 1", 1, "Entry 2 of" }, /* a token that ends with '=' */
		{ "hunter2=  ", "", 1, "Entry 1 of" },
		{ "=hunter2", "", 1, "Entry 1 of" },
		{ "hunter2 x=1", "", 1, "Entry 1 of" },
		{ "hunter2%0a=1", "", 1, "Entry 1 of" },
		{ "hunter2:=1", "", 1, "Entry 1 of" },
		{ "content-type=hunter2", "", 1, "Header content-type of" },
		{ "Content-Encoding=br", "", 1, "Header Content-Encoding of" },
		{ "Content-Length=1", "", 1, "Content-Length" },
		{ "Transfer-Encoding=chunked", "", 1, "Transfer-Encoding" },
		{ "HOST=evil", "", 1, "HOST" },
		{ "Connection=close", "", 1, "Connection" },
		{ "X-Scope-OrgID=7,User-Agent=me", "X-Scope-OrgID: 7|User-Agent: me", 0, "" },
	};
	char variable[512];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(variable, sizeof(variable), "OTEL_EXPORTER_OTLP_HEADERS=%s", rows[i].list);
		load(ENV(BASE, variable));
		check(has_headers(TA_QUEUE_OTLP_TRACES, rows[i].lines), "%s: %s", rows[i].list,
		      headers_of(TA_QUEUE_OTLP_TRACES));
		check(has_headers(TA_QUEUE_OTLP_METRICS, rows[i].lines), "%s: %s", rows[i].list,
		      headers_of(TA_QUEUE_OTLP_METRICS));
		check(sentences == rows[i].sentences, "%s: %s", rows[i].list, said);
		check(!strstr(said, "hunter2"), "%s: %s", rows[i].list, said);
		says(rows[i].says);
	}
	load(ENV(BASE, "OTEL_EXPORTER_OTLP_HEADERS=a=1,b=2", "OTEL_EXPORTER_OTLP_LOGS_HEADERS=c=3"));
	check_text(headers_of(TA_QUEUE_OTLP_TRACES), "a: 1|b: 2");
	check_text(headers_of(TA_QUEUE_OTLP_LOGS), "c: 3");
}

static void many_headers(void)
{
	char variable[4096] = "OTEL_EXPORTER_OTLP_HEADERS=";
	uint32_t count = 0;

	for (int i = 0; i < 70; i++)
		snprintf(variable + strlen(variable), sizeof(variable) - strlen(variable),
			 "h%d=v,", i);
	load(ENV("OTEL_EXPORTER_OTLP_ENDPOINT=http://u:p@c/", variable));
	for (char **line = at(TA_QUEUE_OTLP_TRACES)->headers; *line; line++)
		count++;
	check_same(count, 65);
	check_text(at(TA_QUEUE_OTLP_TRACES)->headers[64], "Authorization: Basic dTpw");
	check_same(sentences, 6);
}

static void credentials(void)
{
	static const char *const rows[][2] = {
		{ "http://me:pass@c", "Authorization: Basic bWU6cGFzcw==" },
		{ "http://me@c", "Authorization: Basic bWU6" },
		{ "http://:pass@c", "Authorization: Basic OnBhc3M=" },
		{ "http://me:p%40s%3a@c", "Authorization: Basic bWU6cEBzOg==" },
		{ "http://me:p@s@c", "Authorization: Basic bWU6cEBz" },
		{ "http://me:a:b@c", "Authorization: Basic bWU6YTpi" },
		{ "http://@c", "" },
	};
	char variable[256];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(variable, sizeof(variable), "OTEL_EXPORTER_OTLP_ENDPOINT=%s", rows[i][0]);
		load(ENV(variable));
		check_text(headers_of(TA_QUEUE_OTLP_TRACES), rows[i][1]);
		check_text(text(at(TA_QUEUE_OTLP_TRACES)->url), "http://c/v1/traces");
		check_text(text(at(TA_QUEUE_OTLP_TRACES)->shown), "http://c/v1/traces");
	}
	load(ENV("OTEL_EXPORTER_OTLP_ENDPOINT=http://me:pass@c",
		 "OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer x"));
	check_text(headers_of(TA_QUEUE_OTLP_TRACES), "authorization: Bearer x");
}

static void certificates(void)
{
	const char *self = "/proc/self/status";

	load(ENV("OTEL_EXPORTER_OTLP_ENDPOINT=https://c", "OTEL_EXPORTER_OTLP_CERTIFICATE=/no/ca.pem",
		 "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=/proc/self/status",
		 "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY=/proc/self/status"));
	check_text(text(at(TA_QUEUE_OTLP_TRACES)->ca_file), "/no/ca.pem");
	check_text(text(at(TA_QUEUE_OTLP_TRACES)->certificate), self);
	check_text(text(at(TA_QUEUE_OTLP_TRACES)->key), self);
	check(!at(TA_QUEUE_OTLP_LOGS)->certificate && !at(TA_QUEUE_OTLP_LOGS)->key, "half a pair");
	check_text(wanted(), "tlm");
	says("OTEL_EXPORTER_OTLP_CERTIFICATE cannot be read");
	says("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE is not used");
	says("OTEL_EXPORTER_OTLP_CLIENT_KEY is not set");
	check_same(sentences, 2);

	load(ENV("OTEL_EXPORTER_OTLP_ENDPOINT=https://c",
		 "OTEL_EXPORTER_OTLP_CLIENT_KEY=/proc/self/status"));
	check(!at(TA_QUEUE_OTLP_TRACES)->key, "a key alone");
	says("OTEL_EXPORTER_OTLP_CLIENT_KEY is not used");

	/* Below the directory of the program; for http it is no matter. */
	load_at(ENV("OTEL_EXPORTER_OTLP_ENDPOINT=https://c",
		    "OTEL_EXPORTER_OTLP_CERTIFICATE=self/status"), "/proc/");
	check_text(text(at(TA_QUEUE_OTLP_TRACES)->ca_file), "/proc/self/status");
	check_same(sentences, 0);
	load(ENV(BASE, "OTEL_EXPORTER_OTLP_CERTIFICATE=/no/ca.pem"));
	check(!at(TA_QUEUE_OTLP_TRACES)->ca_file && !sentences, "%s", said);
}

/* ---- who is who ---- */

static uint64_t identity(const char *variable, enum ta_queue queue)
{
	load(ENV((char *)variable));
	return at(queue)->identity;
}

static void identities(void)
{
	uint64_t one = identity("OTEL_EXPORTER_OTLP_ENDPOINT=http://c/x", TA_QUEUE_OTLP_TRACES);
	uint64_t logs = at(TA_QUEUE_OTLP_LOGS)->identity;

	check(one && logs && one != logs, "queues share an identity");
	check(one == identity("OTEL_EXPORTER_OTLP_ENDPOINT=http://C/x/", TA_QUEUE_OTLP_TRACES),
	      "the same URL, another identity");
	check(one == identity("OTEL_EXPORTER_OTLP_ENDPOINT=http://u:p@c/x", TA_QUEUE_OTLP_TRACES),
	      "a password is part of it");
	check(one != identity("OTEL_EXPORTER_OTLP_ENDPOINT=http://d/x", TA_QUEUE_OTLP_TRACES), "host");
	check(one != identity("OTEL_EXPORTER_OTLP_ENDPOINT=https://c/x", TA_QUEUE_OTLP_TRACES),
	      "scheme");
	one = identity("SENTRY_DSN=https://k@h/1", TA_QUEUE_SENTRY);
	check(one != identity("SENTRY_DSN=https://l@h/1", TA_QUEUE_SENTRY), "key");
	check(one != identity("SENTRY_DSN=https://k@h/2", TA_QUEUE_SENTRY), "project");
	check(one == identity("SENTRY_DSN=https://k:secret@h/1", TA_QUEUE_SENTRY), "secret");
	/* Of this value, as long as spools are to be found again after an update. */
	check(one == 0x483a7a26b1e3ee38ull, "%llx", (unsigned long long)one);
}

/* ---- Sentry ---- */

static void dsns(void)
{
	/* DSN, URL, key, host, project */
	static const char *const good[][5] = {
		{ "https://abc@o1.ingest.sentry.io/42",
		  "https://o1.ingest.sentry.io/api/42/envelope/", "abc", "o1.ingest.sentry.io", "42" },
		{ "https://abc:hunter2@h/42", "https://h/api/42/envelope/", "abc", "h", "42" },
		{ "http://abc@127.0.0.1:9000/42", "http://127.0.0.1:9000/api/42/envelope/", "abc",
		  "127.0.0.1", "42" },
		{ "https://abc@h/sentry/x/42", "https://h/sentry/x/api/42/envelope/", "abc", "h", "42" },
		{ "https://abc@h/42/", "https://h/api/42/envelope/", "abc", "h", "42" },
		{ "https://abc@h//42", "https://h/api/42/envelope/", "abc", "h", "42" },
		{ "HTTPS://aBc@H.Example/proj-x_1?a=b#c", "https://h.example/api/proj-x_1/envelope/",
		  "aBc", "h.example", "proj-x_1" },
		{ "http://abc@[::1]:8000/1", "http://[::1]:8000/api/1/envelope/", "abc", "[::1]", "1" },
	};
	static const char *const bad[][2] = {
		{ "https://h/42", "no key" },
		{ "https://:hunter2@h/42", "no key" },
		{ "https://hunter2@h", "no project" },
		{ "https://hunter2@h/", "no project" },
		{ "https://hunter2@h///", "no project" },
		{ "https://hunter2@/42", "no host" },
		{ "ftp://hunter2@h/42", "http://" },
		{ "hunter2", "http://" },
		{ "https://hunter2,x=y@h/42", "key" },
		{ "https://hunter2%0a@h/42", "key" },
		{ "https://hunter2@h/4%2f2", "project" },
		{ "https://hunter2@h:port/42", "port" },
		{ "https://hunter2@h/42\n", "characters" },
	};
	char variable[256];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(variable, sizeof(variable), "SENTRY_DSN=%s", good[i][0]);
		load(ENV(variable));
		check_text(text(at(TA_QUEUE_SENTRY)->url), good[i][1]);
		check_text(text(at(TA_QUEUE_SENTRY)->shown), good[i][1]);
		check_text(text(targets.dsn.envelope_url), good[i][1]);
		check_text(text(targets.dsn.public_key), good[i][2]);
		check_text(text(targets.dsn.host), good[i][3]);
		check_text(text(targets.dsn.project), good[i][4]);
		check_same(sentences, 0);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(variable, sizeof(variable), "SENTRY_DSN=%s", bad[i][0]);
		load(ENV(variable));
		check(!at(TA_QUEUE_SENTRY)->wanted && !targets.dsn.public_key, "%s is taken", bad[i][0]);
		check(!targets.any_network && sentences == 1, "%s: %s", bad[i][0], said);
		check(strstr(said, bad[i][1]), "%s: %s", bad[i][0], said);
		check(!strstr(said, "hunter2"), "the key is in: %s", said);
	}
}

static void sentry(void)
{
	load(ENV("SENTRY_DSN=https://abc:hunter2@h/42"));
	check_same(at(TA_QUEUE_SENTRY)->gzip, true);
	check_same(at(TA_QUEUE_SENTRY)->format, TA_FORMAT_ENVELOPE);
	check(at(TA_QUEUE_SENTRY)->timeout_ms > 0, "no timeout");
	check_text(headers_of(TA_QUEUE_SENTRY),
		   "X-Sentry-Auth: Sentry sentry_key=abc, sentry_version=7, "
		   "sentry_client=tagalong/" TA_VERSION);
}

static void release_and_environment(void)
{
	static const struct {
		char *envp[3];
		const char *release, *environment;
	} rows[] = {
		{ { "SENTRY_RELEASE=a@1", "SENTRY_ENVIRONMENT=test" }, "a@1", "test" },
		{ { "SENTRY_RELEASE=a@1",
		    "OTEL_RESOURCE_ATTRIBUTES=service.version=2,deployment.environment.name=stage" },
		  "a@1", "stage" },
		{ { "OTEL_RESOURCE_ATTRIBUTES=service.version=2%2C1, deployment.environment = b " },
		  "2,1", "b" },
		{ { "OTEL_RESOURCE_ATTRIBUTES=deployment.environment=old,"
		    "deployment.environment.name=new,service.version=1,service.version=2" },
		  "2", "new" },
		{ { "OTEL_RESOURCE_ATTRIBUTES=service.version=2,bad=%zz" }, "(nothing)", "production" },
		{ { "OTEL_RESOURCE_ATTRIBUTES=service.version=,xservice.version=1" }, "(nothing)",
		  "production" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		load(rows[i].envp);
		check_text(text(targets.release), rows[i].release);
		check_text(text(targets.environment), rows[i].environment);
		check_same(sentences, 0); /* the enricher says it */
	}
}

static void envelopes(void)
{
	load(ENV("TAGALONG_ENVELOPES=/var/e"));
	check_text(text(at(TA_QUEUE_ENVELOPES)->url), "/var/e");
	check_same(at(TA_QUEUE_ENVELOPES)->format, TA_FORMAT_ENVELOPE);
	check_same(at(TA_QUEUE_ENVELOPES)->gzip, false);
	load(ENV("TAGALONG_ENVELOPES=sub/e"));
	check_text(text(at(TA_QUEUE_ENVELOPES)->url), "/here/sub/e");
	load_at(ENV("TAGALONG_ENVELOPES=e"), NULL);
	check_text(text(at(TA_QUEUE_ENVELOPES)->shown), "/e");
}

/* ---- Prometheus ---- */

static void prometheus(void)
{
	static const struct {
		const char *value, *host;
		int port;
	} rows[] = {
		{ "9464", "127.0.0.1", 9464 },
		{ ":9464", "127.0.0.1", 9464 },
		{ "0.0.0.0:80", "0.0.0.0", 80 },
		{ "localhost:1", "127.0.0.1", 1 },
		{ "host.example:65535", "host.example", 65535 },
		{ "[::1]:9464", "::1", 9464 },
		{ "[::]:9464", "::", 9464 },
		{ "", "(nothing)", 0 },
		{ "0", "(nothing)", 0 },
		{ "65536", "(nothing)", 0 },
		{ "host", "(nothing)", 0 },
		{ "host:", "(nothing)", 0 },
		{ "::1:9464", "(nothing)", 0 },
		{ "[::1]", "(nothing)", 0 },
		{ "http://h:1", "(nothing)", 0 },
		{ "a b:1", "(nothing)", 0 },
	};
	char variable[128];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(variable, sizeof(variable), "TAGALONG_PROMETHEUS=%s", rows[i].value);
		load(ENV(variable));
		check(strcmp(text(targets.prometheus_host), rows[i].host) == 0, "%s: %s",
		      rows[i].value, text(targets.prometheus_host));
		check(targets.prometheus_port == rows[i].port, "%s: %u", rows[i].value,
		      targets.prometheus_port);
		check(targets.metrics == (rows[i].port != 0), "%s: metrics", rows[i].value);
		check(sentences == (*rows[i].value && !rows[i].port), "%s: %s", rows[i].value, said);
		check_same(targets.any_network, false);
	}
}

static void prometheus_by_opentelemetry(void)
{
	char *wish = "OTEL_METRICS_EXPORTER=prometheus";

	load(ENV(wish));
	check_text(text(targets.prometheus_host), "127.0.0.1");
	check_same(targets.prometheus_port, 9464);
	check_text(wanted(), "");
	check_same(targets.metrics, true);
	load(ENV(wish, "OTEL_EXPORTER_PROMETHEUS_HOST=::", "OTEL_EXPORTER_PROMETHEUS_PORT=9999"));
	check_text(text(targets.prometheus_host), "::");
	check_same(targets.prometheus_port, 9999);
	load(ENV(wish, "TAGALONG_PROMETHEUS=0.0.0.0:1", "OTEL_EXPORTER_PROMETHEUS_HOST=::"));
	check_text(text(targets.prometheus_host), "0.0.0.0");
	check_same(targets.prometheus_port, 1);
	load(ENV("OTEL_METRICS_EXPORTER=prometheus,none"));
	check(!targets.prometheus_host, "none does not win");
	load(ENV("OTEL_EXPORTER_PROMETHEUS_HOST=::", "OTEL_EXPORTER_PROMETHEUS_PORT=9999"));
	check(!targets.prometheus_host, "nobody asked");
	load(ENV(wish, "OTEL_EXPORTER_PROMETHEUS_HOST=a b", "OTEL_EXPORTER_PROMETHEUS_PORT=0"));
	check_text(text(targets.prometheus_host), "127.0.0.1");
	check_same(targets.prometheus_port, 9464);
	check_same(sentences, 2);
}

/* ---- the rest ---- */

static void sizes(void)
{
	load(ENV("OTEL_BSP_MAX_QUEUE_SIZE=100", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=200"));
	check_same(targets.max_batch, 100);
	check_same(targets.max_queue, 100);
	check_same(sentences, 1);
	load(ENV("OTEL_BSP_MAX_QUEUE_SIZE=200", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=200"));
	check_same(targets.max_batch, 200);
	check_same(sentences, 0);
}

static void config_file(void)
{
	load(ENV(BASE, "OTEL_CONFIG_FILE=/etc/otel.yaml"));
	check_same(sentences, 1);
	says("OTEL_CONFIG_FILE is not read");
	check_text(wanted(), "tlm");
}

/* What all three signals share is said once, and nobody has to listen. */
static void said_once(void)
{
	struct ta_config config;

	load(ENV(BASE, "OTEL_EXPORTER_OTLP_PROTOCOL=x", "OTEL_EXPORTER_OTLP_HEADERS=y",
		 "OTEL_EXPORTER_OTLP_TIMEOUT=z"));
	check_same(sentences, 3);
	ta_config_load(&config, ENV("SENTRY_DSN=x", "OTEL_TRACES_EXPORTER=console"), NULL, NULL);
	ta_targets_fini(&targets);
	check_same(ta_targets_load(&targets, &config, NULL, NULL, NULL), 0);
}

/* ---- pairs ---- */

static void pairs(void)
{
	static const struct {
		const char *list, *pairs;
	} rows[] = {
		{ "", "" },
		{ " , ,", "" },
		{ "a=b", "[a=b]" },
		{ "a=b,c=d", "[a=b][c=d]" },
		{ "a=b=c", "[a=b=c]" },
		{ " a%20b = c%2Cd\t", "[a b=c,d]" },
		{ "a=", "[a=]" },
		{ "=a,b=1", "!=a[b=1]" },
		{ "a,b=1", "!=[b=1]" },
		{ "a=%g0,%=1,b=2", "!a=!=1[b=2]" },
		{ "a=%00", "!a=" },
		{ "a=%f", "!a=" },
		{ "a=%e4", "[a=\xe4]" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ta_pairs walk;
		char all[256] = "";

		ta_pairs_begin(&walk, rows[i].list);
		while (ta_pairs_next(&walk))
			snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s=%s%s",
				 walk.good ? "[" : "!", walk.key.data, walk.value.data,
				 walk.good ? "]" : "");
		ta_pairs_end(&walk);
		check_text(all, rows[i].pairs);
	}
}

int main(void)
{
	check_group("nothing", nothing);
	check_group("which", which);
	check_group("exporters_say_what_instead", exporters_say_what_instead);
	check_group("addresses", addresses);
	check_group("bad_addresses", bad_addresses);
	check_group("grpc", grpc);
	check_group("formats", formats);
	check_group("compression_and_timeout", compression_and_timeout);
	check_group("headers", headers);
	check_group("many_headers", many_headers);
	check_group("credentials", credentials);
	check_group("certificates", certificates);
	check_group("identities", identities);
	check_group("dsns", dsns);
	check_group("sentry", sentry);
	check_group("release_and_environment", release_and_environment);
	check_group("envelopes", envelopes);
	check_group("prometheus", prometheus);
	check_group("prometheus_by_opentelemetry", prometheus_by_opentelemetry);
	check_group("sizes", sizes);
	check_group("config_file", config_file);
	check_group("said_once", said_once);
	check_group("pairs", pairs);
	ta_targets_fini(&targets);
	return check_status();
}
