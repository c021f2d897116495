/* SPDX-License-Identifier: MIT */
/*
 * test_sql.c - texts of SQL statements: what is kept of them, and that no secret is
 * (runtime/protocol/sql.h).
 *
 * Every text is told whole, split once at every byte, and byte by byte; all have to agree.
 */
#include "runtime/protocol/sql.h"
#include "tests/unit/check.h"

#define PG 0u
#define MY ((unsigned int)TA_SQL_MYSQL | TA_SQL_BACKSLASH)

static void tell_split(struct ta_command *command, unsigned int mode, const char *sql, size_t bytes,
		       size_t first, size_t step)
{
	struct ta_sql reader;

	memset(&reader, 0xa5, sizeof(reader));
	command->flags = 0;
	ta_sql_begin(&reader, command, mode);
	for (size_t at = 0; at < bytes;) {
		size_t piece = at == 0 ? first : step;
		char *copy;

		if (piece > bytes - at)
			piece = bytes - at;
		copy = malloc(piece ? piece : 1);
		memcpy(copy, sql + at, piece);
		ta_sql_feed(&reader, command, copy, piece);
		free(copy);
		at += piece;
	}
	ta_sql_end(&reader, command);
}

/* "OPERATION target| text", with ^ behind what was cut. */
static void show(const struct ta_command *command, char *line, size_t room)
{
	snprintf(line, room, "%.*s %.*s| %.*s%s", command->operation_len, command->operation,
		 command->target_len, command->target, command->text_len, command->text,
		 command->flags & TA_COMMAND_TEXT_CUT ? "^" : "");
}

static void tell(unsigned int mode, const char *sql, size_t bytes, char *line, size_t room)
{
	static struct ta_command command;
	char other[2048];

	tell_split(&command, mode, sql, bytes, bytes, bytes);
	show(&command, line, room);
	tell_split(&command, mode, sql, bytes, 1, 1);
	show(&command, other, sizeof(other));
	check_text(other, line);
	for (size_t first = 1; first < bytes; first++) {
		tell_split(&command, mode, sql, bytes, first, bytes);
		show(&command, other, sizeof(other));
		check(strcmp(other, line) == 0, "split at %zu: \"%s\", expected \"%s\"", first,
		      other, line);
	}
}

static void expect(unsigned int mode, const char *sql, const char *expected)
{
	char line[2048];

	tell(mode, sql, strlen(sql), line, sizeof(line));
	check_text(line, expected);
}

static void literals(void)
{
	expect(PG, "SELECT abalance FROM pgbench_accounts WHERE aid = 12345",
	       "SELECT pgbench_accounts| SELECT abalance FROM pgbench_accounts WHERE aid = ?");
	expect(PG, "select 'it''s', 'b\\', N'c', B'01', x'ff', U&'d\\0061' from t",
	       "SELECT t| select ?, ?, ?, ?, ?, U&? from t");
	expect(PG, "SELECT E'a\\'b', e'c\\\\', 1.5e-3, .5, 0xff, 12abc",
	       "SELECT | SELECT ?, ?, ?, .?, ?, ?");
	expect(PG, "SELECT $$a'b$$, $t$ $$ $u$ $t $t$, $1, $12, x$y$z FROM t$1",
	       "SELECT t$1| SELECT ?, ?, $1, $12, x$y$z FROM t$1");
	expect(PG, "SELECT $a.b, $e'c\\'d', $'e'", "SELECT | SELECT $a.b, $?, $?");
	expect(PG, "SELECT E'a' \n -- x\n 'b\\'c', 1", "SELECT | SELECT ?, ?");
	expect(PG, "SELECT E'a' 'b\\' , c", "SELECT | SELECT ? ? , c");
	expect(PG, "SELECT E'a' /*\n*/ 'b\\' , c", "SELECT | SELECT ? ? , c");
	expect(MY, "SELECT 'a\\'b', \"c\"\"d\\\"\", N'e', x'ff', _utf8'f', `g` FROM `h` # i",
	       "SELECT h| SELECT ?, ?, ?, ?, _utf8?, `g` FROM `h`");
	expect(MY, "SELECT 1 WHERE a=-5 AND b = - 6 AND c-7 AND d=-e",
	       "SELECT | SELECT ? WHERE a=? AND b = ? AND c-? AND d=-e");
	expect(PG, "SELECT :name, a::int, $1::text, ?, a[1:2]",
	       "SELECT | SELECT :name, a::int, $1::text, ?, a[?:?]");
	expect(MY, "SELECT @a, @@b.c, @'d', NULL, TRUE", "SELECT | SELECT @a, @@b.c, @?, NULL, TRUE");
}

