/* SPDX-License-Identifier: MIT */
/*
 * log.h - the agent's own messages: a small file, one line each.
 *
 * Runs: agent, one thread.  A message that cannot be written is dropped.
 */
#ifndef TA_AGENT_LOG_H
#define TA_AGENT_LOG_H

#include <stdarg.h>

#include "runtime/wire/config.h"

struct ta_log {
	char path[4096]; /* "": quiet, "-": standard error */
	int fd;
	bool debug; /* TAGALONG_LOG_LEVEL */
};

#define TA_LOG_BYTES_MAX (1u << 20) /* then it is begun anew */

/* TAGALONG_LOG, or agent.log in the state directory; nothing is opened yet. */
void ta_log_init(struct ta_log *log, const struct ta_config *config, char *const *envp,
		 const char *cwd);
void ta_log_fini(struct ta_log *log);

void ta_log_say(struct ta_log *log, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same at level debug; at level info the arguments are not even looked at. */
#define ta_log_debug(log, ...)                                                                     \
	do {                                                                                       \
		if ((log)->debug)                                                                  \
			ta_log_say(log, __VA_ARGS__);                                              \
	} while (0)

#endif
