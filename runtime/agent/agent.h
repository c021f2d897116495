/* SPDX-License-Identifier: MIT */
/*
 * agent.h - the agent as a library: what the command line and the tests call.
 *
 * An agent serves all segments of one key in one run directory.  It is a pair of
 * processes: a worker that does everything, and a watcher that starts a new
 * worker when it dies; a worker whose watcher dies makes itself a new one.
 */
#ifndef TA_AGENT_AGENT_H
#define TA_AGENT_AGENT_H

#include <stdbool.h>
#include <stdint.h>

struct ta_agent_options {
	const char *run_dir; /* absolute */
	uint32_t key;
	char *const *envp; /* configuration */
	const char *cwd;   /* for a relative TAGALONG_FILE */
	bool foreground;   /* do not detach, no watcher; for tests */
	int lock_fd;	   /* the lock, already held by this process; 0: to be taken */
	bool confine;	   /* give up what is not needed (confine.h); not in a test's own process */
};

/* Serves until there is nothing left to serve.  Returns an exit status: 0, also
 * when another agent already serves this key; 1 when it could not start. */
int ta_agent_run(const struct ta_agent_options *options);

/* Drains every segment (and journal) in dir that no live agent serves, writes the
 * spans to out_path ("-" is standard output) and removes what was drained unless
 * keep.  Returns the number of spans, or -errno; problems are told on stderr. */
long ta_agent_drain(const char *dir, const char *out_path, bool keep, char *const *envp);

#endif
