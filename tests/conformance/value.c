/* SPDX-License-Identifier: MIT */
/*
 * value.c - members of an operation as arguments of the API.
 *
 * Runs: the inner process.
 */
#include "tests/conformance/inside.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define EXACT 9007199254740992.0 /* 2^53: whole numbers up to here are whole in a double */

enum tagalong_level level_named(const char *name)
{
	static const struct {
		const char *name;
		enum tagalong_level level;
	} levels[] = {
		{ "trace", TAGALONG_LEVEL_TRACE },     { "debug", TAGALONG_LEVEL_DEBUG },
		{ "info", TAGALONG_LEVEL_INFO },       { "warning", TAGALONG_LEVEL_WARNING },
		{ "warn", TAGALONG_LEVEL_WARNING },    { "error", TAGALONG_LEVEL_ERROR },
		{ "fatal", TAGALONG_LEVEL_FATAL },
	};

	if (!name)
		return TAGALONG_LEVEL_NONE;
	for (unsigned int i = 0; i < sizeof(levels) / sizeof(*levels); i++)
		if (strcmp(levels[i].name, name) == 0)
			return levels[i].level;
	fail(STATUS_SCENARIO, "level \"%s\" is not known", name);
}

char *value_text(const cJSON *item)
{
	return item && !cJSON_IsNull(item) ? json_print(item) : NULL;
}

char *value_tag(const cJSON *item)
{
	if (cJSON_IsString(item))
		return need(strdup(item->valuestring));
	return value_text(item);
}

static bool is_whole(double number)
{
	return fabs(number) <= EXACT && trunc(number) == number;
}

void value_of(const cJSON *item, struct tagalong_value *ret_value, char **ret_text)
{
	*ret_text = NULL;
	if (cJSON_IsBool(item)) {
		ret_value->type = TAGALONG_VALUE_BOOL;
		ret_value->as.number = cJSON_IsTrue(item);
	} else if (cJSON_IsNumber(item) && is_whole(item->valuedouble)) {
		ret_value->type = TAGALONG_VALUE_INT;
		ret_value->as.number = (int64_t)item->valuedouble;
	} else if (cJSON_IsNumber(item)) {
		ret_value->type = TAGALONG_VALUE_DOUBLE;
		ret_value->as.real = item->valuedouble;
	} else if (cJSON_IsString(item)) {
		ret_value->type = TAGALONG_VALUE_STRING;
		ret_value->as.text = item->valuestring;
	} else {
		*ret_text = item ? json_print(item) : NULL;
		ret_value->type = TAGALONG_VALUE_JSON;
		ret_value->as.text = *ret_text;
	}
}
