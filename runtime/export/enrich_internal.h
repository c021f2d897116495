/* SPDX-License-Identifier: MIT */
/*
 * enrich_internal.h - what the files of the enricher share.
 *
 * enrich.c makes the frame and dispatches; enrich_facts.c reads the records,
 * enrich_status.c decides how it ended, enrich_failed.c asks only that, enrich_scope.c adds tags and what scopes hold,
 * enrich_events.c events and links, enrich_limits.c applies OTEL_*_LIMIT; enrich_http.c, enrich_http_client.c,
 * enrich_rpc.c and enrich_url.c know HTTP, enrich_command.c databases and caches, enrich_outward.c what else
 * programs ask others, enrich_process.c what they start, enrich_connection.c and enrich_thread.c the other types;
 * enrich_name.c and enrich_route.c make names, enrich_address.c prints addresses,
 * enrich_resource.c makes resources.  Nothing else includes this.
 *
 * Text that has to be made for a span lives in enrich->scratch, which is emptied
 * by the next span; it is made large enough before anything points into it.
 */
#ifndef TA_EXPORT_ENRICH_INTERNAL_H
#define TA_EXPORT_ENRICH_INTERNAL_H

#include <string.h>

#include "runtime/export/enrich.h"

#define TA_KNOWN_KEYS 64u
#define TA_PROCESS_CACHE 64u
#define TA_WARNINGS_MAX 24u

struct ta_path_names;
struct ta_routes;

/* OTEL_*_LIMIT.  Counts are at most our own: 128. */
struct ta_limits {
	bool in_spans; /* something is limited in the attributes of spans */
	bool in_rows;  /* in those of events and links */
	uint32_t value; /* characters; UINT32_MAX: no limit */
	uint32_t attrs, events, links, event_attrs, link_attrs;
	struct ta_buf span_texts; /* JSON with shorter strings: of this span, */
	struct ta_buf row_text;	  /* of the last attribute of a walk */
};

/* A process whose resource has been encoded. */
struct ta_process_entry {
	uint64_t proc_id;
	uint64_t print; /* of everything that the texts were made of */
	bool made;
	struct ta_buf json, pb, service; /* service.name, terminated */
};

struct ta_enrich {
	const struct ta_config *config;
	struct ta_path_names *paths;
	struct ta_routes *routes;
	struct ta_limits limits;
	char *scratch;
	size_t scratch_bytes, scratch_capacity;

	char host_name[256];
	const char *host_arch;
	char host_machine[65];
	char host_id[65];
	struct ta_buf user_resource; /* OTEL_RESOURCE_ATTRIBUTES: key NUL value NUL ... */
	uint32_t user_count;
	struct ta_process_entry processes[TA_PROCESS_CACHE];
	struct ta_process_entry nobody; /* what belongs to no process */

	char warnings[TA_WARNINGS_MAX][256];
	uint32_t warning_count;
};

/* The attributes of a span as recorded; the last of a key won. */
struct ta_facts {
	uint64_t present; /* bit per key below TA_KNOWN_KEYS */
	struct ta_attr_view known[TA_KNOWN_KEYS];
	uint32_t dropped;
	uint32_t named_count, tag_count;     /* attributes of that kind, updates too */
	uint32_t event_count, link_count;    /* records of that kind */
	uint32_t json_bytes;			     /* of TA_ATTR_EVENT_JSON: attributes in one object */
	const struct ta_record *error_record; /* that has TA_ATTR_EXCEPTION_*, if they are known */
	bool exception; /* one was recorded; the last one's type and message, or NULL: */
	const char *exception_type, *exception_message;
	uint32_t exception_type_bytes, exception_message_bytes;
};

static inline bool ta_facts_have(const struct ta_facts *facts, unsigned int key)
{
	return facts->present >> key & 1;
}

/* The value as text; NULL when the attribute is missing or is no string. */
static inline const char *ta_facts_text(const struct ta_facts *facts, unsigned int key,
					uint32_t *ret_bytes)
{
	if (!ta_facts_have(facts, key) || facts->known[key].type != TA_ATTR_STRING)
		return NULL;
	*ret_bytes = facts->known[key].bytes;
	return facts->known[key].value;
}

static inline int64_t ta_facts_int(const struct ta_facts *facts, unsigned int key)
{
	return ta_facts_have(facts, key) ? ta_attr_int(&facts->known[key]) : 0;
}

/* A name that is a literal: its length is known to the compiler. */
#define TA_NAME(literal) (literal), (uint32_t)(sizeof(literal) - 1)

/* Append one attribute; beyond the limit it is counted as dropped. */
struct ta_out_attr *ta_out_add(struct ta_out_span *out, const char *name, uint32_t name_bytes);
void ta_out_text(struct ta_out_span *out, const char *name, uint32_t name_bytes, const char *text,
		 size_t text_bytes);
void ta_out_int(struct ta_out_span *out, const char *name, uint32_t name_bytes, int64_t value);
void ta_out_bool(struct ta_out_span *out, const char *name, uint32_t name_bytes, bool value);

/* The span failed: status error, and error.type unless one is there already. */
void ta_out_error(struct ta_out_span *out, const char *type);

