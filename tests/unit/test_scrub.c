/* SPDX-License-Identifier: MIT */
/*
 * test_scrub.c - secrets that are found, things that are none, JSON that stays valid.
 */
#include "runtime/protocol/json.h"
#include "runtime/protocol/scrub.h"
#include "tests/unit/check.h"

static char out[65536];

static const char *scrubbed(const char *text, bool json, const char *keys)
{
	struct ta_scrub_walk walk;
	struct ta_secret secret;
	size_t done = 0, bytes = 0, length = strlen(text);

	ta_scrub_begin(&walk, text, length, json, keys);
	while (ta_scrub_next(&walk, &secret)) {
		const char *word = secret.bare ? "\"[Filtered]\"" : "[Filtered]";

		check(secret.at >= done && secret.at + secret.bytes <= length, "%s", text);
		memcpy(out + bytes, text + done, secret.at - done);
		bytes += secret.at - done;
		memcpy(out + bytes, word, strlen(word));
		bytes += strlen(word);
		done = secret.at + secret.bytes;
	}
	memcpy(out + bytes, text + done, length - done);
	out[bytes + length - done] = '\0';
	return out;
}

struct sample {
	const char *text, *wanted; /* NULL: nothing in it */
};

static void compare(const struct sample *samples, size_t count, bool json)
{
	for (size_t i = 0; i < count; i++) {
		const char *wanted = samples[i].wanted ? samples[i].wanted : samples[i].text;
		const char *got = scrubbed(samples[i].text, json, "zebra, my-key");
		char again[1024];

		check(strcmp(got, wanted) == 0, "%s: %s, wanted %s", samples[i].text, got, wanted);
		check(!json || ta_json_valid(got, strlen(got)), "no JSON: %s", got);
		snprintf(again, sizeof(again), "%s", got);
		check(strcmp(scrubbed(again, json, "zebra, my-key"), again) == 0, "twice: %s: %s",
		      again, out);
	}
}

#define COMPARE(samples, json) compare(samples, sizeof(samples) / sizeof(samples[0]), json)

static void pairs(void)
{
	static const struct sample samples[] = {
		{ "password=hunter2", "password=[Filtered]" },
		{ "user=bob password=hunter2 host=db", "user=bob password=[Filtered] host=db" },
		{ "PASSWORD = hunter2", "PASSWORD = [Filtered]" },
		{ "db.passwd: hunter2", "db.passwd: [Filtered]" },
		{ "api_key=abc&x=1", "api_key=[Filtered]&x=1" },
		{ "apiKey: abc, more", "apiKey: [Filtered], more" },
		{ "X-Api-Key: abc", "X-Api-Key: [Filtered]" },
		{ "GET /a?access_token=abc&b=2 HTTP/1.1", "GET /a?access_token=[Filtered]&b=2 HTTP/1.1" },
		{ "client_secret='a b c' d", "client_secret='[Filtered]' d" },
		{ "{\"secret\": \"a b\", \"k\": 1}", "{\"secret\": \"[Filtered]\", \"k\": 1}" },
		{ "{'password': 'x y'}", "{'password': '[Filtered]'}" },
		{ ":password => \"x\"", ":password => \"[Filtered]\"" },
		{ "--password=abc --user=me", "--password=[Filtered] --user=me" },
		{ "auth=abc", "auth=[Filtered]" },
		{ "sessionid=12;path=/", "sessionid=[Filtered];path=/" },
		{ "PHPSESSID=12 x", "PHPSESSID=[Filtered] x" },
		{ "privateKey=abc", "privateKey=[Filtered]" },
		{ "credentials: abc", "credentials: [Filtered]" },
		{ "token=a token=b", "token=[Filtered] token=[Filtered]" },
		{ "userToken: abc", "userToken: [Filtered]" },
		{ "zebra=1", "zebra=[Filtered]" },
		{ "THE_MY_KEY: x", "THE_MY_KEY: [Filtered]" },
		{ "password=", NULL },
		{ "Enter password:", NULL },
		{ "password == NULL", NULL },
		{ "password != x", NULL },
		{ "author: Kim", NULL },
		{ "max_tokens=100", NULL },
		{ "tokenizer: fast", NULL },
		{ "std::secret::value", NULL },
		{ "user=bob", NULL },
		{ "a=b", NULL },
		{ "=", NULL },
		{ "::", NULL },
		{ "passed=3 compass=4", NULL },
	};

	COMPARE(samples, false);
}

static void headers(void)
{
	static const struct sample samples[] = {
		{ "Authorization: Basic dXNlcjpwYXNz", "Authorization: [Filtered]" },
		{ "authorization: Digest username=\"x\", response=\"y\"\nHost: a",
		  "authorization: [Filtered]\nHost: a" },
		{ "Proxy-Authorization: Bearer abc def", "Proxy-Authorization: [Filtered]" },
		{ "Cookie: a=b; c=d\r\nAccept: */*", "Cookie: [Filtered]\r\nAccept: */*" },
		{ "Set-Cookie: id=7; Path=/", "Set-Cookie: [Filtered]" },
		{ "curl -H 'Authorization: Token abc' http://x/",
		  "curl -H 'Authorization: [Filtered]' http://x/" },
		{ "sent Bearer abcdefgh.ijk-lmn to x", "sent Bearer [Filtered] to x" },
		{ "the bearer of this letter", NULL },
		{ "Accept: text/html", NULL },
	};

	COMPARE(samples, false);
}

