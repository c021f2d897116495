/* SPDX-License-Identifier: MIT */
/*
 * op_scope.c - scope data, blocks and hubs.
 *
 * Without a scope an operation writes to the isolation scope, as the top-level
 * functions do; in the hubs profile to the topmost scope of the current hub.
 *
 * Runs: the inner process, in the thread of the task.
 */
#include "tests/conformance/inside.h"

#include <stdlib.h>
#include <string.h>

tagalong_scope_t scope_near(const struct replay *replay)
{
	return replay->profile == PROFILE_HUBS ? TAGALONG_SCOPE_HUB : TAGALONG_SCOPE_CURRENT;
}

static tagalong_scope_t scope_called(struct replay *replay, const char *name)
{
	struct label *label;

	if (*name == '@') {
		label = label_find(replay, LABEL_SCOPE, name + 1);
		if (!label)
			fail(STATUS_SCENARIO, "no scope is called \"%s\"", name);
		return label->scope;
	}
	if (strcmp(name, "global") == 0)
		return TAGALONG_SCOPE_GLOBAL;
	if (replay->profile == PROFILE_HUBS)
		return TAGALONG_SCOPE_HUB;
	if (strcmp(name, "top") == 0 || strcmp(name, "isolation") == 0)
		return TAGALONG_SCOPE_ISOLATION;
	if (strcmp(name, "current") == 0)
		return TAGALONG_SCOPE_CURRENT;
	fail(STATUS_SCENARIO, "scope \"%s\" is not known", name);
}

static tagalong_scope_t scope_of(struct replay *replay, const cJSON *op)
{
	return scope_called(replay, json_text(op, "scope", "top"));
}

/* ---- data ---- */

typedef int set_fn(tagalong_scope_t scope, const char *key, const char *text);

static void set_text(set_fn *set, tagalong_scope_t scope, const char *key, char *text)
{
	set(scope, key, text);
	free(text);
}

static void set_each(set_fn *set, char *(*text_of)(const cJSON *), tagalong_scope_t scope,
		     const cJSON *object)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, object)
		set_text(set, scope, item->string, text_of(item));
}

static void set_attribute(tagalong_scope_t scope, const char *key, const cJSON *item)
{
	struct tagalong_value value;
	char *text;

	value_of(item, &value, &text);
	if (!item || cJSON_IsNull(item))
		tagalong_scope_set_attribute_str(scope, key, NULL);
	else if (value.type == TAGALONG_VALUE_INT)
		tagalong_scope_set_attribute_int(scope, key, value.as.number);
	else if (value.type == TAGALONG_VALUE_BOOL)
		tagalong_scope_set_attribute_bool(scope, key, (int)value.as.number);
	else if (value.type == TAGALONG_VALUE_DOUBLE)
		tagalong_scope_set_attribute_double(scope, key, value.as.real);
	else if (value.type == TAGALONG_VALUE_STRING)
		tagalong_scope_set_attribute_str(scope, key, value.as.text);
	else if (tagalong()) /* lists and objects have no function of their own */
		tagalong()->scope_set_attribute(scope, key, &value);
	free(text);
}

static void set_user(tagalong_scope_t scope, const cJSON *user)
{
	char *text = value_text(user);

	tagalong_scope_set_user(scope, text);
	free(text);
}

static void set_fingerprint(tagalong_scope_t scope, const cJSON *fingerprint)
{
	char *text = value_text(fingerprint);

	tagalong_scope_set_fingerprint(scope, text);
	free(text);
}

/* What is given with a capture call, or in the configuration; what is empty changes
 * nothing. */
void scope_update(tagalong_scope_t scope, const cJSON *data)
{
	const cJSON *user = json_item(data, "user");
	const cJSON *fingerprint = json_item(data, "fingerprint");
	const cJSON *attribute;

	set_each(tagalong_scope_set_tag, value_tag, scope, json_item(data, "tags"));
	set_each(tagalong_scope_set_extra, value_text, scope, json_item(data, "extra"));
	set_each(tagalong_scope_set_context, value_text, scope, json_item(data, "contexts"));
	cJSON_ArrayForEach(attribute, json_item(data, "attributes"))
		set_attribute(scope, attribute->string, attribute);
	if (user && user->child)
		set_user(scope, user);
	if (fingerprint && fingerprint->child)
		set_fingerprint(scope, fingerprint);
	if (json_text(data, "level", NULL))
		tagalong_scope_set_level(scope, level_named(json_text(data, "level", NULL)));
	if (json_text(data, "transaction", NULL))
		tagalong_scope_set_transaction(scope, json_text(data, "transaction", NULL));
}

void op_set_tag(struct replay *replay, const cJSON *op)
{
	set_text(tagalong_scope_set_tag, scope_of(replay, op), json_text(op, "key", NULL),
		 value_tag(json_item(op, "value")));
}

void op_set_tags(struct replay *replay, const cJSON *op)
{
	set_each(tagalong_scope_set_tag, value_tag, scope_of(replay, op), json_item(op, "tags"));
}

void op_set_extra(struct replay *replay, const cJSON *op)
{
	set_text(tagalong_scope_set_extra, scope_of(replay, op), json_text(op, "key", NULL),
		 value_text(json_item(op, "value")));
}

void op_set_extras(struct replay *replay, const cJSON *op)
{
	set_each(tagalong_scope_set_extra, value_text, scope_of(replay, op),
		 json_item(op, "extras"));
}

