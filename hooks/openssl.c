/* SPDX-License-Identifier: MIT */
/*
 * openssl.c - plaintext above OpenSSL 1.1 and 3, and what is made like them.
 *
 * What the socket carries is ciphertext, so the connection is told before the handshake and
 * then gets what SSL_read gave and SSL_write took.  The session's descriptor says which
 * connection that is; sessions over memory or over functions of the program have none, see
 * core/tls.h.  The real call is made with the program's arguments and its result handed
 * back; the error queue is never touched: what we ask the library cannot fail.
 *
 * Moved is what the library says that it took or gave: partial writes count as far as they
 * went, calls that want to be repeated not at all, SSL_peek moves nothing.  Requests that a
 * client sends as early data are not told, because the server may refuse them and get them
 * again; what a server reads and writes early is.
 *
 * Requests that a client writes carry our headers, see inject_tls.h.
 *
 * Not seen: BIO_f_ssl (the library reads and writes inside itself), and libraries that are
 * part of a program that does not export them.
 *
 * Runs: any host thread.  No locks of ours.
 */
#include "hooks/inject_tls.h"
#include "hooks/tls.h"

#include <string.h>

/* What we stand in front of, and what we ask. */
#define HOOKED(X)										   \
	X(SSL_read, int, (void *, void *, int))							   \
	X(SSL_write, int, (void *, const void *, int))						   \
	X(SSL_read_ex, int, (void *, void *, size_t, size_t *))					   \
	X(SSL_write_ex, int, (void *, const void *, size_t, size_t *))				   \
	X(SSL_read_early_data, int, (void *, void *, size_t, size_t *))				   \
	X(SSL_write_early_data, int, (void *, const void *, size_t, size_t *))			   \
	X(SSL_sendfile, ssize_t, (void *, int, off_t, size_t, int))				   \
	X(SSL_accept, int, (void *))								   \
	X(SSL_connect, int, (void *))								   \
	X(SSL_do_handshake, int, (void *))							   \
	X(SSL_set_fd, int, (void *, int))							   \
	X(SSL_set_rfd, int, (void *, int))							   \
	X(SSL_set_wfd, int, (void *, int))							   \
	X(SSL_set_bio, void, (void *, void *, void *))						   \
	X(SSL_set0_rbio, void, (void *, void *))						   \
	X(SSL_set0_wbio, void, (void *, void *))						   \
	X(SSL_clear, int, (void *))								   \
	X(SSL_free, void, (void *))

#define ASKED(X)										   \
	X(SSL_get_rbio, void *, (const void *))							   \
	X(SSL_get_wbio, void *, (const void *))							   \
	X(SSL_get_rfd, int, (const void *))							   \
	X(SSL_get_wfd, int, (const void *))							   \
	X(SSL_is_init_finished, int, (const void *))						   \
	X(SSL_is_server, int, (const void *))							   \
	X(SSL_get_client_random, size_t, (const void *, unsigned char *, size_t))		   \
	X(SSL_get_server_random, size_t, (const void *, unsigned char *, size_t))

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
static const char *const files[] = { "libssl.so.3", "libssl.so.1.1", NULL };

static struct ta_tls_kind kind = { .names = names,
				   .count = FUNCTION_COUNT,
				   .mark = "SSL_alert_desc_string_long",
				   .files = files,
				   .words = 4 };

#define EARLY_DATA_SUCCESS 1

#define BEHIND(ssl) ta_tls_library(&kind, ssl, __builtin_return_address(0))
#define HAS(library, name) ((library) && (library)->real[FN_##name])
#define REAL(library, name) ((fn_##name *)(library)->real[FN_##name])

enum way { READS, WRITES };

/* ---- around a call ---- */

/* -1: it has none.  Asking for the descriptor of no BIO would be an error in the queue. */
static int fd_of(const struct ta_tls_library *library, const void *ssl, enum way way)
{
	if (way == READS)
		return HAS(library, SSL_get_rbio) && HAS(library, SSL_get_rfd) &&
				       REAL(library, SSL_get_rbio)(ssl) ?
			       REAL(library, SSL_get_rfd)(ssl) :
			       -1;
	return HAS(library, SSL_get_wbio) && HAS(library, SSL_get_wfd) &&
			       REAL(library, SSL_get_wbio)(ssl) ?
		       REAL(library, SSL_get_wfd)(ssl) :
		       -1;
}

static struct ta_tls_call begin(const struct ta_tls_library *library, const void *ssl, enum way way)
{
	struct ta_tls_call call = { .word = 0 };

	if (ta_tls_wanted(ssl))
		ta_tls_begin(&call, ssl, fd_of(library, ssl, way),
			     HAS(library, SSL_is_init_finished) &&
				     REAL(library, SSL_is_init_finished)(ssl));
	return call;
}

