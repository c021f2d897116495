/* SPDX-License-Identifier: MIT */
/*
 * test_stacks_rule.c - the machine for unwind rules, names of functions, paths of sources.
 */
#include <dwarf.h>

#include "runtime/stacks/demangle.h"
#include "runtime/stacks/maps.h"
#include "runtime/stacks/rule.h"
#include "runtime/stacks/source.h"
#include "tests/unit/check.h"

#include <unistd.h>

static struct ta_registers registers = { .value = { 10, 20, 30, 40, 50, 60, 70, 0x1000 },
					 .known = 0xff };
static const uint64_t words[4] = { 0x1111, 0x2222, 0xffffffffffffff80u, 7 };

static bool compute(const Dwarf_Op *ops, size_t count, uint64_t *ret, bool *ret_is_value)
{
	struct ta_memory memory = { .pieces = { { 0x1000, sizeof(words), (const char *)words } } };
	struct ta_rule_context context = {
		.registers = &registers, .memory = &memory, .cfa = 0x2000, .base = 0x100000
	};

	return ta_rule_compute(&context, ops, count, ret, ret_is_value);
}

#define OPS(...) (const Dwarf_Op[]){ __VA_ARGS__ }, sizeof((const Dwarf_Op[]){ __VA_ARGS__ }) / sizeof(Dwarf_Op)
#define gives(expected, expected_value, ...)                                                       \
	do {                                                                                       \
		uint64_t found = 0;                                                                \
		bool value = false;                                                                \
		check(compute(OPS(__VA_ARGS__), &found, &value), "fails");                          \
		check_same(found, expected);                                                       \
		check_same(value, expected_value);                                                 \
	} while (0)
#define fails(...)                                                                                 \
	do {                                                                                       \
		uint64_t found = 0;                                                                \
		bool value = false;                                                                \
		check(!compute(OPS(__VA_ARGS__), &found, &value), "gives %llx",                     \
		      (unsigned long long)found);                                                  \
	} while (0)

static void computes(void)
{
	gives(0x1008, false, { .atom = DW_OP_breg7, .number = 8 });
	gives(0x1ff0, false, { .atom = DW_OP_call_frame_cfa }, { .atom = DW_OP_plus_uconst, .number = (Dwarf_Word)-16 });
	gives(40, true, { .atom = DW_OP_regx, .number = 3 });
	gives(40, true, { .atom = DW_OP_reg3 });
	gives(0x2222, false, { .atom = DW_OP_breg7, .number = 8 }, { .atom = DW_OP_deref });
	gives(0x22, false, { .atom = DW_OP_breg7, .number = 8 }, { .atom = DW_OP_deref_size, .number = 1 });
	gives(0x100040, false, { .atom = DW_OP_addr, .number = 0x40 });
	gives(5, true, { .atom = DW_OP_lit5 }, { .atom = DW_OP_stack_value });
	gives(3, false, { .atom = DW_OP_lit7 }, { .atom = DW_OP_lit4 }, { .atom = DW_OP_minus });
	gives(7, false, { .atom = DW_OP_lit4 }, { .atom = DW_OP_lit7 }, { .atom = DW_OP_swap }, { .atom = DW_OP_drop });
	gives((uint64_t)-1, false, { .atom = DW_OP_lit1 }, { .atom = DW_OP_neg });
	gives(4, false, { .atom = DW_OP_lit4 }, { .atom = DW_OP_lit7 }, { .atom = DW_OP_over }, { .atom = DW_OP_nop });
}

/* The rule of procedure linkage tables: sp + 8 + ((ip & 15) >= 11) * 8. */
static void linkage_table(void)
{
	for (unsigned int at = 0; at < 16; at++) {
		registers.value[0] = 0x400000 + at;
		gives(0x1008u + (at >= 11 ? 8u : 0u), false, { .atom = DW_OP_breg7, .number = 8 },
		      { .atom = DW_OP_breg0, .number = 0 }, { .atom = DW_OP_lit15 }, { .atom = DW_OP_and },
		      { .atom = DW_OP_lit11 }, { .atom = DW_OP_ge }, { .atom = DW_OP_lit3 },
		      { .atom = DW_OP_shl }, { .atom = DW_OP_plus });
	}
}

static void branches(void)
{
	/* if (1) 7 else 9: offsets as in the bytes. */
	gives(7, false, { .atom = DW_OP_lit1, .offset = 0 }, { .atom = DW_OP_bra, .number = 4, .offset = 1 },
	      { .atom = DW_OP_lit9, .offset = 4 }, { .atom = DW_OP_skip, .number = 1, .offset = 5 },
	      { .atom = DW_OP_lit7, .offset = 8 });
	gives(9, false, { .atom = DW_OP_lit0, .offset = 0 }, { .atom = DW_OP_bra, .number = 4, .offset = 1 },
	      { .atom = DW_OP_lit9, .offset = 4 }, { .atom = DW_OP_skip, .number = 1, .offset = 5 },
	      { .atom = DW_OP_lit7, .offset = 8 });
	/* For ever. */
	fails({ .atom = DW_OP_skip, .number = (Dwarf_Word)-3, .offset = 0 });
}

