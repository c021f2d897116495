/* SPDX-License-Identifier: MIT */
/*
 * test_keep.c - tail sampling: which traces go to a destination, and what is said of rules
 * that nobody can read.
 */
#include "runtime/export/keep.h"

#include "runtime/wire/sampler.h"
#include "tests/unit/enrich.h"

#define MS 1000000ull

static struct ta_keep *keep;
static char error[256];

static void rule(const char *text)
{
	ta_keep_free(keep);
	keep = ta_keep_new("TAGALONG_KEEP_OTLP", text, error, sizeof(error));
}

/* A trace of one span. */
static bool takes(struct made_span *made)
{
	struct ta_span *span = &made->span;

	return ta_keep_trace(keep, enrich, &span, 1);
}

/* Whether the rule, fresh, takes that trace; the span is given back. */
static bool fresh(const char *text, struct made_span *made)
{
	bool taken;

	rule(text);
	check(!error[0], "%s", error);
	taken = takes(made);
	span_drop(made);
	return taken;
}

static void good(struct made_span *made)
{
	request(made, "GET", "/a/17", 200);
	made->span.end_ns = made->span.start_ns + 10 * MS;
}

/* ---- reading rules ---- */

static void all_and_none(void)
{
	static const char *const all[] = { "",	 " , ,",     "all",	    "ALL",	 "none,all",
					   "errors,all", "rate:1", "rate:1.0", "errors,rate:1" };
	struct made_span made;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		rule(all[i]);
		check(ta_keep_is_all(keep), "'%s' is not all", all[i]);
		check(!error[0], "'%s': %s", all[i], error);
	}
	good(&made);
	check(fresh("all", &made), "all takes nothing");
	good(&made);
	check(!fresh("none", &made), "none takes something");
	check(!ta_keep_is_all(keep), "none is all");
	good(&made);
	check(!fresh("errors,none", &made), "errors takes what is good");
}

static void bad_rules(void)
{
	static const char *const rows[] = {
		"error",	"errors:1",  "slow",	     "slow:",	    "slow:fast", "slow:1m",
		"slow:-1",	"slow:1.2.3s", "slow:.",     "slow:ms",     "slow:99999999999999s",
		"slow:1 ms x",	"rate",	     "rate:",	     "rate:2",	    "rate:-0.1", "rate:5%",
		"tag:",		"tag:key",   "tag:=x",	     "tag:k%=x",    "tag:k=%zz", "tag:k=%00",
		"name:",	"name:%",    "service:",     "service :x",   "al l",	 "allx",
		"all;errors",	"slow=1ms",
	};
	struct made_span made;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[128];

		snprintf(text, sizeof(text), "errors, %s ,none", rows[i]);
		rule(text);
		check(keep && ta_keep_is_all(keep), "'%s' loses traces", rows[i]);
		check(strstr(error, rows[i]), "'%s' is not in: %s", rows[i], error);
		check(strncmp(error, "TAGALONG_KEEP_OTLP: '", 21) == 0, "whose rule: %s", error);
		check(strstr(error, "Allowed: errors, slow:250ms"), "what is allowed: %s", error);
		check(error[strlen(error) - 1] == '.', "cut: %s", error);
		good(&made);
		check(takes(&made), "'%s' takes nothing", rows[i]);
		span_drop(&made);
	}
	rule("an entry that is so long that it would never fit into any log line, so that it has "
	     "to be cut somewhere \xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4");
	check(strlen(error) < sizeof(error) - 1 && strstr(error, "Allowed"), "%s", error);
	rule("x\x1b[1m\ny");
	check(!strchr(error, '\x1b') && !strchr(error, '\n'), "%s", error);
	rule("slow:1ms");
	check(!error[0], "the sentence stays: %s", error);
}

static void too_many_rules(void)
{
	char text[4096] = "";

	for (int i = 0; i < 257; i++)
		strcat(text, "none,");
	rule(text);
	check(ta_keep_is_all(keep) && error[0], "257 rules are taken");
	text[strlen(text) - 5] = '\0';
	rule(text);
	check(!ta_keep_is_all(keep) && !error[0], "256 are not: %s", error);
}

