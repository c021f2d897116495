/* SPDX-License-Identifier: MIT */
/*
 * test_http1.c - the HTTP/1 parser against a table of messages, in all pieces.
 *
 * What the parser says is written down as a transcript: each event, where it
 * came, and the facts of each head.  A row's transcript must be the expected one
 * when the bytes come whole, one by one, and split in two at every place.
 */
#include "runtime/protocol/http1_step.h"

#include "tests/unit/check.h"

#define TRANSCRIPT_BYTES 65536

struct transcript {
	char text[TRANSCRIPT_BYTES];
	size_t used;
	bool offsets;
};

struct row {
	const char *name;
	const char *bytes;
	const char *expected;
	uint16_t answers;
};

/* ---- transcripts ---- */

__attribute__((format(printf, 2, 3))) static void put(struct transcript *out, const char *format,
						      ...)
{
	va_list args;

	va_start(args, format);
	int count = vsnprintf(out->text + out->used, sizeof(out->text) - out->used, format, args);
	va_end(args);
	if (count > 0 && out->used + (size_t)count < sizeof(out->text))
		out->used += (size_t)count;
}

static void put_value(struct transcript *out, const char *name, const char *text, size_t bytes)
{
	if (bytes)
		put(out, " %s=%.*s", name, (int)bytes, text);
}

static void put_flags(struct transcript *out, uint16_t flags)
{
	static const char letters[] = "kHCclueX"; /* by bit of enum ta_http1_head_flags */

	for (unsigned int bit = 0; bit < 8; bit++)
		if (flags & 1u << bit)
			put(out, "%c", letters[bit]);
}

static void put_head(struct transcript *out, const struct ta_http1_head *head, bool request)
{
	if (request)
		put(out, "{%.*s %.*s", head->method_len, head->method, head->target_len,
		    head->target);
	else
		put(out, "{%u", head->status);
	put(out, " %u ", head->version_minor);
	put_flags(out, head->flags);
	if (head->target_total != head->target_len)
		put(out, " total=%u", head->target_total);
	if (head->flags & TA_HTTP1_HAS_LENGTH)
		put(out, " length=%llu", (unsigned long long)head->content_length);
	put_value(out, "host", head->host, head->host_len);
	put_value(out, "agent", head->user_agent, head->user_agent_len);
	put_value(out, "for", head->forwarded, head->forwarded_len);
	put_value(out, "parent", head->traceparent, head->traceparent_len);
	if (head->traceparent_count > 1)
		put(out, " parents=%u", head->traceparent_count);
	put_value(out, "state", head->tracestate, head->tracestate_len);
	put_value(out, "baggage", head->baggage, head->baggage_len);
	put_value(out, "sentry", head->sentry_trace, head->sentry_trace_len);
	if (head->sentry_trace_count > 1)
		put(out, " sentries=%u", head->sentry_trace_count);
	put(out, "}");
}

static void put_event(struct transcript *out, enum ta_http1_event event,
		      const struct ta_http1_head *head, bool request, size_t offset)
{
	static const char *const words[] = { "", "start", "", "done", "tunnel", "broken" };

	put(out, "%s%s", out->used ? " " : "", words[event]);
	if (event == TA_HTTP1_HEAD)
		put_head(out, head, request);
	if (out->offsets)
		put(out, "@%zu", offset);
}

/* Feeds one piece.  False when the parser has left HTTP. */
static bool feed(struct ta_http1 *parser, struct ta_http1_head *head, const char *bytes,
		 size_t count, size_t *offset, struct transcript *out)
{
	enum ta_http1_event event;

	do {
		/* Of a response nothing may be kept in the head. */
		if (parser->direction == TA_HTTP1_RESPONSE)
			memset(head, 0xaa, sizeof(*head));
		size_t taken = ta_http1_feed(parser, head, bytes, count, &event);

		check(taken <= count, "took %zu of %zu", taken, count);
		bytes += taken;
		count -= taken;
		*offset += taken;
		if (event == TA_HTTP1_MORE)
			check(count == 0, "left %zu bytes", count);
		else
			put_event(out, event, head, parser->direction == TA_HTTP1_REQUEST, *offset);
		if (event == TA_HTTP1_BROKEN || event == TA_HTTP1_TUNNEL)
			return false;
	} while (event != TA_HTTP1_MORE);
	return true;
}

