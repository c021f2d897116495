/* SPDX-License-Identifier: MIT */
/*
 * inject.c - fuzzes what is put into the bytes of a client: the write calls of one connection.
 *
 * Input: a byte that says how, one with the number of steps, four bytes a step, and what the
 * program writes.  How:
 *
 *     bits 0, 1   0: the kernel's calls; 1: a TLS library that takes all or nothing; 2: one
 *                 that takes parts and does not want to be told twice; 3: as 1, but in parts
 *     bit 2       it is a proxy, at work for a request that came with the traceparent PARENT
 *
 * A step: how many pieces and whether an answer comes first; the length of each piece, two
 * bytes; how much is taken of a call (0: not now, 255: everything).  Steps come round again
 * until everything is written.
 *
 * Whatever the steps are: what goes out is what the program wrote, byte for byte, told as
 * written as far as it is out; but for header lines of ours before the empty line of a head,
 * and the span's number (version, flags) within PARENT.  Nothing that was borrowed is kept.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hooks/inject.h"
#include "hooks/inject_tls.h"
#include "runtime/core/arena.h"
#include "runtime/protocol/traceparent.h"
#include "tests/unit/support_host.h"

#define PARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
#define SENT_MAX (1u << 20)
#define TURNS_MAX 3000
#define PIECES 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* The functions behind the hooks are ours. */
struct ta_real ta_real;
void ta_real_resolve(void)
{
}

enum how { KERNEL, TLS_WHOLE, TLS_PARTS, TLS_WHOLE_PARTS };

static struct {
	char bytes[SENT_MAX]; /* what the other side gets */
	size_t count;
	uint8_t takes;
	const void *again; /* TLS: what was refused has to come again */
	size_t again_bytes, kept;
} out;

struct program {
	enum how how;
	int fd;
	uint64_t word;
	const char *text; /* all that it writes */
	size_t bytes, written, refused, owed;
};

static void demand(int holds)
{
	if (!holds)
		abort();
}

static void put(const void *data, size_t bytes)
{
	demand(bytes <= SENT_MAX - out.count);
	memcpy(out.bytes + out.count, data, bytes);
	out.count += bytes;
}

/* ---- who takes the bytes ---- */

static ssize_t refuse(void)
{
	errno = EAGAIN;
	return -1;
}

static ssize_t take_pieces(const struct iovec *iov, int count)
{
	size_t left = out.takes == 255 ? SIZE_MAX : out.takes, taken = 0;

	if (left == 0)
		return refuse();
	for (int i = 0; i < count && left; i++) {
		size_t part = iov[i].iov_len < left ? iov[i].iov_len : left;

		put(iov[i].iov_base, part);
		taken += part;
		left -= part;
	}
	return (ssize_t)taken;
}

static ssize_t take_writev(int fd, const struct iovec *iov, int count)
{
	(void)fd;
	return take_pieces(iov, count);
}

static ssize_t take_sendmsg(int fd, const struct msghdr *message, int flags)
{
	(void)fd, (void)flags;
	return take_pieces(message->msg_iov, (int)message->msg_iovlen);
}

/* As OpenSSL: what was refused comes again, the same bytes from the same place. */
static ssize_t take_whole(const struct ta_tls_writer *writer, const void *data, size_t bytes)
{
	const struct program *program = writer->session;
	size_t part = bytes;

	demand(bytes > 0 && (!out.again || (data == out.again && bytes >= out.again_bytes)));
	out.again = out.takes ? NULL : data;
	out.again_bytes = bytes;
	if (out.takes == 0)
		return refuse();
	if (program->how == TLS_WHOLE_PARTS && out.takes < bytes)
		part = out.takes;
	put(data, part);
	return (ssize_t)part;
}

/* As GnuTLS: what was refused is the library's, and is asked for again. */
static ssize_t take_part(const struct ta_tls_writer *writer, const void *data, size_t bytes)
{
	size_t part = bytes < writer->most ? bytes : writer->most;

	if (!out.kept) {
		demand(data != NULL && bytes > 0);
		put(data, part);
	} else {
		part = out.kept;
	}
	out.kept = out.takes ? 0 : part;
	return out.takes ? (ssize_t)part : refuse();
}