/* ---- slow ---- */

static bool slow(const char *text, uint64_t ns)
{
	struct made_span made;

	good(&made);
	made.span.end_ns = made.span.start_ns + ns;
	return fresh(text, &made);
}

static void slow_boundaries(void)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} rows[] = {
		{ "slow:250ms", 250 * MS },	{ "slow:250", 250 * MS },
		{ "SLOW: 250MS", 250 * MS },	{ "slow:1.5s", 1500 * MS },
		{ "slow:.5s", 500 * MS },	{ "slow:1.s", 1000 * MS },
		{ "slow:500us", 500000 },	{ "slow:0.25us", 250 },
		{ "slow:0.0000001s", 100 },	{ "slow:1.0000000019s", 1000 * MS + 1 },
		{ "slow:500\xc2\xb5s", 500000 }, { "slow:1000000000s", 1000000000000000000ull },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		check(slow(rows[i].text, rows[i].ns), "%s: not at the time itself", rows[i].text);
		check(!slow(rows[i].text, rows[i].ns - 1), "%s: a nanosecond early", rows[i].text);
	}
	check(slow("slow:0", 0), "slow:0 takes everything");
}

static void slow_is_about_local_roots(void)
{
	struct made_span made;

	span_make(&made, TA_SPAN_API);
	made.span.parent_id = 7;
	made.span.end_ns = made.span.start_ns + 900 * MS;
	check(!fresh("slow:500ms", &made), "a child counts");
	span_make(&made, TA_SPAN_THREAD);
	made.span.parent_id = 7;
	made.span.end_ns = made.span.start_ns + 900 * MS;
	check(!fresh("slow:500ms", &made), "a request's thread counts");
	span_make(&made, TA_SPAN_API);
	made.span.parent_id = 7;
	made.span.flags = TA_SPAN_REMOTE_PARENT;
	made.span.end_ns = made.span.start_ns + 900 * MS;
	check(fresh("slow:500ms", &made), "a remote parent's child does not count");
	good(&made);
	made.span.end_ns = made.span.start_ns - 1; /* never, but who knows */
	check(!fresh("slow:1ms", &made), "a negative duration is long");
}

/* ---- rate ---- */

static void rate(void)
{
	struct made_span made;
	uint64_t threshold = ta_sampler_threshold(0.25);

	good(&made);
	rule("rate:0.25");
	made.span.trace_lo = 0xab00000000000000ull | (threshold - 1);
	check(!takes(&made), "below the threshold");
	made.span.trace_lo = threshold;
	check(takes(&made), "at the threshold");
	made.span.trace_lo = 0xff00000000000000ull;
	check(!takes(&made), "the highest byte counts");
	rule("rate:0");
	made.span.trace_lo = UINT64_MAX;
	check(!takes(&made), "rate:0 takes something");
	rule("rate:0.25,rate:0.5");
	made.span.trace_lo = ta_sampler_threshold(0.5);
	check(takes(&made), "one that holds is enough");
	span_drop(&made);
}

/* The same share as a head sampler of the same number: no more is lost after it. */
static void rate_agrees_with_heads(void)
{
	struct ta_sampler sampler = { .threshold = ta_sampler_threshold(0.05) };
	struct made_span made;
	uint64_t id = 88172645463325252ull, taken = 0;

	good(&made);
	rule("rate:0.05");
	for (int i = 0; i < 20000; i++) {
		id ^= id << 13;
		id ^= id >> 7;
		id ^= id << 17;
		made.span.trace_lo = id;
		check(takes(&made) == ta_sampler_takes(&sampler, id, TA_PARENT_NONE), "%d", i);
		taken += takes(&made);
	}
	check(taken > 850 && taken < 1150, "%llu of 20000", (unsigned long long)taken);
	span_drop(&made);
}

/* ---- names, services, tags ---- */

