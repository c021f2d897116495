/* SPDX-License-Identifier: MIT */
/*
 * test_pgsql.c - PostgreSQL's protocol: which commands a conversation has, and which answer is
 * whose (runtime/protocol/pgsql.h).  What is told is written as in dialogue_script.h.
 */
#include "tests/unit/dialogue_script.h"
#include "tests/unit/sql_recorded.h"

#define MESSAGES_BYTES (1 << 16)

static struct step steps[64];
static size_t step_count, used;
static char messages[MESSAGES_BYTES];

/* Messages of one side that follow each other are one piece. */
static void add(char side, const char *bytes, size_t count)
{
	memcpy(messages + used, bytes, count);
	if (step_count == 0 || steps[step_count - 1].side != side)
		steps[step_count++] = (struct step){ .side = side, .bytes = messages + used };
	steps[step_count - 1].count += count;
	used += count;
}

static void message(char side, char type, const char *body, size_t bytes)
{
	uint32_t length = (uint32_t)bytes + 4;
	char head[5] = { type, (char)(length >> 24), (char)(length >> 16), (char)(length >> 8),
			 (char)length };

	add(side, head, 5);
	add(side, body, bytes);
}

#define TO(type, body) message('>', type, body, sizeof(body) - 1)
#define BACK(type, body) message('<', type, body, sizeof(body) - 1)
#define RAW(side, bytes) add(side, bytes, sizeof(bytes) - 1)

static void expect(const char *expected)
{
	script(&ta_protocol_postgresql, steps, step_count, expected);
	step_count = used = 0;
	memset(steps, 0, sizeof(steps));
}

static void start(void)
{
	RAW('>', "\0\0\0\x1f\0\3\0\0user\0me\0database\0shop\0\0");
	BACK('R', "\0\0\0\5salt");
	TO('p', "md5secret\0");
	BACK('R', "\0\0\0\0");
	BACK('S', "standard_conforming_strings\0on\0");
	BACK('K', "12345678");
	BACK('Z', "I");
}
#define STARTED "s {}/shop# = "

static void opening(void)
{
	start();
	expect("s {}/shop# =");
	RAW('>', "\0\0\0\x11\0\3\0\0user\0me\0\0");
	BACK('E', "SFATAL\0C28P01\0Mpassword\0\0");
	expect("s {}/me# =28P01!");
	RAW('>', "\0\0\0\x1f\0\3\0\0database\0shop\0user\0me\0\0");
	BACK('Z', "I");
	TO('X', "");
	expect("s {}/shop# = s {}/shop~#");
	RAW('>', "\0\0\0\x08\x04\xd2\x16\x2f");
	RAW('<', "S");
	expect("s {}# T");
	RAW('>', "\0\0\0\x08\x04\xd2\x16\x30");
	RAW('<', "N");
	RAW('>', "\0\0\0\x08\x04\xd2\x16\x2f");
	RAW('<', "N");
	start();
	expect("s {}# = s {}# = s {}/shop# =");
	RAW('>', "\0\0\0\x08\x04\xd2\x16\x30");
	RAW('<', "G");
	expect("s {}# T");
	RAW('>', "\0\0\0\x08\x04\xd2\x16\x2f");
	BACK('E', "SFATAL\0C0A000\0\0");
	expect("s {}# =0A000!");
	RAW('>', "\0\0\0\x10\x04\xd2\x16\x2e"
		 "12345678");
	expect("s {}~#");
	RAW('>', "\0\0\0\x11\0\2\0\0user\0me\0\0");
	expect("s B");
}

