/* SPDX-License-Identifier: MIT */
/*
 * traceparent.c - W3C trace context, section 3.2: 00-<32 hex>-<16 hex>-<2 hex>; sentry-trace.
 *
 * Upper-case hex, all-zero ids and version ff are invalid.  A higher version is
 * read like 00 when what follows the four fields begins with '-'.
 */
#include "runtime/protocol/traceparent.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool hex_field(const char *text, size_t digits, uint64_t *ret_value)
{
	uint64_t value = 0;

	for (size_t at = 0; at < digits; at++) {
		int digit = hex_digit(text[at]);

		if (digit < 0)
			return false;
		value = value << 4 | (uint64_t)digit;
	}
	*ret_value = value;
	return true;
}

static bool version_fits(uint64_t version, const char *text, size_t bytes)
{
	if (version == 0xff)
		return false;
	if (bytes == TA_TRACEPARENT_BYTES)
		return true;
	return version != 0 && text[TA_TRACEPARENT_BYTES] == '-';
}

bool ta_traceparent_parse(const char *text, size_t bytes, struct ta_traceparent *ret_parent)
{
	uint64_t version, hi, lo, span, flags;

	if (bytes < TA_TRACEPARENT_BYTES || text[2] != '-' || text[35] != '-' || text[52] != '-')
		return false;
	if (!hex_field(text, 2, &version) || !hex_field(text + 3, 16, &hi) ||
	    !hex_field(text + 19, 16, &lo) || !hex_field(text + 36, 16, &span) ||
	    !hex_field(text + 53, 2, &flags))
		return false;
	if (!version_fits(version, text, bytes) || (hi | lo) == 0 || span == 0)
		return false;
	*ret_parent = (struct ta_traceparent){ .trace_hi = hi,
					       .trace_lo = lo,
					       .span_id = span,
					       .flags = (uint8_t)flags };
	return true;
}

static void put_hex(char *out, uint64_t value, int digits)
{
	for (int at = digits - 1; at >= 0; at--, value >>= 4)
		out[at] = "0123456789abcdef"[value & 15];
}

void ta_traceparent_format(const struct ta_traceparent *parent, char *out)
{
	put_hex(out, 0, 2);
	out[2] = out[35] = out[52] = '-';
	put_hex(out + 3, parent->trace_hi, 16);
	put_hex(out + 19, parent->trace_lo, 16);
	put_hex(out + 36, parent->span_id, 16);
	put_hex(out + 53, parent->flags, 2);
	out[TA_TRACEPARENT_BYTES] = '\0';
}

/* ---- sentry-trace ---- */

bool ta_sentry_trace_parse(const char *text, size_t bytes, struct ta_traceparent *ret_parent)
{
	bool decided = bytes == TA_SENTRY_TRACE_BYTES;
	uint64_t hi, lo, span;

	if ((!decided && bytes != TA_SENTRY_TRACE_BYTES - 2) || text[32] != '-')
		return false;
	if (decided && (text[49] != '-' || (text[50] != '0' && text[50] != '1')))
		return false;
	if (!hex_field(text, 16, &hi) || !hex_field(text + 16, 16, &lo) ||
	    !hex_field(text + 33, 16, &span) || (hi | lo) == 0 || span == 0)
		return false;
	*ret_parent = (struct ta_traceparent){ .trace_hi = hi,
					       .trace_lo = lo,
					       .span_id = span,
					       .flags = decided && text[50] == '1',
					       .undecided = !decided };
	return true;
}

void ta_sentry_trace_format(const struct ta_traceparent *parent, char *out)
{
	put_hex(out, parent->trace_hi, 16);
	put_hex(out + 16, parent->trace_lo, 16);
	out[32] = out[49] = '-';
	put_hex(out + 33, parent->span_id, 16);
	out[50] = parent->flags & 1 ? '1' : '0';
	out[TA_SENTRY_TRACE_BYTES] = '\0';
}
