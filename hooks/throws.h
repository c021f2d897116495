/* SPDX-License-Identifier: MIT */
/*
 * throws.h - every C++ exception as an event, on request (TAGALONG_EXCEPTIONS=all).
 */
#ifndef TA_HOOKS_THROWS_H
#define TA_HOOKS_THROWS_H

/* In the constructor, before there are threads. */
void ta_throws_install(void);

#endif
