/* SPDX-License-Identifier: MIT */
/*
 * test_pb.c - protobuf's wire format: byte for byte as its specification has it, read
 * back, and bytes that are none.
 */
#include "runtime/export/pb.h"

#include "tests/unit/check.h"

static struct ta_buf buf;

static void check_bytes(const char *name, const char *want, size_t bytes)
{
	check_at(!buf.failed && buf.bytes == bytes &&
			 (!bytes || memcmp(buf.data, want, bytes) == 0),
		 name, __LINE__, "%zu bytes, expected %zu", buf.bytes, bytes);
	ta_buf_clear(&buf);
}

#define expect_bytes(name, want) check_bytes(name, want, sizeof(want) - 1)

static void numbers(void)
{
	ta_pb_uint(&buf, 1, 150);
	expect_bytes("specification's 150", "\x08\x96\x01");
	ta_pb_uint(&buf, 1, 0);
	expect_bytes("zero", "");
	ta_pb_uint_always(&buf, 1, 0);
	expect_bytes("zero always", "\x08\0");
	ta_pb_uint(&buf, 1, 127);
	expect_bytes("127", "\x08\x7f");
	ta_pb_uint(&buf, 1, (uint64_t)-2);
	expect_bytes("negative", "\x08\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01");
	ta_pb_uint(&buf, 16, 1);
	expect_bytes("field 16", "\x80\x01\x01");
	ta_pb_fixed64(&buf, 7, 0x0102030405060708ull);
	expect_bytes("fixed64", "\x39\x08\x07\x06\x05\x04\x03\x02\x01");
	ta_pb_fixed64(&buf, 7, 0);
	ta_pb_fixed32(&buf, 7, 0);
	expect_bytes("zeros", "");
	ta_pb_fixed64_always(&buf, 7, 0);
	expect_bytes("fixed64 always", "\x39\0\0\0\0\0\0\0\0");
	ta_pb_fixed32(&buf, 16, 0x301);
	expect_bytes("fixed32", "\x85\x01\x01\x03\0\0");
	ta_pb_double_always(&buf, 4, 1.0);
	expect_bytes("double", "\x21\0\0\0\0\0\0\xf0\x3f");
	ta_pb_double_always(&buf, 4, 0);
	expect_bytes("double 0", "\x21\0\0\0\0\0\0\0\0");
}

