/* SPDX-License-Identifier: MIT */
/*
 * test_metrics.c - what spans are counted as: exactly, under which attributes, of which
 * service, how many streams at most, and which span stands for a bucket.
 */
#include "tests/unit/metrics.h"

static struct ta_config config;
static struct ta_enrich *enrich;
static struct ta_sink *sink;
static struct ta_messages messages;
static struct ta_metrics_options options = { .format = TA_FORMAT_PROTOBUF };
static const struct ta_batch batch = { .wall_offset_ns = 1700000000000000000ll };

static void start(void)
{
	if (sink)
		sink->class->free(sink);
	ta_enrich_free(enrich);
	enrich = ta_enrich_new(&config);
	sink = ta_metrics_new(enrich, &options);
	if (!sink)
		exit(2);
	sink->class->begin(sink, &batch);
}

static void give(const struct ta_span *span)
{
	sink->class->span(sink, span, &shown);
}

/* Later than any clock: each time further. */
static uint64_t later(void)
{
	static uint64_t now_ns = 4000000000ull * 1000000000ull;

	return now_ns += 1000000000ull;
}

static void collect(void)
{
	sink->class->trace_end(sink);
	check_same(sink->class->end(sink, NULL), 0);
	ta_messages_clear(&messages);
	check_same(ta_metrics_collect(sink, later(), &messages), 0);
	decode(&messages);
	sink->class->begin(sink, &batch);
}

/* An independent count: one row for each combination. */
struct row {
	unsigned long long count, buckets[15];
	unsigned __int128 sum;
	uint64_t min, max;
};

static const double seconds[] = { 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10 };
static const char *const methods[] = { "GET", "POST", "BREW" };
static const char *const routes[] = { NULL, "/a", "/b/{id}" };
static const int statuses[] = { 200, 404, 500, 0 };

static uint64_t random_ns(void)
{
	static const uint64_t edges[] = { 0, 5000000, 5000001, 4999999, 1000000000, 10000000000,
					  10000000001, 75000000 };

	if (rand() % 4 == 0)
		return edges[(size_t)rand() % 8];
	return (uint64_t)exp((double)rand() / RAND_MAX * 26);
}

static void tally(struct row *row, uint64_t ns)
{
	double value = (double)ns / 1e9;
	int bucket = 0;

	while (bucket < 14 && value > seconds[bucket])
		bucket++;
	row->buckets[bucket]++;
	row->sum += ns;
	row->min = row->count && row->min < ns ? row->min : ns;
	row->max = row->max > ns ? row->max : ns;
	row->count++;
}

static void check_row(const struct row *row, int method, int route, int status, const char *error)
{
	char attrs[512], code[64] = "", path[64] = "", type[64] = "";
	const struct point *point;

	if (!row->count)
		return;
	if (statuses[status])
		snprintf(code, sizeof(code), "http.response.status_code=%d,", statuses[status]);
	if (routes[route])
		snprintf(path, sizeof(path), "http.route=%s,", routes[route]);
	if (error)
		snprintf(type, sizeof(type), "error.type=%s,", error);
	snprintf(attrs, sizeof(attrs),
		 "http.request.method=%s,url.scheme=http,%s%s%snetwork.protocol.version=1.1,",
		 strcmp(methods[method], "BREW") ? methods[method] : "_OTHER", code, path, type);
	point = point_of("http.server.request.duration", attrs);
	if (!check(point != NULL, "no point with %s", attrs))
		return;
	check_text(point->attrs, attrs);
	check_same(point->count, row->count);
	check(point->sum == (double)((long double)row->sum / 1e9L) ||
	      point->sum == (double)row->sum / 1e9, "sum %.17g", point->sum);
	check(point->min == (double)row->min / 1e9 && point->max == (double)row->max / 1e9,
	      "min %.17g max %.17g", point->min, point->max);
	check_same(point->bucket_count, 15);
	check_same(point->bound_count, 14);
	for (int i = 0; i < 15; i++)
		check_same(point->counts[i], row->buckets[i]);
	for (int i = 0; i < 14; i++)
		check(point->bounds[i] == seconds[i], "bound %d is %.17g", i, point->bounds[i]);
}

