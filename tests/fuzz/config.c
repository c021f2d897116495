/* SPDX-License-Identifier: MIT */
/*
 * config.c - fuzzes settings: the input is an environment, one variable a line.
 *
 * Whatever it holds, numbers and rates end up within their bounds, choices are words that
 * are allowed, warnings are whole, and loading twice gives the same.
 */
#include "runtime/wire/config.h"

#include <stdlib.h>
#include <string.h>

#define VARIABLES_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void demand(int holds)
{
	if (!holds)
		abort();
}

static void check_warning(void *user, const struct ta_config_warning *warning)
{
	size_t *count = user;

	demand(warning->variable && strlen(warning->variable) < 64);
	demand(warning->value && warning->value[0]);
	demand(warning->allowed && warning->used);
	++*count;
}

static bool is_listed(const char *words, const char *word)
{
	const char *found = words;
	size_t bytes = strlen(word);

	while (bytes && (found = strstr(found, word))) {
		if ((found == words || found[-1] == '|') &&
		    (found[bytes] == '\0' || found[bytes] == '|'))
			return true;
		found++;
	}
	return false;
}

static void check_config(const struct ta_config *config)
{
#define FLAG(who, field, variable, dflt, text) demand(config->field + 0 <= 1);
#define NUMBER(who, field, variable, dflt, min, max, unit, text)                                   \
	demand(config->field >= (uint64_t)(min) && config->field <= (uint64_t)(max));
#define TEXT(who, field, variable, text) demand(config->field != NULL);
#define RATE(who, field, variable, dflt, text) demand(config->field >= 0 && config->field <= 1);
#define CHOICE(who, field, variable, dflt, allowed, text) demand(is_listed(allowed, config->field));
#include "runtime/wire/config.def"
#undef FLAG
#undef NUMBER
#undef TEXT
#undef RATE
#undef CHOICE
}

/* Cuts text into variables, each a string of exactly its size. */
static size_t cut(char *text, char *envp[VARIABLES_MAX + 1])
{
	size_t count = 0;
	char *rest = text, *line;

	while (count < VARIABLES_MAX && (line = strsep(&rest, "\n")))
		envp[count++] = strdup(line);
	envp[count] = NULL;
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	char *envp[VARIABLES_MAX + 1], *text = malloc(bytes + 1);
	struct ta_config config, again;
	size_t warnings = 0;

	memcpy(text, data, bytes);
	text[bytes] = '\0';
	size_t count = cut(text, envp);

	memset(&config, 0, sizeof(config));
	memset(&again, 0, sizeof(again));
	ta_config_load(&config, envp, check_warning, &warnings);
	ta_config_load(&again, envp, NULL, NULL);
	demand(memcmp(&config, &again, sizeof(config)) == 0);
	demand(warnings <= count);
	check_config(&config);
	demand(ta_config_key(&config, envp, "/tmp") != 0);
	demand(ta_config_key(&config, envp, "/tmp") == ta_config_key(&again, envp, "/tmp"));
	ta_config_wants(&config, count > 1 ? envp[count - 1] : "nginx");
	if (count > 1)
		ta_config_matches(envp[0], envp[1]);
	while (count > 0)
		free(envp[--count]);
	free(text);
	return 0;
}
