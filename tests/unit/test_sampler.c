/* SPDX-License-Identifier: MIT */
/*
 * test_sampler.c - head sampling: which settings mean what, exact thresholds, and whose
 * decision goes first.
 */
#include "runtime/wire/sampler.h"

#include <math.h>

#include "tests/unit/check.h"

#define NEVER (1ull << 56)
#define BITS (NEVER - 1)

/* The last warning, and how many there were. */
static struct {
	char variable[64], value[64], allowed[128], used[64];
	int count;
} warned;

static void note(void *user, const struct ta_config_warning *warning)
{
	check(user == &warned, "not our user");
	snprintf(warned.variable, sizeof(warned.variable), "%s", warning->variable);
	snprintf(warned.value, sizeof(warned.value), "%s", warning->value);
	snprintf(warned.allowed, sizeof(warned.allowed), "%s", warning->allowed);
	snprintf(warned.used, sizeof(warned.used), "%s", warning->used);
	warned.count++;
}

static struct ta_sampler load(const char *sampler, const char *arg, double rate)
{
	struct ta_config config = { .sampler = sampler,
				    .sampler_arg = arg,
				    .traces_sample_rate = rate };

	memset(&warned, 0, sizeof(warned));
	return ta_sampler_load(&config, note, &warned);
}

static void names(void)
{
	static const struct {
		const char *name;
		uint64_t threshold;
		bool parent_based;
	} rows[] = {
		{ "always_on", 0, false },
		{ "always_off", NEVER, false },
		{ "traceidratio", NEVER / 4 * 3, false },
		{ "parentbased_always_on", 0, true },
		{ "parentbased_always_off", NEVER, true },
		{ "parentbased_traceidratio", NEVER / 4 * 3, true },
		{ "ALWAYS_ON", 0, false },
		{ "Always_Off", NEVER, false },
		{ "TraceIdRatio", NEVER / 4 * 3, false },
		{ "ParentBased_Always_On", 0, true },
		{ "PARENTBASED_ALWAYS_OFF", NEVER, true },
		{ "parentbased_TRACEIDRATIO", NEVER / 4 * 3, true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		/* The other share is for OTEL_TRACES_SAMPLER unset only. */
		struct ta_sampler sampler = load(rows[i].name, "0.25", 0.5);

		check(sampler.threshold == rows[i].threshold, "%s: %llx", rows[i].name,
		      (unsigned long long)sampler.threshold);
		check(sampler.parent_based == rows[i].parent_based, "%s", rows[i].name);
		check(warned.count == 0, "%s: %s", rows[i].name, warned.variable);
	}
}

static void unset(void)
{
	struct ta_sampler sampler = load("", "0.25", 0.5);

	check_same(sampler.threshold, NEVER / 2);
	check_same(sampler.parent_based, true);
	check_same(warned.count, 0);
	check_same(load("", "", 1).threshold, 0);
	check_same(load("", "", 0).threshold, NEVER);
}

static void unknown_names(void)
{
	static const char *const rows[] = { "always",	     "on",
					    "always_on ",    " always_on",
					    "always_onn",    "alwayson",
					    "jaeger_remote", "xray",
					    "parentbased_",  "parentbased",
					    "parentbased_x", "parentbased_jaeger_remote",
					    "traceidratio:0.5", "parentbased_parentbased_always_on" };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ta_sampler sampler = load(rows[i], "0.25", 0.5);

		check(sampler.threshold == NEVER / 2 && sampler.parent_based, "%s", rows[i]);
		check(warned.count == 1, "%s: %d warnings", rows[i], warned.count);
		check_text(warned.variable, "OTEL_TRACES_SAMPLER");
		check_text(warned.value, rows[i]);
		check_text(warned.used, "parentbased_traceidratio");
		check(strstr(warned.allowed, "parentbased_always_off"), "%s", warned.allowed);
	}
}

