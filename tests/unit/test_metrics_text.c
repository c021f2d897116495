/* SPDX-License-Identifier: MIT */
/*
 * test_metrics_text.c - metrics as Prometheus reads them, read back by a small parser of
 * both formats: families, labels, escapes, buckets, exemplars; and numbers that stay
 * cumulative whatever is told to a collector.
 */
#include "tests/unit/metrics.h"

#include "runtime/export/metrics_name.h"

static struct ta_config config;
static struct ta_enrich *enrich;
static struct ta_sink *sink;
static struct ta_buf text;
static struct ta_status_page page;
static const struct ta_batch batch = { .wall_offset_ns = 1700000000000000000ll };

struct sample {
	char name[160], labels[4096], exemplar[256]; /* labels: name=value; unescaped, in order */
	double value;
};

static struct sample samples[4096];
static uint32_t sample_count;
static char families[256][160], types[256][16];
static uint32_t family_count;
static bool ended;

static void start(bool delta)
{
	struct ta_metrics_options options = { .format = TA_FORMAT_PROTOBUF, .delta = delta,
					      .status = &page };

	if (sink)
		sink->class->free(sink);
	ta_enrich_free(enrich);
	enrich = ta_enrich_new(&config);
	sink = ta_metrics_new(enrich, &options);
	if (!sink)
		exit(2);
	sink->class->begin(sink, &batch);
	ta_metrics_exported(sink, true);
}

static void give(const struct ta_span *span)
{
	sink->class->span(sink, span, &shown);
}

static bool name_char(char c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (!first && c >= '0' && c <= '9');
}

static const char *parse_name(const char *at, char *out, size_t room)
{
	size_t used = 0;

	while (name_char(*at, used == 0) && used + 1 < room)
		out[used++] = *at++;
	out[used] = '\0';
	check(used > 0, "a name expected: %.60s", at);
	return at;
}

/* name="value",... up to '}'; behind it is returned. */
static const char *parse_labels(const char *at, char *out, size_t room)
{
	char seen[64][64];
	uint32_t count = 0;

	out[0] = '\0';
	while (*at != '}') {
		at = parse_name(at, seen[count], sizeof(seen[0]));
		for (uint32_t i = 0; i < count; i++)
			check(strcmp(seen[i], seen[count]) != 0, "label twice: %s", seen[i]);
		append(out, room, seen[count], strlen(seen[count]));
		if (!check(at[0] == '=' && at[1] == '"' && count < 63, "a label expected: %.60s", at))
			return NULL;
		append(out, room, "=", 1);
		for (at += 2; *at && *at != '"'; at++) {
			bool escaped = *at == '\\';

			if (escaped && !check(strchr("\\\"n", at[1]) && at[1], "an escape: %.10s", at))
				return NULL;
			if (escaped)
				at++;
			append(out, room, escaped && *at == 'n' ? "\n" : at, 1);
		}
		append(out, room, ";", 1);
		if (!check(*at == '"', "no end of a value"))
			return NULL;
		at++;
		if (*at == ',')
			at++;
		else if (!check(*at == '}', "after a value: %.20s", at))
			return NULL;
		count++;
	}
	return at + 1;
}

static void parse_sample(const char *line, bool openmetrics)
{
	struct sample *sample = &samples[sample_count];
	const char *at = parse_name(line, sample->name, sizeof(sample->name));
	char *end;

	if (!check(sample_count < 4095, "too many samples"))
		return;
	sample_count++;
	sample->labels[0] = sample->exemplar[0] = '\0';
	if (*at == '{')
		at = parse_labels(at + 1, sample->labels, sizeof(sample->labels));
	if (!at || !check(*at == ' ', "a space expected: %.60s", line))
		return;
	sample->value = strtod(at + 1, &end);
	if (openmetrics && strncmp(end, " # {", 4) == 0) {
		char time[64];

		at = parse_labels(end + 4, sample->exemplar, sizeof(sample->exemplar));
		check(at && sscanf(at, " %*f %63[0-9.]", time) == 1, "an exemplar: %s", line);
		append(sample->exemplar, sizeof(sample->exemplar), at ? at : "", at ? strlen(at) : 0);
		end = strchr(end, '\0');
	}
	check(*end == '\0', "more than a value: %s", line);
}

