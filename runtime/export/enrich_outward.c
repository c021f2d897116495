/* SPDX-License-Identifier: MIT */
/*
 * enrich_outward.c - what programs ask others without a protocol that is known: opening a
 * connection, looking a name up, an exchange of bytes.
 *
 * OpenTelemetry has conventions for none of these spans; attributes are its own where it
 * has them.  Names tell the port or the socket, not the host: that is an attribute.
 *
 * Runs: agent, one thread.
 */
#include "runtime/export/enrich_internal.h"

/* "tcp connect :5432" and the other end's address. */
static void add_peer(struct ta_enrich *enrich, const struct ta_facts *facts, const char *verb,
		     struct ta_out_span *out)
{
	struct ta_address peer;
	const char *transport;

	ta_facts_address(enrich, facts, TA_ATTR_PEER, &peer);
	transport = ta_transport_of(facts, &peer, &peer);
	out->kind = 3;
	ta_out_name(out, transport ? transport : "socket",
		    strlen(transport ? transport : "socket"));
	ta_out_name(out, verb, strlen(verb));
	ta_out_name_port(&peer, out);
	if (transport)
		ta_out_text(out, TA_NAME("network.transport"), transport, strlen(transport));
	if (peer.type && strcmp(peer.type, "unix") != 0)
		ta_out_text(out, TA_NAME("network.type"), peer.type, strlen(peer.type));
	ta_out_address(out, &peer, TA_NAME("server.address"), TA_NAME("server.port"));
	ta_out_address(out, &peer, TA_NAME("network.peer.address"), TA_NAME("network.peer.port"));
}

void ta_enrich_connect(struct ta_enrich *enrich, const struct ta_span *span,
		       const struct ta_facts *facts, struct ta_out_span *out)
{
	add_peer(enrich, facts, " connect", out);
	ta_connection_status(enrich, span, facts, out);
}

void ta_enrich_turn(struct ta_enrich *enrich, const struct ta_span *span,
		    const struct ta_facts *facts, struct ta_out_span *out)
{
	add_peer(enrich, facts, " exchange", out);
	ta_out_count(facts, TA_ATTR_BYTES_IN, out);
	ta_out_count(facts, TA_ATTR_BYTES_OUT, out);
	if (ta_facts_int(facts, TA_ATTR_TLS))
		ta_out_bool(out, TA_NAME("tagalong.tls"), true);
	ta_connection_status(enrich, span, facts, out);
}

/* Words such as EAI_NONAME and HOST_NOT_FOUND; a host that says something else says
 * nothing. */
void ta_lookup_status(const struct ta_facts *facts, struct ta_out_span *out)
{
	static const char *const words[] = {
		"EAI_BADFLAGS", "EAI_NONAME", "EAI_AGAIN", "EAI_FAIL", "EAI_NODATA", "EAI_FAMILY",
		"EAI_SOCKTYPE", "EAI_SERVICE", "EAI_ADDRFAMILY", "EAI_MEMORY", "EAI_SYSTEM",
		"EAI_OVERFLOW", "HOST_NOT_FOUND", "TRY_AGAIN", "NO_RECOVERY", "NO_DATA",
		"NETDB_INTERNAL",
	};
	uint32_t bytes = 0;
	const char *error = ta_facts_text(facts, TA_ATTR_LOOKUP_ERROR, &bytes);

	if (!bytes)
		return;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i]) == bytes && memcmp(words[i], error, bytes) == 0) {
			ta_out_error(out, words[i]);
			return;
		}
	ta_out_error(out, "_OTHER");
}

void ta_enrich_lookup(const struct ta_facts *facts, struct ta_out_span *out)
{
	uint32_t bytes = 0;
	const char *name = ta_facts_text(facts, TA_ATTR_LOOKUP_NAME, &bytes);

	out->kind = 3;
	ta_out_name(out, "dns lookup", 10);
	if (bytes)
		ta_out_text(out, TA_NAME("dns.question.name"), name, bytes);
	ta_lookup_status(facts, out);
}