/* All bytes, the first piece of first bytes and then pieces of step bytes. */
static void read_all(struct transcript *out, enum ta_http1_direction direction, uint16_t answers,
		     const char *bytes, size_t count, size_t first, size_t step)
{
	struct ta_http1 parser;
	struct ta_http1_head head;
	size_t offset = 0, at = 0;

	out->used = 0;
	out->text[0] = '\0';
	memset(&head, 0xaa, sizeof(head));
	ta_http1_init(&parser, direction);
	ta_http1_answers(&parser, answers);
	for (size_t piece = first; at < count; piece = step) {
		if (piece > count - at)
			piece = count - at;
		/* An exact copy, so that a sanitizer sees a read past the piece. */
		char *copy = malloc(piece ? piece : 1);

		memcpy(copy, bytes + at, piece);
		bool goes_on = feed(&parser, &head, copy, piece, &offset, out);

		free(copy);
		at += piece;
		if (!goes_on)
			break;
	}
}

static void check_splits(const struct row *row, enum ta_http1_direction direction)
{
	static struct transcript whole, other;
	size_t count = strlen(row->bytes);

	whole.offsets = other.offsets = false;
	read_all(&whole, direction, row->answers, row->bytes, count, count, count);
	check(strcmp(whole.text, row->expected) == 0, "%s: %s, expected %s", row->name, whole.text,
	      row->expected);
	whole.offsets = other.offsets = true;
	read_all(&whole, direction, row->answers, row->bytes, count, count, count);
	for (size_t step = 1; step < 12; step++) {
		read_all(&other, direction, row->answers, row->bytes, count, step, step);
		check(strcmp(whole.text, other.text) == 0, "%s by %zu: %s, whole %s", row->name,
		      step, other.text, whole.text);
	}
	for (size_t first = 0; first <= count; first++) {
		read_all(&other, direction, row->answers, row->bytes, count, first, count);
		check(strcmp(whole.text, other.text) == 0, "%s split at %zu: %s, whole %s",
		      row->name, first, other.text, whole.text);
	}
}

/* ---- requests ---- */