static void counts_exactly(void)
{
	static struct row rows[3][3][4];
	struct ta_span span;

	memset(rows, 0, sizeof(rows));
	start();
	for (int i = 0; i < 50000; i++) {
		int method = rand() % 3, route = rand() % 3, status = rand() % 4;
		uint64_t ns = random_ns();

		show_request(&span, methods[method], routes[route], statuses[status], ns);
		if (statuses[status] == 500)
			show_word("error.type", "500");
		tally(&rows[method][route][status], ns);
		give(&span);
		if (i % 100 == 0)
			sink->class->trace_end(sink);
	}
	collect();
	check_same(points_of("http.server.request.duration"), 3 * 3 * 4);
	for (int method = 0; method < 3; method++)
		for (int route = 0; route < 3; route++)
			for (int status = 0; status < 4; status++)
				check_row(&rows[method][route][status], method, route, status,
					  statuses[status] == 500 ? "500" : NULL);
}

static void body_sizes(void)
{
	struct ta_span span;
	const struct point *point;

	start();
	for (int i = 0; i < 3; i++) {
		show_request(&span, "POST", NULL, 201, 1);
		show_number("http.request.body.size", i * 10); /* 0, 10, 20 */
		if (i == 2)
			show_number("http.response.body.size", 1 << 20);
		else
			show_number("http.response.body.size", -1); /* no size */
		give(&span);
	}
	collect();
	point = point_of("http.server.request.body.size", "POST");
	if (!check(point != NULL, "no point"))
		return;
	check_text(point->unit, "By");
	check_same(point->count, 3);
	check_same(point->counts[0], 1);
	check_same(point->counts[2], 1);
	check_same(point->counts[3], 1);
	check_same(point->bound_count, 15);
	check(point->sum == 30 && point->bounds[0] == 0 && point->bounds[14] == 10000, "%g", point->sum);
	point = point_of("http.server.response.body.size", "POST");
	if (check(point != NULL, "no point")) {
		check_same(point->count, 1);
		check_same(point->counts[15], 1);
	}
	check(point_of("http.client.request.duration", "") == NULL, "out of nothing");
}

static void of_clients(void)
{
	struct ta_span span;
	const struct point *point;

	start();
	show(TA_SPAN_API, &span, 20000000);
	span.parent_id = 5;
	shown.kind = 3;
	show_word("http.request.method", "GET");
	show_word("server.address", "api.example");
	show_number("server.port", 443);
	show_number("http.response.status_code", 404);
	show_word("error.type", "404");
	show_word("url.template", "/v1/{id}");
	give(&span);
	show(TA_SPAN_API, &span, 700000);
	span.parent_id = 5;
	shown.kind = 3;
	show_word("db.system.name", "postgresql");
	show_word("db.namespace", "shop");
	show_word("db.operation.name", "SELECT");
	show_word("db.query.text", "SELECT 1");
	show_word("server.address", "db.example");
	give(&span);
	show(TA_SPAN_API, &span, 700000); /* a step that is neither */
	span.parent_id = 5;
	give(&span);
	collect();
	point = point_of("http.client.request.duration", "");
	if (check(point != NULL, "no client"))
		check_text(point->attrs, "http.request.method=GET,server.address=api.example,"
			   "server.port=443,http.response.status_code=404,error.type=404,url.template=/v1/{id},");
	point = point_of("db.client.operation.duration", "");
	if (check(point != NULL, "no database")) {
		check_text(point->attrs, "db.system.name=postgresql,db.namespace=shop,"
			   "db.operation.name=SELECT,server.address=db.example,");
		check_same(point->bound_count, 9);
		check(point->bounds[0] == 0.001 && point->counts[0] == 1, "%g", point->bounds[0]);
	}
	check_same(points_of("tagalong.span.duration"), 0);
}

