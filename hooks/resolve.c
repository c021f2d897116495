/* SPDX-License-Identifier: MIT */
/*
 * resolve.c - names that are looked up.
 *
 * libc's resolver asks past our names, so the lookup itself is what is seen: a span, and a
 * breadcrumb.  Numeric
 * addresses are no lookups and leave nothing.
 *
 * Runs: any host thread.  No locks of ours, no heap.  h_errno is never touched.
 */
#include "hooks/hook.h"

#include <string.h>

#include "runtime/core/crumb.h"
#include "runtime/core/outward.h"
#include "runtime/core/publish.h"

#define NAME_BYTES_MAX 255u /* RFC 1035, 2.3.4 */

static bool is_numeric(const char *name)
{
	return name[strspn(name, "0123456789.")] == '\0' || strchr(name, ':') != NULL;
}

static const char *gai_word(int code)
{
	switch (code) {
	case EAI_AGAIN:
		return "EAI_AGAIN";
	case EAI_BADFLAGS:
		return "EAI_BADFLAGS";
	case EAI_FAIL:
		return "EAI_FAIL";
	case EAI_FAMILY:
		return "EAI_FAMILY";
	case EAI_MEMORY:
		return "EAI_MEMORY";
	case EAI_NODATA:
		return "EAI_NODATA";
	case EAI_NONAME:
		return "EAI_NONAME";
	case EAI_SERVICE:
		return "EAI_SERVICE";
	case EAI_SOCKTYPE:
		return "EAI_SOCKTYPE";
	case EAI_SYSTEM:
		return "EAI_SYSTEM";
	default:
		return "not found";
	}
}

static const char *host_word(int code)
{
	switch (code) {
	case TRY_AGAIN:
		return "TRY_AGAIN";
	case NO_RECOVERY:
		return "NO_RECOVERY";
	case NO_DATA:
		return "NO_DATA";
	default:
		return "HOST_NOT_FOUND";
	}
}

/* problem: NULL when the name was found. */
static __attribute__((noinline)) void note(const char *name, const char *call, const char *problem)
{
	struct iovec pieces[3] = { ta_piece(name), ta_piece(": "), ta_piece(problem) };
	struct ta_crumb_facts facts = { .category = "dns",
					.level = problem ? TA_LEVEL_WARNING : TA_LEVEL_INFO,
					.text = pieces,
					.text_count = problem ? 3 : 1 };
	struct ta_crumb_data data = { .bytes = 0 };

	TA_GUARD(guard);
	struct ta_thread *thread = guard.entered ? ta_thread_self() : NULL;

	if (thread == NULL)
		return;
	ta_crumb_word(&data, "call", call);
	if (problem)
		ta_crumb_word(&data, "error", problem);
	facts.data = data.json;
	facts.data_bytes = data.bytes;
	ta_crumb_leave(thread, &facts);
}

static bool wanted(const char *name)
{
	return ta_runtime.enabled && ta_crumb_wanted(TA_CRUMB_DNS) && name && *name &&
	       !is_numeric(name);
}

/* ---- spans ---- */

/* A name that is looked up while somebody waits for it. */
static __attribute__((noinline)) void begin(const char *name, struct ta_outward *lookup)
{
	uint32_t bytes = (uint32_t)strnlen(name, NAME_BYTES_MAX);
	struct ta_emit emit;

	TA_GUARD(guard);
	struct ta_thread *thread = guard.entered ? ta_thread_self() : NULL;

	if (thread == NULL ||
	    !ta_outward_begin(thread, lookup, &emit, TA_SPAN_LOOKUP, 0, TA_ATTR_ROOM(bytes)))
		return;
	ta_emit_string(&emit, TA_ATTR_LOOKUP_NAME, name, bytes);
	ta_emit_commit(&emit);
}

static __attribute__((noinline)) void end(struct ta_outward *lookup, const char *problem)
{
	uint32_t bytes = problem ? (uint32_t)strlen(problem) : 0;
	struct ta_emit emit;

	TA_GUARD(guard);
	struct ta_thread *thread = guard.entered ? ta_thread_self() : NULL;

	if (thread == NULL || !ta_outward_end(thread, lookup, &emit, TA_ATTR_ROOM(bytes)))
		return;
	ta_emit_string(&emit, TA_ATTR_LOOKUP_ERROR, problem, bytes);
	ta_emit_commit(&emit);
}

/* The name is the program's to hand over; libc reads it as well. */
static struct ta_outward looked_up(const char *name)
{
	struct ta_outward lookup = { .open = false };

	if (ta_runtime.enabled && ta_runtime.outward && !ta_tls.passive && name && *name &&
	    !is_numeric(name))
		begin(name, &lookup);
	return lookup;
}

static void known(struct ta_outward *lookup, const char *problem)
{
	if (lookup->open)
		end(lookup, problem);
}

TA_HOOK int getaddrinfo(const char *restrict name, const char *restrict service,
			const struct addrinfo *restrict hints, struct addrinfo **restrict result)
{
	struct ta_outward lookup = looked_up(name);
	int code = TA_REAL(getaddrinfo)(name, service, hints, result);

	known(&lookup, code ? gai_word(code) : NULL);
	if (wanted(name))
		note(name, "getaddrinfo", code ? gai_word(code) : NULL);
	return code;
}

TA_HOOK struct hostent *gethostbyname(const char *name)
{
	struct ta_outward lookup = looked_up(name);
	struct hostent *host = TA_REAL(gethostbyname)(name);

	known(&lookup, host ? NULL : host_word(h_errno));
	if (wanted(name))
		note(name, "gethostbyname", host ? NULL : host_word(h_errno));
	return host;
}

TA_HOOK struct hostent *gethostbyname2(const char *name, int family)
{
	struct ta_outward lookup = looked_up(name);
	struct hostent *host = TA_REAL(gethostbyname2)(name, family);

	known(&lookup, host ? NULL : host_word(h_errno));
	if (wanted(name))
		note(name, "gethostbyname2", host ? NULL : host_word(h_errno));
	return host;
}

static const char *reentrant_word(int code, int problem)
{
	return code == ERANGE ? "ERANGE" : host_word(problem);
}

/* The caller comes again with more room. */
static void note_reentrant(const char *name, const char *call, int code,
			   struct hostent *const *result, const int *problem)
{
	if (code != ERANGE && wanted(name))
		note(name, call, code == 0 && *result ? NULL : host_word(*problem));
}

TA_HOOK int gethostbyname_r(const char *restrict name, struct hostent *restrict host,
			    char *restrict room, size_t bytes, struct hostent **restrict result,
			    int *restrict problem)
{
	struct ta_outward lookup = looked_up(name);
	int code = TA_REAL(gethostbyname_r)(name, host, room, bytes, result, problem);

	known(&lookup, code == 0 && *result ? NULL : reentrant_word(code, *problem));
	note_reentrant(name, "gethostbyname_r", code, result, problem);
	return code;
}

TA_HOOK int gethostbyname2_r(const char *restrict name, int family, struct hostent *restrict host,
			     char *restrict room, size_t bytes, struct hostent **restrict result,
			     int *restrict problem)
{
	struct ta_outward lookup = looked_up(name);
	int code = TA_REAL(gethostbyname2_r)(name, family, host, room, bytes, result, problem);

	known(&lookup, code == 0 && *result ? NULL : reentrant_word(code, *problem));
	note_reentrant(name, "gethostbyname2_r", code, result, problem);
	return code;
}