#define PARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static const struct row requests[] = {
	{ "plain", "GET / HTTP/1.1\r\nHost: a:80\r\n\r\n", "start {GET / 1 k host=a:80} done", 0 },
	{ "lf only", "GET /x HTTP/1.1\nHost: a\nUser-Agent: b c\n\n",
	  "start {GET /x 1 k host=a agent=b c} done", 0 },
	{ "blank lines before", "\r\n\n\r\nGET / HTTP/1.1\r\n\r\n", "start {GET / 1 k} done", 0 },
	{ "1.0", "GET / HTTP/1.0\r\n\r\n", "start {GET / 0 } done", 0 },
	{ "1.0 keep-alive", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
	  "start {GET / 0 k} done", 0 },
	{ "close", "GET / HTTP/1.1\r\nConnection: foo, CLOSE\r\n\r\n", "start {GET / 1 } done", 0 },
	{ "close folded", "GET / HTTP/1.1\r\nConnection: foo,\r\n close\r\n\r\n",
	  "start {GET / 1 } done", 0 },
	{ "closer is not close", "GET / HTTP/1.1\r\nConnection: closer, clos\r\n\r\n",
	  "start {GET / 1 k} done", 0 },
	{ "names in any case", "GET / HTTP/1.1\r\nhOST:a\r\nCONTENT-LENGTH:2\r\n\r\nhi",
	  "start {GET / 1 kl length=2 host=a} done", 0 },
	{ "names that only begin alike",
	  "GET / HTTP/1.1\r\nHos: a\r\nHostess: b\r\nContent-Lengths: 9\r\nConnect: close\r\n"
	  "Transfer-Encodin: x\r\nUser-Agen: c\r\nHost\r\n\r\n",
	  "start {GET / 1 k} done", 0 },
	{ "blank before the colon is no header", "POST / HTTP/1.1\r\nContent-Length : 5\r\n\r\n",
	  "start {POST / 1 k} done", 0 },
	{ "length", "POST /p HTTP/1.1\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\n\r\n",
	  "start {POST /p 1 kl length=5} done start {GET / 1 k} done", 0 },
	{ "length 0", "POST /p HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
	  "start {POST /p 1 kl length=0} done", 0 },
	{ "length twice, equal", "POST /p HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab",
	  "start {POST /p 1 kl length=2} done", 0 },
	{ "length list, equal", "POST /p HTTP/1.1\r\nContent-Length: 2, 2\r\n\r\nab",
	  "start {POST /p 1 kl length=2} done", 0 },
	{ "lengths differ", "POST /p HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
	  "start {POST /p 1 } broken", 0 },
	{ "lengths differ in a list", "POST /p HTTP/1.1\r\nContent-Length: 2, 3\r\n\r\nabc",
	  "start {POST /p 1 } broken", 0 },
	{ "length negative", "POST /p HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
	  "start {POST /p 1 } broken", 0 },
	{ "length empty", "POST /p HTTP/1.1\r\nContent-Length: \r\n\r\n",
	  "start {POST /p 1 } broken", 0 },
	{ "length in two words", "POST /p HTTP/1.1\r\nContent-Length: 1 2\r\n\r\n",
	  "start {POST /p 1 } broken", 0 },
	{ "length too large", "POST /p HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
	  "start {POST /p 1 } broken", 0 },
	{ "length large", "POST /p HTTP/1.1\r\nContent-Length: 900000000000000000\r\n\r\nx",
	  "start {POST /p 1 kl length=900000000000000000}", 0 },
	{ "chunked",
	  "POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0A ; a=\"b\"\r\n"
	  "0123456789\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
	  "start {POST /c 1 kc} done start {GET / 1 k} done", 0 },
	{ "chunked, lf only, trailers",
	  "POST /c HTTP/1.1\nTransfer-Encoding: Chunked\n\n5\nhello\n000\nX: y\nContent-Length: 7\n\n"
	  "GET / HTTP/1.1\n\n",
	  "start {POST /c 1 kc} done start {GET / 1 k} done", 0 },
	{ "chunked beats length",
	  "POST /c HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
	  "start {POST /c 1 kc} done", 0 },
	{ "gzip, chunked", "POST /c HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
	  "start {POST /c 1 kc} done", 0 },
	{ "chunked, gzip", "POST /c HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
	  "start {POST /c 1 } broken", 0 },
	{ "identity", "POST /c HTTP/1.1\r\nTransfer-Encoding: identity\r\nContent-Length: 1\r\n\r\nx",
	  "start {POST /c 1 kl length=1} done", 0 },
	{ "xchunked", "POST /c HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
	  "start {POST /c 1 } broken", 0 },
	{ "chunk size that is none", "POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
	  "start {POST /c 1 kc} broken", 0 },
	{ "chunk size empty", "POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
	  "start {POST /c 1 kc} broken", 0 },
	{ "chunk size too large",
	  "POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n11111111111111111\r\n",
	  "start {POST /c 1 kc} broken", 0 },
	{ "chunk without its end",
	  "POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n",
	  "start {POST /c 1 kc} broken", 0 },
	{ "HEAD", "HEAD / HTTP/1.1\r\n\r\n", "start {HEAD / 1 kH} done", 0 },
	{ "CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
	  "start {CONNECT a:443 1 kC host=a:443} done", 0 },
	{ "upgrade", "GET /ws HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n",
	  "start {GET /ws 1 ku} done", 0 },
	{ "insecure requests is no upgrade", "GET / HTTP/1.1\r\nUpgrade-Insecure-Requests: 1\r\n\r\n",
	  "start {GET / 1 k} done", 0 },
	{ "expect", "PUT / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\nx",
	  "start {PUT / 1 klX length=1} done", 0 },
	{ "absolute form", "GET http://u@h:1/a?b#c HTTP/1.1\r\n\r\n",
	  "start {GET http://u@h:1/a?b#c 1 k} done", 0 },
	{ "asterisk", "OPTIONS * HTTP/1.1\r\n\r\n", "start {OPTIONS * 1 k} done", 0 },
	{ "raw bytes in a target", "GET /\x01\xff\"%zz\x7f HTTP/1.1\r\n\r\n",
	  "start {GET /\x01\xff\"%zz\x7f 1 k} done", 0 },
	{ "spaces in a target", "GET /a b  c HTTP/1.1\r\n\r\n", "start {GET /a b  c 1 k} done", 0 },
	{ "many blanks", "GET   /a   HTTP/1.1   \r\n\r\n", "start {GET /a 1 k} done", 0 },
	{ "two versions", "GET /a HTTP/1.0 HTTP/1.1\r\n\r\n", "start {GET /a HTTP/1.0 1 k} done",
	  0 },
	{ "strange methods", "get / HTTP/1.1\r\n\r\nM-SEARCH * HTTP/1.1\r\n\r\n@x / HTTP/1.1\r\n\r\n",
	  "start {get / 1 k} done start {M-SEARCH * 1 k} done start {@x / 1 k} done", 0 },
	{ "long method", "ABCDEFGHIJKLMNOPQRSTUVWXYZ / HTTP/1.1\r\n\r\n",
	  "start {ABCDEFGHIJKLMNOPQRSTUVWX / 1 k} done", 0 },
	{ "0.9", "GET /x\r\nnothing that follows counts\r\n\r\n", "start {GET /x 9 } done", 0 },
	{ "0.9, lf", "GET /x\n", "start {GET /x 9 } done", 0 },
	{ "no target", "GET\r\n\r\n", "start broken", 0 },
	{ "no target, blank", "GET \r\n\r\n", "start broken", 0 },
	{ "version only", "GET HTTP/1.1\r\n\r\n", "start {GET HTTP/1.1 9 } done", 0 },
	{ "version 2", "GET /x HTTP/2.0\r\n\r\n", "start {GET /x 9 } done", 0 },
	{ "version 1.2", "GET /x HTTP/1.2\r\n\r\n", "start {GET /x 1 k} done", 0 },
	{ "version nonsense", "GET /x HTTQ/1.1\r\n\r\n", "start {GET /x 9 } done", 0 },
	{ "version cut", "GET /x HTTP/1.\r\n\r\n", "start {GET /x 9 } done", 0 },
	{ "lower-case version", "GET /x http/1.1\r\n\r\n", "start {GET /x 9 } done", 0 },
	{ "TLS", "\x16\x03\x01\x02", "start broken", 0 },
	{ "text with a control byte", "hello\x01 world\r\n", "start broken", 0 },
	{ "traceparent", "GET / HTTP/1.1\r\ntraceparent: " PARENT "\r\ntracestate: a=1\r\n\r\n",
	  "start {GET / 1 k parent=" PARENT " state=a=1} done", 0 },
	{ "traceparent twice", "GET / HTTP/1.1\r\ntraceparent: " PARENT "\r\nTraceparent: x\r\n\r\n",
	  "start {GET / 1 k parent=" PARENT " parents=2} done", 0 },
	{ "baggage in parts",
	  "GET / HTTP/1.1\r\nbaggage: a=1\r\nX: y\r\nBAGGAGE:\t b=2;p \r\nbaggageX: c\r\n\r\n",
	  "start {GET / 1 k baggage=a=1,b=2;p} done", 0 },
	{ "sentry-trace", "GET / HTTP/1.1\r\nSentry-Trace: a-b-1\r\n\r\n",
	  "start {GET / 1 k sentry=a-b-1} done", 0 },
	{ "sentry-trace twice", "GET / HTTP/1.1\r\nsentry-trace: a\r\nsentry-trace: b\r\n\r\n",
	  "start {GET / 1 k sentry=a sentries=2} done", 0 },
	{ "tracestate in parts",
	  "GET / HTTP/1.1\r\ntracestate: a=1 \r\ntracestate:\r\ntracestate: b=2,c=3\r\n\r\n",
	  "start {GET / 1 k state=a=1,b=2,c=3} done", 0 },
	{ "first host counts", "GET / HTTP/1.1\r\nHost:\r\nHost: a \r\nHost: b\r\n\r\n",
	  "start {GET / 1 k host=a} done", 0 },
	{ "folded agent", "GET / HTTP/1.1\r\nUser-Agent: a \r\n\t b\r\n c\r\nHost: h\r\n\r\n",
	  "start {GET / 1 k host=h agent=a\t b c} done", 0 },
	{ "fold of a skipped line", "GET / HTTP/1.1\r\nX: a\r\n Host: no\r\nHost: h\r\n\r\n",
	  "start {GET / 1 k host=h} done", 0 },
	{ "fold before any header", "GET / HTTP/1.1\r\n Host: no\r\n\r\n", "start {GET / 1 k} done",
	  0 },
	{ "forwarded for", "GET / HTTP/1.1\r\nX-Forwarded-For: 10.0.0.1 , 10.0.0.2\r\n\r\n",
	  "start {GET / 1 k for=10.0.0.1} done", 0 },
	{ "forwarded for, one", "GET / HTTP/1.1\r\nX-Forwarded-For: ::1\r\nX-Forwarded-For: b\r\n\r\n",
	  "start {GET / 1 k for=::1} done", 0 },
	{ "forwarded",
	  "GET / HTTP/1.1\r\nForwarded: by=x; For=\"[2001:db8::1]:47\";proto=http, for=b\r\n\r\n",
	  "start {GET / 1 k for=[2001:db8::1]:47} done", 0 },
	{ "forwarded, plain", "GET / HTTP/1.1\r\nForwarded: for=1.2.3.4;by=for=x\r\n\r\n",
	  "start {GET / 1 k for=1.2.3.4} done", 0 },
	{ "forwarded without for", "GET / HTTP/1.1\r\nForwarded: by=a, for=b\r\n\r\n",
	  "start {GET / 1 k} done", 0 },
	{ "line that is no header", "GET / HTTP/1.1\r\n:::\r\nno colon\r\n\rx\r\nHost: h\r\n\r\n",
	  "start {GET / 1 k host=h} done", 0 },
	{ "pipelined", "GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n\r\nGET /3 HTTP/1.0\r\n\r\n",
	  "start {GET /1 1 k} done start {GET /2 1 k} done start {GET /3 0 } done", 0 },
	{ "unfinished", "GET / HTTP/1.1\r\nHost: a\r\n", "start", 0 },
};