static void of_others(void)
{
	struct ta_span span;

	start();
	show(TA_SPAN_CONNECTION, &span, 5);
	show_name("tcp accept :6379");
	show_word("error.type", "ECONNRESET");
	give(&span);
	show(TA_SPAN_SIGNAL, &span, 5);
	show_name("signal SIGUSR1");
	give(&span);
	show(TA_SPAN_SIGNAL, &span, 5); /* renamed by the program */
	show_name("my job 4711");
	give(&span);
	show(TA_SPAN_THREAD, &span, 5);
	span.parent_id = 9;
	show_name("thread worker-17");
	give(&span);
	show(TA_SPAN_API, &span, 5);
	show_name("import 4711");
	show_word("sentry.op", "queue.process");
	show_word("tagalong.namespace", "background");
	give(&span);
	span.parent_id = 9; /* a step of it */
	give(&span);
	span.flags = TA_SPAN_REMOTE_PARENT; /* a root here */
	give(&span);
	span.end = TA_SPAN_OPEN;
	give(&span);
	collect();
	check_same(points_of("tagalong.span.duration"), 5);
	check(point_of("tagalong.span.duration",
		       "tagalong.span.type=connection,tagalong.span.name=tcp accept :6379,error.type=ECONNRESET,") != NULL,
	      "no connection");
	check(point_of("tagalong.span.duration", "tagalong.span.type=signal,tagalong.span.name=signal SIGUSR1,") != NULL,
	      "no signal");
	for (uint32_t i = 0; i < points.count; i++)
		check(!strstr(points.items[i].attrs, "4711") && !strstr(points.items[i].attrs, "worker"),
		      "%s", points.items[i].attrs);
	if (check(point_of("tagalong.span.duration", "api") != NULL, "no root"))
		check_same(point_of("tagalong.span.duration",
				    "tagalong.span.type=api,sentry.op=queue.process,"
				    "tagalong.namespace=background,")->count, 2);
}

static void overflow(void)
{
	struct ta_span span;
	unsigned long long total = 0;
	const struct point *point;
	char route[32];

	start();
	for (unsigned int i = 0; i < TA_METRIC_STREAMS_MAX + 500; i++) {
		snprintf(route, sizeof(route), "/r%u", i);
		show_request(&span, "GET", route, 200, i);
		give(&span);
	}
	for (unsigned int i = 0; i < 7; i++) { /* what was there is still found */
		show_request(&span, "GET", "/r0", 200, i);
		give(&span);
	}
	collect();
	check_same(points_of("http.server.request.duration"), TA_METRIC_STREAMS_MAX + 1);
	point = point_of("http.server.request.duration", "otel.metric.overflow");
	if (check(point != NULL, "no overflow")) {
		check_text(point->attrs, "otel.metric.overflow=true,");
		check_same(point->count, 500);
	}
	point = point_of("http.server.request.duration", "http.route=/r0,");
	if (check(point != NULL, "no /r0"))
		check_same(point->count, 8);
	for (uint32_t i = 0; i < points.count; i++)
		total += points.items[i].histogram ? points.items[i].count : 0;
	check_same(total, TA_METRIC_STREAMS_MAX + 507);
	point = point_of("tagalong.metric.streams", "");
	if (check(point != NULL, "no count of streams"))
		check_same(point->value, TA_METRIC_STREAMS_MAX);
}

static struct ta_process process_of(uint32_t number, const char *exe)
{
	struct ta_process process = { .proc_id = number * 1000003ull, .pid = number, .parent_pid = 1 };

	snprintf(process.exe, sizeof(process.exe), "%s", exe);
	snprintf(process.instance_id, sizeof(process.instance_id), "00000000-0000-4000-8000-%012u", number);
	return process;
}

