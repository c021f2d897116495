/* SPDX-License-Identifier: MIT */
/*
 * test_hpack.c - the HPACK decoder: the examples of RFC 7541, odd and broken blocks, and
 * a table that is compared with a plain one.
 *
 * A row is blocks in hex, with '|' between them; behind each one the facts and the whole
 * dynamic table are written down, newest entry first.  What is written must be the same
 * when the blocks come whole, in single bytes and split in two at every place.
 */
#include "runtime/protocol/hpack.h"

#include "runtime/protocol/hpack_parser.h"
#include "tests/unit/check.h"

#define BLOCK_BYTES 8192

struct text {
	char text[32768];
	size_t used;
};

struct row {
	const char *name, *blocks, *expected;
	bool answers;
	uint32_t max; /* of the table, if not 4096 */
};

static const char *const field_names[] = { "other",  "status", "grpc", "length", "type",
					   "scheme", "method", "path", "host",	 "agent",
					   "xff",    "fwd",    "tp",   "ts" };

__attribute__((format(printf, 2, 3))) static void put(struct text *out, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int count = vsnprintf(out->text + out->used, sizeof(out->text) - out->used, format, args);
	va_end(args);
	if (count > 0 && out->used + (size_t)count < sizeof(out->text))
		out->used += (size_t)count;
}

static size_t bytes_of(const char *hex, unsigned char *out)
{
	size_t count = 0;
	unsigned int byte;
	int used;

	while (sscanf(hex, " %2x%n", &byte, &used) == 1 && count < BLOCK_BYTES) {
		out[count++] = (unsigned char)byte;
		hex += used;
	}
	return count;
}

/* ---- what is written ---- */

static void put_value(struct text *out, const char *name, const char *text, size_t bytes)
{
	if (bytes)
		put(out, " %s=%.*s", name, (int)bytes, text);
}

static void put_head(struct text *out, const struct ta_http1_head *head)
{
	put_value(out, "method", head->method, head->method_len);
	put_value(out, "path", head->target, head->target_len);
	if (head->target_total != head->target_len)
		put(out, " of=%u", head->target_total);
	put_value(out, "host", head->host, head->host_len);
	put_value(out, "agent", head->user_agent, head->user_agent_len);
	put_value(out, "fwd", head->forwarded, head->forwarded_len);
	put_value(out, "tp", head->traceparent, head->traceparent_len);
	if (head->traceparent_count > 1)
		put(out, " tps=%u", head->traceparent_count);
	put_value(out, "ts", head->tracestate, head->tracestate_len);
}

static void put_facts(struct text *out, const struct ta_hpack_facts *facts)
{
	if (facts->status)
		put(out, " status=%u", facts->status);
	if (facts->grpc_status >= 0)
		put(out, " grpc=%d", facts->grpc_status);
	if (facts->flags & TA_HPACK_HAS_LENGTH)
		put(out, " length=%llu", (unsigned long long)facts->content_length);
	if (facts->flags & TA_HPACK_GRPC)
		put(out, " isgrpc");
	if (facts->flags & TA_HPACK_HTTPS)
		put(out, " https");
	if (facts->flags & TA_HPACK_LOST)
		put(out, " lost");
}

static void put_table(struct text *out, const struct ta_hpack_table *table, const char *ring)
{
	const struct ta_hpack_entry *entry;

	put(out, " %u(", table->size);
	for (uint32_t i = 0; (entry = ta_hpack_table_at(table, i)); i++) {
		put(out, "%s%s:%u", i ? " " : "", field_names[entry->field], entry->size);
		if (ta_hpack_is_text(entry->field))
			put(out, "=");
		else if (entry->field != TA_HPACK_OTHER)
			put(out, "=%u", entry->value);
		for (unsigned int at = 0; ta_hpack_is_text(entry->field) && at < entry->kept; at++)
			put(out, "%c", ring[(entry->value + at) % TA_HPACK_TABLE_BYTES]);
	}
	put(out, ")");
}

/* ---- rows ---- */