/* ---- responses ---- */

static const struct row responses[] = {
	{ "length",
	  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
	  "HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n",
	  "start {200 1 kl length=2} done start {404 1 kl length=0} done", 0 },
	{ "no reason", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "start {200 1 kl length=0} done",
	  0 },
	{ "lf only", "HTTP/1.0 200 OK\nContent-Length: 1\nConnection: keep-alive\n\nx",
	  "start {200 0 kl length=1} done", 0 },
	{ "chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
	  "start {200 1 kc} done", 0 },
	{ "until close", "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 500 no\r\n\r\n", "start {200 1 e}", 0 },
	{ "gzip until close", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nContent-Length: 1\r\n\r\nxx",
	  "start {200 1 e}", 0 },
	{ "204", "HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\nHTTP/1.1 304 Not\r\n\r\n",
	  "start {204 1 kl length=5} done start {304 1 k} done", 0 },
	{ "to HEAD",
	  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
	  "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
	  "start {200 1 kl length=5} done start {200 1 kl length=1} done", TA_HTTP1_IS_HEAD },
	{ "100 to HEAD", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
	  "start {100 1 k} done start {200 1 kl length=5} done", TA_HTTP1_IS_HEAD },
	{ "103", "HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	  "start {103 1 k} done start {200 1 kl length=0} done", 0 },
	{ "101", "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n\x81\x05hello",
	  "start {101 1 ku} tunnel", 0 },
	{ "to CONNECT", "HTTP/1.1 200 Established\r\nContent-Length: 4\r\n\r\n\x16\x03",
	  "start {200 1 kl length=4} tunnel", TA_HTTP1_IS_CONNECT },
	{ "CONNECT refused", "HTTP/1.1 407 No\r\nContent-Length: 1\r\n\r\nx",
	  "start {407 1 kl length=1} done", TA_HTTP1_IS_CONNECT },
	{ "lengths differ", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
	  "start {200 1 } broken", 0 },
	{ "status 099", "HTTP/1.1 099 x\r\n\r\n", "start broken", 0 },
	{ "status 20x", "HTTP/1.1 20x x\r\n\r\n", "start broken", 0 },
	{ "status 2000", "HTTP/1.1 2000 x\r\n\r\n", "start broken", 0 },
	{ "version 2", "HTTP/2.0 200 x\r\n\r\n", "start broken", 0 },
	{ "0.9 answer", "<html>", "start broken", 0 },
	{ "blank line", "\r\nHTTP/1.1 200 OK\r\n\r\n", "start broken", 0 },
	{ "request headers mean nothing", "HTTP/1.1 200 OK\r\nHost: a\r\nExpect: 100-continue\r\n"
	  "Content-Length: 0\r\n\r\n",
	  "start {200 1 kl length=0} done", 0 },
};

static void request_table(void)
{
	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++)
		check_splits(&requests[i], TA_HTTP1_REQUEST);
}

