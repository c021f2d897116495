/* SPDX-License-Identifier: MIT */
/*
 * test_scope_merge.c - every kind of change, and what scopes merge to.
 */
#include "tests/unit/scopes.h"

static void later_scopes_win(void)
{
	struct ta_scopes *scopes = ta_scopes_new();

	set_tag(scopes, 1, 0, "a", "global");
	set_tag(scopes, 2, 0, "a", "isolation");
	set_tag(scopes, 3, 2, "b", "isolation");
	set_tag(scopes, 4, 0, "b", "current");
	check_text(merged(scopes, 1, 3, 4), "tags{a=isolation b=current}");
	set_tag(scopes, 5, 4, "", "empty key");
	check_text(merged(scopes, 5, 0, 0), "tags{b=current =empty key}");
	check_no_leak(scopes);
}

static void kinds_are_apart(void)
{
	struct ta_scopes *scopes = ta_scopes_new();
	int64_t number = -5;

	set_tag(scopes, 1, 0, "k", "tag");
	set_json(scopes, 2, 1, TA_SCOPE_EXTRA, "k", "[1,2]");
	set_json(scopes, 3, 2, TA_SCOPE_CONTEXT, "k", "{\"x\":1}");
	send(scopes, .version = 4, .parent = 3, .change = TA_SCOPE_ATTRIBUTE, .key = "k",
	     .type = TA_ATTR_INT, .value = (const char *)&number, .value_bytes = 8);
	check_text(merged(scopes, 4, 0, 0),
		   "tags{k=tag} extras{k=[1,2]} contexts{k={\"x\":1}} attributes{k=-5}");
	/* Contexts of one name are not joined. */
	set_json(scopes, 5, 0, TA_SCOPE_CONTEXT, "k", "{\"y\":2}");
	set_json(scopes, 6, 5, TA_SCOPE_EXTRA, "j", "null");
	check_text(merged(scopes, 4, 6, 0), "tags{k=tag} extras{k=[1,2] j=null} "
					    "contexts{k={\"y\":2}} attributes{k=-5}");
	set_json(scopes, 7, 6, TA_SCOPE_CONTEXT, "k", NULL);
	check_text(merged(scopes, 4, 7, 0), "tags{k=tag} extras{k=[1,2] j=null} "
					    "contexts{k={\"x\":1}} attributes{k=-5}");
	set_json(scopes, 8, 4, TA_SCOPE_ATTRIBUTE, "k", NULL);
	set_json(scopes, 9, 8, TA_SCOPE_EXTRA, "k", NULL);
	set_json(scopes, 10, 9, TA_SCOPE_EXTRA, "never was", NULL);
	check_text(merged(scopes, 10, 0, 0), "tags{k=tag} contexts{k={\"x\":1}}");
	check_same(ta_scopes_counters(scopes).dropped, 0);
	check_no_leak(scopes);
}

static void users_are_joined_by_key(void)
{
	struct ta_scopes *scopes = ta_scopes_new();

	set_json(scopes, 1, 0, TA_SCOPE_USER, NULL, "{\"id\":\"1\", \"plan\": {\"a\": [1]}}");
	set_json(scopes, 2, 0, TA_SCOPE_USER, NULL, " {\"id\" : \"2\",\"email\":\"a@x\"}");
	check_text(merged(scopes, 1, 0, 0), "user{id=\"1\" plan={\"a\": [1]}}");
	check_text(merged(scopes, 1, 2, 0), "user{id=\"2\" plan={\"a\": [1]} email=\"a@x\"}");
	set_json(scopes, 3, 2, TA_SCOPE_USER, NULL, "{\"plan\":null}");
	check_text(merged(scopes, 3, 0, 0), "user{plan=null}");
	check_text(merged(scopes, 1, 3, 0), "user{id=\"1\" plan=null}");
	/* Escapes mean what they mean, the last one of a name counts. */
	set_json(scopes, 4, 0, TA_SCOPE_USER, NULL, "{\"\\u0069d\":5,\"id\":6,\"q\\\"\":7}");
	check_text(merged(scopes, 1, 4, 0), "user{id=6 plan={\"a\": [1]} q\"=7}");
	check_same(ta_scopes_counters(scopes).dropped, 0);
	check_no_leak(scopes);
}

