/* SPDX-License-Identifier: MIT */
/*
 * object.h - ELF files as stacks need them, kept from one request to the next.
 *
 * An object is opened by libdwfl at address 0: whatever address a process has it at, its
 * unwind tables, names and lines are read once.  It is found again by device, inode, size
 * and time of change.  At most TA_OBJECTS_MAX are kept; who was not used for longest goes.
 *
 * Addresses in here are those of the file, as its symbol table has them.
 *
 * Runs: tagalong-stacks, one thread.
 */
#ifndef TA_STACKS_OBJECT_H
#define TA_STACKS_OBJECT_H

#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define TA_OBJECTS_MAX 96u
#define TA_OBJECT_SEGMENTS_MAX 16u
#define TA_BUILD_ID_MAX 32u

struct ta_name_cache;
struct ta_range;

struct ta_segment_of {
	uint64_t address, file_bytes, memory_bytes, offset;
	bool executable, writable;
};

struct ta_object {
	dev_t device;
	ino_t inode;
	off_t bytes;
	struct timespec changed;
	uint64_t used; /* which use of any object this was last */

	Dwfl *dwfl;
	Dwfl_Module *module;
	Elf *elf;
	Dwarf_CFI *eh_cfi, *debug_cfi;
	bool eh_tried, debug_tried;

	uint64_t low, high; /* extent in memory, whole pages */
	struct ta_segment_of segments[TA_OBJECT_SEGMENTS_MAX];
	unsigned int segment_count;
	unsigned char build_id[TA_BUILD_ID_MAX];
	unsigned int build_id_bytes; /* 0: it has none */
	unsigned char text_id[16];   /* then this stands for it */

	struct ta_name_cache *names; /* name.c */
	struct ta_range *ranges;     /* lines.c: which unit has which addresses */
	size_t range_count;
	bool ranges_tried;
};

/* The object in an open file, which is taken over (also on failure); NULL when it is no ELF
 * file of this architecture.  Valid until ta_objects_begin() is called again. */
struct ta_object *ta_object_get(int fd, const char *path);

/* The kernel's own object, which every process has a mapping of; NULL: none. */
struct ta_object *ta_object_vdso(void);

/* A new request begins: objects may go from now on. */
void ta_objects_begin(void);
void ta_objects_drop(void); /* all of them */

/* Bytes of the file at an address of it; NULL when they are not all in one read-only segment. */
const void *ta_object_bytes(const struct ta_object *object, uint64_t at, size_t bytes);
bool ta_object_is_code(const struct ta_object *object, uint64_t at);

/* The unwind rules at an address, to be freed; NULL: there are none. */
Dwarf_Frame *ta_object_frame(struct ta_object *object, uint64_t at);

/* While a process is held, no debug file is looked for. */
void ta_objects_hurry(bool hurry);

/* A symbol that the dynamic linker sees, by name: its address, or 0. */
uint64_t ta_object_symbol(const struct ta_object *object, const char *name);
/* The name of such a symbol at exactly this address; NULL: none. */
const char *ta_object_symbol_at(const struct ta_object *object, uint64_t at);

#endif