/* Appends to the span's name; what does not fit is cut between characters. */
void ta_out_name(struct ta_out_span *out, const char *text, size_t bytes);

/* Room in the scratch memory; NULL when the space reserved for the span is used up. */
char *ta_scratch(struct ta_enrich *enrich, size_t bytes);

/* "ECONNRESET"; for a number without a name its digits.  Points to static memory
 * or into the scratch memory. */
const char *ta_errno_name(struct ta_enrich *enrich, int64_t number);

/* enrich_facts.c: everything that the records say, in one pass. */
void ta_facts_collect(const struct ta_span *span, struct ta_facts *facts);
/* Takes the name off the front of a named attribute's value. */
bool ta_attr_split(const struct ta_attr_view *attr, const char **ret_name,
		   uint32_t *ret_name_bytes, struct ta_attr_view *ret_value);
/* Type and value of an attribute as recorded. */
void ta_out_set(struct ta_out_attr *attr, const struct ta_attr_view *value);
/* A hash of a name; what falls together costs time, no more. */
uint32_t ta_name_print(const char *name, uint32_t bytes);
/* The attributes that carry their own names: later ones win, over ours too. */
void ta_out_named(struct ta_enrich *enrich, const struct ta_span *span,
		  const struct ta_facts *facts, struct ta_out_span *out);
/* The attribute of that name (without a prefix), or NULL. */
struct ta_out_attr *ta_out_find(struct ta_out_span *out, const char *name, uint32_t name_bytes);

/* enrich_status.c: what the program said comes first, everything else gives way. */
void ta_status_begin(const struct ta_facts *facts, struct ta_out_span *out);
void ta_status_end(const struct ta_span *span, const struct ta_facts *facts,
		   struct ta_out_span *out);

/* enrich_scope.c: op, namespace and session; tags, and on local roots what their scopes
 * hold. */
void ta_out_kind_of_work(const struct ta_span *span, const struct ta_facts *facts,
			 struct ta_out_span *out);
size_t ta_scope_scratch(const struct ta_span *span); /* bytes that it may ask for */
void ta_out_scope(struct ta_enrich *enrich, const struct ta_span *span,
		  const struct ta_facts *facts, struct ta_out_span *out);
/* Whether nothing of this program is above the span, or a boundary is. */
bool ta_span_is_local_root(const struct ta_span *span);

/* enrich_events.c: fills in the events and the links, and the facts' exception. */
void ta_out_events(struct ta_enrich *enrich, const struct ta_span *span, struct ta_facts *facts,
		   struct ta_out_span *out);
/* The facts' exception alone. */
void ta_facts_exceptions(const struct ta_span *span, struct ta_facts *facts);

/* enrich_limits.c */
void ta_limits_init(struct ta_enrich *enrich);
void ta_limits_fini(struct ta_limits *limits);
void ta_limits_span(struct ta_limits *limits, struct ta_out_span *out);
/* Shortens the text of one attribute of an event or a link. */
void ta_limits_row(struct ta_limits *limits, struct ta_out_attr *attr);

/* The last text recorded under a name of its own; NULL when there is none. */
const char *ta_span_named(const struct ta_span *span, const char *wanted, uint32_t *ret_bytes);

void ta_enrich_connection(struct ta_enrich *enrich, const struct ta_span *span,
			  const struct ta_facts *facts, struct ta_out_span *out);
void ta_enrich_thread(struct ta_enrich *enrich, const struct ta_span *span,
		      const struct ta_facts *facts, struct ta_out_span *out);
void ta_enrich_signal(struct ta_enrich *enrich, const struct ta_facts *facts,
		      struct ta_out_span *out);
void ta_enrich_http(struct ta_enrich *enrich, const struct ta_span *span,
		    const struct ta_facts *facts, struct ta_out_span *out);
void ta_enrich_http_client(struct ta_enrich *enrich, const struct ta_span *span,
			   const struct ta_facts *facts, struct ta_out_span *out);
void ta_enrich_command(struct ta_enrich *enrich, const struct ta_span *span,
		       const struct ta_facts *facts, struct ta_out_span *out);
void ta_enrich_connect(struct ta_enrich *enrich, const struct ta_span *span,
		       const struct ta_facts *facts, struct ta_out_span *out);
void ta_enrich_lookup(const struct ta_facts *facts, struct ta_out_span *out);
void ta_enrich_turn(struct ta_enrich *enrich, const struct ta_span *span,
		    const struct ta_facts *facts, struct ta_out_span *out);
void ta_enrich_process(struct ta_enrich *enrich, const struct ta_span *span,
		       const struct ta_facts *facts, struct ta_out_span *out);
/* What these types make of how a span went. */
void ta_type_status(struct ta_enrich *enrich, const struct ta_span *span,
		    const struct ta_facts *facts, struct ta_out_span *out);
void ta_command_status(struct ta_enrich *enrich, const struct ta_span *span,
		       const struct ta_facts *facts, struct ta_out_span *out);
void ta_lookup_status(const struct ta_facts *facts, struct ta_out_span *out);
void ta_process_status(struct ta_enrich *enrich, const struct ta_facts *facts,
		       struct ta_out_span *out);
