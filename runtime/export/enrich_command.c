/* SPDX-License-Identifier: MIT */
/*
 * enrich_command.c - commands to databases and caches, from either end (OpenTelemetry
 * semantic conventions, "database spans").
 *
 * The name is the operation and the table that it is about; keys of caches are no tables,
 * and would be as many names as there are keys.  Several commands in one write are one
 * span: the text is the first one's.
 *
 * Runs: agent, one thread.
 */
#include "runtime/export/enrich_internal.h"

#include "runtime/protocol/command.h"

static const char *const systems[] = {
	[TA_PROTOCOL_NONE] = NULL,
	[TA_PROTOCOL_REDIS] = "redis",
	[TA_PROTOCOL_POSTGRESQL] = "postgresql",
	[TA_PROTOCOL_MYSQL] = "mysql",
	[TA_PROTOCOL_MARIADB] = "mariadb",
	[TA_PROTOCOL_MEMCACHED] = "memcached",
	[TA_PROTOCOL_HTTP2] = NULL,
};

struct command {
	int64_t id; /* enum ta_protocol_id, as recorded */
	const char *system, *operation, *target; /* NULL: not known */
	uint32_t operation_bytes, target_bytes;
	int64_t batch; /* 0: one command */
};

static void read_command(const struct ta_facts *facts, struct command *command)
{
	*command = (struct command){ .id = ta_facts_int(facts, TA_ATTR_DB_SYSTEM),
				     .batch = ta_facts_int(facts, TA_ATTR_BATCH_SIZE) };
	if (command->id > 0 && command->id < (int64_t)(sizeof(systems) / sizeof(systems[0])))
		command->system = systems[command->id];
	if (command->batch < 2)
		command->batch = 0;
	command->operation =
		ta_facts_text(facts, TA_ATTR_DB_OPERATION, &command->operation_bytes);
	if (command->id != TA_PROTOCOL_REDIS && command->id != TA_PROTOCOL_MEMCACHED)
		command->target = ta_facts_text(facts, TA_ATTR_DB_TARGET, &command->target_bytes);
	if (!command->batch)
		return;
	command->operation = command->id == TA_PROTOCOL_REDIS ? "PIPELINE" : "BATCH";
	command->operation_bytes = command->id == TA_PROTOCOL_REDIS ? 8 : 5;
	command->target = NULL; /* of the others nothing is known */
	command->target_bytes = 0;
}

static void set_name(const struct command *command, struct ta_out_span *out)
{
	const char *system = command->system ? command->system : "command";

	if (command->operation_bytes)
		ta_out_name(out, command->operation, command->operation_bytes);
	if (command->operation_bytes && command->target_bytes)
		ta_out_name(out, " ", 1);
	if (command->target_bytes)
		ta_out_name(out, command->target, command->target_bytes);
	if (!out->name_bytes)
		ta_out_name(out, system, strlen(system));
}

static void add_text(const struct ta_facts *facts, unsigned int key, struct ta_out_span *out)
{
	const char *name = ta_attr_name((uint8_t)key);
	uint32_t bytes = 0;
	const char *text = ta_facts_text(facts, key, &bytes);

	if (bytes)
		ta_out_text(out, name, (uint32_t)strlen(name), text, bytes);
}

static void add_facts(const struct ta_facts *facts, const struct command *command,
		      struct ta_out_span *out)
{
	if (command->system)
		ta_out_text(out, TA_NAME("db.system.name"), command->system,
			    strlen(command->system));
	if (command->operation_bytes)
		ta_out_text(out, TA_NAME("db.operation.name"), command->operation,
			    command->operation_bytes);
	if (command->target_bytes)
		ta_out_text(out, TA_NAME("db.collection.name"), command->target,
			    command->target_bytes);
	add_text(facts, TA_ATTR_DB_NAMESPACE, out);
	add_text(facts, TA_ATTR_DB_TEXT, out);
	if (command->batch)
		ta_out_int(out, TA_NAME("db.operation.batch.size"), command->batch);
	add_text(facts, TA_ATTR_DB_STATUS, out);
}

static void add_network(struct ta_enrich *enrich, const struct ta_span *span,
			const struct ta_facts *facts, struct ta_out_span *out)
{
	bool client = span->type == TA_SPAN_COMMAND;
	struct ta_address peer, local;

	ta_facts_address(enrich, facts, TA_ATTR_PEER, &peer);
	ta_facts_address(enrich, facts, TA_ATTR_LOCAL, &local);
	ta_out_address(out, client ? &peer : &local, TA_NAME("server.address"),
		       TA_NAME("server.port"));
	if (!client)
		ta_out_address(out, &peer, TA_NAME("client.address"), TA_NAME("client.port"));
	ta_out_address(out, &peer, TA_NAME("network.peer.address"), TA_NAME("network.peer.port"));
	if (peer.type && strcmp(peer.type, "unix") == 0)
		ta_out_text(out, TA_NAME("network.transport"), "unix", 4);
	if (ta_facts_int(facts, TA_ATTR_TLS))
		ta_out_bool(out, TA_NAME("tagalong.tls"), true);
}

void ta_command_status(struct ta_enrich *enrich, const struct ta_span *span,
		       const struct ta_facts *facts, struct ta_out_span *out)
{
	uint32_t bytes = 0;
	const char *status = ta_facts_text(facts, TA_ATTR_DB_STATUS, &bytes);
	char *copy = bytes ? ta_scratch(enrich, bytes + 1) : NULL;

	if (bytes) {
		if (copy)
			*(char *)mempcpy(copy, status, bytes) = '\0';
		ta_out_error(out, copy ? copy : "_OTHER");
	} else {
		ta_connection_status(enrich, span, facts, out);
	}
}

void ta_enrich_command(struct ta_enrich *enrich, const struct ta_span *span,
		       const struct ta_facts *facts, struct ta_out_span *out)
{
	struct command command;

	read_command(facts, &command);
	out->kind = span->type == TA_SPAN_COMMAND ? 3 : 2;
	set_name(&command, out);
	add_facts(facts, &command, out);
	add_network(enrich, span, facts, out);
	ta_out_count(facts, TA_ATTR_THREAD_ID, out);
	ta_command_status(enrich, span, facts, out);
}
