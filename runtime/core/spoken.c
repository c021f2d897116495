/* SPDX-License-Identifier: MIT */
/*
 * spoken.c - see spoken.h.
 *
 * Who opens a connection is believed about commands whatever the port; a server is asked
 * for commands only where TAGALONG_COMMANDS says so.
 *
 * Runs: any host thread, inside the guard.
 */
#include "runtime/core/spoken.h"

#include <string.h>

#include "runtime/core/conn.h"
#include "runtime/core/runtime.h"
#include "runtime/protocol/command.h"
#include "runtime/protocol/http1.h"
#include "runtime/protocol/http2.h"

/* A record of the handshake, with a ClientHello (RFC 8446, 5.1 and 4). */
static int recognise_tls(const char *data, size_t bytes)
{
	if (data[0] != 0x16 || (bytes > 1 && data[1] != 3) || (bytes > 5 && data[5] != 1))
		return -1;
	return bytes > 5 ? 1 : 0;
}

static int recognise_http(const char *data, size_t bytes)
{
	return ta_runtime.http ? ta_http1_recognise(data, bytes) : -1;
}

static int recognise_http2(const char *data, size_t bytes)
{
	return ta_runtime.http ? ta_http2_recognise(data, bytes) : -1;
}

/* The best of several verdicts: yes, perhaps, no. */
static int better(int one, int other)
{
	return one > other ? one : other;
}

static int recognise_commands(const char *data, size_t bytes, const struct ta_protocol **ret)
{
	static const struct ta_protocol *const all[] = { &ta_protocol_redis,
							 &ta_protocol_postgresql,
							 &ta_protocol_memcached };
	int verdict = -1;

	for (size_t at = 0; at < sizeof(all) / sizeof(all[0]) && verdict < 1; at++) {
		*ret = all[at];
		verdict = better(verdict, all[at]->recognise(data, bytes));
	}
	return verdict;
}

static enum ta_spoken judge(const struct ta_conn *conn, const struct ta_protocol **ret)
{
	const char *data = conn->prefix;
	size_t bytes = conn->prefix_bytes;
	bool commands = conn->side == TA_SIDE_CLIENT || ta_runtime.commands;
	int command = commands ? recognise_commands(data, bytes, ret) : -1;
	int http = recognise_http(data, bytes), tls = recognise_tls(data, bytes);
	int http2 = recognise_http2(data, bytes);

	if (http2 >= 0)
		return http2 ? TA_SPOKEN_HTTP2 : TA_SPOKEN_UNKNOWN;
	if (command == 1)
		return TA_SPOKEN_COMMANDS;
	if (http == 1)
		return TA_SPOKEN_HTTP;
	if (tls == 1 && !conn->tls)
		return TA_SPOKEN_TLS;
	return better(better(command, http), tls) == 0 && bytes < sizeof(conn->prefix) ?
		       TA_SPOKEN_UNKNOWN :
		       TA_SPOKEN_OTHER;
}

static void keep(struct ta_conn *conn, const char *data, uint64_t bytes)
{
	uint32_t room = (uint32_t)sizeof(conn->prefix) - conn->prefix_bytes;
	uint32_t more = bytes < room ? (uint32_t)bytes : room;

	memcpy(conn->prefix + conn->prefix_bytes, data, more);
	conn->prefix_bytes = (uint8_t)(conn->prefix_bytes + more);
}

enum ta_spoken ta_spoken_on(struct ta_conn *conn, const char *data, uint64_t bytes,
			    const struct ta_protocol **ret_protocol)
{
	keep(conn, data, bytes);
	return judge(conn, ret_protocol);
}

enum ta_spoken ta_spoken_first(struct ta_conn *conn, const char *data, uint64_t bytes,
			       const struct ta_protocol **ret_protocol)
{
	int verdict;

	keep(conn, data, bytes);
	*ret_protocol = &ta_protocol_mysql;
	verdict = ta_protocol_mysql.recognise(conn->prefix, conn->prefix_bytes);
	if (verdict == 1)
		return TA_SPOKEN_COMMANDS;
	return verdict == 0 && conn->prefix_bytes < sizeof(conn->prefix) ? TA_SPOKEN_UNKNOWN :
									   TA_SPOKEN_OTHER;
}
