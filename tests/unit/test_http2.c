/* SPDX-License-Identifier: MIT */
/*
 * test_http2.c - the HTTP/2 parser: conversations written by hand and recorded ones.
 *
 * A row is a list of frames: direction ('>' to the server), type, flags, stream, payload
 * in hex.  What the parser tells is written down and must be the expected text when the
 * bytes of one direction come together, in single bytes, and split in two at every
 * place.  Recordings are tests/fuzz/corpus/http2 (http2_seeds.py made them).
 */
#include "runtime/protocol/http2.h"

#include "tests/unit/check.h"

#define RUNS_MAX 64
#define RUN_BYTES 70000
#define FROM_SERVER 0x8000u

struct text {
	char text[32768];
	size_t used;
};

/* Bytes of one direction that came together. */
struct run {
	unsigned char *bytes;
	size_t count;
	bool from_server;
};

static struct conversation {
	struct run runs[RUNS_MAX];
	size_t count;
	bool upgraded;
	unsigned char bytes[1 << 20];
	size_t used;
} talk;

static struct ta_http2 h2;
static struct ta_http1_head head;

struct row {
	const char *name, *frames, *expected;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *out, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int count = vsnprintf(out->text + out->used, sizeof(out->text) - out->used, format, args);
	va_end(args);
	if (count > 0 && out->used + (size_t)count < sizeof(out->text))
		out->used += (size_t)count;
}

/* ---- conversations ---- */

static void add(bool from_server, const void *bytes, size_t count)
{
	struct run *last = talk.count ? &talk.runs[talk.count - 1] : NULL;

	if (!last || last->from_server != from_server) {
		last = &talk.runs[talk.count++];
		last->bytes = talk.bytes + talk.used;
		last->count = 0;
		last->from_server = from_server;
	}
	memcpy(talk.bytes + talk.used, bytes, count);
	talk.used += count;
	last->count += count;
}

/* "> H 5 1 8286": 'P' alone is the preface; ' ' in the payload is for the eye; "*N" at
 * its end makes it N bytes long, with zeros. */
static void add_frame(const char *text)
{
	static const char types[] = "DHYRSUPGWC"; /* Y: PRIORITY, U: PUSH_PROMISE */
	static unsigned char frame[RUN_BYTES];
	char direction, type;
	unsigned int flags, stream, byte, wanted = 0;
	int used, some;
	size_t bytes = 9;

	if (sscanf(text, " %c %c %x %u%n", &direction, &type, &flags, &stream, &used) < 4) {
		add(false, TA_HTTP2_PREFACE, TA_HTTP2_PREFACE_BYTES);
		return;
	}
	for (text += used; sscanf(text, " %2x%n", &byte, &some) == 1; text += some)
		frame[bytes++] = (unsigned char)byte;
	if (sscanf(text, " *%u", &wanted) == 1)
		for (; bytes < 9u + wanted; bytes++)
			frame[bytes] = 0;
	const char *known = strchr(types, type);
	size_t length = bytes - 9;

	frame[0] = (unsigned char)(length >> 16);
	frame[1] = (unsigned char)(length >> 8);
	frame[2] = (unsigned char)length;
	frame[3] = known ? (unsigned char)(known - types) : 200;
	frame[4] = (unsigned char)flags;
	for (unsigned int i = 0; i < 4; i++)
		frame[5 + i] = (unsigned char)(stream >> (24 - 8 * i));
	add(direction == '<', frame, bytes);
}

static void add_frames(const char *text)
{
	char one[512];

	while (text && *text) {
		size_t bytes = strcspn(text, ";");

		snprintf(one, sizeof(one), "%.*s", (int)bytes, text);
		add_frame(one);
		text += bytes + (text[bytes] == ';');
	}
}

static void start_talk(bool upgraded)
{
	talk.count = talk.used = 0;
	talk.upgraded = upgraded;
}

/* ---- what is told ---- */

static size_t data_bytes; /* of the DATA that was written last */
static uint32_t data_stream;
static bool data_answers;

