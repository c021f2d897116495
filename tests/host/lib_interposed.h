/* SPDX-License-Identifier: MIT */
/*
 * lib_interposed.h - how often lib_interposed.c was called.
 */
extern int interposed_calls;