static void texts(void)
{
	ta_pb_text(&buf, 2, "testing", 7);
	expect_bytes("specification's text", "\x12\x07testing");
	ta_pb_text(&buf, 2, "", 0);
	ta_pb_bytes(&buf, 2, NULL, 0);
	expect_bytes("empty", "");
	ta_pb_text_always(&buf, 2, NULL, 0);
	expect_bytes("empty always", "\x12\0");
	ta_pb_text(&buf, 2, "a\0b", 3);
	expect_bytes("NUL", "\x12\x03" "a\0b");
	ta_pb_text(&buf, 2, "gr\xc3\xbc\xc3\x9f\xf0\x9f\x98\x80", 10);
	expect_bytes("UTF-8", "\x12\x0agr\xc3\xbc\xc3\x9f\xf0\x9f\x98\x80");
	ta_pb_text(&buf, 2, "a\xff" "b", 3);
	expect_bytes("lone byte", "\x12\x05" "a\xef\xbf\xbd" "b");
	ta_pb_text(&buf, 2, "\xc0\xaf", 2);
	expect_bytes("overlong", "\x12\x06\xef\xbf\xbd\xef\xbf\xbd");
	ta_pb_text(&buf, 2, "xxxxxxxx\xed\xa0\x80", 11);
	expect_bytes("surrogate", "\x12\x11xxxxxxxx\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	ta_pb_text(&buf, 2, "x\xe2\x82", 3);
	expect_bytes("cut", "\x12\x07x\xef\xbf\xbd\xef\xbf\xbd");
	ta_pb_bytes(&buf, 2, "\xff\0", 2);
	expect_bytes("bytes", "\x12\x02\xff\0");
}

/* The last bytes of a word, and the first, are looked at as well. */
static void bad_anywhere(void)
{
	for (size_t bytes = 1; bytes < 40; bytes++)
		for (size_t at = 0; at < bytes; at++) {
			char text[40];

			memset(text, 'a', sizeof(text));
			check(ta_pb_text_good(text, bytes), "%zu", bytes);
			text[at] = (char)0x80;
			check(!ta_pb_text_good(text, bytes), "%zu of %zu", at, bytes);
		}
}

static void nested_at(size_t bytes)
{
	struct ta_pb_reader reader;
	struct ta_pb_field field;
	size_t outer, inner, before;
	char *fill = calloc(1, bytes);

	ta_buf_clear(&buf);
	ta_pb_uint(&buf, 1, 7);
	outer = ta_pb_open(&buf, 2);
	inner = ta_pb_open(&buf, 300);
	ta_buf_put(&buf, fill, bytes);
	ta_pb_close(&buf, inner);
	ta_pb_close(&buf, outer);
	before = buf.bytes;
	ta_pb_uint(&buf, 3, 8);
	check_same(buf.bytes - before, 2);
	reader.at = (unsigned char *)buf.data;
	reader.end = reader.at + buf.bytes;
	check(ta_pb_next(&reader, &field) && field.number == 1 && field.value == 7, "first");
	check(ta_pb_next(&reader, &field) && field.number == 2 && field.wire == 2, "outer");
	struct ta_pb_reader inside = { (const unsigned char *)field.data,
				       (const unsigned char *)field.data + field.bytes };
	check(ta_pb_next(&reader, &field) && field.number == 3 && field.value == 8, "last");
	check(!ta_pb_next(&reader, &field) && reader.at == reader.end, "end");
	check(ta_pb_next(&inside, &field) && field.number == 300 && field.bytes == bytes, "inner %zu",
	      field.bytes);
	check(!bytes || memcmp(field.data, fill, bytes) == 0, "content");
	check(inside.at == inside.end, "nothing behind");
	free(fill);
	ta_buf_clear(&buf);
}

/* Around each length of a length, of the inner and the outer message. */
static void nested(void)
{
	static const size_t sizes[] = { 0, 1, 127, 128, 16383, 16384, 2097151, 2097152 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (size_t less = 0; less < 8; less++)
			if (sizes[i] >= less)
				nested_at(sizes[i] - less);
}

static bool reads(const char *bytes, size_t count, struct ta_pb_field *field)
{
	/* a copy of exactly this size, so that a sanitizer sees every byte too many */
	unsigned char *copy = malloc(count ? count : 1);
	struct ta_pb_reader reader = { copy, copy + count };
	bool good;

	if (count)
		memcpy(copy, bytes, count);
	good = ta_pb_next(&reader, field);
	check(good || reader.at == copy, "stays where it was");
	free(copy);
	return good;
}

#define GOOD(literal) check(reads(literal, sizeof(literal) - 1, &field), "a field")
#define BAD(literal) check(!reads(literal, sizeof(literal) - 1, &field), "no field")

static void reading(void)
{
	struct ta_pb_field field;

	GOOD("\x08\x96\x01");
	check_same(field.value, 150);
	GOOD("\x39\x08\x07\x06\x05\x04\x03\x02\x01");
	check(field.value == 0x0102030405060708ull, "fixed64");
	GOOD("\x85\x01\x01\x03\0\xf0");
	check(field.value == 0xf0000301u && field.number == 16 && field.wire == 5, "fixed32");
	GOOD("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
	check(field.value == UINT64_MAX, "all bits");
	GOOD("\x12\0");
	check_same(field.bytes, 0);
	GOOD("\x08\x80\0"); /* not canonical, but a number */
	check_same(field.value, 0);
}

static void garbage(void)
{
	struct ta_pb_field field;

	BAD("");
	BAD("\x08");
	BAD("\x08\x80");
	BAD("\x00\x01");				     /* field 0 */
	BAD("\x0b");					     /* groups */
	BAD("\x0f\0");					     /* no wire type */
	BAD("\x12\x02x");				     /* cut */
	BAD("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"); /* longer than memory */
	BAD("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"); /* 65 bits */
	BAD("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
	BAD("\x88\x80\x80\x80\x80\x01\x01"); /* a number of a field that no field has */
	BAD("\x39\x08\x07\x06\x05\x04\x03\x02");
	BAD("\x85\x01\x01\x03\0");
}

/* A buffer that has failed stays as it is. */
static void out_of_memory(void)
{
	struct ta_buf failed = { .failed = true };
	size_t opened = ta_pb_open(&failed, 1);

	ta_pb_uint_always(&failed, 1, 1);
	ta_pb_fixed64_always(&failed, 1, 1);
	ta_pb_fixed32(&failed, 1, 1);
	ta_pb_text_always(&failed, 1, "\xff", 1);
	ta_pb_bytes(&failed, 1, "x", 1);
	ta_pb_close(&failed, opened);
	check(failed.failed && !failed.data && !failed.bytes, "untouched");
	failed.failed = false;
	ta_pb_bytes(&failed, 1, "x", SIZE_MAX - 20);
	check(failed.failed, "more than there is");
}

int main(void)
{
	check_group("numbers", numbers);
	check_group("texts", texts);
	check_group("bad_anywhere", bad_anywhere);
	check_group("nested", nested);
	check_group("reading", reading);
	check_group("garbage", garbage);
	check_group("out_of_memory", out_of_memory);
	ta_buf_fini(&buf);
	return check_status();
}