static void simple(void)
{
	start();
	TO('Q', "SELECT a FROM t WHERE b = 'x' AND c = 12\0");
	BACK('T', "\0\0");
	BACK('N', "SNOTICE\0C00000\0\0");
	BACK('D', "\0\1\0\0\0\1Z");
	BACK('C', "SELECT 1\0");
	BACK('A', "\0\0\0\1chan\0load\0");
	BACK('Z', "I");
	TO('Q', "bad\0");
	BACK('E', "SERROR\0VERROR\0C42601\0Msyntax C99999\0\0");
	BACK('Z', "I");
	TO('Q', "BEGIN; SELECT 1\0");
	BACK('C', "BEGIN\0");
	BACK('C', "SELECT 1\0");
	BACK('Z', "T");
	TO('Q', "\0");
	BACK('I', "");
	BACK('Z', "T");
	TO('Q', "SET NAMES 'utf8'\0");
	BACK('C', "SET\0");
	BACK('Z', "T");
	expect(STARTED "s SELECT{SELECT a FROM t WHERE b = ? AND c = ?}/shop = "
		       "s BAD{bad}/shop =42601! s BEGIN{BEGIN; SELECT ?}/shop = s {}/shop = "
		       "s SET{SET NAMES ?}/shop# =");
	start();
	TO('Q', "SELECT 1\0");
	TO('Q', "SELECT 'a\\'b', 2\0");
	BACK('C', "SELECT 1\0");
	BACK('Z', "I");
	BACK('E', "C57P01\0\0");
	BACK('Z', "I");
	expect(STARTED "s SELECT{SELECT ?}/shop s SELECT{SELECT ?}/shop^ = =57P01!");
	start();
	TO('F', "\0\0\0\1\0\0\0\0\0\0");
	BACK('V', "\0\0\0\0");
	BACK('Z', "I");
	expect(STARTED "s CALL{}/shop =");
	start();
	BACK('S', "standard_conforming_strings\0off\0");
	TO('Q', "SELECT 'a\\'b', c\0");
	BACK('Z', "I");
	expect(STARTED "s SELECT{SELECT ?}/shop^ =");
}

static void extended(void)
{
	start();
	TO('P', "\0SELECT $1 FROM t WHERE a = 5\0\0\0");
	TO('B', "\0\0\0\0\0\0\0\0");
	TO('D', "P\0");
	TO('E', "\0\0\0\0\0");
	TO('S', "");
	BACK('1', "");
	BACK('2', "");
	BACK('T', "\0\0");
	BACK('C', "SELECT 0\0");
	BACK('Z', "I");
	expect(STARTED "s SELECT{SELECT $1 FROM t WHERE a = ?}/shop =");
	start();
	TO('P', "one\0SELECT 1\0\0\0");
	TO('P', "two\0SELECT a, 2\0\0\0");
	TO('S', "");
	BACK('1', "");
	BACK('1', "");
	BACK('Z', "I");
	TO('B', "\0two\0\0\0\0\0\0\0");
	TO('E', "\0\0\0\0\5");
	TO('E', "\0\0\0\0\5");
	TO('B', "p\0one\0\0\0\0\0\0\0");
	TO('E', "p\0\0\0\0\0");
	TO('C', "Sone\0");
	TO('S', "");
	BACK('2', "");
	BACK('s', "");
	BACK('C', "SELECT 1\0");
	BACK('2', "");
	BACK('I', "");
	BACK('3', "");
	BACK('Z', "I");
	TO('B', "\0one\0\0\0\0\0\0\0");
	TO('E', "\0\0\0\0\0");
	TO('S', "");
	BACK('E', "C26000\0\0");
	BACK('Z', "I");
	expect(STARTED "s {}/shop# = s SELECT{SELECT a, ?}/shop s SELECT{SELECT a, ?}/shop "
		       "s SELECT{SELECT ?}/shop = = = s {}/shop =26000!");
}