static void names(void)
{
	static const struct {
		const char *text;
		bool taken;
	} rows[] = {
		{ "name:GET /a/*", true },   { "name:GET%20/a/%2a", true }, { "name:*", true },
		{ "name:G?T*", true },	     { "name:GET", false },	    { "name:POST*", false },
		{ "name:get /a/*", false },  { "name:GET /a/?", true },	    { "name:GET /a/?*?", false },
		{ "name: GET /a/* ", true }, { "name:GET /a,none", false }, { "name:*/a/*,none", true },
	};
	struct made_span made;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		good(&made);
		check(fresh(rows[i].text, &made) == rows[i].taken, "%s", rows[i].text);
	}
	span_make(&made, TA_SPAN_API);
	made.span.parent_id = 7;
	put_text(&made, TA_ATTR_NAME, "inner");
	check(!fresh("name:inner", &made), "a child's name counts");
	span_make(&made, TA_SPAN_API);
	put_text(&made, TA_ATTR_NAME, "a,b%c");
	check(fresh("name:a%2Cb%25c", &made), "a comma cannot be written");
}

static void services(void)
{
	struct ta_process process = { .proc_id = 1, .exe = "/usr/bin/shop" };
	struct made_span made;

	good(&made);
	made.span.process = &process;
	check(fresh("service:unknown_service:shop", &made), "by its program");
	good(&made);
	made.span.process = &process;
	check(!fresh("service:shop*", &made), "part of a name");
	config.service_name = "cart, v1";
	restart();
	good(&made);
	made.span.process = &process;
	check(fresh("service:cart%2C v?", &made), "by its setting");
	config.service_name = "";
	restart();
}

static const struct ta_entry scope_tags[] = { TEXT_ENTRY("tenant", "acme, inc"),
					      TEXT_ENTRY("empty", "") };
static const struct ta_entry user_entries[] = { JSON_ENTRY("id", "\"u\\u00e4\"") };

static void tagged(struct made_span *made, struct ta_scope_data *scope)
{
	double tenth = 0.1;
	int64_t number = -5;

	good(made);
	*scope = (struct ta_scope_data){ .tags = scope_tags,
					 .tag_count = 2,
					 .user = user_entries,
					 .user_count = 1 };
	made->span.scope = scope;
	put_attr(made, TA_ATTR_TAG, TA_ATTR_STRING, "discount\0" "50%", 12);
	put_named(made, "tenth", TA_ATTR_DOUBLE, &tenth, sizeof(tenth));
	put_named(made, "number", TA_ATTR_INT, &number, sizeof(number));
	put_named(made, "yes", TA_ATTR_BOOL, "\1", 1);
	put_named(made, "list", TA_ATTR_JSON, "[1,2]", 5);
	put_named(made, "word", TA_ATTR_JSON, "\"a\\nb\"", 6);
	put_named(made, "k=v", TA_ATTR_STRING, "x", 1);
}

static void tags(void)
{
	static const struct {
		const char *text;
		bool taken;
	} rows[] = {
		{ "tag:tenant=acme%2C inc", true },
		{ "tag:tenant=acme*", true },
		{ "tag: tenant = acme%2c%20inc ", true },
		{ "tag:tenant=acme", false },
		{ "tag:tenant=", false },
		{ "tag:Tenant=acme*", false },
		{ "tag:tagalong.tag.tenant=acme*", true },
		{ "tag:tag.tenant=acme*", false },
		{ "tag:empty=", true },
		{ "tag:nothing=", false },
		{ "tag:nothing=*", false },
		{ "tag:discount=50%25", true },
		{ "tag:discount=5?%25", true },
		{ "tag:user.id=u\xc3\xa4", true },
		{ "tag:user.id=u??", true },
		{ "tag:id=*", false },
		{ "tag:http.response.status_code=2??", true },
		{ "tag:http.response.status_code=404", false },
		{ "tag:http.request.method=GET", true },
		{ "tag:url.path=/a/17", true },
		{ "tag:tenth=0.1", true },
		{ "tag:number=-5", true },
		{ "tag:yes=true", true },
		{ "tag:yes=1", false },
		{ "tag:list=[1%2C2]", true },
		{ "tag:word=a%0ab", true },
		{ "tag:k%3Dv=x", true },
		{ "tag:nothing=x,tag:tenant=acme*", true },
	};
	struct ta_scope_data scope;
	struct made_span made;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		tagged(&made, &scope);
		check(fresh(rows[i].text, &made) == rows[i].taken, "%s", rows[i].text);
	}
}