static void names(void)
{
	expect(PG, "SELECT \"Col\" FROM \"My\".\"Table\"",
	       "SELECT My.Table| SELECT \"Col\" FROM \"My\".\"Table\"");
	expect(PG, "SELECT \"it's\", \"a\"\"b\", \"c d\" FROM \"e f\"",
	       "SELECT | SELECT ?, ?, ? FROM ?");
	expect(PG, "SELECT \"never closed, s3cret", "SELECT | SELECT ?");
	expect(MY, "SELECT `never closed", "SELECT | SELECT ?");
	expect(MY, "SELECT `a\xc3`b", "SELECT | SELECT^");
	expect(PG, "SELECT abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij",
	       "SELECT | SELECT ?");
	expect(PG, "SELECT 1 FROM \"abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdef\"",
	       "SELECT | SELECT ? FROM ?");
	expect(PG, "p4ssw0rd is mine", " | p4ssw0rd is mine");
}

static void comments(void)
{
	expect(PG, "/* a ' /* b */ ' */ SELECT 1 -- it's\n, 2 --'", "SELECT | SELECT ? , ?");
	expect(PG, "SELECT a/b, c - d, 1--2\n, e*/**/f", "SELECT | SELECT a/b, c - d, ? , e* f");
	expect(MY, "SELECT 1--2, 3 -- 'x\n, 4 # y'\n, 5 /* /* ' */ FROM t",
	       "SELECT t| SELECT ?-?, ? , ? , ? FROM t");
	expect(MY, "/*!40101 SET NAMES utf8 */", "SET | SET NAMES utf8");
	expect(MY, "/*M!100 SELECT a*b */, c /*N! d */", "SELECT | SELECT a*b , c");
	expect(MY, "SELECT a /*! , 'b*/ c'", "SELECT | SELECT a , ?^");
	expect(MY, "SELECT a /*! /* */ */ 'b'", "SELECT | SELECT a^");
	expect(MY, "SELECT a /*! -- */ \n 'b'", "SELECT | SELECT a^");
	expect(PG, "/*/ SELECT 1", " | ");
}

static void doubts(void)
{
	expect(PG | TA_SQL_BACKSLASH, "SELECT 'a\\'b', c", "SELECT | SELECT ?, c");
	expect(PG | TA_SQL_DOUBT, "SELECT 'a\\'b', c", "SELECT | SELECT ?^");
	expect(PG | TA_SQL_DOUBT, "SELECT 'a\\\\', E'b\\'', c", "SELECT | SELECT ?, ?, c");
	expect(MY, "SELECT 'a\xe5\\'b', c", "SELECT | SELECT ?^");
	expect(MY, "SET x=1; SELECT 'a\\'b', c", "SET | SET x=?; SELECT ?^");
	expect(MY, "SET x=1; SELECT 'a''\\n', c", "SET | SET x=?; SELECT ?, c");
	expect(TA_SQL_MYSQL, "SELECT 'a\\', b", "SELECT | SELECT ?, b");
	expect(MY, "SELECT $$ 'a' $$", "SELECT | SELECT^");
}

