/* SPDX-License-Identifier: MIT */
/*
 * agent_start.h - starting an agent that is nobody's child.
 */
#ifndef TA_CLI_AGENT_START_H
#define TA_CLI_AGENT_START_H

#include <stdint.h>

struct ta_cli_agent {
	const char *binary;
	const char *run_dir;
	uint32_t key;
	char *const *envp; /* settings; LD_PRELOAD and the like are left out */
};

/* Starts it in a session of its own, with /dev/null as standard streams and no
 * parent but init.  Returns when it has begun to execute: 0 or -errno. */
int ta_cli_agent_start(const struct ta_cli_agent *agent);

#endif
