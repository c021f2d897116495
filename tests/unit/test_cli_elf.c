/* SPDX-License-Identifier: MIT */
/*
 * test_cli_elf.c - program files as they are, and as somebody who means harm
 * would write them.
 */
#include "runtime/cli/elf.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>
#include <unistd.h>

#include "runtime/cli/script.h"

static int failures;
static char path[] = "/tmp/tagalong-test-elf-XXXXXX";

static void check(const char *name, bool good)
{
	printf("%s %s%s\n", good ? "ok" : "not ok", name, good ? "" : ": not as expected");
	failures += !good;
}

static void put(const void *data, size_t bytes)
{
	FILE *file = fopen(path, "w");

	if (!file || fwrite(data, 1, bytes, file) != bytes || fclose(file) != 0)
		exit(99);
}

/* A file with two program headers that the tests bend. */
struct image {
	ElfW(Ehdr) header;
	ElfW(Phdr) segments[3];
	ElfW(Dyn) dynamic[4];
	char strings[64];
	char note[20];
};

static struct image good_image(void)
{
	struct image image = { 0 };

	memcpy(image.header.e_ident, ELFMAG, SELFMAG);
	image.header.e_ident[EI_CLASS] = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
	image.header.e_ident[EI_DATA] = ELFDATA2LSB;
	image.header.e_type = ET_DYN;
	image.header.e_machine = EM_X86_64;
	image.header.e_phoff = offsetof(struct image, segments);
	image.header.e_phentsize = sizeof(ElfW(Phdr));
	image.header.e_phnum = 3;
	image.segments[0] = (ElfW(Phdr)){ .p_type = PT_LOAD, .p_filesz = sizeof(image) };
	image.segments[1] = (ElfW(Phdr)){ .p_type = PT_DYNAMIC,
					  .p_offset = offsetof(struct image, dynamic),
					  .p_filesz = sizeof(image.dynamic) };
	image.segments[2] = (ElfW(Phdr)){ .p_type = PT_INTERP,
					  .p_offset = offsetof(struct image, strings) + 16,
					  .p_filesz = 16 };
	image.dynamic[0] = (ElfW(Dyn)){ .d_tag = DT_NEEDED, .d_un.d_val = 1 };
	image.dynamic[1] = (ElfW(Dyn)){ .d_tag = DT_STRTAB,
					.d_un.d_ptr = offsetof(struct image, strings) };
	strcpy(image.strings + 1, "liburing.so.2");
	strcpy(image.strings + 16, "/lib/ld-x.so.2");
	memcpy(image.note, "\4\0\0\0\4\0\0\0\4\0\0\0Go\0\0abcd", 20);
	return image;
}

static int read_image(const struct image *image, struct ta_elf *elf)
{
	*elf = (struct ta_elf){ 0 };
	put(image, sizeof(*image));
	return ta_elf_read(path, elf);
}

static void test_good(void)
{
	struct image image = good_image();
	struct ta_elf elf;

	check("elf/good", read_image(&image, &elf) == 0 && elf.dynamic && elf.native &&
				  !elf.shared && !elf.go);
	check("elf/interpreter", strcmp(elf.interpreter, "/lib/ld-x.so.2") == 0);
	check("elf/needs_uring", elf.uring && !elf.asan);
	strcpy(image.strings + 1, "libasan.so.8");
	check("elf/needs_asan", read_image(&image, &elf) == 0 && elf.asan && !elf.uring);
	image.segments[2] = (ElfW(Phdr)){ .p_type = PT_NOTE,
					  .p_offset = offsetof(struct image, note),
					  .p_filesz = sizeof(image.note) };
	check("elf/go", read_image(&image, &elf) == 0 && elf.go && !elf.interpreter[0]);
	image.dynamic[2] = (ElfW(Dyn)){ .d_tag = DT_FLAGS_1, .d_un.d_val = DF_1_PIE };
	check("elf/static_pie", read_image(&image, &elf) == 0 && elf.dynamic && !elf.shared);
	image.dynamic[2].d_un.d_val = 0;
	check("elf/library", read_image(&image, &elf) == 0 && elf.shared);
	image.header.e_ident[EI_CLASS] = ELFCLASS32;
	image.header.e_machine = EM_386;
	check("elf/other_class", read_image(&image, &elf) == 0 && !elf.native &&
					 elf.machine == EM_386 && elf.class == ELFCLASS32);
}