struct decoder {
	struct ta_hpack hpack;
	struct ta_http1_head head;
	struct ta_http1 reader;
	struct ta_hpack_facts facts;
	char ring[TA_HPACK_TABLE_BYTES];
};

static void decoder_init(struct decoder *decoder, bool answers)
{
	memset(decoder, 0x55, sizeof(*decoder));
	memset(&decoder->reader, 0, sizeof(decoder->reader));
	ta_hpack_init(&decoder->hpack, answers);
}

/* An exact copy: a read past the piece is seen by the sanitizer. */
static bool feed(struct decoder *decoder, const unsigned char *block, size_t bytes)
{
	const struct ta_hpack_sink sink = { decoder->hpack.answers ? NULL : &decoder->head,
					    &decoder->reader, &decoder->facts,
					    decoder->hpack.answers ? NULL : decoder->ring };
	unsigned char *piece = malloc(bytes ? bytes : 1);

	memcpy(piece, block, bytes);
	bool valid = ta_hpack_feed(&decoder->hpack, &sink, piece, bytes);

	free(piece);
	return valid;
}

static void begin(struct decoder *decoder)
{
	memset(&decoder->head, 0, offsetof(struct ta_http1_head, method));
	ta_hpack_begin(&decoder->hpack, &decoder->facts);
}

/* split 0: in single bytes. */
static bool feed_split(struct decoder *decoder, const unsigned char *block, size_t bytes,
		       size_t split)
{
	begin(decoder);
	for (size_t at = 0; split == 0 && at < bytes; at++)
		if (!feed(decoder, block + at, 1))
			return false;
	if (split == 0)
		return ta_hpack_end(&decoder->hpack);
	if (split > bytes)
		split = bytes;
	return feed(decoder, block, split) && feed(decoder, block + split, bytes - split) &&
	       ta_hpack_end(&decoder->hpack);
}

static size_t write_down(const struct row *row, size_t split, struct text *out)
{
	static struct decoder decoder;
	unsigned char block[BLOCK_BYTES];
	const char *at = row->blocks;
	size_t longest = 0;

	out->used = 0;
	decoder_init(&decoder, row->answers);
	if (row->max)
		ta_hpack_table_resize(&decoder.hpack.table, row->max);
	for (; at; at = strchr(at, '|'), at = at ? at + 1 : NULL) {
		size_t bytes = bytes_of(at, block);

		longest = bytes > longest ? bytes : longest;
		if (!feed_split(&decoder, block, bytes, split)) {
			put(out, " broken");
			break;
		}
		put_head(out, &decoder.head);
		put_facts(out, &decoder.facts);
		put_table(out, &decoder.hpack.table, decoder.ring);
		put(out, "%s", strchr(at, '|') ? ";" : "");
	}
	out->text[out->used] = '\0';
	return longest;
}

static void check_rows(const struct row *rows, size_t count)
{
	static struct text out;

	for (const struct row *row = rows; row < rows + count; row++) {
		size_t longest = write_down(row, 0, &out);

		for (size_t split = 0; split <= longest; split++) {
			write_down(row, split, &out);
			check(strcmp(out.text, row->expected) == 0,
			      "%s, split at %zu:\n%s\nnot\n%s", row->name, split, out.text,
			      row->expected);
		}
	}
}

#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof(*(rows)))

/* ---- RFC 7541, appendix C ---- */

