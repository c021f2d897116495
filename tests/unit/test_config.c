/* SPDX-License-Identifier: MIT */
/*
 * test_config.c - settings from environments, good and bad, and what is said.
 */
#include "runtime/wire/config.h"

#include "tests/unit/check.h"

#define NOTES_MAX 8

/* Warnings as one line each: "VARIABLE=value (allowed) used". */
struct notes {
	char lines[NOTES_MAX][256];
	size_t count;
};

static void note(void *user, const struct ta_config_warning *warning)
{
	struct notes *notes = user;

	if (notes->count < NOTES_MAX)
		snprintf(notes->lines[notes->count], sizeof(notes->lines[0]), "%s=%s (%s) %s",
			 warning->variable, warning->value, warning->allowed, warning->used);
	notes->count++;
}

#define ENV(...) ((char *[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })

static struct notes load(struct ta_config *config, char *const *envp)
{
	struct notes notes = { .count = 0 };

	memset(config, 0x55, sizeof(*config));
	ta_config_load(config, envp, note, &notes);
	return notes;
}

static void defaults(void)
{
	struct ta_config config;
	struct notes notes = load(&config, NULL);

	check_same(notes.count, 0);
	check_same(config.disabled, false);
	check_same(config.follow, true);
	check_same(config.lane_bytes, 65536);
	check_same(config.file_max_bytes, 67108864);
	check_same(config.journal_bytes, 16777216);
	check_text(config.http_names, "path");
	check_text(config.file, "");
	check_text(config.service_name, "");
}

static void values(void)
{
	struct ta_config config;
	struct notes notes = load(&config, ENV("PATH=/bin", "TAGALONG_LANES=1024",
					       "TAGALONG_FILE=a b=c", "TAGALONG_HTTP_NAMES=method",
					       "OTEL_SERVICE_NAME=shop", "TAGALONG_LANES=5",
					       "TAGALONG_JOURNAL_BYTES=4294967296"));

	check(notes.count == 0, "%s", notes.lines[0]);
	check_same(config.lanes, 1024);
	check_same(config.journal_bytes, 4294967296);
	check_text(config.file, "a b=c");
	check_text(config.http_names, "method");
	check_text(config.service_name, "shop");
}

static void empty_is_unset(void)
{
	struct ta_config config;
	struct notes notes =
		load(&config, ENV("TAGALONG_LANES=", "TAGALONG_FOLLOW=", "TAGALONG_HTTP_NAMES=",
				  "TAGALONG_NO_SUCH=", "OTEL_SDK_DISABLED="));

	check_same(notes.count, 0);
	check_same(config.lanes, 512);
	check_same(config.follow, true);
	check_same(config.sdk_disabled, false);
	check_text(config.http_names, "path");
}

static void our_flags(void)
{
	static const struct {
		char *entry;
		bool expected;
	} rows[] = {
		{ "TAGALONG_DISABLED=1", true },     { "TAGALONG_DISABLED=true", true },
		{ "TAGALONG_DISABLED=YES", true },   { "TAGALONG_DISABLED=On", true },
		{ "TAGALONG_DISABLED=0", false },    { "TAGALONG_DISABLED=False", false },
		{ "TAGALONG_DISABLED=no", false },   { "TAGALONG_DISABLED=OFF", false },
	};
	struct ta_config config;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct notes notes = load(&config, ENV(rows[i].entry));

		check(notes.count == 0 && config.disabled == rows[i].expected, "%s", rows[i].entry);
	}
	struct notes notes = load(&config, ENV("TAGALONG_FOLLOW=10"));

	check_same(config.follow, true);
	check_text(notes.lines[0],
		   "TAGALONG_FOLLOW=10 (true or false (1/0, yes/no, on/off)) true");
}

static void standard_flags(void)
{
	struct ta_config config;
	struct notes notes = load(&config, ENV("OTEL_SDK_DISABLED=TrUe"));

	check_same(config.sdk_disabled, true);
	check_same(notes.count, 0);
	notes = load(&config, ENV("OTEL_SDK_DISABLED=FALSE"));
	check_same(config.sdk_disabled, false);
	check_same(notes.count, 0);
	notes = load(&config, ENV("OTEL_SDK_DISABLED=1"));
	check_same(config.sdk_disabled, false);
	check_same(notes.count, 1);
	check_text(notes.lines[0], "OTEL_SDK_DISABLED=1 (true or false) false");
}

