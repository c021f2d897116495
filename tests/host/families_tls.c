/* SPDX-License-Identifier: MIT */
/*
 * families_tls.c - calls of the hooks in front of OpenSSL and GnuTLS, as families.c does for libc's:
 * each once when it works and once when it does not.
 *
 * Both ends of each session are in one thread, above a local connection that does not block: no
 * call waits for anything.
 * stack: 4 KB, and 4 KB for the libraries, which take about 5 by themselves.
 *
 * Victim: args='errno|stack|heap' libs='-lssl -lcrypto -lgnutls' runs=2
 */
#include <gnutls/gnutls.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "family.h"

#define TLS 4096

static SSL_CTX *server_context, *client_context;
static SSL *server, *client, *other;
static gnutls_session_t far, near;
static int fds[2];
static char data[256];

/* ---- OpenSSL ---- */

static void make_contexts(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();

	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, key);
	X509_sign(certificate, key, EVP_sha256());
	server_context = SSL_CTX_new(TLS_server_method());
	client_context = SSL_CTX_new(TLS_client_method());
	NEED(SSL_CTX_use_certificate(server_context, certificate) == 1);
	NEED(SSL_CTX_use_PrivateKey(server_context, key) == 1);
	SSL_CTX_set_num_tickets(server_context, 0);
}

static void connected_pair(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	socklen_t length = sizeof(name);

	/* With no name given the kernel makes one up. */
	NEED(bind(listener, (void *)&name, sizeof(sa_family_t)) == 0 && listen(listener, 1) == 0);
	NEED(getsockname(listener, (void *)&name, &length) == 0);
	fds[1] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	NEED(connect(fds[1], (void *)&name, length) == 0);
	fds[0] = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	NEED(fds[0] >= 0);
	close(listener);
}

static void open_session(void)
{
	int here = 0, there = 0;

	make_contexts();
	connected_pair();
	server = SSL_new(server_context);
	client = SSL_new(client_context);
	other = SSL_new(server_context);
	NEED(SSL_set_fd(server, fds[0]) == 1 && SSL_set_fd(client, fds[1]) == 1);
	SSL_set_accept_state(server);
	SSL_set_connect_state(client);
	for (int i = 0; i < 20 && !(here == 1 && there == 1); i++) {
		there = SSL_do_handshake(client);
		here = SSL_do_handshake(server);
	}
	NEED(here == 1 && there == 1);
}

static long do_ssl_read(void) { return SSL_write(client, "said", 4) == 4 ? SSL_read(server, data, sizeof(data)) : -2; }
static long do_ssl_read_ex(void)
{
	size_t got = 0;

	if (SSL_write(client, "said", 4) != 4 || SSL_read_ex(server, data, sizeof(data), &got) != 1)
		return -2;
	return (long)got;
}
static long do_ssl_write(void)
{
	long result = SSL_write(server, "said", 4);

	return SSL_read(client, data, sizeof(data)) == 4 ? result : -2;
}
static long do_ssl_write_ex(void)
{
	size_t went = 0;
	long result = SSL_write_ex(server, "said", 4, &went);

	return SSL_read(client, data, sizeof(data)) == 4 ? result : -2;
}
static long bad_ssl_read(void) { return SSL_read(server, data, sizeof(data)); } /* there is nothing */
static long bad_ssl_read_ex(void) { return SSL_read_ex(server, data, sizeof(data), &(size_t){0}); }
static long bad_ssl_early(void) { return SSL_read_early_data(client, data, sizeof(data), &(size_t){0}); }
static long do_ssl_again(void) { return SSL_do_handshake(server); } /* it is over */
static long bad_ssl_accept(void) { return SSL_accept(other); } /* of nobody */
static long bad_ssl_write(void) { return SSL_write(other, "said", 4); }
static long do_ssl_set_fd(void) { return SSL_set_fd(other, fds[0]); }
static long do_ssl_set_rfd(void) { return SSL_set_rfd(other, fds[0]); }
static long do_ssl_set_wfd(void) { return SSL_set_wfd(other, fds[0]); }
static long do_ssl_set_bio(void) { SSL_set_bio(other, NULL, NULL); return 0; }
static long do_ssl_clear(void) { return SSL_clear(other); }
static long do_ssl_free(void) { SSL_free(SSL_new(server_context)); return 0; }

/* ---- GnuTLS ---- */