static void portals(void)
{
	start();
	TO('P', "\0SELECT 1\0\0\0");
	TO('B', "C1\0\0\0\0\0\0\0\0");
	TO('E', "C1\0\0\0\0\5");
	TO('S', "");
	BACK('s', "");
	BACK('Z', "T");
	TO('P', "\0SELECT b\0\0\0");
	TO('B', "\0\0\0\0\0\0\0\0");
	TO('E', "\0\0\0\0\0");
	TO('E', "C1\0\0\0\0\5");
	TO('C', "PC1\0");
	TO('E', "C1\0\0\0\0\5");
	TO('S', "");
	BACK('C', "SELECT 1\0");
	BACK('C', "SELECT 1\0");
	BACK('E', "C34000\0\0");
	BACK('Z', "T");
	expect(STARTED "s SELECT{SELECT ?}/shop = s SELECT{SELECT b}/shop s SELECT{SELECT ?}/shop "
		       "s {}/shop = = =34000!");
}

static void errors(void)
{
	/* The first of three fails; the others are skipped; then all is well. */
	start();
	TO('P', "\0bad\0\0\0");
	TO('B', "\0\0\0\0\0\0\0\0");
	TO('E', "\0\0\0\0\0");
	TO('E', "\0\0\0\0\0");
	TO('E', "\0\0\0\0\0");
	TO('S', "");
	TO('P', "\0good\0\0\0");
	TO('B', "\0\0\0\0\0\0\0\0");
	TO('E', "\0\0\0\0\0");
	TO('S', "");
	BACK('E', "C42601\0\0");
	BACK('Z', "I");
	BACK('C', "SELECT 1\0");
	BACK('Z', "I");
	expect(STARTED "s BAD{bad}/shop s BAD{bad}/shop s BAD{bad}/shop s GOOD{good}/shop "
		       "=42601! =42601! =42601! =");
	/* A Parse fails, nothing was executed: by itself, and with a Flush. */
	start();
	TO('P', "x\0bad\0\0\0");
	TO('S', "");
	BACK('E', "C42601\0\0");
	BACK('Z', "I");
	TO('P', "x\0bad\0\0\0");
	TO('H', "");
	BACK('E', "C42602\0\0");
	TO('B', "\0x\0\0\0\0\0\0\0");
	TO('E', "\0\0\0\0\0");
	TO('Q', "SELECT 1\0");
	TO('S', "");
	BACK('Z', "I");
	TO('Q', "SELECT b\0");
	BACK('Z', "I");
	expect(STARTED "s {}/shop# =42601! s BAD{bad}/shop s SELECT{SELECT ?}/shop s {}/shop# "
		       "=42602! =42602! =42602! s SELECT{SELECT b}/shop =");
	/* Behind the last Execute of a Sync. */
	start();
	TO('B', "\0x\0\0\0\0\0\0\0");
	TO('E', "\0\0\0\0\0");
	TO('P', "y\0bad\0\0\0");
	TO('S', "");
	TO('Q', "good\0");
	BACK('C', "SELECT 1\0");
	BACK('E', "C42601\0\0");
	BACK('Z', "I");
	BACK('Z', "I");
	expect(STARTED "s {}/shop s {}/shop# s GOOD{good}/shop = =42601! =");
}

static void copy(void)
{
	start();
	TO('Q', "COPY t FROM STDIN\0");
	BACK('G', "\0\0\0");
	TO('d', "1\n");
	TO('d', "2\n");
	TO('c', "");
	BACK('C', "COPY 2\0");
	BACK('Z', "I");
	TO('Q', "COPY t TO STDOUT\0");
	BACK('H', "\0\0\0");
	BACK('d', "1\n");
	BACK('c', "");
	BACK('C', "COPY 1\0");
	BACK('Z', "I");
	expect(STARTED "s COPY{COPY t FROM STDIN}/shop = s COPY{COPY t TO STDOUT}/shop =");
	/* By the extended protocol: the first Sync is not looked at. */
	start();
	TO('P', "\0COPY t FROM STDIN\0\0\0");
	TO('B', "\0\0\0\0\0\0\0\0");
	TO('E', "\0\0\0\0\0");
	TO('S', "");
	BACK('G', "\0\0\0");
	TO('d', "1\n");
	TO('S', "");
	TO('f', "no\0");
	TO('S', "");
	BACK('E', "C57014\0\0");
	BACK('Z', "I");
	TO('Q', "SELECT b\0");
	BACK('Z', "I");
	expect(STARTED "s COPY{COPY t FROM STDIN}/shop =57014! s SELECT{SELECT b}/shop =");
	start();
	TO('Q', "START_REPLICATION 0/0\0");
	BACK('W', "\0\0\0");
	TO('d', "r");
	expect(STARTED "s START_REPLICATION{START_REPLICATION ?/?}/shop = T");
}

