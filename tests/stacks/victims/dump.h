/* SPDX-License-Identifier: MIT */
/* dump.h - a victim that asks for its own stack when it dies (dump.c).  C and C++. */
#ifndef TESTS_STACKS_DUMP_H
#define TESTS_STACKS_DUMP_H
#ifdef __cplusplus
extern "C" {
#endif
/* Fatal signals write a request to $DUMP_FILE.  Then the process ends, or waits when
 * $DUMP_LIVE is set. */
void dump_arm(void);
void dump_alternate_stack(void); /* for the calling thread */
#ifdef __cplusplus
}
#endif
#endif
