/* SPDX-License-Identifier: MIT */
/*
 * enrich_rpc.c - gRPC calls (OpenTelemetry semantic conventions, "RPC spans").
 *
 * They are HTTP/2 requests to /package.Service/Method with a status in their trailers; what
 * HTTP says about them stays.  A client's call failed when its status is any but OK; a
 * server's only when it is the server's fault.
 *
 * Runs: agent, one thread.
 */
#include "runtime/export/enrich_internal.h"

#include <stdio.h>

bool ta_rpc_is(const struct ta_facts *facts)
{
	return ta_facts_have(facts, TA_ATTR_GRPC_STATUS);
}

/* As the protocol calls it; for a number without a name its digits. */
static const char *status_name(struct ta_enrich *enrich, int64_t status)
{
	static const char *const names[] = {
		"OK",		       "CANCELLED",	 "UNKNOWN",
		"INVALID_ARGUMENT",    "DEADLINE_EXCEEDED", "NOT_FOUND",
		"ALREADY_EXISTS",      "PERMISSION_DENIED", "RESOURCE_EXHAUSTED",
		"FAILED_PRECONDITION", "ABORTED",	 "OUT_OF_RANGE",
		"UNIMPLEMENTED",       "INTERNAL",	 "UNAVAILABLE",
		"DATA_LOSS",	       "UNAUTHENTICATED",
	};
	char *digits;

	if (status >= 0 && status < (int64_t)(sizeof(names) / sizeof(names[0])))
		return names[status];
	digits = ta_scratch(enrich, 24);
	if (!digits)
		return "_OTHER";
	snprintf(digits, 24, "%lld", (long long)status);
	return digits;
}

/* Two segments that are no values; anything else would be as many names as there are
 * clients that try. */
static bool is_method(const char *path, uint32_t bytes)
{
	const char *slash = bytes > 1 && path[0] == '/' ? memchr(path + 1, '/', bytes - 1) : NULL;

	if (!slash || slash == path + 1 || slash == path + bytes - 1)
		return false;
	for (uint32_t i = 1; i < bytes; i++) {
		char c = path[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '.' || c == '_' || path + i == slash))
			return false;
	}
	return true;
}

void ta_enrich_rpc(struct ta_enrich *enrich, const struct ta_facts *facts,
		   const struct ta_http_request *request, struct ta_out_span *out)
{
	const char *path = request->target.path;
	uint32_t bytes = request->target.path_bytes;
	const char *status = status_name(enrich, ta_facts_int(facts, TA_ATTR_GRPC_STATUS));
	bool method = path && is_method(path, bytes);

	out->name_bytes = 0;
	ta_out_name(out, method ? path + 1 : "grpc", method ? bytes - 1 : 4);
	ta_out_text(out, TA_NAME("rpc.system.name"), "grpc", 4);
	ta_out_text(out, TA_NAME("rpc.method"), method ? path + 1 : "_OTHER",
		    method ? bytes - 1 : 6);
	ta_out_text(out, TA_NAME("rpc.status_code"), status, strlen(status));
}

void ta_rpc_status(struct ta_enrich *enrich, const struct ta_span *span,
		   const struct ta_facts *facts, struct ta_out_span *out)
{
	/* UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS */
	static const uint32_t of_servers = 1u << 2 | 1u << 4 | 1u << 12 | 1u << 13 | 1u << 14 |
					   1u << 15;
	int64_t status = ta_facts_int(facts, TA_ATTR_GRPC_STATUS);
	bool failed = status != 0;

	if (span->type != TA_SPAN_HTTP_CLIENT)
		failed = status >= 0 && status < 32 && (of_servers >> status & 1);
	if (failed && span->end != TA_SPAN_HOST_DIED)
		ta_out_error(out, status_name(enrich, status));
}