/* Fifty processes of one program are one service, and another program another. */
static void services(void)
{
	struct ta_process processes[51];
	struct ta_span span;
	const struct point *point;

	start();
	for (uint32_t i = 0; i < 51; i++)
		processes[i] = process_of(i + 100, i == 50 ? "/usr/bin/other" : "/usr/sbin/nginx");
	for (unsigned int i = 0; i < 510; i++) {
		show_request(&span, "GET", NULL, 200, 1);
		span.process = &processes[i % 51];
		give(&span);
	}
	collect();
	check_same(points_of("http.server.request.duration"), 2);
	point = point_of("http.server.request.duration", "");
	if (!check(point != NULL, "no point"))
		return;
	check_same(point->count, 500);
	check(strstr(point->resource, "service.name=unknown_service:nginx,") != NULL, "%s", point->resource);
	check(strstr(point->resource, "service.instance.id=") != NULL, "%s", point->resource);
	check(!strstr(point->resource, "process.") && !strstr(point->resource, "00000000-0000-4000"),
	      "%s", point->resource);
}

/* The instance stays when the agent is started again, and the user's goes first. */
static void instances(void)
{
	struct ta_process process = process_of(7, "/bin/app");
	char first[2048] = "";
	struct ta_span span;

	for (int i = 0; i < 2; i++) {
		process.pid += (uint32_t)i;
		process.instance_id[35] = (char)('0' + i);
		start();
		show_request(&span, "GET", NULL, 200, 1);
		span.process = &process;
		give(&span);
		collect();
		if (!check(point_of("http.server.request.duration", "") != NULL, "no point"))
			return;
		if (i)
			check_text(point_of("http.server.request.duration", "")->resource, first);
		snprintf(first, sizeof(first), "%s", point_of("http.server.request.duration", "")->resource);
	}
	config.resource_attributes = "service.instance.id=mine,service.version=3,service.namespace=shop";
	start();
	show_request(&span, "GET", NULL, 200, 1);
	span.process = &process;
	give(&span);
	collect();
	check(point_of("http.server.request.duration", "") != NULL &&
	      strstr(point_of("http.server.request.duration", "")->resource, "service.instance.id=mine,"),
	      "the user's");
	check(strstr(point_of("tagalong.metric.streams", "")->resource, "service.name=tagalong,service.version=" TA_VERSION ",") != NULL &&
	      !strstr(point_of("tagalong.metric.streams", "")->resource, "mine"),
	      "%s", point_of("tagalong.metric.streams", "")->resource);
	config = plain_config();
}

static void too_many_services(void)
{
	struct ta_process process;
	unsigned long long total = 0;
	struct ta_span span;
	char exe[32];

	start();
	for (uint32_t i = 0; i < 600; i++) {
		snprintf(exe, sizeof(exe), "/bin/p%u", i);
		process = process_of(i + 1, exe);
		show_request(&span, "GET", NULL, 200, 1);
		span.process = &process;
		sink->class->begin(sink, &batch);
		give(&span);
	}
	collect();
	check_same(points_of("http.server.request.duration"), 257);
	for (uint32_t i = 0; i < points.count; i++)
		total += points.items[i].histogram ? points.items[i].count : 0;
	check_same(total, 600);
}

static void exemplars(void)
{
	struct ta_span span;
	char want[256], both[512];
	const struct point *point;

	start();
	show_request(&span, "GET", NULL, 200, 1000000); /* not exported: counts, but shows nothing */
	give(&span);
	ta_metrics_exported(sink, true);
	show_request(&span, "GET", NULL, 200, 2000000);
	give(&span);
	show_request(&span, "GET", NULL, 200, 3000000); /* newer, in the same bucket */
	give(&span);
	snprintf(want, sizeof(want), "%016llx%016llx/%016llx/1700000000003001000/0.0030000000000000001;",
		 (unsigned long long)span.trace_hi, (unsigned long long)span.trace_lo,
		 (unsigned long long)span.span_id);
	show_request(&span, "GET", NULL, 200, 20000000000ull);
	give(&span);
	snprintf(both, sizeof(both), "%s%016llx%016llx/%016llx/1700000020000001000/20;", want,
		 (unsigned long long)span.trace_hi, (unsigned long long)span.trace_lo,
		 (unsigned long long)span.span_id);
	ta_metrics_exported(sink, false);
	show_request(&span, "GET", NULL, 200, 4000000);
	give(&span);
	collect();
	point = point_of("http.server.request.duration", "");
	if (check(point != NULL, "no point")) {
		check_text(point->exemplars, both);
		check_same(point->count, 5);
	}
	collect(); /* told once */
	point = point_of("http.server.request.duration", "");
	if (check(point != NULL, "no point"))
		check_text(point->exemplars, "");
}

