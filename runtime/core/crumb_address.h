/* SPDX-License-Identifier: MIT */
/*
 * crumb_address.h - addresses as text, for breadcrumbs.
 *
 * Runs: any host thread, signal handlers.  Pure.
 */
#ifndef TA_CORE_CRUMB_ADDRESS_H
#define TA_CORE_CRUMB_ADDRESS_H

#include <stdint.h>

#define TA_ADDRESS_MAX 48u

/* Each returns the length of what it wrote, which is not terminated.  IPv6 comes in
 * brackets, with its longest row of zeroes as "::" (RFC 5952). */
uint32_t ta_put_ipv4(char *out, const uint8_t address[4]);
uint32_t ta_put_ipv6(char *out, const uint8_t address[16]);
uint32_t ta_put_port(char *out, uint16_t port); /* ":80" */

#endif