static void response_table(void)
{
	for (size_t i = 0; i < sizeof(responses) / sizeof(*responses); i++)
		check_splits(&responses[i], TA_HTTP1_RESPONSE);
}

static bool can_be_followed(const struct row *row)
{
	size_t bytes = strlen(row->expected);

	return bytes > 4 && strcmp(row->expected + bytes - 4, "done") == 0 &&
	       !strstr(row->expected, " 9 ");
}

/* All rows that leave the connection open, one behind the other on one of them. */
static void pipeline(void)
{
	static char bytes[32768], expected[32768];
	struct row row = { "all rows pipelined", bytes, expected, 0 };

	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
		if (!can_be_followed(&requests[i]))
			continue;
		if (*expected)
			strcat(expected, " ");
		strcat(bytes, requests[i].bytes);
		strcat(expected, requests[i].expected);
	}
	check(strlen(bytes) > 2000, "%zu", strlen(bytes));
	check_splits(&row, TA_HTTP1_REQUEST);
}

/* ---- sizes ---- */

/* prefix, count times filler, suffix; the caller frees. */
static char *blow_up(const char *prefix, char filler, size_t count, const char *suffix)
{
	size_t before = strlen(prefix), after = strlen(suffix) + 1;
	char *text = malloc(before + count + after);

	memcpy(text, prefix, before);
	memset(text + before, filler, count);
	memcpy(text + before + count, suffix, after);
	return text;
}