/* A tag on any span, also one that limits leave out of the export. */
static void tags_of_any_span_in_full(void)
{
	struct made_span first, second;
	struct ta_span *spans[2] = { &first.span, &second.span };

	config.attribute_limit = "1";
	config.value_limit = "1";
	restart();
	good(&first);
	span_make(&second, TA_SPAN_API);
	second.span.parent_id = 7;
	put_named(&second, "a", TA_ATTR_STRING, "first", 5);
	put_named(&second, "vip", TA_ATTR_STRING, "certainly", 9);
	rule("tag:vip=certainly");
	check(ta_keep_trace(keep, enrich, spans, 2), "not seen");
	rule("tag:vip=c");
	check(!ta_keep_trace(keep, enrich, spans, 2), "the short form is seen");
	span_drop(&first);
	span_drop(&second);
	config.attribute_limit = config.value_limit = NULL;
	restart();
}

static void patterns_with_many_stars(void)
{
	struct made_span made;
	char text[2048] = "tag:long=";
	char *value = malloc(60000);

	for (int i = 0; i < 50; i++)
		strcat(text, "a*");
	strcat(text, "b");
	memset(value, 'a', 60000);
	good(&made);
	put_named(&made, "long", TA_ATTR_STRING, value, 900);
	check(!fresh(text, &made), "there is no b");
	free(value);
}

/* ---- errors ---- */

static void errors(void)
{
	struct made_span made, child;
	struct ta_span *spans[2] = { &made.span, &child.span };

	good(&made);
	check(!fresh("errors", &made), "a good one");
	request(&made, "GET", "/", 404);
	check(!fresh("errors", &made), "404 is the client's");
	request(&made, "GET", "/", 500);
	check(fresh("errors", &made), "500");
	request(&made, "GET", "/", 0);
	made.span.reason = TA_END_CLOSED_EARLY;
	check(fresh("errors", &made), "closed early");
	good(&made);
	made.span.end = TA_SPAN_HOST_DIED;
	check(fresh("errors", &made), "its process died");
	request(&made, "GET", "/", 500);
	put_int(&made, TA_ATTR_STATUS, TA_STATUS_OK);
	check(!fresh("errors", &made), "the program called it OK");
	good(&made);
	span_make(&child, TA_SPAN_API);
	child.span.parent_id = 7;
	child.span.status = TA_STATUS_ERROR;
	rule("errors");
	check(ta_keep_trace(keep, enrich, spans, 2), "a child's error");
	span_drop(&made);
	span_drop(&child);
}

static void captured_errors(void)
{
	struct made_span made;

	good(&made);
	rule("errors");
	ta_keep_note_error(keep, made.span.trace_hi, made.span.trace_lo + 1);
	check(!takes(&made), "another trace's error");
	ta_keep_note_error(keep, made.span.trace_hi, made.span.trace_lo);
	check(takes(&made), "its own error");
	rule("slow:1s");
	ta_keep_note_error(keep, made.span.trace_hi, made.span.trace_lo);
	check(!takes(&made), "nobody asked for errors");
	rule("all");
	ta_keep_note_error(keep, made.span.trace_hi, made.span.trace_lo);
	check(takes(&made), "all");
	span_drop(&made);
}

/* ---- parts ---- */

static void later_parts(void)
{
	struct made_span bad, fine;

	request(&bad, "GET", "/", 500);
	good(&fine);
	rule("errors");
	check(takes(&bad), "a whole trace");
	check(!takes(&fine), "a whole trace is remembered");
	bad.span.partial = true;
	check(!takes(&fine), "a first part without errors");
	check(takes(&bad), "a second one with");
	check(takes(&fine), "a third one without, of a kept trace");
	fine.span.trace_hi++;
	check(!takes(&fine), "the upper half of the id counts");
	span_drop(&bad);
	span_drop(&fine);
}