static void flush_data(struct text *out)
{
	if (data_bytes)
		put(out, "%u%c%zu ", data_stream, data_answers ? '<' : '>', data_bytes);
	data_bytes = 0;
}

static void put_value(struct text *out, const char *name, const char *text, size_t bytes)
{
	if (bytes)
		put(out, " %s=%.*s", name, (int)bytes, text);
}

static void put_head(struct text *out)
{
	put(out, "%u{%.*s %.*s", h2.told.stream, head.method_len, head.method, head.target_len,
	    head.target);
	put_value(out, "host", head.host, head.host_len);
	put_value(out, "agent", head.user_agent, head.user_agent_len);
	put_value(out, "from", head.forwarded, head.forwarded_len);
	put_value(out, "tp", head.traceparent, head.traceparent_len);
	put_value(out, "ts", head.tracestate, head.tracestate_len);
	if (head.flags & TA_HTTP1_HAS_LENGTH)
		put(out, " length=%llu", (unsigned long long)head.content_length);
	put(out, "%s%s%s%s%s} ", head.flags & TA_HTTP1_IS_HEAD ? " head" : "",
	    head.flags & TA_HTTP1_IS_CONNECT ? " connect" : "",
	    head.flags & TA_HTTP2_GRPC ? " grpc" : "", head.flags & TA_HTTP2_HTTPS ? " https" : "",
	    head.flags & TA_HTTP2_LOST ? " lost" : "");
	check_same(head.version_minor, TA_HTTP2_VERSION_MINOR);
}

static void put_end(struct text *out)
{
	put(out, "/%u", h2.told.status);
	if (h2.told.grpc_status >= 0)
		put(out, " grpc=%d", h2.told.grpc_status);
	if (h2.told.error)
		put(out, " error=%u", h2.told.error);
	put(out, " ");
}

static void put_event(struct text *out, enum ta_http2_event event, bool from_server)
{
	uint32_t stream = h2.told.stream;

	if (event == TA_HTTP2_DATA && data_bytes && data_stream == stream &&
	    data_answers == from_server) {
		data_bytes += h2.told.bytes;
		return;
	}
	flush_data(out);
	if (event == TA_HTTP2_REQUEST) {
		h2.user[h2.told.slot] = stream;
		put_head(out);
	} else if (event == TA_HTTP2_ANSWER) {
		put(out, "%u=%u ", stream, h2.told.status);
	} else if (event == TA_HTTP2_DATA) {
		data_bytes = h2.told.bytes;
		data_stream = stream;
		data_answers = from_server;
	} else if (event == TA_HTTP2_BROKEN) {
		put(out, "broken ");
	} else {
		put(out, "%u%s", stream, event == TA_HTTP2_ENDED ? "" : "!");
		put_end(out);
	}
	if (event != TA_HTTP2_BROKEN)
		check_same(h2.user[h2.told.slot], stream);
}

/* An exact copy of a piece: a read past it is seen by the sanitizer. */
static bool feed(struct text *out, const unsigned char *bytes, size_t count, bool from_server)
{
	unsigned char *piece = malloc(count ? count : 1);
	enum ta_http2_event event;
	size_t at = 0;

	memcpy(piece, bytes, count);
	do {
		if (!from_server && !ta_http2_in_head(&h2))
			memset(&head, 0x5a, sizeof(head));
		at += from_server ? ta_http2_answer(&h2, piece + at, count - at, &event)
				  : ta_http2_request(&h2, &head, piece + at, count - at, &event);
		if (event != TA_HTTP2_MORE)
			put_event(out, event, from_server);
	} while (event != TA_HTTP2_MORE && event != TA_HTTP2_BROKEN);
	check(event == TA_HTTP2_BROKEN || at == count, "%zu of %zu", at, count);
	free(piece);
	return event != TA_HTTP2_BROKEN;
}