static __attribute__((noinline)) void find(const struct ta_tls_library *library,
					   struct ta_tls_call *call, const void *ssl)
{
	struct ta_tls_randoms randoms = { .client = { 0 } };

	if (HAS(library, SSL_get_client_random))
		REAL(library, SSL_get_client_random)(ssl, randoms.client, TA_TLS_RANDOM_BYTES);
	if (HAS(library, SSL_get_server_random))
		REAL(library, SSL_get_server_random)(ssl, randoms.server, TA_TLS_RANDOM_BYTES);
	ta_tls_end(call, ssl, &randoms);
}

static inline void end(const struct ta_tls_library *library, struct ta_tls_call *call,
		       const void *ssl)
{
	if (TA_UNLIKELY(call->unknown))
		find(library, call, ssl);
}

/* bytes: that the program was given; 0 none. */
static inline void end_read(const struct ta_tls_library *library, struct ta_tls_call *call,
			    const void *ssl, const void *data, size_t bytes)
{
	end(library, call, ssl);
	if (TA_UNLIKELY(call->word != 0) && bytes)
		ta_tls_read(call->word, data, bytes);
}

static inline void end_write(const struct ta_tls_library *library, struct ta_tls_call *call,
			     const void *ssl, const void *data, size_t bytes)
{
	end(library, call, ssl);
	if (TA_UNLIKELY(call->word != 0) && bytes)
		ta_tls_wrote(call->word, data, bytes);
}

/* ---- reading and writing ---- */

static ssize_t call_write(const struct ta_tls_writer *writer, const void *data, size_t bytes)
{
	return ((fn_SSL_write *)writer->real)(writer->session, data, (int)bytes);
}

static ssize_t call_write_ex(const struct ta_tls_writer *writer, const void *data, size_t bytes)
{
	size_t written = 0;

	return ((fn_SSL_write_ex *)writer->real)(writer->session, data, bytes, &written) == 1 ?
		       (ssize_t)written :
		       0;
}

TA_HOOK int SSL_read(void *ssl, void *data, int bytes)
{
	const struct ta_tls_library *library = BEHIND(ssl);

	if (!HAS(library, SSL_read))
		return -1;
	struct ta_tls_call call = begin(library, ssl, READS);
	int result = REAL(library, SSL_read)(ssl, data, bytes);

	end_read(library, &call, ssl, data, result > 0 ? (size_t)result : 0);
	return result;
}

TA_HOOK int SSL_write(void *ssl, const void *data, int bytes)
{
	const struct ta_tls_library *library = BEHIND(ssl);

	if (!HAS(library, SSL_write))
		return -1;
	struct ta_tls_call call = begin(library, ssl, WRITES);
	struct ta_tls_writer writer = { .write = call_write,
					.session = ssl,
					.real = library->real[FN_SSL_write],
					.whole = true };
	size_t size = bytes > 0 ? (size_t)bytes : 0;
	ssize_t taken;
	int result = size && ta_inject_tls(call.word, &writer, data, &size, &taken) ?
			     (int)taken :
			     REAL(library, SSL_write)(ssl, data, bytes);

	end_write(library, &call, ssl, data, result > 0 ? (size_t)result : 0);
	return result;
}

/* The library calls these two itself, from those for early data. */
TA_HOOK int SSL_read_ex(void *ssl, void *data, size_t bytes, size_t *read_bytes)
{
	const struct ta_tls_library *library = BEHIND(ssl);

	if (!HAS(library, SSL_read_ex))
		return 0;
	if (TA_UNLIKELY(ta_tls_is_inner(library, __builtin_return_address(0))))
		return REAL(library, SSL_read_ex)(ssl, data, bytes, read_bytes);
	struct ta_tls_call call = begin(library, ssl, READS);
	int result = REAL(library, SSL_read_ex)(ssl, data, bytes, read_bytes);

	end_read(library, &call, ssl, data, result == 1 ? *read_bytes : 0);
	return result;
}

TA_HOOK int SSL_write_ex(void *ssl, const void *data, size_t bytes, size_t *written)
{
	const struct ta_tls_library *library = BEHIND(ssl);

	if (!HAS(library, SSL_write_ex))
		return 0;
	if (TA_UNLIKELY(ta_tls_is_inner(library, __builtin_return_address(0))))
		return REAL(library, SSL_write_ex)(ssl, data, bytes, written);
	struct ta_tls_call call = begin(library, ssl, WRITES);
	struct ta_tls_writer writer = { .write = call_write_ex,
					.session = ssl,
					.real = library->real[FN_SSL_write_ex],
					.whole = true };
	size_t size = bytes;
	ssize_t taken;
	bool injected = size && ta_inject_tls(call.word, &writer, data, &size, &taken);
	int result = injected ? taken > 0 :
				REAL(library, SSL_write_ex)(ssl, data, bytes, written);

	if (injected && taken > 0)
		*written = (size_t)taken;

	end_write(library, &call, ssl, data, result == 1 ? *written : 0);
	return result;
}