/* Whether a sample belongs to the family that was opened last. */
static bool in_family(const char *name)
{
	static const char *const suffixes[] = { "", "_total", "_bucket", "_count", "_sum", "_created", "_info" };
	const char *family = families[family_count - 1];

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
		if (strncmp(name, family, strlen(family)) == 0 && strcmp(name + strlen(family), suffixes[i]) == 0)
			return true;
	return false;
}

static void parse_comment(char *line, bool openmetrics)
{
	char name[160], word[64];

	if (strcmp(line, "# EOF") == 0) {
		ended = true;
	} else if (sscanf(line, "# TYPE %159s %15s", name, word) == 2) {
		for (uint32_t i = 0; i < family_count; i++)
			check(strcmp(families[i], name) != 0, "family twice: %s", name);
		snprintf(families[family_count], sizeof(families[0]), "%s", name);
		snprintf(types[family_count++], sizeof(types[0]), "%s", word);
	} else if (sscanf(line, "# UNIT %159s %63s", name, word) == 2) {
		check(openmetrics, "no units there: %s", line);
		check(strlen(name) > strlen(word) &&
		      strcmp(name + strlen(name) - strlen(word), word) == 0, "unit in the name: %s", line);
		check_text(name, families[family_count - 1]);
	} else {
		check(sscanf(line, "# HELP %159s", name) == 1 &&
		      strcmp(name, families[family_count - 1]) == 0, "%s", line);
	}
}

static void parse(bool openmetrics)
{
	char *line, *rest;

	sink->class->end(sink, NULL);
	ta_buf_clear(&text);
	ta_metrics_prometheus(sink, openmetrics, 1, &text);
	check(ta_utf8_valid(text.data, text.bytes), "no UTF-8");
	check(text.bytes && text.data[text.bytes - 1] == '\n', "no end of line");
	ta_buf_putc(&text, '\0');
	sample_count = family_count = 0;
	ended = false;
	for (line = text.data; *line; line = rest + 1) {
		rest = strchr(line, '\n');
		*rest = '\0';
		check(!ended, "behind the end: %s", line);
		if (line[0] == '#') {
			parse_comment(line, openmetrics);
		} else {
			parse_sample(line, openmetrics);
			check(family_count && in_family(samples[sample_count - 1].name),
			      "%s stands below %s", line, family_count ? families[family_count - 1] : "");
		}
		*rest = '\n';
	}
	check_same(ended, openmetrics);
	sink->class->begin(sink, &batch);
	ta_metrics_exported(sink, true);
}

/* labels: a part of them. */
static const struct sample *sample_of(const char *name, const char *labels)
{
	for (uint32_t i = 0; i < sample_count; i++)
		if (strcmp(samples[i].name, name) == 0 && strstr(samples[i].labels, labels))
			return &samples[i];
	return NULL;
}

static void check_value(const char *name, const char *labels, double value)
{
	const struct sample *sample = sample_of(name, labels);

	if (check(sample != NULL, "no %s{%s}", name, labels))
		check(sample->value == value, "%s{%s} %.17g", name, sample->labels, sample->value);
}

static const char *type_of(const char *family)
{
	for (uint32_t i = 0; i < family_count; i++)
		if (strcmp(families[i], family) == 0)
			return types[i];
	return "(none)";
}

static void requests(void)
{
	struct ta_span span;

	for (unsigned int i = 1; i <= 4; i++) { /* 4 ms, 16 ms, 64 ms, 256 ms */
		show_request(&span, "GET", "/a", 200, 1000000ull << (2 * i));
		span.trace_lo = i;
		span.span_id = i;
		give(&span);
	}
	show_request(&span, "POST", NULL, 500, 20000000000ull);
	show_word("error.type", "a\"b\\c\nd\xff");
	show_number("http.request.body.size", 12);
	give(&span);
}

