/* SPDX-License-Identifier: MIT */
/*
 * tls.h - which connection a TLS session is on that has no file descriptor.
 *
 * Over memory (asyncio) or functions of the program (curl) a session moves bytes that
 * somebody else reads and writes.  The connection that the thread works for is the
 * candidate; it is taken when its first bytes are the handshake of this very session: 32
 * random bytes of one of the two hellos, which the library knows as well.  Where the
 * connection's beginning is not at hand it has to have moved bytes during the call.
 *
 * What was found is kept for the session's address until that is given back.  A table of
 * fixed size; an entry whose connection is gone makes room.  A session is used by one
 * thread at a time, as the libraries demand; different ones by any.
 *
 * Runs: any host thread; what asks for connections, inside the guard.  No locks.
 */
#ifndef TA_CORE_TLS_H
#define TA_CORE_TLS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define TA_TLS_RANDOM_BYTES 32u
#define TA_TLS_SESSIONS 4096u

struct ta_thread;

/* Both hellos' random bytes; all zero: not known. */
struct ta_tls_randoms {
	uint8_t client[TA_TLS_RANDOM_BYTES];
	uint8_t server[TA_TLS_RANDOM_BYTES];
};

/* The connection that the thread works for, and how much has moved on it. */
struct ta_tls_mark {
	uint64_t word;
	uint64_t bytes;
};

enum ta_tls_proof { TA_TLS_OTHER, TA_TLS_SAME, TA_TLS_UNKNOWN };

/* Whether a connection that begins with these bytes carries that session. */
enum ta_tls_proof ta_tls_prove(const void *prefix, uint32_t bytes,
			       const struct ta_tls_randoms *randoms);

struct ta_tls_mark ta_tls_mark(struct ta_thread *thread);
/* After a call that began at a mark.  settled: the handshake was over before it, so that
 * no callback of the program's has run.  Returns the connection's word; 0: not known. */
uint64_t ta_tls_learn(struct ta_thread *thread, const void *session, struct ta_tls_mark before,
		      const struct ta_tls_randoms *randoms, bool settled);

/* The table.  Owed: bytes of a write that were told before the library said that it has
 * taken them (GnuTLS, see hooks/gnutls.c). */
extern _Atomic uint32_t ta_tls_session_count __attribute__((visibility("hidden")));
void ta_tls_remember(const void *session, uint64_t word);
uint64_t ta_tls_recall_slow(const void *session);
void ta_tls_forget_slow(const void *session);
bool ta_tls_owe(const void *session, uint64_t bytes);
uint64_t ta_tls_owed_slow(const void *session);

/* A TLS library's function has been called: plaintext may be told. */
extern _Atomic uint32_t ta_tls_used __attribute__((visibility("hidden")));

static inline bool ta_tls_is_used(void)
{
	return atomic_load_explicit(&ta_tls_used, memory_order_relaxed) != 0;
}

static inline bool ta_tls_has_sessions(void)
{
	return atomic_load_explicit(&ta_tls_session_count, memory_order_relaxed) != 0;
}

/* The word of its connection; 0: not known.  It may be gone. */
static inline uint64_t ta_tls_recall(const void *session)
{
	return ta_tls_has_sessions() ? ta_tls_recall_slow(session) : 0;
}

static inline void ta_tls_forget(const void *session)
{
	if (ta_tls_has_sessions())
		ta_tls_forget_slow(session);
}

/* Takes what is owed. */
static inline uint64_t ta_tls_owed(const void *session)
{
	return ta_tls_has_sessions() ? ta_tls_owed_slow(session) : 0;
}

#endif
