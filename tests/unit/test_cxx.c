/* SPDX-License-Identifier: MIT */
/*
 * test_cxx.c - types of C++ exceptions without a C++ compiler: names in words, and bases out
 * of tables as compilers lay them out; memory that is not there.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/core/cxx_type.h"
#include "runtime/core/cxx_uncaught.h"
#include "runtime/core/peek.h"
#include "tests/unit/check.h"

static void names(void)
{
	static const char *const pairs[][2] = {
		{ "St13runtime_error", "std::runtime_error" },
		{ "N4shop10OutOfStockE", "shop::OutOfStock" },
		{ "N4shop7WrappedINS_10OutOfStockEEE", "shop::Wrapped<shop::OutOfStock>" },
		{ "N5boost10wrapexceptISt13runtime_errorEE", "boost::wrapexcept<std::runtime_error>" },
		{ "NSt10filesystem7__cxx1116filesystem_errorE",
		  "std::filesystem::__cxx11::filesystem_error" },
		{ "N12_GLOBAL__N_15ErrorE", "(anonymous namespace)::Error" },
		{ "3BoxIiLi3ELb1EE", "Box<int, 3, true>" },
		{ "PKc", "char const*" },
		{ "i", "int" },
		/* not understood: as they are */
		{ "", "" },
		{ "FivE", "FivE" },
		{ "99x", "99x" },
		{ "N3a", "N3a" },
		{ "3BoxI", "3BoxI" },
		{ "3BoxIS1_E", "3BoxIS1_E" },
		{ "S_", "S_" },
		{ "3BoxILi", "3BoxILi" },
		{ "3BoxIL", "3BoxIL" },
	};
	char out[128];

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		ta_cxx_words(pairs[i][0], out, sizeof(out));
		check_text(out, pairs[i][1]);
	}
}

/* Long and deep ones end, and fit. */
static void bounds(void)
{
	char name[512], out[32];

	memset(name, 'P', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	ta_cxx_words(name, out, sizeof(out));
	check_same(strlen(out), sizeof(out) - 1);
	ta_cxx_words("N4shop10OutOfStock20aaaaaaaaaaaaaaaaaaaaE", out, sizeof(out));
	check_same(strlen(out), sizeof(out) - 1);
	for (int i = 0; i < 100; i++)
		memcpy(name + (size_t)i * 3, "1aI", 4);
	ta_cxx_words(name, out, sizeof(out));
	check_same(strlen(out), sizeof(out) - 1);
}

/* ---- types as a compiler lays them out ---- */

struct type {
	const void *table;
	const char *name;
	const void *base; /* of one with one base */
};

static const struct type one_base_class = { NULL, "N10__cxxabiv120__si_class_type_infoE", NULL };
static const struct type several_class = { NULL, "N10__cxxabiv121__vmi_class_type_infoE", NULL };
static const void *const one_base_table[2] = { &one_base_class, NULL };
static const void *const several_table[2] = { &several_class, NULL };

static const struct type exception = { NULL, "St9exception", NULL };
static const struct type error = { &one_base_table[1], "St13runtime_error", &exception };
static const struct type mine = { &one_base_table[1], "4Mine", &error };

struct several {
	const void *table;
	const char *name;
	uint32_t flags, count;
	struct {
		const void *type;
		intptr_t how;
	} bases[2];
};

static uintptr_t address(const void *at)
{
	return (uintptr_t)at;
}

static void bases(void)
{
	struct several both = { &several_table[1], "4Both", 0, 2,
				{ { &exception, 1 << 8 }, { &mine, 16 << 8 | 2 } } };
	struct type circle = { &one_base_table[1], "6Circle", &circle };

	check_same(ta_cxx_base(address(&mine), 4096, "4Mine"), 4096);
	check_same(ta_cxx_base(address(&mine), 4096, "St9exception"), 4096);
	check_same(ta_cxx_base(address(&mine), 4096, "St11logic_error"), 0);
	check_same(ta_cxx_base(address(&both), 4096, "St13runtime_error"), 4096 + 16);
	both.bases[1].how = 16 << 8; /* private */
	check_same(ta_cxx_base(address(&both), 4096, "St13runtime_error"), 0);
	both.count = 1u << 31;
	check_same(ta_cxx_base(address(&both), 4096, "St13runtime_error"), 0);
	check_same(ta_cxx_base(address(&circle), 4096, "St9exception"), 0);
	check_same(ta_cxx_base(8, 4096, "St9exception"), 0);
}

static void words_of_exceptions(void)
{
	struct {
		const void *table;
		const char *text;
	} object = { NULL, "no apples" };
	struct ta_cxx_exception said;

	ta_cxx_describe(address(&mine), address(&object), false, &said);
	check_text(said.type, "Mine");
	check_text(said.message, "no apples");
	object.text = (const char *)8;
	ta_cxx_describe(address(&mine), address(&object), false, &said);
	check_text(said.message, "");
	ta_cxx_describe(8, 8, true, &said);
	check_text(said.type, "");
}

/* ---- memory ---- */

static void peeking(void)
{
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char text[32];
	uintptr_t word;

	check(pages != MAP_FAILED, "no memory");
	check_same(munmap(pages + 4096, 4096), 0);
	memset(pages, 'x', 4096);
	check_same(ta_peek_text(text, sizeof(text), address(pages + 4096 - 5)), 5);
	check_text(text, "xxxxx");
	check_same(ta_peek_text(text, sizeof(text), address(pages)), sizeof(text) - 1);
	check(!ta_peek_word(&word, address(pages + 4096 - 4)), "half of it was enough");
	check(!ta_peek_word(&word, 0), "there is something at 0");
	check_same(ta_peek_text(text, sizeof(text), 16), 0);
	check_text(text, "");
	munmap(pages, 4096);
}

int main(void)
{
	check_group("names", names);
	check_group("bounds", bounds);
	check_group("bases", bases);
	check_group("words of exceptions", words_of_exceptions);
	check_group("memory that is not there", peeking);
	return check_status();
}
