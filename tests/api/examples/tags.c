/* SPDX-License-Identifier: MIT */
/*
 * tags.c - what a request is about, and who made it.
 *
 * Tags and users go with everything that is captured while their scope is in
 * force, and tags with every span that ends in it.
 *
 * Shown in: scopes
 */
#include <tagalong.h>

static void serve(const char *tenant, const char *user)
{
	TAGALONG_ISOLATION() /* under Tagalong an accepted connection has this by itself */
	{
		tagalong_set_tag("tenant", tenant);
		tagalong_scope_set_user(TAGALONG_SCOPE_ISOLATION, user);
		tagalong_add_breadcrumb("auth", "token accepted");
		TAGALONG_SPAN("serve")
		{
			tagalong_capture_message(TAGALONG_LEVEL_WARNING, "cart is empty");
		}
	}
}

int main(void)
{
	tagalong_scope_set_tag(TAGALONG_SCOPE_GLOBAL, "region", "eu");
	serve("acme", "{\"id\":\"7\",\"email\":\"kim@acme.example\"}");
	serve("globex", "{\"id\":\"8\"}");
	return 0;
}
