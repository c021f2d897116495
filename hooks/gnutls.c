/* SPDX-License-Identifier: MIT */
/*
 * gnutls.c - plaintext above GnuTLS.
 *
 * As openssl.c, with these differences.  A session's transport is a pointer that may stand
 * for a descriptor; one that is too large is the program's own (core/tls.h).  A record that
 * could not be sent at once is the library's from then on, and the program may ask for the
 * rest without saying the data again: so it is told when the library has taken it, and what
 * was told is owed until the library says how much that was.  Corked data counts when it
 * is handed over; the library's own calls when it is let go do not.  Requests that a client
 * sends as early data are not told.
 *
 * Runs: any host thread.  No locks of ours.
 */
#include "hooks/inject_tls.h"
#include "hooks/tls.h"

#include <limits.h>

struct datum {
	const void *data;
	unsigned int bytes;
};

/* What we stand in front of, and what we ask. */
#define HOOKED(X)										   \
	X(gnutls_record_recv, ssize_t, (void *, void *, size_t))				   \
	X(gnutls_record_recv_packet, ssize_t, (void *, void **))				   \
	X(gnutls_record_recv_early_data, ssize_t, (void *, void *, size_t))			   \
	X(gnutls_record_send, ssize_t, (void *, const void *, size_t))				   \
	X(gnutls_record_send2, ssize_t, (void *, const void *, size_t, size_t, unsigned int))	   \
	X(gnutls_handshake, int, (void *))							   \
	X(gnutls_transport_set_int2, void, (void *, int, int))					   \
	X(gnutls_transport_set_ptr, void, (void *, void *))					   \
	X(gnutls_transport_set_ptr2, void, (void *, void *, void *))				   \
	X(gnutls_deinit, void, (void *))

#define ASKED(X)										   \
	X(gnutls_transport_get_ptr2, void, (void *, void **, void **))				   \
	X(gnutls_record_get_max_size, size_t, (void *))						   \
	X(gnutls_packet_get, void, (void *, struct datum *, unsigned char *))			   \
	X(gnutls_session_get_random, void, (void *, struct datum *, struct datum *))

#define FUNCTIONS(X) HOOKED(X) ASKED(X)

enum function {
#define X(name, result, parameters) FN_##name,
	FUNCTIONS(X)
#undef X
		FUNCTION_COUNT
};
_Static_assert(FUNCTION_COUNT <= TA_TLS_FUNCTIONS_MAX, "the table is too small");

#define X(name, result, parameters) typedef result fn_##name parameters;
FUNCTIONS(X)
#undef X

/* What is not declared anywhere that we include. */
#define X(name, result, parameters) TA_HOOK result name parameters;
HOOKED(X)
#undef X

static const char *const names[] = {
#define X(name, result, parameters) #name,
	FUNCTIONS(X)
#undef X
};
static const char *const files[] = { "libgnutls.so.30", NULL };

static struct ta_tls_kind kind = { .names = names,
				   .count = FUNCTION_COUNT,
				   .mark = "gnutls_check_version",
				   .files = files };

#define E_AGAIN (-28)
#define E_INTERRUPTED (-52)
#define E_UNIMPLEMENTED (-1250)

#define BEHIND() behind(__builtin_return_address(0))
#define HAS(library, name) ((library) && (library)->real[FN_##name])
#define REAL(library, name) ((fn_##name *)(library)->real[FN_##name])

enum way { READS, WRITES };

/* gnutls_record_send ends in a jump to gnutls_record_send2, which then seems to be called
 * by us: the library of the call that is under way. */
static _Thread_local const struct ta_tls_library *sending;

static inline const struct ta_tls_library *behind(const void *caller)
{
	return ta_tls_library(&kind, NULL, caller);
}

/* ---- around a call ---- */

/* -1: it has none.  Two null pointers are what a session has that was told nothing. */
static int fd_of(const struct ta_tls_library *library, void *session, enum way way)
{
	void *reads = NULL, *writes = NULL;
	uintptr_t pointer;

	if (HAS(library, gnutls_transport_get_ptr2))
		REAL(library, gnutls_transport_get_ptr2)(session, &reads, &writes);
	pointer = (uintptr_t)(way == READS ? reads : writes);
	return (reads || writes) && pointer < INT_MAX ? (int)pointer : -1;
}