/* What programs may put into attributes is counted, cut, and sent as text. */
static void hostile(void)
{
	static char huge[100000];
	struct ta_span span;
	const struct point *point;

	memset(huge, 'x', sizeof(huge) - 1);
	for (int format = TA_FORMAT_PROTOBUF; format <= TA_FORMAT_JSON; format++) {
		options.format = (enum ta_format)format;
		start();
		show_request(&span, "GET", "/a", 200, 1);
		show_text("error.type", huge, sizeof(huge) - 1);
		give(&span);
		show_request(&span, "GET", "/a", 200, 1);
		show_text("error.type", huge, sizeof(huge) - 2); /* the same, once it is cut */
		give(&span);
		show_request(&span, "GET", "/b", 200, 1);
		show_text("error.type", "a\xff\"\\\n\0z", 7);
		give(&span);
		show_request(&span, "GET", "/c", 200, 1);
		shown.attrs[2].type = TA_ATTR_DOUBLE; /* the route, of a type that none can have */
		give(&span);
		show_request(&span, "GET", "/d", 200, 1);
		show_text("error.type", NULL, 0);
		span.end_ns = 0; /* before its start */
		give(&span);
		show_request(&span, huge, NULL, 200, UINT64_MAX - 1000);
		give(&span);
		show_request(&span, huge, NULL, 200, UINT64_MAX - 1000);
		give(&span);
		collect();
		point = point_of("http.server.request.duration", "route=/a");
		check(point && point->count == 2 && strlen(point->attrs) < 512, "huge");
		check(point_of("http.server.request.duration", "error.type=a\xef\xbf\xbd\"\\\n") != NULL,
		      "bytes that are no text");
		check(point_of("http.server.request.duration", "route=/c") == NULL, "a route that is none");
		point = point_of("http.server.request.duration", "route=/d");
		check(point && point->sum == 0 && point->counts[0] == 1, "a span that ends before it starts");
		point = point_of("http.server.request.duration", "method=_OTHER");
		check(point && point->count == 2 && point->sum > 3.6e10 && point->counts[14] == 2,
		      "sums have room");
	}
	options.format = TA_FORMAT_PROTOBUF;
}

/* Spans as the enricher makes them: the names still fit. */
static void of_the_enricher(void)
{
	static struct ta_out_span out;
	struct made_span made;
	const struct point *point;

	config.http_routes = "/user/{id}";
	start();
	span_make(&made, TA_SPAN_HTTP_SERVER);
	put_text(&made, TA_ATTR_HTTP_METHOD, "POST");
	put_text(&made, TA_ATTR_HTTP_TARGET, "/user/17?a=b");
	put_int(&made, TA_ATTR_HTTP_VERSION_MINOR, 1);
	put_int(&made, TA_ATTR_HTTP_STATUS, 503);
	put_int(&made, TA_ATTR_REQUEST_BODY_SIZE, 12);
	ta_enrich_span(enrich, &made.span, &out);
	sink->class->span(sink, &made.span, &out);
	collect();
	point = point_of("http.server.request.duration", "");
	if (check(point != NULL, "no point"))
		check_text(point->attrs, "http.request.method=POST,url.scheme=http,"
			   "http.response.status_code=503,http.route=/user/{id},error.type=503,"
			   "network.protocol.version=1.1,");
	point = point_of("http.server.request.body.size", "");
	check(point && point->count == 1 && point->sum == 12, "the body's size");
	span_drop(&made);
	config = plain_config();
}