static const struct row appendix_c[] = {
	{ "C.1.1, as a table's size", "2a", " 0()", false, 0 },
	{ "C.2.1", "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
	  " 55(other:55)", false, 0 },
	{ "C.2.2", "040c 2f73 616d 706c 652f 7061 7468", " path=/sample/path 0()", false, 0 },
	{ "C.2.3", "1008 7061 7373 776f 7264 0673 6563 7265 74", " 0()", false, 0 },
	{ "C.2.4", "82", " method=GET 0()", false, 0 },
	{ "C.3",
	  "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d|"
	  "8286 84be 5808 6e6f 2d63 6163 6865|"
	  "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
	  " method=GET path=/ host=www.example.com 57(host:57=www.example.com);"
	  " method=GET path=/ host=www.example.com 110(other:53 host:57=www.example.com);"
	  " method=GET path=/index.html host=www.example.com https"
	  " 164(other:54 other:53 host:57=www.example.com)",
	  false, 0 },
	{ "C.4",
	  "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff|8286 84be 5886 a8eb 1064 9cbf|"
	  "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
	  " method=GET path=/ host=www.example.com 57(host:57=www.example.com);"
	  " method=GET path=/ host=www.example.com 110(other:53 host:57=www.example.com);"
	  " method=GET path=/index.html host=www.example.com https"
	  " 164(other:54 other:53 host:57=www.example.com)",
	  false, 0 },
	{ "C.5",
	  "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032"
	  " 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63"
	  " 6f6d|4803 3330 37c1 c0bf|"
	  "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0"
	  " 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851"
	  " 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31",
	  " status=302 222(other:63 other:65 other:52 status:42=302);"
	  " status=307 222(status:42=307 other:63 other:65 other:52);"
	  " status=200 215(other:98 other:52 other:65)",
	  true, 256 },
	{ "C.6",
	  "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b"
	  " ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3|4883 640e ffc1 c0bf|"
	  "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad"
	  " 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160"
	  " 65c0 03ed 4ee5 b106 3d50 07",
	  " status=302 222(other:63 other:65 other:52 status:42=302);"
	  " status=307 222(status:42=307 other:63 other:65 other:52);"
	  " status=200 215(other:98 other:52 other:65)",
	  true, 256 },
};

static void rfc_examples(void)
{
	CHECK_ROWS(appendix_c);
}

/* C.1: integers, here with the prefix of 5 bits that a table's size has. */
static void integers(void)
{
	static const struct {
		unsigned char bytes[8];
		size_t count;
		uint32_t max;
	} rows[] = {
		{ { 0x2a }, 1, 10 },
		{ { 0x3f, 0x9a, 0x0a }, 3, 1337 },
		{ { 0x3f, 0x0b }, 2, 42 },
		{ { 0x3f, 0x00 }, 2, 31 },
		{ { 0x3f, 0x80, 0x80, 0x00 }, 4, 31 },
		{ { 0x3f, 0xe1, 0xff, 0x03 }, 4, 65536 },
	};
	static struct decoder decoder;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		for (size_t split = 0; split <= rows[i].count; split++) {
			decoder_init(&decoder, false);
			check(feed_split(&decoder, rows[i].bytes, rows[i].count, split), "%zu", i);
			check_same(decoder.hpack.table.max, rows[i].max);
		}
}

/* ---- odd and broken ---- */