static void the_oldest_is_forgotten(void)
{
	struct made_span bad, fine;

	request(&bad, "GET", "/", 500);
	bad.span.partial = true;
	good(&fine);
	rule("errors");
	for (uint32_t i = 0; i < TA_KEEP_REMEMBERED; i++) {
		bad.span.trace_lo = i;
		takes(&bad);
		takes(&bad); /* takes no second place */
	}
	for (uint32_t i = 0; i < TA_KEEP_REMEMBERED; i++) {
		fine.span.trace_lo = i;
		check(takes(&fine), "trace %u is forgotten too early", i);
	}
	bad.span.trace_lo = TA_KEEP_REMEMBERED;
	takes(&bad);
	fine.span.trace_lo = 0;
	check(!takes(&fine), "the oldest is still known");
	fine.span.trace_lo = 1;
	check(takes(&fine), "the next one is not");
	fine.span.trace_lo = TA_KEEP_REMEMBERED;
	check(takes(&fine), "the newest is not");
	span_drop(&bad);
	span_drop(&fine);
}

/* Whatever comes in whatever order, the table knows the last ones and no others. */
static void a_model_agrees(void)
{
	enum { STEPS = 20000, IDS = 6000 };
	static uint32_t place[IDS]; /* when it came, from 1 on; 0: never */
	struct made_span bad, fine;
	uint32_t count = 0, seed = 1;

	request(&bad, "GET", "/", 500);
	bad.span.partial = true;
	good(&fine);
	rule("errors");
	memset(place, 0, sizeof(place));
	for (int i = 0; i < STEPS; i++) {
		uint32_t id = (seed = seed * 1103515245 + 12345) >> 8;
		bool known;

		id %= IDS;
		known = place[id] && count - place[id] < TA_KEEP_REMEMBERED;
		fine.span.trace_lo = bad.span.trace_lo = id;
		check(takes(&fine) == known, "step %d, trace %u", i, id);
		takes(&bad);
		if (!known)
			place[id] = ++count;
	}
	span_drop(&bad);
	span_drop(&fine);
}

/* ---- several at once ---- */

static void destinations_are_apart(void)
{
	struct ta_keep *slow_ones = ta_keep_new("A", "slow:5ms", error, sizeof(error));
	struct ta_keep *bad_ones = ta_keep_new("B", "errors", error, sizeof(error));
	struct made_span made;
	struct ta_span *span = &made.span;

	good(&made);
	check(ta_keep_trace(slow_ones, enrich, &span, 1), "10 ms are slow");
	check(!ta_keep_trace(bad_ones, enrich, &span, 1), "and no error");
	ta_keep_note_error(bad_ones, span->trace_hi, span->trace_lo);
	check(ta_keep_trace(bad_ones, enrich, &span, 1), "now they are");
	ta_keep_free(slow_ones);
	ta_keep_free(bad_ones);
	span_drop(&made);
}

static void nothing_to_look_at(void)
{
	rule("errors");
	check(!ta_keep_trace(keep, enrich, NULL, 0), "no spans");
	rule("all");
	check(ta_keep_trace(keep, enrich, NULL, 0), "all");
	ta_keep_free(NULL);
}

int main(void)
{
	config = plain_config();
	restart();
	check_group("all_and_none", all_and_none);
	check_group("bad_rules", bad_rules);
	check_group("too_many_rules", too_many_rules);
	check_group("slow_boundaries", slow_boundaries);
	check_group("slow_is_about_local_roots", slow_is_about_local_roots);
	check_group("rate", rate);
	check_group("rate_agrees_with_heads", rate_agrees_with_heads);
	check_group("names", names);
	check_group("services", services);
	check_group("tags", tags);
	check_group("tags_of_any_span_in_full", tags_of_any_span_in_full);
	check_group("patterns_with_many_stars", patterns_with_many_stars);
	check_group("errors", errors);
	check_group("captured_errors", captured_errors);
	check_group("later_parts", later_parts);
	check_group("the_oldest_is_forgotten", the_oldest_is_forgotten);
	check_group("a_model_agrees", a_model_agrees);
	check_group("destinations_are_apart", destinations_are_apart);
	check_group("nothing_to_look_at", nothing_to_look_at);
	ta_keep_free(keep);
	ta_enrich_free(enrich);
	return check_status();
}
