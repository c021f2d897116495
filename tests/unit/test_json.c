/* SPDX-License-Identifier: MIT */
/*
 * test_json.c - JSON texts checked and taken apart.
 *
 * What is valid is decided by RFC 8259; where cJSON is strict too it has to agree.
 */
#include <cjson/cJSON.h>

#include "runtime/protocol/json.h"
#include "tests/unit/check.h"

static const char *const valid_texts[] = {
	"null",
	"true",
	"false",
	"0",
	"-0",
	"-1.5e+10",
	"1E5",
	"123456789012345678901234567890",
	"\"\"",
	"\"a\\\"b\\\\c\\/\\b\\f\\n\\r\\t\\u00e9\"",
	"\"\xc3\xa9\"",
	"[]",
	"{}",
	" [ ] ",
	"\t{ }\r\n",
	"[1,2,3]",
	"[[],{},[{}],\"\"]",
	"{\"a\":1,\"b\":[true,null],\"c\":{\"d\":\"e\"}}",
	" { \"a\" : 1 , \"b\" : [ 1 , 2 ] } ",
	"{\"\":\"\"}",
	"{\"a\":1,\"a\":2}",
	"[0.1,1e1,1e-1,-0.0]",
};

static const char *const broken_texts[] = {
	"",
	" ",
	"nul",
	"nulll",
	"True",
	"+1",
	"-",
	".5",
	"1.",
	"1e",
	"1e+",
	"0x10",
	"01",
	"-01",
	"NaN",
	"\"",
	"\"abc",
	"\"\\x\"",
	"\"\\u12g4\"",
	"\"\\u12",
	"\"\\",
	"\"a\nb\"",
	"'a'",
	"[",
	"]",
	"[1",
	"[1,",
	"[1,]",
	"[,1]",
	"[1 2]",
	"[}",
	"{",
	"{]",
	"{\"a\"",
	"{\"a\"}",
	"{\"a\":",
	"{\"a\":}",
	"{\"a\":1",
	"{\"a\":1,",
	"{\"a\":1,}",
	"{\"a\" 1}",
	"{a:1}",
	"{1:1}",
	"{,}",
	"{\"a\":1]",
	"[1}",
	"1 1",
	"{} {}",
	"[]x",
	"//c\n1",
	"\xef\xbb\xbf{}",
};

/* These cJSON takes all the same. */
static bool lax_in_cjson(const char *text)
{
	static const char *const taken[] = { "+1", "-", ".5", "1.", "1e", "1e+", "01", "-01",
					     "\"a\nb\"", "\xef\xbb\xbf{}", "0x10",
					     "\"\\u12g4\"" };

	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		if (strcmp(taken[i], text) == 0)
			return true;
	return false;
}

static bool cjson_valid(const char *text)
{
	cJSON *tree = cJSON_ParseWithOpts(text, NULL, true);
	bool valid = tree != NULL;

	cJSON_Delete(tree);
	return valid;
}

/* In memory of exactly its size, so that a sanitizer sees every byte too far. */
static bool valid(const char *text, size_t bytes)
{
	char *copy = malloc(bytes ? bytes : 1);
	bool result;

	memcpy(copy, text, bytes);
	result = ta_json_valid(copy, bytes);
	free(copy);
	return result;
}

static void what_is_valid(void)
{
	for (size_t i = 0; i < sizeof(valid_texts) / sizeof(valid_texts[0]); i++) {
		check(valid(valid_texts[i], strlen(valid_texts[i])), "%s", valid_texts[i]);
		check(cjson_valid(valid_texts[i]), "cJSON: %s", valid_texts[i]);
	}
	for (size_t i = 0; i < sizeof(broken_texts) / sizeof(broken_texts[0]); i++) {
		check(!valid(broken_texts[i], strlen(broken_texts[i])), "%s", broken_texts[i]);
		if (!lax_in_cjson(broken_texts[i]))
			check(!cjson_valid(broken_texts[i]), "cJSON: %s", broken_texts[i]);
	}
	check(!valid("\"a\0b\"", 5), "a NUL inside");
	check(!valid("\"\\\0\"", 4), "an escaped NUL");
	check(!valid("1\0", 2), "a NUL behind");
}

