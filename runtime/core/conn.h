/* SPDX-License-Identifier: MIT */
/*
 * conn.h - connections and the requests on them.
 *
 * There are two sides.  On a connection that the program accepted it is asked: what it
 * reads are requests, what it writes are answers.  On one that it opened (client.h) it
 * asks: what it writes are requests, each a child of what was current at its first byte.
 *
 * An accepted connection forks an isolation scope and gets ids when it is accepted, and is
 * published when its first byte shows what it is: HTTP/1.x makes one root span a
 * request (the first one takes the connection's own ids, so that a thread born
 * for the connection is its child); anything else is one span for the whole
 * connection.  A connection that never carries a byte leaves nothing behind.
 *
 * Connections live in a pool and are never freed, only recycled under a
 * new generation.  One thread at a time works on one: a busy bit in the state
 * word, waited for a bounded moment (then the loss is counted and HTTP on that
 * connection is given up).  Whoever holds the bit when the last fd goes away
 * finishes the connection.
 *
 * Runs: any host thread, inside the guard (but ta_conn_unref: anywhere).
 */
#ifndef TA_CORE_CONN_H
#define TA_CORE_CONN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "runtime/core/context.h"
#include "runtime/core/unit.h"
#include "runtime/protocol/http1.h"

#define TA_CONN_ADDRESS_BYTES 28 /* sockaddr_in6; longer unix names are cut */
#define TA_REQUESTS_INLINE 4u
#define TA_QUEUE_LONG 256u /* requests in a borrowed queue */

struct ta_thread;

/* One request that has been read, or written, and not been answered in full. */
struct ta_request {
	struct ta_context context;
	struct ta_owner owner;	 /* client side: who asks */
	struct ta_owner waits;	 /* client side: the request that waits for it */
	uint32_t commands;	 /* client side: of one write, not answered yet */
	bool injected;		 /* client side: headers of ours are out, its head is not */
	bool ended;		 /* its span has ended; the rest of the answer is still to come */
	bool asked;		 /* client side: the connection's text is this one's */
	bool failed;		 /* the first command that failed has said why: */
	uint8_t failure_len;
	char failure[14];
	uint32_t commands_sent;
	uint64_t start_ns;
	uint16_t flags;	 /* enum ta_http1_head_flags of its head */
	uint16_t status; /* 0: no answer yet */
	bool last;	 /* the answer, or the request itself, ends the connection */
};

enum ta_conn_mode {
	TA_CONN_NEW,	/* no byte yet, or too few to tell */
	TA_CONN_HTTP,
	TA_CONN_OPAQUE, /* one span for the connection */
	TA_CONN_LOST,	/* what could not be followed: no more spans */
	TA_CONN_COMMANDS, /* runtime/protocol/command.h */
	TA_CONN_HTTP2,
};

enum ta_conn_side { TA_SIDE_SERVER, TA_SIDE_CLIENT };

#define TA_CONN_PREFIX_MAX 64u
#define TA_CONN_ASK_MAX 160u