/* split 0: in single bytes. */
static bool feed_run(struct text *out, const struct run *run, size_t split)
{
	if (split > run->count)
		split = run->count;
	for (size_t at = 0; split == 0 && at < run->count; at++)
		if (!feed(out, run->bytes + at, 1, run->from_server))
			return false;
	return split == 0 || (feed(out, run->bytes, split, run->from_server) &&
			      feed(out, run->bytes + split, run->count - split, run->from_server));
}

static void write_down(struct text *out, size_t split)
{
	out->used = 0;
	data_bytes = 0;
	memset(&h2, 0x55, sizeof(h2));
	ta_http2_init(&h2);
	if (talk.upgraded)
		h2.user[ta_http2_upgraded(&h2)] = 1;
	for (size_t i = 0; i < talk.count; i++)
		if (!feed_run(out, &talk.runs[i], split))
			break;
	flush_data(out);
	for (unsigned int slot = 0;
	     !h2.broken && (slot = ta_http2_next_open(&h2, slot)) < TA_HTTP2_STREAMS_MAX; slot++)
		put(out, "%u.. ", (unsigned int)h2.user[slot]);
	if (out->used)
		out->used--; /* the last blank */
	out->text[out->used] = '\0';
}

static void check_talk(const char *name, const char *expected)
{
	static struct text out;
	size_t longest = 1;

	for (size_t i = 0; i < talk.count; i++)
		if (talk.runs[i].count > longest)
			longest = talk.runs[i].count;
	for (size_t split = 0; split <= longest; split++) {
		write_down(&out, split);
		if (!check(strcmp(out.text, expected) == 0, "%s, split at %zu:\n%s\nnot\n%s", name,
			   split, out.text, expected))
			return;
	}
}

static void check_rows(const struct row *rows, size_t count, const char *before)
{
	for (const struct row *row = rows; row < rows + count; row++) {
		start_talk(false);
		add_frames(before);
		add_frames(row->frames);
		check_talk(row->name, row->expected);
	}
}

#define CHECK_ROWS(rows, before) check_rows(rows, sizeof(rows) / sizeof(*(rows)), before)

/* ---- written by hand ---- */

#define OPENED ">P;> S 0 0 000300000064;< S 0 0;> S 1 0;< S 1 0;"