static void lists(void)
{
	expect(PG, "SELECT a FROM t WHERE b IN (1, 2,3 , 'x') AND c IN (-1,-2)",
	       "SELECT t| SELECT a FROM t WHERE b IN (?) AND c IN (?)");
	expect(PG, "SELECT f(1, a, 2), g(1,2,a), (1,), (1 , -a)",
	       "SELECT | SELECT f(?, a, ?), g(?,a), (?,), (?, -a)");
	expect(PG, "INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'y'),(3,'z') ON CONFLICT DO NOTHING",
	       "INSERT t| INSERT INTO t (a, b) VALUES (?) ON CONFLICT DO NOTHING");
	expect(MY,
	       "INSERT INTO t VALUES (1, now(), (2)), ((3), now(), 4) ON DUPLICATE KEY UPDATE "
	       "a=VALUES(a), b=VALUES(b)",
	       "INSERT t| INSERT INTO t VALUES (?, now(), (?)) ON DUPLICATE KEY UPDATE "
	       "a=VALUES(a), b=VALUES(b)");
	expect(PG, "SELECT a IN ($1, $2)", "SELECT | SELECT a IN ($1, $2)");
	expect(PG, "SELECT E'a', (E'b', E'c')", "SELECT | SELECT ?, (?)");
}

static void tables(void)
{
	expect(PG, "SELECT * FROM a, b", "SELECT | SELECT * FROM a, b");
	expect(PG, "SELECT * FROM a x JOIN a y USING (i, j)",
	       "SELECT a| SELECT * FROM a x JOIN a y USING (i, j)");
	expect(PG, "SELECT * FROM a JOIN b ON c", "SELECT | SELECT * FROM a JOIN b ON c");
	expect(MY, "SELECT * FROM a STRAIGHT_JOIN b", "SELECT | SELECT * FROM a STRAIGHT_JOIN b");
	expect(PG, "SELECT extract(year FROM x), a IS DISTINCT FROM b FROM s.t WHERE c, d FOR UPDATE",
	       "SELECT s.t| SELECT extract(year FROM x), a IS DISTINCT FROM b FROM s.t WHERE c, d "
	       "FOR UPDATE");
	expect(PG, "SELECT * FROM generate_series(1, 2)", "SELECT | SELECT * FROM generate_series(?)");
	expect(PG, "(SELECT a FROM (SELECT b FROM t) x)",
	       "SELECT t| (SELECT a FROM (SELECT b FROM t) x)");
	expect(PG, "SELECT * FROM a, (SELECT * FROM a) x, c",
	       "SELECT | SELECT * FROM a, (SELECT * FROM a) x, c");
	expect(PG, "update only t set a = 1, b = 2 where c", "UPDATE t| update only t set a = ?, b = ? where c");
	expect(PG, "DELETE FROM t USING u", "DELETE | DELETE FROM t USING u");
	expect(PG, "CREATE TABLE IF NOT EXISTS x.y (a int)",
	       "CREATE x.y| CREATE TABLE IF NOT EXISTS x.y (a int)");
	expect(PG, "ALTER TABLE t ADD a int, ADD b int", "ALTER t| ALTER TABLE t ADD a int, ADD b int");
	expect(PG, "DROP TABLE a, b", "DROP | DROP TABLE a, b");
	expect(PG, "TRUNCATE a", "TRUNCATE a| TRUNCATE a");
	expect(PG, "copy t (a, b) from stdin", "COPY t| copy t (a, b) from stdin");
	expect(PG, "INSERT INTO t SELECT * FROM u", "INSERT | INSERT INTO t SELECT * FROM u");
	expect(MY, "SELECT a INTO @x FROM t", "SELECT t| SELECT a INTO @x FROM t");
	expect(MY, "LOAD DATA LOCAL INFILE 'f' INTO TABLE t", "LOAD t| LOAD DATA LOCAL INFILE ? INTO TABLE t");
	expect(PG, "FETCH 5 FROM c", "FETCH | FETCH ? FROM c");
	expect(PG, "SELECT 1 FROM t WHERE a = (SELECT max(b) FROM t)",
	       "SELECT t| SELECT ? FROM t WHERE a = (SELECT max(b) FROM t)");
}

