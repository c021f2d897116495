/* SPDX-License-Identifier: MIT */
/*
 * confine.h - the agent gives up what it does not need.
 *
 * An agent reads memory that a hostile program can write, and talks to the network.
 * Should that ever go wrong, this is what is left to whoever has taken it over: no
 * privileges of root but those of reading, no way to write into another process or to
 * run code of its own making, no namespaces, modules, mounts or keys.
 *
 * Runs: agent, before its first thread and its first child; what it starts (its worker,
 * tagalong-stacks) inherits all of it.
 */
#ifndef TA_AGENT_CONFINE_H
#define TA_AGENT_CONFINE_H

/* For ever.  Returns 0, or -errno of what the kernel does not offer or allow: the agent
 * serves all the same, with what it could give up given up. */
int ta_confine(void);

#endif