static void histograms(bool openmetrics)
{
	static const char get[] = "http_request_method=GET;url_scheme=http;http_response_status_code=200;"
				  "http_route=/a;network_protocol_version=1.1;";
	char labels[512];

	start(false);
	requests();
	parse(openmetrics);
	check_text(type_of("http_server_request_duration_seconds"), "histogram");
	check_text(type_of("http_server_request_body_size_bytes"), "histogram");
	check_value("http_server_request_duration_seconds_count", get, 4);
	check_value("http_server_request_duration_seconds_sum", get, 0.340);
	snprintf(labels, sizeof(labels), "%sle=0.005;", get);
	check_value("http_server_request_duration_seconds_bucket", labels, 1);
	snprintf(labels, sizeof(labels), "%sle=0.025;", get);
	check_value("http_server_request_duration_seconds_bucket", labels, 2);
	snprintf(labels, sizeof(labels), "%sle=%s;", get, openmetrics ? "10.0" : "10");
	check_value("http_server_request_duration_seconds_bucket", labels, 4);
	snprintf(labels, sizeof(labels), "%sle=+Inf;", get);
	check_value("http_server_request_duration_seconds_bucket", labels, 4);
	check_value("http_server_request_duration_seconds_count",
		    "error_type=a\"b\\c\nd\xef\xbf\xbd;network_protocol_version=1.1;", 1);
	check_value("http_server_request_body_size_bytes_sum", "method=POST", 12);
	check(sample_of("http_server_request_duration_seconds_count", "otel_scope_name=tagalong;otel_scope_version=" TA_VERSION ";") != NULL,
	      "the scope");
	check(sample_of("http_server_request_duration_seconds_count", "job=unknown_service;instance=") != NULL, "the job");
}

static void text_format(void)
{
	histograms(false);
	check_text(type_of("target_info"), "gauge");
	check_text(type_of("tagalong_record_read_total"), "counter");
	check_text(type_of("process_memory_usage_bytes"), "gauge");
	check(!sample_of("http_server_request_duration_seconds_created", ""), "times of creation");
	for (uint32_t i = 0; i < sample_count; i++)
		check_text(samples[i].exemplar, "");
}

static void openmetrics_format(void)
{
	const struct sample *sample;

	histograms(true);
	check_text(type_of("target"), "info");
	check_text(type_of("tagalong_record_read"), "counter");
	check(sample_of("tagalong_record_read_total", "") != NULL, "counters end in _total");
	check(sample_of("http_server_request_duration_seconds_created", "") != NULL, "no time of creation");
	sample = sample_of("http_server_request_duration_seconds_bucket", "method=GET;url_scheme=http;http_response_status_code=200;http_route=/a;network_protocol_version=1.1;le=0.025;");
	if (check(sample != NULL, "no bucket"))
		check_text(sample->exemplar,
			   "trace_id=00000000000000070000000000000002;span_id=0000000000000002; 0.016 1700000000.016001000");
	sample = sample_of("http_server_request_duration_seconds_bucket", "route=/a;network_protocol_version=1.1;le=0.01;");
	if (check(sample != NULL, "no bucket"))
		check_text(sample->exemplar, "");
}

/* Every count of a histogram is at least the one below it, and the last is the count. */
static void buckets_rise(void)
{
	struct ta_span span;
	double last = 0;

	start(false);
	for (unsigned int i = 0; i < 2000; i++) {
		show_request(&span, "GET", NULL, 200, (uint64_t)exp(rand() % 26));
		give(&span);
	}
	parse(false);
	for (uint32_t i = 0; i < sample_count; i++) {
		if (strcmp(samples[i].name, "http_server_request_duration_seconds_bucket") != 0)
			continue;
		check(samples[i].value >= last, "%g after %g", samples[i].value, last);
		last = samples[i].value;
	}
	check_value("http_server_request_duration_seconds_count", "", 2000);
	check(last == 2000, "%g", last);
}

