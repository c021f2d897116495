/* SPDX-License-Identifier: MIT */
/*
 * test_mysql.c - the protocol of MySQL and MariaDB: which commands a conversation has, and where
 * the answer of each ends (runtime/protocol/mysql.h).  What is told is written as in
 * dialogue_script.h.
 */
#include "runtime/protocol/mysql.h"
#include "tests/unit/dialogue_script.h"
#include "tests/unit/sql_recorded.h"

static struct step steps[64];
static size_t step_count, used;
static char packets[1 << 16];
static char last_side;
static uint8_t sequence;

static void add(char side, const char *bytes, size_t count)
{
	memcpy(packets + used, bytes, count);
	if (step_count == 0 || steps[step_count - 1].side != side)
		steps[step_count++] = (struct step){ .side = side, .bytes = packets + used };
	steps[step_count - 1].count += count;
	used += count;
}

static void packet(char side, uint8_t number, const char *body, size_t bytes)
{
	char head[4] = { (char)bytes, (char)(bytes >> 8), (char)(bytes >> 16), (char)number };

	add(side, head, 4);
	add(side, body, bytes);
	last_side = side;
	sequence = (uint8_t)(number + 1);
}

/* A command, an answer's packet, and what the client sends besides. */
#define TO(body) packet('>', 0, body, sizeof(body) - 1)
#define BACK(body) packet('<', sequence, body, sizeof(body) - 1)
#define MORE(body) packet('>', sequence, body, sizeof(body) - 1)

static void expect(const char *expected)
{
	script(&ta_protocol_mysql, steps, step_count, expected);
	step_count = used = 0;
	memset(steps, 0, sizeof(steps));
}

#define OK "\0\0\0\2\0\0\0"
#define OK_MORE "\0\0\0\xa\0\0\0"
#define EOF_OLD "\xfe\0\0\2\0"
#define EOF_MORE "\xfe\0\0\xa\0"
#define EOF_NEW "\xfe\0\0\2\0\0\0"
#define COLUMN "\3def\0\0\0\1a\0\xc\x3f\0\1\0\0\0\3\0\0\0\0\0"

/* Greetings of a server that can all, and what a client answers. */
static void greet(const char *version)
{
	char body[128] = "\xa";
	size_t at = 1 + strlen(version) + 1;

	memcpy(body + 1, version, strlen(version));
	memcpy(body + at, "\1\0\0\0abcdefgh\0\xff\xff\x2d\2\0\xff\xff\x15", 21);
	packet('<', 0, body, at + 21 + 10 + 13);
}

static void login(const char *capabilities, const char *rest, size_t bytes)
{
	char body[256] = { 0 };

	memcpy(body, capabilities, 4);
	memcpy(body + 32, rest, bytes);
	packet('>', sequence, body, 32 + bytes);
}

#define LOGIN(capabilities, rest) login(capabilities, rest, sizeof(rest) - 1)
#define OLD "\x08\x82\x08\0" /* WITH_DB, PROTOCOL_41, SECURE, PLUGIN_AUTH */
#define NEW "\x08\x82\x28\1" /* and LENENC_AUTH, NO_EOF */

static void start(const char *capabilities)
{
	greet("8.0.36");
	LOGIN(capabilities, "me\0\4hashshop\0mysql_native_password\0");
	BACK(OK);
}
#define STARTED "s {}/shop# = "

static void opening(void)
{
	start(OLD);
	expect("s {}/shop# =");
	greet("8.0.36");
	LOGIN(NEW, "me\0\xfc\4\0hashshop\0caching_sha2_password\0");
	BACK("\xfe" "caching_sha2_password\0nonce");
	MORE("scrambled");
	BACK("\1\4");
	MORE("\2");
	BACK("\1-----BEGIN PUBLIC KEY-----");
	MORE("encrypted");
	BACK(OK);
	TO("\x0e");
	BACK(OK);
	TO("\1");
	expect("s {}/shop# = s PING{}/shop = s {}/shop~#");
	greet("8.0.36");
	LOGIN("\0\2\0\0", "me\0secret\0");
	BACK("\xff\x15\4#28000Access denied");
	expect("s {}# =1045!");
	greet("8.0.36");
	LOGIN("\0\x8a\0\0", "");
	expect("s T");
	greet("8.0.36");
	LOGIN("\0\0\0\0", "me\0");
	expect("s B");
	greet("8.0.36");
	LOGIN("\x28\x82\0\0", "me\0\4hashshop\0");
	BACK(OK);
	expect("s {}/shop# = T");
	packet('<', 0, "\xff\x10\4Too many connections", 23);
	expect("");
	/* Above TLS: the greeting was below it. */
	sequence = 2;
	start(OLD);
	steps[0] = steps[1], steps[1] = steps[2], step_count = 2;
	expect("s {}/shop# =");
}