/* ---- the program's calls ---- */

static void write_pieces(struct program *program, struct iovec *iov, int count, bool message)
{
	struct ta_write_call call = { .fd = program->fd, .message = message };
	ssize_t result;

	if (!ta_inject(&call, iov, count, &result))
		result = take_pieces(iov, count);
	demand(result > 0 || (result < 0 && errno == EAGAIN && out.takes == 0));
	if (result < 0)
		return;
	ta_conn_wrote(program->word, iov, count, (uint64_t)result);
	program->written += (size_t)result;
}

static void write_whole(struct program *program, const char *data, size_t bytes)
{
	struct ta_tls_writer writer = { .write = take_whole, .session = program, .whole = true };
	ssize_t result;

	if (!ta_inject_tls(program->word, &writer, data, &bytes, &result))
		result = take_whole(&writer, data, bytes);
	demand(result <= (ssize_t)bytes && result != 0);
	if (result < 0)
		return;
	ta_conn_plain_wrote(program->word, data, (uint64_t)result);
	program->written += (size_t)result;
}

/* What the library keeps is told at once, and is owed until it says how much it was. */
static void write_parts(struct program *program, const char *data, size_t bytes)
{
	struct ta_tls_writer writer = { .write = take_part, .session = program, .most = 64 };
	ssize_t result;

	bytes = bytes < writer.most || program->owed ? bytes : writer.most;
	if (!ta_inject_tls(program->word, &writer, data, &bytes, &result))
		result = take_part(&writer, data, bytes);
	if (result < 0 && !program->owed) {
		program->owed = bytes;
		ta_conn_plain_wrote(program->word, data, bytes);
	} else if (result > 0) {
		if ((size_t)result > program->owed)
			ta_conn_plain_wrote(program->word, data + program->owed,
					    (size_t)result - program->owed);
		program->owed = 0;
		program->written += (size_t)result;
	}
}

static void hear_answer(const struct program *program)
{
	static char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	struct iovec iov = { text, sizeof(text) - 1 };

	if (program->how == KERNEL)
		ta_conn_read(program->word, &iov, 1, iov.iov_len);
	else
		ta_conn_plain_read(program->word, text, iov.iov_len);
}

static void step(struct program *program, const uint8_t *step)
{
	size_t length = (size_t)step[1] | (size_t)step[2] << 8, left = program->bytes - program->written;
	struct iovec iov[PIECES];
	int count = 0;
	size_t at = program->written;

	out.takes = step[3];
	if (step[0] & 4)
		hear_answer(program);
	length = length && length < left ? length : left;
	/* Who was refused by TLS says the same again. */
	if (program->how != KERNEL && program->refused)
		length = program->refused;
	if (program->how != KERNEL) {
		(program->how == TLS_PARTS ? write_parts : write_whole)(program, program->text + at, length);
		program->refused = program->written == at ? length : 0;
	} else {
		for (; count <= (step[0] & 3) && left; count++, at += length, left -= length) {
			length = length < left ? length : left;
			iov[count] = (struct iovec){ (char *)program->text + at, length };
		}
		write_pieces(program, iov, count, step[0] & 8);
	}
}

/* ---- what came out ---- */

/* A header line of ours; its length, 0: it is none. */
static size_t own_line(const char *at, const char *end)
{
	static const char *const names[] = { "traceparent: ", "tracestate: ", "baggage: ",
					     "sentry-trace: " };
	const char *line_end = memmem(at, (size_t)(end - at), "\r\n", 2);
	struct ta_traceparent parent;

	for (size_t i = 0; line_end && i < sizeof(names) / sizeof(names[0]); i++) {
		size_t bytes = strlen(names[i]);

		if ((size_t)(line_end - at) <= bytes || memcmp(at, names[i], bytes) != 0)
			continue;
		demand(i || ta_traceparent_parse(at + bytes, (size_t)(line_end - at) - bytes,
						 &parent));
		return (size_t)(line_end - at) + 2;
	}
	return 0;
}

/* Before the empty line of a head. */
static bool is_place(const struct program *program, size_t at)
{
	return at && program->text[at - 1] == '\n' &&
	       (program->text[at] == '\n' ||
		(program->text[at] == '\r' && at + 1 < program->bytes && program->text[at + 1] == '\n'));
}

