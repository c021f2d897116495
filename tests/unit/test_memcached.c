/* SPDX-License-Identifier: MIT */
/*
 * test_memcached.c - memcached's three protocols: text, meta, binary; and what is not memcached.
 */
#include "runtime/protocol/http1.h"
#include "runtime/protocol/memcached.h"
#include "tests/unit/dialogue_script.h"

#define CACHE(expected, ...) SCRIPT(&ta_protocol_memcached, expected, __VA_ARGS__)
#define TO(text)                                                                                   \
	{                                                                                          \
		'>', text, sizeof(text) - 1                                                        \
	}
#define FROM(text)                                                                                 \
	{                                                                                          \
		'<', text, sizeof(text) - 1                                                        \
	}

/* A packet of the binary protocol: opcode, lengths, status, opaque. */
#define PACKET(magic, op, key, extras, status, body, opaque)                                       \
	magic op "\0" key extras "\0\0" status "\0\0\0" body "\0\0\0" opaque "\0\0\0\0\0\0\0\0"
#define ASK(op, key, extras, body, opaque) PACKET("\x80", op, key, extras, "\0", body, opaque)
#define SAY(op, key, extras, status, body, opaque)                                                 \
	PACKET("\x81", op, key, extras, status, body, opaque)

static int recognise(const char *text, size_t bytes)
{
	return ta_protocol_memcached.recognise(text, bytes);
}

static const struct row {
	const char *text;
	int verdict;
} rows[] = {
	{ "get key\r\n", 1 },
	{ "get /key\r\n", 1 },
	{ "gets a b c\r\n", 1 },
	{ "gat 10 a b\r\n", 1 },
	{ "set k 0 -1 5\r\n", 1 },
	{ "set k 0 0 5 noreply\r\nhello\r\n", 1 },
	{ "cas k 0 0 5 17\r\n", 1 },
	{ "incr k 5\r\n", 1 },
	{ "delete k\r\n", 1 },
	{ "delete k noreply\r\n", 1 },
	{ "touch k 60\r\n", 1 },
	{ "mg key\r\n", 1 },
	{ "mg key v t O17\r\n", 1 },
	{ "ms key 2 T0\r\n", 1 },
	{ "mn\r\n", 1 },
	{ "version\r\n", 1 },
	{ "", 0 },
	{ "g", 0 },
	{ "get", 0 },
	{ "get k", 0 },
	{ "version\r", 0 },
	{ "get\r\n", -1 },
	{ "get key\n", -1 },
	{ "get  key\r\n", -1 },
	{ "get / HTTP/1.1\r\n", -1 },
	{ "get /a HTTP/1.0\r\nHost: x\r\n", -1 },
	{ "GET / HTTP/1.1\r\n", -1 },
	{ "GET key\r\n", -1 },
	{ "set k 0 0\r\n", -1 },
	{ "set k a 0 5\r\n", -1 },
	{ "set k 0 0 5 more\r\n", -1 },
	{ "delete 17\r\n", -1 },
	{ "stats\r\n", -1 },
	{ "quit\r\n", -1 },
	{ "getter x\r\n", -1 },
	{ "helo mail.example.org\r\n", -1 },
	{ "ehlo mail\r\n", -1 },
	{ "user anonymous\r\n", -1 },
	{ "NICK joe\r\n", -1 },
	{ "put 0 0 60 5\r\nhello\r\n", -1 },
	{ "*1\r\n$4\r\nPING\r\n", -1 },
	{ "get aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", -1 },
	{ "\x16\x03\x01\x02", -1 },
};

static void recognised(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t bytes = strlen(rows[i].text);
		int verdict = recognise(rows[i].text, bytes);

		check(verdict == rows[i].verdict, "%s: %d", rows[i].text, verdict);
		for (size_t first = 0; first < bytes && verdict != 0; first++) {
			int early = recognise(rows[i].text, first);

			check(early == 0 || early == verdict || strchr(rows[i].text, '\n'),
			      "%s at %zu: %d", rows[i].text, first, early);
		}
		check(verdict != 1 || ta_http1_recognise(rows[i].text, bytes) != 1, "%s",
		      rows[i].text);
	}
}

