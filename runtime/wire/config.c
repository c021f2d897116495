/* SPDX-License-Identifier: MIT */
/*
 * config.c - settings from an environment, by the one list in config.def.
 *
 * Empty means unset; a value that is not understood is reported and the default
 * is used.  Flags under our own names are lenient (1, yes, on ...); OTEL_* flags
 * follow the specification: only `true` is true, whatever its case.  Of a
 * variable that stands in the environment twice the first counts, as for getenv.
 *
 * Runs: in a constructor of the host, before anything is known to work, and in
 * the agent.  Pure: no allocation, no stdio, no getenv, no locale, no globals.
 */
#include "runtime/wire/config.h"

#include <string.h>

#define OURS "TAGALONG_"
#define NAME_MAX_BYTES 48 /* longest name that a hint is looked for */

enum who { H = 1, A = 2, HA = 3 };
enum kind { KIND_FLAG, KIND_NUMBER, KIND_TEXT, KIND_RATE, KIND_CHOICE, KIND_LIST };

struct setting {
	struct ta_config_row row;
	uint16_t offset; /* in struct ta_config */
	uint8_t who;
	uint8_t kind;
	uint64_t dflt, min, max;
};

#define ALLOWED_OURS "true or false (1/0, yes/no, on/off)"
#define ALLOWED_OTEL "true or false"
#define FLAGS_ALLOWED(variable) ((variable)[0] == 'O' ? ALLOWED_OTEL : ALLOWED_OURS)
#define AT(field) (uint16_t) offsetof(struct ta_config, field)

/* The host has the rows that it reads, without the words for people. */
#ifdef TA_CONFIG_HOST
#define ROW_A(...)
#define WORDS(text) ""
#else
#define ROW_A(...) __VA_ARGS__
#define WORDS(text) text
#endif
#define ROW_H(...) __VA_ARGS__
#define ROW_HA(...) __VA_ARGS__

static const struct setting settings[] = {
#define FLAG(who, field, variable, dflt, text)                                                     \
	ROW_##who({ { variable, #dflt, FLAGS_ALLOWED(variable), WORDS(text) },                     \
		    AT(field),                                                                     \
		    who,                                                                           \
		    KIND_FLAG,                                                                     \
		    dflt,                                                                          \
		    0,                                                                             \
		    1 }, )
#define NUMBER(who, field, variable, dflt, min, max, unit, text)                                   \
	ROW_##who({ { variable, #dflt, #min " to " #max " " unit, WORDS(text) },                   \
		    AT(field),                                                                     \
		    who,                                                                           \
		    KIND_NUMBER,                                                                   \
		    dflt,                                                                          \
		    min,                                                                           \
		    max }, )
#define TEXT(who, field, variable, text)                                                           \
	ROW_##who({ { variable, "", "text", WORDS(text) }, AT(field), who, KIND_TEXT, 0, 0, 0 }, )
#define RATE(who, field, variable, dflt, text)                                                     \
	ROW_##who({ { variable, dflt, "0 to 1", WORDS(text) }, AT(field), who, KIND_RATE, 0, 0, 0 }, )
#define CHOICE(who, field, variable, dflt, allowed, text)                                          \
	ROW_##who({ { variable, dflt, allowed, WORDS(text) }, AT(field), who, KIND_CHOICE, 0, 0, 0 }, )
#define LIST(who, field, variable, allowed, text)                                                  \
	ROW_##who({ { variable, "", allowed, WORDS(text) }, AT(field), who, KIND_LIST, 0, 0, 0 }, )
#include "runtime/wire/config.def"
#undef FLAG
#undef NUMBER
#undef TEXT
#undef RATE
#undef CHOICE
};

#define SETTINGS (sizeof(settings) / sizeof(settings[0]))

/* Words of CHOICE rows, to point at whatever case the user wrote. */
static const char *const choices[] = { "path", "method", "info",    "debug",
				       "uncaught", "all", "program", "none" };

/* Set by our own tools for the programs that they start; no settings. */
static const char *const internal[] = { "TAGALONG_ROOT_PID", "TAGALONG_STARTER" };

const struct ta_config_row *ta_config_row(size_t index)
{
	return index < SETTINGS ? &settings[index].row : NULL;
}

/* ---- small text ---- */

