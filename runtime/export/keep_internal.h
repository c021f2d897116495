/* SPDX-License-Identifier: MIT */
/*
 * keep_internal.h - what the files of tail sampling share: keep.c decides, keep_rules.c
 * reads rules, keep_traces.c remembers traces.  Nothing else includes this.
 */
#ifndef TA_EXPORT_KEEP_INTERNAL_H
#define TA_EXPORT_KEEP_INTERNAL_H

#include "runtime/export/keep.h"

/* In the order in which they are asked: the cheap ones first. */
enum ta_rule_kind {
	TA_RULE_ALL,
	TA_RULE_NONE,
	TA_RULE_RATE,
	TA_RULE_SLOW,
	TA_RULE_SERVICE,
	TA_RULE_ERRORS,
	TA_RULE_NAME,
	TA_RULE_TAG,
};

struct ta_rule {
	enum ta_rule_kind kind;
	uint64_t number; /* SLOW: ns; RATE: threshold */
	char *key;	 /* TAG */
	char *pattern;	 /* TAG, NAME, SERVICE */
	size_t key_bytes, pattern_bytes;
};

struct ta_rules {
	struct ta_rule *items; /* by kind */
	uint32_t count;
};

/* Returns 0, -EINVAL with a sentence in error, or -ENOMEM; no rules but for 0. */
int ta_rules_read(struct ta_rules *rules, const char *variable, const char *text, char *error,
		  size_t error_bytes);
void ta_rules_fini(struct ta_rules *rules);
bool ta_rules_have(const struct ta_rules *rules, enum ta_rule_kind kind);

/* Whether text is like pattern: * is any bytes, ? is any byte. */
bool ta_pattern_fits(const char *pattern, size_t pattern_bytes, const char *text,
		     size_t text_bytes);

/* The last TA_KEEP_REMEMBERED traces that were put in. */
struct ta_traces;

struct ta_traces *ta_traces_new(void);
void ta_traces_free(struct ta_traces *traces);
bool ta_traces_have(const struct ta_traces *traces, uint64_t hi, uint64_t lo);
void ta_traces_put(struct ta_traces *traces, uint64_t hi, uint64_t lo);

#endif