static const struct row odd[] = {
	{ "an empty block", "", " 0()", false, 0 },
	{ "two sizes at the beginning", "20 3fe11f 82", " method=GET 0()", false, 0 },
	{ "a size of 0 empties", "4001 6101 62|20", " 34(other:34); 0()", false, 0 },
	{ "an entry as large as the table", "3f03 4001 6101 62", " 34(other:34)", false, 0 },
	{ "a larger entry empties it", "3f03 4001 6101 62 4001 6102 6263", " 0()", false, 0 },
	{ "a field above a size that was set to 0", "20 4105 612e 636f 6d", " host=a.com 0()",
	  false, 0 },
	{ "an entry pushes out its own name", "3f0f 4104 612e 6362 7e04 622e 6364",
	  " host=a.cb 46(host:46=b.cd)", false, 0 },
	{ "never indexed with a new name", "1004 686f 7374 0161", " host=a 0()", false, 0 },
	{ "names in capitals are others", "0004 484f 5354 0161", " 0()", false, 0 },
	{ "an empty name", "4000 0162", " 33(other:33)", false, 0 },
	{ "an empty path", "0400", " 0()", false, 0 },
	{ "authority, then host", "4101 61 0004 686f 7374 0162", " host=a 43(host:43=a)", false,
	  0 },
	{ "traceparent twice, out of the table", "400b 7472 6163 6570 6172 656e 7402 3030|bebe",
	  " tp=00 45(tp:45=00); tp=00 tps=2 45(tp:45=00)", false, 0 },
	{ "tracestate is joined", "400a 7472 6163 6573 7461 7465 0361 3d31|be 0f2f 0362 3d32",
	  " ts=a=1 45(ts:45=a=1); ts=a=1,b=2 45(ts:45=a=1)", false, 0 },
	{ "tracestate is joined by name", "400a 7472 6163 6573 7461 7465 0361 3d31|be 7e03 623d 32",
	  " ts=a=1 45(ts:45=a=1); ts=a=1,b=2 90(ts:45=b=2 ts:45=a=1)", false, 0 },
	{ "the first of those who forwarded",
	  "000f 782d 666f 7277 6172 6465 642d 666f 7205 312c 2032 20", " fwd=1 0()", false, 0 },
	{ "for= of Forwarded", "0009 666f 7277 6172 6465 6409 663d 313b 666f 723d 37", " fwd=7 0()",
	  false, 0 },
	{ "gRPC with a suffix", "5f16 6170 706c 6963 6174 696f 6e2f 6772 7063 2b70 726f 746f|be",
	  " isgrpc 66(type:66=1); isgrpc 66(type:66=1)", false, 0 },
	{ "gRPC-web is another thing",
	  "0f10 15 6170 706c 6963 6174 696f 6e2f 6772 7063 2d77 6562 2b", " 0()", false, 0 },
	{ "gRPC's status", "400b 6772 7063 2d73 7461 7475 7302 3134|be|",
	  " grpc=14 45(grpc:45=14); grpc=14 45(grpc:45=14); 45(grpc:45=14)", true, 0 },
	{ "a gRPC status that is none", "000b 6772 7063 2d73 7461 7475 7302 3137", " 0()", true,
	  0 },
	{ "a length", "0f0d 0331 3233", " length=123 0()", false, 0 },
	{ "a length that is none", "0f0d 0331 3278", " 0()", false, 0 },
	{ "a length without a value, and by its index", "0f0d 00 9c", " 0()", false, 0 },
	{ "a long length, once more from the table", "5c0b 3132 3334 3536 3738 3930 31|be",
	  " length=12345678901 57(length:57=4294967295); 57(length:57=4294967295)", false, 0 },
	{ "status in a request", "88 4803 3230 30", " 42(other:42)", false, 0 },
	{ "path in an answer", "84 4401 2f", " 38(other:38)", true, 0 },
};

static const struct row broken[] = {
	{ "index 0", "80", " broken", false, 0 },
	{ "index without entry", "be", " broken", false, 0 },
	{ "name without entry", "7e0161", " broken", false, 0 },
	{ "an entry that was pushed out", "3f03 4001 6101 62|4001 6101 63 bf",
	  " 34(other:34); broken", false, 0 },
	{ "a size behind a field", "82 20", " broken", false, 0 },
	{ "a size above all", "3fff ffff 7f", " broken", false, 0 },
	{ "an integer too long", "ff80 8080 8080 00", " broken", false, 0 },
	{ "an integer too large", "ffff ffff ff7f", " broken", false, 0 },
	{ "ends in an integer", "ff", " broken", false, 0 },
	{ "ends in a name", "4002 61", " broken", false, 0 },
	{ "ends before a value", "4001 61", " broken", false, 0 },
	{ "ends in a value", "4001 6102 61", " broken", false, 0 },
	{ "padding of zeros", "0481 60", " broken", false, 0 },
	{ "padding of a byte", "0482 63ff", " broken", false, 0 },
	{ "the end mark", "0484 ffff ffff", " broken", false, 0 },
	{ "the end mark inside", "0485 1fff ffff ff", " broken", false, 0 },
	{ "coded, without a byte of it", "0480", " 0()", false, 0 },
};

static void odd_blocks(void)
{
	CHECK_ROWS(odd);
}

static void broken_blocks(void)
{
	CHECK_ROWS(broken);
}

/* ---- Huffman ---- */