static struct ta_tls_call begin(const struct ta_tls_library *library, void *session, enum way way,
				bool settled)
{
	struct ta_tls_call call = { .word = 0 };

	if (ta_tls_wanted(session))
		ta_tls_begin(&call, session, fd_of(library, session, way), settled);
	return call;
}

static void copy_random(uint8_t *out, const struct datum *random)
{
	if (random->data && random->bytes == TA_TLS_RANDOM_BYTES)
		__builtin_memcpy(out, random->data, TA_TLS_RANDOM_BYTES);
}

static __attribute__((noinline)) void find(const struct ta_tls_library *library,
					   struct ta_tls_call *call, void *session)
{
	struct ta_tls_randoms randoms = { .client = { 0 } };
	struct datum client = { .bytes = 0 }, server = { .bytes = 0 };

	if (HAS(library, gnutls_session_get_random))
		REAL(library, gnutls_session_get_random)(session, &client, &server);
	copy_random(randoms.client, &client);
	copy_random(randoms.server, &server);
	ta_tls_end(call, session, &randoms);
}

static inline void end(const struct ta_tls_library *library, struct ta_tls_call *call,
		       void *session)
{
	if (TA_UNLIKELY(call->unknown))
		find(library, call, session);
}

static inline void end_read(const struct ta_tls_library *library, struct ta_tls_call *call,
			    void *session, const void *data, ssize_t bytes)
{
	end(library, call, session);
	if (TA_UNLIKELY(call->word != 0) && bytes > 0)
		ta_tls_read(call->word, data, (uint64_t)bytes);
}

/* ---- reading ---- */

TA_HOOK ssize_t gnutls_record_recv(void *session, void *data, size_t bytes)
{
	const struct ta_tls_library *library = BEHIND();

	if (!HAS(library, gnutls_record_recv))
		return E_UNIMPLEMENTED;
	struct ta_tls_call call = begin(library, session, READS, true);
	ssize_t result = REAL(library, gnutls_record_recv)(session, data, bytes);

	end_read(library, &call, session, data, result);
	return result;
}

TA_HOOK ssize_t gnutls_record_recv_packet(void *session, void **packet)
{
	const struct ta_tls_library *library = BEHIND();
	struct datum datum = { .bytes = 0 };

	if (!HAS(library, gnutls_record_recv_packet))
		return E_UNIMPLEMENTED;
	struct ta_tls_call call = begin(library, session, READS, true);
	ssize_t result = REAL(library, gnutls_record_recv_packet)(session, packet);

	if (result > 0 && *packet && HAS(library, gnutls_packet_get))
		REAL(library, gnutls_packet_get)(*packet, &datum, NULL);
	end_read(library, &call, session, datum.data, datum.bytes);
	return result;
}

TA_HOOK ssize_t gnutls_record_recv_early_data(void *session, void *data, size_t bytes)
{
	const struct ta_tls_library *library = BEHIND();

	if (!HAS(library, gnutls_record_recv_early_data))
		return E_UNIMPLEMENTED;
	struct ta_tls_call call = begin(library, session, READS, false);
	ssize_t result = REAL(library, gnutls_record_recv_early_data)(session, data, bytes);

	end_read(library, &call, session, data, result);
	return result;
}

/* ---- writing ---- */

static uint32_t record_bytes(const struct ta_tls_library *library, void *session)
{
	return HAS(library, gnutls_record_get_max_size) ?
		       (uint32_t)REAL(library, gnutls_record_get_max_size)(session) :
		       0;
}

/* The library has made a record and will say later that it is sent. */
static void tell_taken(const struct ta_tls_library *library, const struct ta_tls_call *call,
		       void *session, const void *data, size_t bytes)
{
	size_t most = HAS(library, gnutls_record_get_max_size) ?
			      REAL(library, gnutls_record_get_max_size)(session) :
			      bytes;

	bytes = bytes < most ? bytes : most;
	if (ta_tls_owe(session, bytes))
		ta_tls_wrote(call->word, data, bytes);
}

