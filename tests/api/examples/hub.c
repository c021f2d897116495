/* SPDX-License-Identifier: MIT */
/*
 * hub.c - Sentry's older model: a stack of scopes, the topmost alone is applied.
 *
 * Shown in: hubs
 */
#include <tagalong.h>

int main(void)
{
	tagalong_hub_t hub;

	tagalong_scope_set_tag(TAGALONG_SCOPE_HUB, "user", "kim"); /* configure_scope */
	tagalong_hub_push_scope();
	tagalong_scope_set_tag(TAGALONG_SCOPE_HUB, "page", "cart");
	tagalong_hub_capture_message(TAGALONG_LEVEL_INFO, "pushed", 0);
	tagalong_hub_pop_scope();
	tagalong_hub_capture_message(TAGALONG_LEVEL_INFO, "popped", 0);

	hub = tagalong_hub_new(tagalong_hub_current(), 1);
	TAGALONG_IN_HUB(hub)
	{
		tagalong_scope_set_tag(TAGALONG_SCOPE_HUB, "user", "lee");
		tagalong_hub_capture_message(TAGALONG_LEVEL_INFO, "other hub", 0);
	}
	tagalong_hub_free(hub);
	tagalong_hub_capture_message(TAGALONG_LEVEL_INFO, "own hub", 0);
	return 0;
}
