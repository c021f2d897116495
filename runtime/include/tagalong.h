/* SPDX-License-Identifier: MIT */
/*
 * tagalong.h - optional API for programs that know they may be watched.
 *
 * Include it and call; there is nothing to link.  Without libtagalong.so in
 * LD_PRELOAD every call does nothing, at the price of a load and a branch.
 *
 *     #include <tagalong.h>
 *
 *     tagalong_set_tag("tenant", "acme");
 *     TAGALONG_SPAN("load order") {
 *             if (load(order) < 0)
 *                     tagalong_capture_error("LoadError", "no such order");
 *     }
 *
 * Contents, in this order; every part begins with a line "---- name ----":
 *
 *     handles and kinds    scope, span and hub handles, levels, options
 *     table                what the library hands out; not for programs
 *     scopes               tags, users, breadcrumbs ... of what happens here
 *     blocks               a scope for a while
 *     capturing            messages, errors, events, logs
 *     spans                pieces of work, their attributes, tags, errors, sessions
 *     contexts             queues and workers of your own, file descriptors
 *     hubs                 the older model of Sentry's SDKs
 *     delivery             flush, shutdown
 *     blocks that end themselves    TAGALONG_SPAN() { ... } and the like
 *
 * Words: a scope holds data (tags, user, breadcrumbs ...) that goes with what is
 * captured while it is in force.  There are three kinds: the global scope of the
 * process, the isolation scope of a request, connection, thread or signal delivery,
 * and the current scope of the innermost span or block.  The nearer one wins:
 * current, isolation, global.  A span is a piece of work with a start and an end; a
 * trace is a root span and what hangs below it.
 *
 * Results: 0, or a negative errno: -EINVAL (an argument that makes no sense, NULL
 * where a text has to be, JSON that is none), -ENOENT (nothing there to end or leave),
 * -ESTALE (a handle of something that is over), -E2BIG (too long to be recorded),
 * -ENOBUFS (no room; counted).  Without the library always 0.  errno is never changed.
 *
 * Handles (tagalong_scope_t, tagalong_span_t, tagalong_hub_t) are values: nothing is
 * freed unless it says so, and using one too late is harmless.  A zero handle is
 * "none", and every call on it does nothing and answers 0.
 *
 * Strings are UTF-8, end with a NUL and are copied before a call returns.  Too long ones
 * are cut behind a whole character (counted as too_long), bytes that are no UTF-8 become
 * U+FFFD when they are exported.  Limits in bytes: keys 200, tag values 2048, names 255,
 * error types 200, messages of captures 8192, those of breadcrumbs and of spans' errors and
 * statuses 2048, categories, ops and namespaces 128, session ids and names 200, JSON texts
 * 12 KiB (never cut: -E2BIG).
 *
 * Threads: any, also in a forked child.  Functions marked [signal] may be called in
 * signal handlers, also in one that interrupted the same function.
 *
 * Compilers: gcc and clang on ELF systems, C99 and later, C++11 and later; with others,
 * and with TAGALONG_DISABLE defined, every call compiles to nothing.  The library's table
 * is looked up by dlsym() before main and when an object with calls is loaded (calls
 * that earlier constructors make do nothing); glibc before 2.34 wants -ldl for that.  A
 * statically linked program is never watched, and its calls do nothing.
 */
#ifndef TAGALONG_H
#define TAGALONG_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) && defined(__ELF__) && !defined(TAGALONG_DISABLE)
#define TAGALONG_LOOKUP_
#include <dlfcn.h>
#endif