static char lower(char byte)
{
	return byte >= 'A' && byte <= 'Z' ? (char)(byte | 0x20) : byte;
}

static bool same_word(const char *word, const char *text, size_t text_bytes)
{
	for (size_t i = 0; i < text_bytes; i++)
		if (word[i] == '\0' || lower(word[i]) != lower(text[i]))
			return false;
	return word[text_bytes] == '\0';
}

static bool begins(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* The value behind "variable=", or NULL. */
static const char *value_of(const char *entry, const char *variable)
{
	size_t bytes = strlen(variable);

	return strncmp(entry, variable, bytes) == 0 && entry[bytes] == '=' ? entry + bytes + 1
									   : NULL;
}

/* ---- values ---- */

static bool read_flag(const struct setting *setting, const char *value, bool *ret_flag)
{
	static const char *const yes[] = { "true", "1", "yes", "on" };
	static const char *const no[] = { "false", "0", "no", "off" };
	size_t words = begins(setting->row.variable, OURS) ? 4 : 1, bytes = strlen(value);

	for (size_t i = 0; i < words; i++) {
		if (same_word(yes[i], value, bytes) || same_word(no[i], value, bytes)) {
			*ret_flag = same_word(yes[i], value, bytes);
			return true;
		}
	}
	return false;
}

static bool read_number(const struct setting *setting, const char *value, uint64_t *ret_number)
{
	uint64_t number = 0;

	for (const char *at = value; *at; at++) {
		if (*at < '0' || *at > '9' || number > UINT64_MAX / 10 - 1)
			return false;
		number = number * 10 + (uint64_t)(*at - '0');
	}
	if (number < setting->min || number > setting->max)
		return false;
	*ret_number = number;
	return true;
}

/* "0.25", "1", ".5": no sign, no exponent, no locale. */
bool ta_config_rate(const char *value, double *ret_rate)
{
	double rate = 0, unit = 1;
	bool digits = false, behind_point = false;

	for (const char *at = value; *at; at++) {
		if (*at == '.' && !behind_point) {
			behind_point = true;
			continue;
		}
		if (*at < '0' || *at > '9')
			return false;
		digits = true;
		unit = behind_point ? unit / 10 : unit;
		rate = behind_point ? rate + unit * (*at - '0') : rate * 10 + (*at - '0');
	}
	if (!digits || rate > 1)
		return false;
	*ret_rate = rate;
	return true;
}

static const char *canonical(const char *value)
{
	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++)
		if (same_word(choices[i], value, strlen(value)))
			return choices[i];
	return value;
}

static bool read_choice(const struct setting *setting, const char *value, const char **ret_word)
{
	const char *word = setting->row.allowed;

	for (;;) {
		const char *bar = strchr(word, '|');
		size_t bytes = bar ? (size_t)(bar - word) : strlen(word);

		if (same_word(value, word, bytes)) {
			*ret_word = canonical(value);
			return true;
		}
		if (!bar)
			return false;
		word = bar + 1;
	}
}

/* Whether name fits one pattern: * is any bytes, ? is any byte. */
static bool fits(const char *pattern, const char *pattern_end, const char *name, size_t name_bytes)
{
	const char *name_end = name + name_bytes, *star = NULL, *retry = name;

	while (name < name_end) {
		if (pattern < pattern_end && *pattern == '*') {
			star = ++pattern;
			retry = name;
		} else if (pattern < pattern_end && (*pattern == '?' || *pattern == *name)) {
			pattern++;
			name++;
		} else if (star) {
			pattern = star;
			name = ++retry;
		} else {
			return false;
		}
	}
	while (pattern < pattern_end && *pattern == '*')
		pattern++;
	return pattern == pattern_end;
}