struct ta_conn {
	_Atomic uint64_t state; /* generation << 32 | flags, see conn.c */
	_Atomic uint32_t fds;	/* numbers that stand for it in this process */
	uint8_t mode;		/* enum ta_conn_mode */
	bool published;		/* its own SPAN_START is out */
	_Atomic bool referenced; /* a thread that may not hold it names it as parent: publish it in any case */
	bool first_taken;	/* the first request has taken its ids */
	bool answering;		/* the response parser is inside a response */
	bool request_open;	/* a request's head has begun and is not complete */
	bool request_broken;	/* it was no HTTP after all */
	bool last_answered;	/* a final response that announced the end is out: no more requests */
	bool bound;		/* by the program: a context and nothing else */
	bool tunnel;		/* an answer has turned the connection into something else */
	uint8_t tunnel_seen;	/* whose first bytes behind that were looked at: 1 the asking side's, 2 */
	uint8_t side;		/* enum ta_conn_side */
	bool tls;		/* the kernel carries ciphertext; plaintext comes from elsewhere */
	bool tls_suspected;	/* its first bytes are a TLS handshake */
	bool turn;		/* opaque: it has been asked, and not answered */
	bool connecting;	/* the span of its opening is not ended */
	bool batch_open;	/* client side: more commands of this write join the newest exchange */
	bool next_ready;	/* client side: *next stands for the request that is being written */
	uint8_t prefix_bytes;
	char prefix[TA_CONN_PREFIX_MAX];
	uint16_t answer_status; /* of the response that is being written, also 1xx */
	uint64_t owner;	     /* proc_id that published it, 0 nobody */
	uint64_t acceptor;   /* proc_id that accepted it */
	uint64_t accepted_ns;
	uint64_t request_ns; /* first byte of the head that is being read */
	uint64_t bytes_in, bytes_out;
	int32_t error; /* errno of a failed read or write */
	uint32_t request_count;
	struct ta_context context;
	struct ta_context served; /* of the request that was answered last: what the program does
				   * between two requests is not the next one's */
	uint32_t reader;	 /* + 1: the thread that has read from it last */
	uint64_t outward_span;	 /* the request that waits for others, and for how many */
	_Atomic uint32_t outward_open;
	uint32_t outward_count; /* and for how many it has */
	uint64_t asking_span;	/* the same for requests and commands that are out, alone */
	uint32_t asking_open;
	struct ta_context opening; /* client side: ids of the span of its opening */
	struct ta_owner opener;	   /* client side: who opened it, until it is first written to */
	struct ta_owner opener_waits;
	struct ta_context opener_ids;
	_Atomic uint32_t attendant; /* + 1: the thread that is at work on it */
	_Atomic uint8_t parked;	    /* unanswered, and nobody is at work on it: a timer, a queue */
	struct ta_owner asker;	   /* client side, opaque: who asked last */
	struct ta_owner asker_waits;
	struct ta_context asked;   /* and the ids of that turn's span; span_id 0: none is open */
	struct ta_request next;
	struct ta_owner touched;   /* client side: for whom the bytes of this read were */
	bool touched_many;
	bool touched_held; /* a reference to that unit is ours until the thread is back in it */
	struct ta_owner ask_owner; /* client side: of a request, for its breadcrumb */
	uint16_t ask_status;	   /* 0: no answer yet */
	uint8_t ask_bytes;
	char ask_text[TA_CONN_ASK_MAX];
	struct ta_dialogue *dialogue; /* borrowed: TA_CONN_COMMANDS, TA_CONN_HTTP2 */
	struct ta_injection *injection; /* borrowed: headers that are not out yet */
	struct ta_stage *stage;		/* the same above TLS */
	struct ta_http1 in, out;
	struct ta_http1_head *head; /* borrowed while a head is incomplete */
	struct ta_request *queue;   /* inline_queue, or borrowed when it is long */
	uint32_t queue_size, queue_first, queue_count;
	uint32_t skipped; /* requests beyond the queue, to be answered after it */
	uint16_t peer_bytes, local_bytes;
	char peer[TA_CONN_ADDRESS_BYTES + 4]; /* copied in steps of 16 */
	char local[TA_CONN_ADDRESS_BYTES + 4];
	struct ta_request inline_queue[TA_REQUESTS_INLINE];
};

/* accept returned fd.  peer may be NULL.  listen_word: the listener's fd word.
 * Enters the connection's context on this thread. */
void ta_conn_accepted(int fd, const void *peer, uint32_t peer_bytes, uint64_t listen_word);

/* Bytes that the program has read from, or written to, the fd of word; skipped
 * bytes passed without being seen (sendfile, splice, MSG_TRUNC). */
void ta_conn_read(uint64_t word, const struct iovec *iov, int iov_count, uint64_t bytes);
void ta_conn_wrote(uint64_t word, const struct iovec *iov, int iov_count, uint64_t bytes);
void ta_conn_read_unseen(uint64_t word, uint64_t bytes);
void ta_conn_wrote_unseen(uint64_t word, uint64_t bytes);