static void names(void)
{
	static struct ta_dialogue dialogue;
	static struct told told;

	greet("5.5.5-10.11.6-MariaDB-1");
	begin_dialogue(&dialogue, &ta_protocol_mysql, &told);
	hear(&told, &dialogue, '<', packets, used);
	check_same(dialogue.protocol->id, TA_PROTOCOL_MARIADB);
	step_count = used = 0;
	greet("8.0.36");
	begin_dialogue(&dialogue, &ta_protocol_mysql, &told);
	hear(&told, &dialogue, '<', packets, used);
	check_same(dialogue.protocol->id, TA_PROTOCOL_MYSQL);
	step_count = used = 0;
	memset(steps, 0, sizeof(steps));
}

static void queries(void)
{
	start(OLD);
	TO("\3SELECT a FROM t WHERE b = 'x\\'y' AND c = \"z\"");
	BACK("\1");
	BACK(COLUMN);
	BACK(EOF_OLD);
	BACK("\1x");
	BACK("\xfe\xff\xff\xff\xff\xff\xff\xff\xff");
	BACK("\0");
	BACK(EOF_OLD);
	TO("\3UPDATE t SET a = 5");
	BACK(OK);
	TO("\3" "bad");
	BACK("\xff\x28\4#42000You have an error");
	TO("\3SET NAMES utf8mb4");
	BACK(OK);
	expect(STARTED "s SELECT{SELECT a FROM t WHERE b = ? AND c = ?}/shop = "
		       "s UPDATE{UPDATE t SET a = ?}/shop = s BAD{bad}/shop =1064! "
		       "s SET{SET NAMES utf8mb4}/shop# =");
	start(NEW);
	TO("\3SELECT 1; SELECT b; DO 1");
	BACK("\1");
	BACK(COLUMN);
	BACK("\1x");
	BACK("\xfe\0\0\xa\0\0\0");
	BACK("\2");
	BACK(COLUMN);
	BACK(COLUMN);
	BACK("\xfe\0\0\xa\0\0\0");
	BACK(OK_MORE);
	BACK("\xff\xff\xff\1\2halfway");
	BACK(OK);
	TO("\3SELECT b");
	BACK("\1");
	BACK(COLUMN);
	BACK("\1x");
	BACK("\xff\x25\5#70100Query execution was interrupted");
	expect(STARTED "s SELECT{SELECT ?; SELECT b; DO ?}/shop = s SELECT{SELECT b}/shop =1317!");
	start(OLD);
	TO("\3SELECT a");
	BACK("\1\0"); /* no descriptions */
	BACK(EOF_OLD);
	BACK("\1x");
	BACK(EOF_MORE);
	BACK("\1\1");
	BACK(COLUMN);
	BACK(EOF_OLD);
	BACK(EOF_OLD);
	expect(STARTED "s SELECT{SELECT a}/shop =");
	start(OLD);
	TO("\3SET sql_mode=NO_BACKSLASH_ESCAPES");
	BACK("\0\0\0\2\2\0\0");
	TO("\3SELECT 'a\\', b");
	BACK(OK);
	expect(STARTED "s SET{SET sql_mode=NO_BACKSLASH_ESCAPES}/shop = s SELECT{SELECT ?, b}/shop =");
}

