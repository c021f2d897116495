/* SPDX-License-Identifier: MIT */
/*
 * mysql.c - MySQL and MariaDB: recognising the server's greeting, and where a dialogue begins.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/mysql.h"

#include <string.h>

#define GREETING_MIN 45u
#define GREETING_MAX 512u
#define SHOWN_MAX 64u
#define VERSION_AT 5u /* behind the packet's head and the protocol's number */

/* A version begins with a digit and is printable. */
static int judge_version(const uint8_t *at, size_t bytes, size_t shown)
{
	for (size_t i = 0; i < bytes; i++) {
		if (at[i] == '\0')
			return i > 2 ? 1 : -1;
		if (at[i] < ' ' || at[i] > '~' || (i == 0 && (at[i] < '0' || at[i] > '9')))
			return -1;
	}
	return shown >= SHOWN_MAX ? 1 : 0;
}

static int recognise(const void *data, size_t bytes)
{
	static const uint8_t protocol[] = { 0, 0, 10 };
	const uint8_t *at = data;
	size_t fixed = bytes < VERSION_AT ? bytes : VERSION_AT;

	if (bytes >= 2 && (ta_mysql_number(at, 2) < GREETING_MIN ||
			   ta_mysql_number(at, 2) > GREETING_MAX))
		return -1;
	if (fixed > 2 && memcmp(at + 2, protocol, fixed - 2) != 0)
		return -1;
	return bytes > fixed ? judge_version(at + fixed, bytes - fixed, bytes) : 0;
}

static void init(struct ta_dialogue *dialogue)
{
	struct ta_mysql *mysql = ta_mysql_of(dialogue);

	memset(mysql, 0, offsetof(struct ta_mysql, sql));
	mysql->store.used = 0;
	mysql->store.serial = 0;
}

const struct ta_protocol ta_protocol_mysql = {
	.id = TA_PROTOCOL_MYSQL,
	.server_first = true,
	.recognise = recognise,
	.init = init,
	.request = ta_mysql_request,
	.answer = ta_mysql_answer,
};

const struct ta_protocol ta_protocol_mariadb = {
	.id = TA_PROTOCOL_MARIADB,
	.server_first = true,
	.recognise = recognise,
	.init = init,
	.request = ta_mysql_request,
	.answer = ta_mysql_answer,
};