static void bad_numbers(void)
{
	static char *const entries[] = { "TAGALONG_LANES=3",	"TAGALONG_LANES=1025",
					 "TAGALONG_LANES=-5",	"TAGALONG_LANES=+5",
					 "TAGALONG_LANES=5x",	"TAGALONG_LANES= 5",
					 "TAGALONG_LANES=0x10", "TAGALONG_LANES=18446744073709551620",
					 "TAGALONG_LANES=99999999999999999999999999" };
	struct ta_config config;

	for (size_t i = 0; i < sizeof(entries) / sizeof(*entries); i++) {
		struct notes notes = load(&config, ENV(entries[i]));
		char expected[256];

		snprintf(expected, sizeof(expected), "%s (4 to 1024 lanes) 512", entries[i]);
		check_same(notes.count, 1);
		check_text(notes.lines[0], expected);
		check_same(config.lanes, 512);
	}
}

static void choices(void)
{
	struct ta_config config;
	struct notes notes = load(&config, ENV("TAGALONG_HTTP_NAMES=METHOD"));

	check_same(notes.count, 0);
	check_text(config.http_names, "method");
	notes = load(&config, ENV("TAGALONG_HTTP_NAMES=pat"));
	check_text(config.http_names, "path");
	check_text(notes.lines[0], "TAGALONG_HTTP_NAMES=pat (path|method) path");
	notes = load(&config, ENV("TAGALONG_HTTP_NAMES=path|method"));
	check_same(notes.count, 1);
}

static void put_upper(char *out, const char *word, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		out[i] = (char)(word[i] >= 'a' && word[i] <= 'z' ? word[i] - 32 : word[i]);
	out[bytes] = '\0';
}

/* Every word that a row allows is taken in any case, and comes out as it is listed. */
static void choices_are_canonical(void)
{
	const struct ta_config_row *row;
	size_t words = 0;

	for (size_t i = 0; (row = ta_config_row(i)); i++) {
		for (const char *word = row->allowed; strchr(row->allowed, '|') && word;
		     word = strchr(word, '|') ? strchr(word, '|') + 1 : NULL) {
			char entry[128], expected[64];
			size_t bytes = strcspn(word, "|");
			struct ta_config config;

			snprintf(entry, sizeof(entry), "%s=", row->variable);
			put_upper(entry + strlen(entry), word, bytes);
			snprintf(expected, sizeof(expected), "%.*s", (int)bytes, word);
			struct notes notes = load(&config, ENV(entry));

			check(notes.count == 0, "%s", entry);
			if (strcmp(row->variable, "TAGALONG_HTTP_NAMES") == 0)
				check_text(config.http_names, expected);
			words++;
		}
	}
	check(words >= 2, "%zu", words);
}

static void unknown_names(void)
{
	struct ta_config config;
	struct notes notes =
		load(&config, ENV("TAGALONG_FLIE=x", "TAGALONG_MAXSPANS=5", "TAGALONG_ENDPOINT=u",
				  "TAGALONG_SERVICE_NAME=a", "TAGALONG_ROOT_PID=17",
				  "OTEL_WHATEVER=1", "TAGALONG_FILE2=y", "XTAGALONG_FILE=z",
				  "TAGALONG_=q"));

	check_same(notes.count, 6);
	check_text(notes.lines[0], "TAGALONG_FLIE=x () TAGALONG_FILE");
	check_text(notes.lines[1], "TAGALONG_MAXSPANS=5 () TAGALONG_MAX_SPANS");
	check_text(notes.lines[2], "TAGALONG_ENDPOINT=u () ");
	check_text(notes.lines[3], "TAGALONG_SERVICE_NAME=a () OTEL_SERVICE_NAME");
	check_text(notes.lines[4], "TAGALONG_FILE2=y () TAGALONG_FILE");
	check_text(notes.lines[5], "TAGALONG_=q () ");
}