static const struct row streams[] = {
	{ "nothing", "", "" },
	{ "one request", "> H 5 1 828684;< H 5 1 88", "1{GET /} 1=200 1/200" },
	{ "bodies", "> H 4 1 838684;> D 1 1 616263;< H 4 1 88;< D 0 1 6161;< D 0 1 62;< D 1 1",
	  "1{POST /} 1>3 1=200 1<3 1/200" },
	{ "not answered yet", "> H 5 1 828684;> H 5 3 828684", "1{GET /} 3{GET /} 1.. 3.." },
	{ "answered the other way round",
	  "> H 5 1 828684;> H 5 3 828784;< H 5 3 8d;< H 4 1 88;< D 1 1 61",
	  "1{GET /} 3{GET / https} 3=404 3/404 1=200 1<1 1/200" },
	{ "padding and priority",
	  "> H 2d 1 03 0000000010 828684 000000;< H c 1 00 88;< D 9 1 05 6162 0000000000",
	  "1{GET /} 1=200 1<2 1/200" },
	{ "nothing but padding", "> H 5 1 828684;< H 4 1 88;< D 9 1 03 000000",
	  "1{GET /} 1=200 1/200" },
	{ "a head in four frames", "> H 1 1 82;> C 0 1;> C 0 1 8684 41;> C 4 1 0161",
	  "1{GET / host=a} 1.." },
	{ "an empty head, then the rest", "> H 1 1;> C 4 1 828684", "1{GET /} 1.." },
	{ "100 and 103 before it",
	  "> H 5 1 828684;< H 4 1 0803313030;< H 4 1 0803313033;< H 5 1 88",
	  "1{GET /} 1=200 1/200" },
	{ "trailers both ways",
	  "> H 4 1 838684;> D 0 1 61;> H 5 1 4001610162;< H 4 1 88;< D 0 1 61;< H 5 1 4001630164",
	  "1{POST /} 1>1 1=200 1<1 1/200" },
	{ "gRPC: status in trailers",
	  "> H 5 1 838684 5f10 6170706c69636174696f6e2f67727063;< H 4 1 88;"
	  "< H 5 1 400b 677270632d737461747573 0135",
	  "1{POST / grpc} 1=200 1/200 grpc=5" },
	{ "gRPC: trailers only", "> H 5 1 838684;< H 5 1 88 400b 677270632d737461747573 023132",
	  "1{POST /} 1=200 1/200 grpc=12" },
	{ "reset by the client", "> H 5 1 828684;> R 0 1 00000008", "1{GET /} 1!/0 error=8" },
	{ "reset by the server", "> H 4 1 838684;< R 0 1 00000007", "1{POST /} 1!/0 error=7" },
	{ "reset behind the head of the answer", "> H 5 1 828684;< H 4 1 88;< R 0 1 80000002",
	  "1{GET /} 1=200 1!/200 error=255" },
	{ "a whole answer, and then the request is stopped",
	  "> H 4 1 838684;< H 5 1 88;< R 0 1 00000000;> D 1 1 61", "1{POST /} 1=200 1/200" },
	{ "a reset of what is over", "> H 5 1 828684;< H 5 1 88;> R 0 1 00000008",
	  "1{GET /} 1=200 1/200" },
	{ "pushes keep the table right",
	  "> H 5 1 828684;< U 4 1 00000002 82 4803343034;< H 5 2 be;< H 5 1 be",
	  "1{GET /} 1=404 1/404" },
	{ "other frames",
	  "> Y 0 9 0000000010;< W 0 0 00000001;> P 0 0 *8;< P 1 0 *8;? X ff 77 0102;> X 0 0;"
	  "> H 5 1 828684;< X 1 1 *300",
	  "1{GET /} 1.." },
	{ "HEAD and CONNECT", "> H 5 1 420448454144 8684;> H 4 3 4207434f4e4e454354",
	  "1{HEAD / head} 3{CONNECT  connect} 1.. 3.." },
	{ "an answer that is seen before its request",
	  "< H 4 1 88;< D 1 1 61;> H 5 1 828684;< H 5 3 88;> H 4 3 838684;> D 1 3 61",
	  "1{GET /} 1=200 1/200 3{POST /} 3=200 3>1 3/200" },
	{ "a second head on a stream that is open", "> H 4 1 838684;> H 5 1 828684;< H 5 1 88",
	  "1{POST /} 1=200 1/200" },
	{ "a head on a stream that is over", "> H 5 1 828684;< H 5 1 88;> H 5 1 828684",
	  "1{GET /} 1=200 1/200" },
	{ "numbers only go up", "> H 5 7 828684;> H 5 5 82410161;> H 5 9 82be",
	  "7{GET /} 9{GET  host=a} 7.. 9.." },
	{ "streams of even numbers are the server's", "> H 5 2 828684", "" },
	{ "a stream with the reserved bit", "> H 5 2147483649 828684", "1{GET /} 1.." },
	{ "GOAWAY",
	  "> H 5 1 828684;> H 5 3 828684;> H 5 5 828684;< G 0 0 00000001 00000002 6162;"
	  "< H 5 1 88;> H 5 7 828684",
	  "1{GET /} 3{GET /} 5{GET /} 3!/0 error=2 5!/0 error=2 1=200 1/200" },
	{ "GOAWAY in two steps",
	  "> H 5 1 828684;< G 0 0 7fffffff 00000000;> H 5 3 828684;< G 0 0 00000001 00000000",
	  "1{GET /} 3{GET /} 3!/0 1.." },
	{ "GOAWAY of the client", "> H 5 1 828684;> G 0 0 00000000 00000000;< H 5 1 88",
	  "1{GET /} 1=200 1/200" },
};