static void check_steps(const char *bytes, const char *expected)
{
	static const size_t steps[] = { 1, 7, 1000, 65536, 65537, 262144, 1u << 30 };
	static struct transcript whole, other;
	size_t count = strlen(bytes);

	whole.offsets = other.offsets = true;
	read_all(&whole, TA_HTTP1_REQUEST, 0, bytes, count, count, count);
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		other.offsets = true;
		read_all(&other, TA_HTTP1_REQUEST, 0, bytes, count, steps[i], steps[i]);
		check_text(other.text, whole.text);
	}
	whole.offsets = false;
	read_all(&whole, TA_HTTP1_REQUEST, 0, bytes, count, count, count);
	check_text(whole.text, expected);
}

static void long_targets(void)
{
	enum { MOST = TA_HTTP1_TARGET_MAX };
	static const size_t sizes[] = { MOST - 2, MOST - 1, MOST, MOST + 1, 20000, 200000 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		size_t bytes = sizes[i], kept = bytes < MOST ? bytes : MOST;
		static char expected[MOST + 256];
		char *text = blow_up("GET ", '/', bytes, " HTTP/1.1\r\nHost: h\r\n\r\n");
		char *bare = blow_up("GET ", '/', bytes, "\r\n");
		char total[32] = "";

		if (bytes > kept)
			snprintf(total, sizeof(total), " total=%zu", bytes);
		memset(expected, 0, sizeof(expected));
		snprintf(expected, sizeof(expected), "start {GET %.*s 1 k%s host=h} done", (int)kept,
			 text + 4, total);
		check_steps(text, expected);
		snprintf(expected, sizeof(expected), "start {GET %.*s 9 %s} done", (int)kept,
			 text + 4, total);
		check_steps(bare, expected);
		free(text);
		free(bare);
	}
}

static void long_heads(void)
{
	char *cookies = blow_up("GET / HTTP/1.1\r\nCookie: ", 'c', 65536,
				"\r\ntraceparent: " PARENT "\r\n\r\n");
	char *line = blow_up("GET / HTTP/1.1\r\nCookie: ", 'c', 262144, "\r\nHost: h\r\n\r\n");
	char *lines = blow_up("GET / HTTP/1.1\r\nX: y", '\n', 0, "");
	char *values = blow_up("GET / HTTP/1.1\r\nHost: ", 'h', 300, "\r\n\r\n");
	char host[512];

	check_steps(cookies, "start {GET / 1 k parent=" PARENT "} done");
	check_steps(line, "start broken");
	check_steps(lines, "start");
	snprintf(host, sizeof(host), "start {GET / 1 k host=%.128s} done", values + 22);
	check_steps(values, host);
	free(cookies);
	free(line);
	free(lines);
	free(values);
}

/* One byte less than the bound is a head, the bound is not. */
/* Nothing of a value that just fits is cut, whatever blanks stand behind it. */
static void full_values(void)
{
	static struct ta_http1_head head;
	char text[512];
	int bytes = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: %0*d  \r\n\r\n",
			     TA_HTTP1_HOST_MAX, 7);

	for (int step = 1; step <= bytes; step += bytes - 1) {
		struct ta_http1 parser;
		enum ta_http1_event event = TA_HTTP1_MORE;
		int at = 0;

		ta_http1_init(&parser, TA_HTTP1_REQUEST);
		while (at < bytes && event != TA_HTTP1_HEAD)
			at += (int)ta_http1_feed(&parser, &head, text + at, (size_t)step, &event);
		check(event == TA_HTTP1_HEAD && head.host_len == TA_HTTP1_HOST_MAX && head.cut == 0,
		      "steps of %d: %u bytes, cut %u", step, head.host_len, head.cut);
	}
}

