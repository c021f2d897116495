/* SPDX-License-Identifier: MIT */
/*
 * throws.c - every C++ exception as an event, on request.
 *
 * The C++ runtime calls the unwinder, _Unwind_RaiseException, through one slot of its own;
 * that one is led through a function of ours.  Nothing is exported, so nobody's symbols are
 * looked up differently, and the call goes on as a jump: the unwinder sees the runtime as
 * its caller.  what() is not called, because that would be the program's code; texts that
 * lie in the exception are read (core/cxx_describe.c).
 *
 * Not seen: a runtime that is linked statically, or loaded later by dlopen().
 *
 * Runs: constructor; threads that throw.
 */
#include "hooks/throws.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "preload/baseline.h"
#include "runtime/core/capture.h"
#include "runtime/core/cxx_uncaught.h"
#include "runtime/core/elf_symbol.h"
#include "runtime/core/publish.h"
#include "runtime/core/sys.h"

#define HEAD_BEFORE 80u /* type of the exception, before the unwinder's part of its head */
#define OBJECT_BEHIND 32u
#define CPP_CLASS 0x432b2b00u /* "C++", behind the vendor's name; 1 at the end: a copy */

/* The beginning of the unwinder's part (Itanium C++ ABI). */
struct unwinding {
	uint64_t class;
};

typedef int raise_function(struct unwinding *); /* an enum */

static raise_function *real;

/* Thrown for the first time, not a copy (std::rethrow_exception). */
static bool is_thrown(const struct unwinding *exception)
{
	return (uint32_t)exception->class == CPP_CLASS;
}

__attribute__((noinline)) static void note(const struct unwinding *exception)
{
	struct ta_cxx_exception words;
	struct ta_capture capture = { .type = TA_CAPTURE_ERROR, .level = TA_LEVEL_ERROR };
	uintptr_t at = (uintptr_t)exception, type;

	if (!is_thrown(exception))
		return;
	TA_GUARD(guard);
	struct ta_thread *thread = guard.entered ? ta_thread_self() : NULL;

	if (!thread)
		return;
	memcpy(&type, (const void *)(at - HEAD_BEFORE), sizeof(type));
	ta_cxx_describe(type, at + OBJECT_BEHIND, false, &words);
	capture.error_type = (struct ta_text){ words.type, (uint32_t)strlen(words.type) };
	capture.message = (struct ta_text){ words.message, (uint32_t)strlen(words.message) };
	ta_capture_publish(thread, &capture);
}

static int on_raise(struct unwinding *exception)
{
	note(exception);
	return real(exception);
}

/* Slots that are bound at once are made read-only by the loader. */
static bool is_read_only(const struct dl_phdr_info *info, uintptr_t slot)
{
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		uintptr_t begin = info->dlpi_addr + part->p_vaddr;

		if (part->p_type == PT_GNU_RELRO && slot >= begin && slot < begin + part->p_memsz)
			return true;
	}
	return false;
}

static bool is_inside(const struct dl_phdr_info *info, uintptr_t address)
{
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		uintptr_t begin = info->dlpi_addr + part->p_vaddr;

		if (part->p_type == PT_LOAD && address >= begin && address < begin + part->p_memsz)
			return true;
	}
	return false;
}

/* What the slot leads to.  While it is not bound that is the object's own stub; then the
 * loader would look in the order that dlsym looks in, for this is a library of the start. */
static void *target_of(const struct dl_phdr_info *info, void *const *slot)
{
	return is_inside(info, (uintptr_t)*slot) ? dlsym(RTLD_DEFAULT, "_Unwind_RaiseException") :
						   *slot;
}

static void lead_through_us(const struct dl_phdr_info *info, void **slot)
{
	uintptr_t page = (uintptr_t)slot & ~(uintptr_t)(TA_WIRE_PAGE - 1);
	bool locked = is_read_only(info, (uintptr_t)slot);
	void *target = target_of(info, slot);

	if (!target)
		return;
	if (locked && ta_sys(SYS_mprotect, page, TA_WIRE_PAGE, PROT_READ | PROT_WRITE) != 0)
		return;
	real = (raise_function *)target;
	__atomic_store_n(slot, (void *)on_raise, __ATOMIC_RELEASE);
	if (locked)
		ta_sys(SYS_mprotect, page, TA_WIRE_PAGE, PROT_READ);
}

static int look_at(struct dl_phdr_info *info, size_t bytes, void *nothing)
{
	struct ta_elf_object object;
	struct ta_elf_symbol throw;

	(void)bytes;
	(void)nothing;
	if (!ta_elf_object(info, &object) || !ta_elf_find(&object, "__cxa_throw", &throw))
		return 0;
	void **slot = ta_elf_slot(&object, "_Unwind_RaiseException");

	if (slot)
		lead_through_us(info, slot);
	return real != NULL;
}

void ta_throws_install(void)
{
	dl_iterate_phdr(look_at, NULL);
}