static const struct row broken[] = {
	{ "DATA without stream", "> D 0 0 61", "broken" },
	{ "HEADERS without stream", "> H 5 0 82", "broken" },
	{ "a stream with settings", "> S 0 1", "broken" },
	{ "settings of 5 bytes", "> S 0 0 0102030405", "broken" },
	{ "acknowledged settings with content", "> S 1 0 010203040506", "broken" },
	{ "ping of 7 bytes", "> P 0 0 *7", "broken" },
	{ "reset of 3 bytes", "> R 0 1 *3", "broken" },
	{ "window of 3 bytes", "> W 0 1 *3", "broken" },
	{ "GOAWAY of 7 bytes", "< G 0 0 *7", "broken" },
	{ "more padding than frame", "> D 8 1 02 00", "broken" },
	{ "no place for padding's length", "> D 8 1", "broken" },
	{ "no place for priority", "> H 24 1 00000000", "broken" },
	{ "padding over priority", "> H 2c 1 01 0000000000", "broken" },
	{ "a client that pushes", "> U 4 1 00000002 82", "broken" },
	{ "continued without a beginning", "> C 4 1 82", "broken" },
	{ "something between", "> H 1 1 82;> D 0 1 61", "broken" },
	{ "continued on another stream", "> H 1 1 82;> C 4 3 84", "broken" },
	{ "a block that ends in a field", "> H 5 1 8240", "broken" },
	{ "no HPACK", "> H 5 1 80", "broken" },
	{ "open streams stay known", "> H 5 1 828684;< D 0 0 61", "1{GET /} broken" },
};

static void by_hand(void)
{
	CHECK_ROWS(streams, OPENED);
}

static void broken_connections(void)
{
	static const char answer[] = "HTTP/1.1 400 Bad Request\r\n\r\n";

	CHECK_ROWS(broken, OPENED);
	start_talk(false);
	add_frames(">P;> W 0 0 00000001");
	check_talk("no settings first", "broken");
	start_talk(false);
	add_frames(">P;> S 0 0;> H 5 1 828684");
	add(true, answer, strlen(answer));
	check_talk("HTTP/1 answers", "1{GET /} broken");
}

static void after_upgrade(void)
{
	start_talk(true);
	add_frames("< S 0 0;>P;> S 0 0;< H 4 1 88;> H 5 3 828684;< D 1 1 61;< H 5 3 88");
	check_talk("upgrade", "1=200 3{GET /} 1<1 1/200 3=200 3/200");
}

static void preface(void)
{
	for (size_t i = 0; i < TA_HTTP2_PREFACE_BYTES; i++)
		check_same(ta_http2_recognise(TA_HTTP2_PREFACE, i), 0);
	check_same(ta_http2_recognise(TA_HTTP2_PREFACE, TA_HTTP2_PREFACE_BYTES), 1);
	check_same(ta_http2_recognise(TA_HTTP2_PREFACE "abc", 27), 1);
	check_same(ta_http2_recognise("PRI * HTTP/1", 12), -1);
	check_same(ta_http2_recognise("GET", 3), -1);
}

/* ---- many streams ---- */

static void add_number(const char *format, unsigned int stream)
{
	char text[64];

	snprintf(text, sizeof(text), format, stream);
	add_frame(text);
}

static void many_streams(void)
{
	static struct text out;

	start_talk(false);
	add_frames(OPENED);
	for (unsigned int i = 0; i < 300; i++)
		add_number("> H 5 %u 828684", 2 * i + 1);
	for (unsigned int i = 0; i < 300; i++)
		add_number("< H 5 %u 88", 599 - 2 * i);
	add_frames("> H 5 601 828684;< H 5 601 88");
	write_down(&out, RUN_BYTES);
	check_same(h2.lost, 300 - TA_HTTP2_STREAMS_MAX);
	check_same(h2.open, 0);
	check(strstr(out.text, "511{GET /} 511=200 511/200 509=200") != NULL, "%.600s", out.text);
	check(strstr(out.text, "513") == NULL, "%s", strstr(out.text, "513"));
	check(strstr(out.text, "1=200 1/200 601{GET /} 601=200 601/200") != NULL, "%s", out.text);
}