/* A message that is known to begin goes straight to its head. */
static void known_start(void)
{
	static const char text[] = "GET /a HTTP/1.1\r\nHost: b\r\n\r\n";
	static struct ta_http1_head head;
	enum ta_http1_event event;
	struct ta_http1 parser;

	ta_http1_init(&parser, TA_HTTP1_REQUEST);
	for (int turn = 0; turn < 3; turn++) {
		check(!ta_http1_start(&parser, '\r'), "a blank line is no start");
		check(ta_http1_start(&parser, *text), "turn %d", turn);
		check(!ta_http1_start(&parser, *text), "begun already");
		check(ta_http1_feed(&parser, &head, text, sizeof(text) - 1, &event) ==
				      sizeof(text) - 1 &&
			      event == TA_HTTP1_HEAD && head.target_len == 2,
		      "turn %d: event %d", turn, (int)event);
	}
	ta_http1_start(&parser, 'G');
	check(ta_http1_feed(&parser, &head, "GET /\n", 6, &event) == 6 && event == TA_HTTP1_HEAD,
	      "a bare request");
	check(!ta_http1_start(&parser, 'G'), "nothing follows a bare request");
}

static void head_bound(void)
{
	size_t frame = strlen("GET / HTTP/1.1\r\nX: \r\n\r\n"), bound = 256 * 1024;
	char *fits = blow_up("GET / HTTP/1.1\r\nX: ", 'x', bound - frame, "\r\n\r\n");
	char *exceeds = blow_up("GET / HTTP/1.1\r\nX: ", 'x', bound - frame + 1, "\r\n\r\n");

	check_steps(fits, "start {GET / 1 k} done");
	check_steps(exceeds, "start broken");
	free(fits);
	free(exceeds);
}

static void chunk_bounds(void)
{
	char *extension = blow_up("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;", 'x',
				  262144, "\r\nx\r\n0\r\n\r\n");
	char *chunk = blow_up("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n80000\r\n", 'x',
			      0x80000, "\r\n0\r\n\r\n");
	char *trailer = blow_up("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", 'x',
				262144, "\r\n\r\n");

	check_steps(extension, "start {POST / 1 kc} broken");
	check_steps(chunk, "start {POST / 1 kc} done");
	check_steps(trailer, "start {POST / 1 kc} broken");
	free(extension);
	free(chunk);
	free(trailer);
}

/* ---- unseen bytes ---- */

static enum ta_http1_event feed_until(struct ta_http1 *parser, const char *bytes)
{
	static struct ta_http1_head head;
	size_t at = 0, count = strlen(bytes);
	enum ta_http1_event event, last = TA_HTTP1_MORE;

	do {
		at += ta_http1_feed(parser, &head, bytes + at, count - at, &event);
		if (event != TA_HTTP1_MORE)
			last = event;
	} while (event != TA_HTTP1_MORE && event != TA_HTTP1_BROKEN && event != TA_HTTP1_TUNNEL);
	return last;
}