/* All bytes in their order, as another encoder wrote them. */
static const char all_bytes[] =
	"ffc7fffd8fffffe2fffffe3fffffe4fffffe5fffffe6fffffe7fffffe8ffffeafffffff3fffffa7f"
	"ffffabffffffdfffffebfffffecfffffedfffffeefffffefffffff0ffffff1ffffff2fffffffbfff"
	"ffcffffffd3fffffd7fffffdbfffffdffffffe3fffffe7fffffebfffffed4fe3f9ffaffcabf1febf"
	"afefe7fdfd2cbb00089969b71d79fb9f7fff20ffbff3ff50ddbd7f061c58f265cd9f469d5af66ddd"
	"bf871e5f9cff7ff7fffc3ff9ffe45fff4719242cb34e6e9d68a6a3d7dac426defe3cfaf7fffbfe7f"
	"fbffdffffffcfffe6ffff4bfff9ffffa3fffd3ffff53fffd5ffffb3fffeb7fffdaffffb7ffff73ff"
	"feeffffdeffffebffffbfffffd9ffffdbfffebffffe0ffffeeffffc3ffff8bffff1ffffe4fffee7f"
	"ffb1ffff97fffd9ffffcdffff9fffffbffffdafffeeffff4ffffb7fffee7fffe8ffffd3fffdeffff"
	"d5fffeeffffbdffffe1fffdfffff7fffff5ffffecffff07fff87fffe0ffff17fffedffff87ffff77"
	"fffeffffeaffff8bfffe3ffff93ffff87fffcbffff37ffff1fffff83ffffe1fffebfffe3ffff3fff"
	"ff2ffffa3ffffd9fffff17ffffc7fffff27ffffdefffffbffffff2fffff8fffffb7fff97fff8ffff"
	"fe6fffffc1fffff87ffffe7fffffc5ffffe5fffe4ffff2fffffd1fffff4ffffffefffffe3fffffc9"
	"fffff97fffb3ffffcffffb7fffcdffff4ffff9ffffd1ffffcffffeaffffafffffddffffeffffff4f"
	"ffff5fffffabffffa7ffffd7fffff9bffffecfffffb7fffff3fffffe8fffffd3fffffabfffff5fff"
	"ffff7ffffecfffffdbfffffbbfffff7ffffff0fffffbbf";

static size_t decode(const unsigned char *code, size_t bytes, size_t step, size_t room, char *out)
{
	struct ta_huffman huffman;
	const unsigned char *at = code;
	size_t used = 0, some;

	ta_huffman_init(&huffman);
	while (at < code + bytes) {
		const unsigned char *end = at + step < code + bytes ? at + step : code + bytes;

		do {
			if (!check(ta_huffman_feed(&huffman, &at, end, out + used, room, &some),
				   "at %td", at - code))
				return 0;
			used += some;
		} while (some == room);
	}
	check(ta_huffman_ends(&huffman), "%u bits", huffman.count);
	return used;
}

static void huffman(void)
{
	unsigned char code[BLOCK_BYTES];
	size_t bytes = bytes_of(all_bytes, code);
	char out[512];

	for (size_t step = 1; step <= bytes; step++)
		for (size_t room = 1; room < 200; room = room * 3 + 1) {
			check_same(decode(code, bytes, step, room, out), 256);
			for (int i = 0; i < 256; i++)
				check((unsigned char)out[i] == i, "%d", i);
		}
}

/* ---- against a plain table ---- */

struct plain {
	char name[24], value[1200];
	size_t value_bytes;
};

static struct {
	struct plain entries[4096]; /* newest last */
	size_t first, count, size, max;
} model;

static uint32_t seed;

static uint32_t any(uint32_t below)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % below;
}

static size_t plain_size(const struct plain *entry)
{
	return strlen(entry->name) + entry->value_bytes + 32;
}

static void model_shrink(size_t max)
{
	while (model.size > max)
		model.size -= plain_size(&model.entries[model.first++]);
}