static void feed_talk(struct text *out)
{
	for (size_t run = 0; run < talk.count; run++)
		feed_run(out, &talk.runs[run], RUN_BYTES);
}

/* One stream stays while others come and go: put_event() checks what is the user's. */
static void stable_slots(void)
{
	static struct text out;

	start_talk(false);
	add_frames(OPENED "> H 5 1 828684");
	write_down(&out, RUN_BYTES);
	for (unsigned int stream = 3; stream < 4000; stream += 2) {
		char text[64];

		snprintf(text, sizeof(text), "> H 5 %u 828684;< H 5 %u 88", stream, stream);
		start_talk(false);
		add_frames(text);
		out.used = 0;
		feed_talk(&out);
		check_same(h2.open, 1);
	}
	start_talk(false);
	add_frames("< H 5 1 88");
	out.used = 0;
	feed_talk(&out);
	check_text(out.text, "1=200 1/200 ");
	check_same(h2.open + h2.lost, 0);
}

/* ---- bytes that went by unseen ---- */

static void unseen(void)
{
	static struct text out;
	enum ta_http2_event event;

	start_talk(false);
	add_frames(OPENED "> H 5 1 828684;< H 4 1 88");
	write_down(&out, RUN_BYTES);
	/* A DATA frame of 100 bytes whose header is seen; then a seen end. */
	check_same(ta_http2_answer(&h2, "\0\0\x64\0\0\0\0\0\1", 9, &event), 9);
	check_same(ta_http2_answer_unseen(&h2, 60, &event), 60);
	check_same(event, TA_HTTP2_DATA);
	check_same(h2.told.bytes, 60);
	check_same(ta_http2_answer_unseen(&h2, 40, &event), 40);
	check_same(event, TA_HTTP2_DATA);
	check_same(ta_http2_answer(&h2, "\0\0\0\0\1\0\0\0\1", 9, &event), 9);
	check_same(event, TA_HTTP2_ENDED);
	check_same(ta_http2_answer_unseen(&h2, 0, &event), 0);
	check_same(event, TA_HTTP2_MORE);
	check_same(ta_http2_answer_unseen(&h2, 1, &event), 0);
	check_same(event, TA_HTTP2_BROKEN);
	check_same(ta_http2_request_unseen(&h2, 1, &event), 0);
	check_same(event, TA_HTTP2_BROKEN);
}

/* ---- recorded ---- */

static bool load(const char *name)
{
	static unsigned char file[1 << 18];
	char path[4096];
	const char *slash = strrchr(__FILE__, '/');

	snprintf(path, sizeof(path), "%.*s/../fuzz/corpus/http2/%s",
		 slash ? (int)(slash - __FILE__) : 1, slash ? __FILE__ : ".", name);
	FILE *in = fopen(path, "rb");

	if (!check(in, "%s", path))
		return false;
	size_t bytes = fread(file, 1, sizeof(file), in);

	fclose(in);
	start_talk(file[0] & 0x80);
	for (size_t at = 1; at + 2 <= bytes;) {
		unsigned int word = file[at] | (unsigned int)file[at + 1] << 8;

		add(word & FROM_SERVER, file + at + 2, word & ~FROM_SERVER);
		at += 2 + (word & ~FROM_SERVER);
	}
	return true;
}

static void check_recorded(const char *name, const char *expected)
{
	if (load(name))
		check_talk(name, expected);
}