static void skip_body(void)
{
	struct ta_http1 parser;
	enum ta_http1_event event;

	ta_http1_init(&parser, TA_HTTP1_RESPONSE);
	check_same(feed_until(&parser, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab"),
		   TA_HTTP1_HEAD);
	check_same(ta_http1_skip(&parser, 0, &event), 0);
	check_same(event, TA_HTTP1_MORE);
	check_same(ta_http1_skip(&parser, 5, &event), 5);
	check_same(event, TA_HTTP1_MORE);
	check_same(ta_http1_skip(&parser, 5, &event), 3);
	check_same(event, TA_HTTP1_DONE);
	check_same(feed_until(&parser, "HTTP/1.1 200 OK\r\n\r\n"), TA_HTTP1_HEAD);
	check_same(ta_http1_skip(&parser, SIZE_MAX, &event), SIZE_MAX);
	check_same(event, TA_HTTP1_MORE);
}

static void skip_chunks(void)
{
	struct ta_http1 parser;
	enum ta_http1_event event;

	ta_http1_init(&parser, TA_HTTP1_RESPONSE);
	feed_until(&parser, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n");
	check_same(ta_http1_skip(&parser, 8, &event), 8);
	check_same(event, TA_HTTP1_MORE);
	check_same(feed_until(&parser, "\r\n0\r\n\r\n"), TA_HTTP1_DONE);

	ta_http1_init(&parser, TA_HTTP1_RESPONSE);
	feed_until(&parser, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n");
	check_same(ta_http1_skip(&parser, 9, &event), 8);
	check_same(ta_http1_skip(&parser, 1, &event), 0);
	check_same(event, TA_HTTP1_BROKEN);
	check_same(feed_until(&parser, "\r\n0\r\n\r\n"), TA_HTTP1_BROKEN);
}

static void skip_heads(void)
{
	static const char *const inside[] = { "", "H", "HTTP/1.1 200 OK\r\nA: b",
					      "HTTP/1.1 204 x\r\n\r\n" };
	struct ta_http1 parser;
	enum ta_http1_event event;

	for (size_t i = 0; i < sizeof(inside) / sizeof(*inside); i++) {
		ta_http1_init(&parser, TA_HTTP1_RESPONSE);
		feed_until(&parser, inside[i]);
		check_same(ta_http1_skip(&parser, 1, &event), 0);
		check_same(event, TA_HTTP1_BROKEN);
		check_same(feed_until(&parser, "HTTP/1.1 200 OK\r\n\r\n"), TA_HTTP1_BROKEN);
	}
}

/* ---- recognition ---- */

static void recognition(void)
{
	static const struct {
		const char *bytes;
		int expected;
	} rows[] = {
		{ "", 0 },
		{ "G", 0 },
		{ "GET", 0 },
		{ "GET ", 0 },
		{ "GET /", 1 },
		{ "\r\n\r\nGET /", 1 },
		{ "\r\n", 0 },
		{ "GET http://a/ HTTP/1.1\r\n", 1 },
		{ "GET http://a", 0 },
		{ "GET http://aaaaaaaaaaaaaaaaaaaaaaaa", 1 },
		{ "OPTIONS * HTTP/1.1\r\n", 1 },
		{ "CONNECT a:443 HTTP/1.1\r\n", 1 },
		{ "CONNECT {\"verbose\":false}\r\n", -1 },
		{ "PROPFIND /dav HTTP/1.1\r\n", 1 },
		{ "M-SEARCH * HTTP/1.1\r\n", 1 },
		{ "get / HTTP/1.1\r\n", 1 },
		{ "get /key\r\n", -1 },
		{ "get /key", 0 },
		{ "GET /x\r\n", 1 },
		{ "GET key\r\n", -1 },
		{ "CWD /pub\r\n", -1 },
		{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", -1 },
		{ "EHLO mail.example.org\r\n", -1 },
		{ "OPTIONS sip:a@b SIP/2.0\r\n", -1 },
		{ "SSH-2.0-OpenSSH_9.2p1\r\n", -1 },
		{ "PING\r\n", -1 },
		{ "*1\r\n$4\r\nPING\r\n", -1 },
		{ "\x16\x03\x01", -1 },
		{ "HTTP/1.1 200 OK\r\n", -1 },
		{ " GET /", -1 },
		{ "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", -1 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int found = ta_http1_recognise(rows[i].bytes, strlen(rows[i].bytes));

		check(found == rows[i].expected, "'%s': %d, expected %d", rows[i].bytes, found,
		      rows[i].expected);
	}
}

/* What is recognised stays so while more of it arrives. */
static void recognition_grows(void)
{
	static const char *const texts[] = { "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
					     "get / HTTP/1.1\r\n\r\n",
					     "POST http://a/b HTTP/1.1\r\n\r\n",
					     "CONNECT a:1 HTTP/1.0\r\n\r\n" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		int before = 0;

		for (size_t bytes = 0; bytes <= strlen(texts[i]); bytes++) {
			int now = ta_http1_recognise(texts[i], bytes);

			check(now >= before, "'%.*s': %d after %d", (int)bytes, texts[i], now, before);
			before = now;
		}
		check_same(before, 1);
	}
}

int main(void)
{
	check_group("requests in all pieces", request_table);
	check_group("responses in all pieces", response_table);
	check_group("pipeline", pipeline);
	check_group("long targets", long_targets);
	check_group("long heads", long_heads);
	check_group("values that just fit", full_values);
	check_group("a start that is known", known_start);
	check_group("bound of a head", head_bound);
	check_group("bounds between chunks", chunk_bounds);
	check_group("unseen body bytes", skip_body);
	check_group("unseen chunk bytes", skip_chunks);
	check_group("unseen bytes elsewhere", skip_heads);
	check_group("recognition", recognition);
	check_group("recognition while bytes arrive", recognition_grows);
	return check_status();
}
