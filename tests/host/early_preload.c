/* SPDX-License-Identifier: MIT */
/*
 * early_preload.c - another preload works in its constructor, before ours ran.
 *
 * Victim: early=lib_early.c runs=3
 */
#include "victim.h"

int main(void)
{
	say("main\n");
	return 0;
}