void ta_connection_status(struct ta_enrich *enrich, const struct ta_span *span,
			  const struct ta_facts *facts, struct ta_out_span *out);
void ta_http_status(struct ta_enrich *enrich, const struct ta_span *span,
		    const struct ta_facts *facts, struct ta_out_span *out);

/* enrich_url.c: a raw request target in its parts.  Pointers go into the target. */
struct ta_http_target {
	const char *scheme, *authority, *path, *query; /* NULL: not there */
	uint32_t scheme_bytes, authority_bytes, path_bytes, query_bytes;
	bool exact; /* path, or path?query with something behind the mark, is the whole target */
};
void ta_http_target_split(const char *text, uint32_t bytes, bool is_connect,
			  struct ta_http_target *ret_target);

/* enrich_http.c: the request's line and head, as far as both ends tell of it. */
struct ta_http_request {
	const char *method, *raw;
	uint32_t method_bytes, raw_bytes;
	bool known;
	struct ta_http_target target;
};
void ta_http_request_read(const struct ta_facts *facts, struct ta_http_request *ret_request);
void ta_http_name_method(const struct ta_http_request *request, struct ta_out_span *out);
void ta_http_add_method(const struct ta_http_request *request, struct ta_out_span *out);
bool ta_http_is_tls(const struct ta_facts *facts);
void ta_http_add_version(const struct ta_facts *facts, struct ta_out_span *out);
void ta_http_add_rest(const struct ta_facts *facts, const struct ta_http_request *request,
		      struct ta_out_span *out);

/* enrich_rpc.c: gRPC, which is HTTP/2 with a status of its own. */
bool ta_rpc_is(const struct ta_facts *facts);
/* Name and attributes, over what HTTP has made of it. */
void ta_enrich_rpc(struct ta_enrich *enrich, const struct ta_facts *facts,
		   const struct ta_http_request *request, struct ta_out_span *out);
void ta_rpc_status(struct ta_enrich *enrich, const struct ta_span *span,
		   const struct ta_facts *facts, struct ta_out_span *out);

/* "host:port", "[v6]:port"; ret_port 0 when there is none. */
void ta_authority_split(const char *text, uint32_t bytes, const char **ret_host,
			uint32_t *ret_host_bytes, uint32_t *ret_port);

/* Copies a query with the values of well-known secrets replaced.  out has room for
 * 3 * bytes + 16.  Returns the length; *ret_changed says whether anything was. */
size_t ta_query_redact(const char *query, size_t bytes, char *out, bool *ret_changed);

/* enrich_name.c: paths with their variable parts as '*'. */
struct ta_path_names *ta_path_names_new(void);
void ta_path_names_free(struct ta_path_names *names);
/* While it stays the same, a path that has a name keeps it. */
uint32_t ta_path_names_age(const struct ta_path_names *names);
size_t ta_path_name(struct ta_path_names *names, const char *path, size_t bytes, char *out,
		    size_t out_bytes);
/* Whether a path segment looks like a value: a number, an id, a token. */
bool ta_segment_is_variable(const char *segment, size_t bytes);

/* enrich_route.c: TAGALONG_HTTP_ROUTES. */
struct ta_routes *ta_routes_new(struct ta_enrich *enrich, const char *list);
void ta_routes_free(struct ta_routes *routes);
/* The best pattern for a path, or NULL. */
const char *ta_routes_match(const struct ta_routes *routes, const char *path, size_t bytes,
			    uint32_t *ret_bytes);

/* enrich_address.c: struct sockaddr bytes as a peer or a local address. */
struct ta_address {
	const char *type; /* "ipv4", "ipv6", "unix"; NULL: not there or not understood */
	const char *text; /* points into scratch memory or at the bytes recorded */
	uint32_t text_bytes;
	uint32_t port;
	bool any; /* 0.0.0.0 or :: */
};
void ta_facts_address(struct ta_enrich *enrich, const struct ta_facts *facts, unsigned int key,
		      struct ta_address *ret_address);
/* Address and port as two attributes; a wildcard address is left out. */
void ta_out_address(struct ta_out_span *out, const struct ta_address *address, const char *name,
		    uint32_t name_bytes, const char *port_name, uint32_t port_name_bytes);
/* "tcp" or "unix", as recorded or as the addresses tell; NULL: neither. */
const char *ta_transport_of(const struct ta_facts *facts, const struct ta_address *one,
			    const struct ta_address *other);
/* Appends " :PORT", or " PATH" of a Unix socket. */
void ta_out_name_port(const struct ta_address *address, struct ta_out_span *out);
/* An integer of attr.def under its own name, when it was recorded. */
void ta_out_count(const struct ta_facts *facts, unsigned int key, struct ta_out_span *out);

/* enrich_resource.c */
void ta_resource_init(struct ta_enrich *enrich);
void ta_resource_fini(struct ta_enrich *enrich);
/* The user's value for a resource attribute; NULL when there is none. */
const char *ta_resource_user(const struct ta_enrich *enrich, const char *key);

void ta_enrich_warn(struct ta_enrich *enrich, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
