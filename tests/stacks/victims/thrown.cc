// SPDX-License-Identifier: MIT
// thrown.cc - exceptions that nobody catches, and one that is.
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "dump.h"

namespace shop {
struct out_of_stock : std::runtime_error {
	using std::runtime_error::runtime_error;
};

struct strange {
	int number;
};

template <typename T> class Basket {
public:
	__attribute__((noinline)) void add(const std::vector<T> &items)
	{
		volatile auto count = items.size();

		if (count == 1)
			throw std::runtime_error("no basket"); // runtime line
		if (count == 2)
			throw out_of_stock("no more pears: " + std::to_string(count));
		if (count == 3)
			throw strange{ 7 };
		if (count == 4)
			throw 42;
		if (count == 5)
			throw "a text";
	}
};
} // namespace shop

__attribute__((noinline)) static void caught()
{
	try {
		throw std::runtime_error("caught");
	} catch (const std::exception &) {
		abort();
	}
}

int main(int, char **argv)
{
	dump_arm();
	if (!strcmp(argv[1], "caught"))
		caught();
	shop::Basket<std::string>().add(std::vector<std::string>((size_t)atoi(argv[1])));
	return 3;
}