static void odd_environments(void)
{
	static char long_name[4096];
	struct ta_config config;

	memset(long_name, 'A', sizeof(long_name) - 3);
	memcpy(long_name, "TAGALONG_", 9);
	strcpy(long_name + sizeof(long_name) - 3, "=1");
	struct notes notes = load(&config, ENV("", "=", "=x", "TAGALONG_LANES", "TAGALONG_", long_name));

	check_same(notes.count, 1);
	check(strncmp(notes.lines[0], "TAGALONG_AAAA", 13) == 0, "%s", notes.lines[0]);
	check_same(config.lanes, 512);
	/* The longest name there is. */
	notes = load(&config, ENV("TAGALONG_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=1"));
	check_same(notes.count, 1);
	check(strstr(notes.lines[0], " OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"), "%s",
	      notes.lines[0]);
	ta_config_load(&config, ENV("TAGALONG_LANES=bad", "TAGALONG_NONE=1"), NULL, NULL);
	check_same(config.lanes, 512);
}

static uint32_t key_of(char *const *envp, const char *cwd)
{
	struct ta_config config;

	load(&config, envp);
	uint32_t key = ta_config_key(&config, envp, cwd);

	check(key != 0, "key 0");
	return key;
}

static void keys_differ(void)
{
	uint32_t plain = key_of(ENV(), "/a");

	check(plain != key_of(ENV("TAGALONG_MAX_SPANS=7"), "/a"), "agent number");
	check(plain != key_of(ENV("TAGALONG_FILE=/x"), "/a"), "file");
	check(plain != key_of(ENV("TAGALONG_HTTP_NAMES=method"), "/a"), "choice");
	check(plain != key_of(ENV("OTEL_EXPORTER_OTLP_ENDPOINT=http://a"), "/a"), "OTEL_*");
	check(plain != key_of(ENV("SENTRY_DSN=http://a"), "/a"), "SENTRY_*");
	check(plain != key_of(ENV("HOME=/x"), "/a"), "HOME, where files go by default");
	check(key_of(ENV("TAGALONG_FILE=/f", "HOME=/x"), "/a") !=
		      key_of(ENV("TAGALONG_FILE=/f", "HOME=/y"), "/a"),
	      "HOME, where the log goes by default");
	check(key_of(ENV("TAGALONG_FILE=x"), "/a") != key_of(ENV("TAGALONG_FILE=x"), "/b"), "cwd");
	check(key_of(ENV("TAGALONG_FILE=ab"), "/") != key_of(ENV("TAGALONG_HTTP_ROUTES=ab"), "/"),
	      "same text, other setting");
}

static void keys_agree(void)
{
	uint32_t plain = key_of(ENV(), "/a");

	check_same(plain, key_of(ENV(), "/b"));
	check_same(plain, key_of(ENV(), NULL));
	check_same(plain, key_of(ENV("PATH=/x", "TAGALONG_LANES=7", "TAGALONG_DISABLED=1"), "/a"));
	check_same(key_of(ENV("TAGALONG_FILE=/f", "TAGALONG_LOG=/l", "HOME=/x"), "/a"),
		   key_of(ENV("TAGALONG_FILE=/f", "TAGALONG_LOG=/l", "HOME=/y"), "/a"));
	check_same(plain, key_of(ENV("OTEL_SERVICE_NAME=", "TAGALONG_MAX_SPANS="), "/a"));
	check_same(key_of(ENV("TAGALONG_FILE=none"), "/a"), key_of(ENV("TAGALONG_FILE=none"), "/b"));
	check_same(key_of(ENV("TAGALONG_FILE=/f"), "/a"), key_of(ENV("TAGALONG_FILE=/f"), "/b"));
	check_same(key_of(ENV("OTEL_A=1", "SENTRY_B=2"), "/a"),
		   key_of(ENV("SENTRY_B=2", "X=1", "OTEL_A=1"), "/a"));
}