static void broken(void)
{
	start();
	TO('Y', "");
	expect(STARTED "B");
	start();
	BACK('Y', "");
	expect(STARTED "B");
	start();
	BACK('Z', "I");
	expect(STARTED "B");
	start();
	TO('E', "\0\0\0\0\0");
	TO('S', "");
	BACK('C', "SELECT 1\0");
	BACK('W', "\0\0\0");
	expect(STARTED "s {}/shop = B");
	start();
	TO('E', "\0\0\0\0\0");
	TO('S', "");
	BACK('Z', "I");
	expect(STARTED "s {}/shop B");
	start();
	TO('Q', "SELECT 1");
	expect(STARTED "s B");
	start();
	RAW('>', "Q\0\0\0\3");
	expect(STARTED "s B");
}

/* A Sync for every Execute, a thousand of them at a time; and more than are remembered. */
static void pipelines(void)
{
	static struct ta_dialogue dialogue;
	static struct told told;
	static const char execute[] = "E\0\0\0\x9\0\0\0\0\0S\0\0\0\4";
	static const char done[] = "C\0\0\0\x6X\0Z\0\0\0\5I";

	begin_dialogue(&dialogue, &ta_protocol_postgresql, &told);
	hear(&told, &dialogue, '>', "\0\0\0\x11\0\3\0\0user\0me\0\0", 17);
	hear(&told, &dialogue, '<', "Z\0\0\0\5I", 6);
	for (int i = 0; i < 1024; i++)
		hear(&told, &dialogue, '>', execute, sizeof(execute) - 1);
	check_same(dialogue.outstanding, 1024);
	for (int i = 0; i < 1024; i++)
		hear(&told, &dialogue, '<', done, sizeof(done) - 1);
	check(!told.over && dialogue.outstanding == 0, "%u", dialogue.outstanding);
	for (int i = 0; i < 5000; i++)
		hear(&told, &dialogue, '>', execute, 10);
	check_same(dialogue.outstanding, 5000);
	hear(&told, &dialogue, '>', execute + 10, 5);
	told.used = 0;
	hear(&told, &dialogue, '<', "E\0\0\0\xc""C54000\0\0", 13);
	hear(&told, &dialogue, '<', "Z\0\0\0\5I", 6);
	check(!told.over && dialogue.outstanding == 0, "%u", dialogue.outstanding);
	for (int i = 0; i < 1025; i++)
		hear(&told, &dialogue, '>', execute, sizeof(execute) - 1);
	check(told.over, "it goes on with %u", dialogue.outstanding);
}