static void urls(void)
{
	static const struct sample samples[] = {
		{ "postgres://bob:hunter2@db:5432/shop", "postgres://bob:[Filtered]@db:5432/shop" },
		{ "to https://u:p@q@h/x?y=1 ok", "to https://u:[Filtered]@h/x?y=1 ok" },
		{ "redis://:secret@h", "redis://:[Filtered]@h" },
		{ "http://h:80/a@b", NULL },
		{ "http://user@h/", NULL },
		{ "http://h/?a=b:c@d", NULL },
		{ "http://", NULL },
	};

	COMPARE(samples, false);
}

static void looks(void)
{
	static const struct sample samples[] = {
		{ "key AKIAIOSFODNN7EXAMPLE used", "key [Filtered] used" },
		{ "ASIAIOSFODNN7EXAMPLE", "[Filtered]" },
		{ "AKIAIOSFODNN7EXAMPLEX", NULL },
		{ "XAKIAIOSFODNN7EXAMPLE", NULL },
		{ "jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_ end", "jwt [Filtered] end" },
		{ "eyJhbGciOiJIUzI1NiJ9", NULL },
		{ "-----BEGIN RSA PRIVATE KEY-----\nMIIB\nabc\n-----END RSA PRIVATE KEY-----\nrest",
		  "[Filtered]\nrest" },
		{ "-----BEGIN PRIVATE KEY-----\nMIIB", "[Filtered]" },
		{ "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", NULL },
		{ "card 4111 1111 1111 1111.", "card [Filtered]." },
		{ "card 4111-1111-1111-1111 and 5500005555555559",
		  "card [Filtered] and [Filtered]" },
		{ "378282246310005", "[Filtered]" },
		{ "4111111111111112", NULL }, /* the sum is wrong */
		{ "41111111111111111111111", NULL },
		{ "x4111111111111111", NULL },
		{ "4111111111111111x", NULL },
		{ "0.4111111111111111", NULL },
		{ "1700000000000000000", NULL },
		{ "0000000000000000", NULL },
		{ "2026-11-22 10:55:54.123456789", NULL },
	};

	COMPARE(samples, false);
}

static void json(void)
{
	static const struct sample samples[] = {
		{ "{\"password\":\"a\\\"b\",\"x\":1}", "{\"password\":\"[Filtered]\",\"x\":1}" },
		{ "{\"token\":12345,\"x\":1}", "{\"token\":\"[Filtered]\",\"x\":1}" },
		{ "{\"token\" : [1,\"]\",{\"a\":2}] , \"x\":1}", "{\"token\" : \"[Filtered]\" , \"x\":1}" },
		{ "{\"secret\":{\"a\":\"}\"}}", "{\"secret\":\"[Filtered]\"}" },
		{ "{\"secret\":null,\"auth\":true,\"token\":\"\"}", NULL },
		{ "{\"m\":\"password=abc\\\" d\"}", "{\"m\":\"password=[Filtered]\\\" d\"}" },
		{ "{\"m\":\"a\\npassword=x\\\\y z\"}", "{\"m\":\"a\\npassword=[Filtered] z\"}" },
		{ "{\"m\":\"a\\nauth=x\"}", "{\"m\":\"a\\nauth=[Filtered]\"}" },
		{ "{\"m\":\"{\\\"password\\\": \\\"a b\\\"} c\"}",
		  "{\"m\":\"{\\\"password\\\": \\\"[Filtered]\\\"} c\"}" },
		{ "{\"m\":\"Cookie: a=b\\nX: y\"}", "{\"m\":\"Cookie: [Filtered]\\nX: y\"}" },
		{ "[\"http://a:b@c/\"]", "[\"http://a:[Filtered]@c/\"]" },
		{ "{\"n\":4111111111111111,\"o\":\"4111111111111111\"}",
		  "{\"n\":\"[Filtered]\",\"o\":\"[Filtered]\"}" },
		{ "[4111111111111111.0,-4111111111111111,4111111111111111e1]", NULL },
		{ "[\"password\",\"=x\"]", NULL },
		{ "{\"password\":\"[Filtered]\"}", NULL },
		{ "{\"authorization\":\"Bearer abcdefghi\"}", "{\"authorization\":\"[Filtered]\"}" },
		{ "[\"\\u0041password=\\u0042\\u0043 x\"]", "[\"\\u0041password=[Filtered] x\"]" },
		{ "{\"ok\":\"fine\",\"n\":[1,2.5,\"x\"]}", NULL },
	};

	COMPARE(samples, true);
}

/* Nothing takes longer than linear: many beginnings, none of which is a secret. */
static void long_texts(void)
{
	static const char *const pieces[] = { "eyJ", "http://", "-----BEGIN PRIVATE ", "1 1 ",
					      "bearer ", "a:b@", "\"a\":{", "password= " };
	static char text[300000];

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		size_t bytes = strlen(pieces[i]), length = 0;
		struct ta_scrub_walk walk;
		struct ta_secret secret;

		for (; length + bytes < sizeof(text); length += bytes)
			memcpy(text + length, pieces[i], bytes);
		for (int as_json = 0; as_json < 2; as_json++) {
			ta_scrub_begin(&walk, text, length, as_json, "a,b,c");
			while (ta_scrub_next(&walk, &secret))
				check(secret.at + secret.bytes <= length, "%s", pieces[i]);
			check(walk.at >= length, "%s: stopped at %zu", pieces[i], walk.at);
		}
	}
}

int main(void)
{
	check_group("pairs", pairs);
	check_group("headers", headers);
	check_group("urls", urls);
	check_group("looks", looks);
	check_group("json", json);
	check_group("long-texts", long_texts);
	return check_status();
}