static void nobody_hides_a_person(void)
{
	struct ta_scopes *scopes = ta_scopes_new();

	set_json(scopes, 1, 0, TA_SCOPE_USER, NULL,
		 "{\"id\":1,\"email\":2,\"ip_address\":3,\"username\":4,\"name\":5,\"ids\":6}");
	set_json(scopes, 2, 1, TA_SCOPE_USER, NULL, NULL);
	check_text(merged(scopes, 2, 0, 0), "");
	check_text(merged(scopes, 1, 2, 0), "user{name=5 ids=6}");
	check_text(merged(scopes, 2, 1, 0),
		   "user{id=1 email=2 ip_address=3 username=4 name=5 ids=6}");
	set_json(scopes, 3, 0, TA_SCOPE_USER, NULL, "{\"id\":9}");
	check_text(merged(scopes, 1, 2, 3), "user{name=5 ids=6 id=9}");
	/* Whoever is set next is somebody; so is one without properties. */
	set_json(scopes, 4, 2, TA_SCOPE_USER, NULL, "{\"email\":7}");
	check_text(merged(scopes, 1, 4, 0),
		   "user{id=1 email=7 ip_address=3 username=4 name=5 ids=6}");
	set_json(scopes, 5, 2, TA_SCOPE_USER, NULL, "{}");
	check_text(merged(scopes, 1, 5, 0),
		   "user{id=1 email=2 ip_address=3 username=4 name=5 ids=6}");
	send(scopes, .version = 6, .parent = 2, .change = TA_SCOPE_CLEAR);
	check_text(merged(scopes, 1, 6, 0),
		   "user{id=1 email=2 ip_address=3 username=4 name=5 ids=6}");
	/* Other changes leave nobody nobody. */
	set_tag(scopes, 7, 2, "a", "1");
	check_text(merged(scopes, 1, 7, 0), "tags{a=1} user{name=5 ids=6}");
	check_no_leak(scopes);
}

static void level_and_transaction_are_the_nearest(void)
{
	struct ta_scopes *scopes = ta_scopes_new();

	send(scopes, .version = 1, .change = TA_SCOPE_LEVEL, .level = TA_LEVEL_WARNING);
	send(scopes, .version = 2, .parent = 1, .change = TA_SCOPE_TRANSACTION, .value = "GET /");
	check_text(merged(scopes, 2, 0, 0), "level=4 transaction=GET /");
	send(scopes, .version = 3, .change = TA_SCOPE_LEVEL, .level = TA_LEVEL_DEBUG);
	check_text(merged(scopes, 2, 3, 0), "level=2 transaction=GET /");
	send(scopes, .version = 4, .parent = 3, .change = TA_SCOPE_TRANSACTION, .value = "job");
	check_text(merged(scopes, 2, 4, 0), "level=2 transaction=job");
	send(scopes, .version = 5, .parent = 4, .change = TA_SCOPE_LEVEL);
	send(scopes, .version = 6, .parent = 5, .change = TA_SCOPE_TRANSACTION,
	     .flags = TA_SCOPE_REMOVE);
	check_text(merged(scopes, 2, 6, 0), "level=4 transaction=GET /");
	send(scopes, .version = 7, .parent = 4, .change = TA_SCOPE_TRANSACTION, .value = "");
	check_text(merged(scopes, 7, 0, 0), "level=2");
	check_no_leak(scopes);
}