/* Many statements: the newest are known, and so is the one without a name. */
static void statements(void)
{
	static struct ta_dialogue dialogue;
	static struct told told;
	char parse[2000] = "P", bind[] = "B\0\0\0\x10\0s000\0\0\0\0\0\0\0";

	begin_dialogue(&dialogue, &ta_protocol_postgresql, &told);
	hear(&told, &dialogue, '>', "\0\0\0\x11\0\3\0\0user\0me\0\0", 17);
	hear(&told, &dialogue, '>', "P\0\0\0\x12\0SELECT hi\0\0\0", 19);
	for (int i = 0; i < 100; i++) {
		int text = snprintf(parse + 5, 1900, "s%03d", i) + 5 + 1;

		text += snprintf(parse + text, 1000, "SELECT c%03d, %0500d x", i, 1) + 1 + 2;
		parse[3] = (char)((text - 1) >> 8);
		parse[4] = (char)(text - 1);
		for (char *zero = strchr(parse + 5 + 5, '0'); *zero; zero++)
			*zero = *zero == '0' && zero > parse + 30 ? 'y' : *zero;
		hear(&told, &dialogue, '>', parse, (size_t)text);
	}
	told.used = 0;
	memcpy(bind + 6, "s099", 4);
	hear(&told, &dialogue, '>', bind, 17);
	hear(&told, &dialogue, '>', "E\0\0\0\x9\0\0\0\0\0", 10);
	check(strncmp(told.text, "SELECT{SELECT c099, ", 20) == 0, "%s", told.text);
	told.used = 0;
	hear(&told, &dialogue, '>', "B\0\0\0\xc\0\0\0\0\0\0\0\0", 13);
	hear(&told, &dialogue, '>', "E\0\0\0\x9\0\0\0\0\0", 10);
	check_text(told.text, "s SELECT{SELECT hi}/me ");
	told.used = 0;
	memcpy(bind + 6, "s000", 4);
	hear(&told, &dialogue, '>', bind, 17);
	hear(&told, &dialogue, '>', "E\0\0\0\x9\0\0\0\0\0", 10);
	check(strncmp(told.text, "s {}/me", 7) == 0 || strncmp(told.text, "s SELECT{SELECT c000", 20) == 0,
	      "%s", told.text);
}

static void recognising(void)
{
	static const struct {
		const char *bytes;
		size_t count;
		int verdict;
	} cases[] = {
		{ "", 0, 0 },
		{ "\0", 1, 0 },
		{ "\0\0\0\x21\0\3\0\0user", 12, 1 },
		{ "\0\0\0\x21\0\3\0", 7, 0 },
		{ "\0\0\0\x08\x04\xd2\x16\x2f", 8, 1 },
		{ "\0\0\0\x08\x04\xd2\x16\x30", 8, 1 },
		{ "\0\0\0\x10\x04\xd2\x16\x2e", 8, 1 },
		{ "\0\0\0\x09\x04\xd2\x16\x2f", 8, -1 },
		{ "\0\0\0\x07", 4, -1 },
		{ "\0\0\0\x21\1", 5, -1 },
		{ "\0\0\0\x21\0\2\0\0", 8, -1 },
		{ "\0\1", 2, -1 },
		{ "GET ", 4, -1 },
		{ "Q\0\0\0\5", 5, -1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check(ta_protocol_postgresql.recognise(cases[i].bytes, cases[i].count) ==
			      cases[i].verdict,
		      "case %zu", i);
}

#define SEED "tests/fuzz/corpus/pgsql/"

static void real(void)
{
	const struct ta_protocol *postgresql = &ta_protocol_postgresql;

	recorded(postgresql, SEED "psql", 18, "s SELECT{select ?/?;}/shop =22012! ");
	recorded(postgresql, SEED "psycopg2", 24, "s COPY{copy t from stdin}/shop =22P02! ");
	recorded(postgresql, SEED "pgbench_prepared", 30,
		 "s SELECT{SELECT abalance FROM pgbench_accounts WHERE aid = $1;}/shop = ");
	recorded(postgresql, SEED "pipeline", 6, "s SELECT{select ?;}/shop s SELECT{select ?;}/shop ");
}

int main(void)
{
	check_group("opening", opening);
	check_group("simple", simple);
	check_group("extended", extended);
	check_group("portals", portals);
	check_group("errors", errors);
	check_group("copy", copy);
	check_group("broken", broken);
	check_group("pipelines", pipelines);
	check_group("statements", statements);
	check_group("recognising", recognising);
	check_group("real", real);
	return check_status();
}