static void count_made(struct made_span *made)
{
	static struct ta_out_span out;

	ta_enrich_span(enrich, &made->span, &out);
	sink->class->span(sink, &made->span, &out);
}

/* What programs ask others, and what has no metric of its own. */
static void of_outward_spans(void)
{
	static const uint8_t steps[] = { TA_SPAN_CONNECT, TA_SPAN_LOOKUP, TA_SPAN_TURN };
	struct made_span made[8] = { 0 };
	const struct point *point;

	start();
	span_make(&made[0], TA_SPAN_HTTP_CLIENT);
	put_text(&made[0], TA_ATTR_HTTP_METHOD, "GET");
	put_text(&made[0], TA_ATTR_HTTP_TARGET, "/user/17?a=b");
	put_text(&made[0], TA_ATTR_HTTP_HOST, "h.example:81");
	put_int(&made[0], TA_ATTR_HTTP_VERSION_MINOR, 1);
	put_int(&made[0], TA_ATTR_HTTP_STATUS, 404);
	span_make(&made[1], TA_SPAN_COMMAND);
	put_int(&made[1], TA_ATTR_DB_SYSTEM, 2);
	put_text(&made[1], TA_ATTR_DB_OPERATION, "SELECT");
	put_text(&made[1], TA_ATTR_DB_TARGET, "users");
	put_text(&made[1], TA_ATTR_DB_TEXT, "SELECT ?");
	put_ipv4(&made[1], TA_ATTR_PEER, "192.0.2.9", 5432);
	span_make(&made[2], TA_SPAN_COMMAND_SERVER);
	put_int(&made[2], TA_ATTR_DB_SYSTEM, 1);
	put_text(&made[2], TA_ATTR_DB_OPERATION, "GET");
	span_make(&made[3], TA_SPAN_PROCESS);
	for (size_t i = 0; i < 3; i++) {
		span_make(&made[4 + i], (enum ta_span_type)steps[i]);
		made[4 + i].span.parent_id = i;
	}
	for (size_t i = 0; i < 7; i++)
		count_made(&made[i]);
	collect();
	point = point_of("http.client.request.duration", "");
	if (check(point != NULL, "no point of requests"))
		check_text(point->attrs, "http.request.method=GET,server.address=h.example,"
			   "server.port=81,http.response.status_code=404,error.type=404,"
			   "network.protocol.version=1.1,");
	point = point_of("db.client.operation.duration", "");
	if (check(point != NULL, "no point of commands"))
		check_text(point->attrs, "db.system.name=postgresql,db.collection.name=users,"
			   "db.operation.name=SELECT,server.address=192.0.2.9,server.port=5432,");
	check(point_of("tagalong.span.duration",
		       "tagalong.span.type=command_server,db.system.name=redis,"
		       "db.operation.name=GET,") != NULL, "no point of served commands");
	check(point_of("tagalong.span.duration", "tagalong.span.type=process,") != NULL,
	      "no point of processes");
	check(!point_of("tagalong.span.duration", "tagalong.span.type=connect") &&
		      !point_of("tagalong.span.duration", "tagalong.span.type=lookup") &&
		      !point_of("tagalong.span.duration", "tagalong.span.type=exchange"),
	      "steps are counted");
	for (size_t i = 0; i < 7; i++)
		span_drop(&made[i]);
}

int main(void)
{
	config = plain_config();
	check_group("counts exactly", counts_exactly);
	check_group("body sizes", body_sizes);
	check_group("clients and databases", of_clients);
	check_group("everything else", of_others);
	check_group("overflow", overflow);
	check_group("services", services);
	check_group("instances", instances);
	check_group("too many services", too_many_services);
	check_group("exemplars", exemplars);
	check_group("hostile values", hostile);
	check_group("spans of the enricher", of_the_enricher);
	check_group("what programs ask others", of_outward_spans);
	sink->class->free(sink);
	ta_enrich_free(enrich);
	ta_messages_fini(&messages);
	free(points.items);
	return check_status();
}