static void recorded(void)
{
	check_recorded("curl_nghttpd",
		       "1{POST /a.txt host=127.0.0.1:38499 agent=curl/7.88.1 from=10.1.2.3 "
		       "tp=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 ts=a=1 "
		       "length=11} 1>11 1=200 1<120 1/200");
	check_recorded("h2load_nginx",
		       "1{GET /a.txt host=127.0.0.1:41017 agent=h2load nghttp2/1.52.0} 3{GET /made "
		       "host=127.0.0.1:41017 agent=h2load nghttp2/1.52.0} 5{GET /a.txt "
		       "host=127.0.0.1:41017 agent=h2load nghttp2/1.52.0} 7{GET /made "
		       "host=127.0.0.1:41017 agent=h2load nghttp2/1.52.0} 1=200 1<120 1/200 3=201 "
		       "3<4 3/201 5=200 5<120 5/200 7=201 7<4 7/201 9{GET /a.txt "
		       "host=127.0.0.1:41017 agent=h2load nghttp2/1.52.0} 11{GET /made "
		       "host=127.0.0.1:41017 agent=h2load nghttp2/1.52.0} 13{GET /a.txt "
		       "host=127.0.0.1:41017 agent=h2load nghttp2/1.52.0} 15{GET /made "
		       "host=127.0.0.1:41017 agent=h2load nghttp2/1.52.0} 9=200 9<120 9/200 11=201 "
		       "11<4 11/201 13=200 13<120 13/200 15=201 15<4 15/201 17{GET /a.txt "
		       "host=127.0.0.1:41017 agent=h2load nghttp2/1.52.0} 19{GET /made "
		       "host=127.0.0.1:41017 agent=h2load nghttp2/1.52.0} 21{GET /a.txt "
		       "host=127.0.0.1:41017 agent=h2load nghttp2/1.52.0} 23{GET /made "
		       "host=127.0.0.1:41017 agent=h2load nghttp2/1.52.0} 17=200 17<120 17/200 "
		       "19=201 19<4 19/201 21=200 21<120 21/200 23=201 23<4 23/201");
	check_recorded("node_node",
		       "1{GET /hint host=127.0.0.1:44613 "
		       "tp=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01} 3{POST "
		       "/missing?q=1 host=127.0.0.1:44613 agent=node} 5{GET /reset "
		       "host=127.0.0.1:44613} 7{GET /push host=127.0.0.1:44613} 3>3000 1=200 3=200 "
		       "1<11 5!/0 error=7 7=200 3<18 7<11 1/200 3/200 7/200");
	check_recorded("grpc_grpc",
		       "1{POST /shop.Cart/Fine host=127.0.0.1:39237 agent=grpc-python/1.51.1 "
		       "grpc-c/29.0.0 (linux; chttp2) grpc} 1>7 1=200 1<9 1/200 grpc=0 3{POST "
		       "/shop.Cart/Fails host=127.0.0.1:39237 agent=grpc-python/1.51.1 "
		       "grpc-c/29.0.0 (linux; chttp2) ts=a=1 grpc} 3>7 3=200 3/200 grpc=5 5{POST "
		       "/shop.Cart/Fails host=127.0.0.1:39237 agent=grpc-python/1.51.1 "
		       "grpc-c/29.0.0 (linux; chttp2) ts=a=1 grpc} 5>7 5=200 5/200 grpc=5 7{POST "
		       "/shop.Cart/Many host=127.0.0.1:39237 agent=grpc-python/1.51.1 "
		       "grpc-c/29.0.0 (linux; chttp2) grpc} 7>5 7=200 7<18 7/200 grpc=0");
	check_recorded("nghttp_nghttpx",
		       "1=200 1<120 1/200 13{GET /none host=127.0.0.1:43587 agent=nghttp2/1.52.0} "
		       "13=404 13<148 13/404");
}

int main(int argc, char **argv)
{
	static struct text out;

	if (argc > 1 && load(argv[1])) { /* by hand: what a recording says */
		write_down(&out, RUN_BYTES);
		puts(out.text);
		return 0;
	}
	check_group("conversations", by_hand);
	check_group("broken connections", broken_connections);
	check_group("after an upgrade", after_upgrade);
	check_group("the preface", preface);
	check_group("more streams than slots", many_streams);
	check_group("slots stay", stable_slots);
	check_group("bytes that went by unseen", unseen);
	check_group("recorded conversations", recorded);
	return check_status();
}