static void arguments(void)
{
	static const struct {
		const char *arg;
		uint64_t threshold;
		int warnings;
	} rows[] = {
		{ "", 0, 0 },	       { "1", 0, 0 },	  { "1.0", 0, 0 },
		{ "0", NEVER, 0 },     { "0.0", NEVER, 0 }, { "0.5", NEVER / 2, 0 },
		{ ".125", NEVER / 8 * 7, 0 }, { "1.5", 0, 1 },  { "-0.5", 0, 1 },
		{ "50%", 0, 1 },       { "0,5", 0, 1 },	  { "half", 0, 1 },
		{ "1e-3", 0, 1 },      { "nan", 0, 1 },	  { " 0.5", 0, 1 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ta_sampler sampler = load("traceidratio", rows[i].arg, 0.5);

		check(sampler.threshold == rows[i].threshold, "%s: %llx", rows[i].arg,
		      (unsigned long long)sampler.threshold);
		check(warned.count == rows[i].warnings, "%s: %d warnings", rows[i].arg,
		      warned.count);
		if (warned.count) {
			check_text(warned.variable, "OTEL_TRACES_SAMPLER_ARG");
			check_text(warned.value, rows[i].arg);
			check_text(warned.used, "1");
		}
		/* Nobody else looks at it. */
		load("always_on", rows[i].arg, 0.5);
		check_same(warned.count, 0);
		load("parentbased_always_off", rows[i].arg, 0.5);
		check_same(warned.count, 0);
	}
}

static void nobody_listens(void)
{
	struct ta_config config = { .sampler = "x", .sampler_arg = "y", .traces_sample_rate = 1 };

	check_same(ta_sampler_load(&config, NULL, NULL).threshold, 0);
	config.sampler = "traceidratio";
	check_same(ta_sampler_load(&config, NULL, NULL).threshold, 0);
}

static void thresholds(void)
{
	check_same(ta_sampler_threshold(1), 0);
	check_same(ta_sampler_threshold(2), 0);
	check_same(ta_sampler_threshold(INFINITY), 0);
	check_same(ta_sampler_threshold(NAN), 0);
	check_same(ta_sampler_threshold(0), NEVER);
	check_same(ta_sampler_threshold(-1), NEVER);
	check_same(ta_sampler_threshold(-INFINITY), NEVER);
	check_same(ta_sampler_threshold(0.5), NEVER / 2);
	check_same(ta_sampler_threshold(0x1p-20), NEVER - (1ull << 36));
	check_same(ta_sampler_threshold(0x1p-52), NEVER - 16);
	check_same(ta_sampler_threshold(1 - 0x1p-53), 8);
	/* More is sampled, never less, as the share grows. */
	for (int i = 1; i <= 1000; i++)
		check(ta_sampler_threshold(i / 1000.0) < ta_sampler_threshold((i - 1) / 1000.0),
		      "at %d", i);
}

static void exactly_at_the_threshold(void)
{
	static const double shares[] = { 0.001, 0.05, 0.25, 1 / 3.0, 0.5, 0.999 };

	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		struct ta_sampler sampler = { .threshold = ta_sampler_threshold(shares[i]) };
		uint64_t at = sampler.threshold;

		check(ta_sampler_takes(&sampler, at, TA_PARENT_NONE), "at %g", shares[i]);
		check(!ta_sampler_takes(&sampler, at - 1, TA_PARENT_NONE), "below %g", shares[i]);
		check(ta_sampler_takes(&sampler, BITS, TA_PARENT_NONE), "the highest, %g", shares[i]);
		check(!ta_sampler_takes(&sampler, 0, TA_PARENT_NONE), "the lowest, %g", shares[i]);
		/* The highest byte of the id is not random for everybody. */
		check(!ta_sampler_takes(&sampler, (at - 1) | 0xff00000000000000ull, TA_PARENT_NONE),
		      "the highest byte counts, %g", shares[i]);
		check(ta_sampler_takes(&sampler, at | 0x5a00000000000000ull, TA_PARENT_NONE),
		      "the highest byte counts, %g", shares[i]);
	}
}

static void all_or_none(void)
{
	struct ta_sampler on = load("always_on", "", 0), off = load("always_off", "", 1);
	static const uint64_t ids[] = { 0, 1, BITS, NEVER, UINT64_MAX, 0x8000000000000000ull };

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		check(ta_sampler_takes(&on, ids[i], TA_PARENT_NONE), "%zu", i);
		check(!ta_sampler_takes(&off, ids[i], TA_PARENT_NONE), "%zu", i);
	}
}

static uint64_t next_id(uint64_t *state)
{
	uint64_t mixed = (*state += 0x9e3779b97f4a7c15ull);

	mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9ull;
	mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebull;
	return mixed ^ mixed >> 31;
}

/* As many as were asked for, within six standard deviations; and whoever samples less takes
 * a part of what the other takes. */
static void shares_come_true(void)
{
	static const double shares[] = { 0.01, 0.1, 0.25, 0.5, 0.9 };
	enum { IDS = 200000, SHARES = sizeof(shares) / sizeof(shares[0]) };
	uint32_t taken[SHARES] = { 0 };
	uint64_t state = 42;

	for (uint32_t i = 0; i < IDS; i++) {
		uint64_t id = next_id(&state);
		bool before = false;

		for (size_t j = 0; j < SHARES; j++) {
			struct ta_sampler sampler = { .threshold = ta_sampler_threshold(shares[j]) };
			bool takes = ta_sampler_takes(&sampler, id, TA_PARENT_NONE);

			check(takes || !before, "%g leaves out what a smaller share takes", shares[j]);
			before = takes;
			taken[j] += takes;
		}
	}
	for (size_t j = 0; j < SHARES; j++) {
		double off = fabs(taken[j] - IDS * shares[j]);

		check(off < 6 * sqrt(IDS * shares[j] * (1 - shares[j])), "%u of %d for %g", taken[j],
		      IDS, shares[j]);
	}
}

static void parents(void)
{
	static const char *const names_of[] = { "always_on", "always_off", "traceidratio" };
	static const uint64_t ids[] = { 0, BITS };

	for (size_t i = 0; i < 3; i++) {
		char name[64];
		struct ta_sampler own = load(names_of[i], "0.5", 1), based;

		snprintf(name, sizeof(name), "parentbased_%s", names_of[i]);
		based = load(name, "0.5", 1);
		for (size_t j = 0; j < 2; j++) {
			bool decision = ta_sampler_takes(&own, ids[j], TA_PARENT_NONE);

			check(ta_sampler_takes(&own, ids[j], TA_PARENT_SAMPLED) == decision, "%s",
			      names_of[i]);
			check(ta_sampler_takes(&own, ids[j], TA_PARENT_NOT_SAMPLED) == decision, "%s",
			      names_of[i]);
			check(ta_sampler_takes(&based, ids[j], TA_PARENT_NONE) == decision, "%s", name);
			check(ta_sampler_takes(&based, ids[j], TA_PARENT_SAMPLED), "%s", name);
			check(!ta_sampler_takes(&based, ids[j], TA_PARENT_NOT_SAMPLED), "%s", name);
		}
	}
}

int main(void)
{
	check_group("names", names);
	check_group("unset", unset);
	check_group("unknown_names", unknown_names);
	check_group("arguments", arguments);
	check_group("nobody_listens", nobody_listens);
	check_group("thresholds", thresholds);
	check_group("exactly_at_the_threshold", exactly_at_the_threshold);
	check_group("all_or_none", all_or_none);
	check_group("shares_come_true", shares_come_true);
	check_group("parents", parents);
	return check_status();
}