void op_set_context(struct replay *replay, const cJSON *op)
{
	set_text(tagalong_scope_set_context, scope_of(replay, op), json_text(op, "key", NULL),
		 value_text(json_item(op, "value")));
}

void op_set_user(struct replay *replay, const cJSON *op)
{
	set_user(scope_of(replay, op), json_item(op, "user"));
}

void op_set_level(struct replay *replay, const cJSON *op)
{
	tagalong_scope_set_level(scope_of(replay, op), level_named(json_text(op, "level", NULL)));
}

void op_set_fingerprint(struct replay *replay, const cJSON *op)
{
	set_fingerprint(scope_of(replay, op), json_item(op, "fingerprint"));
}

void op_set_transaction(struct replay *replay, const cJSON *op)
{
	tagalong_scope_set_transaction(scope_of(replay, op), json_text(op, "name", NULL));
}

void op_set_attribute(struct replay *replay, const cJSON *op)
{
	set_attribute(scope_of(replay, op), json_text(op, "key", NULL), json_item(op, "value"));
}

void op_add_breadcrumb(struct replay *replay, const cJSON *op)
{
	char *data = value_text(json_item(op, "data"));
	struct tagalong_breadcrumb crumb = {
		.message = json_text(op, "message", NULL),
		.category = json_text(op, "category", NULL),
		.type = json_text(op, "type", NULL),
		.data = data,
		.level = level_named(json_text(op, "level", NULL)),
	};

	tagalong_scope_add_breadcrumb(scope_of(replay, op), &crumb);
	free(data);
}

void op_clear(struct replay *replay, const cJSON *op)
{
	tagalong_scope_clear(scope_of(replay, op));
}

void op_clear_breadcrumbs(struct replay *replay, const cJSON *op)
{
	tagalong_scope_clear_breadcrumbs(scope_of(replay, op));
}

void op_scope_save(struct replay *replay, const cJSON *op)
{
	tagalong_scope_t scope = tagalong_scope_get(scope_of(replay, op));

	label_add(replay, LABEL_SCOPE, json_text(op, "as", ""))->scope = scope;
}

/* `with` is a label, with or without its mark, or a role. */
void op_scope_same(struct replay *replay, const cJSON *op)
{
	const char *with = json_text(op, "with", "");
	struct label *label = label_find(replay, LABEL_SCOPE, with + (*with == '@'));
	tagalong_scope_t other = label ? label->scope : scope_called(replay, with);

	probe_bool(replay, op, "same",
		   tagalong_scope_get(scope_of(replay, op)) == tagalong_scope_get(other));
}

/* ---- blocks ---- */

void op_scope_begin(struct replay *replay, const cJSON *op)
{
	(void)op;
	if (replay->profile == PROFILE_HUBS)
		tagalong_hub_push_scope();
	else
		tagalong_scope_push();
}

/* An error that leaves the block leaves nothing behind, here and below. */
void op_scope_end(struct replay *replay, const cJSON *op)
{
	(void)op;
	if (replay->profile == PROFILE_HUBS)
		tagalong_hub_pop_scope();
	else
		tagalong_scope_pop();
}

void op_isolation_begin(struct replay *replay, const cJSON *op)
{
	(void)replay, (void)op;
	tagalong_isolation_push();
}

void op_isolation_end(struct replay *replay, const cJSON *op)
{
	(void)replay, (void)op;
	tagalong_isolation_pop();
}

/* ---- hubs ---- */

void op_hub_begin(struct replay *replay, const cJSON *op)
{
	tagalong_hub_enter(label_needed(replay, LABEL_HUB, op, "hub")->hub);
}

void op_hub_end(struct replay *replay, const cJSON *op)
{
	(void)replay, (void)op;
	tagalong_hub_leave();
}

static void hub_label(struct replay *replay, const cJSON *op, tagalong_hub_t from, bool client)
{
	struct label *label = label_add(replay, LABEL_HUB, json_text(op, "as", ""));

	label->hub = tagalong_hub_new(from, client);
	label->client = client;
}

/* Whether the current hub has a client, which its clones have too. */
static bool current_has_client(struct replay *replay)
{
	tagalong_hub_t hub = tagalong_hub_current();

	for (struct label *label = replay->labels; label; label = label->next)
		if (label->kind == LABEL_HUB && label->hub == hub)
			return label->client;
	return true;
}

void op_hub_clone(struct replay *replay, const cJSON *op)
{
	struct label *from;

	if (!json_text(op, "from", NULL)) {
		hub_label(replay, op, tagalong_hub_current(), current_has_client(replay));
		return;
	}
	from = label_needed(replay, LABEL_HUB, op, "from");
	hub_label(replay, op, from->hub, from->client);
}

void op_hub_new(struct replay *replay, const cJSON *op)
{
	hub_label(replay, op, 0, !cJSON_IsFalse(json_item(op, "client")));
}

void op_hub_push(struct replay *replay, const cJSON *op)
{
	tagalong_scope_t scope = tagalong_hub_push_scope();

	if (json_text(op, "as", NULL))
		label_add(replay, LABEL_SCOPE, json_text(op, "as", NULL))->scope = scope;
}

void op_hub_pop(struct replay *replay, const cJSON *op)
{
	probe_bool(replay, op, "popped", tagalong_hub_pop_scope() == 1);
}

void op_hub_depth(struct replay *replay, const cJSON *op)
{
	const char *label = json_text(op, "as", NULL);
	int depth = tagalong_hub_depth();

	if (label)
		cJSON_AddNumberToObject(probe_new(replay, label), "depth", depth);
}
