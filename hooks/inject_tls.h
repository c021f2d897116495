/* SPDX-License-Identifier: MIT */
/*
 * inject_tls.h - writes above TLS that carry a header of ours.
 */
#ifndef TA_HOOKS_INJECT_TLS_H
#define TA_HOOKS_INJECT_TLS_H

#include "hooks/hook.h"
#include "runtime/core/client.h"
#include "runtime/core/inject_stage.h"

/* How the library is called: bytes that it took, or what it answered if that is no count. */
struct ta_tls_writer {
	ssize_t (*write)(const struct ta_tls_writer *writer, const void *data, size_t bytes);
	void *session;
	void *real;
	bool whole;	/* it takes all or nothing, and has to be repeated with the same */
	uint32_t most;	/* bytes of a record; 0: the usual */
};

/* Whether a header is put in; then *ret_result is what the call answers: bytes of the
 * program's, or what the library said.  *bytes becomes what is being written of the
 * program's, where the library calls it its own already. */
bool ta_inject_tls_slow(uint64_t word, const struct ta_tls_writer *writer, const void *data,
			size_t *bytes, ssize_t *ret_result);

static inline bool ta_inject_tls(uint64_t word, const struct ta_tls_writer *writer,
				 const void *data, size_t *bytes, ssize_t *ret_result)
{
	return TA_UNLIKELY(word != 0) && ta_runtime.propagate == TA_PROPAGATE_INJECT &&
	       ta_client_is(word) && ta_inject_tls_slow(word, writer, data, bytes, ret_result);
}

#endif