/* Within the span's number of a PARENT of the program's, or its flags or version. */
static bool is_replaced(const struct program *program, size_t at)
{
	size_t bytes = sizeof(PARENT) - 1, ids = 3, ids_end = 52, span = 36;

	for (size_t into = 0; into < bytes; into++)
		if ((into < ids || into >= span) && at >= into && program->bytes - (at - into) >= bytes &&
		    memcmp(program->text + at - into + ids, &PARENT[ids], ids_end - ids) == 0)
			return true;
	return false;
}

static void check_output(const struct program *program, bool proxy)
{
	const char *at = out.bytes, *end = out.bytes + out.count;

	for (size_t own = 0; own < program->written;) {
		demand(at < end);
		if (*at == program->text[own]) {
			at++, own++;
		} else if (is_place(program, own)) {
			size_t line = own_line(at, end);

			demand(line > 0);
			at += line;
		} else {
			demand(proxy && is_replaced(program, own));
			at++, own++;
		}
	}
	/* A header may be out in part, before bytes that are not; or a record that is kept. */
	demand(at == end || program->written < program->bytes);
}

/* ---- the connection ---- */

static uint32_t in_use(struct ta_pool *pool)
{
	uint32_t fresh = atomic_load(&pool->fresh), free = 0;

	for (uint32_t at = (uint32_t)atomic_load(&pool->top); at; at = atomic_load(&pool->next[at - 1]))
		free++;
	return fresh - free;
}

static void serve(int fd)
{
	static char text[] = "GET / HTTP/1.1\r\nHost: a\r\ntraceparent: " PARENT "\r\n"
			     "tracestate: a=b\r\nbaggage: c=d\r\n\r\n";
	struct iovec iov = { text, sizeof(text) - 1 };

	ta_conn_accepted(fd, NULL, 0, 0);
	ta_conn_read(ta_fd_get(fd), &iov, 1, iov.iov_len);
}

static void begin(int pair[2])
{
	if (pair[0])
		return;
	core_start();
	ta_runtime.http = ta_runtime.outward = true;
	ta_runtime.propagate = TA_PROPAGATE_INJECT;
	ta_runtime.propagators = TA_PROPAGATOR_TRACECONTEXT | TA_PROPAGATOR_BAGGAGE | TA_PROPAGATOR_SENTRY;
	ta_real.writev = take_writev;
	ta_real.sendmsg = take_sendmsg;
	demand(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
}

static void write_all(struct program *program, const uint8_t *steps, size_t count)
{
	const struct sockaddr_in peer = { .sin_family = AF_INET, .sin_addr = { htonl(0x7f000001) } };

	ta_client_connect(ta_thread_self(), program->fd, (const void *)&peer, sizeof(peer), 1, 0);
	program->word = ta_fd_get(program->fd);
	demand(program->word != 0);
	if (program->how != KERNEL)
		ta_conn_expect_tls(program->word);
	out.count = out.kept = 0;
	out.again = NULL;
	for (size_t turn = 0; turn < TURNS_MAX && program->written < program->bytes; turn++)
		step(program, steps + turn % count * 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static int pair[2];
	size_t count = bytes > 1 ? data[1] % 16u + 1 : 0;

	begin(pair);
	if (bytes < 2 + count * 4 || bytes > 200000)
		return 0;
	size_t rest = bytes - 2 - count * 4;
	char *text = malloc(rest + 1); /* so that a read behind it is seen */
	struct program program = { .how = data[0] & 3, .fd = pair[0], .text = text, .bytes = rest };

	memcpy(text, data + 2 + count * 4, rest);
	if (data[0] & 4)
		serve(pair[1]);
	write_all(&program, data + 2, count);
	check_output(&program, data[0] & 4);
	ta_fd_forget(pair[0]);
	ta_fd_forget(pair[1]);
	demand(in_use(&ta_arena.injection_pool) == 0 && in_use(&ta_arena.stage_pool) == 0 &&
	       in_use(&ta_arena.conn_pool) == 0);
	core_skip();
	free(text);
	return 0;
}
