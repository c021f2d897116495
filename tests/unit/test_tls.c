/* SPDX-License-Identifier: MIT */
/*
 * test_tls.c - which connection a TLS session is on: the table, and what proves it.
 */
#include "runtime/core/tls.h"

#include "tests/unit/check.h"

#define HELLO_BYTES 43u

static void make_hello(uint8_t *hello, uint8_t kind, uint8_t first)
{
	memset(hello, 0, 64);
	hello[0] = 0x16;
	hello[1] = hello[9] = hello[10] = 3;
	hello[5] = kind;
	for (uint8_t i = 0; i < TA_TLS_RANDOM_BYTES; i++)
		hello[11 + i] = (uint8_t)(first + i);
}

static void proofs(void)
{
	struct ta_tls_randoms randoms = { .client = { 0 } }, unknown = { .client = { 0 } };
	uint8_t client[64], server[64], zero[64];

	make_hello(client, 1, 10);
	make_hello(server, 2, 90);
	make_hello(zero, 1, 0);
	memset(zero + 11, 0, TA_TLS_RANDOM_BYTES);
	memcpy(randoms.client, client + 11, TA_TLS_RANDOM_BYTES);
	memcpy(randoms.server, server + 11, TA_TLS_RANDOM_BYTES);
	check(ta_tls_prove(client, 64, &randoms) == TA_TLS_SAME, "client");
	check(ta_tls_prove(server, 64, &randoms) == TA_TLS_SAME, "server");
	check(ta_tls_prove(client, HELLO_BYTES, &randoms) == TA_TLS_SAME, "just enough");
	check(ta_tls_prove(client, HELLO_BYTES - 1, &randoms) == TA_TLS_UNKNOWN, "one too few");
	check(ta_tls_prove(client, 0, &randoms) == TA_TLS_UNKNOWN, "nothing");
	check(ta_tls_prove("GET / HTTP/1.1", 3, &randoms) == TA_TLS_OTHER, "no handshake");
	check(ta_tls_prove(zero, 64, &unknown) == TA_TLS_OTHER, "no random bytes prove nothing");
	client[5] = 2; /* the client's bytes where the server's ought to be */
	check(ta_tls_prove(client, 64, &randoms) == TA_TLS_OTHER, "the wrong hello");
	client[5] = 1;
	client[42] ^= 1;
	check(ta_tls_prove(client, 64, &randoms) == TA_TLS_OTHER, "the last byte differs");
}

/* Sessions are aligned as the heap aligns them. */
static const void *session(uint32_t number)
{
	return (const void *)((uintptr_t)0x10000 + number * 0x350u / 16 * 16);
}

static void remembering(void)
{
	check(!ta_tls_has_sessions() && ta_tls_recall(session(1)) == 0, "empty");
	ta_tls_remember(session(1), 77);
	ta_tls_remember(session(2), 78);
	check(ta_tls_recall(session(1)) == 77 && ta_tls_recall(session(2)) == 78, "both");
	ta_tls_remember(session(1), 79);
	check(ta_tls_recall(session(1)) == 79, "anew");
	ta_tls_forget(session(1));
	check(ta_tls_recall(session(1)) == 0 && ta_tls_recall(session(2)) == 78, "one is forgotten");
	ta_tls_forget(session(1));
	ta_tls_forget(session(2));
	check(!ta_tls_has_sessions(), "empty again");
}

static void owing(void)
{
	check(ta_tls_owed(session(3)) == 0, "nothing");
	check(ta_tls_owe(session(3), 500), "room");
	check(ta_tls_recall(session(3)) == 0, "it has no connection for that");
	check(ta_tls_owed(session(3)) == 500 && ta_tls_owed(session(3)) == 0, "once");
	ta_tls_remember(session(3), 5);
	check(ta_tls_owe(session(3), 7) && ta_tls_recall(session(3)) == 5, "both in one entry");
	ta_tls_forget(session(3));
	check(ta_tls_owed(session(3)) == 0 && !ta_tls_has_sessions(), "forgotten");
}

/* What is owed is never given up for others; the rest of a full table is refused. */
static void full(void)
{
	uint32_t kept = 0, found = 0;

	for (uint32_t i = 0; i < 2 * TA_TLS_SESSIONS; i++)
		kept += ta_tls_owe(session(i), i + 1);
	for (uint32_t i = 0; i < 2 * TA_TLS_SESSIONS; i++)
		found += ta_tls_owed(session(i)) == i + 1;
	check(kept <= TA_TLS_SESSIONS && kept > TA_TLS_SESSIONS / 2, "%u kept", kept);
	check(found == kept, "%u of %u", found, kept);
	for (uint32_t i = 0; i < 2 * TA_TLS_SESSIONS; i++)
		ta_tls_forget(session(i));
	check(!ta_tls_has_sessions(), "empty");
}

int main(void)
{
	check_group("proofs", proofs);
	check_group("remembering", remembering);
	check_group("owing", owing);
	check_group("full", full);
	return check_status();
}