/* A collector may be told deltas meanwhile. */
static void stays_cumulative(void)
{
	struct ta_messages messages = { 0 };

	memset(&page, 0, sizeof(page));
	start(true);
	for (unsigned int i = 1; i <= 3; i++) {
		requests();
		page.records = 10 * i;
		sink->class->end(sink, NULL);
		check_same(ta_metrics_collect(sink, (4000000000ull + i) * 1000000000ull, &messages), 0);
		parse(i % 2);
		check_value("http_server_request_duration_seconds_count", "method=GET", 4 * i);
		check_value("http_server_request_body_size_bytes_count", "", i);
		check_value("tagalong_record_read_total", "", 10 * i);
	}
	ta_messages_fini(&messages);
	memset(&page, 0, sizeof(page));
}

static void targets(void)
{
	struct ta_process a = { .proc_id = 1, .pid = 4, .exe = "/bin/app" }, b = { .proc_id = 2, .pid = 5, .exe = "/bin/other" };
	struct ta_span span;

	config.resource_attributes = "service.namespace=shop,team.name=x,team_name=y,1st=z,job=no,deployment.environment.name=pr%22od,host.name=h";
	start(false);
	show_request(&span, "GET", NULL, 200, 1);
	span.process = &a;
	give(&span);
	span.process = &b;
	give(&span);
	parse(true);
	check_value("http_server_request_duration_seconds_count", "job=shop/unknown_service:app;instance=", 1);
	check_value("http_server_request_duration_seconds_count", "job=shop/unknown_service:other;instance=", 1);
	check(sample_of("target_info", "job=shop/unknown_service:app;instance=") != NULL, "no target");
	check(sample_of("target_info", "job=tagalong;instance=") != NULL, "the agent is none");
	check(sample_of("target_info", "team_name=x;y;") != NULL, "one label of two names");
	check(sample_of("target_info", "_1st=z;") != NULL, "a digit in front");
	check(sample_of("target_info", "deployment_environment_name=pr\"od;") != NULL, "a quote");
	check(!sample_of("target_info", "job=no;"), "our job");
	for (uint32_t i = 0; i < sample_count; i++)
		check(!strstr(samples[i].labels, "service_name"), "said by job: %s", samples[i].labels);
	config = plain_config();
}

static void of_itself(void)
{
	memset(&page, 0, sizeof(page));
	page.cpu_us = 1500000;
	page.memory_bytes = 4096;
	page.queues[TA_QUEUE_SENTRY].wanted = 1;
	page.queues[TA_QUEUE_SENTRY].dropped[TA_DROP_RATE_LIMITED][TA_EVENTS] = 2;
	start(false);
	for (int i = 0; i < 2; i++) {
		parse(i == 1);
		check_value("process_cpu_time_seconds_total", "job=tagalong;", 1.5);
		check_value("process_memory_usage_bytes", "job=tagalong;", 4096);
		check_value("otel_sdk_exporter_log_exported_total", "otel_component_name=sentry;error_type=rate_limited;", 2);
	}
	memset(&page, 0, sizeof(page));
}

static void label_names(void)
{
	static const struct {
		const char *name, *label;
	} cases[] = { { "a.b", "a_b" }, { "a..b", "a_b" }, { "9a", "_9a" }, { "", "_" }, { "a_", "a_" },
		      { "_x", "_x" }, { "\xc3\xa9z", "_z" }, { "A-9", "A_9" }, { "__a__b", "_a_b" } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ta_buf_clear(&text);
		ta_put_label_name(&text, cases[i].name, strlen(cases[i].name));
		ta_buf_putc(&text, '\0');
		check_text(text.data, cases[i].label);
	}
}

int main(void)
{
	config = plain_config();
	check_group("label names", label_names);
	check_group("text 0.0.4", text_format);
	check_group("OpenMetrics 1.0", openmetrics_format);
	check_group("buckets rise", buckets_rise);
	check_group("cumulative beside deltas", stays_cumulative);
	check_group("targets", targets);
	check_group("the agent itself", of_itself);
	sink->class->free(sink);
	ta_enrich_free(enrich);
	ta_buf_fini(&text);
	free(points.items);
	return check_status();
}
