/* SPDX-License-Identifier: MIT */
/*
 * stacks_json.h - stacks as tagalong-stacks would hand them over, and what it never would.
 */
#ifndef TA_TESTS_UNIT_STACKS_JSON_H
#define TA_TESTS_UNIT_STACKS_JSON_H

/* Two threads, the source of one line, one image. */
static const char stacks_plain[] =
	"{\"threads\":[{\"id\":71,\"name\":\"shop\",\"crashed\":true,\"current\":true,\"frames\":["
	"{\"instruction_addr\":\"0x7f01\",\"function\":\"__libc_start_main\",\"package\":"
	"\"/usr/lib/libc.so.6\",\"in_app\":false},"
	"{\"instruction_addr\":\"0x4011a0\",\"symbol_addr\":\"0x401190\",\"function\":\"handle\","
	"\"filename\":\"shop.c\",\"abs_path\":\"/src/shop.c\",\"lineno\":40,\"package\":\"/usr/bin/shop\","
	"\"in_app\":true,\"context_line\":\"\\tcharge();\"},"
	"{\"instruction_addr\":\"0x401136\",\"function\":\"charge\",\"filename\":\"shop.c\","
	"\"lineno\":12,\"package\":\"/usr/bin/shop\",\"in_app\":true,\"pre_context\":[\"a\",\"\","
	"\"int *total = NULL;\"],\"context_line\":\"\\t*total = 1;\",\"post_context\":[\"}\"]}],"
	"\"registers\":{\"rip\":\"0x401136\",\"rsp\":\"0x7ffd10\"}},"
	"{\"id\":72,\"name\":\"wor\\\"ker\",\"frames\":[{\"instruction_addr\":\"0x7f55\","
	"\"function\":\"poll\"}]}],"
	"\"images\":[{\"type\":\"elf\",\"image_addr\":\"0x400000\",\"image_size\":4096,\"code_id\":\"ab\","
	"\"debug_id\":\"00000000-0000-0000-0000-000000000000\",\"code_file\":\"/usr/bin/shop\","
	"\"arch\":\"x86_64\"}],\"how\":\"ptrace\",\"truncated\":false}";

__attribute__((unused)) static const char stacks_abort[] =
	"{\"threads\":[{\"id\":71,\"frames\":[{\"function\":\"abort\"}]}],"
	"\"abort_message\":\"shop: shop.c:9: pay: Assertion `sum > 0' failed.\\n\"}";

__attribute__((unused)) static const char stacks_thrown[] =
	"{\"threads\":[],\"abort_message\":\"terminate called\","
	"\"exception\":{\"type\":\"std::runtime_error\",\"value\":\"no \\\"milk\\\"\"}}";

/* Nothing of this may get through, or keep the event from going out. */
__attribute__((unused)) static const char *const stacks_hostile[] = {
	"", "{", "[]", "5", "null", "{\"threads\":5}", "{\"threads\":{\"id\":1}}",
	"{\"threads\":[1,[],null,{\"id\":-1,\"name\":5,\"frames\":7,\"registers\":[]}]}",
	"{\"threads\":[{\"id\":1e9,\"frames\":[1,{},{\"function\":{}},{\"lineno\":1},"
	"{\"function\":\"\",\"filename\":\"\"},{\"instruction_addr\":\"7\"},"
	"{\"instruction_addr\":\"0x1\",\"lineno\":-4,\"in_app\":\"yes\",\"evil\":1,\"pre_context\":{},"
	"\"post_context\":[1,null,{},\"x\"],\"vars\":{\"a\":1},\"symbol_addr\":\"0xzz\"}],"
	"\"registers\":{\"rip\":5,\"rsp\":\"0x1\",\"x\":\"y\"}}]}",
	"{\"threads\":[{\"id\":18446744073709551616,\"name\":\"\\ud800\\u0000\xff\","
	"\"frames\":[{\"function\":\"\xff\\u0001\\ud83d\",\"lineno\":99999999999999999999}]}],"
	"\"images\":[1,{},{\"type\":\"elf\"},{\"image_addr\":\"0x1\",\"image_size\":-1,\"type\":{}}],"
	"\"abort_message\":[],\"exception\":{\"type\":5}}",
	"{\"threads\":[],\"images\":{}}",
	"{\"threads\":[{\"frames\":[]}],\"exception\":[],\"abort_message\":7}",
};

#endif