/* A read or write failed for good (not EAGAIN, EINTR).  For a write, what was
 * tried tells the status that the program meant to send. */
void ta_conn_failed(uint64_t word, int error, const struct iovec *iov, int iov_count);

/* The program will send nothing more (shutdown of the writing side). */
void ta_conn_shut(uint64_t word);

/* ---- above TLS (hooks/openssl.c, hooks/gnutls.c) ---- */

/* What the kernel carries on this connection is ciphertext, or will be: the bytes that
 * count come by the two functions below.  To be told before the handshake's first byte;
 * later it does nothing. */
void ta_conn_expect_tls(uint64_t word);
/* Plaintext that the program was given, or has handed over, as a whole.  No data: written
 * unseen (a file that the kernel encrypts). */
void ta_conn_plain_read(uint64_t word, const void *data, uint64_t bytes);
void ta_conn_plain_wrote(uint64_t word, const void *data, uint64_t bytes);
/* The fd word of the connection whose bytes the thread has moved last, on either side; 0
 * none.  For TLS over memory, see core/tls.h. */
uint64_t ta_conn_current_word(struct ta_thread *thread);

/* Binds what is current to an fd that is not a connection of ours: reading or writing
 * it enters that context.  0, -EBADF, -EBUSY (an accepted connection, a listener) or
 * -ENOBUFS. */
int ta_conn_bind(struct ta_thread *thread, int fd);
/* 0, or -ENOENT: not bound by the function above. */
int ta_conn_unbind(int fd);

/* One more, or one fewer, fd number stands for it. */
void ta_conn_ref(uint64_t word);
void ta_conn_unref(uint64_t word);

/* The context that is current when a thread works for it: the oldest unanswered
 * request's, else the connection's own.  request: the span id of a certain one; 0: that, and
 * on HTTP/2 none.
 * NULL when the connection, or that request, is gone. */
struct ta_context *ta_conn_context(uint32_t index, uint32_t generation, uint64_t request);
/* The ids of one that was found there, for who does not hold the connection: all of them one
 * request's.  False: it is over, another one may have taken its place meanwhile. */
bool ta_conn_ids(uint32_t index, uint32_t generation, uint64_t request,
		 const struct ta_context *found, struct ta_context *ret_ids);

/* Whether work that a thread does in that context (one of ta_conn_context) is for it. */
enum ta_turn {
	TA_TURN_NONE, /* it is answered, or has not been asked */
	TA_TURN_OURS,
	TA_TURN_MANY, /* it is the oldest of several; it may be for a later one */
};
enum ta_turn ta_conn_turn(uint32_t index, uint32_t generation, const struct ta_context *context);
/* A thread goes to work on it, or stops to. */
void ta_conn_attend(struct ta_thread *thread, uint32_t index, uint32_t generation);
void ta_conn_unattend(struct ta_thread *thread, uint32_t index, uint32_t generation);
/* Whether it waits for others. */
bool ta_conn_is_waiting(uint32_t index, uint32_t generation, const struct ta_context *context);
/* A request waits for one more, or one fewer, answer of others. */
void ta_conn_waits(const struct ta_owner *owner, int change);

/* The ids of its own span or of its first request; NULL when it is gone. */
const struct ta_context *ta_conn_first_context(uint32_t index, uint32_t generation);
uint32_t ta_conn_index(const struct ta_conn *conn);

/* Whether the context above is a span that has been published. */
bool ta_conn_has_span(uint32_t index, uint32_t generation);

/* A span names it as parent; it has to be published even without any byte. */
void ta_conn_referenced(uint32_t index, uint32_t generation);

/* ---- for the files that follow protocols ---- */

/* The connection of word with nobody else at work on it, or NULL: gone, or busy for too
 * long (50 ms), after which nobody waits for it again.  Until ta_conn_release(). */