static void patterns(void)
{
	static const struct {
		const char *patterns, *name;
		bool expected;
	} rows[] = {
		{ "nginx", "nginx", true },	    { "nginx", "nginx2", false },
		{ "nginx", "ngin", false },	    { "", "nginx", false },
		{ "", "", false },		    { ",,", "", false },
		{ "a,b , c", "c", true },	    { "a,b , c", "b", true },
		{ "*", "anything", true },	    { "*", "", true },
		{ "py*3", "python3", true },	    { "py*3", "python3.11", false },
		{ "py?hon*", "python3.11", true },  { "?", "", false },
		{ "*a*b*c", "xxaxxbxxbc", true },   { "*a*b*c", "xxaxxcxxb", false },
		{ "a*", "b,a", false },		    { "**?**", "x", true },
		{ "*aaaaaaab", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		check(ta_config_matches(rows[i].patterns, rows[i].name) == rows[i].expected,
		      "'%s' '%s'", rows[i].patterns, rows[i].name);
}

static bool wants(char *const *envp, const char *program)
{
	struct ta_config config;

	load(&config, envp);
	return ta_config_wants(&config, program);
}

static void programs(void)
{
	check(wants(ENV(), "/usr/sbin/nginx"), "default");
	check(!wants(ENV("TAGALONG_DISABLED=1"), "nginx"), "disabled");
	check(!wants(ENV("OTEL_SDK_DISABLED=true"), "nginx"), "sdk disabled");
	check(wants(ENV("TAGALONG_INCLUDE=ng*"), "/usr/sbin/nginx"), "included");
	check(!wants(ENV("TAGALONG_INCLUDE=ng*"), "/usr/sbin/apache2"), "not included");
	check(!wants(ENV("TAGALONG_EXCLUDE=nginx"), "nginx"), "excluded");
	check(!wants(ENV("TAGALONG_INCLUDE=*", "TAGALONG_EXCLUDE=nginx"), "nginx"), "both");
}

static void rows_are_complete(void)
{
	const struct ta_config_row *row;
	size_t count = 0;

	for (; (row = ta_config_row(count)); count++)
		check(row->variable[0] && row->dflt && row->allowed[0] && row->text[0], "%zu", count);
	check(count > 20, "%zu", count);
	check(!ta_config_row(count + 1) && !ta_config_row((size_t)-1), "beyond the last");
}

static void lists(void)
{
	struct ta_config config;
	struct notes notes = load(&config, ENV("TAGALONG_BREADCRUMBS=dns, s*,none,"));

	check(notes.count == 0, "%s", notes.lines[0]);
	check(strcmp(config.breadcrumbs, "dns, s*,none,") == 0, "%s", config.breadcrumbs);
	notes = load(&config, ENV("TAGALONG_BREADCRUMBS=dns,conect"));
	check(notes.count == 1 && strstr(notes.lines[0], "=dns,conect (syslog, ") != NULL, "%zu: %s",
	      notes.count, notes.lines[0]);
	check(strcmp(config.breadcrumbs, "dns,conect") == 0, "%s", config.breadcrumbs);
	for (const char *const *at = (const char *const[]){ "TAGALONG_BREADCRUMBS=x*", "TAGALONG_BREADCRUMBS=,d",
							     "TAGALONG_BREADCRUMBS=dnss", NULL };
	     *at; at++) {
		notes = load(&config, ENV((char *)*at));
		check(notes.count == 1, "%s: %zu", *at, notes.count);
	}
}

int main(void)
{
	check_group("defaults", defaults);
	check_group("values", values);
	check_group("empty is unset", empty_is_unset);
	check_group("flags of ours", our_flags);
	check_group("flags of the standard", standard_flags);
	check_group("bad numbers", bad_numbers);
	check_group("choices", choices);
	check_group("lists", lists);
	check_group("choices in any case", choices_are_canonical);
	check_group("unknown names", unknown_names);
	check_group("odd environments", odd_environments);
	check_group("keys that differ", keys_differ);
	check_group("keys that agree", keys_agree);
	check_group("patterns", patterns);
	check_group("programs", programs);
	check_group("rows", rows_are_complete);
	return check_status();
}
