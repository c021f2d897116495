/* SPDX-License-Identifier: MIT */
/*
 * sampler.c - head sampling, as it was configured.
 *
 * Runs: host (in the constructor) and agent.  Pure: no allocation, no stdio, no locale.
 */
#include "runtime/wire/sampler.h"

#include <string.h>

#define NEVER (1ull << 56)
#define SAMPLER "OTEL_TRACES_SAMPLER"
#define SAMPLER_ARG "OTEL_TRACES_SAMPLER_ARG"
#define ALLOWED                                                                                    \
	"always_on|always_off|traceidratio|parentbased_always_on|parentbased_always_off|"          \
	"parentbased_traceidratio"

enum base { BASE_UNKNOWN, ALWAYS_ON, ALWAYS_OFF, RATIO };

static bool same_word(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if ((*a >= 'A' && *a <= 'Z' ? *a | 0x20 : *a) != *b)
			return false;
	return *a == *b;
}

static bool has_prefix(const char *text, const char *prefix)
{
	char beginning[16];
	size_t bytes = strlen(prefix);

	if (strlen(text) < bytes || bytes >= sizeof(beginning))
		return false;
	memcpy(beginning, text, bytes);
	beginning[bytes] = '\0';
	return same_word(beginning, prefix);
}

static enum base base_of(const char *word)
{
	if (same_word(word, "always_on"))
		return ALWAYS_ON;
	if (same_word(word, "always_off"))
		return ALWAYS_OFF;
	return same_word(word, "traceidratio") ? RATIO : BASE_UNKNOWN;
}

static void tell(ta_config_warn_fn *warn, void *user, const char *variable, const char *value,
		 const char *allowed, const char *used)
{
	if (warn)
		warn(user, &(struct ta_config_warning){ variable, value, allowed, used });
}

/* The ratio; 1 when there is none, or one that is not understood. */
static double read_ratio(const char *text, ta_config_warn_fn *warn, void *user)
{
	double ratio = 1;

	if (*text && !ta_config_rate(text, &ratio))
		tell(warn, user, SAMPLER_ARG, text, "0 to 1", "1");
	return ratio;
}

uint64_t ta_sampler_threshold(double share)
{
	if (!(share < 1))
		return 0;
	return share > 0 ? (uint64_t)((1 - share) * 0x1p56) : NEVER;
}

struct ta_sampler ta_sampler_load(const struct ta_config *config, ta_config_warn_fn *warn,
				  void *user)
{
	bool parent_based = has_prefix(config->sampler, "parentbased_");
	const char *word = config->sampler + (parent_based ? strlen("parentbased_") : 0);
	enum base base = base_of(word);
	struct ta_sampler sampler = { .parent_based = parent_based };

	if (base == BASE_UNKNOWN) {
		if (*config->sampler)
			tell(warn, user, SAMPLER, config->sampler, ALLOWED,
			     "parentbased_traceidratio");
		sampler.parent_based = true;
		sampler.threshold = ta_sampler_threshold(config->traces_sample_rate);
	} else if (base == RATIO) {
		sampler.threshold = ta_sampler_threshold(read_ratio(config->sampler_arg, warn, user));
	} else {
		sampler.threshold = base == ALWAYS_OFF ? NEVER : 0;
	}
	return sampler;
}
