/* SPDX-License-Identifier: MIT */
/*
 * ops.c - the operations by name.
 *
 * Runs: both processes; the outer one only asks whether an operation exists.
 */
#include "tests/conformance/inside.h"

#include <string.h>

#define ENTRY(name, function) { name, function },
static const struct op ops[] = { OP_LIST(ENTRY){ "join", NULL }, { "hop", NULL } };
#undef ENTRY

const struct op *op_find(const char *name)
{
	for (unsigned int i = 0; i < sizeof(ops) / sizeof(*ops); i++)
		if (strcmp(ops[i].name, name) == 0)
			return &ops[i];
	return NULL;
}

void ops_check(const cJSON *scenario)
{
	const cJSON *list = json_item(scenario, "ops");
	const cJSON *op;

	if (!cJSON_IsArray(list))
		fail(STATUS_SCENARIO, "the scenario has no list of operations");
	cJSON_ArrayForEach(op, list)
		if (!op_find(json_text(op, "op", "")))
			fail(STATUS_SCENARIO, "operation \"%s\" is not known",
			     json_text(op, "op", ""));
}