/* Every beginning of a valid text that cJSON calls whole is one, and no other. */
static void beginnings(void)
{
	static const char text[] =
		"{\"a\":[1,-2.5e3,\"x\\u0041\\n\",{\"b\":null},[],{}],\"c\":true,\"d\":\"\"}";
	char part[sizeof(text)];

	for (size_t bytes = 0; bytes < sizeof(text); bytes++) {
		memcpy(part, text, bytes);
		part[bytes] = '\0';
		check(valid(part, bytes) == cjson_valid(part), "%s", part);
	}
}

/* Random changes of one byte: whatever we call valid is so for cJSON. */
static void changed_bytes(void)
{
	static const char text[] = "{\"a\":[1,-2.5e3,\"x\\u0041\\n\",{\"b\":null},[]],\"c\":true}";
	static const char bytes[] = "{}[]\",:\\u0n1e-.tfa ";
	char changed[sizeof(text)];
	unsigned int agreed = 0;

	for (size_t at = 0; at + 1 < sizeof(text); at++)
		for (size_t i = 0; i + 1 < sizeof(bytes); i++) {
			memcpy(changed, text, sizeof(text));
			changed[at] = bytes[i];
			if (!valid(changed, sizeof(text) - 1))
				continue;
			agreed++;
			check(cjson_valid(changed), "%s", changed);
		}
	check(agreed > 50, "%u", agreed);
}

static void nest(char *text, unsigned int depth, const char *open, const char *close)
{
	text[0] = '\0';
	for (unsigned int i = 0; i < depth; i++)
		strcat(text, open);
	strcat(text, "1");
	for (unsigned int i = 0; i < depth; i++)
		strcat(text, close);
}

static void depth(void)
{
	char text[2048];

	nest(text, TA_JSON_DEPTH_MAX, "[", "]");
	check(valid(text, strlen(text)), "%s", text);
	nest(text, TA_JSON_DEPTH_MAX + 1, "[", "]");
	check(!valid(text, strlen(text)), "%s", text);
	nest(text, TA_JSON_DEPTH_MAX, "{\"k\":", "}");
	check(valid(text, strlen(text)), "%s", text);
	nest(text, TA_JSON_DEPTH_MAX + 1, "{\"k\":", "}");
	check(!valid(text, strlen(text)), "%s", text);
	nest(text, TA_JSON_DEPTH_MAX / 2, "{\"k\":[", "]}");
	check(valid(text, strlen(text)), "%s", text);
	nest(text, TA_JSON_DEPTH_MAX / 2, "{\"k\":[", "}]");
	check(!valid(text, strlen(text)), "%s", text);
}

static void kinds(void)
{
	check_same(ta_json_kind(" {}", 3), TA_JSON_OBJECT);
	check_same(ta_json_kind("[1]", 3), TA_JSON_ARRAY);
	check_same(ta_json_kind("\n\"\"", 3), TA_JSON_STRING);
	check_same(ta_json_kind("-1", 2), TA_JSON_NUMBER);
	check_same(ta_json_kind("7", 1), TA_JSON_NUMBER);
	check_same(ta_json_kind("true", 4), TA_JSON_BOOL);
	check_same(ta_json_kind("false", 5), TA_JSON_BOOL);
	check_same(ta_json_kind("null", 4), TA_JSON_NULL);
	check_same(ta_json_kind("", 0), TA_JSON_NONE);
	check_same(ta_json_kind("  ", 2), TA_JSON_NONE);
	check_same(ta_json_kind("x", 1), TA_JSON_NONE);
}

/* Members as "key=value;". */
static const char *walked(const char *text)
{
	static char out[512];
	struct ta_json_walk walk;
	struct ta_json_slice key, value;
	size_t used = 0;

	if (!ta_json_walk(&walk, text, strlen(text)))
		return "no walk";
	out[0] = '\0';
	while (ta_json_next(&walk, &key, &value))
		used += (size_t)snprintf(out + used, sizeof(out) - used, "%.*s=%.*s;",
					 (int)key.bytes, key.text, (int)value.bytes, value.text);
	if (walk.broken)
		snprintf(out + used, sizeof(out) - used, "broken");
	check(!ta_json_next(&walk, &key, &value), "%s goes on after its end", text);
	return out;
}

