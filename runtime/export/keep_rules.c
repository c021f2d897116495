/* SPDX-License-Identifier: MIT */
/*
 * keep_rules.c - TAGALONG_KEEP as a list of rules, and patterns.
 *
 * Runs: agent, at start.
 */
#include "runtime/export/keep_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/export/pairs.h"
#include "runtime/wire/sampler.h"

#define RULES_MAX 256u
#define SECONDS_MAX 1000000000u /* a second is 1e9 ns: far from the end of uint64_t */
#define ALLOWED "errors, slow:250ms, rate:0.05, tag:KEY=VALUE, name:PATTERN, service:PATTERN, all, none"

/* ---- patterns ---- */

bool ta_pattern_fits(const char *pattern, size_t pattern_bytes, const char *text,
		     size_t text_bytes)
{
	size_t at = 0, in = 0, star = SIZE_MAX, retry = 0;

	while (in < text_bytes) {
		if (at < pattern_bytes && pattern[at] == '*') {
			star = ++at;
			retry = in;
		} else if (at < pattern_bytes && (pattern[at] == '?' || pattern[at] == text[in])) {
			at++;
			in++;
		} else if (star != SIZE_MAX) {
			at = star;
			in = ++retry;
		} else {
			return false;
		}
	}
	while (at < pattern_bytes && pattern[at] == '*')
		at++;
	return at == pattern_bytes;
}

/* ---- one rule ---- */

/* A part of the text: not terminated. */
struct part {
	const char *text;
	size_t bytes;
};

static struct part trim(struct part part)
{
	ta_trim(&part.text, &part.bytes);
	return part;
}

/* What is behind "word:"; false when it is another rule. */
static bool behind(struct part part, const char *word, struct part *ret_rest)
{
	size_t bytes = strlen(word);

	if (part.bytes <= bytes || part.text[bytes] != ':' ||
	    strncasecmp(part.text, word, bytes) != 0)
		return false;
	*ret_rest = trim((struct part){ part.text + bytes + 1, part.bytes - bytes - 1 });
	return true;
}

static bool is_word(struct part part, const char *word)
{
	return part.bytes == strlen(word) && strncasecmp(part.text, word, part.bytes) == 0;
}

/* Nanoseconds of a unit; 0 when it is none. */
static uint64_t unit_of(struct part part)
{
	if (!part.bytes || is_word(part, "ms"))
		return 1000000;
	if (is_word(part, "s"))
		return 1000000000;
	return is_word(part, "us") || is_word(part, "\xc2\xb5s") ? 1000 : 0;
}

/* "250ms", "1.5s", "250".  Digits behind the point that are less than a nanosecond do not
 * count. */
static bool read_time(struct part part, uint64_t *ret_ns)
{
	uint64_t whole = 0, digit_ns, ns;
	size_t at = 0, digits = 0, end;

	for (end = 0; end < part.bytes && (part.text[end] == '.' ||
					   (part.text[end] >= '0' && part.text[end] <= '9'));)
		end++;
	digit_ns = unit_of((struct part){ part.text + end, part.bytes - end });
	if (!digit_ns)
		return false;
	for (; at < end && part.text[at] != '.' && whole <= SECONDS_MAX; at++, digits++)
		whole = whole * 10 + (uint64_t)(part.text[at] - '0');
	ns = whole * digit_ns;
	if (at < end && part.text[at] == '.')
		at++;
	for (; at < end && part.text[at] != '.'; at++, digits++) {
		digit_ns /= 10;
		ns += digit_ns * (uint64_t)(part.text[at] - '0');
	}
	*ret_ns = ns;
	return at == end && digits && whole <= SECONDS_MAX;
}

static bool read_share(struct part part, uint64_t *ret_threshold)
{
	char text[64];
	double share;

	if (part.bytes >= sizeof(text))
		return false;
	memcpy(text, part.text, part.bytes);
	text[part.bytes] = '\0';
	if (!ta_config_rate(text, &share))
		return false;
	*ret_threshold = ta_sampler_threshold(share);
	return true;
}

/* A decoded copy.  Returns 0, -EINVAL or -ENOMEM. */
static int read_text(struct part part, char **ret_text, size_t *ret_bytes)
{
	struct ta_buf buf = { 0 };
	bool good;

	part = trim(part);
	good = part.bytes && ta_percent_decode(&buf, part.text, part.bytes);
	if (!good || buf.failed) {
		ta_buf_fini(&buf);
		return good ? -ENOMEM : -EINVAL;
	}
	*ret_bytes = buf.bytes;
	*ret_text = malloc(buf.bytes);
	if (*ret_text)
		memcpy(*ret_text, buf.data, buf.bytes);
	ta_buf_fini(&buf);
	return *ret_text ? 0 : -ENOMEM;
}