/* The next item of a list with commas, without blanks around it; NULL: there is none. */
static const char *next_item(const char **list, const char **ret_end)
{
	const char *from = *list, *comma = strchr(from, ',');
	const char *end = comma ? comma : from + strlen(from);

	if (*from == '\0')
		return NULL;
	*list = comma ? comma + 1 : end;
	while (from < end && (*from == ' ' || *from == '\t'))
		from++;
	while (end > from && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*ret_end = end;
	return from;
}

static bool fits_any(const char *pattern, const char *pattern_end, const char *words)
{
	for (;;) {
		size_t bytes = strcspn(words, ",");

		if (fits(pattern, pattern_end, words, bytes))
			return true;
		if (words[bytes] == '\0')
			return false;
		words += bytes + 2;
	}
}

/* The words that are known count; one that is not makes the value a bad one. */
static bool read_list(const struct setting *setting, const char *value, const char **ret_list)
{
	const char *item, *end;

	*ret_list = value;
	while ((item = next_item(&value, &end)))
		if (item < end && !fits_any(item, end, setting->row.allowed))
			return false;
	return true;
}

static bool read_value(const struct setting *setting, const char *value, void *field)
{
	switch (setting->kind) {
	case KIND_FLAG:
		return read_flag(setting, value, field);
	case KIND_NUMBER:
		return read_number(setting, value, field);
	case KIND_RATE:
		return ta_config_rate(value, field);
	case KIND_CHOICE:
		return read_choice(setting, value, field);
	case KIND_LIST:
		return read_list(setting, value, field);
	default:
		*(const char **)field = value;
		return true;
	}
}

static void set_default(const struct setting *setting, void *field)
{
	if (setting->kind == KIND_FLAG)
		*(bool *)field = setting->dflt != 0;
	else if (setting->kind == KIND_NUMBER)
		*(uint64_t *)field = setting->dflt;
	else if (setting->kind == KIND_RATE)
		ta_config_rate(setting->row.dflt, field);
	else
		*(const char **)field = setting->row.dflt;
}

/* ---- names that nobody knows ---- */

static uint8_t least(uint8_t a, uint8_t b)
{
	return a < b ? a : b;
}

/* Edit distance; two neighbours swapped count once.  Words up to NAME_MAX_BYTES. */
static uint8_t distance(const char *a, const char *b)
{
	uint8_t rows[3][NAME_MAX_BYTES + 1];
	size_t b_bytes = strlen(b);

	for (size_t j = 0; j <= b_bytes; j++)
		rows[0][j] = (uint8_t)j;
	size_t i = 0;

	for (; a[i]; i++) {
		const uint8_t *above = rows[i % 3], *two_above = rows[(i + 2) % 3];
		uint8_t *row = rows[(i + 1) % 3];

		row[0] = (uint8_t)(i + 1);
		for (size_t j = 0; j < b_bytes; j++) {
			uint8_t best = (uint8_t)(above[j] + (a[i] != b[j]));

			best = least(best, (uint8_t)(least(above[j + 1], row[j]) + 1));
			if (i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j])
				best = least(best, (uint8_t)(two_above[j - 1] + 1));
			row[j + 1] = best;
		}
	}
	return rows[i % 3][b_bytes];
}

static const char *behind_prefix(const char *variable)
{
	return strchr(variable, '_') + 1;
}

/* The setting that was most likely meant, or "". */
static const char *nearest(const char *variable)
{
	const char *word = behind_prefix(variable), *best = "";
	size_t bytes = strlen(word), limit = bytes / 3 > 0 ? bytes / 3 : 1;

	if (bytes == 0 || bytes > NAME_MAX_BYTES)
		return best;
	for (size_t i = 0; i < SETTINGS; i++) {
		const char *known = behind_prefix(settings[i].row.variable);
		size_t found = strlen(known) > NAME_MAX_BYTES ? SIZE_MAX : distance(word, known);

		if (found < limit || (found == limit && !*best)) {
			best = settings[i].row.variable;
			limit = found;
		}
	}
	return best;
}

static bool is_internal(const char *entry)
{
	for (size_t i = 0; i < sizeof(internal) / sizeof(internal[0]); i++)
		if (value_of(entry, internal[i]))
			return true;
	return false;
}

static bool is_known(const char *entry)
{
	for (size_t i = 0; i < SETTINGS; i++)
		if (value_of(entry, settings[i].row.variable))
			return true;
	return is_internal(entry);
}

static void report_unknown(const char *entry, ta_config_warn_fn *warn, void *user)
{
	const char *equals = strchr(entry, '=');
	char variable[sizeof(OURS) + NAME_MAX_BYTES];

	if (!equals || equals[1] == '\0' || !begins(entry, OURS) || is_known(entry))
		return;
	size_t bytes = (size_t)(equals - entry);

	if (bytes > sizeof(variable) - 1)
		bytes = sizeof(variable) - 1;
	memcpy(variable, entry, bytes);
	variable[bytes] = '\0';
	warn(user, &(struct ta_config_warning){ .variable = variable,
						.value = equals + 1,
						.allowed = "",
						.used = nearest(variable) });
}

