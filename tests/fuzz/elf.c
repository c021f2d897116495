/* SPDX-License-Identifier: MIT */
/*
 * elf.c - program files with any bytes in them, as `tagalong doctor` reads them.
 *
 * A file that does not begin as one is none, and no other one is that; what is told of one is
 * told again, its texts end, and of another machine's there is nothing but the machine.
 */
#include "runtime/cli/elf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void demand(int holds)
{
	if (!holds)
		abort();
}

static void check(const struct ta_elf *elf)
{
	demand(memchr(elf->interpreter, '\0', sizeof(elf->interpreter)) != NULL);
	demand(*ta_elf_machine_name(elf->machine) != '\0');
	demand(elf->native || !(elf->dynamic || elf->go || elf->uring || elf->asan || *elf->interpreter));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static int fd = -1;
	static char path[32];
	struct ta_elf elf, again;

	if (fd < 0) {
		fd = memfd_create("elf", MFD_CLOEXEC);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	if (ftruncate(fd, 0) < 0 || pwrite(fd, data, bytes, 0) != (ssize_t)bytes)
		return 0;
	int error = ta_elf_read(path, &elf);

	demand(error == 0 || error == -EINVAL || error == -ENOEXEC);
	if (bytes >= 64)
		demand((error == -ENOEXEC) == (memcmp(data, "\177ELF", 4) != 0));
	demand(ta_elf_read(path, &again) == error);
	if (error)
		return 0;
	check(&elf);
	demand(elf.type == again.type && elf.shared == again.shared && elf.go == again.go &&
	       elf.dynamic == again.dynamic && strcmp(elf.interpreter, again.interpreter) == 0);
	return 0;
}