static void statements(void)
{
	start(OLD);
	TO("\x16SELECT a, 5 FROM t WHERE b = ?");
	BACK("\0\7\0\0\0\2\0\1\0\0\0\0");
	BACK(COLUMN);
	BACK(EOF_OLD);
	BACK(COLUMN);
	BACK(COLUMN);
	BACK(EOF_OLD);
	TO("\x18\7\0\0\0\0\0long");
	TO("\x17\7\0\0\0\0\1\0\0\0\0\1\3\0\5\0\0\0");
	BACK("\2");
	BACK(COLUMN);
	BACK(COLUMN);
	BACK(EOF_OLD);
	BACK("\0\0\1\0\0\0\5\0\0\0");
	BACK(EOF_OLD);
	TO("\x17\7\0\0\0\1\1\0\0\0\0\1\3\0\5\0\0\0");
	BACK("\2");
	BACK(COLUMN);
	BACK(COLUMN);
	BACK("\xfe\0\0\x42\0");
	TO("\x1c\7\0\0\0\5\0\0\0");
	BACK("\0\0\1\0\0\0\5\0\0\0");
	BACK("\xfe\0\0\x82\0");
	TO("\x1a\7\0\0\0");
	BACK(OK);
	TO("\x19\7\0\0\0");
	TO("\x17\7\0\0\0\0\1\0\0\0");
	BACK("\xff\xdb\4#HY000Unknown prepared statement");
	expect(STARTED "s {}/shop# = s {}/shop~# s SELECT{SELECT a, ? FROM t WHERE b = ?}/shop = "
		       "s SELECT{SELECT a, ? FROM t WHERE b = ?}/shop = s FETCH{}/shop = "
		       "s {}/shop# = s {}/shop~# s {}/shop =1243!");
	/* Without EOF; a failure to prepare; two at once, the second executed by "the last". */
	start(NEW);
	TO("\x16" "bad");
	BACK("\xff\x28\4#42000You have an error");
	TO("\x16SELECT a");
	BACK("\0\1\0\0\0\1\0\0\0\0\0\0");
	BACK(COLUMN);
	TO("\x16SELECT b");
	TO("\x16" "DO 7");
	TO("\x17\xff\xff\xff\xff\0\1\0\0\0");
	BACK("\0\2\0\0\0\1\0\1\0\0\0\0");
	BACK(COLUMN);
	BACK(COLUMN);
	BACK("\0\3\0\0\0\0\0\0\0\0\0\0");
	BACK(OK);
	TO("\x17\2\0\0\0\0\1\0\0\0");
	BACK(OK);
	TO("\x17\1\0\0\0\0\1\0\0\0");
	BACK(OK);
	TO("\xfa\3\0\0\0\0\0");
	BACK(OK);
	expect(STARTED "s {}/shop# =1064! s {}/shop# = s {}/shop# s {}/shop# s DO{DO ?}/shop "
		       "= = = s SELECT{SELECT b}/shop = s SELECT{SELECT a}/shop = s DO{DO ?}/shop =");
}

static void others(void)
{
	start(OLD);
	TO("\2other");
	BACK(OK);
	TO("\3USE `third`");
	BACK(OK);
	TO("\3use fourth");
	BACK("\xff\x19\4#42000Unknown database");
	TO("\x09");
	BACK("Uptime: 5  Threads: 1");
	TO("\x11you\0\3abclast\0\x2d\0mysql_native_password\0");
	BACK("\xfe" "mysql_native_password\0nonce");
	MORE("scrambled");
	BACK(OK);
	TO("\4t\0");
	BACK(COLUMN);
	BACK(EOF_OLD);
	TO("\x0e");
	BACK(OK);
	expect(STARTED "s USE{}/shop# = s USE{USE `third`}/other = s USE{use fourth}/third =1049! "
		       "s STATISTICS{}/third = s {}/third# = s FIELD_LIST{}/last = s PING{}/last =");
	start(OLD);
	TO("\3LOAD DATA LOCAL INFILE 'f' INTO TABLE t");
	BACK("\xfb/tmp/f");
	MORE("1\n2\n");
	MORE("3\n");
	MORE("");
	BACK(OK);
	TO("\x0e");
	BACK(OK);
	expect(STARTED "s LOAD{LOAD DATA LOCAL INFILE ? INTO TABLE t}/shop = s PING{}/shop =");
	start(OLD);
	TO("\x15xx");
	BACK(OK);
	TO("\x12\4\0\0\0\0\0\1\0\0\0log");
	expect(STARTED "s {}/shop# = s T");
}

static void attributes(void)
{
	start("\x08\x82\x28\x09");
	TO("\3\0\1SELECT 1");
	BACK(OK);
	/* Three: a string, a null, a date; names of one letter and none. */
	TO("\3\3\1\2\1\xfd\0\1a\xfd\0\1b\x0c\0\0\6secret\4\xe8\7\1\1SELECT 2, c");
	BACK(OK);
	TO("\3\2\1\0\1\x08\0\1a\xfd\0\1b12345678\xfc\3\0abcSELECT d");
	BACK(OK);
	TO("\3\x50\1SELECT e");
	BACK(OK);
	expect(STARTED "s SELECT{SELECT ?}/shop = s SELECT{SELECT ?, c}/shop = s SELECT{SELECT d}/shop "
		       "= s {}/shop =");
}

static void broken(void)
{
	start(OLD);
	packet('>', 1, "\3SELECT 1", 9);
	expect(STARTED "s B");
	start(OLD);
	TO("");
	expect(STARTED "s B");
	start(OLD);
	TO("\0");
	expect(STARTED "s B");
	start(OLD);
	BACK(OK);
	expect(STARTED "B");
	start(OLD);
	BACK("\xff\xbf\x0f#08S01Disconnected by the server");
	expect("s {}/shop# =");
	start(OLD);
	TO("\3SELECT 1");
	BACK("\1");
	BACK(COLUMN);
	BACK("\1x");
	expect(STARTED "s SELECT{SELECT ?}/shop B");
	packet('<', 0, "\x0a", 1);
	expect("B");
}

