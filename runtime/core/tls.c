/* SPDX-License-Identifier: MIT */
/*
 * tls.c - TLS sessions without a file descriptor; see the header.
 *
 * The table is made of small sets.  An entry belongs to a session while its address stands
 * in it, and only the session's own thread looks at it then.
 *
 * Runs: any host thread.  No locks.
 */
#include "runtime/core/tls.h"

#include <stddef.h>
#include <string.h>

#include "runtime/core/conn.h"
#include "runtime/core/fd.h"
#include "runtime/core/runtime.h"

#define SET 8u
#define SETS (TA_TLS_SESSIONS / SET)
#define HELLO_BYTES 43u /* head of a record, head of a message, version, random bytes */
#define RANDOM_AT 11u
#define RECORD_HANDSHAKE 0x16
#define CLIENT_HELLO 1
#define SERVER_HELLO 2

/* An address that stands for nobody's. */
#define BEING_FILLED 1u

struct entry {
	_Atomic uintptr_t session; /* 0 free */
	_Atomic uint64_t word;
	_Atomic uint64_t owed;
};

static struct entry entries[TA_TLS_SESSIONS];
_Atomic uint32_t ta_tls_session_count;
_Atomic uint32_t ta_tls_used;

/* ---- whose handshake ---- */

static bool is_same(const uint8_t *hello, const uint8_t *random)
{
	static const uint8_t none[TA_TLS_RANDOM_BYTES];

	return memcmp(hello + RANDOM_AT, random, TA_TLS_RANDOM_BYTES) == 0 &&
	       memcmp(random, none, sizeof(none)) != 0;
}

enum ta_tls_proof ta_tls_prove(const void *prefix, uint32_t bytes,
			       const struct ta_tls_randoms *randoms)
{
	const uint8_t *hello = prefix;

	if (bytes && hello[0] != RECORD_HANDSHAKE)
		return TA_TLS_OTHER;
	if (bytes < HELLO_BYTES)
		return TA_TLS_UNKNOWN;
	if (hello[5] == CLIENT_HELLO && is_same(hello, randoms->client))
		return TA_TLS_SAME;
	return hello[5] == SERVER_HELLO && is_same(hello, randoms->server) ? TA_TLS_SAME :
									      TA_TLS_OTHER;
}

struct ta_tls_mark ta_tls_mark(struct ta_thread *thread)
{
	struct ta_tls_mark mark = { .word = ta_conn_current_word(thread) };
	struct ta_conn *conn = mark.word ? ta_conn_hold(mark.word) : NULL;

	if (conn == NULL)
		return (struct ta_tls_mark){ 0 };
	mark.bytes = conn->bytes_in + conn->bytes_out;
	ta_conn_release(conn);
	return mark;
}

uint64_t ta_tls_learn(struct ta_thread *thread, const void *session, struct ta_tls_mark before,
		      const struct ta_tls_randoms *randoms, bool settled)
{
	uint64_t word = ta_conn_current_word(thread), bytes;
	struct ta_conn *conn = word ? ta_conn_hold(word) : NULL;
	enum ta_tls_proof proof;

	if (conn == NULL)
		return 0;
	proof = ta_tls_prove(conn->prefix, conn->prefix_bytes, randoms);
	bytes = conn->bytes_in + conn->bytes_out;
	ta_conn_release(conn);
	if (proof == TA_TLS_UNKNOWN && settled && (word != before.word || bytes != before.bytes))
		proof = TA_TLS_SAME;
	if (proof != TA_TLS_SAME)
		return 0;
	ta_conn_expect_tls(word);
	ta_tls_remember(session, word);
	return word;
}

/* ---- the table ---- */

static struct entry *set_of(uintptr_t session)
{
	return &entries[(session >> 4) * 0x9e3779b97f4a7c15ull >> 32 & (SETS - 1) * SET];
}

static struct entry *find(const void *session)
{
	struct entry *set = set_of((uintptr_t)session);

	for (uint32_t i = 0; i < SET; i++)
		if (atomic_load_explicit(&set[i].session, memory_order_acquire) ==
		    (uintptr_t)session)
			return &set[i];
	return NULL;
}

/* Whether its session has nothing left to be remembered. */
static bool is_dead(struct entry *entry)
{
	uint64_t word = atomic_load(&entry->word);

	return atomic_load(&entry->owed) == 0 &&
	       (word == 0 || ta_conn_first_context(ta_fd_index(word), (uint32_t)word) == NULL);
}

/* Makes an entry the session's, with nothing in it; whoever wins the exchange owns it. */
static bool claim(struct entry *entry, uintptr_t old, uintptr_t session)
{
	if (!atomic_compare_exchange_strong(&entry->session, &old, BEING_FILLED))
		return false;
	if (old == 0)
		atomic_fetch_add(&ta_tls_session_count, 1);
	atomic_store(&entry->word, 0);
	atomic_store(&entry->owed, 0);
	atomic_store_explicit(&entry->session, session, memory_order_release);
	return true;
}

static struct entry *find_or_make(const void *session)
{
	struct entry *set = set_of((uintptr_t)session), *entry = find(session);

	for (uint32_t i = 0; i < SET && entry == NULL; i++)
		if (claim(&set[i], 0, (uintptr_t)session))
			entry = &set[i];
	for (uint32_t i = 0; i < SET && entry == NULL; i++) {
		uintptr_t old = atomic_load(&set[i].session);

		if (old > BEING_FILLED && is_dead(&set[i]) &&
		    claim(&set[i], old, (uintptr_t)session))
			entry = &set[i];
	}
	if (entry == NULL)
		ta_lost(TA_LOSS_CONN_POOL);
	return entry;
}

void ta_tls_remember(const void *session, uint64_t word)
{
	struct entry *entry = find_or_make(session);

	if (entry)
		atomic_store(&entry->word, word);
}

uint64_t ta_tls_recall_slow(const void *session)
{
	struct entry *entry = find(session);

	return entry ? atomic_load(&entry->word) : 0;
}

void ta_tls_forget_slow(const void *session)
{
	struct entry *entry = find(session);
	uintptr_t old = (uintptr_t)session;

	if (entry && atomic_compare_exchange_strong(&entry->session, &old, BEING_FILLED)) {
		atomic_store(&entry->word, 0);
		atomic_store(&entry->owed, 0);
		atomic_store_explicit(&entry->session, 0, memory_order_release);
		atomic_fetch_sub(&ta_tls_session_count, 1);
	}
}

bool ta_tls_owe(const void *session, uint64_t bytes)
{
	struct entry *entry = find_or_make(session);

	if (entry)
		atomic_store(&entry->owed, bytes);
	return entry != NULL;
}

uint64_t ta_tls_owed_slow(const void *session)
{
	struct entry *entry = find(session);

	return entry ? atomic_exchange(&entry->owed, 0) : 0;
}