static void model_add(const struct plain *entry)
{
	if (model.first == model.count)
		model.first = model.count = model.size = 0;
	if (plain_size(entry) > model.max) {
		model_shrink(0);
		return;
	}
	model_shrink(model.max - plain_size(entry));
	if (model.count == sizeof(model.entries) / sizeof(*model.entries)) {
		memmove(model.entries, model.entries + model.first,
			(model.count - model.first) * sizeof(*model.entries));
		model.count -= model.first;
		model.first = 0;
	}
	model.entries[model.count++] = *entry;
	model.size += plain_size(entry);
}

static size_t put_number(unsigned char *out, unsigned int form, unsigned int prefix, size_t number)
{
	size_t mask = (1u << prefix) - 1, used = 1;

	out[0] = (unsigned char)(form | (number < mask ? number : mask));
	if (number < mask)
		return 1;
	for (number -= mask; number >= 128; number >>= 7)
		out[used++] = (unsigned char)(number | 128);
	out[used++] = (unsigned char)number;
	return used;
}

static size_t put_string(unsigned char *out, const char *text, size_t bytes)
{
	size_t used = put_number(out, 0, 7, bytes);

	memcpy(out + used, text, bytes);
	return used + bytes;
}

static void make_entry(struct plain *entry)
{
	static const char *const names[] = { "user-agent", ":path", "traceparent", "x-unknown",
					     "content-length" };
	uint32_t largest = any(8) ? 60 : (uint32_t)sizeof(entry->value);

	snprintf(entry->name, sizeof(entry->name), "%s", names[any(5)]);
	entry->value_bytes = any(largest);
	for (size_t i = 0; i < entry->value_bytes; i++)
		entry->value[i] = (char)('a' + any(26));
	if (entry->name[0] == 'c')
		entry->value_bytes = (size_t)sprintf(entry->value, "%u", any(100000));
}

static void check_field(const struct decoder *decoder, const struct plain *entry)
{
	const struct ta_http1_head *head = &decoder->head;
	struct text out = { .used = 0 };

	if (entry->name[0] == 'c')
		check(decoder->facts.content_length == (uint64_t)atol(entry->value), "%s",
		      entry->value);
	else if (entry->name[0] == ':')
		check(head->target_total == entry->value_bytes &&
			      memcmp(head->target, entry->value, entry->value_bytes) == 0,
		      "%u of %zu", head->target_total, entry->value_bytes);
	else if (entry->name[0] == 'u')
		check(head->user_agent_len ==
				      (entry->value_bytes < 160 ? entry->value_bytes : 160) &&
			      memcmp(head->user_agent, entry->value, head->user_agent_len) == 0,
		      "%u of %zu", head->user_agent_len, entry->value_bytes);
	else
		put_head(&out, head);
	check((entry->name[0] == 't') == (head->traceparent_count == 1), "%s", out.text);
}

/* One block of one field: new, by the name of another, or out of the table. */
static size_t make_block(unsigned char *block, struct plain *entry, bool *ret_known)
{
	size_t live = model.count - model.first, used = 0;

	if (any(40) == 0) {
		model.max = any(3) ? any(5000) : 4096;
		used = put_number(block, 0x20, 5, model.max);
		model_shrink(model.max);
		live = model.count - model.first;
	}
	size_t index = live ? any((uint32_t)live) : 0;
	const struct plain *known = live ? &model.entries[model.count - 1 - index] : NULL;

	*ret_known = known && any(2);
	if (*ret_known) {
		*entry = *known;
		return used + put_number(block + used, 0x80, 7, index + 62);
	}
	make_entry(entry);
	if (known && strcmp(known->name, entry->name) == 0) {
		used += put_number(block + used, 0x40, 6, index + 62);
	} else {
		block[used++] = 0x40;
		used += put_string(block + used, entry->name, strlen(entry->name));
	}
	return used + put_string(block + used, entry->value, entry->value_bytes);
}

