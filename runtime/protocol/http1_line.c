/* SPDX-License-Identifier: MIT */
/*
 * http1_line.c - the first line of a message: request line or status line.
 *
 * A request line is a method, blanks, and a tail.  When the tail ends with
 * " HTTP/1.x" the target is what stands before it, whatever bytes that is: the
 * servers that we watch log it raw, so it is kept raw.  Any other tail is a bare
 * request (HTTP/0.9, or nonsense that gets a 400): the target is its first word,
 * the head ends with the line, and nothing on this connection follows it.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/http1_parser.h"

#include <string.h>

/* Steps of " HTTP/d.d" at the end of the tail, and what may stand behind it. */
#define VERSION_MAJOR 6
#define VERSION_MINOR 8
#define VERSION_WHOLE 9
#define VERSION_BLANK 10 /* whole, and a space behind it that may begin another */
#define VERSION_BYTES 9

/* ---- request line ---- */

static void end_method(struct ta_http1 *parser, const struct ta_http1_head *head)
{
	if (head->method_len == 4 && memcmp(head->method, "HEAD", 4) == 0)
		parser->flags |= TA_HTTP1_IS_HEAD;
	if (head->method_len == 7 && memcmp(head->method, "CONNECT", 7) == 0)
		parser->flags |= TA_HTTP1_IS_CONNECT;
	parser->state = TA_STATE_SPACES;
}

/* Any printable bytes: nginx and Apache log a line with a bad method too.  A
 * control byte, or a line without a second word, is another protocol. */
static const char *read_method(struct ta_http1 *parser, struct ta_http1_head *head, const char *at,
			       const char *end)
{
	for (; at < end; at++) {
		if (*at == ' ' || *at == '\t') {
			end_method(parser, head);
			return at;
		}
		if ((unsigned char)*at < ' ' || (unsigned char)*at >= 0x7f) {
			parser->state = TA_STATE_BROKEN;
			return at;
		}
		if (head->method_len < TA_HTTP1_METHOD_MAX)
			head->method[head->method_len++] = *at;
	}
	return at;
}

static const char *skip_spaces(struct ta_http1 *parser, const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	if (at < end)
		parser->state = *at == '\n' ? TA_STATE_BROKEN : TA_STATE_TAIL;
	return at;
}

/* One byte at offset of the tail through the pattern; parser->mark is where the
 * last match began, parser->status gets the digits. */
static void version_byte(struct ta_http1 *parser, char byte, uint32_t offset)
{
	static const char pattern[VERSION_WHOLE + 1] = " HTTP/0.0";
	uint8_t step = parser->matched;

	if (step >= VERSION_WHOLE && ta_http1_blank(byte)) {
		parser->matched = byte == ' ' ? VERSION_BLANK : VERSION_WHOLE;
		return;
	}
	if (step == VERSION_BLANK && byte == 'H') {
		parser->mark = offset - 1;
		parser->matched = 2;
		return;
	}
	if ((step == VERSION_MAJOR || step == VERSION_MINOR) && byte >= '0' && byte <= '9') {
		parser->status = (uint16_t)(step == VERSION_MAJOR ? (byte - '0') * 10
								  : parser->status + byte - '0');
		parser->matched++;
		return;
	}
	if (step < VERSION_WHOLE && step != VERSION_MAJOR && step != VERSION_MINOR &&
	    byte == pattern[step] && step > 0) {
		parser->matched++;
		return;
	}
	parser->matched = byte == ' ';
	if (byte == ' ')
		parser->mark = offset;
}

/* Follows the pattern through a piece of the tail.  Only its last bytes can
 * matter: blanks at the end, and one pattern before them. */
static void follow_version(struct ta_http1 *parser, const char *piece, size_t bytes,
			   uint32_t offset)
{
	size_t i = bytes;

	while (i > 0 && ta_http1_blank(piece[i - 1]))
		i--;
	if (i > VERSION_BYTES + 1) {
		i -= VERSION_BYTES + 1;
		parser->matched = 0;
	} else {
		i = 0;
	}
	for (; i < bytes; i++)
		version_byte(parser, piece[i], offset + (uint32_t)i);
}

