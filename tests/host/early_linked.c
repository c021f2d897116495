/* SPDX-License-Identifier: MIT */
/*
 * early_linked.c - linked with a library that works in its constructor.
 *
 * Victim: lib=lib_early.c runs=3
 */
#include "victim.h"

int main(void)
{
	say("main\n");
	return 0;
}