#ifdef __cplusplus
#define TAGALONG_CAST_(type, value) static_cast<type>(value)
#define TAGALONG_NULL_ nullptr
extern "C" {
#else
#define TAGALONG_CAST_(type, value) ((type)(value))
#define TAGALONG_NULL_ NULL
#endif

/* ---- handles and kinds ---- */

/* A scope, or a role of one.  0: none. */
typedef uint64_t tagalong_scope_t;
/* A hub.  0: none. */
typedef uint64_t tagalong_hub_t;

/* Scopes by role: whatever is in that role where the call is made.  They can be
 * given wherever a scope is wanted. */
#define TAGALONG_SCOPE_GLOBAL TAGALONG_CAST_(tagalong_scope_t, 1)    /* the process's */
#define TAGALONG_SCOPE_ISOLATION TAGALONG_CAST_(tagalong_scope_t, 2) /* the request's */
#define TAGALONG_SCOPE_CURRENT TAGALONG_CAST_(tagalong_scope_t, 3)   /* the innermost block's */
#define TAGALONG_SCOPE_HUB TAGALONG_CAST_(tagalong_scope_t, 4)	     /* the current hub's topmost */

/* A span by its ids (W3C trace context): 16 bytes of trace as two halves, 8 bytes of span.
 * One whose ids came from elsewhere (a header, TRACEPARENT) has a ref of 0 and can be a
 * parent, be linked to, and name its trace. */
typedef struct tagalong_span {
	uint64_t trace_hi, trace_lo; /* hi is printed first */
	uint64_t id;		     /* 0: no span */
	uint64_t ref;		     /* the library's; 0: not a span of this process */
} tagalong_span_t;

/* What was current somewhere, to be taken on elsewhere; the library's. */
typedef struct tagalong_context tagalong_context_t;

/* How bad it is.  NONE: not said. */
enum tagalong_level {
	TAGALONG_LEVEL_NONE,
	TAGALONG_LEVEL_TRACE,
	TAGALONG_LEVEL_DEBUG,
	TAGALONG_LEVEL_INFO,
	TAGALONG_LEVEL_WARNING,
	TAGALONG_LEVEL_ERROR,
	TAGALONG_LEVEL_FATAL
};

/* OpenTelemetry's span status. */
enum tagalong_status { TAGALONG_STATUS_UNSET, TAGALONG_STATUS_OK, TAGALONG_STATUS_ERROR };

/* One step of what happened; message or category or data has to be there. */
struct tagalong_breadcrumb {
	const char *message;
	const char *category; /* "http", "query", ... */
	const char *type;     /* "default", "http", "navigation", ... */
	const char *data;     /* a JSON object */
	enum tagalong_level level;
};

/* What a span can start with; all of it optional. */
struct tagalong_span_options {
	const tagalong_span_t *parent; /* beats the active span; TAGALONG_NO_PARENT: a root */
	const char *op;		       /* kind of work, such as "db" */
	const char *attributes;	       /* a JSON object */
	const char *const *tags;       /* key, value, key, value, ..., NULL */
	const char *session_id; /* of a root; children inherit it, and their own is ignored */
	const char *session_name;
	const char *name_space;	     /* of a root (AppSignal's namespace); "web" if not given */
	const tagalong_span_t *link; /* one span that this one points at */
};

/* What the agent still holds, of all programs that it serves. */
struct tagalong_buffered {
	uint32_t complete;	/* spans of complete traces, to be exported */
	uint32_t open_buckets;	/* open traces that have ended spans */
	uint32_t active_traces; /* traces with an open span */
};

/* ---- table ---- */

/* For the functions below; programs do not use these.  Which part of a scope. */
enum tagalong_scope_field {
	TAGALONG_FIELD_TAG = 1,
	TAGALONG_FIELD_EXTRA,
	TAGALONG_FIELD_CONTEXT,
	TAGALONG_FIELD_USER,
	TAGALONG_FIELD_LEVEL,
	TAGALONG_FIELD_FINGERPRINT,
	TAGALONG_FIELD_TRANSACTION,
	TAGALONG_FIELD_ATTRIBUTE
};
/* enum ta_attr_type of the wire. */
enum tagalong_value_type {
	TAGALONG_VALUE_INT = 1,
	TAGALONG_VALUE_BOOL,
	TAGALONG_VALUE_DOUBLE,
	TAGALONG_VALUE_STRING,
	TAGALONG_VALUE_JSON = 6
};
/* What a block forks or makes current. */
enum tagalong_block {
	TAGALONG_BLOCK_SCOPE = 1,
	TAGALONG_BLOCK_ISOLATION,
	TAGALONG_BLOCK_SPAN,
	TAGALONG_BLOCK_ENTER,
	TAGALONG_BLOCK_HUB
};
/* How a span becomes active, and for how long. */
enum tagalong_span_use {
	TAGALONG_USE_BLOCK,    /* active until its block ends */
	TAGALONG_USE_PUSH,     /* active until it is finished */
	TAGALONG_USE_DETACHED, /* never active by itself */
	TAGALONG_USE_CREATE    /* AppSignal: below the root, or a root that is current */
};
/* A value of one of several types. */
struct tagalong_value {
	enum tagalong_value_type type;
	union {
		int64_t number;
		double real;
		const char *text;
	} as;
};
/* One capture. */
struct tagalong_capture {
	int what; /* 1 message, 2 error, 3 event, 4 log */
	int hub;  /* by the current hub */
	enum tagalong_level level;
	const char *type;
	const char *message;
	const char *json;
	tagalong_scope_t scope; /* instead of the current scope; 0 none */
};

/* What the library offers.  Grows only at its end; size says how much of it the
 * library at hand has. */
struct tagalong_api {
	size_t size;

	tagalong_scope_t (*scope_get)(tagalong_scope_t role);
	int (*scope_set)(tagalong_scope_t scope, enum tagalong_scope_field field, const char *key,
			 const char *value);
	int (*scope_set_attribute)(tagalong_scope_t scope, const char *key,
				   const struct tagalong_value *value);
	int (*scope_set_level)(tagalong_scope_t scope, enum tagalong_level level);
	int (*scope_add_breadcrumb)(tagalong_scope_t scope,
				    const struct tagalong_breadcrumb *crumb);
	int (*scope_clear)(tagalong_scope_t scope, int breadcrumbs_only);
	tagalong_scope_t (*scope_fork)(tagalong_scope_t scope);
	int (*scope_free)(tagalong_scope_t scope);

	int (*block_push)(enum tagalong_block kind, const void *block);
	int (*block_pop)(enum tagalong_block kind);

	int (*capture)(const struct tagalong_capture *capture);
	int (*last_event_id)(char *out);

	void (*span_begin)(tagalong_span_t *ret_span, const char *name,
			   const struct tagalong_span_options *options, enum tagalong_span_use use,
			   const void *block);
	int (*span_end)(int failed, const char *type, const char *message);
	int (*span_finish)(const tagalong_span_t *span);
	int (*span_enter)(const tagalong_span_t *span, const void *block);
	int (*span_leave)(int failed, const char *type, const char *message);
	void (*span_get)(tagalong_span_t *ret_span, int root);
	int (*span_set)(const tagalong_span_t *span, const char *key,
			const struct tagalong_value *value);
	int (*span_set_name)(const tagalong_span_t *span, const char *name);
	int (*span_set_status)(const tagalong_span_t *span, enum tagalong_status status,
			       const char *message);
	int (*span_set_error)(const tagalong_span_t *span, const char *type, const char *message);
	int (*span_add_event)(const tagalong_span_t *span, const char *name,
			      const char *attributes);
	int (*span_add_link)(const tagalong_span_t *span, const tagalong_span_t *to);
	int (*span_set_tag)(const tagalong_span_t *span, int of, const char *key,
			    const char *value);
	int (*span_session)(const tagalong_span_t *span, char *id, size_t id_size, char *name,
			    size_t name_size);

	tagalong_context_t *(*context_new)(void);
	int (*context_attach)(tagalong_context_t *context);
	int (*context_detach)(tagalong_context_t *context);
	int (*context_free)(tagalong_context_t *context);
	int (*fd_bind)(int fd);
	int (*fd_unbind)(int fd);

	tagalong_hub_t (*hub_current)(void);
	tagalong_hub_t (*hub_new)(tagalong_hub_t from, int with_client);
	int (*hub_free)(tagalong_hub_t hub);
	int (*hub_enter)(tagalong_hub_t hub, const void *block);
	tagalong_scope_t (*hub_push_scope)(void);
	int (*hub_pop_scope)(void);
	int (*hub_depth)(void);

	int (*ask)(int what, int timeout_ms, struct tagalong_buffered *ret_buffered);

	int (*coroutine_switch)(const void *id);
	int (*coroutine_end)(const void *id);
};

#ifdef TAGALONG_LOOKUP_
/* One of each in a program or shared object, however many files of it include this one.
 * In a constructor, because dlsym() may not be called in a signal handler. */
extern const struct tagalong_api *tagalong_table_
	__attribute__((__weak__, __visibility__("hidden")));
extern int tagalong_looked_ __attribute__((__weak__, __visibility__("hidden")));
void tagalong_look_up_(void)
	__attribute__((__weak__, __visibility__("hidden"), __constructor__(101)));

const struct tagalong_api *tagalong_table_;
int tagalong_looked_;

void tagalong_look_up_(void)
{
	if (tagalong_looked_)
		return;
	tagalong_looked_ = 1;
	tagalong_table_ =
		TAGALONG_CAST_(const struct tagalong_api *, dlsym(RTLD_DEFAULT, "tagalong_api_v1"));
	if (!tagalong_table_)
		dlerror(); /* nobody else's business */
}
#endif

/* The library's table, or NULL when it is not preloaded. */
static inline const struct tagalong_api *tagalong(void)
{
#ifdef TAGALONG_LOOKUP_
	return tagalong_table_;
#else
	return TAGALONG_NULL_;
#endif
}

/* ---- scopes ---- */

/* The scope that is in a role now, as a handle that can be kept: writing through it
 * later writes to that very scope, not to what is in the role then.  Two handles of
 * one scope are equal.  A scope ends with its block, span, request or thread; then
 * its handle is stale.  role: TAGALONG_SCOPE_*.  Nothing to free.  0 when there is no
 * room. */
static inline tagalong_scope_t tagalong_scope_get(tagalong_scope_t role)
{
	return tagalong() ? tagalong()->scope_get(role) : 0;
}

/* Puts a tag on a scope; a NULL value removes it, so that a wider scope's shows again.
 * Tags are strings to search for: "tenant", "region".  -EINVAL: no key, or an empty one.
 * -ESTALE: the scope is over.  [signal] */
static inline int tagalong_scope_set_tag(tagalong_scope_t scope, const char *key, const char *value)
{
	return tagalong() ? tagalong()->scope_set(scope, TAGALONG_FIELD_TAG, key, value) : 0;
}

/* Puts a tag on the isolation scope: the request's, the connection's or the thread's.
 * The same as tagalong_scope_set_tag(TAGALONG_SCOPE_ISOLATION, key, value).  [signal] */
static inline int tagalong_set_tag(const char *key, const char *value)
{
	return tagalong_scope_set_tag(TAGALONG_SCOPE_ISOLATION, key, value);
}

/* Puts any JSON value on a scope under a key; NULL removes it.  Extras are to be
 * read, not searched.  -EINVAL: no key, or no JSON; -E2BIG: more than 12 KiB.  [signal] */
static inline int tagalong_scope_set_extra(tagalong_scope_t scope, const char *key,
					   const char *json)
{
	return tagalong() ? tagalong()->scope_set(scope, TAGALONG_FIELD_EXTRA, key, json) : 0;
}

/* Puts a context, a named JSON object, on a scope.  One of the same name is replaced
 * as a whole, also that of a wider scope; NULL removes it.  -EINVAL: no name, or not an
 * object; -E2BIG: more than 12 KiB.  [signal] */
static inline int tagalong_scope_set_context(tagalong_scope_t scope, const char *name,
					     const char *json)
{
	return tagalong() ? tagalong()->scope_set(scope, TAGALONG_FIELD_CONTEXT, name, json) : 0;
}

/* Sets the user, a JSON object with any of id, email, username, ip_address and what
 * else you like.  Replaces that scope's user; the users of the three scopes are joined
 * key by key.  NULL: nobody, and what the wider scopes say of id, email, username and
 * ip_address is hidden.  -EINVAL: not an object; -E2BIG: more than 12 KiB.  [signal] */
static inline int tagalong_scope_set_user(tagalong_scope_t scope, const char *json)
{
	return tagalong() ? tagalong()->scope_set(scope, TAGALONG_FIELD_USER, TAGALONG_NULL_, json)
			  : 0;
}

/* Sets the level of everything that is captured under this scope, whatever the capture
 * says; TAGALONG_LEVEL_NONE takes it away.  -EINVAL: no such level.  [signal] */
static inline int tagalong_scope_set_level(tagalong_scope_t scope, enum tagalong_level level)
{
	return tagalong() ? tagalong()->scope_set_level(scope, level) : 0;
}

/* Sets how events are grouped: a JSON array of strings.  Fingerprints of the three scopes
 * are joined.  NULL or "[]" takes it away.  -EINVAL: not such an array.  [signal] */
static inline int tagalong_scope_set_fingerprint(tagalong_scope_t scope, const char *json)
{
	return tagalong() ? tagalong()->scope_set(scope, TAGALONG_FIELD_FINGERPRINT, TAGALONG_NULL_,
						  json)
			  : 0;
}

/* Sets the transaction name of events captured under this scope; spans keep their names.
 * NULL takes it away.  [signal] */
static inline int tagalong_scope_set_transaction(tagalong_scope_t scope, const char *name)
{
	return tagalong() ? tagalong()->scope_set(scope, TAGALONG_FIELD_TRANSACTION, TAGALONG_NULL_,
						  name)
			  : 0;
}

/* Puts an attribute on a scope: goes with logs, not with events.  NULL as text removes the
 * attribute.  -EINVAL: no key.  [signal] */
static inline int tagalong_scope_set_attribute_str(tagalong_scope_t scope, const char *key,
						   const char *text)
{
	struct tagalong_value value;

	value.type = TAGALONG_VALUE_STRING;
	value.as.text = text;
	return tagalong() ? tagalong()->scope_set_attribute(scope, key, &value) : 0;
}

/* Puts an attribute on a scope that is an integer.  [signal] */
static inline int tagalong_scope_set_attribute_int(tagalong_scope_t scope, const char *key,
						   int64_t number)
{
	struct tagalong_value value;

	value.type = TAGALONG_VALUE_INT;
	value.as.number = number;
	return tagalong() ? tagalong()->scope_set_attribute(scope, key, &value) : 0;
}

/* Puts an attribute on a scope that is a number.  [signal] */
static inline int tagalong_scope_set_attribute_double(tagalong_scope_t scope, const char *key,
						      double real)
{
	struct tagalong_value value;

	value.type = TAGALONG_VALUE_DOUBLE;
	value.as.real = real;
	return tagalong() ? tagalong()->scope_set_attribute(scope, key, &value) : 0;
}

/* Puts an attribute on a scope that is a truth value (0 or not).  [signal] */
static inline int tagalong_scope_set_attribute_bool(tagalong_scope_t scope, const char *key,
						    int truth)
{
	struct tagalong_value value;

	value.type = TAGALONG_VALUE_BOOL;
	value.as.number = truth != 0;
	return tagalong() ? tagalong()->scope_set_attribute(scope, key, &value) : 0;
}

/* Puts an attribute on a scope that is any JSON value: an array of one kind is one in
 * OpenTelemetry too.  NULL removes it.  -EINVAL: no JSON; -E2BIG: more than 12 KiB.
 * [signal] */
static inline int tagalong_scope_set_attribute_json(tagalong_scope_t scope, const char *key,
						    const char *json)
{
	struct tagalong_value value;

	value.type = TAGALONG_VALUE_JSON;
	value.as.text = json;
	return tagalong() ? tagalong()->scope_set_attribute(scope, key, &value) : 0;
}

/* Adds a breadcrumb to a scope.  The newest TAGALONG_MAX_BREADCRUMBS (100) are kept; a
 * fork starts with a copy.  The time is that of the call.  -EINVAL: nothing in it, or data
 * that is no JSON object.  [signal] */
static inline int tagalong_scope_add_breadcrumb(tagalong_scope_t scope,
						const struct tagalong_breadcrumb *crumb)
{
	return tagalong() ? tagalong()->scope_add_breadcrumb(scope, crumb) : 0;
}

/* Adds a breadcrumb to the isolation scope.  Either text may be NULL.  [signal] */
static inline int tagalong_add_breadcrumb(const char *category, const char *message)
{
	struct tagalong_breadcrumb crumb;

	crumb.message = message;
	crumb.category = category;
	crumb.type = TAGALONG_NULL_;
	crumb.data = TAGALONG_NULL_;
	crumb.level = TAGALONG_LEVEL_NONE;
	return tagalong_scope_add_breadcrumb(TAGALONG_SCOPE_ISOLATION, &crumb);
}

/* Empties one scope; what the others hold stays, and so does the active span.  [signal] */
static inline int tagalong_scope_clear(tagalong_scope_t scope)
{
	return tagalong() ? tagalong()->scope_clear(scope, 0) : 0;
}

/* Empties the breadcrumbs of one scope.  [signal] */
static inline int tagalong_scope_clear_breadcrumbs(tagalong_scope_t scope)
{
	return tagalong() ? tagalong()->scope_clear(scope, 1) : 0;
}

/* Makes a fork that is in no role: data for one capture, see tagalong_capture_error_with().
 * Costs the same whatever the scope holds.  To be freed with tagalong_scope_free(), by any
 * thread; 0 when there is no room. */
static inline tagalong_scope_t tagalong_scope_fork(tagalong_scope_t scope)
{
	return tagalong() ? tagalong()->scope_fork(scope) : 0;
}

/* Frees what tagalong_scope_fork() made, and nothing else.  A second time changes nothing.
 * -EINVAL: a role. */
static inline int tagalong_scope_free(tagalong_scope_t scope)
{
	return tagalong() ? tagalong()->scope_free(scope) : 0;
}

/* ---- blocks ---- */

/* Forks the current scope until tagalong_scope_pop() (Sentry's with_scope).  Every
 * push needs a pop on the same thread, whatever it returned.  See also TAGALONG_SCOPE().
 * -ENOBUFS: too deep, or no room; the block then works on what is outside. */
static inline int tagalong_scope_push(void)
{
	return tagalong() ? tagalong()->block_push(TAGALONG_BLOCK_SCOPE, TAGALONG_NULL_) : 0;
}

/* Ends the innermost tagalong_scope_push() of this thread, and blocks that were opened
 * inside and not closed.  -ENOENT: nothing pushed. */
static inline int tagalong_scope_pop(void)
{
	return tagalong() ? tagalong()->block_pop(TAGALONG_BLOCK_SCOPE) : 0;
}

/* Forks the isolation scope and the current scope until tagalong_isolation_pop(): a
 * request or job that Tagalong cannot see by itself.  Every push needs a pop on the same
 * thread, whatever it returned.  See also TAGALONG_ISOLATION(). */
static inline int tagalong_isolation_push(void)
{
	return tagalong() ? tagalong()->block_push(TAGALONG_BLOCK_ISOLATION, TAGALONG_NULL_) : 0;
}

/* Ends the innermost tagalong_isolation_push() of this thread, and blocks that were opened
 * inside and not closed.  -ENOENT: nothing pushed. */
static inline int tagalong_isolation_pop(void)
{
	return tagalong() ? tagalong()->block_pop(TAGALONG_BLOCK_ISOLATION) : 0;
}

/* ---- capturing ---- */

/* Captures a message with the scopes and the span that are in force.  Level: what a
 * scope says wins; NONE is info.  -EINVAL: no message. */
static inline int tagalong_capture_message(enum tagalong_level level, const char *message)
{
	struct tagalong_capture capture = {
		1, 0, level, TAGALONG_NULL_, message, TAGALONG_NULL_, 0
	};

	return tagalong() ? tagalong()->capture(&capture) : 0;
}

/* Captures an error: its type ("ConnectionError") and what it says; either may be NULL.
 * Level: error. */
static inline int tagalong_capture_error(const char *type, const char *message)
{
	struct tagalong_capture capture = { 2,	  0,	   TAGALONG_LEVEL_ERROR,
					    type, message, TAGALONG_NULL_,
					    0 };

	return tagalong() ? tagalong()->capture(&capture) : 0;
}

/* Captures an event of your own: a JSON object as Sentry's event payload has it
 * (message, level, tags, extra, user, contexts, fingerprint, transaction, breadcrumbs,
 * exception).  What it holds wins over the scopes, but level and transaction.  -EINVAL: not
 * a JSON object; -E2BIG: more than 12 KiB. */
static inline int tagalong_capture_event(const char *json)
{
	struct tagalong_capture capture = {
		3, 0, TAGALONG_LEVEL_NONE, TAGALONG_NULL_, TAGALONG_NULL_, json, 0
	};

	return tagalong() ? tagalong()->capture(&capture) : 0;
}

/* Captures a message with a scope instead of the current one: usually a
 * tagalong_scope_fork() of it that holds more.  -ESTALE: the scope is over. */
static inline int tagalong_capture_message_with(enum tagalong_level level, const char *message,
						tagalong_scope_t scope)
{
	struct tagalong_capture capture = { 1,	  0, level, TAGALONG_NULL_, message, TAGALONG_NULL_,
					    scope };

	return tagalong() ? tagalong()->capture(&capture) : 0;
}

/* Captures an error with a scope instead of the current one. */
static inline int tagalong_capture_error_with(const char *type, const char *message,
					      tagalong_scope_t scope)
{
	struct tagalong_capture capture = { 2,	  0,	   TAGALONG_LEVEL_ERROR,
					    type, message, TAGALONG_NULL_,
					    scope };

	return tagalong() ? tagalong()->capture(&capture) : 0;
}

/* Captures an event of your own with a scope instead of the current one. */
static inline int tagalong_capture_event_with(const char *json, tagalong_scope_t scope)
{
	struct tagalong_capture capture = {
		3, 0, TAGALONG_LEVEL_NONE, TAGALONG_NULL_, TAGALONG_NULL_, json, scope
	};

	return tagalong() ? tagalong()->capture(&capture) : 0;
}

/* Captures a log line.  attributes: a JSON object or NULL; they win over those of the
 * scopes.  -EINVAL: no message, or attributes that are no JSON object. */
static inline int tagalong_capture_log(enum tagalong_level level, const char *message,
				       const char *attributes)
{
	struct tagalong_capture capture = { 4, 0, level, TAGALONG_NULL_, message, attributes, 0 };

	return tagalong() ? tagalong()->capture(&capture) : 0;
}

/* Writes the id of the event that this thread captured last, 32 hexadecimal digits and
 * a NUL, into out (33 bytes).  -ENOENT: none yet; out is then "". */
static inline int tagalong_last_event_id(char *out)
{
	if (out)
		*out = '\0';
	return out && tagalong() ? tagalong()->last_event_id(out) : 0;
}

/* ---- spans ---- */

/* As options.parent: a root in a trace of its own, whatever is active.  Every span whose
 * id is 0 says the same. */
static const tagalong_span_t tagalong_no_parent = { 0, 0, 0, 0 };
#define TAGALONG_NO_PARENT (&tagalong_no_parent)

/* Opens a span below the active one, or a root in a new trace, and makes it active
 * until tagalong_span_end(); forks the current scope.  options may be NULL.  Every begin
 * needs an end on the same thread, whatever it returned.  Returns the span, or none when
 * it could not be recorded.  See also TAGALONG_SPAN(). */
static inline tagalong_span_t tagalong_span_begin(const char *name,
						  const struct tagalong_span_options *options)
{
	tagalong_span_t span = { 0, 0, 0, 0 };

	if (tagalong())
		tagalong()->span_begin(&span, name, options, TAGALONG_USE_BLOCK, TAGALONG_NULL_);
	return span;
}

/* Ends the innermost span that was begun on this thread, and blocks that were opened inside
 * and not closed.  Every end belongs to one begin, also when the span has been finished by
 * its handle.  -ENOENT: there is none. */
static inline int tagalong_span_end(void)
{
	return tagalong() ? tagalong()->span_end(0, TAGALONG_NULL_, TAGALONG_NULL_) : 0;
}

/* Ends the innermost span, as one that failed: status ERROR (unless it was set before),
 * and an exception event of that type and message.  Either may be NULL.  -ENOENT: there is
 * none. */
static inline int tagalong_span_end_error(const char *type, const char *message)
{
	return tagalong() ? tagalong()->span_end(1, type, message) : 0;
}

/* Opens a span and makes it active until it is finished, without a block: for code in
 * which start and end are far apart.  Ends by tagalong_span_finish(), in any order.
 * options may be NULL.  Returns none when it could not be recorded. */
static inline tagalong_span_t tagalong_span_push(const char *name,
						 const struct tagalong_span_options *options)
{
	tagalong_span_t span = { 0, 0, 0, 0 };

	if (tagalong())
		tagalong()->span_begin(&span, name, options, TAGALONG_USE_PUSH, TAGALONG_NULL_);
	return span;
}

/* Opens a span that is not active and forks nothing; any thread may finish it.  options
 * may be NULL.  Returns none when it could not be recorded. */
static inline tagalong_span_t tagalong_span_start(const char *name,
						  const struct tagalong_span_options *options)
{
	tagalong_span_t span = { 0, 0, 0, 0 };

	if (tagalong())
		tagalong()->span_begin(&span, name, options, TAGALONG_USE_DETACHED, TAGALONG_NULL_);
	return span;
}

/* AppSignal's createSpan: while a root span is open, a child of the root (or of
 * options.parent); else a root, which is current at once.  Not active until it is
 * entered.  Ends by tagalong_span_finish(). */
static inline tagalong_span_t tagalong_span_create(const char *name,
						   const struct tagalong_span_options *options)
{
	tagalong_span_t span = { 0, 0, 0, 0 };

	if (tagalong())
		tagalong()->span_begin(&span, name, options, TAGALONG_USE_CREATE, TAGALONG_NULL_);
	return span;
}

/* Ends a span, on any thread.  A second time changes nothing (-ESTALE). */
static inline int tagalong_span_finish(tagalong_span_t span)
{
	return tagalong() ? tagalong()->span_finish(&span) : 0;
}

/* Makes a span active until tagalong_span_leave(), without ending it; forks the current
 * scope.  No span: nothing is active, new spans are roots.  A span that is over: what
 * was active stays active.  Every enter needs a leave on the same thread, whatever it
 * returned.  See also TAGALONG_IN_SPAN(). */
static inline int tagalong_span_enter(tagalong_span_t span)
{
	return tagalong() ? tagalong()->span_enter(&span, TAGALONG_NULL_) : 0;
}

/* Ends the innermost tagalong_span_enter() of this thread; what was active before is so
 * again.  -ENOENT: nothing entered. */
static inline int tagalong_span_leave(void)
{
	return tagalong() ? tagalong()->span_leave(0, TAGALONG_NULL_, TAGALONG_NULL_) : 0;
}

/* Leaves a span because of an error, which is recorded on the root span (AppSignal).
 * Either text may be NULL.  -ENOENT: nothing entered. */
static inline int tagalong_span_leave_error(const char *type, const char *message)
{
	return tagalong() ? tagalong()->span_leave(1, type, message) : 0;
}

/* Returns the innermost open span of where the call is made; an open root counts without being
 * entered, and so does the span that Tagalong opened for a request, connection, thread
 * or signal.  None: a zero handle. */
static inline tagalong_span_t tagalong_current_span(void)
{
	tagalong_span_t span = { 0, 0, 0, 0 };

	if (tagalong())
		tagalong()->span_get(&span, 0);
	return span;
}

/* Returns the root of what is current.  None: a zero handle. */
static inline tagalong_span_t tagalong_root_span(void)
{
	tagalong_span_t span = { 0, 0, 0, 0 };

	if (tagalong())
		tagalong()->span_get(&span, 1);
	return span;
}

/* Sets a text attribute of a span; a later one of the same key wins.  Attributes stay on
 * their span.  Also after its end, until it is exported.  -EINVAL: no key or no text.
 * [signal] */
static inline int tagalong_span_set_str(tagalong_span_t span, const char *key, const char *text)
{
	struct tagalong_value value;

	value.type = TAGALONG_VALUE_STRING;
	value.as.text = text;
	return tagalong() ? tagalong()->span_set(&span, key, &value) : 0;
}

/* Sets an integer attribute of a span.  [signal] */
static inline int tagalong_span_set_int(tagalong_span_t span, const char *key, int64_t number)
{
	struct tagalong_value value;

	value.type = TAGALONG_VALUE_INT;
	value.as.number = number;
	return tagalong() ? tagalong()->span_set(&span, key, &value) : 0;
}

/* Sets a number attribute of a span.  [signal] */
static inline int tagalong_span_set_double(tagalong_span_t span, const char *key, double real)
{
	struct tagalong_value value;

	value.type = TAGALONG_VALUE_DOUBLE;
	value.as.real = real;
	return tagalong() ? tagalong()->span_set(&span, key, &value) : 0;
}

/* Sets a truth attribute of a span.  [signal] */
static inline int tagalong_span_set_bool(tagalong_span_t span, const char *key, int truth)
{
	struct tagalong_value value;

	value.type = TAGALONG_VALUE_BOOL;
	value.as.number = truth != 0;
	return tagalong() ? tagalong()->span_set(&span, key, &value) : 0;
}

/* Sets an attribute of a span that is any JSON value: arrays and objects.  -EINVAL: no
 * JSON; -E2BIG: more than 12 KiB.  [signal] */
static inline int tagalong_span_set_json(tagalong_span_t span, const char *key, const char *json)
{
	struct tagalong_value value;

	value.type = TAGALONG_VALUE_JSON;
	value.as.text = json;
	return tagalong() ? tagalong()->span_set(&span, key, &value) : 0;
}

/* Renames a span; the name of the root is the name of the transaction.  -EINVAL: no name.
 * [signal] */
static inline int tagalong_span_set_name(tagalong_span_t span, const char *name)
{
	return tagalong() ? tagalong()->span_set_name(&span, name) : 0;
}

/* Sets the status; message (NULL or "not_found", ...) goes with TAGALONG_STATUS_ERROR.  An
 * error that ends the span later does not change it.  [signal] */
static inline int tagalong_span_set_status(tagalong_span_t span, enum tagalong_status status,
					   const char *message)
{
	return tagalong() ? tagalong()->span_set_status(&span, status, message) : 0;
}

/* Records an error on a span: an exception event, and status ERROR unless one was set.
 * A span can have several.  [signal] */
static inline int tagalong_span_set_error(tagalong_span_t span, const char *type,
					  const char *message)
{
	return tagalong() ? tagalong()->span_set_error(&span, type, message) : 0;
}

/* Records that something happened in a span now.  attributes: a JSON object or NULL.
 * -EINVAL: no name, or attributes that are no JSON object. */
static inline int tagalong_span_add_event(tagalong_span_t span, const char *name,
					  const char *attributes)
{
	return tagalong() ? tagalong()->span_add_event(&span, name, attributes) : 0;
}

/* Points from one span at another, of any trace and of any program. */
static inline int tagalong_span_add_link(tagalong_span_t span, tagalong_span_t to)
{
	return tagalong() ? tagalong()->span_add_link(&span, &to) : 0;
}

/* Puts a tag on a span: children that start later inherit it, those that have started do
 * not.  Also after its end, until it is exported.  -EINVAL: no key. */
static inline int tagalong_span_set_tag(tagalong_span_t span, const char *key, const char *value)
{
	return tagalong() ? tagalong()->span_set_tag(&span, 0, key, value) : 0;
}

/* Puts a tag on every span of the span's trace that is not exported yet, and on all later
 * ones.  The span may be of another program: only its trace counts.  -EINVAL: no key. */
static inline int tagalong_trace_set_tag(tagalong_span_t span, const char *key, const char *value)
{
	return tagalong() ? tagalong()->span_set_tag(&span, 1, key, value) : 0;
}

/* Puts a tag on every ended span of the span's session that is not exported yet.  -EINVAL:
 * no key. */
static inline int tagalong_session_set_tag(tagalong_span_t span, const char *key, const char *value)
{
	return tagalong() ? tagalong()->span_set_tag(&span, 2, key, value) : 0;
}

/* Tells the session of an open span: its id and (or "") its name; both end with a NUL and
 * are cut to the sizes of id and name, in bytes (0 or NULL: not wanted).  -ESTALE: the span
 * is over. */
static inline int tagalong_span_session(tagalong_span_t span, char *id, size_t id_size, char *name,
					size_t name_size)
{
	id_size = id ? id_size : 0;
	name_size = name ? name_size : 0;
	if (id_size)
		*id = '\0';
	if (name_size)
		*name = '\0';
	return tagalong() ? tagalong()->span_session(&span, id, id_size, name, name_size) : 0;
}

/* Records an error on the root span of what is current; without one nothing happens.
 * Either text may be NULL. */
static inline int tagalong_set_error(const char *type, const char *message)
{
	return tagalong_span_set_error(tagalong_root_span(), type, message);
}

/* Records an error on a root span of its own, which ends at once; what is current stays. */
static inline int tagalong_send_error(const char *type, const char *message)
{
	struct tagalong_span_options options = { TAGALONG_NO_PARENT, TAGALONG_NULL_, TAGALONG_NULL_,
						 TAGALONG_NULL_,     TAGALONG_NULL_, TAGALONG_NULL_,
						 TAGALONG_NULL_,     TAGALONG_NULL_ };
	tagalong_span_t span = tagalong_span_start(type ? type : "error", &options);

	tagalong_span_set_error(span, type, message);
	return tagalong_span_finish(span);
}

/* Calls fn with the span as the active one: the other half of a callback that was given
 * away with tagalong_current_span(). */
static inline void tagalong_call_in(tagalong_span_t span, void (*fn)(void *), void *argument)
{
	if (span.id)
		tagalong_span_enter(span);
	if (fn)
		fn(argument);
	if (span.id)
		tagalong_span_leave();
}

/* ---- contexts ---- */

/* Captures what is current here (isolation scope, current scope, active and root span, a copy of
 * the hub's topmost scope), as an object that another thread can take on.  The scopes are
 * the same, not copies: both sides see what the other writes.  For queues and workers of
 * your own.  To be freed with tagalong_context_free(), by any thread; NULL when there is no
 * room, and every function takes NULL. */
static inline tagalong_context_t *tagalong_context_capture(void)
{
	return tagalong() ? tagalong()->context_new() : TAGALONG_NULL_;
}

/* Makes the calling thread work in that context until it detaches it.  Blocks that it opens
 * meanwhile belong to the context, and go with it to the next thread that attaches it
 * (a coroutine, a request that hops between workers).  -EBUSY: another thread has it. */
static inline int tagalong_context_attach(tagalong_context_t *context)
{
	return tagalong() ? tagalong()->context_attach(context) : 0;
}

/* Puts the calling thread back where it was before it attached the context.  -ENOENT: not
 * attached to this thread. */
static inline int tagalong_context_detach(tagalong_context_t *context)
{
	return tagalong() ? tagalong()->context_detach(context) : 0;
}

/* Frees a context and ends blocks that were left open in it.  -EBUSY: still attached. */
static inline int tagalong_context_free(tagalong_context_t *context)
{
	return tagalong() ? tagalong()->context_free(context) : 0;
}

/* For coroutines, fibers and green threads that switch stacks by themselves; makecontext and
 * swapcontext are seen without it.  The calling thread goes on as coroutine id (any address
 * that stays its own), or where it was before any (NULL).  To be called right before the
 * switch.  A new id begins with a fork of what is current.  -ENOBUFS: no room. */
static inline int tagalong_coroutine_switch(const void *id)
{
	const struct tagalong_api *api = tagalong();

	return api && api->size > offsetof(struct tagalong_api, coroutine_switch) ?
		       api->coroutine_switch(id) :
		       0;
}

/* The coroutine will not run again: ends what is open in it.  -ENOENT: there is none. */
static inline int tagalong_coroutine_end(const void *id)
{
	const struct tagalong_api *api = tagalong();

	return api && api->size > offsetof(struct tagalong_api, coroutine_end) ?
		       api->coroutine_end(id) :
		       0;
}

/* Binds what is current to a file descriptor: whoever reads or writes it works in that
 * context, until it is closed or unbound.  For pipes, eventfds and connections that were
 * not accepted.  -EBUSY: an accepted connection, which has its own.  -EBADF: no such file
 * descriptor. */
static inline int tagalong_fd_bind(int fd)
{
	return tagalong() ? tagalong()->fd_bind(fd) : 0;
}

/* Takes the binding of a file descriptor away.  -ENOENT: it has none. */
static inline int tagalong_fd_unbind(int fd)
{
	return tagalong() ? tagalong()->fd_unbind(fd) : 0;
}

/* ---- hubs ---- */

/* Returns this thread's hub.  A hub is a stack of scopes of which the topmost alone is
 * applied: the older model of Sentry's SDKs.  Every thread has one, which starts with a copy
 * of the topmost scope of the thread that created it.  Write to it through
 * TAGALONG_SCOPE_HUB (configure_scope).  0 when there is no room. */
static inline tagalong_hub_t tagalong_hub_current(void)
{
	return tagalong() ? tagalong()->hub_current() : 0;
}

/* Makes a hub with one scope: a copy of another hub's topmost (0: an empty one).  With
 * with_client 0 nothing is ever captured or kept.  To be freed with tagalong_hub_free(); 0
 * when there is no room. */
static inline tagalong_hub_t tagalong_hub_new(tagalong_hub_t from, int with_client)
{
	return tagalong() ? tagalong()->hub_new(from, with_client) : 0;
}

/* Frees what tagalong_hub_new() made; while it is current somewhere it stays until it is
 * left.  A second time changes nothing. */
static inline int tagalong_hub_free(tagalong_hub_t hub)
{
	return tagalong() ? tagalong()->hub_free(hub) : 0;
}

/* Makes a hub current until tagalong_hub_leave().  Every enter needs a leave on the same
 * thread, whatever it returned.  See also TAGALONG_IN_HUB(). */
static inline int tagalong_hub_enter(tagalong_hub_t hub)
{
	return tagalong() ? tagalong()->hub_enter(hub, TAGALONG_NULL_) : 0;
}

/* Ends the innermost tagalong_hub_enter() of this thread.  -ENOENT: nothing entered. */
static inline int tagalong_hub_leave(void)
{
	return tagalong() ? tagalong()->block_pop(TAGALONG_BLOCK_HUB) : 0;
}

/* Puts a copy of the topmost scope on the current hub and returns it; 0 when there is no
 * room. */
static inline tagalong_scope_t tagalong_hub_push_scope(void)
{
	return tagalong() ? tagalong()->hub_push_scope() : 0;
}

/* Takes the topmost scope away: 1, or 0 when it is the last one, which stays. */
static inline int tagalong_hub_pop_scope(void)
{
	return tagalong() ? tagalong()->hub_pop_scope() : 0;
}

/* Tells how many scopes are on the current hub; without the library 0. */
static inline int tagalong_hub_depth(void)
{
	return tagalong() ? tagalong()->hub_depth() : 0;
}

/* Captures a message by the current hub; scope (0: none) stands in for its topmost. */
static inline int tagalong_hub_capture_message(enum tagalong_level level, const char *message,
					       tagalong_scope_t scope)
{
	struct tagalong_capture capture = { 1,	  1, level, TAGALONG_NULL_, message, TAGALONG_NULL_,
					    scope };

	return tagalong() ? tagalong()->capture(&capture) : 0;
}

/* Captures an error by the current hub.  It has no level unless a scope has one. */
static inline int tagalong_hub_capture_error(const char *type, const char *message,
					     tagalong_scope_t scope)
{
	struct tagalong_capture capture = { 2,	  1,	   TAGALONG_LEVEL_NONE,
					    type, message, TAGALONG_NULL_,
					    scope };

	return tagalong() ? tagalong()->capture(&capture) : 0;
}

/* Captures an event of your own by the current hub, see tagalong_capture_event(). */
static inline int tagalong_hub_capture_event(const char *json, tagalong_scope_t scope)
{
	struct tagalong_capture capture = {
		3, 1, TAGALONG_LEVEL_NONE, TAGALONG_NULL_, TAGALONG_NULL_, json, scope
	};

	return tagalong() ? tagalong()->capture(&capture) : 0;
}

/* ---- delivery ---- */

/* Waits until everything that was recorded before, and is complete, has been exported.
 * Spans of open traces stay.  timeout_ms: milliseconds.  -ETIMEDOUT: not done by then;
 * -EAGAIN: no agent answers (a sandbox, none started). */
static inline int tagalong_flush(int timeout_ms)
{
	return tagalong() ? tagalong()->ask(2, timeout_ms, TAGALONG_NULL_) : 0;
}

/* Flushes at the end of a program.  Recording goes on afterwards.  Errors as with
 * tagalong_flush(). */
static inline int tagalong_shutdown(int timeout_ms)
{
	return tagalong() ? tagalong()->ask(4, timeout_ms, TAGALONG_NULL_) : 0;
}

#if defined(__cplusplus) && defined(__GNUC__) /* the struct has that name too */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#endif
/* Tells what the agent still holds, everything recorded before included.  Zeros when it
 * cannot be told; errors as with tagalong_flush(). */
static inline int tagalong_buffered(struct tagalong_buffered *ret_buffered, int timeout_ms)
{
	if (ret_buffered)
		ret_buffered->complete = ret_buffered->open_buckets = ret_buffered->active_traces =
			0;
	return tagalong() ? tagalong()->ask(1, timeout_ms, ret_buffered) : 0;
}
#if defined(__cplusplus) && defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

/* ---- blocks that end themselves ---- */

#ifdef __GNUC__

/* The state of a block; for the macros. */
struct tagalong_guard {
	int kind; /* enum tagalong_block; 0: nothing to end */
	int over;
};

/* Ends what the guard began, once.  errno stays. */
static inline void tagalong_guard_leave_(struct tagalong_guard *guard)
{
	const struct tagalong_api *api = tagalong();
	int kind = guard->kind;

	guard->kind = 0;
	if (!api || !kind)
		return;
	if (kind == TAGALONG_BLOCK_SPAN)
		api->span_end(0, TAGALONG_NULL_, TAGALONG_NULL_);
	else if (kind == TAGALONG_BLOCK_ENTER)
		api->span_leave(0, TAGALONG_NULL_, TAGALONG_NULL_);
	else
		api->block_pop(TAGALONG_CAST_(enum tagalong_block, kind));
}

static inline int tagalong_guard_span_(struct tagalong_guard *guard, const char *name,
				       const struct tagalong_span_options *options)
{
	tagalong_span_t span;

	if (tagalong()) {
		guard->kind = TAGALONG_BLOCK_SPAN;
		tagalong()->span_begin(&span, name, options, TAGALONG_USE_BLOCK, guard);
	}
	return 1;
}

static inline int tagalong_guard_enter_(struct tagalong_guard *guard, tagalong_span_t span)
{
	if (tagalong()) {
		guard->kind = TAGALONG_BLOCK_ENTER;
		tagalong()->span_enter(&span, guard);
	}
	return 1;
}

static inline int tagalong_guard_hub_(struct tagalong_guard *guard, tagalong_hub_t hub)
{
	if (tagalong()) {
		guard->kind = TAGALONG_BLOCK_HUB;
		tagalong()->hub_enter(hub, guard);
	}
	return 1;
}

static inline int tagalong_guard_block_(struct tagalong_guard *guard, enum tagalong_block kind)
{
	if (tagalong()) {
		guard->kind = TAGALONG_CAST_(int, kind);
		tagalong()->block_push(kind, guard);
	}
	return 1;
}

/* A loop that runs once: the declaration needs a place, and the cleanup a scope.  Every
 * expansion has a name of its own, so that blocks within blocks shadow nothing. */
#define TAGALONG_JOIN2_(a, b) a##b
#define TAGALONG_JOIN_(a, b) TAGALONG_JOIN2_(a, b)
#ifdef __COUNTER__
#define TAGALONG_UNIQUE_ TAGALONG_JOIN_(tagalong_guard_, __COUNTER__)
#else
#define TAGALONG_UNIQUE_ TAGALONG_JOIN_(tagalong_guard_, __LINE__)
#endif
#define TAGALONG_BLOCK_(guard, begin, ...)                                                         \
	for (struct tagalong_guard guard                                                           \
	     __attribute__((__cleanup__(tagalong_guard_leave_))) = { 0, 0 };                       \
	     guard.over == 0 && begin(&guard, __VA_ARGS__); guard.over = 1)

/* A block during which a span is active.  The span ends on every way out: the end of the
 * block, return, break, continue, goto, a C++ exception; after a longjmp when this thread
 * next records something further out, or begins the same block again.  Thread cancellation
 * and pthread_exit() end it where C++, or C with -fexceptions, is unwound, else with the
 * thread.  break and continue leave the block, not a loop around it.  A function that
 * returns a value from within wants another return behind the block, for the compiler.
 *
 *     TAGALONG_SPAN("render") { ... } */
#define TAGALONG_SPAN(name) TAGALONG_SPAN_WITH(name, TAGALONG_NULL_)

/* The same with options, a pointer to struct tagalong_span_options.
 *
 *     TAGALONG_SPAN_WITH("render", &options) { ... } */
#define TAGALONG_SPAN_WITH(name, options)                                                          \
	TAGALONG_BLOCK_(TAGALONG_UNIQUE_, tagalong_guard_span_, name, options)

/* A block during which a given span is active; it is not ended.  See
 * tagalong_span_enter(). */
#define TAGALONG_IN_SPAN(span) TAGALONG_BLOCK_(TAGALONG_UNIQUE_, tagalong_guard_enter_, span)

/* A block during which a given hub is current.  See tagalong_hub_enter(). */
#define TAGALONG_IN_HUB(hub) TAGALONG_BLOCK_(TAGALONG_UNIQUE_, tagalong_guard_hub_, hub)

/* A block with a fork of the current scope (Sentry's with_scope).  See
 * tagalong_scope_push(). */
#define TAGALONG_SCOPE()                                                                           \
	TAGALONG_BLOCK_(TAGALONG_UNIQUE_, tagalong_guard_block_, TAGALONG_BLOCK_SCOPE)

/* A block with a fork of the isolation scope and of the current scope.  See
 * tagalong_isolation_push(). */
#define TAGALONG_ISOLATION()                                                                       \
	TAGALONG_BLOCK_(TAGALONG_UNIQUE_, tagalong_guard_block_, TAGALONG_BLOCK_ISOLATION)

#endif

#ifdef __cplusplus
}
#endif

#endif
