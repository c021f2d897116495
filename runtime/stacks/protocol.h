/* SPDX-License-Identifier: MIT */
/*
 * protocol.h - how the agent asks tagalong-stacks for stacks with names.
 *
 * tagalong-stacks is a program of its own, because libunwind and libdw are large and
 * read files of every kind: a fault in them costs one stack, and an agent that never
 * sees a crash never loads them.  It reads requests from standard input and writes
 * answers to standard output, one after the other; it ends with its input.
 *
 *     struct ta_stacks_request, modules, stack     a request
 *     struct ta_stacks_answer, JSON		    its answers
 *
 * COPY: one thread, out of registers and stack bytes.  One answer, DONE.
 * LIVE: all threads of a process, by ptrace, or out of the copy where that is not
 * allowed or the process is gone.  First RELEASE (without JSON), as soon as the process
 * is not needed any more; then DONE, with names.
 *
 * The JSON is Sentry's form, so that nobody has to translate it (frames oldest first,
 * numbers of addresses as "0x..." strings):
 *
 *     {"threads":[{"id":TID,"name":"...","crashed":true,"current":true,
 *        "frames":[{"instruction_addr":"0x..","symbol_addr":"0x..","function":"..",
 *           "raw_function":"..","filename":"x.c","abs_path":"/src/x.c","lineno":12,
 *           "package":"/usr/bin/x","in_app":true,
 *           "context_line":"..","pre_context":[".."],"post_context":[".."]}],
 *        "registers":{"rip":"0x.."}}],
 *      "images":[{"type":"elf","image_addr":"0x..","image_size":N,"code_id":"..",
 *         "debug_id":"..","code_file":"/usr/bin/x","arch":"x86_64"}],
 *      "how":"ptrace" or "copy","truncated":false,
 *      "abort_message":"...", "exception":{"type":"std::runtime_error","value":".."}}
 *
 * Only what is known is there.  The first thread is the one that was asked for.  A frame that
 * is a guess says how it was found ("trust":"fp" or "scan"); where the middle of a stack is
 * left out, the thread has "frames_omitted":[first,behind the last], counted from the oldest.
 *
 * Runs: agent's side and tagalong-stacks.  Host byte order.
 */
#ifndef TA_STACKS_PROTOCOL_H
#define TA_STACKS_PROTOCOL_H

#include <stdint.h>

#include "runtime/wire/crash.h"

#define TA_STACKS_MAGIC 0x314b4154u /* "TAK1" */
#define TA_STACKS_JSON_MAX (1u << 20)
#define TA_STACKS_THREADS_MAX 512u
#define TA_STACKS_FRAMES_MAX 256u /* of one thread: the middle is left out */

enum ta_stacks_kind { TA_STACKS_COPY = 1, TA_STACKS_LIVE };

struct ta_stacks_request {
	uint32_t magic;
	uint32_t kind; /* enum ta_stacks_kind */
	uint32_t pid;  /* in our pid namespace; 0: gone, or not known */
	uint32_t tid;  /* the thread whose registers these are */
	int32_t signal, code;
	uint32_t register_count, stack_bytes, module_bytes;
	uint32_t patience_ms; /* LIVE: until RELEASE; COPY: until DONE, 0 for the program's own limit */
	uint64_t stack_at;
	uint64_t registers[TA_REGISTERS_MAX];
	char exe[512]; /* path of the program, for modules without one */
};

enum ta_stacks_answer_kind { TA_STACKS_RELEASE = 1, TA_STACKS_DONE };

struct ta_stacks_answer {
	uint32_t magic;
	uint32_t kind; /* enum ta_stacks_answer_kind */
	uint32_t json_bytes;
	int32_t error; /* -errno: then there is no JSON */
};

#endif
