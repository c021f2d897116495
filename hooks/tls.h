/* SPDX-License-Identifier: MIT */
/*
 * tls.h - what the hooks of all TLS libraries have in common: which connection a call is
 * about, and telling it what moved.
 *
 * Runs: any host thread, around the real call, outside the guard.
 */
#ifndef TA_HOOKS_TLS_H
#define TA_HOOKS_TLS_H

#include "hooks/hook.h"
#include "hooks/tls_library.h"
#include "runtime/core/conn.h"
#include "runtime/core/tls.h"

/* One call of the program's. */
struct ta_tls_call {
	uint64_t word; /* the connection; 0: none of ours, or not known */
	bool unknown;  /* no descriptor, and not found yet: to be looked at afterwards */
	bool settled;  /* the handshake was over when it began */
	struct ta_tls_mark before;
};

/* Whether anything is to be recorded at all. */
static inline bool ta_tls_wanted(const void *session)
{
	return session != NULL && ta_runtime.enabled && !ta_tls.passive;
}

/* fd: of the session; -1: it has none. */
void ta_tls_begin(struct ta_tls_call *call, const void *session, int fd, bool settled);
/* After a call whose connection is not known yet. */
void ta_tls_end(struct ta_tls_call *call, const void *session,
		const struct ta_tls_randoms *randoms);

void ta_tls_read(uint64_t word, const void *data, uint64_t bytes);
void ta_tls_wrote(uint64_t word, const void *data, uint64_t bytes);
/* fd has been given to a session. */
void ta_tls_expect(int fd);

#endif
