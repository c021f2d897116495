// SPDX-License-Identifier: MIT
// exception.cc - an exception that nobody catches, in main or in a thread.
#include <stdexcept>
#include <string>
#include <tagalong.h>
#include <thread>

__attribute__((noinline)) static void deliver(int apples)
{
	if (apples > 2)
		throw std::runtime_error("no apples left");
}

int main(int argc, char **argv)
{
	tagalong_set_tag("victim", argc > 1 ? argv[1] : "");
	TAGALONG_SPAN("death") {
		if (argc > 1 && std::string(argv[1]) == "thread")
			std::thread(deliver, 3).join();
		else
			deliver(3);
	}
}