TA_HOOK int SSL_read_early_data(void *ssl, void *data, size_t bytes, size_t *read_bytes)
{
	const struct ta_tls_library *library = BEHIND(ssl);

	if (!HAS(library, SSL_read_early_data))
		return 0;
	struct ta_tls_call call = begin(library, ssl, READS);
	int result = REAL(library, SSL_read_early_data)(ssl, data, bytes, read_bytes);

	end_read(library, &call, ssl, data, result == EARLY_DATA_SUCCESS ? *read_bytes : 0);
	return result;
}

TA_HOOK int SSL_write_early_data(void *ssl, const void *data, size_t bytes, size_t *written)
{
	const struct ta_tls_library *library = BEHIND(ssl);

	if (!HAS(library, SSL_write_early_data))
		return 0;
	struct ta_tls_call call = begin(library, ssl, WRITES);
	int result = REAL(library, SSL_write_early_data)(ssl, data, bytes, written);
	bool told = result == 1 && call.word && REAL(library, SSL_is_server)(ssl);

	end_write(library, &call, ssl, data, told ? *written : 0);
	return result;
}

/* The kernel encrypts; the file's bytes pass unseen. */
TA_HOOK ssize_t SSL_sendfile(void *ssl, int fd, off_t offset, size_t bytes, int flags)
{
	const struct ta_tls_library *library = BEHIND(ssl);

	if (!HAS(library, SSL_sendfile))
		return -1;
	struct ta_tls_call call = begin(library, ssl, WRITES);
	ssize_t result = REAL(library, SSL_sendfile)(ssl, fd, offset, bytes, flags);

	end_write(library, &call, ssl, NULL, result > 0 ? (size_t)result : 0);
	return result;
}

/* ---- handshakes ---- */

#define HANDSHAKE(name)                                                                            \
	TA_HOOK int name(void *ssl)                                                                \
	{                                                                                          \
		const struct ta_tls_library *library = BEHIND(ssl);                                \
                                                                                                   \
		if (!HAS(library, name))                                                           \
			return -1;                                                                 \
		struct ta_tls_call call = begin(library, ssl, READS);                              \
		int result = REAL(library, name)(ssl);                                             \
                                                                                                   \
		end(library, &call, ssl);                                                          \
		return result;                                                                     \
	}

HANDSHAKE(SSL_accept)
HANDSHAKE(SSL_connect)
HANDSHAKE(SSL_do_handshake)

/* ---- what a session is on ---- */

#define SET_FD(name)                                                                               \
	TA_HOOK int name(void *ssl, int fd)                                                        \
	{                                                                                          \
		const struct ta_tls_library *library = BEHIND(ssl);                                \
                                                                                                   \
		if (!HAS(library, name))                                                           \
			return 0;                                                                  \
		ta_tls_forget(ssl);                                                                \
		int result = REAL(library, name)(ssl, fd);                                         \
                                                                                                   \
		if (result == 1)                                                                   \
			ta_tls_expect(fd);                                                         \
		return result;                                                                     \
	}

SET_FD(SSL_set_fd)
SET_FD(SSL_set_rfd)
SET_FD(SSL_set_wfd)

TA_HOOK void SSL_set_bio(void *ssl, void *reads, void *writes)
{
	const struct ta_tls_library *library = BEHIND(ssl);

	ta_tls_forget(ssl);
	if (HAS(library, SSL_set_bio))
		REAL(library, SSL_set_bio)(ssl, reads, writes);
}

TA_HOOK void SSL_set0_rbio(void *ssl, void *bio)
{
	const struct ta_tls_library *library = BEHIND(ssl);

	ta_tls_forget(ssl);
	if (HAS(library, SSL_set0_rbio))
		REAL(library, SSL_set0_rbio)(ssl, bio);
}

TA_HOOK void SSL_set0_wbio(void *ssl, void *bio)
{
	const struct ta_tls_library *library = BEHIND(ssl);

	ta_tls_forget(ssl);
	if (HAS(library, SSL_set0_wbio))
		REAL(library, SSL_set0_wbio)(ssl, bio);
}

TA_HOOK int SSL_clear(void *ssl)
{
	const struct ta_tls_library *library = BEHIND(ssl);

	if (!HAS(library, SSL_clear))
		return 0;
	ta_tls_forget(ssl);
	return REAL(library, SSL_clear)(ssl);
}

TA_HOOK void SSL_free(void *ssl)
{
	const struct ta_tls_library *library = BEHIND(ssl);

	ta_tls_forget(ssl);
	if (HAS(library, SSL_free))
		REAL(library, SSL_free)(ssl);
}