static void test_self(void)
{
	struct ta_elf elf = { 0 };

	check("elf/self", ta_elf_read("/proc/self/exe", &elf) == 0 && elf.dynamic && elf.native &&
				  strstr(elf.interpreter, "ld") && !elf.go && !elf.shared);
	check("elf/missing", ta_elf_read("/nowhere/at/all", &elf) == -ENOENT);
	check("elf/directory", ta_elf_read("/tmp", &elf) == -ENOEXEC);
	put("#!/bin/sh\n", 10);
	check("elf/script", ta_elf_read(path, &elf) == -ENOEXEC);
	put("", 0);
	check("elf/empty", ta_elf_read(path, &elf) == -ENOEXEC);
}

static void test_hostile(void)
{
	struct image image = good_image();
	struct ta_elf elf;

	image.header.e_phoff = ~0ull - 8;
	check("elf/hostile/phoff", read_image(&image, &elf) == -EINVAL);
	image = good_image();
	image.header.e_phnum = 65535;
	check("elf/hostile/phnum", read_image(&image, &elf) == -EINVAL);
	image = good_image();
	image.segments[2].p_offset = ~0ull;
	check("elf/hostile/interp", read_image(&image, &elf) == -EINVAL);
	image = good_image();
	image.segments[2].p_filesz = ~0ull;
	check("elf/hostile/interp_size",
	      read_image(&image, &elf) == 0 && strlen(elf.interpreter) < sizeof(elf.interpreter));
	image = good_image();
	image.segments[1].p_offset = ~0ull - 15;
	check("elf/hostile/dynamic", read_image(&image, &elf) == 0 && !elf.uring);
	image = good_image();
	image.dynamic[0].d_un.d_val = ~0ull;
	check("elf/hostile/needed", read_image(&image, &elf) == 0 && !elf.uring);
	image = good_image();
	image.dynamic[1].d_un.d_ptr = ~0ull;
	check("elf/hostile/strtab", read_image(&image, &elf) == 0 && !elf.uring);
	image = good_image();
	image.header.e_shoff = ~0ull - 1;
	image.header.e_shentsize = sizeof(ElfW(Shdr));
	image.header.e_shnum = 9;
	check("elf/hostile/sections", read_image(&image, &elf) == 0 && !elf.go);
}

/* Every cut of the file ends in a verdict, and the first part is never a program. */
static void test_cut(void)
{
	struct image image = good_image();
	struct ta_elf elf;
	bool good = true;

	for (size_t bytes = 0; bytes < sizeof(image); bytes++) {
		put(&image, bytes);
		int error = ta_elf_read(path, &elf);

		good &= bytes < 20 ? error == -ENOEXEC
			: bytes < offsetof(struct image, dynamic) ? error == -EINVAL
								  : error == 0 || error == -EINVAL;
	}
	check("elf/cut_anywhere", good);
}

static bool runs_with(const char *line, int error, const char *wanted)
{
	char interpreter[4096] = "";

	put(line, strlen(line));
	return ta_cli_script_interpreter(path, "/bin:/usr/bin", interpreter) == error &&
	       (!wanted || strcmp(interpreter, wanted) == 0);
}

static void test_scripts(void)
{
	check("script/plain", runs_with("#!/bin/sh\necho", 0, "/bin/sh"));
	check("script/argument", runs_with("#! /bin/sh -e\n", 0, "/bin/sh"));
	check("script/env", runs_with("#!/usr/bin/env sh\n", 0, "/bin/sh"));
	check("script/env_options", runs_with("#!/usr/bin/env -S A=b sh -x\n", 0, "/bin/sh"));
	check("script/missing", runs_with("#!/no/such\n", -ENOENT, "/no/such"));
	check("script/env_missing", runs_with("#!/usr/bin/env nosuchthing\n", -ENOENT, "nosuchthing"));
	check("script/no_line", runs_with("echo hello\n", -ENOEXEC, NULL));
	check("script/empty_line", runs_with("#!\n", -ENOEXEC, NULL));
	check("script/one_byte", runs_with("#", -ENOEXEC, NULL));
}

int main(void)
{
	int fd = mkstemp(path);

	if (fd < 0)
		return 1;
	close(fd);
	test_good();
	test_self();
	test_hostile();
	test_cut();
	test_scripts();
	unlink(path);
	return failures;
}
