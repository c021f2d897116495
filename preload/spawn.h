/* SPDX-License-Identifier: MIT */
/*
 * spawn.h - starting the agent so that the host cannot see it.
 */
#ifndef TA_PRELOAD_SPAWN_H
#define TA_PRELOAD_SPAWN_H

#include <stdint.h>

#include "runtime/wire/config.h"

/* Starts an agent for key in the run directory, unless one is alive.  Returns at
 * once; never waits for the agent itself.  Constructor only. */
void ta_agent_spawn(const struct ta_config *config, int dir_fd, const char *run_dir, uint32_t key,
		    char *const *envp);

#endif
