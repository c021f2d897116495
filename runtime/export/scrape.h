/* SPDX-License-Identifier: MIT */
/*
 * scrape.h - a very small HTTP server that answers GET /metrics, for Prometheus.
 *
 * Never blocks, has no thread: who owns it polls its descriptors and gives it turns.  At
 * most eight connections, five seconds each, one request each, its head at most 8 KiB.
 * Text format 0.0.4, or OpenMetrics 1.0 for those who ask for it.
 *
 * Runs: agent, the delivery thread; new() and free() on the worker's, while that is stopped.
 */
#ifndef TA_EXPORT_SCRAPE_H
#define TA_EXPORT_SCRAPE_H

#include <poll.h>
#include <stdint.h>

#include "runtime/export/buf.h"

#define TA_SCRAPE_CONNECTIONS 8u
#define TA_SCRAPE_FDS (1 + TA_SCRAPE_CONNECTIONS)

struct ta_scrape;

/* Listens.  Returns 0 or -errno: -EADDRINUSE when another one does already, -EINVAL when
 * host is no address of this machine. */
int ta_scrape_new(const char *host, uint16_t port,
		  void (*render)(void *user, bool openmetrics, struct ta_buf *out), void *user,
		  struct ta_scrape **ret_scrape);
void ta_scrape_free(struct ta_scrape *scrape); /* NULL is fine */

/* What to poll: up to TA_SCRAPE_FDS entries, returns how many.  *due_ns becomes sooner when
 * a connection's time is up before that. */
unsigned int ta_scrape_fds(const struct ta_scrape *scrape, struct pollfd *fds, uint64_t now_ns,
			   uint64_t *due_ns);
void ta_scrape_turn(struct ta_scrape *scrape, uint64_t now_ns);

#endif