static void append_tail(struct ta_http1 *parser, struct ta_http1_head *head, const char *piece,
			size_t bytes)
{
	size_t room = TA_HTTP1_TARGET_MAX - head->target_len;
	size_t kept = bytes < room ? bytes : room;

	if (bytes == 0)
		return;
	memcpy(head->target + head->target_len, piece, kept);
	head->target_len = (uint16_t)(head->target_len + kept);
	head->target_total += (uint32_t)bytes;
	parser->last = (uint8_t)piece[bytes - 1];
}

/* The target is what was kept, up to total bytes and without blanks at its end. */
static void cut_target(struct ta_http1_head *head, uint32_t total)
{
	head->target_total = total;
	if (head->target_len > total)
		head->target_len = (uint16_t)total;
	while (head->target_len == head->target_total && head->target_len > 0 &&
	       ta_http1_blank(head->target[head->target_len - 1])) {
		head->target_len--;
		head->target_total--;
	}
}

static void end_bare_line(struct ta_http1 *parser, struct ta_http1_head *head, uint32_t total)
{
	cut_target(head, total);
	const char *space = memchr(head->target, ' ', head->target_len);

	if (space)
		cut_target(head, (uint32_t)(space - head->target));
	parser->version_minor = 9;
	parser->flags |= TA_SEEN_BARE;
	parser->state = head->target_len ? TA_STATE_HEAD_END : TA_STATE_BROKEN;
}

static void end_request_line(struct ta_http1 *parser, struct ta_http1_head *head)
{
	if (parser->matched < VERSION_WHOLE) {
		end_bare_line(parser, head, head->target_total - (parser->last == '\r'));
		return;
	}
	if (parser->status / 10 != 1) {
		end_bare_line(parser, head, parser->mark);
		return;
	}
	cut_target(head, parser->mark);
	parser->version_minor = parser->status % 10 != 0;
	parser->state = head->target_len ? TA_STATE_LINE : TA_STATE_BROKEN;
}

static const char *read_tail(struct ta_http1 *parser, struct ta_http1_head *head, const char *at,
			     const char *end)
{
	const char *line_end = memchr(at, '\n', (size_t)(end - at));
	const char *stop = line_end ? line_end : end;

	follow_version(parser, at, (size_t)(stop - at), head->target_total);
	append_tail(parser, head, at, (size_t)(stop - at));
	if (!line_end)
		return end;
	end_request_line(parser, head);
	return line_end + 1;
}

const char *ta_http1_request_line(struct ta_http1 *parser, struct ta_http1_head *head,
				  const char *at, const char *end)
{
	if (parser->state == TA_STATE_METHOD)
		at = read_method(parser, head, at, end);
	if (parser->state == TA_STATE_SPACES)
		at = skip_spaces(parser, at, end);
	if (parser->state == TA_STATE_TAIL && at < end)
		at = read_tail(parser, head, at, end);
	return at;
}

/* ---- status line ---- */

#define STATUS_MINOR 7
#define STATUS_FIRST 9
#define STATUS_END 12

/* One byte of "HTTP/1.d ddd" and the byte behind it. */
static bool status_byte(struct ta_http1 *parser, char byte)
{
	static const char pattern[STATUS_FIRST + 1] = "HTTP/1.0 ";
	uint8_t step = parser->matched++;

	if (step == STATUS_END) {
		parser->state = TA_STATE_REASON;
		return (byte == '\n' || ta_http1_blank(byte)) && parser->status >= 100;
	}
	if (step == STATUS_MINOR || step >= STATUS_FIRST) {
		if (byte < '0' || byte > '9')
			return false;
		if (step == STATUS_MINOR)
			parser->version_minor = byte != '0';
		else
			parser->status = (uint16_t)(parser->status * 10 + byte - '0');
		return true;
	}
	return byte == pattern[step];
}

const char *ta_http1_status_line(struct ta_http1 *parser, const char *at, const char *end)
{
	for (; at < end && parser->state == TA_STATE_STATUS; at++) {
		if (!status_byte(parser, *at)) {
			parser->state = TA_STATE_BROKEN;
			return at;
		}
		if (parser->state == TA_STATE_REASON)
			break;
	}
	if (parser->state != TA_STATE_REASON || at == end)
		return at;
	const char *line_end = memchr(at, '\n', (size_t)(end - at));

	if (!line_end)
		return end;
	parser->state = TA_STATE_LINE;
	return line_end + 1;
}