static void recognised_binary(void)
{
	static const char get[] = ASK("\0", "\3", "\0", "\3", "\1") "key";
	static const char set[] = ASK("\1", "\3", "\10", "\20", "\1");
	static const char hello[] = "\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10\x00\x00\x04";

	for (size_t bytes = 0; bytes < sizeof(get); bytes++)
		check_same(recognise(get, bytes), bytes >= 24);
	check_same(recognise(set, 24), 1);
	check_same(recognise(hello, sizeof(hello) - 1), -1); /* TLS, in SSL 2's clothes */
	check_same(recognise(ASK("\0", "\3", "\4", "\7", "\1"), 24), -1);
	check_same(recognise(ASK("\0", "\0", "\0", "\0", "\1"), 24), -1);
	check_same(recognise(ASK("\0", "\3", "\0", "\2", "\1"), 24), -1);
	check_same(recognise(SAY("\0", "\0", "\0", "\0", "\0", "\1"), 24), -1);
}

static void gets(void)
{
	CACHE("s get{get k} = s get{get k} =", TO("get k\r\n"),
	      FROM("VALUE k 0 5\r\nhello\r\nEND\r\n"), TO("get k\r\n"), FROM("END\r\n"));
	CACHE("s gets{gets a ? ?} s version{version} = =", TO("gets a b c\r\nversion\r\n"),
	      FROM("VALUE a 0 5 17\r\nEND\r\n\r\nVALUE c 0 0 18\r\n\r\nEND\r\nVERSION 1.6.18\r\n"));
	CACHE("s gat{gat ? k} s get{get ?} = =", TO("gat 60 k\r\nget k\xc3\xa4se\r\n"),
	      FROM("END\r\nEND\r\n"));
	CACHE("s get{get k} =SERVER_ERROR!", TO("get k\n"),
	      FROM("VALUE k 0 1\r\nx\r\nSERVER_ERROR out of memory writing get response\r\n"));
	CACHE("s get{get} =ERROR!", TO("get\r\n"), FROM("ERROR\r\n"));
}

static void stored(void)
{
	CACHE("s set{set k ? ? ?} s add{add k ? ? ?} s cas{cas k ? ? ? ?} = =NOT_STORED =EXISTS",
	      TO("set k 0 0 5\r\nhe\r\no\r\nadd k 0 0 0\r\n\r\ncas k 0 0 1 17\r\nx\r\n"),
	      FROM("STORED\r\nNOT_STORED\r\nEXISTS\r\n"));
	CACHE("s set{set k ? ? ? ?}~ s delete{delete k ?}~ s get{get k} =",
	      TO("set k 0 0 1 noreply\r\nx\r\ndelete k noreply\r\nget k\r\n"), FROM("END\r\n"));
	/* Without an answer of its own an error could be anybody's. */
	CACHE("s incr{incr k ? ?}~ s get{get k} B", TO("incr k 1 noreply\r\nget k\r\n"),
	      FROM("CLIENT_ERROR x\r\n"));
	CACHE("s incr{incr k ?} =CLIENT_ERROR! s decr{decr k ?} = s touch{touch k ?} =NOT_FOUND "
	      "s delete{delete k} = s flush_all{flush_all} = s verbosity{verbosity ?} =",
	      TO("incr k 1\r\n"), FROM("CLIENT_ERROR cannot increment or decrement\r\n"),
	      TO("decr k 1\r\n"), FROM("41\r\n"), TO("touch k 1\r\n"), FROM("NOT_FOUND\r\n"),
	      TO("delete k\r\n"), FROM("DELETED\r\n"), TO("flush_all\r\n"), FROM("OK\r\n"),
	      TO("verbosity 1\r\n"), FROM("OK\r\n"));
	CACHE("s B", TO("set k 0 0 x\r\n"));
	CACHE("s B", TO("set k 0 0\r\n"));
	CACHE("s B", TO("set k 0 0 1\r\nxyz"));
	CACHE("s set{set k ? ? ?} B", TO("set k 0 0 1\r\nx\r\n"),
	      FROM("VALUE k 0 1\r\nx\r\nEND\r\n"));
	/* Too large: said before the data are there. */
	CACHE("s set{set k ? ? ?}~ s get{get k} =", TO("set k 0 0 5\r\nhe"),
	      FROM("SERVER_ERROR object too large for cache\r\n"), TO("llo\r\nget k\r\n"),
	      FROM("END\r\n"));
}