static void fingerprints_are_joined(void)
{
	struct ta_scopes *scopes = ta_scopes_new();

	set_json(scopes, 1, 0, TA_SCOPE_FINGERPRINT, NULL, "[\"g1\", \"g2\"]");
	set_json(scopes, 2, 0, TA_SCOPE_FINGERPRINT, NULL, "[\"i1\"]");
	set_json(scopes, 3, 2, TA_SCOPE_FINGERPRINT, NULL, "[\"g1\",\"g1\"]");
	check_text(merged(scopes, 1, 2, 3), "fingerprint{=\"g1\" =\"g2\" =\"i1\" =\"g1\" =\"g1\"}");
	set_json(scopes, 4, 3, TA_SCOPE_FINGERPRINT, NULL, "[]");
	set_json(scopes, 5, 3, TA_SCOPE_FINGERPRINT, NULL, NULL);
	check_text(merged(scopes, 4, 5, 0), "");
	check_same(ta_scopes_counters(scopes).dropped, 0);
	check_no_leak(scopes);
}

static void crumbs_are_merged_by_time(void)
{
	struct ta_scopes *scopes = ta_scopes_new();
	uint64_t three[] = { 1, 4, 6 };

	add_crumb(scopes, 1, 0, 30, "g1");
	add_crumb(scopes, 2, 0, 20, "i1");
	add_crumb(scopes, 3, 2, 40, "i2");
	add_crumb(scopes, 4, 3, 50, "i3");
	add_crumb(scopes, 5, 0, 10, "c1");
	add_crumb(scopes, 6, 5, 50, "c2"); /* the same time, came later */
	check_text(merged(scopes, 1, 4, 6), "crumbs[c1 i1 g1 i2 i3 c2]");
	check_text(merged_in(scopes, FAMILY, three, 3, 3), "crumbs[i2 i3 c2]");
	check_text(merged_in(scopes, FAMILY, three, 3, 0), "");
	check_text(merged(scopes, 3, 4, 0), "crumbs[i1 i1 i2 i2 i3]");
	send(scopes, .version = 7, .parent = 6, .change = TA_SCOPE_CLEAR_BREADCRUMBS);
	add_crumb(scopes, 8, 7, 60, "c3");
	check_text(merged(scopes, 7, 0, 0), "");
	check_text(merged(scopes, 8, 1, 0), "crumbs[g1 c3]");
	check_no_leak(scopes);
}

static void the_newest_crumbs_are_kept(void)
{
	struct ta_scopes *scopes = ta_scopes_new();

	ta_scopes_set_max_crumbs(scopes, 3);
	for (uint64_t i = 1; i <= 5; i++)
		add_crumb(scopes, i, i - 1, 7, i == 5 ? "e" : i == 4 ? "d" : "c");
	check_text(merged(scopes, 5, 0, 0), "crumbs[c d e]");
	check_text(merged(scopes, 2, 0, 0), "crumbs[c c]");
	check_no_leak(scopes);
	scopes = ta_scopes_new();
	ta_scopes_set_max_crumbs(scopes, 0);
	add_crumb(scopes, 1, 0, 7, "none");
	check_text(merged(scopes, 1, 0, 0), "");
	check_same(ta_scopes_depth(scopes, FAMILY, 1), 1);
	check_same(ta_scopes_counters(scopes).dropped, 0);
	check_no_leak(scopes);
}

/* The order of crumbs of one time is that of the chain, not that of arrival. */
static void crumbs_of_a_reverse_chain(void)
{
	struct ta_scopes *scopes = ta_scopes_new();

	add_crumb(scopes, 3, 2, 7, "third");
	add_crumb(scopes, 2, 1, 7, "second");
	add_crumb(scopes, 1, 0, 7, "first");
	check_text(merged(scopes, 3, 0, 0), "crumbs[first second third]");
	check_no_leak(scopes);
}