static void open_gnutls(void)
{
	static gnutls_anon_server_credentials_t for_near;
	static gnutls_anon_client_credentials_t for_far;
	int here = -1, there = -1;

	connected_pair();
	gnutls_anon_allocate_server_credentials(&for_near);
	gnutls_anon_allocate_client_credentials(&for_far);
	gnutls_anon_set_server_known_dh_params(for_near, GNUTLS_SEC_PARAM_MEDIUM);
	NEED(gnutls_init(&near, GNUTLS_SERVER | GNUTLS_NONBLOCK) == 0 && gnutls_init(&far, GNUTLS_CLIENT | GNUTLS_NONBLOCK) == 0);
	gnutls_priority_set_direct(near, "NORMAL:-VERS-ALL:+VERS-TLS1.2:+ANON-ECDH", NULL);
	gnutls_priority_set_direct(far, "NORMAL:-VERS-ALL:+VERS-TLS1.2:+ANON-ECDH", NULL);
	gnutls_credentials_set(near, GNUTLS_CRD_ANON, for_near);
	gnutls_credentials_set(far, GNUTLS_CRD_ANON, for_far);
	gnutls_transport_set_int(near, fds[0]);
	gnutls_transport_set_int(far, fds[1]);
	for (int i = 0; i < 20 && (here || there); i++) {
		there = there ? gnutls_handshake(far) : 0;
		here = here ? gnutls_handshake(near) : 0;
	}
	NEED(here == 0 && there == 0);
}

static long do_gnutls_recv(void)
{
	return gnutls_record_send(far, "said", 4) == 4 ? gnutls_record_recv(near, data, sizeof(data)) : -2;
}
static long do_gnutls_recv_packet(void)
{
	gnutls_packet_t packet = NULL;
	long result = gnutls_record_send(far, "said", 4) == 4 ? gnutls_record_recv_packet(near, &packet) : -2;

	if (packet)
		gnutls_packet_deinit(packet);
	return result;
}
static long do_gnutls_send(void)
{
	long result = gnutls_record_send(near, "said", 4);

	return gnutls_record_recv(far, data, sizeof(data)) == 4 ? result : -2;
}
static long do_gnutls_send2(void)
{
	long result = gnutls_record_send2(near, "said", 4, 0, 0);

	return gnutls_record_recv(far, data, sizeof(data)) == 4 ? result : -2;
}
static long bad_gnutls_recv(void) { return gnutls_record_recv(near, data, sizeof(data)); } /* there is nothing */
static long bad_gnutls_early(void) { return gnutls_record_recv_early_data(near, data, sizeof(data)); }
static long do_gnutls_set(void) { gnutls_transport_set_int2(near, fds[0], fds[0]); return 0; }
static long do_gnutls_deinit(void)
{
	gnutls_session_t session;
	long result = gnutls_init(&session, GNUTLS_SERVER);

	gnutls_deinit(session);
	return result;
}

#define ROW_TLS(name) {#name, name, TLS}

static const struct call openssl_calls[] = {
	ROW_TLS(do_ssl_read), ROW_TLS(do_ssl_read_ex), ROW_TLS(do_ssl_write), ROW_TLS(do_ssl_write_ex), ROW_TLS(bad_ssl_read),
	ROW_TLS(bad_ssl_read_ex), ROW_TLS(bad_ssl_early), ROW_TLS(do_ssl_again), ROW_TLS(bad_ssl_accept), ROW_TLS(bad_ssl_write),
	ROW_TLS(do_ssl_set_fd), ROW_TLS(do_ssl_set_rfd), ROW_TLS(do_ssl_set_wfd), ROW_TLS(do_ssl_set_bio), ROW_TLS(do_ssl_clear),
	ROW_TLS(do_ssl_free),
};
static const struct call gnutls_calls[] = {
	ROW_TLS(do_gnutls_recv), ROW_TLS(do_gnutls_recv_packet), ROW_TLS(do_gnutls_send), ROW_TLS(do_gnutls_send2),
	ROW_TLS(bad_gnutls_recv), ROW_TLS(bad_gnutls_early), ROW_TLS(do_gnutls_set), ROW_TLS(do_gnutls_deinit),
};

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "errno";

	open_session();
	all_calls(how, openssl_calls, sizeof(openssl_calls) / sizeof(openssl_calls[0]));
	open_gnutls();
	all_calls(how, gnutls_calls, sizeof(gnutls_calls) / sizeof(gnutls_calls[0]));
	say_no_children("at the end");
	return 0;
}