static void against_plain(void)
{
	static struct decoder decoder;
	static struct plain entry;
	unsigned char block[BLOCK_BYTES];

	decoder_init(&decoder, false);
	memset(&model, 0, sizeof(model));
	model.max = 4096;
	seed = 7;
	for (int i = 0; i < 200000; i++) {
		bool known;
		size_t bytes = make_block(block, &entry, &known);

		if (!check(feed_split(&decoder, block, bytes, any((uint32_t)bytes) + 1), "%d", i))
			return;
		if (!known)
			model_add(&entry);
		check_field(&decoder, &entry);
		check(decoder.facts.flags == 0 || entry.name[0] == 'c', "%u", decoder.facts.flags);
		/* Of a table above 4096 bytes some may be forgotten. */
		if (model.max <= 4096 &&
		    !check(decoder.hpack.table.size == model.size &&
				   decoder.hpack.table.count == model.count - model.first,
			   "round %d: %u in %u, not %zu in %zu", i, decoder.hpack.table.size,
			   decoder.hpack.table.count, model.size, model.count - model.first))
			return;
	}
}

/* ---- tables above 4096 bytes ---- */

static bool feed_number(struct decoder *decoder, unsigned int form, unsigned int prefix,
			size_t number)
{
	unsigned char block[8];

	return feed_split(decoder, block, put_number(block, form, prefix, number), 99);
}

static void add_path(struct decoder *decoder, unsigned int number, size_t bytes)
{
	unsigned char block[BLOCK_BYTES];
	char path[4200];

	memset(path, 'x', sizeof(path));
	snprintf(path, sizeof(path), "/%06u", number);
	path[7] = 'x';
	size_t used = put_number(block, 0x40, 6, 4);

	used += put_string(block + used, path, bytes);
	check(feed_split(decoder, block, used, 99), "%u", number);
}

static void large_tables(void)
{
	static struct decoder decoder;

	decoder_init(&decoder, false);
	check(feed_number(&decoder, 0x20, 5, 65536), "resize");
	for (unsigned int i = 0; i < 300; i++)
		add_path(&decoder, i, 10);
	check(feed_number(&decoder, 0x80, 7, 62 + 127), "the last that is kept");
	check(memcmp(decoder.head.target, "/000172xxx", 10) == 0, "%.10s", decoder.head.target);
	check_same(decoder.facts.flags, 0);
	check(feed_number(&decoder, 0x80, 7, 62 + 128), "the first that is not");
	check_same(decoder.facts.flags, TA_HPACK_LOST);
	check_same(decoder.head.target_len, 0);

	for (unsigned int i = 0; i < 5; i++)
		add_path(&decoder, 900 + i, 1100);
	check(feed_number(&decoder, 0x80, 7, 62 + 2), "texts that are kept");
	check_same(decoder.head.target_len, 1100);
	check(memcmp(decoder.head.target, "/000902x", 8) == 0, "%.8s", decoder.head.target);
	check(feed_number(&decoder, 0x80, 7, 62 + 4), "a text that is not");
	check_same(decoder.facts.flags, TA_HPACK_LOST);

	check(feed_number(&decoder, 0x20, 5, 4096), "resize");
	check(!feed_number(&decoder, 0x80, 7, 62 + 4), "an entry that is gone for all");
}

/* A new entry with a name that was forgotten has no size that could be known. */
static void forgotten_name(void)
{
	static struct decoder decoder;
	unsigned char block[16];
	size_t used;

	decoder_init(&decoder, false);
	feed_number(&decoder, 0x20, 5, 65536);
	for (unsigned int i = 0; i < 300; i++)
		add_path(&decoder, i, 10);
	used = put_number(block, 0, 4, 62 + 200);
	block[used++] = 0;
	check(feed_split(&decoder, block, used, 99), "not added");
	check_same(decoder.facts.flags, TA_HPACK_LOST);
	used = put_number(block, 0x40, 6, 62 + 200);
	block[used++] = 0;
	check(!feed_split(&decoder, block, used, 99), "added");
}

int main(void)
{
	check_group("the examples of RFC 7541", rfc_examples);
	check_group("integers", integers);
	check_group("odd blocks", odd_blocks);
	check_group("broken blocks", broken_blocks);
	check_group("Huffman's code, all bytes", huffman);
	check_group("the table against a plain one", against_plain);
	check_group("tables above 4096 bytes", large_tables);
	check_group("a name that was forgotten", forgotten_name);
	return check_status();
}
