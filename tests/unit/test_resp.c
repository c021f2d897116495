/* SPDX-License-Identifier: MIT */
/*
 * test_resp.c - the Redis protocol: commands, every type of answer, subscriptions, what is
 * shown and what is not.
 */
#include "runtime/protocol/resp.h"
#include "tests/unit/dialogue_script.h"

#define REDIS(expected, ...) SCRIPT(&ta_protocol_redis, expected, __VA_ARGS__)
#define TO(text)                                                                                   \
	{                                                                                          \
		'>', text, sizeof(text) - 1                                                        \
	}
#define FROM(text)                                                                                 \
	{                                                                                          \
		'<', text, sizeof(text) - 1                                                        \
	}
#define PING "*1\r\n$4\r\nPING\r\n"
#define GET "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"
#define SUBSCRIBED(what, channel, count) "*3\r\n" what channel ":" count "\r\n"
#define SUB "$9\r\nsubscribe\r\n"
#define UNSUB "$11\r\nunsubscribe\r\n"
#define A "$1\r\na\r\n"
#define B "$1\r\nb\r\n"

static int recognise(const char *text, size_t bytes)
{
	return ta_protocol_redis.recognise(text, bytes);
}

static void recognised(void)
{
	static const struct {
		const char *text;
		int verdict;
	} rows[] = {
		{ PING, 1 },
		{ GET, 1 },
		{ "*3\r\n$8\r\njson.set\r\n", 1 },
		{ "*1000000\r\n$4\r\nMSET\r", 1 },
		{ "*2\r\n$32\r\nABCDEFGHIJKLMNOPQRSTUVWXYZ123456\r\n", 1 },
		{ "", 0 },
		{ "*", 0 },
		{ "*1\r", 0 },
		{ "*1\r\n$4\r\nPING", 0 },
		{ "*0\r\n", -1 },
		{ "*-1\r\n", -1 },
		{ "*01\r\n", -1 },
		{ "*12345678", -1 },
		{ "*1\r\n:1\r\n", -1 },
		{ "*1\r\n$0\r\n\r\n", -1 },
		{ "*1\r\n$33\r\nA", -1 },
		{ "*1\r\n$4\r\n1ING\r\n", -1 },
		{ "*1\r\n$4\r\nPI G\r\n", -1 },
		{ "*1\r\n$4\r\nPINGS\r\n", -1 },
		{ "*1\n$4\nPING\n", -1 },
		{ "PING\r\n", -1 },
		{ "GET / HTTP/1.1\r\n", -1 },
		{ "+OK\r\n", -1 },
		{ "get key\r\n", -1 },
		{ "* OK IMAP4 ready\r\n", -1 },
		{ "EHLO mail\r\n", -1 },
		{ "\x16\x03\x01", -1 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int verdict = recognise(rows[i].text, strlen(rows[i].text));

		check(verdict == rows[i].verdict, "%s: %d", rows[i].text, verdict);
		for (size_t bytes = 0; bytes < strlen(rows[i].text); bytes++) {
			int early = recognise(rows[i].text, bytes);

			check(early == 0 || early == verdict, "%s at %zu", rows[i].text, bytes);
		}
	}
}

static void names_found(void)
{
	size_t count;
	const struct ta_resp_name *names = ta_resp_names(&count);

	check(count > 200, "%zu", count);
	for (size_t i = 0; i < count; i++) {
		check(i == 0 || memcmp(names[i - 1].text, names[i].text, 24) < 0, "%s",
		      names[i].text);
		check(ta_resp_name_find(names[i].text) == &names[i], "%s", names[i].text);
	}
	check(ta_resp_name_find("GE\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")->key == 0, "GE");
}

static void texts(void)
{
	REDIS("s GET{GET k} =", TO("*2\r\n$3\r\ngEt\r\n$1\r\nk\r\n"), FROM("$1\r\nv\r\n"));
	REDIS("s HSET{HSET h ? ?} =",
	      TO("*4\r\n$4\r\nHSET\r\n$1\r\nh\r\n$1\r\nf\r\n$6\r\nsecret\r\n"), FROM(":1\r\n"));
	REDIS("s AUTH{AUTH ? ?}# =", TO("*3\r\n$4\r\nAUTH\r\n$4\r\nuser\r\n$6\r\nsecret\r\n"),
	      FROM("+OK\r\n"));
	REDIS("s CONFIG SET{CONFIG SET ? ?} =",
	      TO("*4\r\n$6\r\nconfig\r\n$3\r\nset\r\n$11\r\nrequirepass\r\n$6\r\nsecret\r\n"),
	      FROM("+OK\r\n"));
}

static void shown(void)
{
	REDIS("s XGROUP CREATE{XGROUP CREATE str ? ?} =",
	      TO("*5\r\n$6\r\nXGROUP\r\n$6\r\nCREATE\r\n$3\r\nstr\r\n$1\r\ng\r\n$1\r\n$\r\n"),
	      FROM("+OK\r\n"));
	REDIS("s EVAL{EVAL ? ? ?} =",
	      TO("*4\r\n$4\r\nEVAL\r\n$8\r\nreturn 1\r\n$1\r\n1\r\n$1\r\nk\r\n"), FROM(":1\r\n"));
	REDIS("s MINE{MINE ?} =", TO("*2\r\n$4\r\nMINE\r\n$1\r\nk\r\n"), FROM("+OK\r\n"));
	REDIS("s BITOP{BITOP ? d ?} =",
	      TO("*4\r\n$5\r\nBITOP\r\n$3\r\nAND\r\n$1\r\nd\r\n$1\r\ns\r\n"), FROM(":1\r\n"));
	REDIS("s GET{GET ?} =", TO("*2\r\n$3\r\nGET\r\n$4\r\na\0\xff\n\r\n"), FROM("$-1\r\n"));
	REDIS("s GET{GET ?} =", TO("*2\r\n$3\r\nGET\r\n$3\r\na b\r\n"), FROM("_\r\n"));
	REDIS("s GET{GET ?} =", TO("*2\r\n$3\r\nGET\r\n$0\r\n\r\n"), FROM("*-1\r\n"));
	REDIS("s _OTHER{_OTHER ?} =ERR!", TO("*2\r\n$3\r\nA B\r\n$1\r\nk\r\n"),
	      FROM("-ERR unknown command\r\n"));
	REDIS("s _OTHER{_OTHER} =", TO("*1\r\n$33\r\nABCDEFGHIJKLMNOPQRSTUVWXYZ1234567\r\n"),
	      FROM("+OK\r\n"));
	REDIS("s CONFIG{CONFIG ? ?} =ERR!", TO("*3\r\n$6\r\nCONFIG\r\n$3\r\nS T\r\n$1\r\nx\r\n"),
	      FROM("-ERR unknown subcommand\r\n"));
	REDIS("s CLIENT SETNAME{CLIENT SETNAME ?}# =",
	      TO("*3\r\n$6\r\nclient\r\n$7\r\nsetname\r\n$3\r\nweb\r\n"), FROM("+OK\r\n"));
	REDIS("s CLIENT LIST{CLIENT LIST} =", TO("*2\r\n$6\r\nCLIENT\r\n$4\r\nLIST\r\n"),
	      FROM("=5\r\ntxt:a\r\n"));
}

/* A thousand arguments: the text is cut, all of them are walked. */
static void long_text(void)
{
	static struct told told;
	static char bytes[100000];
	size_t used = (size_t)sprintf(bytes, "*1001\r\n$4\r\nMGET\r\n");

	for (int i = 0; i < 1000; i++)
		used += (size_t)sprintf(bytes + used, "$4\r\nk%03d\r\n", i);
	struct step steps[] = { { '>', bytes, used }, { '<', "*0\r\n", 0 } };

	play(&told, &ta_protocol_redis, steps, 2, 2, 0);
	const char *behind = strstr(told.text, "MGET k000 ? ? ?");

	check(behind && told.text[told.used - 1] == '=', "%.60s", told.text);
	check(strstr(told.text, "?}^ =") || strstr(told.text, " }^ ="), "not cut");
	used = (size_t)sprintf(bytes, "*2\r\n$3\r\nGET\r\n$3000\r\n");
	memset(bytes + used, 'x', 3000);
	memcpy(bytes + used + 3000, "\r\n", 2);
	script(&ta_protocol_redis, (struct step[]){ { '>', bytes, 20 }, { '<', "", 0 } }, 1, "s");
	steps[0].count = used + 3002;
	play(&told, &ta_protocol_redis, steps, 2, 2, 0);
	check(strstr(told.text, "xxx}^ =") != NULL, "%.60s", told.text);
	check(told.used < 1100, "%zu", told.used);
}

static void inline_commands(void)
{
	REDIS("s PING{PING} s GET{GET k} = =", TO("ping\r\n\r\nGET  k \n"),
	      FROM("+PONG\r\n$-1\r\n"));
	REDIS("s SET{SET k ?} =", TO("set k \"a \\\" b\"\r\n"), FROM("+OK\r\n"));
	REDIS("s SET{SET ? ?} =", TO("set \"k\" 'a b'\r\n"), FROM("+OK\r\n"));
	REDIS("s {}~# s PING{PING} =", TO("  \r\n" PING), FROM("+PONG\r\n"));
	REDIS("s {}~# s {}~# s PING{PING} =", TO("*0\r\n*-1\r\n" PING), FROM("+PONG\r\n"));
}

static void types(void)
{
#define ANSWER(bytes, result)                                                                      \
	REDIS("s PING{PING} " result " s PING{PING} =", TO(PING), FROM(bytes), TO(PING),           \
	      FROM("+PONG\r\n"))
	ANSWER("+OK\r\n", "=");
	ANSWER("+\r\n", "=");
	ANSWER("-WRONGTYPE Operation against\r\n", "=WRONGTYPE!");
	ANSWER("-MOVED 3999 127.0.0.1:6381\r\n", "=MOVED!");
	ANSWER("-ERR\r\n", "=ERR!");
	ANSWER("-AVERYLONGNAMEOFANERRORTHATDOESNOTFITANYWHERE x\r\n",
	       "=AVERYLONGNAMEOFANERRORTHATDOESNO!");
	ANSWER("!21\r\nSYNTAX invalid syntax\r\n", "=SYNTAX!");
	ANSWER(":-42\r\n", "=");
	ANSWER("$0\r\n\r\n", "=");
	ANSWER("$-1\r\n", "=");
	ANSWER("$6\r\na\r\n\0+b\r\n", "=");
	ANSWER("*-1\r\n", "=");
	ANSWER("*0\r\n", "=");
	ANSWER("*2\r\n$-1\r\n*2\r\n:1\r\n*1\r\n-ERR inside\r\n", "=");
	ANSWER("_\r\n", "=");
	ANSWER("#t\r\n", "=");
	ANSWER(",1.5e10\r\n", "=");
	ANSWER(",inf\r\n", "=");
	ANSWER("(3492890328409238509324850943850943825024385\r\n", "=");
	ANSWER("=15\r\ntxt:Some string\r\n", "=");
	ANSWER("%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n#f\r\n", "=");
	ANSWER("~3\r\n:1\r\n:2\r\n:2\r\n", "=");
	ANSWER("|1\r\n+ttl\r\n:3600\r\n$1\r\nv\r\n", "=");
	ANSWER("|1\r\n+k\r\n*1\r\n+v\r\n-ERR x\r\n", "=ERR!");
	ANSWER("*2\r\n|1\r\n+a\r\n+b\r\n:1\r\n:2\r\n", "=");
	ANSWER(">2\r\n+invalidate\r\n*1\r\n+k\r\n+PONG\r\n", "=");
	ANSWER("$?\r\n;4\r\nHell\r\n;5\r\no wor\r\n;0\r\n", "=");
	ANSWER("*?\r\n:1\r\n*?\r\n.\r\n*2\r\n+a\r\n$?\r\n;0\r\n.\r\n", "=");
	ANSWER("%?\r\n+a\r\n:1\r\n|1\r\n+x\r\n+y\r\n+b\r\n~?\r\n:1\r\n.\r\n.\r\n", "=");
	ANSWER("|?\r\n+a\r\n:1\r\n.\r\n+OK\r\n", "=");
#undef ANSWER
}

static void broken(void)
{
#define BREAKS(bytes) REDIS("s PING{PING} B", TO(PING), FROM(bytes))
	BREAKS("X");
	BREAKS("+OK\n");
	BREAKS("\r\n");
	BREAKS("$x\r\n");
	BREAKS("$-2\r\n");
	BREAKS("$\r\n");
	BREAKS("$3\r\nabcd");
	BREAKS("$3\r\nabc\r\r");
	BREAKS("*-2\r\n");
	BREAKS("%-1\r\n");
	BREAKS("*999999999999999999\r\n*999999999999999999\r\n*999999999999999999\r\n");
	BREAKS(".\r\n");
	BREAKS(";1\r\n");
	BREAKS("$?\r\n$1\r\na\r\n");
	BREAKS("*?\r\n*1\r\n.\r\n");
	BREAKS("*?\r\n*?\r\n*?\r\n*?\r\n*?\r\n*?\r\n*?\r\n*?\r\n*?\r\n*?\r\n*?\r\n*?\r\n*?\r\n*?"
	       "\r\n"
	       "*?\r\n*?\r\n*?\r\n");
#undef BREAKS
	REDIS("B", FROM("+OK\r\n"));
	REDIS("s PING{PING} = B", TO(PING), FROM("+PONG\r\n+PONG\r\n"));
	REDIS("B", TO("\x16\x03\x01"));
	REDIS("s B", TO("*1\r\n:1\r\n"));
	REDIS("s B", TO("*1\r\n$-1\r\n"));
	REDIS("s B", TO("*1\r\n$4\r\nPINGx"));
	REDIS("s B", TO("*1x"));
	REDIS("s B", TO("*9999999999\r\n"));
	REDIS("s B", TO("*1\r\n$9999999999999999999\r\n"));
}

static void databases(void)
{
#define SELECT(n) "*2\r\n$6\r\nSELECT\r\n$1\r\n" n "\r\n"
	REDIS("s GET{GET k} = s SELECT{SELECT ?}# = s GET{GET k}/3 =", TO(GET), FROM("$-1\r\n"),
	      TO(SELECT("3")), FROM("+OK\r\n"), TO(GET), FROM("$-1\r\n"));
	REDIS("s SELECT{SELECT ?}# s GET{GET k} = = s SELECT{SELECT ?}/3# =ERR! s GET{GET k}/3 =",
	      TO(SELECT("3") GET), FROM("+OK\r\n$-1\r\n"), TO(SELECT("x")),
	      FROM("-ERR invalid DB index\r\n"), TO(GET), FROM("$-1\r\n"));
	REDIS("s SELECT{SELECT ?}# = s MULTI{MULTI}/3 = s SELECT{SELECT ?}/3# = s EXEC{EXEC} = "
	      "s GET{GET k} =",
	      TO(SELECT("3")), FROM("+OK\r\n"), TO("*1\r\n$5\r\nMULTI\r\n"), FROM("+OK\r\n"),
	      TO(SELECT("4")), FROM("+QUEUED\r\n"), TO("*1\r\n$4\r\nEXEC\r\n"),
	      FROM("*1\r\n+OK\r\n"), TO(GET), FROM("$-1\r\n"));
	REDIS("s SELECT{SELECT ?}# = s RESET{RESET}/3# = s GET{GET k} =", TO(SELECT("3")),
	      FROM("+OK\r\n"), TO("*1\r\n$5\r\nRESET\r\n"), FROM("+RESET\r\n"), TO(GET),
	      FROM("$-1\r\n"));
}

static void transactions(void)
{
	REDIS("s MULTI{MULTI} s GET{GET k} s GET{GET k} s EXEC{EXEC}*2 = = = = s GET{GET k} =",
	      TO("*1\r\n$5\r\nMULTI\r\n" GET GET "*1\r\n$4\r\nEXEC\r\n"),
	      FROM("+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n$-1\r\n$1\r\nv\r\n"), TO(GET),
	      FROM("$-1\r\n"));
	REDIS("s MULTI{MULTI} = s GET{GET k} = s DISCARD{DISCARD} = s EXEC{EXEC} =ERR!",
	      TO("*1\r\n$5\r\nMULTI\r\n"), FROM("+OK\r\n"), TO(GET), FROM("+QUEUED\r\n"),
	      TO("*1\r\n$7\r\nDISCARD\r\n"), FROM("+OK\r\n"), TO("*1\r\n$4\r\nEXEC\r\n"),
	      FROM("-ERR EXEC without MULTI\r\n"));
	REDIS("s MULTI{MULTI} s B", TO("*1\r\n$5\r\nMULTI\r\n*2\r\n$9\r\nSUBSCRIBE\r\n" A));
}

/* RESP2: arrays that are no answers, until the last subscription is gone. */
static void subscriptions(void)
{
#define SUBSCRIBE "*3\r\n$9\r\nSUBSCRIBE\r\n" A B
#define UNSUBSCRIBE "*1\r\n$11\r\nUNSUBSCRIBE\r\n"
#define MESSAGE "*3\r\n$7\r\nmessage\r\n" A "$5\r\nhello\r\n"
	REDIS("s GET{GET k} s SUBSCRIBE{SUBSCRIBE ? ?}& = s PING{PING} = s "
	      "UNSUBSCRIBE{UNSUBSCRIBE}& "
	      "s GET{GET k} =",
	      TO(GET SUBSCRIBE),
	      FROM(MESSAGE SUBSCRIBED(SUB, A, "1") MESSAGE SUBSCRIBED(SUB, B, "2") MESSAGE),
	      TO(PING), FROM(MESSAGE "*2\r\n$4\r\npong\r\n$0\r\n\r\n" MESSAGE), TO(UNSUBSCRIBE GET),
	      FROM(MESSAGE SUBSCRIBED(UNSUB, B, "1") MESSAGE SUBSCRIBED(UNSUB, A, "0") MESSAGE));
	/* Without any there is one confirmation; a refused one has an error. */
	REDIS("s UNSUBSCRIBE{UNSUBSCRIBE}& s GET{GET k} =", TO(UNSUBSCRIBE GET),
	      FROM(SUBSCRIBED(UNSUB, "$-1\r\n", "0") "$-1\r\n"));
	REDIS("s SUBSCRIBE{SUBSCRIBE ? ?}& s GET{GET k} =", TO(SUBSCRIBE GET),
	      FROM("-NOPERM no\r\n$-1\r\n"));
	/* Patterns and channels are counted together. */
	REDIS("s SUBSCRIBE{SUBSCRIBE ? ?}& s PSUBSCRIBE{PSUBSCRIBE ?}& s UNSUBSCRIBE{UNSUBSCRIBE}& "
	      "s PING{PING} = s PUNSUBSCRIBE{PUNSUBSCRIBE ?}& s GET{GET k} =",
	      TO(SUBSCRIBE "*2\r\n$10\r\nPSUBSCRIBE\r\n" A UNSUBSCRIBE PING),
	      FROM(SUBSCRIBED(SUB, A, "1") SUBSCRIBED(SUB, B, "2")
			   SUBSCRIBED("$10\r\npsubscribe\r\n", A, "3") SUBSCRIBED(UNSUB, A, "2")
				   SUBSCRIBED(UNSUB, B, "1") "*4\r\n$8\r\npmessage\r\n" A A B
							     "*2\r\n+pong\r\n+\r\n"),
	      TO("*2\r\n$12\r\nPUNSUBSCRIBE\r\n" A GET),
	      FROM(SUBSCRIBED("$12\r\npunsubscribe\r\n", A, "0") MESSAGE));
	REDIS("s SSUBSCRIBE{SSUBSCRIBE ?}& s GET{GET k} =ERR!",
	      TO("*2\r\n$10\r\nSSUBSCRIBE\r\n" A GET),
	      FROM(SUBSCRIBED("$10\r\nssubscribe\r\n", A, "1") "*3\r\n$8\r\nsmessage\r\n" A A
							       "-ERR Can't execute 'get'\r\n"));
	/* An answer where a confirmation had to come. */
	REDIS("s SUBSCRIBE{SUBSCRIBE ? ?}& s GET{GET k} B", TO(SUBSCRIBE GET),
	      FROM(SUBSCRIBED(SUB, A, "1") "$-1\r\n"));
}

/* RESP3: pushes; an array that looks like a message is an answer. */
static void pushes(void)
{
#define HELLO3 "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n"
	REDIS("s HELLO{HELLO ?}# = s SUBSCRIBE{SUBSCRIBE ? ?}& s GET{GET k} = s GET{GET k} =",
	      TO(HELLO3), FROM("%1\r\n+proto\r\n:3\r\n"), TO(SUBSCRIBE GET),
	      FROM(">3\r\n" SUB A ":1\r\n>3\r\n" SUB B ":2\r\n>3\r\n$7\r\nmessage\r\n" A A MESSAGE),
	      TO(GET), FROM(">3\r\n$7\r\nmessage\r\n" A A MESSAGE));
	REDIS("s HELLO{HELLO ?}# =NOPROTO! s SUBSCRIBE{SUBSCRIBE ? ?}& s PING{PING} =", TO(HELLO3),
	      FROM("-NOPROTO unsupported\r\n"), TO(SUBSCRIBE PING),
	      FROM(SUBSCRIBED(SUB, A, "1") SUBSCRIBED(SUB, B, "2") MESSAGE "+PONG\r\n"));
	REDIS("s GET{GET k} =", TO(GET), FROM(">2\r\n+invalidate\r\n_\r\n" MESSAGE));
}

static void monitors(void)
{
	REDIS("s PING{PING} s MONITOR{MONITOR}& = s PING{PING} = s RESET{RESET}# = s PING{PING} =",
	      TO(PING "*1\r\n$7\r\nMONITOR\r\n"),
	      FROM("+PONG\r\n+OK\r\n+1339518083.107412 [0 127.0.0.1:60866] \"keys\" \"*\"\r\n"),
	      TO(PING), FROM("+1339518087.877697 [0 127.0.0.1:60866] \"dbsize\"\r\n+PONG\r\n"),
	      TO("*1\r\n$5\r\nRESET\r\n"), FROM("+RESET\r\n"), TO(PING), FROM("+1\r\n"));
	REDIS("s MONITOR{MONITOR}& s GET{GET k} =", TO("*1\r\n$7\r\nMONITOR\r\n" GET),
	      FROM("-NOPERM no\r\n$-1\r\n"));
}

static void replies_off(void)
{
#define REPLY(mode) "*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n" mode
#define OFF REPLY("$3\r\noff\r\n")
#define ON REPLY("$2\r\nON\r\n")
#define SKIP REPLY("$4\r\nSKIP\r\n")
#define CR "CLIENT REPLY{CLIENT REPLY ?}"
	REDIS("s GET{GET k} s " CR "~# s GET{GET k}~ s GET{GET k}~ s " CR "# s GET{GET k} = = =X!",
	      TO(GET OFF GET GET ON GET), FROM("$-1\r\n+OK\r\n-X y\r\n"));
	REDIS("s " CR "~# s GET{GET k}~ s GET{GET k} =", TO(SKIP GET GET), FROM("$-1\r\n"));
	/* Refused: what it would have silenced is answered. */
	REDIS("s GET{GET k} s " CR "~# s GET{GET k}~ s GET{GET k} = B", TO(GET SKIP GET GET),
	      FROM("$-1\r\n-NOPERM no\r\n$-1\r\n$-1\r\n"));
	REDIS("s " CR "~# s GET{GET k}~ B", TO(OFF GET), FROM("$-1\r\n"));
	REDIS("s " CR "# =ERR! s GET{GET k} =", TO(REPLY("$1\r\nx\r\n")), FROM("-ERR syntax\r\n"),
	      TO(GET), FROM("$-1\r\n"));
	REDIS("s " CR "~# s B", TO(OFF SUBSCRIBE));
	REDIS("s MULTI{MULTI} s B", TO("*1\r\n$5\r\nMULTI\r\n" OFF));
}

static void replication(void)
{
	REDIS("s REPLCONF{REPLCONF ? ?}# s PSYNC{PSYNC ? ?}& T",
	      TO("*3\r\n$8\r\nREPLCONF\r\n" A B "*3\r\n$5\r\nPSYNC\r\n$1\r\n?\r\n$2\r\n-1\r\n"),
	      TO("x"));
	/* What was asked before is answered before. */
	static struct ta_dialogue dialogue;
	static struct told told;

	begin_dialogue(&dialogue, &ta_protocol_redis, &told);
	hear(&told, &dialogue, '>', PING "*1\r\n$4\r\nSYNC\r\n", 28);
	check_text(told.text, "s PING{PING} s SYNC{SYNC}& T ");
	told.over = false;
	hear(&told, &dialogue, '<', "+PONG\r\n$9\r\nREDIS0011", 20);
	check_text(told.text, "s PING{PING} s SYNC{SYNC}& T = T ");
}

static void pipelines(void)
{
	enum { COMMANDS = 10000 };
	static char requests[COMMANDS * 32], answers[COMMANDS * 8];
	static struct ta_dialogue dialogue;
	static struct told told;
	size_t to = 0, from = 0;

	for (int i = 0; i < COMMANDS; i++) {
		to += (size_t)sprintf(requests + to, "%s", i % 2 ? GET : PING);
		from += (size_t)sprintf(answers + from, "%s", i == 9998 ? "-NO x\r\n" : "+OK\r\n");
	}
	begin_dialogue(&dialogue, &ta_protocol_redis, &told);
	told.used = 0;
	hear(&told, &dialogue, '>', requests, to);
	check_same(dialogue.outstanding, COMMANDS);
	told.used = 0;
	hear(&told, &dialogue, '<', answers, from);
	check_same(dialogue.outstanding, 0);
	check_same(told.answered, COMMANDS);
	check(strstr(told.text, "= =NO! = ") == told.text + 2 * 9997, "%.20s", told.text);
}

int main(void)
{
	check_group("recognised", recognised);
	check_group("names are found", names_found);
	check_group("texts", texts);
	check_group("shown", shown);
	check_group("long texts", long_text);
	check_group("inline commands", inline_commands);
	check_group("types of answers", types);
	check_group("broken", broken);
	check_group("databases", databases);
	check_group("transactions", transactions);
	check_group("subscriptions", subscriptions);
	check_group("pushes", pushes);
	check_group("monitors", monitors);
	check_group("replies off", replies_off);
	check_group("replication", replication);
	check_group("pipelines", pipelines);
	return check_status();
}