static void operations(void)
{
	expect(PG, "WITH x AS (SELECT 1 FROM t) INSERT INTO u SELECT * FROM x",
	       "INSERT | WITH x AS (SELECT ? FROM t) INSERT INTO u SELECT * FROM x");
	expect(PG, "WITH x AS (DELETE FROM t RETURNING a)",
	       "WITH t| WITH x AS (DELETE FROM t RETURNING a)");
	expect(PG, "EXPLAIN ANALYZE SELECT 1 FROM t", "EXPLAIN t| EXPLAIN ANALYZE SELECT ? FROM t");
	expect(PG, "BEGIN; UPDATE t SET a=1; COMMIT;", "BEGIN | BEGIN; UPDATE t SET a=?; COMMIT;");
	expect(PG, "  \t\ncommit  ", "COMMIT | commit");
	expect(PG, "; ;", " | ; ;");
	expect(PG, "", " | ");
	expect(PG, "'x'", " | ?");
}

static void cut(void)
{
	char *sql = malloc(300000), line[2048];
	size_t used = (size_t)sprintf(sql, "SELECT a ");

	for (int i = 0; i < 400; i++)
		used += (size_t)sprintf(sql + used, ",col%d ", i);
	used += (size_t)sprintf(sql + used, "FROM t WHERE b = 'secret'");
	tell(PG, sql, used, line, sizeof(line));
	check(strncmp(line, "SELECT t| SELECT a ,col0 ,col1 ", 30) == 0, "%.60s", line);
	check(line[strlen(line) - 1] == '^' && strlen(line) > 1020 && strlen(line) < 1040, "%zu",
	      strlen(line));
	used = (size_t)sprintf(sql, "INSERT INTO t VALUES (1,'");
	memset(sql + used, 'x', 270000);
	tell_split(&(struct ta_command){ 0 }, PG, sql, 290000, 7, 4096);
	free(sql);
}

/* ---- the store ---- */

static void keep_text(struct ta_command *command, char fill, uint16_t bytes)
{
	memset(command->text, fill, bytes);
	command->text_len = bytes;
	command->operation[0] = fill;
	command->operation_len = 1;
	command->target_len = 0;
	command->flags = 0;
}

static void store(void)
{
	static struct ta_sql_store kept;
	static struct ta_command command;
	uint32_t unnamed, first, old;

	kept.used = kept.serial = 0;
	keep_text(&command, 'u', 10);
	unnamed = ta_sql_store_put(&kept, 0, &command, false);
	keep_text(&command, 'f', 1000);
	first = ta_sql_store_put(&kept, 77, &command, false);
	check_same(ta_sql_store_find(&kept, 77), first);
	for (int i = 0; i < 20; i++) {
		keep_text(&command, (char)('A' + i), 1000);
		ta_sql_store_put(&kept, 100 + (unsigned int)i, &command, false);
	}
	check_same(ta_sql_store_find(&kept, 77), 0);
	check_same(ta_sql_store_find(&kept, 0), unnamed);
	check_same(ta_sql_store_find(&kept, 100), 0);
	ta_sql_store_get(&kept, ta_sql_store_find(&kept, 119), &command);
	check(command.text_len == 1000 && command.text[999] == 'T' && command.operation[0] == 'T',
	      "%d", command.text_len);
	keep_text(&command, 'v', 12);
	old = ta_sql_store_find(&kept, 0);
	ta_sql_store_put(&kept, 0, &command, true);
	ta_sql_store_get(&kept, old, &command);
	check(command.text_len == 10 && command.text[0] == 'u', "%d", command.text_len);
	ta_sql_store_name(&kept, old, 119);
	check_same(ta_sql_store_find(&kept, 119), old);
	ta_sql_store_drop(&kept, old);
	ta_sql_store_get(&kept, old, &command);
	check_same(command.text_len, 0);
	check_same(command.operation_len, 0);
}