static void others(void)
{
	CACHE("s stats{stats} = s stats{stats ?} = s quit{quit}~", TO("stats\r\n"),
	      FROM("STAT pid 1\r\nSTAT uptime 2\r\nEND\r\n"), TO("stats reset\r\n"),
	      FROM("RESET\r\n"), TO("quit\r\n"));
	CACHE("s lru_crawler{lru_crawler ? ?} = s _OTHER{_OTHER ?} =ERROR! s _OTHER{_OTHER} B",
	      TO("lru_crawler metadump all\r\n"), FROM("key=a exp=-1 la=1\r\nkey=b\r\nEND\r\n"),
	      TO("secret word\r\n"), FROM("ERROR\r\n"), TO("secret\r\n"), FROM("OK\r\n"));
	CACHE("s watch{watch ?}& T", TO("watch fetchers\r\n"), TO("x"));
	CACHE("B", FROM("END\r\n"));
	CACHE("s B", TO("get k\x01\r\n"));
	CACHE("s get{get k} B", TO("get k\r\n"), FROM("STORED\r\n"));
	CACHE("s get{get k} B", TO("get k\r\n"), FROM("VALUE k 0 x\r\n"));
	CACHE("s get{get k} B", TO("get k\r\n"), FROM("VALUE k 0 1\r\nxyz"));
}

static void meta(void)
{
	CACHE("s mg{mg k ? ?} s mg{mg k ? ?} s mg{mg k ?} = = =",
	      TO("mg k v O1\r\nmg k v O2\r\nmg k k\r\n"), FROM("EN\r\nEN O2\r\nHD kk\r\n"));
	CACHE("s ma{ma k ? ?}~ s ma{ma k} B", TO("ma k N0 q\r\nma k\r\n"), FROM("HD\r\n"));
	CACHE("s mg{mg k ?} = s mg{mg k ?} = s mg{mg k} = s ms{ms k ? ?} = s md{md k} =NF "
	      "s ma{ma k} = s mn{mn} = s me{me k} =",
	      TO("mg k v\r\n"), FROM("VA 2 f0\r\nhi\r\n"), TO("mg k v\r\n"), FROM("EN\r\n"),
	      TO("mg k\r\n"), FROM("HD\r\n"), TO("ms k 2 T0\r\nhi\r\n"), FROM("HD\r\n"),
	      TO("md k\r\n"), FROM("NF\r\n"), TO("ma k\r\n"), FROM("HD\r\n"), TO("mn\r\n"),
	      FROM("MN\r\n"), TO("me k\r\n"), FROM("ME k exp=-1 la=3\r\n"));
}