static void clear_empties_one_scope(void)
{
	struct ta_scopes *scopes = ta_scopes_new();

	set_tag(scopes, 1, 0, "a", "1");
	set_json(scopes, 2, 1, TA_SCOPE_USER, NULL, "{\"id\":1}");
	set_json(scopes, 3, 2, TA_SCOPE_FINGERPRINT, NULL, "[\"f\"]");
	send(scopes, .version = 4, .parent = 3, .change = TA_SCOPE_LEVEL, .level = 1);
	send(scopes, .version = 5, .parent = 4, .change = TA_SCOPE_TRANSACTION, .value = "t");
	add_crumb(scopes, 6, 5, 1, "c");
	send(scopes, .version = 7, .parent = 6, .change = TA_SCOPE_CLEAR);
	check_text(merged(scopes, 7, 0, 0), "");
	check_text(merged(scopes, 6, 7, 0),
		   "tags{a=1} user{id=1} fingerprint{=\"f\"} level=1 transaction=t crumbs[c]");
	set_tag(scopes, 8, 7, "b", "2");
	check_text(merged(scopes, 8, 0, 0), "tags{b=2}");
	check_same(ta_scopes_depth(scopes, FAMILY, 8), 8);
	check_no_leak(scopes);
}

/* Sends a change that is no good to a scope that has everything: nothing may change. */
static void expect_dropped(struct send bad)
{
	struct ta_scopes *scopes = ta_scopes_new();
	char before[1024];

	set_tag(scopes, 1, 0, "k", "1");
	set_json(scopes, 2, 1, TA_SCOPE_USER, NULL, "{\"id\":1}");
	set_json(scopes, 3, 2, TA_SCOPE_FINGERPRINT, NULL, "[\"f\"]");
	set_json(scopes, 4, 3, TA_SCOPE_CONTEXT, "k", "{}");
	set_json(scopes, 5, 4, TA_SCOPE_EXTRA, "k", "1");
	send(scopes, .version = 6, .parent = 5, .change = TA_SCOPE_LEVEL, .level = 2);
	snprintf(before, sizeof(before), "%s", merged(scopes, 6, 0, 0));
	bad.version = 7;
	bad.parent = 6;
	send_one(scopes, bad);
	check_at(ta_scopes_counters(scopes).dropped == 1, "dropped", __LINE__, "change %d: %llu",
		 bad.change, (unsigned long long)ta_scopes_counters(scopes).dropped);
	check_text(merged(scopes, 7, 0, 0), before);
	check_same(ta_scopes_depth(scopes, FAMILY, 7), 7);
	check_no_leak(scopes);
}