/* ---- no secret comes out ---- */

static uint32_t seed;

static uint32_t dice(uint32_t sides)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 10) % sides;
}

/* A secret is the word "sEcReT" in a literal, among what is hard to read. */
static void add_secret(char *sql, size_t *used, bool mysql)
{
	static const char *const inside[] = { "a",  "''", " ", "--", "/*", "*/", ";",  "$",
					      "$$", "#",  "(", ",",  "`",  "1",  "\n", "-- " };
	uint32_t form = dice(mysql ? 4 : 5);
	const char *open = "'", *close = "'";
	bool backslash = mysql || form == 1;

	if (mysql && form == 1)
		open = close = "\"";
	else if (form == 1)
		open = "E'";
	else if (!mysql && form == 4)
		open = close = "$q$";
	else if (form == 3)
		open = "N'";
	*used += (size_t)sprintf(sql + *used, "%s", open);
	for (int i = 0, count = (int)dice(6); i < count; i++) {
		const char *bit = inside[dice(sizeof(inside) / sizeof(*inside))];

		*used += (size_t)sprintf(sql + *used, "%ssEcReT", bit);
		if (backslash && dice(3) == 0)
			*used += (size_t)sprintf(sql + *used, "\\%c", "'\"\\n"[dice(4)]);
		if (!mysql && form != 1 && dice(3) == 0)
			*used += (size_t)sprintf(sql + *used, "%s", "\\");
	}
	/* Behind a new line another string would go on with the rules of this one. */
	*used += (size_t)sprintf(sql + *used, "sEcReT%s %s", close, dice(2) ? "," : "AS");
}

static size_t make(char *sql, bool mysql)
{
	static const char *const parts[] = {
		"SELECT",  "FROM", "t",	 "WHERE", "IN",	  "(",	   ")",	 ",",	"=",
		"VALUES",  ";",	   "-",	 "+",	  "INTO", "UPDATE", "a.b", "/* it's */", "-- x\n",
		"\"name\"", "x",   "E",	 "$1",	  "1.5",  "JOIN",  "*",	 "/",	"SET",
		"::int",   "[1]",  "@v", "\n",	  "TABLE", "\xc3\xa9", "FROM (SELECT", "%", "N",
	};
	size_t used = 0;

	for (int i = 0, count = 1 + (int)dice(30); i < count; i++) {
		if (dice(3) == 0)
			add_secret(sql, &used, mysql);
		else
			used += (size_t)sprintf(sql + used, "%s",
						parts[dice(sizeof(parts) / sizeof(*parts))]);
		used += (size_t)sprintf(sql + used, " ");
	}
	return used;
}

static bool shows_secret(const struct ta_command *command)
{
	return memmem(command->text, command->text_len, "cReT", 4) ||
	       memmem(command->operation, command->operation_len, "CRET", 4) ||
	       memmem(command->target, command->target_len, "cReT", 4);
}

static void secrets(void)
{
	static struct ta_command command;
	static char sql[1 << 16];

	for (uint32_t round = 0; round < 200000; round++) {
		bool mysql = round & 1;
		size_t bytes;

		seed = round * 2654435761u + 7;
		bytes = make(sql, mysql);
		if (dice(2))
			bytes = dice((uint32_t)bytes) + 1; /* cut */
		tell_split(&command, mysql ? MY : PG, sql, bytes, 1 + dice(20), 1 + dice(20));
		if (!check(!shows_secret(&command), "round %u: %.*s\n-> %.*s", round, (int)bytes,
			   sql, command.text_len, command.text))
			return;
	}
}

int main(void)
{
	check_group("literals", literals);
	check_group("names", names);
	check_group("comments", comments);
	check_group("doubts", doubts);
	check_group("lists", lists);
	check_group("tables", tables);
	check_group("operations", operations);
	check_group("cut", cut);
	check_group("store", store);
	check_group("secrets", secrets);
	return check_status();
}