static void end_write(const struct ta_tls_library *library, struct ta_tls_call *call,
		      void *session, const void *data, size_t bytes, ssize_t result)
{
	uint64_t owed;

	end(library, call, session);
	if (call->word == 0)
		return;
	owed = ta_tls_owed(session);
	if (result == E_AGAIN || result == E_INTERRUPTED) {
		if (owed)
			ta_tls_owe(session, owed);
		else if (data && bytes)
			tell_taken(library, call, session, data, bytes);
	} else if (result > 0 && (uint64_t)result > owed) {
		ta_tls_wrote(call->word, data ? (const char *)data + owed : NULL,
			     (uint64_t)result - owed);
	}
}

static ssize_t call_send(const struct ta_tls_writer *writer, const void *data, size_t bytes)
{
	return ((fn_gnutls_record_send *)writer->real)(writer->session, data, bytes);
}

TA_HOOK ssize_t gnutls_record_send(void *session, const void *data, size_t bytes)
{
	const struct ta_tls_library *library = BEHIND();

	if (!HAS(library, gnutls_record_send))
		return E_UNIMPLEMENTED;
	sending = library;
	if (TA_UNLIKELY(ta_tls_is_inner(library, __builtin_return_address(0))))
		return REAL(library, gnutls_record_send)(session, data, bytes);
	struct ta_tls_call call = begin(library, session, WRITES, true);
	struct ta_tls_writer writer = { .write = call_send,
					.session = session,
					.real = library->real[FN_gnutls_record_send],
					.most = call.word ? record_bytes(library, session) : 0 };
	ssize_t result;

	if (!ta_inject_tls(call.word, &writer, data, &bytes, &result))
		result = REAL(library, gnutls_record_send)(session, data, bytes);

	end_write(library, &call, session, data, bytes, result);
	return result;
}

TA_HOOK ssize_t gnutls_record_send2(void *session, const void *data, size_t bytes, size_t pad,
				    unsigned int flags)
{
	const void *caller = __builtin_return_address(0);
	bool ours = ta_tls_is_ours(caller) && sending;
	const struct ta_tls_library *library = ours ? sending : behind(caller);

	if (!HAS(library, gnutls_record_send2))
		return E_UNIMPLEMENTED;
	if (ours || ta_tls_is_inner(library, caller))
		return REAL(library, gnutls_record_send2)(session, data, bytes, pad, flags);
	struct ta_tls_call call = begin(library, session, WRITES, true);
	ssize_t result = REAL(library, gnutls_record_send2)(session, data, bytes, pad, flags);

	end_write(library, &call, session, data, bytes, result);
	return result;
}

/* ---- handshakes, and what a session is on ---- */

TA_HOOK int gnutls_handshake(void *session)
{
	const struct ta_tls_library *library = BEHIND();

	if (!HAS(library, gnutls_handshake))
		return E_UNIMPLEMENTED;
	struct ta_tls_call call = begin(library, session, READS, false);
	int result = REAL(library, gnutls_handshake)(session);

	end(library, &call, session);
	return result;
}

/* A new transport: what was known of the session is old. */
static void told(const struct ta_tls_library *library, void *session)
{
	if (!ta_tls_wanted(session))
		return;
	ta_tls_forget(session);
	ta_tls_expect(fd_of(library, session, READS));
	ta_tls_expect(fd_of(library, session, WRITES));
}

TA_HOOK void gnutls_transport_set_int2(void *session, int reads, int writes)
{
	const struct ta_tls_library *library = BEHIND();

	if (!HAS(library, gnutls_transport_set_int2))
		return;
	REAL(library, gnutls_transport_set_int2)(session, reads, writes);
	told(library, session);
}

TA_HOOK void gnutls_transport_set_ptr(void *session, void *pointer)
{
	const struct ta_tls_library *library = BEHIND();

	if (!HAS(library, gnutls_transport_set_ptr))
		return;
	REAL(library, gnutls_transport_set_ptr)(session, pointer);
	told(library, session);
}

TA_HOOK void gnutls_transport_set_ptr2(void *session, void *reads, void *writes)
{
	const struct ta_tls_library *library = BEHIND();

	if (!HAS(library, gnutls_transport_set_ptr2))
		return;
	REAL(library, gnutls_transport_set_ptr2)(session, reads, writes);
	told(library, session);
}

TA_HOOK void gnutls_deinit(void *session)
{
	const struct ta_tls_library *library = BEHIND();

	ta_tls_forget(session);
	if (HAS(library, gnutls_deinit))
		REAL(library, gnutls_deinit)(session);
}
