/* SPDX-License-Identifier: MIT */
/* library.c - a library that is loaded at run time, and what is called in it dies. */
void die_in_library(void);

static volatile int *volatile nowhere;
static volatile int sink;

__attribute__((noinline)) static void deep_in_library(void)
{
	*nowhere = 1;
	sink++;
}

void die_in_library(void)
{
	deep_in_library();
	sink++;
}
