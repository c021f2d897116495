/* SPDX-License-Identifier: MIT */
/*
 * enrich_address.c - struct sockaddr bytes as text and port.
 *
 * The bytes were recorded by a host and may be cut or wrong.  An IPv4 client of
 * an IPv6 socket (::ffff:a.b.c.d) is an IPv4 client.
 *
 * Runs: agent, one thread.
 */
#include "runtime/export/enrich_internal.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

static char *put_octet(char *at, unsigned int value)
{
	if (value >= 100)
		*at++ = (char)('0' + value / 100);
	if (value >= 10)
		*at++ = (char)('0' + value / 10 % 10);
	*at++ = (char)('0' + value % 10);
	return at;
}

static void read_ipv4(struct ta_enrich *enrich, const unsigned char octets[4],
		      struct ta_address *address)
{
	char *text = ta_scratch(enrich, INET_ADDRSTRLEN), *at = text;

	if (!text)
		return;
	for (int i = 0; i < 4; i++) {
		if (i)
			*at++ = '.';
		at = put_octet(at, octets[i]);
	}
	address->type = "ipv4";
	address->text = text;
	address->text_bytes = (uint32_t)(at - text);
	address->any = !(octets[0] | octets[1] | octets[2] | octets[3]);
}

static void read_ipv6(struct ta_enrich *enrich, const struct sockaddr_in6 *in6,
		      struct ta_address *address)
{
	char *text;

	if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
		read_ipv4(enrich, in6->sin6_addr.s6_addr + 12, address);
		return;
	}
	text = ta_scratch(enrich, INET6_ADDRSTRLEN);
	if (!text || !inet_ntop(AF_INET6, &in6->sin6_addr, text, INET6_ADDRSTRLEN))
		return;
	address->type = "ipv6";
	address->text = text;
	address->text_bytes = (uint32_t)strlen(text);
	address->any = IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr);
}

/* A path, or an abstract name printed the way ss(8) does, with '@' for its NUL. */
static void read_unix(struct ta_enrich *enrich, const char *bytes, uint32_t count,
		      struct ta_address *address)
{
	const char *path = bytes + offsetof(struct sockaddr_un, sun_path);
	uint32_t room = count - (uint32_t)offsetof(struct sockaddr_un, sun_path);
	char *text;

	address->type = "unix";
	if (!room)
		return;
	if (path[0]) {
		address->text = path;
		address->text_bytes = (uint32_t)strnlen(path, room);
		return;
	}
	while (room && !path[room - 1])
		room--;
	text = room ? ta_scratch(enrich, room) : NULL;
	if (!text)
		return;
	memcpy(text, path, room);
	text[0] = '@';
	address->text = text;
	address->text_bytes = room;
}

static void read_sockaddr(struct ta_enrich *enrich, const char *bytes, uint32_t count,
			  struct ta_address *address)
{
	sa_family_t family;

	if (count < sizeof(family))
		return;
	memcpy(&family, bytes, sizeof(family));
	if (family == AF_INET && count >= sizeof(struct sockaddr_in)) {
		struct sockaddr_in in;

		memcpy(&in, bytes, sizeof(in));
		read_ipv4(enrich, (const unsigned char *)&in.sin_addr, address);
		address->port = ntohs(in.sin_port);
	} else if (family == AF_INET6 && count >= offsetof(struct sockaddr_in6, sin6_scope_id)) {
		struct sockaddr_in6 in6 = { 0 };

		memcpy(&in6, bytes, count < sizeof(in6) ? count : sizeof(in6));
		read_ipv6(enrich, &in6, address);
		address->port = ntohs(in6.sin6_port);
	} else if (family == AF_UNIX) {
		read_unix(enrich, bytes, count, address);
	}
}

void ta_facts_address(struct ta_enrich *enrich, const struct ta_facts *facts, unsigned int key,
		      struct ta_address *ret_address)
{
	*ret_address = (struct ta_address){ 0 };
	if (ta_facts_have(facts, key))
		read_sockaddr(enrich, facts->known[key].value, facts->known[key].bytes,
			      ret_address);
}