/* ---- interface ---- */

/* Ours, OpenTelemetry's and Sentry's: the others are not looked at any further. */
static bool is_of_interest(const char *entry)
{
	return begins(entry, OURS) || begins(entry, "OTEL_") || begins(entry, "SENTRY_");
}

static const struct setting *find(const char *entry)
{
	for (size_t i = 0; i < SETTINGS; i++)
		if (value_of(entry, settings[i].row.variable))
			return &settings[i];
	return NULL;
}

static void load_entry(const struct setting *setting, const char *value, struct ta_config *config,
		       ta_config_warn_fn *warn, void *user)
{
	void *field = (char *)config + setting->offset;

	if (!*value || read_value(setting, value, field) || !warn)
		return;
	warn(user, &(struct ta_config_warning){ .variable = setting->row.variable,
						.value = value,
						.allowed = setting->row.allowed,
						.used = setting->kind == KIND_LIST ?
								"the words that are" :
								setting->row.dflt });
}

void ta_config_load(struct ta_config *config, char *const *envp, ta_config_warn_fn *warn,
		    void *user)
{
	bool seen[SETTINGS] = { false };

	for (size_t i = 0; i < SETTINGS; i++)
		set_default(&settings[i], (char *)config + settings[i].offset);
	for (; envp && *envp; envp++) {
		const struct setting *setting = is_of_interest(*envp) ? find(*envp) : NULL;

		if (setting && !seen[setting - settings]) {
			seen[setting - settings] = true;
			load_entry(setting, value_of(*envp, setting->row.variable), config, warn,
				   user);
		} else if (!setting && warn) {
			report_unknown(*envp, warn, user);
		}
	}
}

static uint64_t hash(uint64_t seed, const void *data, size_t bytes)
{
	const unsigned char *at = data;

	for (size_t i = 0; i < bytes; i++)
		seed = (seed ^ at[i]) * 0x100000001b3ull;
	return seed;
}

/* What the agent may read: every variable of interest but those that only the host
 * reads.  Summed up, so that their order is no matter. */
static uint64_t hash_settings(char *const *envp)
{
	uint64_t sum = 0;

	for (; envp && *envp; envp++) {
		const char *equals = strchr(*envp, '=');
		const struct setting *setting;

		if (!equals || !equals[1] || !is_of_interest(*envp) || is_internal(*envp))
			continue;
		setting = find(*envp);
		if (!setting || setting->who & A)
			sum += hash(0xcbf29ce484222325ull, *envp, strlen(*envp));
	}
	return sum;
}

/* Where files go by default. */
static uint64_t hash_homes(char *const *envp)
{
	uint64_t sum = 0;

	for (; envp && *envp; envp++)
		if (begins(*envp, "HOME=") || begins(*envp, "XDG_STATE_HOME="))
			sum += hash(0xcbf29ce484222325ull, *envp, strlen(*envp));
	return sum;
}

uint32_t ta_config_key(const struct ta_config *config, char *const *envp, const char *cwd)
{
	uint64_t key = hash_settings(envp);
	const char *file = config->file;

	if (!*file || !*config->log)
		key += hash_homes(envp);
	if (cwd && *file && *file != '/' && strcmp(file, "none") != 0)
		key = hash(key, cwd, strlen(cwd));
	key ^= key >> 32;
	return (uint32_t)key ? (uint32_t)key : 1;
}

bool ta_config_matches(const char *patterns, const char *name)
{
	const char *item, *end;

	while ((item = next_item(&patterns, &end)))
		if (end > item && fits(item, end, name, strlen(name)))
			return true;
	return false;
}

bool ta_config_wants(const struct ta_config *config, const char *program)
{
	const char *slash = strrchr(program, '/');
	const char *name = slash ? slash + 1 : program;

	if (config->disabled || config->sdk_disabled || ta_config_matches(config->exclude, name))
		return false;
	return !*config->include || ta_config_matches(config->include, name);
}
