/* SPDX-License-Identifier: MIT */
/*
 * cxx_uncaught.c - was it std::terminate, and with which exception?
 *
 * std::terminate does not return, so an address behind its call on the stack is proof.  A
 * function that must not throw and did goes past it, through the personality routine; that
 * one returns, so an address in it may be an old one.  Then the exception itself says:
 * where there is no handler for it, none is noted in it.
 *
 * The exception is the topmost one of those that the thread has caught: the runtime puts it
 * there before it gives up (and prints the same one).
 *
 * Runs: the handler of a SIGABRT that abort() sent.  dl_iterate_phdr() takes the loader's
 * lock, as the throw did a moment before.
 */
#include "runtime/core/cxx_uncaught.h"

#include <string.h>

#include "runtime/core/elf_symbol.h"
#include "runtime/core/peek.h"

#define SCAN_BYTES 32768u /* of the stack */
#define SCAN_STEP 512u
#define WORD sizeof(uintptr_t)

/* The head before every exception that is thrown, as seen from its last part, which all
 * runtimes have in common. */
struct head {
	uintptr_t type; /* of a copy (std::rethrow_exception): the object that it stands for */
	uintptr_t destructor, unexpected, terminate, next;
	int handlers, chosen;
	uintptr_t action, data, landing, adjusted;
	char class[8];
	uintptr_t cleanup, private_1, private_2;
};

#define GNU_HEAD 112u /* before the object */
#define LLVM_EXTRA 16u /* more in front */

_Static_assert(sizeof(struct head) == GNU_HEAD, "Itanium C++ ABI, 64 bits");

struct runtime {
	struct ta_elf_symbol terminate, personality, globals, verbose;
	bool allocated; /* the thread has its part of it: nothing will be made by asking */
	bool terminated, thrown; /* on the stack: std::terminate; the personality routine */
};

/* ---- the stack ---- */

static bool is_behind_call(const struct ta_elf_symbol *function, uintptr_t address)
{
	return function->address && address > function->address &&
	       address <= function->address + function->bytes;
}

static void scan(struct runtime *runtime, uintptr_t stack)
{
	uintptr_t words[SCAN_STEP / WORD];

	stack &= ~(uintptr_t)(SCAN_STEP - 1);
	for (uint32_t done = 0; done < SCAN_BYTES && !runtime->terminated; done += SCAN_STEP) {
		if (!ta_peek(words, stack + done, sizeof(words)))
			return;
		for (size_t i = 0; i < SCAN_STEP / WORD; i++) {
			runtime->terminated |= is_behind_call(&runtime->terminate, words[i]);
			runtime->thrown |= is_behind_call(&runtime->personality, words[i]);
		}
	}
}

/* ---- the exception ---- */

static bool read_head(uintptr_t at, struct head *ret_head, uintptr_t *ret_object)
{
	if (!ta_peek(ret_head, at, sizeof(*ret_head)))
		return false;
	if (memcmp(ret_head->class + 1, "++CCUNG", 7) != 0) {
		at += LLVM_EXTRA;
		if (!ta_peek(ret_head, at, sizeof(*ret_head)) ||
		    memcmp(ret_head->class + 1, "++CGNLC", 7) != 0)
			return false;
	}
	*ret_object = at + GNU_HEAD;
	return true;
}

/* One that stands for another one: that one's type. */
static bool follow(struct head *head, uintptr_t *object)
{
	struct head primary;

	if (head->class[0] != 1)
		return true;
	*object = head->type;
	if (!ta_peek(&primary, *object - GNU_HEAD, sizeof(primary)))
		return false;
	head->type = primary.type;
	return true;
}

/* False: it has a handler, so std::terminate is not what happened. */
static bool describe(const struct runtime *runtime, struct ta_cxx_exception *to)
{
	uintptr_t *globals = ((uintptr_t * (*)(void)) runtime->globals.address)();
	uintptr_t caught, object;
	struct head head;

	to->type[0] = to->message[0] = '\0';
	if (!globals || !ta_peek_word(&caught, (uintptr_t)globals))
		return runtime->terminated;
	if (!caught || !read_head(caught, &head, &object))
		return runtime->terminated;
	if (!runtime->terminated && head.landing != 0)
		return false;
	if (follow(&head, &object))
		ta_cxx_describe(head.type, object,
				runtime->verbose.address &&
					head.terminate == runtime->verbose.address,
				to);
	return true;
}

/* ---- runtimes ---- */

struct question {
	uintptr_t stack;
	struct ta_cxx_exception *to;
};

static bool is_runtime(const struct dl_phdr_info *info, struct runtime *ret_runtime)
{
	struct ta_elf_object object;
	struct runtime runtime = { .allocated = info->dlpi_tls_data != NULL };

	if (!info->dlpi_tls_modid || !ta_elf_object(info, &object) ||
	    !ta_elf_find(&object, "__cxa_get_globals_fast", &runtime.globals) ||
	    !ta_elf_find(&object, "_ZSt9terminatev", &runtime.terminate))
		return false;
	ta_elf_find(&object, "__gxx_personality_v0", &runtime.personality);
	ta_elf_find(&object, "_ZN9__gnu_cxx27__verbose_terminate_handlerEv", &runtime.verbose);
	*ret_runtime = runtime;
	return true;
}

static int ask(struct dl_phdr_info *info, size_t bytes, void *user)
{
	struct question *question = user;
	struct runtime runtime;

	(void)bytes;
	if (!is_runtime(info, &runtime) || !runtime.allocated)
		return 0;
	scan(&runtime, question->stack);
	if (!runtime.terminated && !runtime.thrown)
		return 0;
	return describe(&runtime, question->to);
}

bool ta_cxx_uncaught(uintptr_t stack, struct ta_cxx_exception *ret_exception)
{
	struct question question = { .stack = stack, .to = ret_exception };

	return dl_iterate_phdr(ask, &question) != 0;
}
