/* SPDX-License-Identifier: MIT */
/*
 * enrich_connection.c - spans of accepted connections that are not HTTP; how connections are
 * named.
 *
 * The name says where the connection was accepted; who connected is in the
 * attributes.  Runs: agent, one thread.
 */
#include "runtime/export/enrich_internal.h"

#include <stdio.h>

const char *ta_transport_of(const struct ta_facts *facts, const struct ta_address *one,
			    const struct ta_address *other)
{
	const char *type = one->type ? one->type : other->type;

	if (ta_facts_have(facts, TA_ATTR_TRANSPORT)) {
		int64_t number = ta_facts_int(facts, TA_ATTR_TRANSPORT);

		return number == 0 ? "tcp" : number == 1 ? "unix" : NULL;
	}
	if (!type)
		return NULL;
	return strcmp(type, "unix") == 0 ? "unix" : "tcp";
}

void ta_out_name_port(const struct ta_address *address, struct ta_out_span *out)
{
	char port[16];

	if (address->port) {
		snprintf(port, sizeof(port), " :%u", address->port);
		ta_out_name(out, port, strlen(port));
	} else if (address->type && strcmp(address->type, "unix") == 0 && address->text_bytes) {
		ta_out_name(out, " ", 1);
		ta_out_name(out, address->text, address->text_bytes);
	}
}

/* Where a connection was accepted, which is all that its name may tell: the
 * peer would make as many names as there are clients. */
static void name_connection(const char *transport, const struct ta_address *local,
			    struct ta_out_span *out)
{
	ta_out_name(out, transport ? transport : "socket", strlen(transport ? transport : "socket"));
	ta_out_name(out, " accept", 7);
	ta_out_name_port(local, out);
}

void ta_connection_status(struct ta_enrich *enrich, const struct ta_span *span,
			  const struct ta_facts *facts, struct ta_out_span *out)
{
	int64_t number = ta_facts_int(facts, TA_ATTR_ERRNO);

	if (number)
		ta_out_error(out, ta_errno_name(enrich, number));
	else if (span->reason == TA_END_CLOSED_EARLY)
		ta_out_error(out, "connection_closed");
}

void ta_enrich_connection(struct ta_enrich *enrich, const struct ta_span *span,
			  const struct ta_facts *facts, struct ta_out_span *out)
{
	struct ta_address peer, local;
	const char *transport;

	ta_facts_address(enrich, facts, TA_ATTR_PEER, &peer);
	ta_facts_address(enrich, facts, TA_ATTR_LOCAL, &local);
	transport = ta_transport_of(facts, &local, &peer);
	out->kind = 2;
	name_connection(transport, &local, out);
	if (transport)
		ta_out_text(out, TA_NAME("network.transport"), transport, strlen(transport));
	if (peer.type && strcmp(peer.type, "unix") != 0)
		ta_out_text(out, TA_NAME("network.type"), peer.type, strlen(peer.type));
	ta_out_address(out, &peer, TA_NAME("network.peer.address"), TA_NAME("network.peer.port"));
	ta_out_address(out, &local, TA_NAME("network.local.address"), TA_NAME("network.local.port"));
	ta_out_count(facts, TA_ATTR_BYTES_IN, out);
	ta_out_count(facts, TA_ATTR_BYTES_OUT, out);
	ta_out_count(facts, TA_ATTR_REQUEST_COUNT, out);
	ta_connection_status(enrich, span, facts, out);
}