struct ta_conn *ta_conn_hold(uint64_t word);
void ta_conn_release(struct ta_conn *conn);
/* conn_hold.h has the common case of both inline: ta_conn_take(), ta_conn_let_go(). */
void ta_conn_release_closing(struct ta_conn *conn, uint32_t generation);
/* A new connection for fd, held; NULL: no room (counted). */
struct ta_conn *ta_conn_new(struct ta_thread *thread, int fd);
/* Requests have come or gone: whether one of them could go on by itself is looked at again. */
void ta_conn_review(struct ta_conn *conn);
/* Whether nothing is decided because plaintext may still be told. */
bool ta_conn_awaits_tls(const struct ta_conn *conn);
uint64_t ta_conn_word_of(const struct ta_conn *conn);

/* Queues. */
static inline struct ta_request *ta_conn_oldest(struct ta_conn *conn)
{
	return conn->queue_count ? &conn->queue[conn->queue_first] : NULL;
}
/* All places of the queue, and how many, for anybody who does not hold the connection: a queue may be
 * borrowed, given back and cleared meanwhile, so its size is that of the one that was seen. */
static inline struct ta_request *ta_conn_places(struct ta_conn *conn, uint32_t *ret_size)
{
	struct ta_request *queue = __atomic_load_n(&conn->queue, __ATOMIC_RELAXED);
	bool is_long = queue && queue != conn->inline_queue;

	*ret_size = is_long ? TA_QUEUE_LONG : TA_REQUESTS_INLINE;
	return is_long ? queue : conn->inline_queue;
}
/* One of them, seen from the oldest. */
static inline struct ta_request *ta_conn_place(struct ta_conn *conn, uint32_t at)
{
	uint32_t size;
	struct ta_request *places = ta_conn_places(conn, &size);

	return &places[(conn->queue_first + at) & (size - 1)];
}
/* A place behind the newest, cleared; NULL: no room.  Counting it makes it one. */
struct ta_request *ta_conn_queue_place(struct ta_conn *conn);
void ta_conn_leave_queue(struct ta_conn *conn);
void ta_conn_drop_newest(struct ta_conn *conn);
void ta_conn_shrink_queue(struct ta_conn *conn);
void ta_conn_return_head(struct ta_conn *conn);
bool ta_conn_keep_head(struct ta_conn *conn, const struct ta_http1_head *scratch);

void ta_conn_publish(struct ta_conn *conn, struct ta_thread *thread);
/* This process takes the connection as its own; ids that another process may
 * also use are made anew. */
void ta_conn_own(struct ta_conn *conn, struct ta_thread *thread);
void ta_http_start(struct ta_conn *conn);
/* Ids of a request on an accepted connection; remote: of a caller, or NULL. */
struct ta_traceparent;
void ta_http_choose_ids(struct ta_conn *conn, struct ta_thread *thread,
			struct ta_context *context, const struct ta_traceparent *remote);
/* A request's span begins: ids of its context, and its record. */
void ta_http_publish(struct ta_conn *conn, struct ta_thread *thread, struct ta_request *request,
		     const struct ta_http1_head *head, bool incomplete);
void ta_http_read(struct ta_conn *conn, struct ta_thread *thread, const char *data, uint64_t bytes);
void ta_http_wrote(struct ta_conn *conn, struct ta_thread *thread, const char *data,
		   uint64_t bytes);
void ta_http_read_unseen(struct ta_conn *conn, struct ta_thread *thread, uint64_t bytes);
void ta_http_wrote_unseen(struct ta_conn *conn, struct ta_thread *thread, uint64_t bytes);
/* The answer that the program tried to send and could not. */
void ta_http_tried(struct ta_conn *conn, struct ta_thread *thread, const char *data,
		   uint64_t bytes);
void ta_http_shut(struct ta_conn *conn, struct ta_thread *thread);
/* Bytes were missed: HTTP on this connection is given up. */
void ta_http_lost(struct ta_conn *conn, struct ta_thread *thread);
/* Ends every request; gives borrowed memory back. */
void ta_http_finish(struct ta_conn *conn, struct ta_thread *thread);

#endif
