/* SPDX-License-Identifier: MIT */
/*
 * json.c - small helpers around cJSON, and the way out.
 *
 * Runs: both processes.
 */
#include "tests/conformance/replay.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fail(int status, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fputs("tagalong-replay: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	place_clean();
	exit(status);
}

void *need(void *memory)
{
	if (!memory)
		fail(STATUS_UNABLE, "out of memory");
	return memory;
}

cJSON *json_read(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t bytes = 0;
	cJSON *json = NULL;

	if (!file)
		return NULL;
	if (getdelim(&text, &bytes, '\0', file) > 0)
		json = cJSON_Parse(text);
	free(text);
	fclose(file);
	return json;
}

const cJSON *json_item(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

const char *json_text(const cJSON *object, const char *name, const char *otherwise)
{
	const char *text = cJSON_GetStringValue(json_item(object, name));

	return text ? text : otherwise;
}

double json_number(const cJSON *object, const char *name, double otherwise)
{
	const cJSON *item = json_item(object, name);

	return cJSON_IsNumber(item) ? item->valuedouble : otherwise;
}

void json_add(cJSON *object, const char *name, cJSON *item)
{
	if (!item)
		return;
	if ((cJSON_IsObject(item) || cJSON_IsArray(item)) && !item->child)
		cJSON_Delete(item);
	else
		cJSON_AddItemToObject(object, name, item);
}

/* cJSON prints fifteen digits; a double has up to seventeen. */
cJSON *json_double(double number)
{
	char text[32];

	snprintf(text, sizeof(text), "%.17g", number);
	return need(cJSON_CreateRaw(text));
}

static void make_exact(cJSON *item)
{
	cJSON *exact;

	for (; item; item = item->next) {
		make_exact(item->child);
		if (!cJSON_IsNumber(item))
			continue;
		exact = json_double(item->valuedouble);
		item->type = exact->type;
		item->valuestring = exact->valuestring;
		exact->valuestring = NULL;
		cJSON_Delete(exact);
	}
}

char *json_print(const cJSON *item)
{
	cJSON *copy = need(cJSON_Duplicate(item, true));
	char *text;

	make_exact(copy);
	text = need(cJSON_PrintUnformatted(copy));
	cJSON_Delete(copy);
	return text;
}

bool json_profile(const cJSON *scenario, enum profile *ret_profile)
{
	static const char *const names[] = { "scopes", "hubs", "traces", "recall" };
	const char *name = json_text(scenario, "profile", "");

	for (unsigned int i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(name, names[i]) == 0) {
			*ret_profile = (enum profile)i;
			return true;
		}
	}
	return false;
}