/* Quiet: an opaque, a key, or being the only one tells whose an answer is. */
static void quiet(void)
{
	CACHE("s mg{mg a ? ? ?} s mg{mg b ? ? ?} s mg{mg c ? ? ?} s mn{mn} = = = =",
	      TO("mg a v q O1\r\nmg b v q O2\r\nmg c v q O3\r\nmn\r\n"),
	      FROM("VA 1 O2\r\nx\r\nMN\r\n"));
	CACHE("s mg{mg a ? ? ?} s mg{mg b ? ? ?} s mn{mn} = = =",
	      TO("mg a v q k\r\nmg b v q k\r\nmn\r\n"), FROM("VA 1 kb\r\nx\r\nMN\r\n"));
	CACHE("s mg{mg a ? ?} s mn{mn} = =", TO("mg a v q\r\nmn\r\n"), FROM("VA 1\r\nx\r\nMN\r\n"));
	CACHE("s mg{mg a ? ?} s mg{mg b ? ?} s mn{mn} B", TO("mg a v q\r\nmg b v q\r\nmn\r\n"),
	      FROM("VA 1\r\nx\r\nMN\r\n"));
	CACHE("s mg{mg a ? ?} s mg{mg b ? ?} s mn{mn} = = =", TO("mg a v q\r\nmg b v q\r\nmn\r\n"),
	      FROM("MN\r\n"));
	CACHE("s ms{ms k ? ?}~ s md{md k ?}~ s mn{mn} =", TO("ms k 1 q\r\nx\r\nmd k q\r\nmn\r\n"),
	      FROM("MN\r\n"));
	CACHE("s ms{ms k ? ?}~ s mn{mn} =", TO("ms k 1 q\r\nx\r\nmn\r\n"), FROM("NS\r\nMN\r\n"));
	CACHE("s ms{ms k ? ?}~ s ms{ms k ?} B", TO("ms k 1 q\r\nx\r\nms k 1\r\ny\r\n"),
	      FROM("NS\r\n"));
	CACHE("s ms{ms k ? ? ?}~ s ms{ms k ? ?} =NS", TO("ms k 1 q O1\r\nx\r\nms k 1 O2\r\ny\r\n"),
	      FROM("NS O1\r\nNS O2\r\n"));
}

static void binary(void)
{
	CACHE("s get{get key} = s get{get key} =0x0001 s set{set key ?} =0x0003! s noop{noop} =",
	      TO(ASK("\0", "\3", "\0", "\3", "\1") "key"),
	      FROM(SAY("\0", "\0", "\4", "\0", "\6", "\1") "\0\0\0\0hi"),
	      TO(ASK("\0", "\3", "\0", "\3", "\2") "key"),
	      FROM(SAY("\0", "\0", "\0", "\1", "\11", "\2") "Not found"),
	      TO(ASK("\1", "\3", "\10", "\15", "\3") "\0\0\0\0\0\0\0\0keyhi"),
	      FROM(SAY("\1", "\0", "\0", "\3", "\0", "\3")), TO(ASK("\12", "\0", "\0", "\0", "\4")),
	      FROM(SAY("\12", "\0", "\0", "\0", "\0", "\4")));
	CACHE("s stats{stats} = s sasl_auth{sasl_auth ? ?}# =0x0021",
	      TO(ASK("\20", "\0", "\0", "\0", "\1")),
	      FROM(SAY("\20", "\3", "\0", "\0", "\4", "\1") "pid7" SAY("\20", "\0", "\0", "\0",
								       "\0", "\1")),
	      TO(ASK("\41", "\5", "\0", "\11", "\2") "PLAINa\0b\0"),
	      FROM(SAY("\41", "\0", "\0", "\41", "\0", "\2")));
	CACHE("s get{get key} B", TO(ASK("\0", "\3", "\0", "\3", "\1") "key"),
	      FROM(SAY("\0", "\0", "\0", "\0", "\0", "\2")));
	CACHE("s get{get key} B", TO(ASK("\0", "\3", "\0", "\3", "\1") "key"),
	      FROM(SAY("\1", "\0", "\0", "\0", "\0", "\1")));
	CACHE("s get{get key} B", TO(ASK("\0", "\3", "\0", "\3", "\1") "key"), FROM("END\r\n"));
	CACHE("s B", TO(ASK("\0", "\3", "\0", "\2", "\1") "key"));
	CACHE("s get{get key} s B", TO(ASK("\0", "\3", "\0", "\3", "\1") "keyget k\r\n"));
}

