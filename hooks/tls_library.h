/* SPDX-License-Identifier: MIT */
/*
 * tls_library.h - the functions of a TLS library behind our hooks.
 *
 * No TLS library is linked, and a process may have none, one, or several: linked by the
 * program, private to a module that it has opened (RTLD_LOCAL: Python, Ruby, the JVM), two
 * versions side by side, or one inside another object.  All of them bind to our names, so
 * each call has to find the library that its caller would have got without us:
 *
 *  1. what comes after us in the global scope (RTLD_NEXT), which also keeps other preloaded
 *     libraries in the chain;
 *  2. what the object of the return address depends on: the scope of a private module;
 *  3. where the session itself says to which library it belongs, that one.  A session of
 *     OpenSSL (and of its relatives) has the table of its protocol's functions, a constant
 *     of the library, among its first words.  That settles what 1 and 2 cannot know: calls
 *     in tail position, whose return address is somebody else's, and two versions, which
 *     their callers tell apart by symbol versions and we do not;
 *  4. a library of the usual name, if one is loaded.
 *
 * Nothing found means that no TLS library is loaded: nobody has a session to call us with,
 * and the hook answers as that function does when it fails.
 *
 * What was found is kept for the call's return address.  The library stays loaded from then
 * on (OpenSSL sees to that itself), so that the kept addresses stay good.
 *
 * Runs: any host thread.  A call from a new place asks the loader, which takes its lock and
 * memory; this is never in a signal handler, where none of the hooked functions may be.
 */
#ifndef TA_HOOKS_TLS_LIBRARY_H
#define TA_HOOKS_TLS_LIBRARY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TA_TLS_FUNCTIONS_MAX 32u
#define TA_TLS_LIBRARIES_MAX 8u
#define TA_TLS_SITES 256u

struct ta_tls_library {
	_Atomic uint32_t state; /* 0 free, 1 being filled in, 2 ready */
	_Atomic uint32_t odd;	/* its sessions do not say whose they are */
	uintptr_t low, high;	/* the object that it is in */
	void *real[TA_TLS_FUNCTIONS_MAX]; /* NULL: this version has none */
};

struct ta_tls_kind {
	const char *const *names;
	uint32_t count;
	const char *mark;	/* a name that the library has, we do not, and nobody wraps */
	const char *const *files; /* usual names, NULL behind the last */
	uint32_t words;		/* how many of a session's first ones tell the library; 0 none */
	_Atomic uint64_t sites[TA_TLS_SITES]; /* return address << 8 | library */
	struct ta_tls_library libraries[TA_TLS_LIBRARIES_MAX];
};

static inline uint32_t ta_tls_site(uintptr_t caller)
{
	return (uint32_t)(caller * 0x9e3779b97f4a7c15ull >> 56) % TA_TLS_SITES;
}

static inline bool ta_tls_within(const struct ta_tls_library *library, uintptr_t address)
{
	return address - library->low < library->high - library->low;
}

/* Whether one of the session's first words leads into the library. */
static inline bool ta_tls_owns(const struct ta_tls_kind *kind,
			       const struct ta_tls_library *library, const void *session)
{
	const uintptr_t *word = session;

	for (uint32_t i = 0; i < kind->words; i++)
		if (ta_tls_within(library, word[i]))
			return true;
	return kind->words == 0;
}

/* The same for a place that is not known yet; NULL: there is no such library. */
const struct ta_tls_library *ta_tls_library_find(struct ta_tls_kind *kind, const void *session,
						 uintptr_t caller);

/* The library that a call from caller with session is for.  session may be NULL. */
static inline const struct ta_tls_library *ta_tls_library(struct ta_tls_kind *kind,
							  const void *session, const void *caller)
{
	uintptr_t at = (uintptr_t)caller;
	uint64_t site = atomic_load_explicit(&kind->sites[ta_tls_site(at)], memory_order_acquire);
	const struct ta_tls_library *library =
		&kind->libraries[(site & 0xff) % TA_TLS_LIBRARIES_MAX];

	if (__builtin_expect(site >> 8 == at, 1) &&
	    (session == NULL || ta_tls_owns(kind, library, session) ||
	     atomic_load_explicit(&library->odd, memory_order_relaxed)))
		return library;
	return ta_tls_library_find(kind, session, at);
}

/* Whether an address is in our own code. */
bool ta_tls_is_ours(const void *caller);
/* Whether a call comes from the library itself, or from our own hook in tail position:
 * then the program's call is another one, and what moves is told there. */
bool ta_tls_is_inner(const struct ta_tls_library *library, const void *caller);

#endif