/* Packets of 16 MB and more, both ways. */
static void large(void)
{
	static struct ta_dialogue dialogue;
	static struct told told;
	char *big = calloc(1, TA_MYSQL_PACKET_MAX + 4);

	memcpy(big, "\xff\xff\xff\0", 4);
	memset(big + 4, 'x', TA_MYSQL_PACKET_MAX);
	start(OLD);
	begin_dialogue(&dialogue, &ta_protocol_mysql, &told);
	for (size_t i = 0; i < step_count; i++)
		hear(&told, &dialogue, steps[i].side, steps[i].bytes, steps[i].count);
	memcpy(big + 4, "\3INSERT INTO t VALUES ('", 24);
	hear(&told, &dialogue, '>', big, TA_MYSQL_PACKET_MAX + 4);
	hear(&told, &dialogue, '>', "\2\0\0\1')", 6);
	hear(&told, &dialogue, '<', "\7\0\0\1" OK, 11);
	hear(&told, &dialogue, '>', "\x9\0\0\0\3SELECT b", 13);
	hear(&told, &dialogue, '<', "\1\0\0\1\1", 5);
	hear(&told, &dialogue, '<', "\1\0\0\2c\5\0\0\3" EOF_OLD, 14);
	/* A row that begins like an end, and is 16 MB long. */
	memset(big + 4, 'x', 24);
	memcpy(big + 4, "\xfe\2\0\0\1\0\0\0\0", 9);
	hear(&told, &dialogue, '<', big, TA_MYSQL_PACKET_MAX + 4);
	hear(&told, &dialogue, '<', "\0\0\0\5", 4);
	hear(&told, &dialogue, '<', "\5\0\0\6" EOF_OLD, 9);
	check_text(told.text, "s {}/shop# = s INSERT{INSERT INTO t VALUES (?}/shop^ = "
			      "s SELECT{SELECT b}/shop = ");
	free(big);
	step_count = used = 0;
	memset(steps, 0, sizeof(steps));
}

static void recognising(void)
{
	char long_version[64] = "\xff\0\0\0\xa" "5.5.5-10.11.6-MariaDB-";

	memset(long_version + 27, 'x', 64 - 27);
	static const struct {
		const char *bytes;
		size_t count;
		int verdict;
	} cases[] = {
		{ "", 0, 0 },
		{ "\x4a\0\0\0\xa" "8.0.36\0", 12, 1 },
		{ "\x4a\0\0\0\xa" "8.0.36", 11, 0 },
		{ "\x4a\0\0\0\xa", 5, 0 },
		{ "\x4a\0\0\1", 4, -1 },
		{ "\x4a\0\0\0\x9", 5, -1 },
		{ "\x4a\0\0\0\xa" "x", 6, -1 },
		{ "\x4a\0\0\0\xa" "8\n", 7, -1 },
		{ "\x4a\0\0\0\xa" "8\0", 7, -1 },
		{ "\5\0", 2, -1 },
		{ "SSH-2.0-", 8, -1 },
		{ "220 mail", 8, -1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check(ta_protocol_mysql.recognise(cases[i].bytes, cases[i].count) ==
			      cases[i].verdict,
		      "case %zu", i);
	check_same(ta_protocol_mysql.recognise(long_version, 63), 0);
	check_same(ta_protocol_mysql.recognise(long_version, 64), 1);
}

#define SEED "tests/fuzz/corpus/mysql/"

static void real(void)
{
	const struct ta_protocol *mysql = &ta_protocol_mysql;

	recorded(mysql, SEED "client", 16, "s SELECT{select count(*) from user}/mysql = ");
	recorded(mysql, SEED "pymysql", 10, "s SELECT{select ?; select nope from t; select ?}/shop =1054! ");
	recorded(mysql, SEED "dbi", 10, "s SELECT{select a, b, ? from t where a < ? and b <> ?}/shop = ");
	recorded(mysql, SEED "cursor", 29, "s FETCH{}/shop = s FETCH{}/shop = ");
	recorded(mysql, SEED "cursor_no_eof", 29, "s FETCH{}/shop = s FETCH{}/shop = ");
	recorded(mysql, SEED "refused", 1, "=1045! ");
}

int main(void)
{
	check_group("opening", opening);
	check_group("names", names);
	check_group("queries", queries);
	check_group("statements", statements);
	check_group("others", others);
	check_group("attributes", attributes);
	check_group("broken", broken);
	check_group("large", large);
	check_group("recognising", recognising);
	check_group("real", real);
	return check_status();
}
