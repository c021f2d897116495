/* SPDX-License-Identifier: MIT */
/*
 * elf.h - what a program file says about how it will be loaded.
 *
 * The file may be hostile: every offset is checked against the file's size, every
 * table has a bound, and nothing is mapped.  Files of another class or byte order
 * than ours get their machine told and nothing more.
 */
#ifndef TA_CLI_ELF_H
#define TA_CLI_ELF_H

#include <stdbool.h>
#include <stdint.h>

struct ta_elf {
	uint8_t class;	/* ELFCLASS32, ELFCLASS64 */
	uint8_t data;	/* byte order */
	uint16_t machine; /* EM_... */
	uint16_t type;	/* ET_... */
	bool native;	/* of our class and byte order; what follows is only known then */
	bool dynamic;	/* has a dynamic section */
	bool shared;	/* a shared library, not a program */
	bool go;
	bool uring;	/* needs liburing */
	bool asan;	/* needs the address sanitizer as a library */
	char interpreter[256]; /* "" none */
};

/* Returns 0, -ENOEXEC (not an ELF file), -EINVAL (damaged), or -errno. */
int ta_elf_read(const char *path, struct ta_elf *ret_elf);

/* "x86-64", "aarch64" ..., or a number in words. */
const char *ta_elf_machine_name(uint16_t machine);

#endif