static void walks(void)
{
	check_text(walked("{}"), "");
	check_text(walked(" [ ] "), "");
	check_text(walked("{\"a\":1,\"b\\n\" : [ 1, {\"x\":2} ] , \"\":\"s\\\"\"}"),
		   "a=1;b\\n=[ 1, {\"x\":2} ];=\"s\\\"\";");
	check_text(walked("[1, \"two\" ,[3],null]"), "=1;=\"two\";=[3];=null;");
	check_text(walked("7"), "no walk");
	check_text(walked(""), "no walk");
	check_text(walked("[1,x]"), "=1;broken");
	check_text(walked("[1 2]"), "=1;broken");
	check_text(walked("[1,]"), "=1;broken");
	check_text(walked("[,1]"), "broken");
	check_text(walked("{\"a\":1,\"b\"}"), "a=1;broken");
	check_text(walked("{\"a\":1,b:2}"), "a=1;broken");
}

static const char *unescaped(const char *text, size_t capacity)
{
	static char out[256];
	size_t bytes = ta_json_unescape(text, strlen(text), out, capacity);

	check(bytes <= capacity, "%zu of %zu", bytes, capacity);
	out[bytes] = '\0';
	return out;
}

static void escapes(void)
{
	check_text(unescaped("plain", 64), "plain");
	check_text(unescaped("\\\"\\\\\\/\\b\\f\\n\\r\\t", 64), "\"\\/\b\f\n\r\t");
	check_text(unescaped("\\u0041\\u00e9\\u20AC", 64), "A\xc3\xa9\xe2\x82\xac");
	check_text(unescaped("\\ud83d\\ude00!", 64), "\xf0\x9f\x98\x80!");
	check_text(unescaped("\\ud83d!", 64), "\xef\xbf\xbd!");
	check_text(unescaped("\\ude00!", 64), "\xef\xbf\xbd!");
	check_text(unescaped("\\ud83d\\u0041", 64), "\xef\xbf\xbd"
						     "A");
	check_text(unescaped("\\ud83d\\ud83d\\ude00", 64), "\xef\xbf\xbd\xf0\x9f\x98\x80");
	check_text(unescaped("\\u12", 64), "\xef\xbf\xbd"
					   "12");
	check_text(unescaped("\\", 64), "\xef\xbf\xbd");
	check_text(unescaped("ab\\u00e9", 3), "ab");
	check_text(unescaped("ab\xc3\xa9", 3), "ab");
	check_text(unescaped("ab\xc3\xa9", 4), "ab\xc3\xa9");
	check_text(unescaped("abcd", 3), "abc");
	check_text(unescaped("abcd", 0), "");
	check_same(ta_json_unescape("a\\u0000b", 8, (char[8]){ 0 }, 8), 3);
}

static bool key_is(const char *key, const char *name)
{
	return ta_json_key_is((struct ta_json_slice){ key, strlen(key) }, name);
}

static void keys(void)
{
	check(key_is("id", "id"), "plain");
	check(key_is("\\u0069d", "id"), "escaped");
	check(!key_is("id2", "id"), "longer");
	check(!key_is("\\u0069d2", "id"), "longer, escaped");
	check(!key_is("i", "id"), "shorter");
	check(key_is("", ""), "empty");
}

static bool number(const char *text, int64_t *ret_number)
{
	*ret_number = 0;
	return ta_json_int((struct ta_json_slice){ text, strlen(text) }, ret_number);
}

static void numbers(void)
{
	int64_t value;

	check(number("0", &value) && value == 0, "0");
	check(number("-0", &value) && value == 0, "-0");
	check(number("9007199254740993", &value) && value == 9007199254740993, "beyond a double");
	check(number("9223372036854775807", &value) && value == INT64_MAX, "largest");
	check(number("-9223372036854775808", &value) && value == INT64_MIN, "smallest");
	check(!number("9223372036854775808", &value), "too large");
	check(!number("-9223372036854775809", &value), "too small");
	check(!number("99999999999999999999999", &value), "far too large");
	check(!number("1.0", &value), "fraction");
	check(!number("1e2", &value), "exponent");
	check(!number("\"1\"", &value), "string");
	check(!number("-", &value), "sign");
	check(!number("", &value), "nothing");
}

int main(void)
{
	check_group("what is valid", what_is_valid);
	check_group("beginnings of a text", beginnings);
	check_group("changed bytes", changed_bytes);
	check_group("depth", depth);
	check_group("kinds", kinds);
	check_group("walks", walks);
	check_group("escapes", escapes);
	check_group("keys", keys);
	check_group("numbers", numbers);
	return check_status();
}