static int read_pattern(struct ta_rule *rule, enum ta_rule_kind kind, struct part part)
{
	rule->kind = kind;
	return read_text(part, &rule->pattern, &rule->pattern_bytes);
}

/* An empty value is one. */
static int read_tag(struct ta_rule *rule, struct part part)
{
	const char *equals = memchr(part.text, '=', part.bytes);
	struct part value;
	int error;

	if (!equals)
		return -EINVAL;
	value = trim((struct part){ equals + 1, (size_t)(part.text + part.bytes - equals - 1) });
	error = read_text((struct part){ part.text, (size_t)(equals - part.text) }, &rule->key,
			  &rule->key_bytes);
	rule->kind = TA_RULE_TAG;
	if (error || !value.bytes)
		return error;
	return read_pattern(rule, TA_RULE_TAG, value);
}

static int read_rule(struct ta_rule *rule, struct part part)
{
	static const char *const words[] = { "all", "none", "errors" };
	static const enum ta_rule_kind kinds[] = { TA_RULE_ALL, TA_RULE_NONE, TA_RULE_ERRORS };
	struct part rest;

	*rule = (struct ta_rule){ 0 };
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (is_word(part, words[i])) {
			rule->kind = kinds[i];
			return 0;
		}
	}
	if (behind(part, "slow", &rest)) {
		rule->kind = TA_RULE_SLOW;
		return read_time(rest, &rule->number) ? 0 : -EINVAL;
	}
	if (behind(part, "rate", &rest)) {
		rule->kind = TA_RULE_RATE;
		return read_share(rest, &rule->number) ? 0 : -EINVAL;
	}
	if (behind(part, "tag", &rest))
		return read_tag(rule, rest);
	if (behind(part, "name", &rest))
		return read_pattern(rule, TA_RULE_NAME, rest);
	if (behind(part, "service", &rest))
		return read_pattern(rule, TA_RULE_SERVICE, rest);
	return -EINVAL;
}

/* ---- the list ---- */

static void free_rule(struct ta_rule *rule)
{
	free(rule->key);
	free(rule->pattern);
}

static void insert(struct ta_rules *rules, const struct ta_rule *rule)
{
	uint32_t at = rules->count++;

	for (; at && rules->items[at - 1].kind > rule->kind; at--)
		rules->items[at] = rules->items[at - 1];
	rules->items[at] = *rule;
}

static void describe(const char *variable, struct part part, char *error, size_t error_bytes)
{
	int shown = part.bytes > 60 ? (int)ta_utf8_cut(part.text, 60) : (int)part.bytes;

	snprintf(error, error_bytes,
		 "%s: '%.*s' is not understood, so everything is kept. Allowed: " ALLOWED ".",
		 variable, shown, part.text);
	for (char *c = error; *c; c++) /* for a log: one line */
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
}

/* Returns 0, -EINVAL or -ENOMEM. */
static int add_rule(struct ta_rules *rules, struct part part)
{
	struct ta_rule rule;
	int failed = read_rule(&rule, part);

	if (!failed && rules->count == RULES_MAX)
		failed = -EINVAL;
	if (!failed)
		insert(rules, &rule);
	else
		free_rule(&rule);
	return failed;
}

int ta_rules_read(struct ta_rules *rules, const char *variable, const char *text, char *error,
		  size_t error_bytes)
{
	int failed = 0;

	*rules = (struct ta_rules){ calloc(RULES_MAX, sizeof(struct ta_rule)), 0 };
	if (!rules->items)
		return -ENOMEM;
	while (*text && !failed) {
		size_t bytes = strcspn(text, ",");
		struct part part = trim((struct part){ text, bytes });

		if (part.bytes)
			failed = add_rule(rules, part);
		if (failed == -EINVAL)
			describe(variable, part, error, error_bytes);
		text += bytes + (text[bytes] == ',');
	}
	if (failed)
		ta_rules_fini(rules);
	return failed;
}

void ta_rules_fini(struct ta_rules *rules)
{
	for (uint32_t i = 0; i < rules->count; i++)
		free_rule(&rules->items[i]);
	free(rules->items);
	*rules = (struct ta_rules){ 0 };
}

bool ta_rules_have(const struct ta_rules *rules, enum ta_rule_kind kind)
{
	for (uint32_t i = 0; i < rules->count; i++)
		if (rules->items[i].kind == kind)
			return true;
	return false;
}