#define GETQ(opaque, key) ASK("\11", "\1", "\0", "\1", opaque) key
#define GETKQ(key) ASK("\15", "\1", "\0", "\1", "\0") key
#define NOOP ASK("\12", "\0", "\0", "\0", "\11")
#define NOOPED SAY("\12", "\0", "\0", "\0", "\0", "\11")

static void binary_quiet(void)
{
	CACHE("s get{get a} s get{get b} s get{get c} s noop{noop} = = = =",
	      TO(GETQ("\1", "a") GETQ("\2", "b") GETQ("\3", "c") NOOP),
	      FROM(SAY("\11", "\0", "\0", "\0", "\1", "\2") "x" NOOPED));
	/* Clients that ask for the key leave the opaque at 0. */
	CACHE("s get{get a} s get{get b} s get{get b} s noop{noop} = = = =",
	      TO(GETKQ("a") GETKQ("b") GETKQ("b") NOOP),
	      FROM(SAY("\15", "\1", "\0", "\0", "\2", "\0") "bx" SAY("\15", "\1", "\0", "\0", "\2",
								     "\0") "bx" NOOPED));
	CACHE("s get{get a} s get{get b} s noop{noop} B", TO(GETQ("\1", "a") GETQ("\1", "b") NOOP),
	      FROM(SAY("\11", "\0", "\0", "\0", "\1", "\1") "x" NOOPED));
	CACHE("s get{get a} s get{get b} = =0x0082!", TO(GETQ("\1", "a") GETQ("\2", "b")),
	      FROM(SAY("\11", "\0", "\0", "\202", "\0", "\2")));
	/* A quiet set that fails says so; nobody waits for it. */
	CACHE("s set{set k ?}~ s noop{noop} =",
	      TO(ASK("\21", "\1", "\10", "\12", "\7") "\0\0\0\0\0\0\0\0kv" NOOP),
	      FROM(SAY("\21", "\0", "\0", "\3", "\0", "\7") NOOPED));
}

static void pipelines(void)
{
	enum { COMMANDS = 10000 };
	static char requests[COMMANDS * 32], answers[COMMANDS * 32];
	static struct ta_dialogue dialogue;
	static struct told told;
	size_t to = 0, from = 0;

	for (int i = 0; i < COMMANDS; i++) {
		to += (size_t)sprintf(requests + to, "get k%d\r\n", i);
		from += (size_t)sprintf(answers + from, "VALUE k%d 0 1\r\nx\r\nEND\r\n", i);
	}
	begin_dialogue(&dialogue, &ta_protocol_memcached, &told);
	hear(&told, &dialogue, '>', requests, to);
	check_same(dialogue.outstanding, COMMANDS);
	hear(&told, &dialogue, '<', answers, from);
	check_same(dialogue.outstanding, 0);
	check_same(told.answered, COMMANDS);
}

/* Sets that nobody answers, without end: they are not remembered one by one. */
static void silence(void)
{
	static struct ta_dialogue dialogue;
	static struct told told;
	char line[64];

	begin_dialogue(&dialogue, &ta_protocol_memcached, &told);
	for (int i = 0; i < 200000; i++) {
		int bytes = sprintf(line,
				    i % 2 ? "ms k 1 q O%d\r\nx\r\n" : "incr k%d 1 noreply\r\n", i);

		hear(&told, &dialogue, '>', line, (size_t)bytes);
		if (i % 50000 == 49999) {
			hear(&told, &dialogue, '>', "mn\r\n", 4);
			hear(&told, &dialogue, '<', "MN\r\n", 4);
		}
	}
	check_same(dialogue.outstanding, 0);
	check(!told.over, "broken");
	check_same(told.answered, 4);
}

int main(void)
{
	check_group("recognised", recognised);
	check_group("recognised binary", recognised_binary);
	check_group("gets", gets);
	check_group("stores", stored);
	check_group("other commands", others);
	check_group("meta commands", meta);
	check_group("quiet meta commands", quiet);
	check_group("binary", binary);
	check_group("quiet binary", binary_quiet);
	check_group("pipelines", pipelines);
	check_group("silence", silence);
	return check_status();
}