static void refuses(void)
{
	fails({ .atom = DW_OP_nop });
	fails({ .atom = DW_OP_plus });
	fails({ .atom = DW_OP_lit1 }, { .atom = DW_OP_plus });
	fails({ .atom = DW_OP_dup });
	fails({ .atom = DW_OP_lit1 }, { .atom = DW_OP_swap });
	fails({ .atom = DW_OP_lit1 }, { .atom = DW_OP_lit1 }, { .atom = DW_OP_rot });
	fails({ .atom = DW_OP_lit1 }, { .atom = DW_OP_pick, .number = 1 });
	fails({ .atom = DW_OP_lit1 }, { .atom = DW_OP_lit0 }, { .atom = DW_OP_div });
	fails({ .atom = DW_OP_lit1 }, { .atom = DW_OP_lit0 }, { .atom = DW_OP_mod });
	fails({ .atom = DW_OP_breg8 });
	fails({ .atom = DW_OP_regx, .number = 1000 });
	fails({ .atom = DW_OP_breg7, .number = 32 }, { .atom = DW_OP_deref });
	fails({ .atom = DW_OP_breg7, .number = 0 }, { .atom = DW_OP_deref_size, .number = 9 });
	fails({ .atom = DW_OP_push_object_address });
}

static void is_named(const char *name, const char *expected)
{
	char *text = ta_demangle(name);

	check(text && strcmp(text, expected) == 0, "%s: %s", name, text ? text : "nothing");
	free(text);
}

static void names(void)
{
	is_named("_ZN3foo3barE", "foo::bar");
	is_named("_ZN4core9panicking5panic17h0123456789abcdefE", "core::panicking::panic");
	is_named("_ZN26_$LT$A$u20$as$u20$b..C$GT$4drop17h0123456789abcdefE", "<A as b::C>::drop");
}

static void rust(void)
{
	is_named("_ZN13b$RF$$LP$c..d4drop17h0123456789abcdefE", "b&(c::d::drop");
	is_named("_ZN4$C$x17h0123456789abcdefE", ",x");
}

/* What c++filt makes of them, without hashes and generic arguments. */
static void new_rust(void)
{
	is_named("_RNvCs6xxl1lAjzDf_1a4main", "a::main");
	is_named("_RINvCs6xxl1lAjzDf_1a7genericPhFmEbEB2_", "a::generic");
	is_named("_RNCNvCs6xxl1lAjzDf_1a4mains0_0.llvm.1234", "a::main::{closure#2}");
	is_named("_RINvNtNtCs6xxl1lAjzDf_1au7ber_goa5inneru9gre_6ka8iKj7_EB6_",
		 "a::über::inner::größe");
	is_named("_RINvMNtNtCsjrHSEGnQ3l9_3std6thread7builderNtB3_7Builder15spawn_unchecked"
		 "NCNvCs6xxl1lAjzDf_1a4mains0_0uEB1c_",
		 "<std::thread::builder::Builder>::spawn_unchecked");
	is_named("_RNvXC1aThReENtB2_5Price5price", "<(u8, &str) as a::Price>::price");
	is_named("_RNvYAlj4_NtC1a5Price5twice", "<[i32; _] as a::Price>::twice");
	is_named("_RNvYFUKCmOhEuNtC1a1T1f", "<unsafe fn(u32, *mut u8) as a::T>::f");
	is_named("_RNvYDG_INtC1a2FnTmEEp6OutputbEL_NtC1a1T1f", "<dyn a::Fn as a::T>::f");
	is_named("_RNSNvC1a1f4once", "a::f::{shim:once#0}");
	is_named("_RNCNKNvC1a1f00B2_", "a::f::{K#0}::{closure#0}");
}

static void no_names(void)
{
	static const char *const none[] = { "", "main", "_", "_ZN", "_ZN3fo", "_ZN99999999999999999999aE",
					    "_ZN0E", "_Z", "_RNSC1a4shimv", "_R", "_RC", "_RC9a", "_RNvC1a", "_RB_", "_RNvB_1a",
					    "_RNvC1a1b-", "_RC1aX", "_RNvC1au1A", "_RNvC1a1b_" };

	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
		char *text = ta_demangle(none[i]);

		check(text == NULL, "%s: %s", none[i], text);
		free(text);
	}
}

static void is_path(const char *folder, const char *file, const char *expected)
{
	char path[TA_SOURCE_PATH_MAX];

	ta_source_path(folder, file, path);
	check_text(path, expected);
}

static void paths(void)
{
	char long_name[TA_SOURCE_PATH_MAX + 8];

	is_path("/src", "a.c", "/src/a.c");
	is_path("/src", "/other/a.c", "/other/a.c");
	is_path(NULL, "a.c", "a.c");
	is_path("/src/build", "../lib/./a.c", "/src/lib/a.c");
	is_path("/src/x/y", "../../a.c", "/src/a.c");
	is_path("/a", "../../../a.c", "/../../a.c");
	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	is_path("/src", long_name, "");
}

static void maps(void)
{
	struct ta_maps found;
	const struct ta_mapping *row;

	check_same(ta_maps_read(&found, (uint32_t)getpid()), 0);
	row = ta_maps_at(&found, (uint64_t)(uintptr_t)maps);
	check(row && row->executable && !row->writable && strstr(row->path, "unit_stacks_rule"), "code");
	row = ta_maps_at(&found, (uint64_t)(uintptr_t)&row);
	check(row && row->writable && strcmp(row->path, "[stack]") == 0, "stack");
	check(ta_maps_at(&found, UINT64_MAX) == NULL, "behind the last one");
	check(ta_maps_at(&found, 0) == &found.rows[0], "before the first one");
	ta_maps_fini(&found);
	check(ta_maps_read(&found, 0x7fffffff) < 0, "of nobody");
}

int main(void)
{
	check_group("stacks/rules", computes);
	check_group("stacks/linkage table", linkage_table);
	check_group("stacks/branches", branches);
	check_group("stacks/refuses", refuses);
	check_group("stacks/names", names);
	check_group("stacks/rust", rust);
	check_group("stacks/newer rust", new_rust);
	check_group("stacks/no names", no_names);
	check_group("stacks/paths", paths);
	check_group("stacks/maps", maps);
	return check_status();
}