static void bad_values_are_dropped(void)
{
	static const char cut[] = { 41, TA_ATTR_STRING, 100, 0, 'x' };
	static const char data[] = { TA_ATTR_CRUMB_DATA, TA_ATTR_JSON, 2, 0, '[', ']', 0, 0 };
	static const struct send bad[] = {
		{ .change = TA_SCOPE_USER, .value = "[1]" },
		{ .change = TA_SCOPE_USER, .value = "{\"id\":1" },
		{ .change = TA_SCOPE_USER, .value = "" },
		{ .change = TA_SCOPE_FINGERPRINT, .value = "{}" },
		{ .change = TA_SCOPE_FINGERPRINT, .value = "[\"a\",1]" },
		{ .change = TA_SCOPE_CONTEXT, .key = "k", .value = "1" },
		{ .change = TA_SCOPE_CONTEXT, .key = "k", .value = "{}}" },
		{ .change = TA_SCOPE_EXTRA, .key = "k", .value = "nul" },
		{ .change = TA_SCOPE_EXTRA, .key = "k", .value = "" },
		{ .change = TA_SCOPE_LEVEL, .level = TA_LEVEL_FATAL + 1 },
		{ .change = TA_SCOPE_ATTRIBUTE,
		  .key = "k",
		  .type = TA_ATTR_INT,
		  .value = "1234567" },
		{ .change = TA_SCOPE_ATTRIBUTE, .key = "k", .type = TA_ATTR_DOUBLE, .value = "1" },
		{ .change = TA_SCOPE_ATTRIBUTE, .key = "k", .type = TA_ATTR_BOOL, .value = "12" },
		{ .change = TA_SCOPE_ATTRIBUTE, .key = "k", .type = TA_ATTR_JSON, .value = "[" },
		{ .change = TA_SCOPE_ATTRIBUTE, .key = "k", .type = 77, .value = "x" },
		{ .change = TA_SCOPE_BREADCRUMB, .value = cut, .value_bytes = sizeof(cut) },
		{ .change = TA_SCOPE_BREADCRUMB, .value = data, .value_bytes = sizeof(data) },
		{ .change = 200, .key = "k", .value = "x" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_dropped(bad[i]);
}

/* A user of a thousand properties keeps the first 256 of them. */
static void a_user_has_a_bound(void)
{
	static char json[32768];
	struct ta_scopes *scopes = ta_scopes_new();
	size_t used = 0;

	for (int i = 0; i < 1000; i++)
		used += (size_t)snprintf(json + used, sizeof(json) - used, "%c\"k%d\":%d",
					 i ? ',' : '{', i, i);
	snprintf(json + used, sizeof(json) - used, "}");
	set_json(scopes, 1, 0, TA_SCOPE_USER, NULL, json);
	struct ta_scope_data *data = ta_scopes_merge(scopes, FAMILY, &(uint64_t){ 1 }, 1, 0);

	check_same(data->user_count, TA_SCOPE_TAGS_MAX);
	check_same(ta_scopes_counters(scopes).dropped, 1000 - TA_SCOPE_TAGS_MAX);
	free(data);
	check_no_leak(scopes);
}

/* Many keys in eight versions, against the plain way. */
static void many_keys_merge(void)
{
	struct ta_scopes *scopes = ta_scopes_new();
	uint64_t versions[TA_SCOPE_MERGE_MAX + 1];
	int expected[500];

	memset(expected, -1, sizeof(expected));
	for (int v = 0; v <= (int)TA_SCOPE_MERGE_MAX; v++) {
		uint64_t at = 0;

		for (int i = 0; i < 250; i++) {
			char key[32], value[32];
			int number = (i * 7 + v * 61) % 500;

			snprintf(key, sizeof(key), "k%d", number);
			snprintf(value, sizeof(value), "%d", v);
			set_tag(scopes, (uint64_t)(v * 1000 + i + 1), at, key, value);
			at = (uint64_t)(v * 1000 + i + 1);
			if (v < (int)TA_SCOPE_MERGE_MAX)
				expected[number] = v;
		}
		versions[v] = at;
	}
	struct ta_scope_data *data =
		ta_scopes_merge(scopes, FAMILY, versions, TA_SCOPE_MERGE_MAX + 1, 0);
	uint32_t keys = 0;

	for (int i = 0; i < 500; i++)
		keys += expected[i] >= 0;
	check_same(data->tag_count, keys);
	for (uint32_t i = 0; i < data->tag_count; i++) {
		char key[8] = "";

		memcpy(key, data->tags[i].key + 1, data->tags[i].key_bytes - 1);
		int number = atoi(key);

		check_same(data->tags[i].value[0] - '0', expected[number]);
		expected[number] = -2; /* comes once */
	}
	free(data);
	check_no_leak(scopes);
}

int main(void)
{
	check_group("later scopes win by key", later_scopes_win);
	check_group("tags, extras, contexts and attributes", kinds_are_apart);
	check_group("users are joined by key", users_are_joined_by_key);
	check_group("nobody hides a person, not the rest", nobody_hides_a_person);
	check_group("level and transaction are the nearest", level_and_transaction_are_the_nearest);
	check_group("fingerprints are joined", fingerprints_are_joined);
	check_group("breadcrumbs are merged by time", crumbs_are_merged_by_time);
	check_group("the newest breadcrumbs are kept", the_newest_crumbs_are_kept);
	check_group("breadcrumbs of a reverse chain", crumbs_of_a_reverse_chain);
	check_group("clear empties one scope", clear_empties_one_scope);
	check_group("values that are no good are dropped", bad_values_are_dropped);
	check_group("a user has a bound", a_user_has_a_bound);
	check_group("many keys in many scopes", many_keys_merge);
	return check_status();
}
